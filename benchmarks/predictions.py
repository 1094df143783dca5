"""What a pipeline made of a message, in the same words for ours and for Rasa's default."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from companion.tiers import TIERS

OFFERED = 3


@dataclass(frozen=True)
class Prediction:
    """outcome: answer, clarify, abstain, smalltalk, human or escalate; candidates: answers, whatever the outcome."""

    tier: str = "none"
    outcome: str = "abstain"
    answers: tuple[str, ...] = ()
    candidates: tuple[str, ...] = ()
    score: float = 0.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Prediction:
        return cls(
            given["tier"],
            given["outcome"],
            tuple(plain_key(key) for key in given["answers"]),
            tuple(dict.fromkeys(plain_key(key) for key in given["candidates"]))[:OFFERED],
            float(given["score"]),
        )


def plain_key(key: str) -> str:
    """An answer's key without its language: `es:session/what-happens` is the answer `session/what-happens`."""
    return key.split(":", 1)[-1]


def read_companion(parsed: Mapping[str, Any]) -> Prediction:
    """Our pipeline says all of it itself."""
    return Prediction.of(parsed["companion"])


def read_default(parsed: Mapping[str, Any]) -> Prediction:
    """Rasa's default pipeline: an intent, and the one ResponseSelector's answers.

    An intent that is a tier raises the message to it; a retrieval intent is answered with the selector's first response
    (that is what Rasa's retrieval action would say); anything else is said to have no answer.
    """
    intent = (parsed.get("intent") or {}).get("name") or ""
    selectors = parsed.get("response_selector") or {}
    selector = selectors.get("default") or {}
    ranking = selector.get("ranking") or []
    response = selector.get("response") or {}
    key = response.get("intent_response_key") or ""
    keys = [str(entry.get("intent_response_key") or "") for entry in ranking] or [key]
    given = {
        "tier": "none",
        "outcome": "abstain",
        "answers": (),
        "candidates": [key for key in keys if "/" in key and not key.startswith("smalltalk/")],
        "score": response.get("confidence") or 0.0,
    }
    if intent in TIERS and intent != "none":
        given |= {"tier": intent, "outcome": "human" if intent == "human" else "escalate"}
    elif intent in (selectors.get("all_retrieval_intents") or []) and key:
        smalltalk = key.startswith("smalltalk/")
        given |= {"outcome": "smalltalk"} if smalltalk else {"outcome": "answer", "answers": (key,)}
    return Prediction.of(given)


READERS: dict[str, Callable[[Mapping[str, Any]], Prediction]] = {"companion": read_companion, "default": read_default}
