"""The clinic's public protocol page: the words of `data/pages.yml`, filled with the clinic's facts and a count.

It has to come whatever is broken: a fact that is not known costs the paragraph that names it, and nothing else.
"""

from __future__ import annotations

import logging
from pathlib import Path

from web.chat.language import month
from web.chat.selectors import Referrals
from web.chat.shown import Shown
from web.chat.words import PAGES, Words, facts, filled, page_words

log = logging.getLogger(__name__)

SHOWN_FROM = 10
"""A smaller count is not shown. In a small clinic an exact one could name somebody: whoever knows of a patient's bad week and sees
"1" where "0" was knows what that patient wrote. The total is treated alike: with the one number exact, the other could be told."""


def wording(language: str = "en", path: Path = PAGES) -> Words:
    """The page's words. Raises ValueError when the file cannot be used."""
    return page_words("safety_protocol", language, path)


def protocol(seen: Shown, referrals: Referrals | None) -> Words:
    """What the page says; `referrals` is None when the count cannot be had. Empty when the page has no words."""
    try:
        words = wording(seen.language)
        known = facts(seen)
        count = words["count"]
        return {
            **words,
            "sample": words["sample"] if words["status"] != "approved" or seen.mode == "demo" else "",
            "lead": filled(words["lead"], known),
            "now": "".join(filled([words["now"]], known)),
            "sections": [{**section, "text": filled(section["text"], known)} for section in words["sections"]],
            "count": {"title": count["title"], "text": [*filled(count["text"], known), *_count(count, referrals, seen.language)]},
        }
    except (ValueError, KeyError, TypeError) as e:
        log.error("the protocol page has no words: %s", type(e).__name__)
        return {}


def _count(words: Words, referrals: Referrals | None, language: str) -> list[str]:
    if referrals is None:
        return list(words["unavailable"])
    if referrals.since is None:
        return list(words["unused"])
    few = "".join(filled([words["few"]], {"count.shown_from": str(SHOWN_FROM)}))
    exact = {"count.total": referrals.total, "count.last_year": referrals.last_year}
    known = {name: f"{number:,}" if number >= SHOWN_FROM else few for name, number in exact.items()}
    return filled(words["known"], known | {"count.since": month(referrals.since, language)})
