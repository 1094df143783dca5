"""Django's SQLite, which finds no page left to grow into as long as the file `full` exists: SQLite itself then says
"database or disk is full" (https://www.sqlite.org/pragma.html#pragma_max_page_count)."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db.backends.sqlite3 import base

SMALLEST, LARGEST = 1, 4294967294
"""SQLite takes a limit below the present size for the present size."""


class DatabaseWrapper(base.DatabaseWrapper):
    def create_cursor(self, name: str | None = None) -> Any:
        limit = SMALLEST if settings.FULL.exists() else LARGEST
        self.connection.execute(f"PRAGMA max_page_count = {limit}").fetchall()
        return super().create_cursor(name)
