"""How an alert travels: e-mail, signed webhook, and the shapes that Slack, Teams and PagerDuty read.

Every shape says a priority and has a link that asks for a sign-in; no words of the conversation, no name, no id of it.
Signatures follow Standard Webhooks (https://www.standardwebhooks.com): `webhook-id`, `webhook-timestamp`,
`webhook-signature: v1,` and the base64 of HMAC-SHA256 over `id.timestamp.body`.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import ipaddress
import json
import time
from typing import Any
from urllib.parse import urlsplit

import aiohttp
from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import EmailMessage
from django.core.validators import validate_email
from django.urls import reverse

from web.alerts.models import Alert, Delivery, Recipient

DEADLINE = 8.0


class NotDelivered(Exception):
    """It did not get through. The message is a few words for staff and quotes nothing."""


def words(alert: Alert) -> str:
    """What an alert says."""
    if alert.escalation is None:
        return "This is a test of the alerts. Nothing has happened."
    reason = {"new": "is new", "unclaimed": "has not been taken by anybody", "came_back": "is open again"}[alert.why]
    return f"An escalation of priority {alert.escalation.priority} {reason}."


def link(alert: Alert) -> str:
    """Where to look: an address of our own, by the alert's random number."""
    return settings.PUBLIC_URL + reverse("alerts:alert", kwargs={"pk": alert.pk})


def shape(alert: Alert, recipient: Recipient) -> dict[str, Any]:
    """The body that a recipient's service reads."""
    said, where = words(alert), link(alert)
    priority = alert.escalation.priority if alert.escalation else 0
    if recipient.kind == Recipient.Kind.SLACK:
        return {"text": f"{said} <{where}|Sign in to see it>"}
    if recipient.kind == Recipient.Kind.TEAMS:
        card = {
            "type": "AdaptiveCard",
            "version": "1.4",
            "body": [{"type": "TextBlock", "text": said, "wrap": True}],
            "actions": [{"type": "Action.OpenUrl", "title": "Sign in to see it", "url": where}],
        }
        kind = "application/vnd.microsoft.card.adaptive"
        return {"type": "message", "attachments": [{"contentType": kind, "content": card}]}
    if recipient.kind == Recipient.Kind.PAGERDUTY:
        return {
            "routing_key": recipient.secret,
            "event_action": "trigger",
            "dedup_key": str(alert.pk),
            "payload": {
                "summary": said,
                "source": "Integration Companion",
                "severity": "critical" if priority == 1 else "warning",
            },
            "links": [{"href": where, "text": "Sign in to see it"}],
        }
    return {
        "type": "escalation.alert",
        "timestamp": alert.at.isoformat(),
        "data": {"alert": str(alert.pk), "priority": priority, "why": alert.why, "text": said, "link": where},
    }


def signed(body: bytes, *, secret: str, number: str, now: int) -> dict[str, str]:
    """The headers that prove where a body comes from. The same `number` on every try lets a receiver drop duplicates."""
    mac = hmac.new(secret.encode(), f"{number}.{now}.".encode() + body, hashlib.sha256).digest()
    return {
        "webhook-id": number,
        "webhook-timestamp": str(now),
        "webhook-signature": "v1," + base64.b64encode(mac).decode(),
    }


def check_address(kind: str, address: str) -> None:
    """Raises ValueError, saying what to write."""
    if kind == Recipient.Kind.EMAIL:
        try:
            validate_email(address)
        except ValidationError:
            raise ValueError("give one e-mail address") from None
        return
    parts = urlsplit(address)
    if parts.scheme == "https" and parts.hostname:
        return
    if parts.scheme == "http" and _loopback(parts.hostname or ""):
        return
    raise ValueError("give the webhook's address, beginning with https://")


async def send(delivery: Delivery) -> None:
    """Send it. Raises NotDelivered."""
    try:
        async with asyncio.timeout(DEADLINE):
            if delivery.recipient.kind == Recipient.Kind.EMAIL:
                await asyncio.to_thread(_mail, delivery)
            else:
                await _post(delivery)
    except TimeoutError:
        raise NotDelivered("no answer in time") from None


def _mail(delivery: Delivery) -> None:
    if not settings.EMAIL_HOST:
        raise NotDelivered("no mail server is set (EMAIL_HOST)")
    alert = delivery.alert
    body = f"{words(alert)}\n\nSign in to see it: {link(alert)}\n"
    try:
        EmailMessage(subject=words(alert), body=body, to=[delivery.recipient.address]).send()
    except Exception as e:  # smtplib's faults quote addresses
        raise NotDelivered(f"mail server: {type(e).__name__}") from None


async def _post(delivery: Delivery) -> None:
    recipient = delivery.recipient
    body = json.dumps(shape(delivery.alert, recipient)).encode()
    headers = {"Content-Type": "application/json"}
    if recipient.kind == Recipient.Kind.WEBHOOK:
        headers |= signed(body, secret=recipient.secret, number=f"{delivery.alert_id}-{recipient.pk}", now=int(time.time()))
    try:
        async with (
            aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as session,
            session.post(recipient.address, data=body, headers=headers, allow_redirects=False) as response,
        ):
            if not 200 <= response.status < 300:
                raise NotDelivered(f"answered with status {response.status}")
    except (aiohttp.ClientError, OSError) as e:
        raise NotDelivered(f"no connection: {type(e).__name__}") from None


def _loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
