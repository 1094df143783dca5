"""From scores to an outcome: answer, ask which of up to three, or say that there is no approved answer."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from assistant.matching import AnswerIndex, combine
from assistant.spelling import Speller
from companion.normalise import reveal
from companion.sentences import sentences
from companion.words import words

OUT_OF_SCOPE, HUMAN = "out_of_scope", "human"
OFFERED = 3
ASK_FROM = 0.1
"""Below this confidence it is better to say that there is no approved answer than to offer three wrong ones."""
CERTAIN = 0.995
"""The confidence in a message that is an approved phrasing, letter for letter."""
SPELL_WORDS = 60
"""Of a longer message only the parts are read with their misspelt words corrected."""
CLAUSES = 8

_QUESTION_WORDS = "how|what|when|where|why|who|which|can|could|do|does|is|are|will|should|como|que|cuando|puedo"
_JOINED = re.compile(rf"(?<=\?)\s+|\s+(?:and also|and|also|plus|y|y tambien)\s+(?=(?:{_QUESTION_WORDS})\b)", re.IGNORECASE)


@dataclass(frozen=True)
class Match:
    """What the index says of one text: keys best first with their likelihoods, and the confidence that the first is right."""

    ranking: tuple[tuple[str, float], ...]
    confidence: float

    @property
    def best(self) -> str:
        return self.ranking[0][0]

    def answers(self, number: int = OFFERED) -> list[str]:
        """The best answer keys, without small talk, requests for a person and what is out of scope."""
        return [key for key, _ in self.ranking if is_answer(key)][:number]


@dataclass(frozen=True)
class Decision:
    """outcome: answer, clarify, abstain, smalltalk or human; `answers` to give; `candidates` best first; score 0 to 1."""

    outcome: str
    answers: tuple[str, ...]
    candidates: tuple[str, ...]
    score: float
    smalltalk: str | None = None


def is_answer(key: str) -> bool:
    return key not in (OUT_OF_SCOPE, HUMAN) and not key.startswith("smalltalk/")


@dataclass
class Decider:
    """The calibrated weights and limits, made by `rasa train`."""

    weights: np.ndarray
    confidence: LogisticRegression
    answer_from: float
    clarify_from: float
    speller: Speller

    def match(self, index: AnswerIndex, text: str) -> Match:
        """Rank all keys for one text."""
        return self.matches(index, [text])[0]

    def matches(self, index: AnswerIndex, texts: Sequence[str]) -> list[Match]:
        """Rank all keys for each text, as typed and with misspelt words corrected, whichever is surer."""
        corrected = [text if len(text.split()) > SPELL_WORDS else self.speller.correct(text) for text in texts]
        changed = [i for i, text in enumerate(texts) if corrected[i] != text and reveal(text) not in index.exact]
        found = self._matches(index, [*texts, *(corrected[i] for i in changed)])
        best = found[: len(texts)]
        for i, match in zip(changed, found[len(texts) :]):
            best[i] = max(best[i], match, key=lambda either: either.confidence)
        return best

    def _matches(self, index: AnswerIndex, texts: Sequence[str]) -> list[Match]:
        parts = index.scores(texts)
        likely = combine(parts, self.weights)
        features = np.stack([evidence(index, row, p) for row, p in zip(parts, likely)])
        confident = self.confidence.predict_proba(features)[:, 1]
        found = []
        for text, p, sure in zip(texts, likely, confident):
            order = np.argsort(-p, kind="stable")[: OFFERED + 3]
            ranking = [(index.keys[i], float(p[i])) for i in order]
            exact = index.exact.get(reveal(text))
            if exact is not None:  # an approved phrasing, letter for letter
                ranking = [(exact, 1.0), *[pair for pair in ranking if pair[0] != exact]]
                sure = CERTAIN
            found.append(Match(tuple(ranking), float(sure)))
        return found

    def decide(self, index: AnswerIndex, text: str, *, context: str | None = None) -> Decision:
        """The outcome for a message. `context` is the title of the previous answer, for a bare follow-up ("and after?")."""
        parts = clauses(text)
        whole, *rest = self.matches(index, [text, *parts] if len(parts) > 1 else [text])
        if whole.best == HUMAN or any(match.best == HUMAN and match.confidence > self.answer_from for match in rest):
            return Decision("human", (), tuple(whole.answers()), whole.confidence)
        asked = [match for part, match in zip(parts, rest) if is_question(part)]
        if len(asked) == 2 and (two := self._two(asked)):
            return Decision("answer", two, tuple(dict.fromkeys([*two, *whole.answers()]))[:OFFERED], whole.confidence)
        # In a story, what is asked counts for more than what is told.
        best = max([whole, *(asked or rest)], key=lambda match: match.confidence if is_answer(match.best) else -1.0)
        if context and is_follow_up(text) and not (is_answer(best.best) and best.confidence >= self.answer_from):
            followed = self.match(index, f"{context}: {text}")
            if is_answer(followed.best) and followed.confidence >= self.clarify_from:
                best = followed
        answerable = is_answer(best.best) and best.confidence >= self.answer_from
        chatting = whole.best.startswith("smalltalk/") and whole.confidence >= self.clarify_from
        if chatting and not answerable:
            return Decision("smalltalk", (), (), whole.confidence, whole.best)
        candidates = tuple(dict.fromkeys([*best.answers(), *whole.answers()]))[:OFFERED]
        if is_answer(best.best) and best.confidence >= self.answer_from:
            return Decision("answer", (best.best,), candidates, best.confidence)
        if candidates and best.best != OUT_OF_SCOPE and best.confidence >= self.clarify_from:
            return Decision("clarify", (), candidates, best.confidence)
        return Decision("abstain", (), candidates, best.confidence)

    def _two(self, matches: Sequence[Match]) -> tuple[str, ...] | None:
        """Two different answers that two parts of the message ask for, each surely."""
        sure = [m.best for m in matches if is_answer(m.best) and m.confidence >= self.answer_from]
        two = tuple(dict.fromkeys(sure))[:2]
        return two if len(two) == 2 else None


FOLLOW_UP = words("follow_up")


def is_follow_up(text: str) -> bool:
    """Whether a message has no subject of its own ("and after?", "how long?"), so that the previous answer gives it one."""
    words = reveal(text).strip(" ?!.").split()
    return 0 < len(words) <= 5 and all(word.strip("?!.,") in FOLLOW_UP for word in words)


_ASKS = re.compile(rf"^(?:so|and|but|also|ok|okay|well|um|just)?[\s,]*(?:{_QUESTION_WORDS})\b", re.IGNORECASE)


def is_question(part: str) -> bool:
    """Whether a part of a message asks something: by its question mark or its first word."""
    return "?" in part or bool(_ASKS.match(part))


def clauses(text: str) -> list[str]:
    """The parts of a message that may each be a question: its sentences, cut again at "and what …". Of a long message the
    parts that ask come first, since a question at the end of a story is what the story was told for."""
    parts = [clause.strip() for sentence in sentences(text) for clause in _JOINED.split(sentence) if clause and clause.strip()]
    parts = [part for part in parts if len(part.split()) >= 2]
    if len(parts) > CLAUSES:
        kept = sorted(range(len(parts)), key=lambda i: not is_question(parts[i]))[:CLAUSES]
        parts = [parts[i] for i in sorted(kept)]
    return parts


def evidence(index: AnswerIndex, parts: np.ndarray, p: np.ndarray) -> np.ndarray:
    """What the confidence is judged by: likelihood, margin, nearness of the best answer, and how much it looks out of scope."""
    order = np.argsort(-p)
    best, second = order[0], order[1]
    outside = index.place.get(OUT_OF_SCOPE)
    away = parts[outside] if outside is not None else np.zeros(parts.shape[1], np.float32)
    return np.array(
        [
            np.log(p[best] + 1e-6) - np.log(1 - p[best] + 1e-6),
            p[best] - p[second],
            parts[best, 0], parts[best, 1], parts[best, 2], parts[best, 3],
            away[0], away[3], p[outside] if outside is not None else 0.0,
        ]
    )  # fmt: skip


def limits(
    confidence: np.ndarray, right: np.ndarray, in_scope: np.ndarray, wrong_share: float, refused_share: float
) -> tuple[float, float]:
    """The confidences from which to answer and from which to ask, on held-out messages.

    Answer from the lowest confidence at which at most `wrong_share` of all in-scope messages, and as many of those out of
    scope, are answered wrongly; ask from where at most `refused_share` of in-scope messages are refused.
    """
    answer = 0.99
    for limit in np.linspace(0.3, 0.99, 139):
        given = confidence >= limit
        wrong_in = (given & in_scope & ~right).sum() / max(in_scope.sum(), 1)
        wrong_out = (given & ~in_scope).sum() / max((~in_scope).sum(), 1)
        if wrong_in <= wrong_share and wrong_out <= wrong_share:
            answer = float(limit)
            break
    return answer, float(min(answer, max(ASK_FROM, np.quantile(confidence[in_scope], refused_share))))
