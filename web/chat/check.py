"""The last check of an engine's answer: nothing unapproved, nothing urgent without its lines, reaches a patient."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from companion.release import Release, ReleaseError, Releases, servable
from companion.tiers import TIERS, URGENT, rank
from web.chat.wording import Reply

OUTCOMES = frozenset({"answer", "clarify", "abstain", "smalltalk", "human", "escalate"})
ANSWERLESS = frozenset({"symptom", "advice"})
"""Tiers that must not be met with a catalogue answer, however well it matches."""

CARD = {
    "emergency": {"emergency"},
    "crisis": {"crisis", "emergency"},
    "symptom": {"symptom"},
    "advice": {"advice"},
    "human": {"human"},
}
"""The kinds of reply of which a tier needs one."""


class Rejected(Exception):
    """The engine's answer must not be shown. `reason` is a short word for the record; it never quotes the answer."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class Checked:
    """An answer that may be shown, with the release that holds all of it."""

    tier: str
    outcome: str
    replies: list[Reply]
    reasons: list[dict[str, Any]]
    release: Release


def check(answer: Any, *, message: UUID, at_least: str, releases: Releases, today: dt.date | None = None) -> Checked:
    """Check an engine's answer to `message` whose tier by the phrase rules is `at_least`. Raises Rejected."""
    try:
        return _check(answer, str(message), at_least, releases, today or dt.date.today())
    except (KeyError, TypeError, AttributeError, ValueError):
        raise Rejected("malformed") from None


def engine_tier(answer: Any) -> str:
    """The tier that an answer claims, `none` if unreadable: an urgent claim counts even in a rejected answer."""
    tier = answer.get("tier") if isinstance(answer, dict) else None
    return tier if isinstance(tier, str) and tier in TIERS else "none"


def _check(answer: dict[str, Any], message: str, at_least: str, releases: Releases, today: dt.date) -> Checked:
    if answer["message"] != message:
        raise Rejected("other message")
    tier, outcome, replies = answer["tier"], answer["outcome"], answer["replies"]
    reasons = [_reason(reason) for reason in answer["reasons"]]
    if tier not in TIERS or outcome not in OUTCOMES or not isinstance(replies, list):
        raise Rejected("malformed")
    if rank(tier) < rank(at_least):
        raise Rejected("tier lowered")
    if not replies:
        raise Rejected("empty")
    release, current = _release(answer["release"], releases)
    shown = [_reply(reply, release, current, today) for reply in replies]
    if tier in CARD and not any(reply["kind"] in CARD[tier] for reply in shown):
        raise Rejected("no card")
    if tier in URGENT and (shown[0]["kind"] not in CARD[tier] or not shown[0]["links"]):
        raise Rejected("no resources first")
    if tier in ANSWERLESS and any(reply["kind"] == "answer" for reply in shown):
        raise Rejected("answered")
    return Checked(tier, outcome, shown, reasons, release)


def _release(named: dict[str, Any], releases: Releases) -> tuple[Release, Release]:
    try:
        current = releases.current()
    except ReleaseError:
        raise Rejected("no release") from None
    number = named["number"]
    release = releases.numbered(number) if type(number) is int else None
    if release is None or release.hash != named["hash"]:
        raise Rejected("unknown release")
    return release, current


def _reply(reply: dict[str, Any], release: Release, current: Release, today: dt.date) -> Reply:
    """The reply, rebuilt from the release, if that is exactly what the engine sent."""
    item = release.items.get(reply["key"])
    if item is None or item["kind"] == "label":
        raise Rejected("unapproved text")
    choices = [{"label": choice["label"], "choice": choice["choice"]} for choice in reply.get("choices") or []]
    approved = release.reply(item, choices)
    if (
        any(reply.get(part) != approved[part] for part in ("kind", "revision", "text", "sources", "approved"))
        or (reply.get("links") or []) != item["links"]
    ):
        raise Rejected("unapproved text")
    if not all(_choice_approved(choice, release) for choice in choices):
        raise Rejected("unapproved choice")
    if not servable(item, release.mode, today):
        raise Rejected("not servable")
    if item["kind"] == "answer" and release.number != current.number:
        still = current.items.get(item["key"])
        if still is None or still["hash"] != item["hash"] or not servable(still, current.mode, today):
            raise Rejected("withdrawn")
    return approved


def _choice_approved(choice: dict[str, str], release: Release) -> bool:
    label, chosen = choice["label"], choice["choice"]
    if chosen in ("none", "human"):
        return any(item["kind"] == "label" and item["text"] == label for item in release.items.values())
    if chosen in release.sections:
        return label in (release.sections[chosen], release.spanish_sections[chosen])
    item = release.items.get(chosen)
    return item is not None and item["kind"] == "answer" and label == item["title"]


def _reason(reason: dict[str, Any]) -> dict[str, Any]:
    score = reason.get("score")
    return {
        "layer": str(reason.get("layer", ""))[:40],
        "tier": str(reason.get("tier", ""))[:12],
        "rule": str(reason.get("rule", ""))[:200],
        "sentence": str(reason.get("sentence", ""))[:300],
        "score": float(score) if isinstance(score, (int, float)) else None,
    }
