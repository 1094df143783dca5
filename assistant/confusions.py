"""`script/assess --confusions`: which answers are taken for which, for editors who tell two topics apart by better phrasings.

Asked of messages that carry the keys that would be right: `{"text": …, "keys": ["section/answer", …]}`, empty for none.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Any

NOTHING = "no answer"


def got(result: dict[str, Any]) -> str:
    """What a message came to: the first answer given or offered, the tier it was raised to, or nothing."""
    if result["tier"] != "none":
        return f"raised: {result['tier']}"
    if result["outcome"] in ("answer", "clarify"):
        return str([*result["answers"], *result["candidates"], NOTHING][0])
    return NOTHING


def confusions(results: Iterable[dict[str, Any]]) -> Iterator[tuple[int, str, str, str]]:
    """How often which key was asked for and what came instead, with one message; most often first.

    Raises ValueError for a line that says no `keys`.
    """
    counts: Counter[tuple[str, str]] = Counter()
    messages: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for result in results:
        keys = result.get("keys")
        if not isinstance(keys, list):
            raise ValueError('every line needs the keys that would be right: {"text": "…", "keys": ["section/answer"]}')
        given, wanted = got(result), str(keys[0]) if keys else NOTHING
        if given != wanted and given not in keys:
            counts[wanted, given] += 1
            messages[wanted, given].append(result["text"])
    for (wanted, given), count in counts.most_common():
        yield count, wanted, given, min(messages[wanted, given], key=len)
