"""All tests: a state folder of their own, and only the tests that this environment can run.

There are two environments: the engine's has rasa and no Django, the app's has Django and no rasa. Django's settings are
named here and not in pyproject.toml, because they read COMPANION_HOME, which has to be set first.
"""

from __future__ import annotations

import atexit
import importlib.util
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.running import Running

HOME = tempfile.mkdtemp(prefix="companion-tests-")
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ["COMPANION_HOME"] = HOME
os.environ["RASA_TELEMETRY_ENABLED"] = "false"
for name in (
    "ENGINE_URL",
    "ENGINE_TOKEN",
    "DJANGO_SECRET_KEY",
    "DATABASE_URL",
    "EMBED_ORIGINS",
    "ALLOWED_HOSTS",
    "HTTPS",
    "PORT",
):
    os.environ.pop(name, None)

# Playwright drives a Firefox of its own only, which no Debian package has (python -m playwright install firefox).
BROWSERS = Path(os.environ.get("PLAYWRIGHT_BROWSERS_PATH") or Path.home() / ".cache" / "ms-playwright")
FIREFOX = any(BROWSERS.glob("firefox-*"))

collect_ignore: list[str] = [] if FIREFOX else ["web/browser/test_firefox.py"]
if importlib.util.find_spec("rasa") is None:
    collect_ignore.append("assistant")
if importlib.util.find_spec("django") is None:
    collect_ignore += ["web", "actions"]
else:
    os.environ["DJANGO_SETTINGS_MODULE"] = "web.settings"
    import django
    from django.conf import settings

    # Every test begins with empty tables; waiting for the disk each time would double the time of a run.
    settings.DATABASES["default"]["OPTIONS"]["init_command"] = (
        "PRAGMA journal_mode=WAL; PRAGMA synchronous=OFF; PRAGMA secure_delete=ON;"
    )
    django.setup()  # before the conftest.py files below, which import models


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """The real engine, action server and web, started once for all tests. Skips, out loud, where they cannot run."""
    from tests.running import Running, missing

    if why := missing():
        pytest.skip(why)
    copy = Running(tmp_path_factory.mktemp("running"))
    try:
        copy.start()
        yield copy
    finally:
        copy.stop()


def pytest_report_header() -> str | None:
    """Said out loud: what this machine cannot try."""
    return None if FIREFOX else "firefox: Playwright's is not installed, so the chat is tried in Chromium only"
