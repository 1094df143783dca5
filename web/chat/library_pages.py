"""/answers/: the approved answers as plain pages, which serve without the chat, without JavaScript and without the engine.

What somebody searches for is sent in the body of the request, so that it stands in no address, history or log; it is not kept.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.utils.safestring import mark_safe
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_http_methods, require_safe

from companion.release import Release, approval
from companion.rules import phrase_rules
from companion.tiers import URGENT
from web.chat import library, wording
from web.chat.language import day
from web.chat.pages import surroundings
from web.chat.shown import line_groups, shown
from web.chat.words import spoken

MAX_SEARCH = 300


@csrf_exempt  # a search changes nothing, and the page sets no cookie
@require_http_methods(["GET", "HEAD", "POST"])
async def index(request: HttpRequest, language: str = "en") -> HttpResponse:
    """All answers by section, and those that a search finds. Whoever searches in danger gets the lines first."""
    searched = request.POST.get("words", "")[:MAX_SEARCH].strip() if request.method == "POST" else ""
    return _index(request, language, searched=searched)


@require_safe
async def one(request: HttpRequest, key: str, language: str = "en") -> HttpResponse:
    """One answer: its text, who approved it and until when, its sources, and related ones."""
    release = wording.current()
    item = library.answer(release, key, language) if release else None
    if release is None or item is None:
        return _index(request, language, gone=True)
    context = _context(request, language, release)
    approved, page = approval(item), context["page"]
    spanish = f"es:{key}" in release.items
    other = "en" if language == "es" else "es"
    context |= {
        "answer": item,
        "section": release.section_titles(language).get(item["section"], ""),
        "approved": _said(page["approved"], by=approved["by"], on=approved["on"], language=language) if approved else "",
        "until": _said(page["until"], until=approved["until"], language=language) if approved and approved["until"] else "",
        "attached": line_groups(item["links"]),
        "related": library.related(release, item, language),
        "other_address": library.address(item, other),
        "indexed": bool(approved) and item["language"] == language,
        "canonical": request.build_absolute_uri(request.path),
        "other_canonical": request.build_absolute_uri(library.address(item, other)) if spanish else "",
        # Escaped where it is made; a block of data is no script, so no policy runs or forbids it.
        "data": mark_safe(library.description(item, release, request.build_absolute_uri(request.path))),
    }
    return _page("chat/answer.html", context)


def _index(request: HttpRequest, language: str, *, searched: str = "", gone: bool = False) -> HttpResponse:
    release = wording.current()
    context = _context(request, language, release)
    verdict = phrase_rules().screen(searched)
    urgent = release and verdict.tier in URGENT
    cards = [wording.message(release, verdict.tier, language=language)] if release and urgent else []
    context |= {
        "searched": searched,
        "cards": [{"text": card["text"], "lines": line_groups(card["links"])} for card in cards],
        "found": library.search(release, searched, language) if release and searched else [],
        "sections": library.sections(release, language) if release else [],
        "gone": gone,
        "samples": "sample_answers" in context["shown"].words,
        "other_address": library.library_address("en" if language == "es" else "es"),
        "indexed": bool(release) and not gone and "sample_answers" not in context["shown"].words,
        "canonical": request.build_absolute_uri(context["library"]),
    }
    return _page("chat/library.html", context, status=404 if gone else 200 if release else 503)


def _context(request: HttpRequest, language: str, release: Release | None) -> dict[str, Any]:
    seen = shown(language)
    return {**surroundings(seen), "page": spoken("answers", seen)}


def _page(template: str, context: dict[str, Any], status: int = 200) -> HttpResponse:
    response = HttpResponse(render_to_string(template, context), status=status)
    response["Cache-Control"] = "no-store" if context.get("searched") else "no-cache"
    response["Content-Language"] = context["shown"].language
    return response


def _said(text: str, *, language: str, **facts: str | None) -> str:
    for name, value in facts.items():
        date = name in ("on", "until") and value
        text = text.replace(f"[[{name}]]", day(dt.date.fromisoformat(date), language) if date else str(value or ""))
    return text
