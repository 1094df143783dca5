"""Rows that are written once: neither the ORM nor, after `guard`, the database itself changes or removes one."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


class AppendOnly(Exception):
    """A row of a history was about to be changed or removed."""


class AppendOnlyRows(models.QuerySet):
    def update(self, **kwargs: Any) -> int:
        """Raises AppendOnly."""
        raise AppendOnly("a history is never altered")

    def delete(self) -> tuple[int, dict[str, int]]:
        """Raises AppendOnly."""
        raise AppendOnly("nothing is ever removed from a history")


class History(models.Model):
    """Base of the histories."""

    objects = AppendOnlyRows.as_manager()

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises AppendOnly for a row that exists."""
        if self.pk is not None:
            raise AppendOnly("a history is never altered")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises AppendOnly."""
        raise AppendOnly("nothing is ever removed from a history")


def guard(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Make the database refuse UPDATE and DELETE on a table. For migrations; SQLite and PostgreSQL."""
    if editor.connection.vendor == "postgresql":
        editor.execute(
            "CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN RAISE EXCEPTION 'a history is append-only'; END $$"
        )
        editor.execute(
            f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE ON {table} "
            "FOR EACH ROW EXECUTE FUNCTION refuse_change()"
        )
        return
    for change in ("UPDATE", "DELETE"):
        editor.execute(
            f"CREATE TRIGGER {table}_no_{change.lower()} BEFORE {change} ON {table} "
            "BEGIN SELECT RAISE(ABORT, 'a history is append-only'); END"
        )


def unguard(editor: BaseDatabaseSchemaEditor, table: str) -> None:
    """Take the guard away again, for a migration that goes backwards."""
    if editor.connection.vendor == "postgresql":
        editor.execute(f"DROP TRIGGER IF EXISTS {table}_append_only ON {table}")
        return
    for change in ("update", "delete"):
        editor.execute(f"DROP TRIGGER IF EXISTS {table}_no_{change}")
