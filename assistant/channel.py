"""The engine's own channel: structured JSON in and out, loopback only, failures visible as errors.

Rasa's REST channel answers 200 with an empty list to almost every failure (rasa/core/channels/rest.py): a patient in danger
would be met with silence. Here an empty turn is an error, so that the web side says something approved instead.
"""

from __future__ import annotations

import asyncio
import hmac
import logging
import os
from collections.abc import Awaitable, Callable
from typing import Any

from rasa.core.channels.channel import InputChannel, OutputChannel, UserMessage
from sanic import Blueprint, response
from sanic.request import Request
from sanic.response import HTTPResponse

from assistant.live import served
from assistant.typed import as_words

MAX_CHARS = 4_000
HEADER = "X-Companion-Token"

log = logging.getLogger(__name__)


class TurnOutput(OutputChannel):
    """Collects the replies of one turn, each with the fields that the NLG gave it."""

    def __init__(self) -> None:
        self.replies: list[dict[str, Any]] = []
        self.escalation: dict[str, Any] | None = None
        self.release: dict[str, Any] | None = None
        self.verdict: dict[str, Any] = {}

    @classmethod
    def name(cls) -> str:
        return "companion"

    async def send_response(self, recipient_id: str, message: dict[str, Any]) -> None:
        """Rasa hands over every response here; what did not come from our NLG has no `reply` and is dropped."""
        if not isinstance(message.get("reply"), dict):
            log.error("a response that is not of a release was dropped")
            return
        self.replies += [message["reply"], *message.get("also", [])]
        self.escalation = message.get("escalation") or self.escalation
        self.release = message.get("release") or self.release
        self.verdict = message.get("verdict") or self.verdict


class BadRequest(ValueError):
    """What is wrong with a request, in words for the developer of the web side."""


class CompanionChannel(InputChannel):
    """`POST /webhooks/companion/messages` and `GET /webhooks/companion/health`."""

    def __init__(self, token: str, turn_timeout: float) -> None:
        self.token, self.turn_timeout = token, turn_timeout

    @classmethod
    def name(cls) -> str:
        return "companion"

    @classmethod
    def from_credentials(cls, credentials: dict[str, Any] | None) -> CompanionChannel:
        """The token comes from ENGINE_TOKEN. Raises RuntimeError without one: an open engine would answer anybody."""
        token = os.environ.get("ENGINE_TOKEN", "")
        if not token:
            raise RuntimeError("ENGINE_TOKEN is not set; script/server sets it for the engine and the web side")
        return cls(token, float((credentials or {}).get("turn_timeout", 4.0)))

    def blueprint(self, on_new_message: Callable[[UserMessage], Awaitable[Any]]) -> Blueprint:
        blueprint = Blueprint("companion_channel")

        @blueprint.listener("after_server_start")
        async def refuse_unfit(app: Any, _: Any) -> None:
            """Rasa serves on without a model when loading it failed; whoever watches this process must see that it is unfit."""
            agent = getattr(app.ctx, "agent", None)
            if agent is None or not agent.is_ready():
                log.critical("the engine refuses to start: no fit model (see the error above); script/setup trains one")
                logging.shutdown()
                os._exit(1)

        @blueprint.route("/", methods=["GET"])
        async def root(_: Request) -> HTTPResponse:
            return response.json({"status": "ok"})

        @blueprint.route("/health", methods=["GET"])
        async def health(request: Request) -> HTTPResponse:
            live = served()
            agent = getattr(request.app.ctx, "agent", None)
            ready = live is not None and agent is not None and agent.is_ready()
            body: dict[str, Any] = {"ready": ready, "release": None, "model": None}
            if live is not None and agent is not None and ready:
                body |= {"release": live.current().release.number, "release_fault": live.releases.fault}
                body["model"] = agent.model_id
            return response.json(body, status=200 if ready else 503)

        @blueprint.route("/messages", methods=["POST"])
        async def messages(request: Request) -> HTTPResponse:
            if not hmac.compare_digest(request.headers.get(HEADER, "").encode(), self.token.encode()):
                return response.json({"error": "wrong token"}, status=401)
            try:
                message, output = self.read(request.json)
            except BadRequest as e:
                return response.json({"error": str(e)}, status=400)
            return await self.turn(on_new_message, message, output)

        return blueprint

    def read(self, body: Any) -> tuple[UserMessage, TurnOutput]:
        """Check a request's body. Raises BadRequest. A typed leading `/` would be Rasa's intent syntax and is taken off."""
        if not isinstance(body, dict):
            raise BadRequest("the body must be a JSON object")
        for field in ("conversation", "message"):
            if not isinstance(body.get(field), str) or not body[field]:
                raise BadRequest(f"{field} must be a string")
        text, choice = body.get("text"), body.get("choice")
        if (text is None) == (choice is None) or not isinstance(text if choice is None else choice, str):
            raise BadRequest("exactly one of text and choice must be a string")
        words = as_words(str(text if choice is None else choice)[:MAX_CHARS])
        context = body.get("context")
        metadata = {
            "conversation": body["conversation"],
            "message": body["message"],
            "choice": choice is not None,
            "context": context if isinstance(context, dict) else {},
        }
        output = TurnOutput()
        return UserMessage(
            words,
            output,
            body["conversation"],
            input_channel=self.name(),
            message_id=body["message"],
            metadata=metadata,
        ), output

    async def turn(
        self, on_new_message: Callable[[UserMessage], Awaitable[Any]], message: UserMessage, output: TurnOutput
    ) -> HTTPResponse:
        """One turn within the deadline. What was said until a failure is handed over, marked as not complete."""
        complete = True
        try:
            await asyncio.wait_for(on_new_message(message), self.turn_timeout)
        except asyncio.TimeoutError:
            complete = False
            log.error("turn %s passed its deadline", message.message_id)
        except Exception as e:  # the patient's text must not reach a log, so only the kind of error is named
            complete = False
            log.error("turn %s failed: %s", message.message_id, type(e).__name__)
        if not output.replies:
            return response.json({"error": "no output"}, status=502 if complete else 504)
        body = {
            "message": message.message_id,
            "release": output.release,
            "complete": complete,
            "replies": output.replies,
            "escalation": output.escalation,
            **{field: output.verdict.get(field) for field in ("tier", "outcome", "answers", "candidates", "score", "reasons")},
        }
        return response.json(body)
