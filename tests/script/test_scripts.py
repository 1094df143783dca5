"""The shell part of the set-up, on made-up machines: which Python is taken, and what is said when there is none."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from companion.paths import ROOT

GOOD = "#!/bin/sh\nexit 0\n"  # stands for an interpreter that has what is asked for
BAD = "#!/bin/sh\necho 'pyenv: python3.99: command not found' >&2\nexit 127\n"  # pyenv's shim is found, and fails
VERSION = "3.99"  # none of these is on the machine that runs the tests


class Machine:
    """A home folder and a PATH of their own, with the scripts on top."""

    def __init__(self, folder: Path) -> None:
        self.home = folder / "home"
        self.bin = folder / "bin"
        self.tree = folder / "tree"
        for made in (self.home, self.bin, self.tree / "script"):
            made.mkdir(parents=True)
        (self.tree / "script" / "lib.sh").write_text((ROOT / "script" / "lib.sh").read_text())

    def program(self, path: Path, text: str = GOOD) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(0o755)
        return path

    def sh(self, code: str, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {"HOME": str(self.home), "PATH": f"{self.bin}:/usr/bin:/bin", **environment}
        script = self.tree / "script" / "trial"
        script.write_text(f'set -eu\n. "{self.tree}/script/lib.sh"\n{code}\n')
        return subprocess.run(["sh", str(script)], env=env, capture_output=True, text=True, timeout=60)

    def found(self, **environment: str) -> str:
        return self.sh(f"find_python {VERSION} || true", **environment).stdout.strip()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_python_on_the_path_is_taken(machine: Machine) -> None:
    assert machine.found() == ""
    taken = machine.program(machine.bin / f"python{VERSION}")
    assert machine.found() == str(taken)


@pytest.mark.parametrize(
    "place",
    [
        f".pyenv/versions/{VERSION}.7/bin/python",
        f".local/share/uv/python/cpython-{VERSION}.7-linux-x86_64-gnu/bin/python{VERSION}",
        f".asdf/installs/python/{VERSION}.7/bin/python",
        f".local/share/mise/installs/python/{VERSION}.7/bin/python",
    ],
)
def test_one_that_a_version_manager_keeps_is_found_even_where_its_shim_fails(machine: Machine, place: str) -> None:
    machine.program(machine.bin / f"python{VERSION}", BAD)
    kept = machine.program(machine.home / place)
    assert machine.found() == str(kept)


def test_pyenv_may_be_elsewhere(machine: Machine, tmp_path: Path) -> None:
    kept = machine.program(tmp_path / "else where" / "versions" / f"{VERSION}.1" / "bin" / "python")
    assert machine.found(PYENV_ROOT=str(tmp_path / "else where")) == str(kept)


def test_an_interpreter_that_is_named_but_does_not_fit_is_refused(machine: Machine) -> None:
    wrong = machine.program(machine.bin / "python-old", BAD)
    done = machine.sh(f'choose_python engine ENGINE_PYTHON "$ENGINE_PYTHON" {VERSION}', ENGINE_PYTHON=str(wrong))
    assert done.returncode == 1
    assert f"ENGINE_PYTHON={wrong} is not a Python the engine can use" in done.stderr
    assert f"version {VERSION}" in done.stderr


def test_an_interpreter_that_is_named_and_fits_is_taken_before_any_other(machine: Machine) -> None:
    machine.program(machine.bin / f"python{VERSION}")
    named = machine.program(machine.home / "mine")
    done = machine.sh(f'choose_python app APP_PYTHON "$APP_PYTHON" {VERSION}; echo "$CHOSEN"', APP_PYTHON=str(named))
    assert done.stdout.strip() == str(named)


def test_versions_are_tried_in_the_order_that_is_tested(machine: Machine) -> None:
    machine.program(machine.bin / "python3.98")
    first = machine.program(machine.bin / "python3.97")
    done = machine.sh('choose_python app APP_PYTHON "" 3.97 3.98; echo "$CHOSEN"')
    assert done.stdout.strip() == str(first)


def test_without_any_the_missing_one_is_named_with_ways_to_get_it(machine: Machine) -> None:
    machine.program(machine.bin / "uv", '#!/bin/sh\n[ "$1" = --version ]\n')  # it is there, and cannot fetch anything
    done = machine.sh(f'choose_python engine ENGINE_PYTHON "" {VERSION}')
    assert done.returncode == 1
    assert f"the engine needs Python {VERSION}" in done.stderr
    for way in ("uv python install", "pyenv install", "brew install", "apt-get install", "ENGINE_PYTHON=/path"):
        assert way in done.stderr


def test_one_that_is_missing_is_fetched_with_uv(machine: Machine) -> None:
    fetched = machine.home / "fetched"
    cases = f'"python find") echo {fetched} ;; "python install" | --version*) ;; *) exit 1 ;;'
    machine.program(machine.bin / "uv", f'#!/bin/sh\ncase "$1 $2" in {cases} esac\n')
    done = machine.sh(f'choose_python engine ENGINE_PYTHON "" {VERSION}; echo "$CHOSEN"')
    assert done.stdout.strip() == str(fetched)


def test_a_step_that_fails_shows_the_end_of_its_output_and_stops(machine: Machine) -> None:
    done = machine.sh("step 'making tea' sh -c 'echo no water; exit 4'; echo went on")
    assert done.returncode == 1
    assert "making tea  failed after" in done.stderr
    assert "| no water" in done.stderr
    assert "exit status 4" in done.stderr
    assert "went on" not in done.stdout


def test_steps_say_nothing_on_standard_output_and_leave_standard_input_alone(machine: Machine) -> None:
    done = machine.sh("echo line | { step 'making tea' sh -c 'echo chatter; cat'; cat; }")
    assert done.stdout == "line\n"
    assert "making tea" in done.stderr
    assert "chatter" not in done.stderr


def test_the_state_folder_may_be_named_relative_to_where_one_stands(machine: Machine) -> None:
    done = machine.sh('echo "$COMPANION_HOME"', COMPANION_HOME="state")
    assert done.stdout.strip() == os.path.join(os.getcwd(), "state")


def test_a_lock_left_by_a_script_that_died_is_no_obstacle(machine: Machine) -> None:
    stale = subprocess.Popen(["true"])
    stale.wait()
    (machine.tree / ".env-lock").mkdir()
    (machine.tree / ".env-lock" / "pid").write_text(f"{stale.pid}\n")
    done = machine.sh("lock_build; unlock_build; echo free")
    assert done.stdout.strip() == "free"
    assert not (machine.tree / ".env-lock").exists()


def test_an_environment_is_made_anew_when_its_lock_changes(machine: Machine) -> None:
    machine.program(machine.tree / ".env-app" / "bin" / "python", "#!/bin/sh\necho 3.11.9 x86_64\n")
    lock = machine.tree / "app.lock"
    lock.write_text("a==1\n")
    fresh = 'if up_to_date "$APP" "" app.lock; then echo fresh; else echo stale; fi'
    assert machine.sh(fresh).stdout.strip() == "stale"
    machine.sh('env_stamp "$APP/bin/python" app.lock >"$APP/.stamp"')
    assert machine.sh(fresh).stdout.strip() == "fresh"
    lock.write_text("a==2\n")
    assert machine.sh(fresh).stdout.strip() == "stale"


STUB = """
ROOT=$(cd "$(dirname -- "$0")/.." && pwd -P); cd "$ROOT"; COMPANION_HOME=$ROOT/var; mkdir -p var/logs
ENGINE=$ROOT/engine; APP=$ROOT/app
say() { printf '%s\\n' "$*" >&2; }
die() { say "$@"; exit 1; }
setup_all() { :; }
"""
FAKE_PYTEST = r"""#!/bin/sh
echo "$(basename "$(dirname "$(dirname "$0")")"): $*"
for argument in "$@"; do
    case $argument in
    --junitxml=*)
        suite="<testsuite name='p' errors=\"0\" failures=\"$FAILURES\" skipped=\"1\" tests=\"$TESTS\" />"
        [ "$TESTS" = 0 ] || echo "<testsuites>$suite</testsuites>" >"${argument#--junitxml=}"
        ;;
    esac
done
exit "$CODE"
"""


class TestRunner:
    """script/test with stand-ins for both environments' pytest."""

    def run(
        self, machine: Machine, *arguments: str, code: int = 0, failures: int = 0, tests: int = 5
    ) -> tuple[int, list[str]]:
        (machine.tree / "script" / "lib.sh").write_text(STUB)
        runner = machine.program(machine.tree / "script" / "test", (ROOT / "script" / "test").read_text())
        for name in ("engine", "app"):
            machine.program(machine.tree / name / "bin" / "python", FAKE_PYTEST)
        for folder in ("assistant", "companion", "web"):
            (machine.tree / "tests" / folder).mkdir(parents=True)
        env = {"PATH": "/usr/bin:/bin", "CODE": str(code), "FAILURES": str(failures), "TESTS": str(tests)}
        done = subprocess.run([str(runner), *arguments], env=env, capture_output=True, text=True, timeout=60)
        shown = [line for line in done.stdout.splitlines() if line]
        return done.returncode, [
            line.replace(f"--junitxml={machine.tree}/var/logs/", "").replace("-m pytest ", "") for line in shown
        ]

    def test_both_environments_run_theirs_and_the_sum_is_told(self, machine: Machine) -> None:
        status, lines = self.run(machine)
        assert status == 0
        assert lines[0].startswith("engine: ") and lines[0].endswith(" tests/assistant tests/companion")
        assert lines[1].startswith("app: ") and "--ignore=tests/assistant" in lines[1]
        assert lines[-1] == "8 passed, 0 failed, 2 skipped"

    def test_arguments_reach_both(self, machine: Machine) -> None:
        _, lines = self.run(machine, "-k", "crisis and not web", "-x")
        assert all("-k crisis and not web -x" in line for line in lines[:2])

    @pytest.mark.parametrize("path", ["tests/web", "./tests/web/", "tests/script/test_serve.py::test_x"])
    def test_a_path_of_the_app_runs_there_only(self, machine: Machine, path: str) -> None:
        _, lines = self.run(machine, path)
        assert len(lines) == 2 and lines[0].startswith("app: ") and lines[0].endswith(path)

    def test_a_path_of_the_engine_runs_there_only(self, machine: Machine) -> None:
        _, lines = self.run(machine, "tests/assistant")
        assert len(lines) == 2 and lines[0].startswith("engine: ") and lines[0].endswith(" tests/assistant")

    def test_the_shared_package_is_tested_in_both(self, machine: Machine) -> None:
        _, lines = self.run(machine, "tests/companion")
        assert [line.split(":")[0] for line in lines[:2]] == ["engine", "app"]

    def test_paths_of_both_are_divided(self, machine: Machine) -> None:
        _, lines = self.run(machine, "tests/assistant", "tests/web")
        assert lines[0].endswith(" tests/assistant") and "tests/web" not in lines[0]
        assert lines[1].endswith(" tests/web")

    def test_a_failure_is_a_failure(self, machine: Machine) -> None:
        status, lines = self.run(machine, code=1, failures=2)
        assert status == 1
        assert lines[-1] == "4 passed, 4 failed, 2 skipped"

    def test_no_test_at_all_is_no_success(self, machine: Machine) -> None:
        status, lines = self.run(machine, code=5, tests=0)
        assert status == 5
        assert lines[-1] == "0 passed, 1 failed, 0 skipped"

    def test_a_run_that_breaks_is_a_failure_whatever_it_counted(self, machine: Machine) -> None:
        status, lines = self.run(machine, code=2)  # pytest's for an interrupt, and for a file it could not collect
        assert status == 1
        assert lines[-1] == "8 passed, 1 failed, 2 skipped"
