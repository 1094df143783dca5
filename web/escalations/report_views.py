"""The record: a conversation for the chart, a week in numbers, and the audit log."""

from __future__ import annotations

import csv
import datetime as dt
import uuid
from zoneinfo import ZoneInfo

from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.utils import timezone
from django.views.decorators.http import require_safe

from web.escalations import audit, reports, selectors
from web.escalations.pages import administrators, page, private, staff, zone

COLUMNS = ("week", "kind", "count", "taken in time", "median s to take", "p90 s to take", "median s to close",
           "p90 s to close", "still open", "false alarms")  # fmt: skip


@staff
@require_safe
def record(request: HttpRequest, pk: uuid.UUID) -> HttpResponse:
    """One conversation whole, laid out for paper or PDF. Raises Http404."""
    escalation = selectors.one(pk)
    if escalation is None:
        raise Http404
    audit.audit(by=request.user, action="exported", escalation=pk, detail="record of the conversation")
    context = {
        "escalation": escalation,
        "tier": selectors.kind(escalation),
        "causes": selectors.causes(escalation.reasons),
        "entries": selectors.conversation(escalation),
        "history": selectors.history(escalation),
        "notes": escalation.notes.select_related("by"),
        "now": timezone.now(),
    }
    return page(request, "escalations/record.html", context)


@staff
@require_safe
def week(request: HttpRequest) -> HttpResponse:
    """A week in numbers; without a date in the address this one."""
    shown = reports.week(_monday(request), ZoneInfo(zone()))
    context = {
        "week": shown,
        "before": shown.monday - dt.timedelta(days=7),
        "after": shown.monday + dt.timedelta(days=7),
        "sunday": shown.monday + dt.timedelta(days=6),
        "hours": reports.bars(shown.hours),
        "kinds": [
            {**bar, "words": row.words} for bar, row in zip(reports.bars([r.count for r in shown.rows], 116), shown.rows)
        ],
    }
    return page(request, "escalations/report.html", context)


@staff
@require_safe
def week_csv(request: HttpRequest) -> HttpResponse:
    """The same as a table for other programs."""
    shown = reports.week(_monday(request), ZoneInfo(zone()))
    audit.audit(by=request.user, action="exported", detail=f"report of the week of {shown.monday}")
    response = HttpResponse(content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="escalations-{shown.monday}.csv"'
    out = csv.writer(response)
    out.writerow(COLUMNS)
    for row in shown.rows:
        times = (row.taken_median, row.taken_p90, row.closed_median, row.closed_p90)
        seconds = ["" if value is None else round(value) for value in times]
        out.writerow([shown.monday, row.words, row.count, row.in_time, *seconds, row.open, row.false_alarms])
    return private(response)


@administrators
@require_safe
def audit_log(request: HttpRequest) -> HttpResponse:
    """Who looked at what and did what, the newest first."""
    shown = Paginator(audit.entries(), 100).get_page(request.GET.get("page"))
    rows = [(row, selectors.name_of(row.by), audit.ACTIONS[row.action]) for row in shown]
    return page(request, "escalations/audit.html", {"rows": rows, "shown": shown})


def _monday(request: HttpRequest) -> dt.date:
    """The Monday of the date in the address, or of today by the clinic's clock."""
    try:
        day = dt.date.fromisoformat(request.GET.get("week", ""))
    except ValueError:
        day = timezone.now().astimezone(ZoneInfo(zone())).date()
    return day - dt.timedelta(days=day.weekday())
