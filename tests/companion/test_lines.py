from __future__ import annotations

import copy
import datetime as dt
from pathlib import Path
from typing import Any

import pytest
import yaml

from companion.lines import ELSEWHERE, LinesError, load_lines, stale

READ = dt.date(2026, 1, 1)
LINES: dict[str, Any] = {
    "labels": {
        "en": {
            "emergency": "Call {number} (emergency)",
            "call": "Call {number}: {name}",
            "text": "Text {number}: {name}",
            "text_body": "Text {body} to {number}: {name}",
            "chat": "Chat: {name}",
            "or": " or ",
        }
    },
    "countries": {
        "US": {
            "name": "United States",
            "emergency": {"number": "911", "source": "911.gov", "verified_on": READ},
            "crisis": "Call or text 988.",
            "lines": [
                {
                    "name": "Lifeline",
                    "call": "9-8-8",
                    "note": "press 1",
                    "text": "988",
                    "text_body": "HI YOU",
                    "chat": "https://chat.example",
                    "source": "s",
                    "verified_on": READ,
                },
            ],
        },
        "ZZ": {
            "name": "Elsewhere",
            "emergency": {"number": None, "words": "your local emergency number", "source": "s", "verified_on": READ},
            "crisis": "See findahelpline.com.",
            "lines": [{"name": "Find", "chat": "https://find.example", "source": "s", "verified_on": READ}],
        },
    }
}


def written(tmp_path: Path, change: Any = None) -> Path:
    lines = copy.deepcopy(LINES)
    if change:
        change(lines["countries"])
    path = tmp_path / "lines.yml"
    path.write_text(yaml.safe_dump(lines), encoding="utf-8")
    return path


def test_every_country_of_the_repository_can_be_reached():
    for country in load_lines().values():
        assert country.crisis and country.emergency and country.links


def test_a_line_becomes_links_that_a_phone_can_act_on(tmp_path: Path):
    assert [(link["label"], link["href"]) for link in load_lines(written(tmp_path))["US"].links] == [
        ("Call 911 (emergency)", "tel:911"),
        ("Call 9-8-8, press 1: Lifeline", "tel:988"),
        ("Text HI YOU to 988: Lifeline", "sms:988?&body=HI%20YOU"),
        ("Chat: Lifeline", "https://chat.example"),
    ]


def test_every_line_has_the_same_ways_in_spanish_with_labels_of_their_own():
    for country in load_lines().values():
        spanish = country.said_in("es")
        assert [link["href"] for link in spanish.links] == [link["href"] for link in country.links]
        assert spanish.name and spanish.crisis == country.crisis_es
        for english, link in zip(country.links, spanish.links, strict=True):
            assert link["label"].startswith(("Llamar al ", "Mensaje ", "Chat: "))
            assert (": " in link["label"]) == (": " in english["label"])
    assert load_lines()["IE"].said_in("es").emergency == "112 o al 999"


def test_where_no_number_is_valid_everywhere_it_is_said_in_words(tmp_path: Path):
    elsewhere = load_lines(written(tmp_path))[ELSEWHERE]
    assert elsewhere.emergency == "your local emergency number"
    assert [link["href"] for link in elsewhere.links] == ["https://find.example"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda c: c.pop("ZZ"), "the country ZZ"),
        (lambda c: c["US"]["lines"][0].pop("source"), "US: Lifeline: needs `source`"),
        (lambda c: c["US"]["emergency"].pop("verified_on"), "US: emergency: needs"),
        (lambda c: c["ZZ"]["lines"][0].pop("chat"), "ZZ: Find: needs at least one of call, text, chat"),
        (lambda c: c["US"].pop("crisis"), "US: 'crisis' is missing"),
    ],
)
def test_a_line_that_nobody_could_check_or_reach_is_refused(tmp_path: Path, change: Any, says: str):
    with pytest.raises(LinesError, match=says):
        load_lines(written(tmp_path, change))


def test_a_file_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(LinesError, match=r"lines\.yml: cannot be read"):
        load_lines(tmp_path / "lines.yml")


def test_lines_grow_stale_after_180_days(tmp_path: Path):
    path = written(tmp_path)
    assert stale(path, today=READ + dt.timedelta(days=180)) == []
    assert ("US: Lifeline", 181) in stale(path, today=READ + dt.timedelta(days=181))
