"""The picture of `script/bench matcher`: coverage against accuracy, and against what is let through from outside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from benchmarks.evaluation import Line, Predictions


def curve(scores: np.ndarray, right: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every cut from the surest message down: the share that is covered, and the share of those that is right."""
    order = np.argsort(-scores, kind="stable")
    covered = np.arange(1, len(scores) + 1)
    return covered / max(len(scores), 1), np.cumsum(right[order]) / covered


def let_through(scores: np.ndarray, outside: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For every cut: the share of in-scope messages that is covered, and the share of others that is let through.

    What scores 0 would never be answered, so the curve ends before it.
    """
    cuts = np.unique(np.concatenate([scores, outside]))[::-1]
    cuts = cuts[cuts > 0]
    inside, through = np.sort(scores), np.sort(outside)
    covered = 1 - np.searchsorted(inside, cuts, "left") / max(len(inside), 1)
    return covered, 1 - np.searchsorted(through, cuts, "left") / max(len(through), 1)


def outside_score(line: Line, found: Predictions) -> float:
    """How sure a system would be of answering an out-of-scope message; of what it would never answer: not at all."""
    prediction = found[line.id]
    return prediction.score if prediction.outcome in ("answer", "clarify") else 0.0


def draw(lines: Sequence[Line], systems: Mapping[str, Predictions], path: Path) -> None:
    """Write the picture as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    inside = [line for line in lines if line.keys]
    outside = [line for line in lines if not line.keys]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 4.4), dpi=110)
    for name, found in systems.items():
        scores = np.array([found[x.id].score for x in inside])
        hits = np.array([bool(set(found[x.id].candidates[:1]) & set(x.keys)) for x in inside])
        left.plot(*(100 * part for part in curve(scores, hits)), label=name, linewidth=1.8)
        kept = np.array([outside_score(x, found) for x in inside])
        away = np.array([outside_score(x, found) for x in outside])
        right.plot(*(100 * part for part in let_through(kept, away)), label=name, linewidth=1.8)
    left.set(xlabel="in-scope questions answered, %", ylabel="of these, right, %", xlim=(0, 100), ylim=(0, 101))
    right.set(xlabel="in-scope questions answered or asked back, %", xlim=(0, 100))
    right.set_ylabel("out-of-scope messages answered or asked back, %")
    right.set_ylim(0, 101)
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(loc="best")
    figure.tight_layout()
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path)
    pyplot.close(figure)
