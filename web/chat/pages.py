"""The pages a patient loads: the chat in its frame, the lines as a plain page, the script for a clinic's own website.

None of them sets a cookie, reads the database or needs the engine; who may frame them and what they may load is in
`web/headers.py`. The views are async, so that none waits behind a synchronous one that the database holds up.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from web.chat.shown import Shown, line_groups, shown

EMBED = Path(__file__).with_name("static") / "chat" / "embed.js"
EMBED_SLOT = "/* lines */ null"
MAX_CHARACTERS = 4000
LEAVE_TO = "https://www.google.com/"
"""Where "Quick exit" goes: a page that anybody may have open."""


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
async def embed(request: HttpRequest) -> HttpResponse:
    """The script that a clinic's site names in one tag. It carries the lines, in case the frame cannot load."""
    seen = shown()
    lines = {"words": seen.words.get("outage", ""), "phone": seen.phone, "links": seen.country["links"]}
    body = EMBED.read_text(encoding="utf-8").replace(EMBED_SLOT, json.dumps(lines, ensure_ascii=True))
    etag = f'"{hashlib.sha256(body.encode()).hexdigest()[:32]}"'
    same = request.headers.get("If-None-Match") == etag
    response = HttpResponse(status=304) if same else HttpResponse(body, content_type="text/javascript; charset=utf-8")
    response["ETag"] = etag
    response["Cache-Control"] = "public, max-age=300"
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _lines(seen: Shown) -> dict[str, Any]:
    return {
        "shown": seen,
        "lines": line_groups(seen.country["links"]),
        "others": [{"name": country["name"], "lines": line_groups(country["links"])} for country in seen.others],
    }
