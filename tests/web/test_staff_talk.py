"""A person talks with a patient: the assistant is silent but for danger, nothing is lost or doubled, one wins a race."""

from __future__ import annotations

import datetime as dt
import json
import threading
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.utils import timezone

from tests.web.support import ADVICE, ANSWERS, CRISIS, EMERGENCY, QUESTION, SYMPTOM, Background, FakeEngine, Patient, keys
from web.chat import background
from web.chat.models import Message
from web.escalations import talk
from web.escalations.models import AuditEntry, Escalation, Note, StaffMessage, Takeover
from web.escalations.services import NotPossible, escalation_claim, escalation_resolve

BrowserOf = Callable[[User], Client]


@pytest.fixture
def human(patient: Patient) -> Escalation:
    patient.choose("human")
    return Escalation.objects.get()


@pytest.fixture
def taken(human: Escalation, alice: User) -> Escalation:
    talk.take_over(escalation=human.pk, by=alice)
    return human


def say(escalation: Escalation, by: User, text: str, client_id: str = "") -> StaffMessage:
    return talk.reply(escalation=escalation.pk, by=by, client_id=client_id or uuid.uuid4().hex, text=text)


def last_message() -> uuid.UUID:
    return Message.objects.latest("received_at").pk


def at_once(*acts: Callable[[], Any]) -> list[str]:
    """Run acts in threads that start together; what came of each: `done` or the fault's name."""
    together, outcomes = threading.Barrier(len(acts)), [""] * len(acts)

    def run(i: int, act: Callable[[], Any]) -> None:
        together.wait()
        try:
            act()
            outcomes[i] = "done"
        except Exception as e:
            outcomes[i] = type(e).__name__
        finally:
            connection.close()

    threads = [threading.Thread(target=run, args=pair) for pair in enumerate(acts)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes


def transcript(patient: Patient) -> list[dict[str, Any]]:
    return patient.call("GET", "conversations/current").json()["messages"]


def events(patient: Patient, server: Background, count: int, last: str = "") -> list[tuple[str, str, Any]]:
    """The next events of staff: id, name, data."""

    async def listen() -> list[tuple[str, str, Any]]:
        response = await patient.request("GET", "events", **({"Last-Event-ID": last} if last else {}))
        stream, found = aiter(response.streaming_content), []
        async for chunk in stream:
            fields = dict(line.split(": ", 1) for line in chunk.decode().strip().split("\n") if ": " in line)
            if fields.get("event") in ("reply", "staff"):
                found.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
            if len(found) == count:
                break
        await stream.aclose()
        return found

    return server.run(listen())


def test_while_a_person_talks_the_assistant_is_silent(patient: Patient, taken: Escalation) -> None:
    for text in (QUESTION, "hello?"):
        answer = patient.say(text)
        assert answer["replies"] == [] and answer["handled_by"] == "staff" and answer["escalation"] is None


@pytest.mark.parametrize("text, card", [(CRISIS, "crisis.1"), (EMERGENCY, "emergency.1")])
def test_danger_gets_its_lines_at_once_also_while_a_person_talks(
    patient: Patient, taken: Escalation, text: str, card: str
) -> None:
    answer = patient.say(text)
    assert keys(answer) == [card], "and nothing about when somebody might read it, since somebody does"
    assert answer["replies"][0]["links"] and "handled_by" not in answer
    new = Escalation.objects.exclude(pk=taken.pk).get()
    assert (new.state, new.priority) == ("open", 1), "for everybody, and not only for who talks"


def test_danger_that_only_the_engine_finds_gets_its_lines_while_a_person_talks(
    patient: Patient, taken: Escalation, engine: FakeEngine
) -> None:
    engine.answer = lambda request: engine.turn(request, "crisis")
    assert keys(patient.say("there is no point any more"))[0] == "crisis.1"


def test_a_yes_to_a_persons_question_is_no_new_crisis(patient: Patient, engine: FakeEngine, alice: User) -> None:
    patient.say(CRISIS)
    patient.say("yes")
    assert engine.requests[-1]["context"]["last_tier"] == "crisis", "with nobody there, it is"
    talk.take_over(escalation=Escalation.objects.get().pk, by=alice)
    patient.say("yes")
    assert engine.requests[-1]["context"]["last_tier"] == "none"


def test_with_the_engine_down_the_person_still_has_the_conversation(
    patient: Patient, taken: Escalation, engine: FakeEngine
) -> None:
    engine.answer = lambda request: {}
    assert patient.say(QUESTION)["handled_by"] == "staff"
    assert keys(patient.say(CRISIS))[0] == "crisis.1"


def test_a_symptom_while_a_person_talks_is_theirs_from_the_start(
    patient: Patient, taken: Escalation, alice: User
) -> None:
    answer = patient.say(SYMPTOM)
    assert answer["replies"] == [] and answer["escalation"]["tier"] == "symptom"
    assert Escalation.objects.get(tier="symptom").claimed_by == alice


def test_a_repeat_of_a_message_left_to_staff_is_the_same_and_the_sweep_leaves_it(
    patient: Patient, taken: Escalation, server: Background
) -> None:
    body = patient.body(QUESTION)
    first, again = patient.call("POST", "messages", body).json(), patient.call("POST", "messages", body).json()
    assert first == again and first["handled_by"] == "staff"
    Message.objects.update(received_at=timezone.now() - dt.timedelta(hours=1), lease_until=timezone.now())
    assert server.run(background.sweep()) == 0


def test_the_patient_sees_who_writes_and_a_reload_shows_it_again(
    patient: Patient, taken: Escalation, alice: User, server: Background, settings: Any
) -> None:
    settings.EVENTS_EVERY = 0.01
    sent = say(taken, alice, "I am here. What is going on?")
    talk.typing(escalation=taken.pk, by=alice)
    (number, name, data), (_, other, typing) = events(patient, server, 2)
    staff = {"name": "Alice", "role": "Label_Role_Care_Team"}
    assert (number, name) == (str(sent.pk), "reply")
    assert data["reply"] == {
        "kind": "staff", "key": "staff", "revision": 0, "text": "I am here. What is going on?", "links": [], "choices": [],
    }  # fmt: skip
    assert data["staff"] == staff and data["id"] == sent.pk and (other, typing) == ("staff", {"state": "typing", "staff": staff})
    joined, reply = transcript(patient)[1:]
    assert (joined["state"], joined["staff"]) == ("joined", staff)
    assert (reply["id"], reply["at"], reply["replies"]) == (data["id"], data["at"], [data["reply"]])
    talk.hand_back(escalation=taken.pk, by=alice, seen=last_message())
    assert transcript(patient)[-1]["state"] == "left"
    assert keys(patient.say(QUESTION)) == ["preparation/eating"], "the assistant answers again"


def test_a_reconnect_loses_and_doubles_nothing(
    patient: Patient, taken: Escalation, alice: User, server: Background, settings: Any
) -> None:
    settings.EVENTS_EVERY = 0.01
    for text in ("one", "two", "three"):
        say(taken, alice, text)
    talk.hand_back(escalation=taken.pk, by=alice, seen=last_message())
    heard = events(patient, server, 3)
    assert [data["reply"]["text"] for _, _, data in heard] == ["one", "two", "three"]
    rest = events(patient, server, 3, last=heard[0][0])
    assert [data.get("reply", data)["text" if "reply" in data else "state"] for _, _, data in rest] == ["two", "three", "left"]
    ids = [int(number) for number, _, _ in heard]
    assert ids == sorted(set(ids))


def test_an_approved_answer_keeps_its_key_until_somebody_changes_it(taken: Escalation, alice: User) -> None:
    key = "preparation/eating"
    text = ANSWERS[key][1]
    sent = talk.reply(escalation=taken.pk, by=alice, client_id="a", text=text, key=key)
    assert (sent.reply["kind"], sent.reply["key"], sent.reply["revision"]) == ("staff", key, 1)
    changed = talk.reply(escalation=taken.pk, by=alice, client_id="b", text=text + " And no coffee.", key=key)
    assert changed.reply["key"] == "staff"


def test_answers_near_to_what_the_patient_wrote_come_first(
    patient: Patient, taken: Escalation, alice: User, browser_of: BrowserOf
) -> None:
    patient.say("what happens in the session")
    got = browser_of(alice).get(f"/staff/escalations/{taken.pk}/answers.json").json()["answers"]
    assert got[0]["key"] == "session/what-happens" and len(got) == 2


def test_sending_again_is_one_reply(taken: Escalation, alice: User, browser_of: BrowserOf) -> None:
    browser, body = browser_of(alice), {"client_id": "x1", "text": "Hello."}
    address = f"/staff/escalations/{taken.pk}/reply/"
    codes = [browser.post(address, body, headers={"Accept": "application/json"}).status_code for _ in range(2)]
    assert codes == [201, 201] and StaffMessage.objects.filter(kind="reply").count() == 1
    talk.hand_back(escalation=taken.pk, by=alice, seen=last_message())
    again = browser.post(address, body, headers={"Accept": "application/json"})
    assert again.status_code == 201, "it was stored before she left"
    late = browser.post(address, {"client_id": "x2", "text": "One more."}, headers={"Accept": "application/json"})
    assert late.status_code == 409 and StaffMessage.objects.filter(kind="reply").count() == 1
    browser.post(address, {"client_id": "x3", "text": "One more."})
    assert Note.objects.get().text == "One more.", "without a script it is kept as a note"


def test_of_two_who_take_over_at_once_one_does(human: Escalation, alice: User, bob: User) -> None:
    outcomes = at_once(*[lambda by=by: talk.take_over(escalation=human.pk, by=by) for by in (alice, bob)])
    assert sorted(outcomes) == ["NotPossible", "done"]
    assert Takeover.objects.filter(ended_at=None).count() == 1 == StaffMessage.objects.filter(kind="joined").count()


def test_the_same_reply_sent_twice_at_once_is_one(taken: Escalation, alice: User) -> None:
    outcomes = at_once(*[lambda: say(taken, alice, "Hello.", "same")] * 2)
    assert "done" in outcomes and StaffMessage.objects.filter(kind="reply").count() == 1


def test_of_two_who_close_at_once_one_does(taken: Escalation, alice: User) -> None:
    acts = [lambda outcome=outcome: escalation_resolve(escalation=taken.pk, by=alice, outcome=outcome)
            for outcome in ("contacted", "no_action")]  # fmt: skip
    assert sorted(at_once(*acts)) == ["NotPossible", "done"]
    assert StaffMessage.objects.filter(kind="left").count() == 1, "closing ends the talk"


def test_a_reply_and_a_closure_at_once_lose_no_text(taken: Escalation, alice: User) -> None:
    outcomes = at_once(
        lambda: say(taken, alice, "Take care."),
        lambda: escalation_resolve(escalation=taken.pk, by=alice, outcome="contacted"),
    )
    assert outcomes[1] == "done"
    stored = StaffMessage.objects.filter(kind="reply").count()
    assert stored == (1 if outcomes[0] == "done" else 0), "either it is stored, or she was told that it is not"


def test_what_the_patient_writes_while_staff_hand_back_is_answered_or_read(
    patient: Patient, taken: Escalation, alice: User, engine: FakeEngine, server: Background
) -> None:
    seen = last_message()
    engine.hold()
    waiting = server.start(patient.request("POST", "messages", patient.body(QUESTION)))
    assert engine.reached.wait(10)
    with pytest.raises(talk.NotSeen):
        talk.hand_back(escalation=taken.pk, by=alice, seen=seen)
    talk.hand_back(escalation=taken.pk, by=alice, seen=last_message())
    engine.let_go()
    assert keys(waiting.result(timeout=10).json()) == ["preparation/eating"], "the assistant has it again"


def test_what_the_patient_wrote_before_somebody_came_is_left_to_them(
    patient: Patient, human: Escalation, alice: User, engine: FakeEngine, server: Background
) -> None:
    engine.hold()
    waiting = server.start(patient.request("POST", "messages", patient.body(QUESTION)))
    assert engine.reached.wait(10)
    talk.take_over(escalation=human.pk, by=alice)
    engine.let_go()
    assert waiting.result(timeout=10).json()["handled_by"] == "staff"


def test_somebody_whose_page_is_gone_has_left_and_what_waits_goes_back(
    patient: Patient, taken: Escalation, alice: User
) -> None:
    patient.say(QUESTION)
    now = timezone.now()
    assert talk.abandoned_ones_end(now=now) == []
    assert talk.abandoned_ones_end(now=now + dt.timedelta(minutes=3)) == [taken.pk]
    taken.refresh_from_db()
    assert taken.state == "open" and transcript(patient)[-1]["state"] == "left"
    assert keys(patient.say(QUESTION)) == ["preparation/eating"]


def test_somebody_whose_page_is_open_is_still_there(taken: Escalation, alice: User, bob: User) -> None:
    Takeover.objects.update(seen_at=timezone.now() - dt.timedelta(minutes=3))
    talk.still_there(escalation=taken.pk, by=bob)
    assert Takeover.objects.get().seen_at < timezone.now() - dt.timedelta(minutes=2), "he is not the one who talks"
    talk.still_there(escalation=taken.pk, by=alice)
    assert talk.abandoned_ones_end(now=timezone.now()) == [] and Takeover.objects.get().ended_at is None


def test_only_who_talks_writes_and_hands_back(taken: Escalation, bob: User, charlie: User, browser_of: BrowserOf) -> None:
    with pytest.raises(NotPossible):
        say(taken, bob, "Me, too.")
    with pytest.raises(NotPossible):
        talk.hand_back(escalation=taken.pk, by=bob, seen=last_message())
    with pytest.raises(NotPossible):
        talk.take_over(escalation=taken.pk, by=bob)
    outsider = browser_of(charlie)
    for act, method in (("take-over", "post"), ("reply", "post"), ("typing", "post"), ("hand-back", "post"),
                        ("answers.json", "get"), ("events", "get")):  # fmt: skip
        address = f"/staff/escalations/{taken.pk}/{act}" + ("" if "." in act else "/")
        assert getattr(outsider, method)(address).status_code == 403, act
        assert getattr(Client(), method)(address).status_code == 302, act


def test_what_staff_write_is_erased_with_the_conversation(patient: Patient, taken: Escalation, alice: User) -> None:
    say(taken, alice, "A word of hers.")
    assert patient.call("DELETE", "conversations/current").json()["kept"] == 1
    assert not Takeover.objects.filter(ended_at=None).exists()
    escalation_resolve(escalation=taken.pk, by=alice, outcome="contacted")
    assert not StaffMessage.objects.exclude(reply={}).exists()
    with pytest.raises(NotPossible):
        talk.take_over(escalation=taken.pk, by=alice)


def test_the_log_says_who_wrote_and_not_what(taken: Escalation, alice: User) -> None:
    say(taken, alice, "Zebra words.")
    assert list(AuditEntry.objects.values_list("action", flat=True)) == ["claimed", "joined", "replied"]
    assert not any("ebra" in entry.detail for entry in AuditEntry.objects.all())


def test_a_clinician_is_called_one_and_nobody_else_is(human: Escalation, person: Any) -> None:
    talk.take_over(escalation=human.pk, by=person("casey", "Clinicians"))
    assert Takeover.objects.get().role == "Label_Role_Clinician"


def test_contact_details_say_what_is_true_by_the_hour(publish: Any, patient: Patient) -> None:
    patient.say(SYMPTOM)
    saved = patient.call("POST", "contact", {"phone": "555-0199", "consent": True})
    assert saved.status_code == 201 and saved.json()["saved"] and keys(saved.json()) == ["contact_saved", "staffing_staffed"]
    publish(staffed={})
    saved = patient.call("POST", "contact", {"phone": "555-0199", "consent": True})
    assert keys(saved.json()) == ["contact_saved", "staffing_closed"]
    assert Escalation.objects.count() == 1


def test_contact_details_without_an_escalation_make_one_so_that_somebody_sees_them(patient: Patient, alice: User) -> None:
    patient.say(QUESTION)
    patient.call("POST", "contact", {"email": "pat@example.org", "consent": True})
    made = Escalation.objects.get()
    assert (made.tier, made.reasons[0]["layer"]) == ("human", "contact")
    assert [reply["key"] for reply in transcript(patient)[-1]["replies"]] == ["contact_saved", "staffing_staffed"]
    escalation_claim(escalation=made.pk, by=alice)
    escalation_resolve(escalation=made.pk, by=alice, outcome="contacted")
    patient.call("POST", "contact", {"email": "new@example.org", "consent": True})
    assert Escalation.objects.filter(resolved_at=None).count() == 1, "after it was closed there is a new one"


def test_advice_is_not_given_behind_a_persons_back(patient: Patient, taken: Escalation) -> None:
    assert patient.say(ADVICE)["replies"] == []
