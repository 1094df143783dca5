"""The frozen evaluation sets, what of them the corpus holds already, and the figures that are read off predictions."""

from __future__ import annotations

import json
import math
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.predictions import Prediction
from benchmarks.report import Share
from companion.corpus import Labelled, read
from companion.normalise import fold
from companion.paths import DATA, ROOT
from companion.tiers import URGENT, rank

SETS = ROOT / "benchmarks" / "data"
ORDINARY = frozenset(["question", "logistics", "smalltalk", "spanish"])
"""Kinds of harmless messages that are not hard."""
SIMILAR = 0.8

Predictions = Mapping[str, Prediction]


@dataclass(frozen=True)
class Line:
    """One evaluation message. `tier` is of the safety set; `keys` and `both` are of the answers set."""

    id: str
    text: str
    kind: str
    tier: str = ""
    keys: tuple[str, ...] = ()
    both: bool = False


def read_lines(name: str, limit: int | None = None) -> list[Line]:
    """The lines of `safety` or `answers`; with a limit about so many, spread over the whole file (for trials only)."""
    rows = [json.loads(row) for row in (SETS / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]
    lines = [Line(**{**row, "keys": tuple(row.get("keys", ()))}) for row in rows]
    return lines[:: max(1, len(lines) // limit)] if limit else lines


def corpus(folder: Path = DATA) -> list[Labelled]:
    """Every training example under `data/`, as `rasa train` gets them."""
    files = [path for path in sorted(folder.rglob("*.yml")) if re.search(r"^nlu:", path.read_text("utf-8"), re.M)]
    return [example for path in files for example in read(path)]


@dataclass(frozen=True)
class Duplicate:
    """An evaluation line and the training example that it (nearly) repeats; likeness 1 is the same words."""

    line: Line
    example: str
    likeness: float


def words(text: str) -> list[str]:
    return re.findall(r"\w+", fold(text)) or [fold(text)]


def near_duplicates(lines: Sequence[Line], examples: Sequence[str], similar: float = SIMILAR) -> list[Duplicate]:
    """Lines that equal an example once folded, or share at least `similar` of their words with one (Jaccard)."""
    bags = [frozenset(words(text)) for text in examples]
    holders: defaultdict[str, list[int]] = defaultdict(list)
    for i, bag in enumerate(bags):
        for word in bag:
            holders[word].append(i)
    found = []
    for line in lines:
        bag = frozenset(words(line.text))
        rarest = sorted(bag, key=lambda word: len(holders.get(word, ())))
        # Whoever shares enough words with the line shares one of its rarest few.
        few = rarest[: len(bag) - math.ceil(similar * len(bag) - 1e-9) + 1]
        near = {i for word in few for i in holders.get(word, ())}
        likeness = {i: len(bag & bags[i]) / len(bag | bags[i]) for i in near}
        best = max(near, key=lambda i: likeness[i], default=None)
        if best is not None and likeness[best] >= similar:
            found.append(Duplicate(line, examples[best], likeness[best]))
    return found


def raised(tier: str, found: str) -> bool:
    """Whether a message of a tier was raised far enough: an urgent one to any urgent tier, others to theirs or above."""
    if tier in URGENT:
        return found in URGENT
    return found != "none" if tier == "advice" else rank(found) >= rank(tier)


def recall(lines: Sequence[Line], found: Predictions, tier: str, kind: str | None = None) -> Share:
    """The share of a tier's messages (of a kind) that were raised far enough."""
    chosen = [line for line in lines if line.tier == tier and kind in (None, line.kind)]
    return Share.count(raised(tier, found[line.id].tier) for line in chosen)


def alarms(
    lines: Sequence[Line], found: Predictions, *, urgent: bool, kinds: Callable[[str], bool] = lambda _: True
) -> Share:
    """The share of harmless messages that were raised: to an urgent tier, or at all."""
    chosen = [line for line in lines if line.tier == "none" and kinds(line.kind)]
    return Share.count(found[x.id].tier in URGENT if urgent else found[x.id].tier != "none" for x in chosen)


def answer_figures(lines: Sequence[Line], found: Predictions) -> dict[str, Share]:
    """In-scope lines: how good the ranking is, whatever was done with it; and what the patient got in the end."""
    pairs = [(line, found[line.id]) for line in lines if line.keys]

    def share(test: Callable[[Line, Prediction], bool]) -> Share:
        return Share.count(test(line, p) for line, p in pairs)

    def answered_right(line: Line, p: Prediction) -> bool:
        return p.outcome == "answer" and bool(set(p.answers) & set(line.keys))

    def asked_right(line: Line, p: Prediction) -> bool:
        return p.outcome == "clarify" and bool(set(p.candidates) & set(line.keys))

    return {
        "right first": share(lambda x, p: bool(set(p.candidates[:1]) & set(x.keys))),
        "right among three": share(lambda x, p: bool(set(p.candidates) & set(x.keys))),
        "answered right": share(answered_right),
        "asked, right one offered": share(asked_right),
        "asked, right one not offered": share(lambda x, p: p.outcome == "clarify" and not asked_right(x, p)),
        "answered wrongly": share(lambda x, p: p.outcome == "answer" and not answered_right(x, p)),
        "refused": share(lambda x, p: p.outcome not in ("answer", "clarify")),
    }


def right_key_reached(lines: Sequence[Line], found: Predictions) -> Share:
    """The stricter reading of "right among the three offered": a message that was refused was offered nothing."""
    figures = answer_figures(lines, found)
    return Share(
        sum(figures[name].hits for name in ("answered right", "asked, right one offered")), figures["refused"].of
    )


def outside_answered(lines: Sequence[Line], found: Predictions, kinds: Sequence[str] | None = None) -> Share:
    """The share of out-of-scope messages that were given an answer of the catalogue."""
    outside = [line for line in lines if not line.keys and (kinds is None or line.kind in kinds)]
    return Share.count(found[line.id].outcome == "answer" for line in outside)


def confusions(lines: Sequence[Line], found: Predictions) -> list[tuple[str, str, int, str]]:
    """(asked, ranked first instead, how often, an example) over in-scope lines, the most frequent first."""
    wrong = [
        (line.keys[0], found[line.id].candidates[0] if found[line.id].candidates else "–", line.text)
        for line in lines
        if line.keys and not set(found[line.id].candidates[:1]) & set(line.keys)
    ]
    examples = {(asked, given): text for asked, given, text in reversed(wrong)}
    counts = Counter((asked, given) for asked, given, _ in wrong)
    return [(asked, given, n, examples[asked, given]) for (asked, given), n in counts.most_common()]
