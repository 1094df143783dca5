"""What lint says of one text on the desk. An error keeps it from being handed in; a warning is for the reader to weigh."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from companion.lint import Finding, card_of, known_placeholders, lint_answer, lint_card, lint_text
from web.answers import reading
from web.answers.models import Answer
from web.answers.snapshot import Snapshot, to_item

MATTERS_OF_STYLE = frozenset({"length", "grade", "few related", "few phrasings"})
FAR_AHEAD = dt.timedelta(days=2 * 366)


def findings(snapshot: Snapshot) -> list[Finding]:
    """Errors and warnings of one text, errors first."""
    item, placeholders = to_item(snapshot), known_placeholders(reading.clinic())
    if item.kind == "answer":
        keys = set(Answer.objects.filter(kind="answer").values_list("key", flat=True))
        found = [*lint_answer(item, keys, placeholders=placeholders), *_dates(snapshot), *_likeness(snapshot)]
    else:
        found = lint_text(item.text, kind=item.kind, placeholders=placeholders)
        if card := card_of(item):
            found += lint_card(card, item.text, item.language)
        if not item.title:
            found.append(Finding("has no title; write one"))
    soft = [replace(one, error=one.error and one.rule not in MATTERS_OF_STYLE, file="") for one in found]
    return sorted(soft, key=lambda one: not one.error)


def errors(found: list[Finding]) -> list[Finding]:
    return [one for one in found if one.error]


def _dates(snapshot: Snapshot) -> list[Finding]:
    if not snapshot["review_by"]:
        return [Finding("has no date by which it is read again; give one under “Review by”")]
    day, today = dt.date.fromisoformat(snapshot["review_by"]), dt.date.today()
    if day < today:
        return [Finding(f"was to be read again by {day:%-d %B %Y}; give a date that is to come")]
    if day > today + FAR_AHEAD:
        return [Finding("is to be read again in more than two years; give an earlier date", error=False)]
    return []


def _likeness(snapshot: Snapshot) -> list[Finding]:
    """A title that another answer has, and phrasings that the release in force answers with another one."""
    found = []
    others = Answer.objects.filter(kind="answer", language=snapshot["language"]).exclude(key=snapshot["key"])
    if same := others.filter(title__iexact=snapshot["title"]).first():
        found.append(Finding(f"has the same title as {same.key}; a patient could not choose"))
    if snapshot["phrasings"]:
        mine = {" ".join(one.lower().split()): one for one in snapshot["phrasings"]}
        for key, phrasings in others.exclude(phrasings="").values_list("key", "phrasings"):
            shared = mine.keys() & {line.lower() for line in phrasings.splitlines()}
            found += [
                Finding(f"phrasing “{mine[one]}” is in {key} already; keep it in one of them", error=False)
                for one in shared
            ]
    return found
