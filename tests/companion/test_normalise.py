from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.normalise import fold, reveal
from companion.spellings import SPELLINGS


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("I Can\u2019t  Go\nOn", "i cant go on"),
        ("s\u00ed, por favor", "si, por favor"),
        ("k\u0456ll m\u0435", "kill me"),  # Cyrillic i and e
        ("sui\u200bcide", "suicide"),
        ("\uff44\uff49\uff45", "die"),  # full-width letters
    ],
)
def test_folding_makes_letters_plain(typed: str, read: str):
    assert fold(typed) == read


def test_a_text_in_another_script_is_a_language_and_not_a_disguise():
    assert fold("\u043f\u0440\u0438\u0432\u0435\u0442") == "\u043f\u0440\u0438\u0432\u0435\u0442"


@pytest.mark.parametrize(
    "typed",
    [
        "k1ll mys3lf",
        "k!ll my$elf",
        "k i l l   m y s e l f",
        "k.i.l.l myself",
        "k*ll myself",
        "k*** myself",
        "killll myself",
        "killmyself",
        "KILLMYSELF",
        "#killmyself",
        "kil my self",
        "kll myslef",
        "kill mysefl",
        "ki\u200bll my\u00adself",
        "k-i-l-l myself",
    ],
)
def test_somebody_who_hides_a_word_is_read_all_the_same(typed: str):
    assert "kill myself" in reveal(typed)


@pytest.mark.parametrize(
    ("typed", "read"),
    [
        ("iwanttodie", "i want to die"),
        ("im going 2 k1ll me", "im going to kill me"),
        ("i   w a n t   t o   d i e", "i want to die"),
        ("wannna dieeee", "wanna die"),
        ("sucide", "suicide"),
        ("siucidal", "suicidal"),
        ("5u1c1d3", "suicide"),
        ("s*****e", "suicide"),
        ("k.m.s", "kms"),
        ("i_want_to_die", "i want to die"),
        ("my throte is closeing", "my throat is closing"),
        ("gonna \U0001f52a myself", "gonna cut myself"),
    ],
)
def test_what_was_meant_is_found_behind_what_was_typed(typed: str, read: str):
    assert reveal(typed) == read


@pytest.mark.parametrize(
    "ordinary",
    [
        "call 988",
        "2 hours",
        "5mg",
        "160/100",
        "at 9:30",
        "take 2 tablets",
        "my skill set",
        "it is believed",
        "in the lifeline",
        "themselves",
    ],
)
def test_numbers_and_ordinary_words_stay_as_they_are(ordinary: str):
    assert reveal(ordinary) == ordinary


def test_no_spelling_is_explained_by_another_one():
    assert not {spelling for spelling, word in SPELLINGS.items() if word in SPELLINGS}


@given(st.text(max_size=300))
def test_any_text_can_be_read(text: str):
    assert isinstance(reveal(text), str)


@given(st.text(max_size=200))
def test_folding_twice_changes_nothing(text: str):
    assert fold(fold(text)) == fold(text)
