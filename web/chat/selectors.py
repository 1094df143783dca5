"""Reads on conversations and messages, and how they look to the patient."""

from __future__ import annotations

import datetime as dt
import uuid
from collections import Counter
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db.models import Count, Min, Q
from django.utils import timezone

from companion.tiers import URGENT
from web.alerts.models import Alert
from web.chat.incoming import Incoming
from web.chat.models import Conversation, Message
from web.chat.wording import base_name
from web.escalations.models import Escalation, StaffMessage, Takeover

REMEMBERED = 200
"""How many messages back the context of a turn looks."""

MISSES = ("abstain", "clarify")
NO_TOPIC = ("", "none")
"""Choices under which such an outcome is a miss: a press on a topic lists its questions and leaves none unanswered."""

TYPING_FOR = 6.0

LEFT_TO_STAFF = "staff"
"""The outcome of a message that the assistant did not answer, because a person was talking with the patient."""

YEAR = dt.timedelta(days=365)


@dataclass(frozen=True)
class Referrals:
    """How often somebody in danger was shown the lines, and since when that is counted; None before the first conversation."""

    total: int
    last_year: int
    since: dt.date | None


def crisis_referrals(*, now: dt.datetime) -> Referrals:
    """Count the messages of an urgent tier whose reply carried the lines. Numbers only: no row leaves this function.

    Erasing a conversation takes its replies away and not its place in the count: every urgent reply of a release carries the lines.
    """
    with_lines = Q(replies__0__links__0__isnull=False) | Q(erased=True, release_number__isnull=False)
    counts = Message.objects.filter(with_lines, tier__in=URGENT).aggregate(
        total=Count("pk"), last_year=Count("pk", filter=Q(received_at__gt=now - YEAR))
    )
    first = Conversation.objects.aggregate(first=Min("created_at"))["first"]
    return Referrals(**counts, since=first.date() if first else None)


def context(conversation: Conversation, *, before: Message) -> dict[str, Any]:
    """What the engine is told of a conversation, in two queries: it keeps nothing itself."""
    rows = Message.objects.filter(
        conversation=conversation, state=Message.State.ANSWERED, received_at__lte=before.received_at
    )
    turns = list(
        rows.exclude(pk=before.pk)
        .order_by("-received_at", "-id")
        .values_list("tier", "outcome", "replies", "choice")[:REMEMBERED]
    )
    shown = Counter(base_name(reply["key"]) for _, _, replies, _ in turns for reply in replies)
    answers = [reply["key"] for _, _, replies, _ in turns for reply in replies if reply["kind"] == "answer"]
    missed = [outcome in MISSES and choice in NO_TOPIC for _, outcome, _, choice in turns]
    misses = missed.index(False) if False in missed else len(missed)
    # "Yes" to a person's question is read by the person: it does not carry an earlier crisis on.
    talking = Takeover.objects.filter(conversation=conversation, ended_at=None).exists()
    return {
        "shown": dict(shown),
        "last_answer": answers[0] if answers else None,
        "last_tier": (turns[0][0] or "none") if turns and not talking else "none",
        "urgent": any(tier in URGENT for tier, _, _, _ in turns),
        "misses": misses,
        "language": conversation.language,
    }


def message_answer(message: Message) -> dict[str, Any]:
    """A stored answer as the patient API hands it over."""
    return response(
        message=message.pk,
        tier=message.tier,
        replies=message.replies,
        escalation=_escalation(message),
        release={"number": message.release_number, "hash": message.release_hash} if message.release_number else None,
        handled_by=LEFT_TO_STAFF if message.outcome == LEFT_TO_STAFF else None,
    )


def response(
    *,
    message: uuid.UUID,
    tier: str,
    replies: list[Any],
    escalation: dict[str, Any] | None,
    release: dict[str, Any] | None,
    handled_by: str | None = None,
) -> dict[str, Any]:
    """The body of an answer in the patient API. `handled_by` is there where a person talks and the assistant is silent."""
    body = {"message": str(message), "tier": tier, "replies": replies, "escalation": escalation, "release": release}
    return body | ({"handled_by": handled_by} if handled_by else {})


def message_state(message: uuid.UUID) -> dict[str, Any] | None:
    """The stored answer of a message; None while it has none."""
    row = Message.objects.select_related("escalation").filter(pk=message, state=Message.State.ANSWERED).first()
    return message_answer(row) if row else None


def message_of(*, conversation: uuid.UUID, message: uuid.UUID) -> Message | None:
    """A message, if it belongs to that conversation and the conversation is not deleted."""
    return Message.objects.filter(pk=message, conversation_id=conversation, conversation__deleted_at=None).first()


def is_deleted(conversation: uuid.UUID) -> bool:
    return Conversation.objects.filter(pk=conversation).exclude(deleted_at=None).exists()


def transcript(conversation: uuid.UUID) -> list[dict[str, Any]]:
    """Everything that was said in a conversation, by patient, assistant and staff, oldest first."""
    rows = Message.objects.select_related("escalation").filter(conversation_id=conversation)
    said = [
        (
            row.received_at,
            {
                **message_answer(row),
                "client_message_id": row.client_message_id,
                "text": row.text,
                "choice": row.choice or None,
                "received_at": row.received_at.isoformat(),
                "answered_at": row.answered_at.isoformat() if row.answered_at else None,
            },
        )
        for row in rows
    ]
    by_staff = [(row.at, _staff_entry(row)) for row in staff_messages(conversation)]
    return [entry for _, entry in sorted(said + by_staff, key=lambda pair: pair[0])]


def staff_messages(conversation: uuid.UUID, after: int = 0) -> list[StaffMessage]:
    """What staff said and did in a conversation, in order, but for what was erased."""
    rows = StaffMessage.objects.select_related("takeover").filter(conversation_id=conversation, pk__gt=after)
    return list(rows.exclude(erased=True))


def staff_event(row: StaffMessage) -> tuple[str, dict[str, Any]]:
    """One of them as a server-sent event: its name and its data."""
    if row.kind == StaffMessage.Kind.REPLY:
        return "reply", {"id": row.pk, "reply": row.reply, "staff": _staff(row.takeover), "at": row.at.isoformat()}
    return "staff", {"state": row.kind, "staff": _staff(row.takeover)}


def typing(conversation: uuid.UUID) -> tuple[dt.datetime, dict[str, str]] | None:
    """Since when a person has been writing, and who; None when nobody is just now."""
    row = Takeover.objects.filter(conversation_id=conversation, ended_at=None).first()
    if row is None or row.typing_at is None or row.typing_at < timezone.now() - dt.timedelta(seconds=TYPING_FOR):
        return None
    return row.typing_at, _staff(row)


def undelivered(conversation: uuid.UUID, *, since: dt.datetime) -> list[tuple[str, dict[str, Any]]]:
    """What the assistant has said since then by itself: that an alert did not get through. By the alert's id."""
    rows = Alert.objects.select_related("escalation__message").filter(
        escalation__conversation=conversation, patient_told_at__gte=since
    )
    found = []
    for row in rows:
        replies = row.escalation.message.replies if row.escalation else []
        said = [reply for reply in replies if base_name(reply["key"].removeprefix("es:")) == "alert_undelivered"]
        if said and row.patient_told_at:
            at = row.patient_told_at.isoformat()
            found.append((str(row.pk), {"id": f"alert-{row.pk}", "reply": said[-1], "staff": None, "at": at}))
    return found


def _staff(takeover: Takeover) -> dict[str, str]:
    return {"name": takeover.name, "role": takeover.role}


def _staff_entry(row: StaffMessage) -> dict[str, Any]:
    entry = {"id": row.pk, "staff": _staff(row.takeover), "at": row.at.isoformat()}
    return entry | ({"replies": [row.reply]} if row.kind == StaffMessage.Kind.REPLY else {"state": row.kind})


def states(conversation: uuid.UUID) -> list[dict[str, str]]:
    """The escalations of a conversation with their state, oldest first."""
    rows = Escalation.objects.filter(conversation_id=conversation).order_by("recorded_at", "id")
    return [
        {"id": str(pk), "tier": tier, "state": state} for pk, tier, state in rows.values_list("id", "tier", "state")
    ]


def unfinished() -> list[Incoming]:
    """Messages whose answer was broken off some time ago, oldest first. One that is from the future was stored before the clock
    was set back: nobody can tell how old it is, and it must not wait until the clock has caught up."""
    now = timezone.now()
    old = now - dt.timedelta(seconds=settings.SWEEP_AFTER)
    soon = now + dt.timedelta(seconds=settings.TURN_LEASE + 1)
    rows = Message.objects.select_related("conversation").filter(
        Q(received_at__lt=old) | Q(received_at__gt=soon),
        Q(lease_until__lt=now) | Q(lease_until__gt=soon),
        state=Message.State.RECEIVED,
        erased=False,
    )
    return [
        Incoming(
            conversation=row.conversation_id,
            started_at=row.conversation.created_at,
            client_message_id=row.client_message_id,
            text=row.text,
            choice=row.choice,
            received_at=row.received_at,
            language=row.conversation.language,
        )
        for row in rows[:100]
    ]


def _escalation(message: Message) -> dict[str, str] | None:
    try:
        escalation = message.escalation
    except Escalation.DoesNotExist:
        return None
    return {"id": str(escalation.pk), "tier": escalation.tier, "state": "recorded"}
