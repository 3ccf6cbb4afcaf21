"""The source bucket and the records, merged: what there is of each key.

OSS lists in byte order, so three listings (the source bucket, and `success_object/` and `failed_object/` with these
prefixes removed) are merged like sorted files, with one page of each in memory, whatever their size. An object is
covered if its success record names its eTag and is not older than the object. A listing shows both, because a record's
ETag is the MD5 of the eTag in its body.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from heapq import merge
from itertools import groupby
from operator import itemgetter

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.clouds.oss import Bucket
from oss_oms_sync.ledger.records import MAX_NAME_BYTES, Kind, is_long, record_name, record_prefix
from oss_oms_sync.passes.classify import Classifier, is_covered, listed_record


class MergedListing:
    """The three listings after `after`, merged: for each key what "source", "success" and "failed" have of it."""

    def __init__(self, invocation: Invocation, classifier: Classifier, prefix: str, after: str) -> None:
        self._task_id = invocation.task_id
        self._source_bucket = invocation.source_bucket
        self._log_bucket = invocation.log_bucket
        self._classifier = classifier
        self._prefix = prefix
        self._after = after

    def __iter__(self) -> Iterator[tuple[str, dict[str, ObjectSummary]]]:
        entries = merge(self._source(), self._records("failed"), self._records("success"))
        for key, group in groupby(entries, key=itemgetter(0)):
            yield key, {kind: listed for _, kind, listed in group}

    def _source(self) -> Iterator[tuple[str, str, ObjectSummary]]:
        for page in self._pages(self._source_bucket, ""):
            success, failed = self._long_records(page)
            for one in page:
                # Sorted by kind, as merging requires: "failed", "source", "success".
                if one.name in failed:
                    yield one.name, "failed", failed[one.name]
                yield one.name, "source", one
                if one.name in success:
                    yield one.name, "success", success[one.name]

    def _records(self, kind: Kind) -> Iterator[tuple[str, str, ObjectSummary]]:
        for page in self._pages(self._log_bucket, record_prefix(self._task_id, kind)):
            for one in page:
                yield one.name, kind, one

    def _pages(self, bucket: Bucket, root: str) -> Iterator[list[ObjectSummary]]:
        """Pages of the objects under `root`, named by key."""
        prefix, behind = f"{root}{self._prefix}", f"{root}{self._after}"
        start, more = behind, len(prefix.encode()) <= MAX_NAME_BYTES
        while more:
            # A truncated name sorts before the full one, so nothing is skipped.
            page = bucket.list_page(prefix, start.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore"))
            listed = [one for one in page.objects if one.name > behind]
            yield [replace(one, name=one.name.removeprefix(root)) for one in listed] if root else listed
            more = page.more
            start = page.objects[-1].name if more else ""

    def _long_records(self, page: Sequence[ObjectSummary]) -> tuple[dict[str, ObjectSummary], dict[str, ObjectSummary]]:
        """The records of long keys, which are in no listing by key: one GET each, two if the first is not enough."""
        judged = [one for one in page if self._classifier.needs_records(one)]
        success = self._read("success", [one.name for one in judged])
        open_ones = [one.name for one in judged if not is_covered(one, success.get(one.name))]
        return success, self._read("failed", open_ones)

    def _read(self, kind: Kind, keys: Sequence[str]) -> dict[str, ObjectSummary]:
        key_of = {record_name(self._task_id, kind, key): key for key in keys if is_long(self._task_id, kind, key)}
        found = {}
        for key, one in zip(key_of.values(), self._log_bucket.get_all(list(key_of)), strict=True):
            if one:
                found[key] = listed_record(one, key)
        return found
