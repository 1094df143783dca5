"""Everybody can use it: axe finds nothing at WCAG 2.2 AA in any state; small, zoomed, dark, contrasting, mirrored."""

from __future__ import annotations

from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.web.browser.fake_api import ANSWER, CLARIFY, CRISIS, SAM, STAFFING, FakeApi, event, reply

RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}


def faults(page: Any) -> list[str]:
    found = Axe().run(page, options=RULES).response["violations"]
    return [f"{fault['id']}: {node['html'][:120]}" for fault in found for node in fault["nodes"]]


def say(page: Any, text: str) -> None:
    page.locator("#box").fill(text)
    page.locator("#box").press("Enter")
    expect(page.locator(".busy")).to_have_count(0)


def state(page: Any, name: str) -> None:
    """Bring the chat into one of its states."""
    if name == "answer":
        say(page, "hello")
    elif name == "clarify":
        page.api.answers(CLARIFY)
        say(page, "eating")
    elif name == "crisis":
        page.api.answers(CRISIS, STAFFING, tier="crisis")
        say(page, "I cannot go on")
        page.locator(".it.card .more > summary").click()
    elif name == "emergency":
        page.api.answers({**CRISIS, "kind": "emergency"}, reply("symptom", "Call."), ANSWER, tier="emergency")
        say(page, "she does not breathe")
    elif name == "failed":
        page.api.down = True
        say(page, "hello")
        expect(page.locator(".unsent")).to_be_visible()
    elif name == "help":
        page.locator("#help > summary").click()
        page.get_by_text("United Kingdom").click()
    elif name == "menu":
        page.get_by_label("Menu").click()
        page.get_by_role("button", name="Delete this conversation").click()
    elif name == "why":
        say(page, "hello")
        page.get_by_role("button", name="No", exact=True).click()
        expect(page.locator(".why")).to_be_visible()
    elif name == "staff":
        page.api.events = [
            event("staff", state="joined", staff=SAM)
            + event("reply", id=1, reply=reply("staff", "Hello."), staff=SAM, at="x")
            + event("staff", state="typing", staff=SAM)
        ]
        page.api.answers(reply("human", "You can call."), escalation={"id": "e", "tier": "human", "state": "recorded"})
        say(page, "a person please")
        expect(page.locator("#typing")).to_be_visible()
        page.locator(".reach").get_by_role("button").click()
        expect(page.get_by_role("alert")).to_contain_text("Please give")
    elif name == "full":
        page.locator("#box").fill("a" * 3990)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_in_any_state(open_page: Any, site: str, scheme: str) -> None:
    page = open_page(bypass_csp=True, color_scheme=scheme)
    page.api = FakeApi(page)
    found = {}
    for name in ("first", "answer", "why", "clarify", "crisis", "emergency", "staff", "failed", "help", "menu", "full"):
        page.api.down = False
        page.api.transcript.clear()
        page.goto(f"{site}/chat/?lang=en")
        page.evaluate("sessionStorage.clear()")
        page.reload()
        expect(page.locator("#box")).to_be_enabled()
        state(page, name)
        if wrong := faults(page):
            found[name] = wrong
    assert found == {}


def test_axe_finds_nothing_on_the_plain_pages_and_none_runs_over_the_side_of_a_small_screen(open_page: Any, site: str) -> None:
    page = open_page(bypass_csp=True, viewport={"width": 320, "height": 568})
    found = {}
    answer = "/answers/preparation/eating-and-drinking/"
    for path in ("/", "/help/", "/safety-protocol", "/privacy/", "/answers/", answer, "/chat/?lang=es", "/answers/es/"):
        for scheme in ("light", "dark"):
            page.emulate_media(color_scheme=scheme)
            page.goto(site + path)
            if wrong := faults(page):
                found[path, scheme] = wrong
        if path != "/" and page.evaluate("document.documentElement.scrollWidth > innerWidth"):
            found[path, "width"] = ["runs over"]
    page.goto(f"{site}/answers/")
    page.get_by_label("Search the answers").fill("I want to kill myself")
    page.keyboard.press("Enter")
    expect(page.locator(".card a[href='tel:988']").first).to_be_visible()
    if wrong := faults(page):
        found["search", ""] = wrong
    assert found == {}


@pytest.mark.parametrize(("direction", "language"), [("ltr", "en"), ("rtl", "en"), ("ltr", "es")])
def test_nothing_runs_over_the_side_and_help_box_and_lines_stay_in_reach(
    open_page: Any, site: str, direction: str, language: str
) -> None:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang={language}")
    page.evaluate("direction => { document.documentElement.dir = direction; }", direction)
    state(page, "crisis")
    for width, height in [(390, 844), (1280, 860), (320, 568), (640, 400), (320, 256)]:
        page.set_viewport_size({"width": width, "height": height})
        state(page, "clarify")
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), width
        assert page.evaluate("(log => log.scrollWidth <= log.clientWidth)(document.querySelector('#log'))"), width
        for inside in ("#help > summary", "#pinned a:first-child", "#leave", "#box"):
            expect(page.locator(inside)).to_be_in_viewport(ratio=0.9)
        page.locator("#help > summary").click()
        expect(page.locator(".panel a[href='tel:911']").first).to_be_in_viewport()
        page.locator("#help > summary").click()


def test_every_target_is_at_least_forty_four_pixels_high(open_page: Any, site: str) -> None:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/")
    state(page, "crisis")
    state(page, "answer")
    state(page, "failed")
    small = page.evaluate(
        """() => [...document.querySelectorAll('button, summary, a:not(.text a)')].filter(one => one.checkVisibility())
            .filter(one => one.getBoundingClientRect().height < 44).map(one => one.outerHTML.slice(0, 120))"""
    )
    assert small == []


def test_motion_stops_for_those_who_ask_for_it_and_edges_show_in_forced_colours(open_page: Any, site: str) -> None:
    page = open_page(forced_colors="active")
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/")
    page.api.hold = True
    page.locator("#box").fill("hello")
    page.locator("#box").press("Enter")
    assert page.locator(".busy i").first.evaluate("dot => getComputedStyle(dot).animationName") == "none"
    assert page.locator(".you").evaluate("you => getComputedStyle(you).borderTopWidth") == "1px"


def test_replies_are_spoken_by_a_live_region_that_says_who_speaks(open_page: Any, site: str) -> None:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/")
    state(page, "answer")
    snapshot = page.get_by_role("log", name="Conversation").aria_snapshot()
    assert "You:" in snapshot and "Assistant:" in snapshot
