"""The record is only added to, whoever asks the database to do otherwise: triggers on SQLite and PostgreSQL."""

from __future__ import annotations

from typing import Any

from django.db import connections

TABLES = ("answers_approvedversion", "answers_withdrawal", "answers_builtrelease")
WORDS = "this record is only added to"

POSTGRESQL = f"""
CREATE OR REPLACE FUNCTION answers_refuse() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '{WORDS}' USING ERRCODE = 'integrity_constraint_violation'; END $$
"""


def statements(vendor: str) -> list[str]:
    """What makes the tables append-only. Running it again changes nothing."""
    if vendor == "sqlite":
        return [
            f"CREATE TRIGGER IF NOT EXISTS {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
            f"BEGIN SELECT RAISE(ABORT, '{WORDS}'); END"
            for table in TABLES
            for verb in ("UPDATE", "DELETE")
        ]
    return [
        POSTGRESQL,
        *(
            f"CREATE OR REPLACE TRIGGER {table}_{level} BEFORE {verbs} ON {table} "
            f"FOR EACH {level} EXECUTE FUNCTION answers_refuse()"
            for table in TABLES
            for level, verbs in (("ROW", "UPDATE OR DELETE"), ("STATEMENT", "TRUNCATE"))
        ),
    ]


def protect(using: str = "default", **_signal: Any) -> None:
    """Put the triggers in place; after every migrate, so that one that was dropped comes back."""
    with connections[using].cursor() as cursor:
        for statement in statements(connections[using].vendor):
            cursor.execute(statement)
