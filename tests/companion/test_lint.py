from __future__ import annotations

import copy
import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from companion.catalogue import Catalogue, load_catalogue
from companion.clinic import Clinic
from companion.lint import (
    SAFETY_KINDS,
    Finding,
    known_placeholders,
    lint,
    lint_answers,
    lint_card,
    lint_lines,
    lint_messages,
    lint_rules,
    lint_safety,
    lint_text,
    main,
    reading_grade,
)
from companion.paths import DATA

GOOD = (
    "Most people can drink some water until shortly before a session. Food is different. Ask the team when to stop. "
    "Call [[clinic.phone]] if you are not sure. Bring a small snack for later. Some people feel hungry when they wake. "
    "Others wait until they are home. Both are fine to plan for. Write your questions down and bring them with you."
)


def said(findings: list[Finding]) -> str:
    return "\n".join(map(str, findings))


def test_the_texts_of_the_repository_have_no_errors(capsys: pytest.CaptureFixture[str]):
    assert main() == 0, capsys.readouterr().out


def test_a_good_answer_has_nothing_against_it(clinic: Clinic):
    assert lint_text(GOOD, placeholders=known_placeholders(clinic)) == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "has no text"),
        ("Too short.", "has 2 words; an answer has 40 to 110"),
        (GOOD + " " + GOOD, "words; an answer has 40 to 110"),
        (GOOD + "\n\nMore.", "line break"),
        (GOOD + " Ask {name}.", "brace or bracket"),
        (GOOD + " See [1].", "brace or bracket"),
        (GOOD + " Call [[clinic.fax]].", "[[clinic.fax]] is no known placeholder"),
        (GOOD + " A usual amount is 40 mg.", "names a dose (40 mg)"),
        (GOOD + " It is 0.5 mg/kg.", "names a dose (0.5 mg/kg)"),
        (GOOD + " That is normal.", "promises or reassures (normal)"),
        (GOOD + " Don't worry.", "promises or reassures (Don't worry)"),
        (GOOD + " It will help.", "promises or reassures (will help)"),
    ],
)
def test_an_editor_is_told_what_is_wrong_with_a_text(clinic: Clinic, text: str, says: str):
    assert says in said(lint_text(text, placeholders=known_placeholders(clinic)))


def test_hard_words_and_long_sentences_are_noticed():
    hard = "Pharmacological interventions necessitate comprehensive interdisciplinary evaluation, " * 5 + "unquestionably."
    assert reading_grade(hard) > 15
    assert "school grade" in said(lint_text(hard))
    assert reading_grade("The cat sat. The dog ran.") < 3
    assert reading_grade("") == 0


def test_a_message_of_the_assistant_may_be_short():
    assert lint_text("None of these", kind="label") == []


@given(st.text(max_size=400))
def test_any_text_can_be_checked_while_it_is_being_typed(text: str):
    assert all(finding.what for finding in lint_text(text))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": "x" * 61}, "preparation/food: title has 61 characters"),
        ({"sources": ()}, "preparation/food: names no source"),
        ({"related": ("preparation/water",)}, "has 1 related answers; name 2 to 4"),
        (
            {"related": ("preparation/water", "preparation/food")},
            "related answer 'preparation/food' is no other answer",
        ),
        ({"phrasings": ("one",) * 11}, "has 11 phrasings"),
        ({"title": "about PREPARATION/Water!"}, "preparation/water: has the same title as preparation/food"),
        (
            {"phrasings": tuple(f"Question {n} about water?" for n in range(25))},
            "is in preparation/food already; remove one",
        ),
    ],
)
def test_an_answer_is_checked_with_all_that_belongs_to_it(catalogue: Catalogue, changes: dict[str, Any], says: str):
    catalogue.items["preparation/food"] = replace(catalogue.items["preparation/food"], **changes)
    assert says in said(lint_answers(catalogue))


def test_a_good_catalogue_has_nothing_against_it(catalogue: Catalogue):
    assert lint_answers(catalogue) == []


def test_few_phrasings_are_a_warning_and_very_few_an_error(catalogue: Catalogue):
    food = catalogue.items["preparation/food"]
    for count, error in ((12, False), (11, True)):
        catalogue.items["preparation/food"] = replace(food, phrasings=food.phrasings[:count])
        assert [finding.error for finding in lint_answers(catalogue)] == [error]


@pytest.mark.parametrize(
    ("name", "removed", "says"),
    [
        ("crisis", "[[lines.emergency]]", "does not say [[lines.emergency]]"),
        ("crisis", "[[lines.crisis]]", "does not say [[lines.crisis]]"),
        ("crisis", "automated", "automated or a computer program"),
        ("crisis", "someone you trust", "a person nearby"),
        ("crisis", "care team", "a professional"),
        ("crisis", "move away", "distance from danger"),
        ("emergency", "[[lines.emergency]]", "the number to call"),
        ("emergency", "automated", "automated or a computer program"),
        ("greeting", "not a clinician", "not a clinician"),
        ("greeting", "around the clock", "around the clock"),
    ],
)
def test_a_card_that_lacks_a_part_is_not_let_through(name: str, removed: str, says: str):
    key = {"crisis": "crisis.1", "emergency": "emergency.1", "greeting": "greeting"}[name]
    text = load_catalogue().items[key].text
    assert lint_card(name, text) == []
    assert removed in text
    assert says in said(lint_card(name, text.replace(removed, "it")))


@pytest.mark.parametrize(
    ("added", "says"),
    [
        ("Someone will call you soon.", "promises that somebody watches"),
        ("The care team is monitoring this chat.", "promises that somebody watches"),
        ("Help is on the way.", "promises that somebody watches"),
        ("Promise me that you will wait.", "asks for a promise"),
    ],
)
def test_a_card_promises_nothing_and_asks_for_no_promise(added: str, says: str):
    assert says in said(lint_card("crisis", load_catalogue().items["crisis.1"].text + " " + added))


def test_one_crisis_card_is_too_few_since_a_repeat_must_not_be_the_same_block(catalogue: Catalogue):
    for key in ("crisis.2", "crisis.3"):
        catalogue.items.pop(key, None)
    assert "crisis: has 1 variations; write at least 2" in said(lint_messages(catalogue))


def test_a_greeting_is_never_missing(catalogue: Catalogue):
    catalogue.items.pop("greeting")
    assert "greeting: is missing" in said(lint_messages(catalogue))


def test_old_lines_are_a_warning_and_very_old_ones_an_error():
    verified = dt.date(2026, 8, 31)
    assert lint_lines(today=verified) == []
    assert {finding.error for finding in lint_lines(today=verified + dt.timedelta(days=181))} == {False}
    assert {finding.error for finding in lint_lines(today=verified + dt.timedelta(days=401))} == {True}


def test_lines_that_cannot_be_read_are_an_error(tmp_path: Path):
    assert "cannot be read" in said(lint_lines(tmp_path / "lines.yml", today=dt.date(2026, 8, 31)))


def test_rules_that_could_take_for_ever_are_an_error(tmp_path: Path):
    path = tmp_path / "phrases.yml"
    path.write_text(yaml.safe_dump({"phrases": [{"id": "slow", "tier": "crisis", "pattern": "(?:die+ ?)+now"}]}), encoding="utf-8")
    assert "slow: repeats something without bound" in said(lint_rules(path))
    assert "cannot read the phrase rules" in said(lint_rules(tmp_path / "none.yml"))


def safety(tmp_path: Path, *blocks: tuple[str, str | None, str]) -> str:
    nlu = [{"intent": tier, "metadata": {"kind": kind} if kind else None, "examples": lines} for tier, kind, lines in blocks]
    (tmp_path / "labels.yml").write_text(yaml.safe_dump({"version": "3.1", "nlu": nlu}), encoding="utf-8")
    return said(lint_safety(tmp_path))


def test_good_labels_have_nothing_against_them(tmp_path: Path):
    assert safety(tmp_path, ("crisis", "active", "- one\n- two\n"), ("none", "literal", "- three\n")) == ""


@pytest.mark.parametrize(
    ("blocks", "says"),
    [
        ([("panic", "active", "- one")], "panic: is no tier"),
        ([("crisis", "sad", "- one")], "crisis sad: kind is not one of"),
        ([("crisis", None, "- one")], "crisis None: kind is not one of"),
        ([("crisis", "active", "one")], "needs `- ` in front"),
        ([("crisis", "active", "- one {two}")], "no brackets or braces"),
        (
            [("crisis", "active", "- One, two!"), ("none", "literal", "- one two")],
            "is crisis in labels.yml; settle one tier",
        ),
        ([("crisis", "active", "- one\n- one")], "is there 2 times"),
    ],
)
def test_labels_that_break_the_guide_are_named(tmp_path: Path, blocks: list[tuple[str, str | None, str]], says: str):
    assert says in safety(tmp_path, *blocks)


def test_a_file_of_labels_that_cannot_be_read_is_named(tmp_path: Path):
    (tmp_path / "labels.yml").write_text("nlu: [", encoding="utf-8")
    assert "labels.yml: cannot be read" in said(lint_safety(tmp_path))


def test_the_kinds_are_those_of_the_labelling_guide():
    guide = (DATA.parent / "docs" / "labelling-guide.md").read_text(encoding="utf-8").split("## Kinds")[1]
    assert {kind for kinds in SAFETY_KINDS.values() for kind in kinds} <= set(guide.replace("`", " ").split())


def test_faults_of_a_catalogue_that_cannot_be_loaded_are_findings_too(
    data_with: Callable[..., Path], three_answers: list[dict[str, Any]]
):
    broken = copy.deepcopy(three_answers)
    broken[0]["text"] = ""
    assert "preparation/food: has no text" in said(lint(data_with(broken), today=dt.date(2026, 9, 1)))


def test_a_finding_reads_as_file_key_and_what_to_do():
    assert str(Finding("has no text", "crisis.1", "messages.yml")) == "messages.yml: crisis.1: has no text"
