"""The queue: order, filters, search, saved views, going off duty; and that it hears of changes at once."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.test import AsyncClient, Client
from django.utils import timezone

from companion.hours import Hours
from tests.web.support import ADVICE, CRISIS, QUESTION, SYMPTOM, Background, Patient
from web.escalations.audit import audit
from web.escalations.models import AppendOnly, AuditEntry, Escalation, OffDuty, SavedView, StateChange
from web.escalations.services import (
    NotPossible,
    escalation_assign,
    escalation_claim,
    go_off_duty,
    quiet_ones_come_back,
)
from web.escalations.targets import DEFAULTS, Target, target_set

BrowserOf = Callable[[User], Client]


def rows(browser: Client, query: str = "", **search: str) -> list[str]:
    address = f"/staff/queue.json?{query}"
    got = browser.post(address, search) if search else browser.get(address)
    return [row["text"] for row in got.json()["rows"]]


def test_whose_time_is_up_first_comes_first_within_a_priority(
    patient: Patient, alice: User, browser_of: BrowserOf
) -> None:
    patient.say(ADVICE)
    patient.choose("human")
    assert rows(browser_of(alice)) == ["(chose) human", ADVICE], "a wish for a person is promised sooner than advice"


def test_time_left_and_overdue_are_said(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    patient.say(CRISIS)
    browser = browser_of(alice)
    row = browser.get("/staff/queue.json").json()["rows"][0]
    assert row["left"] == "in 4 min" and not row["late"] and row["priority"] == 1
    Escalation.objects.update(due_at=timezone.now() - dt.timedelta(minutes=3))
    data = browser.get("/staff/queue.json").json()
    assert data["rows"][0]["late"] and data["rows"][0]["left"] == "3 min over" and data["counts"]["late"] == 1
    assert rows(browser, "overdue=1") == [CRISIS]
    escalation_claim(escalation=Escalation.objects.get().pk, by=alice)
    assert rows(browser, "overdue=1") == [], "it was taken"


def test_filters_narrow_the_list(
    patient: Patient, another_patient: Patient, alice: User, bob: User, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    another_patient.say(SYMPTOM)
    Escalation.objects.filter(tier="crisis").update(patient_seen_at=timezone.now() - dt.timedelta(minutes=5))
    escalation_claim(escalation=Escalation.objects.get(tier="crisis").pk, by=bob)
    browser = browser_of(alice)
    assert rows(browser, "tier=crisis") == [CRISIS] and rows(browser, "tier=symptom&tier=crisis") == [CRISIS, SYMPTOM]
    assert rows(browser, f"who={bob.pk}") == [CRISIS] and rows(browser, "who=nobody") == [SYMPTOM]
    assert rows(browser, "who=me") == [] and rows(browser, "here=1") == [SYMPTOM]
    assert rows(browser, "show=closed") == [] and rows(browser, "tier=nonsense&page=-1&who=x") == [CRISIS, SYMPTOM]


def test_words_are_found_and_never_stand_in_an_address(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    patient.say(CRISIS)
    patient.say(SYMPTOM)
    patient.call("POST", "contact", {"name": "Quill", "phone": "555-0199", "consent": True})
    browser = browser_of(alice)
    assert rows(browser, words="chest tight") == [SYMPTOM] and rows(browser, words="quill KILL") == [CRISIS]
    assert rows(browser, "words=chest") == [CRISIS, SYMPTOM], "an address is no place for them"
    page = browser.post("/staff/?tier=symptom", {"words": "chest"}).content.decode()
    assert SYMPTOM in page and "words=chest" not in page
    browser.post("/staff/views/", {"name": "Mine", "filters": "tier=symptom&words=chest"})
    assert SavedView.objects.get().filters == "tier=symptom"


def test_saved_views_are_ones_own(patient: Patient, alice: User, bob: User, browser_of: BrowserOf) -> None:
    hers, his = browser_of(alice), browser_of(bob)
    for filters in ("overdue=1", "who=me&overdue=1"):
        hers.post("/staff/views/", {"name": "Now", "filters": filters})
    view = SavedView.objects.get()
    assert (view.filters, view.user) == ("who=me&overdue=1", alice)
    assert "Now" in hers.get("/staff/").content.decode() and "Now" not in his.get("/staff/").content.decode()
    his.post(f"/staff/views/{view.pk}/remove/")
    assert SavedView.objects.exists()
    hers.post(f"/staff/views/{view.pk}/remove/")
    assert not SavedView.objects.exists()


def test_an_open_queue_hears_of_a_new_one_at_once(
    patient: Patient, alice: User, browser_of: BrowserOf, server: Background, settings: Any
) -> None:
    settings.STAFF_EVENTS_EVERY = 0.01
    http = AsyncClient()
    http.cookies = browser_of(alice).cookies

    async def listen() -> list[str]:
        response = await http.get("/staff/events/")
        assert response["Content-Type"] == "text/event-stream"
        heard: list[str] = []
        stream = aiter(response.streaming_content)
        async for chunk in stream:
            if chunk.startswith(b"event: changed"):
                heard.append(chunk.decode())
                if len(heard) == 1:
                    await patient.request("POST", "messages", patient.body(CRISIS))
                else:
                    break
        await stream.aclose()
        return heard

    heard = server.run(listen())
    assert len(heard) == 2 and "kill" not in "".join(heard) and "{}" in heard[0], "it carries no words and no ids"


def test_events_end_when_the_role_is_taken_away(
    patient: Patient, alice: User, browser_of: BrowserOf, server: Background, settings: Any
) -> None:
    settings.STAFF_EVENTS_EVERY, settings.HEARTBEAT = 0.01, 0.0
    http = AsyncClient()
    http.cookies = browser_of(alice).cookies

    async def listen() -> bool:
        response = await http.get("/staff/events/")
        async for chunk in response.streaming_content:
            if chunk.startswith(b"event: changed"):
                await sync_to_async(alice.groups.clear)()
        return True

    assert server.run(listen()), "it would go on for ever"


@pytest.mark.parametrize("who, status", [("charlie", 403), ("erin", 403), (None, 302)])
def test_events_are_for_readers_only(who: str | None, status: int, patient: Patient, browser_of: BrowserOf,
                                     request: pytest.FixtureRequest) -> None:  # fmt: skip
    browser = browser_of(request.getfixturevalue(who)) if who else Client()
    assert browser.get("/staff/events/").status_code == status


def test_a_key_press_claims_and_the_second_is_told(
    patient: Patient, alice: User, bob: User, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    address = f"/staff/escalations/{Escalation.objects.get().pk}/claim/"
    assert browser_of(alice).post(address, headers={"Accept": "application/json"}).status_code == 204
    assert browser_of(bob).post(address, headers={"Accept": "application/json"}).status_code == 409


def test_whoever_goes_off_duty_hands_over(patient: Patient, alice: User, bob: User, browser_of: BrowserOf) -> None:
    patient.say(CRISIS)
    patient.say(SYMPTOM)
    hers = browser_of(alice)
    for one in Escalation.objects.all():
        escalation_claim(escalation=one.pk, by=alice)
    hers.post("/staff/off/", {"to": bob.pk})
    assert set(Escalation.objects.values_list("claimed_by__username", flat=True)) == {"bob"}
    assert OffDuty.objects.get().user == alice and "off duty" in hers.get("/staff/").content.decode()
    with pytest.raises(NotPossible):
        go_off_duty(by=bob, to=alice)
    browser_of(bob).post("/staff/off/", {})
    assert set(Escalation.objects.values_list("state", "claimed_by")) == {("open", None)}
    hers.post("/staff/on/")
    assert OffDuty.objects.get().user == bob


def test_nothing_is_assigned_to_somebody_who_has_gone_or_over_somebodys_head(
    patient: Patient, alice: User, bob: User, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    pk = Escalation.objects.get().pk
    go_off_duty(by=bob, to=None)
    with pytest.raises(NotPossible):
        escalation_assign(escalation=pk, by=alice, to=bob, was=None)
    escalation_claim(escalation=pk, by=alice)
    page = browser_of(bob).post(f"/staff/escalations/{pk}/assign/", {"to": alice.pk, "was": ""}, follow=True)
    assert "Somebody else was first" in page.content.decode()


def test_one_that_was_left_alone_comes_back(patient: Patient, alice: User) -> None:
    patient.say(CRISIS)
    patient.say(SYMPTOM)
    for one in Escalation.objects.all():
        escalation_claim(escalation=one.pk, by=alice)
    now = timezone.now()
    assert quiet_ones_come_back(now=now + dt.timedelta(minutes=19)) == []
    back = quiet_ones_come_back(now=now + dt.timedelta(minutes=21))
    row = Escalation.objects.get(tier="crisis")
    assert back == [row.pk] and (row.state, row.claimed_by) == ("open", None) and row.acknowledged_at
    assert Escalation.objects.get(tier="symptom").state == "claimed"
    assert StateChange.objects.filter(why="left alone too long", by=None).count() == 1


def test_administrators_set_the_targets_and_nobody_else_does(
    patient: Patient, person: Any, alice: User, browser_of: BrowserOf
) -> None:
    ada = browser_of(person("ada", "Administrators"))
    given = {f"{tier}-{name}": "7" for tier in DEFAULTS for name in ("minutes", "again_minutes", "quiet_minutes")}
    assert ada.post("/staff/targets/", given).status_code == 200
    bad = ada.post("/staff/targets/", {**given, "crisis-minutes": "0", "symptom-minutes": "33"})
    assert bad.status_code == 422 and 'value="33"' in bad.content.decode(), "what was typed is shown again"
    patient.say(CRISIS)
    row = Escalation.objects.select_related("message").get()
    assert row.due_at - row.message.received_at == dt.timedelta(minutes=7)
    assert browser_of(alice).post("/staff/targets/", given).status_code == 403


def test_targets_of_lower_tiers_count_staffed_time_only(publish: Any, patient: Patient) -> None:
    publish(timezone="UTC", staffed={"mon": ["09:00-10:00"]})
    target_set(tier="symptom", target=Target(30, True, 60, 0))
    patient.say(SYMPTOM)
    due = Escalation.objects.get().due_at
    assert due.weekday() == 0 and dt.time(9) < due.time() <= dt.time(10)


def test_staffed_time_is_counted_over_nights_and_holidays() -> None:
    hours = Hours.parse("UTC", {"mon": ["09:00-17:00"], "tue": ["09:00-17:00"], "wed": ["22:00-24:00"]}, ["2026-11-24"])
    monday = dt.datetime(2026, 11, 23, 16, tzinfo=dt.timezone.utc)
    assert hours.after(monday, dt.timedelta(minutes=30)) == monday + dt.timedelta(minutes=30)
    assert hours.after(monday, dt.timedelta(hours=2)) == dt.datetime(2026, 11, 25, 23, tzinfo=dt.timezone.utc)
    assert Hours.parse("UTC", None, None).after(monday, dt.timedelta(minutes=1)) is None


def test_the_log_is_append_only_for_our_own_code(patient: Patient, alice: User) -> None:
    entry = audit(by=alice, action="viewed")
    for attempt in (entry.save, entry.delete, AuditEntry.objects.all().delete, lambda: AuditEntry.objects.update(by=1)):
        with pytest.raises(AppendOnly):
            attempt()
    with pytest.raises(KeyError):
        audit(by=alice, action="no such thing")


def test_the_database_itself_refuses_to_change_the_log(patient: Patient, alice: User) -> None:
    from django.db import DatabaseError, connection

    from web.escalations.append_only import guard, unguard

    audit(by=alice, action="viewed")
    with connection.schema_editor() as editor:
        guard(editor, "escalations_auditentry")
    try:
        for sql in ("UPDATE escalations_auditentry SET action = 'x'", "DELETE FROM escalations_auditentry"):
            with connection.cursor() as cursor, pytest.raises(DatabaseError, match="append-only"):
                cursor.execute(sql)
    finally:
        with connection.schema_editor() as editor:
            unguard(editor, "escalations_auditentry")
    assert AuditEntry.objects.count() == 1


def test_a_look_is_written_down_once_a_minute(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    patient.say(QUESTION)
    patient.say(CRISIS)
    browser = browser_of(alice)
    for _ in range(2):
        browser.get(f"/staff/escalations/{Escalation.objects.get().pk}/")
    assert AuditEntry.objects.filter(action="viewed", by=alice).count() == 1
