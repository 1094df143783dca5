"""Reads for the staff pages: the queue, and one escalation with its conversation, in words."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from django.db.models import QuerySet

from web.chat.models import Message
from web.escalations.models import Escalation

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


def queue() -> QuerySet[Escalation]:
    """Everything that is not resolved, the most urgent first, then the oldest."""
    return (
        Escalation.objects.exclude(state=Escalation.State.RESOLVED)
        .select_related("message", "conversation", "claimed_by")
        .order_by("priority", "recorded_at", "id")
    )


def resolved(limit: int = 50) -> QuerySet[Escalation]:
    """What was resolved last."""
    return (
        Escalation.objects.filter(state=Escalation.State.RESOLVED)
        .select_related("resolved_by")
        .order_by("-resolved_at")[:limit]
    )


def one(escalation: uuid.UUID) -> Escalation | None:
    rows = Escalation.objects.select_related("message", "conversation", "claimed_by", "resolved_by")
    return rows.filter(pk=escalation).first()


def conversation_messages(escalation: Escalation) -> QuerySet[Message]:
    """The conversation around an escalation, oldest first."""
    return Message.objects.filter(conversation_id=escalation.conversation_id).order_by("received_at", "id")
