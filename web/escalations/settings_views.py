"""Administrators set how soon each kind of escalation should be taken up."""

from __future__ import annotations

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.views.decorators.http import require_http_methods

from web.escalations.audit import audit
from web.escalations.pages import administrators, page
from web.escalations.selectors import TIERS
from web.escalations.targets import Target, target_set, targets

NUMBERS = ("minutes", "again_minutes", "quiet_minutes")


@administrators
@require_http_methods(["GET", "HEAD", "POST"])
def response_targets(request: HttpRequest) -> HttpResponse:
    """The form; with a fault in it nothing is changed and everything typed is shown again."""
    shown = {tier: target.__dict__ for tier, target in targets().items()}
    if request.method != "POST":
        return _form(request, shown)
    shown = {
        tier: {name: request.POST.get(f"{tier}-{name}", "") for name in NUMBERS}
        | {"staffed_only": f"{tier}-staffed_only" in request.POST}
        for tier in shown
    }
    try:
        with transaction.atomic():
            for tier, given in shown.items():
                numbers = [int(given[name]) if str(given[name]).isdecimal() else -1 for name in NUMBERS]
                target_set(tier=tier, target=Target(numbers[0], given["staffed_only"], *numbers[1:]))
            audit(by=request.user, action="settings", detail="response targets")
    except ValueError as e:
        messages.error(request, f"{TIERS[tier]}: {e}.")
        return _form(request, shown, status=422)
    messages.success(request, "Saved. What is recorded from now on follows it.")
    return _form(request, shown)


def _form(request: HttpRequest, shown: dict, status: int = 200) -> HttpResponse:
    rows = [(tier, TIERS[tier], given) for tier, given in shown.items()]
    return page(request, "escalations/targets.html", {"rows": rows}, status)
