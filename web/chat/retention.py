"""How long conversations are kept: `keep_days` of the clinic, counted from the last time the patient wrote.

A conversation that is over its time is deleted as if its patient had deleted it (`services.conversation_delete`): what an open
escalation needs stays until staff have closed it, and what stays after that holds no words of the patient.
"""

from __future__ import annotations

import datetime as dt
import logging

from django.db import connection

from companion.clinic import Clinic, ClinicError
from web.chat import services, spool, wording
from web.chat.models import Conversation

log = logging.getLogger(__name__)
DEFAULT_DAYS = 90
AT_ONCE = 50


def keep_days() -> int:
    """What the release in force says, else data/clinic.yml, else 90."""
    release = wording.current()
    try:
        days = release.clinic.get("keep_days") if release else Clinic.load().facts["keep_days"]
        return max(1, int(days or DEFAULT_DAYS))
    except (ClinicError, ValueError, TypeError):
        return DEFAULT_DAYS


def expire(*, now: dt.datetime, at_most: int = AT_ONCE) -> int:
    """Delete the words of conversations that are over their time, oldest first. Returns how many conversations that were."""
    before = now - dt.timedelta(days=keep_days())
    due = Conversation.objects.filter(deleted_at=None, last_seen_at__lt=before).order_by("last_seen_at")
    rows = list(due.values_list("pk", "created_at")[:at_most])
    for conversation, started_at in rows:
        services.conversation_delete(conversation=conversation, started_at=started_at)
    spool.remove_set_aside(before)
    scrub()
    if rows:
        log.info("retention: %d conversations deleted", len(rows))
    return len(rows)


def scrub() -> None:
    """Overwrite what deleted rows left in the database's own journal; SQLite keeps it there until it is written over.

    In the main file `PRAGMA secure_delete` (web/settings.py) overwrites it. When readers are in the way, the next call does it.
    """
    if connection.vendor == "sqlite":
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
