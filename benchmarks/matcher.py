"""How often the answer matcher gives the right approved answer, or none, beside Rasa's default pipeline and BM25.

script/bench matcher [--model MODEL] [--default-model MODEL]
script/bench matcher TRAIN.tsv TEST.tsv        the same matcher on any text<TAB>label files
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from threadpoolctl import threadpool_limits

from benchmarks import generic
from benchmarks.bm25 import bm25_matcher
from benchmarks.coverage import draw
from benchmarks.evaluation import (
    Line,
    Predictions,
    answer_figures,
    confusions,
    corpus,
    near_duplicates,
    outside_answered,
    read_lines,
    right_key_reached,
)
from benchmarks.models import add_arguments, default_model, trained_part
from benchmarks.report import GOAL_COLUMNS, RESULTS, Goal, Share, milliseconds, percentiles, table, write_page
from benchmarks.worker import measure
from companion.corpus import Labelled

OURS = "ours"
HOSTILE = ("gibberish", "injection", "abuse")
FIT_ON = 3_000

Test = Callable[[Line], bool]


def goals(lines: Sequence[Line], found: Predictions) -> list[Goal]:
    """What the issue demands of the matcher."""
    all_, hard = answer_figures(lines, found), answer_figures([x for x in lines if x.kind == "hard"], found)
    return [
        Goal("right first", all_["right first"], 0.88),
        Goal("right among three", all_["right among three"], 0.96),
        Goal("… of which not refused (answered or offered)", right_key_reached(lines, found), 0.96),
        Goal("answered wrongly", all_["answered wrongly"], 0.05, True),
        Goal("hard messages: right among three", hard["right among three"], 0.88),
        Goal("in scope, refused", all_["refused"], 0.04, True),
        Goal("out of scope, answered", outside_answered(lines, found), 0.05, True),
        Goal("gibberish, injection and abuse, answered", outside_answered(lines, found, HOSTILE), 0.0, True),
    ]


def in_scope_rows(lines: Sequence[Line], systems: Mapping[str, Predictions]) -> list[list[str]]:
    """Every figure for each kind of in-scope message, a column for each system."""
    kinds: dict[str, Test] = {"all": lambda line: True, "English": lambda line: line.kind != "spanish"}
    kinds |= {kind: lambda x, kind=kind: x.kind == kind for kind in dict.fromkeys(x.kind for x in lines if x.keys)}
    rows = []
    for kind, test in kinds.items():
        chosen = [line for line in lines if line.keys and test(line)]
        figures = [answer_figures(chosen, found) for found in systems.values()]
        rows += [[f"{kind}: {name}", str(len(chosen)), *(x[name].text() for x in figures)] for name in figures[0]]
    both = [line for line in lines if line.both]
    found_both = [Share.count(set(x.keys) <= set(p[x.id].answers) for x in both) for p in systems.values()]
    rows.append(["two questions: both answered", str(len(both)), *(share.text() for share in found_both)])
    return rows


def outside_rows(lines: Sequence[Line], systems: Mapping[str, Predictions]) -> list[list[str]]:
    """Out-of-scope messages that were answered, by kind."""
    kinds = list(dict.fromkeys(line.kind for line in lines if not line.keys))
    rows = []
    for kind in (None, *kinds):
        shares = [outside_answered(lines, found, [kind] if kind else None) for found in systems.values()]
        rows.append([kind or "**all**", str(shares[0].of), *(share.text() for share in shares)])
    return rows


def cost_part(lines: Sequence[Line], model: Path, examples: Sequence[Labelled]) -> str:
    """Fitting an index on so many phrasings, and matching one message, with the encoder's share apart."""
    from assistant.encoder import Memory, encoder
    from assistant.live import release_examples
    from assistant.matching import AnswerIndex, Example
    from companion.release import Releases

    trained = trained_part(model, "matcher.joblib")
    threadpool_limits(1)
    phrasings = [Example(x.text, x.label) for x in examples if "/" in x.label][:FIT_ON]
    memory, begun = Memory(encoder().encode), time.perf_counter()
    memory([example.text for example in phrasings])
    encoding = time.perf_counter() - begun
    begun = time.perf_counter()
    AnswerIndex(phrasings, memory, trained["letters"])
    fitting = time.perf_counter() - begun
    others = [Example(text, key) for text, key in trained["others"]]
    index = AnswerIndex([*release_examples(Releases().current()), *others], memory, trained["letters"])
    times = []
    for line in lines:
        trained["decider"].decide(index, line.text)  # now the memory holds all vectors that this message takes
        begun = time.perf_counter()
        trained["decider"].decide(index, line.text)
        times.append((time.perf_counter() - begun) * 1000)
    rows: list[list[object]] = [
        [f"fit on {len(phrasings)} phrasings, vectors known, s", "≤ 10", f"{fitting:.2f}", _verdict(fitting, 10)],
        ["… with encoding all of them, s", "≤ 10", f"{encoding + fitting:.1f}", _verdict(encoding + fitting, 10)],
        [
            "a message beyond the encoder, p50 / p95 / p99, ms",
            "≤ 10",
            milliseconds(times),
            _verdict(percentiles(times)[0], 10),
        ],
    ]
    return table(["", "must reach", "measured", ""], rows)


def _verdict(value: float, limit: float) -> str:
    return "reached" if value <= limit else "**missed**"


def systems_of(
    args: argparse.Namespace, lines: Sequence[Line], model: Path, examples: Sequence[Labelled]
) -> dict[str, Predictions]:
    """What each matcher makes of every line."""
    print(f"asking {model.name}", file=sys.stderr, flush=True)
    systems: dict[str, Predictions] = {OURS: measure(model, "companion", lines).predictions}
    if not args.quick:
        print("asking Rasa's default pipeline", file=sys.stderr, flush=True)
        systems["Rasa's default pipeline"] = measure(
            default_model(args.default_model).model, "default", lines
        ).predictions
    bm25 = bm25_matcher(examples)
    systems["BM25"] = {line.id: bm25.predict(line.text) for line in lines}
    return systems


def main() -> None:
    parser = argparse.ArgumentParser(prog="script/bench matcher", description=__doc__)
    add_arguments(parser)
    parser.add_argument("files", nargs="*", type=Path, metavar="TSV", help="TRAIN.tsv TEST.tsv: text<TAB>label")
    parser.add_argument("--model", type=Path, help="a trained model of ours (the newest)")
    parser.add_argument("--quick", action="store_true", help="without Rasa's default pipeline; nothing is written")
    args = parser.parse_args()
    if len(args.files) == 2:
        print(generic.report(*args.files))
        return
    if args.files:
        parser.error("two files are needed, TRAIN.tsv and TEST.tsv, or none")
    from assistant.assess import latest_model

    lines, model, examples = read_lines("answers", args.limit), args.model or latest_model(), corpus()
    systems = systems_of(args, lines, model, examples)
    duplicates = near_duplicates(lines, [example.text for example in examples])
    again = {duplicate.line.id for duplicate in duplicates}
    checked = goals(lines, systems[OURS])
    apart = goals([line for line in lines if line.id not in again], systems[OURS])
    missed = sum(not goal.reached for goal in checked)
    pairs = confusions(lines, systems[OURS])
    parts = [
        "## Must reach",
        f"{len(checked) - missed} of {len(checked)} figures are reached, {missed} missed. *Right first* and *right among "
        "three* judge the ranking, whatever was done with it; the third line also counts as lost what was refused.",
        table([*GOAL_COLUMNS, "without near-duplicates"], [
            [*goal.row(), f"{other.share.text()} of {other.share.of}"] for goal, other in zip(checked, apart)
        ]),
        cost_part(lines, model, examples),
        "## Questions that a topic answers",
        "All is measured through the whole pipeline: a question that the safety screen raised is refused. Rasa's default: "
        "the ranking is its ResponseSelector's, the rest needs its intent as well. BM25 answers from the score that lets 5% "
        "of held-out out-of-scope examples of the corpus through.",
        table(["kind: figure", "lines", *systems], in_scope_rows(lines, systems)),
        "## Questions that no topic answers: answered all the same",
        table(["kind", "lines", *systems], outside_rows(lines, systems)),
        "## Coverage against accuracy",
        "Left: when only the surest part of the in-scope questions is answered, with what each ranks first, how many of "
        "them are right. Right: how many out-of-scope messages score as high.\n\n![coverage against accuracy](coverage.png)",
        "## Near-duplicates of the corpus",
        f"{len(duplicates)} evaluation lines equal a training example once folded, or share at least 80% of their "
        "words with one.",
        table(["line", "training example", "likeness"], [
            [f"`{x.line.id}` {x.line.text}", x.example, f"{x.likeness:.2f}"] for x in duplicates
        ]),
        "## Confused pairs",
        f"{sum(n for _, _, n, _ in pairs)} in-scope messages for which not the right answer was ranked first.",
        table(["asked", "ranked first", "times", "such as"], pairs),
    ]  # fmt: skip
    if args.limit or args.quick:
        print("\n\n".join(parts))
    else:
        draw(lines, systems, RESULTS / "coverage.png")
        write_page("matcher", "The answer matcher", "script/bench matcher", parts)


if __name__ == "__main__":
    main()
