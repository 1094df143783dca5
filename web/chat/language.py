"""In which language a page or a conversation is: English, or Spanish where it is asked for."""

from __future__ import annotations

import datetime as dt
import re

from django.http import HttpRequest
from django.utils import translation
from django.utils.formats import date_format

LANGUAGES = ("en", "es")
_TAG = re.compile(r"\s*([A-Za-z]{1,8})")


def language_in(tags: str) -> str:
    """The first of the tags that is one of ours, as in `Accept-Language` and `lang`; empty where none is.

    Weights are not looked at: browsers list languages in the order of their reader's preference.
    """
    for tag in tags.split(","):
        match = _TAG.match(tag)
        if match and match[1].lower() in LANGUAGES:
            return match[1].lower()
    return ""


def page_language(request: HttpRequest) -> str:
    """`?lang=` as the reader or the page around chose it, else the browser's, else English."""
    return language_in(request.GET.get("lang", "")) or language_in(request.headers.get("Accept-Language", "")) or "en"


def day(date: dt.date, language: str) -> str:
    """`Nov. 22, 2026`, `22 de noviembre de 2026`."""
    with translation.override(language):
        return date_format(date, "DATE_FORMAT")


def month(date: dt.date, language: str) -> str:
    """`November 2026`, `noviembre de 2026`."""
    with translation.override(language):
        return date_format(date, "YEAR_MONTH_FORMAT")
