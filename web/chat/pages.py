"""The pages a patient loads: the chat in its frame, the lines as a plain page, what the chat does for somebody in danger, what is
kept, and the script for a clinic's own website. The answers to read are in `library_pages`.

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
from web.chat import bundle, protocol, retention, selectors
from web.chat.incoming import MAX_TEXT
from web.chat.language import LANGUAGES, page_language
from web.chat.library import library_address
from web.chat.selectors import Referrals
from web.chat.shown import Shown, line_groups, shown
from web.chat.words import spoken
from web.static_files import compressed, etag_of

EMBED = Path(__file__).with_name("static") / "chat" / "embed.js"
EMBED_SLOT = "/* words */ {}"
LEAVE_TO = "https://www.google.com/"
"""Where "Quick exit" goes: a page that anybody may have open."""
COUNTED_EVERY = 60.0
"""Seconds for which a count stands: whoever reloads the public page does not make the database count again."""
_COUNT = "chat.crisis_referrals"
TEMPLATED = ("slow", "reminder", "welcome_back")
"""What the script lets the assistant say by itself; it stands in the page."""


@require_safe
async def chat(request: HttpRequest) -> HttpResponse:
    """The chat, in a frame on the clinic's site or alone. Its lines work with no script and no connection."""
    seen = shown(page_language(request))
    said = [(name, seen.words[name]) for name in TEMPLATED if name in seen.words]
    context = {**surroundings(seen), "page": spoken("chat", seen), "max_characters": MAX_TEXT, "spoken": said}
    return _page("chat/widget.html", context, status=200 if seen.ready else 503)


@require_safe
async def help_page(request: HttpRequest) -> HttpResponse:
    """The lines as a page of their own, for a link in the clinic's own menu and for browsers without scripts."""
    seen = shown(page_language(request))
    return _page("chat/help.html", {**surroundings(seen), "page": spoken("help", seen)})


@require_safe
async def safety_protocol(request: HttpRequest) -> HttpResponse:
    """What the chat does for somebody in danger, for anybody to read. Without the database it comes without its count."""
    seen = shown(page_language(request))
    page = protocol.protocol(seen, await _referrals())
    return _page("chat/safety_protocol.html", {**surroundings(seen), "page": page}, status=200 if page else 503)


@require_safe
async def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept of a conversation, who reads it and for how long, in plain words."""
    seen = shown(page_language(request))
    page = spoken("privacy", seen, keep__days=str(retention.keep_days()))
    sample = page["sample"] if page["status"] != "approved" or seen.mode == "demo" else ""
    return _page("chat/privacy.html", {**surroundings(seen), "page": {**page, "sample": sample}})


def _page(template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = HttpResponse(render_to_string(template, context), status=status)
    response["Cache-Control"] = "no-store"
    response["Content-Language"] = context["shown"].language
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
    """The script that a clinic's site names in one tag. It carries words and lines, in case the frame cannot load."""
    said = {language: _embedded(shown(language)) for language in LANGUAGES}
    body = EMBED.read_text(encoding="utf-8").replace(EMBED_SLOT, json.dumps(said, ensure_ascii=False, separators=(",", ":")))
    response = _script(request, bundle.plain(body))
    response["Cross-Origin-Resource-Policy"] = "cross-origin"
    return response


def _embedded(seen: Shown) -> dict[str, Any]:
    page = spoken("chat", seen)
    words = {name: page[name] for name in ("open", "frame", "close")}
    words |= {"away": seen.words.get("outage") or page["away"], "unread": page["script"]["unread"]}
    clinic = [{"label": page["call_clinic"], "href": seen.phone_href}] if seen.phone else []
    return {**words, "links": [*seen.country["links"], *clinic]}


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


def surroundings(seen: Shown) -> dict[str, Any]:
    """What every page needs: the lines, the way out, and the way to the other language."""
    return {
        "shown": seen,
        "bar": spoken("help", seen),
        "lines": line_groups(seen.country["links"]),
        "others": [{"name": country["name"], "lines": line_groups(country["links"])} for country in seen.others],
        "other": "en" if seen.language == "es" else "es",
        "library": library_address(seen.language),
        "leave_to": LEAVE_TO,
    }
