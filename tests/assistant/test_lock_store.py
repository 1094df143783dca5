"""Messages of one conversation are answered one after the other; no conversation waits for another."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest
from rasa.core.lock_store import LockError

from assistant import lock_store as module
from assistant.lock_store import FairLockStore


async def quiet() -> None:
    """Let every task go as far as it can."""
    for _ in range(20):
        await asyncio.sleep(0)


def holder(
    locks: FairLockStore, name: str, log: list[str], mark: str
) -> tuple[asyncio.Event, Callable[[], Coroutine[Any, Any, None]]]:
    """A turn that holds its conversation's lock until the event is set."""
    done = asyncio.Event()

    async def turn() -> None:
        async with locks.lock(name):
            log.append(f"{mark} begins")
            await done.wait()
            log.append(f"{mark} ends")

    return done, turn


def test_messages_of_a_conversation_are_answered_in_the_order_of_their_arrival() -> None:
    async def scenario() -> list[str]:
        locks, log = FairLockStore(), list[str]()
        turns = [holder(locks, "c", log, str(number)) for number in range(10)]
        tasks = []
        for _, turn in turns:
            tasks.append(asyncio.create_task(turn()))
            await quiet()
        for done, _ in reversed(turns):
            done.set()
        await asyncio.gather(*tasks)
        return log

    assert asyncio.run(scenario()) == [f"{number} {what}" for number in range(10) for what in ("begins", "ends")]


def test_a_waiting_message_goes_on_at_once_and_not_at_the_next_look() -> None:
    async def scenario() -> list[str]:
        locks, log = FairLockStore(), list[str]()
        (first, one), (second, two) = holder(locks, "c", log, "1"), holder(locks, "c", log, "2")
        tasks = [asyncio.create_task(one()), asyncio.create_task(two())]
        await quiet()
        first.set()
        await quiet()
        seen = list(log)
        second.set()
        await asyncio.gather(*tasks)
        return seen

    assert asyncio.run(scenario()) == ["1 begins", "1 ends", "2 begins"]


def test_other_conversations_are_not_held_up() -> None:
    async def scenario() -> None:
        locks, log = FairLockStore(), list[str]()
        held, turn = holder(locks, "slow", log, "slow")
        task = asyncio.create_task(turn())
        await quiet()
        async with locks.lock("other"):
            assert log == ["slow begins"]
        held.set()
        await task

    asyncio.run(scenario())


def test_a_message_that_waits_too_long_fails_visibly_and_the_next_one_is_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "MAX_WAIT_SECONDS", 0.005)

    async def scenario() -> None:
        locks, log = FairLockStore(), list[str]()
        held, turn = holder(locks, "c", log, "1")
        task = asyncio.create_task(turn())
        await quiet()
        with pytest.raises(LockError):
            async with locks.lock("c"):
                raise AssertionError("two at once")
        held.set()
        await task
        async with locks.lock("c"):
            log.append("3")
        assert log == ["1 begins", "1 ends", "3"]

    asyncio.run(scenario())


@pytest.mark.parametrize("waiting", [False, True])
def test_a_turn_that_is_cut_off_holds_up_nobody(waiting: bool) -> None:
    async def scenario() -> None:
        locks, log = FairLockStore(), list[str]()
        (held, first), (_, second) = holder(locks, "c", log, "1"), holder(locks, "c", log, "2")
        tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
        await quiet()
        tasks[1 if waiting else 0].cancel()
        held.set()
        await quiet()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        async with asyncio_timeout(), locks.lock("c"):
            pass
        assert locks._locks == {}

    asyncio.run(scenario())


def test_a_failed_turn_gives_its_lock_back() -> None:
    async def scenario() -> None:
        locks = FairLockStore()
        with pytest.raises(ValueError, match="a fault"):
            async with locks.lock("c"):
                raise ValueError("a fault")
        async with asyncio_timeout(), locks.lock("c"):
            pass

    asyncio.run(scenario())


def test_nothing_is_kept_of_conversations_that_are_over() -> None:
    async def scenario() -> FairLockStore:
        locks = FairLockStore()
        for number in range(100):
            async with locks.lock(f"c{number}"):
                pass
        return locks

    locks = asyncio.run(scenario())
    assert locks._locks == {} and locks.get_lock("c1") is None


class asyncio_timeout:
    """A second at most, so that a lock that is never given back fails the test and does not hang it."""

    async def __aenter__(self) -> None:
        task = asyncio.current_task()
        assert task
        self.timer = asyncio.get_running_loop().call_later(1, task.cancel)

    async def __aexit__(self, *_: object) -> None:
        self.timer.cancel()
