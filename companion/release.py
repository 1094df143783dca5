"""A release: every text that may be said, in one immutable file with a content hash.

Built whole, written atomically, verified by whoever reads it. A release whose hash does not match is refused and the last
good one stays in force, so that a half-written or altered file never reaches a patient.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from companion.catalogue import Catalogue, Item, load_catalogue
from companion.clinic import Clinic, opening_words
from companion.hours import DAYS
from companion.paths import current_release

FORMAT = 1
CHECK_EVERY_SECONDS = 0.2


class ReleaseError(ValueError):
    """A release that cannot be read, or whose content is not what its hash says."""


def text_hash(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def content_hash(content: dict[str, Any]) -> str:
    """SHA-256 over the canonical JSON of everything but the hash itself."""
    rest = {key: value for key, value in content.items() if key != "hash"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()).hexdigest()


class Release:
    """A verified release. Look items up by key; everything is read-only."""

    def __init__(self, content: dict[str, Any]) -> None:
        self.content = content
        self.number: int = content["number"]
        self.hash: str = content["hash"]
        self.mode: str = content["mode"]
        self.clinic: dict[str, Any] = content["clinic"]
        self.sections: dict[str, str] = {section["name"]: section["title"] for section in content["sections"]}
        self.spanish_sections: dict[str, str] = {
            section["name"]: section.get("es", section["title"]) for section in content["sections"]
        }
        self.items: dict[str, dict[str, Any]] = {item["key"]: item for item in content["items"]}

    @classmethod
    def parse(cls, raw: bytes) -> Release:
        """Verify and read a release file's bytes. Raises ReleaseError."""
        try:
            content = json.loads(raw)
            if content["format"] != FORMAT:
                raise ReleaseError(f"release format {content['format']!r}; this version reads format {FORMAT}")
            if content["hash"] != content_hash(content):
                raise ReleaseError("the release's content does not match its hash; build it again, never edit it")
            if any(item["hash"] != text_hash(item["text"]) for item in content["items"]):
                raise ReleaseError("a text of the release does not match its hash; build it again")
            return cls(content)
        except ReleaseError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as e:
            raise ReleaseError(f"not a release file: {e!r}") from e

    @classmethod
    def read(cls, path: Path) -> Release:
        try:
            return cls.parse(path.read_bytes())
        except OSError as e:
            raise ReleaseError(_unread(path, e)) from e

    def get(self, key: str) -> dict[str, Any] | None:
        """The item of that key, unless it may not be served (see `servable`)."""
        item = self.items.get(key)
        return item if item and servable(item, self.mode, dt.date.today()) else None

    @cached_property
    def answers(self) -> list[dict[str, Any]]:
        """All answers of the release, whether or not they may be served today."""
        return [item for item in self.items.values() if item["kind"] == "answer"]

    def section_titles(self, language: str) -> dict[str, str]:
        """The sections' titles by name; those that have none in that language keep the English one."""
        return self.spanish_sections if language == "es" else self.sections

    def localised(self, key: str, language: str) -> str:
        """The key of a text or message in that language, where there is one; else the key as it is."""
        translated = f"{language}:{key}"
        return translated if language != "en" and self.variations(translated) else key

    def variations(self, name: str) -> list[dict[str, Any]]:
        """The texts of a message in their order: the item `name`, or `name.1`, `name.2`, …"""
        if name in self.items:
            return [self.items[name]]
        found: list[dict[str, Any]] = []
        while item := self.items.get(f"{name}.{len(found) + 1}"):
            found.append(item)
        return found

    def message(self, name: str, shown: int = 0) -> dict[str, Any]:
        """The variation of a message to show when `shown` were shown before. Raises KeyError for an unknown message."""
        variations = self.variations(name)
        if not variations:
            raise KeyError(name)
        return variations[shown % len(variations)]

    def reply(self, item: dict[str, Any], choices: Iterable[dict[str, str]] = ()) -> dict[str, Any]:
        """An item as the patient API hands it over."""
        return {
            "kind": item["kind"],
            "key": item["key"],
            "revision": item["revision"],
            "text": item["text"],
            "links": item["links"],
            "choices": list(choices),
            "sources": item["sources"],
            "approved": approval(item),
        }


def approval(item: dict[str, Any]) -> dict[str, Any] | None:
    """Who approved an item, on which day and until when: {by, on, until}, dates as ISO; None for a sample."""
    if item["sample"] or not item["approver"]:
        return None
    return {"by": item["approver"], "on": (item["approved_at"] or "")[:10] or None, "until": item["review_by"]}


def servable(item: dict[str, Any], mode: str, today: dt.date) -> bool:
    """An answer needs an approver and a review_by date that has not passed; samples are served in demo mode only. The
    assistant's own messages are always served: no crisis lines at all would be worse than lines that are due for review."""
    if item["kind"] != "answer":
        return True
    if item["sample"] or not item["approver"]:
        return mode != "clinic"
    return not item["review_by"] or dt.date.fromisoformat(item["review_by"]) >= today


class Releases:
    """The release in force, followed on disk. `current()` looks at the file at most every 0.2 s and keeps the last good one; a
    process that never saw a good one takes the newest of those kept beside it."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or current_release()
        self.fault: str | None = None
        self._release: Release | None = None
        self._seen: tuple[int, int, int] | None = None
        self._next_look = 0.0
        self._lock = threading.Lock()

    def current(self) -> Release:
        """Raises ReleaseError only when there never was a good release."""
        if self._release is None or time.monotonic() >= self._next_look:
            with self._lock:
                self._look()
        if self._release is None:
            raise ReleaseError(self.fault or "no release")
        return self._release

    def numbered(self, number: int) -> Release | None:
        """That release if it is in force or kept beside it; None when it cannot be had."""
        if self._release and self._release.number == number:
            return self._release
        try:
            return Release.read(self.path.with_name(f"{number}.json"))
        except ReleaseError:
            return None

    def _look(self) -> None:
        self._next_look = time.monotonic() + CHECK_EVERY_SECONDS
        try:
            stat = self.path.stat()
            seen = (stat.st_mtime_ns, stat.st_ino, stat.st_size)
            if seen == self._seen:
                return
            self._release, self.fault = Release.read(self.path), None
            self._seen = seen
        except (OSError, ReleaseError) as e:
            self._seen = None
            self.fault = _unread(self.path, e) if isinstance(e, OSError) else str(e)
            self._release = self._release or self._last_good()

    def _last_good(self) -> Release | None:
        """For a process that starts while the file in force is broken: the newest release kept beside it that is whole."""
        try:
            numbers = sorted((int(path.stem) for path in self.path.parent.glob("*.json") if path.stem.isdecimal()), reverse=True)
        except OSError:
            return None
        return next((release for number in numbers if (release := self.numbered(number))), None)


def _unread(path: Path, fault: OSError) -> str:
    return f"{path}: {fault.strerror}; script/setup builds the first release"


@dataclass(frozen=True)
class Approval:
    """Who approved an item, when, and the number of the row in the desk's record."""

    approver: str
    approved_at: dt.datetime
    version: int


def build(
    catalogue: Catalogue,
    clinic: Clinic,
    *,
    approvals: Mapping[str, Approval] | None = None,
    previous: Release | None = None,
    now: dt.datetime | None = None,
) -> dict[str, Any]:
    """The content of the next release. A key's revision counts up when its title, text or links changed.

    `approvals` is what the desk's record says of keys, and makes the release the desk's; without it everything is a sample.
    Raises ClinicError for a placeholder that the clinic's facts do not know.
    """
    now = now or dt.datetime.now(dt.timezone.utc)
    old = previous.items if previous else {}
    items = []
    for item, source in _expanded(catalogue, clinic):
        approval = approvals.get(source) if approvals else None
        text = clinic.fill(item.text, item.language)
        with_lines = item.attach_lines or item.kind in ("crisis", "emergency", "symptom")
        entry: dict[str, Any] = {
            "key": item.key,
            "kind": item.kind,
            "section": item.section,
            "language": item.language,
            "title": item.title,
            "text": text,
            "hash": text_hash(text),
            "links": list(clinic.country.said_in(item.language).links) if with_lines else [],
            "phrasings": list(item.phrasings),
            "sources": list(item.sources),
            "related": list(item.related),
            "offer_care_team": item.offer_care_team,
            "attach_lines": item.attach_lines,
            "sample": approval is None,
            "approver": approval.approver if approval else None,
            "approved_at": approval.approved_at.isoformat(timespec="seconds") if approval else None,
            "version": approval.version if approval else None,
            "review_by": item.review_by.isoformat() if item.review_by else None,
        }
        before = old.get(item.key)
        same = before is not None and all(before[part] == entry[part] for part in ("title", "text", "links"))
        entry["revision"] = (before["revision"] + (0 if same else 1)) if before else 1
        items.append(entry)
    content = {
        "format": FORMAT,
        "number": previous.number + 1 if previous else 1,
        "built_at": now.isoformat(timespec="seconds"),
        "mode": clinic.mode,
        "built_from": "data" if approvals is None else "desk",
        "clinic": {
            **clinic.facts,
            "country": clinic.country.code,
            "es": clinic.spanish,
            "staffed": clinic.staffed,
            "holidays": clinic.holidays,
        },
        "sections": [
            {"name": name, "title": title, "es": catalogue.spanish_sections.get(name, title)}
            for name, title in catalogue.sections.items()
        ],
        "lines": [country.as_dict() for country in clinic.countries.values()],
        "items": items,
    }
    return {**content, "hash": content_hash(content)}


def _expanded(catalogue: Catalogue, clinic: Clinic) -> Iterable[tuple[Item, str]]:
    """The catalogue's items with the key they have there: "unstaffed until …" comes once for every opening time of the week."""
    for item in catalogue.items.values():
        if item.key.removeprefix("es:") != "staffing_until":
            yield item, item.key
            continue
        for day, time_ in clinic.hours.openings():
            text = item.text.replace("[[staffing.opens]]", opening_words(day, time_, item.language))
            yield replace(item, key=f"{item.key}.{DAYS[day]}-{time_:%H%M}", text=text), item.key


def write(content: dict[str, Any], path: Path | None = None) -> Path:
    """Put a release in force: numbered copy first, then `current.json` swapped atomically. Raises ReleaseError."""
    raw = _written(content)
    release = Release.parse(raw)
    path = path or current_release()
    path.parent.mkdir(parents=True, exist_ok=True)
    for target in (path.with_name(f"{release.number}.json"), path):
        scratch = target.with_name(f".{target.name}.{os.getpid()}")
        with scratch.open("wb") as f:
            f.write(raw)
            f.flush()
            os.fsync(f.fileno())
        scratch.replace(target)
    return path


def _written(content: dict[str, Any]) -> bytes:
    """The file: one item to a line, so that two releases can be compared. (`indent` takes seconds for thousands of items.)"""
    head = json.dumps({**content, "items": []}, ensure_ascii=False, indent=1)
    items = ",\n  ".join(json.dumps(item, ensure_ascii=False) for item in content["items"])
    return head.replace('"items": []', f'"items": [\n  {items}\n ]', 1).encode("utf-8")


def build_from_data(path: Path | None = None, *, data: Path | None = None) -> tuple[Release, bool]:
    """Build a release from `data/` and put it in force if its content is new. Returns it, and whether it is new.

    A release that the editors' desk built is left as it is: it holds what people approved and withdrew, which `data/` does
    not know. The desk itself builds anew from its record (`manage.py set_up_desk`).
    """
    path = path or current_release()
    in_force = Releases(path)
    try:
        previous = in_force.current()
    except ReleaseError:
        previous = None
    if previous and previous.content.get("built_from") == "desk":
        return previous, False
    catalogue = load_catalogue(data) if data else load_catalogue()
    content = build(catalogue, Clinic.load(), previous=previous)
    if previous and not in_force.fault and _body(content) == _body(previous.content):
        return previous, False
    write(content, path)
    return Release(content), True


def _body(content: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in content.items() if key not in ("number", "built_at", "hash")}


def main() -> None:
    """`python -m companion.release`: build a release from `data/` and say what it holds."""
    release, new = build_from_data()
    state = "is in force" if new else "is in force already"
    print(f"release {release.number} {state}: {len(release.answers)} answers, {len(release.items)} texts, mode {release.mode}")


if __name__ == "__main__":
    main()
