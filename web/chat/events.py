"""Server-sent events of one conversation, polled from the database: `state`, `reply`, `staff` (docs/design.md)."""

from __future__ import annotations

import asyncio
import contextlib
import datetime as dt
import json
import signal
import time
import uuid
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator
from types import FrameType
from typing import Any

from django.conf import settings
from django.utils import timezone

from web import db
from web.chat import selectors
from web.escalations.models import StaffMessage
from web.escalations.services import patient_seen

STILL_NEWS = dt.timedelta(minutes=1)
"""A notice that an alert did not get through is said again to a chat that was not listening for so long."""

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


async def counted(conversation: uuid.UUID, after: int | None = None) -> AsyncIterator[str]:
    """`stream`, counted as open while somebody reads it."""
    _open[conversation] += 1
    try:
        async with contextlib.aclosing(stream(conversation, after)) as events:
            async for event in events:
                yield event
    finally:
        _open[conversation] -= 1
        if not _open[conversation]:
            del _open[conversation]


def stopping() -> bool:
    """Whether the process has been told to stop."""
    return bool(_stopping)


async def stream(conversation: uuid.UUID, after: int | None = None) -> AsyncGenerator[str, None]:
    """The escalations' states at once and when they change; what staff write and do; a comment now and then.

    Events of staff have an id that counts up. With the last one that was heard (`after`) nothing is lost or doubled;
    without it every reply comes once more, with the id under which the transcript has it.
    """
    known: list[dict[str, str]] | None = None
    typed: dt.datetime | None = None
    last = after or 0
    began = None if after is not None else timezone.now()
    since = timezone.now() - STILL_NEWS
    told: set[str] = set()
    beat = 0.0
    yield ": open\n\n"
    while not _stopping:
        try:
            states, said, typing, undelivered = await db.pages.call(_look, conversation, last, since)
            if states != known:
                known = states
                yield _event("state", {"escalations": states})
                beat = 0.0  # an escalation that was made just now has to hear that the patient is there
            for row in said:
                last = row.pk
                if began is None or row.kind == row.Kind.REPLY or row.at >= began:
                    yield _event(*selectors.staff_event(row), number=row.pk)
            for alert, notice in undelivered:
                if alert not in told:
                    told.add(alert)
                    yield _event("reply", notice)
            if typing and typing[0] != typed:
                typed = typing[0]
                yield _event("staff", {"state": "typing", "staff": typing[1]})
            if time.monotonic() - beat >= settings.HEARTBEAT:
                beat = time.monotonic()
                yield ": still here\n\n"
                if known:
                    await db.chores.call(patient_seen, conversation=conversation)
        except db.Unavailable:
            pass
        await asyncio.sleep(settings.EVENTS_EVERY)


def _look(conversation: uuid.UUID, last: int, since: dt.datetime) -> tuple[
    list[dict[str, str]],
    list[StaffMessage],
    tuple[dt.datetime, dict[str, str]] | None,
    list[tuple[str, dict[str, Any]]],
]:
    return (
        selectors.states(conversation),
        selectors.staff_messages(conversation, after=last),
        selectors.typing(conversation),
        selectors.undelivered(conversation, since=since),
    )


def _event(name: str, data: dict[str, Any], number: int | None = None) -> str:
    counted = f"id: {number}\n" if number is not None else ""
    return f"{counted}event: {name}\ndata: {json.dumps(data)}\n\n"
