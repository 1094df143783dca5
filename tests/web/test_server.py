"""The real server process: starts, answers, and stops within seconds although a browser follows events."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from companion.paths import ROOT
from tests.web.support import CRISIS


@pytest.fixture
def process(transactional_db: None, release: Any, home: Path, unused_port: int) -> Any:
    source, target = sqlite3.connect(settings.DATABASES["default"]["NAME"]), sqlite3.connect(home / "db.sqlite3")
    source.backup(target)
    source.close()
    target.close()
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "web.asgi:application",
        "--port",
        str(unused_port),
        "--timeout-graceful-shutdown",
        "1",
    ]
    env = {**os.environ, "COMPANION_HOME": str(home), "PORT": str(unused_port), "ENGINE_URL": "http://127.0.0.1:9"}
    log = (home / "server.log").open("w")
    running = subprocess.Popen(command, env=env, cwd=ROOT, stdout=log, stderr=subprocess.STDOUT)
    try:
        _wait_for(f"http://127.0.0.1:{unused_port}/help/", running, home / "server.log")
        yield running, f"http://127.0.0.1:{unused_port}"
    finally:
        running.kill()
        running.wait()
        log.close()


def _wait_for(url: str, running: subprocess.Popen[bytes], log: Path) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        try:
            urllib.request.urlopen(url, timeout=2).close()
            return
        except OSError:
            assert running.poll() is None, log.read_text()
            time.sleep(0.1)
    raise AssertionError(log.read_text())


def post(url: str, body: Any, token: str = "") -> Any:
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {token}"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as response:
        return json.loads(response.read())


def test_a_server_without_an_engine_meets_a_crisis_and_stops_cleanly(process: Any, home: Path) -> None:
    running, url = process
    started = post(f"{url}/api/chat/conversations", {})
    answer = post(f"{url}/api/chat/messages", {"text": CRISIS, "client_message_id": "1"}, started["token"])
    assert answer["tier"] == "crisis" and answer["replies"][0]["kind"] == "crisis"
    assert answer["escalation"]["state"] == "recorded"
    with sqlite3.connect(home / "db.sqlite3") as rows:
        assert rows.execute("select tier, recorded_by from escalations_escalation").fetchall() == [("crisis", "web")]
    rows.close()
    follow = urllib.request.Request(f"{url}/api/chat/events", headers={"Authorization": f"Bearer {started['token']}"})
    with urllib.request.urlopen(follow, timeout=10) as events:
        assert events.readline() == b": open\n"
        began = time.monotonic()
        running.send_signal(signal.SIGTERM)
        running.wait(timeout=10)
        assert time.monotonic() - began < 6
    log = (home / "server.log").read_text()
    assert "kill myself" not in log and "Traceback" not in log, log


def test_a_server_without_its_phrase_rules_does_not_start(
    transactional_db: None, release: Any, home: Path, unused_port: int
) -> None:
    copy = home / "copy"
    for part in ("companion", "web", "data"):
        shutil.copytree(ROOT / part, copy / part, ignore=shutil.ignore_patterns("__pycache__"))
    (copy / "data" / "safety" / "phrases.yml").unlink()
    command = [sys.executable, "-m", "uvicorn", "web.asgi:application", "--port", str(unused_port)]
    env = {**os.environ, "COMPANION_HOME": str(home), "PYTHONPATH": str(copy)}
    done = subprocess.run(command, env=env, cwd=copy, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and "phrases.yml" in done.stderr
