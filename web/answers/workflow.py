"""What Wagtail does when a workflow has ended (WAGTAIL_FINISH_WORKFLOW_ACTION). Imports no models: Wagtail's need this first."""

from __future__ import annotations

from typing import Any


def publish_approved(workflow_state: Any, user: Any = None) -> None:
    """Mark the very revision that was read as live. Wagtail's own would take the latest, and ask the approver for rights."""
    workflow_state.current_task_state.revision.publish(user=user)
