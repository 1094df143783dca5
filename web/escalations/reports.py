"""A week of escalations in numbers: by kind, how soon they were taken up and closed, by hour of the day, false alarms."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from companion.tiers import PRIORITY
from web.escalations.models import Escalation, ScreenLabel
from web.escalations.selectors import TIERS, age


@dataclass(frozen=True)
class Row:
    """One kind's numbers; times in seconds, None where nothing was taken up or closed yet."""

    tier: str
    words: str
    count: int
    in_time: int
    taken_median: float | None
    taken_p90: float | None
    closed_median: float | None
    closed_p90: float | None
    open: int
    false_alarms: int

    @property
    def times(self) -> list[str]:
        four = (self.taken_median, self.taken_p90, self.closed_median, self.closed_p90)
        return ["–" if seconds is None else age(dt.timedelta(seconds=seconds)) for seconds in four]


@dataclass(frozen=True)
class Week:
    """From a Monday to a Sunday by the clinic's clock."""

    monday: dt.date
    rows: tuple[Row, ...]
    hours: tuple[int, ...]
    """How many were recorded in each hour of the day."""
    outcomes: tuple[tuple[str, int], ...]
    missed: int

    @property
    def total(self) -> int:
        return sum(row.count for row in self.rows)


def week(monday: dt.date, zone: ZoneInfo) -> Week:
    """The week that begins on that Monday."""
    start = dt.datetime.combine(monday, dt.time(), zone)
    end = dt.datetime.combine(monday + dt.timedelta(days=7), dt.time(), zone)
    found = list(
        Escalation.objects.filter(recorded_at__gte=start, recorded_at__lt=end).values_list(
            "tier", "recorded_at", "acknowledged_at", "resolved_at", "outcome", "due_at"
        )
    )
    labels = ScreenLabel.objects.filter(message__received_at__gte=start, message__received_at__lt=end)
    false = Counter(labels.filter(verdict="false_alarm").values_list("given", flat=True))
    rows = []
    for tier in PRIORITY:
        mine = [one for one in found if one[0] == tier]
        taken = [(one[2] - one[1]).total_seconds() for one in mine if one[2]]
        closed = [(one[3] - one[1]).total_seconds() for one in mine if one[3]]
        rows.append(
            Row(
                tier,
                TIERS[tier],
                len(mine),
                sum(one[2] is not None and one[2] <= one[5] for one in mine),
                percentile(taken, 50),
                percentile(taken, 90),
                percentile(closed, 50),
                percentile(closed, 90),
                sum(one[3] is None for one in mine),
                false[tier],
            )
        )
    at = Counter(one[1].astimezone(zone).hour for one in found)
    outcomes = Counter(Escalation.Outcome(one[4]).label for one in found if one[4])
    return Week(
        monday,
        tuple(rows),
        tuple(at[hour] for hour in range(24)),
        tuple(outcomes.most_common()),
        labels.filter(verdict="missed").count(),
    )


def percentile(values: Iterable[float], share: int) -> float | None:
    """The smallest value that at least `share` percent of the values do not exceed; None of no values."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * share / 100) - 1)] if ordered else None


def bars(values: Iterable[int], width: int = 24, height: int = 120) -> list[dict[str, int]]:
    """Bars of a chart: where each stands, how high it is, what it says."""
    given = list(values)
    most = max([*given, 1])
    return [
        {"i": i, "x": i * width, "y": height - value * height // most, "h": value * height // most, "value": value}
        for i, value in enumerate(given)
    ]
