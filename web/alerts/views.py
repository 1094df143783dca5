"""Alerts: where an alert's link leads, who is alerted, and whether it got through."""

from __future__ import annotations

import secrets
import uuid
from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from web.alerts import outbox, transports
from web.alerts.models import Alert, Delivery, Recipient
from web.escalations.audit import audit
from web.escalations.pages import administrators, page, staff
from web.escalations.selectors import readers

FIELDS = ("name", "kind", "address", "secret", "step", "up_to_priority", "user")


@staff
@require_safe
def alert(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """From an alert to its escalation. Raises Http404."""
    found = Alert.objects.filter(pk=pk).first()
    if found is None:
        raise Http404
    if found.escalation_id is None:
        return redirect("escalations:queue")
    return redirect("escalations:detail", pk=found.escalation_id)


@staff
@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    """The last alerts and what became of them."""
    rows = Delivery.objects.select_related("alert__escalation", "recipient").order_by("-alert__at", "recipient")
    failing = outbox.not_getting_through().select_related("escalation")
    return page(request, "alerts/deliveries.html", {"rows": rows[:100], "failing": failing})


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def recipients(request: HttpRequest) -> HttpResponse:
    """Who is alerted. A fault in the form changes nothing, and shows everything typed again."""
    given = {name: request.POST.get(name, "").strip() for name in FIELDS}
    if request.method == "POST":
        try:
            _add(given)
        except ValueError as e:
            messages.error(request, f"Not saved: {e}.")
            return _form(request, given, 422)
        audit(by=request.user, action="settings", detail="alert recipient added")
        messages.success(request, "Saved. Send a test to see whether it arrives.")
        return redirect("alerts:recipients")
    return _form(request, {"step": "0", "up_to_priority": "1"})


@administrators
@require_POST
def recipient_switch(request: HttpRequest, pk: int) -> HttpResponse:
    """Switch a recipient on or off. Its history stays. Raises Http404."""
    row = Recipient.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    row.active = not row.active
    row.save(update_fields=["active"])
    audit(by=request.user, action="settings", detail=f"alert recipient {'on' if row.active else 'off'}")
    return redirect("alerts:recipients")


@administrators
@require_POST
def recipient_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send a test. Raises Http404."""
    row = Recipient.objects.filter(pk=pk).first()
    if row is None:
        raise Http404
    outbox.alert_test(recipient=row)
    messages.success(request, "A test is on its way; the list below says what became of it.")
    return redirect("alerts:deliveries")


def _add(given: dict[str, str]) -> None:
    if not given["name"] or given["kind"] not in Recipient.Kind.values:
        raise ValueError("give a name and choose the kind")
    transports.check_address(given["kind"], given["address"])
    if not given["step"].isdecimal() or int(given["step"]) > 9:
        raise ValueError("the step is a number from 0 (at once) to 9")
    if given["up_to_priority"] not in ("1", "2", "3"):
        raise ValueError("the priority is 1, 2 or 3")
    if given["kind"] == Recipient.Kind.PAGERDUTY and not given["secret"]:
        raise ValueError("PagerDuty needs its routing key")
    user = readers().filter(pk=int(given["user"])).first() if given["user"].isdecimal() else None
    Recipient.objects.create(
        name=given["name"][:80],
        kind=given["kind"],
        address=given["address"],
        secret=given["secret"] or (secrets.token_urlsafe(32) if given["kind"] == Recipient.Kind.WEBHOOK else ""),
        step=int(given["step"]),
        up_to_priority=int(given["up_to_priority"]),
        user=user,
    )


def _form(request: HttpRequest, given: dict[str, Any], status: int = 200) -> HttpResponse:
    colleagues = User.objects.filter(pk__in=readers())
    context = {
        "rows": Recipient.objects.select_related("user"),
        "given": given,
        "kinds": Recipient.Kind.choices,
        "colleagues": colleagues,
    }
    return page(request, "alerts/recipients.html", context, status)
