"""What tests of the desk share: a writer, two clinicians, staff, somebody without a role, a superuser; their requests."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from django.contrib.auth.models import User
from django.test import Client
from django.urls import reverse

from companion.catalogue import Catalogue
from companion.paths import current_release
from companion.release import Release
from tests.web.support import catalogue
from web.answers.models import Answer
from web.answers.snapshot import snapshot_hash

ANSWER = "preparation/eating"
SOON = dt.date.today() + dt.timedelta(days=200)


def starter() -> Catalogue:
    """The small catalogue, with what the writing guide asks of an answer."""
    whole = catalogue()
    answers = {
        key: replace(
            item, sources=("A public agency",), related=tuple(set(whole.answers) - {key}), review_by=SOON
        )
        for key, item in whole.answers.items()
    }
    return Catalogue(whole.sections, {**whole.items, **answers})


class Desk:
    """The desk with the small catalogue of `support.catalogue` on it, as drafts."""

    def __init__(self, person: Callable[..., User], browser_of: Callable[[User], Client]) -> None:
        self._browser_of, self._browsers = browser_of, dict[int, Client]()
        self.erin, self.sam, self.outsider = (
            person("erin", "Editors"),
            person("sam", "Staff"),
            person("olive"),
        )
        self.casey, self.drew = person("casey", "Clinicians"), person("drew", "Clinicians")
        self.root = person("root")
        User.objects.filter(pk=self.root.pk).update(is_superuser=True)
        self.edit = reverse("wagtailsnippets_answers_answer:edit", args=[self.answer.pk])

    @property
    def answer(self) -> Answer:
        return Answer.objects.get(key=ANSWER)

    @property
    def release(self) -> Release:
        return Release.read(current_release())

    def served(self, key: str) -> Any:
        """What a patient would be given for that key; None for nothing."""
        return self.release.get(key)

    def browser(self, who: User) -> Client:
        if who.pk not in self._browsers:
            self._browsers[who.pk] = self._browser_of(who)
        return self._browsers[who.pk]

    def open(self, who: User, address: str) -> str:
        got = self.browser(who).get(address)
        assert got.status_code == 200, (got.status_code, got.get("Location"))
        return str(got.content.decode())

    def form(self, text: str, **changes: str) -> dict[str, str]:
        draft = self.answer.get_latest_revision_as_object()
        return {
            "title": draft.title,
            "text": text,
            "phrasings": draft.phrasings,
            "sources": "A public agency",
            "related": "session/what-happens",
            "review_by": SOON.isoformat(),
            **changes,
        }

    def write(self, who: User, text: str, **changes: str) -> str:
        got = self.browser(who).post(self.edit, self.form(text, **changes), follow=True)
        assert self.answer.get_latest_revision_as_object().text == text, got.content.decode()[-3000:]
        return str(got.content.decode())

    def hand_in(self, who: User, **changes: str) -> str:
        form = self.form(self.answer.get_latest_revision_as_object().text, **changes)
        got = self.browser(who).post(self.edit, form | {"action-submit": "1"}, follow=True)
        return str(got.content.decode())

    def erin_writes(self, text: str) -> None:
        self.write(self.erin, text)

    def erin_hands_in(self) -> None:
        page = self.hand_in(self.erin)
        assert self.answer.workflow_in_progress, page

    def decision(self, decision: str) -> dict[str, Any]:
        """The form of the review page, as it stands there now."""
        task = self.answer.current_workflow_task_state
        revision = task.revision if task else self.answer.latest_revision
        digest = snapshot_hash(revision.as_object().snapshot)
        return {"decision": decision, "revision": revision.pk, "digest": digest, "attest": "yes"}

    def post(self, who: User, form: dict[str, Any]) -> str:
        return self._posted(who, f"/admin/review/{self.answer.pk}/decide/", form)

    def approve(self, who: User, form: dict[str, Any] | None = None) -> str:
        return self.post(who, form or self.decision("approve"))

    def casey_approves(self) -> None:
        page = self.approve(self.casey)
        assert "is approved and in force" in page, page

    def withdraw(self, who: User, reason: str, answer: Answer | None = None) -> str:
        pk = (answer or self.answer).pk
        return self._posted(who, f"/admin/record/{pk}/withdraw/", {"reason": reason})

    def _posted(self, who: User, address: str, form: dict[str, Any]) -> str:
        """The page that a form leads to; nothing for whoever is turned away."""
        got = self.browser(who).post(address, form)
        assert got.status_code in (302, 403), got.content
        if got.status_code == 403 or not got["Location"].startswith(("/admin/review/", "/admin/record/")):
            return ""
        return str(self.browser(who).get(got["Location"], follow=True).content.decode())
