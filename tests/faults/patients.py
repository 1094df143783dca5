"""A steady mix of conversations. Each patient's browser sends again, with the same id, until words come."""

from __future__ import annotations

import http.client
import json
import random
import threading
import time
import uuid
from collections import deque
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.faults.count import Attempt, Ledger, Said

GIVE_UP_AFTER = 120.0
TIMEOUT = 10.0
MOST_AT_ONCE = 64
RETRY_EVERY = 0.5
CONVERSATION = 12
"""Messages before a patient begins anew."""

MIX: tuple[tuple[str, int], ...] = (
    ("Can I eat or drink before my session?", 5),
    ("How long does a session take?", 3),
    ("what is the capital of France", 2),
    ("hello", 2),
    ("I want to kill myself tonight", 3),
    ("I took all my pills an hour ago", 2),
    ("quiero morirme esta noche", 1),
    ("my husband is not breathing", 2),
    ("someone has collapsed and is not waking up", 1),  # no rule finds this one: the learned screen does
    ("I have been dizzy since my infusion", 2),
    ("should I stop my lithium before the session", 2),
    ("can somebody call me", 1),
)


class NoResponse(Exception):
    """The connection was refused, broke, or nothing came in time."""


@dataclass
class Now:
    """What is broken at the moment, and how the patients' own connections behave."""

    fault: str = "nothing"
    hang_up: bool = False
    stop: bool = False


class Crowd(threading.Thread):
    """Messages at an even pace, however slow the replies are: whoever still waits for one sends none, another patient does."""

    def __init__(self, port: int, rate: float, now: Now, ledger: Ledger) -> None:
        super().__init__(daemon=True, name="crowd")
        self.port, self.rate, self.now, self.ledger = port, rate, now, ledger
        self.idle: deque[Patient] = deque()
        self.random = random.Random(1)
        self.made = 0
        self.waiting = 0
        """Messages without words yet."""

    def run(self) -> None:
        texts, weights = zip(*MIX, strict=True)
        due = time.monotonic()
        with ThreadPoolExecutor(MOST_AT_ONCE) as pool:
            running: set[Future[None]] = set()
            while not self.now.stop:
                running = {future for future in running if not future.done()}
                self.waiting = len(running)
                if len(running) < MOST_AT_ONCE:
                    running.add(pool.submit(self.turn, self.random.choices(texts, weights)[0]))
                due += 1 / self.rate
                time.sleep(max(0.0, due - time.monotonic()))

    def turn(self, text: str) -> None:
        try:
            patient = self.idle.popleft()
        except IndexError:
            self.made += 1
            patient = Patient(self.made, self.port, self.now, self.ledger)
        if patient.left or patient.begin():
            patient.left -= 1
            patient.say(text)
        self.idle.append(patient)


class Patient:
    """One browser, one conversation after another. `number` seeds what its connections do."""

    def __init__(self, number: int, port: int, now: Now, ledger: Ledger) -> None:
        self.port, self.now, self.ledger = port, now, ledger
        self.random = random.Random(number)
        self.token, self.conversation, self.left = "", uuid.UUID(int=0), 0

    def begin(self) -> bool:
        """Open the chat. False when it cannot be opened; the widget then shows its static help panel."""
        try:
            status, body = self.send("conversations", {})
        except NoResponse:
            return False
        if status != 201:
            return False
        self.token, self.conversation, self.left = body["token"], uuid.UUID(body["conversation"]), CONVERSATION
        self.ledger.greeted(body["greeting"])
        return True

    def say(self, text: str) -> None:
        mine = uuid.uuid4().hex
        said = Said(uuid.uuid5(self.conversation, mine), text, self.now.fault)
        self.ledger.add(said)
        ends = time.monotonic() + GIVE_UP_AFTER
        while said.heard is None and time.monotonic() < ends:
            hang_up = self.now.hang_up and self.random.random() < 0.7
            at = time.monotonic()
            try:
                status, body = self.send("messages", {"text": text, "client_message_id": mine}, hang_up)
                said.attempts.append(Attempt(at, time.monotonic() - at, status, body))
            except NoResponse:
                said.attempts.append(Attempt(at, time.monotonic() - at, hung_up=hang_up))
                if hang_up and self.random.random() < 0.2:
                    said.retries = False  # and never comes back
                    return
            if said.heard is None:
                time.sleep(RETRY_EVERY)

    def send(self, path: str, body: dict[str, Any], hang_up: bool = False) -> tuple[int, dict[str, Any]]:
        """One request on a fresh connection. Raises NoResponse, also when it hangs up itself: in the middle of the body, or
        after it."""
        raw = json.dumps(body).encode()
        headers = {"Content-Type": "application/json", "Content-Length": str(len(raw))}
        if path == "messages":
            headers["Authorization"] = f"Bearer {self.token}"
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        try:
            connection.putrequest("POST", f"/api/chat/{path}")
            for name, value in headers.items():
                connection.putheader(name, value)
            connection.endheaders()
            if hang_up:
                connection.send(raw if self.random.random() < 0.5 else raw[: len(raw) // 2])
                time.sleep(0.02)
                raise NoResponse
            connection.send(raw)
            response = connection.getresponse()
            content = json.loads(response.read())
            return response.status, content if isinstance(content, dict) else {}
        except (OSError, http.client.HTTPException, ValueError):
            raise NoResponse from None
        finally:
            connection.close()
