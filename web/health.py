"""GET /health: whether this copy can answer and record. For monitors; says nothing about patients."""

from __future__ import annotations

import asyncio

from django.db import connection
from django.http import HttpRequest, JsonResponse

from web import db
from web.chat import engine, spool, wording


async def health(request: HttpRequest) -> JsonResponse:
    """200 when database, engine and release are all there, else 503 with what is missing."""
    database, engine_ready = await asyncio.gather(_database(), engine.healthy())
    release = wording.current()
    ok = database and engine_ready and release is not None
    state = {
        "ok": ok,
        "database": database,
        "engine": engine_ready,
        "release": release.number if release else None,
        "spool": await asyncio.to_thread(spool.count),
    }
    return JsonResponse(state, status=200 if ok else 503, headers={"Cache-Control": "no-store"})


async def _database() -> bool:
    try:
        await db.pages.insist(_look)
        return True
    except db.Unavailable:
        return False


def _look() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM chat_conversation LIMIT 1")
