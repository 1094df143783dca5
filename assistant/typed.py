"""What a patient typed, as it may be handed to Rasa: never its own command syntax (`/restart`, `/crisis`)."""

from __future__ import annotations

import re

COMMAND = re.compile(r"\A[\s/\uff0f]+")
"""Slashes at the start, and the blanks that Rasa would strip to find one behind them."""


def as_words(text: str) -> str:
    """The text without what would make it a command; every word of it stays."""
    return COMMAND.sub("", text)
