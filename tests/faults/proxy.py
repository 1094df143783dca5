"""Between web and engine: passes everything on, or makes the engine fail in one way."""

from __future__ import annotations

import asyncio
import copy
import json
import threading
from collections.abc import Callable
from typing import Any

import aiohttp
from aiohttp import web

LATE_SECONDS = 6.0
"""Longer than the web side ever waits."""

Answer = dict[str, Any]


def unapproved(answer: Answer) -> Answer:
    """One sentence more than was approved."""
    answer["replies"][0]["text"] += " You will be fine."
    return answer


def made_up(answer: Answer) -> Answer:
    """A reply that is in no release."""
    made = {"kind": "answer", "key": "made/up", "revision": 1, "text": "Take two.", "links": [], "choices": []}
    answer["replies"].append(made)
    return answer


def lowered(answer: Answer) -> Answer:
    """Nothing is urgent, says the engine, and leaves the lines out."""
    keep = [reply for reply in answer["replies"] if reply["kind"] not in ("crisis", "emergency")]
    return {**answer, "tier": "none", "outcome": "answer", "replies": keep, "reasons": []}


def raised(answer: Answer) -> Answer:
    """Everything is a crisis, and no lines with it."""
    return {**answer, "tier": "crisis", "outcome": "escalate"}


CHANGES: dict[str, Callable[[Answer], Any]] = {
    "empty": lambda answer: [],
    "no replies": lambda answer: {**answer, "replies": []},
    "unapproved": unapproved,
    "made up": made_up,
    "lowered": lowered,
    "raised": raised,
    "another's": lambda answer: {**answer, "message": "00000000-0000-0000-0000-000000000000"},
}
MODES = ("through", "late", "malformed", "error", "cut", *CHANGES)


class Proxy:
    """Serves on a free loopback port, in a thread of its own. Several `modes` take turns, message by message."""

    def __init__(self, engine: str) -> None:
        self.engine = engine
        self.modes: tuple[str, ...] = ("through",)
        self.url = ""
        self._taken = 0
        self._loop = asyncio.new_event_loop()
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._open(), self._loop).result(timeout=10)

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._close(), self._loop).result(timeout=10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(timeout=10)
        self._loop.close()

    async def _open(self) -> None:
        self._session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=64), trust_env=False)
        app = web.Application(client_max_size=2**22)
        app.router.add_route("*", "/{path:.*}", self._pass)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def _close(self) -> None:
        if self._runner:
            await self._runner.cleanup()
        if self._session:
            await self._session.close()

    async def _pass(self, request: web.Request) -> web.StreamResponse:
        mode = "through"
        if request.path.endswith("/messages"):
            mode = self.modes[self._taken % len(self.modes)]
            self._taken += 1
        try:
            status, raw = await self._ask(request)
        except (aiohttp.ClientError, OSError):
            if request.transport:
                request.transport.abort()  # as the web side would see it without the proxy: the connection is gone
            return web.Response(status=502)
        try:
            return await self._spoiled(request, mode, status, raw)
        except ConnectionError:
            return web.Response(status=502)  # the web side has gone; nobody hears this

    async def _ask(self, request: web.Request) -> tuple[int, bytes]:
        assert self._session
        headers = {name: request.headers[name] for name in ("X-Companion-Token", "Content-Type") if name in request.headers}
        body = await request.read()
        async with self._session.request(request.method, self.engine + request.path, data=body, headers=headers) as got:
            return got.status, await got.read()

    async def _spoiled(self, request: web.Request, mode: str, status: int, raw: bytes) -> web.StreamResponse:
        if mode == "late":
            await asyncio.sleep(LATE_SECONDS)
        elif mode == "error":
            return web.json_response({"error": "turn failed"}, status=500)
        elif mode == "malformed":
            raw = raw[: len(raw) // 2]
        elif mode == "cut":
            cut = web.StreamResponse(headers={"Content-Length": str(len(raw))})
            await cut.prepare(request)
            await cut.write(raw[: len(raw) // 2])
            assert request.transport
            request.transport.abort()
            return cut
        elif mode in CHANGES and status == 200:
            raw = json.dumps(CHANGES[mode](copy.deepcopy(json.loads(raw)))).encode()
        return web.Response(status=status, body=raw, content_type="application/json")
