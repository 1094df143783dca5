"""Reads for the staff pages: the queue, and one escalation with its conversation, in words."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from django.contrib.auth.models import User
from django.db.models import Count, Max, Q, QuerySet
from django.urls import reverse

from companion.tiers import URGENT
from web.chat.models import Message
from web.clinic.roles import CONVERSATION_READERS
from web.escalations.filters import HERE_FOR, PAGE, Filters, late
from web.escalations.models import AuditEntry, Escalation, StaffMessage, StateChange, name_of

TIERS = {
    "emergency": "Emergency",
    "crisis": "Crisis",
    "symptom": "Symptom",
    "advice": "Personal advice",
    "human": "Wants a person",
}
LAYERS = {
    "phrase": "Phrase rule",
    "web": "Website",
    "screen": "Safety screen",
    "model": "Safety screen",
    "matcher": "Answer matcher",
    "choice": "Chosen by the patient",
    "contact": "Contact details",
}


@dataclass(frozen=True)
class Cause:
    """One reason why a message was raised, as staff read it."""

    layer: str
    rule: str
    sentence: str
    score: str

    @property
    def words(self) -> str:
        where = f": “{self.sentence}”" if self.sentence else ""
        sure = f", score {self.score}" if self.score else ""
        return f"{self.layer} ({self.rule}{sure}){where}"


def causes(reasons: list[dict[str, Any]]) -> list[Cause]:
    """The reasons of an escalation, readable; the sentence is empty where the patient has deleted it."""
    return [
        Cause(
            layer=LAYERS.get(str(reason.get("layer")), str(reason.get("layer", "")).capitalize() or "Assistant"),
            rule=str(reason.get("rule", "")),
            sentence=str(reason.get("sentence") or ""),
            score=_score(reason),
        )
        for reason in reasons
    ]


def _score(reason: dict[str, Any]) -> str:
    """How sure a model was; a phrase rule matches or does not."""
    score = reason.get("score")
    return f"{score:.2f}" if isinstance(score, (int, float)) and reason.get("layer") != "phrase" else ""


def kind(escalation: Escalation) -> str:
    """What an escalation is, in a word or two."""
    if escalation.tier == "human" and escalation.message.failure:
        return "Not answered"
    return TIERS.get(escalation.tier, escalation.tier)


def queue(filters: Filters, *, user: User, now: dt.datetime) -> tuple[list[dict[str, Any]], bool]:
    """One page of the queue in words, and whether there is another."""
    start = (filters.page - 1) * PAGE
    found = list(filters.rows(user=user, now=now)[start : start + PAGE + 1])
    last = _last_words(found)
    return [_row(row, user, now, last) for row in found[:PAGE]], len(found) > PAGE


def counts(*, user: User, now: dt.datetime) -> dict[str, int]:
    """How much there is to do, whatever the filters."""
    return Escalation.objects.filter(resolved_at=None).aggregate(
        all=Count("pk"),
        nobody=Count("pk", filter=Q(state=Escalation.State.OPEN)),
        late=Count("pk", filter=late(now)),
        mine=Count("pk", filter=Q(claimed_by=user.pk)),
    )


def one(escalation: uuid.UUID) -> Escalation | None:
    rows = Escalation.objects.select_related("message", "conversation", "claimed_by", "resolved_by")
    return rows.filter(pk=escalation).first()


def earlier(escalation: Escalation) -> QuerySet[Escalation]:
    """The other escalations of the same conversation, the newest first."""
    others = Escalation.objects.filter(conversation_id=escalation.conversation_id).exclude(pk=escalation.pk)
    return others.select_related("message", "claimed_by", "resolved_by").order_by("-recorded_at")


def history(escalation: Escalation) -> list[dict[str, Any]]:
    """Everything that happened to an escalation, with who and when, oldest first; looking at it is left to the log."""
    changes = [
        {"at": one.at, "who": name_of(one.by) if one.by else "", "what": _change(one)}
        for one in escalation.changes.select_related("by").filter(Q(by=None))
    ]
    from web.escalations.audit import ACTIONS

    acts = AuditEntry.objects.select_related("by").filter(escalation=escalation).exclude(action="viewed")
    acted = [
        {"at": one.at, "who": name_of(one.by), "what": f"{ACTIONS[one.action]} {one.detail}".strip()} for one in acts
    ]
    return sorted(changes + acted, key=lambda row: row["at"])


def readers() -> QuerySet[User]:
    """Everybody who may work escalations and is on duty, by name."""
    people = User.objects.filter(is_active=True, groups__name__in=CONVERSATION_READERS, off_duty=None)
    return people.distinct().order_by("first_name", "last_name", "username")


def position() -> tuple[int, int]:
    """Where the histories end now: it changes whenever anything about any escalation has changed."""
    changed = StateChange.objects.aggregate(last=Max("pk"))["last"] or 0
    acted = AuditEntry.objects.exclude(action="viewed").order_by("-pk").values_list("pk", flat=True).first() or 0
    return changed, acted


def conversation(escalation: Escalation) -> list[dict[str, Any]]:
    """The conversation around an escalation, oldest first: `turn` for a patient's message, `staff` for what staff did."""
    rows = Message.objects.filter(conversation_id=escalation.conversation_id)
    turns = rows.select_related("screen_label__by").annotate(raised=Q(escalation__isnull=False))
    staff = StaffMessage.objects.select_related("takeover").filter(conversation_id=escalation.conversation_id)
    found = [(turn.received_at, {"turn": turn}) for turn in turns] + [(one.at, {"staff": one}) for one in staff]
    return [entry for _, entry in sorted(found, key=lambda pair: pair[0])]


def patient_here(escalation: Escalation, now: dt.datetime) -> bool:
    return bool(escalation.patient_seen_at and escalation.patient_seen_at > now - HERE_FOR)


def said(message: Message) -> str:
    """A patient's message as staff read it."""
    if message.erased:
        return "(deleted by the patient)"
    return message.text or f"(chose) {message.choice}"


def _change(change: StateChange) -> str:
    return f"{change.to_state}, {change.why}" if change.why else ("recorded" if not change.from_state else change.to_state)


def _last_words(rows: list[Escalation]) -> dict[uuid.UUID, dt.datetime]:
    """When the patients of some escalations last wrote."""
    newest = Message.objects.filter(conversation__in={row.conversation_id for row in rows}).order_by()
    return dict(newest.values_list("conversation").annotate(Max("received_at")))


def _row(row: Escalation, user: User, now: dt.datetime, last: dict[uuid.UUID, dt.datetime]) -> dict[str, Any]:
    holder = row.resolved_by if row.resolved_at else row.claimed_by
    since = row.touched_at or row.recorded_at
    return {
        "id": str(row.pk),
        "url": reverse("escalations:detail", kwargs={"pk": row.pk}),
        "tier": row.tier,
        "tier_words": kind(row),
        "urgent": row.tier in URGENT,
        "priority": row.priority,
        "text": said(row.message)[:200],
        "reason": next((cause.words for cause in causes(row.reasons)), ""),
        "at": row.message.received_at.isoformat(),
        "due": row.due_at.isoformat(),
        "late": row.state == row.State.OPEN and row.due_at < now,
        "age": age(now - row.message.received_at),
        "left": left(row.due_at - now),
        "state": row.state,
        "outcome": row.get_outcome_display(),
        "who": name_of(holder) if holder else "",
        "mine": bool(holder and holder.pk == user.pk),
        "here": patient_here(row, now),
        "wrote": bool(row.resolved_at is None and last.get(row.conversation_id, since) > since),
    }


def age(length: dt.timedelta) -> str:
    """A length of time as the queue shows it: "45 s", "12 min", "3 h 5 min", "2 d 4 h"."""
    seconds = max(0, int(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86400:
        return f"{seconds // 3600} h {seconds % 3600 // 60} min"
    return f"{seconds // 86400} d {seconds % 86400 // 3600} h"


def left(length: dt.timedelta) -> str:
    """How long until somebody should have it, or how long that is past."""
    past = length < dt.timedelta()
    return f"{age(-length)} over" if past else f"in {age(length)}"
