"""What is said is what was approved, letter for letter; variations come in turn; buttons carry approved words."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from rasa.shared.core.events import ActionExecuted, BotUttered, UserUttered
from rasa.shared.core.trackers import DialogueStateTracker

from assistant.nlg import ApprovedAnswerNLG
from companion.release import Release, ReleaseError, content_hash, text_hash, write
from tests.assistant.support import PHRASINGS, answer, publish, small_release

PERSON = ("Approved words of label_talk_to_person.", "human")
BRACES = 'Take {nothing} from us now; "{us" and "5}" stay, and [[this]] too.\n\nA second part: 100 %s.'


@pytest.fixture(autouse=True)
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """As before a model is loaded: the NLG reads the release itself."""
    monkeypatch.setattr("assistant.nlg.served", lambda: None)


@pytest.fixture
def release(home: Path) -> Release:
    return publish(home)


def said(reply: dict[str, Any]) -> BotUttered:
    return BotUttered(reply["text"], metadata={"reply": reply})


def generate(name: str, *events: BotUttered, verdict: Any = None, metadata: Any = None, **more: Any) -> dict[str, Any]:
    parsed = {"companion": verdict or {}}
    asked = UserUttered("words of a patient", parse_data=parsed, metadata=metadata or {})
    asked.parse_data = parsed
    tracker = DialogueStateTracker.from_events("c", [ActionExecuted("action_listen"), *events, asked])
    return asyncio.run(ApprovedAnswerNLG().generate(f"utter_{name}", tracker, "companion", **more))


def labels(response: dict[str, Any]) -> list[tuple[str, str]]:
    return [(choice["label"], choice["choice"]) for choice in response["reply"]["choices"]]


def test_an_answer_is_said_as_it_stands_in_the_release(release: Release) -> None:
    response = generate("preparation/eating")
    item = release.items["preparation/eating"]
    assert response["text"] == response["reply"]["text"] == item["text"]
    assert {part: response["reply"][part] for part in ("kind", "key", "revision", "links")} == {
        part: item[part] for part in ("kind", "key", "revision", "links")
    }
    assert response["release"] == {"number": release.number, "hash": release.hash}


def test_braces_and_blank_lines_in_a_text_stay_as_they_are(home: Path) -> None:
    content = small_release()
    for item in content["items"]:
        if item["key"] == "preparation/eating":
            item.update(text=BRACES, hash=text_hash(BRACES))
    write({**content, "hash": content_hash(content)}, home / "releases" / "current.json")
    assert generate("preparation/eating", nothing="changed", us="changed")["text"] == BRACES


def test_variations_come_in_turn_and_begin_again(release: Release) -> None:
    history: list[BotUttered] = []
    keys = []
    for _ in range(4):
        response = generate("crisis", *history)
        keys.append(response["reply"]["key"])
        history.append(said(response["reply"]))
    assert keys == ["crisis.1", "crisis.2", "crisis.3", "crisis.1"]


def test_what_the_app_counted_decides_when_the_engine_remembers_less(release: Release) -> None:
    assert generate("crisis", metadata={"context": {"shown": {"crisis": 1}}})["reply"]["key"] == "crisis.2"
    assert generate("crisis", metadata={"context": {"shown": {"emergency": 1}}})["reply"]["key"] == "crisis.1"


def test_a_crisis_reply_carries_its_lines(release: Release) -> None:
    assert "tel:988" in [link["href"] for link in generate("crisis")["reply"]["links"]]


def test_a_text_that_the_release_does_not_hold_is_an_error_and_no_guess(release: Release) -> None:
    with pytest.raises(ReleaseError, match=r"no text 'preparation/unknown'"):
        generate("preparation/unknown")


def test_a_release_that_is_gone_is_an_error(release: Release) -> None:
    with pytest.raises(ReleaseError, match="release 77 is not there"):
        generate("preparation/eating", verdict={"release": {"number": 77}})


def test_without_any_release_nothing_is_said(home: Path) -> None:
    with pytest.raises(ReleaseError):
        generate("fallback")


def test_the_text_comes_from_the_release_that_matched_the_message(home: Path, release: Release) -> None:
    changed = answer("preparation/eating", text="Other approved words.")
    later = publish(home, changed, *(answer(key) for key in PHRASINGS if key != changed.key), previous=release)
    verdict = {"release": {"number": release.number}}
    assert generate("preparation/eating", verdict=verdict)["text"] == "Approved words about eating."
    assert generate("preparation/eating")["release"]["number"] == later.number


def test_two_answers_are_two_replies(release: Release) -> None:
    response = generate("preparation/eating", verdict={"answers": ["preparation/eating", "session/music"]})
    assert [response["reply"]["key"], *(reply["key"] for reply in response["also"])] == [
        "preparation/eating",
        "session/music",
    ]


def test_rasas_own_default_is_our_fallback(release: Release) -> None:
    response = generate("default")
    assert response["reply"]["key"] == "fallback.1"
    assert labels(response) == [
        ("Before a session", "preparation"), ("The session", "session"), PERSON
    ]  # fmt: skip


def test_the_second_miss_offers_the_care_team(release: Release) -> None:
    response = generate("fallback", metadata={"context": {"misses": 1}})
    assert response["reply"]["key"] == "offer_care_team" and labels(response)[-1][1] == "human"


def test_an_answer_offers_related_answers_that_may_be_served(home: Path) -> None:
    eating = answer("preparation/eating", related=("session/music", "preparation/rides"), offer_care_team=True)
    publish(home, eating, answer("preparation/rides"), answer("session/music"))
    assert labels(generate("preparation/eating")) == [
        ("About music", "session/music"), ("About rides", "preparation/rides"), PERSON
    ]  # fmt: skip


def test_a_clarification_offers_the_candidates_none_of_them_and_a_person(release: Release) -> None:
    verdict = {"candidates": ["session/music", "preparation/eating", "withdrawn/answer"]}
    assert [choice for _, choice in labels(generate("clarify", verdict=verdict))] == [
        "session/music", "preparation/eating", "none", "human"
    ]  # fmt: skip


def test_a_section_offers_its_questions(release: Release) -> None:
    offered = labels(generate("section", verdict={"section": "preparation"}))
    assert offered == [("About eating", "preparation/eating"), ("About rides", "preparation/rides")]


@pytest.mark.parametrize(
    "name", ["fallback", "clarify", "section", "preparation/eating", "smalltalk/greet", "greeting", "crisis"]
)
def test_every_label_on_a_button_is_an_approved_text(name: str, release: Release) -> None:
    verdict = {"candidates": list(PHRASINGS), "section": "preparation"}
    labelled = {item["text"] for item in release.items.values() if item["kind"] == "label"}
    titles = {item["title"] for item in release.answers}
    response = generate(name, verdict=verdict)
    assert {label for label, _ in labels(response)} <= labelled | titles | set(release.sections.values())
    assert [(b["title"], b["payload"]) for b in response["buttons"]] == labels(response), "for rasa shell"


def test_an_action_says_exactly_the_item_it_names_and_passes_its_escalation_on(release: Release) -> None:
    escalation = {"id": "e", "tier": "crisis", "state": "recorded"}
    response = generate("staffing_staffed", item="alert_failed", escalation=escalation)
    assert response["reply"]["key"] == "alert_failed" and response["escalation"] == escalation
    assert "escalation" not in generate("staffing_staffed", item="staffing_staffed")
