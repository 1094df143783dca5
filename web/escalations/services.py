"""Writes on escalations. Each is one transaction; a claim and a resolution are one conditional UPDATE each."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from companion.tiers import PRIORITY, rank
from web.chat.models import Message
from web.escalations.models import Escalation, StateChange

State = Escalation.State


class MessageUnknown(Exception):
    """The triggering message is not in the database (yet)."""


class NotPossible(Exception):
    """The escalation is not in the state that the change starts from; somebody else was first."""


def escalation_id(message: uuid.UUID) -> uuid.UUID:
    """The id that a message's escalation has, also before it is recorded."""
    return uuid.uuid5(message, "escalation")


@transaction.atomic
def escalation_record(*, message: uuid.UUID, tier: str, reasons: list[dict[str, Any]], recorded_by: str) -> Escalation:
    """The escalation of a message, made if there is none. Doing it again never makes a second; a higher tier raises it.

    Raises MessageUnknown, and ValueError for a tier that does not go to staff.
    """
    if tier not in PRIORITY:
        raise ValueError("this tier makes no escalation")
    found = Message.objects.filter(pk=message).values_list("conversation_id", flat=True).first()
    if found is None:
        raise MessageUnknown(str(message))
    escalation, created = Escalation.objects.get_or_create(
        message_id=message,
        defaults={
            "id": escalation_id(message),
            "conversation_id": found,
            "tier": tier,
            "priority": PRIORITY[tier],
            "reasons": reasons,
            "recorded_at": timezone.now(),
            "recorded_by": recorded_by,
        },
    )
    if created:
        StateChange.objects.create(escalation=escalation, to_state=State.OPEN, at=timezone.now())
        return escalation
    merged = escalation.reasons + [reason for reason in reasons if reason not in escalation.reasons]
    if rank(tier) > rank(escalation.tier):
        escalation.tier, escalation.priority = tier, PRIORITY[tier]
    escalation.reasons = merged
    escalation.save(update_fields=["tier", "priority", "reasons"])
    return escalation


@transaction.atomic
def escalation_claim(*, escalation: uuid.UUID, by: User) -> None:
    """Take an open escalation. Raises NotPossible when it is not open: of two who claim at once, one gets it."""
    now = timezone.now()
    rows = Escalation.objects.filter(pk=escalation, state=State.OPEN)
    if rows.update(state=State.CLAIMED, claimed_by=by, claimed_at=now) != 1:
        raise NotPossible
    _changed(escalation, State.OPEN, State.CLAIMED, by)


@transaction.atomic
def escalation_resolve(*, escalation: uuid.UUID, by: User, outcome: str, note: str = "") -> None:
    """Close an escalation that `by` has claimed. Raises NotPossible otherwise, ValueError for an unknown outcome.

    If the patient has deleted the conversation meanwhile, what was kept for staff is erased with this.
    """
    if outcome not in Escalation.Outcome.values:
        raise ValueError("unknown outcome")
    rows = Escalation.objects.filter(pk=escalation, state=State.CLAIMED, claimed_by=by)
    changed = rows.update(
        state=State.RESOLVED, resolved_by=by, resolved_at=timezone.now(), outcome=outcome, note=note.strip()
    )
    if changed != 1:
        raise NotPossible
    _changed(escalation, State.CLAIMED, State.RESOLVED, by)
    from web.chat.services import conversation_erase_rest  # chat's services need this module

    conversation_erase_rest(
        conversation=Escalation.objects.values_list("conversation_id", flat=True).get(pk=escalation)
    )


def _changed(escalation: uuid.UUID, before: str, after: str, by: User) -> None:
    StateChange.objects.create(
        escalation_id=escalation, from_state=before, to_state=after, by_id=by.pk, at=timezone.now()
    )
