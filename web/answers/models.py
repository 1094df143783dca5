"""The writing desk and the record. `Answer` is where people write; what counts is `ApprovedVersion`, which is only added to.

Wagtail's rows can be rewritten by whoever may edit, so nothing that is served is ever read from them.
"""

from __future__ import annotations

import uuid
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import models
from django.utils.text import slugify
from wagtail.models import (
    DraftStateMixin,
    LockableMixin,
    PreviewableMixin,
    RevisionMixin,
    Task,
    TaskState,
    WorkflowMixin,
)

from companion.catalogue import KEY, KINDS
from web.answers.forms import AnswerForm
from web.answers.snapshot import Snapshot, of_answer, snapshot_hash
from web.clinic.roles import CLINICIANS, roles

LANGUAGES = (("en", "English"), ("es", "Spanish"))


class Answer(WorkflowMixin, DraftStateMixin, LockableMixin, RevisionMixin, PreviewableMixin, models.Model):
    """One text on the desk: an answer, or one of the assistant's own messages (`kind` is not `answer`)."""

    key = models.CharField(
        max_length=160,
        unique=True,
        blank=True,
        help_text="Left empty, it is made from section and title. A Spanish answer has the key of its English one.",
    )
    kind = models.CharField(
        max_length=12, choices=[(kind, kind) for kind in KINDS], default="answer", editable=False
    )
    section = models.CharField(max_length=60, blank=True)
    language = models.CharField(max_length=12, choices=LANGUAGES, default="en")
    title = models.CharField(max_length=120)
    text = models.TextField(blank=True)
    phrasings = models.TextField(
        blank=True, help_text="How patients ask for this, one to a line; 25 from different people work well."
    )
    sources = models.TextField(
        blank=True, help_text="The public articles or agencies that the facts come from, one to a line."
    )
    related = models.TextField(blank=True, help_text="Keys of two to four other answers, one to a line.")
    offer_care_team = models.BooleanField("offer the care team", default=False)
    attach_lines = models.BooleanField("attach the crisis lines", default=False)
    review_by = models.DateField(
        "review by",
        null=True,
        blank=True,
        help_text="From the day after, it is not served until somebody approves it anew.",
    )

    base_form_class = AnswerForm

    class Meta:
        ordering = ["key"]
        indexes = [models.Index(fields=["kind", "section"], name="answer_kind_section")]

    def __str__(self) -> str:
        return self.title or self.key

    @property
    def snapshot(self) -> Snapshot:
        """Everything that an approval is about, as it is written now."""
        return of_answer(self)

    def clean(self) -> None:
        """Gives a new answer its key. Raises ValidationError for one that the engine could not use."""
        super().clean()
        if self.kind != "answer":
            return
        prefix = "" if self.language == "en" else f"{self.language}:"
        if not self.key:
            self.key = f"{prefix}{self.section}/{slugify(self.title)[:80] or uuid.uuid4().hex[:8]}"
        bare = self.key.removeprefix(prefix)
        self.key = prefix + bare
        if not KEY.fullmatch(bare) or not bare.startswith(f"{self.section}/"):
            raise ValidationError(
                {
                    "key": f"Write {prefix}{self.section}/ and a name of small letters, digits and -, or leave it empty."
                }
            )

    def save_revision(self, *args: Any, overwrite_revision: Any = None, **kwargs: Any) -> Any:
        """A revision is never rewritten in place: Wagtail would let the author of the live one do that."""
        return super().save_revision(*args, **kwargs)

    def publish(self, revision: Any, *args: Any, **kwargs: Any) -> Any:
        """Mark a revision as live, if exactly that text is the newest approval. Raises PermissionDenied.

        Button, workflow, timer and shell all come through here. What patients get does not depend on it.
        """
        newest = self.newest_version()
        digest = snapshot_hash(revision.as_object().snapshot)
        if newest is None or newest.digest != digest or newest.withdrawals.exists():
            raise PermissionDenied("Only a review by a clinician puts a text in force.")
        kwargs["skip_permission_checks"] = True
        return super().publish(revision, *args, **kwargs)

    def unpublish(self, *args: Any, **kwargs: Any) -> Any:
        """Raises PermissionDenied unless the approval was withdrawn, with a reason, first."""
        newest = self.newest_version()
        if newest is None or not newest.withdrawals.exists():
            raise PermissionDenied("Use “Withdraw now”, which asks for a reason.")
        return super().unpublish(
            log_action=False
        )  # without a user, since nobody has Wagtail's right to do it

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        """Raises PermissionDenied for a text that the record knows, and for a message that the assistant needs."""
        if self.kind != "answer" or self.versions.exists() or self.withdrawals.exists():
            raise PermissionDenied("What was approved or withdrawn stays in the record. Withdraw it instead.")
        return super().delete(*args, **kwargs)

    def newest_version(self) -> ApprovedVersion | None:
        return self.versions.order_by("-pk").first()

    def get_preview_template(self, request: Any, mode_name: str) -> str:
        return "answers/preview.html"

    def get_preview_context(self, request: Any, mode_name: str) -> dict[str, Any]:
        from web.answers.reading import as_patients_see

        return {"answer": self, "shown": as_patients_see(self.snapshot)}


class ClinicianApproval(Task):
    """The one step of the workflow. While an answer is in it nobody edits; it is decided on our review page only."""

    class Meta:
        verbose_name = "approval by a clinician"

    def start(self, workflow_state: Any, user: Any = None) -> Any:
        """Begin with the newest revision; Wagtail takes the one that was newest when the workflow was looked up."""
        state = super().start(workflow_state, user)
        newest = Answer.objects.values_list("latest_revision", flat=True).get(pk=workflow_state.object_id)
        if state.revision_id != newest:
            state.revision_id = newest
            state.save(update_fields=["revision"])
        return state

    def locked_for_user(self, obj: Any, user: Any) -> bool:
        return True

    def get_actions(self, obj: Any, user: Any) -> list[Any]:
        return []

    def on_action(self, task_state: Any, user: Any, action_name: str, **kwargs: Any) -> None:
        """Wagtail's own buttons and addresses show no text and ask for no attestation. Raises PermissionDenied."""
        raise PermissionDenied("Read and decide on the review page.")

    def user_can_access_editor(self, obj: Any, user: Any) -> bool:
        return False

    def get_task_states_user_can_moderate(self, user: Any, **kwargs: Any) -> Any:
        if CLINICIANS in roles(user):
            return self.task_states.filter(status=TaskState.STATUS_IN_PROGRESS)
        return TaskState.objects.none()

    @classmethod
    def get_description(cls) -> str:
        return "Somebody in Clinicians who wrote none of the text reads it on the review page"


class AppendOnly(Exception):
    """A row of the record was about to be changed or removed."""


class Record(models.Model):
    """Rows that are only added. The database refuses the rest as well (append_only.py)."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises AppendOnly for a row that exists."""
        if self.pk is not None:
            raise AppendOnly("the record is never altered")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises AppendOnly."""
        raise AppendOnly("the record is never removed")


class ApprovedVersion(Record):
    """A text as a clinician approved it. Releases are built from these rows alone."""

    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="versions")
    number = models.PositiveIntegerField()
    content = models.JSONField()
    digest = models.CharField(max_length=64)
    text_hash = models.CharField(max_length=64)
    read_text = models.TextField()
    written_by = models.JSONField()
    approver = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    approver_name = models.CharField(max_length=200)
    approved_at = models.DateTimeField()
    attested = models.TextField()
    revision = models.PositiveBigIntegerField()
    review_by = models.DateField(null=True)

    class Meta:
        ordering = ["-pk"]
        constraints = [models.UniqueConstraint(fields=["answer", "number"], name="one_version_per_number")]

    def __str__(self) -> str:
        return f"{self.content.get('key')} version {self.number}"

    @property
    def whole(self) -> bool:
        """Whether the content is what was approved; a row that was altered past the triggers is not served."""
        return snapshot_hash(self.content) == self.digest


class Withdrawal(Record):
    """An answer taken out of force at once. Only a later approval brings it back. `version` is empty for a sample."""

    answer = models.ForeignKey(Answer, on_delete=models.PROTECT, related_name="withdrawals")
    version = models.ForeignKey(
        ApprovedVersion, null=True, on_delete=models.PROTECT, related_name="withdrawals"
    )
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    reason = models.TextField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"{self.answer_id}: {self.at:%Y-%m-%d}"


class BuiltRelease(Record):
    """A release that the desk put in force: what caused it, and which approvals it holds."""

    number = models.PositiveIntegerField(db_index=True)
    hash = models.CharField(max_length=64)
    built_at = models.DateTimeField()
    cause = models.CharField(max_length=300)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    versions = models.JSONField()

    class Meta:
        ordering = ["-pk"]

    def __str__(self) -> str:
        return f"Release {self.number}"
