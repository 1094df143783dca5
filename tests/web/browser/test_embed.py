"""The clinic's own page: one script tag, a button, a frame; and the strict content security policy in force."""

from __future__ import annotations

import gzip
import re
import urllib.request
from typing import Any

import pytest
from playwright.sync_api import Frame, expect

from companion.paths import ROOT
from tests.web.browser.fake_api import FakeApi
from web.chat import bundle

STATIC = ROOT / "web" / "chat" / "static" / "chat"


def test_the_whole_chat_comes_in_three_files_of_at_most_fifteen_kilobytes_as_they_are_sent(site: str) -> None:
    sent = {path: compressed(f"{site}{path}") for path in ("/embed.js", "/chat/widget.js", "/static/chat/widget.css")}
    assert all(gzip.decompress(content) for content in sent.values())
    assert sum(len(content) for content in sent.values()) <= 15_000, {path: len(content) for path, content in sent.items()}
    page = compressed(f"{site}/chat/").decode()
    loaded = re.findall(r'(?:<script[^>]+src|<link rel="stylesheet" href)="([^"]+)"', page)
    assert loaded == ["/static/chat/widget.css", "/chat/widget.js"]


def compressed(address: str) -> bytes:
    """What a browser is sent, as it is sent."""
    with urllib.request.urlopen(urllib.request.Request(address, headers={"Accept-Encoding": "gzip"}), timeout=10) as got:
        return bytes(got.read())


def test_the_chats_modules_can_be_joined_every_name_on_top_belongs_to_one_of_them() -> None:
    names: list[str] = []
    for module in bundle.modules():
        source = (STATIC / module).read_text(encoding="utf-8")
        assert not re.search(r"^import (?!\{[^}\n]*\} from \"\./[a-z]+\.js\";$)", source, re.MULTILINE), module
        assert not re.search(r"^export (?!const |let |class |function |async function )", source, re.MULTILINE), module
        names += re.findall(r"^(?:export )?(?:const|let|class|(?:async )?function) (\w+)", source, re.MULTILINE)
        for group in re.findall(r"^(?:export )?const \[([^\]]+)\]", source, re.MULTILINE):
            names += group.split(", ")
    assert sorted(names) == sorted(set(names))
    assert {path.name for path in STATIC.glob("*.js")} == {*bundle.modules(), "embed.js"}, "a module that nothing imports"
    assert not re.search(r"^(import|export) ", bundle.script(), re.MULTILINE)


def test_nothing_is_put_on_the_page_as_markup_or_loaded_from_elsewhere() -> None:
    for path in STATIC.iterdir():
        content = path.read_text(encoding="utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\b|@import|url\(", content), (
            path.name
        )


def frame_of(page: Any) -> Frame:
    with page.expect_event("framenavigated", timeout=5000, predicate=lambda frame: "/chat/" in frame.url):
        page.keyboard.press("Enter")
    return next(frame for frame in page.frames if "/chat/" in frame.url)


@pytest.fixture
def clinic(open_page: Any, site: str) -> Any:
    page = open_page(viewport={"width": 1280, "height": 860})
    page.api = FakeApi(page)
    with page.expect_response("**/embed.js"):
        page.goto(f"{site}/")
    page.wait_for_function("document.body.lastElementChild.tagName === 'DIV'")
    return page


def test_the_clinics_page_says_that_it_is_a_demonstration_and_embeds_the_chat_with_one_tag(clinic: Any) -> None:
    expect(clinic.get_by_text("This is a demonstration.")).to_be_visible()
    assert clinic.locator("script").count() == 1
    assert clinic.evaluate("document.body.lastElementChild.shadowRoot") is None
    assert len(clinic.frames) == 1, "the frame is loaded when somebody goes to the button"


def test_by_keyboard_it_opens_takes_a_question_closes_and_opens_again_as_it_was(clinic: Any) -> None:
    clinic.locator("footer a").last.focus()
    clinic.keyboard.press("Tab")
    frame = frame_of(clinic)
    expect(frame.locator("#box")).to_be_focused()
    clinic.keyboard.type("what do I bring?")
    clinic.keyboard.press("Enter")
    expect(frame.locator(".it.answer")).to_be_visible()
    clinic.keyboard.press("Escape")
    clinic.wait_for_function("document.activeElement === document.body.lastElementChild")
    expect(frame.locator("#box")).to_be_hidden()
    clinic.keyboard.press("Enter")
    expect(frame.locator("#box")).to_be_focused()
    expect(frame.locator(".it.answer")).to_be_visible()


def test_the_language_of_the_page_around_is_followed(open_page: Any, site: str) -> None:
    page = open_page(viewport={"width": 1280, "height": 860})
    FakeApi(page)
    host = '<!doctype html><html lang="es-MX"><title>x</title><a href="#">x</a><script src="/embed.js" async></script></html>'
    page.route("**/host", lambda route: route.fulfill(content_type="text/html", body=host))
    with page.expect_response("**/embed.js"):
        page.goto(f"{site}/host")
    page.wait_for_function("document.body.lastElementChild.tagName === 'DIV'")
    page.locator("a").focus()
    page.keyboard.press("Tab")
    frame = frame_of(page)
    assert frame.url.endswith("/chat/?lang=es")
    expect(frame.get_by_role("heading", name="Asistente automático")).to_be_visible()


def test_quick_exit_takes_the_whole_page_away(clinic: Any) -> None:
    clinic.route("https://www.google.com/", lambda route: route.fulfill(body="elsewhere"))
    clinic.locator("footer a").last.focus()
    clinic.keyboard.press("Tab")
    frame_of(clinic).get_by_role("link", name="Quick exit").click()
    clinic.wait_for_url("https://www.google.com/")


def test_on_a_site_that_may_not_embed_us_and_when_the_server_is_gone_the_button_still_gives_the_lines(
    open_page: Any, site: str
) -> None:
    page = open_page(viewport={"width": 1280, "height": 860})
    page.clock.install()
    page.route("**/chat/?lang=*", lambda route: route.abort())
    with page.expect_response("**/embed.js"):
        page.goto(f"{site}/")
    page.wait_for_function("document.body.lastElementChild.tagName === 'DIV'")
    page.locator("footer a").last.focus()
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.clock.run_for(7000)
    seen = page.context.new_cdp_session(page).send("Accessibility.getFullAXTree")["nodes"]
    links = [node["name"]["value"] for node in seen if node.get("role", {}).get("value") == "link"]
    assert "Call 988: 988 Suicide & Crisis Lifeline" in links
    page.keyboard.press("Escape")
    page.wait_for_function("document.activeElement === document.body.lastElementChild")


def test_two_conversations_in_two_tabs_do_not_mix(open_page: Any, site: str) -> None:
    first = open_page()
    second = first.context.new_page()
    for page in (first, second):
        FakeApi(page)
        page.goto(f"{site}/chat/")
        page.locator("#box").fill("hello")
        page.locator("#box").press("Enter")
        expect(page.locator(".it.answer")).to_have_count(1)
