"""The clinic's own facts: filled into texts when a release is built, never guessed."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from companion.hours import Hours, HoursError
from companion.lines import Country, load_lines
from companion.paths import DATA

PLACEHOLDER = re.compile(r"\[\[([a-z_]+\.[a-z_]+)\]\]")
MODES = ("demo", "clinic")


class ClinicError(ValueError):
    """The clinic's facts are incomplete or wrong; the message says which field and what to write."""


@dataclass(frozen=True)
class Clinic:
    """One clinic: its facts as text, its mode (demo or clinic), its staffed hours and its country's lines."""

    mode: str
    facts: dict[str, str]
    hours: Hours
    staffed: dict[str, Any]
    holidays: list[str]
    country: Country
    countries: dict[str, Country]

    @classmethod
    def load(cls, path: Path = DATA / "clinic.yml", facts_path: Path = DATA / "facts.yml") -> Clinic:
        """Read a clinic file. Raises ClinicError for a missing required fact, an unknown country or unreadable hours."""
        try:
            given = yaml.safe_load(path.read_text(encoding="utf-8")) or {}
        except (OSError, yaml.YAMLError) as e:
            raise ClinicError(f"{path}: cannot be read: {e}") from e
        return cls.parse(given, facts_path)

    @classmethod
    def parse(cls, given: dict[str, Any], facts_path: Path = DATA / "facts.yml") -> Clinic:
        """The same from a mapping, as the web side keeps it."""
        known = yaml.safe_load(facts_path.read_text(encoding="utf-8"))["facts"]
        facts = {}
        for name, fact in known.items():
            value = str(given.get(name) or "").strip()
            if not value and fact.get("required"):
                raise ClinicError(f"{name} is missing: {fact['label']}")
            if "{" in value or "}" in value or "[[" in value:
                raise ClinicError(f"{name}: braces and placeholders are not allowed in a clinic's own words")
            facts[name] = value or fact["instead"]
        mode = given.get("mode", "clinic")
        if mode not in MODES:
            raise ClinicError(f"mode {mode!r} is not one of {', '.join(MODES)}")
        countries = load_lines()
        code = str(given.get("country") or "")
        if code not in countries:
            raise ClinicError(f"country {code!r} has no crisis lines; use one of {', '.join(countries)}")
        holidays = [str(day) for day in given.get("holidays") or []]
        try:
            hours = Hours.parse(facts["timezone"], given.get("staffed"), holidays)
        except HoursError as e:
            raise ClinicError(str(e)) from e
        return cls(mode, facts, hours, given.get("staffed") or {}, holidays, countries[code], countries)

    def fill(self, text: str, **more: str) -> str:
        """Replace the placeholders of a text. Raises ClinicError for one that is unknown."""
        values = {f"clinic.{name}": value for name, value in self.facts.items()}
        values |= {"lines.emergency": self.country.emergency, "lines.crisis": self.country.crisis}
        values |= {"lines.crisis_es": self.country.crisis_es}
        values |= {name.replace("__", "."): value for name, value in more.items()}

        def value(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise ClinicError(f"unknown placeholder [[{match[1]}]]; known: {', '.join(sorted(values))}")
            return values[match[1]]

        return PLACEHOLDER.sub(value, text)


WEEKDAYS = {
    "en": ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
    "es": ("el lunes", "el martes", "el miércoles", "el jueves", "el viernes", "el sábado", "el domingo"),
}


def opening_words(day: int, time: dt.time, language: str = "en") -> str:
    """How an opening is said: "Monday at 9:00 am", "el lunes a las 9:00"."""
    weekday = WEEKDAYS[language][day]
    if language == "es":
        return f"{weekday} a las {time.hour}:{time.minute:02d}"
    hour = time.hour % 12 or 12
    return f"{weekday} at {hour}:{time.minute:02d} {'am' if time.hour < 12 else 'pm'}"
