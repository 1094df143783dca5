"""The learned screen: one sentence in many counts, and nothing that is added to a message makes it look safer."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.letters import Letters
from assistant.screening import RAISED, ScreenModel
from assistant.training import FEWEST, tier_of, train_screen
from companion.corpus import SAFETY_TIERS, CorpusError, Labelled, safety_corpus
from companion.pieces import pieces
from companion.tiers import rank
from tests.assistant.support import words_encode

EACH = 70
CORPUS = {
    tier: [one.text for one in safety_corpus() if one.label == tier and len(pieces(one.text)) == 1][:EACH]
    for tier in SAFETY_TIERS
}
ENDS = (". ", "! ", "? ", "\n", " … ")


def fitted() -> ScreenModel:
    texts = [text for tier in SAFETY_TIERS for text in CORPUS[tier]]
    tiers = [tier for tier in SAFETY_TIERS for _ in CORPUS[tier]]
    return ScreenModel.fit(texts, tiers, words_encode, "words", Letters(texts))


@pytest.fixture(scope="module")
def screen() -> ScreenModel:
    """Fitted on a small part of the real corpus, with an encoder that needs no weights."""
    return fitted()


def tier(screen: ScreenModel, text: str) -> str:
    return screen.judge(text, words_encode).tier


def test_a_message_is_looked_at_sentence_by_sentence_and_in_short_pairs() -> None:
    assert pieces("I took them. All of them.") == ["I took them.", "All of them.", "I took them. All of them."]
    assert pieces("one") == ["one"]
    long = "I would like to know what to wear and what to bring to the clinic on Monday."
    assert pieces(f"{long} All of them.") == [long, "All of them."], "a long neighbour is not paired"
    assert pieces("No. No. No.") == ["No.", "No. No."], "the same piece is looked at once"
    assert pieces("") == [""] and pieces("  \n ") == [""]


def test_hidden_letters_are_read_and_plain_words_stay_as_they_were_typed() -> None:
    assert pieces("k i l l  m y s e l f") == ["kill myself"]
    assert pieces("I feel Fine.") == ["I feel Fine."]


def test_a_raised_tier_comes_with_the_sentence_that_raised_it(screen: ScreenModel) -> None:
    verdict = screen.judge("What do I wear on the day? I want to kill myself tonight.", words_encode)
    (reason,) = verdict.reasons
    assert (verdict.tier, reason.layer, reason.tier) == ("crisis", "learned", "crisis")
    assert "kill myself" in reason.sentence and 0.5 <= reason.score <= 1


def test_an_ordinary_question_raises_nothing(screen: ScreenModel) -> None:
    verdict = screen.judge(CORPUS["none"][0], words_encode)
    assert (verdict.tier, verdict.reasons) == ("none", ())


def test_the_likelihoods_of_the_tiers_add_up_to_one(screen: ScreenModel) -> None:
    p = screen.likelihoods(["I want to die", "", "的", "x" * 10_000], words_encode)
    assert p.shape == (4, len(SAFETY_TIERS)) and np.allclose(p.sum(axis=1), 1, atol=1e-5)


sentence = st.sampled_from(sorted({text for texts in CORPUS.values() for text in texts[:40]}))


@given(
    alone=sentence,
    before=st.lists(sentence, max_size=2),
    after=st.lists(sentence, max_size=2),
    end=st.sampled_from(ENDS),
)
@settings(derandomize=True, database=None, deadline=None, max_examples=150)
def test_a_sentence_added_before_or_after_never_lowers_the_tier(
    screen: ScreenModel, alone: str, before: list[str], after: list[str], end: str
) -> None:
    among = end.join([*before, alone, *after])
    assert rank(tier(screen, among)) >= rank(tier(screen, alone + end)), among


@given(first=sentence, rest=st.lists(sentence, min_size=1, max_size=3))
@settings(derandomize=True, database=None, deadline=None, max_examples=60)
def test_no_piece_is_lost_in_a_longer_message(screen: ScreenModel, first: str, rest: list[str]) -> None:
    whole = screen.alarm("\n".join([first, *rest]), words_encode)[0]
    assert (whole >= screen.alarm(first, words_encode)[0] - 1e-6).all()


def test_one_sentence_among_two_hundred_words_counts(screen: ScreenModel) -> None:
    around = "I slept well and went for a walk by the lake. " * 20
    assert tier(screen, around + "I want to kill myself tonight. " + around) == "crisis"


def test_a_lower_threshold_never_lowers_a_tier(screen: ScreenModel) -> None:
    texts = [text for texts in CORPUS.values() for text in texts[:15]]
    before = [rank(tier(screen, text)) for text in texts]
    eager = fitted()
    eager.thresholds = {tier: 0.3 for tier in RAISED}
    assert all(after >= was for was, after in zip(before, [rank(tier(eager, text)) for text in texts], strict=True))


def test_training_refuses_a_corpus_without_enough_of_a_tier() -> None:
    corpus = [Labelled(text, tier) for tier in SAFETY_TIERS for text in CORPUS[tier]]
    few = [one for one in corpus if one.label != "crisis"] + [one for one in corpus if one.label == "crisis"][
        : FEWEST - 1
    ]
    with pytest.raises(CorpusError, match="too few messages of tier crisis"):
        train_screen(few, words_encode, "words")


def test_training_sets_thresholds_and_keeps_the_encoders_name() -> None:
    corpus = [Labelled(text, tier) for tier in SAFETY_TIERS for text in CORPUS[tier]]
    model = train_screen(corpus, words_encode, "words")
    assert model.encoder == "words" and set(model.thresholds) == set(RAISED)
    assert all(0 < limit < 1 for limit in model.thresholds.values())


@pytest.mark.parametrize(
    ("label", "tier"), [("crisis", "crisis"), ("none", "none"), ("about/how-it-works", "none"), ("human", "none")]
)
def test_every_intent_that_is_no_tier_is_harmless_to_the_screen(label: str, tier: str) -> None:
    assert tier_of(Labelled("words", label)) == tier
