"""Words of a patient are kept for as long as the clinic says, and after that, or when they delete them, are nowhere."""

from __future__ import annotations

import datetime as dt
import os
import time
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection
from django.utils import timezone

from companion.clinic import Clinic, ClinicError
from tests.web.support import CRISIS, QUESTION, Background, Patient, clinic
from web.chat import background, retention, spool
from web.chat.models import Conversation, Feedback, Message
from web.escalations.models import Escalation, StateChange
from web.escalations.services import escalation_claim, escalation_resolve

WORDS = "my zebra is called Umbrella"


def quiet_for(patient: Patient, days: float) -> None:
    Conversation.objects.filter(pk=patient.conversation).update(last_seen_at=timezone.now() - dt.timedelta(days=days))


def on_disk(word: str) -> list[str]:
    """The files of the database in which a word can be found."""
    name = str(connection.settings_dict["NAME"])
    found = [Path(name + suffix) for suffix in ("", "-wal", "-journal")]
    return [path.name for path in found if path.exists() and word.encode() in path.read_bytes()]


def test_a_conversation_that_was_quiet_for_ninety_days_is_deleted_by_the_web_process_itself(
    patient: Patient, another_patient: Patient, server: Background
) -> None:
    for one in (patient, another_patient):
        one.say(f"{WORDS}. {QUESTION}")
    quiet_for(patient, 90.1)
    quiet_for(another_patient, 89.9)
    assert server.run(background.expire()) == 1
    assert patient.call("GET", "conversations/current").status_code == 410
    assert Message.objects.get(conversation=patient.conversation).text == ""
    assert WORDS in Message.objects.get(conversation=another_patient.conversation).text
    assert server.run(background.expire()) == 0


def test_the_web_process_looks_every_hour(server: Background) -> None:
    assert settings.EXPIRE_EVERY <= 3600

    async def names() -> set[str]:
        tasks = background.start()
        for task in tasks:
            task.cancel()
        return {task.get_name() for task in tasks}

    assert "expire" in server.run(names())


def test_the_clinic_says_for_how_many_days(publish: Any, patient: Patient) -> None:
    publish(keep_days=10)
    patient.say(QUESTION)
    quiet_for(patient, 10.1)
    out = StringIO()
    call_command("expire_conversations", stdout=out)
    assert out.getvalue() == "1 conversations deleted; they are kept for 10 days\n"


def test_the_demo_clinics_own_sentences_give_the_same_number_of_days() -> None:
    demo = Clinic.load()
    days = demo.facts["keep_days"]
    assert f" {days} days" in demo.facts["privacy"] and f" {days} días" in demo.spanish["privacy"]


@pytest.mark.parametrize("wrong", ["soon", "0", "-1", "1.5"])
def test_a_clinic_that_gives_no_number_of_days_is_told_so(wrong: str) -> None:
    with pytest.raises(ClinicError, match="keep_days"):
        clinic(keep_days=wrong)


def test_what_a_patient_deletes_is_in_no_file_of_the_database_any_more(patient: Patient) -> None:
    answered = patient.say(f"{WORDS}. {QUESTION}")
    patient.call("POST", "feedback", {"message": answered["message"], "helpful": False, "reason": "Umbrella"})
    assert on_disk("Umbrella")
    assert patient.call("DELETE", "conversations/current").json()["kept"] == 0
    assert on_disk("Umbrella") == []
    assert Feedback.objects.get().reason == ""


def test_what_was_passed_to_the_team_stays_until_they_have_closed_it_and_then_only_that_it_was(
    patient: Patient, alice: Any
) -> None:
    patient.say(f"{WORDS}. {CRISIS}")
    patient.say(f"{QUESTION} {WORDS}")
    patient.call("POST", "contact", {"phone": "555-0199", "consent": True})
    quiet_for(patient, 91)
    call_command("expire_conversations", stdout=StringIO())
    escalation = Escalation.objects.get()
    assert WORDS in escalation.message.text and escalation.conversation.contact_phone == "555-0199"
    assert Message.objects.exclude(pk=escalation.message_id).get().text == ""
    escalation_claim(escalation=escalation.pk, by=alice)
    escalation_resolve(escalation=escalation.pk, by=alice, outcome="contacted", note="Called back.")
    retention.scrub()
    escalation.refresh_from_db()
    assert on_disk("Umbrella") == [] and on_disk("555-0199") == []
    assert (escalation.tier, escalation.outcome, escalation.resolved_by) == ("crisis", "contacted", alice)
    assert escalation.note == "Called back." and StateChange.objects.filter(escalation=escalation).count() == 3


def test_a_turn_that_was_set_aside_is_removed_with_the_rest(patient: Patient, home: Path) -> None:
    spool.folder().mkdir(parents=True)
    old, new = spool.folder() / "old.refused", spool.folder() / "new.unreadable"
    for path in (old, new):
        path.write_text(WORDS)
    os.utime(old, (time.time() - 91 * 86400,) * 2)
    retention.expire(now=timezone.now())
    assert not old.exists() and new.exists()


def test_the_privacy_page_says_how_long_and_what_stays_in_both_languages(
    publish: Any, patient: Patient, server: Background
) -> None:
    publish(keep_days=45)
    english = server.run(patient.http.get("/privacy/?lang=en")).content.decode()
    assert "quiet for 45 days" in english and "What stays, and why" in english and "[[" not in english
    assert "Sample page" in english and "<script" not in english
    spanish = server.run(patient.http.get("/privacy/", headers={"accept-language": "es-MX,es;q=0.9,en"})).content.decode()
    assert '<html lang="es">' in spanish and "45 días" in spanish
