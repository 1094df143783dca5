"""Spanish for those who read Spanish: the words of the pages, the labels of the lines, and the assistant's own sentences."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web as http
from django.test import Client

from companion.catalogue import load_catalogue
from companion.clinic import Clinic
from companion.lint import MAX_GRADE, reading_grade
from companion.release import Release, Releases, build, write
from tests.web.support import CRISIS, QUESTION, FakeEngine, Patient, clinic
from web.chat import wording
from web.chat.language import language_in
from web.chat.models import Conversation
from web.chat.words import PAGES, page_words

PAGE_NAMES = ("chat", "help", "answers", "privacy", "safety_protocol")


@pytest.fixture
def starter(patient: Patient, engine: FakeEngine, home: Any, monkeypatch: pytest.MonkeyPatch) -> Release:
    """The starter catalogue, in force; the engine is away."""
    content = build(load_catalogue(), Clinic.load())
    monkeypatch.setattr(wording, "_releases", Releases(write(content)))
    engine.release = Release(content)
    engine.answer = lambda request: http.json_response({}, status=500)
    return engine.release


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_word_of_a_page_is_there_in_spanish_too(page: str) -> None:
    def same(english: Any, spanish: Any, at: str) -> None:
        if isinstance(english, dict):
            assert all(isinstance(key, str) for key in english), f"{at}: YAML takes yes, no, on and off for truth"
            assert set(spanish) >= set(english) - {"status"}, at
            for key in set(english) - {"status", "key"}:
                same(english[key], spanish[key], f"{at}.{key}")
        elif isinstance(english, list):
            assert len(english) == len(spanish), at
            for number, (one, other) in enumerate(zip(english, spanish, strict=True)):
                same(one, other, f"{at}.{number}")
        else:
            assert spanish and (spanish != english or len(english.split()) < 2), at

    spanish = page_words(page, "es")
    same(page_words(page), spanish, page)
    assert PAGES.with_suffix(".es.yml").exists()


@pytest.mark.parametrize("page", PAGE_NAMES)
def test_every_page_is_written_for_everybody(page: str) -> None:
    def sentences(words: Any) -> list[str]:
        if isinstance(words, str):
            return [words] if words.endswith(".") else []
        return [text for inner in (words.values() if isinstance(words, dict) else words) for text in sentences(inner)]

    assert reading_grade(" ".join(sentences(page_words(page)))) <= MAX_GRADE


def test_a_release_says_lines_sections_and_the_clinics_own_sentences_in_spanish(starter: Release) -> None:
    card = starter.items["es:crisis.1"]
    assert card["links"][0] == {"label": "Llamar al 911 (emergencia)", "href": "tel:911"}
    assert [link["href"] for link in card["links"]] == [link["href"] for link in starter.items["crisis.1"]["links"]]
    assert "viernes de 9 a. m." in starter.items["es:human.1"]["text"]
    assert starter.section_titles("es")["session"] == "La sesión" and starter.sections["session"] == "The session"


def test_what_the_clinic_has_not_said_in_spanish_is_said_in_english_and_what_it_has_not_said_at_all_is_not_guessed() -> None:
    told = clinic(hours="Monday only.", es={"cost": "Pregunte por el precio."})
    assert told.fill("[[clinic.hours]] [[clinic.cost]]", "es") == "Monday only. Pregunte por el precio."
    assert told.fill("[[clinic.driving]]", "es").startswith("Siga las indicaciones")
    assert told.fill("[[clinic.cost]]") == "Please ask the clinic about cost and insurance."


@pytest.mark.parametrize(
    ("header", "language"),
    [("es-MX,es;q=0.9,en;q=0.8", "es"), ("en-US,es", "en"), ("fr,es", "es"), ("fr", ""), ("", ""), (",;x", ""), ("*", "")],
)
def test_the_readers_first_language_that_we_have_is_taken(header: str, language: str) -> None:
    assert language_in(header) == language


def test_with_the_engine_away_a_spanish_reader_in_danger_gets_the_card_in_spanish(patient: Patient, starter: Release) -> None:
    got = patient.call(
        "POST", "messages", {"text": CRISIS, "client_message_id": "1"}, **{"Accept-Language": "es"}
    ).json()
    assert got["replies"][0]["key"] == "es:crisis.1" and got["replies"][0]["links"][0]["label"].startswith("Llamar")
    assert all(reply["key"].startswith("es:") for reply in got["replies"])


def test_a_patient_who_switches_is_answered_in_the_new_language_and_whoever_says_nothing_keeps_theirs(
    patient: Patient, starter: Release, engine: FakeEngine
) -> None:
    for number, (header, kept) in enumerate([("es", "es"), ("", "es"), ("en", "en")]):
        headers = {"Accept-Language": header} if header else {}
        patient.call("POST", "messages", {"text": QUESTION, "client_message_id": str(number)}, **headers)
        assert engine.requests[-1]["context"]["language"] == kept
    assert Conversation.objects.get().language == "en"


def test_a_deletion_is_confirmed_in_the_language_of_the_page(patient: Patient, starter: Release) -> None:
    got = patient.call("DELETE", "conversations/current", **{"Accept-Language": "es"}).json()
    assert got["replies"][0]["key"] == "es:conversation_deleted"


def test_a_page_is_asked_for_in_a_language_or_follows_the_browser(starter: Release) -> None:
    read = Client()
    assert '<html lang="es">' in read.get("/help/?lang=es").content.decode()
    assert '<html lang="en">' in read.get("/help/?lang=en", headers={"accept-language": "es"}).content.decode()
    spanish = read.get("/help/", headers={"accept-language": "es"}).content.decode()
    assert "Llamar al 206-555-0142" in spanish and "Reino Unido" in spanish
    assert '<html lang="es">' in read.get("/chat/?lang=xx", headers={"accept-language": "es"}).content.decode()
