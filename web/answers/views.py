"""The desk's own pages about one text: the queue, the review, the record with "withdraw now", and lint for the editing form."""

from __future__ import annotations

import datetime as dt
from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from web.answers import checks, difference, publishing, reading, selectors, services
from web.answers.models import Answer
from web.answers.snapshot import Snapshot, lines, snapshot_hash
from web.chat import wording
from web.clinic.roles import CLINICIANS, DESK_USERS, EDITORS, role_required, roles

ON_A_PAGE = 25

desk = role_required(DESK_USERS)
writers_only = role_required(frozenset({EDITORS, CLINICIANS}))
clinicians = role_required(frozenset({CLINICIANS}))


@desk
@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The desk begins with what waits; Wagtail's own start page is about pages, of which there are none."""
    return redirect("answers_queue")


@desk
@require_safe
def queue(request: HttpRequest) -> HttpResponse:
    """What waits for a clinician, and how far each section is."""
    page = Paginator(selectors.waiting(), ON_A_PAGE).get_page(request.GET.get("page"))
    for row in page.object_list:
        answer = row["answer"]
        wrote = selectors.writers(answer, answer.latest_revision) if answer.latest_revision else []
        row["writers"] = ", ".join(map(selectors.name_of, wrote)) or "starter catalogue"
        row["mine"] = request.user.pk in {user.pk for user in wrote}
    context = {
        "page": page,
        "sections": selectors.progress(dt.date.today()),
        "may_decide": CLINICIANS in roles(request.user),
        "may_write": bool(roles(request.user) & {EDITORS, CLINICIANS}),
    }
    return render(request, "answers/queue.html", context)


@writers_only
@require_POST
def submit_section(request: HttpRequest) -> HttpResponse:
    """Hand in every draft of a section that was never approved."""
    name, handed, refused = request.POST.get("section", ""), 0, []
    for answer in selectors.never_approved(name):
        try:
            services.answer_submit(answer=answer, by=request.user)  # type: ignore[arg-type]
        except services.Refused as e:
            refused.append(str(e))
        else:
            handed += 1
    messages.success(request, f"{handed} texts were handed in for review.")
    for words in refused[:5]:
        messages.warning(request, words)
    return redirect("answers_queue")


@desk
@require_safe
def review(request: HttpRequest, pk: int) -> HttpResponse:
    """One text as patients will see it, what would change, and the decision."""
    answer = get_object_or_404(Answer, pk=pk)
    task = answer.current_workflow_task_state
    if task is None:
        messages.info(request, "This text is not in review. Its record is below.")
        return redirect("answers_record", pk=pk)
    draft = task.revision.as_object().snapshot
    wrote = selectors.writers(answer, task.revision)
    found = checks.findings(draft)
    mine = request.user.pk in {user.pk for user in wrote}
    context = {
        "answer": answer,
        "draft": draft,
        "shown": reading.as_patients_see(draft),
        "related": _titles(draft["related"]),
        "section_title": reading.sections().get(draft["section"] or "", "The assistant's own messages"),
        "revision": task.revision_id,
        "digest": snapshot_hash(draft),
        "writers": ", ".join(map(selectors.name_of, wrote)) or selectors.name_of(None),
        "asked_by": task.workflow_state.requested_by,
        "errors": checks.errors(found),
        "warnings": [one for one in found if not one.error],
        "attestation": services.ATTESTATION,
        "mine": mine,
        "may_decide": CLINICIANS in roles(request.user),
        "may_take_back": mine or task.workflow_state.requested_by_id == request.user.pk,
        **_compared(answer, draft),
    }
    return render(request, "answers/review.html", context)


@require_POST
@desk
def decide(request: HttpRequest, pk: int) -> HttpResponse:
    """Approve, ask for changes, or take back. What is refused says why and loses nothing that was written."""
    answer = get_object_or_404(Answer, pk=pk)
    by, decision = request.user, request.POST.get("decision", "")
    revision = int(request.POST["revision"]) if request.POST.get("revision", "").isdigit() else 0
    try:
        if decision == "approve":
            services.answer_approve(
                answer=answer,
                revision=revision,
                digest=request.POST.get("digest", ""),
                attested=request.POST.get("attest") == "yes",
                by=by,  # type: ignore[arg-type]
            )
            _say_in_force(request, answer)
        elif decision == "return":
            reason = request.POST.get("reason", "")
            services.answer_return(answer=answer, revision=revision, reason=reason, by=by)  # type: ignore[arg-type]
            messages.success(request, "Changes were asked for. The writer sees your reason beside the text.")
        elif decision == "take-back":
            services.answer_take_back(answer=answer, by=by)  # type: ignore[arg-type]
            messages.success(request, "Taken out of review. You can go on writing.")
        else:
            raise PermissionDenied
    except services.Refused as e:
        messages.error(request, str(e))
        return redirect("answers_review", pk=pk)
    return redirect("answers_queue")


@desk
@require_safe
def record(request: HttpRequest, pk: int) -> HttpResponse:
    """Every approval and withdrawal of one text; the brake."""
    answer = get_object_or_404(Answer, pk=pk)
    versions = list(answer.versions.select_related("approver").prefetch_related("withdrawals"))
    pairs = zip(versions, [*versions[1:], None])
    state = answer.current_workflow_state
    context = {
        "answer": answer,
        "in_force": selectors.version_in_force(answer),
        "served": (wording.current() and wording.current().items.get(answer.key)),  # type: ignore[union-attr]
        "versions": [
            (version, difference.words(before.read_text if before else "", version.read_text))
            for version, before in pairs
        ],
        "withdrawals": answer.withdrawals.select_related("by", "version"),
        "may_withdraw": CLINICIANS in roles(request.user) and answer.kind == "answer",
        "returned": state.current_task_state
        if state and state.status == state.STATUS_NEEDS_CHANGES
        else None,
        "numbers": selectors.use_by_month(answer.key),
    }
    return render(request, "answers/record.html", context)


@require_POST
@clinicians
def withdraw(request: HttpRequest, pk: int) -> HttpResponse:
    """Out of force now, with a reason."""
    answer = get_object_or_404(Answer, pk=pk)
    try:
        services.answer_withdraw(answer=answer, reason=request.POST.get("reason", ""), by=request.user)  # type: ignore[arg-type]
    except services.Refused as e:
        messages.error(request, str(e))
    else:
        messages.success(request, f"“{answer}” was withdrawn. Patients are no longer given it.")
    return redirect("answers_record", pk=pk)


@require_POST
@writers_only
def lint(request: HttpRequest) -> JsonResponse:
    """What lint says of the form as it is being typed: {errors, warnings, seen}. Nothing is stored."""
    pk = request.POST.get("pk", "")
    answer = get_object_or_404(Answer, pk=int(pk)) if pk.isdigit() else Answer()
    draft = (
        answer.get_latest_revision_as_object() if answer.pk and answer.latest_revision_id else answer
    ).snapshot
    draft = draft | _typed(request, new=not answer.pk)
    if draft["kind"] == "answer" and not draft["key"]:
        draft["key"] = f"{draft['section'] or 'new'}/new"
    found = checks.findings(draft)
    return JsonResponse(
        {
            "errors": [one.what for one in checks.errors(found)],
            "warnings": [one.what for one in found if not one.error],
        }
    )


def _typed(request: HttpRequest, *, new: bool) -> Snapshot:
    """The fields of the form that a snapshot has."""
    given = request.POST
    typed: Snapshot = {name: given[name].strip() for name in ("title", "text") if name in given}
    typed |= {name: lines(given[name]) for name in ("phrasings", "sources", "related") if name in given}
    if new:
        typed |= {name: given[name].strip() for name in ("section", "language", "key") if name in given}
    if "review_by" in given:
        try:
            typed["review_by"] = dt.date.fromisoformat(given["review_by"].strip()).isoformat()
        except ValueError:
            typed["review_by"] = None
    return typed


def _compared(answer: Answer, draft: Snapshot) -> dict[str, Any]:
    """The draft beside what patients are given now: the approval in force, or the sample."""
    live = selectors.version_in_force(answer)
    now = live.content if live else None
    release = wording.current()
    item = release.get(answer.key) if release else None
    if now is None and item:
        now = {
            **draft,
            **{name: item[name] for name in ("title", "phrasings", "sources", "related")},
            "text": None,
        }
    before = (
        (now["text"] and reading.filled(now["text"], draft["language"])) or (item["text"] if item else "")
        if now
        else ""
    )
    after = reading.filled(draft["text"], draft["language"])
    return {
        "live": live,
        "live_sample": live is None and item is not None,
        "text_pieces": difference.words(before, after),
        "title_pieces": difference.words(now["title"] if now else "", draft["title"]),
        "phrasing_pieces": difference.members(now["phrasings"] if now else [], draft["phrasings"]),
        "source_pieces": difference.members(now["sources"] if now else [], draft["sources"]),
        "same_text": bool(now) and before == after,
    }


def _titles(keys: list[str]) -> list[tuple[str, str]]:
    known = dict(Answer.objects.filter(key__in=keys).values_list("key", "title"))
    return [(key, known.get(key, "no such answer")) for key in keys]


def _say_in_force(request: HttpRequest, answer: Answer) -> None:
    if publishing.behind(dt.date.today()):
        messages.warning(
            request,
            f"“{answer}” is approved. Its release could not be built just now; that is tried again every minute.",
        )
    else:
        messages.success(request, f"“{answer}” is approved and in force.")
