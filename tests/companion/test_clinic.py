from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest

from companion.clinic import Clinic, ClinicError, opening_words


def test_the_demo_clinic_of_the_repository_is_complete():
    assert Clinic.load().mode == "demo"


def test_a_text_is_filled_in_with_the_clinics_own_facts(clinic: Clinic):
    assert clinic.fill("Call [[clinic.phone]], or [[lines.emergency]].") == "Call 206-555-0142, or 911."


def test_a_fact_that_the_clinic_left_open_is_never_guessed(clinic: Clinic):
    assert clinic.fill("[[clinic.driving]]") == "Follow the clinic's own instructions on when you may drive again."


def test_a_placeholder_that_nobody_knows_is_refused_with_those_that_are_known(clinic: Clinic):
    with pytest.raises(ClinicError, match=r"unknown placeholder \[\[clinic.fax\]\]; known: clinic.address"):
        clinic.fill("[[clinic.fax]]")


def test_something_known_only_now_can_be_filled_in_too(clinic: Clinic):
    assert clinic.fill("from [[staffing.opens]]", staffing__opens="Monday") == "from Monday"


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"phone": ""}, "phone is missing: Telephone"),
        ({"name": None}, "name is missing"),
        ({"hours": "open {daily}"}, "hours: braces and placeholders"),
        ({"hours": "call [[clinic.phone]]"}, "hours: braces and placeholders"),
        ({"mode": "live"}, "mode 'live' is not one of demo, clinic"),
        ({"country": "XX"}, "country 'XX' has no crisis lines"),
        ({"country": None}, "has no crisis lines"),
        ({"timezone": "Nowhere"}, "timezone 'Nowhere' is unknown"),
        ({"staffed": {"mon": ["late"]}}, "not a span such as 09:00-17:00"),
    ],
)
def test_a_clinic_that_is_incomplete_says_which_field(given: dict[str, Any], changes: dict[str, Any], says: str):
    with pytest.raises(ClinicError, match=says):
        Clinic.parse(given | changes)


def test_a_clinic_file_that_cannot_be_read_says_so(tmp_path: Path):
    with pytest.raises(ClinicError, match="cannot be read"):
        Clinic.load(tmp_path / "clinic.yml")


@pytest.mark.parametrize(
    ("day", "time", "words"),
    [
        (0, dt.time(9), "Monday at 9:00 am"),
        (2, dt.time(12), "Wednesday at 12:00 pm"),
        (6, dt.time(0, 30), "Sunday at 12:30 am"),
        (4, dt.time(13, 5), "Friday at 1:05 pm"),
    ],
)
def test_an_opening_is_said_as_people_say_it(day: int, time: dt.time, words: str):
    assert opening_words(day, time) == words
