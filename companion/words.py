"""Lists of words that tell something about a message, kept in `data/languages.yml`."""

from __future__ import annotations

from functools import lru_cache

import yaml

from companion.paths import DATA


@lru_cache(maxsize=1)
def _lists() -> dict[str, frozenset[str]]:
    content = yaml.safe_load((DATA / "languages.yml").read_text(encoding="utf-8"))
    return {name: frozenset(str(listed).split()) for name, listed in content.items()}


def words(name: str) -> frozenset[str]:
    """A list by its name. Raises KeyError for a name that is not in the file."""
    return _lists()[name]
