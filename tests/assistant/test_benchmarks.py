from __future__ import annotations

import json
import math

import numpy as np
import pytest

from benchmarks import generic
from benchmarks.bm25 import BM25, BM25Matcher
from benchmarks.coverage import curve, let_through
from benchmarks.evaluation import (
    Line,
    alarms,
    answer_figures,
    confusions,
    near_duplicates,
    outside_answered,
    raised,
    read_lines,
    recall,
    right_key_reached,
)
from benchmarks.models import checksum, read_stats, train
from benchmarks.predictions import Prediction, read_companion, read_default
from benchmarks.report import Goal, Share, machine, percentiles, table, wilson
from companion.corpus import SAFETY_TIERS


def line(text: str, *, id_: str = "x", kind: str = "plain", tier: str = "", keys: tuple[str, ...] = ()) -> Line:
    return Line(id_, text, kind, tier, keys)


# --- report ---------------------------------------------------------------------------------------------------------


def test_wilson_gives_the_published_interval():
    low, high = wilson(81, 263)  # Newcombe 1998, table I
    assert (round(low, 4), round(high, 4)) == (0.2553, 0.3662)


def test_wilson_stays_within_0_and_1_at_the_ends():
    assert wilson(0, 10)[0] == 0 and wilson(0, 10)[1] == pytest.approx(0.2775, abs=1e-4)
    assert wilson(10, 10)[1] == 1 and wilson(0, 0) == (0, 1)


def test_a_share_of_nothing_is_said_to_be_none_and_reaches_no_goal():
    assert Share(0, 0).text() == "–"
    assert not Goal("recall", Share(0, 0), 0.9).reached
    assert not Goal("alarms", Share(0, 0), 0.1, at_most=True).reached


def test_a_goal_is_reached_at_its_limit():
    assert Goal("recall", Share(95, 100), 0.95).reached and not Goal("recall", Share(94, 100), 0.95).reached
    assert Goal("alarms", Share(5, 100), 0.05, at_most=True).reached
    assert "missed" in Goal("alarms", Share(6, 100), 0.05, at_most=True).row()[-1]


def test_percentiles_of_a_hundred_and_of_none():
    assert percentiles(range(101)) == (50, 95, 99)
    assert all(math.isnan(value) for value in percentiles([]))


def test_a_bar_or_line_break_in_a_text_does_not_break_the_table():
    rows = table(["a", "b"], [["x|y", "two\nlines"]]).splitlines()
    assert len(rows) == 3 and rows[-1] == "| x\\|y | two lines |"


def test_the_machine_is_described_without_a_path():
    assert "/" not in machine() and "cores" in machine()


# --- predictions ----------------------------------------------------------------------------------------------------

RANKING = [
    {"intent_response_key": key, "confidence": c}
    for key, c in (("plan/a", 0.6), ("smalltalk/hi", 0.3), ("plan/b", 0.1))
]


def parsed(intent: str | None, key: str = "plan/a") -> dict:
    response = {"intent_response_key": key, "confidence": 0.6}
    selector = {"all_retrieval_intents": ["plan", "smalltalk"], "default": {"response": response, "ranking": RANKING}}
    return {"intent": {"name": intent, "confidence": 0.9}, "response_selector": selector}


@pytest.mark.parametrize("tier", ["emergency", "crisis", "symptom", "advice"])
def test_default_a_tier_is_read_from_the_intent(tier: str):
    prediction = read_default(parsed(tier))
    assert (prediction.tier, prediction.outcome, prediction.answers) == (tier, "escalate", ())


def test_default_a_retrieval_intent_is_answered_with_the_selectors_first_response():
    prediction = read_default(parsed("plan"))
    assert (prediction.tier, prediction.outcome, prediction.answers) == ("none", "answer", ("plan/a",))
    assert prediction.candidates == ("plan/a", "plan/b") and prediction.score == 0.6


def test_default_small_talk_is_no_answer():
    assert read_default(parsed("plan", "smalltalk/hi")).outcome == "smalltalk"


@pytest.mark.parametrize("intent", ["nlu_fallback", "out_of_scope", "none", None])
def test_default_no_answer_is_an_abstention_that_keeps_the_ranking(intent: str | None):
    prediction = read_default(parsed(intent))
    assert (prediction.tier, prediction.outcome, prediction.answers) == ("none", "abstain", ())
    assert prediction.candidates[0] == "plan/a"


def test_default_a_person_is_asked_for():
    assert (read_default(parsed("human")).tier, read_default(parsed("human")).outcome) == ("human", "human")


def test_default_output_without_anything_is_an_abstention():
    assert read_default({}) == Prediction()


def test_ours_is_read_with_keys_of_any_language_made_plain():
    given = {
        "tier": "none",
        "outcome": "answer",
        "answers": ["es:plan/a"],
        "candidates": ["es:plan/a", "plan/a", "plan/b"],
    }
    prediction = read_companion({"companion": {**given, "score": 0.9}})
    assert prediction.answers == ("plan/a",) and prediction.candidates == ("plan/a", "plan/b")


def test_a_prediction_survives_its_way_through_json():
    prediction = read_default(parsed("plan"))
    assert Prediction.of(json.loads(json.dumps(prediction.as_dict()))) == prediction


# --- evaluation -----------------------------------------------------------------------------------------------------


def test_every_evaluation_line_is_read_with_what_it_is_asked_for():
    assert {x.tier for x in read_lines("safety")} == set(SAFETY_TIERS)
    answers = read_lines("answers")
    assert len({x.id for x in answers}) == len(answers)
    assert all(len(x.keys) == 2 for x in answers if x.both) and any(x.both for x in answers)


def test_a_limit_takes_lines_from_the_whole_file():
    assert {x.tier for x in read_lines("safety", 60)} == set(SAFETY_TIERS)


def test_near_duplicates_are_found_whatever_their_case_accents_and_punctuation():
    found = near_duplicates([line("¿Puedo CONDUCIR  después?")], ["something else", "puedo conducir despues"])
    assert [(x.example, x.likeness) for x in found] == [("puedo conducir despues", 1.0)]


def test_near_duplicates_share_at_least_four_fifths_of_their_words():
    near = near_duplicates(
        [line("can i drive my car home")], ["can i drive the car home", "can i drive my car home tonight"]
    )
    assert [x.example for x in near] == ["can i drive my car home tonight"]  # 6 of 7; the other shares 5 of 7
    assert not near_duplicates([line("can i drive")], ["can i drive home tonight"])


def test_near_duplicates_agree_with_a_comparison_of_all_pairs():
    random = np.random.default_rng(0)
    texts = [" ".join(random.choice(list("abcdefg"), size=random.integers(1, 9))) for _ in range(300)]
    lines = [line(text, id_=str(i)) for i, text in enumerate(texts[:100])]

    def likeness(a: str, b: str) -> float:
        return len({*a.split()} & {*b.split()}) / len({*a.split()} | {*b.split()})

    slow = {x.id for x in lines if max(likeness(x.text, other) for other in texts[100:]) >= 0.8}
    assert {x.line.id for x in near_duplicates(lines, texts[100:])} == slow


def test_a_message_with_no_word_at_all_is_compared_as_it_is():
    assert near_duplicates([line("🙂🙂")], ["🙂🙂"]) and not near_duplicates([line("🙂")], ["🔥"])


@pytest.mark.parametrize(
    ("tier", "found", "far_enough"),
    [
        ("crisis", "emergency", True),
        ("emergency", "crisis", True),
        ("crisis", "symptom", False),
        ("symptom", "crisis", True),
        ("symptom", "advice", False),
        ("advice", "human", True),
        ("advice", "none", False),
    ],
)
def test_raised_far_enough(tier: str, found: str, far_enough: bool):
    assert raised(tier, found) is far_enough


def test_recall_and_alarms_count_their_own_lines_only():
    lines = [line("a", id_="1", tier="crisis", kind="active"), line("b", id_="2", tier="crisis", kind="veiled")]
    lines += [line("c", id_="3", tier="none", kind="question"), line("d", id_="4", tier="none", kind="title")]
    found = {"1": Prediction("emergency"), "2": Prediction(), "3": Prediction(), "4": Prediction("advice")}
    assert recall(lines, found, "crisis") == Share(1, 2) and recall(lines, found, "crisis", "active") == Share(1, 1)
    assert alarms(lines, found, urgent=False) == Share(1, 2) and alarms(lines, found, urgent=True) == Share(0, 2)
    assert alarms(lines, found, urgent=False, kinds=lambda kind: kind == "question") == Share(0, 1)


def test_every_in_scope_line_ends_in_exactly_one_outcome():
    lines = [line("q", id_=str(i), keys=("a/x",)) for i in range(6)]
    found = dict(
        zip(
            "012345",
            [
                Prediction(outcome="answer", answers=("a/x",), candidates=("a/x",)),
                Prediction(outcome="answer", answers=("a/y",), candidates=("a/y", "a/x")),
                Prediction(outcome="clarify", candidates=("a/y", "a/x")),
                Prediction(outcome="clarify", candidates=("a/y",)),
                Prediction(outcome="abstain", candidates=("a/x",)),
                Prediction("advice", "escalate"),
            ],
        )
    )
    figures = answer_figures(lines, found)
    assert figures.pop("right first") == Share(2, 6) and figures.pop("right among three") == Share(4, 6)
    assert sum(share.hits for share in figures.values()) == 6
    assert figures["refused"] == Share(2, 6) and right_key_reached(lines, found) == Share(2, 6)
    assert confusions(lines, found)[0] == ("a/x", "a/y", 3, "q")


def test_only_an_answer_counts_as_out_of_scope_answered():
    lines = [line("q", id_="1", kind="spam"), line("q", id_="2", kind="abuse"), line("q", id_="3", keys=("a/x",))]
    found = dict.fromkeys("123", Prediction(outcome="answer", answers=("a/x",))) | {"2": Prediction(outcome="clarify")}
    assert outside_answered(lines, found) == Share(1, 2) and outside_answered(lines, found, ["abuse"]) == Share(0, 1)


# --- BM25 -----------------------------------------------------------------------------------------------------------


def test_bm25_scores_as_the_formula_says():
    scores = BM25(["a a b", "b c"], k1=1.5, b=0.75).scores("a")
    expected = math.log(1 + 1.5 / 1.5) * 2 * 2.5 / (2 + 1.5 * (0.25 + 0.75 * 3 / 2.5))
    assert scores == pytest.approx([expected, 0])


def test_bm25_answers_with_the_rarest_words_best_and_abstains_on_unknown_ones():
    matcher = BM25Matcher([("can i drive home", "a/drive"), ("can i eat", "a/eat"), ("hello you", "smalltalk/hi")])
    assert matcher.predict("drive?").answers == ("a/drive",)
    assert matcher.predict("zebra") == Prediction()
    assert matcher.predict("hello").outcome == "smalltalk"


def test_bm25_answers_only_from_its_limit_and_never_with_what_is_out_of_scope():
    matcher = BM25Matcher([("can i drive home", "a/drive"), ("weather today", "out_of_scope")])
    assert matcher.predict("weather").outcome == "abstain"
    matcher.answer_from = 100.0
    assert matcher.predict("drive").outcome == "abstain" and matcher.predict("drive").candidates == ("a/drive",)


# --- curves, files --------------------------------------------------------------------------------------------------


def test_the_surest_messages_are_covered_first():
    covered, accuracy = curve(np.array([0.2, 0.9, 0.5]), np.array([False, True, True]))
    assert covered == pytest.approx([1 / 3, 2 / 3, 1]) and accuracy == pytest.approx([1, 1, 2 / 3])


def test_what_is_let_through_grows_with_coverage():
    covered, through = let_through(np.array([0.9, 0.5, 0.0]), np.array([0.6, 0.0]))
    assert covered == pytest.approx([1 / 3, 1 / 3, 2 / 3]) and through == pytest.approx([0, 0.5, 0.5])


def test_statistics_are_read_from_our_own_file_and_from_gnu_time(tmp_path):
    (tmp_path / "a.json").write_text('{"seconds": 12.5, "peak_mb": 800}')
    assert read_stats(tmp_path / "a.json") == (12.5, 800)
    log = "\tElapsed (wall clock) time (h:mm:ss or m:ss): {}\n\tMaximum resident set size (kbytes): 2048\n"
    for clock, seconds in (("21:05.50", 1265.5), ("1:02:03", 3723)):
        (tmp_path / "log").write_text("noise: 1\n" + log.format(clock))
        assert read_stats(tmp_path / "log") == (seconds, 2)
    (tmp_path / "log").write_text("still training")
    with pytest.raises(ValueError, match="log is neither"):
        read_stats(tmp_path / "log")


FAKE_RASA = """#!/bin/sh
while [ "$1" != --out ]; do shift; done
[ -z "$FAIL" ] || { echo "no such intent"; exit 3; }
echo model >"$2/$4.tar.gz"
"""


def test_a_trained_model_is_kept_with_what_it_took(tmp_path, monkeypatch):
    (tmp_path / "rasa").write_text(FAKE_RASA)
    (tmp_path / "rasa").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "rasa"))
    model, stats = tmp_path / "bench" / "m.tar.gz", tmp_path / "bench" / "m.json"
    train(["train"], model, stats)
    assert model.read_text() == "model\n" and read_stats(stats)[0] > 0 and str(tmp_path) not in stats.read_text()
    assert {path.name for path in model.parent.iterdir()} == {"m.tar.gz", "m.json"}


def test_a_training_that_fails_says_why_and_keeps_nothing(tmp_path, monkeypatch):
    (tmp_path / "rasa").write_text(FAKE_RASA)
    (tmp_path / "rasa").chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "rasa"))
    monkeypatch.setenv("FAIL", "1")
    with pytest.raises(RuntimeError, match="no such intent"):
        train(["train"], tmp_path / "m.tar.gz", tmp_path / "m.json")
    assert [path.name for path in tmp_path.iterdir()] == ["rasa"]


def test_the_checksum_of_the_data_changes_with_a_files_name_and_content(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.yml").write_text("1")
    first = checksum([tmp_path / "data"])
    (tmp_path / "data" / ".hidden").write_text("2")
    assert checksum([tmp_path / "data"]) == first
    (tmp_path / "data" / "a.yml").write_text("2")
    second = checksum([tmp_path / "data"])
    (tmp_path / "data" / "a.yml").rename(tmp_path / "data" / "b.yml")
    assert len({first, second, checksum([tmp_path / "data"])}) == 3


def test_a_table_of_texts_and_labels_is_read_and_a_wrong_line_named(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_text("how much\tprice\n\na\tb\tprice\n")
    assert generic.read_tsv(path) == [("how much", "price"), ("a\tb", "price")]
    path.write_text("how much\tprice\nno label\n")
    with pytest.raises(ValueError, match="line 2"):
        generic.read_tsv(path)


def test_the_out_of_scope_curve_counts_both_sides():
    test = [("a", "x"), ("b", "y"), ("c", "oos"), ("d", "oos")]
    ranked = [["x", "y"], ["x", "y"], ["oos", "x"], ["y", "x"]]
    tested = generic.Tested(ranked, np.array([0.9, 0.4, 0.9, 0.6]), 1.0, 1.0, 1.0)
    rows = {row[0]: row[1:] for row in generic.curve_rows(test, tested)}
    assert rows["0.00"] == ["100.0%", "50.0%", "50.0%"]
    assert rows["0.50"] == ["50.0%", "100.0%", "50.0%"]
    assert rows["0.95"] == ["0.0%", "–", "0.0%"]
