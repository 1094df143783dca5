"""What script/server ends in: engine, action server and web of one copy, run by script/supervise.py.

`python -m script.serve --check` only says whether it could start.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from companion.paths import ROOT, home
from companion.secrets import secret
from script.supervise import Service, StartError, Supervisor


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


def web_port(environment: Mapping[str, str] = os.environ) -> int:
    """Raises StartError where PORT is none, or is taken."""
    given = environment.get("PORT", "8000")
    if not given.isdigit() or not 0 < int(given) < 65536:
        raise StartError(f"PORT={given} is not a port: a number from 1 to 65535, for example PORT=8001 script/server")
    port = int(given)
    with socket.socket() as s:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            s.bind((bind_address(), port))
        except PermissionError:
            raise StartError(f"this user may not listen on port {port}; use another: PORT=8001 script/server") from None
        except OSError as e:
            raise StartError(
                f"port {port} is in use by another program ({e.strerror}).\n  Stop that program, or use another port: "
                f"PORT={port + 1 if port < 65535 else 8001} script/server\n"
                "  (a second copy beside the first also needs a COMPANION_HOME of its own)"
            ) from None
    return port


def bind_address() -> str:
    return os.environ.get("BIND_ADDRESS", "127.0.0.1")


def only_one(folder: Path) -> IO[str]:
    """Holds the folder's lock until the file is closed or the process ends. Raises StartError where another has it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = (folder / "server.lock").open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        lock.seek(0)
        who = lock.read().strip() or "it has just started"
        lock.close()
        raise StartError(
            f"a server is running on {folder} already ({who}).\n"
            "  Stop it with Ctrl-C, or run a second copy: PORT=8001 COMPANION_HOME=/another/folder script/server"
        ) from None
    return lock


def endpoints(template: str, folder: Path, action_port: int) -> str:
    """`endpoints.yml` for this copy: its own action server, and `var/…` where its own state lives."""
    import yaml

    def placed(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: placed(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [placed(inner) for inner in value]
        return str(folder / value[4:]) if isinstance(value, str) and value.startswith("var/") else value

    content = placed(yaml.safe_load(template) or {})
    content.setdefault("action_endpoint", {})["url"] = f"http://127.0.0.1:{action_port}/webhook"
    return yaml.safe_dump(content, sort_keys=False, allow_unicode=True)


def services(folder: Path, port: int) -> list[Service]:
    """The three processes of one copy. All ports but the web's are chosen free."""
    engine_port, action_port = free_port(), free_port()
    token = secret("engine_token", env="ENGINE_TOKEN")
    own = folder / "endpoints.yml"
    own.write_text(endpoints((ROOT / "endpoints.yml").read_text("utf-8"), folder, action_port), "utf-8")
    model = folder / "models" / "companion.tar.gz"
    env = {
        "COMPANION_HOME": str(folder),
        "PORT": str(port),
        "ENGINE_URL": f"http://127.0.0.1:{engine_port}",
        "ENGINE_TOKEN": token,
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
        "RASA_TELEMETRY_ENABLED": "false",
        "SANIC_HOST": "127.0.0.1",  # rasa-sdk has no flag for it, and would listen everywhere
        "SANIC_WORKERS": "1",  # Rasa's conversations live in one process
        "ACTION_SERVER_SANIC_WORKERS": "1",
    }
    app, engine = str(ROOT / ".env-app/bin/python"), str(ROOT / ".env-engine/bin/python")
    rasa = [engine, "-m", "rasa", "run", "-i", "127.0.0.1", "-p", str(engine_port), "-m", str(model)]
    rasa += ["--endpoints", str(own), "--credentials", "credentials.yml"]
    actions = [app, "-m", "rasa_sdk", "--actions", "actions", "--port", str(action_port)]
    web = [app, "-m", "uvicorn", "web.asgi:application", "--host", bind_address(), "--port", str(port)]
    web += ["--timeout-graceful-shutdown", "3"]  # it waits for open event streams for ever otherwise
    web += ["--no-proxy-headers"]  # web/chat/limits.py decides whose X-Forwarded-For is believed
    logs, health = folder / "logs", f"http://127.0.0.1:{engine_port}/webhooks/companion/health"
    return [
        Service("engine", rasa, logs / "engine.log", health, env, {"X-Companion-Token": token}),
        Service("action server", actions, logs / "actions.log", f"http://127.0.0.1:{action_port}/health", env),
        Service("web", web, logs / "web.log", f"http://127.0.0.1:{port}/health", env, needs=("engine",)),
    ]


def welcome(folder: Path, port: int) -> str:
    """Where to look, and who may sign in."""
    pages = {"": "the demo clinic's page, with the chat", "staff/": "escalations", "admin/": "the editors' desk"}
    pages["demo/sign-ins/"] = "the demo sign-ins with their codes of this moment"
    lines = ["", *(f"  http://localhost:{port}/{path:<15} {what}" for path, what in pages.items())]
    if accounts := _accounts(folder):
        lines += ["", "  Demo sign-ins, made up for this copy (their six-digit codes: script/code NAME):"]
        lines += [f"    {one['name']:<8} {one['password']:<20} {one['role']}" for one in accounts]
    return "\n".join([*lines, "", "  Ctrl-C stops everything.", ""])


def _accounts(folder: Path) -> list[dict[str, str]]:
    """The accounts that `manage.py seed_demo` made up; none where this is no demo."""
    try:
        known = json.loads((folder / "demo-accounts.json").read_text("utf-8"))
    except (OSError, ValueError):
        return []
    return [{field: str(account.get(field, "")) for field in ("name", "role", "password")} for account in known]


def main(arguments: list[str]) -> int:
    folder = home()
    try:
        with only_one(folder) as lock:
            port = web_port()
            if "--check" in arguments:
                return 0
            lock.truncate(0)
            lock.write(f"process {os.getpid()}, http://localhost:{port}/\n")
            lock.flush()
            print("Starting", flush=True)
            return Supervisor(services(folder, port)).run(lambda: welcome(folder, port))
    except StartError as e:
        print(f"\nerror: {e}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
