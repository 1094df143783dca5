"""script/faults: break one thing after another under a steady mix of conversations, then count.

Exit status 0 when every count that has to be zero is zero, 1 when one is not, 2 when it could not be run.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from companion.release import Release
from tests.faults.breaking import FAULTS, FAULTS_BY_NAME, LEAST, SIGNALS
from tests.faults.breaking import SHORT as SHORT_FAULTS
from tests.faults.count import Felt, Ledger, felt
from tests.faults.patients import Crowd, Now
from tests.faults.stand import Stand, frugal
from tests.running import Unready, missing

MUST_BE_ZERO = (
    "urgent_without_lines",
    "escalations_lost",
    "escalations_doubled",
    "unapproved_sentences",
    "told_but_not_recorded",
    "unanswered",
    "unrecorded",
    "never_well_again",
)
COUNTED = ("messages", "replies", "urgent", "escalations", *MUST_BE_ZERO)


@dataclass(frozen=True)
class Plan:
    """How long and how much. Bounded: `limit` seconds in all, whatever happens."""

    seconds: float
    """How long each fault lasts."""
    rate: float
    """Messages a second."""
    settle: float
    """How long it may take to be well again."""
    limit: float
    sweep: float
    """How old an unanswered message is when the web side finishes it by itself."""
    clean: bool
    """Whether the next fault waits for every process to be well and for every patient to have heard, so that what is felt is felt
    of one fault only; else only until somebody is answered."""
    faults: Sequence[str] = tuple(FAULTS)


QUIET = "nothing, between two faults"
LONG = Plan(seconds=20, rate=10, settle=120, limit=1800, sweep=30, clean=True)
SHORT = Plan(
    seconds=1.0, rate=8, settle=60, limit=114, sweep=3, clean=False,
    faults=[name for name in SHORT_FAULTS if name in FAULTS_BY_NAME],
)
USUALLY_WAITING = 5
RESERVE = 8.0
"""Seconds before the limit from which nothing new is broken."""


@dataclass(frozen=True)
class Outcome:
    counts: dict[str, int]
    faults: list[Felt]
    seconds: float
    left_out: list[str]
    """Faults that there was no time for."""

    @property
    def broken(self) -> list[str]:
        return [name for name in MUST_BE_ZERO if self.counts[name]]

    def as_dict(self) -> dict[str, Any]:
        faults = [asdict(one) for one in self.faults]
        return {**self.counts, "seconds": round(self.seconds), "left_out": self.left_out, "faults": faults}


def run(plan: Plan, home: Path, say: Any = print) -> Outcome:
    """Start a copy under `home`, break it as planned, stop it. Raises Unready when it does not come up or back."""
    began = time.monotonic()
    stand = Stand(home, plan.sweep)
    try:
        stand.start()
        say(f"all up after {time.monotonic() - began:.0f} s")
        return _broken(plan, stand, began, say)
    finally:
        stand.stop()


def _broken(plan: Plan, stand: Stand, began: float, say: Any) -> Outcome:
    ledger = Ledger([Release.read(path) for path in stand.home.glob("releases/[0-9]*.json")])
    now = Now()
    ends = began + plan.limit - RESERVE
    crowd = Crowd(stand.port, plan.rate, now, ledger)
    crowd.start()
    back: dict[str, float] = {}
    left_out: list[str] = []
    never_well = 0
    try:
        for name in plan.faults:
            now.fault = name
            seconds = max(plan.seconds, LEAST.get(name, 0.0))
            if time.monotonic() + seconds > ends:
                left_out.append(name)
                continue
            with FAULTS_BY_NAME[name](stand, now):
                stand.tend(seconds)
            within = min(plan.settle, max(ends - time.monotonic(), 1.0))
            try:
                back[name] = stand.until_well(within, everything=plan.clean)
                say(f"  {name}: well again after {back[name]:.1f} s")
            except Unready as e:  # what was sent is counted all the same
                back[name] = within
                never_well += within == plan.settle  # else the time for the whole run is up
                say(f"  {name}: {e}")
            now.fault = QUIET
            _pause(stand, crowd, plan.settle if plan.clean else 0.0)
    finally:
        now.stop = True
        until = time.monotonic() + plan.settle
        while crowd.is_alive() and time.monotonic() < until:
            stand.tend(0.1)
    _settle(stand, plan)
    counts = ledger.counts(stand.escalations(), stand.alerts(), stand.stored(), stand.probes)
    counts["never_well_again"] = never_well
    faults = [replace(felt(name, ledger.said), back=seconds) for name, seconds in back.items()]
    for name in left_out:
        say(f"  no time was left for: {name}")
    return Outcome(counts, faults, time.monotonic() - began, left_out)


def _pause(stand: Stand, crowd: Crowd, at_most: float) -> None:
    """Until whoever was hurt by a fault has been answered."""
    at_most += time.monotonic()
    stand.tend(0.3)
    while crowd.waiting > USUALLY_WAITING and time.monotonic() < at_most:
        stand.tend(0.1)


def _settle(stand: Stand, plan: Plan) -> None:
    """Until the spool is empty and the sweep has dealt with what nobody asked for again; bounded."""
    ends = time.monotonic() + min(plan.settle, 3 * plan.sweep + 5)
    while (stand.spooled() or stand.arrived()) and time.monotonic() < ends:
        stand.tend(0.2)


def table(outcome: Outcome) -> str:
    """As it stands in docs/reliability.md."""
    rows = [
        "| broken | messages | met with outage words | requests without words | visible to patients | longest wait for lines "
        "| longest wait | well again after |",
        "|---|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for one in outcome.faults:
        rows.append(
            f"| {one.fault} | {one.messages} | {one.out_of_order} | {one.silent} | {one.visible:.1f} s | {one.lines:.1f} s "
            f"| {one.longest:.1f} s | {one.back:.1f} s |"
        )
    rows += ["", "| counted | |", "|---|---:|", *(f"| {name.replace('_', ' ')} | {outcome.counts[name]} |" for name in COUNTED)]
    return "\n".join(rows)


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="script/faults", description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="every fault for moments: under two minutes in all")
    parser.add_argument("--json", action="store_true", help="print the counts as one last line of JSON")
    parser.add_argument("--seconds", type=float, help="how long each fault lasts")
    parser.add_argument("--only", nargs="+", choices=list(FAULTS_BY_NAME), metavar="FAULT", help=f"of: {', '.join(FAULTS_BY_NAME)}")
    given = parser.parse_args(arguments)
    plan = SHORT if given.short else LONG
    plan = replace(plan, seconds=given.seconds or plan.seconds, faults=given.only or plan.faults)
    frugal()
    if why := missing():
        print(why, file=sys.stderr)
        return 2
    for number in SIGNALS:
        signal.signal(number, lambda *_: sys.exit(2))
    home = Path(tempfile.mkdtemp(prefix="companion-faults-"))
    os.environ["COMPANION_HOME"] = str(home)
    try:
        outcome = run(plan, home, say=lambda words: print(words, file=sys.stderr, flush=True))
    except Unready as e:
        print(e, file=sys.stderr)
        return 2
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(home)
    print(table(outcome))
    if outcome.broken:
        print(f"\nNOT ZERO: {', '.join(outcome.broken)}", file=sys.stderr)
    if given.json:
        print(json.dumps(outcome.as_dict()))
    return 1 if outcome.broken else 0


if __name__ == "__main__":
    sys.exit(main())
