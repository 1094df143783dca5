"""The desk's rights and its workflow, brought about after every migrate."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import Group, Permission
from django.contrib.contenttypes.models import ContentType

from web.clinic.roles import CLINICIANS, EDITORS, make_groups

WORKFLOW = "Approval"
STEP = "Approval by a clinician"


def make_desk(**_signal: Any) -> None:
    """Editors and clinicians may write; nobody may publish, delete or unlock: that has no button and no right."""
    from wagtail.models import Workflow, WorkflowContentType, WorkflowTask

    from web.answers.models import Answer, ClinicianApproval

    make_groups()
    answer = ContentType.objects.get_for_model(Answer)
    mine = Permission.objects.filter(content_type__app_label="answers")
    for group in Group.objects.filter(name__in=(EDITORS, CLINICIANS)):
        group.permissions.remove(*mine)
        group.permissions.add(*mine.filter(codename__in=("add_answer", "change_answer", "view_answer")))
    step, _ = ClinicianApproval.objects.get_or_create(name=STEP)
    workflow, _ = Workflow.objects.get_or_create(name=WORKFLOW)
    WorkflowTask.objects.get_or_create(workflow=workflow, task=step.task_ptr, defaults={"sort_order": 0})
    WorkflowContentType.objects.update_or_create(content_type=answer, defaults={"workflow": workflow})
    Workflow.objects.exclude(pk=workflow.pk).filter(active=True).update(active=False)
