"""Staffed hours: whether somebody is there now, and when somebody is there next. Missing hours mean nobody is there."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SPAN = re.compile(r"^([01]\d|2[0-3]):([0-5]\d)-(?:([01]\d|2[0-3]):([0-5]\d)|24:00)$")
LOOK_AHEAD_DAYS = 6
"""An opening further away is not named by its weekday, since "Monday" would be read as the next one."""

MONTH_DAYS = 31


class HoursError(ValueError):
    """Hours that cannot be read; the message names the day and what is expected."""


@dataclass(frozen=True)
class Hours:
    """Spans of local time by weekday (0 is Monday), holidays, and the clinic's time zone."""

    timezone: ZoneInfo
    spans: dict[int, tuple[tuple[dt.time, dt.time | None], ...]]
    holidays: frozenset[dt.date]

    @classmethod
    def parse(cls, timezone: str, hours: dict[str, Any] | None, holidays: list[Any] | None) -> Hours:
        """Read `{mon: ["09:00-17:00"], …}` and a list of dates. Raises HoursError; a span may end at 24:00, not cross midnight."""
        try:
            zone = ZoneInfo(timezone)
        except (KeyError, ValueError, OSError) as e:
            raise HoursError(f"timezone {timezone!r} is unknown; use a name such as America/Los_Angeles") from e
        if not isinstance(hours or {}, dict):
            raise HoursError(f"hours: {hours!r} is not a list of days; write for example mon: [\"09:00-17:00\"]")
        spans = {}
        for day, texts in (hours or {}).items():
            if day not in DAYS:
                raise HoursError(f"hours: {day!r} is not a day; use {', '.join(DAYS)}")
            if not isinstance(texts, list | tuple):
                raise HoursError(f"hours: {day}: give a list of spans such as [\"09:00-17:00\"], not {texts!r}")
            spans[DAYS.index(day)] = tuple(sorted((_span(day, text) for text in texts), key=lambda span: span[0]))
        try:
            days_off = frozenset(dt.date.fromisoformat(str(day)) for day in holidays or [])
        except ValueError as e:
            raise HoursError(f"holidays: {e}; write dates as 2026-12-25") from e
        return cls(zone, spans, days_off)

    def staffed(self, now: dt.datetime) -> bool:
        """Whether `now` (aware) lies in staffed hours."""
        local = now.astimezone(self.timezone)
        return any(
            start <= local.time() and (end is None or local.time() < end) for start, end in self._day(local.date())
        )

    def next_opening(self, now: dt.datetime) -> dt.datetime | None:
        """The next start of staffed hours within LOOK_AHEAD_DAYS, in local time; None when there is none."""
        local = now.astimezone(self.timezone)
        for ahead in range(LOOK_AHEAD_DAYS + 1):
            day = local.date() + dt.timedelta(days=ahead)
            for start, _ in self._day(day):
                opening = dt.datetime.combine(day, start, self.timezone)
                if opening > local:
                    return opening
        return None

    def after(self, start: dt.datetime, length: dt.timedelta) -> dt.datetime | None:
        """When that much staffed time will have passed since `start`; None when a month does not hold so much."""
        local, left = start.astimezone(self.timezone), length
        for ahead in range(MONTH_DAYS):
            day = local.date() + dt.timedelta(days=ahead)
            midnight = dt.datetime.combine(day + dt.timedelta(days=1), dt.time(), self.timezone)
            for begin, end in self._day(day):
                opens = max(dt.datetime.combine(day, begin, self.timezone), local)
                closes = dt.datetime.combine(day, end, self.timezone) if end else midnight
                if closes - opens >= left:
                    return opens + left
                left -= max(closes - opens, dt.timedelta())
        return None

    def openings(self) -> list[tuple[int, dt.time]]:
        """Every opening of the week as (weekday, time): the release holds a sentence for each."""
        return [(day, start) for day in sorted(self.spans) for start, _ in self.spans[day]]

    def _day(self, day: dt.date) -> tuple[tuple[dt.time, dt.time | None], ...]:
        return () if day in self.holidays else self.spans.get(day.weekday(), ())


def _span(day: str, text: str) -> tuple[dt.time, dt.time | None]:
    match = _SPAN.match(str(text))
    if not match:
        raise HoursError(f"hours: {day}: {text!r} is not a span such as 09:00-17:00")
    start = dt.time(int(match[1]), int(match[2]))
    end = None if match[3] is None else dt.time(int(match[3]), int(match[4]))
    if end is not None and end <= start:
        raise HoursError(f"hours: {day}: {text!r} ends before it starts; cut it at midnight (to 24:00, and from 00:00)")
    return start, end
