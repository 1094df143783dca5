"""A fair lock for each conversation, in this process: first come, first served, with no polling.

Rasa's in-memory lock looks once a second whether its turn has come, and its Redis lock loses messages across processes
(rasa#9213); a conversation always goes to the same process, so this is enough.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

from rasa.core.lock import TicketLock
from rasa.core.lock_store import LockError, LockStore
from rasa.utils.endpoints import EndpointConfig

MAX_WAIT_SECONDS = 4.0


class FairLockStore(LockStore):
    """Messages of one conversation run one after the other, in the order of their arrival."""

    def __init__(self, endpoint_config: EndpointConfig | None = None) -> None:
        self._locks: dict[str, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def lock(
        self, conversation_id: str, lock_lifetime: float = 0, wait_time_in_seconds: float = 0
    ) -> AsyncGenerator[TicketLock, None]:
        """Wait for one's turn, at most MAX_WAIT_SECONDS. Raises LockError then, which the channel reports as a failed turn."""
        lock, users = self._locks.get(conversation_id, (asyncio.Lock(), 0))
        self._locks[conversation_id] = (lock, users + 1)
        try:
            try:
                await asyncio.wait_for(lock.acquire(), MAX_WAIT_SECONDS)
            except asyncio.TimeoutError as e:
                raise LockError("an earlier message of the conversation is still being answered") from e
            try:
                yield TicketLock(conversation_id)
            finally:
                lock.release()
        finally:
            lock, users = self._locks[conversation_id]
            if users == 1:
                del self._locks[conversation_id]
            else:
                self._locks[conversation_id] = (lock, users - 1)

    def get_lock(self, conversation_id: str) -> TicketLock | None:
        return None

    def delete_lock(self, conversation_id: str) -> None:
        """Nothing to do: a lock goes with its last user."""

    def save_lock(self, lock: Any) -> None:
        """Nothing to do: locks live in this process only."""
