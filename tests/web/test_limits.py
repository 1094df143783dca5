"""Who sends too much, and what happens when too many write: a polite refusal with the lines, and urgent messages first."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
from django.test import RequestFactory

from companion.release import Release
from tests.web.support import CRISIS, QUESTION, Background, FakeEngine, Patient, keys
from web.chat import engine as engine_client
from web.chat import events, limits, turn
from web.chat.limits import Limit
from web.chat.models import Conversation, Message
from web.chat.queue import Places
from web.escalations.models import Escalation

LINES = {"tel:988", "sms:988"}


def lines(reply: dict[str, Any]) -> set[str]:
    return {link["href"] for link in reply["links"]}


@pytest.fixture
def strict(settings: Any) -> None:
    """One message a minute."""
    settings.LIMIT_CONVERSATION_MESSAGES = (1, 60.0)


# Of one conversation


def test_who_writes_too_much_is_asked_to_wait_with_the_lines(patient: Patient, strict: None) -> None:
    patient.say(QUESTION)
    refused = patient.post(QUESTION)
    assert refused.status_code == 429 and refused["Content-Type"] == "application/problem+json"
    assert 0 < int(refused["Retry-After"]) <= 60
    (reply,) = refused.json()["replies"]
    assert reply["key"] == "too_many" and lines(reply) >= LINES
    assert Message.objects.count() == 1, "a refused message is not stored, and can be sent again with the same id"


def test_who_writes_spanish_is_asked_in_spanish(patient: Patient, strict: None) -> None:
    patient.say(QUESTION)
    assert patient.post(QUESTION, language="es").json()["replies"][0]["key"] == "es:too_many"


def test_a_patient_in_danger_is_never_asked_to_wait(patient: Patient, engine: FakeEngine, strict: None) -> None:
    for number in range(1, 6):
        got = patient.say(CRISIS)
        assert got["tier"] == "crisis" and lines(got["replies"][0]) >= LINES
        assert got["escalation"]["state"] == "recorded" and Escalation.objects.count() == number
    assert len(engine.requests) == 1, "over the limit the rules answer without the engine"
    assert "too many messages to be read by the assistant" in [cause["rule"] for cause in Escalation.objects.last().reasons]


def test_one_who_writes_too_much_costs_nobody_else(patient: Patient, another_patient: Patient, strict: None) -> None:
    patient.say(QUESTION)
    assert patient.post(QUESTION).status_code == 429
    another_patient.say(QUESTION)


def test_the_same_message_can_be_sent_again_after_waiting(
    patient: Patient, strict: None, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(limits.messages_of_conversation, "clock", lambda: now[0])
    patient.say(QUESTION)
    refused = patient.post(QUESTION, client_message_id="again")
    now[0] += int(refused["Retry-After"])
    assert patient.say(QUESTION, client_message_id="again")["tier"] == "none"


# Of one address


@pytest.fixture
def crowded_address(patient: Patient, settings: Any) -> None:
    """The address of `patient` has used up what it may send."""
    settings.LIMIT_ADDRESS_REQUESTS = (1, 60.0)
    limits.requests_of_address.forget()
    assert patient.call("GET", "conversations/current").status_code == 200


def test_an_address_that_sends_too_much_is_refused_everything_with_the_lines(patient: Patient, crowded_address: None) -> None:
    for method, path in (
        ("GET", "conversations/current"),
        ("DELETE", "conversations/current"),
        ("GET", "events"),
        ("POST", "contact"),
        ("POST", "feedback"),
        ("POST", "messages"),
    ):
        body = patient.body(QUESTION) if path == "messages" else None
        refused = patient.call(method, path, body)
        assert refused.status_code == 429 and "Retry-After" in refused, path
        assert lines(refused.json()["replies"][0]) >= LINES, path


def test_from_such_an_address_a_new_patient_in_danger_still_gets_lines_and_a_person(
    patient: Patient, crowded_address: None, server: Background
) -> None:
    stranger = Patient(server)
    assert Conversation.objects.count() == 1, "who only opens the chat over and over costs no row"
    got = stranger.say(CRISIS)
    assert lines(got["replies"][0]) >= LINES and Escalation.objects.get().tier == "crisis"


def test_tokens_cannot_be_guessed_without_end(patient: Patient, crowded_address: None) -> None:
    patient.token = "guess"
    assert patient.post(CRISIS).status_code == 429


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("203.0.113.7", "", "203.0.113.7"),
        ("203.0.113.7", "198.51.100.1", "203.0.113.7"),  # not a proxy of ours: what it claims is nothing
        ("10.0.0.1", "198.51.100.1", "198.51.100.1"),
        ("10.0.0.1", "1.2.3.4, 198.51.100.1", "198.51.100.1"),  # only the last entry is our proxy's
        ("10.0.0.1", "1.2.3.4, 198.51.100.1, 10.0.0.2", "198.51.100.1"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "<script>", "10.0.0.1"),
        ("10.0.0.1", ",".join(["10.0.0.9"] * 5000), "10.0.0.9"),
        ("2001:db8:1:2:3:4:5:6", "", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.7", "", "203.0.113.7"),
        ("", "", "unknown"),
    ],
)
def test_an_address_is_the_peers_or_what_our_own_proxy_says(peer: str, forwarded: str, counted: str, settings: Any) -> None:
    settings.TRUSTED_PROXIES = ["10.0.0.0/8"]
    request = RequestFactory().get("/", REMOTE_ADDR=peer, HTTP_X_FORWARDED_FOR=forwarded)
    assert limits.address(request) == counted


# The limit itself


def test_a_limit_lets_through_what_it_says_and_no_more(settings: Any) -> None:
    now = [100.0]
    limit = Limit(lambda: (3, 30.0), clock=lambda: now[0])
    assert [limit.wait("a") for _ in range(3)] == [0.0] * 3
    assert limit.wait("a") == pytest.approx(10.0)
    now[0] += 10.0
    assert limit.wait("a") == 0.0 and limit.wait("a") > 0
    now[0] += 1000.0
    assert [limit.wait("a") for _ in range(3)] == [0.0] * 3, "and no more is saved up than that"
    assert limit.wait("a") > 0


def test_a_limit_remembers_only_so_many(settings: Any) -> None:
    settings.LIMIT_REMEMBERED = 10
    limit = Limit(lambda: (1, 60.0))
    for number in range(1000):
        limit.wait(str(number))
    assert len(limit) == 10


# More than can be carried


@pytest.fixture
def full(settings: Any, monkeypatch: pytest.MonkeyPatch, engine: FakeEngine) -> Iterator[None]:
    """One message at a time, at the web side as at the engine; and the engine takes its time."""
    settings.TURNS_AT_ONCE = settings.ENGINE_CONNECTIONS = 1
    settings.ENGINE_DEADLINE = 30.0
    monkeypatch.setattr(engine_client, "_places", type(engine_client._places)())
    engine.hold()
    yield
    engine.let_go()


def test_a_question_too_many_is_refused_with_the_lines_and_pages_nobody(
    patient: Patient, another_patient: Patient, server: Background, engine: FakeEngine, full: None
) -> None:
    first = server.start(patient.request("POST", "messages", patient.body(QUESTION)))
    assert engine.reached.wait(5)
    refused = another_patient.post(QUESTION)
    assert refused.status_code == 503 and int(refused["Retry-After"]) > 0
    assert refused.json()["type"].endswith(":busy")
    (reply,) = refused.json()["replies"]
    assert reply["key"] == "busy" and lines(reply) >= LINES
    assert Message.objects.count() == 1 and not Escalation.objects.exists()
    engine.let_go()
    assert first.result(timeout=10).status_code == 200


def test_a_patient_in_danger_goes_ahead_of_questions_that_wait(
    patient: Patient, server: Background, engine: FakeEngine, full: None, settings: Any
) -> None:
    settings.TURNS_AT_ONCE = 10
    asked = [server.start(patient.request("POST", "messages", patient.body(QUESTION)))]
    assert engine.reached.wait(5)
    others = [Patient(server) for _ in range(4)]
    asked += [server.start(other.request("POST", "messages", other.body(QUESTION))) for other in others[:3]]
    server.run(waiting(3))
    asked.append(server.start(others[3].request("POST", "messages", others[3].body(CRISIS))))
    server.run(waiting(4))
    engine.answer = engine.proper
    engine.let_go()
    assert all(one.result(timeout=20).status_code == 200 for one in asked)
    assert [request["text"] for request in engine.requests] == [QUESTION, CRISIS, QUESTION, QUESTION, QUESTION]


def test_a_question_that_waited_too_long_is_not_sent_to_an_engine_that_is_behind(
    patient: Patient, another_patient: Patient, server: Background, engine: FakeEngine, full: None, settings: Any
) -> None:
    settings.TURNS_AT_ONCE = 10
    first = server.start(patient.request("POST", "messages", patient.body(CRISIS)))
    assert engine.reached.wait(5)
    settings.ENGINE_DEADLINE = 0.2
    assert keys(another_patient.say(QUESTION))[0] == "outage"
    engine.let_go()
    assert first.result(timeout=20).status_code == 200
    assert [request["text"] for request in engine.requests] == [CRISIS]


def test_with_far_too_many_a_patient_in_danger_is_answered_by_the_rules_alone(
    patient: Patient, another_patient: Patient, server: Background, engine: FakeEngine, full: None
) -> None:
    third = Patient(server)
    asked = [server.start(one.request("POST", "messages", one.body(CRISIS))) for one in (patient, another_patient)]
    server.run(waiting(1))
    got = third.say(CRISIS)
    assert keys(got) == ["crisis.1", "staffing_staffed"] and got["escalation"]["state"] == "recorded"
    assert len(engine.requests) == 1
    engine.answer = engine.proper
    engine.let_go()
    assert all(one.result(timeout=20).status_code == 200 for one in asked)
    assert Escalation.objects.count() == 3


async def waiting(number: int) -> None:
    """Until so many wait for a place at the engine."""
    async with asyncio.timeout(10):
        while engine_client.places().waiting < number:
            await asyncio.sleep(0.01)


def test_a_place_goes_to_the_urgent_first_and_then_in_order() -> None:
    came: list[str] = []

    async def main() -> None:
        places = Places(1)

        async def come(name: str, urgent: bool) -> None:
            async with places.one(urgent=urgent):
                came.append(name)

        async with places.one(urgent=False):
            names = [("a", False), ("b", True), ("c", False), ("d", True)]
            tasks = [asyncio.create_task(come(name, urgent)) for name, urgent in names]
            await asyncio.sleep(0)
            tasks[1].cancel()  # who gives up leaves the line
            await asyncio.sleep(0)
            assert places.waiting == 3
        await asyncio.gather(*tasks, return_exceptions=True)
        assert places.free == 1

    asyncio.run(main())
    assert came == ["d", "a", "c"]


def test_a_place_that_is_given_to_one_who_leaves_at_that_moment_is_not_lost() -> None:
    async def main() -> None:
        places = Places(1)

        async def come() -> None:
            async with places.one(urgent=False):
                pass

        async with places.one(urgent=False):
            task = asyncio.create_task(come())
            await asyncio.sleep(0)
        task.cancel()  # the place was handed to it, but it has not run yet
        await asyncio.gather(task, return_exceptions=True)
        assert places.free == 1

    asyncio.run(main())


# Event streams


def test_a_conversation_cannot_open_streams_without_end(patient: Patient, server: Background, settings: Any) -> None:
    settings.EVENTS_OF_CONVERSATION = 2
    opened = [threading.Event() for _ in range(2)]

    async def read(stream: AsyncIterator[bytes], first: threading.Event) -> None:
        async for _ in stream:
            first.set()

    readers = [server.start(read(patient.events(), first)) for first in opened]
    assert all(first.wait(5) for first in opened)
    assert patient.call("GET", "events").status_code == 429
    readers[0].cancel()  # as when a browser goes away
    server.run(closed(uuid.UUID(patient.conversation)))
    assert patient.call("GET", "events").status_code == 200
    readers[1].cancel()


async def closed(conversation: uuid.UUID) -> None:
    async with asyncio.timeout(10):
        while not events.room_for(conversation):
            await asyncio.sleep(0.01)


def test_the_notices_of_a_refusal_are_in_the_starter_catalogue_in_both_languages() -> None:
    from companion.release import build_from_data

    release: Release = build_from_data()[0]
    for key in ("too_many", "busy", "es:too_many", "es:busy"):
        assert LINES & {link["href"] for link in release.items[key]["links"]}, key
    assert turn.LEFT_OUT.keys() >= {"too many", "crowded"}
