"""`script/assess`: a line for every line, in order, whatever the line holds."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from assistant import assess
from assistant.assess import FIELDS, Pipeline, latest_model, lines
from assistant.encoder import graph_path
from companion.paths import ROOT
from companion.tiers import TIERS

FOUND = {"tier": "none", "outcome": "answer", "answers": ["a/b"], "candidates": ["a/b"], "score": 0.9, "reasons": []}


class Echo:
    """Stands in for the pipeline and remembers what it was asked."""

    def __init__(self, _: Any = None) -> None:
        self.asked: list[str] = []

    def assess(self, text: str) -> dict[str, Any]:
        self.asked.append(text)
        return dict(FOUND)


@pytest.fixture
def pipeline() -> Echo:
    return Echo()


def run(pipeline: Echo, *given: str) -> list[dict[str, Any]]:
    return list(lines(given, cast(Pipeline, pipeline)))


def test_fields_of_a_line_are_kept_and_the_order_too(pipeline: Echo) -> None:
    given = [{"id": number, "text": f"message {number}", "tag": {"a": [1]}} for number in range(50)]
    found = run(pipeline, *map(json.dumps, given))
    assert found == [{**one, **FOUND} for one in given]
    assert set(FIELDS) <= set(found[0])


def test_an_empty_message_and_one_of_a_hundred_thousand_characters_are_answered(pipeline: Echo) -> None:
    found = run(
        pipeline, json.dumps({"text": ""}), json.dumps({"text": "word " * 20_000}), json.dumps({"text": "\x00 \n 👋"})
    )
    assert [one["tier"] for one in found] == ["none"] * 3
    assert pipeline.asked[0] == "" and len(pipeline.asked[1]) == 100_000


@pytest.mark.parametrize(
    "bad",
    ["", "no json", "[]", "7", "null", '"text"', '{"text": 7}', '{"words": "x"}', '{"text": null}', '{"text": "a'],
)
def test_a_line_that_is_no_message_gets_an_error_and_the_run_goes_on(bad: str, pipeline: Echo) -> None:
    good = json.dumps({"text": "fine"})
    found = run(pipeline, good, bad, good)
    assert [("error" in one) for one in found] == [False, True, False]
    assert found[1]["line"] == 2


def test_a_line_nested_a_hundred_thousand_deep_gets_an_error(pipeline: Echo) -> None:
    found = run(pipeline, "[" * 100_000, json.dumps({"text": "fine"}))
    assert ["error" in one for one in found] == [True, False]


def test_an_answer_is_written_before_the_next_line_is_read(pipeline: Echo) -> None:
    def source() -> Iterator[str]:
        yield '{"text": "one"}'
        assert pipeline.asked == ["one"], "ten thousand lines are not held in memory"
        yield '{"text": "two"}'

    assert len(list(lines(source(), cast(Pipeline, pipeline)))) == 2


def test_the_newest_model_is_taken(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="script/setup"):
        latest_model(tmp_path)
    for age, name in enumerate(("new", "old", "older")):
        (tmp_path / f"{name}.tar.gz").write_bytes(b"")
        os.utime(tmp_path / f"{name}.tar.gz", (1_000_000 - age, 1_000_000 - age))
    (tmp_path / "notes.txt").write_text("")
    assert latest_model(tmp_path).name == "new.tar.gz"


def test_progress_goes_to_standard_error_and_answers_to_standard_output(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(assess, "Pipeline", Echo)
    monkeypatch.setattr(assess, "latest_model", lambda: Path("model"))
    monkeypatch.setattr(assess, "PROGRESS_EVERY", 2)
    monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "¿Qué?"}\n' * 5))
    assess.main([])
    out, err = capsys.readouterr()
    assert [json.loads(line)["text"] for line in out.splitlines()] == ["¿Qué?"] * 5 and "¿Qué?" in out
    assert "2 lines" in err and "4 lines" in err and "5 lines in" in err and "¿Qué?" not in err


class Takes(Echo):
    """Takes every question for the first of two, and raises what sounds bad."""

    def assess(self, text: str) -> dict[str, Any]:
        if "hurts" in text:
            return {**FOUND, "tier": "symptom", "outcome": "escalate", "answers": []}
        if "weather" in text:
            return {**FOUND, "outcome": "abstain", "answers": []}
        return dict(FOUND)


def test_an_editor_sees_which_answers_are_taken_for_which(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = [("right", ["a/b"]), ("also right", ["c/d", "a/b"]), ("wrong, and long", ["c/d"]), ("wrong", ["c/d"])]
    asked += [("it hurts", ["a/b"]), ("weather?", []), ("weather", ["a/b"]), ("router", [])]
    monkeypatch.setattr(assess, "Pipeline", Takes)
    monkeypatch.setattr(assess, "latest_model", lambda: Path("model"))
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(json.dumps({"text": t, "keys": k}) + "\n" for t, k in asked)))
    assess.main(["--confusions"])
    head, first, *rest = capsys.readouterr().out.splitlines()
    assert head.split("\t") == ["times", "asked for", "got", "for example"]
    assert first.split("\t") == ["2", "c/d", "a/b", "wrong"]
    assert sorted(row.split("\t") for row in rest) == [
        ["1", "a/b", "no answer", "weather"],
        ["1", "a/b", "raised: symptom", "it hurts"],
        ["1", "no answer", "a/b", "router"],
    ]


def test_a_table_of_confusions_needs_the_right_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assess, "Pipeline", Takes)
    monkeypatch.setattr(assess, "latest_model", lambda: Path("model"))
    monkeypatch.setattr("sys.stdin", io.StringIO('{"text": "what is it"}\n'))
    with pytest.raises(SystemExit, match="the keys that would be right"):
        assess.main(["--confusions"])


def test_the_trained_pipeline_answers_every_line_and_writes_nothing_else(trained_model: Path, tmp_path: Path) -> None:
    graph = graph_path()
    for place, source in (("models/companion.tar.gz", trained_model.resolve()), (f"encoder/{graph.name}", graph)):
        (tmp_path / place).parent.mkdir(parents=True)
        (tmp_path / place).symlink_to(source)
    given: list[dict[str, Any]] = [
        {"id": 1, "text": "I want to kill myself"},
        {"text": ""},
        {"text": "word " * 20_000},
        {"text": "/restart", "note": "é"},
        {"text": "Can I eat or drink before my session?"},
        {"text": "I want to talk to a person"},
    ]
    typed = "".join(json.dumps(one) + "\n" for one in given) + "no message\n"
    env = {**os.environ, "COMPANION_HOME": str(tmp_path), "PYTHONPATH": str(ROOT), "PYTHONWARNINGS": "ignore"}
    run = [sys.executable, "-m", "assistant.assess"]
    done = subprocess.run(run, input=typed, env=env, cwd=ROOT, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(found) == 7 and found[6]["line"] == 7 and "error" in found[6]
    for one, result in zip(given, found, strict=False):
        assert {field: result[field] for field in one} == one and set(FIELDS) <= set(result)
        assert result["tier"] in TIERS and 0 <= result["score"] <= 1
    assert [result["tier"] for result in (found[0], found[4], found[5])] == ["crisis", "none", "human"]
    assert found[4]["answers"] == ["preparation/eating-and-drinking"]
    assert "7 lines in" in done.stderr and "kill myself" not in done.stderr
