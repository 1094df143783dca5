"""From the record to the release in force: built from approved rows alone, written whole, swapped at once.

In demo mode the starter samples fill the gaps, marked as such; in a clinic only its own approvals answer. The assistant's own
messages fall back to the starter text, since no crisis card at all would be worse than one that nobody has signed yet.
"""

from __future__ import annotations

import datetime as dt
import fcntl
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone

from companion.catalogue import Catalogue
from companion.paths import current_release
from companion.release import Approval, Release, ReleaseError, build, write
from web.answers import reading, selectors
from web.answers.models import BuiltRelease
from web.answers.snapshot import to_item

log = logging.getLogger(__name__)


def compose(today: dt.date) -> tuple[Catalogue, dict[str, Approval]]:
    """Everything that may be said today, and who approved it."""
    starter, mode = reading.starter(), reading.clinic().mode
    versions = selectors.in_force(today)
    taken = selectors.approved_keys() | selectors.withdrawn_keys()
    items = {
        key: item
        for key, item in starter.items.items()
        if item.kind != "answer" or (mode == "demo" and key not in taken)
    }
    approvals = {}
    for version in versions:
        item = to_item(version.content)
        items[item.key] = item
        approvals[item.key] = Approval(version.approver_name, version.approved_at, version.pk)
    return Catalogue(reading.sections(), items), approvals


def put_in_force(cause: str, by: User | None = None, *, today: dt.date | None = None) -> Release:
    """Build a release from the record as it is now and swap it in. Unchanged content makes no new release."""
    with _one_builder():
        catalogue, approvals = compose(today or dt.date.today())
        previous = _previous()
        content = build(catalogue, reading.clinic(), approvals=approvals, previous=previous)
        if previous and previous.content.get("built_from") == "desk" and _same(previous, content):
            return previous
        write(content)
        BuiltRelease.objects.create(
            number=content["number"],
            hash=content["hash"],
            built_at=timezone.now(),
            cause=cause,
            by=by,
            versions=sorted(approval.version for approval in approvals.values()),
        )
    log.info("release %s was put in force by the desk", content["number"])
    return Release(content)


def behind(today: dt.date) -> bool:
    """Whether the release in force holds other texts than the record: an answer ran out, or a build was broken off."""
    if not selectors.ever_decided():
        return False
    release = _previous()
    if release is None or release.content.get("built_from") != "desk":
        return True
    held = {item["version"] for item in release.items.values() if item["version"]}
    gone = selectors.withdrawn_keys()
    return held != set(selectors.standing(today).values_list("pk", flat=True)) or any(
        item["key"] in gone for item in release.answers
    )


def keep_in_force(today: dt.date | None = None) -> int:
    """Bring the release up to the record, where it is behind. Returns how many releases that made.

    It runs in a thread of its own, so it leaves no connection open behind it.
    """
    try:
        reading.starter()  # read once, so that the first approval does not wait for it
        if not behind(today or dt.date.today()):
            return 0
        put_in_force("an answer ran out, or an earlier building was broken off", today=today)
        return 1
    finally:
        if not connection.in_atomic_block and threading.current_thread() is not threading.main_thread():
            connection.close()


def _same(previous: Release, content: dict[str, object]) -> bool:
    passing = ("number", "built_at", "hash")
    return all(previous.content.get(name) == value for name, value in content.items() if name not in passing)


def _previous() -> Release | None:
    try:
        return Release.read(current_release())
    except ReleaseError:
        return None


@contextmanager
def _one_builder() -> Iterator[None]:
    """Two approvals at once make two releases, one after the other."""
    folder = current_release().parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".building").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
