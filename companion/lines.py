"""Crisis and emergency lines by country, as links a phone can act on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

from companion.paths import DATA

ELSEWHERE = "ZZ"
WARN_AFTER_DAYS, FAIL_AFTER_DAYS = 180, 400

Link = dict[str, str]


class LinesError(ValueError):
    """The lines file is wrong; the message names country, line and what to do."""


@dataclass(frozen=True)
class Country:
    """The lines of one country: how its emergency number is said, one sentence for a crisis card, and the lines themselves."""

    code: str
    name: str
    emergency: str
    crisis: str
    crisis_es: str
    links: tuple[Link, ...]
    spanish: Country | None = None

    def said_in(self, language: str) -> Country:
        """The same country in that language, where there is one; else as it is."""
        return self.spanish if language == "es" and self.spanish else self

    def as_dict(self) -> dict[str, Any]:
        """As a release holds it; what is said in Spanish stands under `es`."""
        words = {"name": self.name, "emergency": self.emergency, "crisis": self.crisis, "links": list(self.links)}
        return {"code": self.code, **words, **({"es": self.spanish.as_dict()} if self.spanish else {})}


def load_lines(path: Path = DATA / "crisis_lines.yml") -> dict[str, Country]:
    """All countries by code. Raises LinesError when a line lacks a way to reach it, its source or its date."""
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        entries, labels = content["countries"], content["labels"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as e:
        raise LinesError(f"{path}: cannot be read: {e}") from e
    countries = {code: _country(code, entry, labels) for code, entry in entries.items()}
    if ELSEWHERE not in countries:
        raise LinesError(f"{path}: the country {ELSEWHERE} (elsewhere) is missing; patients abroad need it")
    return countries


def stale(path: Path = DATA / "crisis_lines.yml", *, today: dt.date) -> list[tuple[str, int]]:
    """Every line whose source was last read more than WARN_AFTER_DAYS ago, with the number of days."""
    entries = yaml.safe_load(path.read_text(encoding="utf-8"))["countries"]
    aged = [
        (f"{code}: {line.get('name', 'emergency')}", (today - line["verified_on"]).days)
        for code, entry in entries.items()
        for line in [entry["emergency"], *entry["lines"]]
    ]
    return [(name, days) for name, days in aged if days > WARN_AFTER_DAYS]


def _country(code: str, entry: dict[str, Any], labels: dict[str, Any]) -> Country:
    try:
        for line in [entry["emergency"], *entry["lines"]]:
            if not line.get("source") or not isinstance(line.get("verified_on"), dt.date):
                raise LinesError(f"{code}: {line.get('name', 'emergency')}: needs `source` and `verified_on` (a date)")
        spanish = _said(code, entry, labels["es"], "_es") if "es" in labels else None
        return replace(_said(code, entry, labels["en"], ""), spanish=spanish)
    except KeyError as e:
        raise LinesError(f"{code}: {e} is missing") from e


def _said(code: str, entry: dict[str, Any], labels: dict[str, str], suffix: str) -> Country:
    """A country in one language: a field such as `name_es` comes before `name`, where it is given."""

    def of(part: dict[str, Any], field: str) -> str:
        return str(part.get(field + suffix) or part.get(field) or "")

    emergency = entry["emergency"]
    numbers = [number for number in (emergency["number"], emergency.get("also")) if number]
    links = [{"label": labels["emergency"].format(number=numbers[0]), "href": f"tel:{numbers[0]}"}] if numbers else []
    for line in entry["lines"]:
        found = _links({**line, "name": of(line, "name"), "note": of(line, "note")}, labels)
        if not found:
            raise LinesError(f"{code}: {line['name']}: needs at least one of call, text, chat")
        links += found
    words = of(emergency, "words") or labels["or"].join(numbers)
    crisis = entry["crisis"]
    return Country(code, of(entry, "name"), words, of(entry, "crisis"), entry.get("crisis_es") or crisis, tuple(links))


def _links(line: dict[str, Any], labels: dict[str, str]) -> list[Link]:
    name, links = line["name"], []
    if number := line.get("call"):
        note = f", {line['note']}" if line["note"] else ""
        links.append({"label": labels["call"].format(number=number + note, name=name), "href": "tel:" + number.replace("-", "")})
    if number := line.get("text"):
        body = line.get("text_body")
        said = labels["text_body" if body else "text"].format(number=number, body=body, name=name)
        links.append({"label": said, "href": f"sms:{number}" + (f"?&body={quote(body)}" if body else "")})
    if address := line.get("chat"):
        links.append({"label": labels["chat"].format(name=name), "href": address})
    return links
