"""The queue: who needs somebody, in which order; saved views; going off duty."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, JsonResponse, QueryDict
from django.http.response import HttpResponseBase
from django.shortcuts import redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods, require_POST

from web.alerts.outbox import not_getting_through
from web.escalations import live, selectors, services
from web.escalations.filters import Filters
from web.escalations.models import OffDuty, SavedView
from web.escalations.pages import page, private, staff
from web.escalations.targets import targets

NAMED = {"me": "me", "nobody": "nobody"}


@staff
@require_http_methods(["GET", "HEAD", "POST"])
def queue(request: HttpRequest) -> HttpResponse:
    """Escalations by the filters in the address; words to search for come by POST, since addresses are written to logs."""
    filters = _filters(request)
    user: Any = request.user
    context = {
        **_data(filters, user),
        "filters": filters,
        "tiers": [(tier, words, tier in filters.tiers) for tier, words in selectors.TIERS.items()],
        "colleagues": selectors.readers(),
        "views": SavedView.objects.filter(user=user),
        "off": OffDuty.objects.filter(user=user).exists(),
        "targets": [(selectors.TIERS[tier], target) for tier, target in targets().items()],
        "here": f"{reverse('escalations:queue')}?{filters.query}".rstrip("?"),
        "earlier": filters.at(filters.page - 1).query,
        "later": filters.at(filters.page + 1).query,
    }
    return page(request, "escalations/queue.html", context)


@staff
@require_http_methods(["GET", "HEAD", "POST"])
def queue_data(request: HttpRequest) -> JsonResponse:
    """The same for the page that refreshes itself."""
    return private(JsonResponse(_data(_filters(request), request.user)))


async def events(request: HttpRequest) -> HttpResponseBase:
    """Tells the queue that it is no longer what it was."""
    return await live.follow(request, lambda _user: selectors.position())


@staff
@require_POST
def view_save(request: HttpRequest) -> HttpResponse:
    """Keep the filters under a name; saving a name again replaces it."""
    user: Any = request.user
    name, filters = request.POST.get("name", "").strip()[:40], Filters.read(QueryDict(request.POST.get("filters", "")))
    if not name:
        messages.error(request, "Give the view a name.")
    else:
        try:
            with transaction.atomic():
                SavedView.objects.update_or_create(
                    user=user, name=name, defaults={"filters": filters.at(1).query}
                )
        except IntegrityError:  # the same name from two windows at once: one of them is kept
            pass
        messages.success(request, f"Saved as “{name}”.")
    return redirect(f"{reverse('escalations:queue')}?{filters.query}")


@staff
@require_POST
def view_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Forget one of one's own views."""
    user: Any = request.user
    SavedView.objects.filter(user=user, pk=pk).delete()
    return redirect("escalations:queue")


@staff
@require_POST
def off(request: HttpRequest) -> HttpResponse:
    """ "I'm off": hand over everything one has, to a colleague or to the queue."""
    to = User.objects.filter(pk=_number(request.POST.get("to")), pk__in=selectors.readers()).first()
    if request.POST.get("to") and to is None:
        messages.error(request, "This colleague is not there; choose another, or give everything back to the queue.")
        return redirect("escalations:queue")
    try:
        count = services.go_off_duty(by=request.user, to=to)  # type: ignore[arg-type]
    except services.NotPossible:
        messages.error(request, "That did not work: somebody was changing the same escalation, or the colleague has gone.")
    else:
        where = f"to {selectors.name_of(to)}" if to else "back to the queue"
        messages.success(request, f"You are off duty. {count} went {where}." if count else "You are off duty.")
    return redirect("escalations:queue")


@staff
@require_POST
def on(request: HttpRequest) -> HttpResponse:
    """Back on duty."""
    services.come_on_duty(by=request.user)  # type: ignore[arg-type]
    return redirect("escalations:queue")


def _filters(request: HttpRequest) -> Filters:
    return Filters.read(request.GET, request.POST.get("words", ""))


def _data(filters: Filters, user: Any) -> dict[str, Any]:
    now = timezone.now()
    rows, more = selectors.queue(filters, user=user, now=now)
    counted = selectors.counts(user=user, now=now)
    counted["unreached"] = not_getting_through().values("escalation").distinct().count()
    return {"rows": rows, "more": more, "page": filters.page, "counts": counted, "now": now.isoformat()}


def _number(given: str | None) -> int:
    return int(given) if given and given.isdecimal() else 0
