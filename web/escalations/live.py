"""Server-sent events for the staff pages: something has changed, look again. They carry no words and no ids."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any

from asgiref.sync import sync_to_async
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, StreamingHttpResponse
from django.http.response import HttpResponseBase

from web import db
from web.chat import events
from web.clinic.roles import CONVERSATION_READERS, roles


async def stream(user: User, look: Callable[[], Any]) -> AsyncIterator[str]:
    """`changed` at once and whenever what `look` sees is another; ends when the user may not look any more."""
    known: Any = None
    beat = time.monotonic()
    yield ": open\n\n"
    while not events.stopping():
        try:
            seen = await db.pages.call(look)
            if seen != known:
                known = seen
                yield "event: changed\ndata: {}\n\n"
            if time.monotonic() - beat >= settings.HEARTBEAT:
                beat = time.monotonic()
                if not await db.pages.call(may_look, user.pk):
                    return
                yield ": still here\n\n"
        except db.Unavailable:
            pass
        await asyncio.sleep(settings.STAFF_EVENTS_EVERY)


def may_look(user: int) -> bool:
    """Whether an account may still read conversations, as the database says now."""
    found = User.objects.filter(pk=user).first()
    return found is not None and bool(roles(found) & CONVERSATION_READERS)


async def follow(request: HttpRequest, look: Callable[[User], Any]) -> HttpResponseBase:
    """A stream for whoever may read conversations. Raises PermissionDenied."""
    user = await request.auser()
    if not user.is_authenticated:
        return redirect_to_login(request.get_full_path())
    if not await sync_to_async(may_look)(user.pk):
        raise PermissionDenied
    response = StreamingHttpResponse(stream(user, lambda: look(user)), content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response
