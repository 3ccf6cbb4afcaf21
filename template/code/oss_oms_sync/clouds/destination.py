"""The bucket that the sync task copies to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import StorageError
from oss_oms_sync.reasons import Failure

if TYPE_CHECKING:
    from oss_oms_sync.clouds.obs import ObsBucket
    from oss_oms_sync.clouds.task import TaskInfo

# For what comes after the last call of OBS: sending a batch, and writing how far it came.
_WRITING_SECONDS = 30.0


def sync_task(invocation: Invocation) -> TaskInfo:
    """The sync task, which names the destination.

    Raises StorageError if OMS does not tell.
    """
    task = invocation.oms.task(invocation.deadline)
    if isinstance(task, Failure):
        why = f"{task.reason.name}: {task.message}. {task.remedy('get').en}"
        raise StorageError(f"OMS does not tell which bucket is the destination: {why}")
    return task


def destination(invocation: Invocation, task: TaskInfo | None = None) -> ObsBucket:
    """The bucket that `task` copies to, which is the sync task if it is not given.

    Raises StorageError if OMS does not tell.
    """
    task = task or sync_task(invocation)
    # What takes too long is given up while there is time to write down how far a job came.
    left = invocation.deadline.remaining()
    return invocation.obs().bucket(task, invocation.deadline.minus(min(_WRITING_SECONDS, left / 4)))
