"""The words of pages and buttons: `data/pages.yml`, its translations over it, and the clinic's facts in their places."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from companion.clinic import PLACEHOLDER
from companion.paths import DATA
from web.chat.shown import Shown

PAGES = DATA / "pages.yml"
Words = dict[str, Any]


@lru_cache(maxsize=32)
def page_words(page: str, language: str = "en", path: Path = PAGES) -> Words:
    """A page's words as they are written; what is not translated stays English. Raises ValueError when they cannot be had."""
    english = _read(page, path)
    translated = path.with_suffix(f".{language}.yml")
    return over(english, _read(page, translated)) if language != "en" and translated.exists() else english


def _read(page: str, path: Path) -> Words:
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["pages"][page])
    except (OSError, yaml.YAMLError, KeyError, TypeError, ValueError) as e:
        raise ValueError(f"{path}: holds no {page} ({type(e).__name__}); restore the file from the repository") from e


def over(words: Words, translated: Words) -> Words:
    """The words with the translated ones in their places."""
    both = {key: over(words[key], text) for key, text in translated.items() if isinstance(text, dict) and key in words}
    return {**words, **translated, **both}


def facts(seen: Shown) -> dict[str, str]:
    """What a page may name: the clinic's facts, and the lines of its country."""
    known = {f"clinic.{name}": value for name, value in seen.clinic.items() if isinstance(value, str) and value}
    return known | {"lines.emergency": seen.country["emergency"], "lines.crisis": seen.country["crisis"]}


def filled(texts: Iterable[str], known: Mapping[str, str]) -> list[str]:
    """The texts with their placeholders filled, without those that ask for a fact that is not there."""
    return [
        PLACEHOLDER.sub(lambda match: known[match[1]], text)
        for text in texts
        if all(name in known for name in PLACEHOLDER.findall(text))
    ]


def spoken(page: str, seen: Shown, **more: str) -> Words:
    """A page's words in the language of what is shown, with its facts; a text whose fact is missing is empty or left out.

    `more` are further facts, `keep__days` for [[keep.days]]. Raises ValueError when the words cannot be had.
    """
    known = facts(seen) | {name.replace("__", "."): value for name, value in more.items()}
    return _said(page_words(page, seen.language), known)


def _said(words: Any, known: Mapping[str, str]) -> Any:
    if isinstance(words, dict):
        return {key: _said(inner, known) for key, inner in words.items()}
    if isinstance(words, list):
        return [_said(inner, known) for inner in words if not isinstance(inner, str) or filled([inner], known)]
    return "".join(filled([words], known)) if isinstance(words, str) else words
