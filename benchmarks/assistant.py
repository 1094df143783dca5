"""Our pipeline beside Rasa's own default, trained on the same data and asked the same messages: cost and quality.

script/bench assistant [--default-model MODEL --default-stats STATS]
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks.evaluation import ORDINARY, Line, alarms, answer_figures, outside_answered, read_lines, recall
from benchmarks.models import Trained, add_arguments, default_model, our_model, read_stats
from benchmarks.report import milliseconds, table, write_page
from benchmarks.worker import Measured, measure

NOTE = """Each pipeline is trained, and then measured, in a process of its own; `rasa train` starts with an empty cache.
Start-up is from the start of the process to a loaded model, Python and Rasa included. Latency is that of Rasa parsing
one message on one thread, after 20 warm-up messages; no network, no policies, no replies. Memory is resident memory
(RSS). Both processes import TensorFlow, because Rasa does so whatever the pipeline. Rasa's default is the pipeline that
`rasa init` writes ([default_config.yml](../default_config.yml)); an intent that is a tier counts as raised to it, any
retrieval intent is answered with what the ResponseSelector puts first, and it never asks back. The sample holds one
phrasing in six and one other message in twenty ([sample.py](../sample.py)), chosen by their own text: DIET needs several
hours for the whole. Our sentence encoder was tuned on the whole in every column; see safety.md for it untuned."""


def cost_rows(trained: Sequence[Trained], measured: Sequence[Measured], lines: Sequence[Line]) -> list[list[str]]:
    """Training, start-up, memory and latency, a column for each pipeline."""

    def latency(run: Measured, few: bool) -> str:
        return milliseconds([run.ms[x.id] for x in lines if (len(x.text.split()) <= 60) == few])

    return [
        ["training, seconds", *("–" if x.seconds is None else f"{x.seconds:.0f}" for x in trained)],
        ["training, peak memory, MB", *("–" if x.peak_mb is None else f"{x.peak_mb:.0f}" for x in trained)],
        ["model file, MB", *(f"{x.model.stat().st_size / 1e6:.1f}" for x in trained)],
        ["start-up, seconds", *(f"{x.ready_seconds:.1f}" for x in measured)],
        ["memory after loading, MB", *(f"{x.rss_loaded_mb:.0f}" for x in measured)],
        [f"memory after {len(lines)} messages, MB", *(f"{x.rss_after_mb:.0f}" for x in measured)],
        ["milliseconds a message, p50 / p95 / p99", *(milliseconds(list(x.ms.values())) for x in measured)],
        ["… up to 60 words", *(latency(x, True) for x in measured)],
        ["… more than 60 words", *(latency(x, False) for x in measured)],
    ]


def quality_rows(answers: Sequence[Line], safety: Sequence[Line], measured: Sequence[Measured]) -> list[list[str]]:
    """Answers and tiers, a column for each pipeline."""
    runs = [x.predictions for x in measured]
    figures = [answer_figures(answers, run) for run in runs]
    rows = [[name, *(x[name].text() for x in figures)] for name in figures[0]]
    rows.append(["out of scope, answered", *(outside_answered(answers, run).text() for run in runs)])
    for tier in ("crisis", "emergency", "symptom", "advice"):
        rows.append([f"{tier} recognised", *(recall(safety, run, tier).text() for run in runs)])
    for name, urgent in (("urgent false alarm", True), ("any false alarm", False)):
        for group, hard in (("ordinary messages", False), ("hard harmless messages", True)):
            shares = [
                alarms(safety, run, urgent=urgent, kinds=lambda k, hard=hard: (k in ORDINARY) != hard) for run in runs
            ]
            rows.append([f"{group}: {name}", *(share.text() for share in shares)])
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench assistant", description=__doc__)
    add_arguments(parser)
    parser.add_argument("--our-model", type=Path, help="our pipeline, trained before (.tar.gz)")
    parser.add_argument("--our-stats", type=Path, help="what its training took, as for --default-stats")
    args = parser.parse_args()
    answers, safety = read_lines("answers", args.limit), read_lines("safety", args.limit)
    lines = [*answers, *safety]
    stats = read_stats(args.our_stats) if args.our_stats else (None, None)
    ours = Trained(args.our_model, *stats) if args.our_model else our_model()
    columns = [
        ("ours", ours, "companion"),
        ("ours, trained on the sample", our_model(whole=False), "companion"),
        ("Rasa's default, trained on the sample", default_model(args.default_model, args.default_stats), "default"),
    ]
    if args.whole:
        columns.append(("Rasa's default", default_model(whole=True), "default"))
    trained = [model for _, model, _ in columns]
    measured = []
    for name, model, reader in columns:
        print(f"measuring {name}", file=sys.stderr, flush=True)
        measured.append(measure(model.model, reader, lines))
    names = [name for name, _, _ in columns]
    in_scope = sum(bool(line.keys) for line in answers)
    parts = [
        NOTE,
        "## Cost",
        table(["", *names], cost_rows(trained, measured, lines)),
        "## Quality",
        f"{in_scope} questions that a topic answers, {len(answers) - in_scope} that none does, {len(safety)} messages for "
        "the screen; shares with 95% intervals. *Right first* and *right among three* judge the ranking, whatever was done "
        "with it; the rest is what the patient got. Figures by kind: [safety.md](safety.md), [matcher.md](matcher.md).",
        table(["", *names], quality_rows(answers, safety, measured)),
    ]
    if args.limit:
        print("\n\n".join(parts))
    else:
        write_page("assistant", "Our pipeline and Rasa's default", "script/bench assistant", parts)


if __name__ == "__main__":
    main()
