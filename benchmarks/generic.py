"""The same matcher on any `text<TAB>label` files. The label `oos` is out of scope, in either file."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from benchmarks.report import Share, table
from companion.corpus import held_out

OOS = "oos"
BATCH = 128
CUTS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)

Pairs = Sequence[tuple[str, str]]


@dataclass(frozen=True)
class Tested:
    """For each test message the labels ranked, the confidence in the first, and milliseconds."""

    ranked: list[list[str]]
    confidence: np.ndarray
    ms: float
    fit_seconds: float
    encode_seconds: float


def read_tsv(path: Path) -> list[tuple[str, str]]:
    """Texts and labels. Raises ValueError naming the line that is no `text<TAB>label`."""
    pairs = []
    for number, line in enumerate(path.read_text(encoding="utf-8-sig").splitlines(), start=1):
        text, tab, label = line.rpartition("\t")
        if not line.strip():
            continue
        if not tab or not text.strip() or not label.strip():
            raise ValueError(f"{path.name}, line {number}: expected text<TAB>label")
        pairs.append((text.strip(), label.strip()))
    if not pairs:
        raise ValueError(f"{path.name} is empty")
    return pairs


def run(train: Pairs, test: Pairs) -> Tested:
    """Fit as `rasa train` does (weights on held-out examples, then an index of all) and ask every test message."""
    from assistant.decision import OUT_OF_SCOPE, Decider, evidence
    from assistant.encoder import Memory, encoder
    from assistant.letters import Letters
    from assistant.matching import AnswerIndex, Example, combine, fit_weights

    threadpool_limits(1)
    examples = [Example(text, OUT_OF_SCOPE if label == OOS else label) for text, label in train]
    memory, begun = Memory(encoder().encode), time.perf_counter()
    memory([example.text for example in examples])
    encode_seconds, begun = time.perf_counter() - begun, time.perf_counter()
    letters = Letters([example.text for example in examples])
    seen = [example for example in examples if not held_out(example.text)]
    known = {example.key for example in seen}
    unseen = [example for example in examples if held_out(example.text) and example.key in known]
    if not unseen:
        raise ValueError("too few training lines to set the matcher's weights; it needs some dozens")
    trial = AnswerIndex(seen, memory, letters)
    texts = [example.text for example in unseen]
    parts = np.concatenate([trial.scores(texts[at : at + BATCH]) for at in range(0, len(texts), BATCH)])
    truth = np.array([trial.place[example.key] for example in unseen])
    weights = fit_weights(parts, truth)
    likely = combine(parts, weights)
    features = np.stack([evidence(trial, row, p) for row, p in zip(parts, likely)])
    right = (likely.argmax(axis=1) == truth) & (truth != trial.place.get(OUT_OF_SCOPE, -1))
    decider = Decider(weights, _confidence(features, right), 0.0, 0.0)
    index = AnswerIndex(examples, memory, letters)
    index.encode = encoder().encode
    fit_seconds, begun = time.perf_counter() - begun, time.perf_counter()
    matches = [decider.match(index, text) for text, _ in test]
    ms = (time.perf_counter() - begun) * 1000 / len(test)
    ranked = [[OOS if key == OUT_OF_SCOPE else key for key, _ in match.ranking] for match in matches]
    return Tested(ranked, np.array([match.confidence for match in matches]), ms, fit_seconds, encode_seconds)


class _AsLikely:
    """In the place of a learned confidence where there is nothing to learn from: the likelihood of the first label."""

    def predict_proba(self, features: np.ndarray) -> np.ndarray:
        sure = 1 / (1 + np.exp(-features[:, 0]))
        return np.stack([1 - sure, sure], axis=1)


def _confidence(features: np.ndarray, right: np.ndarray) -> Any:
    """Evidence to the likelihood that the first label is right; where all or none were, nothing can be learned."""
    from sklearn.linear_model import LogisticRegression

    if len(set(right.tolist())) < 2:
        return _AsLikely()
    return LogisticRegression(C=10.0, max_iter=2000).fit(features, right)


def curve_rows(test: Pairs, tested: Tested) -> list[list[str]]:
    """For some limits of confidence: in-scope messages answered, right of these, out-of-scope messages answered."""
    inside = np.array([label != OOS for _, label in test])
    first = np.array([labels[0] for labels in tested.ranked])
    right = first == np.array([label for _, label in test])
    rows = []
    for cut in CUTS:
        given = (tested.confidence >= cut) & (first != OOS)
        shares = [Share.count(given[inside]), Share.count(right[given & inside]), Share.count(given[~inside])]
        rows.append([f"{cut:.2f}", *(share.text(False) for share in shares)])
    return rows


def report(train_file: Path, test_file: Path) -> str:
    """Accuracy at 1 and 3, the out-of-scope curve where there is one, and what it took."""
    train, test = read_tsv(train_file), read_tsv(test_file)
    tested = run(train, test)
    inside = [(label, labels) for (_, label), labels in zip(test, tested.ranked) if label != OOS]
    first = Share.count(labels[0] == label for label, labels in inside)
    three = Share.count(label in [x for x in labels if x != OOS][:3] for label, labels in inside)
    lines = [
        f"train: {len(train)} lines, {len({label for _, label in train})} labels",
        f"test: {len(test)} lines, {len(inside)} in scope",
        f"accuracy at 1: {first.text()}",
        f"accuracy at 3: {three.text()}",
        f"fit: {tested.fit_seconds:.1f} s, and {tested.encode_seconds:.1f} s to encode the training lines",
        f"time: {tested.ms:.1f} ms a message, encoder included; all on one thread",
    ]
    if len(inside) < len(test):
        columns = ["confidence from", "in scope answered", "of these right", "out of scope answered"]
        lines += ["", table(columns, curve_rows(test, tested))]
    return "\n".join(lines)
