"""Cut a message into sentences, so that one sentence in two hundred words counts."""

from __future__ import annotations

import re

MAX_WORDS = 24
"""A stretch without punctuation is cut at connecting words, and at this many words at the latest."""

_LINES = re.compile(r"[\r\n\v\f\x85\u2028\u2029]+")
_BLANKS = re.compile(r"\s{4,}")
_END = re.compile(
    r"(?<=[.!?…。！？؟])[\"')\]]*\s+|\s+[-–—]+\s+|;\s+|(?<=[a-zA-Z])[.!?]+(?=[A-Z][a-z])"
    # "i want to die What are your hours": a question begins, though nobody ended the sentence
    r"|(?<=[a-z0-9])\s+(?=(?:What|When|Where|Who|Why|How|Which|Can|Could|Do|Does|Is|Are|Should)\s+[a-z])"
)
_ABBREVIATION = re.compile(r"\b(?:dr|mr|mrs|ms|vs|e\.g|i\.e)\.$", re.IGNORECASE)
"""No sentence ends in one of these. Those that may end one ("etc.", "p.m.", "no.") do: a cut too many hides nothing."""
_JOINT = re.compile(
    r",?\s+(?=(?:and|but|because|cause|cuz|so|then|also|anyway|anyways|though|however|plus|btw|y|pero|porque|ademas|entonces"
    r"|asi que)\b)|,\s+",
    re.IGNORECASE,
)


def sentences(text: str) -> list[str]:
    """The sentences of a text in order, none empty, none longer than MAX_WORDS words (long ones are cut in overlapping parts)."""
    return [short for line in _LINES.split(text) for part in _parts(_BLANKS.sub("   ", line)) for short in _shorten(part)]


def _parts(line: str) -> list[str]:
    parts: list[str] = []
    for piece in _END.split(line):
        piece = piece.strip() if piece else ""
        if not piece:
            continue
        if parts and _ABBREVIATION.search(parts[-1]):
            parts[-1] += " " + piece
        else:
            parts.append(piece)
    return parts


def _shorten(sentence: str) -> list[str]:
    if len(sentence.split()) <= MAX_WORDS:
        return [sentence]
    clauses: list[str] = []
    for clause in _JOINT.split(sentence):
        words = clause.split()
        if clauses and (len(words) < 4 or len(clauses[-1].split()) < 4) and len(clauses[-1].split()) + len(words) <= MAX_WORDS:
            clauses[-1] += " " + clause
        else:
            clauses += [" ".join(words[i : i + MAX_WORDS]) for i in range(0, max(len(words) - 4, 1), MAX_WORDS - 4)]
    return [clause for clause in clauses if clause]
