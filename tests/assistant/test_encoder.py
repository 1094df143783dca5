"""The encoder is the upstream one, small and reproducible, and refuses weights that nobody vouches for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import save_file

from assistant import encoder as module
from assistant.encoder import (
    CACHE_SIZE,
    Encoder,
    EncoderError,
    Memory,
    encoder_id,
    graph_path,
    model_dir,
    trusted_weights,
    with_adapter,
)
from assistant.onnx_graph import encoder_graph

KNOWN = json.loads((Path(__file__).parent / "known_vectors.json").read_text("utf-8"))["vectors"]
TEXTS = [known["text"] for known in KNOWN]
VECTORS = np.array([known["vector"] for known in KNOWN], np.float32)


@pytest.fixture(scope="module")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Without our adapter: the known vectors are those of the published weights."""
    folder = tmp_path_factory.mktemp("upstream")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, "ADAPTER", folder / "no-adapter")
        patch.setenv("COMPANION_HOME", str(folder))
        yield folder


def cosines(encoder: Encoder) -> np.ndarray:
    return (encoder.encode(TEXTS) * VECTORS).sum(axis=1)


def test_the_graph_gives_the_vectors_that_the_published_model_gives(upstream: Path) -> None:
    exact = upstream / "exact.onnx"
    exact.write_bytes(encoder_graph(trusted_weights()).SerializeToString())
    assert cosines(Encoder(exact, model_dir() / "tokenizer.json")).min() > 0.9999


def test_the_small_graph_that_the_engine_runs_stays_close_to_them(upstream: Path) -> None:
    made = graph_path()
    assert made.parent == upstream / "encoder" and made.stat().st_size < 80_000_000
    assert cosines(Encoder(made, model_dir() / "tokenizer.json")).min() > 0.97
    before = made.stat().st_mtime_ns
    assert graph_path().stat().st_mtime_ns == before, "it is made once"
    assert [path.name for path in made.parent.iterdir()] == [made.name], "nothing half-written stays behind"


def test_weights_that_are_not_the_published_ones_are_refused(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    save_file({"bert.pooler.dense.bias": np.zeros(384, np.float32)}, home / "model.safetensors")
    monkeypatch.setattr(module, "model_dir", lambda: home)
    with pytest.raises(EncoderError, match="SHA-256"):
        trusted_weights()
    with pytest.raises(EncoderError, match="SHA-256"):
        graph_path()
    assert list((home / "encoder").iterdir()) == []


def test_a_machine_without_the_weights_is_told_which_package_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PACKAGE", "gt_no_such_weights")
    with pytest.raises(EncoderError, match="gt-no-such-weights is not installed"):
        model_dir()


def test_the_adapter_is_added_to_the_weights_it_names_and_to_no_others(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    weights = {f"{name}.weight": rng.standard_normal((4, 3), np.float32) for name in ("changed", "left")}
    a, b = rng.standard_normal((2, 3), np.float32), rng.standard_normal((4, 2), np.float32)
    save_file({"changed.a": a, "changed.b": b}, tmp_path / "adapter.safetensors")
    before = {name: value.copy() for name, value in weights.items()}
    merged = with_adapter(weights, tmp_path / "adapter.safetensors")
    assert np.allclose(merged["changed.weight"], before["changed.weight"] + b @ a)
    assert np.array_equal(merged["left.weight"], before["left.weight"])
    assert all(np.array_equal(weights[name], before[name]) for name in weights), (
        "the weights themselves stay as they are"
    )


def test_another_adapter_is_another_encoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ADAPTER", tmp_path / "adapter.safetensors")
    ids = [encoder_id()]
    for content in (b"one", b"two"):
        module.ADAPTER.write_bytes(content)
        ids.append(encoder_id())
    assert len(set(ids)) == 3


def test_a_texts_vector_does_not_depend_on_its_neighbours() -> None:
    def fresh() -> Encoder:
        return Encoder(graph_path(), model_dir() / "tokenizer.json")

    alone = fresh().encode(["i want to die"])[0]
    among = fresh().encode(
        ["Can I bring a book, a very long one, to read while I wait?", "i want to die", "ok", "x " * 90]
    )
    assert np.array_equal(among[1], alone)


def test_vectors_have_unit_length_and_come_in_the_order_of_the_texts(encode: Memory) -> None:
    texts = ["a taxi home", "¿Puedo comer?", "", "a taxi home", "👋", "word " * 20_000]
    vectors = encode(texts)
    assert vectors.shape == (6, 384) and np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-4)
    assert np.array_equal(vectors[0], vectors[3]) and not np.array_equal(vectors[0], vectors[1])


def test_no_texts_give_no_vectors() -> None:
    assert Encoder(graph_path(), model_dir() / "tokenizer.json").encode([]).shape == (0, 384)


def test_the_encoder_forgets_old_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    small = Encoder(graph_path(), model_dir() / "tokenizer.json")
    ran: list[str] = []

    def run(texts: list[str]) -> list[np.ndarray]:
        ran.extend(texts)
        return [np.zeros(384, np.float32) for _ in texts]

    monkeypatch.setattr(small, "_run", run)
    small.encode(["the first"])
    small.encode(["the first"])
    assert ran == ["the first"]
    small.encode([f"text {number}" for number in range(CACHE_SIZE)])
    small.encode(["the first"])
    assert ran.count("the first") == 2


def test_a_memory_asks_for_each_text_once_and_forgets_on_request() -> None:
    asked: list[str] = []

    def ask(texts: Any) -> np.ndarray:
        asked.extend(texts)
        return np.array([[len(text)] for text in texts], np.float32)

    memory = Memory(ask)
    assert memory(["a", "bb", "a"]).tolist() == [[1], [2], [1]]
    memory(["bb"])
    assert asked == ["a", "bb"]
    memory.keep_only(["bb"])
    memory(["a", "bb"])
    assert asked == ["a", "bb", "a"]
