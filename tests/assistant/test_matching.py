"""Which answer a message asks for, on a part of the real catalogue with the real encoder."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from assistant.decision import CERTAIN
from assistant.encoder import Memory
from assistant.letters import Letters
from assistant.matching import PARTS, AnswerIndex, Example, combine, fit_weights
from companion.corpus import Labelled
from tests.assistant.support import PHRASINGS, words_encode


def with_more(labelled: list[Labelled], matcher: dict[str, Any], encode: Memory, *more: Example) -> AnswerIndex:
    return AnswerIndex([*(Example(one.text, one.label) for one in labelled), *more], encode, matcher["letters"])


def test_a_new_answer_with_a_single_phrasing_is_found_without_training(
    labelled: list[Labelled], matcher: dict[str, Any], encode: Memory
) -> None:
    new = Example("Can I bring my guide dog to the clinic?", "clinic/guide-dogs")
    index, decider = with_more(labelled, matcher, encode, new), matcher["decider"]
    for asked in (new.text, "is my guide dog allowed in the clinic", "could I bring along a guide dog"):
        assert decider.match(index, asked).best == "clinic/guide-dogs", asked
    assert decider.decide(index, new.text).answers == ("clinic/guide-dogs",)


def test_a_withdrawn_answer_is_not_found_any_more(
    labelled: list[Labelled], matcher: dict[str, Any], encode: Memory
) -> None:
    rest = [one for one in labelled if one.label != "aftercare/driving"]
    match = matcher["decider"].match(with_more(rest, matcher, encode), "When can I drive again?")
    assert "aftercare/driving" not in [key for key, _ in match.ranking]


def test_an_approved_phrasing_always_finds_its_answer(
    labelled: list[Labelled], index: AnswerIndex, matcher: Any
) -> None:
    owners: dict[str, set[str]] = {}
    for one in labelled:
        owners.setdefault(one.text.lower().strip(), set()).add(one.label)
    asked = [one for one in labelled if "/" in one.label and len(owners[one.text.lower().strip()]) == 1]
    for one, match in zip(asked, matcher["decider"].matches(index, [one.text for one in asked]), strict=True):
        assert (match.best, match.confidence) == (one.label, CERTAIN), one.text


@pytest.mark.parametrize(
    "asked", ["CAN I EAT OR DRINK BEFORE MY SESSION?", "  Can I eat  or drink before my session? "]
)
def test_capitals_and_blanks_do_not_matter_to_an_exact_phrasing(asked: str, index: AnswerIndex, matcher: Any) -> None:
    match = matcher["decider"].match(index, asked)
    assert (match.best, match.confidence) == ("preparation/eating-and-drinking", CERTAIN)


def test_messages_in_other_words_find_their_answer(index: AnswerIndex, matcher: Any) -> None:
    for asked, key in (
        ("is a light breakfast ok before the infusion", "preparation/eating-and-drinking"),
        ("somebody has to pick me up afterwards, right?", "preparation/transport"),
        ("what wil it cost and does my insurence pay", "clinic/cost-and-insurance"),
    ):
        assert matcher["decider"].match(index, asked).best == key, asked


def test_the_trained_limits_leave_room_to_ask_before_refusing(matcher: Any) -> None:
    decider = matcher["decider"]
    assert 0 < decider.clarify_from <= decider.answer_from < CERTAIN
    assert {key for _, key in matcher["others"]} == {"human", "out_of_scope"}


@pytest.fixture(scope="module")
def letters() -> Letters:
    return Letters([text for texts in PHRASINGS.values() for text in texts])


def small(letters: Letters, *examples: Example) -> AnswerIndex:
    return AnswerIndex(examples, words_encode, letters)


def test_a_lone_example_counts_as_much_as_three(letters: Letters) -> None:
    index = small(
        letters, Example("a ride home", "rides"), *(Example(text, "food") for text in ("eat", "breakfast", "food"))
    )
    parts = index.scores(["a ride home"])[0]
    assert parts[index.place["rides"], 0] == pytest.approx(1.0, abs=1e-5)
    assert parts[index.place["rides"], 1] == pytest.approx(1.0, abs=1e-5)
    assert parts.shape == (2, len(PARTS)) and np.isfinite(parts).all()


def test_a_text_that_only_hints_weighs_less_and_is_no_phrasing(letters: Letters) -> None:
    index = small(letters, Example("a ride home", "rides", 0.5), Example("breakfast", "food"))
    assert index.scores(["a ride home"])[0][index.place["rides"], 0] == pytest.approx(0.5, abs=1e-5)
    assert index.exact == {"breakfast": "food"}


def test_nothing_to_index_is_an_error(letters: Letters) -> None:
    with pytest.raises(ValueError, match="no examples"):
        small(letters)


def test_a_text_without_any_known_letters_is_scored_all_the_same(letters: Letters) -> None:
    index = small(letters, *(Example(text, key) for key, texts in PHRASINGS.items() for text in texts))
    assert np.isfinite(index.scores(["", "的", "🙂", "x" * 50_000])).all()


def test_likelihoods_add_up_to_one_however_large_the_scores() -> None:
    parts = np.array([[[1e4, 0.0], [9e3, 1.0]], [[0.0, 0.0], [0.0, 0.0]]])
    p = combine(parts, np.array([1.0, 1.0]))
    assert np.allclose(p.sum(axis=1), 1) and p[0].tolist() == [1.0, 0.0] and p[1].tolist() == [0.5, 0.5]


def test_the_weights_follow_the_part_that_knows_the_answer() -> None:
    rng = np.random.default_rng(0)
    parts = rng.uniform(0, 1, (200, 6, len(PARTS)))
    truth = parts[:, :, 2].argmax(axis=1)  # only the third part knows
    start = (combine(parts, np.array([8.0, 8.0, 4.0, 6.0, 3.0])).argmax(axis=1) == truth).mean()
    weights = fit_weights(parts, truth)
    assert (combine(parts, weights).argmax(axis=1) == truth).mean() > max(start, 0.95)
    assert weights.argmax() == 2 and np.abs(np.delete(weights, 2)).max() < weights[2] / 4
    assert np.array_equal(weights, fit_weights(parts, truth)), "the same each time"
