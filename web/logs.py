"""Logging that cannot hold what a patient wrote: an exception is logged as its type and place, never its message."""

from __future__ import annotations

import logging
import logging.config
import traceback
from types import TracebackType
from typing import Any

FORMAT = "{asctime} {levelname} {name}: {message}"
ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None] | tuple[None, None, None]


class Wordless(logging.Formatter):
    """Formats exceptions without their messages, which may quote what they failed on."""

    def formatException(self, ei: ExcInfo) -> str:
        lines: list[str] = []
        error = ei[1]
        while error is not None:
            frames = traceback.extract_tb(error.__traceback__)
            lines += [f"  {frame.filename}:{frame.lineno} in {frame.name}" for frame in frames]
            lines.append(type(error).__name__)
            error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        return "\n".join(lines)

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have cached the full traceback
        try:
            return super().format(record)
        finally:
            record.exc_text = None


class NoTaskDetails(logging.Filter):
    """asyncio names a failed task together with its exception; keep the first line's words only."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = str(record.msg).split("\n", 1)[0], ()
        return True


def configure(_settings: dict[str, Any]) -> None:
    """Django's LOGGING_CONFIG: everything to standard error through `Wordless`; no e-mails."""
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": {"wordless": {"()": Wordless, "format": FORMAT, "style": "{"}},
            "filters": {"no_task_details": {"()": NoTaskDetails}},
            "handlers": {
                "console": {"class": "logging.StreamHandler", "formatter": "wordless"},
                "asyncio": {"class": "logging.StreamHandler", "formatter": "wordless", "filters": ["no_task_details"]},
            },
            "root": {"handlers": ["console"], "level": "WARNING"},
            "loggers": {
                "web": {"level": "INFO"},
                "actions": {"level": "INFO"},
                "django": {"level": "WARNING"},
                "django.db.backends": {"level": "WARNING"},
                "asyncio": {"handlers": ["asyncio"], "level": "ERROR", "propagate": False},
                "aiohttp": {"level": "ERROR"},
            },
        }
    )
