"""Several processes as one: starts them, tells when all answer, starts again what dies, stops them all.

A child is known by its process id and leads a process group of its own, so that whatever it started stops with it.
"""

from __future__ import annotations

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from companion.paths import ROOT

STOP_SECONDS = 3.5  # uvicorn needs up to three where event streams are open
SETTLED_SECONDS = 60.0  # one that ran so long starts anew without waiting
LONGEST_WAIT = 30.0
TRIES_BEFORE_READY = 3
TELL_SECONDS = 5.0
SLOW_SECONDS = 180.0
LOG_BYTES = 5_000_000
ERROR_LINE = re.compile(r"\b(ERROR|CRITICAL)\b|\[(error|critical) *\]|^Traceback |^(\w+\.)*\w*(Error|Exception)\b")
OUR_OWN_ASKING = re.compile(r"Service Unavailable: /health$")
ERROR_LINES_AT_ONCE = 12
ASK_SECONDS = 1.0


class StartError(RuntimeError):
    """It cannot start; the message says why and what to do."""


@dataclass
class Service:
    """One child: how it is started, where it writes, how one sees that it is up."""

    name: str
    argv: list[str]
    log: Path
    health: str
    env: Mapping[str, str] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=dict)
    needs: tuple[str, ...] = ()  # it is not well before these are, so it is not asked
    process: subprocess.Popen[bytes] | None = None
    started: float = 0.0
    due: float = 0.0
    failures: int = 0
    up: bool = False
    asked: float = 0.0
    seen: int = 0

    def start(self) -> None:
        self.log.parent.mkdir(parents=True, exist_ok=True)
        if self.log.exists() and self.log.stat().st_size > LOG_BYTES:
            self.log.replace(self.log.with_suffix(".1.log"))
        self.seen = self.log.stat().st_size if self.log.exists() else 0
        with self.log.open("ab") as out:
            self.process = subprocess.Popen(
                self.argv, cwd=ROOT, env={**os.environ, **self.env}, stdin=subprocess.DEVNULL, stdout=out,
                stderr=subprocess.STDOUT, start_new_session=True, preexec_fn=_die_with_parent,
            )  # fmt: skip
        self.started = time.monotonic()
        self.up = False

    def answers(self) -> bool:
        """Does its health page say that all is well?"""
        request = urllib.request.Request(self.health, headers=self.headers)
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=2) as response:
                return bool(response.status == 200)
        except OSError:
            return False

    def kill(self, number: int) -> None:
        if self.process:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # the latter: a group of zombies on macOS
                os.killpg(self.process.pid, number)

    def new_errors(self) -> list[str]:
        """The error lines it has written since this was asked last."""
        try:
            with self.log.open("rb") as f:
                f.seek(self.seen)
                text = f.read()
        except OSError:
            return []
        text = text[: text.rfind(b"\n") + 1]
        self.seen += len(text)
        lines = text.decode("utf-8", "replace").splitlines()
        found = [line for line in lines if ERROR_LINE.search(line) and not OUR_OWN_ASKING.search(line)]
        more = len(found) - ERROR_LINES_AT_ONCE
        return found if more <= 0 else [*found[:ERROR_LINES_AT_ONCE], f"… and {more} more in {self.log}"]


def _die_with_parent() -> None:
    """On Linux a supervisor that is killed outright takes its children with it. (Elsewhere one stops them by hand.)"""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None).prctl(1, signal.SIGTERM)


class Supervisor:
    def __init__(self, services: list[Service], say: Callable[[str], None] | None = None) -> None:
        self.services = services
        self.say = say or _print
        self.asked_to_stop = 0

    def run(self, welcome: Callable[[], str]) -> int:
        """Until a signal comes. Returns the exit status."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, lambda *_: setattr(self, "asked_to_stop", self.asked_to_stop + 1))
        try:
            for service in self.services:
                service.start()
            begun, ready, told = time.monotonic(), False, 0.0
            while not self.asked_to_stop:
                self.tend(ready)
                all_up, waited = self.look(), time.monotonic() - begun
                if all_up and not ready:
                    ready = True
                    self.say(welcome())
                elif not ready and waited - told >= TELL_SECONDS:
                    missing = ", ".join(s.name for s in self.services if not s.up)
                    hint = f" (is something wrong? See {self.services[0].log.parent})" if waited > SLOW_SECONDS else ""
                    self.say(f"  waiting for {missing}: {waited:.0f} s{hint}")
                    told = waited
                time.sleep(0.2)
            self.say("\nstopping …")
            return 0
        except StartError as e:
            self.say(f"\nerror: {e}")
            return 1
        finally:
            self.stop()

    def look(self) -> bool:
        """Ask those that were not up yet; are all up?"""
        now, up = time.monotonic(), {service.name for service in self.services if service.up}
        for service in self.services:
            if not service.process or service.up or not up.issuperset(service.needs):
                continue
            if now - service.asked < ASK_SECONDS:
                continue
            service.asked = now
            if service.answers():
                service.up = True
                self.say(f"  {service.name}: up, {time.monotonic() - service.started:.0f} s")
        return all(service.up for service in self.services)

    def tend(self, ready: bool) -> None:
        """Pass on errors; start again what died. Raises StartError when one keeps dying before all were up."""
        now = time.monotonic()
        for service in self.services:
            for line in service.new_errors():
                self.say(f"  {service.name} | {line}")
            if service.process is None:
                if now >= service.due:
                    service.start()
            elif (status := service.process.poll()) is not None:
                service.kill(signal.SIGKILL)  # what it started must not hold its port
                service.process, service.up = None, False
                service.failures = 1 if now - service.started > SETTLED_SECONDS else service.failures + 1
                how = f"was stopped by signal {-status}" if status < 0 else f"ended with status {status}"
                if not ready and service.failures >= TRIES_BEFORE_READY:
                    raise StartError(f"{service.name} {how}, {service.failures} times.\n\n{_tail(service.log)}")
                wait = min(LONGEST_WAIT, 2.0 ** (service.failures - 1))
                service.due = now + wait
                self.say(f"  {service.name} {how}; starting it again in {wait:.0f} s (its log: {service.log})")

    def stop(self) -> None:
        """Ask all to end, wait, end what is left. A second Ctrl-C ends the waiting."""
        patience, asked = time.monotonic() + STOP_SECONDS, self.asked_to_stop
        for service in self.services:
            service.kill(signal.SIGTERM)
        while time.monotonic() < patience and self.asked_to_stop == asked:
            if all(s.process is None or s.process.poll() is not None for s in self.services):
                break
            time.sleep(0.05)
        for service in self.services:
            service.kill(signal.SIGKILL)
            if service.process:
                service.process.wait()


def _print(words: str) -> None:
    with contextlib.suppress(OSError):  # a closed terminal is no reason to end
        print(words, flush=True)


def _tail(log: Path, lines: int = 25) -> str:
    written = log.read_text("utf-8", "replace").splitlines()[-lines:] if log.exists() else []
    return "\n".join(f"  | {line}" for line in written) + f"\n\nAll of it is in {log}"
