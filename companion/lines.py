"""Crisis and emergency lines by country, as links a phone can act on."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
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

    def as_dict(self) -> dict[str, Any]:
        return {"code": self.code, "name": self.name, "emergency": self.emergency, "crisis": self.crisis, "links": list(self.links)}


def load_lines(path: Path = DATA / "crisis_lines.yml") -> dict[str, Country]:
    """All countries by code. Raises LinesError when a line lacks a way to reach it, its source or its date."""
    try:
        entries = yaml.safe_load(path.read_text(encoding="utf-8"))["countries"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as e:
        raise LinesError(f"{path}: cannot be read: {e}") from e
    countries = {code: _country(code, entry) for code, entry in entries.items()}
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


def _country(code: str, entry: dict[str, Any]) -> Country:
    try:
        emergency = entry["emergency"]
        for line in [emergency, *entry["lines"]]:
            if not line.get("source") or not isinstance(line.get("verified_on"), dt.date):
                raise LinesError(f"{code}: {line.get('name', 'emergency')}: needs `source` and `verified_on` (a date)")
        links = _emergency_links(emergency)
        for line in entry["lines"]:
            found = _links(line)
            if not found:
                raise LinesError(f"{code}: {line['name']}: needs at least one of call, text, chat")
            links += found
        words = emergency.get("words") or " or ".join(filter(None, [emergency["number"], emergency.get("also")]))
        return Country(code, entry["name"], words, entry["crisis"], entry.get("crisis_es") or entry["crisis"], tuple(links))
    except KeyError as e:
        raise LinesError(f"{code}: {e} is missing") from e


def _emergency_links(emergency: dict[str, Any]) -> list[Link]:
    number = emergency["number"]
    return [{"label": f"Call {number} (emergency)", "href": f"tel:{number}"}] if number else []


def _links(line: dict[str, Any]) -> list[Link]:
    name, links = line["name"], []
    if number := line.get("call"):
        note = f", {line['note']}" if line.get("note") else ""
        links.append({"label": f"Call {number}{note}: {name}", "href": "tel:" + number.replace("-", "")})
    if number := line.get("text"):
        body = line.get("text_body")
        said = f"Text {body} to {number}" if body else f"Text {number}"
        links.append({"label": f"{said}: {name}", "href": f"sms:{number}" + (f"?&body={quote(body)}" if body else "")})
    if address := line.get("chat"):
        links.append({"label": f"Chat: {name}", "href": address})
    return links
