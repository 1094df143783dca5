"""Write the sentence encoder as an ONNX graph: six BERT layers, mean pooling, unit length.

The graph is made here from the published weights (and our adapter), so that no torch and no file of unknown origin is needed.
"""

from __future__ import annotations

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

LAYERS, HIDDEN, HEADS, OPSET = 6, 384, 12, 17
EPSILON = 1e-12

Weights = dict[str, np.ndarray]


class _Graph:
    """Nodes and constants in the order in which they are added."""

    def __init__(self) -> None:
        self.nodes: list[onnx.NodeProto] = []
        self.constants: dict[str, np.ndarray] = {}

    def constant(self, name: str, value: np.ndarray) -> str:
        self.constants[name] = value
        return name

    def add(self, op: str, *inputs: str, name: str, **attributes: object) -> str:
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=name, **attributes))
        return name

    def linear(self, x: str, weight: np.ndarray, bias: np.ndarray, name: str) -> str:
        product = self.add("MatMul", x, self.constant(f"{name}.w", np.ascontiguousarray(weight.T)), name=f"{name}.matmul")
        return self.add("Add", product, self.constant(f"{name}.b", bias), name=name)

    def norm(self, x: str, weights: Weights, source: str, name: str) -> str:
        scale = self.constant(f"{name}.scale", weights[f"{source}.weight"])
        shift = self.constant(f"{name}.shift", weights[f"{source}.bias"])
        return self.add("LayerNormalization", x, scale, shift, name=name, axis=-1, epsilon=EPSILON)


def encoder_graph(weights: Weights) -> onnx.ModelProto:
    """The encoder as a model with inputs `ids` and `mask` (int64, batch by length) and output `vector` (float, batch by 384)."""
    g = _Graph()
    words = g.add("Gather", g.constant("words", weights["embeddings.word_embeddings.weight"]), "ids", name="word_rows")
    length = g.add("Shape", "ids", name="length", start=1, end=2)
    zero = g.constant("zero", np.array([0], np.int64))
    axis = g.constant("axis0", np.array([0], np.int64))
    places = g.add(
        "Slice",
        g.constant("places", weights["embeddings.position_embeddings.weight"]),
        zero,
        length,
        axis,
        name="place_rows",
    )
    kind = g.constant("kind", weights["embeddings.token_type_embeddings.weight"][0])
    x = g.add("Add", g.add("Add", words, places, name="words_places"), kind, name="embedded")
    x = g.norm(x, weights, "embeddings.LayerNorm", "embedding_norm")
    mask = g.add("Cast", "mask", name="mask_float", to=TensorProto.FLOAT)
    absent = g.add("Sub", g.constant("one", np.array(1, np.float32)), mask, name="absent")
    bias = g.add("Mul", absent, g.constant("minus_many", np.array(-1e9, np.float32)), name="bias_flat")
    bias = g.add("Unsqueeze", bias, g.constant("axes12", np.array([1, 2], np.int64)), name="bias")
    for n in range(LAYERS):
        x = _layer(g, x, bias, weights, n)
    return _model(g, _pool(g, x, mask))


def _layer(g: _Graph, x: str, bias: str, weights: Weights, n: int) -> str:
    source, p = f"encoder.layer.{n}", f"l{n}"
    # Query, key and value in one product: one quantisation of the activations instead of three.
    parts = [f"{source}.attention.self.{part}" for part in ("query", "key", "value")]
    joined = np.concatenate([weights[f"{part}.weight"] for part in parts])
    qkv = g.linear(x, joined, np.concatenate([weights[f"{part}.bias"] for part in parts]), f"{p}.qkv")
    heads = g.constant("heads", np.array([0, 0, 3, HEADS, HIDDEN // HEADS], np.int64))
    qkv = g.add("Reshape", qkv, heads, name=f"{p}.split")
    qkv = g.add("Transpose", qkv, name=f"{p}.heads", perm=[2, 0, 3, 1, 4])
    q, k, v = (
        g.add("Gather", qkv, g.constant(f"index{i}", np.array(i, np.int64)), name=f"{p}.{part}", axis=0)
        for i, part in enumerate("qkv")
    )
    scores = g.add("MatMul", q, g.add("Transpose", k, name=f"{p}.kt", perm=[0, 1, 3, 2]), name=f"{p}.scores")
    scale = g.constant("scale", np.array(1 / np.sqrt(HIDDEN // HEADS), np.float32))
    scores = g.add("Add", g.add("Mul", scores, scale, name=f"{p}.scaled"), bias, name=f"{p}.masked")
    mixed = g.add("MatMul", g.add("Softmax", scores, name=f"{p}.weights", axis=-1), v, name=f"{p}.mixed")
    mixed = g.add("Transpose", mixed, name=f"{p}.back", perm=[0, 2, 1, 3])
    mixed = g.add("Reshape", mixed, g.constant("whole", np.array([0, 0, HIDDEN], np.int64)), name=f"{p}.joined")
    out = g.linear(
        mixed,
        weights[f"{source}.attention.output.dense.weight"],
        weights[f"{source}.attention.output.dense.bias"],
        f"{p}.out",
    )
    x = g.norm(g.add("Add", out, x, name=f"{p}.skip"), weights, f"{source}.attention.output.LayerNorm", f"{p}.norm")
    wide = g.linear(x, weights[f"{source}.intermediate.dense.weight"], weights[f"{source}.intermediate.dense.bias"], f"{p}.wide")
    wide = _gelu(g, wide, p)
    narrow = g.linear(wide, weights[f"{source}.output.dense.weight"], weights[f"{source}.output.dense.bias"], f"{p}.narrow")
    return g.norm(g.add("Add", narrow, x, name=f"{p}.skip2"), weights, f"{source}.output.LayerNorm", f"{p}.norm2")


def _gelu(g: _Graph, x: str, p: str) -> str:
    root = g.constant("root2", np.array(np.sqrt(2), np.float32))
    erf = g.add("Erf", g.add("Div", x, root, name=f"{p}.gelu1"), name=f"{p}.gelu2")
    half = g.add("Mul", x, g.add("Add", erf, g.constant("one", np.array(1, np.float32)), name=f"{p}.gelu3"), name=f"{p}.gelu4")
    return g.add("Mul", half, g.constant("half", np.array(0.5, np.float32)), name=f"{p}.gelu")


def _pool(g: _Graph, x: str, mask: str) -> str:
    weight = g.add("Unsqueeze", mask, g.constant("axis2", np.array([2], np.int64)), name="pool_mask")
    axis1 = g.constant("axis1", np.array([1], np.int64))
    total = g.add("ReduceSum", g.add("Mul", x, weight, name="pool_masked"), axis1, name="pool_total", keepdims=0)
    mean = g.add("Div", total, g.add("ReduceSum", weight, axis1, name="pool_count", keepdims=0), name="mean")
    return g.add("LpNormalization", mean, name="vector", axis=-1, p=2)


def _model(g: _Graph, output: str) -> onnx.ModelProto:
    shape = ["batch", "length"]
    graph = helper.make_graph(
        g.nodes,
        "sentence-encoder",
        [helper.make_tensor_value_info(name, TensorProto.INT64, shape) for name in ("ids", "mask")],
        [helper.make_tensor_value_info(output, TensorProto.FLOAT, ["batch", HIDDEN])],
        [numpy_helper.from_array(value, name) for name, value in g.constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 8
    onnx.checker.check_model(model)
    return model
