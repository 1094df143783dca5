"""The database is locked, broken or gone: the patient has the lines all the same; the escalation is recorded once."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import pytest
from django.db import OperationalError

from tests.web.support import CRISIS, QUESTION, Background, FakeEngine, Patient, keys, locked_database
from web import db
from web.chat import background, services, spool
from web.chat.models import Conversation, Message
from web.escalations.models import Escalation, StateChange


@pytest.fixture
def short_waits(settings: Any) -> None:
    settings.DATABASE_BUSY, settings.DATABASE_PAUSE = 0.1, 0.2


def spooled(home: Path) -> list[Path]:
    return list((home / "spool").glob("*.json"))


def test_with_the_database_locked_and_the_engine_hanging_a_crisis_message_has_its_lines_within_six_seconds(
    patient: Patient, engine: FakeEngine, home: Path, server: Background
) -> None:
    engine.hold()
    began = time.monotonic()
    with locked_database():
        got = patient.say(CRISIS, client_message_id="once")
        assert time.monotonic() - began < 6
        assert keys(got) == ["crisis.1", "alert_failed"]
        assert any(link["href"] == "tel:988" for link in got["replies"][0]["links"])
        assert (got["escalation"]["tier"], got["escalation"]["state"]) == ("crisis", "unrecorded")
        assert len(spooled(home)) == 1
        assert patient.say(CRISIS, client_message_id="once") == got, "a repeat gets the first reply from the spool"
    assert server.run(background.drain()) == 1
    assert server.run(background.drain()) == 0
    assert spooled(home) == []
    escalation = Escalation.objects.get()
    assert (str(escalation.pk), escalation.tier, escalation.recorded_by) == (got["escalation"]["id"], "crisis", "spool")
    assert StateChange.objects.count() == 1
    row = Message.objects.get()
    assert (row.text, row.state, row.replies) == (CRISIS, "answered", got["replies"]), "the record is what was shown"
    again = patient.say(CRISIS, client_message_id="once")
    assert (again["replies"], again["escalation"]["state"]) == (got["replies"], "recorded")
    assert Escalation.objects.count() == 1


def test_a_conversation_can_begin_and_go_on_while_the_database_is_locked(
    patient: Patient, engine: FakeEngine, server: Background, home: Path, short_waits: None
) -> None:
    with locked_database():
        newcomer = Patient(server)
        assert newcomer.greeting
        assert keys(newcomer.say(QUESTION)) == ["preparation/eating"]
        assert keys(newcomer.say(CRISIS)) == ["crisis.1", "alert_failed"]
    assert server.run(background.drain()) == 2
    assert [row.text for row in Message.objects.filter(conversation=newcomer.conversation)] == [QUESTION, CRISIS]
    assert Escalation.objects.count() == 1


def test_the_database_is_lost_between_the_message_and_its_answer(
    patient: Patient, engine: FakeEngine, server: Background, home: Path, short_waits: None
) -> None:
    engine.hold()
    asked = server.start(patient.request("POST", "messages", patient.body(CRISIS)))
    assert engine.reached.wait(5)
    with locked_database():
        engine.let_go()
        got = asked.result(timeout=10).json()
        assert keys(got) == ["crisis.1", "alert_failed"]
    assert Message.objects.get().state == "received"
    server.run(background.drain())
    assert Message.objects.get().replies == got["replies"]
    assert Escalation.objects.count() == 1


def test_after_one_failure_the_next_patients_do_not_wait_for_the_database(
    patient: Patient, another_patient: Patient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.DATABASE_BUSY, settings.DATABASE_PAUSE = 0.3, 30
    with locked_database():
        patient.say(CRISIS)
        assert db.turns.paused
        began = time.monotonic()
        assert keys(another_patient.say(CRISIS)) == ["crisis.1", "alert_failed"]
        assert time.monotonic() - began < 1


def test_a_broken_database_is_like_a_locked_one(
    patient: Patient, server: Background, monkeypatch: pytest.MonkeyPatch, home: Path
) -> None:
    def broken(**_: Any) -> None:
        raise OperationalError("disk I/O error")

    with monkeypatch.context() as broken_disk:
        broken_disk.setattr(services, "message_receive", broken)
        assert keys(patient.say(CRISIS)) == ["crisis.1", "alert_failed"]
    server.run(background.drain())
    assert Escalation.objects.count() == 1


def test_a_database_that_answers_late_has_recorded_it_once_all_the_same(
    patient: Patient, server: Background, settings: Any, home: Path
) -> None:
    settings.DATABASE_BUSY, settings.DATABASE_DEADLINE, settings.DATABASE_PAUSE = 5, 0.1, 0.0
    with locked_database():
        got = patient.say(CRISIS)
        assert keys(got) == ["crisis.1", "alert_failed"]
    settings.DATABASE_DEADLINE = 5
    assert server.run(background.drain()) == 1
    db.turns.close()  # waits for the late work
    assert Message.objects.get().replies == got["replies"]
    assert Escalation.objects.count() == 1 == StateChange.objects.count()


def test_a_drain_that_is_cut_off_before_the_file_is_removed_records_nothing_twice(
    patient: Patient, server: Background, home: Path, short_waits: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    with locked_database():
        patient.say(CRISIS)
    with monkeypatch.context() as killed:
        killed.setattr(spool, "done", lambda turn: None)
        server.run(background.drain())
    assert len(spooled(home)) == 1 and Escalation.objects.count() == 1
    server.run(background.drain())
    assert spooled(home) == [] and Escalation.objects.count() == 1 == Message.objects.count()


def test_a_spool_that_was_written_by_a_process_before_is_drained(
    patient: Patient, server: Background, home: Path, short_waits: None
) -> None:
    with locked_database():
        patient.say(CRISIS)
        patient.say(QUESTION)
    Conversation.objects.all().delete()  # as after a restored backup
    assert server.run(background.drain()) == 2
    assert Message.objects.count() == 2 and Escalation.objects.count() == 1


def test_an_unreadable_file_does_not_hold_up_the_others(
    patient: Patient, server: Background, home: Path, short_waits: None
) -> None:
    with locked_database():
        patient.say(CRISIS)
    (home / "spool" / "00000000T000000-bad.json").write_text('{"half": ')
    assert server.run(background.drain()) == 1
    assert [path.name for path in (home / "spool").iterdir()] == ["00000000T000000-bad.unreadable"]


def test_when_the_disk_refuses_as_well_the_turn_waits_in_memory(
    patient: Patient, server: Background, home: Path, short_waits: None
) -> None:
    (home / "spool").write_text("a file where the folder should be")
    with locked_database():
        got = patient.say(CRISIS, client_message_id="held")
        assert keys(got) == ["crisis.1", "alert_failed"]
        assert patient.say(CRISIS, client_message_id="held") == got
    assert server.run(background.drain()) == 1
    assert Escalation.objects.count() == 1


def test_the_spool_is_for_the_owner_only(patient: Patient, home: Path, short_waits: None) -> None:
    with locked_database():
        patient.say(CRISIS)
    (path,) = spooled(home)
    assert (path.stat().st_mode & 0o777, path.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    assert json.loads(path.read_text())["incoming"]["text"] == CRISIS


def test_what_needs_the_database_says_so_with_words_and_lines(
    patient: Patient, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise OperationalError("no such table")

    monkeypatch.setattr("web.chat.selectors.transcript", broken)
    got = patient.call("GET", "conversations/current")
    assert got.status_code == 503 and got["Content-Type"] == "application/problem+json"
    assert got.json()["replies"][0]["key"] == "outage"


def test_background_work_survives_a_fault(server: Background) -> None:
    async def scenario() -> int:
        import asyncio

        times = []

        async def work() -> int:
            times.append(1)
            raise RuntimeError("a fault")

        task = asyncio.create_task(background.forever(work, 0))
        while len(times) < 3:
            await asyncio.sleep(0)
        task.cancel()
        return len(times)

    assert server.run(scenario()) >= 3
