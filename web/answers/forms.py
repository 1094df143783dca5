"""The editing form: which fields a text has, and that nothing is handed in with an error in it."""

from __future__ import annotations

from typing import Any

from django import forms
from wagtail.admin.forms import WagtailAdminModelForm

from web.answers import reading

ANSWER_ONLY = ("section", "language", "key", "sources", "related", "offer_care_team", "attach_lines")
FIXED = ("key", "section", "language")
"""What the engine knows a text by; it stays as it was when the text was made."""


def section_choices() -> list[tuple[str, str]]:
    return list(reading.sections().items())


class AnswerForm(WagtailAdminModelForm):
    section = forms.ChoiceField(choices=section_choices)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        message = self.instance.kind != "answer"
        for name in ANSWER_ONLY if message else ():
            self.fields.pop(name, None)
        if message and self.instance.kind != "smalltalk":
            self.fields.pop("phrasings", None)
        if self.instance.pk:
            for name in FIXED:
                if name in self.fields:
                    self.fields[name].disabled = True

    def clean(self) -> dict[str, Any]:
        """A draft may be unfinished. Handing it in is refused while it has an error of the writing guide."""
        cleaned: dict[str, Any] = super().clean()
        if "action-submit" in self.data and not self.errors:
            from web.answers.checks import errors, findings

            for name, value in cleaned.items():
                if name in self.fields:
                    setattr(self.instance, name, value)
            self.instance.clean()
            for one in errors(findings(self.instance.snapshot)):
                self.add_error(None, f"{self.instance.key}: {one.what}")
        return cleaned
