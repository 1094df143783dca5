"""The chat in Firefox. tests/conftest.py leaves it out, and says so, where Playwright's Firefox is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.web.browser.fake_api import CRISIS, FakeApi


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.firefox.launch()
        yield browser
        browser.close()


def test_a_question_a_crisis_a_reload_and_the_other_language(open_page: Any, site: str) -> None:
    page = open_page()
    page.api = FakeApi(page)
    page.goto(f"{site}/chat/?lang=en")
    page.locator("#box").fill("what do I bring?")
    page.locator("#box").press("Enter")
    expect(page.locator(".it.answer .proof")).to_be_visible()
    page.api.answers(CRISIS, tier="crisis")
    page.locator("#box").fill("I cannot go on")
    page.locator("#box").press("Enter")
    expect(page.locator("#pinned a[href='tel:988']")).to_be_in_viewport()
    page.get_by_role("link", name="Español").click()
    expect(page.locator("html[lang=es] .it.card")).to_have_count(1)
    page.locator("#help > summary").click()
    expect(page.locator(".panel a[href='tel:911']").first).to_be_in_viewport()
