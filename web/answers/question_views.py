"""The page of unanswered questions, and the one step from there: a phrasing of an answer that exists, or a new answer."""

from __future__ import annotations

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from web.answers import questions, reading, services
from web.answers.models import Answer
from web.answers.snapshot import lines
from web.clinic.roles import CLINICIANS, DESK_USERS, EDITORS, role_required, roles

ON_A_PAGE = 20
EDIT = "wagtailsnippets_answers_answer:edit"

desk = role_required(DESK_USERS)
writers = role_required(frozenset({EDITORS, CLINICIANS}))


@desk
@require_safe
def unanswered(request: HttpRequest) -> HttpResponse:
    """Groups of like questions, most asked first."""
    page = Paginator(questions.unanswered(), ON_A_PAGE).get_page(request.GET.get("page"))
    context = {
        "page": page,
        "days": questions.LAST_DAYS,
        "sections": reading.sections(),
        "answers": Answer.objects.filter(kind="answer").order_by("title").values_list("key", "title"),
        "may_write": bool(roles(request.user) & {EDITORS, CLINICIANS}),
    }
    return render(request, "answers/questions.html", context)


@require_POST
@writers
def add_phrasings(request: HttpRequest) -> HttpResponse:
    """Write the chosen questions into an answer's draft."""
    chosen = _chosen(request)
    answer = Answer.objects.filter(kind="answer", key=request.POST.get("answer", "").strip()).first()
    if answer is None or not chosen:
        messages.error(request, "Choose an answer from the list, and at least one question.")
        return redirect("answers_questions")
    try:
        added = services.phrasings_add(answer=answer, phrasings=chosen, by=request.user)  # type: ignore[arg-type]
    except services.Refused as e:
        messages.error(request, str(e))
        return redirect("answers_questions")
    messages.success(
        request, f"{added} phrasings were added to the draft of “{answer}”. Hand it in when you are done."
    )
    return redirect(reverse(EDIT, args=[answer.pk]))


@require_POST
@writers
def new_answer(request: HttpRequest) -> HttpResponse:
    """A new draft with the chosen questions as its phrasings."""
    chosen = _chosen(request)
    if not chosen or request.POST.get("section") not in reading.sections():
        messages.error(request, "Choose a section, and at least one question.")
        return redirect("answers_questions")
    title = request.POST.get("title", "").strip() or chosen[0]
    try:
        answer = services.answer_start(
            title=title,
            section=request.POST["section"],
            phrasings=chosen,
            by=request.user,  # type: ignore[arg-type]
        )
    except ValidationError:
        messages.error(
            request,
            "There is an answer under that title already. Give another title, or add the questions to it.",
        )
        return redirect("answers_questions")
    messages.success(request, "A draft was made. Write the answer, name its sources, and hand it in.")
    return redirect(reverse(EDIT, args=[answer.pk]))


def _chosen(request: HttpRequest) -> list[str]:
    return lines("\n".join(one.replace("\n", " ") for one in request.POST.getlist("phrasing")))
