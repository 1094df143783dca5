"""What staff said of the safety screen, for clinicians to clear and to export to the screen's authors."""

from __future__ import annotations

import json

from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from web.escalations import labels
from web.escalations.audit import audit
from web.escalations.models import ScreenLabel
from web.escalations.pages import page, private, reviewers
from web.escalations.selectors import TIERS


@reviewers
@require_safe
def screen_labels(request: HttpRequest) -> HttpResponse:
    """The judgements; words that nobody has cleared stand in a box to be cleared."""
    rows = [
        {"label": row, "given": _words(row.given), "should": _words(row.should), "words": labels.suggestion(row)}
        for row in labels.labels()[:200]
    ]
    return page(request, "escalations/screen_labels.html", {"rows": rows})


@reviewers
@require_POST
def clear(request: HttpRequest, pk: int) -> HttpResponse:
    """Keep words that say nothing about who wrote them. Raises Http404."""
    try:
        labels.label_clear(label=pk, by=request.user, words=request.POST.get("words", ""))  # type: ignore[arg-type]
    except ScreenLabel.DoesNotExist:
        raise Http404 from None
    except labels.NotCleared:
        messages.error(request, "The patient has deleted this message; its words cannot be used.")
    except ValueError:
        messages.error(request, "There are no words left. A judgement without words is simply not exported.")
    return redirect("escalations:screen_labels")


@reviewers
@require_safe
def export(request: HttpRequest) -> HttpResponse:
    """The cleared ones, a line of JSON each."""
    rows = labels.exported()
    audit(by=request.user, action="exported", detail=f"{len(rows)} judgements of the safety screen")
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    response = HttpResponse(lines, content_type="application/jsonl; charset=utf-8")
    response["Content-Disposition"] = 'attachment; filename="safety-screen-labels.jsonl"'
    return private(response)


def _words(tier: str) -> str:
    return TIERS.get(tier, "Nothing to raise")
