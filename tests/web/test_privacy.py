"""What a patient wrote is in the database and nowhere else."""

from __future__ import annotations

import io
import json
import logging
from typing import Any

import pytest
from aiohttp import web as http
from django.core import mail

from tests.web.support import Background, FakeEngine, Patient, keys, locked_database
from web.chat import background
from web.escalations.models import Escalation
from web.logs import configure

SECRET_WORDS = "zebra umbrella kill myself"


@pytest.fixture
def logged(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """Everything that the process writes to its log, at every level, as it is written."""
    written = io.StringIO()
    root = logging.getLogger()
    configured = [handler for name in ("", "asyncio") for handler in logging.getLogger(name).handlers]
    for handler in configured:
        if isinstance(handler, logging.StreamHandler) and type(handler.formatter).__name__ == "Wordless":
            monkeypatch.setattr(handler, "stream", written)
    monkeypatch.setattr(root, "level", logging.DEBUG)
    for name in ("web", "django", "django.request", "asyncio", "aiohttp"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    logging.getLogger("web").warning("the log works")
    assert "the log works" in written.getvalue()
    return written


def silent(written: io.StringIO) -> bool:
    return not any(word in written.getvalue() for word in SECRET_WORDS.split()[:2])


def test_no_log_holds_a_message_when_the_turn_fails(
    patient: Patient, engine: FakeEngine, logged: io.StringIO, server: Background, settings: Any
) -> None:
    settings.DATABASE_BUSY = 0.1
    engine.answer = lambda request: http.json_response({"error": request["text"]}, status=500)
    patient.say(SECRET_WORDS)
    engine.answer = lambda request: http.Response(text=request["text"])
    patient.say(SECRET_WORDS)
    engine.answer = lambda request: {**engine.turn(request, "crisis"), "tier": request["text"]}
    patient.say(SECRET_WORDS)
    with locked_database():
        patient.say(SECRET_WORDS)
    assert "status 500" in logged.getvalue() and "database unavailable" in logged.getvalue()
    assert silent(logged), logged.getvalue()


@pytest.mark.parametrize("where", ["web.chat.turn.check", "web.chat.turn.wording.fallback", "web.chat.turn._decide"])
def test_no_log_holds_a_message_when_our_own_code_fails(
    patient: Patient, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch, server: Background, where: str
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(SECRET_WORDS)

    if "fallback" in where:
        monkeypatch.setattr("web.chat.turn.check", broken)
    monkeypatch.setattr(where, broken)
    got = patient.post(SECRET_WORDS)
    assert "RuntimeError" in logged.getvalue()
    assert silent(logged), logged.getvalue()
    assert keys(got.json())[0] == "crisis.1"
    server.run(background.drain())
    assert Escalation.objects.get().tier == "crisis"
    assert "zebra" not in got.content.decode()


def test_the_handler_of_unforeseen_faults_says_nothing_either(
    patient: Patient, logged: io.StringIO, monkeypatch: pytest.MonkeyPatch, server: Background
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise RuntimeError(SECRET_WORDS)

    monkeypatch.setattr("web.headers.EMBEDDED", ())
    monkeypatch.setattr("web.chat.api.problem", broken)
    got = patient.call("GET", "conversations/current", Authorization=f"Bearer {SECRET_WORDS}")
    assert got.status_code == 500 and got["Content-Type"] == "application/problem+json"
    assert got.json()["replies"][0]["key"] == "outage"
    assert "Internal Server Error" in logged.getvalue() and silent(logged), logged.getvalue()


def test_what_somebody_searches_for_in_the_answers_is_in_no_log_and_no_address(
    patient: Patient, logged: io.StringIO, server: Background
) -> None:
    got = server.run(patient.http.post("/answers/", {"words": SECRET_WORDS}))
    assert got.status_code == 200 and "zebra umbrella" in got.content.decode()
    assert got["Cache-Control"] == "no-store" and 'method="post"' in got.content.decode()
    assert silent(logged), logged.getvalue()


def test_nothing_is_mailed(patient: Patient) -> None:
    patient.say(SECRET_WORDS)
    assert mail.outbox == []


def test_an_exceptions_words_are_left_out_of_the_log_with_all_its_causes() -> None:
    configure({})
    handler = next(h for h in logging.getLogger().handlers if type(h.formatter).__name__ == "Wordless")
    try:
        try:
            json.loads(f"{SECRET_WORDS}")
        except ValueError as e:
            raise KeyError(SECRET_WORDS) from e
    except KeyError:
        record = logging.getLogger("x").makeRecord(
            "x", logging.ERROR, __file__, 1, "went wrong", (), __import__("sys").exc_info()
        )
    written = handler.format(record)
    assert "KeyError" in written and "JSONDecodeError" in written and "zebra" not in written
