"""Reads of the record and of the desk: what is in force, who wrote, what waits, what is due."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import TruncMonth
from wagtail.models import Revision, TaskState, WorkflowState

from web.answers import reading
from web.answers.models import Answer, ApprovedVersion, Withdrawal
from web.answers.snapshot import snapshot_hash
from web.chat.models import Message


def newest_versions() -> QuerySet[ApprovedVersion]:
    """The last approval of every text, whether or not it may still be served."""
    newest = ApprovedVersion.objects.order_by().values("answer").annotate(newest=Max("pk")).values("newest")
    return ApprovedVersion.objects.filter(pk__in=newest).order_by("answer__key")


def standing(today: dt.date) -> QuerySet[ApprovedVersion]:
    """The newest approval of each text, unless it was withdrawn or is past its date. (A message has none.)"""
    in_time = Q(review_by=None) | Q(review_by__gte=today) | ~Q(answer__kind="answer")
    return newest_versions().filter(in_time, withdrawals=None)


def in_force(today: dt.date) -> list[ApprovedVersion]:
    """The approvals that releases are built from: those that stand, and are whole."""
    return [row for row in standing(today).defer("read_text", "attested", "written_by") if row.whole]


def ever_decided() -> bool:
    """Whether anybody of the clinic has approved or withdrawn anything: from then on the desk builds the releases."""
    return ApprovedVersion.objects.exists() or Withdrawal.objects.exists()


def withdrawn_keys() -> set[str]:
    """Texts whose last word is a withdrawal: no sample may take their place."""
    last = Withdrawal.objects.order_by().values("answer").annotate(last=Max("at"))
    approved = dict(
        ApprovedVersion.objects.order_by().values_list("answer").annotate(last=Max("approved_at"))
    )
    gone = [
        row["answer"]
        for row in last
        if row["answer"] not in approved or row["last"] > approved[row["answer"]]
    ]
    return set(Answer.objects.filter(pk__in=gone).values_list("key", flat=True))


def approved_keys() -> set[str]:
    """Texts that were ever approved: the starter sample has had its day."""
    return set(Answer.objects.filter(versions__isnull=False).values_list("key", flat=True).distinct())


def version_in_force(answer: Answer, today: dt.date | None = None) -> ApprovedVersion | None:
    """The approval of this text that is served; None when there is none."""
    newest = answer.newest_version()
    if newest is None or newest.withdrawals.exists() or not newest.whole:
        return None
    if answer.kind == "answer" and newest.review_by and newest.review_by < (today or dt.date.today()):
        return None
    return newest


def writers(answer: Answer, revision: Revision) -> list[User]:
    """Everybody who wrote any of it: since the last approval, and whoever has written the very same text before.

    The second half is for a text that was put back from the history by somebody else.
    """
    newest = answer.newest_version()
    revisions = answer.revisions.order_by("pk").select_related("user")
    digest = snapshot_hash(revision.as_object().snapshot)
    since = newest.revision if newest else 0
    ids = {
        one.user_id
        for one in revisions
        if one.user_id and (one.pk > since or snapshot_hash(one.as_object().snapshot) == digest)
    }
    return list(User.objects.filter(pk__in=ids).order_by("pk"))


def waiting() -> list[dict[str, Any]]:
    """The reviews that are open, the longest waiting first: {answer, state, since, by}."""
    states = (
        TaskState.objects.filter(
            status=TaskState.STATUS_IN_PROGRESS,
            workflow_state__status=WorkflowState.STATUS_IN_PROGRESS,
            workflow_state__base_content_type=ContentType.objects.get_for_model(Answer),
        )
        .select_related("workflow_state__requested_by")
        .order_by("started_at", "pk")
    )
    rows = list(states)
    ids = [int(state.workflow_state.object_id) for state in rows]
    answers = {
        answer.pk: answer for answer in Answer.objects.filter(pk__in=ids).select_related("latest_revision")
    }
    return [
        {
            "answer": answers[int(state.workflow_state.object_id)],
            "since": state.started_at,
            "by": state.workflow_state.requested_by,
        }
        for state in rows
        if int(state.workflow_state.object_id) in answers
    ]


def due(today: dt.date, within: int) -> list[ApprovedVersion]:
    """Approvals that run out within so many days, or have run out, soonest first."""
    until = today + dt.timedelta(days=within)
    return list(
        newest_versions()
        .filter(withdrawals=None, answer__kind="answer", review_by__lte=until)
        .select_related("answer")
        .order_by("review_by")
    )


def name_of(user: User | None) -> str:
    return (user.get_full_name() or user.get_username()) if user else "the starter catalogue"


def never_approved(section: str) -> list[Answer]:
    """The texts of a section (empty: the assistant's own messages) that wait for their first review."""
    rows = Answer.objects.filter(versions=None, section=section)
    rows = rows.filter(kind="answer") if section else rows.exclude(kind="answer")
    busy = {row["answer"].pk for row in waiting()}
    return [answer for answer in rows.order_by("key") if answer.pk not in busy]


def progress(today: dt.date) -> list[dict[str, Any]]:
    """How far each section is: {section, title, all, approved, waiting, left}."""
    in_review = {row["answer"].pk for row in waiting()}
    stand = set(standing(today).values_list("answer", flat=True))
    counts: dict[str, dict[str, int]] = {}
    for pk, section, kind in Answer.objects.order_by().values_list("pk", "section", "kind"):
        row = counts.setdefault(
            section if kind == "answer" else "", {"all": 0, "approved": 0, "waiting": 0, "left": 0}
        )
        row["all"] += 1
        row["approved"] += pk in stand
        row["waiting"] += pk in in_review
        row["left"] += pk not in stand and pk not in in_review
    titles = {**reading.sections(), "": "The assistant's own messages"}
    return [
        {"section": name, "title": title, **counts[name]} for name, title in titles.items() if name in counts
    ]


def use_by_month(key: str) -> list[dict[str, Any]]:
    """How often an answer was given, and what patients said of it: {month, asked, helpful, unhelpful}, newest first."""
    bare = key.removeprefix("es:")
    rows = (
        Message.objects.filter(outcome="answer", replies__0__key__in=[bare, f"es:{bare}"])
        .annotate(month=TruncMonth("received_at"))
        .values("month")
        .annotate(
            asked=Count("pk"),
            helpful=Count("pk", filter=Q(feedback__helpful=True)),
            unhelpful=Count("pk", filter=Q(feedback__helpful=False)),
        )
        .order_by("-month")
    )
    return [dict(row) for row in rows[:12]]
