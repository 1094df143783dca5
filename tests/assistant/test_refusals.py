"""An engine whose safety screen is not whole does not start, and does not train either."""

from __future__ import annotations

import asyncio
import contextlib
import json
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant import calibration, training
from assistant import encoder as encoder_module
from assistant.context import Context
from assistant.encoder import EncoderError, encoder_id, model_dir
from assistant.letters import Letters
from assistant.screening import RAISED, ScreenError, ScreenModel
from companion import rules
from companion.corpus import SAFETY_TIERS, CorpusError, Labelled
from companion.rules import PhraseRules, RulesError
from tests.assistant.support import WordsEncoder, words_encode

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # Rasa's and TensorFlow's own
    from rasa.core import agent as rasa_agent
    from rasa.engine.graph import ExecutionContext, GraphSchema
    from rasa.engine.storage.resource import Resource
    from rasa.shared.nlu.training_data.message import Message
    from rasa.shared.nlu.training_data.training_data import TrainingData

    from assistant import components
    from assistant.channel import CompanionChannel
    from assistant.components import SafetyScreen

TEXTS = {tier: [f"{tier} words {number}" for number in range(6)] for tier in SAFETY_TIERS}
RESOURCE = Resource("screen")


class Folder:
    """Rasa's model storage, as a plain folder."""

    def __init__(self, at: Path) -> None:
        self.at = at

    @contextlib.contextmanager
    def read_from(self, resource: Resource) -> Iterator[Path]:
        yield self.at

    write_to = read_from


@pytest.fixture(scope="module")
def screen() -> ScreenModel:
    texts = [text for tier in SAFETY_TIERS for text in TEXTS[tier]]
    tiers = [tier for tier in SAFETY_TIERS for _ in TEXTS[tier]]
    return ScreenModel.fit(texts, tiers, words_encode, "words", Letters(texts))


@pytest.fixture
def model(tmp_path: Path, screen: ScreenModel) -> Callable[..., Folder]:
    """A trained model's folder: `model()` is a whole one, `model(thresholds={})` one with that changed."""

    def kept(encoder: str | None = None, trained: Any = None, **changes: Any) -> Folder:
        content = {"encoder": encoder or encoder_id(), "trained": trained or replace(screen, **changes)}
        joblib.dump(content, tmp_path / SafetyScreen.FILE)
        return Folder(tmp_path)

    return kept


def start(model: Folder) -> SafetyScreen:
    return SafetyScreen.load({}, model, RESOURCE, ExecutionContext(GraphSchema({})))  # type: ignore[arg-type,return-value]


@pytest.fixture
def phrases(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The rule file that this process reads, ours to spoil."""
    path = tmp_path / "phrases.yml"
    monkeypatch.setattr(components, "phrase_rules", lambda: PhraseRules.load(path))
    yield path


def test_a_whole_screen_starts(model: Callable[..., Folder]) -> None:
    assert start(model())._model.thresholds == {tier: 0.5 for tier in RAISED}


def test_without_phrase_rules_the_engine_does_not_start(model: Callable[..., Folder], phrases: Path) -> None:
    with pytest.raises(RulesError, match="restore the file"):
        start(model())


@pytest.mark.parametrize(
    "content", ["", "phrases:", "phrases: []", "phrases: {}", "words: {a: [b]}", "- 1", "phrases: [", "phrases: [{id: a}]"]
)
def test_with_an_empty_or_broken_rule_file_the_engine_does_not_start(
    content: str, model: Callable[..., Folder], phrases: Path
) -> None:
    phrases.write_text(content)
    with pytest.raises(RulesError):
        start(model())


def test_the_engine_and_the_website_read_the_same_rule_file() -> None:
    assert components.phrase_rules is rules.phrase_rules
    assert rules.PHRASES.is_file() and rules.phrase_rules().rules


@pytest.mark.parametrize("tier", RAISED)
@pytest.mark.parametrize("limit", [None, 0.0, -0.1, 1.000001, float("nan"), float("inf")])
def test_with_a_threshold_missing_or_out_of_reach_the_engine_does_not_start(
    tier: str, limit: float | None, model: Callable[..., Folder]
) -> None:
    changed = {other: 0.5 for other in RAISED if other != tier} | ({} if limit is None else {tier: limit})
    with pytest.raises(ScreenError, match=f"threshold for {tier}; run script/setup"):
        start(model(thresholds=changed))


def test_the_highest_threshold_that_can_be_reached_is_allowed(model: Callable[..., Folder]) -> None:
    start(model(thresholds={tier: 1.0 for tier in RAISED}))


def test_with_a_screen_that_never_saw_a_tier_the_engine_does_not_start(model: Callable[..., Folder], screen: ScreenModel) -> None:
    texts = [*TEXTS["none"], *TEXTS["crisis"]]
    less = ScreenModel.fit(texts, ["none"] * 6 + ["crisis"] * 6, words_encode, "words", screen.letters)
    with pytest.raises(ScreenError, match="not trained on every tier"):
        start(model(network=less.network))


def test_with_something_else_in_the_screens_place_the_engine_does_not_start(model: Callable[..., Folder]) -> None:
    with pytest.raises(ScreenError, match="no safety screen"):
        start(model(trained={"thresholds": 1}))


def test_without_the_trained_screen_the_engine_does_not_start(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        start(Folder(tmp_path))


def test_with_a_model_of_another_encoder_the_engine_does_not_start(model: Callable[..., Folder]) -> None:
    with pytest.raises(EncoderError, match="another sentence encoder"):
        start(model(encoder="0123456789abcdef"))


def test_with_another_adapter_than_the_one_trained_with_the_engine_does_not_start(
    model: Callable[..., Folder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = model()
    for content in (None, b"another"):  # lost, exchanged
        monkeypatch.setattr(encoder_module, "ADAPTER", tmp_path / "adapter.safetensors")
        if content:
            encoder_module.ADAPTER.write_bytes(content)
        with pytest.raises(EncoderError, match="another sentence encoder"):
            start(whole)


def test_without_the_weights_package_the_engine_does_not_start(
    model: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encoder_module, "PACKAGE", "gt_no_such_weights")
    with pytest.raises(EncoderError, match="not installed"):
        start(model())


@pytest.mark.parametrize("there", [False, True])
def test_with_weights_that_are_lost_or_not_the_published_ones_the_engine_does_not_start_even_from_a_kept_graph(
    there: bool, model: Callable[..., Folder], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if there:
        save_file({"bert.pooler.dense.bias": np.zeros(384, np.float32)}, tmp_path / "model.safetensors")
    graph = tmp_path / "encoder" / f"{encoder_id()}.onnx"
    graph.parent.mkdir()
    graph.write_bytes(b"made of the right weights, once")
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    monkeypatch.setattr(encoder_module, "model_dir", lambda: tmp_path)
    with pytest.raises(EncoderError, match="SHA-256"):
        start(model())


def corpus(each: int = training.FEWEST) -> list[Labelled]:
    return [Labelled(f"{tier} words {number}", tier) for tier in SAFETY_TIERS for number in range(each)]


@pytest.fixture
def calibrated(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str | None], None]:
    """Put another file in the place of data/calibration/safety.jsonl; None for no file."""

    def put(content: str | None) -> None:
        if content is not None:
            (tmp_path / "safety.jsonl").write_text(content)
        read = calibration.calibration_set
        monkeypatch.setattr(training, "calibration_set", lambda name: read(name, tmp_path))

    return put


@pytest.mark.parametrize("content", [None, "", "\n\n", "not JSON"])
def test_without_a_calibration_set_nothing_is_trained(content: str | None, calibrated: Callable[[str | None], None]) -> None:
    calibrated(content)
    with pytest.raises(CorpusError, match=r"safety\.jsonl: .*restore it"):
        training.train_screen(corpus(), words_encode, "words")


def test_thresholds_are_not_made_up_where_no_harmless_message_was_given(
    calibrated: Callable[[str | None], None],
) -> None:
    calibrated(json.dumps({"text": "crisis words 1", "tier": "crisis", "kind": "active"}))
    with pytest.raises(CorpusError, match="no harmless message"):
        training.train_screen(corpus(), words_encode, "words")


def as_rasa_reads_it(examples: Sequence[Labelled]) -> TrainingData:
    return TrainingData([Message({"text": one.text, "intent": one.label}) for one in examples])


@pytest.mark.parametrize("left_out", [None, *SAFETY_TIERS])
def test_without_the_corpus_or_one_tier_of_it_nothing_is_trained(
    left_out: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "encoder", WordsEncoder)
    examples = [one for one in corpus() if left_out and one.label != left_out]
    with pytest.raises(CorpusError, match=f"too few messages of tier .*{left_out or 'none'}"):
        SafetyScreen(Folder(tmp_path), RESOURCE).train(as_rasa_reads_it(examples))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == [], "no half-trained screen is kept"


def test_a_screen_whose_thresholds_cannot_be_reached_is_not_kept(
    tmp_path: Path, screen: ScreenModel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(components, "encoder", WordsEncoder)
    deaf = replace(screen, thresholds={tier: 1.000001 for tier in RAISED})
    monkeypatch.setattr(components, "train_screen", lambda *_: deaf)
    with pytest.raises(ScreenError):
        SafetyScreen(Folder(tmp_path), RESOURCE).train(as_rasa_reads_it(corpus()))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_other_calibration_messages_train_the_screen_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "calibration").mkdir()
    monkeypatch.setattr(components, "DATA", tmp_path)
    kept_for = [SafetyScreen.fingerprint_addon({})]
    for content in ("one", "two"):
        (tmp_path / "calibration" / "safety.jsonl").write_text(content)
        kept_for.append(SafetyScreen.fingerprint_addon({}))
    assert len(set(kept_for)) == 3


def test_a_model_that_cannot_be_used_leaves_rasa_without_one_so_that_no_message_is_answered(
    model: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Rasa's server catches what loading raises and goes on without a model: not ready, and every message an error."""

    def load(self: Any, path: Any, *_: Any) -> None:
        start(model(thresholds={}))

    monkeypatch.setattr(rasa_agent.Agent, "load_model", load)
    broken = asyncio.run(rasa_agent.load_agent(model_path=str(model_dir())))
    assert not broken.is_ready()
    channel = CompanionChannel("token", 5.0)
    message = channel.read({"conversation": "c", "message": "m", "text": "I want to kill myself"})
    answered = asyncio.run(channel.turn(broken.handle_message, *message))
    assert answered.status >= 500 and "error" in json.loads(answered.body)


def test_a_context_of_no_use_does_not_silence_the_screen(model: Callable[..., Folder], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(components, "encoder", WordsEncoder)
    assert start(model()).screen("I want to kill myself", Context.of(None)).tier == "crisis"
