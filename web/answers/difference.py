"""The difference between two texts, word by word, as pieces that a template can mark."""

from __future__ import annotations

import re
from dataclasses import dataclass
from difflib import SequenceMatcher

_PIECES = re.compile(r"\s+|[^\s]+")


@dataclass(frozen=True)
class Piece:
    """`how` is same, gone or new."""

    how: str
    text: str


def words(before: str, after: str) -> list[Piece]:
    """What was taken out and put in; whole words, with the spaces between them."""
    old, new = _PIECES.findall(before), _PIECES.findall(after)
    pieces: list[Piece] = []
    for what, a, b, c, d in SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if what == "equal":
            pieces.append(Piece("same", "".join(old[a:b])))
            continue
        if a < b:
            pieces.append(Piece("gone", "".join(old[a:b])))
        if c < d:
            pieces.append(Piece("new", "".join(new[c:d])))
    return pieces


def members(before: list[str], after: list[str]) -> list[Piece]:
    """The same for lists: what is there still, what is gone, what is new."""
    kept = [Piece("same", one) for one in after if one in before]
    new = [Piece("new", one) for one in after if one not in before]
    return [*new, *(Piece("gone", one) for one in before if one not in after), *kept]
