"""What the app's database knows of a conversation, as it arrives with each message. The engine keeps nothing that matters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.tiers import TIERS, URGENT


@dataclass(frozen=True)
class Context:
    """shown: how often each message was shown; misses: unanswered messages in a row; urgent: a crisis at any time before;
    language: of the page around the conversation."""

    shown: Mapping[str, int] = field(default_factory=dict)
    last_answer: str | None = None
    last_tier: str = "none"
    urgent: bool = False
    misses: int = 0
    choice: bool = False
    language: str = "en"

    @classmethod
    def of(cls, metadata: Any) -> Context:
        """Read a message's metadata; whatever is missing or of the wrong type is as in a new conversation."""
        metadata = metadata if isinstance(metadata, Mapping) else {}
        given = metadata.get("context")
        given = given if isinstance(given, Mapping) else {}
        shown = given.get("shown")
        counts = {k: v for k, v in shown.items() if isinstance(v, int)} if isinstance(shown, Mapping) else {}
        last_answer, last_tier, misses = given.get("last_answer"), given.get("last_tier"), given.get("misses")
        last_tier = last_tier if isinstance(last_tier, str) and last_tier in TIERS else "none"
        return cls(
            counts,
            last_answer if isinstance(last_answer, str) else None,
            last_tier,
            bool(given.get("urgent")) or last_tier in URGENT,
            misses if isinstance(misses, int) else 0,
            bool(metadata.get("choice")),
            "es" if given.get("language") == "es" else "en",
        )
