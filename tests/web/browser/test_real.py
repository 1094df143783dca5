"""The chat against the real patient API, with the engine away: what a patient in danger gets must not depend on it."""

from __future__ import annotations

from typing import Any

from playwright.sync_api import expect


def test_with_the_engine_away_a_crisis_message_gets_its_card_and_it_is_there_after_a_reload(
    open_page: Any, site: str, release: Any
) -> None:
    page = open_page()
    page.goto(f"{site}/chat/")
    page.locator("#box").fill("I want to kill myself")
    page.locator("#box").press("Enter")
    card = page.locator(".it.card.crisis .text")
    expect(card).to_be_visible(timeout=6000)
    assert card.text_content() == release.items["crisis.1"]["text"]
    texts = {item["text"] for item in release.items.values()}
    assert set(page.locator(".it .text").all_text_contents()) <= texts
    page.reload()
    expect(page.locator(".it.card.crisis")).to_have_count(1)
    expect(page.locator("#pinned a[href='tel:988']")).to_be_in_viewport()


def test_with_the_engine_away_a_question_gets_the_outage_words_and_can_be_deleted(
    open_page: Any, site: str, release: Any
) -> None:
    page = open_page()
    page.goto(f"{site}/chat/")
    page.locator("#box").fill("what should I bring to my first session?")
    page.locator("#box").press("Enter")
    expect(page.locator(".it .text", has_text=release.items["outage"]["text"])).to_be_visible(timeout=6000)
    page.get_by_label("Menu").click()
    page.get_by_role("button", name="Delete this conversation").click()
    page.get_by_role("button", name="Delete it now").click()
    expect(page.locator(".you")).to_have_count(0)
    expect(page.locator("#log .it").last).to_contain_text("deleted")
