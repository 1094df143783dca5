"""The ASGI application. Its lifespan reads the phrase rules (no start without them) and runs the background work."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import threading
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "web.settings")

from django.core.asgi import get_asgi_application

django = get_asgi_application()

from django.conf import settings  # noqa: E402

from companion.rules import phrase_rules  # noqa: E402
from web import db  # noqa: E402
from web.chat import background, engine, events  # noqa: E402
from web.chat.wording import notice  # noqa: E402
from web.problems import problem  # noqa: E402

log = logging.getLogger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        try:
            await _in_time(scope, receive, send)
        except asyncio.CancelledError:
            log.warning("a response was cut off: the server stops")


async def _in_time(scope: Scope, receive: Receive, send: Send) -> None:
    """Serve a request whose body has to be there in BODY_DEADLINE seconds; uvicorn would wait for it for ever."""
    ends = asyncio.get_running_loop().time() + settings.BODY_DEADLINE
    whole = late = started = False

    async def receive_in_time() -> dict[str, Any]:
        nonlocal whole, late
        if whole:
            return await receive()
        try:
            async with asyncio.timeout_at(ends):
                event = await receive()
        except TimeoutError:
            late = True
            return {"type": "http.disconnect"}
        whole = not event.get("more_body", False)
        return event

    async def send_and_see(event: Mapping[str, Any]) -> None:
        nonlocal started
        started = started or event["type"] == "http.response.start"
        await send(event)

    await django(scope, receive_in_time, send_and_see)
    if late and not started:
        refused = problem(408, "slow-body", "The request did not arrive in time. Send it again.", replies=notice("outage"))
        headers = [(name.lower().encode(), value.encode()) for name, value in refused.items()]
        await send({"type": "http.response.start", "status": 408, "headers": [*headers, (b"connection", b"close")]})
        await send({"type": "http.response.body", "body": refused.content})


async def _lifespan(receive: Receive, send: Send) -> None:
    tasks: list[asyncio.Task[None]] = []
    while True:
        event = await receive()
        if event["type"] == "lifespan.startup":
            try:
                phrase_rules()
                if threading.current_thread() is threading.main_thread():
                    events.end_all_on(signal.SIGTERM, signal.SIGINT)
                tasks = background.start()
            except Exception as e:
                await send({"type": "lifespan.startup.failed", "message": str(e)})
                return
            await send({"type": "lifespan.startup.complete"})
        elif event["type"] == "lifespan.shutdown":
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await engine.close()
            db.turns.close()
            db.pages.close()
            db.chores.close()
            await send({"type": "lifespan.shutdown.complete"})
            return
