"""The patient API (docs/design.md, "Contracts"). No cookies; the conversation token is the only key.

Errors are problem documents (web/problems.py).
"""

from __future__ import annotations

import contextlib
import functools
import json
import logging
import math
import uuid
from collections.abc import Callable, Coroutine
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import HttpRequest, HttpResponseBase, JsonResponse, RawPostDataException, StreamingHttpResponse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt

from companion.rules import MAX_CHARS
from companion.tiers import URGENT
from web import db
from web.chat import events, limits, retention, selectors, services, tokens, turn, wording
from web.chat.incoming import MAX_TEXT, Incoming
from web.chat.language import language_in
from web.chat.services import ClientIdTaken, ConversationDeleted
from web.problems import problem

log = logging.getLogger(__name__)
View = Callable[..., Coroutine[Any, Any, HttpResponseBase]]
WAIT = "companion.wait"
"""In a request's META: seconds until its address may send again; 0 if it may."""
BUSY_SECONDS = 5


class Invalid(Exception):
    """The request's body is not what the contract asks for; `args` are status, slug and what to do."""


def api(**methods: View) -> View:
    """One URL of the API: a view for each method, and a problem document for whatever goes wrong."""

    @csrf_exempt
    async def view(request: HttpRequest) -> HttpResponseBase:
        handler = methods.get(request.method or "")
        if handler is None:
            refused = problem(405, "method", f"This address takes {', '.join(methods)}.")
            refused["Allow"] = ", ".join(methods)
            return refused
        wait = limits.requests_of_address.wait(limits.address(request))
        if wait and handler not in ALWAYS_HEARD:
            return too_many(wait)
        request.META[WAIT] = wait
        try:
            response = await handler(request)
        except Invalid as e:
            status, slug, detail = e.args
            return problem(status, slug, detail)
        except tokens.TokenError:
            if wait:
                return too_many(wait)
            return problem(401, "token", "Send the conversation's token as `Authorization: Bearer …`.")
        except ConversationDeleted:
            return problem(410, "deleted", "This conversation was deleted. Start a new one.")
        except db.Unavailable:
            return problem(503, "database", "This cannot be read or stored at the moment. Try again later.")
        except Exception as e:
            log.error("api %s: %s", request.path, type(e).__name__)
            return problem(500, "internal", "Something on our side is not working.")
        if not response.has_header("Cache-Control"):
            response["Cache-Control"] = "no-store"
        return response

    return view


def too_many(wait: float, language: str = "en") -> HttpResponseBase:
    """Refuse politely, with the lines, and say when to try again."""
    seconds = math.ceil(wait)
    refused = problem(
        429, "too-many", f"Too many at once. Try again in {seconds} s.", replies=wording.notice("too_many", language)
    )
    refused["Retry-After"] = str(seconds)
    return refused


def with_token(handler: View) -> View:
    """Hand the verified Conversant over; without a valid token nothing is looked up."""

    @functools.wraps(handler)
    async def checked(request: HttpRequest) -> HttpResponseBase:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            raise tokens.TokenError("none given")
        return await handler(request, tokens.verify(token.strip()))

    return checked


async def start(request: HttpRequest) -> HttpResponseBase:
    """Begin a conversation. Works without the database, and when too many are begun: the row is then made with the first message.

    Never refused, since whoever needs the lines needs a token first.
    """
    body = _body(request)
    language = _language(request, body)
    release = wording.current()
    if release is None:
        raise RuntimeError("no release")
    conversation, now = uuid.uuid4(), timezone.now()
    token = tokens.issue(conversation, started_at=now)
    with contextlib.suppress(db.Unavailable):
        if request.META[WAIT]:
            raise db.Unavailable("too many")
        await db.turns.call(
            services.conversation_start,
            conversation=conversation,
            started_at=now,
            language=language,
            country=release.clinic.get("country", ""),
        )
    greeting = wording.greeting(release, language)
    return JsonResponse({"conversation": str(conversation), "token": token, "greeting": greeting}, status=201)


@with_token
async def say(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """A message of the patient, and the reply to it."""
    body = _body(request)
    language = _language(request, body)
    incoming = _incoming(body, language, conversant)
    verdict = turn.screen(incoming)
    urgent = verdict.tier in URGENT
    if incoming.too_long and not urgent:
        detail = f"A message has at most {MAX_TEXT} characters. Send the question in a few sentences."
        return problem(413, "too-long", detail, replies=wording.notice("too_long", language), limit=MAX_TEXT)
    wait = request.META[WAIT] or limits.messages_of_conversation.wait(str(incoming.conversation))
    if wait and not urgent:
        return too_many(wait, language)
    if turn.crowded(incoming) and not urgent:
        detail = "More people are writing than can be answered. Try again in a moment."
        refused = problem(503, "busy", detail, replies=wording.notice("busy", language))
        refused["Retry-After"] = str(BUSY_SECONDS)
        return refused
    left_out = "too many" if wait else "crowded" if turn.crowded(incoming, times=2) else ""
    try:
        answer = await turn.answer(incoming, left_out=left_out)
    except ClientIdTaken:
        detail = "This client_message_id was used for another message. Send this one with an id of its own."
        replies = wording.notice(verdict.tier, language) if urgent else []
        return problem(409, "client-message-id", detail, replies=replies)
    except ConversationDeleted:
        detail = "This conversation was deleted. Start a new one and send the message there."
        replies = wording.notice(verdict.tier, language) if urgent else []
        return problem(410, "deleted", detail, replies=replies)
    if not answer["replies"] and "handled_by" not in answer:
        return problem(
            503, "no-release", "There are no approved texts to answer with.", replies=[], **answer_parts(answer)
        )
    return JsonResponse(answer)


def answer_parts(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: answer[name] for name in ("message", "tier", "escalation")}


@with_token
async def transcript(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """The conversation so far."""
    await _not_deleted(conversant)
    messages = await db.pages.call(selectors.transcript, conversant.conversation)
    return JsonResponse({"conversation": str(conversant.conversation), "messages": messages})


@with_token
async def delete(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """Erase the conversation; says how many messages are kept until staff have closed their escalation."""
    kept = await db.turns.call(
        services.conversation_delete, conversation=conversant.conversation, started_at=conversant.started_at
    )
    with contextlib.suppress(db.Unavailable):
        await db.pages.call(retention.scrub)
    replies = wording.notice("conversation_deleted_kept" if kept else "conversation_deleted", _language(request))
    return JsonResponse(
        {"conversation": str(conversant.conversation), "deleted": True, "kept": kept, "replies": replies}
    )


@with_token
async def feedback(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """Whether a reply helped."""
    body = _body(request)
    helpful, reason = body.get("helpful"), _string(body, "reason", 1000)
    if not isinstance(helpful, bool):
        raise Invalid(422, "helpful", "Give `helpful` as true or false.")
    try:
        wanted = uuid.UUID(str(body.get("message")))
    except ValueError:
        raise Invalid(422, "message", "Give `message` as the id of an answered message.") from None
    await _not_deleted(conversant)
    message = await db.turns.call(selectors.message_of, conversation=conversant.conversation, message=wanted)
    if message is None:
        return problem(404, "message", "This conversation has no such message.")
    await db.turns.call(services.message_feedback, message=message, helpful=helpful, reason=reason)
    return JsonResponse({"message": str(message.pk), "helpful": helpful}, status=201)


@with_token
async def contact(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """How staff may reach the patient; only with consent."""
    body = _body(request)
    name, phone, email = _string(body, "name", 200), _string(body, "phone", 50), _string(body, "email", 254)
    if body.get("consent") is not True:
        raise Invalid(422, "consent", "Contact details are kept only with `consent: true`.")
    if not phone and not email:
        raise Invalid(422, "contact", "Give `phone` or `email`.")
    if email and "@" not in email:
        raise Invalid(422, "email", "Give `email` as an e-mail address.")
    replies = await db.turns.call(
        services.contact_save,
        conversation=conversant.conversation,
        started_at=conversant.started_at,
        name=name,
        phone=phone,
        email=email,
        language=_language(request, body),
    )
    return JsonResponse({"saved": True, "replies": replies}, status=201)


@with_token
async def follow(request: HttpRequest, conversant: tokens.Conversant) -> HttpResponseBase:
    """Server-sent events of this conversation; read with `fetch`, since the token travels in a header."""
    await _not_deleted(conversant)
    if not events.room_for(conversant.conversation):
        return too_many(BUSY_SECONDS)
    last = request.headers.get("Last-Event-ID", "")
    stream = events.counted(conversant.conversation, after=int(last) if last.isdecimal() else None)
    response = StreamingHttpResponse(stream, content_type="text/event-stream")
    response["Cache-Control"] = "no-store"
    response["X-Accel-Buffering"] = "no"
    return response


ALWAYS_HEARD = (start, say)
"""What the limits do not simply refuse: a message may be urgent, and needs a token."""


async def _not_deleted(conversant: tokens.Conversant) -> None:
    if await db.pages.call(selectors.is_deleted, conversant.conversation):
        raise ConversationDeleted


def _incoming(body: dict[str, Any], language: str, conversant: tokens.Conversant) -> Incoming:
    text, choice = body.get("text"), body.get("choice")
    if (text is None) == (choice is None):
        raise Invalid(422, "text-or-choice", "Give either `text` or `choice`.")
    client_message_id = _string(body, "client_message_id", 64)
    if not client_message_id:
        raise Invalid(422, "client-message-id", "Give `client_message_id`, an id of your own for this message.")
    if text is not None and not isinstance(text, str):
        raise Invalid(422, "text", "Give `text` as a string.")
    said = _clean(text or "")
    if text is not None and not said.strip():
        raise Invalid(422, "text", "The message is empty. Type a question, or choose a topic.")
    chosen = _string(body, "choice", 200)
    if choice is not None and not chosen:
        raise Invalid(422, "choice", "Give `choice` as it came with a reply.")
    return Incoming(
        conversation=conversant.conversation,
        started_at=conversant.started_at,
        client_message_id=client_message_id,
        text=said[:MAX_CHARS],
        choice=chosen,
        received_at=timezone.now(),
        language=language,
    )


def _language(request: HttpRequest, body: dict[str, Any] | None = None) -> str:
    """The language of the page around the conversation: as the body says, else as the header does; empty if neither."""
    given = _string(body or {}, "language", 12) or request.headers.get("Accept-Language", "")
    return language_in(given)


def _body(request: HttpRequest) -> dict[str, Any]:
    try:
        body = json.loads(request.body or b"{}")
    except RequestDataTooBig:
        raise Invalid(413, "too-long", "The request is too long. Send the question in a few sentences.") from None
    except (ValueError, RecursionError, RawPostDataException):
        raise Invalid(400, "json", "The body is not JSON.") from None
    if not isinstance(body, dict):
        raise Invalid(400, "json", "The body is not a JSON object.")
    return body


def _string(body: dict[str, Any], name: str, longest: int) -> str:
    value = body.get(name)
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > longest:
        raise Invalid(422, name.replace("_", "-"), f"Give `{name}` as a string of at most {longest} characters.")
    return _clean(value).strip()


def _clean(text: str) -> str:
    """The text without what a database cannot hold: NUL and half surrogates."""
    return text.replace("\x00", "").encode("utf-8", "replace").decode("utf-8")
