"""What the web process does by itself: drain the spool, finish what was broken off, keep the release true, send alerts, delete what
is over its time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from django.conf import settings
from django.utils import timezone

from web import db
from web.alerts import background as alerts
from web.chat import retention, selectors, services, spool, turn

log = logging.getLogger(__name__)


async def drain() -> int:
    """Record what waits in the spool, oldest first, as far as the database lets. Returns how many turns that were."""
    recorded = 0
    for waiting in await asyncio.to_thread(spool.waiting):
        try:
            await db.turns.insist(services.replay, incoming=waiting.incoming, answer=waiting.answer)
        except db.Unavailable:
            break
        except Exception as e:
            log.error("spool: a turn cannot be recorded: %s", type(e).__name__)
            await asyncio.to_thread(spool.set_aside, waiting)
            continue
        await asyncio.to_thread(spool.done, waiting)
        recorded += 1
    if recorded:
        log.info("spool: %d turns recorded", recorded)
    return recorded


async def sweep() -> int:
    """Finish messages that were left without an answer, for example by a killed process. Returns how many."""
    try:
        left = await db.turns.call(selectors.unfinished)
        for incoming in left:
            await turn.finish(incoming)
    except db.Unavailable:
        return 0
    return len(left)


async def follow_the_record() -> int:
    """Take an answer out of force on the day after its review date, and finish a release whose building was broken off."""
    from web.answers import publishing  # Wagtail's models are slow to import, and no message waits for them

    return await asyncio.to_thread(publishing.keep_in_force)


async def expire() -> int:
    """Delete conversations that are over their time. Returns how many."""
    deleted = 0
    try:
        while batch := await db.chores.call(retention.expire, now=timezone.now()):
            deleted += batch
    except db.Unavailable:
        pass
    return deleted


async def forever(work: Callable[[], Awaitable[int]], every: float) -> None:
    """Do something now and then, whatever happens in it."""
    while True:
        try:
            await work()
        except Exception as e:
            log.error("%s: %s", getattr(work, "__name__", "background"), type(e).__name__)
        await asyncio.sleep(every)


def start() -> list[asyncio.Task[None]]:
    return [
        asyncio.create_task(forever(drain, settings.DRAIN_EVERY), name="drain"),
        asyncio.create_task(forever(sweep, settings.SWEEP_EVERY), name="sweep"),
        asyncio.create_task(
            forever(follow_the_record, settings.FOLLOW_RECORD_EVERY), name="follow the record"
        ),
        asyncio.create_task(forever(expire, settings.EXPIRE_EVERY), name="expire"),
        asyncio.create_task(forever(alerts.deliver, settings.DELIVER_EVERY), name="deliver"),
        asyncio.create_task(forever(alerts.watch, settings.WATCH_EVERY), name="watch"),
    ]
