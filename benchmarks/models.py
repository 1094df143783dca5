"""The trained models that are compared, each kept under COMPANION_HOME/bench with what its training took."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from benchmarks.sample import sample_data
from companion.paths import DATA, ROOT, home

DEFAULT_CONFIG = ROOT / "benchmarks" / "default_config.yml"


@dataclass(frozen=True)
class Trained:
    """A model file and what its training took; None where nobody measured it."""

    model: Path
    seconds: float | None = None
    peak_mb: float | None = None


def default_model(model: Path | None = None, stats: Path | None = None, *, whole: bool = False) -> Trained:
    """Rasa's default pipeline: the one given, the one kept, or a new one, trained on the sample or on the whole of `data/`."""
    if model:
        return Trained(model, *(read_stats(stats) if stats else (None, None)))
    data = DATA if whole else sample_data()[0]
    arguments = ["train", "nlu", "--config", str(DEFAULT_CONFIG), "--domain", str(ROOT / "domain.yml"), "--nlu", str(data)]
    return _kept("default", arguments, [data, ROOT / "domain.yml", DEFAULT_CONFIG, ROOT / "requirements" / "engine.lock"])


def our_model(*, whole: bool = True) -> Trained:
    """Our pipeline trained on the whole of `data/` or on the sample, with what it took."""
    data = DATA if whole else sample_data()[0]
    sources = [data, *(ROOT / name for name in ("domain.yml", "config.yml", "assistant", "companion", "requirements/engine.lock"))]
    return _kept("companion", ["train", "--data", str(data)], sources)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The options that every comparison with Rasa's default pipeline takes."""
    parser.add_argument("--default-model", type=Path, help="Rasa's default pipeline, trained before (.tar.gz)")
    parser.add_argument("--default-stats", type=Path, help="what its training took: our JSON, or `time -v` output")
    parser.add_argument("--whole", action="store_true", help="train Rasa's default on all of data/ (several hours)")
    parser.add_argument("--limit", type=int, help="for trials: about so many lines of each set; nothing is written")


def checksum(paths: Sequence[Path]) -> str:
    """One hash over the names and contents of all files under the paths; caches and hidden files left out."""
    total = hashlib.sha256()
    for path in paths:
        files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
        for file in sorted(files):
            if file.suffix != ".pyc" and not file.name.startswith("."):
                total.update(str(file.relative_to(path.parent)).encode() + b"\0")
                total.update(hashlib.sha256(file.read_bytes()).digest())
    return total.hexdigest()[:16]


def _kept(name: str, arguments: list[str], sources: list[Path]) -> Trained:
    key = checksum([source for source in sources if source.exists()])
    model = home() / "bench" / f"{name}-{key}.tar.gz"
    stats = model.with_name(f"{name}-{key}.json")
    if not (model.exists() and stats.exists()):
        print(f"training {name}; the model is kept for the next time", file=sys.stderr, flush=True)
        train(arguments, model, stats)
    return Trained(model, *read_stats(stats))


def train(arguments: Sequence[str], model: Path, stats: Path) -> None:
    """Run `rasa ARGUMENTS` into a model file, with no cache of an earlier training. Raises RuntimeError if it fails."""
    model.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=model.parent) as folder:
        log = Path(folder) / "log"
        environment = {
            **os.environ,
            "PYTHONPATH": str(ROOT),
            "RASA_TELEMETRY_ENABLED": "false",
            "RASA_CACHE_DIRECTORY": str(Path(folder) / "cache"),
        }
        command = [
            sys.executable,
            "-W",
            "ignore",
            "-m",
            "rasa",
            *arguments,
            "--out",
            folder,
            "--fixed-model-name",
            "new",
        ]
        begun = time.monotonic()
        with log.open("w") as words:
            child = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=words, stderr=words)
            _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise RuntimeError(f"rasa {' '.join(arguments)} failed:\n{log.read_text(errors='replace')[-3000:]}")
        peak = usage.ru_maxrss / (2**20 if sys.platform == "darwin" else 1024)
        shutil.move(str(Path(folder) / "new.tar.gz"), model)
        took = asdict(Trained(Path(model.name), time.monotonic() - begun, peak))
        stats.write_text(json.dumps(took, default=str) + "\n", encoding="utf-8")


def read_stats(path: Path) -> tuple[float, float]:
    """Seconds and peak MB of a training: from our own JSON, or from what GNU `time -v` wrote. Raises ValueError."""
    text = path.read_text(encoding="utf-8", errors="replace")
    if text.lstrip().startswith("{"):
        given = json.loads(text)
        return float(given["seconds"]), float(given["peak_mb"])
    clock = re.search(r"Elapsed \(wall clock\) time.*?: ([\d:.]+)\s*$", text, re.M)
    peak = re.search(r"Maximum resident set size \(kbytes\): (\d+)", text)
    if not clock or not peak:
        raise ValueError(f"{path.name} is neither our JSON nor the output of `time -v`")
    seconds = 0.0
    for part in clock[1].split(":"):
        seconds = seconds * 60 + float(part)
    return seconds, int(peak[1]) / 1024


def trained_part(model: Path, name: str) -> Any:
    """What one of our components learned (`screen.joblib`, `matcher.joblib`), out of a model file of our own making."""
    import joblib

    with tarfile.open(model) as archive:
        for member in archive:
            if member.name.endswith(f"/{name}"):
                content = archive.extractfile(member)
                assert content is not None
                return joblib.load(BytesIO(content.read()))["trained"]
    raise FileNotFoundError(f"{model.name} holds no {name}; is it a model of our pipeline?")
