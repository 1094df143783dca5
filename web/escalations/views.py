"""The staff pages: the queue, one escalation, claim and resolve."""

from __future__ import annotations

import uuid
from typing import Any
from zoneinfo import ZoneInfo

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.timesince import timesince
from django.views.decorators.http import require_POST, require_safe

from companion.tiers import URGENT
from web.chat import wording
from web.clinic.roles import CONVERSATION_READERS, role_required
from web.escalations import selectors, services
from web.escalations.models import Escalation

staff = role_required(CONVERSATION_READERS)


@staff
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """Open and claimed escalations."""
    return _page(request, "escalations/queue.html", {"rows": _rows(), "resolved": selectors.resolved(10)})


@staff
@require_safe
def queue_data(request: HttpRequest) -> JsonResponse:
    """The same for the page that refreshes itself."""
    return _private(JsonResponse({"rows": _rows()}))


@staff
@require_safe
def detail(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One escalation with its conversation. Raises Http404."""
    escalation = selectors.one(pk)
    if escalation is None:
        raise Http404
    context = {
        "escalation": escalation,
        "tier": selectors.kind(escalation),
        "causes": selectors.causes(escalation.reasons),
        "turns": selectors.conversation_messages(escalation),
        "changes": escalation.changes.select_related("by"),
        "outcomes": Escalation.Outcome.choices,
        "mine": escalation.claimed_by_id == request.user.pk,
    }
    return _page(request, "escalations/detail.html", context)


@staff
@require_POST
def claim(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Take an escalation; whoever was second is told so."""
    try:
        services.escalation_claim(escalation=pk, by=request.user)  # type: ignore[arg-type]
    except services.NotPossible:
        messages.error(request, "Somebody else has claimed or closed this one.")
    else:
        messages.success(request, "You have claimed this. Others see your name on it.")
    return redirect("escalations:detail", pk=pk)


@staff
@require_POST
def resolve(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """Close an escalation with its outcome."""
    outcome, note = request.POST.get("outcome", ""), request.POST.get("note", "")
    try:
        services.escalation_resolve(escalation=pk, by=request.user, outcome=outcome, note=note)  # type: ignore[arg-type]
    except ValueError:
        messages.error(request, "Choose an outcome.")
        return redirect("escalations:detail", pk=pk)
    except services.NotPossible:
        messages.error(request, "Only whoever has claimed an escalation can close it, and only once.")
        return redirect("escalations:detail", pk=pk)
    messages.success(request, "Closed.")
    return redirect("escalations:queue")


def _rows() -> list[dict[str, Any]]:
    now = timezone.now()
    return [
        {
            "id": str(row.pk),
            "url": reverse("escalations:detail", kwargs={"pk": row.pk}),
            "tier": row.tier,
            "tier_words": selectors.kind(row),
            "urgent": row.tier in URGENT,
            "text": "(deleted by the patient)"
            if row.message.erased
            else (row.message.text or row.message.choice)[:200],
            "reason": next((cause.words for cause in selectors.causes(row.reasons)), ""),
            "age": timesince(row.message.received_at, now, depth=1),
            "at": row.message.received_at.isoformat(),
            "state": row.state,
            "who": (row.claimed_by.get_full_name() or row.claimed_by.username) if row.claimed_by else "",
        }
        for row in selectors.queue()
    ]


def _page(request: HttpRequest, template: str, context: dict[str, Any]) -> HttpResponse:
    """A page with times as the clinic's clock shows them."""
    release = wording.current()
    zone = release.clinic["timezone"] if release else "UTC"
    with timezone.override(ZoneInfo(zone)):
        return _private(render(request, template, {**context, "zone": zone}))


def _private(response: HttpResponse) -> Any:
    response["Cache-Control"] = "no-store"
    return response
