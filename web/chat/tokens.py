"""The conversation token: a bearer secret that names its conversation and can be verified without the database."""

from __future__ import annotations

import datetime as dt
import secrets
import uuid
from dataclasses import dataclass

from django.core import signing
from django.utils import timezone

SALT = "companion.chat.conversation"


class TokenError(ValueError):
    """No token of ours."""


@dataclass(frozen=True)
class Conversant:
    """Who a token speaks for."""

    conversation: uuid.UUID
    started_at: dt.datetime


def issue(conversation: uuid.UUID, *, started_at: dt.datetime | None = None) -> str:
    """A token for a conversation. Its random part makes two tokens of one conversation differ."""
    started = int((started_at or timezone.now()).timestamp())
    content = {"c": conversation.hex, "s": started, "r": secrets.token_urlsafe(16)}
    return signing.dumps(content, salt=SALT)


def verify(token: str) -> Conversant:
    """Raises TokenError for a token that was not issued here, or was altered."""
    if len(token) > 500:
        raise TokenError("too long")
    try:
        content = signing.loads(token, salt=SALT)
        return Conversant(uuid.UUID(content["c"]), dt.datetime.fromtimestamp(content["s"], dt.timezone.utc))
    except (signing.BadSignature, KeyError, TypeError, ValueError) as e:
        raise TokenError("not a token of this service") from e
