from __future__ import annotations

import pytest

from companion.literals import alternatives, grams, repeats_within_repeats, required


def may_match(pattern: str, text: str) -> bool:
    found = grams(text)
    return not any(literals.isdisjoint(found) for literals in required(pattern))


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (r"\bkill (?:my|him)self\b", "i will kill himself"),
        (r"(?:end|take) (?:\w+ )?my life", "take all my life"),
        (r"colou?r(?:ful)?s", "colors"),
        (r"a|bc", "bc"),
        (r"(?:one|two){2}", "onetwo"),
    ],
)
def test_a_pattern_is_never_passed_over_on_a_text_that_it_matches(pattern: str, text: str):
    assert may_match(pattern, text)


def test_a_pattern_is_passed_over_where_its_letters_are_missing():
    assert not may_match(r"\bkill (?:my|him)self\b", "what time do you open on monday")


def test_a_pattern_without_any_fixed_letters_is_always_tried():
    assert required(r"[abc]+\d?") == []


@pytest.mark.parametrize(
    ("pattern", "risky"), [(r"(?:a+)*", True), (r"(\w+\s?)+x", True), (r"(?:\w+ ){0,4}x+", False), (r"a*b*", False)]
)
def test_a_repetition_within_a_repetition_is_noticed(pattern: str, risky: bool):
    assert repeats_within_repeats(pattern) is risky


@pytest.mark.parametrize(
    ("pattern", "parts"),
    [
        ("a|b", ["a", "b"]),
        (r"\b(?:a|b)\b", [r"\b(?:a)\b", r"\b(?:b)\b"]),
        (r"\b(?:a|b)\b|c(?:d|e)", [r"\b(?:a|b)\b", "c(?:d|e)"]),
        (r"\b(?:a|b) (?:c|d)\b", [r"\b(?:a|b) (?:c|d)\b"]),
        (r"a\|b[|(]c|d", [r"a\|b[|(]c", "d"]),
    ],
)
def test_a_pattern_is_taken_apart_at_its_outermost_bars(pattern: str, parts: list[str]):
    assert alternatives(pattern) == parts
