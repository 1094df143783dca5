"""The same message twice, at once, or left without an answer: one answer, one escalation."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import uuid
from concurrent.futures import CancelledError
from typing import Any

from django.db import connection
from django.utils import timezone

from tests.web.support import CRISIS, QUESTION, SYMPTOM, Background, FakeEngine, Patient, keys
from web.chat import background, turn
from web.chat.models import Message
from web.escalations.models import Escalation
from web.escalations.services import escalation_record


def long_ago() -> None:
    past = timezone.now() - dt.timedelta(minutes=2)
    Message.objects.update(received_at=past, lease_until=past)


def kill_the_web(patient: Patient, engine: FakeEngine, server: Background, text: str, client_message_id: str) -> None:
    """The process dies while the engine works on a message."""
    engine.hold()
    engine.reached.clear()
    asked = server.start(patient.request("POST", "messages", patient.body(text, client_message_id=client_message_id)))
    assert engine.reached.wait(5)

    async def die() -> None:
        for _, task in list(turn._running.values()):
            task.cancel()

    server.run(die())
    with contextlib.suppress(CancelledError):
        asked.result(timeout=5)
    engine.answer = engine.proper
    assert Message.objects.get(client_message_id=client_message_id).state == "received"


def test_a_repeat_gets_the_first_reply_and_records_nothing_twice(patient: Patient, engine: FakeEngine) -> None:
    first = patient.say(CRISIS, client_message_id="a")
    assert patient.say(CRISIS, client_message_id="a") == first
    assert len(engine.requests) == 1 and Message.objects.count() == 1 == Escalation.objects.count()


def test_the_same_words_with_another_id_are_another_message(patient: Patient) -> None:
    assert keys(patient.say(CRISIS)) != keys(patient.say(CRISIS))
    assert Escalation.objects.count() == 2


def test_twenty_repeats_at_once_wait_for_the_one_answer(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    engine.hold()
    body = patient.body(CRISIS, client_message_id="once")
    asked = [server.start(patient.request("POST", "messages", body)) for _ in range(20)]
    assert engine.reached.wait(5)
    engine.let_go()
    answers = [one.result(timeout=10).json() for one in asked]
    assert all(answer == answers[0] for answer in answers) and keys(answers[0])[0] == "crisis.1"
    assert len(engine.requests) == 1 and Escalation.objects.count() == 1


def test_an_id_used_for_other_words_is_refused_and_dangerous_words_get_their_lines(patient: Patient) -> None:
    patient.say(QUESTION, client_message_id="a")
    refused = patient.post(CRISIS, client_message_id="a")
    assert refused.status_code == 409
    assert refused.json()["replies"][0]["key"] == "crisis.1"


def test_ids_of_two_patients_do_not_meet(patient: Patient, another_patient: Patient) -> None:
    assert (
        patient.say(QUESTION, client_message_id="1")["message"]
        != another_patient.say(CRISIS, client_message_id="1")["message"]
    )
    assert Message.objects.count() == 2


def test_a_message_left_by_a_killed_process_is_answered_and_escalated_once(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    kill_the_web(patient, engine, server, CRISIS, "killed")
    assert server.run(background.sweep()) == 0, "somebody may still be at it"
    long_ago()
    assert server.run(background.sweep()) == 1
    assert server.run(background.sweep()) == 0
    row = Message.objects.get()
    assert (row.state, row.tier, row.failure) == ("answered", "crisis", "")
    assert Escalation.objects.get().recorded_by == "web"
    assert keys(patient.say(CRISIS, client_message_id="killed"))[0] == "crisis.1"
    assert Escalation.objects.count() == 1


def test_a_message_left_from_before_the_clock_was_set_back_does_not_wait_for_the_clock(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    kill_the_web(patient, engine, server, CRISIS, "killed")
    tomorrow = timezone.now() + dt.timedelta(days=1)
    Message.objects.update(received_at=tomorrow, lease_until=tomorrow)
    assert server.run(background.sweep()) == 1
    assert Escalation.objects.get().tier == Message.objects.get().tier == "crisis"


def test_a_patient_who_sends_it_again_need_not_wait_for_the_sweep(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    kill_the_web(patient, engine, server, SYMPTOM, "killed")
    long_ago()
    assert keys(patient.say(SYMPTOM, client_message_id="killed"))[0] == "symptom.1"
    assert Escalation.objects.count() == 1


def test_a_crisis_message_is_taken_over_within_a_second_or_so(
    patient: Patient, engine: FakeEngine, server: Background
) -> None:
    kill_the_web(patient, engine, server, CRISIS, "killed")  # its lease still runs
    assert keys(patient.say(CRISIS, client_message_id="killed"))[0] == "crisis.1"
    assert Escalation.objects.count() == 1


def test_a_repeat_waits_for_another_process_that_is_at_it(
    patient: Patient, engine: FakeEngine, server: Background, settings: Any
) -> None:
    kill_the_web(patient, engine, server, QUESTION, "elsewhere")
    asked = server.start(patient.request("POST", "messages", patient.body(QUESTION, client_message_id="elsewhere")))
    Message.objects.update(state="answered", tier="none", outcome="answer", replies=[patient.greeting[0]])
    assert keys(asked.result(timeout=10).json()) == ["greeting"]


def test_the_action_server_and_the_web_record_one_escalation(patient: Patient, engine: FakeEngine) -> None:
    def with_action(request: dict[str, Any]) -> Any:
        async def turn() -> Any:
            await asyncio.to_thread(record, uuid.UUID(request["message"]))
            return engine.turn(request, "crisis", "staffing_staffed")

        return turn()

    def record(message: uuid.UUID) -> None:
        escalation_record(
            message=message, tier="symptom", reasons=[{"rule": "seen by the action"}], recorded_by="actions"
        )
        connection.close()

    engine.answer = with_action
    got = patient.say(CRISIS)
    escalation = Escalation.objects.get()
    assert (escalation.recorded_by, escalation.tier, escalation.priority) == ("actions", "crisis", 1), (
        "raised, never lowered"
    )
    assert got["escalation"]["id"] == str(escalation.pk)
    assert "seen by the action" in [reason["rule"] for reason in escalation.reasons]
