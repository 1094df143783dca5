"""The approved answers as plain pages: they serve without the chat, without JavaScript, without engine and database."""

from __future__ import annotations

import datetime as dt
import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from companion.catalogue import load_catalogue
from companion.clinic import Clinic
from companion.release import Release, Releases, build, content_hash, write
from web.chat import library, wording
from web.chat.check import Rejected, check

TODAY = dt.date.today()


@pytest.fixture
def starter(home: Any, monkeypatch: pytest.MonkeyPatch) -> Release:
    """The starter catalogue of the repository, in force."""
    return in_force(build(load_catalogue(), Clinic.load()), monkeypatch)


def in_force(content: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> Release:
    content["hash"] = content_hash(content)
    monkeypatch.setattr(wording, "_releases", Releases(write(content)))
    return Release(content)


def approved(release: Release, **changes: Any) -> dict[str, Any]:
    """The same release in clinic mode, with every answer approved by somebody until some day."""
    content = {**release.content, "mode": "clinic", "number": release.number + 1}
    signed = {"sample": False, "approver": "Dr. Casey Lee", "approved_at": "2026-11-20T10:00:00+00:00"}
    content["items"] = [
        {**item, **signed, "review_by": (TODAY + dt.timedelta(days=30)).isoformat(), **changes} for item in content["items"]
    ]
    return content


def read(path: str, status: int = 200, **words: str) -> str:
    got = Client().post(path, words) if words else Client().get(path)
    assert got.status_code == status and not got.cookies, got.status_code
    return got.content.decode()


def plain(page: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<script.*?</script>|<[^>]+>", " ", page, flags=re.DOTALL)))


def described(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/ld\+json">(.*?)</script>', page, re.DOTALL)
    assert found
    return dict(json.loads(found[1]))


def test_a_visitor_reads_every_answer_by_topic_with_no_script_and_says_nothing_to_anybody(starter: Release) -> None:
    page = read("/answers/")
    for title in starter.sections.values():
        assert f">{title}</h2>" in page
    english = [item for item in starter.answers if item["language"] == "en"]
    assert [address for address in re.findall(r'<li><a href="([^"]+)"', page)] == [
        library.address(item, "en") for name in starter.sections for item in english if item["section"] == name
    ]
    assert "<script" not in page and "[[" not in page
    for item in english:
        assert item["text"] in unescape(read(library.address(item, "en")))


def test_an_answers_page_has_its_text_sources_related_questions_and_says_that_it_is_a_sample(starter: Release) -> None:
    item = starter.items["preparation/eating-and-drinking"]
    page = read("/answers/preparation/eating-and-drinking/")
    said = plain(page)
    assert item["title"] in said and item["text"] in said and "No clinician has approved it." in said
    assert all(source in said for source in item["sources"])
    for key in item["related"]:
        assert f'href="/answers/{key}/"' in page
    assert starter.items["sample_answers"]["text"] in said
    assert '<meta name="robots" content="noindex">' in page, "what nobody approved is not for search engines"
    assert "reviewedBy" not in described(page)


def test_who_approved_an_answer_and_until_when_stands_on_its_page_and_in_its_description(
    starter: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    in_force(approved(starter, review_by="2031-05-01"), monkeypatch)
    page = read("/answers/session/what-happens/")
    assert "Approved by Dr. Casey Lee on Nov. 20, 2026. To be reviewed by May 1, 2031." in plain(page)
    assert "noindex" not in page and 'rel="canonical"' in page and "ample" not in plain(page)
    data = described(page)
    assert data["reviewedBy"]["name"] == "Dr. Casey Lee" and data["lastReviewed"] == "2026-11-20"
    assert data["mainEntity"]["acceptedAnswer"]["text"] == starter.items["session/what-happens"]["text"]
    spanish = plain(read("/answers/es/session/what-happens/"))
    assert "Aprobada por Dr. Casey Lee el 20 de noviembre de 2026." in spanish


def test_a_new_release_shows_at_once_and_an_answer_that_is_withdrawn_or_expired_is_gone(
    starter: Release, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "what-happens" in read("/answers/")
    in_force(approved(starter, review_by=(TODAY - dt.timedelta(days=1)).isoformat()), monkeypatch)
    assert "what-happens" not in read("/answers/")
    said = plain(read("/answers/session/what-happens/", status=404))
    assert "This answer is not there" in said and "There are no answers to show" in said


@pytest.mark.parametrize("path", ["greeting/", "session/nothing/", "es:session/what-happens/", "../etc/passwd", "crisis.1/x/"])
def test_what_is_no_answer_is_not_found(starter: Release, path: str) -> None:
    assert Client().get(f"/answers/{path}").status_code == 404


def test_without_a_release_the_page_says_so_and_has_the_ways_to_a_person(monkeypatch: pytest.MonkeyPatch, home: Any) -> None:
    monkeypatch.setattr(wording, "_releases", Releases(home / "none" / "current.json"))
    page = read("/answers/", status=503)
    assert "There are no answers to show" in page and 'href="/help/' in page and "tel:" in page


@pytest.mark.parametrize(
    ("typed", "first"),
    [
        ("eating before a session", "preparation/eating-and-drinking"),
        ("Can I DRIVE home?", "aftercare/driving"),
        ("what should I wear", "preparation/what-to-wear-and-bring"),
    ],
)
def test_a_search_finds_the_answer_by_its_words(starter: Release, typed: str, first: str) -> None:
    found = [entry.key for entry in library.search(starter, typed, "en")]
    assert first in found[:3], found[:5]


def test_a_search_is_told_that_nothing_was_found_and_finds_spanish_without_accents(starter: Release) -> None:
    assert "no answer with these words" in plain(read("/answers/", words="xylophone quartz"))
    found = library.search(starter, "sesion ayunas", "es")
    assert found and found[0].language == "es"


def test_what_is_searched_for_stands_in_no_address_and_is_shown_as_text_only(starter: Release) -> None:
    page = read("/answers/", words='<b>"zebra"</b>')
    assert 'method="post"' in page and "<b>" not in page and "&lt;b&gt;&quot;zebra&quot;" in page
    assert Client().post("/answers/", {"words": "eat"})["Cache-Control"] == "no-store"


def test_whoever_searches_in_danger_gets_the_lines_first(starter: Release) -> None:
    page = read("/answers/", words="I want to kill myself")
    assert starter.items["crisis.1"]["text"] in unescape(page)
    assert page.index('href="tel:988"') < page.index("</h2>")
    spanish = read("/answers/es/", words="quiero matarme")
    assert starter.items["es:crisis.1"]["text"] in unescape(spanish) and "Llamar al 988" in spanish


def test_an_answer_about_suicide_carries_the_lines_on_its_page_too(starter: Release) -> None:
    with_lines = [item for item in starter.answers if item["attach_lines"] and item["language"] == "en"]
    for item in with_lines:
        assert 'href="tel:988"' in read(library.address(item, "en")).split("<h2>")[0]


def test_spanish_readers_get_spanish_where_there_is_some_and_are_told_where_there_is_none(starter: Release) -> None:
    page = read("/answers/es/")
    assert '<html lang="es">' in page and starter.spanish_sections["session"] in page
    assert starter.items["es:session/what-happens"]["title"] in unescape(page)
    untold = next(
        item for item in starter.answers if item["language"] == "en" and f"es:{item['key']}" not in starter.items
    )
    said = read(f"/answers/es/{untold['key']}/")
    assert "todavía no hay un texto en español" in said and '<article lang="en">' in said


def test_a_text_cannot_end_the_block_of_data(starter: Release) -> None:
    item = {**starter.items["session/what-happens"], "text": "</script><script>alert(1)</script> & \u2028"}
    block = library.description(item, starter, "https://clinic.example/")
    assert "<" not in block and json.loads(block)["mainEntity"]["acceptedAnswer"]["text"] == item["text"]


def test_a_reply_whose_sources_or_approval_are_not_the_releases_is_refused(starter: Release) -> None:
    release = in_force_reply = wording.releases().current()
    reply = release.reply(release.items["session/what-happens"])
    assert reply["approved"] is None and reply["sources"] == release.items["session/what-happens"]["sources"]
    answer: dict[str, Any] = {
        "message": "00000000-0000-0000-0000-000000000001",
        "tier": "none",
        "outcome": "answer",
        "reasons": [],
        "release": {"number": release.number, "hash": in_force_reply.hash},
    }
    from uuid import UUID

    message = UUID(int=1)
    assert check({**answer, "replies": [reply]}, message=message, at_least="none", releases=wording.releases())
    for forged in ({"sources": ["A journal"]}, {"approved": {"by": "Dr. Who", "on": None, "until": None}}):
        with pytest.raises(Rejected, match="unapproved text"):
            check({**answer, "replies": [{**reply, **forged}]}, message=message, at_least="none", releases=wording.releases())
