from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from companion.tiers import PRIORITY, QUIET, TIERS, URGENT, Reason, Verdict, highest, rank

verdicts = st.lists(
    st.builds(Reason, st.just("phrase"), st.sampled_from(TIERS[1:]), st.text(max_size=5), st.text(max_size=5), st.floats(0, 1)),
    max_size=4,
).map(lambda reasons: Verdict(highest(r.tier for r in reasons), tuple(reasons)))


def test_an_emergency_outranks_a_crisis_and_a_crisis_a_symptom():
    assert highest(["symptom", "emergency", "crisis"]) == "emergency"
    assert highest(["advice", "crisis", "symptom"]) == "crisis"


def test_nothing_found_is_no_tier():
    assert highest([]) == "none"
    assert QUIET.tier == "none"


def test_a_word_that_is_no_tier_is_refused():
    with pytest.raises(ValueError, match="panic"):
        rank("panic")


def test_urgent_tiers_are_escalated_first_and_every_other_tier_has_a_place_in_the_queue():
    assert {PRIORITY[tier] for tier in URGENT} == {1}
    assert set(PRIORITY) == set(TIERS) - {"none"}


@given(verdicts, verdicts)
def test_a_second_opinion_never_lowers_a_tier_and_keeps_every_reason(first: Verdict, second: Verdict):
    both = first.raised_by(second)
    assert rank(both.tier) == max(rank(first.tier), rank(second.tier))
    assert sorted(map(repr, both.reasons)) == sorted(map(repr, first.reasons + second.reasons))


@given(verdicts, verdicts)
def test_the_weightiest_reason_comes_first(first: Verdict, second: Verdict):
    both = first.raised_by(second)
    assert not both.reasons or both.reasons[0].tier == both.tier


def test_a_reason_can_be_written_down_as_staff_will_read_it():
    reason = Reason("phrase", "crisis", "kill-self", "the sentence", 1.0)
    assert reason.as_dict() == {
        "layer": "phrase",
        "tier": "crisis",
        "rule": "kill-self",
        "sentence": "the sentence",
        "score": 1.0,
    }
