"""What the app knows of a conversation: read with care, and carried over to a short message after a crisis."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from assistant.components import spoken
from assistant.context import Context
from companion.carry import carried_over
from companion.tiers import TIERS

NEW = Context()


def of(**context: Any) -> Context:
    return Context.of({"context": context})


def test_the_context_is_read_as_it_was_sent() -> None:
    found = Context.of(
        {
            "choice": True,
            "context": {
                "shown": {"crisis": 2}, "last_answer": "a/b", "last_tier": "symptom", "urgent": True, "misses": 1,
                "language": "en",
            },
        }
    )  # fmt: skip
    assert found == Context({"crisis": 2}, "a/b", "symptom", True, 1, True)


@pytest.mark.parametrize(
    "metadata", [None, "words", 7, [], {}, {"context": None}, {"context": "words"}, {"context": []}]
)
def test_without_a_context_the_conversation_is_new(metadata: Any) -> None:
    assert Context.of(metadata) == NEW


@pytest.mark.parametrize(
    "field", [{"shown": [1]}, {"shown": {"crisis": "two"}}, {"last_answer": 4}, {"last_tier": "dire"}, {"misses": "3"}]
)
def test_a_field_of_the_wrong_type_is_as_if_it_were_missing(field: dict[str, Any]) -> None:
    assert of(**field) == NEW


json_like = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
FIELDS = ("shown", "last_answer", "last_tier", "urgent", "misses")


@given(st.dictionaries(st.sampled_from(FIELDS), json_like))
@settings(derandomize=True, database=None, deadline=None, max_examples=200)
def test_no_context_whatever_breaks_a_turn(given_context: dict[str, Any]) -> None:
    found = of(**given_context)
    assert found.last_tier in TIERS and isinstance(found.misses, int) and isinstance(found.shown, dict)


@pytest.mark.parametrize("tier", ["crisis", "emergency"])
def test_after_an_urgent_message_the_conversation_is_urgent(tier: str) -> None:
    assert of(last_tier=tier).urgent and not of(last_tier="symptom").urgent


@pytest.mark.parametrize("said", ["yes", "tonight", "jk", "never mind", "YES!", "no one.", "lol", "with pills"])
@pytest.mark.parametrize("tier", ["crisis", "emergency"])
def test_a_short_message_after_an_urgent_one_stays_urgent(said: str, tier: str) -> None:
    verdict = carried_over(said, tier, "none")
    assert verdict.tier == tier
    assert [(reason.layer, reason.sentence) for reason in verdict.reasons] == [("conversation", said)]


@pytest.mark.parametrize(
    "said", ["thanks", "Thank you.", "what are your hours?", "can I eat?", "", "...", "I would like to know the price"]
)
def test_thanks_and_questions_of_their_own_are_not_urgent_for_what_came_before(said: str) -> None:
    assert carried_over(said, "crisis", "none").tier == "none"


@pytest.mark.parametrize("tier", ["none", "human", "advice", "symptom"])
def test_after_any_other_message_nothing_is_carried_over(tier: str) -> None:
    assert carried_over("yes", tier, "none").tier == "none"


def test_what_is_carried_over_never_lowers_a_tier() -> None:
    assert carried_over("not breathing", "crisis", "emergency").tier == "none", (
        "it adds nothing to what is higher already"
    )
    assert carried_over("yes", "emergency", "crisis").tier == "emergency"


@pytest.mark.parametrize(
    ("page", "choice", "text", "answered_in"),
    [
        ("es", True, "preparation", "es"),
        ("es", True, "human", "es"),
        ("es", True, "es:session/what-happens", "es"),
        ("es", True, "session/what-happens", "en"),  # an English title was chosen
        ("en", True, "preparation", "en"),
        ("es", False, "can I eat before the session", "en"),
        ("en", False, "¿puedo comer antes de la sesión?", "es"),
    ],
)
def test_a_button_is_answered_in_the_pages_language_and_words_in_their_own(
    page: str, choice: bool, text: str, answered_in: str
) -> None:
    assert spoken(text, Context.of({"choice": choice, "context": {"language": page}})) == answered_in
