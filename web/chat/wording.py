"""Which approved texts the web side itself says: greeting, a tier's card, the outage text, the truth about staffing."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping
from typing import Any

from companion.release import Release, ReleaseError, Releases
from companion.staffing import FAILED, staffing_key
from companion.tiers import URGENT

Reply = dict[str, Any]

_releases: Releases | None = None
_VARIATION = re.compile(r"^([^./]+(?:/[^./]+)?)\..+$")


def releases() -> Releases:
    """The releases of this copy, followed on disk."""
    global _releases
    if _releases is None:
        _releases = Releases()
    return _releases


def current() -> Release | None:
    """The release in force; None when there never was a good one."""
    try:
        return releases().current()
    except ReleaseError:
        return None


def base_name(key: str) -> str:
    """`crisis` of `crisis.2`, `staffing_until` of `staffing_until.mon-0900`; an answer's key is its own name."""
    match = _VARIATION.match(key)
    return match[1] if match else key


def message(release: Release, name: str, shown: Mapping[str, int] | None = None, language: str = "en") -> Reply:
    """A message in the variation whose turn it is. Raises KeyError when the release does not hold it."""
    name = release.localised(name, language)
    return release.reply(release.message(name, (shown or {}).get(name, 0)))


def notice(name: str, language: str = "en") -> list[Reply]:
    """A message of the release in force, in that language where it has it; nothing when it does not hold the message."""
    release = current()
    if release is None or not release.variations(name):
        return []
    return [message(release, name, language=language)]


def greeting(release: Release, language: str = "en") -> list[Reply]:
    """What a conversation begins with: disclosure, the sections as choices, and whether answers are samples."""
    choices = [{"label": title, "choice": name} for name, title in release.section_titles(language).items()]
    if label := release.items.get(release.localised("label_talk_to_person", language)):
        choices.append({"label": label["text"], "choice": "human"})
    replies = [release.reply(release.message(release.localised("greeting", language)), choices)]
    if any(item["sample"] for item in release.answers) and release.variations("sample_answers"):
        replies.append(message(release, "sample_answers", language=language))
    return replies


def fallback(release: Release, tier: str, shown: Mapping[str, int], language: str = "en") -> list[Reply]:
    """What is said when the engine's reply cannot be used: the tier's own card and, unless urgent, the outage text; in the
    conversation's language where the release has them in it."""
    names = [tier] if tier in URGENT else [tier, "outage"]
    return [message(release, name, shown, language) for name in names if release.variations(name)]


def tell_truth(release: Release, replies: list[Reply], *, recorded: bool, now: dt.datetime) -> list[Reply]:
    """The replies with one true sentence about staffing: put in where it is missing, exchanged where it is not true."""
    spoken = "es" if any(reply["key"].startswith("es:") for reply in replies) else "en"
    item = release.items.get(release.localised(staffing_key(release, now) if recorded else FAILED, spoken))
    true = [release.reply(item)] if item else []
    out: list[Reply] = []
    for reply in replies:
        name = reply["key"].removeprefix("es:")
        if not (name.startswith("staffing_") or name == FAILED):
            out.append(reply)
        else:
            out, true = [*out, *true], []
    return [*out, *true]
