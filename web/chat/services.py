"""Writes on conversations and messages. All can be done twice with the same effect, since the spool may replay them."""

from __future__ import annotations

import datetime as dt
import uuid
from dataclasses import dataclass, field, replace
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from companion.staffing import staffing_key
from companion.tiers import PRIORITY, URGENT
from web.chat import selectors, wording
from web.chat.incoming import Incoming
from web.chat.models import Conversation, Feedback, Message
from web.escalations.models import Escalation, StaffMessage, Takeover
from web.escalations.services import escalation_record, takeover_end

ERASED = {"text": "", "choice": "", "reasons": [], "replies": [], "erased": True}


class ConversationDeleted(Exception):
    """The patient has deleted this conversation; its token is worth nothing any more."""


class ClientIdTaken(Exception):
    """The client used one `client_message_id` for two different messages."""


@dataclass(frozen=True)
class Receipt:
    """What the database said when a message was stored."""

    fresh: bool
    """Whether the caller has to answer it; else it is answered, or somebody else is answering it."""
    context: dict[str, Any] = field(default_factory=dict)
    answered: dict[str, Any] | None = None


@dataclass(frozen=True)
class Answer:
    """How a message was answered, as it is stored, spooled and handed over."""

    tier: str
    outcome: str
    replies: list[dict[str, Any]]
    reasons: list[dict[str, Any]]
    release_number: int | None
    release_hash: str
    failure: str
    escalate: str
    """The tier of the escalation, `none` for no escalation."""
    answered_at: dt.datetime

    def as_dict(self) -> dict[str, Any]:
        return {**self.__dict__, "answered_at": self.answered_at.isoformat()}

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Answer:
        return cls(**{**content, "answered_at": dt.datetime.fromisoformat(content["answered_at"])})


def conversation_start(*, conversation: uuid.UUID, started_at: dt.datetime, language: str, country: str = "") -> None:
    Conversation.objects.get_or_create(
        pk=conversation,
        defaults={
            "created_at": started_at,
            "last_seen_at": started_at,
            "language": language or "en",
            "country": country,
        },
    )


@transaction.atomic
def message_receive(*, incoming: Incoming) -> Receipt:
    """Store a message before anything else is done with it, and take the lease on answering it.

    Raises ConversationDeleted and ClientIdTaken.
    """
    now = timezone.now()
    conversation_start(conversation=incoming.conversation, started_at=incoming.started_at, language=incoming.language)
    conversation = Conversation.objects.get(pk=incoming.conversation)
    if conversation.deleted_at:
        raise ConversationDeleted
    lease = now + dt.timedelta(seconds=settings.TURN_LEASE)
    message, created = _message(incoming, lease)
    if not created:
        if (message.text, message.choice) != (incoming.text, incoming.choice):
            raise ClientIdTaken
        if message.state == Message.State.ANSWERED:
            return Receipt(fresh=False, answered=selectors.message_answer(message))
        if not _take(message.pk, now, lease):
            return Receipt(fresh=False)
    conversation.language = incoming.language or conversation.language
    Conversation.objects.filter(pk=conversation.pk).update(last_seen_at=now, language=conversation.language)
    return Receipt(fresh=True, context=selectors.context(conversation, before=message))


@transaction.atomic
def message_take_over(*, message: uuid.UUID, regardless: bool = False) -> Receipt | None:
    """Take the lease on a message that nobody is answering any more; None when somebody is, or it is answered."""
    now = timezone.now()
    if not _take(message, now, now + dt.timedelta(seconds=settings.TURN_LEASE), regardless):
        return None
    row = Message.objects.select_related("conversation").get(pk=message)
    return Receipt(fresh=True, context=selectors.context(row.conversation, before=row))


@transaction.atomic
def message_answered(*, message: uuid.UUID, answer: Answer, recorded_by: str) -> dict[str, Any]:
    """Store the answer and, in the same transaction, the escalation. The first answer stays; returns what is stored.

    While a person talks with the patient, only what is urgent is answered: anything else is left to the person. (What
    comes from the spool was shown already.)
    """
    conversation = Conversation.objects.select_for_update().get(messages=message)
    with_person = recorded_by != "spool" and Takeover.objects.filter(conversation=conversation, ended_at=None).exists()
    if with_person and answer.tier in URGENT:  # the lines, and nothing about who might read this: somebody does
        kept = [one for one in answer.replies if not one["key"].removeprefix("es:").startswith("staffing_")]
        answer = replace(answer, replies=kept)
    elif with_person:
        escalate = answer.escalate if answer.tier in PRIORITY else "none"
        answer = replace(answer, outcome=selectors.LEFT_TO_STAFF, replies=[], failure="", escalate=escalate)
    rows = Message.objects.filter(pk=message, state=Message.State.RECEIVED)
    rows.update(
        state=Message.State.ANSWERED,
        tier=answer.tier,
        outcome=answer.outcome,
        replies=answer.replies,
        reasons=answer.reasons,
        release_number=answer.release_number,
        release_hash=answer.release_hash,
        failure=answer.failure,
        answered_at=answer.answered_at,
    )
    if answer.escalate != "none":
        escalation_record(message=message, tier=answer.escalate, reasons=answer.reasons, recorded_by=recorded_by)
    row = Message.objects.select_related("conversation", "escalation").get(pk=message)
    return selectors.message_answer(row)


@transaction.atomic
def replay(*, incoming: Incoming, answer: Answer) -> None:
    """Put a spooled turn into the database. The patient has seen its replies, so they are what the record says."""
    conversation_start(conversation=incoming.conversation, started_at=incoming.started_at, language=incoming.language)
    message, _ = _message(incoming, timezone.now())
    if not message.erased:
        Message.objects.filter(pk=message.pk).update(state=Message.State.RECEIVED)
    message_answered(message=message.pk, answer=answer, recorded_by="spool")
    conversation = Conversation.objects.get(pk=incoming.conversation)
    if conversation.deleted_at:
        _erase(conversation)


def message_feedback(*, message: Message, helpful: bool, reason: str) -> None:
    Feedback.objects.update_or_create(
        message=message, defaults={"helpful": helpful, "reason": reason, "at": timezone.now()}
    )


@transaction.atomic
def contact_save(
    *, conversation: uuid.UUID, started_at: dt.datetime, name: str, phone: str, email: str, language: str = ""
) -> list[wording.Reply]:
    """How staff may reach the patient, given with consent. Returns what is true about it now, in approved words.

    Staff see contact details on an escalation, so where none is open this makes one: somebody who wants to be reached.
    Raises ConversationDeleted.
    """
    now = timezone.now()
    conversation_start(conversation=conversation, started_at=started_at, language=language or "en")
    changed = Conversation.objects.filter(pk=conversation, deleted_at=None).update(
        contact_name=name, contact_phone=phone, contact_email=email, contact_consent_at=now
    )
    if not changed:
        raise ConversationDeleted
    release = wording.current()
    spoken = language or Conversation.objects.values_list("language", flat=True).get(pk=conversation)
    told = []
    if release:
        keys = ("contact_saved", staffing_key(release, now))
        told = [release.reply(release.message(release.localised(key, spoken))) for key in keys]
    if not Escalation.objects.filter(conversation=conversation, resolved_at=None).exists():
        asked = Message.objects.create(
            id=uuid.uuid4(),
            conversation_id=conversation,
            client_message_id=f"contact-{uuid.uuid4().hex}",
            choice="contact",
            received_at=now,
            lease_until=now,
            state=Message.State.ANSWERED,
            tier="human",
            outcome="human",
            replies=told,
            release_number=release.number if release else None,
            release_hash=release.hash if release else "",
            answered_at=now,
        )
        reason = {"layer": "contact", "tier": "human", "rule": "left a way to be reached", "sentence": "", "score": None}
        escalation_record(message=asked.pk, tier="human", reasons=[reason], recorded_by="web")
    return told


@transaction.atomic
def conversation_delete(*, conversation: uuid.UUID, started_at: dt.datetime) -> int:
    """Erase a conversation's words. Returns how many messages are kept until staff have closed their escalation."""
    conversation_start(conversation=conversation, started_at=started_at, language="en")
    Conversation.objects.filter(pk=conversation, deleted_at=None).update(deleted_at=timezone.now())
    for takeover in Takeover.objects.filter(conversation=conversation, ended_at=None):
        takeover_end(escalation=takeover.escalation_id)
    return _erase(Conversation.objects.get(pk=conversation))


@transaction.atomic
def conversation_erase_rest(*, conversation: uuid.UUID) -> None:
    """Erase what was kept of a deleted conversation as soon as no open escalation needs it."""
    row = Conversation.objects.get(pk=conversation)
    if row.deleted_at:
        _erase(row)


def _erase(conversation: Conversation) -> int:
    open_ones = Escalation.objects.filter(conversation=conversation).exclude(state=Escalation.State.RESOLVED)
    needed = list(open_ones.values_list("message_id", flat=True))
    Message.objects.filter(conversation=conversation).exclude(pk__in=needed).update(**ERASED)
    Message.objects.filter(conversation=conversation, state=Message.State.RECEIVED).exclude(pk__in=needed).update(
        state=Message.State.ANSWERED, outcome="deleted", answered_at=timezone.now()
    )
    Feedback.objects.filter(message__conversation=conversation).update(reason="")
    for escalation in Escalation.objects.filter(conversation=conversation).exclude(message__in=needed):
        escalation.reasons = [{**reason, "sentence": ""} for reason in escalation.reasons]
        escalation.save(update_fields=["reasons"])
    if not needed:
        StaffMessage.objects.filter(conversation=conversation).update(reply={}, erased=True)
        Conversation.objects.filter(pk=conversation.pk).update(
            contact_name="", contact_phone="", contact_email="", contact_consent_at=None
        )
    return len(needed)


def _message(incoming: Incoming, lease: dt.datetime) -> tuple[Message, bool]:
    return Message.objects.get_or_create(
        pk=incoming.id,
        defaults={
            "conversation_id": incoming.conversation,
            "client_message_id": incoming.client_message_id,
            "text": incoming.text,
            "choice": incoming.choice,
            "received_at": incoming.received_at,
            "lease_until": lease,
        },
    )


def _take(message: uuid.UUID, now: dt.datetime, until: dt.datetime, regardless: bool = False) -> bool:
    rows = Message.objects.filter(pk=message, state=Message.State.RECEIVED)
    if not regardless:
        impossible = until + dt.timedelta(seconds=1)  # nobody's lease ends so late, unless the clock was set back
        rows = rows.filter(Q(lease_until__lt=now) | Q(lease_until__gt=impossible))
    return rows.update(lease_until=until) == 1
