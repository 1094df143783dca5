"""Questions that say nearly the same, together: cosine of weighted character trigrams, each question to its nearest leader.

A well-known single pass ("leader clustering"), with an index from trigram to leaders, so that a thousand questions take well under
a second. It needs no model, and misspelt words still share most of their letters.
"""

from __future__ import annotations

import math
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

NEAR = 0.42
_OTHER = re.compile(r"[^\w]+")


@dataclass
class Group:
    """Questions alike: their places in the list that was given; the first is the leader."""

    places: list[int] = field(default_factory=list)


def grouped(texts: Sequence[str]) -> list[Group]:
    """Groups of like texts, the largest first; texts of one group in the order in which they came."""
    counts = [_trigrams(text) for text in texts]
    spread = Counter(gram for grams in counts for gram in grams)
    vectors = [_weighted(grams, spread, len(texts)) for grams in counts]
    groups: list[Group] = []
    leaders: dict[str, list[tuple[int, float]]] = defaultdict(list)
    for place, vector in enumerate(vectors):
        likeness: dict[int, float] = defaultdict(float)
        for gram, weight in vector.items():
            for number, other in leaders[gram]:
                likeness[number] += weight * other
        best = max(likeness, key=lambda number: (likeness[number], -number), default=-1)
        if best >= 0 and likeness[best] >= NEAR:
            groups[best].places.append(place)
            continue
        for gram, weight in vector.items():
            leaders[gram].append((len(groups), weight))
        groups.append(Group([place]))
    return sorted(groups, key=lambda group: -len(group.places))


def _trigrams(text: str) -> Counter[str]:
    words = _OTHER.sub(" ", text.lower()).strip()
    padded = f"  {words} "
    return Counter(padded[at : at + 3] for at in range(len(padded) - 2))


def _weighted(grams: Counter[str], spread: Counter[str], texts: int) -> dict[str, float]:
    """Rare letters weigh more; of length one, so that a product is a cosine."""
    weights = {
        gram: (1 + math.log(count)) * math.log(1 + texts / spread[gram]) for gram, count in grams.items()
    }
    length = math.sqrt(sum(weight * weight for weight in weights.values())) or 1.0
    return {gram: weight / length for gram, weight in weights.items()}
