"""What stands around an answer, in the reader's language; and who is talking, said again when it may be forgotten."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.browser.fake_api import ANSWER, CRISIS, FakeApi

SIGNED = {**ANSWER, "sources": ["A leaflet", "A guideline"], "approved": {"by": "Dr. Lee", "on": "2026-11-20", "until": None}}


@pytest.fixture
def chat(open_page: Any, site: str) -> Any:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang=en")
    return page


def say(page: Any, text: str) -> None:
    page.locator("#box").fill(text)
    page.locator("#box").press("Enter")
    expect(page.locator(".busy")).to_have_count(0)


def test_an_answer_says_who_approved_it_when_and_where_it_comes_from_or_that_it_is_a_sample(chat: Any) -> None:
    chat.api.answers(SIGNED)
    say(chat, "one")
    expect(chat.locator(".proof")).to_have_text("Approved by Dr. Lee on November 20, 2026. Source: A leaflet; A guideline")
    say(chat, "two")
    expect(chat.locator(".proof").last).to_have_text("Sample answer, not approved by a clinician.")
    chat.api.answers(CRISIS, tier="crisis")
    say(chat, "three")
    expect(chat.locator(".card .proof")).to_have_count(0)


def test_a_patient_says_that_an_answer_did_not_help_and_why(chat: Any) -> None:
    say(chat, "one")
    chat.get_by_role("button", name="No", exact=True).click()
    chat.get_by_role("button", name="It is hard to understand").click()
    expect(chat.get_by_text("Thank you, noted.")).to_be_visible()
    while len(chat.api.bodies) < 2:
        chat.wait_for_timeout(20)
    assert [body for _, body in chat.api.bodies] == [
        {"message": "m0", "helpful": False},
        {"message": "m0", "helpful": False, "reason": "unclear"},
    ]
    chat.locator(".after").get_by_role("button", name="Talk to a person").click()
    expect(chat.locator(".you")).to_have_count(2)
    assert chat.api.sent[-1]["choice"] == "human"


def test_somebody_who_goes_on_for_three_hours_is_told_again_what_this_is(open_page: Any, site: str, release: Any) -> None:
    page = open_page()
    page.clock.install(time=dt.datetime(2026, 11, 22, 10, 0))
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang=en")
    reminder = page.get_by_text(release.items["reminder"]["text"])
    say(page, "one")
    page.clock.fast_forward("02:59:00")
    say(page, "two")
    expect(reminder).to_have_count(0)
    page.clock.fast_forward("00:02:00")
    say(page, "three")
    expect(reminder).to_have_count(1)
    say(page, "four")
    expect(reminder).to_have_count(1)


@pytest.mark.parametrize(("days", "times"), [(6, 0), (8, 1)])
def test_somebody_who_comes_back_after_a_week_is_told_again(chat: Any, release: Any, days: int, times: int) -> None:
    say(chat, "one")
    before = dt.datetime.now(dt.timezone.utc) - dt.timedelta(days=days)
    chat.api.transcript[-1]["received_at"] = before.isoformat()
    chat.reload()
    expect(chat.locator(".it.answer")).to_have_count(1)
    expect(chat.get_by_text(release.items["welcome_back"]["text"])).to_have_count(times)


def test_the_page_is_spanish_for_those_who_read_spanish_and_says_so_to_the_server(open_page: Any, site: str, release: Any) -> None:
    page = open_page(locale="es-MX")
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/")
    assert page.locator("html").get_attribute("lang") == "es"
    expect(page.locator("[data-start] .text")).to_have_text(release.items["es:greeting"]["text"])
    assert page.locator("[data-start] button").first.text_content() == release.spanish_sections["about"]
    expect(page.get_by_text("Ayuda ahora").first).to_be_visible()
    page.api.answers({**SIGNED, "text": "Traiga ropa cómoda."})
    say(page, "¿qué llevo?")
    expect(page.locator(".proof")).to_contain_text("Aprobada por Dr. Lee el 20 de noviembre de 2026.")
    assert page.api.languages == {"es"}


@pytest.mark.parametrize("storage", ["allowed", "forbidden"])
def test_the_language_is_switched_and_the_conversation_stays(open_page: Any, site: str, storage: str) -> None:
    page = open_page()
    if storage == "forbidden":
        page.add_init_script(
            "Object.defineProperty(window, 'sessionStorage', { get() { throw new DOMException('no', 'SecurityError'); } })"
        )
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang=en")
    say(page, "one")
    page.get_by_role("link", name="Español").click()
    expect(page.locator("html[lang=es]")).to_have_count(1)
    expect(page.locator(".it.answer")).to_have_count(1)
    assert page.api.calls.count("POST conversations") == 1
    page.reload()
    expect(page.locator(".it.answer")).to_have_count(1)


def test_the_conversation_is_saved_as_a_text_file(chat: Any) -> None:
    say(chat, "what do I bring?")
    chat.get_by_label("Menu").click()
    with chat.expect_download() as download:
        chat.get_by_role("button", name="Save it as a text file").click()
    saved = Path(download.value.path()).read_text(encoding="utf-8")
    assert "You:" in saved and "what do I bring?" in saved and ANSWER["text"] in saved
    assert download.value.suggested_filename == "conversation.txt"


def test_what_is_kept_and_the_answers_are_one_link_away(chat: Any) -> None:
    chat.get_by_label("Menu").click()
    for name, address in (("What is kept, who reads it, for how long", "/privacy/?lang=en"), ("Read all answers", "/answers/")):
        assert chat.get_by_role("link", name=name).first.get_attribute("href") == address
