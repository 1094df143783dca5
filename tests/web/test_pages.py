"""The patient's pages when things are missing: the lines are there all the same."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.test import Client

from companion.clinic import Clinic, ClinicError
from companion.lines import load_lines
from web.chat import shown
from web.chat.pages import EMBED, EMBED_SLOT
from web.chat.shown import line_groups


@pytest.fixture
def no_release(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(shown, "current", lambda: None)
    yield


def hrefs(page: bytes) -> set[str]:
    return {href.replace("&amp;", "&") for href in re.findall(r'href="([^"]+)"', page.decode())}


@pytest.mark.parametrize(("path", "status"), [("/chat/", 503), ("/help/", 200), ("/", 200)])
def test_without_a_release_every_page_still_opens(no_release: None, path: str, status: int) -> None:
    assert Client().get(path).status_code == status


def test_without_a_release_the_chat_page_has_every_line_and_says_nothing_in_the_assistants_name(
    no_release: None,
) -> None:
    page = Client().get("/chat/").content
    assert all(link["href"] in hrefs(page) for country in load_lines().values() for link in country.links)
    assert b"automated assistant of Harbor" not in page


def test_with_unreadable_clinic_facts_the_lines_of_all_countries_are_shown(
    no_release: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Path) -> Clinic:
        raise ClinicError("name is missing")

    monkeypatch.setattr(shown.Clinic, "load", broken)
    page = Client().get("/help/").content
    assert {"tel:911", "tel:116123", "https://findahelpline.com"} <= hrefs(page)


def test_the_chat_may_be_framed_and_the_help_page_opened_without_a_cookie(no_release: None) -> None:
    for path in ("/chat/", "/help/", "/embed.js", "/"):
        response = Client().get(path)
        assert not response.cookies
        if path != "/embed.js":
            assert "require-trusted-types-for 'script'" in response["Content-Security-Policy"]
    assert "X-Frame-Options" not in Client().get("/chat/")


def test_the_embed_script_carries_the_lines_and_is_not_sent_twice(no_release: None) -> None:
    assert EMBED.read_text(encoding="utf-8").count(EMBED_SLOT) == 1
    response = Client().get("/embed.js")
    assert response.content.count(b'"href":"tel:988"') >= 2, "in English and in Spanish"
    assert Client().get("/embed.js", headers={"If-None-Match": response["ETag"]}).status_code == 304


def test_ways_to_reach_one_line_stand_together_with_their_labels_whole() -> None:
    for country in load_lines().values():
        groups = line_groups(list(country.links))
        said = [
            way["way"] + (f": {group['name']}" if group["name"] else "") for group in groups for way in group["ways"]
        ]
        assert sorted(said) == sorted(link["label"] for link in country.links)
