"""OMS's responses as status shows them; a Failure with what to do about it."""

from __future__ import annotations

from dataclasses import asdict

from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.counters import Statistics
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.reasons import Failure


def task_json(task: TaskInfo | Failure) -> dict[str, object]:
    if isinstance(task, Failure):
        return _failure_json(task, "get")
    return {
        "status": task.status,
        "src_bucket": task.src_bucket,
        "src_region": task.src_region,
        "dst_bucket": task.dst_bucket,
        "dst_region": task.dst_region,
        "object_overwrite_mode": task.object_overwrite_mode,
        "month": asdict(task.month),
    }


def statistics_json(statistics: Statistics | Failure) -> dict[str, object]:
    if isinstance(statistics, Failure):
        return _failure_json(statistics, "statistics")
    return {
        "from": timestamp(statistics.start),
        "step": statistics.step,
        "series": statistics.series,
        "unread": statistics.unread,
    }


def _failure_json(failure: Failure, action: str) -> dict[str, object]:
    return {
        "problem": failure.reason.name,
        "status": failure.status,
        "message": failure.message,
        "fix": failure.remedy(action)._asdict(),
    }
