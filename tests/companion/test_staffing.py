from __future__ import annotations

import datetime as dt
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from companion.release import Release, content_hash
from companion.staffing import staffing_item, staffing_key

HERE = ZoneInfo("America/Los_Angeles")


def at(day: int, hour: int) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, tzinfo=HERE)


@pytest.mark.parametrize(
    ("now", "key"),
    [
        (at(16, 10), "staffing_staffed"),
        (at(16, 18), "staffing_until.wed-0900"),
        (at(18, 12), "staffing_until.wed-1300"),
        (at(21, 12), "staffing_until.mon-0900"),
        (at(23, 18), "staffing_closed"),  # Wednesday is a holiday, Monday too far away to be called Monday
    ],
)
def test_a_patient_is_told_the_truth_about_who_is_there(release: Release, now: dt.datetime, key: str):
    assert staffing_key(release, now) == key
    assert staffing_item(release, now)["key"] == key


@pytest.mark.parametrize(
    "broken", [{"staffed": {"mon": ["soon"]}}, {"timezone": "Nowhere"}, {"holidays": ["x"]}, {"staffed": "always"}]
)
def test_hours_that_cannot_be_read_count_as_nobody_there(content: dict[str, Any], broken: dict[str, Any]):
    content["clinic"] |= broken
    content["hash"] = content_hash(content)
    assert staffing_key(Release(content), at(16, 10)) == "staffing_closed"


def test_an_opening_that_the_release_has_no_sentence_for_is_not_made_up(content: dict[str, Any]):
    content["items"] = [item for item in content["items"] if not item["key"].startswith("staffing_until")]
    content["hash"] = content_hash(content)
    assert staffing_key(Release(content), at(16, 18)) == "staffing_closed"
