"""What patients ask and the assistant does not answer well: single questions, without the conversation around them.

Editors see no conversations. They see questions of tier `none` only, with numbers and addresses that could tell who asks taken out.
"""

from __future__ import annotations

import datetime as dt
import re
from collections import Counter
from dataclasses import dataclass

from django.db.models import Q
from django.utils import timezone

from web.answers.likeness import grouped
from web.chat.models import Message

LAST_DAYS = 90
AT_MOST = 2000
EXAMPLES = 12
KINDS = {"abstain": "not answered", "clarify": "asked which was meant", "unhelpful": "answered, not helpful"}
_TELLING = re.compile(r"\S+@\S+|\+?\d[\d\s().-]{4,}\d")


@dataclass(frozen=True)
class Question:
    """A group of like questions: how often, how it went, and the different wordings, the most frequent first."""

    title: str
    times: int
    went: tuple[tuple[str, int], ...]
    wordings: tuple[str, ...]
    answered_with: tuple[str, ...]


def without_traces(text: str) -> str:
    """One line, with what looks like a telephone number or an address taken out."""
    return _TELLING.sub("…", " ".join(text.split()))


def unanswered(*, now: dt.datetime | None = None) -> list[Question]:
    """The questions of the last LAST_DAYS days that were not answered, asked back or found unhelpful; most asked first."""
    since = (now or timezone.now()) - dt.timedelta(days=LAST_DAYS)
    rows = (
        Message.objects.filter(
            received_at__gte=since, tier="none", erased=False, conversation__deleted_at=None
        )
        .filter(Q(outcome__in=("abstain", "clarify")) | Q(feedback__helpful=False))
        .exclude(text="")
        .order_by("-received_at")
        .values_list("text", "outcome", "replies")[:AT_MOST]
    )
    asked = [(without_traces(text), outcome, replies) for text, outcome, replies in rows]
    found = []
    for group in grouped([text for text, _, _ in asked]):
        members = [asked[place] for place in group.places]
        wordings = Counter(text for text, _, _ in members)
        went = Counter(outcome if outcome in KINDS else "unhelpful" for _, outcome, _ in members)
        answers = Counter(
            reply["key"] for _, _, replies in members for reply in replies if reply["kind"] == "answer"
        )
        common = [text for text, _ in wordings.most_common(EXAMPLES)]
        found.append(
            Question(
                title=common[0],
                times=len(members),
                went=tuple((KINDS[kind], times) for kind, times in went.most_common()),
                wordings=tuple(common),
                answered_with=tuple(key for key, _ in answers.most_common(3)),
            )
        )
    return found
