"""What is broken, and how. A fault is a context: broken inside, mended after; patients go on all the while."""

from __future__ import annotations

import contextlib
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

from script.supervise import Service
from tests.faults.patients import Now
from tests.faults.proxy import MODES
from tests.faults.stand import Stand

Fault = Callable[[Stand, Now], AbstractContextManager[None]]
DAY = 24 * 3600
DISK = "disk takes nothing, nor does the spool"


def killed(name: str) -> Fault:
    """SIGKILL; the supervisor starts it again."""

    @contextlib.contextmanager
    def fault(stand: Stand, now: Now) -> Iterator[None]:
        _service(stand, name).kill(signal.SIGKILL)
        yield

    return fault


def stopped(name: str) -> Fault:
    """SIGSTOP: it is there, takes connections, and does nothing."""

    @contextlib.contextmanager
    def fault(stand: Stand, now: Now) -> Iterator[None]:
        with stand.frozen(_service(stand, name)):
            yield

    return fault


def engine(*modes: str) -> Fault:
    """The engine's answers are spoiled on the way, message by message in one of these ways."""

    @contextlib.contextmanager
    def fault(stand: Stand, now: Now) -> Iterator[None]:
        stand.proxy.modes = modes
        try:
            yield
        finally:
            stand.proxy.modes = ("through",)

    return fault


@contextlib.contextmanager
def database_locked(stand: Stand, now: Now) -> Iterator[None]:
    with stand.locked_database():
        yield


@contextlib.contextmanager
def database_full(stand: Stand, now: Now) -> Iterator[None]:
    """SQLite says "database or disk is full"; the spool can still write."""
    with _file(stand, "full", ""):
        yield


@contextlib.contextmanager
def disk_full(stand: Stand, now: Now) -> Iterator[None]:
    """No file of web or action server may grow by a byte: neither the database nor the spool can be written."""
    processes = [service.process.pid for service in (stand.web, stand.actions) if service.process]
    for pid in processes:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (0, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in processes:
            with contextlib.suppress(ProcessLookupError):
                resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@contextlib.contextmanager
def release_corrupt(stand: Stand, now: Now) -> Iterator[None]:
    """The file in force is cut in half while everything runs."""
    current = stand.home / "releases" / "current.json"
    good = current.read_bytes()
    current.write_bytes(good[: len(good) // 2])
    try:
        yield
    finally:
        scratch = current.with_suffix(".good")
        scratch.write_bytes(good)
        scratch.replace(current)


@contextlib.contextmanager
def release_corrupt_at_start(stand: Stand, now: Now) -> Iterator[None]:
    """The same, and the web side has to start with it."""
    with release_corrupt(stand, now):
        stand.web.kill(signal.SIGKILL)
        yield


def clock(seconds: int) -> Fault:
    """The clock of web and action server jumps, and jumps back afterwards."""

    @contextlib.contextmanager
    def fault(stand: Stand, now: Now) -> Iterator[None]:
        with _file(stand, "clock", str(seconds)):
            yield

    return fault


@contextlib.contextmanager
def patients_hang_up(stand: Stand, now: Now) -> Iterator[None]:
    """Connections of patients break in the middle of a message, or before the reply; some never come back."""
    now.hang_up = True
    try:
        yield
    finally:
        now.hang_up = False


@contextlib.contextmanager
def engine_and_actions(stand: Stand, now: Now) -> Iterator[None]:
    with stand.frozen(stand.engine), stand.frozen(stand.actions):
        yield


@contextlib.contextmanager
def killed_with_release_cut(stand: Stand, now: Now) -> Iterator[None]:
    with release_corrupt(stand, now), killed_in_the_middle(stand, now):
        yield


@contextlib.contextmanager
def killed_in_the_middle(stand: Stand, now: Now) -> Iterator[None]:
    """The engine is slow, so that messages are on their way, and the web side is killed."""
    stand.proxy.modes = ("late",)
    stand.tend(1.0)
    stand.web.kill(signal.SIGKILL)
    stand.proxy.modes = ("through",)
    yield


@contextlib.contextmanager
def engine_and_database(stand: Stand, now: Now) -> Iterator[None]:
    with stand.frozen(stand.engine), stand.locked_database():
        yield


@contextlib.contextmanager
def nothing(stand: Stand, now: Now) -> Iterator[None]:
    yield


FAULTS: dict[str, Fault] = {
    "nothing": nothing,
    "engine answers late": engine("late"),
    "engine answers empty": engine("empty", "no replies"),
    "engine answers malformed": engine("malformed", "error", "another's"),
    "engine says an unapproved text": engine("unapproved", "made up"),
    "engine names a wrong tier": engine("lowered", "raised"),
    "engine's connections break off half way": engine("cut"),
    "engine stopped": stopped("engine"),
    "action server stopped": stopped("action server"),
    "action server killed": killed("action server"),
    "web stopped": stopped("web"),
    "web killed": killed("web"),
    "web killed in the middle of answers": killed_in_the_middle,
    "database locked": database_locked,
    "database full": database_full,
    DISK: disk_full,
    "engine stopped and database locked": engine_and_database,
    "release cut in half": release_corrupt,
    "release cut in half, web starts with it": release_corrupt_at_start,
    "clock a day ahead, then back": clock(DAY),
    "clock a day behind, then right": clock(-DAY),
    "patients' connections break off half way": patients_hang_up,
    "engine killed": killed("engine"),
}
"""In this order; the engine's death last, since it takes longest to come back."""
LEAST = {"engine stopped": 5.0, "action server stopped": 5.0, "engine stopped and database locked": 3.0}
"""Seconds without which nobody would notice: the web side waits for four, or two and a half."""
if sys.platform != "linux":
    del FAULTS[DISK]  # a running process's limits can be set on Linux only

AT_ONCE: dict[str, Fault] = {
    "engine answers in every wrong way": engine(*MODES[1:]),
    "engine and action server stopped": engine_and_actions,
    "web killed in the middle of answers, starts with a release cut in half": killed_with_release_cut,
}
"""For a short run: several faults in the time of one."""
LEAST |= {"engine answers in every wrong way": 3.0, "engine and action server stopped": 5.0}
SHORT: tuple[str, ...] = (
    "nothing",
    *AT_ONCE,
    "action server killed",
    "web stopped",
    "database locked",
    "database full",
    DISK,
    "clock a day ahead, then back",
    "clock a day behind, then right",
    "patients' connections break off half way",
    "engine killed",
)
FAULTS_BY_NAME = FAULTS | AT_ONCE

SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


@contextlib.contextmanager
def _file(stand: Stand, name: str, content: str) -> Iterator[None]:
    path = stand.home / name
    path.write_text(content)
    try:
        yield
    finally:
        path.unlink()


def _service(stand: Stand, name: str) -> Service:
    return next(service for service in stand.all if service.name == name)
