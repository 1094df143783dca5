"""`manage.py demo_code NAME`: the six digits that a demo account's authenticator app would show now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from web.clinic import demo


class Command(BaseCommand):
    help = "Print the current sign-in code of a demo account."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name")

    def handle(self, *args: Any, **options: Any) -> None:
        known = {account.name: account for account in demo.accounts()} if demo.is_demo() else {}
        if options["name"] not in known:
            raise CommandError(
                f"no demo account of that name; there are: {', '.join(known) or 'none (manage.py seed_demo)'}"
            )
        self.stdout.write(known[options["name"]].code())
