"""Talking with a patient: take the conversation over, write, hand it back; the page follows what happens."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db.models import Count, Max, Q
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from web.chat.models import Message
from web.escalations import live, selectors, services, talk
from web.escalations.models import Escalation, Note, StaffMessage
from web.escalations.pages import private, staff
from web.escalations.services import NotPossible
from web.escalations.work_views import TAKEN


async def events(request: HttpRequest, pk: uuid.UUID) -> HttpResponseBase:
    """Tells one escalation's page that it is no longer what it was. An open page is a person who is still there."""
    return await live.follow(request, lambda user: _look(pk, user))


@staff
@require_POST
def take_over(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Begin to talk with the patient. Raises Http404."""
    try:
        talk.take_over(escalation=pk, by=_user(request))
    except Escalation.DoesNotExist:
        raise Http404 from None
    except NotPossible:
        messages.error(request, f"{TAKEN} It may also be closed, or deleted by the patient.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def reply(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Write to the patient. What cannot be sent is given back to the page, or kept as a note: no text is lost."""
    given = {name: request.POST.get(name, "") for name in ("client_id", "text", "key")}
    bare = request.headers.get("Accept") == "application/json"
    try:
        sent = talk.reply(escalation=pk, by=_user(request), **given)
    except Escalation.DoesNotExist:
        raise Http404 from None
    except ValueError as e:
        return _refused(request, pk, 422, str(e).capitalize() + ".", bare, given["text"])
    except NotPossible:
        why = "It was not sent: you are not talking with this patient any more."
        return _refused(request, pk, 409, why, bare, given["text"])
    if bare:
        return private(JsonResponse({"id": sent.pk, "at": sent.at.isoformat()}, status=201))
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def typing(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The person is writing."""
    talk.typing(escalation=pk, by=_user(request))
    return HttpResponse(status=204)


@staff
@require_POST
def hand_back(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Leave the patient to the assistant, unless they have just written. Raises Http404."""
    given = request.POST.get("seen", "")
    try:
        seen = uuid.UUID(given) if given else None
        talk.hand_back(escalation=pk, by=_user(request), seen=seen)
    except Escalation.DoesNotExist:
        raise Http404 from None
    except (ValueError, talk.NotSeen):
        messages.error(request, "The patient has just written. Read it first; you are still in the conversation.")
    except NotPossible:
        messages.error(request, "You were not in this conversation any more.")
    else:
        messages.success(request, "The assistant answers again. The patient was told that you left.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_safe
def answers(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """The approved answers, those nearest to what the patient last wrote first. Raises Http404."""
    escalation = Escalation.objects.filter(pk=pk).first()
    if escalation is None:
        raise Http404
    return private(JsonResponse({"answers": talk.suggestions(escalation.conversation_id)}))


def _look(pk: uuid.UUID, user: User) -> Any:
    """A picture of all that the page shows, as few numbers."""
    escalation = Escalation.objects.filter(pk=pk).first()
    if escalation is None:
        return None
    talk.still_there(escalation=pk, by=user)
    conversation = escalation.conversation_id
    said = Message.objects.filter(conversation=conversation).aggregate(
        all=Count("pk"), answered=Count("pk", filter=Q(answered_at__isnull=False))
    )
    return (
        said,
        StaffMessage.objects.filter(conversation=conversation).aggregate(last=Max("pk")),
        list(Escalation.objects.filter(conversation=conversation).values_list("state", "claimed_by").order_by("pk")),
        Note.objects.filter(escalation=pk).count(),
        selectors.patient_here(escalation, timezone.now()),
    )


def _refused(request: HttpRequest, pk: uuid.UUID, status: int, why: str, bare: bool, text: str) -> HttpResponse:
    if bare:
        return private(JsonResponse({"error": why}, status=status))
    messages.error(request, why)
    if text.strip():
        services.escalation_note(escalation=pk, by=_user(request), text=text)
        messages.info(request, "What you wrote is kept as a note.")
    return redirect("escalations:detail", pk=pk)


def _user(request: HttpRequest) -> User:
    user: Any = request.user
    return user
