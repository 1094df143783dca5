"""Whole conversations, as `tests/journeys/*.yml` tells them, held with the real engine, action server and web.

How a journey is written is explained in tests/journeys/README.md. Every text of every reply is checked, byte for byte,
against the release that the reply names (`tests/running.py`).
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.running import Heard, Patient, Running

JOURNEYS = sorted((Path(__file__).parent / "journeys").glob("*.yml"))
STEP = {
    "patient", "presses", "again", "gets", "tier", "lines", "offers", "never gets", "staff see"
}  # fmt: skip
WITHIN_SECONDS = 6.0
VARIATION = re.compile(r"\.[a-z0-9-]+$")


def journey(path: Path) -> dict[str, Any]:
    """A journey's content. Raises AssertionError that names what is wrong with the file."""
    content = yaml.safe_load(path.read_text("utf-8"))
    assert set(content) <= {"about", "because", "steps"} and content.get("about") and content.get("steps"), path.name
    for number, step in enumerate(content["steps"], start=1):
        unknown = set(step) - STEP
        assert not unknown, f"{path.name}, step {number}: {', '.join(unknown)} is no part of a step"
        assert len({"patient", "presses", "again"} & set(step)) <= 1, f"{path.name}, step {number}: one thing at a time"
        assert "gets" in step, f"{path.name}, step {number}: says nothing of what the patient gets"
    return content


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def is_expected(reply: dict[str, Any], expected: str) -> bool:
    """`expected` is a reply's key ("crisis.1"), its name ("crisis"), its kind, "staffing" or "no answer"."""
    if expected == "staffing":
        return reply["key"].startswith("staffing_")
    if expected == "no answer":
        return reply["kind"] in ("fallback", "clarify")
    return expected in (reply["key"], VARIATION.sub("", reply["key"]), reply["kind"])


def buttons(heard: Heard) -> dict[str, str]:
    return {choice["label"]: choice["choice"] for reply in heard.replies for choice in reply["choices"]}


class Walk:
    """One patient on one journey."""

    def __init__(self, running: Running) -> None:
        self.patient = Patient(running)
        self.heard = self.patient.greeting
        self.said: tuple[str, str] = ("", "")
        self.count = 0

    def take(self, step: dict[str, Any]) -> None:
        """Do what the step says; its expectations are checked by `check`."""
        if "again" in step:
            kind, words = self.said
        elif "patient" in step:
            kind, words = self.said = ("text", step["patient"])
        elif "presses" in step:
            offered = buttons(self.heard)
            assert step["presses"] in offered, f"no button {step['presses']!r} among {sorted(offered)}"
            kind, words = self.said = ("choice", offered[step["presses"]])
        else:
            return  # looks at the greeting
        self.count += "again" not in step
        send = self.patient.say if kind == "text" else self.patient.choose
        self.heard = send(words, message_id=f"step-{self.count}")

    def check(self, step: dict[str, Any]) -> None:
        heard, expected = self.heard, as_list(step["gets"])
        assert heard.seconds < WITHIN_SECONDS
        assert len(heard.replies) == len(expected), f"got {heard.keys}, not {expected}"
        for reply, one in zip(heard.replies, expected, strict=True):
            assert is_expected(reply, one), f"got {heard.keys}, not {expected}"
        if "tier" in step:
            assert heard.body["tier"] == step["tier"]
        for line in as_list(step.get("lines", [])):
            assert line in heard.lines, f"{line} is not among {heard.lines}"
        for label in as_list(step.get("offers", [])):
            assert label in buttons(heard), f"no button {label!r} among {sorted(buttons(heard))}"
        for one in as_list(step.get("never gets", [])):
            assert not any(is_expected(reply, one) for reply in heard.replies), f"got {heard.keys}"
        if "staff see" in step:
            seen = [tier for tier, _, _ in self.patient.escalations()]
            wanted = [] if step["staff see"] == "nothing" else as_list(step["staff see"])
            assert seen == wanted, f"staff see {seen or 'nothing'}, not {wanted or 'nothing'}"


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_conversation_goes_as_told(path: Path, running: Running) -> None:
    walk, told = Walk(running), journey(path)
    for number, step in enumerate(told["steps"], start=1):
        try:
            walk.take(step)
            walk.check(step)
        except AssertionError as e:
            said = step.get("patient") or step.get("presses") or "(nothing)"
            raise AssertionError(f"{path.name}, step {number}, {said!r}: {e}") from e


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_journey_is_written_as_the_readme_says(path: Path) -> None:
    journey(path)


def test_there_is_a_journey_for_every_tier() -> None:
    tiers = {step.get("tier") for path in JOURNEYS for step in journey(path)["steps"]}
    assert {"emergency", "crisis", "symptom", "advice", "human", "none"} <= tiers
