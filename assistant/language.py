"""In which language a message is: English, Spanish, or another one that no answer exists for.

Written for short messages, where statistical detectors guess: Spanish is told by its function words and letters, a
language in another script by its letters, and some further languages by words that neither English nor Spanish has.
"""

from __future__ import annotations

import re
import unicodedata

from companion.words import words

SPANISH, ENGLISH, OTHERS = words("spanish"), words("english"), words("others")
_WORD = re.compile(r"[^\W\d_]+")


def language_of(text: str) -> str:
    """`en`, `es` or `other`. What cannot be told (a name, "ok", gibberish) counts as English."""
    typed = _WORD.findall(text.lower())
    letters = [c for c in text if c.isalpha()]
    foreign = sum(1 for c in letters if not unicodedata.name(c, "").startswith("LATIN"))
    if letters and foreign / len(letters) > 0.5:
        return "other"
    english, spanish = (sum(1 for word in typed if word in known) for known in (ENGLISH, SPANISH))
    other = sum(1 for word in typed if word in OTHERS and word not in SPANISH and word not in ENGLISH)
    if re.search(r"[¿¡ñ]", text.lower()):
        spanish += 2
    if other > max(english, spanish) and other >= 2:
        return "other"
    return "es" if spanish > english and spanish >= max(1, len(typed) // 6) else "en"
