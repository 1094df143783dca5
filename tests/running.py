"""The real processes of one copy, for tests: started once, spoken to over HTTP, stopped by process id."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from companion.paths import ROOT
from companion.release import Release, build_from_data
from script.serve import free_port, services
from script.supervise import Service

T = TypeVar("T")
START_SECONDS = 240.0
"""Rasa takes seconds to import on an idle machine, and a minute on a busy one."""
POLL_SECONDS = 0.1
UNLIMITED = {"LIMIT_ADDRESS_REQUESTS": "1000000/1", "LIMIT_CONVERSATION_MESSAGES": "1000000/1"}
"""All patients of a test have one address. The limits have tests of their own."""
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class Unready(RuntimeError):
    """It did not come to pass in time; the message says what, and shows the ends of the logs."""


def missing() -> str:
    """Why the real processes cannot be run here; empty if they can."""
    if not trained_model().is_file():
        return f"COMPANION_MODEL={os.environ.get('COMPANION_MODEL', '')!r} is no trained model; script/test names one"
    if not engine_python().is_file():
        return f"{engine_python()} does not exist; script/test makes the engine environment"
    return ""


def trained_model() -> Path:
    return Path(os.environ.get("COMPANION_MODEL") or "/no model is named")


def engine_python() -> Path:
    """The engine environment's interpreter; COMPANION_ENGINE_PYTHON names one that is elsewhere."""
    return Path(os.environ.get("COMPANION_ENGINE_PYTHON") or ROOT / ".env-engine" / "bin" / "python")


def until(look: Callable[[], T], what: str, seconds: float, logs: Callable[[], str] = str) -> T:
    """Look until there is something true to see, and return it. Raises Unready after so many seconds."""
    ends = time.monotonic() + seconds
    while not (found := look()):
        if time.monotonic() > ends:
            raise Unready(f"{what}: not within {seconds:.0f} s\n{logs()}")
        time.sleep(POLL_SECONDS)
    return found


class Running:
    """Engine, action server and web, as script/server runs them, on free ports and with a state folder of their own."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        (home / "models").mkdir(parents=True)
        (home / "models" / "companion.tar.gz").symlink_to(trained_model().resolve())
        self._lend_graphs()
        build_from_data(home / "releases" / "current.json")
        self.engine, self.actions, self.web = services(home, self.port)
        self.web.env = {**self.web.env, **UNLIMITED}
        self.engine.argv[0], self.actions.argv[0], self.web.argv[0] = (
            str(engine_python()),
            sys.executable,
            sys.executable,
        )

    @property
    def all(self) -> tuple[Service, Service, Service]:
        return self.engine, self.actions, self.web

    def start(self) -> None:
        """Returns when all answer. Raises Unready."""
        self.engine.start()  # takes longest
        env = {**os.environ, **self.web.env}
        migrate = [sys.executable, "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env=env, check=True, timeout=START_SECONDS)
        self.actions.start()
        self.web.start()
        for service in self.all:
            self.wait_for(service)

    def wait_for(self, service: Service) -> None:
        """Until it answers. Raises Unready, at once if it has ended."""

        def up() -> bool:
            if service.process and service.process.poll() is not None:
                raise Unready(f"{service.name} ended with {service.process.returncode}\n{self.logs()}")
            return service.answers()

        until(up, f"{service.name} answers", START_SECONDS, self.logs)

    def stop(self) -> None:
        for service in self.all:
            service.kill(signal.SIGCONT)
            service.kill(signal.SIGTERM)
        for service in self.all:
            if service.process:
                with contextlib.suppress(subprocess.TimeoutExpired):
                    service.process.wait(timeout=10)
                service.kill(signal.SIGKILL)
                service.process.wait()

    @contextlib.contextmanager
    def frozen(self, service: Service) -> Iterator[None]:
        """A process that is there and does not answer."""
        service.kill(signal.SIGSTOP)
        try:
            yield
        finally:
            service.kill(signal.SIGCONT)

    @contextlib.contextmanager
    def locked_database(self) -> Iterator[None]:
        """Another program holds the database's write lock."""
        other = sqlite3.connect(self.home / "db.sqlite3", timeout=20, isolation_level=None)
        try:
            other.execute("BEGIN EXCLUSIVE")
            yield
        finally:
            if other.in_transaction:
                other.execute("ROLLBACK")
            other.close()

    def query(self, sql: str, *values: str) -> list[tuple[Any, ...]]:
        with contextlib.closing(sqlite3.connect(self.home / "db.sqlite3", timeout=20)) as rows:
            return rows.execute(sql, values).fetchall()

    def spooled(self) -> list[Path]:
        return sorted((self.home / "spool").glob("*.json"))

    def release(self, number: int) -> Release:
        return Release.read(self.home / "releases" / f"{number}.json")

    def latest_release(self) -> Release:
        """The last one that was put in force, also while `current.json` is broken."""
        return self.release(max(int(path.stem) for path in self.home.glob("releases/*.json") if path.stem.isdigit()))

    def logs(self) -> str:
        ends = []
        for service in self.all:
            text = service.log.read_text("utf-8", "replace") if service.log.exists() else ""
            ends.append(f"--- {service.name}\n" + "\n".join(text.splitlines()[-25:]))
        return "\n".join(ends)

    def _lend_graphs(self) -> None:
        """The encoder's graph is the same wherever it is made, and takes a while: use those beside the model."""
        (self.home / "encoder").mkdir()
        for graph in trained_model().resolve().parent.parent.glob("encoder/*.onnx"):
            (self.home / "encoder" / graph.name).symlink_to(graph)


@dataclass(frozen=True)
class Heard:
    """The reply to one message, and how long it took."""

    body: dict[str, Any]
    seconds: float = field(compare=False)

    @property
    def replies(self) -> list[dict[str, Any]]:
        replies: list[dict[str, Any]] = self.body["replies"]
        return replies

    @property
    def keys(self) -> list[str]:
        return [reply["key"] for reply in self.replies]

    @property
    def kinds(self) -> list[str]:
        return [reply["kind"] for reply in self.replies]

    @property
    def lines(self) -> list[str]:
        """Where the first reply's links lead."""
        return [link["href"] for link in self.replies[0]["links"]] if self.replies else []


class Patient:
    """Somebody who uses the chat as a browser would. Every reply is checked against the release that it names."""

    def __init__(self, running: Running) -> None:
        self.running = running
        self.token = ""
        started = self.post("conversations", {}, expect=201).body
        self.conversation, self.token = started["conversation"], started["token"]
        self.greeting = Heard({**started, "replies": started["greeting"]}, 0.0)
        check_texts(running.latest_release(), self.greeting.replies)

    def say(self, text: str, message_id: str | None = None) -> Heard:
        return self._message({"text": text}, message_id)

    def choose(self, choice: str, message_id: str | None = None) -> Heard:
        return self._message({"choice": choice}, message_id)

    def escalations(self) -> list[tuple[str, int, str]]:
        """(tier, priority, state) of each in this conversation, oldest first: what the staff page lists."""
        sql = "select tier, priority, state from escalations_escalation where conversation_id = ? order by recorded_at"
        return self.running.query(sql, self.conversation.replace("-", ""))

    def transcript(self) -> list[dict[str, Any]]:
        """What the database holds of this conversation."""
        messages: list[dict[str, Any]] = self.call("GET", "conversations/current").body["messages"]
        return messages

    def post(self, path: str, body: dict[str, Any], expect: int = 200) -> Heard:
        return self.call("POST", path, body, expect)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None, expect: int = 200) -> Heard:
        headers = {"Content-Type": "application/json"}
        if self.token:
            headers["Authorization"] = f"Bearer {self.token}"
        raw = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.running.url}/api/chat/{path}", raw, headers, method=method)
        began = time.monotonic()
        try:
            with _opener.open(request, timeout=30) as response:
                status, given = response.status, response.read()
        except urllib.error.HTTPError as e:
            with e:
                status, given = e.code, e.read()
        assert status == expect, (status, given[:500], self.running.logs())
        return Heard(json.loads(given), time.monotonic() - began)

    def _message(self, words: dict[str, Any], message_id: str | None) -> Heard:
        heard = self.post("messages", {**words, "client_message_id": message_id or uuid.uuid4().hex})
        named = heard.body["release"]
        release = self.running.release(named["number"])
        assert release.hash == named["hash"]
        check_texts(release, heard.replies)
        return heard


def check_texts(release: Release, replies: list[dict[str, Any]]) -> None:
    """Promise 1: every text, link and label is an item of the release, byte for byte."""
    assert replies, "a reply is never empty"
    labels = {"none": "label_none_of_these", "human": "label_talk_to_person"}
    for reply in replies:
        item = release.items[reply["key"]]
        assert reply["text"].encode() == item["text"].encode(), reply["key"]
        assert (reply["kind"], reply["revision"], reply["links"]) == (item["kind"], item["revision"], item["links"])
        for choice in reply["choices"]:
            chosen = choice["choice"]
            if chosen in labels:
                approved = release.items[labels[chosen]]["text"]
            elif chosen in release.sections:
                approved = release.sections[chosen]
            else:
                approved = release.items[chosen]["title"]
            assert choice["label"].encode() == approved.encode(), chosen
