"""`manage.py seed_demo`: the accounts of the demo clinic."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from web.clinic import demo


class Command(BaseCommand):
    help = "Make the demo clinic's accounts (demo mode only) and print them. Doing it again changes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            people = demo.seed()
        except demo.NotDemo:
            raise CommandError("this copy is in clinic mode; demo accounts exist in demo mode only") from None
        for account in people:
            self.stdout.write(f"{account.role:<15} user {account.name:<6} password {account.password}")
        self.stdout.write("The six-digit codes: manage.py demo_code NAME, or /demo/sign-ins/ on this machine.")
