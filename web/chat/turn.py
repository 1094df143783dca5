"""The way of a message: store, screen, ask the engine, check, escalate, store. Ends in approved words, always.

Budget for the worst single failure, in seconds: database 1.2 once, engine 4.0 (2.5 when rules are urgent and the
database is down), so an urgent message has its lines in under six.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils import timezone

from companion.release import Release
from companion.rules import phrase_rules
from companion.staffing import FAILED
from companion.tiers import PRIORITY, QUIET, URGENT, Verdict, highest
from web import db
from web.chat import engine, selectors, services, spool, wording
from web.chat.check import Rejected, check, engine_tier
from web.chat.engine import EngineFailed
from web.chat.incoming import Incoming
from web.chat.services import Answer, ClientIdTaken, ConversationDeleted
from web.escalations.services import escalation_id

log = logging.getLogger(__name__)
Response = dict[str, Any]
_running: dict[uuid.UUID, tuple[Incoming, asyncio.Task[Response]]] = {}
POLL = 0.2
LEFT_OUT = {
    "too long": "message too long",
    "too many": "too many messages to be read by the assistant",
    "crowded": "more messages than the assistant can read",
}
"""Why the engine is not asked, and how staff read it."""


@dataclass(frozen=True)
class Decision:
    """What to say and whom to tell, before it is known whether it could be recorded."""

    tier: str
    outcome: str
    replies: list[wording.Reply]
    reasons: list[dict[str, Any]]
    release: Release | None
    failure: str = ""

    @property
    def escalate(self) -> str:
        """The tier of the escalation; a question that failed for want of the engine goes to a person, too."""
        if self.tier in PRIORITY:
            return self.tier
        return "human" if self.failure else "none"


def crowded(incoming: Incoming, times: int = 1) -> bool:
    """Whether as many messages are being answered as can be, so that one more would make all of them late."""
    return incoming.id not in _running and len(_running) >= times * settings.TURNS_AT_ONCE


async def answer(incoming: Incoming, *, left_out: str = "") -> Response:
    """Answer a message; a repeat gets the first answer. Goes on when the caller goes away. `left_out` says why the engine is
    not to be asked, if so.

    Raises ConversationDeleted and ClientIdTaken.
    """
    running = _running.get(incoming.id)
    if running is None:
        task = asyncio.create_task(_answer_surely(incoming, left_out))
        running = _running[incoming.id] = incoming, task
        task.add_done_callback(lambda _: _running.pop(incoming.id, None))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
    elif (running[0].text, running[0].choice) != (incoming.text, incoming.choice):
        raise ClientIdTaken
    return await asyncio.shield(running[1])


async def finish(incoming: Incoming) -> None:
    """Answer a message whose answer was broken off, if nobody else does."""
    if incoming.id in _running or spool.find(incoming.id):
        return
    receipt = await db.turns.call(services.message_take_over, message=incoming.id)
    if receipt:
        await _complete(incoming, screen(incoming), receipt.context, stored=True)


def screen(incoming: Incoming) -> Verdict:
    """What the phrase rules say; a choice was made from approved labels and holds no words of the patient."""
    return phrase_rules().screen(incoming.text) if incoming.text else QUIET


async def _answer_surely(incoming: Incoming, left_out: str) -> Response:
    """The answer; if our own code fails, the plainest one there is, which waits in the spool to be recorded."""
    try:
        return await _answer(incoming, left_out)
    except (ConversationDeleted, ClientIdTaken):
        raise
    except Exception as e:
        log.critical("turn %s: %s", incoming.id, type(e).__name__)
    verdict = screen(incoming)
    names = [verdict.tier if verdict.tier in URGENT else "outage", FAILED]
    replies = [reply for name in names for reply in wording.notice(name, incoming.language)]
    tier = verdict.tier if verdict.tier in PRIORITY else "none"
    return await _spool(
        incoming, Decision(tier, "failed", replies, _reasons(verdict), wording.current(), "internal error")
    )


async def _answer(incoming: Incoming, left_out: str) -> Response:
    if (held := spool.find(incoming.id)) is not None:
        if (held.incoming.text, held.incoming.choice) != (incoming.text, incoming.choice):
            raise ClientIdTaken
        return held.response
    verdict = screen(incoming)
    try:
        receipt = await db.turns.call(services.message_receive, incoming=incoming)
        if receipt.answered:
            return receipt.answered
        if not receipt.fresh:
            return await _answered_elsewhere(incoming, verdict)
    except (ConversationDeleted, ClientIdTaken):
        raise
    except db.Unavailable:
        return await _complete(incoming, verdict, {}, stored=False, left_out=left_out)
    except Exception as e:
        log.error("turn: storing a message failed: %s", type(e).__name__)
        return await _complete(incoming, verdict, {}, stored=False, left_out=left_out)
    return await _complete(incoming, verdict, receipt.context, stored=True, left_out=left_out)


async def _answered_elsewhere(incoming: Incoming, verdict: Verdict) -> Response:
    """Wait for another process that answers this message; take over when its lease ends, if urgent after a second."""
    urgent = verdict.tier in URGENT
    for turn in range(1 + int((1.0 if urgent else settings.TURN_LEASE) / POLL) + 1):
        if turn:
            await asyncio.sleep(POLL)
        if stored := await db.turns.call(selectors.message_state, incoming.id):
            return stored
    receipt = await db.turns.call(services.message_take_over, message=incoming.id, regardless=urgent)
    if receipt is None:
        stored = await db.turns.call(selectors.message_state, incoming.id)
        if stored:
            return stored
    return await _complete(incoming, verdict, receipt.context if receipt else {}, stored=True)


async def _complete(
    incoming: Incoming, verdict: Verdict, context: dict[str, Any], *, stored: bool, left_out: str = ""
) -> Response:
    left_out = "too long" if incoming.too_long else left_out
    context = {"language": incoming.language, **context}
    if left_out:
        decision = _fall_back(incoming, verdict, context, left_out)
    else:
        decision = await _decide(incoming, verdict, context, stored)
    if stored:
        told = _answer_of(decision, recorded=True)
        try:
            return await db.turns.call(services.message_answered, message=incoming.id, answer=told, recorded_by="web")
        except db.Unavailable:
            pass
        except Exception as e:
            log.error("turn: storing an answer failed: %s", type(e).__name__)
    return await _spool(incoming, decision)


async def _spool(incoming: Incoming, decision: Decision) -> Response:
    """Leave the turn for the spool to record, and tell the patient that it could not be passed on."""
    unrecorded = _answer_of(decision, recorded=False)
    response = selectors.response(
        message=incoming.id,
        tier=unrecorded.tier,
        replies=unrecorded.replies,
        escalation=_unrecorded(incoming, unrecorded),
        release=_release(decision.release),
    )
    await asyncio.to_thread(spool.put, incoming, unrecorded, response)
    return response


async def _decide(incoming: Incoming, verdict: Verdict, context: dict[str, Any], stored: bool) -> Decision:
    claimed = "none"
    try:
        release = wording.current()
        if release is None:
            raise Rejected("no release")
        urgent = verdict.tier in URGENT
        deadline = settings.ENGINE_DEADLINE_URGENT if urgent and not stored else settings.ENGINE_DEADLINE
        given = await engine.ask(_request(incoming, context), deadline=deadline, urgent=urgent)
        claimed = engine_tier(given)
        checked = check(given, message=incoming.id, at_least=verdict.tier, releases=wording.releases())
    except (EngineFailed, Rejected) as e:
        log.warning("turn %s: %s", incoming.id, e.reason)
        return _fall_back(incoming, verdict, context, e.reason, claimed)
    except Exception as e:
        log.error("turn %s: %s", incoming.id, type(e).__name__)
        return _fall_back(incoming, verdict, context, "internal error", claimed)
    reasons = _reasons(verdict) + [reason for reason in checked.reasons if reason["layer"] != "phrase"]
    return Decision(checked.tier, checked.outcome, checked.replies, reasons, checked.release)


def _fall_back(
    incoming: Incoming, verdict: Verdict, context: dict[str, Any], failure: str, claimed: str = "none"
) -> Decision:
    """The approved fallback. An urgent tier that a rejected answer claims still counts: when in doubt, up."""
    tier = highest([verdict.tier, claimed if claimed in URGENT else "none"])
    rule = LEFT_OUT.get(failure, "assistant unavailable")
    reasons = [*_reasons(verdict), {"layer": "web", "tier": tier, "rule": rule, "sentence": "", "score": None}]
    release = wording.current()
    language = incoming.language or context.get("language", "en")
    replies = wording.fallback(release, tier, context.get("shown", {}), language) if release else []
    if release and failure == "too long" and release.variations("too_long"):
        replies.append(wording.message(release, "too_long", language=language))
    return Decision(tier, "escalate" if tier != "none" else "failed", replies, reasons, release, failure)


def _answer_of(decision: Decision, *, recorded: bool) -> Answer:
    now = timezone.now()
    replies = decision.replies
    if decision.escalate != "none" and decision.release:
        replies = wording.tell_truth(decision.release, replies, recorded=recorded, now=now)
    return Answer(
        tier=decision.tier,
        outcome=decision.outcome,
        replies=replies,
        reasons=decision.reasons,
        release_number=decision.release.number if decision.release else None,
        release_hash=decision.release.hash if decision.release else "",
        failure=decision.failure,
        escalate=decision.escalate,
        answered_at=now,
    )


def _request(incoming: Incoming, context: dict[str, Any]) -> dict[str, Any]:
    words = {"choice": incoming.choice} if incoming.choice else {"text": incoming.text}
    known: dict[str, Any] = {"shown": {}, "last_answer": None, "last_tier": "none", "urgent": False, "misses": 0}
    return {
        "conversation": str(incoming.conversation),
        "message": str(incoming.id),
        **words,
        "context": {**known, "language": incoming.language or "en", **context},
    }


def _reasons(verdict: Verdict) -> list[dict[str, Any]]:
    return [reason.as_dict() for reason in verdict.reasons]


def _unrecorded(incoming: Incoming, answer: Answer) -> dict[str, str] | None:
    if answer.escalate == "none":
        return None
    return {"id": str(escalation_id(incoming.id)), "tier": answer.escalate, "state": "unrecorded"}


def _release(release: Release | None) -> dict[str, Any] | None:
    return {"number": release.number, "hash": release.hash} if release else None
