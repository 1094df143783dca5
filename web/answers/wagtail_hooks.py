"""The editors' desk inside Wagtail: the list of answers with its editing form, our own pages, and the menu."""

from __future__ import annotations

import datetime as dt
from typing import Any

import django_filters
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.templatetags.static import static
from django.urls import path, reverse
from django.utils.html import format_html
from wagtail import hooks
from wagtail.admin.filters import WagtailFilterSet
from wagtail.admin.menu import MenuItem
from wagtail.admin.panels import FieldPanel, HelpPanel, MultiFieldPanel, ObjectList
from wagtail.admin.ui.tables import Column, LiveStatusTagColumn, UpdatedAtColumn
from wagtail.snippets.models import register_snippet
from wagtail.snippets.views.snippets import SnippetViewSet, UnpublishView

from web.answers import exchange_views, question_views, release_views, selectors, views
from web.answers.forms import section_choices
from web.answers.models import Answer
from web.chat import wording
from web.clinic.roles import DESK_USERS, role_required, roles

DUE_WITHIN_DAYS = 30
KINDS = (("answer", "Answers"), ("own", "The assistant's own messages"))


class AnswerFilters(WagtailFilterSet):
    what = django_filters.ChoiceFilter(
        choices=KINDS, method="of_kind", label="What", empty_label="Everything"
    )
    section = django_filters.ChoiceFilter(
        choices=section_choices, label="Section", empty_label="All sections"
    )

    class Meta:
        model = Answer
        fields = ["section", "language"]

    def of_kind(self, rows: Any, _name: str, value: str) -> Any:
        return rows.filter(kind="answer") if value == "answer" else rows.exclude(kind="answer")


class ToTheRecord(UnpublishView):
    """Wagtail's own would take the mark of being live away from what patients still get."""

    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        return redirect("answers_record", pk=kwargs["pk"])


class AnswerViewSet(SnippetViewSet):
    """Nobody publishes, copies or deletes here; there is neither a right nor a button for it."""

    model = Answer
    base_url_path = "answers"
    icon = "doc-full"
    menu_label = "Answers"
    menu_name = "answers"
    menu_order = 110
    add_to_admin_menu = True
    copy_view_enabled = False
    unpublish_view_class = ToTheRecord
    inspect_view_enabled = False
    list_display = [
        "title",
        "key",
        LiveStatusTagColumn(),
        Column("review_by", label="Review by"),
        UpdatedAtColumn(),
    ]
    list_per_page = 50
    search_fields = ["title", "key", "text", "phrasings"]
    search_backend_name = None
    filterset_class = AnswerFilters
    edit_handler = ObjectList(
        [
            MultiFieldPanel(
                [FieldPanel("section"), FieldPanel("language"), FieldPanel("key")], heading="Where it belongs"
            ),
            FieldPanel("title", required_on_save=True),
            FieldPanel("text"),
            HelpPanel(template="answers/lint_panel.html", heading="What the writing guide says"),
            FieldPanel("phrasings"),
            FieldPanel("sources"),
            FieldPanel("related"),
            MultiFieldPanel(
                [FieldPanel("offer_care_team"), FieldPanel("attach_lines")], heading="Below the answer"
            ),
            FieldPanel("review_by"),
        ]
    )


register_snippet(AnswerViewSet)


@role_required(DESK_USERS)
def answers_in_force(request: HttpRequest) -> HttpResponse:
    """Every text of the release in force, by section."""
    release = wording.current()
    today = dt.date.today()
    sections: list[dict[str, Any]] = []
    if release:
        pks = dict(Answer.objects.values_list("key", "pk"))
        served = [
            {**item, "pk": pks.get(item["key"]), "approved_on": (item["approved_at"] or "")[:10]}
            for item in release.items.values()
            if release.get(item["key"])
        ]
        groups = [*release.sections.items(), (None, "The assistant's own messages")]
        sections = [
            {"title": title, "items": [item for item in served if item["section"] == name]}
            for name, title in groups
        ]
    context = {
        "release": release,
        "sections": sections,
        "due": selectors.due(today, DUE_WITHIN_DAYS),
        "today": today,
    }
    return render(request, "answers/in_force.html", context)


@hooks.register("register_admin_urls")
def urls() -> list[Any]:
    return [
        path("answers-in-force/", answers_in_force, name="answers_in_force"),
        path("review/", views.queue, name="answers_queue"),
        path("review/hand-in/", views.submit_section, name="answers_submit_section"),
        path("review/<int:pk>/", views.review, name="answers_review"),
        path("review/<int:pk>/decide/", views.decide, name="answers_decide"),
        path("record/<int:pk>/", views.record, name="answers_record"),
        path("record/<int:pk>/withdraw/", views.withdraw, name="answers_withdraw"),
        path("lint/", views.lint, name="answers_lint"),
        path("releases/", release_views.releases, name="answers_releases"),
        path("releases/<int:number>/", release_views.release, name="answers_release"),
        path("releases/<int:number>/put-back/", release_views.put_back, name="answers_put_back"),
        path("questions/", question_views.unanswered, name="answers_questions"),
        path("questions/phrasings/", question_views.add_phrasings, name="answers_add_phrasings"),
        path("questions/new/", question_views.new_answer, name="answers_new_answer"),
        path("exchange/", exchange_views.overview, name="answers_exchange"),
        path("exchange/import/", exchange_views.import_, name="answers_import"),
        path("exchange/<slug:form>/", exchange_views.export, name="answers_export"),
    ]


class DeskItem(MenuItem):
    """An entry for whoever has a role on the desk."""

    def is_shown(self, request: HttpRequest) -> bool:
        return bool(roles(request.user) & DESK_USERS)


ENTRIES = (
    ("answers_in_force", "Answers in force", "list-ul", 100),
    ("answers_queue", "Review", "clipboard-list", 120),
    ("answers_questions", "Questions", "help", 130),
    ("answers_releases", "Releases", "history", 140),
    ("answers_exchange", "Export and import", "download", 150),
)


def _entry(view: str, label: str, icon: str, order: int) -> None:
    name = view.replace(
        "answers_", "desk-"
    )  # an entry is marked as open when its name begins like the open one's
    hooks.register(
        "register_admin_menu_item",
        lambda: DeskItem(label, reverse(view), name=name, icon_name=icon, order=order),
    )


for entry in ENTRIES:
    _entry(*entry)


@hooks.register("construct_main_menu")
def only_what_is_used(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail's own entries (pages, images, documents, help) lead nowhere here."""
    items[:] = [item for item in items if item.name == "answers" or item.name.startswith("desk-")]


@hooks.register("construct_snippet_action_menu")
def only_drafts(items: list[Any], request: HttpRequest, context: dict[str, Any]) -> None:
    """Save and hand in; nothing puts a text in force from here."""
    if context["model"] is Answer:
        items[:] = [item for item in items if item.name in ("action-save", "action-submit", "action-locked")]


@hooks.register("register_log_actions")
def log_actions(actions: Any) -> None:
    actions.register_action("answers.approve", "Approve", "Approved and put in force")
    actions.register_action("answers.withdraw", "Withdraw", "Withdrawn")


@hooks.register("insert_global_admin_css")
def style() -> str:
    return format_html('<link rel="stylesheet" href="{}">', static("answers/desk.css"))


@hooks.register("insert_editor_js")
def lint_as_one_types() -> str:
    return format_html('<script type="module" src="{}"></script>', static("answers/lint.js"))
