"""Which truth about staffing to tell: the key of a release's sentence, by the clinic's hours."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache
from typing import Any

from companion.hours import DAYS, Hours, HoursError
from companion.release import Release

FAILED = "alert_failed"


def staffing_key(release: Release, now: dt.datetime) -> str:
    """`staffing_staffed`, `staffing_until.mon-0900` or `staffing_closed`. Hours that cannot be read count as closed."""
    hours = hours_of(release)
    if hours is None:
        return "staffing_closed"
    if hours.staffed(now):
        return "staffing_staffed"
    opening = hours.next_opening(now)
    key = f"staffing_until.{DAYS[opening.weekday()]}-{opening:%H%M}" if opening else "staffing_closed"
    return key if key in release.items else "staffing_closed"


def hours_of(release: Release) -> Hours | None:
    """The clinic's staffed hours; None when they cannot be read."""
    return _hours(release.hash, release)


def staffing_item(release: Release, now: dt.datetime) -> dict[str, Any]:
    """The sentence itself."""
    return release.items[staffing_key(release, now)]


@lru_cache(maxsize=4)
def _hours(_hash: str, release: Release) -> Hours | None:
    clinic = release.clinic
    try:
        return Hours.parse(clinic["timezone"], clinic["staffed"], clinic["holidays"])
    except (HoursError, KeyError, TypeError):
        return None
