"""The fault harness counts what it should, and a very short run of it with the real processes counts zero."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from companion.release import Release, build_from_data
from tests.faults.__main__ import MUST_BE_ZERO, Outcome, Plan, run, table
from tests.faults.breaking import AT_ONCE, FAULTS, FAULTS_BY_NAME, LEAST, SHORT
from tests.faults.count import Attempt, Felt, Ledger, Said, felt
from tests.running import missing

CRISIS = "I want to kill myself tonight"
QUESTION = "Can I eat or drink before my session?"
ANSWER = "preparation/eating-and-drinking"


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Release:
    return build_from_data(tmp_path_factory.mktemp("release") / "current.json")[0]


@pytest.fixture
def ledger(release: Release) -> Ledger:
    return Ledger([release])


def said(ledger: Ledger, text: str, *keys: str, state: str = "", tier: str = "none", at: float = 0.0, took: float = 0.1) -> Said:
    """A message and the reply to it; without keys no HTTP response came."""
    (release,) = ledger.releases.values()
    one = Said(uuid.uuid4(), text, "a fault")
    body: dict[str, Any] | None = None
    if keys:
        body = {
            "replies": [release.reply(release.items[key]) for key in keys],
            "tier": tier,
            "release": {"number": release.number, "hash": release.hash},
            "escalation": {"id": "x", "tier": tier, "state": state} if state else None,
        }
    one.attempts.append(Attempt(at, took, 200 if keys else 0, body))
    ledger.add(one)
    return one


def counts(ledger: Ledger, *escalated: Said, opened: int = 1, stored: list[Said] | None = None) -> dict[str, int]:
    rows = [(one.id.hex, 1) for one in escalated]
    alerts = [(one.id.hex, opened) for one in escalated]
    kept = [one.id.hex for one in (ledger.said if stored is None else stored)]
    return ledger.counts(rows, alerts, kept)


def test_when_all_went_well_every_count_that_must_be_zero_is(ledger: Ledger) -> None:
    said(ledger, QUESTION, ANSWER)
    met = said(ledger, CRISIS, "crisis.1", tier="crisis", state="recorded")
    counted = counts(ledger, met)
    assert not any(counted[name] for name in MUST_BE_ZERO if name in counted)
    assert (counted["messages"], counted["replies"], counted["urgent"], counted["escalations"]) == (2, 2, 1, 1)


def test_a_crisis_that_was_met_with_an_answer_is_counted(ledger: Ledger) -> None:
    lied_to = said(ledger, CRISIS, ANSWER)
    counted = counts(ledger, lied_to)
    assert counted["urgent_without_lines"] == 1


def test_a_crisis_that_nobody_was_told_of_is_counted(ledger: Ledger) -> None:
    said(ledger, CRISIS, "crisis.1", tier="crisis", state="unrecorded")
    assert (counts(ledger)["escalations_lost"], counts(ledger)["told_but_not_recorded"]) == (1, 0)


def test_a_patient_who_was_told_what_is_not_true_is_counted(ledger: Ledger) -> None:
    said(ledger, CRISIS, "crisis.1", tier="crisis", state="recorded")
    assert counts(ledger)["told_but_not_recorded"] == 1


def test_a_second_alert_and_an_escalation_out_of_nowhere_are_counted(ledger: Ledger) -> None:
    met = said(ledger, CRISIS, "crisis.1", tier="crisis", state="recorded")
    assert counts(ledger, met, opened=2)["escalations_doubled"] == 1
    nowhere = Said(uuid.uuid4(), CRISIS, "a fault")
    assert counts(ledger, met, nowhere)["escalations_doubled"] == 1


def test_a_sentence_that_nobody_approved_is_counted(ledger: Ledger) -> None:
    heard = said(ledger, QUESTION, ANSWER).attempts[0].body
    assert heard and counts(ledger)["unapproved_sentences"] == 0
    heard["replies"][0]["text"] += " You will be fine."
    assert counts(ledger)["unapproved_sentences"] == 1


def test_a_button_that_nobody_approved_is_counted(ledger: Ledger) -> None:
    heard = said(ledger, QUESTION, ANSWER).attempts[0].body
    assert heard
    heard["replies"][0]["choices"] = [{"label": "You are fine", "choice": "none"}]
    assert counts(ledger)["unapproved_sentences"] == 1


def test_a_message_that_was_answered_and_is_not_in_the_record_is_counted(ledger: Ledger) -> None:
    said(ledger, QUESTION, ANSWER)
    assert counts(ledger, stored=[])["unrecorded"] == 1


def test_a_patient_who_heard_nothing_however_often_they_asked_is_counted(ledger: Ledger) -> None:
    said(ledger, CRISIS)
    assert (counts(ledger, stored=[])["unanswered"], counts(ledger, stored=[])["urgent_without_lines"]) == (1, 1)


def test_what_was_felt_is_the_time_in_which_patients_noticed(ledger: Ledger) -> None:
    said(ledger, QUESTION, ANSWER, at=0.0)
    silent = said(ledger, CRISIS, at=10.0, took=1.0)
    silent.attempts.append(said(ledger, CRISIS, "crisis.1", at=12.0, took=0.5).attempts[0])
    said(ledger, QUESTION, "outage", at=14.0, took=4.0)
    one = felt("a fault", ledger.said)
    assert (one.messages, one.silent, one.out_of_order) == (4, 1, 1)
    assert (one.visible, one.lines, one.longest) == (8.0, 2.5, 4.0)


def test_the_short_run_breaks_everything_that_the_long_run_breaks() -> None:
    parts = ("web killed", "release cut in half", "engine stopped", "action server stopped", "engine answers", "engine says")
    covered = set(SHORT)
    for name in FAULTS:
        at_once = name.startswith((*parts, "engine names", "engine's connections"))
        assert name in covered or at_once, name
    assert set(SHORT) <= set(FAULTS_BY_NAME) and set(LEAST) <= set(FAULTS_BY_NAME) and set(AT_ONCE) <= covered


def test_a_count_that_is_not_zero_fails_the_run_and_stands_in_the_table() -> None:
    zero = dict.fromkeys(("messages", "replies", "urgent", "escalations", *MUST_BE_ZERO), 0)
    outcome = Outcome({**zero, "escalations_lost": 1}, [Felt("engine killed", 9, 3, 1, 4.0, 2.0, 4.0, 12.0)], 60.0, [])
    assert outcome.broken == ["escalations_lost"]
    assert "| engine killed | 9 | 3 | 1 | 4.0 s | 2.0 s | 4.0 s | 12.0 s |" in table(outcome)
    assert "| escalations lost | 1 |" in table(outcome)


def test_nothing_is_lost_doubled_or_made_up_while_things_break(tmp_path: Path) -> None:
    """Real processes; the most that fits into a minute or so."""
    if why := missing():
        pytest.skip(why)
    faults = ("engine answers in every wrong way", "web killed", "database full", "clock a day behind, then right")
    plan = Plan(seconds=0.5, rate=8, settle=60, limit=80, sweep=2, clean=False, faults=faults)
    outcome = run(plan, tmp_path / "home", say=lambda words: None)
    assert outcome.broken == [], outcome.counts
    assert outcome.counts["messages"] > 5
    noticed = {one.fault for one in outcome.faults if one.out_of_order or one.silent}
    assert "engine answers in every wrong way" in noticed, "what is broken is broken for real"
