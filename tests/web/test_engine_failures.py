"""The engine fails in every way it can; the patient still gets approved words, lines where needed, and a person."""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web as http

from companion.release import text_hash
from tests.web.support import CRISIS, EMERGENCY, QUESTION, SYMPTOM, FakeEngine, Patient, keys, kinds
from web.chat.models import Message
from web.escalations.models import Escalation

Answer = Callable[[FakeEngine, dict[str, Any]], Any]


def changed(change: Callable[[dict[str, Any]], Any]) -> Answer:
    def answer(engine: FakeEngine, request: dict[str, Any]) -> Any:
        content = copy.deepcopy(engine.proper(request))
        change(content)
        return content

    return answer


def first(part: str, value: Any) -> Answer:
    return changed(lambda content: content["replies"][0].update({part: value}))


FAILURES: dict[str, tuple[Answer, str]] = {
    "it raises an error": (lambda e, r: http.json_response({"error": "turn failed"}, status=500), "status 500"),
    "it is busy": (lambda e, r: http.json_response({"error": "lock"}, status=503), "status 503"),
    "it knows no token": (lambda e, r: http.json_response({"error": "token"}, status=403), "status 403"),
    "it sends us elsewhere": (lambda e, r: http.Response(status=302, headers={"Location": "/other"}), "status 302"),
    "it answers nothing": (lambda e, r: http.Response(text=""), "malformed"),
    "it answers no JSON": (lambda e, r: http.Response(text="<html>"), "malformed"),
    "it answers half of it": (lambda e, r: http.Response(text=json.dumps(e.proper(r))[:-20]), "malformed"),
    "it answers a list": (lambda e, r: [], "malformed"),
    "it answers far too much": (lambda e, r: http.Response(text="[" * 2_000_000), "malformed"),
    "it says nothing": (changed(lambda c: c.update(replies=[])), "empty"),
    "it leaves the tier out": (changed(lambda c: c.pop("tier")), "malformed"),
    "it makes up a tier": (changed(lambda c: c.update(tier="fine")), "malformed"),
    "it makes up an outcome": (changed(lambda c: c.update(outcome="chat")), "malformed"),
    "replies are no list": (changed(lambda c: c.update(replies="hello")), "malformed"),
    "a reply is no mapping": (changed(lambda c: c.update(replies=["hello"])), "malformed"),
    "reasons are missing": (changed(lambda c: c.pop("reasons")), "malformed"),
    "it answers another message": (changed(lambda c: c.update(message="b" * 36)), "other message"),
    "it names no release": (changed(lambda c: c.pop("release")), "malformed"),
    "it names an unknown release": (changed(lambda c: c["release"].update(number=99)), "unknown release"),
    "it names a path for a release": (changed(lambda c: c["release"].update(number="../../x")), "unknown release"),
    "the release's hash is another": (changed(lambda c: c["release"].update(hash=text_hash("x"))), "unknown release"),
    "a text is changed": (first("text", "Approved words of crisis.1"), "unapproved text"),
    "a text has one space more": (
        changed(lambda c: c["replies"][0].update(text=c["replies"][0]["text"] + " ")),
        "unapproved text",
    ),
    "a text is made up": (
        changed(lambda c: c["replies"].append(reply("made-up", "You will be fine."))),
        "unapproved text",
    ),
    "a text has another's key": (first("key", "outage"), "unapproved text"),
    "the revision is another": (first("revision", 7), "unapproved text"),
    "the kind is another": (first("kind", "staff"), "unapproved text"),
    "links were added": (first("links", [{"label": "Call", "href": "tel:666"}]), "unapproved text"),
    "a button says something else": (
        first("choices", [{"label": "You are fine", "choice": "none"}]),
        "unapproved choice",
    ),
    "a button leads elsewhere": (
        first("choices", [{"label": "The session", "choice": "preparation"}]),
        "unapproved choice",
    ),
    "a button's word is spoken": (
        changed(lambda c: c["replies"].append(reply("label_none_of_these", "Label_None_Of_These", "label"))),
        "unapproved text",
    ),
}


def reply(key: str, text: str, kind: str = "answer") -> dict[str, Any]:
    return {"key": key, "text": text, "kind": kind, "revision": 1, "links": [], "choices": []}


@pytest.mark.parametrize("failure", FAILURES)
def test_a_crisis_message_gets_its_lines_and_a_person_when(patient: Patient, engine: FakeEngine, failure: str) -> None:
    answer, reason = FAILURES[failure]
    engine.answer = lambda request: answer(engine, request)
    got = patient.say(CRISIS)
    assert (got["tier"], keys(got)) == ("crisis", ["crisis.1", "staffing_staffed"])
    assert any(link["href"] == "tel:988" for link in got["replies"][0]["links"])
    assert Message.objects.get().failure == reason
    escalation = Escalation.objects.get()
    assert (escalation.tier, escalation.recorded_by, got["escalation"]["state"]) == ("crisis", "web", "recorded")
    assert {"crisis.kill-myself", "assistant unavailable"} <= {cause["rule"] for cause in escalation.reasons}


@pytest.mark.parametrize(
    "failure", ["it raises an error", "it answers nothing", "it says nothing", "a text is made up"]
)
def test_a_question_gets_the_outage_text_and_a_person_when(patient: Patient, engine: FakeEngine, failure: str) -> None:
    engine.answer = lambda request: FAILURES[failure][0](engine, request)
    got = patient.say(QUESTION)
    assert (got["tier"], keys(got)) == ("none", ["outage", "staffing_staffed"])
    assert any(link["href"] == "tel:988" for link in got["replies"][0]["links"])
    assert got["escalation"]["tier"] == "human" == Escalation.objects.get().tier


def test_who_speaks_spanish_gets_the_lines_in_spanish_without_the_engine(
    another_patient: Patient, engine: FakeEngine, server: Any
) -> None:
    engine.answer = lambda request: http.Response(status=500)
    spanish = Patient(server, language="es")
    assert keys(spanish.say(CRISIS))[0] == "es:crisis.1"
    assert keys(another_patient.say(CRISIS))[0] == "crisis.1"


def test_a_symptom_gets_its_card_without_the_engine(patient: Patient, engine: FakeEngine) -> None:
    engine.answer = lambda request: http.Response(status=500)
    assert keys(patient.say(SYMPTOM)) == ["symptom.1", "outage", "staffing_staffed"]
    assert Escalation.objects.get().priority == 2


def test_the_engine_is_not_there(patient: Patient, settings: Any, unused_port: int) -> None:
    settings.ENGINE_URL = f"http://127.0.0.1:{unused_port}"
    assert keys(patient.say(CRISIS)) == ["crisis.1", "staffing_staffed"]
    assert Message.objects.get().failure == "refused"


def test_the_engine_hangs(patient: Patient, engine: FakeEngine, settings: Any) -> None:
    settings.ENGINE_DEADLINE = 0.2
    engine.hold()
    assert keys(patient.say(EMERGENCY)) == ["emergency.1", "staffing_staffed"]
    assert Message.objects.get().failure == "late"


def test_the_engine_sends_its_answer_drop_by_drop(patient: Patient, engine: FakeEngine, settings: Any) -> None:
    settings.ENGINE_DEADLINE = 0.3

    async def drip(request: dict[str, Any]) -> Any:
        return http.Response(body=slowly())

    async def slowly() -> Any:
        while True:
            yield b" "
            await asyncio.sleep(0.05)

    engine.answer = drip
    assert keys(patient.say(CRISIS))[0] == "crisis.1"
    assert Message.objects.get().failure == "late"


def test_the_engine_closes_the_connection(patient: Patient, engine: FakeEngine) -> None:
    class Dropped(http.StreamResponse):
        async def prepare(self, request: Any) -> Any:
            request.transport.close()
            return await super().prepare(request)

    def drop(request: dict[str, Any]) -> Any:
        return Dropped()

    engine.answer = drop
    assert keys(patient.say(CRISIS))[0] == "crisis.1"
    assert Message.objects.get().failure == "connection lost"


def test_a_tier_is_never_lowered_below_what_the_phrase_rules_found(patient: Patient, engine: FakeEngine) -> None:
    for tier in ("none", "human", "advice", "symptom"):
        engine.answer = lambda request, tier=tier: engine.turn(
            request, tier, "preparation/eating" if tier == "none" else None
        )
        got = patient.say(CRISIS)
        assert (got["tier"], kinds(got)[0]) == ("crisis", "crisis")
        assert Message.objects.get(pk=got["message"]).failure == "tier lowered"
    assert Escalation.objects.filter(tier="crisis").count() == 4


def test_a_tier_that_only_the_engine_found_counts_even_when_its_words_do_not(
    patient: Patient, engine: FakeEngine
) -> None:
    engine.answer = lambda request: {**engine.turn(request, "crisis"), "replies": [reply("made-up", "Calm down.")]}
    got = patient.say("i don't want to be here any more")
    assert (got["tier"], keys(got)) == ("crisis", ["crisis.1", "staffing_staffed"])
    assert Escalation.objects.get().tier == "crisis"


def test_the_engine_may_raise_a_tier(patient: Patient, engine: FakeEngine) -> None:
    engine.answer = lambda request: engine.turn(request, "emergency")
    assert patient.say(CRISIS)["tier"] == "emergency"
    assert Message.objects.get().failure == ""


@pytest.mark.parametrize(
    "tier, said, why",
    [
        ("crisis", ["outage"], "no card"),
        ("crisis", ["outage", "crisis.1"], "no resources first"),
        ("emergency", ["crisis.1"], "no card"),
        ("symptom", ["fallback.1"], "no card"),
        ("symptom", ["symptom.1", "preparation/eating"], "answered"),
        ("advice", ["advice", "session/what-happens"], "answered"),
        ("human", ["fallback.1"], "no card"),
    ],
)
def test_a_tier_without_what_it_needs_is_refused(
    patient: Patient, engine: FakeEngine, tier: str, said: list[str], why: str
) -> None:
    engine.answer = lambda request: {**engine.turn(request, "none", *said, outcome="escalate"), "tier": tier}
    patient.say("words that no rule knows")
    assert Message.objects.get().failure == why


def test_an_incomplete_turn_keeps_what_was_said_and_gets_the_rest_from_us(patient: Patient, engine: FakeEngine) -> None:
    engine.answer = lambda request: {**engine.turn(request, "crisis"), "complete": False}
    assert keys(patient.say(CRISIS)) == ["crisis.1", "staffing_staffed"]
    assert Escalation.objects.count() == 1 and Message.objects.get().failure == ""


def test_choices_of_a_clarification_are_titles_of_the_release(patient: Patient, engine: FakeEngine) -> None:
    choices = [
        {"label": "Eating before a session", "choice": "preparation/eating"},
        {"label": "The session", "choice": "session"},
        {"label": "Label_None_Of_These", "choice": "none"},
        {"label": "Label_Talk_To_Person", "choice": "human"},
    ]

    def clarify(request: dict[str, Any]) -> dict[str, Any]:
        content = engine.turn(request, "none", "clarify", outcome="clarify")
        content["replies"][0]["choices"] = choices
        return content

    engine.answer = clarify
    assert patient.say("session?")["replies"][0]["choices"] == choices


def test_an_answer_of_the_release_before_is_served_only_while_it_is_still_in_force(
    patient: Patient, engine: FakeEngine, publish: Any
) -> None:
    old = engine.release
    publish(texts={"preparation/eating": "New words."})
    engine.release = old
    assert keys(patient.say(QUESTION))[0] == "outage"
    assert Message.objects.get().failure == "withdrawn"
    engine.answer = lambda request: engine.turn(request, "none", "session/what-happens")
    assert keys(patient.say("what happens?")) == ["session/what-happens"], "unchanged in the new release"


def test_in_clinic_mode_a_sample_is_not_served_whatever_the_engine_says(
    patient: Patient, engine: FakeEngine, publish: Any
) -> None:
    publish(mode="clinic")
    assert keys(patient.say(QUESTION))[0] == "outage"
    assert Message.objects.get().failure == "not servable"
    assert keys(patient.say(CRISIS))[0] == "crisis.1", "lines are always served"


def test_a_fault_of_our_own_ends_in_the_lines_too(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(CRISIS)

    monkeypatch.setattr("web.chat.turn.check", broken)
    assert keys(patient.say(CRISIS)) == ["crisis.1", "staffing_staffed"]
    assert Message.objects.get().failure == "internal error"


def test_an_idle_connection_that_the_engine_closed_is_no_failure(patient: Patient, engine: FakeEngine) -> None:
    tries: list[int] = []

    def closing(request: dict[str, Any]) -> Any:
        tries.append(1)
        response = http.json_response(engine.proper(request))
        response.force_close()
        return response

    engine.answer = closing
    assert keys(patient.say(QUESTION)) == keys(patient.say(QUESTION)) == ["preparation/eating"]
