"""The clinic's own facts: filled into texts when a release is built, never guessed."""

from __future__ import annotations

import datetime as dt
import re
from dataclasses import dataclass, field
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
    """One clinic: its facts as text, its mode (demo or clinic), its staffed hours and its country's lines.

    `spanish` holds the facts that the clinic gave in Spanish (under `es`), and for those it left out what to say instead.
    """

    mode: str
    facts: dict[str, str]
    hours: Hours
    staffed: dict[str, Any]
    holidays: list[str]
    country: Country
    countries: dict[str, Country]
    spanish: dict[str, str] = field(default_factory=dict)

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
        facts, spanish = {}, {}
        translated = given.get("es") or {}
        for name, fact in known.items():
            value, in_spanish = (_own_words(name, source) for source in (given, translated))
            if not value and fact.get("required"):
                raise ClinicError(f"{name} is missing: {fact['label']}")
            facts[name] = value or str(fact["instead"])
            if said := in_spanish or ("" if value else fact.get("instead_es")):
                spanish[name] = said
        if not facts["keep_days"].isdecimal() or not int(facts["keep_days"]):
            raise ClinicError(f"keep_days {facts['keep_days']!r} is no number of days; write a whole number such as 90")
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
        return cls(mode, facts, hours, given.get("staffed") or {}, holidays, countries[code], countries, spanish)

    def fill(self, text: str, language: str = "en", **more: str) -> str:
        """Replace the placeholders of a text in that language. Raises ClinicError for one that is unknown."""
        facts = self.facts | (self.spanish if language == "es" else {})
        values = {f"clinic.{name}": value for name, value in facts.items()}
        values |= {"lines.emergency": self.country.said_in(language).emergency, "lines.crisis": self.country.crisis}
        values |= {"lines.crisis_es": self.country.crisis_es}
        values |= {name.replace("__", "."): value for name, value in more.items()}

        def value(match: re.Match[str]) -> str:
            if match[1] not in values:
                raise ClinicError(f"unknown placeholder [[{match[1]}]]; known: {', '.join(sorted(values))}")
            return values[match[1]]

        return PLACEHOLDER.sub(value, text)


def _own_words(name: str, source: dict[str, Any]) -> str:
    value = str(source.get(name) or "").strip()
    if "{" in value or "}" in value or "[[" in value:
        raise ClinicError(f"{name}: braces and placeholders are not allowed in a clinic's own words")
    return value


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
