"""A new release is answered from without training; a broken one changes nothing."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from assistant import live as module
from assistant.letters import Letters
from assistant.live import LiveReleases, release_examples
from assistant.matching import Example
from companion.release import Release, Releases
from tests.assistant.support import PHRASINGS, WordsEncoder, answer, publish

OTHERS = [Example("give me a person", "human"), Example("what is the weather", "out_of_scope")]
NEW = answer("preparation/pets", phrasings=("can my dog come along",), text="Approved words about dogs.")
OLD = tuple(answer(key) for key in PHRASINGS)


@pytest.fixture(scope="module")
def letters() -> Letters:
    return Letters([text for texts in PHRASINGS.values() for text in texts])


@pytest.fixture
def live(home: Path, words_encoder: WordsEncoder, letters: Letters, monkeypatch: pytest.MonkeyPatch) -> LiveReleases:
    monkeypatch.setattr("companion.release.CHECK_EVERY_SECONDS", 0.0)
    publish(home, *OLD)
    return LiveReleases(OTHERS, letters, Releases(home / "releases" / "current.json"))


def best(live: LiveReleases, text: str) -> str:
    """The key of the nearest phrasing."""
    index = live.current().index
    return index.keys[index.scores([text])[0][:, 0].argmax()]


def test_a_release_is_indexed_with_its_phrasings_titles_and_sentences(live: LiveReleases) -> None:
    found = {
        (example.text, example.weight)
        for example in release_examples(live.current().release)
        if "eating" in example.key
    }
    assert ("should i have breakfast", 1.0) in found and ("About eating", 1.0) in found
    assert ("Approved words about eating.", module.TEXT_WEIGHT) in found
    assert {"human", "out_of_scope"} <= set(live.current().index.keys)


def test_a_new_answer_is_found_as_soon_as_its_release_is_in_force(live: LiveReleases, home: Path) -> None:
    assert best(live, "can my dog come along") != NEW.key
    newer = publish(home, *OLD, NEW, previous=live.current().release)
    assert live.refresh() and live.current().release.hash == newer.hash
    assert best(live, "can my dog come along") == NEW.key
    assert not live.refresh(), "the same release is indexed once"


def test_a_withdrawn_answer_is_gone_with_the_next_release(live: LiveReleases, home: Path) -> None:
    publish(home, *OLD[1:], previous=live.current().release)
    live.refresh()
    assert OLD[0].key not in live.current().index.keys


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b'{"format": 1, "half', b"\xff\xfe", b"[" * 100_000])
def test_a_broken_release_file_leaves_the_last_good_one_in_force(
    content: bytes, live: LiveReleases, home: Path
) -> None:
    before = live.current()
    current = home / "releases" / "current.json"
    good = current.read_bytes()
    current.write_bytes(content)
    assert not live.refresh() and live.current() is before and live.releases.fault
    current.write_bytes(good)
    assert not live.refresh() and live.releases.fault is None


def test_a_release_that_was_edited_by_hand_is_not_served(live: LiveReleases, home: Path) -> None:
    current = home / "releases" / "current.json"
    current.write_text(current.read_text("utf-8").replace("Approved words about eating", "Eat what you like"), "utf-8")
    live.refresh()
    assert live.current().release.items["preparation/eating"]["text"] == "Approved words about eating."


def test_a_missing_file_leaves_the_last_good_release_in_force(live: LiveReleases, home: Path) -> None:
    (home / "releases" / "current.json").unlink()
    assert not live.refresh() and live.current().release.number == 1


def test_only_new_texts_are_encoded_for_a_new_release(
    live: LiveReleases, home: Path, words_encoder: WordsEncoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []

    def encode(texts: Sequence[str]) -> np.ndarray:
        asked.extend(texts)
        return words_encoder.encode(texts)

    monkeypatch.setattr(live._memory, "_encode", encode)
    publish(home, *OLD, NEW, previous=live.current().release)
    live.refresh()
    assert sorted(asked) == sorted([*NEW.phrasings, NEW.title, NEW.text])


def test_no_message_of_a_patient_is_remembered(live: LiveReleases) -> None:
    before = set(live._memory._vectors)
    best(live, "words that only this patient would write")
    assert set(live._memory._vectors) == before


def test_the_watch_takes_up_a_new_release_and_survives_one_that_cannot_be_indexed(
    live: LiveReleases, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WATCH_EVERY_SECONDS", 0.001)
    index, failed = LiveReleases._index, threading.Event()

    def refuses_pets(self: LiveReleases, release: Release) -> module.Live:
        if NEW.key in release.items:
            failed.set()
            raise ValueError("cannot be indexed")
        return index(self, release)

    monkeypatch.setattr(LiveReleases, "_index", refuses_pets)
    live.watch()
    try:
        second = publish(home, *OLD, NEW, previous=live.current().release)
        assert failed.wait(5) and live.current().release.number == 1
        third = publish(home, *OLD[1:], previous=second)
        ends = time.monotonic() + 5
        while live.current().release.hash != third.hash and time.monotonic() < ends:
            time.sleep(0.001)
        assert live.current().release.hash == third.hash
    finally:
        live.close()
        assert live._thread
        live._thread.join(5)
    assert not live._thread.is_alive()


def test_a_newly_loaded_model_takes_over_from_the_one_before(
    live: LiveReleases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_current", None)
    assert module.served() is None
    module.serve(live)
    assert module.served() is live
    newer = LiveReleases(OTHERS, live._letters, live.releases)
    module.serve(newer)
    assert module.served() is newer and live._stop.is_set() and not newer._stop.is_set()
