"""/demo/sign-ins/: the demo accounts with their current codes, so that somebody at this machine can try them."""

from __future__ import annotations

import ipaddress

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from web.clinic import demo

PROXIED = ("Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip", "Via")
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


def sign_ins(request: HttpRequest) -> HttpResponse:
    """Raises Http404 in clinic mode, and for everybody who is not at this very machine."""
    if not (_at_this_machine(request) and demo.is_demo()):
        raise Http404
    response = render(request, "clinic/sign_ins.html", {"accounts": demo.accounts()})
    response["Cache-Control"] = "no-store"
    return response


def _at_this_machine(request: HttpRequest) -> bool:
    if any(name in request.headers for name in PROXIED):
        return False
    if request.get_host().rsplit(":", 1)[0] not in LOCAL_HOSTS and request.get_host() not in LOCAL_HOSTS:
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False
