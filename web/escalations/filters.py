"""What somebody wants to see of the queue: filters that may stand in an address, and searched words that may not."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, replace
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Q, QuerySet
from django.http import QueryDict

from companion.tiers import PRIORITY
from web.escalations.models import Escalation

PAGE = 50
HERE_FOR = dt.timedelta(seconds=40)
"""So long after the chat was last seen open, the patient counts as there."""

SHOWS = ("work", "closed")


@dataclass(frozen=True)
class Filters:
    """Which escalations to show. Unknown values in an address are left out, so that an old link still works."""

    show: str = "work"
    tiers: tuple[str, ...] = ()
    who: str = ""
    """`me`, `nobody`, the id of a colleague, or empty for everybody."""
    overdue: bool = False
    here: bool = False
    page: int = 1
    words: str = ""

    @classmethod
    def read(cls, given: QueryDict, words: str = "") -> Filters:
        show, who, page = given.get("show", ""), given.get("who", ""), given.get("page", "")
        return cls(
            show=show if show in SHOWS else "work",
            tiers=tuple(tier for tier in PRIORITY if tier in given.getlist("tier")),
            who=who if who in ("me", "nobody") or who.isdecimal() else "",
            overdue=given.get("overdue") == "1",
            here=given.get("here") == "1",
            page=int(page) if page.isdecimal() and 0 < int(page) < 10_000 else 1,
            words=words.strip()[:200],
        )

    @property
    def query(self) -> str:
        """The filters as they stand in an address; never the searched words, which may be a patient's."""
        pairs = [("show", self.show)] if self.show != "work" else []
        pairs += [("tier", tier) for tier in self.tiers]
        pairs += [("who", self.who)] if self.who else []
        pairs += [(name, "1") for name in ("overdue", "here") if getattr(self, name)]
        pairs += [("page", str(self.page))] if self.page > 1 else []
        return urlencode(pairs)

    def at(self, page: int) -> Filters:
        return replace(self, page=page)

    def rows(self, *, user: User, now: dt.datetime) -> QuerySet[Escalation]:
        """The escalations in their order: the most urgent first, then whose time is up first; closed ones by their end."""
        if self.show == "closed":
            rows = Escalation.objects.filter(resolved_at__isnull=False).order_by("-resolved_at", "id")
        else:
            rows = Escalation.objects.filter(resolved_at=None).order_by("priority", "due_at", "recorded_at")
        if self.tiers:
            rows = rows.filter(tier__in=self.tiers)
        holder = "resolved_by" if self.show == "closed" else "claimed_by"
        if self.who == "nobody":
            rows = rows.filter(**{holder: None})
        elif self.who:
            rows = rows.filter(**{holder: user.pk if self.who == "me" else int(self.who)})
        if self.overdue:
            rows = rows.filter(late(now))
        if self.here:
            rows = rows.filter(patient_seen_at__gt=now - HERE_FOR)
        for word in self.words.split():
            rows = rows.filter(
                Q(message__text__icontains=word)
                | Q(note__icontains=word)
                | Q(conversation__contact_name__icontains=word)
                | Q(conversation__contact_phone__icontains=word)
                | Q(conversation__contact_email__icontains=word)
            )
        return rows.select_related("message", "conversation", "claimed_by", "resolved_by")


def late(now: dt.datetime) -> Q:
    """Nobody has taken it although its time is up."""
    return Q(state=Escalation.State.OPEN, due_at__lt=now)
