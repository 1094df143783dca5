"""Anybody can read what the chat does for somebody in danger and how often it did; nobody can read who that was."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Callable, Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError
from django.utils import timezone

from companion.clinic import PLACEHOLDER, Clinic, ClinicError
from companion.lint import MAX_GRADE, reading_grade
from tests.web.support import CRISIS, EMERGENCY, QUESTION, SYMPTOM, Background, FakeEngine, Patient
from web.chat import protocol, selectors, shown
from web.chat.models import Message
from web.escalations.models import Escalation

CLINIC = {"hours": "Monday to Friday.", "after_hours": "call the night desk.", "privacy": "Kept for 90 days."}


@pytest.fixture(autouse=True)
def nothing_counted_before() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


@pytest.fixture
def page(patient: Patient, server: Background) -> Callable[[], str]:
    """What somebody reads there now."""

    def read() -> str:
        cache.clear()
        got = server.run(patient.http.get("/safety-protocol"))
        assert got.status_code == 200
        return words(got)

    return read


def words(got: Any) -> str:
    return unescape(re.sub(r"<[^>]+>", " ", got.content.decode()))


def again(patient: Patient, text: str, times: int) -> None:
    for _ in range(times):
        patient.say(text)


def test_a_visitor_reads_what_happens_in_danger_in_the_clinics_own_words_with_the_lines(
    publish: Any, patient: Patient, server: Background
) -> None:
    publish(name="Lake Clinic", **CLINIC)
    got = server.run(patient.http.get("/safety-protocol"))
    said = words(got)
    for part in (
        "Lake Clinic", "call the night desk.", "Kept for 90 days.", "does not assess risk", "not a person and not a clinician",
        "does not call the emergency number", "Nobody watches the chat around the clock", "Where the lines are",
    ):  # fmt: skip
        assert part in said, part
    assert 'href="tel:988"' in got.content.decode() and "[[" not in said
    assert not got.cookies and "<script" not in got.content.decode()


def test_a_visitor_finds_the_page_from_the_lines_the_chat_and_the_clinics_home_page(patient: Patient, server: Background) -> None:
    for path in ("/help/", "/chat/", "/"):
        assert 'href="/safety-protocol' in server.run(patient.http.get(path)).content.decode(), path
    assert server.run(patient.http.get("/safety-protocol/")).status_code == 200


def test_a_visitor_is_told_that_a_sample_is_a_sample_until_the_clinic_approves_it(
    publish: Any, page: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Sample page" in page()
    publish(mode="clinic")
    assert "Sample page" in page(), "the clinic has filled its facts in and has not read the page"
    approved = {**protocol.wording(), "status": "approved"}
    monkeypatch.setattr(protocol, "wording", lambda *_: approved)
    assert "Sample page" not in page()
    publish(mode="demo")
    assert "Sample page" in page()


def test_a_small_clinic_shows_no_number_from_which_a_patient_could_be_known(patient: Patient, page: Callable[[], str]) -> None:
    assert "In the last 12 months: fewer than 10. In total: fewer than 10." in page()
    again(patient, CRISIS, 9)
    assert "In the last 12 months: fewer than 10. In total: fewer than 10." in page()
    patient.say(EMERGENCY)
    assert "In the last 12 months: 10. In total: 10." in page()


def test_what_is_older_than_a_year_counts_in_the_total_only(patient: Patient, page: Callable[[], str]) -> None:
    again(patient, CRISIS, 12)
    old = Message.objects.values_list("pk")[:9]
    Message.objects.filter(pk__in=[pk for (pk,) in old]).update(received_at=timezone.now() - dt.timedelta(days=366))
    assert "In the last 12 months: fewer than 10. In total: 12." in page()


def test_only_messages_in_danger_whose_reply_carried_the_lines_are_counted(patient: Patient, engine: FakeEngine) -> None:
    for text in (QUESTION, SYMPTOM, CRISIS, EMERGENCY):
        patient.say(text)
    patient.say(CRISIS, client_message_id="sent twice")
    patient.say(CRISIS, client_message_id="sent twice")
    patient.choose("preparation/eating")
    assert count().total == 3 == count().last_year
    Message.objects.filter(client_message_id="sent twice").update(replies=[])
    assert count().total == 2, "a reply without the lines is no referral"


def test_a_referral_still_counts_after_the_patient_has_deleted_the_conversation(patient: Patient) -> None:
    patient.say(CRISIS)
    Escalation.objects.update(state=Escalation.State.RESOLVED)
    assert patient.call("DELETE", "conversations/current").status_code == 200
    assert Message.objects.get().replies == [] and count().total == 1


def test_a_referral_counts_when_the_engine_was_down(patient: Patient, settings: Any, unused_port: int) -> None:
    settings.ENGINE_URL = f"http://127.0.0.1:{unused_port}"
    patient.say(CRISIS)
    patient.say(QUESTION)
    assert count().total == 1


def test_a_visitor_reads_since_when_is_counted_to_the_month(patient: Patient, page: Callable[[], str]) -> None:
    now = timezone.now()
    assert f"Counted since {now:%B} {now.year}." in page()


def test_before_anybody_has_used_the_chat_the_page_says_so(transactional_db: None, engine: FakeEngine, server: Background) -> None:
    from django.test import AsyncClient

    assert "Nobody has used this chat yet" in words(server.run(AsyncClient().get("/safety-protocol")))


def test_with_the_database_down_the_page_comes_without_the_count_and_says_so(
    page: Callable[[], str], patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    again(patient, CRISIS, 12)

    def broken(**_: Any) -> None:
        raise OperationalError("unable to open database file")

    monkeypatch.setattr(selectors, "crisis_referrals", broken)
    said = page()
    assert "The count cannot be read at the moment." in said and "12" not in said.replace("12 months", "")
    assert "does not assess risk" in said and "988" in said


def test_whoever_reloads_the_page_does_not_make_the_database_count_again(
    patient: Patient, server: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []
    real = selectors.crisis_referrals
    monkeypatch.setattr(selectors, "crisis_referrals", lambda **given: asked.append(1) or real(**given))
    for _ in range(3):
        assert server.run(patient.http.get("/safety-protocol")).status_code == 200
    assert asked == [1]


def test_nothing_that_a_patient_wrote_or_is_known_by_stands_on_the_page(patient: Patient, page: Callable[[], str]) -> None:
    patient.call("POST", "contact", {"name": "Zoe Quill", "phone": "555-0199", "consent": True})
    again(patient, f"zebra umbrella {CRISIS}", 11)
    said = page()
    assert "In total: 11." in said
    row = Message.objects.all()[0]
    for secret in ("zebra", "Quill", "555-0199", str(row.pk), str(row.conversation_id), patient.token, CRISIS):
        assert secret not in said
    assert not set(vars(count())) - {"total", "last_year", "since"}


def test_with_unreadable_clinic_facts_the_page_leaves_out_what_it_does_not_know(
    page: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Path) -> Clinic:
        raise ClinicError("name is missing")

    monkeypatch.setattr(shown, "current", lambda: None)
    monkeypatch.setattr(shown.Clinic, "load", broken)
    said = page()
    assert "[[" not in said and "does not assess risk" in said and "Opening hours" not in said


def test_without_its_words_the_page_is_the_lines(patient: Patient, server: Background, monkeypatch: pytest.MonkeyPatch) -> None:
    def lost(*_: str) -> None:
        raise ValueError("no such file")

    monkeypatch.setattr(protocol, "wording", lost)
    got = server.run(patient.http.get("/safety-protocol"))
    assert got.status_code == 503 and 'href="tel:988"' in got.content.decode()


def test_a_file_without_the_page_is_named(tmp_path: Path) -> None:
    for content in (None, "", "pages: {}", "pages: [", "- 1"):
        path = tmp_path / f"{abs(hash(content))}.yml"
        if content is not None:
            path.write_text(content)
        with pytest.raises(ValueError, match="restore the file"):
            protocol.wording(path=path)


def every_text(words: Any) -> Iterator[str]:
    if isinstance(words, str):
        yield words
    else:
        for inner in words.values() if isinstance(words, dict) else words:
            yield from every_text(inner)


def test_the_page_is_written_for_everybody_and_asks_for_facts_that_every_clinic_has() -> None:
    words = protocol.wording()
    running = " ".join(text for text in every_text([words["lead"], words["sections"], words["count"]]) if text.endswith("."))
    assert reading_grade(running) <= MAX_GRADE
    counts = {"count.total", "count.last_year", "count.since", "count.shown_from"}
    known = {f"clinic.{name}" for name in Clinic.load().facts} | {"lines.emergency", "lines.crisis"} | counts
    assert {name for text in every_text(words) for name in PLACEHOLDER.findall(text)} <= known


def count() -> selectors.Referrals:
    return selectors.crisis_referrals(now=timezone.now())
