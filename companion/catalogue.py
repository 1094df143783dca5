"""The catalogue in `data/`: approved-answer samples and the assistant's own messages, read from Rasa training data."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import yaml

from companion.paths import DATA

KINDS = (
    "answer", "clarify", "fallback", "crisis", "emergency", "symptom", "advice", "human", "smalltalk", "notice", "staff", "label",
)  # fmt: skip
ASSISTANT_FILES = ("messages", "notices", "smalltalk")
"""The files that hold what the assistant says by itself, as against answers."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The same in C, where it is built in: the catalogue is read before the first approval can be in force."""

KEY = re.compile(r"[a-z0-9]+(?:[-_./][a-z0-9]+)*")


class CatalogueError(ValueError):
    """A file of the catalogue is wrong; each line of the message names file, key and what to do."""


@dataclass(frozen=True)
class Item:
    """One text that the assistant may say. `text` may hold placeholders; a release holds it filled in."""

    key: str
    kind: str
    title: str
    text: str
    language: str = "en"
    section: str | None = None
    phrasings: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    related: tuple[str, ...] = ()
    offer_care_team: bool = False
    attach_lines: bool = False
    status: str = "sample"
    review_by: dt.date | None = None
    source_file: str = field(default="", compare=False)


@dataclass(frozen=True)
class Catalogue:
    """All sections, answers and messages."""

    sections: dict[str, str]
    items: dict[str, Item]
    spanish_sections: dict[str, str] = field(default_factory=dict)

    @property
    def answers(self) -> dict[str, Item]:
        return {key: item for key, item in self.items.items() if item.kind == "answer"}


def load_catalogue(data: Path = DATA, *, related_to: Collection[str] = ()) -> Catalogue:
    """Read `sections.yml`, `answers/`, and the ASSISTANT_FILES. Raises CatalogueError with every fault found.

    `related_to` are keys that exist elsewhere, for a part of a catalogue.
    """
    faults: list[str] = []
    sections = _read(data / "sections.yml")["sections"]
    items: dict[str, Item] = {}
    examples: dict[str, list[str]] = {}
    files = sorted((data / "answers").rglob("*.yml"))
    own = [data / f"{name}.yml" for name in ASSISTANT_FILES]
    for path in [*files, *own, *sorted(data.glob("notices.??.yml"))]:
        content = _read(path)
        language = _language(path)
        for block in content.get("nlu") or []:
            key = str(block.get("intent"))
            examples.setdefault(_localised(key, language), []).extend(_lines(block.get("examples") or ""))
        for name, variations in _texts(content).items():
            for item in _items(path, name, variations, language, faults):
                if item.key in items:
                    faults.append(f"{path.name}: {item.key}: this key is in {items[item.key].source_file} already; rename one")
                if item.section and item.section not in sections:
                    faults.append(f"{path.name}: {item.key}: section {item.section!r} is not in sections.yml")
                items[item.key] = item
    for key, item in items.items():
        if phrasings := examples.get(key):
            items[key] = replace(item, phrasings=tuple(phrasings))
        elif item.kind == "answer":
            faults.append(f"{item.source_file}: {key}: has no phrasings under `nlu`; add at least one")
        faults += [
            f"{item.source_file}: {key}: related key {other!r} does not exist"
            for other in item.related
            if other not in items and other not in related_to
        ]
    if faults:
        raise CatalogueError("\n".join(faults))
    translated = data / "sections.es.yml"
    return Catalogue(sections, items, _read(translated)["sections"] if translated.exists() else {})


def _language(path: Path) -> str:
    """`answers/es/about.yml` and `notices.es.yml` are Spanish; a file without a language in its name is English."""
    if path.parent.parent.name == "answers":
        return path.parent.name
    return path.stem.partition(".")[2] or "en"


def _texts(content: dict[str, Any]) -> dict[str, Any]:
    """The texts of a file. Translations are kept from Rasa, which would put them in the place of the English ones."""
    return content.get("responses") or content.get("notices") or content.get("translations") or {}


def _localised(key: str, language: str) -> str:
    """Texts in another language than English carry it in their key: `es:session/what-happens`."""
    return key if language == "en" else f"{language}:{key}"


def _read(path: Path) -> dict[str, Any]:
    try:
        content = yaml.load(path.read_text(encoding="utf-8"), Loader=_LOADER)
    except (OSError, yaml.YAMLError) as e:
        raise CatalogueError(f"{path}: cannot be read: {e}") from e
    if not isinstance(content, dict):
        raise CatalogueError(f"{path}: is empty or not a mapping")
    return content


def _lines(examples: str) -> list[str]:
    return [line.strip()[2:].strip() for line in examples.splitlines() if line.strip().startswith("- ")]


def _date(value: Any) -> dt.date | None:
    """A date as the catalogue writes it: a quoted string, since Rasa keeps metadata as JSON. Raises ValueError."""
    return dt.date.fromisoformat(str(value)) if value else None


def _items(path: Path, name: str, variations: Any, language: str, faults: list[str]) -> list[Item]:
    key = name.removeprefix("utter_")
    answer = path.stem.partition(".")[0] not in ASSISTANT_FILES
    if answer and len(variations) != 1:
        faults.append(f"{path.name}: {key}: an answer has exactly one text, not {len(variations)}")
    items = []
    for number, variation in enumerate(variations, start=1):
        meta = dict(variation.get("metadata") or {})
        own = str(variation.get("id") or (key if len(variations) == 1 else f"{key}.{number}"))
        text = str(variation.get("text") or "").strip()
        kind = "answer" if answer else meta.get("kind", "")
        for fault, wrong in (
            ("has no text", not text),
            ("has a brace, which Rasa would read as a slot; remove it", "{" in text or "}" in text),
            ("has no title", not meta.get("title")),
            (f"kind {kind!r} is not one of {', '.join(KINDS)}", kind not in KINDS),
            ("is no valid key: use small letters, digits, - and one /", not KEY.fullmatch(own)),
        ):
            if wrong:
                faults.append(f"{path.name}: {own}: {fault}")
        items.append(
            Item(
                key=_localised(own, language),
                kind=kind,
                title=str(meta.get("title", "")),
                text=text,
                language=str(meta.get("language", language)),
                section=key.split("/")[0] if answer else None,
                sources=tuple(meta.get("sources") or ()),
                related=tuple(meta.get("related") or ()),
                offer_care_team=bool(meta.get("offer_care_team")),
                attach_lines=bool(meta.get("attach_lines")),
                status=str(meta.get("status", "sample")),
                review_by=_date(meta.get("review_by")),
                source_file=path.name,
            )
        )
    return items
