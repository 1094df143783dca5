"""A person talks with a patient: takes the conversation over, writes, hands it back. Each step is one transaction.

Taking over, handing back and answering a message all lock the conversation's row first, so that a message is either
answered by the assistant or left to the person, whatever happens at the same moment.
"""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils import timezone

from web.chat import wording
from web.chat.models import Conversation, Message
from web.clinic.roles import CLINICIANS, roles
from web.escalations import services
from web.escalations.audit import audit
from web.escalations.models import Escalation, StaffMessage, StateChange, Takeover, name_of
from web.escalations.services import NotPossible

MAX_TEXT = 4000
FREE = "staff"
"""The key of what somebody wrote in their own words."""


class NotSeen(Exception):
    """The patient has written something that the person's page did not show yet."""


@transaction.atomic
def take_over(*, escalation: uuid.UUID, by: User) -> None:
    """Begin to talk with the patient of an escalation, claiming it if nobody has. Doing it twice is once.

    Raises NotPossible when somebody else has it or talks already, when it is closed, or the conversation was deleted.
    """
    row = Escalation.objects.get(pk=escalation)
    conversation = Conversation.objects.select_for_update().get(pk=row.conversation_id)
    if conversation.deleted_at:
        raise NotPossible
    row.refresh_from_db()
    if row.state == Escalation.State.OPEN:
        services.escalation_claim(escalation=escalation, by=by)
    elif row.state != Escalation.State.CLAIMED or row.claimed_by_id != by.pk:
        raise NotPossible
    talking = Takeover.objects.filter(conversation=conversation, ended_at=None).first()
    if talking is not None:
        if talking.by_id != by.pk:
            raise NotPossible
        return
    now = timezone.now()
    takeover = Takeover.objects.create(
        conversation=conversation,
        escalation=row,
        by=by,
        name=name_of(by),
        role=role_words(by),
        started_at=now,
        seen_at=now,
    )
    StaffMessage.objects.create(
        conversation=conversation, takeover=takeover, kind=StaffMessage.Kind.JOINED, at=now
    )
    services.escalation_touched(escalation=escalation, by=by)
    audit(by=by, action="joined", escalation=escalation)


@transaction.atomic
def reply(*, escalation: uuid.UUID, by: User, client_id: str, text: str, key: str = "") -> StaffMessage:
    """Write to the patient. Sending a `client_id` again is the same reply. `key` names the approved text it was made of.

    Raises NotPossible unless `by` talks with this patient, ValueError for an empty or too long text.
    """
    said = text.replace("\x00", "").strip()
    if not said or len(said) > MAX_TEXT or not client_id or len(client_id) > 64:
        raise ValueError(f"write something, of at most {MAX_TEXT} characters")
    row = Escalation.objects.get(pk=escalation)
    before = StaffMessage.objects.filter(
        conversation=row.conversation_id, takeover__by=by, client_id=client_id
    ).first()
    if before is not None:
        return before
    Conversation.objects.select_for_update().get(pk=row.conversation_id)
    takeover = Takeover.objects.filter(conversation=row.conversation_id, by=by, ended_at=None).first()
    if takeover is None:
        raise NotPossible
    now = timezone.now()
    stored = StaffMessage.objects.create(
        conversation_id=row.conversation_id,
        takeover=takeover,
        kind=StaffMessage.Kind.REPLY,
        client_id=client_id,
        reply=_reply(said, key),
        at=now,
    )
    Takeover.objects.filter(pk=takeover.pk).update(seen_at=now, typing_at=None)
    Escalation.objects.filter(conversation=row.conversation_id, claimed_by=by, resolved_at=None).update(touched_at=now)
    approved = stored.reply["key"] != FREE
    made_of = f"with the approved answer {stored.reply['key']}" if approved else ""
    audit(by=by, action="replied", escalation=escalation, detail=made_of[:200])
    return stored


@transaction.atomic
def hand_back(*, escalation: uuid.UUID, by: User, seen: uuid.UUID | None) -> None:
    """Leave; the assistant answers again. `seen` is the patient's last message that the page showed.

    Raises NotSeen when the patient has written since, NotPossible unless `by` talks with this patient.
    """
    row = Escalation.objects.get(pk=escalation)
    Conversation.objects.select_for_update().get(pk=row.conversation_id)
    takeover = Takeover.objects.filter(conversation=row.conversation_id, by=by, ended_at=None).first()
    if takeover is None:
        raise NotPossible
    last = Message.objects.filter(conversation=row.conversation_id).order_by("-received_at", "-id").first()
    if last is not None and last.pk != seen:
        raise NotSeen
    services.takeover_end(escalation=takeover.escalation_id)
    audit(by=by, action="left", escalation=escalation)


def typing(*, escalation: uuid.UUID, by: User) -> None:
    """The person is writing just now."""
    now = timezone.now()
    _mine(escalation, by).update(typing_at=now, seen_at=now)


def still_there(*, escalation: uuid.UUID, by: User) -> None:
    """The person's page is open. Written now and then only: the page looks twice a second."""
    now = timezone.now()
    mine = _mine(escalation, by).filter(seen_at__lt=now - dt.timedelta(seconds=settings.HEARTBEAT))
    if mine.exists():
        mine.update(seen_at=now)


@transaction.atomic
def abandoned_ones_end(*, now: dt.datetime) -> list[uuid.UUID]:
    """End takeovers whose person's page is gone; what they left unanswered goes back to the queue. Returns which."""
    gone = Takeover.objects.filter(ended_at=None, seen_at__lt=now - dt.timedelta(seconds=settings.TAKEOVER_IDLE))
    back: list[uuid.UUID] = []
    for takeover in gone:
        services.takeover_end(escalation=takeover.escalation_id)
        if not _unanswered(takeover):
            continue
        rows = Escalation.objects.filter(pk=takeover.escalation_id, claimed_by=takeover.by_id, resolved_at=None)
        if rows.update(state=Escalation.State.OPEN, claimed_by=None, claimed_at=None):
            StateChange.objects.create(
                escalation_id=takeover.escalation_id,
                from_state=Escalation.State.CLAIMED,
                to_state=Escalation.State.OPEN,
                at=now,
                why="the person's page was closed",
            )
            back.append(takeover.escalation_id)
    return back


def talking(conversation: uuid.UUID) -> Takeover | None:
    """Who talks with the patient now."""
    return Takeover.objects.select_related("by").filter(conversation=conversation, ended_at=None).first()


def role_words(user: User) -> str:
    """A person's role as patients read it: approved words."""
    release = wording.current()
    name = "label_role_clinician" if CLINICIANS in roles(user) else "label_role_care_team"
    item = release.items.get(name) if release else None
    return item["text"] if item else ""


def suggestions(conversation: uuid.UUID) -> list[dict[str, Any]]:
    """The approved answers that may be served, those that share most words with what the patient last wrote first."""
    release = wording.current()
    if release is None:
        return []
    last = Message.objects.filter(conversation=conversation).exclude(text="").order_by("-received_at").first()
    words = set(last.text.lower().split()) if last else set()

    def shared(item: dict[str, Any]) -> int:
        return len(words & set(" ".join([item["title"], *item["phrasings"]]).lower().split()))

    answers = [item for item in release.answers if release.get(item["key"])]
    return [
        {"key": item["key"], "title": item["title"], "text": item["text"]}
        for item in sorted(answers, key=lambda item: (-shared(item), item["title"]))
    ]


def _reply(text: str, key: str) -> dict[str, Any]:
    """What the patient API hands over: an approved text with its key if it was left as it is, else the person's words."""
    release = wording.current()
    item = release.get(key) if release and key else None
    if item is None or item["text"].strip() != text or item["kind"] != "answer":
        return {"kind": "staff", "key": FREE, "revision": 0, "text": text, "links": [], "choices": []}
    return {
        "kind": "staff",
        "key": item["key"],
        "revision": item["revision"],
        "text": item["text"],
        "links": item["links"],
        "choices": [],
    }


def _mine(escalation: uuid.UUID, by: User) -> Any:
    conversation = Escalation.objects.filter(pk=escalation).values("conversation")[:1]
    return Takeover.objects.filter(conversation=conversation, by=by, ended_at=None)


def _unanswered(takeover: Takeover) -> bool:
    """Whether the patient wrote after the person's last words."""
    replies = takeover.messages.filter(kind=StaffMessage.Kind.REPLY).order_by("-id")
    since = replies.values_list("at", flat=True).first() or takeover.started_at
    return Message.objects.filter(conversation=takeover.conversation_id, received_at__gt=since).exists()
