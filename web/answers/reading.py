"""Texts as patients read them: placeholders filled in with the clinic's facts, links of its country attached."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import yaml

from companion.catalogue import Catalogue, load_catalogue
from companion.clinic import Clinic, ClinicError, opening_words
from companion.hours import DAYS
from companion.paths import DATA
from web.answers.snapshot import Snapshot

LINES_BELOW = ("crisis", "emergency", "symptom")


@lru_cache(maxsize=1)
def starter() -> Catalogue:
    """The starter catalogue in `data/`; it changes with the software only."""
    return load_catalogue()


@lru_cache(maxsize=1)
def clinic() -> Clinic:
    """The clinic's facts, as they were when this process started."""
    return Clinic.load()


@lru_cache(maxsize=1)
def sections() -> dict[str, str]:
    titles: dict[str, str] = yaml.safe_load((DATA / "sections.yml").read_text(encoding="utf-8"))["sections"]
    return titles


def filled(text: str, language: str = "en") -> str:
    """The text with the clinic's facts; what cannot be filled in stays as it is (lint names it)."""
    openings = clinic().hours.openings()
    if "[[staffing.opens]]" in text and openings:
        text = text.replace("[[staffing.opens]]", opening_words(*openings[0], language))
    try:
        return clinic().fill(text)
    except ClinicError:
        return text


def openings() -> list[str]:
    return [f"{DAYS[day]}-{time:%H%M}" for day, time in clinic().hours.openings()]


def as_patients_see(snapshot: Snapshot) -> dict[str, Any]:
    """{text, links, related}: what stands in the chat for this text."""
    with_lines = snapshot["attach_lines"] or snapshot["kind"] in LINES_BELOW
    return {
        "text": filled(snapshot["text"], snapshot["language"]),
        "links": list(clinic().country.links) if with_lines else [],
        "related": snapshot["related"],
        "offer_care_team": snapshot["offer_care_team"],
    }
