"""What could not be written to the database waits here: one file for each turn, written whole, drained in order.

A file is removed only after its turn is committed, and replaying a turn twice changes nothing, so each is recorded
exactly once. If even the disk refuses, the turn waits in memory, which is the best that is left.
"""

from __future__ import annotations

import contextlib
import datetime as dt
import json
import logging
import os
import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from companion.paths import home
from web.chat.incoming import Incoming
from web.chat.services import Answer

log = logging.getLogger(__name__)
_in_memory: dict[uuid.UUID, Spooled] = {}


@dataclass(frozen=True)
class Spooled:
    """A turn that waits, with the response that the patient got."""

    incoming: Incoming
    answer: Answer
    response: dict[str, Any]
    path: Path | None = None


def folder() -> Path:
    return home() / "spool"


def put(incoming: Incoming, answer: Answer, response: dict[str, Any]) -> bool:
    """Write a turn down. Returns False when the disk refused and it is held in memory only."""
    content = {"incoming": incoming.as_dict(), "answer": answer.as_dict(), "response": response}
    try:
        at = folder()
        at.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = at / f"{incoming.received_at:%Y%m%dT%H%M%S%f}-{incoming.id}.json"
        scratch = path.with_suffix(f".{os.getpid()}.tmp")
        with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
            json.dump(content, f, ensure_ascii=False)
            f.flush()
            os.fsync(f.fileno())
        scratch.replace(path)
        _sync(at)
    except OSError as e:
        log.critical("spool: cannot be written (%s); a turn is held in memory only", e.strerror)
        _in_memory[incoming.id] = Spooled(incoming, answer, response)
        return False
    return True


def find(message: uuid.UUID) -> Spooled | None:
    """The turn of a message, if it waits here."""
    if held := _in_memory.get(message):
        return held
    return next((turn for path in _paths(f"*-{message}.json") if (turn := _read(path))), None)


def waiting() -> list[Spooled]:
    """Every turn that waits, oldest first."""
    turns = [turn for path in _paths("*.json") if (turn := _read(path))]
    return sorted([*turns, *_in_memory.values()], key=lambda turn: turn.incoming.received_at)


def count() -> int:
    return len(_paths("*.json")) + len(_in_memory)


def done(turn: Spooled) -> None:
    """Forget a turn that is in the database now."""
    _in_memory.pop(turn.incoming.id, None)
    if turn.path:
        turn.path.unlink(missing_ok=True)
        _sync(turn.path.parent)


def set_aside(turn: Spooled) -> None:
    """Keep a turn that the database will never take, out of the way of the others, for a person to look at."""
    log.critical("spool: %s cannot be recorded; set aside as .refused", turn.incoming.id)
    if turn.path:
        with contextlib.suppress(OSError):
            turn.path.rename(turn.path.with_suffix(".refused"))
    _in_memory.pop(turn.incoming.id, None)


def remove_set_aside(before: dt.datetime) -> None:
    """Remove what was set aside longer ago than conversations are kept."""
    for path in [*_paths("*.refused"), *_paths("*.unreadable")]:
        with contextlib.suppress(OSError):
            if path.stat().st_mtime < before.timestamp():
                path.unlink()


def _paths(pattern: str) -> list[Path]:
    try:
        return sorted(folder().glob(pattern))
    except OSError:
        return []


def _read(path: Path) -> Spooled | None:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        incoming, answer = Incoming.from_dict(content["incoming"]), Answer.from_dict(content["answer"])
        return Spooled(incoming, answer, content["response"], path)
    except FileNotFoundError:
        return None  # drained just now
    except (OSError, KeyError, TypeError, ValueError) as e:
        log.critical("spool: %s is unreadable (%s); set aside", path.name, type(e).__name__)
        with contextlib.suppress(OSError):
            path.rename(path.with_suffix(".unreadable"))
        return None


def _sync(at: Path) -> None:
    handle = os.open(at, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
