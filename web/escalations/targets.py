"""How soon an escalation should be taken up: the clinic's own targets, set by its administrators. No patient is told them."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

from companion.staffing import hours_of
from companion.tiers import PRIORITY
from web.chat import wording
from web.escalations.models import ResponseTarget


@dataclass(frozen=True)
class Target:
    """Minutes for a tier: to take it up, until it alerts again, and until a claimed one that is left alone comes back."""

    minutes: int
    staffed_only: bool
    again_minutes: int
    quiet_minutes: int

    @property
    def words(self) -> str:
        hours, minutes = divmod(self.minutes, 60)
        time = " ".join(part for part in (f"{hours} h" if hours else "", f"{minutes} min" if minutes else "") if part)
        return f"{time} of staffed time" if self.staffed_only else time


DEFAULTS = {
    "emergency": Target(5, False, 5, 20),
    "crisis": Target(5, False, 5, 20),
    "symptom": Target(60, True, 60, 0),
    "human": Target(240, True, 240, 0),
    "advice": Target(480, True, 480, 0),
}
LONGEST = 60 * 24 * 14


def targets() -> dict[str, Target]:
    """Every tier's target, the most urgent tier first."""
    kept = {
        row.tier: Target(row.minutes, row.staffed_only, row.again_minutes, row.quiet_minutes)
        for row in ResponseTarget.objects.all()
    }
    return DEFAULTS | {tier: target for tier, target in kept.items() if tier in PRIORITY}


def due_at(tier: str, since: dt.datetime) -> dt.datetime:
    """By when an escalation of that tier should be taken up. Where no hours are known, every hour counts."""
    target = targets()[tier]
    length = dt.timedelta(minutes=target.minutes)
    release = wording.current() if target.staffed_only else None
    hours = hours_of(release) if release else None
    return (hours.after(since, length) if hours else None) or since + length


def target_set(*, tier: str, target: Target) -> None:
    """Keep a tier's target; what is recorded from now on follows it. Raises ValueError, saying what to write."""
    if tier not in PRIORITY:
        raise ValueError("there is no such kind of escalation")
    if not 1 <= target.minutes <= LONGEST or not 1 <= target.again_minutes <= LONGEST:
        raise ValueError(f"give minutes from 1 to {LONGEST}")
    if not 0 <= target.quiet_minutes <= LONGEST:
        raise ValueError(f"give minutes from 1 to {LONGEST}, or 0 for never")
    ResponseTarget.objects.update_or_create(tier=tier, defaults=target.__dict__)
