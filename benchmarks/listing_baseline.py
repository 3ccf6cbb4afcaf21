"""The baseline of the listing benchmark: reconcile's code from before `clouds.listings` existed.

`oss2` reads each page after the previous page is processed. Each object is a dataclass, each key has a dict, and
`heapq.merge` merges the listings.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from heapq import merge
from itertools import groupby, pairwise
from operator import itemgetter
from typing import Any

from oss_oms_sync.answers.layout import is_long, record_prefix
from oss_oms_sync.clouds.bucket import PAGE_SIZE
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oss import OssBucket

_SETTLING_SECONDS = 15 * 60


@dataclass(frozen=True)
class Summary:
    """An object in a listing; `modified` is in seconds since 1970."""

    name: str
    etag: str
    size: int
    modified: int
    type: str = "Normal"


class Baseline:
    """A pass over the objects modified at `since` (seconds since 1970) or later.

    `counts` has the numbers of objects by class.
    """

    def __init__(self, invocation: Invocation, since: float) -> None:
        self._invocation = invocation
        self._since = since
        self._max_modified = invocation.clock.now().timestamp() - _SETTLING_SECONDS
        self._last_seconds = 30.0
        self.counts: Counter[str] = Counter()

    def run(self) -> None:
        deadline = self._invocation.deadline
        for key, summaries in self._merged():
            if deadline.remaining() < self._last_seconds:
                return
            self._count(key, summaries)

    def _merged(self) -> Iterator[tuple[str, dict[str, Summary]]]:
        entries = merge(self._source(), self._records("failed"), self._records("success"))
        for key, group in groupby(entries, key=itemgetter(0)):
            yield key, {kind: summary for _, kind, summary in group}

    def _source(self) -> Iterator[tuple[str, str, Summary]]:
        for page in self._pages(self._invocation.source_bucket, ""):
            names = [summary.name for summary in page if self._needs_records(summary)]
            success = self._read("success", names)
            failed = self._read("failed", [])
            for summary in page:
                if summary.name in failed:
                    yield summary.name, "failed", failed[summary.name]
                yield summary.name, "source", summary
                if summary.name in success:
                    yield summary.name, "success", success[summary.name]

    def _read(self, kind: Any, keys: list[str]) -> dict[str, Summary]:
        """Return no records: only records of long keys are read here, and the benchmark has no long keys."""
        assert not any(is_long(self._invocation.task_id, kind, key) for key in keys)
        return {}

    def _records(self, kind: Any) -> Iterator[tuple[str, str, Summary]]:
        for page in self._pages(self._invocation.log_bucket, record_prefix(self._invocation.task_id, kind)):
            for summary in page:
                yield summary.name, kind, summary

    def _pages(self, bucket: OssBucket, prefix: str) -> Iterator[list[Summary]]:
        start, is_truncated = prefix, True
        while is_truncated:
            (result,) = bucket._call_all("oss:ListObjects", [partial(_list, prefix, start)])
            assert isinstance(result, tuple)
            page, is_truncated = result
            assert not any(
                name >= following for name, following in pairwise([start, *(summary.name for summary in page)])
            )
            summaries = [summary for summary in page if summary.name > prefix]
            yield (
                [replace(summary, name=summary.name.removeprefix(prefix)) for summary in summaries]
                if prefix
                else summaries
            )
            start = page[-1].name if is_truncated else ""

    def _count(self, key: str, summaries: dict[str, Summary]) -> None:
        object_class = self._classify(key, summaries)
        has_record = None if summaries["source"].modified < self._max_modified else False
        if object_class:
            self.counts["scanned"] += object_class != "orphans"
            self.counts[object_class] += 1
        self.counts["new"] += has_record is not None
        self.counts["new_missing"] += has_record is False

    def _classify(self, key: str, summaries: dict[str, Summary]) -> str | None:
        source, success, failed = (summaries.get(kind) for kind in ("source", "success", "failed"))
        if source is None:
            is_orphan = (
                success and success.modified <= self._max_modified and self._invocation.settings.key_filter.matches(key)
            )
            return "orphans" if is_orphan else None
        if not self._matches(source):
            return None
        if source.modified > self._max_modified:
            return "pending"
        if _is_covered(source, success):
            return "covered"
        return "failed_before" if failed and failed.modified >= source.modified else "submitted"

    def _needs_records(self, source: Summary) -> bool:
        return self._matches(source) and source.modified <= self._max_modified

    def _matches(self, source: Summary) -> bool:
        is_object = source.type != "Symlink"
        in_time = source.modified >= self._since
        return is_object and in_time and self._invocation.settings.key_filter.matches(source.name)


def _is_covered(source: Summary, success: Summary | None) -> bool:
    return success is not None and success.modified >= source.modified and success.etag == _etag_of(source.etag)


def _etag_of(body: str) -> str:
    return hashlib.md5(body.encode(), usedforsecurity=False).hexdigest().upper()


def _list(prefix: str, after: str, bucket: Any) -> tuple[list[Summary], bool]:
    page = bucket.list_objects_v2(prefix=prefix, start_after=after, max_keys=PAGE_SIZE, continuation_token="")
    summaries = [Summary(o.key, o.etag.upper(), o.size, o.last_modified, o.type) for o in page.object_list]
    return summaries, bool(page.is_truncated)
