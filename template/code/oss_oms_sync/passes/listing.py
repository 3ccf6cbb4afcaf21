"""The source bucket and the records side by side: what of each object is known, and whether it has to be sent.

OSS lists in byte order, so three listings (the source bucket, `success_object/` and `failed_object/`, cut to their
keys) are merged like sorted files, with a page of each in memory whatever the size. An object is covered when its
success record names its eTag and is not older than it: a listing tells both, for a record's ETag is the MD5 of the
eTag in its body.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from heapq import merge
from itertools import groupby
from operator import itemgetter

from oss_oms_sync.clouds.oss import Bucket, Listed, Object, etag_of
from oss_oms_sync.clouds.retry import Deadline
from oss_oms_sync.ledger.records import LONGEST_NAME, folder, is_long, modified_of, record_name, success_etag
from oss_oms_sync.settings import Settings

# The event of a younger object may still be on its way.
_SETTLED = timedelta(minutes=15)
# Objects that were there before the project are the migration's. The project counts as installed once reconcile can use
# the log bucket; what came before that, Function Compute may have given up: it keeps an event for a day in forward's
# queue and for a day in replay's.
_BEFORE_INSTALLATION = timedelta(days=3)
# OSS has nothing that is older.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Scope:
    """Which objects a pass is about. `since` is None for the usual: the installation; `everything`: whatever their
    records say, and whenever they were written unless `since` says so."""

    prefix: str
    suffix: str
    since: datetime | None
    everything: bool

    def is_within(self, settings: Settings) -> bool:
        """Whether it is a part of what `settings` let pass: another project may have passes for the same task."""
        return self.prefix.startswith(settings.object_prefix) and self.suffix == settings.object_suffix

    def begin(self, installed: datetime) -> datetime:
        """Objects written before that are not looked at."""
        if self.since or self.everything:
            return self.since or _LONG_AGO
        return max(installed, _LONG_AGO + _BEFORE_INSTALLATION) - _BEFORE_INSTALLATION


class Judge:
    """Says what an object is for this pass. `before`: when the last one of its scope began, if there was one."""

    def __init__(
        self, settings: Settings, scope: Scope, installed: datetime, now: datetime, before: datetime | None = None
    ) -> None:
        self._settings = settings
        self._everything = scope.everything
        self._since = scope.begin(installed).timestamp()
        self._settled = (now - _SETTLED).timestamp()
        self._new = max(installed, before - _SETTLED if before else installed).timestamp()

    def needs_records(self, source: Listed) -> bool:
        """Whether it depends on the records what `source` is."""
        return not self._everything and self._is_asked_for(source) and source.modified <= self._settled

    def says(self, key: str, found: Mapping[str, Listed]) -> str:
        """ "pending", "covered", "failed_before", "missing" (or stale) or "orphans"; empty where the pass is not about
        it."""
        source, success, failed = (found.get(kind) for kind in ("source", "success", "failed"))
        if source is None:
            # A younger record's object may have come after its page was listed.
            gone = success and success.modified <= self._settled and self._settings.covers(key)
            return "orphans" if gone else ""
        if not self._is_asked_for(source):
            return ""
        if source.modified > self._settled:
            return "pending"
        if not self._everything and is_covered(source, success):
            return "covered"
        if not self._everything and failed and failed.modified >= source.modified:
            return "failed_before"
        return "missing"

    def event_came(self, verdict: str, found: Mapping[str, Listed]) -> bool | None:
        """Whether the event came of an object of this `verdict`; None where it does not tell: it was written before
        there was a trigger, or before the last pass began, or its record is so late that reconcile may have made it."""
        if verdict not in ("covered", "failed_before", "missing") or found["source"].modified < self._new:
            return None
        if verdict == "missing":
            return False
        written = found["source"].modified
        recorded = min(one.modified for kind, one in found.items() if kind != "source" and one.modified >= written)
        return True if recorded < written + _SETTLED.total_seconds() else None

    def _is_asked_for(self, source: Listed) -> bool:
        # OMS cannot copy a symbolic link.
        is_object = source.type != "Symlink"
        return is_object and source.modified >= self._since and self._settings.covers(source.name)


def is_covered(source: Listed, success: Listed | None) -> bool:
    """Whether a success record is of this very version. Contents may go A, B, A: so the time counts as well."""
    return success is not None and success.modified >= source.modified and success.etag == etag_of(source.etag)


def listed_record(record: Object, key: str) -> Listed:
    """A record that was read as a listing of records by key would name it."""
    return Listed(key, etag_of(success_etag(record)), len(record.body), modified_of(record))


class Walk:
    """The three listings behind `after`, merged: for each key what "source", "success" and "failed" have of it."""

    def __init__(
        self,
        task_id: str,
        source_bucket: Bucket,
        log_bucket: Bucket,
        judge: Judge,
        prefix: str,
        after: str,
        deadline: Deadline,
    ) -> None:
        self._task_id = task_id
        self._source_bucket = source_bucket
        self._log_bucket = log_bucket
        self._judge = judge
        self._prefix = prefix
        self._after = after
        self._deadline = deadline

    def __iter__(self) -> Iterator[tuple[str, dict[str, Listed]]]:
        entries = merge(self._source(), self._records("failed"), self._records("success"))
        for key, group in groupby(entries, key=itemgetter(0)):
            yield key, {kind: listed for _, kind, listed in group}

    def _source(self) -> Iterator[tuple[str, str, Listed]]:
        for page in self._pages(self._source_bucket, ""):
            success, failed = self._long_records(page)
            for one in page:
                # In the order that merging keeps.
                if one.name in failed:
                    yield one.name, "failed", failed[one.name]
                yield one.name, "source", one
                if one.name in success:
                    yield one.name, "success", success[one.name]

    def _records(self, state: str) -> Iterator[tuple[str, str, Listed]]:
        for page in self._pages(self._log_bucket, folder(self._task_id, state)):
            for one in page:
                yield one.name, state, one

    def _pages(self, bucket: Bucket, root: str) -> Iterator[list[Listed]]:
        """Pages of what stands under `root`, named by key."""
        prefix, behind = f"{root}{self._prefix}", f"{root}{self._after}"
        start, more = behind, len(prefix.encode()) <= LONGEST_NAME
        while more:
            # A name cut off stands before the whole one, so nothing is passed over.
            page = bucket.page(prefix, start.encode()[:LONGEST_NAME].decode("utf-8", "ignore"), self._deadline)
            listed = [one for one in page.objects if one.name > behind]
            yield [replace(one, name=one.name.removeprefix(root)) for one in listed] if root else listed
            more = page.more
            start = page.objects[-1].name if more else ""

    def _long_records(self, page: Sequence[Listed]) -> tuple[dict[str, Listed], dict[str, Listed]]:
        """The records of long keys, which stand in no listing by key: one GET each, two where the first is no use."""
        judged = [one for one in page if self._judge.needs_records(one)]
        success = self._read("success", [one.name for one in judged])
        open_ones = [one.name for one in judged if not is_covered(one, success.get(one.name))]
        return success, self._read("failed", open_ones)

    def _read(self, state: str, keys: Sequence[str]) -> dict[str, Listed]:
        key_of = {record_name(self._task_id, state, key): key for key in keys if is_long(self._task_id, state, key)}
        found = {}
        for key, one in zip(key_of.values(), self._log_bucket.find_all(list(key_of), self._deadline), strict=True):
            if one:
                found[key] = listed_record(one, key)
        return found
