"""The demo clinic's home page: a clinic's own website with the chat in it. The clinic does not exist."""

from __future__ import annotations

from django.http import HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.views.decorators.http import require_safe

from web.chat.shown import shown


@require_safe
async def home(request: HttpRequest) -> HttpResponse:
    """A small clinic website that embeds the chat with one script tag, as a real clinic would."""
    return HttpResponse(render_to_string("clinic/demo.html", {"shown": shown()}))
