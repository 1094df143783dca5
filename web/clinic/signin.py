"""Sign-in of staff: no sign-up, and nobody gets past /accounts/ without a second factor given in this very session."""

from __future__ import annotations

from collections.abc import Callable

from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.authentication import get_authentication_records
from allauth.mfa.models import Authenticator
from allauth.mfa.utils import is_mfa_enabled
from asgiref.sync import iscoroutinefunction, sync_to_async
from django.contrib.auth import logout
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils.decorators import sync_and_async_middleware

OPEN = ("/accounts/", "/static/", "/api/", "/health", "/chat/", "/help/", "/embed.js", "/demo/")
"""What needs no sign-in at all, or is the sign-in."""

ACTIVATED = "second_factor_activated"
TYPES = [Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN]


class StaffOnly(DefaultAccountAdapter):
    """Accounts are made by the clinic's administrators."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return False


def gave_second_factor(request: HttpRequest) -> bool:
    """Whether this session proved a second factor: at sign-in, or by setting it up just now."""
    records = get_authentication_records(request, request.user)
    return any(record.get("method") == "mfa" for record in records) or bool(request.session.get(ACTIVATED))


def next_step(request: HttpRequest) -> HttpResponse | None:
    """Where somebody has to go who is signed in without a second factor; None for everybody else."""
    if request.path == "/" or request.path.startswith(OPEN) or not request.user.is_authenticated:
        return None
    if not is_mfa_enabled(request.user, TYPES):
        return redirect("mfa_activate_totp")
    if not gave_second_factor(request):
        logout(request)
        return redirect("account_login")
    return None


@sync_and_async_middleware
def second_factor(get_response: Callable) -> Callable:
    if iscoroutinefunction(get_response):

        async def check_async(request: HttpRequest) -> HttpResponse:
            if request.path == "/" or request.path.startswith(OPEN):  # no thread for patients
                return await get_response(request)
            return await sync_to_async(next_step)(request) or await get_response(request)

        return check_async

    def check(request: HttpRequest) -> HttpResponse:
        return next_step(request) or get_response(request)

    return check


def remember_activation(request: HttpRequest, user: object, authenticator: Authenticator, **_signal: object) -> None:
    """Setting the second factor up proves it: the code was asked for, and the password again before."""
    if authenticator.type in TYPES:
        request.session[ACTIVATED] = True
