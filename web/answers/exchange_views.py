"""Export and import of the whole desk."""

from __future__ import annotations

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from web.answers import exchange, services
from web.clinic.roles import CLINICIANS, DESK_USERS, EDITORS, role_required, roles

MOST_UPLOADED = 10_000_000
SHOWN_FAULTS = 50

desk = role_required(DESK_USERS)
writers = role_required(frozenset({EDITORS, CLINICIANS}))


@desk
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    return _page(request)


@desk
@require_safe
def export(request: HttpRequest, form: str) -> HttpResponse:
    """`yaml`: a zip of Rasa training data; `csv`: a spreadsheet. Raises Http404."""
    if form not in ("csv", "yaml"):
        raise Http404
    content, kind, ending = (
        (exchange.to_csv(exchange.desk()), "text/csv; charset=utf-8", "csv")
        if form == "csv"
        else (exchange.to_yaml(exchange.desk()), "application/zip", "zip")
    )
    name = f"answers-{timezone.localdate().isoformat()}.{ending}"
    return HttpResponse(
        content, content_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'}
    )


@require_POST
@writers
def import_(request: HttpRequest) -> HttpResponse:
    """Everything in the file becomes drafts of whoever imports it, or nothing does."""
    file = request.FILES.get("file")
    if file is None or file.size is None or file.size > MOST_UPLOADED:
        return _page(request, ["Choose a .zip or .csv file of at most 10 MB."])
    raw, name = file.read(), file.name or "the file"
    try:
        snapshots = exchange.from_csv(raw, name) if name.lower().endswith(".csv") else exchange.from_yaml(raw)
        new, changed = services.answers_import(snapshots, by=request.user)  # type: ignore[arg-type]
    except (exchange.Unreadable, services.Refused) as e:
        return _page(request, str(e).splitlines())
    messages.success(
        request,
        f"Imported as drafts: {new} new, {changed} changed. Nothing is in force until it is approved.",
    )
    return redirect("answers_exchange")


def _page(request: HttpRequest, faults: list[str] | None = None) -> HttpResponse:
    context = {
        "faults": (faults or [])[:SHOWN_FAULTS],
        "more": max(0, len(faults or []) - SHOWN_FAULTS),
        "may_import": bool(roles(request.user) & {EDITORS, CLINICIANS}),
    }
    return render(request, "answers/exchange.html", context, status=422 if faults else 200)
