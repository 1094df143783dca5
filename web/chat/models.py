"""The record of what patients wrote and what they were told. Written through `services`, read through `selectors`."""

from __future__ import annotations

import uuid

from django.db import models


class Conversation(models.Model):
    """One patient's conversation. Deleting it erases the words and leaves this row as a tombstone."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    created_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    language = models.CharField(max_length=12, default="en")
    country = models.CharField(max_length=2, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)
    contact_name = models.CharField(max_length=200, blank=True)
    contact_phone = models.CharField(max_length=50, blank=True)
    contact_email = models.CharField(max_length=254, blank=True)
    contact_consent_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return str(self.id)


class Message(models.Model):
    """One message of a patient with the reply to it. `replies` is what the patient was shown, word for word."""

    class State(models.TextChoices):
        RECEIVED = "received"
        ANSWERED = "answered"

    id = models.UUIDField(primary_key=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.PROTECT, related_name="messages")
    client_message_id = models.CharField(max_length=64)
    text = models.TextField(blank=True)
    choice = models.CharField(max_length=200, blank=True)
    received_at = models.DateTimeField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVED)
    lease_until = models.DateTimeField()
    tier = models.CharField(max_length=12, blank=True)
    outcome = models.CharField(max_length=20, blank=True)
    reasons = models.JSONField(default=list)
    replies = models.JSONField(default=list)
    release_number = models.IntegerField(null=True, blank=True)
    release_hash = models.CharField(max_length=64, blank=True)
    failure = models.CharField(max_length=40, blank=True)
    answered_at = models.DateTimeField(null=True, blank=True)
    erased = models.BooleanField(default=False)

    class Meta:
        ordering = ["received_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["conversation", "client_message_id"], name="one_message_per_client_id")
        ]
        indexes = [models.Index(fields=["state", "received_at"], name="message_state_received")]

    def __str__(self) -> str:
        return str(self.id)


class Feedback(models.Model):
    """Whether a reply helped. One for each message; saying it again replaces it."""

    message = models.OneToOneField(Message, on_delete=models.CASCADE, related_name="feedback")
    helpful = models.BooleanField()
    reason = models.CharField(max_length=1000, blank=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.message_id}: {self.helpful}"
