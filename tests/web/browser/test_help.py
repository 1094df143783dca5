"""The lines: in the first HTML, with no script, no connection and no release."""

from __future__ import annotations

import re
import urllib.request
from typing import Any

from playwright.sync_api import expect


def html(address: str) -> str:
    with urllib.request.urlopen(address, timeout=10) as response:
        assert response.headers.get("Set-Cookie") is None
        return str(response.read().decode())


def test_every_line_of_every_country_stands_in_the_first_html(site: str, release: Any) -> None:
    for address in (f"{site}/chat/", f"{site}/help/"):
        page = html(address)
        hrefs = {href.replace("&amp;", "&") for href in re.findall(r'href="([^"]+)"', page)}
        for country in release.content["lines"]:
            assert {link["href"] for link in country["links"]} <= hrefs
        own = next(country for country in release.content["lines"] if country["code"] == release.clinic["country"])
        places = [page.index(f'href="{own["links"][0]["href"]}"'), page.index("In another country")]
        assert places == sorted(places)


def test_help_opens_without_javascript_and_the_chat_says_that_it_has_not_started(open_page: Any, site: str) -> None:
    page = open_page(java_script_enabled=False)
    page.goto(f"{site}/chat/")
    expect(page.locator("#unready")).to_be_visible()
    expect(page.locator("#unready a[href='tel:988']")).to_be_visible()
    page.get_by_text("Help now", exact=True).click()
    expect(page.locator("#help a[href='tel:988']").first).to_be_in_viewport()
    page.get_by_text("United Kingdom").click()
    expect(page.locator("#help a[href='tel:116123']").first).to_be_visible()
    expect(page.locator("#box")).to_be_disabled()


def test_when_the_script_does_not_arrive_the_lines_show_by_themselves(open_page: Any, site: str) -> None:
    page = open_page()
    page.route("**/widget.js", lambda route: route.abort())
    page.goto(f"{site}/chat/")
    expect(page.locator("#unready")).to_be_visible(timeout=6000)


def test_help_covers_the_chat_closes_with_escape_and_gives_the_focus_back(open_page: Any, site: str) -> None:
    page = open_page()
    page.goto(f"{site}/chat/")
    page.locator("#help > summary").press("Enter")
    expect(page.locator(".panel")).to_be_visible()
    assert page.evaluate("document.querySelector('#composer').inert")
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.locator(".panel")).to_be_hidden()
    expect(page.locator("#help > summary")).to_be_focused()
    assert not page.evaluate("document.querySelector('#composer').inert")
