"""Two people of the staff and a patient, each in a window: the queue is live, one claims, talks, hands back, closes."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from companion.paths import ROOT
from tests.web.browser.test_access import faults
from web.clinic.demo import DemoAccount

CRISIS = "I want to kill myself"
WAIT = 15_000


@pytest.fixture(scope="module")
def accounts(home: Path, site: str) -> dict[str, DemoAccount]:
    env = {**os.environ, "COMPANION_HOME": str(home), "DJANGO_SETTINGS_MODULE": "web.settings"}
    subprocess.run([sys.executable, "-m", "django", "seed_demo"], env=env, cwd=ROOT, check=True, capture_output=True)
    kept = json.loads((home / "demo-accounts.json").read_text("utf-8"))
    return {one["name"]: DemoAccount(**one) for one in kept}


@pytest.fixture(scope="module")
def signed_in(browser: Any, site: str, accounts: dict[str, DemoAccount]) -> Callable[[str], Any]:
    """What keeps somebody signed in. A code is worth something once, so everybody signs in once for all tests."""
    states: dict[str, Any] = {}

    def state(name: str) -> Any:
        if name not in states:
            context = browser.new_context()
            page = context.new_page()
            page.goto(f"{site}/staff/")
            page.locator("[name=login]").fill(accounts[name].name)
            page.locator("[name=password]").fill(accounts[name].password)
            page.keyboard.press("Enter")
            page.locator("[name=code]").fill(accounts[name].code())
            page.keyboard.press("Enter")
            page.wait_for_url("**/staff/**")
            states[name] = context.storage_state()
            context.close()
        return states[name]

    return state


def at_work(open_page: Any, signed_in: Any, site: str, name: str, **options: Any) -> Any:
    page = open_page(storage_state=signed_in(name), viewport={"width": 1200, "height": 900}, **options)
    page.set_default_timeout(WAIT)
    page.goto(f"{site}/staff/")
    expect(page.locator("#freshness")).to_contain_text("live", timeout=WAIT)
    return page


def patient_says(open_page: Any, site: str, text: str) -> Any:
    page = open_page()
    page.set_default_timeout(WAIT)
    page.goto(f"{site}/chat/")
    write(page, text)
    return page


def write(page: Any, text: str) -> None:
    page.locator("#box").fill(text)
    page.locator("#box").press("Enter")
    expect(page.locator(".busy")).to_have_count(0, timeout=WAIT)


@pytest.fixture
def empty_queue(home: Path, site: str) -> None:
    """Other modules' patients have used the same site."""
    with closing(sqlite3.connect(home / "db.sqlite3", timeout=20)) as database, database:
        database.execute("UPDATE escalations_escalation SET state = 'resolved', resolved_at = recorded_at")


@pytest.mark.usefixtures("empty_queue")
def test_a_patient_and_two_of_the_staff(open_page: Any, signed_in: Any, site: str) -> None:
    sam = at_work(open_page, signed_in, site, "sam")
    casey = at_work(open_page, signed_in, site, "casey")
    patient = patient_says(open_page, site, CRISIS)
    for page in (sam, casey):
        expect(page.locator("#queue tbody tr")).to_have_count(1, timeout=WAIT)
        expect(page.locator("#news")).to_contain_text("New: Crisis")
        assert page.title().startswith("(1)")
    sam.locator("#queue tbody a").focus()
    sam.keyboard.press("c")
    expect(sam.locator("#news")).to_contain_text("You have it")
    expect(casey.locator("#queue tbody tr")).to_contain_text("Sam", timeout=WAIT)
    expect(casey).to_have_title("Escalations · Integration Companion", timeout=WAIT)
    sam.keyboard.press("Enter")
    sam.get_by_role("button", name="Talk with the patient").click()
    sam.locator("#reply").press("/")
    expect(sam.locator("#answer-list li").first).to_be_visible()
    sam.keyboard.press("Enter")
    expect(sam.locator("#reply")).not_to_have_value("")
    assert sam.locator("#composer [name=key]").input_value()
    sam.keyboard.press("Control+Enter")
    expect(sam.locator(".staffed")).to_contain_text("approved answer", timeout=WAIT)
    sam.locator("#reply").fill("Half a sent")
    write(patient, "my sister is here now")
    expect(sam.get_by_role("log")).to_contain_text("my sister is here now", timeout=WAIT)
    expect(sam.locator("#reply")).to_have_value("Half a sent")
    expect(sam.locator("#reply")).to_be_focused()
    sam.locator("#reply").fill("")
    sam.get_by_role("button", name="Hand the conversation back").click()
    expect(sam.get_by_text("The assistant answers again. The patient was told")).to_be_visible()
    sam.locator("#outcome").select_option("contacted")
    sam.get_by_role("button", name="Close").click()
    expect(casey.locator("#none")).to_be_visible(timeout=WAIT)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_staff_pages(open_page: Any, signed_in: Any, site: str, scheme: str) -> None:
    patient_says(open_page, site, CRISIS)
    page = at_work(open_page, signed_in, site, "ada", bypass_csp=True, color_scheme=scheme)
    one = page.locator("#queue tbody a").first.get_attribute("href")
    page.locator(".filters summary").click()
    found = {"queue": faults(page)}
    paths = [one, f"{one}record/", "/staff/reports/", "/staff/audit/", "/staff/alerts/", "/staff/alerts/recipients/"]
    for path in [*paths, "/staff/targets/", "/staff/screen/"]:
        page.goto(site + path)
        found[path] = faults(page)
    assert {path: wrong for path, wrong in found.items() if wrong} == {}


def test_nothing_runs_over_the_side_on_a_phone(open_page: Any, signed_in: Any, site: str) -> None:
    patient_says(open_page, site, CRISIS)
    page = at_work(open_page, signed_in, site, "ada")
    one = page.locator("#queue tbody a").first.get_attribute("href")
    page.set_viewport_size({"width": 320, "height": 640})
    for path in ("/staff/", one, f"{one}record/", "/staff/reports/", "/staff/alerts/recipients/", "/staff/targets/"):
        page.goto(site + path)
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, path
