"""What tests of the web side share: a small catalogue, small phrase rules, a fake engine, and patients."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import itertools
import sqlite3
import threading
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, TypeVar

from aiohttp import web
from django.conf import settings
from django.test import AsyncClient

from companion.catalogue import Catalogue, Item
from companion.clinic import Clinic
from companion.release import Release, build
from companion.rules import PhraseRules
from companion.tiers import PRIORITY

T = TypeVar("T")

CRISIS = "I want to kill myself"
EMERGENCY = "she is not breathing"
SYMPTOM = "my chest feels tight"
ADVICE = "should I double my dose"
QUESTION = "Can I eat before a session?"

PHRASES = """
phrases:
- {id: crisis.kill-myself, tier: crisis, pattern: 'kill myself'}
- {id: emergency.breathing, tier: emergency, pattern: 'not breathing'}
- {id: symptom.chest, tier: symptom, pattern: 'chest feels tight'}
"""
WORDS = {"kill myself": "crisis", "not breathing": "emergency", "chest": "symptom", "dose": "advice", "person": "human"}
"""How the fake engine finds a tier."""

ALWAYS = {day: ["00:00-24:00"] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}
MESSAGES = {
    "notice": [
        "greeting",
        "sample_answers",
        "too_long",
        "staffing_staffed",
        "staffing_until",
        "staffing_closed",
        "alert_failed",
        "contact_saved",
        "alert_undelivered",
        "conversation_deleted",
        "conversation_deleted_kept",
    ],
    "fallback": ["fallback.1", "fallback.2", "outage"],
    "clarify": ["clarify"],
    "symptom": ["symptom.1", "symptom.2"],
    "advice": ["advice"],
    "human": ["human"],
    "crisis": ["crisis.1", "crisis.2", "crisis.3"],
    "emergency": ["emergency.1", "emergency.2"],
    "label": ["label_none_of_these", "label_talk_to_person", "label_role_care_team", "label_role_clinician"],
}
ANSWERS = {
    "preparation/eating": ("Eating before a session", "You will be told when to stop eating."),
    "session/what-happens": ("What happens in a session", "You sit in a quiet room, and somebody stays with you."),
}


def clinic(**changes: Any) -> Clinic:
    facts = {
        "mode": "demo",
        "name": "Test Clinic",
        "phone": "555-0100",
        "country": "US",
        "timezone": "UTC",
        "staffed": ALWAYS,
    }
    return Clinic.parse(facts | changes)


def catalogue(**changed_texts: str) -> Catalogue:
    """A catalogue with two answers and every message that the web side knows."""
    items = {
        key: Item(
            key=key, kind=kind, title=key.title(), text=f"Approved words of {key}." if kind != "label" else key.title()
        )
        for kind, keys in MESSAGES.items()
        for key in keys
    }
    items["outage"] = Item(key="outage", kind="fallback", title="Outage", text="Out of order.", attach_lines=True)
    with_lines = {"too_many": "notice", "busy": "notice", "es:too_many": "notice", "es:busy": "notice", "es:crisis.1": "crisis"}
    for key, kind in with_lines.items():
        language, words = "es" if key.startswith("es:") else "en", f"Approved words of {key}."
        items[key] = Item(key=key, kind=kind, title=key, text=words, language=language, attach_lines=True)
    items["staffing_until"] = Item(key="staffing_until", kind="notice", title="Until", text="Next: [[staffing.opens]].")
    for key, (title, text) in ANSWERS.items():
        items[key] = Item(key=key, kind="answer", title=title, text=text, section=key.split("/")[0], phrasings=(title,))
    for key, text in changed_texts.items():
        items[key] = Item(**{**items[key].__dict__, "text": text})
    return Catalogue({"preparation": "Before a session", "session": "The session"}, items)


def make_release(
    *, previous: Release | None = None, texts: dict[str, str] | None = None, **changes: Any
) -> dict[str, Any]:
    return build(catalogue(**(texts or {})), clinic(**changes), previous=previous)


def rules(at: Path) -> PhraseRules:
    path = at / "phrases.yml"
    path.write_text(PHRASES, encoding="utf-8")
    return PhraseRules.load(path)


class Background:
    """An event loop in a thread of its own, for what a server would run."""

    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self.loop.run_forever, daemon=True)
        self._thread.start()

    def start(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self.loop)

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        return self.start(work).result(timeout=20)

    def stop(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self._thread.join(timeout=10)
        self.loop.close()


class FakeEngine:
    """Speaks the engine's channel. Answers properly from the release unless `answer` says otherwise."""

    def __init__(self, background: Background) -> None:
        self.background = background
        self.requests: list[dict[str, Any]] = []
        self.tokens: list[str | None] = []
        self.release: Release | None = None
        self.answer: Callable[[dict[str, Any]], Any] = self.proper
        self.reached = threading.Event()
        self.url = ""
        self._runner: web.AppRunner | None = None
        self._held: list[asyncio.Event] = []

    def open(self) -> None:
        self.background.run(self._open())

    def close(self) -> None:
        self.let_go()
        self.background.run(self._close())

    def reset(self, release: Release) -> None:
        self.requests, self.tokens, self.release, self.answer = [], [], release, self.proper
        self.reached.clear()

    def hold(self) -> None:
        """Take messages and answer none of them until `let_go`."""
        event = asyncio.Event()
        self._held.append(event)

        async def wait(request: dict[str, Any]) -> Any:
            self.reached.set()
            await event.wait()
            return self.proper(request)

        self.answer = wait

    def let_go(self) -> None:
        for event in self._held:
            self.background.loop.call_soon_threadsafe(event.set)
        self._held = []

    def proper(self, request: dict[str, Any]) -> dict[str, Any]:
        """A turn as the real engine would answer it."""
        text = request.get("text", "").lower()
        tier = next((tier for word, tier in WORDS.items() if word in text), "none")
        if request.get("choice") == "human":
            tier = "human"
        return self.turn(request, tier, "preparation/eating" if tier == "none" else None)

    def turn(self, request: dict[str, Any], tier: str, *keys: str | None, outcome: str | None = None) -> dict[str, Any]:
        assert self.release
        shown = request["context"]["shown"].get(tier, 0)
        card = [self.release.reply(self.release.message(tier, shown))] if tier in PRIORITY else []
        said = [self.release.reply(self.release.items[key]) for key in keys if key]
        reasons = [
            {
                "layer": "screen",
                "tier": tier,
                "rule": f"{tier} model",
                "sentence": request.get("text", ""),
                "score": 0.97,
            }
        ]
        return {
            "message": request["message"],
            "release": {"number": self.release.number, "hash": self.release.hash},
            "tier": tier,
            "outcome": outcome or ("answer" if tier == "none" else "human" if tier == "human" else "escalate"),
            "answers": [key for key in keys if key and "/" in key],
            "candidates": [],
            "score": 0.9,
            "reasons": reasons if tier != "none" else [],
            "replies": card + said,
            "complete": True,
        }

    async def _open(self) -> None:
        app = web.Application()
        app.router.add_post("/webhooks/companion/messages", self._messages)
        app.router.add_get("/webhooks/companion/health", self._health)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        if self._runner:
            await self._runner.cleanup()

    async def _messages(self, http: web.Request) -> web.StreamResponse:
        request = await http.json()
        self.requests.append(request)
        self.tokens.append(http.headers.get("X-Companion-Token"))
        answer = self.answer(request)
        if asyncio.iscoroutine(answer):
            answer = await answer
        return answer if isinstance(answer, web.StreamResponse) else web.json_response(answer)

    async def _health(self, http: web.Request) -> web.Response:
        return web.json_response({"ready": True, "release": 1, "model": "fake"})


class Patient:
    """Somebody who uses the chat through its API."""

    _ids = itertools.count(1)

    def __init__(self, server: Background, **start: Any) -> None:
        self.server = server
        self.http = AsyncClient(raise_request_exception=False)
        self.token = ""
        started = self.call("POST", "conversations", start)
        assert started.status_code == 201, started.content
        self.greeting = started.json()["greeting"]
        self.conversation, self.token = started.json()["conversation"], started.json()["token"]

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        return self.server.run(self.request(method, path, body, **headers))

    async def request(self, method: str, path: str, body: Any = None, **headers: str) -> Any:
        if self.token:
            headers.setdefault("Authorization", f"Bearer {self.token}")
        return await self.http.generic(
            method, f"/api/chat/{path}", data=_json(body), content_type="application/json", headers=headers
        )

    def post(self, text: str, **more: Any) -> Any:
        return self.call("POST", "messages", self.body(text, **more))

    def body(self, text: str, **more: Any) -> dict[str, Any]:
        return {"text": text, "client_message_id": f"m{next(self._ids)}", **more}

    def say(self, text: str, **more: Any) -> dict[str, Any]:
        """Say something and get the reply; the reply must come."""
        response = self.post(text, **more)
        assert response.status_code == 200, response.content
        return response.json()

    def choose(self, choice: str) -> dict[str, Any]:
        body = {"choice": choice, "client_message_id": f"m{next(self._ids)}"}
        response = self.call("POST", "messages", body)
        assert response.status_code == 200, response.content
        return response.json()

    def events(self) -> AsyncIterator[bytes]:
        response = self.call("GET", "events")
        assert response.status_code == 200
        return aiter(response.streaming_content)


def keys(answer: dict[str, Any]) -> list[str]:
    return [reply["key"] for reply in answer["replies"]]


def kinds(answer: dict[str, Any]) -> list[str]:
    return [reply["kind"] for reply in answer["replies"]]


@contextlib.contextmanager
def locked_database() -> Iterator[None]:
    """Another process holds the write lock, for real."""
    other = sqlite3.connect(settings.DATABASES["default"]["NAME"], timeout=5, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    try:
        yield
    finally:
        other.execute("ROLLBACK")
        other.close()


def _json(body: Any) -> bytes | str:
    import json

    return body if isinstance(body, (bytes, str)) else json.dumps(body if body is not None else {})
