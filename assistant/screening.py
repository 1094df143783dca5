"""The learned safety screen: how likely each tier is for a piece of a message, and from which likelihood on it counts.

A small neural network on sentence vectors and character n-grams. A message is cut into sentences and pairs of short
neighbouring sentences; the most alarming piece decides, so one sentence in two hundred words counts and adding a sentence
never lowers the tier.
"""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from assistant.letters import Letters
from companion.corpus import SAFETY_TIERS
from companion.pieces import pieces
from companion.tiers import QUIET, Reason, Verdict

Encode = Callable[[Sequence[str]], np.ndarray]


class ScreenError(RuntimeError):
    """The learned screen cannot be used as it is: the engine must not start with it."""


RAISED = ("advice", "symptom", "crisis", "emergency")
HIDDEN, DECAY = 256, 0.1
BATCH, STEPS, EPOCHS = 256, 1200, 8
VECTOR_SCALE, LETTERS_SCALE = 10.0, 3.0
"""What brings both kinds of features to like size. All of these were chosen on the calibration set."""


@dataclass
class ScreenModel:
    """The network and the thresholds; made by `fit`, asked by `judge`."""

    network: MLPClassifier
    letters: Letters
    thresholds: dict[str, float]
    encoder: str

    @classmethod
    def fit(cls, texts: Sequence[str], tiers: Sequence[str], encode: Encode, encoder: str, letters: Letters) -> ScreenModel:
        """Learn from short pieces with their tiers. Thresholds are set afterwards, by `assistant.calibration`.

        Tiers weigh as they occur: balanced, a sentence that is like nothing in the corpus would be taken for four fifths alarming.
        """
        epochs = max(EPOCHS, math.ceil(STEPS * BATCH / len(texts)))
        network = MLPClassifier((HIDDEN,), alpha=DECAY, batch_size=min(BATCH, len(texts)), max_iter=epochs, random_state=0)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)  # it is stopped early on purpose
            network.fit(_features(texts, encode, letters), [SAFETY_TIERS.index(tier) for tier in tiers])
        return cls(network, letters, {tier: 0.5 for tier in RAISED}, encoder)

    def verified(self) -> ScreenModel:
        """This screen, if it knows every tier and has a threshold for each that can be reached. Raises ScreenError."""
        wrong = [tier for tier in RAISED if not 0 < self.thresholds.get(tier, 0) <= 1]  # NaN, too, is not between
        if wrong:
            raise ScreenError(f"no usable threshold for {', '.join(wrong)}; run script/setup to train the screen again")
        if list(self.network.classes_) != list(range(len(SAFETY_TIERS))):
            raise ScreenError("the screen was not trained on every tier; run script/setup to train it again")
        return self

    def likelihoods(self, texts: Sequence[str], encode: Encode) -> np.ndarray:
        """For each piece the likelihood of every tier in SAFETY_TIERS."""
        return self.network.predict_proba(_features(texts, encode, self.letters))

    def alarm(self, text: str, encode: Encode) -> tuple[np.ndarray, list[str]]:
        """How alarming a message is, tier by tier: likelihoods of "this tier or worse", and the piece for each.

        "Worse" for the two urgent tiers together is either of them; which of the two it is, its own likelihood says.
        """
        parts = pieces(text)
        p = self.likelihoods(parts, encode)
        at_least = np.stack([1 - p[:, 0], p[:, 2:].sum(axis=1), p[:, 3:].sum(axis=1), p[:, 4]], axis=1)
        worst = at_least.argmax(axis=0)
        return at_least[worst, range(4)], [parts[i] for i in worst]

    def judge(self, text: str, encode: Encode) -> Verdict:
        """The verdict on a message, with the sentence and the likelihood that led to it."""
        alarms, where = self.alarm(text, encode)
        for tier, score, piece in reversed(list(zip(RAISED, alarms, where))):
            if score >= self.thresholds[tier]:
                return Verdict(tier, (Reason("learned", tier, "learned screen", piece[:300], round(float(score), 3)),))
        return QUIET


def _features(texts: Sequence[str], encode: Encode, letters: Letters) -> np.ndarray:
    """A row for each text: its vector, then the sketch of its character n-grams."""
    sketch = letters.sketch(letters.grams(texts))
    return np.hstack([VECTOR_SCALE * encode(texts), LETTERS_SCALE * sketch]).astype(np.float32)
