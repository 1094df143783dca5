"""`script/assess`: run messages, one JSON object a line, through the trained pipeline without a server.

Each input line gets an output line, in order, with its fields kept. A line that is no such object gets an `error` and
the run goes on. With `--confusions` the lines say which keys would be right, and what comes out is a table of what was taken
for what; without a file on standard input it asks `data/calibration/answers.jsonl`.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

from assistant.confusions import confusions
from assistant.typed import as_words
from companion.paths import DATA, home

PROGRESS_EVERY = 500
FIELDS = ("tier", "outcome", "answers", "candidates", "score", "reasons")


class Pipeline:
    """The trained model's two components, as `rasa run` would load them."""

    def __init__(self, model: Path) -> None:
        os.environ.setdefault("RASA_TELEMETRY_ENABLED", "false")
        from rasa.core.agent import Agent
        from rasa.core.channels.channel import UserMessage

        self._message = UserMessage
        processor = Agent.load(str(model)).processor
        if processor is None:
            raise RuntimeError(f"{model} could not be loaded")
        self._processor = processor

    def assess(self, text: str) -> dict[str, Any]:
        """Tier, outcome, answers, candidates, score and reasons of one message."""
        from rasa.shared.core.trackers import DialogueStateTracker

        message = self._message(as_words(text))
        tracker = DialogueStateTracker.from_events("assess", [])
        companion = self._processor._parse_message_with_graph(message, tracker)["companion"]
        return {field: companion[field] for field in FIELDS}


def latest_model(folder: Path | None = None) -> Path:
    """The newest trained model. Raises FileNotFoundError when there is none."""
    folder = folder or home() / "models"
    models = sorted(folder.glob("*.tar.gz"), key=lambda path: path.stat().st_mtime)
    if not models:
        raise FileNotFoundError(f"no model in {folder}; script/setup trains one")
    return models[-1]


def lines(source: Iterable[str], pipeline: Pipeline) -> Iterator[dict[str, Any]]:
    """An output object for each input line."""
    for number, line in enumerate(source, start=1):
        try:
            given = json.loads(line)
            if not isinstance(given, dict) or not isinstance(given.get("text"), str):
                raise ValueError('expected an object such as {"text": "…"}')
        except (ValueError, RecursionError) as e:
            yield {"line": number, "error": str(e)}
            continue
        yield {**given, **pipeline.assess(given["text"])}


def progress(results: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The results as they come, with a line on standard error now and then."""
    started, done = time.monotonic(), 0
    for done, result in enumerate(results, start=1):
        yield result
        if done % PROGRESS_EVERY == 0:
            print(f"{done} lines, {done / (time.monotonic() - started):.0f} a second", file=sys.stderr, flush=True)
    print(f"{done} lines in {time.monotonic() - started:.1f} s", file=sys.stderr)


def confused(results: Iterable[dict[str, Any]]) -> None:
    """Print the table of confusions. Exits with what is wrong with a line that cannot be judged."""
    try:
        rows = list(confusions(results))
    except (KeyError, ValueError) as e:
        sys.exit(f"error: {e}")
    print("times\tasked for\tgot\tfor example")
    for row in rows:
        print(*row, sep="\t")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="script/assess", description=__doc__)
    parser.add_argument("--confusions", action="store_true", help="list what was taken for what")
    args = parser.parse_args(arguments)
    pipeline = Pipeline(latest_model())
    if args.confusions:
        given = DATA / "calibration" / "answers.jsonl"
        source = given.read_text(encoding="utf-8").splitlines() if sys.stdin.isatty() else sys.stdin
        confused(progress(lines(source, pipeline)))
        return
    for number, result in enumerate(progress(lines(sys.stdin, pipeline)), start=1):
        sys.stdout.write(json.dumps(result, ensure_ascii=False) + "\n")
        if number % PROGRESS_EVERY == 0:
            sys.stdout.flush()


if __name__ == "__main__":
    main()
