"""A sync task as OMS describes it.

Source: the API page ShowSyncTask.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from oss_oms_sync.clouds.counters import MonthCounts


@dataclass(frozen=True)
class TaskInfo:
    """One task, with its counters of the month that was asked for. A text is None if the response lacks it; a response
    without `status` is not one that OMS documents."""

    status: str | None
    src_cloud_type: str | None
    src_region: str | None
    src_bucket: str | None
    dst_region: str | None
    dst_bucket: str | None
    object_overwrite_mode: str | None
    enable_restore: bool
    enable_metadata_migration: bool
    month: MonthCounts

    @classmethod
    def parse(cls, answer: Mapping[str, object]) -> TaskInfo:
        """The task in any JSON object that OMS returned."""

        def text(name: str) -> str | None:
            value = answer.get(name)
            return None if value is None else str(value)

        return cls(
            status=text("status"),
            src_cloud_type=text("src_cloud_type"),
            src_region=text("src_region"),
            src_bucket=text("src_bucket"),
            dst_region=text("dst_region"),
            dst_bucket=text("dst_bucket"),
            object_overwrite_mode=text("object_overwrite_mode"),
            enable_restore=answer.get("enable_restore") is True,
            enable_metadata_migration=answer.get("enable_metadata_migration") is True,
            month=MonthCounts.parse(answer),
        )

    @property
    def skips_same_size(self) -> bool:
        """Whether OMS skips an object that is in OBS in the same size and not older, whatever its contents are.

        CRC64_COMPARISON_OVERWRITE compares contents, but only where both objects have a CRC64.
        """
        return self.object_overwrite_mode not in ("FULL_OVERWRITE", "CRC64_COMPARISON_OVERWRITE")

    @property
    def is_running(self) -> bool:
        """Whether the task accepts keys: a stopped one refuses them."""
        return self.status == "SYNCHRONIZING"
