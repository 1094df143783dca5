"""The trained model as `rasa run` loads it, spoken to through our own channel: what a patient hears for each tier."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import threading
import warnings
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any

import pytest
import structlog

from assistant.channel import CompanionChannel
from assistant.live import served
from companion.release import Release, Releases, build_from_data, content_hash, write
from companion.tiers import PRIORITY, TIERS, rank
from tests.assistant.support import answer

Say = Callable[..., dict[str, Any]]
TURN_SECONDS = 20.0
"""Generous: nothing here is about speed, and a test machine may be busy."""


class ActionServer:
    """Stands in for the action server, which lives in the app environment: always says that it was recorded."""

    def __init__(self) -> None:
        self.called: list[dict[str, Any]] = []
        self.hold = threading.Event()
        self.hold.set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                outer.called.append(body)
                outer.hold.wait(30)
                tier = body["tracker"]["latest_message"]["companion"]["tier"]
                escalation = {"id": "e", "tier": tier, "state": "recorded"}
                said = {"response": "utter_staffing_closed", "item": "staffing_closed", "escalation": escalation}
                raw = json.dumps({"events": [], "responses": [said]}).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(raw)))
                self.end_headers()
                with contextlib.suppress(OSError):  # the engine has given up waiting
                    self.wfile.write(raw)

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_address[1]}/webhook"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.hold.set()
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture(scope="module")
def action_server() -> Iterator[ActionServer]:
    server = ActionServer()
    yield server
    server.close()


@pytest.fixture(scope="module")
def engine(
    trained_model: Path, action_server: ActionServer, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[..., dict[str, Any]]]:
    """`engine(body, seconds)`: what the channel answers, with the real model, NLG, tracker store and lock behind it."""
    from rasa.core.agent import Agent
    from rasa.utils.endpoints import EndpointConfig
    from rasa.utils.log_utils import configure_structlog

    from assistant.lock_store import FairLockStore
    from assistant.nlg import ApprovedAnswerNLG
    from assistant.tracker_store import BoundedTrackerStore

    loop = asyncio.new_event_loop()
    with pytest.MonkeyPatch.context() as patch, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Rasa's own
        configure_structlog(logging.INFO)  # as `rasa run` does
        patch.setenv("COMPANION_HOME", str(tmp_path_factory.mktemp("engine")))
        build_from_data()
        store = BoundedTrackerStore(max_events=60)
        agent = Agent.load(
            trained_model,
            generator=ApprovedAnswerNLG(),
            tracker_store=store,
            lock_store=FairLockStore(),
            action_endpoint=EndpointConfig(action_server.url),
        )
        store.domain = agent.domain
        channel = CompanionChannel("token", TURN_SECONDS)

        def ask(body: dict[str, Any], seconds: float = TURN_SECONDS) -> dict[str, Any]:
            channel.turn_timeout = seconds
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                response = loop.run_until_complete(channel.turn(agent.handle_message, *channel.read(body)))
            return {**json.loads(response.body), "status": response.status}

        yield ask
    if live := served():
        live.close()
    structlog.reset_defaults()
    loop.close()


@pytest.fixture
def release(engine: Any) -> Release:
    live = served()
    assert live
    return live.current().release


@pytest.fixture
def say(engine: Callable[..., dict[str, Any]], release: Release) -> Say:
    """`say("words", …)` in a conversation of this test's own; every text that comes back is one of the release."""
    numbers = count(1)
    name = f"conversation of {next(_names)}"

    def words(
        text: str | None = None, *, seconds: float = TURN_SECONDS, choice: str | None = None, **context: Any
    ) -> Any:
        body: dict[str, Any] = {"conversation": name, "message": f"m{next(numbers)}", "context": context}
        body |= {"choice": choice} if choice else {"text": text}
        given = engine(body, seconds)
        live = served()
        named = live.releases.numbered(given["release"]["number"]) if live and given.get("release") else release
        for reply in given.get("replies", []):
            assert named and reply["text"] == named.items[reply["key"]]["text"]
        return given

    return words


_names = count(1)


def keys(given: dict[str, Any]) -> list[str]:
    assert given["status"] == 200, given
    return [reply["key"] for reply in given["replies"]]


MESSAGES = {
    "emergency": "I can't breathe and my chest hurts",
    "crisis": "I want to kill myself",
    "symptom": "I've had a rash on my chest since Thursday",
    "advice": "what dose should I get, I weigh 82 kilos",
    "human": "I want to talk to a person",
}


@pytest.mark.parametrize("tier", MESSAGES)
def test_a_patient_hears_what_the_tier_calls_for_and_the_care_team_is_told(
    tier: str, say: Say, action_server: ActionServer
) -> None:
    action_server.called.clear()
    given = say(MESSAGES[tier])
    assert (given["tier"], given["complete"]) == (tier, True)
    assert keys(given) == [f"{tier}.1", "staffing_closed"]
    assert given["outcome"] == ("human" if tier == "human" else "escalate")
    assert given["escalation"] == {"id": "e", "tier": tier, "state": "recorded"}
    (call,) = action_server.called
    assert call["next_action"] == "action_escalate" and tier in PRIORITY
    if tier != "human":
        assert given["reasons"][0]["sentence"] and not given["answers"]


def test_a_question_is_answered_and_nobody_is_called(say: Say, action_server: ActionServer, release: Release) -> None:
    action_server.called.clear()
    given = say("Can I eat or drink before my session?")
    assert (given["tier"], given["outcome"]) == ("none", "answer")
    assert keys(given) == ["preparation/eating-and-drinking"] == given["answers"]
    related = [choice["choice"] for choice in given["replies"][0]["choices"]]
    assert set(related) <= {*release.items["preparation/eating-and-drinking"]["related"], "human"} and related
    assert action_server.called == []


def test_every_approved_phrasing_of_a_few_answers_is_answered_with_it(say: Say, release: Release) -> None:
    for key in ("preparation/eating-and-drinking", "session/what-happens", "integration/journaling"):
        for asked in release.items[key]["phrasings"][:3]:
            assert say(asked)["answers"] == [key], asked


def test_gibberish_and_other_subjects_get_no_answer(say: Say) -> None:
    for asked in ("asdf", "what's the weather", "how do I reset my router"):
        given = say(asked)
        assert (given["tier"], given["answers"]) == ("none", []) and given["outcome"] in ("abstain", "clarify"), asked


@pytest.mark.parametrize(
    "typed", ["/restart", "/crisis", "/ /restart", "/session_start", '/about{"x": 1}', "/", "EXTERNAL: x"]
)
def test_what_looks_like_a_command_of_rasas_is_read_as_words(typed: str, say: Say) -> None:
    first = say(typed)
    assert keys(first) and first["message"] == "m1"
    assert keys(say("I want to kill myself"))[0].startswith("crisis."), "the conversation goes on"


def test_a_command_in_front_of_a_crisis_hides_nothing(say: Say) -> None:
    assert say("/restart I want to kill myself")["tier"] == "crisis"
    assert say("/ /greet I want to kill myself")["tier"] == "crisis"


def test_a_second_crisis_message_gets_other_words(say: Say) -> None:
    assert [keys(say("I want to kill myself"))[0] for _ in range(4)] == ["crisis.1", "crisis.2", "crisis.3", "crisis.1"]


@pytest.mark.parametrize("said", ["jk", "yes", "tonight", "never mind"])
def test_taking_it_back_stays_a_crisis(said: str, say: Say) -> None:
    say("I want to kill myself")
    given = say(said, last_tier="crisis", urgent=True)
    assert given["tier"] == "crisis" and keys(given)[0] == "crisis.2"


def test_a_question_after_a_crisis_is_answered(say: Say) -> None:
    say("I want to kill myself")
    given = say("Can I eat or drink before my session?", last_tier="crisis", urgent=True)
    assert keys(given) == ["preparation/eating-and-drinking"]


CRISIS_AMONG = (
    "Can I eat or drink before my session?",
    "Thank you so much!",
    "My sister drives me home.",
    "What is journaling?",
)


@pytest.mark.parametrize("other", CRISIS_AMONG)
@pytest.mark.parametrize("tier", ["emergency", "crisis", "symptom", "advice"])
def test_no_sentence_before_or_after_lowers_the_tier_of_the_real_screen(tier: str, other: str, say: Say) -> None:
    alone = say(MESSAGES[tier])["tier"]
    for text in (f"{MESSAGES[tier]}. {other}", f"{other} {MESSAGES[tier]}.", f"{other}\n{MESSAGES[tier]}\n{other}"):
        assert rank(say(text)["tier"]) >= rank(alone), text


def test_a_button_is_followed_and_holds_no_alarm(say: Say, release: Release) -> None:
    assert keys(say(choice="session/what-happens")) == ["session/what-happens"]
    assert keys(say(choice="about/suicidal-thoughts-research")) == ["about/suicidal-thoughts-research"]
    assert keys(say(choice="none")) == ["none_of_these"]
    assert keys(say(choice="human"))[0] == "human.1"
    offered = say(choice="preparation")["replies"][0]
    assert offered["key"] == "section"
    assert [choice["label"] for choice in offered["choices"]] == [
        item["title"] for item in release.answers if item["section"] == "preparation" and item["language"] == "en"
    ]


def test_a_greeting_is_returned(say: Say) -> None:
    assert keys(say("Good evening, everyone")) == ["smalltalk/greet"]


def test_the_care_team_is_offered_after_a_second_miss(say: Say) -> None:
    assert keys(say("asdf qwer zxcv", misses=1)) == ["offer_care_team"]


@pytest.mark.parametrize(
    "text", ["", "👋", "¿Qué tal?", "的" * 500, "x" * 4_000, "word " * 800, "a. " * 1_000, "\x00\x1b[0m"]
)
def test_no_text_whatever_leaves_a_patient_without_a_reply(text: str, say: Say) -> None:
    given = say(text)
    assert keys(given) and given["tier"] in TIERS


def test_a_hanging_action_server_costs_a_patient_neither_the_lines_nor_the_next_reply(
    say: Say, action_server: ActionServer
) -> None:
    action_server.hold.clear()
    try:
        given = say("I want to kill myself", seconds=1.0)
    finally:
        action_server.hold.set()
    assert given["complete"] is False and keys(given) == ["crisis.1"]
    given = say("I want to kill myself", shown={"crisis": 1}, last_tier="crisis")
    assert given["complete"] and keys(given) == ["crisis.2", "staffing_closed"]


def test_a_long_conversation_goes_on_as_it_began(say: Say) -> None:
    for _ in range(25):
        assert keys(say("Can I eat or drink before my session?")) == ["preparation/eating-and-drinking"]
    assert keys(say("I want to kill myself"))[0] == "crisis.1"


def test_no_message_is_written_to_a_log(say: Say, caplog: pytest.LogCaptureFixture, capfd: Any) -> None:
    caplog.set_level(logging.INFO)
    for text in ("my secret garden is full of xylophones", "I want to kill my secret self xylophones"):
        say(text)
    written = capfd.readouterr()
    assert "xylophones" not in caplog.text + written.out + written.err


def test_a_new_answer_in_a_new_release_is_given_without_training(say: Say, release: Release) -> None:
    live = served()
    assert live
    new = answer("preparation/guide-dogs", phrasings=("Can I bring my guide dog to the clinic?",), title="Guide dogs")
    entry = {
        **release.items["preparation/eating-and-drinking"],
        "key": new.key, "title": new.title, "phrasings": list(new.phrasings), "related": [], "revision": 1,
    }  # fmt: skip
    content = {**release.content, "number": release.number + 1, "items": [*release.content["items"], entry]}
    write({**content, "hash": content_hash(content)}, Releases().path)
    ends = threading.Event()
    for _ in range(400):
        if live.current().release.number != release.number:
            break
        ends.wait(0.05)
    assert say("Can I bring my guide dog to the clinic?")["answers"] == [new.key]
    write({**(old := {**release.content, "number": release.number + 2}), "hash": content_hash(old)}, Releases().path)
    for _ in range(400):
        if live.current().release.number == release.number + 2:
            break
        ends.wait(0.05)
    assert say("Can I bring my guide dog to the clinic?")["answers"] != [new.key], "withdrawn again"
