"""The two Rasa components of the pipeline: the safety screen, then the answer matcher. See `config.yml`."""

from __future__ import annotations

import hashlib
import logging
from typing import Any

import joblib
from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.classifiers.classifier import IntentClassifier
from rasa.shared.nlu.training_data.message import Message
from rasa.shared.nlu.training_data.training_data import TrainingData

from assistant.context import Context
from assistant.decision import Decider, Decision
from assistant.encoder import EncoderError, Memory, encoder, encoder_id, trusted_file
from assistant.language import language_of
from assistant.live import Live, LiveReleases, serve
from assistant.matching import Example
from assistant.screening import ScreenError, ScreenModel
from assistant.training import train_matcher, train_screen
from companion.carry import carried_over
from companion.corpus import Labelled
from companion.paths import DATA, ROOT
from companion.release import ReleaseError, Releases, build_from_data
from companion.rules import phrase_rules
from companion.tiers import QUIET, Verdict

VERDICT = "companion_verdict"
CLARIFY, NONE_OF_THESE, SECTION, ABSTAIN = "nlu_fallback", "none_of_these", "section", "out_of_scope"

log = logging.getLogger(__name__)


class _Trained(GraphComponent, IntentClassifier):
    """What both components share: something made by `rasa train`, kept in the model, tied to one encoder."""

    FILE = ""

    def __init__(self, model_storage: ModelStorage, resource: Resource) -> None:
        self._storage, self._resource = model_storage, resource

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> GraphComponent:
        return cls(model_storage, resource)

    @classmethod
    def fingerprint_addon(cls, config: dict[str, Any]) -> str:
        """Rasa's training cache sees only this class and the corpus; what is trained depends on the encoder, on all code beside it
        and on the calibration sets too. A screen from the cache must not keep thresholds that nothing stands behind."""
        digest = hashlib.sha256(encoder_id().encode())
        sources = [path for folder in ("assistant", "companion") for path in sorted((ROOT / folder).glob("*.py"))]
        for path in [*sources, *sorted((DATA / "calibration").glob("*.jsonl"))]:
            digest.update(path.read_bytes())
        return digest.hexdigest()

    def _persist(self, trained: Any) -> Resource:
        with self._storage.write_to(self._resource) as folder:
            joblib.dump({"encoder": encoder_id(), "trained": trained}, folder / self.FILE, compress=3)
        return self._resource

    @classmethod
    def load(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
        **kwargs: Any,
    ) -> GraphComponent:
        """Raises EncoderError when the model was trained with another encoder: its numbers would mean nothing."""
        component = cls(model_storage, resource)
        with model_storage.read_from(resource) as folder:
            content = joblib.load(folder / cls.FILE)
        if content.get("encoder") != encoder_id():
            raise EncoderError("the model was trained with another sentence encoder; run script/setup to train it again")
        component._start(content["trained"])
        return component

    def _start(self, trained: Any) -> None:
        raise NotImplementedError


def labelled(data: TrainingData) -> list[Labelled]:
    """Rasa's training examples with their full intent and kind."""
    found = []
    for example in data.intent_examples:
        kind = ((example.get("metadata") or {}).get("intent") or {}).get("kind", "")
        found.append(Labelled(example.get("text"), example.get_full_intent(), kind))
    return found


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class SafetyScreen(_Trained):
    """Raises the tier of every message: phrase rules, the learned screen, and what the conversation was about just before.

    It refuses to train without a corpus and to start without its rules. It leaves a Verdict on the message for the matcher.
    """

    FILE = "screen.joblib"

    def train(self, training_data: TrainingData) -> Resource:
        """Raises CorpusError when a tier has too few examples or the calibration set is not there, ScreenError when no
        threshold can be met."""
        return self._persist(train_screen(labelled(training_data), Memory(encoder().encode), encoder_id()).verified())

    def _start(self, trained: Any) -> None:
        """Raises RulesError without phrase rules, ScreenError for a screen that could never raise a tier, EncoderError without the
        trusted weights: also where the graph that was made of them is kept and would still run."""
        trusted_file()
        if not isinstance(trained, ScreenModel):
            raise ScreenError("the model holds no safety screen; run script/setup to train it again")
        self._rules, self._model = phrase_rules(), trained.verified()

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            context = Context.of(message.get("metadata"))
            message.set(VERDICT, self.screen(message.get("text") or "", context))
        return messages

    def screen(self, text: str, context: Context) -> Verdict:
        """All layers together; each may only raise. A choice from our own buttons is not a message that could be alarming."""
        if context.choice:
            return QUIET
        verdict = self._rules.screen(text).raised_by(self._model.judge(text, encoder().encode))
        return verdict.raised_by(carried_over(text, context.last_tier, verdict.tier))


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.INTENT_CLASSIFIER, is_trainable=True)
class AnswerMatcher(_Trained):
    """Chooses the outcome of a message and names it as an intent, so that one rule each leads to what is said.

    Its output has the shape of Rasa's ResponseSelector, so that Rasa's own retrieval actions serve the answers.
    """

    FILE = "matcher.joblib"

    def train(self, training_data: TrainingData) -> Resource:
        memory = Memory(encoder().encode)
        trained = train_matcher(labelled(training_data), memory)
        return self._persist({**trained, "vectors": memory.content()})

    def _start(self, trained: Any) -> None:
        self._decider: Decider = trained["decider"]
        others = [Example(text, key) for text, key in trained["others"]]
        releases = Releases()
        try:
            releases.current()
        except ReleaseError:
            build_from_data()
        memory = Memory(encoder().encode)
        memory.recall(*trained["vectors"])
        self._live = LiveReleases(others, trained["letters"], releases, memory)
        self._live.watch()
        serve(self._live)

    def process(self, messages: list[Message]) -> list[Message]:
        for message in messages:
            self._process(message)
        return messages

    def _process(self, message: Message) -> None:
        live, text = self._live.current(), (message.get("text") or "").strip()
        context: Context = Context.of(message.get("metadata"))
        verdict: Verdict = message.get(VERDICT) or QUIET
        chosen = choice_intent(live, text)
        if chosen and (context.choice or verdict.tier == "none"):
            intent, decision = chosen
        else:
            previous = live.release.get(context.last_answer) if context.last_answer else None
            decision = self._decider.decide(live.index, text, context=previous["title"] if previous else None)
            intent = outcome_intent(verdict, decision)
        if verdict.tier != "none":
            decision = Decision("escalate", (), decision.candidates, decision.score)
        tier = "human" if decision.outcome == "human" else verdict.tier
        self._set_intent(message, intent, decision, live)
        message.set(
            "companion",
            {
                "tier": tier,
                "outcome": decision.outcome,
                "answers": list(decision.answers),
                "candidates": list(decision.candidates),
                "score": round(decision.score, 4),
                "language": spoken(text, context),
                "smalltalk": decision.smalltalk,
                "section": text if intent == SECTION else None,
                "reasons": [reason.as_dict() for reason in verdict.reasons[:8]],
                "release": {"number": live.release.number, "hash": live.release.hash},
            },
            add_to_output=True,
        )

    def _set_intent(self, message: Message, intent: str, decision: Decision, live: Live) -> None:
        score = decision.score
        message.set("intent", {"name": intent, "confidence": score}, add_to_output=True)
        ranking = [{"name": intent, "confidence": score}]
        message.set("intent_ranking", ranking, add_to_output=True)
        message.set("entities", [], add_to_output=True)
        selectors: dict[str, Any] = {"all_retrieval_intents": [*live.release.sections, "smalltalk"]}
        key = decision.smalltalk or (decision.answers[0] if decision.answers else None)
        if key and intent in selectors["all_retrieval_intents"]:
            response = {
                "responses": [],
                "confidence": score,
                "intent_response_key": key,
                "utter_action": f"utter_{key}",
            }
            selectors[intent] = {"response": response, "ranking": []}
        message.set("response_selector", selectors, add_to_output=True)


def spoken(text: str, context: Context) -> str:
    """The language to answer in. A press on a button has no words of its own, but a title was chosen as it was read."""
    if context.choice:
        return "es" if text.startswith("es:") or (context.language == "es" and "/" not in text) else "en"
    return "es" if text.startswith("es:") else language_of(text)


def outcome_intent(verdict: Verdict, decision: Decision) -> str:
    """The intent that stands for an outcome; a raised tier comes before everything else."""
    if verdict.tier != "none":
        return verdict.tier
    if decision.outcome == "answer":
        return decision.answers[0].split("/")[0]
    return {"clarify": CLARIFY, "abstain": ABSTAIN, "smalltalk": "smalltalk", "human": "human"}[decision.outcome]


def choice_intent(live: Live, text: str) -> tuple[str, Decision] | None:
    """What a choice stands for: an answer's key, a section, `none` or `human`; None for any other text."""
    if text == "human":
        return "human", Decision("human", (), (), 1.0)
    if text == "none":
        return NONE_OF_THESE, Decision("abstain", (), (), 1.0)
    if text in live.release.sections:
        keys = tuple(item["key"] for item in live.release.answers if item["section"] == text and live.release.get(item["key"]))
        return SECTION, Decision("clarify", (), keys[:3], 1.0)
    item = live.release.get(text)
    if item and item["kind"] == "answer":
        key = text.removeprefix("es:")
        return item["section"], Decision("answer", (key,), (key,), 1.0)
    return None
