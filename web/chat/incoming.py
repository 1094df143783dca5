"""A message as it came in, before anything has been done with it."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import asdict, dataclass
from typing import Any

MAX_TEXT = 4000
"""Characters that the assistant reads. A longer message is answered only if urgent, and then not by the engine."""


@dataclass(frozen=True)
class Incoming:
    """One message of a patient. Its id follows from conversation and client's id, so a repeat is the same message."""

    conversation: uuid.UUID
    started_at: dt.datetime
    client_message_id: str
    text: str
    choice: str
    received_at: dt.datetime
    language: str = ""
    """Of the page in which it was written, `en` or `es`; empty where that is not known."""

    @property
    def id(self) -> uuid.UUID:
        return uuid.uuid5(self.conversation, self.client_message_id)

    @property
    def too_long(self) -> bool:
        return len(self.text) > MAX_TEXT

    def as_dict(self) -> dict[str, Any]:
        return {name: str(value) for name, value in asdict(self).items()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Incoming:
        """The reverse of `as_dict`. Raises KeyError, TypeError or ValueError."""
        times = {name: dt.datetime.fromisoformat(content[name]) for name in ("started_at", "received_at")}
        return cls(**{**content, **times, "conversation": uuid.UUID(content["conversation"])})
