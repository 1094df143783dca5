"""What was sent and what came back, and what follows from it: the counts that must be zero, and how long it hurt."""

from __future__ import annotations

import threading
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from companion.release import Release
from companion.rules import phrase_rules
from companion.tiers import PRIORITY, URGENT

OUT_OF_ORDER = frozenset({"outage", "alert_failed"})
"""Approved words that say that something is not working."""
LABELS = {"none": "label_none_of_these", "human": "label_talk_to_person"}
Rows = Iterable[tuple[str, int]]


@dataclass
class Attempt:
    """One request of a patient's browser; no `body` when no HTTP response came."""

    at: float
    seconds: float
    status: int = 0
    body: dict[str, Any] | None = None
    hung_up: bool = False
    """Whether the patient's side broke the connection off."""


@dataclass
class Said:
    """One message of a patient, with every attempt to send it. Its id is what the web side makes of it."""

    id: uuid.UUID
    text: str
    fault: str
    attempts: list[Attempt] = field(default_factory=list)
    retries: bool = True

    @property
    def urgent(self) -> bool:
        """By the rules that need no model: these must have their lines whatever is broken."""
        return bool(self.text) and phrase_rules().screen(self.text).tier in URGENT

    @property
    def heard(self) -> Attempt | None:
        """The attempt that brought words to show."""
        return next((attempt for attempt in self.attempts if attempt.body and attempt.body.get("replies")), None)

    @property
    def replies(self) -> list[dict[str, Any]]:
        return list(self.heard.body["replies"]) if self.heard and self.heard.body else []

    @property
    def has_lines(self) -> bool:
        first = self.replies[0] if self.replies else {"kind": "", "links": []}
        return first["kind"] in URGENT and bool(first["links"])

    @property
    def wants_escalation(self) -> bool:
        """A person has to be told: the rules say so, or the patient was told so."""
        body = self.heard.body if self.heard and self.heard.body else {}
        by_rules = bool(self.text) and phrase_rules().screen(self.text).tier in PRIORITY
        return by_rules or body.get("tier") in PRIORITY or body.get("escalation") is not None

    @property
    def waited(self) -> float:
        """Seconds from pressing Send to the first words."""
        return (self.heard.at + self.heard.seconds - self.attempts[0].at) if self.heard else 0.0


class Ledger:
    """Everything that patients sent and heard; filled by many threads."""

    def __init__(self, releases: Iterable[Release]) -> None:
        self.said: list[Said] = []
        self.greetings: list[dict[str, Any]] = []
        self.releases = {(release.number, release.hash): release for release in releases}
        self._lock = threading.Lock()

    def add(self, said: Said) -> None:
        with self._lock:
            self.said.append(said)

    def greeted(self, replies: list[dict[str, Any]]) -> None:
        with self._lock:
            self.greetings += replies

    def counts(
        self, escalations: Rows, opened: Rows, stored: Iterable[str], probes: Iterable[str] = ()
    ) -> dict[str, int]:
        """`escalations`: rows for each message id; `opened`: alerts for each; `stored`: ids of the messages in the record;
        `probes`: messages that no patient sent."""
        rows, alerts, known = Counter(dict(escalations)), Counter(dict(opened)), set(stored)
        wanted = {said.id.hex for said in self.said if said.wants_escalation and (said.heard or said.id.hex in known)}
        sent = {said.id.hex for said in self.said} | set(probes)
        told = [said for said in self.said if _state(said) == "recorded"]
        return {
            "messages": len(self.said),
            "replies": sum(said.heard is not None for said in self.said),
            "unanswered": sum(said.retries and said.heard is None for said in self.said),
            "unrecorded": len({said.id.hex for said in self.said if said.heard} - known),
            "urgent": sum(said.urgent for said in self.said),
            "urgent_without_lines": sum(said.urgent and said.retries and not said.has_lines for said in self.said),
            "escalations": sum(rows.values()),
            "escalations_lost": sum(not rows[message] for message in wanted),
            "escalations_doubled": sum(max(0, number - 1) for number in (rows + Counter()).values())
            + sum(alerts[message] != 1 for message in rows)
            + len(set(rows) - sent),
            "told_but_not_recorded": sum(not rows[said.id.hex] for said in told),
            "unapproved_sentences": self.unapproved(),
        }

    def unapproved(self) -> int:
        """Replies that are not, byte for byte, an item of the release they name (of any, where an error names none)."""
        wrong = 0
        for said in self.said:
            named = ((said.heard.body or {}) if said.heard else {}).get("release") or {}
            if named:
                release = self.releases.get((named.get("number"), named.get("hash")))
                holders = [release] if release else []
            else:
                holders = list(self.releases.values())
            wrong += sum(not any(approved(reply, release) for release in holders) for reply in said.replies)
        return wrong + sum(not any(approved(reply, release) for release in self.releases.values()) for reply in self.greetings)


def approved(reply: Mapping[str, Any], release: Release) -> bool:
    """Whether text, links and the words on every button are the release's."""
    item = release.items.get(reply["key"])
    if item is None or (reply["kind"], reply["text"], reply["links"]) != (item["kind"], item["text"], item["links"]):
        return False
    return all(_label(choice["choice"], release) == choice["label"] for choice in reply["choices"])


def _label(choice: str, release: Release) -> str | None:
    if choice in LABELS:
        return str(release.items[LABELS[choice]]["text"])
    if choice in release.sections:
        return release.sections[choice]
    return str(release.items[choice]["title"]) if choice in release.items else None


def _state(said: Said) -> str:
    body = said.heard.body if said.heard and said.heard.body else {}
    return str((body.get("escalation") or {}).get("state", ""))


@dataclass(frozen=True)
class Felt:
    """What patients noticed of one fault."""

    fault: str
    messages: int
    out_of_order: int
    """Answered with approved words that say that something is not working."""
    silent: int
    """Requests that no HTTP response came to, or one without words."""
    visible: float
    """Seconds between the first and the last of either, as patients saw it."""
    lines: float
    """The longest that somebody in danger waited for the lines, retries and all."""
    longest: float
    """The longest wait for any words."""
    back: float = 0.0
    """Seconds from the end of the fault until everything worked again."""


def felt(fault: str, said: Iterable[Said]) -> Felt:
    own = [one for one in said if one.fault == fault]
    bad = [(a.at, a.at + a.seconds) for one in own for a in one.attempts if not a.hung_up and not _words(a)]
    poor = [(one.heard.at, one.heard.at + one.heard.seconds) for one in own if one.heard and _out_of_order(one)]
    spans = bad + poor
    return Felt(
        fault,
        len(own),
        len(poor),
        len(bad),
        max(end for _, end in spans) - min(start for start, _ in spans) if spans else 0.0,
        max((one.waited for one in own if one.urgent), default=0.0),
        max((one.waited for one in own), default=0.0),
    )


def _words(attempt: Attempt) -> bool:
    return bool(attempt.body and attempt.body.get("replies"))


def _out_of_order(said: Said) -> bool:
    return any(reply["key"].removeprefix("es:") in OUT_OF_ORDER for reply in said.replies)
