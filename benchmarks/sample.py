"""A sample of the training data that Rasa's default pipeline can be trained on within an hour on two cores.

The whole corpus takes DIET several hours. Which examples are kept is told by their own text: the same for ever.
"""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

from companion.paths import DATA, home

ONE_IN = {"answers": 6, "choices.yml": 1}
"""Of the examples of these folders and files of `data/`, one in so many is kept; of all others, one in OTHERS."""
OTHERS = 20


def kept(text: str, one_in: int) -> bool:
    """Whether an example belongs to the sample."""
    return hashlib.sha256(text.encode("utf-8")).digest()[1] % one_in == 0


def sample_data(source: Path = DATA, target: Path | None = None) -> tuple[Path, int]:
    """A copy of `data/` with the sample's examples only. Returns its folder and how many examples it holds."""
    target = target or home() / "bench" / "sample" / "data"
    shutil.rmtree(target, ignore_errors=True)
    shutil.copytree(source, target)
    total = 0
    for path in sorted(target.rglob("*.yml")):
        one_in = ONE_IN.get(path.relative_to(target).parts[0], OTHERS)
        lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
        chosen = [line for line in lines if not line.startswith("    - ") or kept(line[6:].strip(), one_in)]
        total += sum(line.startswith("    - ") for line in chosen)
        path.write_text("".join(chosen), encoding="utf-8")
    return target, total
