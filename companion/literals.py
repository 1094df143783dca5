"""Which letters a pattern cannot match without, so that most rules need not be tried on most sentences.

The answer is read from Python's own parse of the pattern, and kept as short runs of letters ("grams") that can be looked up
in the grams of a sentence. A pattern that it cannot be read from is simply always tried.
"""

from __future__ import annotations

import re
from typing import Any

try:
    from re import _parser as _sre  # type: ignore[attr-defined,unused-ignore]
except ImportError:  # Python 3.10
    import sre_parse as _sre  # type: ignore[no-redef,unused-ignore]

SHORT, LONG = 3, 4
RARE_FIRST = "zjqxkvbpgwyfmculdhrsnioatey "
"""Letters from rare to common, as English has them: the rarest gram of a string tells most."""

Alternatives = frozenset[str]


def required(pattern: str) -> list[Alternatives]:
    """Sets of grams: a text that the pattern matches has at least one gram of every set. Empty when there is no telling."""
    return [frozenset(_gram(literal) for literal in literals) for literals in _of_sequence(_sre.parse(pattern))]


def alternatives(pattern: str) -> list[str]:
    """Patterns that together match what this one matches: "a|b" is "a" and "b", and so is what stands in one group between \\b."""
    inner = pattern[len(_OPEN) : -len(_CLOSE)]
    if pattern.startswith(_OPEN) and pattern.endswith(_CLOSE) and (parts := _split(inner)):
        return [f"{_OPEN}{part}{_CLOSE}" for part in parts]
    return _split(pattern) or [pattern]


_OPEN, _CLOSE = r"\b(?:", r")\b"


def _split(pattern: str) -> list[str]:
    """The parts between bars that stand in no group; nothing if the brackets do not match up."""
    parts, depth = [""], 0
    for token in _TOKEN.findall(pattern):
        depth += {"(": 1, ")": -1}.get(token, 0)
        if depth < 0:
            return []
        if token == "|" and depth == 0:
            parts.append("")
        else:
            parts[-1] += token
    return parts


_TOKEN = re.compile(r"\\.|\[(?:\\.|[^\]\\])+\]|.", re.DOTALL)


def grams(text: str) -> set[str]:
    """Every run of SHORT and of LONG letters in a text."""
    return {text[i : i + size] for size in (SHORT, LONG) for i in range(len(text) - size + 1)}


def _gram(literal: str) -> str:
    if len(literal) <= LONG:
        return literal
    windows = [literal[i : i + LONG] for i in range(len(literal) - LONG + 1)]
    return min(windows, key=lambda window: sum(RARE_FIRST.find(letter) for letter in window))


def _of_sequence(parsed: Any) -> list[Alternatives]:
    found: list[Alternatives] = []
    run = ""
    for op, value in parsed:
        if str(op) == "LITERAL":
            run += chr(value)
            continue
        found += _worth(run) + _of_part(str(op), value)
        run = ""
    return found + _worth(run)


def _of_part(op: str, value: Any) -> list[Alternatives]:
    if op == "SUBPATTERN":
        return _of_sequence(value[3])
    if op in ("MAX_REPEAT", "MIN_REPEAT") and value[0] > 0:
        return _of_sequence(value[2])
    if op == "BRANCH":
        branches = [_of_sequence(branch) for branch in value[1]]
        return [frozenset().union(*(_sharpest(branch) for branch in branches))] if all(branches) else []
    return []


def _sharpest(sets: list[Alternatives]) -> Alternatives:
    return max(sets, key=lambda literals: (min(map(len, literals)), -len(literals)))


def _worth(run: str) -> list[Alternatives]:
    return [frozenset({run})] if len(run) >= SHORT else []


def repeats_within_repeats(pattern: str) -> bool:
    """Whether something unbounded is repeated without bound ("(a+)*"): such a pattern can take for ever on a long text."""
    return _nested(_sre.parse(pattern), inside=False)


def _nested(parsed: Any, inside: bool) -> bool:
    for op, value in parsed:
        unbounded = str(op) in ("MAX_REPEAT", "MIN_REPEAT") and value[1] == _sre.MAXREPEAT
        if unbounded and inside:
            return True
        if any(_nested(part, inside or unbounded) for part in _parts(str(op), value)):
            return True
    return False


def _parts(op: str, value: Any) -> list[Any]:
    if op == "BRANCH":
        return list(value[1])
    if op in ("MAX_REPEAT", "MIN_REPEAT"):
        return [value[2]]
    if op == "SUBPATTERN":
        return [value[3]]
    return [value[1]] if op in ("ASSERT", "ASSERT_NOT") else []
