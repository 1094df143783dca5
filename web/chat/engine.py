"""The client of the engine's own channel: kept-alive connections, a cap with two queues, one deadline. Failures are words."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import time
import weakref
from typing import Any

import aiohttp
from django.conf import settings

from web.chat.queue import Places

MAX_BYTES = 1_000_000
log = logging.getLogger(__name__)
_sessions: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, aiohttp.ClientSession] = weakref.WeakKeyDictionary()
_places: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, Places] = weakref.WeakKeyDictionary()
FOR_HEALTH = 2
"""Connections beyond the cap, so that the engine's health can be asked while all places are taken."""


class EngineFailed(Exception):
    """No usable answer. `reason` is a short word for the record and never quotes anything."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


async def ask(request: dict[str, Any], *, deadline: float, urgent: bool = False) -> Any:
    """Ask the engine; `deadline` seconds for everything, waiting for a place included, which who is `urgent` gets before others.

    Returns the decoded answer, unchecked. Raises EngineFailed. Who is not urgent and has waited for half of the time gives up: the
    engine would work on it in vain, and once it is behind it would do nothing else.
    """
    ends = time.monotonic() + deadline
    try:
        async with asyncio.timeout(deadline), contextlib.AsyncExitStack() as held:
            async with asyncio.timeout(deadline if urgent else deadline / 2):
                await held.enter_async_context(places().one(urgent=urgent))
            try:
                return await _post(request)
            except (aiohttp.ServerDisconnectedError, ConnectionResetError):
                # A kept-alive connection that the engine had closed; a turn may safely be run again.
                if ends - time.monotonic() < 0.5:
                    raise
                return await _post(request)
    except EngineFailed as e:
        reason = e.reason
    except TimeoutError:
        reason = "late"
    except aiohttp.ClientConnectorError:
        reason = "refused"
    except (aiohttp.ClientError, OSError):
        reason = "connection lost"
    log.warning("engine failed: %s", reason)
    raise EngineFailed(reason) from None


async def healthy() -> bool:
    """Whether the engine says that it is ready, within a second."""
    try:
        async with asyncio.timeout(1.0), _session().get(_url("health"), headers=_headers()) as response:
            return response.status == 200
    except (aiohttp.ClientError, OSError, TimeoutError):
        return False


async def close() -> None:
    """Close this event loop's connections."""
    session = _sessions.pop(asyncio.get_running_loop(), None)
    if session:
        await session.close()


def places() -> Places:
    """This event loop's places at the engine."""
    loop = asyncio.get_running_loop()
    return _places.setdefault(loop, Places(settings.ENGINE_CONNECTIONS))


async def _post(request: dict[str, Any]) -> Any:
    async with _session().post(_url("messages"), json=request, headers=_headers(), allow_redirects=False) as response:
        if response.status != 200:
            raise EngineFailed(f"status {response.status}")
        raw = await response.content.read(MAX_BYTES)
        while len(raw) < MAX_BYTES and (more := await response.content.read(MAX_BYTES - len(raw))):
            raw += more
    try:
        return json.loads(raw)
    except (ValueError, RecursionError):
        raise EngineFailed("malformed") from None


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    session = _sessions.get(loop)
    if session is None or session.closed:
        connector = aiohttp.TCPConnector(limit=settings.ENGINE_CONNECTIONS + FOR_HEALTH, keepalive_timeout=60)
        session = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar(), trust_env=False)
        _sessions[loop] = session
    return session


def _url(what: str) -> str:
    return f"{settings.ENGINE_URL}/webhooks/companion/{what}"


def _headers() -> dict[str, str]:
    return {"X-Companion-Token": settings.ENGINE_TOKEN}
