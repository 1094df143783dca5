"""Releases are built from approved rows alone, survive a restart, can be compared, and an earlier one can be put back."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from companion.paths import current_release
from companion.release import Release, build_from_data
from tests.web.answers import ANSWER, SOON, Desk
from tests.web.support import clinic
from web.answers import publishing, reading, services
from web.answers.models import Answer, ApprovedVersion, BuiltRelease

ONE = "You will be told in writing when to stop eating. Please ask the team if that note is lost."
TWO = "The team tells you in writing when to stop eating. Please call if that note is lost."
OTHER = "session/what-happens"
FEW = 150
"""Queries of a page (of fifty rows) or a release, however many answers there are."""


@pytest.fixture
def real_clinic(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same desk, of a clinic and not of a demo."""
    monkeypatch.setattr(reading, "clinic", lambda: clinic(mode="clinic"))


def approved(desk: Desk, text: str) -> BuiltRelease:
    desk.erin_writes(text)
    desk.erin_hands_in()
    desk.casey_approves()
    return BuiltRelease.objects.latest("pk")


def test_a_clinic_serves_what_it_has_approved_and_no_sample(desk: Desk, real_clinic: None) -> None:
    approved(desk, ONE)
    assert desk.release.mode == "clinic"
    assert [item["key"] for item in desk.release.answers] == [ANSWER]
    assert desk.served(ANSWER)["text"] == ONE and desk.served("crisis.1"), "the cards are there, signed or not"


def test_a_demo_fills_the_gaps_with_samples_that_say_so(desk: Desk) -> None:
    approved(desk, ONE)
    assert desk.served(ANSWER)["sample"] is False and desk.served(OTHER)["sample"] is True
    page = desk.open(desk.erin, "/admin/answers-in-force/")
    assert "sample, not approved" in page and "Casey" in page and dt.date.today().isoformat() in page


def test_an_approval_is_in_force_when_the_page_comes_back(desk: Desk) -> None:
    desk.erin_writes(ONE)
    desk.erin_hands_in()
    desk.casey_approves()
    assert desk.served(ANSWER)["text"] == ONE


def test_a_release_of_the_desk_survives_the_set_up(desk: Desk) -> None:
    built = approved(desk, ONE)
    release, new = build_from_data(current_release())
    assert (release.hash, new) == (built.hash, False)
    call_command("set_up_desk", verbosity=0)
    assert desk.release.hash == built.hash


def test_a_lost_release_file_is_built_anew_from_the_record(desk: Desk) -> None:
    approved(desk, ONE)
    current_release().unlink()
    assert publishing.keep_in_force() == 1
    assert desk.served(ANSWER)["text"] == ONE
    assert publishing.keep_in_force() == 0


def test_an_answer_past_its_date_goes_out_of_force_by_itself(desk: Desk) -> None:
    approved(desk, ONE)
    assert publishing.keep_in_force(SOON) == 0
    assert publishing.keep_in_force(SOON + dt.timedelta(days=1)) == 1
    assert ANSWER not in desk.release.items, "nor does the sample take its place"


def test_an_answer_past_its_date_is_refused_by_the_release_itself(desk: Desk) -> None:
    approved(desk, ONE)
    from companion.release import servable

    item = desk.release.items[ANSWER]
    assert servable(item, "demo", SOON) and not servable(item, "demo", SOON + dt.timedelta(days=1))


def test_an_approval_for_a_date_that_has_passed_is_refused(desk: Desk) -> None:
    yesterday = (dt.date.today() - dt.timedelta(days=1)).isoformat()
    desk.write(desk.erin, ONE, review_by=yesterday)
    page = desk.hand_in(desk.erin, review_by=yesterday)
    assert "give a date that is to come" in page and not desk.answer.workflow_in_progress


def test_the_list_says_who_changed_what_and_two_releases_are_compared(desk: Desk) -> None:
    first, second = approved(desk, ONE), approved(desk, TWO)
    page = desk.open(desk.erin, "/admin/releases/")
    assert "“Eating before a session” was approved" in page and "Casey" in page
    page = desk.open(desk.erin, f"/admin/releases/{second.number}/?with={first.number}")
    assert "<del>You" in page and "<ins>The" in page and "tells" in page


def test_an_earlier_release_is_put_back_by_a_clinician_who_wrote_none_of_it(desk: Desk) -> None:
    first, _ = approved(desk, ONE), approved(desk, TWO)
    address = f"/admin/releases/{first.number}/put-back/"
    for who in (desk.erin, desk.sam, desk.outsider, desk.root):
        desk.browser(who).post(address, {"attest": "yes"})
    desk.browser(desk.casey).post(address, {})
    assert desk.served(ANSWER)["text"] == TWO
    desk.browser(desk.casey).post(address, {"attest": "yes"})
    assert desk.served(ANSWER)["text"] == ONE
    newest = ApprovedVersion.objects.order_by("-pk")[0]
    assert (newest.number, newest.attested, newest.written_by[0]["name"]) == (3, services.PUT_BACK, "Erin")
    assert desk.answer.live_revision.content["text"] == ONE


def test_who_wrote_a_text_does_not_put_it_back(desk: Desk) -> None:
    desk.write(desk.drew, ONE)
    desk.hand_in(desk.drew)
    desk.casey_approves()
    first = BuiltRelease.objects.latest("pk")
    approved(desk, TWO)
    desk.browser(desk.drew).post(f"/admin/releases/{first.number}/put-back/", {"attest": "yes"})
    assert desk.served(ANSWER)["text"] == TWO


def test_putting_a_release_back_does_not_bring_back_what_was_withdrawn(desk: Desk) -> None:
    first = approved(desk, ONE)
    desk.withdraw(desk.casey, "The protocol changed.")
    page = desk.open(desk.casey, f"/admin/releases/{first.number}/")
    assert "Stays away" in page
    desk.browser(desk.casey).post(f"/admin/releases/{first.number}/put-back/", {"attest": "yes"})
    assert desk.served(ANSWER) is None


def test_a_build_that_was_broken_off_is_made_up_for(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.erin_writes(ONE)
    desk.erin_hands_in()

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as broken:
        broken.setattr(publishing, "write", full)
        page = desk.approve(desk.casey)
    assert "could not be built just now" in page and desk.served(ANSWER)["text"] != ONE
    assert publishing.keep_in_force() == 1
    assert desk.served(ANSWER)["text"] == ONE


def test_a_crisis_card_is_replaced_by_one_that_a_clinician_has_read_and_a_poor_one_is_not(desk: Desk) -> None:
    card = Answer.objects.get(key="crisis.1")
    draft = card.get_latest_revision_as_object()
    draft.text = "Please call somebody."
    draft.save_revision(user=desk.erin)
    with pytest.raises(services.Refused, match="does not say"):
        services.answer_submit(answer=card, by=desk.erin)


def test_listing_searching_and_releasing_ask_no_more_of_the_database_for_five_thousand_answers(desk: Desk) -> None:
    sample = reading.starter().items[ANSWER]
    from web.answers.snapshot import of_item, snapshot_hash

    base = of_item(sample) | {"text": ONE * 3, "phrasings": [f"May I eat {word}?" for word in "abcdefghijklmnopqrstuvwxy"]}
    many = [base | {"key": f"preparation/eating-{n}", "title": f"Eating {n}"} for n in range(5000)]
    services.answers_import(many, by=None)
    answers = dict(Answer.objects.values_list("key", "pk"))
    ApprovedVersion.objects.bulk_create(
        ApprovedVersion(
            answer_id=answers[one["key"]],
            number=1,
            content=one,
            digest=snapshot_hash(one),
            text_hash="",
            read_text=one["text"],
            written_by=[],
            approver=desk.casey,
            approver_name="Casey",
            approved_at=dt.datetime.now(dt.timezone.utc),
            attested="",
            revision=0,
            review_by=SOON,
        )
        for one in many
    )
    browser = desk.browser(desk.erin)
    browser.get("/admin/answers/")
    asked = {}
    for name, work in {
        "list": lambda: browser.get("/admin/answers/?p=40"),
        "search": lambda: browser.get("/admin/answers/?q=Eating+4999"),
        "behind": lambda: publishing.behind(dt.date.today()),
        "release": lambda: publishing.put_in_force("many"),
    }.items():
        with CaptureQueriesContext(connection) as queries:
            work()
        asked[name] = len(queries)
    release = Release.read(current_release())
    assert len(release.answers) == 5002
    assert {name: many for name, many in asked.items() if many > FEW} == {}, asked
