"""The approved answers of a release as a library to read: grouped, searched, and described for search engines.

Everything is read from the release that is handed over, so a new one shows at once. An answer comes in the language that is asked
for where there is a text of it, else in English.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from companion.release import Release, approval

Item = dict[str, Any]
FOUND = 20
_WORD = re.compile(r"[^\W_]+")
_UNSAFE = {ord(sign): f"\\u{ord(sign):04X}" for sign in "<>&\u2028\u2029"}


@dataclass(frozen=True)
class Entry:
    """An answer in a list: its title, and where it stands."""

    key: str
    title: str
    language: str
    address: str


def library_address(language: str) -> str:
    return "/answers/es/" if language == "es" else "/answers/"


def address(item: Item, language: str) -> str:
    """Where an answer stands, on the pages in that language."""
    return f"{library_address(language)}{item['key'].removeprefix('es:')}/"


def sections(release: Release, language: str) -> list[dict[str, Any]]:
    """The sections with the answers that may be read today, in the catalogue's order; a section without answers is left out."""
    grouped: dict[str, list[Entry]] = {name: [] for name in release.sections}
    for item in readable(release, language):
        grouped.setdefault(str(item["section"]), []).append(_entry(item, language))
    titles = release.section_titles(language)
    return [{"name": name, "title": titles.get(name, name), "answers": found} for name, found in grouped.items() if found]


def readable(release: Release, language: str) -> list[Item]:
    """Every answer that may be served today, once, in that language where there is one."""
    english = [item for item in release.answers if item["language"] == "en" and release.get(item["key"])]
    if language == "en":
        return english
    return [release.get(f"{language}:{item['key']}") or item for item in english]


def answer(release: Release, key: str, language: str) -> Item | None:
    """The answer of that key, in that language where there is one; None when there is none, or none that may be served."""
    found = release.get(f"{language}:{key}") if language != "en" else None
    found = found or release.get(key)
    return found if found and found["kind"] == "answer" and ":" not in key else None


def related(release: Release, item: Item, language: str) -> list[Entry]:
    found = (answer(release, key.removeprefix("es:"), language) for key in item["related"])
    return [_entry(other, language) for other in found if other]


def search(release: Release, text: str, language: str) -> list[Entry]:
    """The answers that hold most of the words, best first: a word in the title counts most, then in a phrasing, then in the text.

    An answer counts only if it holds more than half of the words; those that stand in most answers ("can", "I") are left out.
    """
    places = [(item, *_places(item)) for item in readable(release, language)]
    commonness = {word: sum(_has(word, everything) for *_, everything in places) for word in folded(text)}
    wanted = {word for word, count in commonness.items() if 2 * count < len(places)} or set(commonness)
    scored = []
    for item, title, phrasings, everything in places:
        held = {word for word in wanted if _has(word, everything)}
        if 2 * len(held) > len(wanted):
            points = sum(
                (1 + 3 * _has(word, title) + _has(word, phrasings)) / (1 + commonness[word]) for word in held
            )
            scored.append((-points, item["title"], item))
    return [_entry(item, language) for _, _, item in sorted(scored, key=lambda one: one[:2])[:FOUND]]


def description(item: Item, release: Release, url: str) -> str:
    """schema.org's words for an answer's page, as JSON that may stand in a page. Who reviewed it is said only if somebody has."""
    approved = approval(item)
    content: dict[str, Any] = {
        "@context": "https://schema.org",
        "@type": "MedicalWebPage",
        "url": url,
        "name": item["title"],
        "inLanguage": item["language"],
        "publisher": {"@type": "MedicalClinic", "name": release.clinic["name"], "telephone": release.clinic["phone"]},
        "mainEntity": {
            "@type": "Question",
            "name": item["title"],
            "acceptedAnswer": {"@type": "Answer", "text": item["text"]},
        },
    }
    if item["sources"]:
        content["citation"] = list(item["sources"])
    if approved:
        content |= {"reviewedBy": {"@type": "Person", "name": approved["by"]}, "lastReviewed": approved["on"]}
    return json.dumps(content, ensure_ascii=False).translate(_UNSAFE)


def folded(text: str) -> frozenset[str]:
    """The words of a text without case and accents."""
    plain = unicodedata.normalize("NFKD", text.casefold())
    return frozenset(_WORD.findall("".join(c for c in plain if not unicodedata.combining(c))))


def _places(item: Item) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    title, phrasings = folded(item["title"]), folded(" ".join(item["phrasings"]))
    return title, phrasings, title | phrasings | folded(item["text"])


def _has(word: str, where: Iterable[str]) -> bool:
    """Whether a word stands there, also with another ending: "drive" finds "driving"."""
    stem = word[: max(4, len(word) - 2)]
    return word in where or (len(word) > 4 and any(other.startswith(stem) for other in where))


def _entry(item: Item, language: str) -> Entry:
    return Entry(item["key"], item["title"], item["language"], address(item, language))
