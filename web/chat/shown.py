"""What the patient's pages say before any conversation: words and lines of the release in force.

Without a release the lines come from `data/`. They must be there whatever is broken, so nothing here raises.
"""

from __future__ import annotations

import logging
import re
from dataclasses import dataclass
from typing import Any

from companion.clinic import Clinic
from companion.lines import ELSEWHERE, load_lines
from companion.release import Release
from web.chat.wording import current

log = logging.getLogger(__name__)

Country = dict[str, Any]
Line = dict[str, Any]
NOT_DIGITS = re.compile(r"[^\d+]")


@dataclass(frozen=True)
class Shown:
    """The clinic's facts, its country's lines first, and the assistant's words if a release holds them."""

    clinic: dict[str, Any]
    country: Country
    others: tuple[Country, ...]
    words: dict[str, str]
    sections: tuple[dict[str, str], ...]
    mode: str = "demo"
    language: str = "en"

    @property
    def name(self) -> str:
        return str(self.clinic.get("name", ""))

    @property
    def phone(self) -> str:
        return str(self.clinic.get("phone", ""))

    @property
    def ready(self) -> bool:
        """Whether there is a release to talk with."""
        return bool(self.words)

    @property
    def phone_href(self) -> str:
        return "tel:" + NOT_DIGITS.sub("", self.phone)


SAID = ("greeting", "outage", "slow", "sample_answers", "label_talk_to_person", "reminder", "welcome_back")
"""The messages that stand in the first HTML, by key."""


def shown(language: str = "en") -> Shown:
    """The release in force as the pages show it, in that language as far as it goes.

    Never raises: without a release it is made of `data/`, without words.
    """
    if release := current():
        try:
            return _of_release(release, language)
        except (KeyError, TypeError) as e:
            log.error("the release in force cannot be shown: %s", type(e).__name__)
    try:
        clinic = Clinic.load()
    except ValueError as e:
        log.error("no clinic to show: %s", type(e).__name__)
        lines = {code: country.as_dict() for code, country in load_lines().items()}
        facts, code, mode = {}, ELSEWHERE, "demo"
    else:
        lines = {code: country.as_dict() for code, country in clinic.countries.items()}
        facts, code, mode = {**clinic.facts, "es": clinic.spanish}, clinic.country.code, clinic.mode
    lines = {country: _said(there, language) for country, there in lines.items()}
    return Shown(_said(facts, language), lines[code], _others(lines, code), {}, (), mode, language)


def _of_release(release: Release, language: str) -> Shown:
    lines = {country["code"]: _said(country, language) for country in release.content["lines"]}
    words = {name: item["text"] for name in SAID if (item := _first(release, release.localised(name, language)))}
    if not _samples(release):
        words.pop("sample_answers", None)
    code = release.clinic["country"]
    sections = tuple({"choice": name, "label": title} for name, title in release.section_titles(language).items())
    clinic = _said(release.clinic, language)
    return Shown(clinic, lines[code], _others(lines, code), words, sections, release.mode, language)


def _said(content: dict[str, Any], language: str) -> dict[str, Any]:
    """A country or the clinic's facts with what is given in that language in its place."""
    return {**content, **(content.get(language) or {})}


def _others(lines: dict[str, Country], code: str) -> tuple[Country, ...]:
    return tuple(country for other, country in lines.items() if other != code)


def _first(release: Release, name: str) -> dict[str, Any] | None:
    variations = release.variations(name)
    return variations[0] if variations else None


def _samples(release: Release) -> bool:
    """Whether a patient can be shown an answer that no clinician approved."""
    return release.mode == "demo" or any(item["sample"] and release.get(item["key"]) for item in release.answers)


def line_groups(links: list[dict[str, str]]) -> list[Line]:
    """Links by the line they reach: "Call 988: Lifeline" and "Text 988: Lifeline" are two ways to one line.

    A label is cut at its first ": "; the first part is written on the button, the rest stays in its accessible name.
    """
    groups: dict[str, Line] = {}
    for link in links:
        way, _, name = link["label"].partition(": ")
        group = groups.setdefault(name, {"name": name, "ways": []})
        group["ways"].append({"way": way, "href": link["href"]})
    return list(groups.values())
