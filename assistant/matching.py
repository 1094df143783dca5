"""Which answer a message asks for: nearest phrasings, ridge classifiers and character n-grams, in one calibrated score.

An index is refitted in a fraction of a second when a release changes, so that a new answer needs no training: nothing in
it learns by iteration. The weights that combine the parts are calibrated by `rasa train` on `data/calibration/`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from assistant.letters import Letters, LettersMemory

Encode = Callable[[Sequence[str]], np.ndarray]

RIDGE = 1.0
PARTS = ("nearest", "three nearest", "letters", "ridge", "ridge of letters")


@dataclass(frozen=True)
class Example:
    """A text and the key it asks for. `weight` below 1 is for texts that only hint, such as an answer's own sentences."""

    text: str
    key: str
    weight: float = 1.0


class AnswerIndex:
    """Scores every key for a message. Raises ValueError when there is nothing to index."""

    def __init__(
        self, examples: Sequence[Example], encode: Encode, letters: Letters, memory: LettersMemory | None = None
    ) -> None:
        if not examples:
            raise ValueError("no examples: the release holds no phrasings")
        self.encode, self.letters = encode, letters
        self.keys = sorted({example.key for example in examples})
        self.place = {key: i for i, key in enumerate(self.keys)}
        ordered = sorted(examples, key=lambda example: self.place[example.key])
        texts = [example.text for example in ordered]
        self.texts = texts
        self.owner = np.array([self.place[example.key] for example in ordered])
        self.weight = np.array([example.weight for example in ordered], np.float32)
        self.starts = np.searchsorted(self.owner, np.arange(len(self.keys)))
        self.vectors = encode(texts)
        revealed, grams, sketch = (memory or LettersMemory(letters))(texts)
        self.exact = {plain: example.key for plain, example in zip(revealed, ordered) if example.weight == 1}
        self.grams_by_letters = grams.T.tocsr()  # turned once, not for every message
        self.ridge = self._fit(self.vectors)
        self.ridge_letters = self._fit(sketch)

    def _fit(self, features: np.ndarray) -> np.ndarray:
        """Ridge regression on one-hot keys, each key weighing the same however many examples it has."""
        counts = np.bincount(self.owner, weights=self.weight, minlength=len(self.keys))
        rows = (self.weight / counts[self.owner]) * (len(self.owner) / len(self.keys))
        x = np.hstack([features, np.ones((len(features), 1), np.float32)]).astype(np.float64)
        weighted = x * rows[:, None]
        target = np.zeros((len(self.owner), len(self.keys)))
        target[np.arange(len(self.owner)), self.owner] = 1
        return np.linalg.solve(x.T @ weighted + RIDGE * np.eye(x.shape[1]), weighted.T @ target).astype(np.float32)

    def scores(self, texts: Sequence[str]) -> np.ndarray:
        """For each text and key the PARTS, shape (texts, keys, parts)."""
        vectors, grams = self.encode(texts), self.letters.grams(texts)
        near = (vectors @ self.vectors.T) * self.weight
        letters = (grams @ self.grams_by_letters).toarray() * self.weight
        ones = np.ones((len(texts), 1), np.float32)
        out = np.empty((len(texts), len(self.keys), len(PARTS)), np.float32)
        out[:, :, 0] = np.maximum.reduceat(near, self.starts, axis=1)
        out[:, :, 1] = self._three_nearest(near)
        out[:, :, 2] = np.maximum.reduceat(letters, self.starts, axis=1)
        out[:, :, 3] = np.hstack([vectors, ones]) @ self.ridge
        out[:, :, 4] = np.hstack([self.letters.sketch(grams), ones]) @ self.ridge_letters
        return out

    def _three_nearest(self, near: np.ndarray) -> np.ndarray:
        """The mean of each key's three nearest examples; of those it has, where it has fewer."""
        near = near.copy()
        rows = np.arange(len(near))[:, None]
        ends = np.append(self.starts[1:], near.shape[1])
        total = np.zeros((len(near), len(self.keys)), np.float32)
        for turn in range(3):
            best = np.maximum.reduceat(near, self.starts, axis=1)
            total += np.where(ends - self.starts > turn, best, total / max(turn, 1))
            near[near == best[rows, self.owner]] = -2
        return total / 3


def combine(parts: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Probabilities over keys: a softmax of the weighted parts. Shapes (…, keys, parts) and (parts,) to (…, keys)."""
    logits = parts @ weights
    logits -= logits.max(axis=-1, keepdims=True)
    p = np.exp(logits)
    return p / p.sum(axis=-1, keepdims=True)


def fit_weights(parts: np.ndarray, truth: np.ndarray, steps: int = 400) -> np.ndarray:
    """The weights of the parts under which the true keys are likeliest (conditional logit), by descent from a fixed start."""
    weights = np.array([8.0, 8.0, 4.0, 6.0, 3.0])
    first, second = np.zeros_like(weights), np.zeros_like(weights)
    rows = np.arange(len(truth))
    for step in range(1, steps + 1):
        p = combine(parts, weights)
        gradient = (np.einsum("nk,nkp->np", p, parts) - parts[rows, truth]).mean(axis=0) + 1e-4 * weights
        first, second = 0.9 * first + 0.1 * gradient, 0.999 * second + 0.001 * gradient**2
        weights = weights - 0.3 * (first / (1 - 0.9**step)) / (np.sqrt(second / (1 - 0.999**step)) + 1e-8)
    return weights
