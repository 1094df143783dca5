"""The sentence encoder written out in numpy: the yardstick for the others' vectors, and one of the ways to run it."""

from __future__ import annotations

import numpy as np
from scipy.special import erf

LAYERS, HEADS, EPSILON = 6, 12, 1e-12

Weights = dict[str, np.ndarray]


def normed(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    x = x - x.mean(axis=-1, keepdims=True)
    return x / np.sqrt((x * x).mean(axis=-1, keepdims=True) + EPSILON) * w[f"{name}.weight"] + w[f"{name}.bias"]


def linear(x: np.ndarray, w: Weights, name: str) -> np.ndarray:
    return x @ w[f"{name}.weight"].T + w[f"{name}.bias"]


def attention(x: np.ndarray, w: Weights, source: str) -> np.ndarray:
    length, width = x.shape
    q, k, v = (
        linear(x, w, f"{source}.self.{part}").reshape(length, HEADS, width // HEADS).transpose(1, 0, 2)
        for part in ("query", "key", "value")
    )
    scores = q @ k.transpose(0, 2, 1) / np.float32(np.sqrt(width // HEADS))
    scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
    mixed = (scores / scores.sum(axis=-1, keepdims=True)) @ v
    return linear(mixed.transpose(1, 0, 2).reshape(length, width), w, f"{source}.output.dense")


def forward(ids: np.ndarray, w: Weights) -> np.ndarray:
    """The unit vector of one text, given as its token ids (1 by length)."""
    words = w["embeddings.word_embeddings.weight"][ids[0]]
    x = (
        words
        + w["embeddings.position_embeddings.weight"][: ids.shape[1]]
        + w["embeddings.token_type_embeddings.weight"][0]
    )
    x = normed(x, w, "embeddings.LayerNorm")
    for n in range(LAYERS):
        p = f"encoder.layer.{n}"
        x = normed(attention(x, w, f"{p}.attention") + x, w, f"{p}.attention.output.LayerNorm")
        wide = linear(x, w, f"{p}.intermediate.dense")
        wide = wide * np.float32(0.5) * (1 + erf(wide / np.float32(np.sqrt(2))))
        x = normed(linear(wide, w, f"{p}.output.dense") + x, w, f"{p}.output.LayerNorm")
    mean = x.mean(axis=0)
    return mean / np.linalg.norm(mean)
