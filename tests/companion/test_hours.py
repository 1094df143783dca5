from __future__ import annotations

import datetime as dt
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.hours import LOOK_AHEAD_DAYS, Hours, HoursError

HERE = ZoneInfo("America/Los_Angeles")
HOURS = Hours.parse("America/Los_Angeles", {"mon": ["09:00-17:00"], "wed": ["13:00-24:00", "09:00-12:00"]}, [dt.date(2026, 11, 25)])
# 23 November 2026 is a Monday, 25 November a Wednesday and a holiday.


def at(day: int, hour: int, minute: int = 0) -> dt.datetime:
    return dt.datetime(2026, 11, day, hour, minute, tzinfo=HERE)


@pytest.mark.parametrize(
    ("now", "somebody"),
    [
        (at(23, 9), True),
        (at(23, 8, 59), False),
        (at(23, 17), False),
        (at(18, 12, 30), False),
        (at(18, 23, 59), True),
        (at(24, 10), False),
        (at(25, 10), False),
    ],
)
def test_somebody_is_there_in_staffed_hours_only(now: dt.datetime, somebody: bool):
    assert HOURS.staffed(now) is somebody


def test_the_clinics_own_time_counts_wherever_the_patient_is():
    assert HOURS.staffed(dt.datetime(2026, 11, 23, 18, tzinfo=dt.timezone.utc))  # 10 in the morning at the clinic
    assert not HOURS.staffed(dt.datetime(2026, 11, 23, 10, tzinfo=dt.timezone.utc))


def test_the_next_opening_is_the_next_start_of_a_span():
    assert HOURS.next_opening(at(16, 8)) == at(16, 9)
    assert HOURS.next_opening(at(16, 18)) == at(18, 9)
    assert HOURS.next_opening(at(18, 10)) == at(18, 13)


def test_a_holiday_is_no_opening_and_one_a_week_away_is_not_named():
    assert LOOK_AHEAD_DAYS < 7
    assert HOURS.next_opening(at(23, 18)) is None


def test_missing_hours_mean_that_nobody_is_there():
    nobody = Hours.parse("UTC", None, None)
    assert not nobody.staffed(at(23, 10))
    assert nobody.next_opening(at(23, 10)) is None
    assert nobody.openings() == []


@pytest.mark.parametrize(
    ("zone", "hours", "holidays", "says"),
    [
        ("Mars/Base", {}, [], "timezone 'Mars/Base' is unknown"),
        ("", {}, [], "timezone '' is unknown"),
        ("UTC", {"monday": ["09:00-17:00"]}, [], "'monday' is not a day"),
        ("UTC", {"mon": ["9-5"]}, [], "mon: '9-5' is not a span such as 09:00-17:00"),
        ("UTC", {"mon": ["09:00-24:30"]}, [], "mon: '09:00-24:30'"),
        ("UTC", {"mon": ["22:00-06:00"]}, [], "ends before it starts; cut it at midnight"),
        ("UTC", {"mon": "09:00-17:00"}, [], "mon: give a list"),
        ("UTC", {}, ["Christmas"], "write dates as 2026-12-25"),
    ],
)
def test_hours_that_cannot_be_read_say_which_day_and_what_to_write(zone: str, hours: dict, holidays: list, says: str):
    with pytest.raises(HoursError, match=says):
        Hours.parse(zone, hours, holidays)


@given(st.datetimes(dt.datetime(2026, 1, 1), dt.datetime(2027, 12, 31), timezones=st.just(ZoneInfo("UTC"))))
def test_an_opening_is_ahead_staffed_and_within_a_week(now: dt.datetime):
    opening = HOURS.next_opening(now)
    if opening is not None:
        assert now < opening < now + dt.timedelta(days=7, hours=1)
        assert HOURS.staffed(opening)
