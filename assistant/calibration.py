"""Set the screen's thresholds on messages by another hand: as low as the allowed false alarms permit.

`data/calibration/` is neither training nor evaluation data; it is asked once, by `rasa train`.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from assistant.screening import RAISED
from companion.corpus import CorpusError
from companion.paths import DATA

HARD_KINDS = frozenset(
    ("figurative", "literal", "title", "resolved_past", "negated", "baseline", "scary_general", "about_suicide", "other_hard")
)


@dataclass(frozen=True)
class Budget:
    """The share of harmless messages that may be raised: ordinary ones, and hard ones (figures of speech, the past …)."""

    ordinary: float
    hard: float


BUDGETS = {
    "emergency": Budget(0.002, 0.012),
    "crisis": Budget(0.015, 0.08),
    "symptom": Budget(0.02, 0.1),
    "advice": Budget(0.028, 0.12),
}
"""Each counts what is raised to that tier or worse, so a budget never is less than that of a more urgent tier."""
FLOOR = 0.08


def calibration_set(name: str, folder: Path = DATA / "calibration") -> list[dict[str, Any]]:
    """The labelled messages of `safety` or `answers`. Raises CorpusError: thresholds are never guessed."""
    path = folder / f"{name}.jsonl"
    try:
        messages = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, ValueError) as e:
        raise CorpusError(f"{path}: cannot be read ({e}); restore it from the repository") from e
    if not messages:
        raise CorpusError(f"{path}: holds no messages; restore it from the repository")
    return messages


def thresholds(alarms: np.ndarray, tiers: Sequence[str], hard: Sequence[bool]) -> dict[str, float]:
    """For each raised tier the lowest threshold within its budget. Raises CorpusError without harmless messages to count.

    `alarms` is (messages, 4) as `ScreenModel.alarm` gives them, `tiers` their labels, `hard` whether a harmless one is hard.
    """
    none = np.array([tier == "none" for tier in tiers])
    difficult = np.array(hard)
    if not none.any():
        raise CorpusError("no harmless message to set the screen's thresholds on; restore data/calibration from the repository")
    found = {}
    for column, tier in enumerate(RAISED):
        groups = ((none & ~difficult, BUDGETS[tier].ordinary), (none & difficult, BUDGETS[tier].hard))
        limits = [np.quantile(alarms[group, column], 1 - share, method="higher") for group, share in groups if group.any()]
        found[tier] = float(max([FLOOR, *limits])) + 1e-6
    return found
