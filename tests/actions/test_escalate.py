"""`action_escalate` with a tracker as the engine sends it: it records first and says only what is true."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from django.utils import timezone
from rasa_sdk import Tracker
from rasa_sdk.executor import ActionExecutor, CollectingDispatcher

from actions import escalate
from actions.escalate import ActionEscalate
from companion.release import Releases, write
from tests.web.support import CRISIS, locked_database, make_release
from web import db
from web.chat.models import Conversation, Message
from web.escalations.models import Escalation
from web.escalations.services import escalation_id

REASONS = [{"layer": "screen", "tier": "crisis", "rule": "model", "sentence": CRISIS, "score": 0.98}]


@pytest.fixture
def message(transactional_db: None, tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Message:
    monkeypatch.setenv("COMPANION_HOME", str(tmp_path))
    in_force(monkeypatch)
    db.turns.resume()
    now = timezone.now()
    conversation = Conversation.objects.create(created_at=now, last_seen_at=now)
    return Message.objects.create(
        id=uuid.uuid4(), conversation=conversation, client_message_id="1", text=CRISIS, received_at=now, lease_until=now
    )


def in_force(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    monkeypatch.setattr(escalate, "RELEASES", Releases(write(make_release(**changes))))


def run(message: Any, tier: str = "crisis", **latest: Any) -> dict[str, Any]:
    """The one response of the action, as the engine gets it."""
    parsed = {
        "text": CRISIS,
        "intent": {"name": "crisis"},
        "metadata": {"conversation": "c", "message": str(message)},
        "companion": {"tier": tier, "reasons": REASONS, "release": 1},
        **latest,
    }
    tracker = Tracker("c", {}, parsed, [], False, None, {}, "action_listen")
    dispatcher = CollectingDispatcher()

    async def scenario() -> list[Any]:
        return await ActionEscalate().run(dispatcher, tracker, {})

    assert asyncio.run(scenario()) == []
    (said,) = dispatcher.messages
    return said


@pytest.fixture(autouse=True)
def close_threads() -> Any:
    yield
    db.turns.close()


def said_of(said: dict[str, Any]) -> tuple[Any, ...]:
    return said["response"], said["item"], said["escalation"]


def test_in_staffed_hours_it_records_and_says_so(message: Message) -> None:
    said = run(message.pk)
    row = Escalation.objects.get()
    assert (row.message_id, row.tier, row.recorded_by, row.reasons) == (message.pk, "crisis", "actions", REASONS)
    told = {"id": str(row.pk), "tier": "crisis", "state": "recorded"}
    assert said_of(said) == ("utter_staffing_staffed", "staffing_staffed", told)


def test_outside_staffed_hours_it_says_when_somebody_is_there(
    message: Message, monkeypatch: pytest.MonkeyPatch
) -> None:
    day = timezone.now().weekday()
    tomorrow = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")[(day + 1) % 7]
    in_force(monkeypatch, staffed={tomorrow: ["09:00-17:00"]})
    said = run(message.pk)
    assert (said["response"], said["item"]) == ("utter_staffing_until", f"staffing_until.{tomorrow}-0900")


def test_running_twice_records_once(message: Message) -> None:
    assert run(message.pk)["escalation"] == run(message.pk)["escalation"]
    assert Escalation.objects.count() == 1


def test_a_message_that_is_not_in_the_database_is_not_claimed_to_be_recorded(message: Message) -> None:
    unknown = uuid.uuid4()
    told = {"id": str(escalation_id(unknown)), "tier": "crisis", "state": "unrecorded"}
    assert said_of(run(unknown)) == ("utter_alert_failed", "alert_failed", told)
    assert not Escalation.objects.exists()


def test_with_the_database_locked_it_says_that_it_failed(message: Message, settings: Any) -> None:
    settings.DATABASE_BUSY = 0.1
    with locked_database():
        said = run(message.pk)
    assert (said["response"], said["escalation"]["state"]) == ("utter_alert_failed", "unrecorded")
    assert not Escalation.objects.exists()


@pytest.mark.parametrize(
    "latest",
    [
        {"metadata": {}},
        {"metadata": None},
        {"metadata": {"message": "not an id"}},
        {"metadata": ["?"]},
        {"companion": None},
        {"companion": {}},
        {"companion": {"tier": "none"}},
        {"companion": {"tier": ["crisis"]}},
        {"companion": {"tier": "crisis", "reasons": 5}},
    ],
)
def test_in_a_rasa_shell_or_with_a_strange_tracker_it_records_nothing_and_does_not_raise(
    message: Message, latest: dict[str, Any]
) -> None:
    assert run(message.pk, **latest)["response"] == "utter_alert_failed"
    assert not Escalation.objects.exists()


def test_the_action_server_finds_the_action(message: Message) -> None:
    executor = ActionExecutor()
    executor.register_package("actions")
    assert "action_escalate" in executor.actions


def test_it_logs_no_words_of_the_patient(message: Message, caplog: pytest.LogCaptureFixture, monkeypatch: Any) -> None:
    def broken(**_: Any) -> None:
        raise RuntimeError(CRISIS)

    monkeypatch.setattr(escalate, "escalation_record", broken)
    assert run(message.pk)["response"] == "utter_alert_failed"
    assert "RuntimeError" in caplog.text and "kill" not in caplog.text
