"""The releases that the desk has built: the list, what changed between two, and putting an earlier one back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.paginator import Paginator
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from companion.release import Release
from web.answers import difference, services
from web.answers.models import BuiltRelease
from web.chat import wording
from web.clinic.roles import CLINICIANS, DESK_USERS, role_required, roles

ON_A_PAGE = 30
SHOWN = ("title", "text")
"""What patients read of an item; a change in anything else is named, not shown."""

desk = role_required(DESK_USERS)
clinicians = role_required(frozenset({CLINICIANS}))


@desk
@require_safe
def releases(request: HttpRequest) -> HttpResponse:
    """What was in force, from when, and why it changed; newest first."""
    page = Paginator(BuiltRelease.objects.select_related("by"), ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "answers/releases.html", {"page": page, "current": wording.current()})


@desk
@require_safe
def release(request: HttpRequest, number: int) -> HttpResponse:
    """One release beside another (`with`, else the one before it), and what putting it back would mean. Raises Http404."""
    built = get_object_or_404(BuiltRelease, number=number)
    with_number = request.GET.get("with", "")
    other = int(with_number) if with_number.isdigit() else number - 1
    before, after = _read(other), _read(number)
    if after is None:
        raise Http404
    add, drop, away = services.put_back_plan(built)
    current = wording.current()
    context = {
        "built": built,
        "other": other if before else None,
        "changes": compare(before, after) if before else [],
        "add": add,
        "drop": drop,
        "away": away,
        "in_force": current is not None and current.number == number,
        "may_put_back": CLINICIANS in roles(request.user),
        "attestation": services.PUT_BACK,
    }
    return render(request, "answers/release.html", context)


@require_POST
@clinicians
def put_back(request: HttpRequest, number: int) -> HttpResponse:
    """Approve again what that release held."""
    built = get_object_or_404(BuiltRelease, number=number)
    try:
        changed = services.release_put_back(
            built=built,
            attested=request.POST.get("attest") == "yes",
            by=request.user,  # type: ignore[arg-type]
        )
    except services.Refused as e:
        messages.error(request, str(e))
        return redirect("answers_release", number=number)
    messages.success(request, f"Put back: {changed} texts changed.")
    return redirect("answers_releases")


def compare(before: Release, after: Release) -> list[dict[str, Any]]:
    """What is new, gone or changed, by key: {key, title, how, pieces, also}. `also` names what changed beside the words."""
    changes = []
    for key in sorted(before.items.keys() | after.items.keys()):
        old, new = before.items.get(key), after.items.get(key)
        if old and new and all(old.get(name) == new[name] for name in new if name != "revision"):
            continue
        words = ["\n".join(item[name] for name in SHOWN) if item else "" for item in (old, new)]
        also = sorted(
            name
            for name in (new or {})
            if old and new and name not in (*SHOWN, "hash", "revision") and old.get(name) != new[name]
        )
        changes.append(
            {
                "key": key,
                "title": (new or old or {})["title"],
                "how": "changed" if old and new else "new" if new else "gone",
                "pieces": difference.words(*words) if words[0] != words[1] else [],
                "also": [name.replace("_", " ") for name in also],
            }
        )
    return changes


def _read(number: int) -> Release | None:
    return wording.releases().numbered(number) if number > 0 else None
