"""Where somebody lands after signing in: the page of their role."""

from __future__ import annotations

from django.contrib.auth.decorators import login_required
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect

from web.clinic.roles import CONVERSATION_READERS, DESK_USERS, roles


@login_required
def start(request: HttpRequest) -> HttpResponse:
    """The queue for whoever reads conversations, the desk for editors. Raises PermissionDenied without a role."""
    mine = roles(request.user)
    if mine & CONVERSATION_READERS:
        return redirect("escalations:queue")
    if mine & DESK_USERS:
        return redirect("answers_in_force")
    raise PermissionDenied
