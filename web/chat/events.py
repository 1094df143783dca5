"""Server-sent events of one conversation, polled from the database: `state` when an escalation's state changes."""

from __future__ import annotations

import asyncio
import contextlib
import json
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from types import FrameType
from typing import Any

from django.conf import settings

from web import db
from web.chat import selectors

_stopping: list[int] = []
_open: Counter[uuid.UUID] = Counter()


def end_all_on(*signals: signal.Signals) -> None:
    """End every stream when the process is told to stop, so that the server need not cut them off. Main thread only."""
    for number in signals:
        before = signal.getsignal(number)

        def stop(received: int, frame: FrameType | None, before: Any = before) -> None:
            _stopping.append(received)
            if callable(before):
                before(received, frame)

        signal.signal(number, stop)


def room_for(conversation: uuid.UUID) -> bool:
    """Whether one more stream may be opened: of this conversation (its tabs), and at all."""
    return _open[conversation] < settings.EVENTS_OF_CONVERSATION and _open.total() < settings.EVENTS_AT_ONCE


async def counted(conversation: uuid.UUID) -> AsyncIterator[str]:
    """`stream`, counted as open while somebody reads it."""
    _open[conversation] += 1
    try:
        async with contextlib.aclosing(stream(conversation)) as events:
            async for event in events:
                yield event
    finally:
        _open[conversation] -= 1
        if not _open[conversation]:
            del _open[conversation]


async def stream(conversation: uuid.UUID) -> AsyncGenerator[str, None]:
    """The state at once, then every change of it; a comment now and then, so that a dead connection is noticed.

    `reply` events (kind `staff`) are reserved for staff who write in the chat.
    """
    known: list[dict[str, str]] | None = None
    beat = time.monotonic()
    yield ": open\n\n"
    while not _stopping:
        try:
            states = await db.pages.call(selectors.states, conversation)
            if states != known:
                known = states
                yield _event("state", {"escalations": states})
        except db.Unavailable:
            pass
        if time.monotonic() - beat >= settings.HEARTBEAT:
            beat = time.monotonic()
            yield ": still here\n\n"
        await asyncio.sleep(settings.EVENTS_EVERY)


def _event(name: str, data: dict[str, Any]) -> str:
    return f"event: {name}\ndata: {json.dumps(data)}\n\n"
