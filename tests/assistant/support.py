"""What tests of the engine share: an encoder without weights, a small release, a decider that is told what it sees."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from assistant.decision import Decider, Match
from assistant.spelling import Speller
from companion.catalogue import Catalogue, Item
from companion.clinic import Clinic
from companion.release import Release, build, write

WIDTH = 384
ALWAYS = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}

MESSAGES = {
    "crisis": ("crisis.1", "crisis.2", "crisis.3"),
    "emergency": ("emergency.1", "emergency.2"),
    "fallback": ("fallback.1", "fallback.2", "offer_care_team"),
    "clarify": ("clarify", "section"),
    "smalltalk": ("smalltalk/greet", "smalltalk/thanks"),
    "label": ("label_none_of_these", "label_talk_to_person"),
    "notice": ("greeting", "staffing_staffed", "alert_failed"),
}
PHRASINGS = {
    "preparation/eating": ("can i eat before a session", "should i have breakfast", "food on the day"),
    "preparation/rides": ("who drives me home", "can i take a taxi back", "do i need a ride"),
    "session/music": ("may i bring music", "are headphones allowed", "what music do you play"),
}


def words_encode(texts: Sequence[str]) -> np.ndarray:
    """A unit vector for each text, the sum of one fixed random vector a word: texts that share words are near."""
    rows = np.zeros((len(texts), WIDTH), np.float32)
    for row, text in zip(rows, texts, strict=True):
        for word in text.lower().split():
            row += np.random.default_rng(zlib.crc32(word.strip(".,!?").encode())).standard_normal(WIDTH)
        row /= np.linalg.norm(row) or 1.0
    return rows


class WordsEncoder:
    """Stands in for `assistant.encoder.Encoder`."""

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        return words_encode(texts)


def answer(key: str, **changes: Any) -> Item:
    name = key.split("/")[1]
    given = {
        "title": f"About {name}",
        "text": f"Approved words about {name}.",
        "section": key.split("/")[0],
        "phrasings": PHRASINGS.get(key, (f"tell me about {name}",)),
    }
    return Item(key=key, kind="answer", **{**given, **changes})


def small_catalogue(*answers: Item) -> Catalogue:
    """The messages that the NLG needs, and some answers (those of PHRASINGS if none are given)."""
    items = {
        key: Item(key=key, kind=kind, title=f"Title of {key}", text=f"Approved words of {key}.")
        for kind, keys in MESSAGES.items()
        for key in keys
    }
    for item in answers or tuple(answer(key) for key in PHRASINGS):
        items[item.key] = item
    return Catalogue({"preparation": "Before a session", "session": "The session"}, items)


def small_release(*answers: Item, previous: Release | None = None, **clinic: Any) -> dict[str, Any]:
    """The content of a release of `small_catalogue`."""
    facts = {"mode": "demo", "name": "Test Clinic", "phone": "555-0100", "country": "US", "timezone": "UTC"}
    return build(small_catalogue(*answers), Clinic.parse({**facts, "staffed": ALWAYS, **clinic}), previous=previous)


def publish(at: Path, *answers: Item, previous: Release | None = None) -> Release:
    """Put a small release in force in that state folder."""
    content = small_release(*answers, previous=previous)
    write(content, at / "releases" / "current.json")
    return Release(content)


class ToldDecider(Decider):
    """A decider whose matches are given, so that what follows from them can be tested by itself."""

    def __init__(self, matches: Mapping[str, tuple[float, Sequence[str]]]) -> None:
        super().__init__(np.ones(5), None, answer_from=0.7, clarify_from=0.3, speller=Speller(Counter()))
        self.told = matches
        self.asked: list[str] = []

    def matches(self, index: Any, texts: Sequence[str]) -> list[Match]:
        self.asked += texts
        found = []
        for text in texts:
            confidence, keys = self.told.get(text, (0.0, ("out_of_scope",)))
            found.append(Match(tuple((key, 1.0 / (place + 1)) for place, key in enumerate(keys)), confidence))
        return found
