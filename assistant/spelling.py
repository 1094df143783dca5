"""Misspelt words read as words of our own subject: symspellpy with the catalogue's vocabulary.

Only the matcher reads corrected text, beside the text as typed. The safety screen has its own way (`companion.normalise`).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from importlib import resources

from symspellpy import SymSpell, Verbosity

SHORTEST = 3
_WORD = re.compile(r"[a-z]+(?:'[a-z]+)?")


@lru_cache(maxsize=1)
def english() -> frozenset[str]:
    """Words that are no mistake although our subject does not use them: the library's English dictionary."""
    text = resources.files("symspellpy").joinpath("frequency_dictionary_en_82_765.txt").read_text(encoding="utf-8-sig")
    return frozenset(line.split(" ", 1)[0] for line in text.splitlines())


def vocabulary(texts: Iterable[str]) -> Counter[str]:
    """How often each word occurs in some texts."""
    return Counter(word for text in texts for word in _WORD.findall(text.lower()))


class Speller:
    """Corrects words that neither our texts nor English know. Words seen only once are not corrected to: they may be slips."""

    def __init__(self, counts: Counter[str]) -> None:
        self._known = frozenset(word for word, count in counts.items() if count > 1 or word in english())
        self._symspell = SymSpell(max_dictionary_edit_distance=2, prefix_length=7)
        for word in sorted(self._known):
            if len(word) >= SHORTEST:
                self._symspell.create_dictionary_entry(word, counts[word])

    def correct(self, text: str) -> str:
        """The text in lower case with its misspelt words corrected; the same text when there are none."""
        lowered = text.lower()
        corrected = _WORD.sub(lambda match: self._word(match.group()), lowered)
        return text if corrected == lowered else corrected

    def _word(self, word: str) -> str:
        if len(word) < SHORTEST or word in self._known or word in english():
            return word
        distance = 1 if len(word) <= 4 else 2
        found = self._symspell.lookup(word, Verbosity.TOP, distance)
        return str(found[0].term) if found else word
