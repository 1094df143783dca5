from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from companion.lint import SAFETY_KINDS
from companion.literals import repeats_within_repeats
from companion.normalise import fold, reveal
from companion.paths import DATA
from companion.rules import MAX_CHARS, PhraseRules, RulesError
from companion.sentences import sentences
from companion.tiers import URGENT, rank

URGENT_SENTENCES = [
    "I want to die",
    "im going to kill myself",
    "everyone would be better off without me",
    "he hits me",
    "quiero morirme",
    "I have chest pain right now",
    "i took all my pills",
    "I can't breathe",
    "my throat is closing",
    "kms tonight",
    "i cut myself again",
    "the voices tell me to kill him",
    "my son says he wants to die",
    "No puedo respirar",
]
HARMLESS_SENTENCES = [
    "What are your hours?",
    "Thanks a lot.",
    "No.",
    "lol",
    "My boss is killing me with this deadline.",
    "I used to be very low.",
    "I am not suicidal.",
    "Where do I park",
    "Can ketamine cause chest pain?",
    "I'm dying to know the price.",
    "Dr. Shaw was kind.",
    "no chest pain, no fainting",
    "years ago I was unwell",
    "the song is called I want to live",
    "etc.",
    "It ended in 1995.",
]


@pytest.mark.parametrize("text", URGENT_SENTENCES)
def test_somebody_in_danger_is_heard_without_any_model(rules: PhraseRules, text: str):
    assert rules.screen(text).tier in URGENT


@pytest.mark.parametrize(
    "text",
    [
        "I'm dying to know what it costs",
        "Two birds with one stone: can I kill two birds and book both?",
        "can ketamine cause chest pain",
        "does it help with suicidal thoughts",
        "how fast does ketamine reduce suicidal ideation",
        "not suicidal, no chest pain, I only want the opening hours",
        "I attempted in 1998, I'm well now, what do you offer?",
        "This traffic is killing me, I'll be five minutes late",
        "I could kill for a coffee",
        "my phone died during the call",
        "What happens if someone faints during a session?",
        "the movie Suicide Squad is on tonight",
        "I have depression and PTSD, do you treat that?",
    ],
)
def test_somebody_who_is_not_in_danger_gets_no_alarm(rules: PhraseRules, text: str):
    assert rules.screen(text).tier not in URGENT


def test_an_act_that_has_begun_is_an_emergency_and_an_intent_is_a_crisis(rules: PhraseRules):
    assert rules.screen("i swallowed all my pills").tier == "emergency"
    assert rules.screen("i want to die and i have a plan to end my life").tier == "crisis"


def test_taking_it_back_does_not_lower_a_tier(rules: PhraseRules):
    assert rules.screen("I want to die. jk, never mind").tier == "crisis"


def test_a_body_that_hurts_is_a_symptom_and_a_dose_is_advice(rules: PhraseRules):
    assert rules.screen("i feel dizzy").tier == "symptom"
    assert rules.screen("i have been throwing up since yesterday").tier == "symptom"
    assert rules.screen("should i stop taking my lamotrigine").tier == "advice"
    assert rules.screen("what dose should i take").tier == "advice"


def test_one_sentence_in_two_hundred_words_counts(rules: PhraseRules):
    filler = "The room was bright and the tea was warm. " * 12
    assert rules.screen(f"{filler}I want to die. {filler}").tier == "crisis"


def test_a_reason_names_the_rule_and_shows_the_sentence_as_it_was_typed(rules: PhraseRules):
    reason = rules.screen("Hello. I want to d1e tonight").reasons[0]
    assert (reason.layer, reason.tier, reason.sentence) == ("phrase", "crisis", "I want to d1e tonight")
    assert reason.rule in {rule.id for rule in rules.rules}


@given(st.text(max_size=400))
def test_no_text_crashes_the_screen(rules: PhraseRules, text: str):
    assert rules.screen(text).tier in ("none", "human", "advice", "symptom", "crisis", "emergency")


@given(
    st.sampled_from(URGENT_SENTENCES),
    st.lists(st.sampled_from(HARMLESS_SENTENCES + URGENT_SENTENCES), max_size=4),
    st.lists(st.sampled_from(HARMLESS_SENTENCES + URGENT_SENTENCES), max_size=4),
    st.sampled_from(["\n", ". ", "! ", "\n\n"]),
)
def test_adding_sentences_before_or_after_never_lowers_the_tier(
    rules: PhraseRules, sentence: str, before: list[str], after: list[str], between: str
):
    whole = between.join([*before, sentence, *after])
    assert rank(rules.screen(whole).tier) >= rank(rules.screen(sentence).tier)


@given(st.sampled_from(URGENT_SENTENCES), st.text(max_size=120), st.text(max_size=120))
def test_no_line_around_a_cry_for_help_can_silence_it(rules: PhraseRules, sentence: str, before: str, after: str):
    assert rules.screen(f"{before}\n{sentence}\n{after}").tier in URGENT


@pytest.mark.parametrize(
    "text",
    [
        piece * (MAX_CHARS // len(piece) + 1)
        for piece in (
            "a",
            " ",
            "a ",
            "i ",
            "very ",
            ". ",
            "-",
            " - ",
            "*",
            "k*",
            "a.b",
            "1 ",
            "\n \n",
            "!",
            "((((",
            "he said he ",
            "i want to ",
            "my husband says he is ",
            "the chest is ",
            "wish i could ",
            "so very really ",
            "die",
            "kill ",
            "a,",
            "\u00e9",
            "\U0001f480",
        )
    ],
)
def test_the_longest_message_made_to_be_slow_is_read_to_its_end(rules: PhraseRules, text: str):
    rules.screen(text)


def test_no_rule_repeats_without_bound_inside_a_repetition(rules: PhraseRules):
    patterns = [(rule.id, p.pattern) for rule in rules.rules for p in (rule.pattern, rule.unless) if p]
    assert [id_ for id_, pattern in patterns if repeats_within_repeats(pattern)] == []


def test_passing_rules_over_changes_no_verdict(rules: PhraseRules):
    """The letters that a rule cannot do without are only a short cut: trying every rule finds the same."""
    for text in labelled("crisis", "emergency", "none", every=20):
        readings = [reading for sentence in sentences(text) for reading in (fold(sentence), reveal(sentence))]
        found = {rule.id for rule in rules.rules if any(rule.matches(reading) for reading in readings)}
        assert found <= {reason.rule for reason in rules.screen(text).reasons}, text


@pytest.mark.parametrize(("tier", "share"), [("crisis", 0.7), ("emergency", 0.7)])
def test_most_of_the_training_messages_in_danger_are_heard(rules: PhraseRules, tier: str, share: float):
    texts = labelled(tier, every=5)
    assert sum(rules.screen(text).tier in URGENT for text in texts) >= share * len(texts)


def test_hardly_any_harmless_training_message_raises_an_alarm(rules: PhraseRules):
    texts = labelled("none", every=3)
    assert sum(rules.screen(text).tier in URGENT for text in texts) <= 0.02 * len(texts)


def labelled(*tiers: str, every: int) -> list[str]:
    """Every so-manieth training message of these tiers."""
    assert set(tiers) <= set(SAFETY_KINDS)
    texts = []
    for tier in tiers:
        for block in yaml.safe_load((DATA / "safety" / f"{tier}.yml").read_text(encoding="utf-8"))["nlu"]:
            texts += [line[2:] for line in block["examples"].splitlines() if line.startswith("- ")]
    return texts[::every]


def rules_file(folder: Path, content: object) -> Path:
    path = folder / "phrases.yml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), encoding="utf-8")
    return path


def test_a_rule_can_use_groups_of_words_and_take_itself_back(tmp_path: Path):
    path = rules_file(
        tmp_path,
        {
            "words": {"end": ["die", "vanish"], "wish": ["want to <end>"]},
            "phrases": [{"id": "wish", "tier": "crisis", "pattern": r"\bi <wish>\b", "unless": "laughing"}],
        },
    )
    rules = PhraseRules.load(path)
    assert rules.screen("I want to vanish").tier == "crisis"
    assert rules.screen("I want to die laughing").tier == "none"


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("", "restore the file"),
        ("phrases: []", "holds no rules"),
        ("phrases: [", "cannot read"),
        ({"phrases": [{"id": "a", "tier": "none", "pattern": "x"}]}, "rule 'a' is wrong"),
        ({"phrases": [{"id": "a", "tier": "panic", "pattern": "x"}]}, "'panic' is not one of"),
        ({"phrases": [{"id": "a", "tier": "crisis", "pattern": "("}]}, "rule 'a' is wrong"),
        ({"phrases": [{"id": "a", "tier": "crisis"}]}, "pattern"),
        ({"phrases": [{"id": "a", "tier": "crisis", "pattern": "<nobody>"}]}, "<nobody> is no group"),
        ({"phrases": [{"id": "a", "tier": "crisis", "pattern": "x"}] * 2}, "there twice"),
        ({"phrases": ["x"]}, "is wrong"),
    ],
)
def test_a_screen_without_good_rules_refuses_to_start(tmp_path: Path, content: object, says: str):
    with pytest.raises(RulesError, match=says):
        PhraseRules.load(rules_file(tmp_path, content))


def test_a_missing_rule_file_says_what_to_do(tmp_path: Path):
    with pytest.raises(RulesError, match="restore the file from the repository"):
        PhraseRules.load(tmp_path / "phrases.yml")
