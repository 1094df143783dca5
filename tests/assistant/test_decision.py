"""From matches to an outcome. The matches are given, so that nothing here depends on what was learned."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.decision import Decision, clauses, limits
from tests.assistant.support import ToldDecider

NO_INDEX: Any = None
FOOD, RIDES, MUSIC = "preparation/eating", "preparation/rides", "session/music"


def decide(text: str, *, context: str | None = None, **told: tuple[float, tuple[str, ...]]) -> Decision:
    """`whole` is what the message as it stands matches; `first`, `second` its parts; `followed` with the context."""
    parts = clauses(text)
    matches = {text: told["whole"]}
    if len(parts) > 1:
        matches |= dict(
            zip(parts, [told.get("first", (0.0, ("out_of_scope",))), told.get("second", (0.0, ("out_of_scope",)))])
        )
    if "followed" in told:
        matches[f"{context}: {text}"] = told["followed"]
    return ToldDecider(matches).decide(NO_INDEX, text, context=context)


def test_a_sure_match_is_answered() -> None:
    found = decide("can i eat before", whole=(0.8, (FOOD, RIDES, MUSIC, "session/x")))
    assert (found.outcome, found.answers, found.candidates) == ("answer", (FOOD,), (FOOD, RIDES, MUSIC))


def test_a_close_call_asks_which_of_three_is_meant() -> None:
    found = decide("before?", whole=(0.5, ("smalltalk/greet", FOOD, RIDES)))
    assert found.outcome == "smalltalk", "a greeting that is likely enough is returned"
    found = decide("before?", whole=(0.5, (FOOD, "smalltalk/greet", RIDES, "human", MUSIC, "session/x")))
    assert (found.outcome, found.answers, found.candidates) == ("clarify", (), (FOOD, RIDES, MUSIC))


@pytest.mark.parametrize("whole", [(0.2, (FOOD, RIDES)), (0.99, ("out_of_scope", FOOD))])
def test_what_is_unsure_or_out_of_scope_gets_no_answer(whole: tuple[float, tuple[str, ...]]) -> None:
    found = decide("how do i reset my router", whole=whole)
    assert (found.outcome, found.answers) == ("abstain", ())


def test_two_questions_in_one_message_are_both_answered() -> None:
    for asked in ("Can I eat before? Who drives me home?", "can i eat before and who drives me home"):
        found = decide(asked, whole=(0.75, (FOOD, RIDES)), first=(0.8, (FOOD,)), second=(0.9, (RIDES, FOOD)))
        assert (found.outcome, found.answers) == ("answer", (FOOD, RIDES)), asked


def test_the_same_question_twice_is_answered_once() -> None:
    found = decide("Can I eat? May I eat?", whole=(0.75, (FOOD,)), first=(0.8, (FOOD,)), second=(0.9, (FOOD,)))
    assert found.answers == (FOOD,)


def test_one_clear_question_among_other_words_is_answered() -> None:
    found = decide("It was raining. Who drives me home?", whole=(0.4, (RIDES,)), second=(0.9, (RIDES,)))
    assert (found.outcome, found.answers) == ("answer", (RIDES,))


def test_somebody_who_asks_for_a_person_gets_no_answer_instead() -> None:
    assert decide("a person please", whole=(0.1, ("human", FOOD))).outcome == "human"
    found = decide("Can I eat? I want a person.", whole=(0.8, (FOOD,)), first=(0.9, (FOOD,)), second=(0.9, ("human",)))
    assert (found.outcome, found.answers) == ("human", ())


def test_a_greeting_is_returned_unless_a_question_comes_with_it() -> None:
    found = decide("hello", whole=(0.9, ("smalltalk/greet", FOOD)))
    assert (found.outcome, found.smalltalk, found.answers) == ("smalltalk", "smalltalk/greet", ())
    found = decide(
        "Hello there! Can I eat?",
        whole=(0.9, ("smalltalk/greet",)),
        first=(0.9, ("smalltalk/greet",)),
        second=(0.9, (FOOD,)),
    )
    assert (found.outcome, found.answers) == ("answer", (FOOD,))


def test_a_bare_follow_up_is_read_with_the_answer_before_it() -> None:
    found = decide("and after?", context="Eating", whole=(0.2, (MUSIC,)), followed=(0.9, (RIDES,)))
    assert (found.outcome, found.answers) == ("answer", (RIDES,))
    found = decide("and after?", context="Eating", whole=(0.9, (MUSIC,)), followed=(0.95, (RIDES,)))
    assert found.answers == (MUSIC,), "what is clear by itself stays as it is"


def test_a_question_of_its_own_is_not_read_with_the_answer_before_it() -> None:
    decider = ToldDecider({"may i bring my own music to the room": (0.2, (MUSIC,))})
    assert decider.decide(NO_INDEX, "may i bring my own music to the room", context="Eating").outcome == "abstain"
    assert not any(text.startswith("Eating") for text in decider.asked)


def test_a_message_is_cut_where_a_second_question_begins() -> None:
    assert clauses("Can I eat before and how long does it take?") == ["Can I eat before", "how long does it take?"]
    assert clauses("bread and butter") == ["bread and butter"]
    assert clauses("¿Puedo comer y cuando puedo conducir?") == ["¿Puedo comer", "cuando puedo conducir?"]
    assert clauses("") == [] and len(clauses("What is it? " * 500)) == 8


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.booleans()), min_size=5, max_size=60))
@settings(derandomize=True, database=None, deadline=None, max_examples=100)
def test_limits_answer_wrongly_no_more_often_than_allowed(rows: list[tuple[float, bool, bool]]) -> None:
    rows = [*rows, (0.5, True, True)]
    confidence, right, in_scope = (np.array(column) for column in zip(*rows))
    answer_from, clarify_from = limits(confidence, right, in_scope, 0.04, 0.03)
    assert clarify_from <= answer_from <= 0.99
    if answer_from < 0.99:
        given_in = (confidence >= answer_from) & in_scope
        assert (given_in & ~right).sum() <= 0.04 * in_scope.sum()
