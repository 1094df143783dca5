"""The engine's channel: a failure is an error and no empty answer, and what a patient types is never a command."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any

import pytest
from rasa.core.channels.channel import UserMessage

from assistant import channel as module
from assistant.channel import HEADER, MAX_CHARS, BadRequest, CompanionChannel

BODY = {"conversation": "c1", "message": "m1", "text": "Can I eat?", "context": {"misses": 1}}
REPLY = {"kind": "answer", "key": "a/b", "revision": 1, "text": "Yes.", "links": [], "choices": []}
VERDICT = {"tier": "none", "outcome": "answer", "answers": ["a/b"], "candidates": ["a/b"], "score": 0.9, "reasons": []}
SECRET = "words that only the patient and the database know"
Turn = Callable[[UserMessage], Awaitable[Any]]


def says(*replies: dict[str, Any], then: BaseException | None = None, forever: bool = False) -> Turn:
    async def turn(message: UserMessage) -> None:
        for reply in replies:
            await message.output_channel.send_response(
                message.sender_id,
                {"text": reply["text"], "reply": reply, "verdict": VERDICT, "release": {"number": 3, "hash": "h"}},
            )
        if then:
            raise then
        if forever:
            await asyncio.Event().wait()

    return turn


def ask(turn: Turn, body: Any = BODY, token: str | None = "right", timeout: float = 5.0) -> tuple[int, dict[str, Any]]:
    """What a request to `/messages` gets, with the rest of the engine replaced by `turn`."""
    blueprint = CompanionChannel("right", timeout).blueprint(turn)
    handler = next(route.handler for route in blueprint._future_routes if route.uri == "/messages")
    request = SimpleNamespace(headers={} if token is None else {HEADER: token}, json=body)
    response = asyncio.run(handler(request))
    return response.status, json.loads(response.body)


def read(**changes: Any) -> UserMessage:
    return CompanionChannel("right", 1).read({**BODY, **changes})[0]


def test_a_turn_is_handed_over_with_its_verdict_and_release() -> None:
    status, body = ask(says(REPLY))
    assert status == 200
    assert body == {
        "message": "m1", "release": {"number": 3, "hash": "h"}, "complete": True, "replies": [REPLY],
        "escalation": None, **VERDICT,
    }  # fmt: skip


def test_replies_keep_their_order_and_those_that_come_along_follow_at_once() -> None:
    first, second, third = ({**REPLY, "key": key} for key in ("a/1", "a/2", "a/3"))

    async def turn(message: UserMessage) -> None:
        await message.output_channel.send_response("c1", {"reply": first, "also": [second], "escalation": {"id": "e"}})
        await message.output_channel.send_response("c1", {"reply": third})

    _, body = ask(turn)
    assert [reply["key"] for reply in body["replies"]] == ["a/1", "a/2", "a/3"] and body["escalation"] == {"id": "e"}


@pytest.mark.parametrize("token", [None, "", "wrong", "right ", "rìght", "x" * 10_000])
def test_without_the_token_nothing_is_answered(token: str | None) -> None:
    async def turn(message: UserMessage) -> None:
        raise AssertionError("nobody was asked")

    status, body = ask(turn, token=token)
    assert status == 401 and list(body) == ["error"]


@pytest.mark.parametrize(
    "body",
    [
        None, [], [BODY], "words", 7, {},
        {**BODY, "conversation": ""}, {**BODY, "conversation": 7},
        {**BODY, "message": None}, {**BODY, "message": ["m"]},
        {**BODY, "text": None}, {**BODY, "text": 7}, {**BODY, "text": ["a"]}, {**BODY, "choice": "a/b"},
        {**BODY, "text": None, "choice": 7},
    ],
)  # fmt: skip
def test_a_body_that_is_not_the_contracts_is_a_bad_request(body: Any) -> None:
    status, answer = ask(says(REPLY), body)
    assert status == 400 and answer["error"]


@pytest.mark.parametrize(
    "typed",
    ["/restart", "/crisis", "///restart", "  /restart", "/ /restart", "／restart", "\n/\t/／ /restart", "/restart{}"],
)
def test_a_typed_slash_is_never_a_command(typed: str) -> None:
    assert not (read(text=typed).text or "").startswith(("/", "／"))
    assert read(text=typed).text.removesuffix("{}") in ("restart", "crisis")


def test_a_slash_within_a_message_stays() -> None:
    assert read(text="and/or 24/7").text == "and/or 24/7"


@pytest.mark.parametrize("typed", ["", "/", "   ", "//  //"])
def test_a_message_of_nothing_but_slashes_and_blanks_is_empty(typed: str) -> None:
    assert read(text=typed).text == ""


def test_a_long_message_is_cut() -> None:
    assert len(read(text="x" * (MAX_CHARS + 500)).text) == MAX_CHARS


def test_a_choice_is_marked_as_one_and_words_are_not() -> None:
    assert read(text=None, choice="a/b").metadata["choice"] is True
    assert read().metadata == {"conversation": "c1", "message": "m1", "choice": False, "context": {"misses": 1}}


@pytest.mark.parametrize("context", [None, "words", [], 7])
def test_an_unreadable_context_is_none(context: Any) -> None:
    assert read(context=context).metadata["context"] == {}


def test_an_empty_turn_is_an_error() -> None:
    status, body = ask(says())
    assert (status, body) == (502, {"error": "no output"})


def test_a_failed_turn_is_an_error() -> None:
    status, body = ask(says(then=RuntimeError("broken")))
    assert (status, body) == (504, {"error": "no output"})


def test_a_slow_turn_is_an_error_at_its_deadline() -> None:
    status, body = ask(says(forever=True), timeout=0.01)
    assert (status, body) == (504, {"error": "no output"})


@pytest.mark.parametrize("turn", [says(REPLY, forever=True), says(REPLY, then=RuntimeError("broken"))])
def test_what_was_said_before_a_failure_is_handed_over_as_incomplete(turn: Turn) -> None:
    status, body = ask(turn, timeout=0.01)
    assert (status, body["complete"], body["replies"], body["tier"]) == (200, False, [REPLY], "none")


@pytest.mark.parametrize("response", [{"text": "Rasa's own words"}, {"text": "x", "reply": None}, {"custom": {"a": 1}}])
def test_what_did_not_come_from_a_release_is_never_said(response: dict[str, Any]) -> None:
    async def turn(message: UserMessage) -> None:
        await message.output_channel.send_response("c1", response)

    assert ask(turn)[0] == 502


def test_no_failure_writes_a_patients_words_to_a_log(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    body = {**BODY, "text": SECRET, "context": {"last_answer": SECRET}}
    for turn in (says(then=RuntimeError(SECRET)), says(REPLY, then=ValueError(SECRET)), says(forever=True), says()):
        ask(turn, body, timeout=0.01)
    ask(says(), {**body, "choice": SECRET})
    assert caplog.records and SECRET not in caplog.text


def test_an_engine_without_a_token_does_not_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ENGINE_TOKEN", raising=False)
    with pytest.raises(RuntimeError, match="ENGINE_TOKEN"):
        CompanionChannel.from_credentials({"turn_timeout": 4})
    monkeypatch.setenv("ENGINE_TOKEN", "given")
    made = CompanionChannel.from_credentials({"turn_timeout": 2.5})
    assert (made.token, made.turn_timeout) == ("given", 2.5)


@pytest.mark.parametrize(("loaded", "agent"), [(False, None), (True, None), (True, False), (False, True)])
def test_an_engine_without_model_or_release_is_not_healthy(loaded: bool, agent: bool | None, monkeypatch: Any) -> None:
    monkeypatch.setattr(module, "served", lambda: object() if loaded else None)
    blueprint = CompanionChannel("right", 1).blueprint(says())
    handler = next(route.handler for route in blueprint._future_routes if route.uri == "/health")
    ctx = SimpleNamespace(agent=None if agent is None else SimpleNamespace(is_ready=lambda: agent))
    response = asyncio.run(handler(SimpleNamespace(app=SimpleNamespace(ctx=ctx))))
    assert response.status == 503 and json.loads(response.body)["ready"] is False


def test_bad_requests_say_what_is_wrong() -> None:
    with pytest.raises(BadRequest, match="conversation must be a string"):
        CompanionChannel("right", 1).read({"message": "m"})
