"""A person of the care team in the chat: it is said who they are, and a message to them is never met with silence."""

from __future__ import annotations

import re
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.browser.fake_api import CRISIS, SAM, STAFFING, FakeApi, event, reply

RECORDED = {"id": "e", "tier": "crisis", "state": "recorded"}
HELLO = reply("staff", "Hello, this is Sam. I am reading along now.")


@pytest.fixture
def chat(open_page: Any, site: str) -> Any:
    """A conversation in which somebody was told, so that the chat listens."""
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang=en")
    page.api.answers(CRISIS, STAFFING, tier="crisis", escalation=RECORDED)
    return page


def say(page: Any, text: str) -> None:
    page.locator("#box").fill(text)
    page.locator("#box").press("Enter")


def test_a_patient_sees_that_a_person_has_come_what_they_write_once_and_that_they_left(chat: Any) -> None:
    said = event("reply", id=7, reply=HELLO, staff=SAM, at="2026-11-22T10:00:00Z")
    chat.api.events = [
        "id: 6\n" + event("staff", state="joined", staff=SAM) + said + said,
        event("staff", state="left", staff=SAM),
    ]
    say(chat, "I cannot go on")
    expect(chat.get_by_text("Sam is a person, and has joined this conversation.")).to_be_visible()
    expect(chat.locator(".it.staff")).to_have_count(1)
    expect(chat.locator(".it.staff .from")).to_have_text("Sam, Nurse")
    assert chat.locator(".it.staff .text").text_content() == HELLO["text"]
    assert (chat.locator(".it.staff").text_content() or "").startswith("Care team: ")
    expect(chat.get_by_text("Sam has left this conversation.")).to_be_visible()
    expect(chat.locator("#pinned")).to_be_visible()


def test_a_patient_sees_that_a_person_is_writing(chat: Any) -> None:
    chat.api.events = [event("staff", state="typing", staff=SAM)]
    say(chat, "I cannot go on")
    expect(chat.get_by_role("status").filter(has_text="Sam is typing")).to_be_visible()


def test_a_message_that_a_person_will_read_is_said_to_be_sent_to_them(chat: Any) -> None:
    chat.api.events = [event("staff", state="joined", staff=SAM)]
    say(chat, "I cannot go on")
    expect(chat.get_by_text("has joined")).to_be_visible()
    chat.api.answers(handled_by="staff")
    say(chat, "thank you")
    expect(chat.locator("#log .turn").last.locator(".note")).to_have_text("Sent to Sam. Nobody can say how soon it is read.")
    expect(chat.locator(".fault")).to_have_count(0)


def test_an_empty_answer_that_nobody_took_over_is_a_fault_with_the_lines(chat: Any) -> None:
    chat.api.queue.clear()
    chat.api.answers()
    say(chat, "hello")
    expect(chat.locator(".it.fault a[href='tel:988']").first).to_be_visible()


def test_after_a_reload_what_the_person_wrote_is_there_once(chat: Any) -> None:
    chat.api.events = [event("reply", id=7, reply=HELLO, staff=SAM, at="2026-11-22T10:00:00Z")]
    say(chat, "I cannot go on")
    expect(chat.locator(".it.staff")).to_have_count(1)
    chat.api.transcript += [
        {"id": 6, "staff": SAM, "at": "2026-11-22T09:59:00Z", "state": "joined"},
        {"id": 7, "staff": SAM, "at": "2026-11-22T10:00:00Z", "replies": [HELLO]},
    ]
    chat.api.events = [event("reply", id=7, reply=HELLO, staff=SAM, at="2026-11-22T10:00:00Z")]
    chat.reload()
    expect(chat.locator(".it.staff .text")).to_have_text(HELLO["text"])
    while chat.api.events:
        chat.wait_for_timeout(20)
    expect(chat.locator(".it.staff")).to_have_count(1)
    expect(chat.get_by_text("Sam is a person")).to_have_count(1)


def test_a_patient_can_leave_a_way_to_be_reached_and_is_asked_once(chat: Any) -> None:
    say(chat, "I cannot go on")
    form = chat.locator(".reach")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("telephone number or an e-mail address, and tick the box")
    form.get_by_label("Telephone").fill("555-0199")
    form.get_by_role("button").click()
    expect(form.get_by_role("alert")).to_contain_text("tick the box")
    assert chat.api.bodies == [], "nothing is sent without consent"
    form.get_by_label(re.compile("may use this")).check()
    form.get_by_role("button").click()
    expect(chat.get_by_text("The team can see how to reach you.")).to_be_visible()
    assert chat.api.bodies == [("contact", {"name": "", "phone": "555-0199", "email": "", "consent": True})]
    assert [sent["text"] for sent in chat.api.sent] == ["I cannot go on"], "never through the conversation"
    chat.api.answers(CRISIS, tier="crisis", escalation=RECORDED)
    say(chat, "again")
    expect(chat.locator(".it.card")).to_have_count(2)
    chat.reload()
    expect(chat.locator(".it.card")).to_have_count(2)
    expect(chat.locator(".reach")).to_have_count(0)


def test_nobody_is_asked_how_to_be_reached_when_nobody_was_told(chat: Any) -> None:
    chat.api.queue.clear()
    chat.api.answers(CRISIS, tier="crisis", escalation={**RECORDED, "state": "unrecorded"})
    say(chat, "I cannot go on")
    expect(chat.locator(".it.card")).to_be_visible()
    expect(chat.locator(".busy")).to_have_count(0)
    expect(chat.locator(".reach")).to_have_count(0)
