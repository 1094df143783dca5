"""The promises of docs/design.md with the real processes, each while something is broken.

These take seconds: a time-out has to pass. Nothing waits blindly; whatever is waited for has a deadline.
"""

from __future__ import annotations

import json
import signal
from typing import Any

from companion.release import content_hash, text_hash, write
from tests.running import Heard, Patient, Running, until

CRISIS = "I want to kill myself tonight"
QUESTION = "Can I eat or drink before my session?"
ANSWER = "preparation/eating-and-drinking"
WITHIN_SECONDS = 6.0
BACK_SECONDS = 60.0
LIVE_SECONDS = 5.0
"""The design says two, on a machine that has nothing else to do."""


def met(heard: Heard) -> None:
    """A patient in danger has the lines, first and in time."""
    assert heard.seconds < WITHIN_SECONDS
    assert heard.body["tier"] == "crisis" and heard.replies[0]["kind"] == "crisis"
    assert {"tel:988", "sms:988"} <= set(heard.lines)


def told_the_truth(heard: Heard) -> None:
    """Staff were told if and only if the patient hears that they were."""
    recorded = heard.body["escalation"]["state"] == "recorded"
    assert heard.keys[-1].startswith("staffing_") if recorded else heard.keys[-1] == "alert_failed"


def answered_as_usual(running: Running) -> None:
    """The whole path works again, and whatever was late has been dealt with."""
    until(lambda: Patient(running).say(QUESTION).keys == [ANSWER], "a question is answered", BACK_SECONDS, running.logs)
    until(lambda: not running.spooled(), "the spool is empty", BACK_SECONDS, running.logs)


def escalated_once(patient: Patient) -> None:
    """One triggering message, one escalation: never none, never two."""
    until(patient.escalations, "the escalation is recorded", BACK_SECONDS, patient.running.logs)
    assert patient.escalations() == [("crisis", 1, "open")]


def test_with_everything_well_a_patient_in_crisis_gets_lines_and_a_person_is_told(running: Running) -> None:
    patient = Patient(running)
    heard = patient.say(CRISIS)
    met(heard)
    assert heard.body["escalation"]["state"] == "recorded"
    told_the_truth(heard)
    escalated_once(patient)


def test_a_patient_in_crisis_gets_lines_while_the_engine_hangs(running: Running) -> None:
    patient = Patient(running)
    with running.frozen(running.engine):
        heard = patient.say(CRISIS)
        met(heard)
        told_the_truth(heard)
        escalated_once(patient)
    answered_as_usual(running)  # the engine has worked off the late turn by now
    escalated_once(patient)


def test_a_question_is_met_with_words_and_a_person_while_the_engine_hangs(running: Running) -> None:
    patient = Patient(running)
    with running.frozen(running.engine):
        heard = patient.say(QUESTION)
        assert heard.seconds < WITHIN_SECONDS and heard.keys[0] == "outage" and "tel:988" in heard.lines
        assert [tier for tier, _, _ in patient.escalations()] == ["human"]
    answered_as_usual(running)


def test_a_patient_in_crisis_gets_lines_while_the_action_server_hangs(running: Running) -> None:
    patient = Patient(running)
    with running.frozen(running.actions):
        for _ in range(2):
            heard = patient.say(CRISIS, message_id="the same message")
            met(heard)
            told_the_truth(heard)
        escalated_once(patient)
    answered_as_usual(running)
    escalated_once(patient)


def test_a_conversation_goes_on_after_the_action_server_hung(running: Running) -> None:
    patient = Patient(running)
    with running.frozen(running.actions):
        met(patient.say(CRISIS))
        assert patient.say(QUESTION).keys == [ANSWER], "an answer needs no action server"
    second = patient.say(CRISIS)
    met(second)
    assert second.keys[0] == "crisis.2"
    assert patient.escalations() == [("crisis", 1, "open")] * 2, "one for each message"


def test_a_patient_in_crisis_gets_lines_after_the_action_server_died(running: Running) -> None:
    patient = Patient(running)
    running.actions.kill(signal.SIGKILL)
    try:
        heard = patient.say(CRISIS)
        met(heard)
        told_the_truth(heard)
        escalated_once(patient)
    finally:
        assert running.actions.process
        running.actions.process.wait()
        running.actions.start()
        running.wait_for(running.actions)
    met(patient.say(CRISIS))
    assert patient.escalations() == [("crisis", 1, "open")] * 2


def test_a_patient_in_crisis_gets_lines_while_the_database_is_locked(running: Running) -> None:
    patient = Patient(running)
    with running.locked_database():
        heard = patient.say(CRISIS, message_id="while locked")
        met(heard)
        assert heard.body["escalation"]["state"] == "unrecorded" and heard.keys[-1] == "alert_failed"
        assert patient.say(CRISIS, message_id="while locked") == heard, "a repeat gets the same reply"
        assert len(running.spooled()) == 1
    escalated_once(patient)
    answered_as_usual(running)
    escalated_once(patient)
    (message,) = patient.transcript()
    assert message["text"] == CRISIS and message["replies"] == heard.replies, "the record is what was shown"


def test_a_patient_in_crisis_gets_lines_while_engine_and_database_are_both_gone(running: Running) -> None:
    patient = Patient(running)
    with running.frozen(running.engine), running.locked_database():
        heard = patient.say(CRISIS)
        met(heard)
        assert heard.keys[-1] == "alert_failed"
    answered_as_usual(running)
    escalated_once(patient)


def test_a_new_answer_in_a_new_release_is_given_without_training(running: Running) -> None:
    current = running.home / "releases" / "current.json"
    before = json.loads(current.read_bytes())
    text = "Guide dogs are welcome. {Braces} and [[brackets]] stay as they are."
    model = next(item for item in before["items"] if item["key"] == ANSWER)
    new = {
        **model,
        "key": "clinic/guide-dogs",
        "section": "clinic",
        "title": "Guide dogs",
        "text": text,
        "hash": text_hash(text),
        "phrasings": ["Can I bring my guide dog to the clinic?"],
        "related": [],
        "revision": 1,
    }
    asked = new["phrasings"][0]
    assert Patient(running).say(asked).keys != [new["key"]]
    put_in_force(running, before, [*before["items"], new])
    heard = until(lambda: gets(running, asked, new["key"]), "the new answer is given", LIVE_SECONDS, running.logs)
    assert heard.replies[0]["text"] == text
    put_in_force(running, before, before["items"])
    until(lambda: not gets(running, asked, new["key"]), "the withdrawn answer is gone", LIVE_SECONDS, running.logs)


def test_a_broken_release_file_changes_nothing(running: Running) -> None:
    current = running.home / "releases" / "current.json"
    good = current.read_bytes()
    try:
        for broken in (b"", b"[" * 1000, good[:-100], good.replace(b"Do not drive", b"You may drive")):
            current.write_bytes(broken)
            patient = Patient(running)
            assert patient.say(QUESTION).keys == [ANSWER]
            met(patient.say(CRISIS))
    finally:
        current.write_bytes(good)


def test_no_words_of_a_patient_are_in_any_log_or_file_but_the_database(running: Running) -> None:
    words = "xylophones-in-the-attic"
    patient = Patient(running)
    patient.say(f"what about {words}")
    patient.say(f"I want to kill myself with {words}")
    with running.frozen(running.actions):
        patient.say(f"I want to kill myself because of {words}")
    answered_as_usual(running)
    holds = [
        path.name
        for path in running.home.rglob("*")
        if path.is_file() and not path.is_symlink() and words.encode() in path.read_bytes()
    ]
    assert set(holds) <= {"db.sqlite3", "db.sqlite3-wal"}


def test_a_patient_in_crisis_gets_lines_after_the_engine_was_killed(running: Running) -> None:
    """The last one: Rasa takes a while to come back."""
    patient = Patient(running)
    running.engine.kill(signal.SIGKILL)
    try:
        heard = patient.say(CRISIS)
        met(heard)
        told_the_truth(heard)
        escalated_once(patient)
    finally:
        assert running.engine.process
        running.engine.process.wait()
        running.engine.start()
        running.wait_for(running.engine)
    answered_as_usual(running)
    escalated_once(patient)
    second = patient.say(CRISIS)
    met(second)
    assert second.keys[0] == "crisis.2", "the database remembers what the new engine does not"


def put_in_force(running: Running, before: dict[str, Any], items: list[dict[str, Any]]) -> None:
    current = running.home / "releases" / "current.json"
    content = {**before, "number": json.loads(current.read_bytes())["number"] + 1, "items": items}
    write({**content, "hash": content_hash(content)}, current)


def gets(running: Running, asked: str, key: str) -> Heard | None:
    heard = Patient(running).say(asked)
    return heard if key in heard.keys else None
