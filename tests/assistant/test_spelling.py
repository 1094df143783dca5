"""Misspelt words are read as words of our subject."""

from __future__ import annotations

from collections import Counter

import pytest

from assistant.spelling import Speller, vocabulary

SPELLER = Speller(
    vocabulary(
        [
            "how long is the infusion",
            "what is the infusion",
            "reschedule my appointment",
            "appointment with the ketamine team",
            "ketamine how",
        ]
        * 2
    )
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("hoq lomg is the infusiom", "how long is the infusion"), ("ketamin apointmant", "ketamine appointment")],
)
def test_hurried_thumbs_are_understood(typed: str, meant: str) -> None:
    corrected = SPELLER.correct(typed).split()
    assert sum(a == b for a, b in zip(corrected, meant.split(), strict=True)) >= len(corrected) - 1


@pytest.mark.parametrize("text", ["Is it raining?", "How long is the infusion?", "", "988", "¿Qué es?"])
def test_text_without_mistakes_stays_as_it_was_typed(text: str) -> None:
    assert SPELLER.correct(text) == text


def test_a_word_seen_once_that_is_no_english_is_not_corrected_to() -> None:
    assert Speller(Counter({"infusiom": 1})).correct("infusiok") == "infusiok"
