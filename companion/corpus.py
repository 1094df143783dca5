"""The labelled messages in `data/` that train the screen and the matcher, read from Rasa training data."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from companion.paths import DATA

SAFETY_TIERS = ("none", "advice", "symptom", "crisis", "emergency")


class CorpusError(ValueError):
    """A corpus file is missing, empty or holds a label that is not known; a screen must not be trained without it."""


@dataclass(frozen=True)
class Labelled:
    """One message with its intent (for the safety corpus: its tier) and the kind of wording it is an example of."""

    text: str
    label: str
    kind: str = ""


def read(path: Path) -> list[Labelled]:
    """The examples of one Rasa training-data file. Raises CorpusError."""
    try:
        blocks = yaml.safe_load(path.read_text(encoding="utf-8"))["nlu"]
    except (OSError, yaml.YAMLError, KeyError, TypeError) as e:
        raise CorpusError(f"{path}: cannot be read as training data: {e}") from e
    return [labelled for block in blocks for labelled in _examples(block)]


def _examples(block: dict[str, Any]) -> Iterator[Labelled]:
    kind = str((block.get("metadata") or {}).get("kind", ""))
    for line in str(block.get("examples") or "").splitlines():
        if line.strip().startswith("- "):
            yield Labelled(line.strip()[2:].strip(), str(block["intent"]), kind)


def safety_corpus(folder: Path = DATA / "safety") -> list[Labelled]:
    """All labelled safety messages. Raises CorpusError when a tier has no message: no corpus, no screen."""
    files = [path for tier in SAFETY_TIERS for path in sorted(folder.glob(f"{tier}*.yml"))]
    examples = [labelled for path in files for labelled in read(path)]
    for tier in SAFETY_TIERS:
        if not any(labelled.label == tier for labelled in examples):
            raise CorpusError(f"{folder}: no message of tier {tier}")
    return examples


def held_out(text: str) -> bool:
    """One example in six, chosen by the text itself: for limits where there is no calibration set (`script/bench matcher`)."""
    return hashlib.sha256(text.encode("utf-8")).digest()[0] % 6 == 0


def main() -> None:
    """`python -m companion.corpus`: how many labelled safety messages there are by tier and kind, as a table for the model card."""
    examples = safety_corpus()
    print(f"{len(examples):,} messages\n\n| tier | messages | kinds |\n|---|---:|---|")
    for tier in reversed(SAFETY_TIERS):
        kinds = Counter(one.kind for one in examples if one.label == tier)
        print(f"| `{tier}` | {kinds.total():,} | {', '.join(f'{kind} {many}' for kind, many in kinds.most_common())} |")


if __name__ == "__main__":
    main()
