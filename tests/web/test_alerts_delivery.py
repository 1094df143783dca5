"""Alerts reach people at least once, say nothing of the conversation, and when none gets through everybody is told so."""

from __future__ import annotations

import base64
import datetime as dt
import hashlib
import hmac
import json
import os
import signal
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aiohttp import web as http
from django.contrib.auth.models import User
from django.core import mail
from django.db import connections, transaction
from django.test import Client
from django.utils import timezone

from tests.web.support import ADVICE, CRISIS, SYMPTOM, Background, Patient
from web.alerts import background, outbox, transports
from web.alerts.models import Alert, Delivery, Recipient
from web.chat.models import Message
from web.escalations import talk
from web.escalations.models import AuditEntry, Escalation, StaffMessage, StateChange
from web.escalations.services import escalation_claim, go_off_duty

BrowserOf = Callable[[User], Client]
WORDS = "zebra umbrella, I want to kill myself"


class Hook:
    """A service that takes webhooks, or refuses them."""

    def __init__(self) -> None:
        self.url, self.status, self.got = "", 200, []

    async def take(self, request: http.Request) -> http.Response:
        self.got.append((dict(request.headers), await request.read()))
        return http.Response(status=self.status)


@pytest.fixture
def hook(server: Background) -> Iterator[Hook]:
    found = Hook()
    app = http.Application()
    app.router.add_post("/hook", found.take)
    runner = http.AppRunner(app, access_log=None)

    async def start() -> None:
        await runner.setup()
        site = http.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        found.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"

    server.run(start())
    yield found
    server.run(runner.cleanup())


@pytest.fixture
def webhook(transactional_db: None, hook: Hook) -> Recipient:
    return Recipient.objects.create(name="Pager", kind="webhook", address=hook.url, secret="s3cret")


def later(minutes: float) -> dt.datetime:
    return timezone.now() + dt.timedelta(minutes=minutes)


def test_a_crisis_alerts_at_once_and_lower_tiers_only_whom_they_concern(
    patient: Patient, webhook: Recipient, hook: Hook, server: Background
) -> None:
    patient.say(SYMPTOM)
    assert not Alert.objects.exists()
    Recipient.objects.create(name="All", kind="webhook", address=hook.url, secret="x", up_to_priority=3)
    patient.say(ADVICE)
    patient.say(CRISIS)
    assert server.run(background.deliver()) == 3 == len(hook.got)
    assert server.run(background.deliver()) == 0, "once"


@pytest.mark.parametrize("kind", ["webhook", "slack", "teams", "pagerduty", "email"])
def test_no_shape_holds_a_word_or_an_identifier(
    patient: Patient, hook: Hook, server: Background, settings: Any, kind: str
) -> None:
    settings.EMAIL_HOST = "mail.test"
    address = "on-call@example.org" if kind == "email" else hook.url
    Recipient.objects.create(name="R", kind=kind, address=address, secret="routing")
    patient.call("POST", "contact", {"name": "Pat Quill", "phone": "555-0199", "consent": True})
    patient.say(WORDS)
    server.run(background.deliver())
    sent = str(mail.outbox[0].message()) if kind == "email" else hook.got[0][1].decode()
    crisis, alert = Escalation.objects.get(tier="crisis"), Alert.objects.get()
    assert f"/staff/alerts/{alert.pk}/" in sent and "priority 1" in sent
    for secret in ("zebra", "kill", "Quill", "555-0199", "crisis", str(crisis.pk), str(crisis.message_id),
                   patient.conversation, str(crisis.pk.hex)):  # fmt: skip
        assert secret not in sent, secret


def test_a_webhook_is_signed_and_the_same_number_comes_with_every_try(
    patient: Patient, webhook: Recipient, hook: Hook, server: Background
) -> None:
    hook.status = 500
    patient.say(CRISIS)
    server.run(background.deliver())
    hook.status = 204
    Delivery.objects.update(next_at=timezone.now())
    assert server.run(background.deliver()) == 1
    numbers = set()
    for headers, body in hook.got:
        number, sent_at = headers["webhook-id"], headers["webhook-timestamp"]
        mac = hmac.new(b"s3cret", f"{number}.{sent_at}.".encode() + body, hashlib.sha256).digest()
        assert headers["webhook-signature"] == "v1," + base64.b64encode(mac).decode()
        numbers.add(number)
    assert len(hook.got) == 2 and len(numbers) == 1


def test_the_shapes_are_what_the_services_read(transactional_db: None, release: Any) -> None:
    alert = Alert.objects.create(number=0, why="test", at=timezone.now())

    def shape(kind: str) -> Any:
        return transports.shape(alert, Recipient(kind=kind, secret="key"))

    assert set(shape("slack")) == {"text"}
    card = shape("teams")["attachments"][0]
    assert card["contentType"] == "application/vnd.microsoft.card.adaptive" and card["content"]["type"] == "AdaptiveCard"
    pager = shape("pagerduty")
    assert (pager["routing_key"], pager["event_action"]) == ("key", "trigger") and pager["dedup_key"] == str(alert.pk)
    assert {"summary", "source", "severity"} <= set(pager["payload"])
    assert shape("webhook")["data"]["link"].endswith(f"/staff/alerts/{alert.pk}/")


def test_what_fails_is_tried_again_later_and_later_then_given_up(
    patient: Patient, webhook: Recipient, hook: Hook, server: Background
) -> None:
    hook.status = 503
    patient.say(CRISIS)
    waits = []
    for _ in range(len(outbox.BACK_OFF) + 1):
        Delivery.objects.update(next_at=timezone.now())
        server.run(background.deliver())
        row = Delivery.objects.get()
        waits.append((row.next_at - timezone.now()).total_seconds())
    assert row.state == "failed" and row.fault == "answered with status 503"
    assert [round(wait) for wait in waits[:3]] == [5, 10, 20] and len(hook.got) == len(outbox.BACK_OFF) + 1
    assert server.run(background.deliver()) == 0


def test_killed_after_sending_and_before_noting_it_down_is_one_duplicate(
    patient: Patient, webhook: Recipient, hook: Hook, server: Background, monkeypatch: pytest.MonkeyPatch
) -> None:
    patient.say(CRISIS)

    def killed(*_args: Any) -> None:
        raise RuntimeError

    with monkeypatch.context() as broken:
        broken.setattr(outbox, "delivered", killed)
        with pytest.raises(RuntimeError):
            server.run(background.deliver())
    assert server.run(background.deliver()) == 0, "somebody still holds it"
    Delivery.objects.update(lease_until=timezone.now())
    assert server.run(background.deliver()) == 1 and len(hook.got) == 2
    assert server.run(background.deliver()) == 0


def test_two_processes_never_send_the_same_at_once(patient: Patient, webhook: Recipient) -> None:
    patient.say(CRISIS)
    assert len(outbox.take(now=timezone.now())) == 1
    assert outbox.take(now=timezone.now()) == []


def die_in_the_middle(act: Callable[[], Any]) -> None:
    """Do something in a process of its own, which is killed (SIGKILL) before its transaction ends."""
    connections.close_all()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # a fork beside threads; the child touches none of them
        child = os.fork()
    if child == 0:
        with transaction.atomic():
            act()
            os.kill(os.getpid(), signal.SIGKILL)
    assert os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_a_process_killed_in_the_middle_leaves_nothing_half_done(
    patient: Patient, webhook: Recipient, hook: Hook, alice: User, server: Background
) -> None:
    patient.say(CRISIS)
    one = Escalation.objects.get()
    before = (StateChange.objects.count(), AuditEntry.objects.count())
    die_in_the_middle(lambda: escalation_claim(escalation=one.pk, by=alice))
    die_in_the_middle(lambda: talk.take_over(escalation=one.pk, by=alice))
    one.refresh_from_db()
    assert one.state == "open" and (StateChange.objects.count(), AuditEntry.objects.count()) == before
    talk.take_over(escalation=one.pk, by=alice)
    send = {"escalation": one.pk, "by": alice, "client_id": "x", "text": "Hello."}
    die_in_the_middle(lambda: talk.reply(**send))
    assert not StaffMessage.objects.filter(kind="reply").exists()
    assert talk.reply(**send).pk and StaffMessage.objects.filter(kind="reply").count() == 1, "sent again it is there"
    die_in_the_middle(lambda: outbox.take(now=timezone.now()))
    assert server.run(background.deliver()) == 1, "the alert is still in the outbox"


def test_while_nobody_comes_it_alerts_again_and_the_next_person_up(
    patient: Patient, webhook: Recipient, hook: Hook, alice: User, server: Background
) -> None:
    Recipient.objects.create(name="Second", kind="webhook", address=hook.url, secret="x", step=1)
    patient.say(CRISIS)
    assert Delivery.objects.count() == 1
    assert background.unclaimed_ones_call_again(now=later(4)) == 0
    assert background.unclaimed_ones_call_again(now=later(6)) == 1
    assert sorted(Delivery.objects.values_list("alert__why", "recipient__name")) == [
        ("new", "Pager"), ("unclaimed", "Pager"), ("unclaimed", "Second"),
    ]  # fmt: skip
    escalation_claim(escalation=Escalation.objects.get().pk, by=alice)
    assert background.unclaimed_ones_call_again(now=later(60)) == 0


def test_who_is_off_duty_is_not_alerted_and_the_next_one_is(
    patient: Patient, hook: Hook, alice: User, bob: User
) -> None:
    for user, step in ((alice, 0), (bob, 1)):
        Recipient.objects.create(name=user.username, kind="webhook", address=hook.url, user=user, step=step)
    go_off_duty(by=alice, to=None)
    patient.say(CRISIS)
    assert [row.recipient.name for row in Delivery.objects.select_related("recipient")] == ["bob"]


def test_one_that_comes_back_alerts(patient: Patient, webhook: Recipient, alice: User, server: Background) -> None:
    patient.say(CRISIS)
    escalation_claim(escalation=Escalation.objects.get().pk, by=alice)
    Escalation.objects.update(touched_at=later(-21))
    assert server.run(background.watch()) >= 1
    assert Alert.objects.filter(why="came_back").count() == 1


def test_an_alert_that_does_not_get_through_is_shown_to_staff_and_told_to_the_patient(
    patient: Patient, webhook: Recipient, hook: Hook, alice: User, browser_of: BrowserOf, server: Background, settings: Any
) -> None:
    settings.EVENTS_EVERY = 0.01
    hook.status = 500
    patient.say(CRISIS)
    for _ in range(outbox.FAILING_AFTER):
        Delivery.objects.update(next_at=timezone.now())
        server.run(background.deliver())
    browser = browser_of(alice)
    assert browser.get("/staff/queue.json").json()["counts"]["unreached"] == 1
    assert background.patients_are_told(now=timezone.now()) == 1
    assert background.patients_are_told(now=timezone.now()) == 0, "once"

    async def listen() -> Any:
        stream = aiter((await patient.request("GET", "events")).streaming_content)
        async for chunk in stream:
            if b"event: reply" in chunk:
                await stream.aclose()
                return json.loads(chunk.decode().split("data: ", 1)[1])

    heard = server.run(listen())
    assert (heard["reply"]["key"], heard["reply"]["kind"], heard["staff"]) == ("alert_undelivered", "notice", None)
    entry = patient.call("GET", "conversations/current").json()["messages"][-1]
    assert [reply["key"] for reply in entry["replies"]][-1] == "alert_undelivered"
    page = browser.get("/staff/alerts/").content.decode()
    assert "not getting through" in page and "answered with status 500" in page and "kill" not in page
    hook.status = 200
    Delivery.objects.update(next_at=timezone.now())
    server.run(background.deliver())
    assert browser.get("/staff/queue.json").json()["counts"]["unreached"] == 0


def test_without_a_mail_server_a_mail_is_not_called_delivered(patient: Patient, server: Background, settings: Any) -> None:
    settings.EMAIL_HOST = ""
    Recipient.objects.create(name="R", kind="email", address="a@example.org")
    patient.say(CRISIS)
    server.run(background.deliver())
    assert "no mail server" in Delivery.objects.get().fault and mail.outbox == []


def test_an_alerts_link_needs_a_sign_in_and_leads_to_the_escalation(
    patient: Patient, webhook: Recipient, alice: User, charlie: User, browser_of: BrowserOf
) -> None:
    patient.say(CRISIS)
    address = f"/staff/alerts/{Alert.objects.get().pk}/"
    assert Client().get(address)["Location"].startswith("/accounts/login/")
    assert browser_of(charlie).get(address).status_code == 403
    assert browser_of(alice).get(address)["Location"] == f"/staff/escalations/{Escalation.objects.get().pk}/"


def test_only_administrators_say_who_is_alerted(
    patient: Patient, webhook: Recipient, person: Any, browser_of: BrowserOf
) -> None:
    one = f"/staff/alerts/recipients/{webhook.pk}"
    given = {"name": "Mail", "kind": "email", "address": "a@example.org", "step": "1", "up_to_priority": "2"}
    for role in ("Staff", "Clinicians", "Editors"):
        browser = browser_of(person(role.lower(), role))
        for address in ("/staff/alerts/recipients/", f"{one}/switch/", f"{one}/test/"):
            assert browser.post(address, given).status_code == 403, (role, address)
    ada = browser_of(person("ada", "Administrators"))
    ada.post("/staff/alerts/recipients/", given)
    assert Recipient.objects.filter(name="Mail", step=1, up_to_priority=2).exists()
    for bad in ({"address": "nobody"}, {"kind": "slack", "address": "http://example.org/x"}, {"kind": "x"}, {"step": "-1"}):
        refused = ada.post("/staff/alerts/recipients/", {**given, "name": "Typed", **bad})
        assert refused.status_code == 422 and "Typed" in refused.content.decode()
    ada.post(f"{one}/switch/")
    ada.post(f"{one}/test/")
    webhook.refresh_from_db()
    assert not webhook.active and Alert.objects.get().why == "test"
    patient.say(CRISIS)
    assert Delivery.objects.filter(recipient=webhook, alert__why="new").count() == 0


def test_the_notice_is_not_written_into_what_the_patient_deleted(
    patient: Patient, webhook: Recipient, hook: Hook, server: Background
) -> None:
    hook.status = 500
    patient.say(CRISIS)
    Delivery.objects.update(attempts=3)
    Message.objects.update(erased=True, replies=[])
    background.patients_are_told(now=timezone.now())
    assert Message.objects.get().replies == []
