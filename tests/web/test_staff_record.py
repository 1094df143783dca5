"""The record: a conversation for the chart, a week in numbers, what is said of the safety screen, the audit log."""

from __future__ import annotations

import csv
import datetime as dt
import io
import json
from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.test import Client

from tests.web.support import CRISIS, QUESTION, SYMPTOM, Patient
from web.chat.models import Message
from web.escalations import reports, talk
from web.escalations.models import AuditEntry, Escalation, ScreenLabel
from web.escalations.services import escalation_claim, escalation_resolve

BrowserOf = Callable[[User], Client]


def test_the_record_holds_everything_and_opening_it_is_written_down(
    patient: Patient, alice: User, browser_of: BrowserOf
) -> None:
    patient.say(QUESTION)
    patient.say(CRISIS)
    one = Escalation.objects.get()
    talk.take_over(escalation=one.pk, by=alice)
    talk.reply(escalation=one.pk, by=alice, client_id="1", text="I am here.")
    browser = browser_of(alice)
    browser.post(f"/staff/escalations/{one.pk}/note/", {"text": "Called the sister."})
    page = browser.get(f"/staff/escalations/{one.pk}/record/").content.decode()
    for part in (QUESTION, CRISIS, "Approved words of crisis.1.", "crisis.1, revision 1", "I am here.", "Called the sister."):
        assert part in page, part
    assert AuditEntry.objects.filter(action="exported", by=alice, escalation=one).count() == 1


def test_a_week_in_numbers(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    for _ in range(3):
        patient.say(SYMPTOM)
    start = dt.datetime(2026, 3, 2, 9, 30, tzinfo=dt.timezone.utc)
    for i, one in enumerate(Escalation.objects.all(), 1):
        escalation_claim(escalation=one.pk, by=alice)
        if i < 3:
            escalation_resolve(escalation=one.pk, by=alice, outcome="contacted" if i == 1 else "false_alarm")
        Escalation.objects.filter(pk=one.pk).update(
            recorded_at=start, acknowledged_at=start + dt.timedelta(minutes=10 * i), due_at=start + dt.timedelta(minutes=15)
        )
        Escalation.objects.filter(pk=one.pk, resolved_at__isnull=False).update(
            resolved_at=start + dt.timedelta(hours=i)
        )
    Message.objects.update(received_at=start)
    found = reports.week(dt.date(2026, 3, 2), ZoneInfo("UTC"))
    row = next(row for row in found.rows if row.tier == "symptom")
    assert (row.count, row.in_time, row.open, row.false_alarms) == (3, 1, 1, 1)
    assert (row.taken_median, row.taken_p90, row.closed_median, row.closed_p90) == (1200, 1800, 3600, 7200)
    assert found.hours[9] == 3 == sum(found.hours) == found.total
    assert reports.week(dt.date(2026, 3, 9), ZoneInfo("UTC")).total == 0
    browser = browser_of(alice)
    page = browser.get("/staff/reports/?week=2026-03-05").content.decode()
    assert "Week of 2 March to 8 March 2026" in page and page.count("<rect") == 29
    table = list(csv.DictReader(io.StringIO(browser.get("/staff/reports/week.csv?week=2026-03-02").content.decode())))
    symptom = next(line for line in table if line["kind"] == "Symptom")
    assert (symptom["count"], symptom["median s to take"], symptom["false alarms"]) == ("3", "1200", "1")
    assert browser.get("/staff/reports/?week=nonsense").status_code == 200


@pytest.mark.parametrize("values, share, is_", [([], 50, None), ([5], 90, 5), (range(1, 11), 90, 9), (range(1, 11), 50, 5)])
def test_a_percentile_is_a_value_that_was_measured(values: Any, share: int, is_: float | None) -> None:
    assert reports.percentile(values, share) == is_


def test_what_the_screen_got_wrong_is_exported_without_identifiers_and_only_when_cleared(
    patient: Patient, alice: User, person: Any, browser_of: BrowserOf
) -> None:
    patient.say("Quill here, can I eat, call 206-555-0199 or q@example.org, https://x.example since 2/3/2026")
    patient.say(CRISIS)
    patient.call("POST", "contact", {"name": "Pat Quill", "phone": "2065550199", "consent": True})
    one, missed = Escalation.objects.get(), Message.objects.earliest("received_at")
    hers = browser_of(alice)
    address = f"/staff/escalations/{one.pk}/label/"
    hers.post(address, {"verdict": "missed", "should": "symptom", "message": str(missed.pk)})
    hers.post(address, {"verdict": "missed", "should": "nonsense"})
    hers.post(address, {"verdict": "missed", "should": "crisis", "message": "not an id"})
    assert ScreenLabel.objects.count() == 1
    escalation_claim(escalation=one.pk, by=alice)
    escalation_resolve(escalation=one.pk, by=alice, outcome="false_alarm")
    assert ScreenLabel.objects.count() == 2
    casey = browser_of(person("casey", "Clinicians"))
    page = casey.get("/staff/screen/").content.decode()
    assert "[name] here, can I eat, call [number] or [e-mail] [address] since [date]" in page
    assert casey.get("/staff/screen/export.jsonl").content == b""
    label = ScreenLabel.objects.get(verdict="missed")
    casey.post(f"/staff/screen/{label.pk}/clear/", {"words": " "})
    casey.post(f"/staff/screen/{label.pk}/clear/", {"words": "can I eat, since last week"})
    exported = casey.get("/staff/screen/export.jsonl").content.decode()
    assert json.loads(exported) == {
        "text": "can I eat, since last week", "tier": "symptom", "given": "none", "verdict": "missed", "rules": [],
    }  # fmt: skip
    assert not any(part in exported for part in ("Quill", "555", str(missed.pk), patient.conversation, "2026"))
    assert AuditEntry.objects.filter(action="exported").count() == 2


def test_words_that_the_patient_deleted_cannot_be_cleared(
    patient: Patient, alice: User, person: Any, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    one = Escalation.objects.get()
    escalation_claim(escalation=one.pk, by=alice)
    escalation_resolve(escalation=one.pk, by=alice, outcome="false_alarm")
    patient.call("DELETE", "conversations/current")
    label = ScreenLabel.objects.get()
    casey = browser_of(person("casey", "Clinicians"))
    page = casey.post(f"/staff/screen/{label.pk}/clear/", {"words": CRISIS}, follow=True).content.decode()
    assert "has deleted this message" in page and not ScreenLabel.objects.exclude(words="").exists()


def test_the_log_is_for_administrators_and_holds_no_words(
    patient: Patient, alice: User, person: Any, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    browser_of(alice).get(f"/staff/escalations/{Escalation.objects.get().pk}/")
    page = browser_of(person("ada", "Administrators")).get("/staff/audit/").content.decode()
    assert "looked at" in page and "Alice" in page and "kill" not in page
    assert browser_of(alice).get("/staff/audit/").status_code == 403


def test_closing_with_a_fault_keeps_what_was_typed(patient: Patient, alice: User, browser_of: BrowserOf) -> None:
    patient.say(CRISIS)
    one = Escalation.objects.get()
    browser_of(alice).post(f"/staff/escalations/{one.pk}/resolve/", {"outcome": "contacted", "note": "Long words."})
    assert one.notes.get().text == "Long words."
