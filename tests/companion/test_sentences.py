from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.sentences import MAX_WORDS, sentences


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("What do you charge? I want to die.", ["What do you charge?", "I want to die."]),
        ("see you monday\ni want to die", ["see you monday", "i want to die"]),
        ("i want to die What are your hours", ["i want to die", "What are your hours"]),
        ("Thanks.Can I park there", ["Thanks", "Can I park there"]),
        ("Is Dr. Shaw in? Yes", ["Is Dr. Shaw in?", "Yes"]),
        ("Are you open? No. I want to die", ["Are you open?", "No.", "I want to die"]),
        ("I live on Main St. I want to die", ["I live on Main St.", "I want to die"]),
    ],
)
def test_a_message_is_cut_where_a_reader_would_pause(text: str, parts: list[str]):
    assert [part.rstrip() for part in sentences(text)] == parts


def test_the_word_i_in_capitals_does_not_cut_a_sentence():
    assert sentences("so I think I want to go home") == ["so I think I want to go home"]


def test_a_long_stretch_without_full_stops_is_cut_at_connecting_words():
    story = "i went to the shop and bought some bread and then i walked home in the rain and my shoes got wet and now i want to die"
    assert any("i want to die" in part and len(part.split()) < 12 for part in sentences(story))


@given(st.text(max_size=400))
def test_no_part_is_empty_or_long(text: str):
    assert all(part.strip() and len(part.split()) <= MAX_WORDS for part in sentences(text))


@given(st.lists(st.from_regex(r"[a-z]{1,8}", fullmatch=True), max_size=120))
def test_no_word_is_lost(words: list[str]):
    kept = " ".join(sentences(" ".join(words))).split()
    assert set(words) <= set(kept)
