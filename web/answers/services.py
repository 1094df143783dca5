"""Writes on the desk. Each is one transaction; a release is built after it, from the record alone."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable

from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.utils import timezone
from wagtail.log_actions import log
from wagtail.models import Revision, WorkflowState

from companion.release import text_hash
from web.answers import publishing, reading, selectors
from web.answers.checks import errors, findings
from web.answers.models import Answer, ApprovedVersion, BuiltRelease, Withdrawal
from web.answers.snapshot import Snapshot, lines, of_item, snapshot_hash, to_fields
from web.clinic.roles import CLINICIANS, roles

ATTESTATION = (
    "I am a clinician of this clinic. I have read the text above as patients will see it, with its phrasings and sources. "
    "It is right for our patients, and I wrote none of it."
)
PUT_BACK = (
    "I am a clinician of this clinic. I have read what changes, and wrote none of it. "
    "These texts are right for our patients today."
)
REVIEW_EVERY = dt.timedelta(days=365)


class Refused(Exception):
    """Not done, and nothing changed. The words say why and what to do."""


@transaction.atomic
def answers_import(snapshots: Iterable[Snapshot], *, by: User | None) -> tuple[int, int]:
    """Put texts on the desk as drafts, never live: (new ones, changed ones). A text that says the same is left alone.

    `by` is who answers for having written them; None for the starter catalogue. Raises Refused for one that is in review.
    """
    wanted = {snapshot["key"]: snapshot for snapshot in snapshots}
    known = {answer.key: answer for answer in Answer.objects.select_related("latest_revision")}
    fresh = [
        Answer(**to_fields(wanted[key]), live=False, has_unpublished_changes=True)
        for key in wanted
        if key not in known
    ]
    Answer.objects.bulk_create(fresh, batch_size=500)
    _revise(list(Answer.objects.filter(key__in=[answer.key for answer in fresh]).iterator()), by)
    changed = []
    for key in wanted.keys() & known.keys():
        answer = known[key].get_latest_revision_as_object()
        if answer.snapshot == wanted[key]:
            continue
        if answer.workflow_in_progress:
            raise Refused(f"{key} is in review; decide on it or take it back first, then import again")
        for name, value in to_fields(wanted[key]).items():
            setattr(answer, name, value)
        answer.save_revision(user=by, log_action=True, clean=False)
        changed.append(key)
    return len(fresh), len(changed)


def _revise(answers: list[Answer], by: User | None) -> None:
    """The first revision of many answers at once: one by one it takes a minute for thousands."""
    if not answers:
        return
    kind, now = ContentType.objects.get_for_model(Answer), timezone.now()
    for answer in answers:
        answer.latest_revision = None
    Revision.objects.bulk_create(
        [
            Revision(
                content_type=kind,
                base_content_type=kind,
                object_id=str(answer.pk),
                user=by,
                created_at=now,
                object_str=str(answer),
                content=answer.serializable_data(),
            )
            for answer in answers
        ],
        batch_size=500,
    )
    made = Revision.objects.filter(
        base_content_type=kind, object_id__in=[str(answer.pk) for answer in answers]
    )
    by_answer = {one.object_id: one for one in made.only("pk", "object_id").order_by("pk")}
    for answer in answers:
        answer.latest_revision = by_answer[str(answer.pk)]
    Answer.objects.bulk_update(answers, ["latest_revision"], batch_size=500)


def starter_import() -> tuple[int, int]:
    """Bring the starter catalogue onto the desk. What people of the clinic have touched or approved stays as it is."""
    kind = ContentType.objects.get_for_model(Answer)
    touched = set(
        Revision.objects.filter(base_content_type=kind).exclude(user=None).values_list("object_id", flat=True)
    )
    touched |= set(WorkflowState.objects.filter(base_content_type=kind).values_list("object_id", flat=True))
    known = dict(Answer.objects.values_list("pk", "key"))
    kept = {key for pk, key in known.items() if str(pk) in touched} | selectors.approved_keys()
    return answers_import(
        (of_item(item) for key, item in reading.starter().items.items() if key not in kept), by=None
    )


@transaction.atomic
def answer_submit(*, answer: Answer, by: User) -> WorkflowState:
    """Hand in the draft as it is for review. Raises Refused while it has an error, or is in review already."""
    if answer.workflow_in_progress:
        raise Refused(f"{answer.key} is in review already")
    draft = answer.get_latest_revision_as_object()
    if wrong := errors(findings(draft.snapshot)):
        raise Refused(f"{answer.key} {wrong[0].what}")
    workflow = answer.get_workflow()
    if state := answer.current_workflow_state:
        return state.resume(user=by) or state
    return workflow.start(answer, by)


@transaction.atomic
def answer_approve(
    *, answer: Answer, revision: int, digest: str, attested: bool, by: User
) -> ApprovedVersion:
    """Put a text in force: the very one that was read, by a clinician who wrote none of it. Raises Refused."""
    answer = Answer.objects.select_for_update().get(pk=answer.pk)
    task = answer.current_workflow_task_state
    _must_be_clinician(by)
    if task is None:
        raise Refused("This text is not in review. Somebody has decided on it or taken it back.")
    written = task.revision
    draft = written.as_object()
    if (
        written.pk != revision
        or answer.latest_revision_id != revision
        or snapshot_hash(draft.snapshot) != digest
    ):
        raise Refused("The text was changed after you opened it. Read it again.")
    wrote = selectors.writers(answer, written)
    if by.pk in {user.pk for user in wrote}:
        raise Refused("You wrote part of this text. Somebody else in Clinicians has to approve it.")
    if not attested:
        raise Refused("Confirm the statement before you approve.")
    if wrong := errors(findings(draft.snapshot)):
        raise Refused(f"The text {wrong[0].what}")
    version = _approved(answer, draft.snapshot, written, wrote, by, ATTESTATION)
    task.approve(user=by)
    _log(answer, "answers.approve", by, {"version": version.number})
    _rebuild(f"“{version.content['title']}” was approved", by)
    return version


@transaction.atomic
def answer_return(*, answer: Answer, revision: int, reason: str, by: User) -> None:
    """Ask for changes, with a reason that the writer reads. Raises Refused."""
    _must_be_clinician(by)
    task = answer.current_workflow_task_state
    if task is None or task.revision_id != revision:
        raise Refused("This text is not in review any more, or was changed. Read it again.")
    if not reason.strip():
        raise Refused("Say what has to change, so that the writer can act on it.")
    task.reject(user=by, comment=reason.strip())


@transaction.atomic
def answer_take_back(*, answer: Answer, by: User) -> None:
    """Take a text out of review, to go on writing. Whoever handed it in may, and whoever wrote any of it. Raises Refused."""
    state = answer.current_workflow_state
    task = answer.current_workflow_task_state
    if state is None or task is None:
        raise Refused("This text is not in review.")
    wrote = {user.pk for user in selectors.writers(answer, task.revision)}
    if by.pk not in wrote | {state.requested_by_id}:
        raise Refused("Only who wrote it or handed it in can take it back. You can ask for changes instead.")
    state.cancel(user=by)


@transaction.atomic
def answer_withdraw(*, answer: Answer, reason: str, by: User) -> Withdrawal:
    """Take an answer out of force now. One clinician is enough to be silent; it takes two people to speak. Raises Refused.

    The assistant's own messages (crisis cards among them) cannot be withdrawn, only replaced.
    """
    answer = Answer.objects.select_for_update().get(pk=answer.pk)
    _must_be_clinician(by)
    if answer.kind != "answer":
        raise Refused(
            "A message of the assistant cannot be withdrawn: it would leave patients without it. Replace it."
        )
    if not reason.strip():
        raise Refused("Say why; the reason is kept.")
    version = selectors.version_in_force(answer)
    sample = version is None and not answer.versions.exists() and answer.key in reading.starter().items
    if not (version or sample) or (sample and answer.withdrawals.exists()):
        raise Refused("This answer is not in force.")
    made = Withdrawal.objects.create(
        answer=answer, version=version, by=by, at=timezone.now(), reason=reason.strip()
    )
    if answer.live:
        answer.unpublish()
    _log(answer, "answers.withdraw", by, {"reason": reason.strip()})
    _rebuild(f"“{answer.title}” was withdrawn", by)
    return made


@transaction.atomic
def phrasings_add(*, answer: Answer, phrasings: list[str], by: User) -> int:
    """Write questions of patients into an answer's draft. Returns how many were new. Raises Refused while it is in review."""
    if answer.workflow_in_progress:
        raise Refused(f"{answer.key} is in review. Decide on it or take it back first.")
    draft = answer.get_latest_revision_as_object()
    before = lines(draft.phrasings)
    known = {one.lower() for one in before}
    new = [one for one in phrasings if one.lower() not in known]
    if new:
        draft.phrasings = "\n".join([*before, *new])
        draft.save_revision(user=by, log_action=True, clean=False)
    return len(new)


@transaction.atomic
def answer_start(*, title: str, section: str, phrasings: list[str], by: User) -> Answer:
    """A new draft for questions that have no answer yet. Raises ValidationError for a section that is none."""
    answer = Answer(
        title=title[:60],
        section=section,
        phrasings="\n".join(phrasings),
        live=False,
        has_unpublished_changes=True,
    )
    answer.review_by = timezone.localdate() + REVIEW_EVERY
    answer.full_clean(exclude=["text"])
    answer.save()
    answer.save_revision(user=by, log_action="wagtail.create", clean=False)
    return answer


@transaction.atomic
def release_put_back(*, built: BuiltRelease, attested: bool, by: User) -> int:
    """Approve again what an earlier release held. Returns how many texts that changed. Raises Refused.

    The record stays append-only: each text gets a new approval by `by`, who wrote none of them. What was withdrawn since, or
    has passed its date, stays away; what the earlier release did not hold is withdrawn.
    """
    _must_be_clinician(by)
    if not attested:
        raise Refused("Confirm the statement before you put it back.")
    add, drop, _ = put_back_plan(built)
    for version in add:
        if by.pk in {one["id"] for one in version.written_by}:
            raise Refused(
                f"You wrote part of “{version.content['title']}”. Somebody else in Clinicians has to put it back."
            )
    for version in add:
        answer = version.answer
        if answer.workflow_in_progress:
            raise Refused(f"“{answer.title}” is in review. Decide on it first.")
        draft = answer.get_latest_revision_as_object()
        for name, value in to_fields(version.content).items():
            setattr(draft, name, value)
        revision = draft.save_revision(clean=False)
        writers = list(User.objects.filter(pk__in=[one["id"] for one in version.written_by]))
        _approved(answer, version.content, revision, writers, by, PUT_BACK)
        revision.publish(user=by)
        _log(answer, "answers.approve", by, {"version": version.number, "release": built.number})
    for version in drop:
        Withdrawal.objects.create(
            answer=version.answer,
            version=version,
            by=by,
            at=timezone.now(),
            reason=f"Release {built.number} was put back.",
        )
        if version.answer.live:
            version.answer.unpublish()
    _rebuild(f"release {built.number} was put back", by)
    return len(add) + len(drop)


def put_back_plan(
    built: BuiltRelease,
) -> tuple[list[ApprovedVersion], list[ApprovedVersion], list[ApprovedVersion]]:
    """What putting a release back would mean: (approve again, withdraw, cannot come back)."""
    today = timezone.localdate()
    now = {version.answer_id: version for version in selectors.in_force(today)}
    then = {
        version.answer_id: version
        for version in ApprovedVersion.objects.filter(pk__in=built.versions).select_related("answer")
    }
    withdrawn = set(Withdrawal.objects.filter(version__in=then.values()).values_list("version", flat=True))
    add: list[ApprovedVersion] = []
    away: list[ApprovedVersion] = []
    for answer, version in then.items():
        if answer in now and now[answer].digest == version.digest:
            continue
        late = (
            version.review_by is not None
            and version.review_by < today
            and version.content["kind"] == "answer"
        )
        (away if version.pk in withdrawn or late or not version.whole else add).append(version)
    drop = [
        version
        for answer, version in now.items()
        if answer not in then and version.content["kind"] == "answer"
    ]
    return add, drop, away


def _approved(
    answer: Answer, snapshot: Snapshot, revision: Revision, wrote: list[User], by: User, attested: str
) -> ApprovedVersion:
    newest = answer.newest_version()
    return ApprovedVersion.objects.create(
        answer=answer,
        number=newest.number + 1 if newest else 1,
        content=snapshot,
        digest=snapshot_hash(snapshot),
        text_hash=text_hash(snapshot["text"]),
        read_text=reading.filled(snapshot["text"], snapshot["language"]),
        written_by=[{"id": user.pk, "name": selectors.name_of(user)} for user in wrote],
        approver=by,
        approver_name=selectors.name_of(by),
        approved_at=timezone.now(),
        attested=attested,
        revision=revision.pk,
        review_by=snapshot["review_by"] and dt.date.fromisoformat(snapshot["review_by"]),
    )


def _must_be_clinician(user: User) -> None:
    """Raises Refused. A superuser is not by that a clinician."""
    if CLINICIANS not in roles(user):
        raise Refused("Only somebody in Clinicians decides what patients are told.")


def _log(answer: Answer, action: str, by: User, data: dict[str, object]) -> None:
    log(instance=answer, action=action, user=by, data=data, content_changed=False)


def _rebuild(cause: str, by: User) -> None:
    """After the commit: a release must never hold what the database then rolls back. What fails is made up for every minute."""

    def build() -> None:
        publishing.put_in_force(cause, by)

    transaction.on_commit(build, robust=True)
