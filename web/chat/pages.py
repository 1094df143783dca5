"""The pages a patient loads: the chat in its frame, the lines as a plain page, what the chat does for somebody in danger, and the
script for a clinic's own website.

None of them sets a cookie or needs the engine or the database (the protocol page does without its count); who may frame them and
what they may load is in `web/headers.py`. The views are async, so that none waits behind a synchronous one that the database
holds up.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from django.core.cache import cache
from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.http import parse_etags
from django.views.decorators.http import require_safe

from web import db
from web.chat import bundle, protocol, selectors
from web.chat.selectors import Referrals
from web.chat.shown import Shown, line_groups, shown
from web.static_files import compressed, etag_of

EMBED = Path(__file__).with_name("static") / "chat" / "embed.js"
EMBED_SLOT = "/* lines */ null"
MAX_CHARACTERS = 4000
LEAVE_TO = "https://www.google.com/"
"""Where "Quick exit" goes: a page that anybody may have open."""
COUNTED_EVERY = 60.0
"""Seconds for which a count stands: whoever reloads the public page does not make the database count again."""
_COUNT = "chat.crisis_referrals"


@require_safe
async def chat(request: HttpRequest) -> HttpResponse:
    """The chat, in a frame on the clinic's site or alone. Its lines work with no script and no connection."""
    seen = shown()
    context = {**_lines(seen), "max_characters": MAX_CHARACTERS, "leave_to": LEAVE_TO}
    response = HttpResponse(render_to_string("chat/widget.html", context), status=200 if seen.ready else 503)
    response["Cache-Control"] = "no-store"
    return response


@require_safe
async def help_page(request: HttpRequest) -> HttpResponse:
    """The lines as a page of their own, for a link in the clinic's own menu and for browsers without scripts."""
    return HttpResponse(render_to_string("chat/help.html", _lines(shown())))


@require_safe
async def safety_protocol(request: HttpRequest) -> HttpResponse:
    """What the chat does for somebody in danger, for anybody to read. Without the database it comes without its count."""
    seen = shown()
    page = protocol.protocol(seen, await _referrals())
    response = HttpResponse(
        render_to_string("chat/safety_protocol.html", {**_lines(seen), "page": page}), status=200 if page else 503
    )
    response["Cache-Control"] = "no-store"
    return response


async def _referrals() -> Referrals | None:
    counted: Referrals | None = cache.get(_COUNT)
    if counted is None:
        try:
            counted = await db.pages.call(selectors.crisis_referrals, now=timezone.now())
        except db.Unavailable:
            return None
        cache.set(_COUNT, counted, COUNTED_EVERY)
    return counted


@require_safe
async def embed(request: HttpRequest) -> HttpResponse:
    """The script that a clinic's site names in one tag. It carries the lines, in case the frame cannot load."""
    seen = shown()
    lines = {"words": seen.words.get("outage", ""), "phone": seen.phone, "links": seen.country["links"]}
    body = EMBED.read_text(encoding="utf-8").replace(EMBED_SLOT, json.dumps(lines, ensure_ascii=True))
    response = _script(request, bundle.plain(body))
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


@require_safe
async def widget(request: HttpRequest) -> HttpResponse:
    """The chat's own script, for the page in the frame."""
    return _script(request, bundle.script())


def _script(request: HttpRequest, body: str) -> HttpResponse:
    etag = etag_of(body.encode())
    same = etag in parse_etags(request.headers.get("If-None-Match", ""))
    response = HttpResponse(status=304) if same else HttpResponse(body, content_type="text/javascript; charset=utf-8")
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=300"
    return compressed(request, response)


def _lines(seen: Shown) -> dict[str, Any]:
    return {
        "shown": seen,
        "lines": line_groups(seen.country["links"]),
        "others": [{"name": country["name"], "lines": line_groups(country["links"])} for country in seen.others],
    }
