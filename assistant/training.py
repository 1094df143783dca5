"""What `rasa train` learns: the screen with its thresholds, the matcher's weights with its limits."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression

from assistant.calibration import HARD_KINDS, calibration_set, thresholds
from assistant.decision import HUMAN, OUT_OF_SCOPE, Decider, evidence, is_answer, limits
from assistant.letters import Letters
from assistant.matching import AnswerIndex, Example, combine, fit_weights
from assistant.screening import ScreenModel
from assistant.spelling import Speller, vocabulary
from companion.corpus import SAFETY_TIERS, CorpusError, Labelled
from companion.pieces import pieces

Encode = Callable[[Sequence[str]], np.ndarray]

FEWEST = 50
"""A tier with fewer examples than this cannot be learned; training refuses."""
WRONG_SHARE, REFUSED_SHARE = 0.03, 0.03

log = logging.getLogger(__name__)


def tier_of(example: Labelled) -> str:
    """The tier of a training example: its intent where that is a tier; every other intent is harmless."""
    return example.label if example.label in SAFETY_TIERS else "none"


def train_screen(examples: Sequence[Labelled], encode: Encode, encoder: str) -> ScreenModel:
    """Fit on the corpus, then set the thresholds on the calibration set.

    Raises CorpusError when a tier has fewer than FEWEST examples.
    """
    counts = Counter(tier_of(example) for example in examples)
    if few := [tier for tier in SAFETY_TIERS if counts[tier] < FEWEST]:
        raise CorpusError(f"too few messages of tier {', '.join(few)} in data/safety; restore the files from the repository")
    model = _fit_screen(examples, encode, encoder, Letters([example.text for example in examples]))
    others = calibration_set("safety")
    alarms = np.stack([model.alarm(message["text"], encode)[0] for message in others])
    model.thresholds = thresholds(alarms, [m["tier"] for m in others], [m["kind"] in HARD_KINDS for m in others])
    log.info("screen thresholds: %s", model.thresholds)
    return model


def _fit_screen(examples: Sequence[Labelled], encode: Encode, encoder: str, letters: Letters) -> ScreenModel:
    """Two passes: short messages first; then, of each long one that is not harmless, the sentence that alarms most.

    A message of kind `buried` has one such sentence by the labelling guide, so its others are harmless stories around it:
    without them a screen that judges sentence by sentence has never seen one.
    """
    texts, tiers, long = [], [], []
    for example in examples:
        parts, tier = pieces(example.text), tier_of(example)
        if tier == "none" or len(parts) == 1:
            texts += parts
            tiers += [tier] * len(parts)
        else:
            long.append((parts, tier, example.kind))
    model = ScreenModel.fit(texts, tiers, encode, encoder, letters)
    for parts, tier, kind in long:
        worst = parts[int(model.likelihoods(parts, encode)[:, SAFETY_TIERS.index(tier)].argmax())]
        texts.append(worst)
        tiers.append(tier)
        if kind == "buried":
            around = [part for part in parts if part not in worst and worst not in part]
            texts += around
            tiers += ["none"] * len(around)
    return ScreenModel.fit(texts, tiers, encode, encoder, letters)


def train_matcher(examples: Sequence[Labelled], encode: Encode) -> dict[str, Any]:
    """Index the corpus, then set weights, confidence and limits on the calibration set; plus the examples that no release holds."""
    topics = [example for example in examples if "/" in example.label or example.label in (HUMAN, OUT_OF_SCOPE)]
    letters = Letters([example.text for example in topics])
    index = AnswerIndex([Example(example.text, example.label) for example in topics], encode, letters)
    asked = [(m["text"], [key for key in m["keys"] or [OUT_OF_SCOPE] if key in index.place]) for m in calibration_set("answers")]
    texts, keys = zip(*((text, accepted) for text, accepted in asked if accepted))  # of the answers that there still are
    parts = index.scores(texts)
    weights = fit_weights(parts, np.array([index.place[accepted[0]] for accepted in keys]))
    likely = combine(parts, weights)
    features = np.stack([evidence(index, row, p) for row, p in zip(parts, likely)])
    chosen = [index.keys[i] for i in likely.argmax(axis=1)]
    in_scope = np.array([accepted[0] != OUT_OF_SCOPE for accepted in keys])
    right = np.array([key in accepted for key, accepted in zip(chosen, keys)])
    confidence = LogisticRegression(C=10.0, max_iter=2000).fit(features, right & in_scope)
    sure = np.where([is_answer(key) for key in chosen], confidence.predict_proba(features)[:, 1], 0.0)
    found = limits(sure, right, in_scope, WRONG_SHARE, REFUSED_SHARE)
    log.info("matcher: %.3f right of %d, answer from %.2f, ask from %.2f", right[in_scope].mean(), in_scope.sum(), *found)
    decider = Decider(weights, confidence, *found, Speller(vocabulary(example.text for example in topics)))
    others = [(example.text, example.label) for example in topics if example.label in (HUMAN, OUT_OF_SCOPE)]
    return {"decider": decider, "letters": letters, "others": others}
