"""Writes on escalations. Each is one transaction; a claim and a resolution are one conditional UPDATE each."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.contrib.auth.models import User
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from companion.tiers import PRIORITY, URGENT, rank
from web.alerts.outbox import alert_raise
from web.chat.models import Message
from web.escalations.audit import audit
from web.escalations.models import Escalation, Note, OffDuty, StaffMessage, StateChange, Takeover, name_of
from web.escalations.targets import due_at, targets

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

    While a person talks with the patient, what is not urgent is theirs from the start; what is urgent is for everybody.
    Raises MessageUnknown, and ValueError for a tier that does not go to staff.
    """
    if tier not in PRIORITY:
        raise ValueError("this tier makes no escalation")
    found = Message.objects.filter(pk=message).values("conversation_id", "received_at").first()
    if found is None:
        raise MessageUnknown(str(message))
    now = timezone.now()
    talking = None if tier in URGENT else Takeover.objects.filter(
        conversation=found["conversation_id"], ended_at=None
    ).first()
    escalation, created = Escalation.objects.get_or_create(
        message_id=message,
        defaults={
            **(_held_by(talking.by_id, now) if talking else {}),
            "id": escalation_id(message),
            "conversation_id": found["conversation_id"],
            "tier": tier,
            "priority": PRIORITY[tier],
            "reasons": reasons,
            "recorded_at": now,
            "recorded_by": recorded_by,
            "due_at": due_at(tier, found["received_at"]),
            "patient_seen_at": found["received_at"],
        },
    )
    if created:
        StateChange.objects.create(escalation=escalation, to_state=escalation.state, at=now)
        if not talking:
            alert_raise(escalation=escalation.pk, why="new")
        return escalation
    before = escalation.priority
    merged = escalation.reasons + [reason for reason in reasons if reason not in escalation.reasons]
    if rank(tier) > rank(escalation.tier):
        escalation.tier, escalation.priority = tier, PRIORITY[tier]
        escalation.due_at = due_at(tier, found["received_at"])
    more_urgent = PRIORITY[escalation.tier] < before
    escalation.reasons = merged
    escalation.save(update_fields=["tier", "priority", "due_at", "reasons"])
    if more_urgent:
        alert_raise(escalation=escalation.pk, why="new")
    return escalation


@transaction.atomic
def escalation_claim(*, escalation: uuid.UUID, by: User) -> None:
    """Take an open escalation. Raises NotPossible when it is not open: of two who claim at once, one gets it."""
    now = timezone.now()
    rows = Escalation.objects.filter(pk=escalation, state=State.OPEN)
    if rows.update(state=State.CLAIMED, claimed_by=by, claimed_at=now, touched_at=now) != 1:
        raise NotPossible
    Escalation.objects.filter(pk=escalation, acknowledged_at=None).update(acknowledged_at=now)
    _changed(escalation, State.OPEN, State.CLAIMED, by)
    audit(by=by, action="claimed", escalation=escalation)


@transaction.atomic
def escalation_assign(*, escalation: uuid.UUID, by: User, to: User, was: int | None) -> None:
    """Give an escalation to somebody, from whoever `was` its holder when `by` looked (None: nobody).

    Raises NotPossible when that is no longer so, or when `to` is off duty.
    """
    if OffDuty.objects.filter(user=to).exists() and to.pk != by.pk:
        raise NotPossible
    now = timezone.now()
    rows = Escalation.objects.filter(pk=escalation, resolved_at=None, claimed_by=was)
    if rows.update(state=State.CLAIMED, claimed_by=to, claimed_at=now, touched_at=now) != 1:
        raise NotPossible
    Escalation.objects.filter(pk=escalation, acknowledged_at=None).update(acknowledged_at=now)
    if to.pk != was:
        takeover_end(escalation=escalation)
    _changed(escalation, State.CLAIMED if was else State.OPEN, State.CLAIMED, by, f"assigned to {name_of(to)}")
    audit(by=by, action="assigned", escalation=escalation, detail=f"to {name_of(to)}")


@transaction.atomic
def escalation_return(*, escalation: uuid.UUID, by: User) -> None:
    """Give an escalation back to the queue. Raises NotPossible unless `by` has it."""
    rows = Escalation.objects.filter(pk=escalation, state=State.CLAIMED, claimed_by=by)
    if rows.update(state=State.OPEN, claimed_by=None, claimed_at=None, touched_at=timezone.now()) != 1:
        raise NotPossible
    takeover_end(escalation=escalation)
    _changed(escalation, State.CLAIMED, State.OPEN, by)
    audit(by=by, action="returned", escalation=escalation)


@transaction.atomic
def escalation_note(*, escalation: uuid.UUID, by: User, text: str) -> None:
    """Leave a remark for colleagues; possible in every state. Raises ValueError for an empty one."""
    if not text.strip():
        raise ValueError("the note is empty")
    Note.objects.create(escalation_id=escalation, by=by, at=timezone.now(), text=text.strip())
    escalation_touched(escalation=escalation, by=by)
    audit(by=by, action="noted", escalation=escalation)


@transaction.atomic
def escalation_resolve(*, escalation: uuid.UUID, by: User, outcome: str, note: str = "") -> None:
    """Close an escalation that `by` has claimed. Raises NotPossible otherwise, ValueError for an unknown outcome.

    If the patient has deleted the conversation meanwhile, what was kept for staff is erased with this.
    """
    if outcome not in Escalation.Outcome.values:
        raise ValueError("unknown outcome")
    now = timezone.now()
    rows = Escalation.objects.filter(pk=escalation, state=State.CLAIMED, claimed_by=by)
    changed = rows.update(
        state=State.RESOLVED, resolved_by=by, resolved_at=now, touched_at=now, outcome=outcome, note=note.strip()
    )
    if changed != 1:
        raise NotPossible
    takeover_end(escalation=escalation)
    _changed(escalation, State.CLAIMED, State.RESOLVED, by)
    audit(by=by, action="resolved", escalation=escalation, detail=outcome)
    if outcome == Escalation.Outcome.FALSE_ALARM:
        from web.escalations.labels import label  # labels look at messages, and need nothing of this module but here

        label(escalation=escalation, by=by, verdict="false_alarm", should="none")
    from web.chat.services import conversation_erase_rest  # chat's services need this module

    conversation_erase_rest(
        conversation=Escalation.objects.values_list("conversation_id", flat=True).get(pk=escalation)
    )


@transaction.atomic
def go_off_duty(*, by: User, to: User | None) -> int:
    """Somebody goes: what they have goes to a colleague, or back to the queue. Returns how many that were.

    Raises NotPossible when the colleague is off duty, too.
    """
    if to is not None and (to.pk == by.pk or OffDuty.objects.filter(user=to).exists()):
        raise NotPossible
    OffDuty.objects.get_or_create(user=by, defaults={"since": timezone.now()})
    mine = list(Escalation.objects.filter(claimed_by=by, state=State.CLAIMED).values_list("pk", flat=True))
    for escalation in mine:
        if to is None:
            escalation_return(escalation=escalation, by=by)
        else:
            escalation_assign(escalation=escalation, by=by, to=to, was=by.pk)
    audit(by=by, action="off", detail=f"{len(mine)} handed over")
    return len(mine)


@transaction.atomic
def come_on_duty(*, by: User) -> None:
    if OffDuty.objects.filter(user=by).delete()[0]:
        audit(by=by, action="on")


def escalation_touched(*, escalation: uuid.UUID, by: User) -> None:
    """Whoever has an escalation has just worked on it, so it is not quiet."""
    Escalation.objects.filter(pk=escalation, claimed_by=by).update(touched_at=timezone.now())


def takeover_end(*, escalation: uuid.UUID) -> bool:
    """The person who talks with the patient because of this escalation leaves. Returns whether there was one."""
    takeover = Takeover.objects.filter(escalation=escalation, ended_at=None).first()
    now = timezone.now()
    if takeover is None or not Takeover.objects.filter(pk=takeover.pk, ended_at=None).update(ended_at=now):
        return False
    StaffMessage.objects.create(
        conversation_id=takeover.conversation_id, takeover=takeover, kind=StaffMessage.Kind.LEFT, at=now
    )
    return True


def patient_seen(*, conversation: uuid.UUID) -> None:
    """The patient's chat is open now."""
    Escalation.objects.filter(conversation=conversation, resolved_at=None).update(patient_seen_at=timezone.now())


@transaction.atomic
def quiet_ones_come_back(*, now: dt.datetime) -> list[uuid.UUID]:
    """Put claimed escalations that were left alone for too long back into the queue. Returns which."""
    back: list[uuid.UUID] = []
    for tier, target in targets().items():
        if not target.quiet_minutes:
            continue
        since = now - dt.timedelta(minutes=target.quiet_minutes)
        quiet = Q(tier=tier, state=State.CLAIMED, resolved_at=None, touched_at__lt=since)
        for pk in list(Escalation.objects.filter(quiet).values_list("pk", flat=True)):
            rows = Escalation.objects.filter(quiet, pk=pk)
            if rows.update(state=State.OPEN, claimed_by=None, claimed_at=None):
                takeover_end(escalation=pk)
                StateChange.objects.create(
                    escalation_id=pk, from_state=State.CLAIMED, to_state=State.OPEN, at=now, why="left alone too long"
                )
                back.append(pk)
    return back


def _held_by(user: int, now: dt.datetime) -> dict[str, Any]:
    return {
        "state": State.CLAIMED,
        "claimed_by_id": user,
        "claimed_at": now,
        "acknowledged_at": now,
        "touched_at": now,
    }


def _changed(escalation: uuid.UUID, before: str, after: str, by: User, why: str = "") -> None:
    StateChange.objects.create(
        escalation_id=escalation, from_state=before, to_state=after, by_id=by.pk, at=timezone.now(), why=why[:40]
    )
