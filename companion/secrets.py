"""Secrets that the processes of one copy share: made on first use, kept in `secrets.json` under COMPANION_HOME, mode 0600."""

from __future__ import annotations

import fcntl
import json
import os
import secrets
from pathlib import Path

from companion.paths import home

BYTES = 48


class SecretsError(RuntimeError):
    """The secrets file cannot be read or written; the message says which file, never what is in it."""


def secret(name: str, *, env: str | None = None) -> str:
    """The secret of that name: the environment variable `env` if it is set, else the one in `secrets.json`, made if it is missing.

    Safe when several processes start at once: all get the same value. Raises SecretsError.
    """
    if env and (given := os.environ.get(env)):
        return given
    path = home() / "secrets.json"
    if found := _read(path).get(name):
        return found
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with (path.with_name(".secrets.lock")).open("a") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            known = _read(path)
            if name not in known:
                known[name] = secrets.token_urlsafe(BYTES)
                _write(path, known)
            return known[name]
    except OSError as e:
        raise SecretsError(f"{path}: {e.strerror}; make the folder writable, or set {env or name.upper()}") from None


def _read(path: Path) -> dict[str, str]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except OSError as e:
        raise SecretsError(f"{path}: {e.strerror}") from None
    except ValueError:
        raise SecretsError(
            f"{path}: is not JSON; restore it, or remove it to make new secrets (this ends all sign-ins)"
        ) from None
    if not isinstance(known, dict):
        raise SecretsError(f"{path}: is not a mapping of names to secrets")
    return known


def _write(path: Path, known: dict[str, str]) -> None:
    scratch = path.with_name(f".{path.name}.{os.getpid()}")
    with os.fdopen(os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as f:
        json.dump(known, f, indent=1)
        f.flush()
        os.fsync(f.fileno())
    scratch.replace(path)
