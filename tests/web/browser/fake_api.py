"""A patient API that a test fills with answers, in the browser's own network layer: it remembers what the chat sent."""

from __future__ import annotations

import json
from typing import Any

from playwright.sync_api import Page, Route

Reply = dict[str, Any]

US_LINKS = [
    {"label": "Call 911 (emergency)", "href": "tel:911"},
    {"label": "Call 988: 988 Suicide & Crisis Lifeline", "href": "tel:988"},
    {"label": "Text 988: 988 Suicide & Crisis Lifeline", "href": "sms:988"},
    {"label": "Chat: 988 Suicide & Crisis Lifeline", "href": "https://988lifeline.org"},
    {"label": "Text HOME to 741741: Crisis Text Line", "href": "sms:741741?&body=HOME"},
    {"label": "Call 877-565-8860: Trans Lifeline", "href": "tel:8775658860"},
]


def reply(kind: str, text: str, *, links: list[Any] | None = None, choices: list[Any] | None = None, **more: Any) -> Reply:
    said = {"kind": kind, "key": kind, "revision": 1, "text": text, "links": links or [], "choices": choices or []}
    return {**said, "sources": [], "approved": None, **more}


SAM = {"name": "Sam", "role": "Nurse"}


def event(name: str, **data: Any) -> str:
    """A server-sent event, as the server writes it."""
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"


ANSWER = reply(
    "answer",
    "Bring comfortable clothes, and somebody who takes you home.",
    choices=[{"label": "Getting home", "choice": "preparation/transport"}],
)
CRISIS = reply(
    "crisis", "What you write sounds very hard, and it matters. You do not have to face it alone.", links=US_LINKS
)
STAFFING = reply("notice", "This has been recorded for the clinic's care team, but nobody is reading it now.")
CLARIFY = reply(
    "clarify",
    "Which of these do you mean?",
    choices=[
        {"label": "Eating before a session", "choice": "preparation/eating"},
        {"label": "Eating after a session", "choice": "aftercare/eating"},
        {"label": "None of these", "choice": "none"},
    ],
)


class FakeApi:
    """Answers what the test queued; `down` makes every call fail as a lost connection does."""

    def __init__(self, page: Page) -> None:
        self.down = False
        self.queue: list[tuple[int, Any]] = []
        self.answered: dict[str, Any] = {}
        self.sent: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.cookies: list[str] = []
        self.transcript: list[dict[str, Any]] = []
        self.held: list[Route] = []
        self.hold = False
        self.events: list[str] = []
        self.bodies: list[tuple[str, Any]] = []
        self.languages: set[str] = set()
        page.route("**/api/chat/**", self._handle)

    def answers(self, *replies: Reply, escalation: Any = None, tier: str = "none", **more: Any) -> None:
        answer = {"tier": tier, "replies": list(replies), "escalation": escalation, "release": {"number": 1}}
        self.queue.append((200, {**answer, **more}))

    def fails(self, status: int, body: Any = None) -> None:
        self.queue.append((status, body or {"type": "about:blank", "title": "No", "status": status}))

    def _handle(self, route: Route) -> None:
        request = route.request
        path = request.url.split("/api/chat/")[1]
        self.calls.append(f"{request.method} {path}")
        self.cookies.append(request.headers.get("cookie", ""))
        self.languages.add(request.headers.get("accept-language", ""))
        if self.down:
            route.abort()
        elif path == "conversations":
            _json(route, 201, {"conversation": "c", "token": "t", "greeting": []})
        elif path == "messages":
            self._message(route, request.post_data_json)
        elif path == "conversations/current" and request.method == "GET":
            _json(route, 200, {"conversation": "c", "messages": self.transcript})
        elif path == "events" and self.events:
            route.fulfill(status=200, content_type="text/event-stream", body=self.events.pop(0))
        elif path == "events":
            route.abort()
        elif path in ("feedback", "contact"):
            self.bodies.append((path, request.post_data_json))
            _json(route, 201, {"saved": True, "replies": [reply("notice", "The team can see how to reach you.")]})
        else:
            _json(route, 200, {})

    def _message(self, route: Route, body: dict[str, Any]) -> None:
        self.sent.append(body)
        known = body["client_message_id"]
        if known not in self.answered:
            status, content = (
                self.queue.pop(0) if self.queue else (200, {"replies": [ANSWER], "tier": "none", "escalation": None})
            )
            if status != 200:
                _json(route, status, content)
                return
            self.answered[known] = {"message": f"m{len(self.answered)}", **content}
            self.transcript.append(
                {
                    **self.answered[known],
                    "client_message_id": known,
                    "text": body.get("text", ""),
                    "choice": body.get("choice"),
                }
            )
        if self.hold:
            self.held.append(route)
            return
        _json(route, 200, self.answered[known])


def _json(route: Route, status: int, body: Any) -> None:
    route.fulfill(status=status, content_type="application/json", body=json.dumps(body))
