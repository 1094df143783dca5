"""The editors' desk inside Wagtail. For now: the answers in force, to read."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import path, reverse
from wagtail import hooks
from wagtail.admin.menu import MenuItem

from web.chat import wording
from web.clinic.roles import DESK_USERS, role_required


@role_required(DESK_USERS)
def answers_in_force(request: HttpRequest) -> HttpResponse:
    """Every text of the release in force, by section."""
    release = wording.current()
    sections: list[dict[str, Any]] = []
    if release:
        groups = [*release.sections.items(), (None, "The assistant's own messages")]
        sections = [
            {"title": title, "items": [item for item in release.items.values() if item["section"] == name]}
            for name, title in groups
        ]
    return render(request, "answers/in_force.html", {"release": release, "sections": sections})


@hooks.register("register_admin_urls")
def urls() -> list[Any]:
    return [path("answers-in-force/", answers_in_force, name="answers_in_force")]


@hooks.register("register_admin_menu_item")
def menu_item() -> MenuItem:
    return MenuItem(
        "Answers in force", reverse("answers_in_force"), name="answers-in-force", icon_name="list-ul", order=100
    )


@hooks.register("construct_main_menu")
def only_what_is_used(request: HttpRequest, items: list[MenuItem]) -> None:
    """Wagtail's own entries (pages, images, documents, help) lead nowhere here."""
    items[:] = [item for item in items if item.name == "answers-in-force"]
