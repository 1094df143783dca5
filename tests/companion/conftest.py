"""Small things of our own to try on: a catalogue of three answers, a clinic, a release.

Hypothesis tries the same examples each time.
"""

from __future__ import annotations

import copy
import datetime as dt
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, settings

from companion.catalogue import Catalogue, load_catalogue
from companion.clinic import Clinic
from companion.paths import DATA
from companion.release import Release, build
from companion.rules import PhraseRules, phrase_rules

settings.register_profile(
    "repeatable",
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
settings.load_profile("repeatable")

PARAGRAPH = (
    "Most people can drink some water until shortly before a session. Food is different. Ask the team when to stop. "
    "Call [[clinic.phone]] if you are not sure. Bring a small snack for later. Some people feel hungry when they wake. "
    "Others wait until they are home. Both are fine to plan for. Write your questions down and bring them with you."
)


def answer(key: str, **changes: Any) -> dict[str, Any]:
    """One answer as `data/answers/*.yml` holds it; give `text`, `phrasings` or any metadata to change it."""
    others = [f"preparation/{name}" for name in ("food", "water", "rides") if f"preparation/{name}" != key]
    metadata = {"title": f"About {key}", "sources": ["A public article"], "related": others}
    phrasings = changes.pop("phrasings", [f"question {number} about {key.split('/')[1]}" for number in range(25)])
    text = changes.pop("text", PARAGRAPH)
    return {"key": key, "text": text, "phrasings": phrasings, "metadata": metadata | changes}


def write_data(folder: Path, answers: list[dict[str, Any]], **files: Any) -> Path:
    """A `data/` of these answers, with the repository's own clinic, lines and messages, or those of `files`."""
    shutil.copytree(DATA, folder, ignore=shutil.ignore_patterns("answers", "safety"))
    (folder / "answers").mkdir()
    content = {
        "version": "3.1",
        "nlu": [{"intent": one["key"], "examples": "".join(f"- {p}\n" for p in one["phrasings"])} for one in answers],
        "responses": {f"utter_{one['key']}": [{"text": one["text"], "metadata": one["metadata"]}] for one in answers},
    }
    (folder / "answers" / "preparation.yml").write_text(yaml.safe_dump(content), encoding="utf-8")
    for name, changed in files.items():
        (folder / f"{name}.yml").write_text(yaml.safe_dump(changed), encoding="utf-8")
    return folder


@pytest.fixture
def data_with(tmp_path: Path) -> Callable[..., Path]:
    """`data_with(answers, messages=…)` writes a data folder and says where it is."""
    return lambda answers, **files: write_data(tmp_path / "data", answers, **files)


@pytest.fixture
def three_answers() -> list[dict[str, Any]]:
    return [answer(f"preparation/{name}") for name in ("food", "water", "rides")]


@pytest.fixture
def catalogue(data_with: Callable[..., Path], three_answers: list[dict[str, Any]]) -> Catalogue:
    return load_catalogue(data_with(three_answers))


CLINIC: dict[str, Any] = {
    "mode": "clinic",
    "name": "Test Clinic",
    "phone": "206-555-0142",
    "country": "US",
    "timezone": "America/Los_Angeles",
    "staffed": {"mon": ["09:00-17:00"], "wed": ["09:00-12:00", "13:00-17:00"]},
    "holidays": ["2026-11-25"],
}


@pytest.fixture
def given() -> dict[str, Any]:
    """What a clinic filled in, free to be changed."""
    return copy.deepcopy(CLINIC)


@pytest.fixture
def clinic(given: dict[str, Any]) -> Clinic:
    return Clinic.parse(given)


@pytest.fixture
def content(catalogue: Catalogue, clinic: Clinic) -> dict[str, Any]:
    """The content of a first release."""
    return build(catalogue, clinic, now=dt.datetime(2026, 11, 1, tzinfo=dt.timezone.utc))


@pytest.fixture
def release(content: dict[str, Any]) -> Release:
    return Release(content)


@pytest.fixture(scope="session")
def rules() -> PhraseRules:
    """The clinic's real phrase rules."""
    return phrase_rules()
