"""Staff see what was passed on and work it; others do not see it at all."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client

from tests.web.support import ADVICE, CRISIS, EMERGENCY, QUESTION, SYMPTOM, Background, FakeEngine, Patient
from web.escalations.models import AppendOnly, Escalation, StateChange
from web.escalations.services import (
    MessageUnknown,
    NotPossible,
    escalation_claim,
    escalation_record,
    escalation_resolve,
)

BrowserOf = Callable[[User], Client]


@pytest.fixture
def crisis(patient: Patient) -> Escalation:
    patient.say(QUESTION)
    patient.say(CRISIS)
    return Escalation.objects.get()


def addresses(escalation: Escalation) -> dict[str, str]:
    one = f"/staff/escalations/{escalation.pk}/"
    return {"/staff/": "get", "/staff/queue.json": "get", one: "get", f"{one}claim/": "post", f"{one}resolve/": "post"}


def test_alice_sees_the_most_urgent_first_then_the_oldest(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    for text in (ADVICE, CRISIS, SYMPTOM, EMERGENCY):
        patient.say(text)
    rows = browser_of(alice).get("/staff/queue.json").json()["rows"]
    assert [row["text"] for row in rows] == [CRISIS, EMERGENCY, SYMPTOM, ADVICE]
    assert [row["tier_words"] for row in rows] == ["Crisis", "Emergency", "Symptom", "Personal advice"]
    assert rows[0]["reason"] == "Phrase rule (crisis.kill-myself): “I want to kill myself”"


def test_a_question_that_broke_down_is_not_shown_as_a_wish_for_a_person(
    patient: Patient, engine: FakeEngine, alice: User, browser_of: BrowserOf
) -> None:
    engine.answer = lambda request: {}
    patient.say(QUESTION)
    row = browser_of(alice).get("/staff/queue.json").json()["rows"][0]
    assert (row["tier_words"], row["reason"]) == ("Not answered", "Website (assistant unavailable)")


def test_alice_reads_the_conversation_with_the_message_marked_and_why(
    crisis: Escalation, alice: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(alice)
    assert CRISIS in browser.get("/staff/").content.decode()
    page = browser.get(f"/staff/escalations/{crisis.pk}/").content.decode()
    assert page.count("This message was passed on") == 1
    assert page.index(QUESTION) < page.index("This message was passed on") < page.index(f'class="patient">{CRISIS}')
    assert "Phrase rule (crisis.kill-myself" in page and "Approved words of crisis.1." in page


def test_alice_claims_and_closes(crisis: Escalation, alice: User, bob: User, browser_of: BrowserOf) -> None:
    hers, his = browser_of(alice), browser_of(bob)
    one = f"/staff/escalations/{crisis.pk}/"
    hers.post(f"{one}claim/")
    assert his.get("/staff/queue.json").json()["rows"][0]["who"] == "Alice"
    assert "Claim</button>" not in his.get(one).content.decode()
    page = his.post(f"{one}claim/", follow=True).content.decode()
    assert "Somebody else has claimed or closed this one." in page
    his.post(f"{one}resolve/", {"outcome": "contacted"})
    crisis.refresh_from_db()
    assert (crisis.state, crisis.claimed_by) == ("claimed", alice), "Bob cannot close what Alice has"
    hers.post(f"{one}resolve/", {"outcome": "no such"})
    hers.post(f"{one}resolve/", {"outcome": "contacted", "note": "Called back."})
    crisis.refresh_from_db()
    assert (crisis.state, crisis.outcome, crisis.note, crisis.resolved_by) == (
        "resolved",
        "contacted",
        "Called back.",
        alice,
    )
    assert hers.get("/staff/queue.json").json()["rows"] == []
    changes = StateChange.objects.values_list("from_state", "to_state", "by__username")
    assert list(changes) == [("", "open", None), ("open", "claimed", "alice"), ("claimed", "resolved", "alice")]


def test_of_two_who_claim_at_once_one_gets_it(crisis: Escalation, alice: User, bob: User) -> None:
    together, outcomes = threading.Barrier(2), []

    def claim(user: User) -> None:
        together.wait()
        try:
            escalation_claim(escalation=crisis.pk, by=user)
            outcomes.append("got it")
        except NotPossible:
            outcomes.append("was told")
        finally:
            connection.close()

    threads = [threading.Thread(target=claim, args=[user]) for user in (alice, bob)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["got it", "was told"]
    assert StateChange.objects.filter(to_state="claimed").count() == 1


@pytest.mark.parametrize("who", ["charlie", "erin"])
def test_who_is_not_staff_is_refused_everywhere(
    crisis: Escalation, who: str, browser_of: BrowserOf, request: pytest.FixtureRequest
) -> None:
    browser = browser_of(request.getfixturevalue(who))
    for address, method in addresses(crisis).items():
        got = getattr(browser, method)(address)
        assert got.status_code == 403, address
        assert CRISIS not in got.content.decode()
    crisis.refresh_from_db()
    assert crisis.state == "open"


def test_who_is_not_signed_in_is_asked_to(crisis: Escalation) -> None:
    for address, method in addresses(crisis).items():
        got = getattr(Client(), method)(address)
        assert got.status_code == 302 and got["Location"].startswith("/accounts/login/"), address


def test_an_account_that_was_deactivated_is_refused(crisis: Escalation, alice: User, browser_of: BrowserOf) -> None:
    browser = browser_of(alice)
    alice.is_active = False
    alice.save()
    assert browser.get("/staff/").status_code == 302


def test_every_role_sees_its_own_pages(person: Any, browser_of: BrowserOf, release: Any) -> None:
    allowed = {"Staff": (200, False), "Editors": (403, True), "Clinicians": (200, True), "Administrators": (200, True)}
    for role, (queue, desk) in allowed.items():
        browser = browser_of(person(role.lower(), role))
        assert browser.get("/staff/").status_code == queue, role
        assert (browser.get("/admin/review/").status_code == 200) is desk, role
        assert (browser.get("/admin/answers-in-force/").status_code == 200) is desk, role


def test_claims_and_closures_need_a_post_with_its_csrf_token(
    crisis: Escalation, alice: User, browser_of: BrowserOf
) -> None:
    browser = browser_of(alice)
    one = f"/staff/escalations/{crisis.pk}/"
    assert browser.get(f"{one}claim/").status_code == 405
    strict = Client(enforce_csrf_checks=True)
    strict.cookies = browser.cookies
    assert strict.post(f"{one}claim/").status_code == 403
    crisis.refresh_from_db()
    assert crisis.state == "open"


def test_what_does_not_exist_is_not_found(crisis: Escalation, alice: User, browser_of: BrowserOf) -> None:
    assert browser_of(alice).get(f"/staff/escalations/{uuid.uuid4()}/").status_code == 404


def test_what_a_patient_writes_is_text_and_never_markup(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    patient.say("<script>alert(1)</script> chest feels tight")
    browser = browser_of(alice)
    one = Escalation.objects.get()
    for address in ("/staff/", f"/staff/escalations/{one.pk}/"):
        assert "<script>alert" not in browser.get(address).content.decode()


def test_the_history_is_append_only(crisis: Escalation) -> None:
    change = StateChange.objects.get()
    with pytest.raises(AppendOnly):
        change.save()
    with pytest.raises(AppendOnly):
        change.delete()


def test_an_escalation_needs_its_message_and_a_tier_for_staff(crisis: Escalation) -> None:
    with pytest.raises(MessageUnknown):
        escalation_record(message=uuid.uuid4(), tier="crisis", reasons=[], recorded_by="actions")
    with pytest.raises(ValueError, match="tier"):
        escalation_record(message=crisis.message_id, tier="none", reasons=[], recorded_by="actions")


def test_an_escalation_is_resolved_by_its_claimer_only(crisis: Escalation, alice: User, bob: User) -> None:
    with pytest.raises(NotPossible):
        escalation_resolve(escalation=crisis.pk, by=alice, outcome="contacted")
    escalation_claim(escalation=crisis.pk, by=alice)
    with pytest.raises(NotPossible):
        escalation_resolve(escalation=crisis.pk, by=bob, outcome="contacted")


def test_the_patient_is_told_when_somebody_has_claimed_it(
    patient: Patient, crisis: Escalation, alice: User, server: Background, settings: Any
) -> None:
    settings.EVENTS_EVERY = 0.01
    events = patient.events()

    async def next_state() -> str:
        async for chunk in events:
            if chunk.startswith(b"event: state"):
                return chunk.decode()
        return ""

    assert '"state": "open"' in server.run(next_state())
    escalation_claim(escalation=crisis.pk, by=alice)
    assert '"state": "claimed"' in server.run(next_state())
    server.run(events.aclose())
