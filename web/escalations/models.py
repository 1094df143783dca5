"""What was taken to people: one escalation for each triggering message, and every change of its state."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import models


class Escalation(models.Model):
    """A message that a person has to see. Made and changed through `services` only."""

    class State(models.TextChoices):
        OPEN = "open"
        CLAIMED = "claimed"
        RESOLVED = "resolved"

    class Outcome(models.TextChoices):
        CONTACTED = "contacted", "Reached the patient"
        NOT_REACHED = "not_reached", "Could not reach the patient"
        EMERGENCY = "emergency", "Emergency services were called"
        NO_CONTACT = "no_contact", "No way to reach the patient"
        NO_ACTION = "no_action", "Nothing to do"

    id = models.UUIDField(primary_key=True, editable=False)
    message = models.OneToOneField("chat.Message", on_delete=models.PROTECT, related_name="escalation")
    conversation = models.ForeignKey("chat.Conversation", on_delete=models.PROTECT, related_name="escalations")
    tier = models.CharField(max_length=12)
    priority = models.PositiveSmallIntegerField()
    reasons = models.JSONField(default=list)
    recorded_at = models.DateTimeField()
    recorded_by = models.CharField(max_length=10)
    state = models.CharField(max_length=10, choices=State.choices, default=State.OPEN)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="claimed_escalations"
    )
    claimed_at = models.DateTimeField(null=True, blank=True)
    resolved_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="resolved_escalations"
    )
    resolved_at = models.DateTimeField(null=True, blank=True)
    outcome = models.CharField(max_length=20, choices=Outcome.choices, blank=True)
    note = models.TextField(blank=True)

    class Meta:
        ordering = ["priority", "recorded_at"]
        indexes = [models.Index(fields=["state", "priority", "recorded_at"], name="escalation_queue")]

    def __str__(self) -> str:
        return str(self.id)


class AppendOnly(Exception):
    """A row of a history was about to be changed or removed."""


class StateChange(models.Model):
    """One change of an escalation's state: who, when. Append-only."""

    escalation = models.ForeignKey(Escalation, on_delete=models.PROTECT, related_name="changes")
    from_state = models.CharField(max_length=10, blank=True)
    to_state = models.CharField(max_length=10)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.PROTECT, related_name="+")
    at = models.DateTimeField()

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return f"{self.from_state} → {self.to_state}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Raises AppendOnly for a row that exists."""
        if self.pk is not None:
            raise AppendOnly("a state change is never altered")
        super().save(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> tuple[int, dict[str, int]]:
        """Raises AppendOnly."""
        raise AppendOnly("a state change is never removed")
