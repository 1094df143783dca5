"""The outbox of alerts. A row is made in the transaction of what it tells of, and is done only after it was delivered.

So an alert is delivered at least once: whoever is killed between sending and noting it down causes one duplicate.
"""

from __future__ import annotations

import datetime as dt
import uuid

from django.db import transaction
from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from web.alerts.models import Alert, Delivery, Recipient
from web.escalations.models import Escalation, OffDuty

LEASE = dt.timedelta(seconds=30)
BACK_OFF = (5, 10, 20, 40, 90, 180, 300, 600, 900, 1800)
"""Seconds until the next try, after the first failure and each further one; after the last it is given up."""

FAILING_AFTER = 2
"""Tries that have to fail before an alert counts as not getting through."""


@transaction.atomic
def alert_raise(*, escalation: uuid.UUID, why: str) -> Alert | None:
    """Call somebody for an escalation: the recipients of the first step, each further time also those of the next.

    None where nobody is to be alerted for such a priority.
    """
    row = Escalation.objects.get(pk=escalation)
    number = Alert.objects.filter(escalation=row).count()
    chosen = _recipients(row.priority, number)
    if not chosen:
        return None
    alert, created = Alert.objects.get_or_create(
        escalation=row, number=number, defaults={"why": why, "at": timezone.now()}
    )
    if created:
        _put(alert, chosen)
    return alert


@transaction.atomic
def alert_test(*, recipient: Recipient) -> Alert:
    """An alert about nothing, to see whether it arrives."""
    alert = Alert.objects.create(number=0, why=Alert.Why.TEST, at=timezone.now())
    _put(alert, [recipient])
    return alert


@transaction.atomic
def take(*, now: dt.datetime, limit: int = 20) -> list[Delivery]:
    """Take what is due, for as long as LEASE: nobody else sends it meanwhile."""
    free = Q(lease_until=None) | Q(lease_until__lt=now)
    due = Delivery.objects.filter(free, state=Delivery.State.WAITING, next_at__lte=now).values_list("pk", flat=True)
    mine = [
        pk
        for pk in list(due[:limit])
        if Delivery.objects.filter(free, pk=pk, state=Delivery.State.WAITING).update(lease_until=now + LEASE)
    ]
    rows = Delivery.objects.select_related("recipient", "alert__escalation").filter(pk__in=mine)
    return list(rows.order_by("alert__escalation__priority", "next_at"))


def delivered(delivery: int) -> None:
    Delivery.objects.filter(pk=delivery).update(
        state=Delivery.State.DELIVERED,
        attempts=F("attempts") + 1,
        done_at=timezone.now(),
        lease_until=None,
        fault="",
    )


@transaction.atomic
def failed(delivery: int, *, fault: str, now: dt.datetime) -> None:
    """Note a failure, in a few words that quote nothing, and when to try again."""
    row = Delivery.objects.select_for_update().get(pk=delivery)
    row.attempts += 1
    row.fault, row.lease_until = fault[:60], None
    if row.attempts > len(BACK_OFF):
        row.state, row.done_at = Delivery.State.FAILED, now
    else:
        row.next_at = now + dt.timedelta(seconds=BACK_OFF[row.attempts - 1])
    row.save()


def not_getting_through() -> QuerySet[Alert]:
    """Alerts of priority 1 that nobody has been reached by although it was tried, and that nobody has taken."""
    tried = Delivery.objects.filter(alert=OuterRef("pk"), attempts__gte=FAILING_AFTER).exclude(state="delivered")
    reached = Delivery.objects.filter(alert__escalation=OuterRef("escalation"), state="delivered")
    return Alert.objects.filter(
        Exists(tried), ~Exists(reached), escalation__priority=1, escalation__state=Escalation.State.OPEN
    )


def _recipients(priority: int, step: int) -> list[Recipient]:
    """Those of the steps that have come up; if all of these are off duty, the first that are not."""
    there = Recipient.objects.filter(active=True, up_to_priority__gte=priority).exclude(
        user__in=OffDuty.objects.values("user")
    )
    rows = list(there)
    first = min((row.step for row in rows), default=0)
    return [row for row in rows if row.step <= max(step, first)]


def _put(alert: Alert, recipients: list[Recipient]) -> None:
    for recipient in recipients:
        Delivery.objects.create(alert=alert, recipient=recipient, next_at=alert.at)
