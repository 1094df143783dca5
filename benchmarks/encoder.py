"""Four ways to run the sentence encoder: time by length of text, memory, and how near the vectors are to exact ones.

script/bench encoder
"""

from __future__ import annotations

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.evaluation import read_lines
from benchmarks.report import machine, milliseconds, percentiles, table, write_page
from benchmarks.worker import ONE_THREAD, rss_mb
from companion.paths import ROOT

LENGTHS = (8, 15, 30, 60, 120)
TEXTS, COMPARED = 20, 200
WAYS = {
    "numpy": "numpy, fp32",
    "onnx": "onnxruntime, fp32",
    "int8": "onnxruntime, int8 (ours)",
    "tensorflow": "TensorFlow, fp32",
}

Run = Callable[[np.ndarray], np.ndarray]


def token_rows() -> tuple[dict[int, list[np.ndarray]], list[np.ndarray]]:
    """Token ids: for each length some stretches of the evaluation texts, and some of those texts as they are."""
    from tokenizers import Tokenizer

    from assistant.encoder import MAX_TOKENS, model_dir

    tokenizer = Tokenizer.from_file(str(model_dir() / "tokenizer.json"))
    tokenizer.no_padding()
    tokenizer.enable_truncation(MAX_TOKENS)
    rows = [row.ids for row in tokenizer.encode_batch([line.text for line in read_lines("answers")])]
    first, last = rows[0][0], rows[0][-1]
    stream = [token for row in rows for token in row[1:-1]]
    timed = {
        n: [np.array([[first, *stream[i * 60 : i * 60 + n - 2], last]], np.int64) for i in range(TEXTS)]
        for n in LENGTHS
    }
    return timed, [np.array([row], np.int64) for row in rows[:: max(1, len(rows) // COMPARED)]]


def load(way: str, graph: str) -> Run:
    """A function from token ids to the vector, run on one thread."""
    if way in ("onnx", "int8"):
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.log_severity_level = 3
        session = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])
        return lambda ids: session.run(["vector"], {"ids": ids, "mask": np.ones_like(ids)})[0][0]
    from assistant.encoder import trusted_weights

    if way == "numpy":
        from benchmarks.numpy_encoder import forward

        weights = trusted_weights()
        return lambda ids: forward(ids, weights)
    from benchmarks.tensorflow_encoder import compiled

    return compiled(trusted_weights())


def measure_here(way: str, graph: str, vectors: str, repeats: int) -> dict[str, Any]:
    """Load one way in this process and time it; its vectors go into a file."""
    timed, compared = token_rows()
    before, begun = rss_mb(), time.perf_counter()
    run = load(way, graph)
    run(compared[0])
    loaded = time.perf_counter() - begun
    times = {}
    for length, rows in timed.items():
        run(rows[0])
        times[length] = []
        for ids in rows * repeats:
            begun = time.perf_counter()
            run(ids)
            times[length].append((time.perf_counter() - begun) * 1000)
    np.save(vectors, np.stack([run(ids) for ids in compared]))
    gc.collect()
    return {"times": times, "load_seconds": loaded, "rss_mb": rss_mb(), "before_mb": before}


def measure_apart(way: str, folder: Path, repeats: int) -> tuple[dict[str, Any], np.ndarray]:
    """The same in a new process. Raises CalledProcessError when that fails; what is wrong is on standard error."""
    from assistant.encoder import graph_path

    graph = graph_path() if way == "int8" else folder / "exact.onnx"
    vectors = folder / f"{way}.npy"
    command = [sys.executable, "-W", "ignore", "-m", "benchmarks.encoder", "--way", way, "--graph", str(graph)]
    done = subprocess.run(
        [*command, "--vectors", str(vectors), "--repeats", str(repeats)],
        cwd=ROOT,
        env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1]), np.load(vectors)


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench encoder", description=__doc__)
    parser.add_argument("--repeats", type=int, default=5, help="times over each of 20 texts; with 1 nothing is written")
    for hidden in ("--way", "--graph", "--vectors"):
        parser.add_argument(hidden, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.way:
        print(json.dumps(measure_here(args.way, args.graph, args.vectors, args.repeats)))
        return
    from assistant.encoder import graph_path, trusted_weights
    from assistant.onnx_graph import encoder_graph

    found, vectors = {}, {}
    with tempfile.TemporaryDirectory() as name:
        exact = Path(name) / "exact.onnx"
        exact.write_bytes(encoder_graph(trusted_weights()).SerializeToString())
        sizes = {"onnx": exact.stat().st_size, "int8": graph_path().stat().st_size}
        for way in WAYS:
            print(f"measuring {way}", file=sys.stderr, flush=True)
            found[way], vectors[way] = measure_apart(way, Path(name), args.repeats)
    cosine = {way: (vectors[way] * vectors["numpy"]).sum(axis=1) for way in WAYS}
    speed = [
        [text, *(f"{percentiles(found[way]['times'][str(n)])[0]:.1f}" for n in LENGTHS)] for way, text in WAYS.items()
    ]
    spread = [[text, *(milliseconds(found[way]["times"][str(n)]) for n in LENGTHS)] for way, text in WAYS.items()]
    other = [
        [
            text,
            f"{cosine[way].mean():.5f} / {cosine[way].min():.5f}",
            f"{found[way]['load_seconds']:.1f}",
            f"{found[way]['rss_mb'] - found[way]['before_mb']:.0f}",
            f"{sizes[way] / 1e6:.0f}" if way in sizes else "–",
        ]
        for way, text in WAYS.items()
    ]
    parts = [
        "One text at a time on one thread, each way in a process of its own; tokenising is not in it (it is the same "
        f"for all). {TEXTS} texts of each length, {args.repeats} times over, cut from the answers evaluation set.",
        "## Milliseconds a text, median, by number of tokens",
        table(["", *(f"{n} tokens" for n in LENGTHS)], speed),
        "## The same: p50 / p95 / p99",
        table(["", *(f"{n} tokens" for n in LENGTHS)], spread),
        "## Vectors, memory, size",
        f"The cosine is that to numpy's vectors over {len(cosine['numpy'])} evaluation texts. Loading is from nothing to "
        "the first vector, the library's import included. Memory is what the process grew by.",
        table(["", "cosine, mean / least", "loading, s", "memory, MB", "graph file, MB"], other),
    ]
    if args.repeats > 1:
        write_page("encoder", "Ways to run the sentence encoder", "script/bench encoder", parts)
    else:
        print("\n\n".join([machine(), *parts]))


if __name__ == "__main__":
    main()
