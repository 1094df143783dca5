"""Web's own settings for a copy under test. What is broken from outside is said by files in its COMPANION_HOME:
`full` (the database has no page left), `clock` (seconds that the clock of web and action server is wrong by).
"""

from __future__ import annotations

import datetime as dt
import os
import time

from django.utils import timezone

from web.settings import *  # noqa: F403
from web.settings import DATABASES, HOME

FULL, CLOCK = HOME / "full", HOME / "clock"
DATABASES["default"]["ENGINE"] = "tests.faults.sqlite"
SWEEP_EVERY = SWEEP_AFTER = float(os.environ.get("FAULTS_SWEEP", "30"))  # seconds; the product's own, or shorter in a short run

_now, _time = timezone.now, time.time


def wrong_by() -> float:
    try:
        return float(CLOCK.read_text())
    except (OSError, ValueError):
        return 0.0


timezone.now = lambda: _now() + dt.timedelta(seconds=wrong_by())
time.time = lambda: _time() + wrong_by()
