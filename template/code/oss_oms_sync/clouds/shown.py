"""What OMS says of the sync task, or that it says nothing, as answers and certificates show it."""

from __future__ import annotations

from dataclasses import asdict

from oss_oms_sync.answers.status_answer import Counters, Silence, TaskShown
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.reasons import Failure


def task_shown(task: TaskInfo) -> TaskShown:
    """The task and its counters."""
    return TaskShown(
        status=task.status,
        src_bucket=task.src_bucket,
        src_region=task.src_region,
        dst_bucket=task.dst_bucket,
        dst_region=task.dst_region,
        object_overwrite_mode=task.object_overwrite_mode,
        month=Counters(**asdict(task.month)),
    )


def silence(answer: object, action: str, of: str = "synctask") -> Silence | None:
    """What was said instead of an answer; None if it is one. `action` is what the right to ask is called, `of` what."""
    if not isinstance(answer, Failure):
        return None
    return Silence(answer.reason.name, answer.status, answer.message, answer.remedy(action, of))
