"""The real web process and a real browser. Skipped, with the reason, where no Chromium is installed.

Browser and Playwright live for one module only: Playwright's event loop would make later tests' database calls fail.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from companion.paths import ROOT
from companion.release import Release, build_from_data

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
HERE = Path(__file__).parent
MISSING = "no Chromium here: the chat was not tried in a browser (Debian and Ubuntu: apt-get install chromium)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if CHROMIUM is None:
        for item in items:
            if HERE in item.path.parents:
                item.add_marker(pytest.mark.skip(reason=MISSING))


@pytest.fixture(scope="session")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("companion")


@pytest.fixture(scope="session")
def release(home: Path) -> Release:
    return build_from_data(home / "releases" / "current.json")[0]


@pytest.fixture(scope="session")
def site(home: Path, release: Release) -> Iterator[str]:
    """The web process on a free port, with a database and a release, and with no engine."""
    port, nobody = _free_port(), _free_port()
    env = {**os.environ, "COMPANION_HOME": str(home), "PORT": str(port), "ENGINE_URL": f"http://127.0.0.1:{nobody}"}
    env["DJANGO_SETTINGS_MODULE"] = "web.settings"
    subprocess.run([sys.executable, "-m", "django", "migrate", "-v0"], env=env, cwd=ROOT, check=True)
    command = [sys.executable, "-m", "uvicorn", "web.asgi:application", "--port", str(port), "--log-level", "warning"]
    process = subprocess.Popen([*command, "--timeout-graceful-shutdown", "1"], env=env, cwd=ROOT)
    try:
        _wait_for(f"http://127.0.0.1:{port}/embed.js", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(10)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=20000)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens a page in a context of its own; takes what `new_context` takes. Errors on the console fail the test."""
    contexts, errors = [], []

    def opened(**options: Any) -> Any:
        context = browser.new_context(
            **{"viewport": {"width": 390, "height": 844}, "reduced_motion": "reduce", **options}
        )
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(20000)  # the machine may be busy
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("console", lambda line: errors.append(line.text) if line.type == "error" else None)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert [error for error in errors if "Failed to load resource" not in error] == []


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(address: str, process: subprocess.Popen[bytes]) -> None:
    until = time.monotonic() + 240
    while True:
        try:
            urllib.request.urlopen(address, timeout=1).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise
            time.sleep(0.1)
