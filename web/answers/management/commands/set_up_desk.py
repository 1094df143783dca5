"""`manage.py set_up_desk`: the starter catalogue as drafts on the desk, and the release brought up to the record."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from web.answers import publishing, selectors
from web.answers.desk import make_desk
from web.answers.services import starter_import


class Command(BaseCommand):
    help = (
        "Put the starter answers and messages on the desk as drafts (what anybody has worked on stays as it is), and build the "
        "release anew from what is approved. Doing it again changes nothing."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        make_desk()
        new, changed = starter_import()
        self.stdout.write(f"{new} new drafts, {changed} brought up to date")
        if selectors.ever_decided():
            release = publishing.put_in_force("built by the set-up")
            self.stdout.write(f"release {release.number} is in force: {len(release.answers)} answers")
        else:
            self.stdout.write("nothing was approved yet: the release of the starter catalogue stays in force")
