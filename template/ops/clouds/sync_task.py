"""What Huawei's OMS tells of a sync task: support.huaweicloud.com/api-oms, ShowSyncTask and ListSyncTaskStatistic."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

from ops.clock import Clock
from ops.clouds.keys import Keys
from ops.clouds.services import Service
from ops.clouds.wire import UnreadableError
from ops.errors import UsageError
from oss_oms_sync.answers.text import t

# As the functions take it (oss_oms_sync/settings.py).
_ADDRESS = re.compile(r"\s*((?i:https?)://[\w.-]+(?::\d+)?)(/v2/([\w.~-]+)/sync-tasks/([\w.~-]+))/events\s*", re.ASCII)
KINDS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")


class SyncTask:
    """The task that `url` is for: the address to which its events go. Raises UsageError for one that is none; all
    methods raise RefusedError, UnreachableError and UnreadableError."""

    def __init__(self, url: str, keys: Keys, clock: Clock) -> None:
        found = _ADDRESS.fullmatch(url)
        if found is None:
            raise UsageError(
                t("SYNC_URL is not the address of a sync task"),
                t(
                    "Copy it from the task's details in the OMS console into s.yaml; it looks like"
                    " https://oms.<region>.myhuaweicloud.com/v2/<project id>/sync-tasks/<task id>/events"
                ),
            )
        origin, self._path, project, self.id = found.groups()
        self._service = Service(origin, keys, clock, {"X-Project-Id": project})
        self._clock = clock

    def show(self) -> dict[str, Any]:
        """The task itself, which has a destination."""
        found = self._service.call("GET", self._path, {"query_time": _stamp(self._clock.now())})
        if not (found.get("dst_bucket") and found.get("dst_region")):
            raise UnreadableError
        return found

    def statistics(self, since: datetime) -> tuple[str, dict[str, int]]:
        """The step in which OMS counts, and how many objects it counted since then, by KINDS."""
        until = self._clock.now() + timedelta(minutes=5)
        answer = self._service.call(
            "GET",
            f"{self._path}/statistics",
            {"data_type": ",".join(KINDS), "end_time": _stamp(until), "start_time": _stamp(since)},
        )
        try:
            told = {one["data_type"]: one["data"] or [] for one in answer["statistic_datas"]}
            sums = {kind: sum(int(step["statistic_num"]) for step in told.get(kind, [])) for kind in KINDS}
            return str(answer["statistic_time_type"]), sums
        except (LookupError, TypeError, ValueError):
            raise UnreadableError from None


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
