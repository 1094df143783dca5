"""A short memory of conversations: the last turns, of the latest conversations, in this process only.

The record is the app's database. Rasa's stores keep every event and cost more with each turn (rasa#6334); here the cost of
a turn does not grow with the conversation.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any

from rasa.core.brokers.broker import EventBroker
from rasa.core.tracker_store import TrackerStore
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import ActionExecuted, Event, SessionStarted
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig


class BoundedTrackerStore(TrackerStore):
    """Keeps at most `max_events` events of at most `max_conversations` conversations, the longest unused going first."""

    def __init__(
        self,
        domain: Domain | None = None,
        event_broker: EventBroker | None = None,
        host: EndpointConfig | None = None,
        max_events: int = 60,
        max_conversations: int = 2000,
        **kwargs: Any,
    ) -> None:
        super().__init__(domain or Domain.empty(), event_broker, **kwargs)
        self._max_events, self._max_conversations = int(max_events), int(max_conversations)
        self._events: OrderedDict[str, list[Event]] = OrderedDict()

    async def save(self, tracker: DialogueStateTracker) -> None:
        """Keep the last events, cut at the start of a turn, so that no policy sees half a turn."""
        await self.stream_events(tracker)
        events = list(tracker.events)
        self._events[tracker.sender_id] = events if len(events) <= self._max_events else self._shortened(events)
        self._events.move_to_end(tracker.sender_id)
        while len(self._events) > self._max_conversations:
            self._events.popitem(last=False)

    async def retrieve(self, sender_id: str) -> DialogueStateTracker | None:
        """The tracker as it was saved; None for a conversation that is new or was let go.

        Always a fresh one: a turn that its deadline cut off must not leave half of itself behind for the next.
        """
        events = self._events.get(sender_id)
        return None if events is None else DialogueStateTracker.from_events(sender_id, events, self.domain.slots)

    async def delete(self, sender_id: str) -> None:
        self._events.pop(sender_id, None)

    async def keys(self) -> Iterable[str]:
        return list(self._events)

    def _shortened(self, events: list[Event]) -> list[Event]:
        listens = [i for i, e in enumerate(events) if isinstance(e, ActionExecuted) and e.action_name == "action_listen"]
        start = next((i for i in listens if len(events) - i <= self._max_events // 2), listens[-1])
        return [ActionExecuted("action_session_start"), SessionStarted(), *events[start:]]
