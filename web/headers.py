"""Security headers on every response: a strict content security policy everywhere but under /admin/."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from asgiref.sync import iscoroutinefunction
from django.conf import settings
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from django.utils.decorators import sync_and_async_middleware

STRICT = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; "
    "require-trusted-types-for 'script'; frame-ancestors {ancestors}"
)
ADMIN = (
    "default-src 'none'; script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; frame-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'self'"
)
EMBEDDED = ("/chat/", "/help/", "/answers/", "/privacy/", "/safety-protocol")
"""Pages that a clinic's website shows in a frame."""

Handler = Callable[[HttpRequest], HttpResponseBase | Awaitable[HttpResponseBase]]


@sync_and_async_middleware
def security_headers(get_response: Handler) -> Handler:
    if iscoroutinefunction(get_response):

        async def add_async(request: HttpRequest) -> HttpResponseBase:
            return _add(request, await get_response(request))

        return add_async

    def add(request: HttpRequest) -> HttpResponseBase:
        return _add(request, get_response(request))  # type: ignore[arg-type]

    return add


def _add(request: HttpRequest, response: HttpResponseBase) -> HttpResponseBase:
    path = request.path
    embedded = path.startswith(EMBEDDED)
    if path.startswith("/admin/"):
        policy = ADMIN
    else:
        policy = STRICT.format(ancestors=" ".join(["'self'", *settings.EMBED_ORIGINS]) if embedded else "'none'")
    response.headers.setdefault("Content-Security-Policy", policy)
    response.headers.setdefault("X-Content-Type-Options", "nosniff")
    response.headers.setdefault("Permissions-Policy", "camera=(), microphone=(), geolocation=()")
    if not embedded:
        response.headers.setdefault("X-Frame-Options", "SAMEORIGIN" if path.startswith("/admin/") else "DENY")
    return response
