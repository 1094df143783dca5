"""BM25 (Okapi; Robertson and Zaragoza 2009), the search engines' classic, as a matcher to compare with."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence

import numpy as np

from benchmarks.evaluation import words
from benchmarks.predictions import OFFERED, Prediction, plain_key
from companion.catalogue import load_catalogue
from companion.corpus import Labelled, held_out

NO_ANSWER = ("out_of_scope", "human")
OUTSIDE_SHARE = 0.05


class BM25:
    """Scores documents for a query."""

    def __init__(self, texts: Sequence[str], k1: float = 1.5, b: float = 0.75) -> None:
        bags = [Counter(words(text)) for text in texts]
        length = np.array([sum(bag.values()) for bag in bags], float)
        found: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
        for i, bag in enumerate(bags):
            for word, times in bag.items():
                found[word].append((i, times))
        self.size, self.postings = len(texts), {}
        for word, hits in found.items():
            at, times = np.array(hits).T
            rarity = np.log(1 + (len(texts) - len(at) + 0.5) / (len(at) + 0.5))
            damped = times * (k1 + 1) / (times + k1 * (1 - b + b * length[at] / length.mean()))
            self.postings[word] = (at, rarity * damped)

    def scores(self, query: str) -> np.ndarray:
        total = np.zeros(self.size)
        for word in words(query):
            if word in self.postings:
                at, weight = self.postings[word]
                total[at] += weight
        return total


class BM25Matcher:
    """Phrasings, titles and texts of the catalogue, small talk and out-of-scope examples, each a document; the best counts."""

    def __init__(self, examples: Sequence[tuple[str, str]]) -> None:
        ordered = sorted(examples, key=lambda example: example[1])
        self.keys = sorted({key for _, key in ordered})
        self.index = BM25([text for text, _ in ordered])
        self.starts = np.searchsorted([key for _, key in ordered], self.keys)
        self.answer_from = 0.0

    def predict(self, text: str) -> Prediction:
        best = np.maximum.reduceat(self.index.scores(text), self.starts)
        ranked = [self.keys[i] for i in np.argsort(-best, kind="stable") if best[i] > 0]
        answers = tuple(key for key in ranked if is_answer(key))[:OFFERED]
        top = float(best.max())
        if ranked and ranked[0].startswith("smalltalk/"):
            return Prediction("none", "smalltalk", (), answers, top)
        if ranked and is_answer(ranked[0]) and top >= self.answer_from:
            return Prediction("none", "answer", answers[:1], answers, top)
        return Prediction("none", "abstain", (), answers, top)


def is_answer(key: str) -> bool:
    return key not in NO_ANSWER and not key.startswith("smalltalk/")


def bm25_matcher(corpus: Sequence[Labelled]) -> BM25Matcher:
    """Fitted on our matcher's data; answers from the score that lets few held-out out-of-scope examples through."""
    examples = [(x.text, x.label) for x in corpus if "/" in x.label or x.label in NO_ANSWER]
    texts = [(text, plain_key(key)) for key, x in load_catalogue().answers.items() for text in (x.title, x.text)]
    trial = BM25Matcher([(text, key) for text, key in examples if not held_out(text)] + texts)
    outside = [trial.predict(text) for text, key in examples if held_out(text) and key == NO_ANSWER[0]]
    scores = [p.score if p.outcome == "answer" else 0.0 for p in outside]
    matcher = BM25Matcher([*examples, *texts])
    matcher.answer_from = float(np.quantile(scores, 1 - OUTSIDE_SHARE)) + 1e-9 if scores else 0.0
    return matcher
