"""`manage.py expire_conversations`: delete the words of conversations that are over their time (the web process does so hourly)."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils import timezone

from web.chat import retention


class Command(BaseCommand):
    help = "Delete the words of conversations that have been quiet for longer than the clinic's keep_days."

    def handle(self, *args: Any, **options: Any) -> None:
        deleted = 0
        while batch := retention.expire(now=timezone.now()):
            deleted += batch
        self.stdout.write(f"{deleted} conversations deleted; they are kept for {retention.keep_days()} days")
