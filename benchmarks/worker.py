"""One trained pipeline, loaded and asked in a process of its own, so that its memory and its start are its own.

`measure` is for the benchmarks; it starts this module as a program (MODEL MESSAGES OUT READER STARTED).
"""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.evaluation import Line
from benchmarks.predictions import READERS, Prediction
from companion.paths import ROOT

WARM_UP = (
    "Good evening, is anybody there at all?",
    "Which floor of the building would the reception be on?",
    "ok",
    "My cousin told me to write here. He liked it. I would like to read something about it first, on paper if I can.",
    "cheers mate",
) * 4
"""Not of the evaluation sets: a message that was seen in the warm-up would be remembered and then be too fast."""

ONE_THREAD = {
    "OMP_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "TF_INTRA_OP_PARALLELISM_THREADS": "1",
    "TF_INTER_OP_PARALLELISM_THREADS": "1",
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "RASA_TELEMETRY_ENABLED": "false",
    "SQLALCHEMY_SILENCE_UBER_WARNING": "1",
}


@dataclass(frozen=True)
class Measured:
    """What one run of a pipeline gave: seconds to start, MB of memory; for each line's id prediction and milliseconds."""

    ready_seconds: float
    rss_loaded_mb: float
    rss_after_mb: float
    predictions: dict[str, Prediction]
    ms: dict[str, float]


def measure(model: Path, reader: str, lines: Sequence[Line]) -> Measured:
    """Run every line through a trained model in a new process. Raises RuntimeError with that process's last words."""
    with tempfile.TemporaryDirectory() as folder:
        messages, out, log = (Path(folder) / name for name in ("messages.jsonl", "out.jsonl", "log"))
        messages.write_text("".join(json.dumps({"id": x.id, "text": x.text}) + "\n" for x in lines), encoding="utf-8")
        command = [sys.executable, "-W", "ignore", "-m", "benchmarks.worker", str(model), str(messages), str(out)]
        with log.open("w") as words:
            done = subprocess.run(
                [*command, reader, str(time.time())],
                cwd=ROOT,
                env={**os.environ, **ONE_THREAD, "PYTHONPATH": str(ROOT)},
                stdout=words,
                stderr=words,
                check=False,
            )
        if done.returncode:
            raise RuntimeError(f"{model.name} could not be measured:\n{log.read_text(errors='replace')[-3000:]}")
        rows = [json.loads(row) for row in out.read_text(encoding="utf-8").splitlines()]
    start, *answers, end = rows
    return Measured(
        start["ready_seconds"],
        start["rss_mb"],
        end["rss_mb"],
        {row["id"]: Prediction.of(row["prediction"]) for row in answers},
        {row["id"]: row["ms"] for row in answers},
    )


def rss_mb() -> float:
    """This process's resident memory now; where there is no /proc, its peak."""
    status = Path("/proc/self/status")
    if status.exists():
        return next(int(x.split()[1]) for x in status.read_text().splitlines() if x.startswith("VmRSS")) / 1024
    import resource

    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)


def main(model: str, messages: str, out: str, reader: str, started: str) -> None:
    from rasa.utils.tensorflow.environment import setup_tf_environment

    setup_tf_environment()
    from rasa.core.agent import Agent

    agent = Agent.load(model)
    if not agent.is_ready():
        raise RuntimeError(f"{model} is no model that Rasa can load")
    read = READERS[reader]
    loop = asyncio.new_event_loop()
    rows = [json.loads(row) for row in Path(messages).read_text(encoding="utf-8").splitlines()]
    with open(out, "w", encoding="utf-8") as sink:

        def say(row: dict[str, Any]) -> None:
            sink.write(json.dumps(row) + "\n")

        say({"ready_seconds": time.time() - float(started), "rss_mb": rss_mb()})
        for text in WARM_UP:
            loop.run_until_complete(agent.parse_message(text))
        for row in rows:
            begun = time.perf_counter()
            parsed = loop.run_until_complete(agent.parse_message(row["text"]))
            ms = (time.perf_counter() - begun) * 1000
            say({"id": row["id"], "ms": ms, "prediction": read(parsed).as_dict()})
        say({"rss_mb": rss_mb()})


if __name__ == "__main__":
    main(*sys.argv[1:])
    sys.stdout.flush()
    os._exit(0)  # the release watcher and TensorFlow leave threads behind that are of no interest here
