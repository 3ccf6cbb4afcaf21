"""The bucket that the sync task copies to."""

from __future__ import annotations

from typing import TYPE_CHECKING

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.errors import StorageError
from oss_oms_sync.reasons import Failure

if TYPE_CHECKING:
    from oss_oms_sync.clouds.obs import ObsBucket


def destination(invocation: Invocation) -> ObsBucket:
    """The bucket that the sync task copies to.

    Raises StorageError if OMS does not tell.
    """
    task = invocation.oms.task(invocation.deadline)
    if isinstance(task, Failure):
        why = f"{task.reason.name}: {task.message}. {task.remedy('get').en}"
        raise StorageError(f"OMS does not tell which bucket is the destination: {why}")
    return invocation.obs().bucket(task, invocation.deadline)
