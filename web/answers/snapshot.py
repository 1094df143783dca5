"""What an approval is about: one text with everything that is served with it, as plain values with a hash."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from typing import TYPE_CHECKING, Any

from companion.catalogue import Item

if TYPE_CHECKING:
    from web.answers.models import Answer

Snapshot = dict[str, Any]
"""{key, kind, section, language, title, text, phrasings, sources, related, offer_care_team, attach_lines, review_by}"""

LISTS = ("phrasings", "sources", "related")


def lines(text: str) -> list[str]:
    """The lines of a field that takes one thing to a line, without repeats."""
    return list(dict.fromkeys(" ".join(line.split()) for line in text.splitlines() if line.strip()))


def of_answer(answer: Answer) -> Snapshot:
    review_by = answer.review_by
    return {
        "key": answer.key,
        "kind": answer.kind,
        "section": answer.section or None,
        "language": answer.language,
        "title": answer.title.strip(),
        "text": answer.text.replace("\r\n", "\n").strip(),
        **{name: lines(getattr(answer, name)) for name in LISTS},
        "offer_care_team": answer.offer_care_team,
        "attach_lines": answer.attach_lines,
        "review_by": review_by.isoformat() if isinstance(review_by, dt.date) else review_by or None,
    }


def of_item(item: Item) -> Snapshot:
    return {
        "key": item.key,
        "kind": item.kind,
        "section": item.section,
        "language": item.language,
        "title": item.title,
        "text": item.text,
        **{name: list(getattr(item, name)) for name in LISTS},
        "offer_care_team": item.offer_care_team,
        "attach_lines": item.attach_lines,
        "review_by": item.review_by.isoformat() if item.review_by else None,
    }


def to_item(snapshot: Snapshot, status: str = "approved") -> Item:
    review_by = snapshot["review_by"]
    values = {**snapshot, **{name: tuple(snapshot[name]) for name in LISTS}}
    values["review_by"] = dt.date.fromisoformat(review_by) if review_by else None
    return Item(**values, status=status)


def to_fields(snapshot: Snapshot) -> dict[str, Any]:
    """The same as the fields of an `Answer`."""
    review_by = snapshot["review_by"]
    return {
        **snapshot,
        **{name: "\n".join(snapshot[name]) for name in LISTS},
        "section": snapshot["section"] or "",
        "review_by": dt.date.fromisoformat(review_by) if review_by else None,
    }


def snapshot_hash(snapshot: Snapshot) -> str:
    """SHA-256 over its canonical JSON."""
    canonical = json.dumps(snapshot, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()
