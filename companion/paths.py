"""Where things are: `data/` in the source tree, state under COMPANION_HOME."""

from __future__ import annotations

import os
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
DATA = ROOT / "data"


def home() -> Path:
    """The folder that holds this copy's state (database, releases, spool): `COMPANION_HOME`, else `var/`."""
    return Path(os.environ.get("COMPANION_HOME") or ROOT / "var").resolve()


def current_release() -> Path:
    """The release in force; replaced atomically, never edited."""
    return home() / "releases" / "current.json"
