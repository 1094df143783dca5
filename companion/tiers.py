"""The tiers of a message, from harmless to most urgent, and what the screens say about one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from typing import Any

TIERS = ("none", "human", "advice", "symptom", "crisis", "emergency")
"""In rising order. `human` is no danger, but it does go to staff."""

URGENT = frozenset({"crisis", "emergency"})
"""Tiers whose reply must carry resources and whose escalation is priority 1."""

PRIORITY = {"emergency": 1, "crisis": 1, "symptom": 2, "advice": 3, "human": 3}


def rank(tier: str) -> int:
    """0 for `none` up to 5 for `emergency`. Raises ValueError for a word that is no tier."""
    if tier not in TIERS:
        raise ValueError(f"{tier!r} is not one of {', '.join(TIERS)}")
    return TIERS.index(tier)


def highest(tiers: Iterable[str]) -> str:
    """The most urgent of some tiers; `none` of no tiers."""
    return max(tiers, key=rank, default="none")


@dataclass(frozen=True)
class Reason:
    """Why a message was raised, as staff will read it: which layer, which rule, on which sentence, how sure (0 to 1)."""

    layer: str
    tier: str
    rule: str
    sentence: str
    score: float

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


@dataclass(frozen=True)
class Verdict:
    """A tier and the reasons for it, the weightiest first. No layer may lower what another found."""

    tier: str
    reasons: tuple[Reason, ...] = ()

    def raised_by(self, other: Verdict) -> Verdict:
        """Both verdicts together: the higher tier, with the reasons of both, weightiest first."""
        reasons = sorted(self.reasons + other.reasons, key=lambda r: (rank(r.tier), r.score), reverse=True)
        return Verdict(highest((self.tier, other.tier)), tuple(reasons))


QUIET = Verdict("none")
