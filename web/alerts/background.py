"""What happens by itself: alerts are sent, repeated while nobody comes, and patients are told when none gets through."""

from __future__ import annotations

import asyncio
import datetime as dt
import logging

from django.db import transaction
from django.utils import timezone

from web import db
from web.alerts import outbox, transports
from web.alerts.models import Alert, Delivery
from web.chat import wording
from web.chat.models import Message
from web.escalations.models import Escalation
from web.escalations.services import quiet_ones_come_back
from web.escalations.talk import abandoned_ones_end
from web.escalations.targets import targets

log = logging.getLogger(__name__)
MOST = 50
"""An escalation is alerted of so many times; then a person has to look at why nobody comes."""


async def deliver() -> int:
    """Send what is due, all at once. Returns how many got through."""
    try:
        due = await db.chores.call(outbox.take, now=timezone.now())
    except db.Unavailable:
        return 0
    return sum(await asyncio.gather(*(_deliver(one) for one in due)))


async def watch() -> int:
    """Bring back what was left alone, call again where nobody has come, tell patients what is true. Returns how much."""
    try:
        return await db.chores.call(_watch)
    except db.Unavailable:
        return 0


async def _deliver(delivery: Delivery) -> bool:
    try:
        await transports.send(delivery)
    except transports.NotDelivered as e:
        log.warning("alert %s: %s", delivery.alert_id, e)
        await db.chores.call(outbox.failed, delivery.pk, fault=str(e), now=timezone.now())
        return False
    await db.chores.call(outbox.delivered, delivery.pk)
    return True


def _watch() -> int:
    now = timezone.now()
    back = [*quiet_ones_come_back(now=now), *abandoned_ones_end(now=now)]
    for escalation in back:
        outbox.alert_raise(escalation=escalation, why=Alert.Why.CAME_BACK)
    return len(back) + unclaimed_ones_call_again(now=now) + patients_are_told(now=now)


def unclaimed_ones_call_again(*, now: dt.datetime) -> int:
    """Alert again of what nobody has taken for so long after the last alert. Returns how many."""
    again = 0
    for tier, target in targets().items():
        since = now - dt.timedelta(minutes=target.again_minutes)
        open_ones = Escalation.objects.filter(tier=tier, state=Escalation.State.OPEN, resolved_at=None)
        waiting = open_ones.filter(recorded_at__lte=since).exclude(alerts__at__gt=since).filter(alerts__isnull=False)
        for escalation in waiting.distinct().values_list("pk", flat=True)[:100]:
            if Alert.objects.filter(escalation=escalation).count() < MOST:
                again += outbox.alert_raise(escalation=escalation, why=Alert.Why.UNCLAIMED) is not None
    return again


@transaction.atomic
def patients_are_told(*, now: dt.datetime) -> int:
    """Where an alert of priority 1 does not get through, say so in the chat, once. Returns how many were told."""
    release = wording.current()
    told = 0
    for alert in outbox.not_getting_through().select_related("escalation__conversation"):
        escalation = alert.escalation
        if escalation is None or release is None or not release.variations("alert_undelivered"):
            continue
        if Alert.objects.filter(escalation=escalation, patient_told_at__isnull=False).exists():
            continue
        language = escalation.conversation.language
        said = release.reply(release.message(release.localised("alert_undelivered", language)))
        message = Message.objects.select_for_update().get(pk=escalation.message_id)
        if not message.erased:
            message.replies = [*message.replies, said]
            message.save(update_fields=["replies"])
        Alert.objects.filter(pk=alert.pk).update(patient_told_at=now)
        told += 1
    return told
