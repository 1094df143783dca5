"""Many conversations at once: rate, latency, memory; and how cost grows with a conversation, with answers, with what is stored.

script/bench load [--minutes 30] [--conversations 500] [--default-model MODEL.tar.gz] [--parts load overload length answers stored]

The real engine, action server and web of a copy of its own, the client beside them on the same machine. Rasa's default pipeline
stands behind its own REST channel and is asked by the same client.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from benchmarks.evaluation import read_lines
from benchmarks.report import milliseconds, percentiles, table, write_page
from benchmarks.worker import ONE_THREAD
from companion.paths import ROOT, home
from companion.release import Release, build_from_data, content_hash, text_hash, write
from script.serve import free_port, services
from script.supervise import Service

PARTS = ("load", "overload", "length", "answers", "stored")
CRISIS = "I want to kill myself tonight"
CRISIS_SHARE = 0.02
TIMEOUT = 30.0
START_SECONDS = 600.0
NO_LIMITS = {"LIMIT_ADDRESS_REQUESTS": "1000000/1", "LIMIT_CONVERSATION_MESSAGES": "1000000/1"}
"""All of these patients have one address."""
INSERT = (
    "insert into chat_message (id, conversation_id, client_message_id, text, choice, received_at, state, lease_until, tier, "
    "outcome, reasons, replies, release_number, release_hash, failure, answered_at, erased) values "
    "(?, ?, ?, ?, '', ?, 'answered', ?, 'none', 'answer', '[]', ?, 1, ?, '', ?, 0)"
)


@dataclass
class Copy:
    """The three processes of one copy, on free ports."""

    home: Path
    port: int = field(default_factory=free_port)

    def __post_init__(self) -> None:
        kept = home()
        (self.home / "models").mkdir(parents=True)
        (self.home / "models" / "companion.tar.gz").symlink_to((kept / "models" / "companion.tar.gz").resolve())
        if (kept / "encoder").is_dir():
            shutil.copytree(kept / "encoder", self.home / "encoder")
        self.release = build_from_data(self.home / "releases" / "current.json")[0]
        self.engine, self.actions, self.web = services(self.home, self.port)
        self.web.env = {**self.web.env, **NO_LIMITS}
        for service in self.all:
            service.env = {**service.env, **ONE_THREAD, "COMPANION_HOME": str(self.home)}

    @property
    def all(self) -> tuple[Service, Service, Service]:
        return self.engine, self.actions, self.web

    def start(self) -> None:
        self.engine.start()
        migrate = [self.web.argv[0], "manage.py", "migrate", "--no-input", "--verbosity", "0"]
        subprocess.run(migrate, cwd=ROOT, env={**os.environ, **self.web.env}, check=True)
        self.actions.start()
        self.web.start()
        for service in self.all:
            wait_for(service)

    def memory(self) -> tuple[float, float]:
        """Resident MB of engine and web."""
        return rss(self.engine), rss(self.web)


def wait_for(service: Service) -> None:
    """Raises RuntimeError when it does not answer in time."""
    ends = time.monotonic() + START_SECONDS
    while not service.answers():
        if time.monotonic() > ends or (service.process and service.process.poll() is not None):
            raise RuntimeError(f"{service.name} does not answer; the end of its log:\n{service.log.read_text()[-2000:]}")
        time.sleep(0.2)


def stop(found: Sequence[Service]) -> None:
    for service in found:
        service.kill(signal.SIGTERM)
    for service in found:
        if service.process:
            with contextlib.suppress(subprocess.TimeoutExpired):
                service.process.wait(timeout=10)
            service.kill(signal.SIGKILL)
            service.process.wait()


def rss(service: Service) -> float:
    if not service.process:
        return 0.0
    out = subprocess.run(["ps", "-o", "rss=", "-p", str(service.process.pid)], capture_output=True, text=True, check=True)
    return int(out.stdout) / 1024


@dataclass
class Asked:
    """What came of one crowd."""

    seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    """Milliseconds of every message that was answered."""
    crisis: list[float] = field(default_factory=list)
    """The same, of messages in danger, which are in `waits` too."""
    refused: int = 0
    """Politely, with the lines."""
    outage: int = 0
    """Answered with the outage text."""
    errors: int = 0
    """No answer, or an empty one."""
    crisis_without_lines: int = 0

    @property
    def rate(self) -> float:
        return len(self.waits) / self.seconds if self.seconds else 0.0


Ask = Callable[[aiohttp.ClientSession, str, str, Asked], Any]


async def crowd(ask: Ask, conversations: int, seconds: float, think: float, begin: Callable[..., Any]) -> Asked:
    """So many conversations at once, each with a pause of about `think` seconds between reply and next message."""
    texts = [line.text for line in read_lines("answers")]
    asked = Asked(seconds=seconds)
    ends = time.monotonic() + seconds
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:

        async def one(number: int) -> None:
            chance = random.Random(number)
            await asyncio.sleep(chance.random() * min(think, seconds / 2))
            who = await begin(session)
            while time.monotonic() < ends:
                text = CRISIS if chance.random() < CRISIS_SHARE else chance.choice(texts)
                if who:
                    await ask(session, who, text, asked)
                else:
                    asked.errors += 1
                    who = await begin(session)
                await asyncio.sleep(min(chance.expovariate(1 / think), max(ends - time.monotonic(), 0)))

        await asyncio.gather(*(one(number) for number in range(conversations)))
    return asked


def ours(url: str) -> tuple[Ask, Callable[..., Any]]:
    """How our patient API is asked, and how a conversation begins; "" when it did not."""

    async def begin(session: aiohttp.ClientSession) -> str:
        try:
            async with session.post(f"{url}/api/chat/conversations", json={}) as response:
                return str((await response.json())["token"])
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, KeyError, ValueError):
            return ""

    async def ask(session: aiohttp.ClientSession, token: str, text: str, asked: Asked) -> None:
        body = {"text": text, "client_message_id": uuid.uuid4().hex}
        began = time.perf_counter()
        try:
            headers = {"Authorization": f"Bearer {token}"}
            async with session.post(f"{url}/api/chat/messages", json=body, headers=headers) as response:
                content = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, ValueError):
            asked.errors += 1
            asked.crisis_without_lines += text == CRISIS
            return
        wait = (time.perf_counter() - began) * 1000
        replies = content.get("replies") or []
        lines = bool(replies and replies[0]["links"])
        if text == CRISIS:
            asked.crisis_without_lines += not lines
            asked.crisis.append(wait)
        if not replies or (response.status != 200 and not lines):
            asked.errors += 1
        elif response.status != 200:
            asked.refused += 1
        else:
            asked.outage += any(reply["key"] == "outage" for reply in replies)
            asked.waits.append(wait)

    return ask, begin


def rest(url: str) -> tuple[Ask, Callable[..., Any]]:
    """How Rasa's REST channel is asked."""

    async def begin(session: aiohttp.ClientSession) -> str:
        return uuid.uuid4().hex

    async def ask(session: aiohttp.ClientSession, sender: str, text: str, asked: Asked) -> None:
        began = time.perf_counter()
        try:
            async with session.post(f"{url}/webhooks/rest/webhook", json={"sender": sender, "message": text}) as response:
                content = json.loads(await response.read())
        except (aiohttp.ClientError, TimeoutError, asyncio.TimeoutError, ValueError):
            asked.errors += 1
            return
        wait = (time.perf_counter() - began) * 1000
        if not content:
            asked.errors += 1
            return
        asked.waits.append(wait)
        if text == CRISIS:
            asked.crisis.append(wait)

    return ask, begin


def in_turn(copy: Copy, number: int) -> list[float]:
    """One conversation of so many messages, one after another; milliseconds of each."""
    ask, begin = ours(copy.web.health.rsplit("/", 1)[0])
    texts = [line.text for line in read_lines("answers")]

    async def main() -> list[float]:
        asked = Asked()
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=TIMEOUT)) as session:
            token = await begin(session)
            for at in range(number):
                await ask(session, token, texts[at % len(texts)], asked)
        return asked.waits

    return asyncio.run(main())


def grown(release: Release, answers: int) -> dict[str, Any]:
    """The content of a release with so many answers: the starter ones, and copies of them with words of their own."""
    have = list(release.answers)
    items = [item for item in release.items.values() if item["kind"] != "answer"] + have[:answers]
    for number in range(max(0, answers - len(have))):
        like = have[number % len(have)]
        text = f"{like['text']} ({number})"
        items.append(
            {
                **like,
                "key": f"{like['key']}-{number}",
                "title": f"{like['title']} {number}",
                "text": text,
                "hash": text_hash(text),
                "phrasings": [f"{phrasing} {number}" for phrasing in like["phrasings"][:3]],
                "related": [],
            }
        )
    content = {**release.content, "number": release.number, "items": items}
    return {**content, "hash": content_hash(content)}


def put_in_force(copy: Copy, answers: int) -> float:
    """Seconds from writing the release until the engine serves it."""
    current = Release.read(copy.home / "releases" / "current.json")
    content = {**grown(copy.release, answers), "number": current.number + 1}
    content["hash"] = content_hash(content)
    began = time.monotonic()
    write(content, copy.home / "releases" / "current.json")
    while _engine_release(copy) != content["number"]:
        if time.monotonic() - began > START_SECONDS:
            raise RuntimeError(f"the engine does not serve a release of {answers} answers")
        time.sleep(0.2)
    return time.monotonic() - began


def _engine_release(copy: Copy) -> int:
    import urllib.request

    request = urllib.request.Request(copy.engine.health, headers=copy.engine.headers)
    with contextlib.suppress(OSError, ValueError), urllib.request.urlopen(request, timeout=5) as response:
        return int(json.loads(response.read())["release"])
    return 0


def fill(copy: Copy, messages: int, have: int) -> None:
    """Put messages into the record as if so many had been sent: conversations of twenty."""
    item = next(iter(copy.release.answers))
    replies = json.dumps([copy.release.reply(item)])
    at = "2026-01-01 00:00:00"
    with contextlib.closing(sqlite3.connect(copy.home / "db.sqlite3", timeout=60, isolation_level=None)) as rows:
        for start in range(have, messages, 10_000):
            rows.execute("begin immediate")
            conversations = [uuid.uuid4() for _ in range(500)]
            rows.executemany(
                "insert into chat_conversation (id, created_at, last_seen_at, language, country, contact_name, contact_phone, "
                "contact_email) values (?, ?, ?, 'en', 'US', '', '', '')",
                [(one.hex, at, at) for one in conversations],
            )
            rows.executemany(INSERT, _rows(conversations, min(10_000, messages - start), replies, at, copy.release.hash))
            rows.execute("commit")


def _rows(conversations: Sequence[uuid.UUID], number: int, replies: str, at: str, digest: str) -> Iterator[tuple[Any, ...]]:
    for n in range(number):
        yield uuid.uuid4().hex, conversations[n // 20].hex, str(n), "Can I eat before?", at, at, replies, digest, at


COLUMNS = (
    "",
    "answered a second",
    "p50 / p95 / p99 ms",
    "in danger: p50 / p95 / p99 ms",
    "answered",
    "refused with lines",
    "outage text",
    "errors",
    "in danger without lines",
    "engine MB start, end",
    "web MB start, end",
)


def row(name: str, asked: Asked, before: tuple[float, float], after: tuple[float, float], *, lines: bool = True) -> list[str]:
    return [
        name,
        f"{asked.rate:.1f}",
        milliseconds(asked.waits),
        milliseconds(asked.crisis),
        str(len(asked.waits)),
        str(asked.refused) if lines else "–",
        str(asked.outage) if lines else "–",
        str(asked.errors),
        str(asked.crisis_without_lines) if lines else "–",
        f"{before[0]:.0f}, {after[0]:.0f}",
        f"{before[1]:.0f}, {after[1]:.0f}" if before[1] else "–",
    ]


def measure_crowd(copy: Copy, name: str, conversations: int, seconds: float, think: float) -> list[str]:
    before = copy.memory()
    ask, begin = ours(copy.web.health.rsplit("/", 1)[0])
    asked = asyncio.run(crowd(ask, conversations, seconds, think, begin))
    return row(f"{name}, {conversations} at once, {think:.0f} s between", asked, before, copy.memory())


def measure_default(model: Path, folder: Path, conversations: int, seconds: float, think: float) -> list[str]:
    """Rasa's own server with its default pipeline and its REST channel, nothing of ours."""
    port = free_port()
    credentials = folder / "rest.yml"
    credentials.write_text("rest:\n")
    argv = [str(ROOT / ".env-engine/bin/python"), "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(port), "-m", str(model)]
    endpoints = folder / "rest-endpoints.yml"  # else it would take ours
    endpoints.write_text("tracker_store: {type: InMemoryTrackerStore}\n")
    argv += ["--credentials", str(credentials), "--endpoints", str(endpoints)]
    env = {**ONE_THREAD, "SANIC_WORKERS": "1", "PYTHONPATH": str(ROOT)}
    service = Service("Rasa's default", argv, folder / "default.log", f"http://127.0.0.1:{port}/", env)
    service.start()
    try:
        wait_for(service)
        ask, begin = rest(f"http://127.0.0.1:{port}")
        asyncio.run(crowd(ask, 1, 5, 1, begin))  # the first message loads what is loaded late
        before = rss(service)
        asked = asyncio.run(crowd(ask, conversations, seconds, think, begin))
        name = f"Rasa's default behind REST, {conversations} at once, {think:.0f} s between"
        return row(name, asked, (before, 0.0), (rss(service), 0.0), lines=False)
    finally:
        stop([service])


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench load", description=__doc__)
    parser.add_argument("--conversations", type=int, default=500)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--overload-minutes", type=float, default=2)
    parser.add_argument("--think", type=float, default=30, help="seconds between a reply and the next message")
    parser.add_argument("--overload-think", type=float, default=2)
    parser.add_argument("--turns", type=int, default=300, help="messages of the long conversation")
    parser.add_argument("--answers", type=int, nargs="+", default=[100, 1000, 5000])
    parser.add_argument("--stored", type=int, nargs="+", default=[0, 100_000, 1_000_000])
    parser.add_argument("--default-model", type=Path, help="a trained default pipeline; without one it is left out")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    given = parser.parse_args()
    parts: list[str] = []
    with tempfile.TemporaryDirectory(prefix="companion-load-", ignore_cleanup_errors=True) as folder:
        copy = Copy(Path(folder) / "ours")
        try:
            copy.start()
            in_turn(copy, 5)
            parts = _measure(copy, given)
        finally:
            stop(copy.all)
        if given.default_model and {"load", "overload"} & set(given.parts):
            crowds = [given.think] * ("load" in given.parts) + [given.overload_think] * ("overload" in given.parts)
            seconds = 60 * min(given.minutes, given.overload_minutes)
            model = given.default_model.resolve()
            rows = [measure_default(model, Path(folder), given.conversations, seconds, think) for think in crowds]
            parts += [f"## Beside it, for {seconds:.0f} s, on the same machine\n\n" + table(COLUMNS, rows)]
    lasted = f"{given.minutes:g} min, overload {given.overload_minutes:g} min; the client is on the same machine."
    write_page("load", "Load", "script/bench load", [f"{given.conversations} conversations. Load {lasted}", *parts])


def _measure(copy: Copy, given: argparse.Namespace) -> list[str]:
    parts, rows = [], []
    if "load" in given.parts:
        rows.append(measure_crowd(copy, "ours", given.conversations, 60 * given.minutes, given.think))
    if "overload" in given.parts:
        rows.append(measure_crowd(copy, "ours", given.conversations, 60 * given.overload_minutes, given.overload_think))
    if rows:
        parts.append("## Many at once\n\n" + table(COLUMNS, rows))
    if "length" in given.parts:
        waits = in_turn(copy, given.turns)
        tenth = max(1, len(waits) // 10)
        windows = [(at, waits[at : at + tenth]) for at in range(0, len(waits), tenth)]
        cells = [[f"{at + 1} to {at + len(part)}", milliseconds(part)] for at, part in windows]
        parts.append("## One long conversation\n\n" + table(["messages", "p50 / p95 / p99 ms"], cells))
    if "answers" in given.parts:
        cells = []
        for answers in given.answers:
            live = put_in_force(copy, answers)
            cells.append([f"{answers:,}", f"{live:.1f}", milliseconds(in_turn(copy, 60)), f"{rss(copy.engine):.0f}"])
        parts.append("## Answers\n\n" + table(["answers", "live after s", "p50 / p95 / p99 ms", "engine MB"], cells))
        put_in_force(copy, len(copy.release.answers))
    if "stored" in given.parts:
        cells, have = [], 0
        for messages in given.stored:
            fill(copy, messages, have)
            have = max(have, messages)
            p50, p95, p99 = percentiles(in_turn(copy, 60))
            size = (copy.home / "db.sqlite3").stat().st_size / 2**20
            cells.append([f"{messages:,}", f"{p50:.1f} / {p95:.1f} / {p99:.1f}", f"{size:.0f}"])
        parts.append("## Stored messages\n\n" + table(["messages", "p50 / p95 / p99 ms", "database MB"], cells))
    return parts


if __name__ == "__main__":
    main()
