"""Undo what hides words from a screen: look-alike letters, zero-width characters, leetspeak, spaced-out, run-together,
censored, stretched and misspelt words.

Only ever used to look at a message; what is stored and shown is what the patient typed. Every step is linear in the text.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

from companion.spellings import CORE_WORDS, GLUED_WORDS, HIDDEN_WORDS, NEAR_WORDS, SPELLINGS

# Look-alikes seen in practice (Unicode TR39 confusables that NFKC does not already fold): Cyrillic, Greek, IPA small capitals.
_LOOKALIKES = str.maketrans(
    {
        "\u0430": "a", "\u0431": "b", "\u0435": "e", "\u0451": "e", "\u0456": "i", "\u0457": "i", "\u0458": "j", "\u043a": "k",
        "\u043c": "m", "\u043d": "h", "\u043e": "o", "\u0440": "p", "\u0441": "c", "\u0442": "t", "\u0443": "y", "\u0445": "x",
        "\u0455": "s", "\u0501": "d", "\u051b": "q", "\u051d": "w", "\u04bb": "h", "\u04cf": "l", "\u03b9": "i", "\u03b1": "a",
        "\u03b2": "b", "\u03b5": "e", "\u03b7": "n", "\u03ba": "k", "\u03bd": "v", "\u03bf": "o", "\u03c1": "p", "\u03c4": "t",
        "\u03c5": "u", "\u03c7": "x", "\u03c9": "w", "\u0251": "a", "\u0261": "g", "\u0131": "i", "\u0269": "i", "\u029f": "l",
        "\u028f": "y", "\u0280": "r", "\u0274": "n", "\u0299": "b", "\u029c": "h", "\u00f8": "o", "\u1d1b": "t", "\u1d0b": "k",
        "\u1d07": "e", "\u1d0f": "o", "\u1d00": "a", "\u1d05": "d", "\u1d0d": "m", "\u1d1c": "u", "\u1d04": "c", "\ua731": "s",
    }
)  # fmt: skip
_LEET = str.maketrans("0134578@$!|€£", "oieastbasiiel")
_INVISIBLE = re.compile(
    r"[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164"
    r"\ufe00-\ufe0f\ufeff\U000e0000-\U000e007f]"
)
_APOSTROPHES = re.compile(r"(?<=\w)['’‘`´ʼ＇](?=\w)")
_REPEATS = re.compile(r"([^\W\d_])\1{2,}")
_SPACED = re.compile(r"(?<![^\W_])(?:[^\W_](?: *[.\-_*·,/\\|~+]| ) *){2,}[^\W_](?![^\W_])")
_GAP = re.compile(r" {2,}")
_INNER = re.compile(r"(?<=[^\W_])[.\-_*·~+/\\^#]+(?=[^\W_])")
_BETWEEN = re.compile(r"(?<=[a-z])[_.](?=[a-z])")
_CENSORED = re.compile(r"[a-z][*#@$%+_.\-]+[a-z]|[a-z]\*+")
_NUMBER = re.compile(r"\W*\d+(?:[.,:/]\d+)*[a-z]{0,5}")
_LATIN = re.compile(r"[a-z]|[\u1d00-\u1d22\ua731]")
_LETTER = re.compile(r"[a-z]")
_SPACE = re.compile(r"\s+")
_EMOJI = str.maketrans(
    {
        "💀": " die ", "☠": " die ", "🔪": " cut ", "🗡": " cut ", "🔫": " shoot ", "⚰": " grave ", "🪦": " grave ", "💊": " pills ",
        "👋": " goodbye ", "🩸": " bleed ", "👊": " hit ", "🤛": " hit ", "🤜": " hit ", "🔚": " end ",
        "😴": " sleep ", "♾": " forever ",
    }
)  # fmt: skip
_TO = re.compile(r"\b(want|wanna|going|need|ready|used|about|time|try|trying|have|like|wish|someone|reason) 2 (?=[a-z])")
_FOR = re.compile(r"\b4 (?=(?:good|ever|real|life|me)\b)")
_EDGES = "!?.,;:()\"'#"

LONGEST_HIDDEN = 24
"""A token longer than this is no disguised word, but may be several run together."""
LONGEST_GLUED = 80
"""Beyond this a token is not words at all."""


def fold(text: str) -> str:
    """Lower-case text with look-alikes, accents, invisible characters, odd apostrophes and spacing made plain."""
    return _SPACE.sub(" ", _plain(text)).strip()


def _plain(text: str) -> str:
    if text.isascii():
        return _APOSTROPHES.sub("", text.lower())
    text = unicodedata.normalize("NFKC", _INVISIBLE.sub("", text)).lower()
    if _LATIN.search(text):  # a text that is Cyrillic or Greek throughout is a language, not a disguise
        text = text.translate(_LOOKALIKES)
    text = "".join(c for c in unicodedata.normalize("NFD", text) if not unicodedata.combining(c))
    return _APOSTROPHES.sub("", text)


def reveal(text: str) -> str:
    """`fold`, then read leetspeak, censored, spaced-out, run-together, stretched and misspelt words as what they stand for.

    Numbers that are numbers ("988", "2 hours", "5mg") stay as they are: only a word that mixes letters and digits is decoded.
    """
    words = _SPACE.sub(" ", _SPACED.sub(_join_spaced, _plain(text.translate(_EMOJI)))).strip().split(" ")
    leet = sum(_is_leet(word) for word in words) >= 2
    read = " ".join(_join_split([_read_word(word, leet) if len(word) <= LONGEST_GLUED else word for word in words]))
    return _FOR.sub("for ", _TO.sub(r"\1 to ", read))


def _join_spaced(match: re.Match[str]) -> str:
    """ "k i l l   m e" is "kill me": letters are joined, and where the writer left a wider gap a word ends."""
    return " ".join("".join(c for c in word if c.isalnum()) for word in _GAP.split(match.group()))


def _join_split(words: list[str]) -> list[str]:
    """A hidden word that was cut in two ("sui cide", "my self") is one word again."""
    joined: list[str] = []
    for word in words:
        if joined and len(joined[-1]) + len(word) <= LONGEST_HIDDEN and joined[-1] + word in HIDDEN_WORDS:
            joined[-1] += word
        else:
            joined.append(word)
    return joined


def _is_leet(word: str) -> bool:
    return any(c.isdigit() for c in word) and bool(_LETTER.search(word)) and not _NUMBER.fullmatch(word.rstrip(_EDGES))


@lru_cache(maxsize=8192)
def _read_word(word: str, leet: bool = False) -> str:
    if word.isalpha() and len(word) <= LONGEST_HIDDEN:
        return _spell(_REPEATS.sub(r"\1", word))
    mixed = any(c.isdigit() or c in "@$!|€£" for c in word) and (leet or _LETTER.search(word))
    core = word.rstrip("!?.,;:")
    if mixed and not (_NUMBER.fullmatch(core) and not (leet and core.isdigit())):
        word = core.translate(_LEET) + word[len(core) :]
    if _CENSORED.search(word):
        word = _uncensor(word)
    word = _REPEATS.sub(r"\1", word)
    core = word.strip(_EDGES)
    return word.replace(core, _spell(core), 1) if core else word


def _uncensor(word: str) -> str:
    core = word.strip("!?.,;:()\"'")
    if len(core) > LONGEST_HIDDEN:
        return _BETWEEN.sub(" ", word)
    pattern = re.compile("".join(_censored_part(part) for part in re.findall(r"[^\W_]|(?:[\W_])+", core)))
    for hidden in HIDDEN_WORDS:
        if pattern.fullmatch(hidden):
            return hidden
    joined = _INNER.sub("", core)
    return joined if joined in HIDDEN_WORDS else _BETWEEN.sub(" ", word)


def _censored_part(part: str) -> str:
    """Letters stand for themselves; a run of n symbols for n or n + 1 letters, or for none when they only part the letters."""
    return part if part.isalnum() else f"[a-z]{{{len(part) if '*' in part else 0},{len(part) + 1}}}"


def _spell(word: str) -> str:
    """The word that a spelling stands for: a listed one, one slip of the thumb in a long word, or words run together."""
    if spelt := SPELLINGS.get(word):
        return spelt
    if len(word) > 5 and (near := _near(word)):
        return near
    if len(word) > 5 and (parts := _unglue(word)):
        return parts
    return word


def _near(word: str) -> str | None:
    """One letter too many, too few, wrong or swapped, the first letter right."""
    if word in NEAR_WORDS:
        return None
    for shape in _shapes(word):
        if (near := _SHAPES.get(shape)) and near[0] == word[0] and abs(len(near) - len(word)) <= 1:
            return near
    return None


def _shapes(word: str) -> list[str]:
    return [word, *(word[:i] + word[i + 1 :] for i in range(1, len(word)))] if len(word) <= LONGEST_HIDDEN else []


_SHAPES = {shape: word for word in NEAR_WORDS for shape in _shapes(word)}


def _unglue(word: str) -> str | None:
    """ "iwanttodie" → "i want to die"; None unless all of it is words of the list, one of them a word of danger."""
    best: list[list[str] | None] = [[], *([None] * len(word))]
    for end in range(1, len(word) + 1):
        for start in range(max(0, end - 9), end):
            before, piece = best[start], word[start:end]
            if before is not None and piece in GLUED_WORDS and (best[end] is None or len(before) + 1 < len(best[end] or [])):
                best[end] = [*before, piece]
    parts = best[-1]
    if parts is None or len(parts) < 2 or not CORE_WORDS.intersection(parts):
        return None
    return " ".join(SPELLINGS.get(part, part) for part in parts)
