"""What of a message the learned screen looks at, each piece by itself."""

from __future__ import annotations

from itertools import pairwise

from companion.normalise import fold, reveal
from companion.sentences import sentences

PAIR_WORDS = 14
"""Two neighbouring sentences are also read as one when they are this short together ("I took them. All of them.")."""


def pieces(text: str) -> list[str]:
    """The sentences of a message and its short neighbouring pairs, disguises undone; never empty."""
    parts = sentences(text)
    pairs = [f"{a} {b}" for a, b in pairwise(parts) if len(a.split()) + len(b.split()) <= PAIR_WORDS]
    return list(dict.fromkeys(plain(piece) for piece in [*parts, *pairs])) or [plain(text)]


def plain(text: str) -> str:
    """A piece as the screen reads it: as typed, unless letters were hidden in it."""
    revealed = reveal(text)
    return revealed if revealed != fold(text) else text.strip()
