"""Approved text only: every response comes from the release that matched it, verbatim, and nothing is interpolated.

Rasa's own generator would format `{…}` in a text and choose variations at random (rasa/core/nlg/interpolator.py).
"""

from __future__ import annotations

from typing import Any

from rasa.core.nlg import TemplatedNaturalLanguageGenerator
from rasa.shared.core.domain import Domain
from rasa.shared.core.events import BotUttered
from rasa.shared.core.trackers import DialogueStateTracker
from rasa.utils.endpoints import EndpointConfig

from assistant.context import Context
from assistant.live import served
from companion.release import Release, ReleaseError, Releases

MISSES_BEFORE_OFFER = 1
RELATED = 3
OPENINGS = frozenset({"greeting", "smalltalk/greet", "smalltalk/help", "smalltalk/restart", "smalltalk/affirm"})
"""Messages that end in a question, so that the sections are offered below them."""


class ApprovedAnswerNLG(TemplatedNaturalLanguageGenerator):
    """Subclasses Rasa's template generator because only that one gets `.responses` refreshed when a model is loaded."""

    def __init__(self, endpoint_config: EndpointConfig | None = None, domain: Domain | None = None) -> None:
        super().__init__(domain.responses if domain else {})
        self._releases = Releases()

    async def generate(
        self, utter_action: str, tracker: DialogueStateTracker, output_channel: str, **kwargs: Any
    ) -> dict[str, Any]:
        """The reply for an action's name, as Rasa sends it on: text, buttons, and the patient API's own fields under `reply`.

        Raises ReleaseError when the release has no such text: the channel reports that, and the web side falls back.
        """
        message = tracker.latest_message
        parsed = (message.parse_data if message else None) or {}
        verdict = parsed.get("companion") or {}
        context = Context.of(message.metadata if message else None)
        release = self._release((verdict.get("release") or {}).get("number"))
        replies = [
            release.reply(item, choices_for(release, item, verdict))
            for item in self._items(utter_action, release, verdict, context, tracker, kwargs.get("item"))
        ]
        first = replies[0]
        response = {
            "text": first["text"],
            "buttons": [{"title": c["label"], "payload": c["choice"]} for c in first["choices"]],
            "reply": first,
            "also": replies[1:],
            "release": {"number": release.number, "hash": release.hash},
            "verdict": verdict,
        }
        if kwargs.get("escalation") is not None:
            response["escalation"] = kwargs["escalation"]
        return response

    def _release(self, number: int | None) -> Release:
        live = served()
        releases = live.releases if live else self._releases
        current = live.current().release if live else releases.current()
        if number is None or number == current.number:
            return current
        found = releases.numbered(number)
        if found is None:
            raise ReleaseError(f"release {number} is not there any more")
        return found

    def _items(
        self,
        utter_action: str,
        release: Release,
        verdict: dict[str, Any],
        context: Context,
        tracker: DialogueStateTracker,
        exact: str | None,
    ) -> list[dict[str, Any]]:
        name, language = exact or utter_action.removeprefix("utter_"), verdict.get("language", "en")
        name = "fallback" if name == "default" else name  # Rasa's own, when no rule fits
        if name == "fallback" and language == "other":
            name = "other_language"
        elif name == "fallback" and context.misses >= MISSES_BEFORE_OFFER:
            name = "offer_care_team"
        asked = release.items.get(name)
        if asked and asked["kind"] == "answer" and language == "es" and f"es:{name}" not in release.items:
            name = "no_spanish_answer"
        name = release.localised(name, language)
        item = release.items.get(name)
        if item is None:
            try:
                item = release.message(name, max(context.shown.get(name, 0), said_before(tracker, name)))
            except KeyError as e:
                raise ReleaseError(f"release {release.number} has no text {name!r}") from e
        if item["kind"] == "answer":
            others = [release.get(release.localised(key, language)) for key in verdict.get("answers", [])[1:]]
            return [item, *[other for other in others if other]]
        return [item]


def said_before(tracker: DialogueStateTracker, name: str) -> int:
    """How often variations of a message were said in the turns that the tracker remembers."""
    keys = [
        event.metadata.get("reply", {}).get("key", "")
        for event in tracker.events
        if isinstance(event, BotUttered) and event.metadata
    ]
    return sum(1 for key in keys if key.split(".")[0] == name)


def choices_for(release: Release, item: dict[str, Any], verdict: dict[str, Any]) -> list[dict[str, str]]:
    """The buttons below a text. Labels are titles and labels of the release, so they are approved as well."""
    language = item["language"]
    person = {"label": _label(release, "label_talk_to_person", language), "choice": "human"}
    kind, name = item["kind"], item["key"].removeprefix("es:").split(".")[0]
    if kind == "answer":
        chosen = _titles(release, item["related"], language)[:RELATED]
        return [*chosen, person] if item["offer_care_team"] else chosen
    if name == "clarify":
        none = {"label": _label(release, "label_none_of_these", language), "choice": "none"}
        return [*_titles(release, verdict.get("candidates", []), language)[:RELATED], none, person]
    if name == "section":
        keys = [answer["key"] for answer in release.answers if answer["section"] == verdict.get("section")]
        found = _titles(release, [key for key in keys if ":" not in key], language)
        return sorted(found, key=lambda choice: language != "en" and ":" not in choice["choice"])  # the reader's own language first
    if kind == "fallback" or name in OPENINGS:
        return [*({"label": title, "choice": section} for section, title in release.section_titles(language).items()), person]
    return []


def _label(release: Release, name: str, language: str) -> str:
    return str(release.message(release.localised(name, language))["text"])


def _titles(release: Release, keys: list[str], language: str) -> list[dict[str, str]]:
    """Those of the answers that may be served, as choices, in the language where there is one."""
    found = [release.get(release.localised(key, language)) for key in keys]
    return [{"label": item["title"], "choice": item["key"]} for item in found if item]
