"""Who may do what. A role is a group; somebody in no group may do nothing."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, Group, Permission
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django.utils.functional import SimpleLazyObject

STAFF, EDITORS, CLINICIANS, ADMINISTRATORS = "Staff", "Editors", "Clinicians", "Administrators"
ROLES = (STAFF, EDITORS, CLINICIANS, ADMINISTRATORS)

CONVERSATION_READERS = frozenset({STAFF, CLINICIANS, ADMINISTRATORS})
"""Editors write answers; they do not read what patients said."""

DESK_USERS = frozenset({EDITORS, CLINICIANS, ADMINISTRATORS})
"""Who may open /admin/."""

UNUSED = ("wagtailimages", "wagtaildocs", "wagtailcore")

View = Callable[..., HttpResponseBase]


def roles(user: AbstractBaseUser | AnonymousUser) -> frozenset[str]:
    """The roles of a user; none for somebody who is not signed in or was deactivated."""
    if not user.is_authenticated or not user.is_active:
        return frozenset()
    return frozenset(user.groups.values_list("name", flat=True)) & frozenset(ROLES)  # type: ignore[attr-defined]


def navigation(request: HttpRequest) -> dict[str, Any]:
    """Context of every template: the pages that the signed-in person may open. Looked up only if the template asks."""

    def pages() -> list[tuple[str, str]]:
        mine = roles(request.user) if hasattr(request, "user") else frozenset()
        queue = [("escalations:queue", "Escalations"), ("alerts:deliveries", "Alerts")] if mine & CONVERSATION_READERS else []
        queue += [("escalations:report", "Reports")] if queue else []
        if mine & {CLINICIANS, ADMINISTRATORS}:
            queue += [("escalations:screen_labels", "Safety screen")]
        if ADMINISTRATORS in mine:
            queue += [("alerts:recipients", "Who is alerted"), ("escalations:targets", "Targets")]
            queue += [("escalations:audit", "Audit log")]
        return queue + ([("answers_in_force", "Answers in force")] if mine & DESK_USERS else [])

    return {"my_pages": SimpleLazyObject(pages)}


def role_required(allowed: frozenset[str]) -> Callable[[View], View]:
    """A view for some roles only: others get 403, and whoever is not signed in is asked to."""

    def decorate(view: View) -> View:
        @functools.wraps(view)
        def checked(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not roles(request.user) & allowed:
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return checked

    return decorate


def make_groups(**_signal: Any) -> None:
    """Make the groups and give the desk's users the way into /admin/. Runs after every migrate.

    Wagtail's own migrations make a group "Editors" that may do things with pages, images and documents, which this desk
    does not have; these rights are taken back.
    """
    groups = {name: Group.objects.get_or_create(name=name)[0] for name in ROLES}
    from wagtail.models import GroupCollectionPermission, GroupPagePermission  # this module is read before the models

    GroupPagePermission.objects.filter(group__in=groups.values()).delete()
    GroupCollectionPermission.objects.filter(group__in=groups.values()).delete()
    for group in groups.values():
        group.permissions.remove(*group.permissions.filter(content_type__app_label__in=UNUSED))
    access = Permission.objects.filter(content_type__app_label="wagtailadmin", codename="access_admin").first()
    for name in DESK_USERS:
        if access:
            groups[name].permissions.add(access)
