"""In which language a patient writes."""

from __future__ import annotations

import pytest

from assistant.language import language_of


@pytest.mark.parametrize(
    "text",
    ["¿Puedo comer antes de la sesión?", "cuanto dura", "quiero hablar con alguien", "me siento mal desde ayer", "necesito ayuda"],
)
def test_a_patient_who_writes_spanish_is_recognised(text: str) -> None:
    assert language_of(text) == "es"


@pytest.mark.parametrize(
    "text", ["how long does it take", "ok", "asdf", "", "Dr Lee", "I feel no pain", "does it help with depression", "me", "💧"]
)
def test_english_and_what_cannot_be_told_count_as_english(text: str) -> None:
    assert language_of(text) == "en"


@pytest.mark.parametrize(
    "text",
    [
        "Как долго длится процедура",
        "氯胺酮治疗安全吗",
        "combien de temps dure une séance pour vous",
        "wie lange dauert das und ist es sicher",
    ],
)
def test_other_languages_are_not_taken_for_english(text: str) -> None:
    assert language_of(text) == "other"
