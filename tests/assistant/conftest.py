"""Fixtures of the engine's tests: the real encoder, a matcher trained on a part of the catalogue, a state folder."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from assistant.encoder import Memory, encoder
from assistant.matching import AnswerIndex, Example
from assistant.training import train_matcher
from companion.catalogue import load_catalogue
from companion.corpus import Labelled, read
from companion.paths import DATA
from tests.assistant.support import WordsEncoder

TOPICS = (
    "preparation/eating-and-drinking",
    "preparation/transport",
    "preparation/what-to-wear-and-bring",
    "session/what-happens",
    "session/how-long-is-it",
    "session/will-i-be-awake",
    "aftercare/driving",
    "aftercare/alcohol-after",
    "integration/journaling",
    "clinic/cost-and-insurance",
)
"""A tenth of the catalogue: enough to train on in seconds."""


@pytest.fixture(scope="session")
def encode() -> Memory:
    """The real encoder, as `rasa train` uses it."""
    return Memory(encoder().encode)


@pytest.fixture(scope="session")
def labelled() -> list[Labelled]:
    """Examples of a part of the catalogue, of requests for a person, small talk and what is out of scope."""
    items = load_catalogue().items
    found = [Labelled(text, key) for key in TOPICS for text in items[key].phrasings]
    talk = [
        one for one in read(DATA / "smalltalk.yml") if one.label in ("human", "smalltalk/greet", "smalltalk/thanks")
    ]
    outside = read(DATA / "out_of_scope.yml")
    return [*found, *talk[::3], *outside[:: max(1, len(outside) // 120)]]


@pytest.fixture(scope="session")
def matcher(labelled: list[Labelled], encode: Memory) -> dict[str, Any]:
    """What `rasa train` learns of them."""
    return train_matcher(labelled, encode)


@pytest.fixture(scope="session")
def index(labelled: list[Labelled], matcher: dict[str, Any], encode: Memory) -> AnswerIndex:
    return AnswerIndex([Example(one.text, one.label) for one in labelled], encode, matcher["letters"])


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder of this test's own."""
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    return tmp_path


@pytest.fixture
def words_encoder(monkeypatch: pytest.MonkeyPatch) -> WordsEncoder:
    """The release is indexed with the encoder that needs no weights."""
    stand_in = WordsEncoder()
    monkeypatch.setattr("assistant.live.encoder", lambda: stand_in)
    return stand_in


@pytest.fixture(scope="session")
def trained_model() -> Iterator[Path]:
    """The trained model's file. Without one these tests are left out, and say so."""
    given = os.environ.get("COMPANION_MODEL", "")
    if not given or not Path(given).is_file():
        pytest.skip(f"COMPANION_MODEL={given!r} is no trained model; script/test trains one and names it")
    yield Path(given)
