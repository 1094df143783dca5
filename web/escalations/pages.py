"""What the staff pages share: who may open them, the clinic's clock, and that nothing of them is kept by a browser."""

from __future__ import annotations

from typing import Any
from zoneinfo import ZoneInfo

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from web.chat import wording
from web.clinic.roles import ADMINISTRATORS, CLINICIANS, CONVERSATION_READERS, role_required

staff = role_required(CONVERSATION_READERS)
reviewers = role_required(frozenset({CLINICIANS, ADMINISTRATORS}))
administrators = role_required(frozenset({ADMINISTRATORS}))


def zone() -> str:
    """The name of the clinic's time zone."""
    release = wording.current()
    return release.clinic["timezone"] if release else "UTC"


def page(request: HttpRequest, template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    """A page with times as the clinic's clock shows them."""
    with timezone.override(ZoneInfo(zone())):
        return private(render(request, template, {**context, "zone": zone()}, status=status))


def private(response: HttpResponse) -> Any:
    response["Cache-Control"] = "no-store"
    return response
