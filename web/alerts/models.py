"""Who is alerted, what they were alerted of, and whether it got through. An alert holds no words and names nobody."""

from __future__ import annotations

import uuid

from django.conf import settings
from django.db import models


class Recipient(models.Model):
    """A person's e-mail address or a service's webhook. Those of step 0 hear at once, the next ones when nobody comes."""

    class Kind(models.TextChoices):
        EMAIL = "email", "E-mail"
        WEBHOOK = "webhook", "Signed webhook"
        SLACK = "slack", "Slack"
        TEAMS = "teams", "Microsoft Teams"
        PAGERDUTY = "pagerduty", "PagerDuty"

    name = models.CharField(max_length=80)
    kind = models.CharField(max_length=10, choices=Kind.choices)
    address = models.CharField(max_length=500)
    secret = models.CharField(max_length=200, blank=True)
    """Signs a webhook; PagerDuty's routing key."""
    step = models.PositiveSmallIntegerField(default=0)
    up_to_priority = models.PositiveSmallIntegerField(default=1)
    user = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.CASCADE)
    """Whose it is: somebody who is off duty is not alerted."""
    active = models.BooleanField(default=True)

    class Meta:
        ordering = ["step", "name"]

    def __str__(self) -> str:
        return self.name


class Alert(models.Model):
    """One call for somebody: a new escalation, one that nobody took, or one that came back."""

    class Why(models.TextChoices):
        NEW = "new", "new"
        UNCLAIMED = "unclaimed", "nobody has taken it"
        CAME_BACK = "came_back", "it was left alone and is open again"
        TEST = "test", "a test"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    escalation = models.ForeignKey("escalations.Escalation", null=True, on_delete=models.PROTECT, related_name="alerts")
    number = models.PositiveSmallIntegerField()
    why = models.CharField(max_length=10, choices=Why.choices)
    at = models.DateTimeField()
    patient_told_at = models.DateTimeField(null=True)
    """When the patient was told that it did not get through."""

    class Meta:
        ordering = ["at"]
        constraints = [models.UniqueConstraint(fields=["escalation", "number"], name="one_alert_per_number")]

    def __str__(self) -> str:
        return str(self.id)


class Delivery(models.Model):
    """The outbox: one alert on its way to one recipient."""

    class State(models.TextChoices):
        WAITING = "waiting", "on its way"
        DELIVERED = "delivered", "delivered"
        FAILED = "failed", "given up"

    alert = models.ForeignKey(Alert, on_delete=models.PROTECT, related_name="deliveries")
    recipient = models.ForeignKey(Recipient, on_delete=models.PROTECT, related_name="deliveries")
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)
    fault = models.CharField(max_length=60, blank=True)

    class Meta:
        ordering = ["next_at", "id"]
        indexes = [models.Index(fields=["next_at"], condition=models.Q(state="waiting"), name="delivery_waiting")]
        constraints = [models.UniqueConstraint(fields=["alert", "recipient"], name="one_delivery_per_recipient")]

    def __str__(self) -> str:
        return self.state
