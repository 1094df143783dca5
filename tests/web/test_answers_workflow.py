"""Nobody approves what they wrote, and nothing else can be said: real requests of writer, clinicians, staff, outsider."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import PermissionDenied
from django.db import DatabaseError, connection, transaction
from django.test import Client
from wagtail.models import Revision

from tests.web.answers import ANSWER, Desk
from web.answers import publishing, services
from web.answers.models import Answer, AppendOnly, ApprovedVersion, BuiltRelease, Withdrawal

BrowserOf = Callable[[User], Client]
NEW = "You will be told in writing when to stop eating. Please ask the team if that note is lost, and call before you eat."


def test_what_erin_writes_is_in_force_when_casey_has_approved_it_and_not_before(desk: Desk) -> None:
    desk.erin_writes(NEW)
    assert desk.served(ANSWER)["text"] != NEW
    desk.erin_hands_in()
    assert desk.served(ANSWER)["text"] != NEW
    desk.casey_approves()
    item = desk.served(ANSWER)
    assert (item["text"], item["approver"], item["sample"]) == (NEW, "Casey", False)
    version = ApprovedVersion.objects.get()
    assert (
        version.written_by == [{"id": desk.erin.pk, "name": "Erin"}]
        and version.attested == services.ATTESTATION
    )
    assert version.read_text == NEW and version.approver == desk.casey
    built = BuiltRelease.objects.get()
    assert (built.number, built.versions, built.by) == (desk.release.number, [version.pk], desk.casey)


def test_the_review_page_shows_the_text_the_difference_and_what_is_attested(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    page = desk.open(desk.casey, f"/admin/review/{desk.answer.pk}/")
    assert NEW in page and "<ins>" in page
    assert services.ATTESTATION in page and "Written by Erin" in page
    assert "Approve and put in force" in page
    assert "Approve and put in force" not in desk.open(desk.erin, f"/admin/review/{desk.answer.pk}/")


@pytest.mark.parametrize("who", ["erin", "sam", "outsider", "root"])
def test_who_is_no_clinician_cannot_approve(desk: Desk, who: str) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.approve(getattr(desk, who))
    assert not ApprovedVersion.objects.exists() and desk.served(ANSWER)["text"] != NEW


def test_nobody_without_signing_in_sees_or_does_anything(desk: Desk, client: Client) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    for address in ("/admin/review/", f"/admin/review/{desk.answer.pk}/", f"/admin/record/{desk.answer.pk}/"):
        got = client.get(address)
        assert got.status_code == 302 and got["Location"].startswith("/accounts/login/")
    for address in (f"/admin/review/{desk.answer.pk}/decide/", f"/admin/record/{desk.answer.pk}/withdraw/"):
        assert client.post(address, desk.decision("approve")).status_code in (302, 403)
    assert not ApprovedVersion.objects.exists()


@pytest.mark.parametrize("who", ["sam", "outsider"])
def test_staff_and_outsiders_see_nothing_of_the_desk(desk: Desk, who: str) -> None:
    browser = desk.browser(getattr(desk, who))
    for address in ("/admin/review/", f"/admin/review/{desk.answer.pk}/", f"/admin/record/{desk.answer.pk}/"):
        assert browser.get(address).status_code in (302, 403), address
    assert browser.get(desk.edit).status_code in (302, 403)


def test_a_clinician_does_not_approve_what_they_wrote(desk: Desk) -> None:
    desk.write(desk.casey, NEW)
    desk.hand_in(desk.casey)
    got = desk.approve(desk.casey)
    assert "You wrote part of this text" in got
    desk.approve(desk.drew)
    assert desk.served(ANSWER)["text"] == NEW


def test_a_clinician_does_not_approve_what_they_wrote_a_word_of_before_somebody_else_went_on(
    desk: Desk,
) -> None:
    desk.write(desk.casey, NEW)
    desk.erin_writes(NEW + " Water is on the note as well.")
    desk.erin_hands_in()
    assert "You wrote part of this text" in desk.approve(desk.casey)


def test_a_clinician_does_not_approve_their_old_text_that_somebody_put_back_from_the_history(
    desk: Desk,
) -> None:
    desk.write(desk.casey, NEW)
    his = desk.answer.get_latest_revision()
    desk.hand_in(desk.casey)
    desk.approve(desk.drew)
    desk.erin_writes(
        "Another text about eating, which says when to stop and whom to ask, in other words than before."
    )
    desk.erin_hands_in()
    desk.approve(desk.casey)
    his.as_object().save_revision(user=desk.erin)
    desk.erin_hands_in()
    assert "You wrote part of this text" in desk.approve(desk.casey)
    assert ApprovedVersion.objects.count() == 2


def test_after_somebody_changed_the_text_the_approval_of_the_old_one_is_refused(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    read = desk.decision("approve")
    desk.answer.get_latest_revision_as_object().save_revision(user=desk.erin)
    assert "changed after you opened it" in desk.approve(desk.casey, read)
    assert not ApprovedVersion.objects.exists()


def test_a_text_that_was_exchanged_under_the_reader_is_refused_by_its_digest(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    read = desk.decision("approve")
    revision = desk.answer.latest_revision
    Revision.objects.filter(pk=revision.pk).update(content={**revision.content, "text": "Eat what you like."})
    assert "changed after you opened it" in desk.approve(desk.casey, read)
    assert not ApprovedVersion.objects.exists()


def test_without_the_statement_nothing_is_approved(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    assert "Confirm the statement" in desk.approve(desk.casey, {**desk.decision("approve"), "attest": ""})
    assert not ApprovedVersion.objects.exists()


def test_what_is_not_in_review_cannot_be_approved(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.approve(desk.casey, {**desk.decision("approve"), "revision": desk.answer.latest_revision_id})
    assert not ApprovedVersion.objects.exists()


@pytest.mark.parametrize("who", ["erin", "casey", "root"])
def test_posting_the_publish_action_puts_nothing_in_force(desk: Desk, who: str) -> None:
    before = desk.release.hash
    desk.browser(getattr(desk, who)).post(desk.edit, desk.form(NEW) | {"action-publish": "1"})
    desk.answer.refresh_from_db()
    assert not desk.answer.live
    publishing.keep_in_force()
    assert desk.release.hash == before and not ApprovedVersion.objects.exists()


@pytest.mark.parametrize("who", ["erin", "casey", "root"])
@pytest.mark.parametrize("action", ["approve", "reject"])
def test_wagtails_own_approval_addresses_decide_nothing(desk: Desk, who: str, action: str) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    task = desk.answer.current_workflow_task_state
    browser = desk.browser(getattr(desk, who))
    for address in (
        f"/admin/answers/workflow/action/{desk.answer.pk}/{action}/{task.pk}/",
        f"/admin/answers/workflow/collect_action_data/{desk.answer.pk}/{action}/{task.pk}/",
    ):
        browser.post(address, {"comment": "fine"})
    browser.post(desk.edit, desk.form(NEW) | {"action-workflow-action": "1", "workflow-action-name": action})
    task.refresh_from_db()
    assert task.status == "in_progress" and not ApprovedVersion.objects.exists()


def test_in_review_nobody_edits(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    revision = desk.answer.latest_revision_id
    for who in (desk.erin, desk.casey, desk.root):
        desk.browser(who).post(desk.edit, desk.form("Something else altogether."))
    desk.answer.refresh_from_db()
    assert desk.answer.latest_revision_id == revision


def test_a_live_revision_is_not_rewritten_in_place(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    live = desk.answer.live_revision
    desk.browser(desk.erin).post(
        desk.edit, desk.form("Eat what you like.") | {"overwrite_revision_id": str(live.pk)}
    )
    live.refresh_from_db()
    assert live.content["text"] == NEW
    publishing.put_in_force("again")
    assert desk.served(ANSWER)["text"] == NEW


def test_a_revision_altered_in_the_database_changes_nothing_that_is_served(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    Revision.objects.all().update(content={"text": "Eat what you like."})
    Answer.objects.update(text="Eat what you like.")
    publishing.put_in_force("again")
    assert desk.served(ANSWER)["text"] == NEW


@pytest.mark.parametrize("table", ["approvedversion", "withdrawal", "builtrelease"])
@pytest.mark.parametrize("verb", ["UPDATE answers_{} SET id = id", "DELETE FROM answers_{}"])
def test_the_database_refuses_to_alter_the_record(desk: Desk, table: str, verb: str) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    desk.withdraw(desk.casey, "wrong")
    with (
        pytest.raises(DatabaseError, match="only added to"),
        transaction.atomic(),
        connection.cursor() as cursor,
    ):
        cursor.execute(verb.format(table))
    for row in (ApprovedVersion.objects.get(), Withdrawal.objects.get()):
        with pytest.raises(AppendOnly):
            row.save()
        with pytest.raises(AppendOnly):
            row.delete()


def test_an_approval_altered_past_the_triggers_drops_out(desk: Desk, unprotected: None) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    version = ApprovedVersion.objects.get()
    ApprovedVersion.objects.update(content={**version.content, "text": "Eat what you like."})
    publishing.put_in_force("again")
    assert desk.served(ANSWER) is None


def test_casey_asks_for_changes_and_erin_reads_why(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    assert "Say what has to change" in desk.post(desk.casey, desk.decision("return") | {"reason": " "})
    desk.post(desk.casey, desk.decision("return") | {"reason": "Say who to call."})
    assert "Say who to call." in desk.open(desk.erin, f"/admin/record/{desk.answer.pk}/")
    desk.erin_writes(NEW + " Call the clinic.")
    desk.erin_hands_in()
    desk.casey_approves()
    assert desk.served(ANSWER)["text"].endswith("Call the clinic.")


@pytest.mark.parametrize("who", ["erin", "sam", "outsider", "root"])
def test_only_clinicians_ask_for_changes(desk: Desk, who: str) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.post(getattr(desk, who), desk.decision("return") | {"reason": "no"})
    assert desk.answer.workflow_in_progress


def test_erin_takes_back_what_she_handed_in_and_others_do_not(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    for who in (desk.casey, desk.sam, desk.outsider, desk.root):
        desk.post(who, desk.decision("take-back"))
        assert desk.answer.workflow_in_progress
    desk.post(desk.erin, desk.decision("take-back"))
    assert not desk.answer.workflow_in_progress


def test_casey_withdraws_at_once_and_gives_a_reason(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    assert "Say why" in desk.withdraw(desk.casey, "  ")
    assert desk.served(ANSWER)
    desk.withdraw(desk.casey, "The protocol changed.")
    assert desk.served(ANSWER) is None
    assert "The protocol changed." in desk.open(desk.erin, f"/admin/record/{desk.answer.pk}/")


@pytest.mark.parametrize("who", ["erin", "sam", "outsider", "root"])
def test_only_clinicians_withdraw(desk: Desk, who: str) -> None:
    desk.withdraw(getattr(desk, who), "because")
    assert not Withdrawal.objects.exists() and desk.served(ANSWER)


def test_a_sample_can_be_withdrawn_and_stays_away(desk: Desk) -> None:
    desk.withdraw(desk.casey, "Not for our patients.")
    assert desk.served(ANSWER) is None
    publishing.put_in_force("again")
    assert desk.served(ANSWER) is None


def test_a_withdrawn_answer_comes_back_by_a_new_approval_only(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    revision = desk.answer.live_revision
    desk.withdraw(desk.casey, "The protocol changed.")
    for who in (desk.erin, desk.root):
        with pytest.raises(PermissionDenied):
            revision.publish(user=who)
        desk.browser(who).post(desk.edit, desk.form(NEW) | {"action-publish": "1"})
    publishing.put_in_force("again")
    assert desk.served(ANSWER) is None
    desk.answer.get_latest_revision_as_object().save_revision(user=desk.erin)
    desk.erin_hands_in()
    desk.casey_approves()
    assert desk.served(ANSWER)["text"] == NEW


@pytest.mark.parametrize("key", ["crisis.1", "emergency.1", "greeting", "fallback.1"])
def test_a_message_of_the_assistant_cannot_be_withdrawn(desk: Desk, key: str) -> None:
    answer = Answer.objects.get(key=key)
    got = desk.withdraw(desk.casey, "I do not like it.", answer)
    assert "cannot be withdrawn" in got and desk.served(key)


def test_nobody_deletes_or_unpublishes_what_was_approved(desk: Desk) -> None:
    desk.erin_writes(NEW)
    desk.erin_hands_in()
    desk.casey_approves()
    for who in (desk.erin, desk.casey, desk.root):
        for what in ("delete", "unpublish"):
            desk.browser(who).post(f"/admin/answers/{what}/{desk.answer.pk}/")
    assert Answer.objects.get(key=ANSWER).live and desk.served(ANSWER)["text"] == NEW


def test_the_starter_catalogue_is_there_as_drafts_and_coming_again_changes_nothing(desk: Desk) -> None:
    assert set(Answer.objects.values_list("live", flat=True)) == {False}
    assert services.starter_import() == (0, 0)
    desk.erin_writes(NEW)
    assert services.starter_import() == (0, 0), "what Erin has worked on stays as it is"


def test_starter_texts_are_read_section_by_section(desk: Desk) -> None:
    desk.browser(desk.erin).post("/admin/review/hand-in/", {"section": "preparation"})
    assert desk.answer.workflow_in_progress
    assert "may decide" in desk.open(desk.casey, "/admin/review/")
    desk.casey_approves()
    assert desk.served(ANSWER)["approver"] == "Casey"
    assert ApprovedVersion.objects.get().written_by == []
