"""Editors and clinicians at the desk in a real browser: what they see, that it fits, and that everybody can use it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from companion.paths import ROOT
from tests.running import Patient, Running, until
from web.clinic.demo import DemoAccount

RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}}
WORDS = (
    "You may bring a small toy or a picture that calms you. Animals stay at home, since the rooms are shared and other "
    "people may be allergic. Please ask the team before your session if you need an assistance animal with you. They will "
    "tell you which room is free and who can look after it. You can call the clinic with any question about this."
)
QUESTION = "Could my parrot Coco sit in the room?"
OTHER_QUESTION = "Is a parrot welcome in the room?"


@pytest.fixture(scope="session")
def accounts(home: Path, site: str) -> dict[str, DemoAccount]:
    return seeded(home, {})


def seeded(home: Path, more: dict[str, str]) -> dict[str, DemoAccount]:
    """The demo clinic's desk and people, as the set-up makes them."""
    env = {**os.environ, **more, "COMPANION_HOME": str(home), "DJANGO_SETTINGS_MODULE": "web.settings"}
    for command in ("set_up_desk", "seed_demo"):
        subprocess.run([sys.executable, "manage.py", command], env=env, cwd=ROOT, check=True, capture_output=True)
    entries = json.loads((home / "demo-accounts.json").read_text("utf-8"))
    return {entry["name"]: DemoAccount(**entry) for entry in entries}


@pytest.fixture
def sign_in(open_page: Callable[..., Any]) -> Iterator[Callable[..., Any]]:
    def signed_in(site: str, account: DemoAccount) -> Any:
        page = open_page(bypass_csp=True, viewport={"width": 1280, "height": 900})
        page.set_default_timeout(30_000)
        page.goto(f"{site}/accounts/login/")
        page.fill("[name=login]", account.name)
        page.fill("[name=password]", account.password)
        page.click("button[type=submit]")
        page.fill("[name=code]", account.code())
        page.click("button[type=submit]")
        page.wait_for_url("**/staff/**" if account.role == "Clinicians" else "**/admin/**")
        return page

    yield signed_in


def faults(page: Any) -> list[str]:
    """What axe finds in our part of the page; the frame around it is Wagtail's."""
    found = Axe().run(page, context=".desk", options=RULES).response["violations"]
    return [f"{fault['id']}: {node['html'][:120]}" for fault in found for node in fault["nodes"]]


def hand_in(page: Any) -> None:
    page.locator("footer .w-dropdown__toggle").click()
    page.locator("[name=action-submit]").click()
    expect(page.get_by_text("submitted", exact=False).first).to_be_visible()


def test_erin_writes_casey_reads_the_difference_and_approves(
    site: str, accounts: dict[str, DemoAccount], sign_in: Callable[..., Any]
) -> None:
    erin = sign_in(site, accounts["erin"])
    erin.goto(f"{site}/admin/answers-in-force/")
    erin.get_by_role("link", name="Volunteering and caring for animals").first.click()
    erin.get_by_role("link", name="Edit the draft").click()
    title = erin.locator("[name=title]").input_value()
    erin.locator("[name=text]").fill("This will help you. Take 50 mg.")
    expect(erin.locator("#lint-now .error")).to_have_count(2)
    erin.locator("[name=text]").fill(WORDS)
    expect(erin.locator("#lint-now")).to_contain_text("Nothing to mend")
    hand_in(erin)

    casey = sign_in(site, accounts["casey"])
    for path in ("/admin/review/", "/admin/answers-in-force/", "/admin/questions/", "/admin/releases/", "/admin/exchange/"):
        casey.goto(site + path)
        assert faults(casey) == [], path
    casey.goto(f"{site}/admin/")
    casey.get_by_role("link", name=title).click()
    assert faults(casey) == []
    expect(casey.locator(".bubble")).to_contain_text(WORDS)
    expect(casey.locator(".diff del").first).to_be_visible()
    casey.set_viewport_size({"width": 320, "height": 640})
    assert casey.evaluate("document.documentElement.scrollWidth") <= 320
    casey.locator("[name=attest]").check()
    casey.get_by_role("button", name="Approve and put in force").click()
    expect(casey.get_by_text("is approved and in force")).to_be_visible()
    casey.goto(f"{site}/admin/answers-in-force/")
    expect(casey.get_by_text(WORDS)).to_be_visible()
    casey.get_by_role("link", name=title, exact=True).click()
    assert faults(casey) == []
    casey.locator("#reason").fill("Only a test.")
    casey.get_by_role("button", name="Withdraw now").click()
    expect(casey.get_by_text("was withdrawn")).to_be_visible()


def test_what_a_patient_asked_in_vain_is_answered_when_an_editor_wrote_and_a_clinician_approved(
    running: Running, sign_in: Callable[..., Any]
) -> None:
    accounts = seeded(running.home, running.web.env)
    before = Patient(running).say(QUESTION)
    assert "preparation/animals-at-the-clinic" not in before.keys

    erin = sign_in(running.url, accounts["erin"])
    erin.goto(f"{running.url}/admin/questions/")
    group = erin.locator("article").filter(has_text=QUESTION)
    group.locator("[name=title]").fill("Animals at the clinic")
    group.locator("[name=section]").select_option("preparation")
    group.get_by_role("button", name="New answer").click()
    erin.locator("[name=text]").fill(WORDS)
    erin.locator("[name=phrasings]").fill(f"{QUESTION}\nMay I bring a parrot?\nAre birds allowed?\nCan my pet parrot come?")
    erin.locator("[name=sources]").fill("The clinic's house rules")
    erin.locator("[name=related]").fill("preparation/transport\npreparation/eating-and-drinking")
    hand_in(erin)

    casey = sign_in(running.url, accounts["casey"])
    casey.goto(f"{running.url}/admin/review/")
    casey.get_by_role("link", name="Animals at the clinic").click()
    casey.locator("[name=attest]").check()
    casey.get_by_role("button", name="Approve and put in force").click()
    expect(casey.get_by_text("is approved and in force")).to_be_visible()

    def answered() -> bool:
        return WORDS in [reply["text"] for reply in Patient(running).say(OTHER_QUESTION).replies]

    until(answered, "the patient is answered", 20, running.logs)
