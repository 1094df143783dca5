"""Database work for async code, with a deadline: a locked or broken database costs a patient about a second, once.

Each lane has its own threads, so that pages that follow events can never hold up an answer.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import DatabaseError, DataError, IntegrityError, InterfaceError, connection

P = ParamSpec("P")
T = TypeVar("T")
log = logging.getLogger(__name__)
OUR_FAULT = (IntegrityError, DataError)
"""What says nothing about the health of the database."""


class Unavailable(Exception):
    """The database did not do the work in time. It may still do it later, so the work has to be idempotent."""


class Lane:
    """A few threads that work on the database. After a failure it refuses work for `DATABASE_PAUSE` seconds."""

    def __init__(self, name: str, threads: int) -> None:
        self.name = name
        self.threads = threads
        self._executor: ThreadPoolExecutor | None = None
        self._paused_until = 0.0

    @property
    def paused(self) -> bool:
        return time.monotonic() < self._paused_until

    def resume(self) -> None:
        self._paused_until = 0.0

    async def call(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `work` in a thread. Raises Unavailable at once while paused, else what `work` raises."""
        if self.paused:
            raise Unavailable("paused")
        return await self.insist(work, *args, **kwargs)

    async def insist(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """The same, but tried also while paused: for whoever finds out whether the database is back."""
        if self._executor is None:
            self._executor = ThreadPoolExecutor(self.threads, thread_name_prefix=f"db-{self.name}")
        future = asyncio.get_running_loop().run_in_executor(self._executor, lambda: _bounded(work, *args, **kwargs))
        try:
            result = await asyncio.wait_for(asyncio.shield(future), settings.DATABASE_DEADLINE)
        except OUR_FAULT:
            raise
        except (DatabaseError, InterfaceError, asyncio.TimeoutError) as e:
            future.add_done_callback(_consume)
            self._paused_until = time.monotonic() + settings.DATABASE_PAUSE
            log.warning("database unavailable: %s", type(e).__name__)
            raise Unavailable(type(e).__name__) from None
        self.resume()
        return result

    def close(self) -> None:
        """Close every thread's connection and end the threads."""
        if self._executor is None:
            return
        together = threading.Barrier(self.threads)

        def end() -> None:
            with contextlib.suppress(threading.BrokenBarrierError):
                together.wait(timeout=5)
            connection.close()

        futures = [self._executor.submit(end) for _ in range(self.threads)]
        for future in futures:
            future.result(timeout=10)
        self._executor.shutdown()
        self._executor = None


def _bounded(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        connection.ensure_connection()
        if connection.vendor == "sqlite":
            connection.connection.execute(f"PRAGMA busy_timeout = {int(settings.DATABASE_BUSY * 1000)}")
        return work(*args, **kwargs)
    except OUR_FAULT:
        raise
    except (DatabaseError, InterfaceError):
        connection.close()  # the next call starts with a fresh one
        raise


def _consume(future: asyncio.Future[T]) -> None:
    """Look at a late result, so that asyncio does not log it."""
    if not future.cancelled():
        future.exception()


turns = Lane("turns", 4)
"""For answering patients."""

pages = Lane("pages", 2)
"""For what can wait: events, health, transcripts."""

chores = Lane("chores", 1)
"""For what the process does by itself: alerts, deletions. Its failures must not pause what people read."""
