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

from companion.rules import phrase_rules  # noqa: E402
from web import db  # noqa: E402
from web.chat import background, engine, events  # noqa: E402

log = logging.getLogger(__name__)
Scope = dict[str, Any]
Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[Mapping[str, Any]], Awaitable[None]]


async def application(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "http":
        try:
            await django(scope, receive, send)
        except asyncio.CancelledError:
            log.warning("a response was cut off: the server stops")


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
            await send({"type": "lifespan.shutdown.complete"})
            return
