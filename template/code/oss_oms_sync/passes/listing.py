"""The source bucket and the records, merged: what there is of each key.

OSS lists in byte order, so three listings (the source bucket, and `success_object/` and `failed_object/` with these
prefixes removed) are merged like sorted files, with one page of each in memory, whatever their size. An object is
covered if its success record names its eTag and is not older than the object. A listing shows both, because a record's
ETag is the MD5 of the eTag in its body.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import chain, starmap

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import MAX_NAME_BYTES, ObjectSummary
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.ledger.records import Kind, is_long, record_name, record_prefix
from oss_oms_sync.passes.classify import Entry, is_covered, listed_record

# What comes after every key: none is that long.
_END = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)
# What a source has of its next key: the object, and the records of a long key.
_Source = tuple[str, tuple[ObjectSummary | None, ObjectSummary | None, ObjectSummary | None]]
_Record = tuple[str, ObjectSummary | None]
# A key, the object, and its records.
Row = tuple[str, ObjectSummary | None, ObjectSummary | None, ObjectSummary | None]


class MergedListing:
    """The three listings after `after`, merged: for each key what they have of it."""

    def __init__(
        self,
        invocation: Invocation,
        needs_records: Callable[[ObjectSummary], bool],
        prefix: str,
        after: str,
        *,
        both: bool = False,
    ) -> None:
        """`needs_records` says of which objects the records are asked for, where they are in no listing; `both`: the
        failed record also where the success record covers the object."""
        self._task_id = invocation.task_id
        self._source_bucket = invocation.source_bucket
        self._log_bucket = invocation.log_bucket
        self._needs_records = needs_records
        self._both = both
        self._prefix = prefix
        # Shorter keys have short records: a character takes at most four bytes.
        self._shortest_long = (MAX_NAME_BYTES - len(record_prefix(invocation.task_id, "success"))) // 4
        self._after = after

    def __iter__(self) -> Iterator[Entry]:
        """Raises StorageError."""
        return starmap(Entry, self.rows())

    def rows(self) -> Iterator[Row]:
        """The same as plain tuples, for who makes entries of them.

        Raises StorageError.
        """
        with ExitStack() as stack:
            success, failed = (record_prefix(self._task_id, kind) for kind in ("success", "failed"))
            # All three are asked for before the first is waited for.
            sources = self._pages(self._source_bucket, "", stack)
            successes = self._pages(self._log_bucket, success, stack)
            failures = self._pages(self._log_bucket, failed, stack)
            yield from _merge(
                chain.from_iterable(map(self._source, sources)),
                chain.from_iterable(_records(page, success) for page in successes),
                chain.from_iterable(_records(page, failed) for page in failures),
            )

    def _pages(self, bucket: OssBucket, root: str, stack: ExitStack) -> Iterator[list[ObjectSummary]]:
        """Pages of the objects under `root`."""
        prefix, behind = f"{root}{self._prefix}", f"{root}{self._after}"
        if len(prefix.encode()) > MAX_NAME_BYTES:
            return iter(())
        # A truncated name sorts before the full one, so nothing is skipped.
        start = behind.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore")
        pages = (page.objects for page in stack.enter_context(bucket.pages(prefix, start)))
        return pages if start == behind else ([one for one in page if one.name > behind] for page in pages)

    def _source(self, page: Sequence[ObjectSummary]) -> Iterator[_Source]:
        names = [one.name for one in page]
        success, failed = self._long_records(page)
        return zip(names, zip(page, map(success.get, names), map(failed.get, names), strict=True), strict=True)

    def _long_records(self, page: Sequence[ObjectSummary]) -> tuple[dict[str, ObjectSummary], dict[str, ObjectSummary]]:
        """The records of long keys, which are in no listing by key: one GET each, two if the first is not enough."""
        judged = [one for one in page if len(one.name) > self._shortest_long and self._needs_records(one)]
        if not judged:
            return {}, {}
        success = self._read("success", [one.name for one in judged])
        open_ones = [one.name for one in judged if self._both or not is_covered(one, success.get(one.name))]
        return success, self._read("failed", open_ones)

    def is_long(self, key: str) -> bool:
        """Whether the records of a key may be in no listing by key."""
        return len(key) > self._shortest_long

    def record_of(self, kind: Kind, key: str) -> ObjectSummary | None:
        """The record of a key that is in no listing of records because it is long; else None.

        Raises StorageError.
        """
        return self._read(kind, [key]).get(key)

    def proofs(self) -> Iterator[_Record]:
        """The kept proofs after `after`, by their keys.

        Raises StorageError.
        """
        root = record_prefix(self._task_id, "proven")
        with ExitStack() as stack:
            for page in self._pages(self._log_bucket, root, stack):
                yield from _records(page, root)

    def _read(self, kind: Kind, keys: Sequence[str]) -> dict[str, ObjectSummary]:
        key_of = {record_name(self._task_id, kind, key): key for key in keys if is_long(self._task_id, kind, key)}
        found = {}
        for key, one in zip(key_of.values(), self._log_bucket.get_all(list(key_of)), strict=True):
            if one:
                found[key] = listed_record(one, key)
        return found


def with_destination(rows: Iterator[Row], destination: Iterator[ObjectSummary]) -> Iterator[Entry]:
    """An entry for each row, with what the destination bucket has of its key, and for each key of its own."""
    nothing = ObjectSummary(_END, "", 0, 0, "")
    end: Row = _END, None, None, None
    row, there = next(rows, end), next(destination, nothing)
    while (key := min(row[0], there.name)) != _END:
        if row[0] == there.name:
            yield Entry(*row, there)
            row, there = next(rows, end), next(destination, nothing)
        elif key == row[0]:
            yield Entry(*row)
            row = next(rows, end)
        else:
            yield Entry(key, None, destination=there)
            there = next(destination, nothing)


def with_proofs(entries: Iterator[Entry], proofs: Iterator[tuple[str, ObjectSummary | None]]) -> Iterator[Entry]:
    """The same entries, each with the proof that is kept of its key. One of a key that is nowhere else is passed
    over."""
    end: _Record = _END, None
    key, proof = next(proofs, end)
    if key == _END:
        yield from entries  # as nearly always, and faster
    for entry in entries:
        while key < entry.key:
            key, proof = next(proofs, end)
        yield entry._replace(proof=proof) if key == entry.key else entry


def _records(page: Sequence[ObjectSummary], root: str) -> Iterator[_Record]:
    return zip([one.name[len(root) :] for one in page], page, strict=True)


def _merge(sources: Iterator[_Source], successes: Iterator[_Record], failures: Iterator[_Record]) -> Iterator[Row]:
    no_source: _Source = _END, (None, None, None)
    no_record: _Record = _END, None
    source_key, next_source = next(sources, no_source)
    success_key, next_success = next(successes, no_record)
    failed_key, next_failed = next(failures, no_record)
    while (key := min(source_key, success_key, failed_key)) != _END:
        source = success = failed = None
        if key == source_key:
            source, success, failed = next_source
            source_key, next_source = next(sources, no_source)
        if key == success_key:
            success = next_success
            success_key, next_success = next(successes, no_record)
        if key == failed_key:
            failed = next_failed
            failed_key, next_failed = next(failures, no_record)
        yield key, source, success, failed
