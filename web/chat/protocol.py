"""The clinic's public protocol page: the words of `data/pages.yml`, filled with the clinic's facts and a count.

It has to come whatever is broken: a fact that is not known costs the paragraph that names it, and nothing else.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml
from django.utils.dateformat import format as format_date

from companion.clinic import PLACEHOLDER
from companion.paths import DATA
from web.chat.selectors import Referrals
from web.chat.shown import Shown

log = logging.getLogger(__name__)

PAGES = DATA / "pages.yml"
SHOWN_FROM = 10
"""A smaller count is not shown. In a small clinic an exact one could name somebody: whoever knows of a patient's bad week and sees
"1" where "0" was knows what that patient wrote. The total is treated alike: with the one number exact, the other could be told."""

Words = dict[str, Any]


@lru_cache(maxsize=1)
def wording(path: Path = PAGES) -> Words:
    """The page's words. Raises ValueError when the file cannot be used."""
    try:
        return dict(yaml.safe_load(path.read_text(encoding="utf-8"))["pages"]["safety_protocol"])
    except (OSError, yaml.YAMLError, KeyError, TypeError) as e:
        raise ValueError(f"{path}: holds no safety_protocol ({type(e).__name__}); restore the file from the repository") from e


def protocol(seen: Shown, referrals: Referrals | None) -> Words:
    """What the page says; `referrals` is None when the count cannot be had. Empty when the page has no words."""
    try:
        words = wording()
        facts = _facts(seen)
        count = words["count"]
        return {
            **words,
            "sample": words["sample"] if words["status"] != "approved" or seen.mode == "demo" else "",
            "lead": _filled(words["lead"], facts),
            "now": "".join(_filled([words["now"]], facts)),
            "sections": [{**section, "text": _filled(section["text"], facts)} for section in words["sections"]],
            "count": {"title": count["title"], "text": [*_filled(count["text"], facts), *_count(count, referrals)]},
        }
    except (ValueError, KeyError, TypeError) as e:
        log.error("the protocol page has no words: %s", type(e).__name__)
        return {}


def _facts(seen: Shown) -> dict[str, str]:
    facts = {f"clinic.{name}": value for name, value in seen.clinic.items() if isinstance(value, str) and value}
    return facts | {"lines.emergency": seen.country["emergency"], "lines.crisis": seen.country["crisis"]}


def _count(words: Words, referrals: Referrals | None) -> list[str]:
    if referrals is None:
        return list(words["unavailable"])
    if referrals.since is None:
        return list(words["unused"])
    few = "".join(_filled([words["few"]], {"count.shown_from": str(SHOWN_FROM)}))
    exact = {"count.total": referrals.total, "count.last_year": referrals.last_year}
    facts = {name: f"{number:,}" if number >= SHOWN_FROM else few for name, number in exact.items()}
    return _filled(words["known"], facts | {"count.since": format_date(referrals.since, "F Y")})


def _filled(texts: Iterable[str], facts: Mapping[str, str]) -> list[str]:
    """The texts with their placeholders filled, without those that ask for a fact that is not there."""
    return [
        PLACEHOLDER.sub(lambda match: facts[match[1]], text)
        for text in texts
        if all(name in facts for name in PLACEHOLDER.findall(text))
    ]
