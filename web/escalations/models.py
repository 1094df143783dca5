"""What was taken to people: one escalation for each triggering message, what people did about it, and who did what when."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models
from django.db.models import F, Q

from web.escalations.append_only import AppendOnly, History

__all__ = ["AppendOnly"]


class Escalation(models.Model):
    """A message that a person has to see. Made and changed through `services` only."""

    class State(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        RESOLVED = "resolved"

    class Outcome(models.TextChoices):
        CONTACTED = "contacted", "Reached the patient"
        REFERRED = "referred", "Referred to somebody else"
        EMERGENCY = "emergency", "Emergency services were called"
        NOT_REACHED = "not_reached", "Could not reach the patient"
        NO_CONTACT = "no_contact", "No way to reach the patient"
        FALSE_ALARM = "false_alarm", "False alarm: this message should not have been raised"
        NO_ACTION = "no_action", "Nothing to do"

    id = models.UUIDField(primary_key=True, editable=False)
    message = models.OneToOneField("chat.Message", on_delete=models.PROTECT, related_name="escalation")
    conversation = models.ForeignKey("chat.Conversation", on_delete=models.PROTECT, related_name="escalations")
    tier = models.CharField(max_length=12)
    priority = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=10)
    due_at = models.DateTimeField()
    """By when somebody should have taken it, from the clinic's own targets (targets.py)."""
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="claimed_escalations"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    acknowledged_at = models.DateTimeField(null=True, blank=True)
    """When the first person took it; stays when it goes back to the queue."""
    touched_at = models.DateTimeField(null=True, blank=True)
    """When somebody of the staff last did something about it."""
    patient_seen_at = models.DateTimeField(null=True, blank=True)
    """When the patient's chat was last open, as far as it is known."""
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="resolved_escalations"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["priority", "due_at", "recorded_at"]
        indexes = [
            models.Index(
                fields=["priority", "due_at", "recorded_at"], condition=Q(resolved_at=None), name="escalation_work"
            ),
            models.Index(
                F("resolved_at").desc(), "id", condition=Q(resolved_at__isnull=False), name="escalation_closed"
            ),
            models.Index(fields=["recorded_at"], name="escalation_recorded"),
        ]

    def __str__(self) -> str:
        return str(self.id)


class StateChange(History):
    """One change of an escalation's state: who, when, and why if it was not a person's press on a button."""

    escalation = models.ForeignKey(Escalation, on_delete=models.PROTECT, related_name="changes")
    from_state = models.CharField(max_length=10, blank=True)
    to_state = models.CharField(max_length=10)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    why = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"


class AuditEntry(History):
    """What a person of the staff did or looked at. Holds no words of patients or staff; nothing ever alters it."""

    at = models.DateTimeField(db_index=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    action = models.CharField(max_length=30)
    escalation = models.ForeignKey(Escalation, null=True, on_delete=models.PROTECT, related_name="audit")
    detail = models.CharField(max_length=200, blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.action


class Note(models.Model):
    """A remark that staff leave each other on an escalation. Never shown to the patient."""

    escalation = models.ForeignKey(Escalation, on_delete=models.PROTECT, related_name="notes")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    text = models.TextField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"note {self.pk}"


class ResponseTarget(models.Model):
    """How soon this clinic wants a tier taken up. A tier without a row has the default of targets.py."""

    tier = models.CharField(max_length=12, primary_key=True)
    minutes = models.PositiveIntegerField()
    staffed_only = models.BooleanField()
    """Whether only staffed hours count."""
    again_minutes = models.PositiveIntegerField()
    """Unclaimed for so long, it alerts again, and the next person up."""
    quiet_minutes = models.PositiveIntegerField()
    """Claimed and left alone for so long, it goes back to the queue; 0 for never."""

    def __str__(self) -> str:
        return self.tier


class SavedView(models.Model):
    """A person's own choice of filters, by name. Searched words are never kept."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=40)
    filters = models.CharField(max_length=300)

    class Meta:
        ordering = ["name"]
        constraints = [models.UniqueConstraint(fields=["user", "name"], name="one_view_per_name")]

    def __str__(self) -> str:
        return self.name


class OffDuty(models.Model):
    """Somebody who has said "I'm off": gets no alerts and no escalations until they are back."""

    user = models.OneToOneField(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="off_duty")
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"off since {self.since}"


class ScreenLabel(models.Model):
    """What staff say of the safety screen's judgement of a message: raised wrongly, or missed. For the screen's authors.

    The words are empty until somebody has read them and taken out whatever says who it is.
    """

    class Verdict(models.TextChoices):
        FALSE_ALARM = "false_alarm", "False alarm"
        MISSED = "missed", "Missed"

    message = models.OneToOneField("chat.Message", on_delete=models.PROTECT, related_name="screen_label")
    verdict = models.CharField(max_length=12, choices=Verdict.choices)
    given = models.CharField(max_length=12)
    should = models.CharField(max_length=12)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()
    words = models.TextField(blank=True)
    cleared_by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.PROTECT, related_name="+")
    cleared_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.verdict


class Takeover(models.Model):
    """A time in which a person talks with a patient and the assistant is silent, but for danger. One at a time."""

    conversation = models.ForeignKey("chat.Conversation", on_delete=models.PROTECT, related_name="takeovers")
    escalation = models.ForeignKey(Escalation, on_delete=models.PROTECT, related_name="takeovers")
    by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="takeovers")
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=100)
    """How the patient is told who it is."""
    started_at = models.DateTimeField()
    seen_at = models.DateTimeField()
    """When the person's page was last open."""
    typing_at = models.DateTimeField(null=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["conversation"], condition=Q(ended_at=None), name="one_person_talks_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"takeover {self.pk}"


class StaffMessage(models.Model):
    """What a patient sees of a person of the staff: that they came, what they wrote, that they left. In this order."""

    class Kind(models.TextChoices):
        JOINED = "joined"
        REPLY = "reply"
        LEFT = "left"

    conversation = models.ForeignKey("chat.Conversation", on_delete=models.PROTECT, related_name="staff_messages")
    takeover = models.ForeignKey(Takeover, on_delete=models.PROTECT, related_name="messages")
    kind = models.CharField(max_length=6, choices=Kind.choices)
    client_id = models.CharField(max_length=64, blank=True)
    reply = models.JSONField(default=dict)
    at = models.DateTimeField()
    erased = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(
                fields=["takeover", "client_id"], condition=~Q(client_id=""), name="one_reply_per_client_id"
            )
        ]

    def __str__(self) -> str:
        return self.kind


def name_of(user: User) -> str:
    """How a person of the staff is named to colleagues."""
    return user.get_full_name() or user.username
