"""One escalation: the conversation, why it was raised, what can be done about it, and what was done."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from companion.tiers import TIERS
from web.alerts.models import Delivery
from web.escalations import labels, selectors, services, talk
from web.escalations.audit import audit_view
from web.escalations.models import Escalation
from web.escalations.pages import page, staff
from web.escalations.targets import targets

TAKEN = "Somebody else was first: look at who has it now."


@staff
@require_safe
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One escalation with its conversation. Raises Http404."""
    escalation = selectors.one(pk)
    if escalation is None:
        raise Http404
    audit_view(by=request.user, escalation=pk)
    now = timezone.now()
    context = {
        "escalation": escalation,
        "tier": selectors.kind(escalation),
        "causes": selectors.causes(escalation.reasons),
        "entries": (entries := selectors.conversation(escalation)),
        "last_seen": next((entry["turn"].pk for entry in reversed(entries) if "turn" in entry), ""),
        "talking": (talking := talk.talking(escalation.conversation_id)),
        "i_talk": talking is not None and talking.by_id == request.user.pk,
        "client_id": uuid.uuid4().hex,
        "earlier": [(other, selectors.kind(other)) for other in selectors.earlier(escalation)],
        "history": selectors.history(escalation),
        "notes": escalation.notes.select_related("by"),
        "deliveries": Delivery.objects.select_related("alert", "recipient").filter(alert__escalation=pk),
        "outcomes": Escalation.Outcome.choices,
        "colleagues": selectors.readers(),
        "raises": [(tier, selectors.TIERS[tier]) for tier in reversed(TIERS) if tier != "none"],
        "mine": escalation.claimed_by_id == request.user.pk,
        "target": targets()[escalation.tier].words,
        "late": escalation.state == escalation.State.OPEN and escalation.due_at < now,
        "left": selectors.left(escalation.due_at - now),
        "patient_here": selectors.patient_here(escalation, now),
    }
    return page(request, "escalations/detail.html", context)


@staff
@require_POST
def claim(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take an escalation; whoever was second is told so. A key press in the queue asks for the bare answer."""
    bare = request.headers.get("Accept") == "application/json"
    try:
        services.escalation_claim(escalation=pk, by=_user(request))
    except services.NotPossible:
        if bare:
            return HttpResponse(status=409)
        messages.error(request, "Somebody else has claimed or closed this one.")
    else:
        if bare:
            return HttpResponse(status=204)
        messages.success(request, "You have claimed this. Others see your name on it.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def assign(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Give an escalation to somebody, as long as the holder is still who the page showed."""
    given, was = request.POST.get("to", ""), request.POST.get("was", "")
    to = selectors.readers().filter(pk=int(given)).first() if given.isdecimal() else None
    if to is None:
        messages.error(request, "Choose somebody who is on duty.")
        return redirect("escalations:detail", pk=pk)
    try:
        services.escalation_assign(
            escalation=pk, by=_user(request), to=to, was=int(was) if was.isdecimal() else None
        )
    except services.NotPossible:
        messages.error(request, TAKEN)
    else:
        messages.success(request, f"{selectors.name_of(to)} has it now.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def give_back(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Put an escalation back into the queue."""
    try:
        services.escalation_return(escalation=pk, by=_user(request))
    except services.NotPossible:
        messages.error(request, TAKEN)
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def note(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Leave a remark for colleagues. Raises Http404."""
    if not Escalation.objects.filter(pk=pk).exists():
        raise Http404
    try:
        services.escalation_note(escalation=pk, by=_user(request), text=request.POST.get("text", ""))
    except ValueError:
        messages.error(request, "The note is empty.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def resolve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Close an escalation with its outcome."""
    outcome, words = request.POST.get("outcome", ""), request.POST.get("note", "")
    try:
        services.escalation_resolve(escalation=pk, by=_user(request), outcome=outcome, note=words)
    except ValueError:
        messages.error(request, "Choose an outcome.")
        return _keeping(request, pk, words)
    except services.NotPossible:
        messages.error(request, "Only whoever has claimed an escalation can close it, and only once.")
        return _keeping(request, pk, words)
    messages.success(request, "Closed.")
    return redirect("escalations:queue")


@staff
@require_POST
def label(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Say that the safety screen judged a message wrongly. Raises Http404."""
    if not Escalation.objects.filter(pk=pk).exists():
        raise Http404
    verdict, should, given = (request.POST.get(name, "") for name in ("verdict", "should", "message"))
    try:
        message = uuid.UUID(given) if given else None
        labels.label(escalation=pk, by=_user(request), verdict=verdict, should=should, message=message)
    except ValueError:
        messages.error(request, "Choose what the message should have been.")
    else:
        messages.success(request, "Noted for the authors of the safety screen.")
    return redirect("escalations:detail", pk=pk)


def _keeping(request: HttpRequest, pk: uuid.UUID, words: str) -> HttpResponse:
    """Back to the page; what was typed becomes a note, so that it is not lost."""
    if words.strip():
        services.escalation_note(escalation=pk, by=_user(request), text=words)
        messages.info(request, "What you wrote is kept as a note.")
    return redirect("escalations:detail", pk=pk)


def _user(request: HttpRequest) -> User:
    user: Any = request.user
    return user
