"""The engine's memory of conversations is short, so that the hundredth turn costs what the tenth did."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, BotUttered, SessionStarted, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from assistant.tracker_store import BoundedTrackerStore


def store(**limits: Any) -> BoundedTrackerStore:
    return BoundedTrackerStore(Domain.empty(), **limits)


def a_turn(number: int) -> list[Any]:
    said = UserUttered(f"message {number}", intent={"name": "about"}, parse_data={})
    return [said, ActionExecuted("utter_about"), BotUttered(f"reply {number}"), ActionExecuted("action_listen")]


async def after(turns: int, memory: BoundedTrackerStore, name: str = "c") -> DialogueStateTracker:
    """Have a conversation of so many turns, each loaded, gone on with and saved, as Rasa does it."""
    for number in range(turns):
        tracker = await memory.retrieve(name)
        if tracker is None:
            tracker = DialogueStateTracker.from_events(
                name, [ActionExecuted("action_session_start"), SessionStarted(), ActionExecuted("action_listen")]
            )
        for event in a_turn(number):
            tracker.update(event)
        await memory.save(tracker)
    found = await memory.retrieve(name)
    assert found is not None
    return found


def test_a_conversation_is_found_as_it_was_saved() -> None:
    tracker = asyncio.run(after(3, store()))
    assert [event.text for event in tracker.events if isinstance(event, UserUttered)] == [
        "message 0",
        "message 1",
        "message 2",
    ]


def test_a_new_conversation_is_not_found() -> None:
    assert asyncio.run(store().retrieve("nobody")) is None


def test_the_cost_of_a_turn_does_not_grow_with_the_conversation() -> None:
    lengths = []

    async def scenario() -> None:
        memory = store(max_events=40)
        for _ in range(300):
            lengths.append(len((await after(1, memory)).events))

    asyncio.run(scenario())
    assert max(lengths) <= 40 and lengths[-1] >= 8, "some turns are always remembered"


def test_a_long_conversation_is_cut_at_the_beginning_of_a_turn() -> None:
    for turns in range(5, 40):
        events = list(asyncio.run(after(turns, store(max_events=20))).events)
        assert isinstance(events[1], SessionStarted) and isinstance(events[2], ActionExecuted)
        assert events[2].action_name == "action_listen" and isinstance(events[3], UserUttered)
        said = [event.text for event in events if isinstance(event, UserUttered)]
        assert said == [f"message {number}" for number in range(turns - len(said), turns)], (
            "the last ones, without a gap"
        )


def test_one_turn_that_is_longer_than_the_limit_is_kept_from_its_beginning() -> None:
    async def scenario() -> DialogueStateTracker | None:
        memory = store(max_events=10)
        tracker = await after(1, memory)
        tracker.update(UserUttered("a long turn", parse_data={}))
        for number in range(30):
            tracker.update(BotUttered(f"reply {number}"))
        await memory.save(tracker)
        return await memory.retrieve("c")

    tracker = asyncio.run(scenario())
    assert tracker is not None and tracker.latest_message is not None and tracker.latest_message.text == "a long turn"


def test_only_the_latest_conversations_are_remembered() -> None:
    async def scenario() -> list[str]:
        memory = store(max_conversations=3)
        for name in ("a", "b", "c"):
            await after(1, memory, name)
        await after(1, memory, "a")
        await after(1, memory, "d")
        return list(await memory.keys())

    assert asyncio.run(scenario()) == ["c", "a", "d"]


def test_a_deleted_conversation_is_gone_and_may_be_deleted_again() -> None:
    async def scenario() -> Any:
        memory = store()
        await after(1, memory)
        await memory.delete("c")
        await memory.delete("c")
        return await memory.retrieve("c")

    assert asyncio.run(scenario()) is None


@pytest.mark.parametrize("turns", [0, 2])
def test_a_turn_that_is_cut_off_leaves_no_half_turn_behind(turns: int) -> None:
    """The channel gives a turn four seconds; what Rasa did to its tracker until then was never saved."""

    async def scenario() -> list[Any]:
        memory = store()
        tracker = await after(turns, memory) if turns else await memory.create_tracker("c")
        tracker.update(UserUttered("cut off in the middle", parse_data={}))
        tracker.update(ActionExecuted("utter_crisis"))
        again = await memory.retrieve("c")
        assert again is not None
        return list(again.events)

    events = asyncio.run(scenario())
    assert isinstance(events[-1], ActionExecuted) and events[-1].action_name == "action_listen"


@pytest.mark.parametrize("limit", ["60", 60])
def test_limits_may_come_from_a_file_as_words(limit: Any) -> None:
    assert len(asyncio.run(after(50, store(max_events=limit))).events) <= 60
