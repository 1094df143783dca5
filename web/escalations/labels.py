"""What staff say of the safety screen: "false alarm" and "this was missed", for its authors, without identifiers."""

from __future__ import annotations

import re
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from companion.tiers import TIERS
from web.chat.models import Message
from web.escalations.audit import audit
from web.escalations.models import Escalation, ScreenLabel

IDENTIFIERS = (
    (re.compile(r"\S+@\S+"), "[e-mail]"),
    (re.compile(r"https?://\S+|www\.\S+", re.IGNORECASE), "[address]"),
    (re.compile(r"\+?\d(?:[\s().-]?\d){5,}"), "[number]"),
    (re.compile(r"\b\d{1,4}[./-]\d{1,2}[./-]\d{1,4}\b"), "[date]"),
)


class NotCleared(Exception):
    """There are no words to clear: the patient has deleted them."""


@transaction.atomic
def label(*, escalation: uuid.UUID, by: User, verdict: str, should: str, message: uuid.UUID | None = None) -> None:
    """Say that a message of an escalation's conversation (its own if none is named) was judged wrongly.

    Saying it again replaces it. Raises ValueError for an unknown verdict or tier, or a message from elsewhere.
    """
    if verdict not in ScreenLabel.Verdict.values or should not in TIERS:
        raise ValueError("choose what the message should have been")
    row = Escalation.objects.get(pk=escalation)
    found = Message.objects.filter(pk=message or row.message_id, conversation_id=row.conversation_id).first()
    if found is None:
        raise ValueError("this message belongs to another conversation")
    ScreenLabel.objects.update_or_create(
        message=found,
        defaults={
            "verdict": verdict,
            "given": (row.tier if found.pk == row.message_id else found.tier) or "none",
            "should": should,
            "by": by,
            "at": timezone.now(),
            "words": "",
            "cleared_by": None,
            "cleared_at": None,
        },
    )
    audit(by=by, action="labelled", escalation=escalation, detail=f"{verdict}: {should}")


@transaction.atomic
def label_clear(*, label: int, by: User, words: str) -> None:
    """Keep words that a person has read and found to say nothing about who wrote them. Raises NotCleared, ValueError."""
    row = ScreenLabel.objects.select_related("message").get(pk=label)
    if row.message.erased and not row.words:
        raise NotCleared
    if not words.strip():
        raise ValueError("there are no words left; leave it out instead")
    row.words, row.cleared_by, row.cleared_at = words.strip(), by, timezone.now()
    row.save(update_fields=["words", "cleared_by", "cleared_at"])
    audit(by=by, action="cleared")


def labels() -> QuerySet[ScreenLabel]:
    """All of them, what nobody has cleared yet first."""
    rows = ScreenLabel.objects.select_related("message__conversation", "by", "cleared_by")
    return rows.order_by("cleared_at", "-at")


def suggestion(row: ScreenLabel) -> str:
    """The message's words without what a program can find: a start for whoever clears it."""
    words = row.message.text
    name = row.message.conversation.contact_name
    for part in name.split():
        words = re.sub(rf"\b{re.escape(part)}\b", "[name]", words, flags=re.IGNORECASE)
    for pattern, instead in IDENTIFIERS:
        words = pattern.sub(instead, words)
    return words


def exported() -> list[dict[str, Any]]:
    """The cleared ones as the corpus of `data/safety` has them; in the order of their words, so that no time shows."""
    rows = labels().exclude(cleared_at=None)
    return sorted(
        (
            {
                "text": row.words,
                "tier": row.should,
                "given": row.given,
                "verdict": row.verdict,
                "rules": sorted({str(reason.get("rule", "")) for reason in row.message.reasons}),
            }
            for row in rows
        ),
        key=lambda row: row["text"],
    )
