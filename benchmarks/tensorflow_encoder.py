"""The sentence encoder in TensorFlow, to compare with. Rasa brings TensorFlow along; the assistant does not use it."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

LAYERS, HIDDEN, HEADS, EPSILON = 6, 384, 12, 1e-12


def compiled(weights: dict[str, np.ndarray]) -> Callable[[np.ndarray], np.ndarray]:
    """A traced function from token ids (1 by any length) to the unit vector, on one thread."""
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    w = {name: tf.constant(value) for name, value in weights.items() if value.dtype == np.float32}

    def normed(x: tf.Tensor, name: str) -> tf.Tensor:
        mean, variance = tf.nn.moments(x, axes=[-1], keepdims=True)
        return tf.nn.batch_normalization(x, mean, variance, w[f"{name}.bias"], w[f"{name}.weight"], EPSILON)

    def linear(x: tf.Tensor, name: str) -> tf.Tensor:
        return tf.matmul(x, w[f"{name}.weight"], transpose_b=True) + w[f"{name}.bias"]

    def attention(x: tf.Tensor, source: str) -> tf.Tensor:
        q, k, v = (
            tf.transpose(tf.reshape(linear(x, f"{source}.self.{part}"), [-1, HEADS, HIDDEN // HEADS]), [1, 0, 2])
            for part in ("query", "key", "value")
        )
        scores = tf.nn.softmax(tf.matmul(q, k, transpose_b=True) / np.float32(np.sqrt(HIDDEN // HEADS)))
        mixed = tf.reshape(tf.transpose(tf.matmul(scores, v), [1, 0, 2]), [-1, HIDDEN])
        return linear(mixed, f"{source}.output.dense")

    @tf.function(input_signature=[tf.TensorSpec([None], tf.int64)])
    def forward(ids: tf.Tensor) -> tf.Tensor:
        x = tf.gather(w["embeddings.word_embeddings.weight"], ids)
        x += w["embeddings.position_embeddings.weight"][: tf.shape(ids)[0]]
        x = normed(x + w["embeddings.token_type_embeddings.weight"][0], "embeddings.LayerNorm")
        for n in range(LAYERS):
            p = f"encoder.layer.{n}"
            x = normed(attention(x, f"{p}.attention") + x, f"{p}.attention.output.LayerNorm")
            wide = tf.nn.gelu(linear(x, f"{p}.intermediate.dense"), approximate=False)
            x = normed(linear(wide, f"{p}.output.dense") + x, f"{p}.output.LayerNorm")
        return tf.math.l2_normalize(tf.reduce_mean(x, axis=0))

    return lambda ids: forward(tf.constant(ids[0])).numpy()
