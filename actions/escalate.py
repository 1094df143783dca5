"""`action_escalate`: records an escalation in the app's database, then says what is true about it. Never raises."""

from __future__ import annotations

import logging
import os
import uuid
from typing import Any

import django

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")
django.setup()

from django.utils import timezone  # noqa: E402
from rasa_sdk import Action, Tracker  # noqa: E402
from rasa_sdk.executor import CollectingDispatcher  # noqa: E402

from companion.release import ReleaseError, Releases  # noqa: E402
from companion.staffing import FAILED, staffing_key  # noqa: E402
from companion.tiers import PRIORITY  # noqa: E402
from web import db  # noqa: E402
from web.chat.wording import base_name  # noqa: E402
from web.escalations.services import escalation_id, escalation_record  # noqa: E402

log = logging.getLogger(__name__)
RELEASES = Releases()


class NothingToRecord(Exception):
    """The turn names no message of ours (`rasa shell`), or its tier does not go to staff."""


class ActionEscalate(Action):
    """Records first, speaks second: the patient hears that staff were told only when the row is committed."""

    def name(self) -> str:
        return "action_escalate"

    async def run(
        self, dispatcher: CollectingDispatcher, tracker: Tracker, domain: dict[str, Any]
    ) -> list[dict[str, Any]]:
        message: uuid.UUID | None = None
        tier = ""
        try:
            message, tier, reasons = what_happened(tracker.latest_message)
            await db.turns.call(escalation_record, message=message, tier=tier, reasons=reasons, recorded_by="actions")
            key, state = staffing_key(RELEASES.current(), timezone.now()), "recorded"
        except ReleaseError:
            key, state = "staffing_closed", "recorded"  # recorded, but whether somebody is there is not known
        except Exception as e:
            log.warning("action_escalate: not recorded: %s", type(e).__name__)
            key, state = FAILED, "unrecorded"
        escalation = {"id": str(escalation_id(message)), "tier": tier, "state": state} if message else None
        dispatcher.utter_message(response=f"utter_{base_name(key)}", item=key, escalation=escalation)
        return []


def what_happened(latest: dict[str, Any]) -> tuple[uuid.UUID, str, list[dict[str, Any]]]:
    """Message, tier and reasons of the latest turn. Raises NothingToRecord."""
    try:
        metadata, verdict = latest.get("metadata") or {}, latest.get("companion") or {}
        message, tier = uuid.UUID(str(metadata["message"])), verdict["tier"]
        if tier not in PRIORITY:
            raise NothingToRecord(str(tier)[:20])
        return message, tier, [dict(reason) for reason in verdict.get("reasons") or []]
    except (KeyError, TypeError, ValueError, AttributeError):
        raise NothingToRecord("no message") from None
