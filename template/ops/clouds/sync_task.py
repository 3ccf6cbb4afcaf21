"""What Huawei's OMS tells of a sync task: support.huaweicloud.com/api-oms, ShowSyncTask and ListSyncTaskStatistic."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

from ops.clock import Clock
from ops.clouds.keys import Keys
from ops.clouds.services import Service
from ops.clouds.wire import UnreadableError

KINDS = ("REQUEST", "SUCCESS", "FAILURE", "SKIP")


class SyncTask:
    """The task that `url` is for: the address to which its events go. All methods raise RefusedError, UnreachableError
    and UnreadableError."""

    def __init__(self, url: str, keys: Keys, clock: Clock) -> None:
        whole = urlsplit(url.rstrip("/").removesuffix("/events"))
        self._path = whole.path
        _, project, _, self.id = self._path.rsplit("/", 3)
        self._service = Service(f"{whole.scheme}://{whole.netloc}", keys, clock, {"X-Project-Id": project})
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
        query = {"data_type": ",".join(KINDS), "end_time": _stamp(until), "start_time": _stamp(since)}
        answer = self._service.call("GET", f"{self._path}/statistics", query)
        try:
            told = {one["data_type"]: one["data"] or [] for one in answer["statistic_datas"]}
            sums = {kind: sum(int(step["statistic_num"]) for step in told.get(kind, [])) for kind in KINDS}
            return str(answer["statistic_time_type"]), sums
        except (LookupError, TypeError, ValueError):
            raise UnreadableError from None


def _stamp(moment: datetime) -> str:
    return str(int(moment.timestamp() * 1000))
