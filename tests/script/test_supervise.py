"""Whoever runs the server sees when it is up, is told of every process that dies, and leaves nothing running behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from script import supervise
from script.serve import free_port
from script.supervise import Service, StartError, Supervisor

PAGE = """
import http.server, sys
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200 if self.headers.get("X-Token", "t") == "t" else 403); self.end_headers()
    def log_message(self, *a): pass
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


def until(true: Callable[[], bool], seconds: float = 15) -> bool:
    """Waits for something that other processes do; false if it does not come to be."""
    end = time.monotonic() + seconds
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not state.exists() or state.read_text().rpartition(")")[2].split()[0] != "Z"


class Bench:
    """A supervisor over small programs, and what it said."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.said: list[str] = []
        self.supervisor = Supervisor([], self.said.append)

    def service(self, code: str, *arguments: str, name: str = "web", health: str = "http://127.0.0.1:9/") -> Service:
        service = Service(name, [sys.executable, "-c", code, *arguments], self.folder / f"{name}.log", health)
        self.supervisor.services.append(service)
        return service

    def written(self, service: Service) -> str:
        return service.log.read_text() if service.log.exists() else ""

    def ended(self, service: Service) -> None:
        assert service.process
        service.process.wait(15)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    bench = Bench(tmp_path)
    yield bench
    for service in bench.supervisor.services:
        service.kill(signal.SIGKILL)
        if service.process:
            service.process.wait()


def test_one_is_up_only_when_its_page_answers(bench: Bench) -> None:
    port = free_port()
    service = bench.service(PAGE, str(port), health=f"http://127.0.0.1:{port}/")
    assert not bench.supervisor.look()
    service.start()
    assert until(bench.supervisor.look)
    assert any(words.strip().startswith("web: up") for words in bench.said)


def test_one_that_needs_another_is_not_asked_before_the_other_is_up(bench: Bench) -> None:
    engine = bench.service("import time; time.sleep(600)", name="engine")
    port = free_port()
    web = bench.service(PAGE, str(port), health=f"http://127.0.0.1:{port}/")
    web.needs = ("engine",)
    engine.start()
    web.start()
    assert until(web.answers)
    assert not bench.supervisor.look()
    assert bench.said == []
    engine.up = True
    assert bench.supervisor.look()


def test_an_answer_that_is_not_200_is_not_up(bench: Bench) -> None:
    port = free_port()
    service = bench.service(PAGE, str(port), health=f"http://127.0.0.1:{port}/")
    service.start()
    assert until(service.answers)
    service.headers = {"X-Token": "wrong"}
    assert not service.answers()


def test_one_that_dies_is_started_again_and_said_so(bench: Bench) -> None:
    service = bench.service("raise SystemExit(3)")
    service.start()
    bench.ended(service)
    bench.supervisor.tend(ready=True)
    assert "web ended with status 3; starting it again in 1 s" in bench.said[-1]
    assert service.process is None
    service.due = 0
    bench.supervisor.tend(ready=True)
    assert service.process is not None


def test_one_that_keeps_dying_is_given_longer_and_longer_pauses(bench: Bench) -> None:
    service = bench.service("raise SystemExit(1)")
    for _ in range(8):
        service.start()
        bench.ended(service)
        bench.supervisor.tend(ready=True)
    pauses = [words.partition("again in ")[2].split()[0] for words in bench.said]
    assert pauses == ["1", "2", "4", "8", "16", "30", "30", "30"]


def test_one_that_ran_well_for_a_while_starts_again_at_once(bench: Bench) -> None:
    service = bench.service("raise SystemExit(1)")
    service.failures = 5
    service.start()
    service.started -= supervise.SETTLED_SECONDS + 1
    bench.ended(service)
    bench.supervisor.tend(ready=True)
    assert "again in 1 s" in bench.said[-1]


def test_a_start_that_cannot_succeed_ends_with_the_end_of_the_log(bench: Bench) -> None:
    service = bench.service("raise SystemExit('no such model')")
    for _ in range(supervise.TRIES_BEFORE_READY - 1):
        service.start()
        bench.ended(service)
        bench.supervisor.tend(ready=False)
    service.start()
    bench.ended(service)
    with pytest.raises(StartError, match=r"(?s)web ended with status 1, 3 times.*no such model"):
        bench.supervisor.tend(ready=False)


def test_errors_in_a_log_are_shown_once_and_nothing_else_is(bench: Bench) -> None:
    lines = ["INFO: fine", "ERROR: disk is full", "ERROR x: Service Unavailable: /health", "ValueError: seven"]
    service = bench.service("import sys; print(*sys.argv[1:], sep='\\n')", *lines)
    service.start()
    bench.ended(service)
    assert service.new_errors() == ["ERROR: disk is full", "ValueError: seven"]
    assert service.new_errors() == []


def test_a_flood_of_errors_is_cut(bench: Bench) -> None:
    service = bench.service("for n in range(50): print('ERROR', n)")
    service.start()
    bench.ended(service)
    shown = service.new_errors()
    assert len(shown) == supervise.ERROR_LINES_AT_ONCE + 1
    assert "38 more" in shown[-1]


def test_a_log_that_has_grown_large_is_set_aside_at_the_next_start(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervise, "LOG_BYTES", 10)
    service = bench.service("print('second')")
    service.log.write_text("the first run's long log\n")
    service.start()
    bench.ended(service)
    assert bench.written(service) == "second\n"
    assert service.log.with_suffix(".1.log").read_text().startswith("the first")


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""


def test_stopping_ends_what_the_children_started_too(bench: Bench) -> None:
    service = bench.service(PARENT)
    service.start()
    assert until(lambda: bench.written(service).endswith("\n"))
    grandchild = int(bench.written(service))
    bench.supervisor.stop()
    assert service.process and service.process.returncode is not None
    assert until(lambda: not alive(grandchild))


def test_when_one_dies_what_it_started_goes_with_it(bench: Bench) -> None:
    service = bench.service(PARENT)
    service.start()
    assert until(lambda: bench.written(service).endswith("\n"))
    assert service.process
    service.process.kill()
    bench.ended(service)
    bench.supervisor.tend(ready=True)
    assert until(lambda: not alive(int(bench.written(service))))


def test_one_that_will_not_stop_is_ended(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(supervise, "STOP_SECONDS", 0.2)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN)"
    service = bench.service(f"{deaf}; print('ready', flush=True); time.sleep(600)")
    service.start()
    assert until(lambda: "ready" in bench.written(service))
    bench.supervisor.stop()
    assert service.process and service.process.returncode == -signal.SIGKILL


WHOLE = """
import sys
from pathlib import Path
from script.supervise import Service, Supervisor
page, port, folder = sys.argv[1:]
services = [Service("web", [sys.executable, "-c", page, port], Path(folder) / "web.log", f"http://127.0.0.1:{port}/")]
sys.exit(Supervisor(services).run(lambda: f"welcome {services[0].process.pid}"))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_cleanly(tmp_path: Path, number: signal.Signals) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", WHOLE, PAGE, str(free_port()), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    try:
        child = next(int(line.split()[1]) for line in run.stdout if line.startswith("welcome"))
        run.send_signal(number)
        assert run.wait(15) == 0
        assert until(lambda: not alive(child))
    finally:
        run.kill()
        run.wait()
        run.stdout.close()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells children that their parent died")
def test_a_supervisor_that_is_killed_outright_leaves_nothing_running(tmp_path: Path) -> None:
    run = subprocess.Popen(
        [sys.executable, "-c", WHOLE, PAGE, str(free_port()), str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert run.stdout
    child = next(int(line.split()[1]) for line in run.stdout if line.startswith("welcome"))
    run.kill()
    run.wait()
    run.stdout.close()
    assert until(lambda: not alive(child))
