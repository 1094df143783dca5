"""What a conversation's last message means for a short one that follows it: "yes" or "tonight" after a crisis stays a crisis."""

from __future__ import annotations

from companion.normalise import fold
from companion.tiers import QUIET, URGENT, Reason, Verdict, rank

SHORT_WORDS = 4
HARMLESS = frozenset(
    (
        "thanks",
        "thank you",
        "thx",
        "ty",
        "ok thanks",
        "okay thanks",
        "thank you so much",
        "thanks a lot",
        "gracias",
        "muchas gracias",
    )
)


def carried_over(text: str, last_tier: str, tier: str) -> Verdict:
    """A short follow-up to an urgent message keeps its tier, unless it is thanks or a question of its own."""
    words = fold(text).strip(" .!")
    if last_tier not in URGENT or rank(tier) >= rank(last_tier) or not words:
        return QUIET
    if "?" in text or words in HARMLESS or len(words.split()) > SHORT_WORDS:
        return QUIET
    return Verdict(last_tier, (Reason("conversation", last_tier, f"follows a message of tier {last_tier}", text[:300], 1.0),))
