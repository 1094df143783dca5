"""The chat's script: its ES modules joined into one file when it is asked for, so that small files cost a patient nothing.

One file is one request, compresses better than eleven, and is never half old and half new. There is no build step: what is left
out is the `import` lines, the word `export`, whole lines of comment, and indentation. The modules therefore share one scope, so a
top-level name belongs to one module only (tests/web/browser/test_embed.py).
"""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

STATIC = Path(__file__).with_name("static") / "chat"
ENTRY = "widget.js"
_IMPORT = re.compile(r'^import \{[^}]*\} from "\./([a-z]+\.js)";$', re.MULTILINE)
_COMMENT = re.compile(r"^\s*(?://.*|/\*\*.*\*/)$\n?", re.MULTILINE)
_INDENT = re.compile(r"^\s+", re.MULTILINE)
_EXPORT = re.compile(r"^export ", re.MULTILINE)


def modules(entry: str = ENTRY, at: Path = STATIC) -> list[str]:
    """The module and all that it imports, each after what it needs. Raises OSError for one that is not there."""
    found: list[str] = []

    def visit(name: str) -> None:
        for needed in _IMPORT.findall((at / name).read_text(encoding="utf-8")):
            if needed not in found:
                visit(needed)
        found.append(name)

    visit(entry)
    return found


@lru_cache(maxsize=1)
def script() -> str:
    """The whole chat as one module script."""
    return "\n".join(plain(_EXPORT.sub("", _IMPORT.sub("", (STATIC / name).read_text(encoding="utf-8")))) for name in modules())


def plain(source: str) -> str:
    """A script without its whole lines of comment and its indentation; what stands on a line stays as it is."""
    return _INDENT.sub("", _COMMENT.sub("", source))
