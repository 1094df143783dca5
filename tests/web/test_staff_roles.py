"""Every address of the staff pages: who may open it, who is refused, and that strangers are asked to sign in."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.urls import URLPattern, URLResolver

from tests.web.support import CRISIS, Patient
from web.alerts import outbox
from web.alerts import urls as alert_urls
from web.alerts.models import Recipient
from web.escalations import urls as staff_urls
from web.escalations.models import Escalation

READERS = {"Staff", "Clinicians", "Administrators"}
REVIEWERS = {"Clinicians", "Administrators"}
ADMINISTRATORS = {"Administrators"}

OPEN_TO = {
    "queue": READERS, "queue_data": READERS, "events": READERS, "view_save": READERS, "view_remove": READERS,
    "off": READERS, "on": READERS, "targets": ADMINISTRATORS, "screen_labels": REVIEWERS, "label_clear": REVIEWERS,
    "label_export": REVIEWERS, "detail": READERS, "claim": READERS, "assign": READERS, "return": READERS,
    "note": READERS, "resolve": READERS, "label": READERS, "talk_events": READERS, "take_over": READERS,
    "reply": READERS, "typing": READERS, "hand_back": READERS, "answers": READERS, "record": READERS,
    "report": READERS, "report_csv": READERS, "audit": ADMINISTRATORS,
    "deliveries": READERS, "recipients": ADMINISTRATORS, "recipient_switch": ADMINISTRATORS,
    "recipient_test": ADMINISTRATORS, "alert": READERS,
}  # fmt: skip
STREAMS = {"events", "talk_events"}


def patterns() -> list[tuple[str, str]]:
    """Name and path of every address of the staff pages."""
    return [
        (str(one.name), prefix + str(one.pattern))
        for prefix, module in (("/staff/", staff_urls), ("/staff/alerts/", alert_urls))
        for one in module.urlpatterns
        if isinstance(one, URLPattern | URLResolver)
    ]


def test_every_address_is_listed_here() -> None:
    assert sorted(name for name, _ in patterns()) == sorted(OPEN_TO)


@pytest.mark.parametrize("role", ["Staff", "Clinicians", "Administrators", "Editors", None, "nobody"])
def test_each_role_opens_its_own_addresses_and_no_other(
    patient: Patient, person: Any, browser_of: Callable[[User], Client], role: str | None
) -> None:
    Recipient.objects.create(name="R", kind="email", address="a@example.org")
    patient.say(CRISIS)
    one = Escalation.objects.get()
    alert = outbox.Alert.objects.get()
    browser = Client() if role == "nobody" else browser_of(person("dana", *([role] if role else [])))
    for name, path in patterns():
        pk = alert.pk if name == "alert" else one.pk
        address = path.replace("<uuid:pk>", str(pk)).replace("<int:pk>", "99999")
        allowed = role in OPEN_TO[name]
        if allowed and name in STREAMS:
            continue  # they go on; test_staff_queue and test_staff_talk listen to them
        for method in ("get", "post"):
            got = getattr(browser, method)(address)
            if role == "nobody":
                assert got.status_code == 302 and got["Location"].startswith("/accounts/login/"), address
            elif allowed:
                assert got.status_code not in (403, 500), (address, method, got.status_code)
            else:
                assert got.status_code == 403, (address, method, got.status_code)
                assert CRISIS not in got.content.decode()
    if role not in READERS:
        one.refresh_from_db()
        assert one.state == "open" and not one.notes.exists()


def test_no_staff_page_is_kept_by_a_browser(patient: Patient, alice: User, browser_of: Callable[[User], Client]) -> None:
    patient.say(CRISIS)
    browser, one = browser_of(alice), f"/staff/escalations/{Escalation.objects.get().pk}/"
    for address in ("/staff/", "/staff/queue.json", one, f"{one}record/", "/staff/reports/", "/staff/alerts/"):
        assert browser.get(address)["Cache-Control"] == "no-store", address


def test_an_unknown_escalation_is_not_found_wherever_it_is_named(
    patient: Patient, alice: User, browser_of: Callable[[User], Client]
) -> None:
    browser, one = browser_of(alice), f"/staff/escalations/{uuid.uuid4()}/"
    for act in ("", "record/", "answers.json"):
        assert browser.get(one + act).status_code == 404, act
    for act in ("note/", "label/", "take-over/", "hand-back/"):
        assert browser.post(one + act, {"text": "x"}).status_code == 404, act
    body = {"text": "x", "client_id": "1"}
    assert browser.post(f"{one}reply/", body).status_code == 404
