"""The audit log: what people of the staff looked at and did. Written in the same transaction as what it tells of."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.utils import timezone

from web.escalations.models import AuditEntry

ACTIONS = {
    "viewed": "looked at",
    "claimed": "claimed",
    "assigned": "assigned",
    "returned": "gave back to the queue",
    "off": "went off duty",
    "on": "came back on duty",
    "noted": "wrote a note",
    "resolved": "closed",
    "labelled": "judged the safety screen",
    "cleared": "cleared words for the screen's authors",
    "joined": "took the conversation over",
    "replied": "wrote to the patient",
    "left": "handed the conversation back",
    "exported": "exported",
    "settings": "changed settings",
}
"""What can be done, in words for the pages."""


def audit(*, by: User | Any, action: str, escalation: uuid.UUID | None = None, detail: str = "") -> AuditEntry:
    """Write down that somebody did something. `detail` never holds words of patients or staff. Raises KeyError."""
    ACTIONS[action]
    return AuditEntry.objects.create(
        at=timezone.now(), by_id=by.pk, action=action, escalation_id=escalation, detail=detail
    )


def audit_view(*, by: User | Any, escalation: uuid.UUID) -> None:
    """Write down that somebody looked at an escalation; a page that refreshes itself is one look in a minute."""
    since = timezone.now() - dt.timedelta(minutes=1)
    seen = AuditEntry.objects.filter(by_id=by.pk, action="viewed", escalation_id=escalation, at__gt=since)
    if not seen.exists():
        audit(by=by, action="viewed", escalation=escalation)


def entries() -> QuerySet[AuditEntry]:
    """The whole log, the newest first."""
    return AuditEntry.objects.select_related("by").order_by("-at", "-id")
