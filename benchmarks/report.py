"""What the benchmarks share to say their results: shares with intervals, percentiles, tables, pages, the machine."""

from __future__ import annotations

import datetime as dt
import math
import os
import platform
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from companion.paths import ROOT

RESULTS = ROOT / "benchmarks" / "results"
AUTHORS = (
    "The evaluation sets were written by an AI model acting as an independent evaluator, which saw no phrasings, no "
    "training corpus and no screen rules; no clinician has reviewed them ([more about them](../data/README.md))."
)


def wilson(hits: int, of: int, z: float = 1.96) -> tuple[float, float]:
    """The Wilson score interval of a share (95% for the default z). Nothing asked: anything is possible, (0, 1)."""
    if not of:
        return 0.0, 1.0
    p, square = hits / of, z * z / of
    middle = (p + square / 2) / (1 + square)
    half = z * math.sqrt(p * (1 - p) / of + square / (4 * of)) / (1 + square)
    return (0.0 if hits == 0 else middle - half), (1.0 if hits == of else middle + half)


@dataclass(frozen=True)
class Share:
    """So many of so many."""

    hits: int
    of: int

    @classmethod
    def count(cls, found: Iterable[bool]) -> Share:
        given = [bool(hit) for hit in found]
        return cls(sum(given), len(given))

    @property
    def rate(self) -> float:
        return self.hits / self.of if self.of else math.nan

    def text(self, interval: bool = True) -> str:
        if not self.of:
            return "–"
        low, high = wilson(self.hits, self.of)
        return f"{self.rate:.1%}" + (f" ({100 * low:.0f}–{100 * high:.0f})" if interval else "")


@dataclass(frozen=True)
class Goal:
    """A figure that has to be reached: at least, or at most, `limit`."""

    name: str
    share: Share
    limit: float
    at_most: bool = False

    @property
    def reached(self) -> bool:
        """False when nothing was asked: an empty set proves nothing."""
        return bool(self.share.of) and (
            self.share.rate <= self.limit if self.at_most else self.share.rate >= self.limit
        )

    def row(self) -> list[str]:
        wanted = f"{'≤' if self.at_most else '≥'} {self.limit:.1%}"
        verdict = "reached" if self.reached else "**missed**"
        return [self.name, wanted, self.share.text(), f"{self.share.hits} of {self.share.of}", verdict]


GOAL_COLUMNS = ("figure", "must reach", "measured (95% interval)", "lines", "")


def percentiles(values: Sequence[float]) -> tuple[float, float, float]:
    """The 50th, 95th and 99th percentile."""
    p50, p95, p99 = np.percentile(values, [50, 95, 99]) if len(values) else [math.nan] * 3
    return float(p50), float(p95), float(p99)


def milliseconds(values: Sequence[float]) -> str:
    """p50 / p95 / p99, as the tables show them."""
    if not len(values):
        return "–"
    return " / ".join(f"{value:.1f}" for value in percentiles(values))


def table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""

    def line(cells: Iterable[object]) -> str:
        return "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"

    rule = "|" + "|".join(["---", *["---:"] * (len(columns) - 1)]) + "|"
    return "\n".join([line(columns), rule, *map(line, rows)])


def machine() -> str:
    """The machine as a reader has to know it: no host name, no paths."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        named = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        model = named[0].partition(":")[2].strip() if named else model
    memory = ""
    if "SC_PHYS_PAGES" in os.sysconf_names:
        memory = f", {os.sysconf('SC_PHYS_PAGES') * os.sysconf('SC_PAGE_SIZE') / 2**30:.0f} GiB"
    return f"{os.cpu_count()} cores, {model}{memory}, {platform.system()}, Python {platform.python_version()}"


def write_page(name: str, title: str, command: str, parts: Sequence[str], folder: Path = RESULTS) -> Path:
    """Write `results/NAME.md` and print it. Returns where it is."""
    head = f"# {title}\n\nMeasured on {dt.date.today()} with `{command}` on {machine()}.\n{AUTHORS}"
    text = "\n\n".join([head, *parts]) + "\n"
    print(text)
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.md"
    path.write_text(text, encoding="utf-8")
    return path
