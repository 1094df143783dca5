"""Errors as RFC 9457 problem documents. Where a patient is left without an answer they carry approved words."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render

from web.chat import wording

TITLES = {
    400: "Bad request",
    401: "No valid token",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Conflict",
    410: "Deleted",
    413: "Too long",
    422: "Not valid",
    429: "Too many",
    500: "Our fault",
    503: "Not available",
}


def problem(
    status: int, slug: str, detail: str, *, replies: list[wording.Reply] | None = None, **more: Any
) -> JsonResponse:
    """A problem document; for our own faults (5xx) it brings the outage text unless other `replies` are given."""
    if replies is None and status >= 500:
        replies = wording.notice("outage")
    content = {
        "type": f"urn:companion:problem:{slug}",
        "title": TITLES[status],
        "status": status,
        "detail": detail,
        **({"replies": replies} if replies is not None else {}),
        **more,
    }
    response = JsonResponse(content, status=status, content_type="application/problem+json")
    response["Cache-Control"] = "no-store"
    if status == 401:
        response["WWW-Authenticate"] = 'Bearer realm="conversation"'
    return response


def _page(request: HttpRequest, status: int, detail: str) -> HttpResponse:
    if request.path.startswith(("/api/", "/health")):
        return problem(status, TITLES[status].lower().replace(" ", "-"), detail)
    return render(request, "error.html", {"title": TITLES[status], "detail": detail}, status=status)


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 400, "The request could not be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 403, "Your account may not see this page.")


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    return _page(request, 404, "There is nothing at this address.")


def server_error(request: HttpRequest) -> HttpResponse:
    return _page(request, 500, "Something on our side is not working.")
