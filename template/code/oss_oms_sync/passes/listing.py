"""Listings of the source bucket, the records and the destination bucket, merged by key.

Both clouds list in byte order. The prefixes of records' names, such as `success_object/`, are removed. Only one page of
each listing is in memory. An object is covered if its success record names its eTag and is not older than the object.
The listings show both, because a record's ETag is the MD5 of the eTag in its body.

Nearly all keys are in the same order in the source and in another listing. Such keys form runs, which are processed
together. A run ends at the first key whose result may differ from that of its first key.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from oss_oms_sync.answers.layout import MAX_NAME_BYTES, Kind, is_long, record_name, record_prefix
from oss_oms_sync.clouds.bucket import Bucket
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import Columns, ListPage, ObjectSummary, count_equal_prefix
from oss_oms_sync.passes.entries import Entry, is_covered, listed_record

# A name that sorts after every key, because no key is so long.
LAST_NAME = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)
# Minimum number of keys in a run. After a shorter run, this number of keys is yielded singly before the next search.
MIN_RUN_KEYS = 16

_Records = dict[str, ObjectSummary]


class KeyRun(NamedTuple):
    """Consecutive keys that the source and one other listing have in common, with the rows of both as columns.

    `counterpart` are the rows of the other listing. Neither listing has another key between the first and the last key.
    """

    keys: list[str]
    source: Columns
    counterpart: Columns

    def first(self, number: int) -> KeyRun:
        return (
            self
            if number == len(self.keys)
            else KeyRun(self.keys[:number], self.source.part(0, number), self.counterpart.part(0, number))
        )


# Returns the number of leading keys of a run that can be counted together.
CountEqual = Callable[[KeyRun], int]


class ListingReader:
    """A reader of a listing, which has a current key and advances through the keys in order.

    It removes `name_prefix` from each name, and starts with the first key after `after_key`.
    """

    def __init__(self, pages: Iterator[ListPage] = iter(()), name_prefix: str = "", after_key: str = "") -> None:  # noqa: B008
        """Read the first page.

        Raises StorageError, as do `advance` and `advance_past`, because they may read the next page.
        """
        self._open_pages = pages
        self._name_prefix = name_prefix
        self._after_key = f"{name_prefix}{after_key}"
        self._next_page()

    def row(self) -> ObjectSummary:
        names, etags, sizes, modified_times, types, storage_classes = self._page.columns
        position = self.position
        return ObjectSummary(
            names[position],
            etags[position],
            sizes[position],
            modified_times[position],
            types[position],
            storage_classes[position],
        )

    def columns(self, number: int) -> Columns:
        """Return the rows of the next `number` keys, starting with the current key, as columns."""
        return self._page.columns.part(self.position, self.position + number)

    def advance(self, number: int = 1) -> None:
        """Advance by this number of keys, all of them on the current page."""
        self.position += number
        if self.position < len(self.keys):
            self.key = self.keys[self.position]
        else:
            self._next_page()

    def advance_past(self, key: str) -> None:
        """Advance past all keys up to and including this key."""
        while self.key <= key:
            self.advance(bisect_right(self.keys, key, self.position) - self.position)

    def count_matching(self, keys: Sequence[str]) -> int:
        """Return the number of leading `keys` that the reader can advance past without meeting any other key.

        Only the current page is considered.
        """
        if self.key > keys[-1]:
            return len(keys)
        page_keys = self.keys[self.position : bisect_right(self.keys, keys[-1], self.position)]
        if page_keys == keys:
            return len(keys)
        other_keys = set(page_keys).difference(keys)
        return min(bisect_right(keys, self.keys[-1]), bisect_left(keys, min(other_keys)) if other_keys else len(keys))

    def _next_page(self) -> None:
        for page in self._open_pages:
            names = page.columns.names
            self.position = bisect_right(names, self._after_key)
            if self.position < len(names):
                self._page = page
                self.keys = [name[len(self._name_prefix) :] for name in names] if self._name_prefix else names
                break
        else:
            self.position, self.keys = 0, [LAST_NAME]
        self.key = self.keys[self.position]


def merge_listings(
    readers: Sequence[ListingReader], counterpart: ListingReader, count_equal: CountEqual | None
) -> Iterator[Entry | KeyRun]:
    """Yield an entry for each key of the source, the records and the destination, in the order of keys.

    `readers` are in the order of an entry's fields: source, success, failed, destination, proof. Keys that have only a
    proof are skipped. With `count_equal`, runs of keys in both the source and `counterpart` are yielded instead of
    their entries.

    Raises StorageError.
    """
    source, success_reader, failed_reader, destination, proof = readers
    remaining_single_keys = 0
    while (key := min(source.key, success_reader.key, failed_reader.key, destination.key)) != LAST_NAME:
        if remaining_single_keys:
            remaining_single_keys -= 1
        elif count_equal and key == source.key == counterpart.key:
            run = _find_run(
                source, counterpart, [reader for reader in readers[:4] if reader not in (source, counterpart)]
            )
            number = count_equal(run) if len(run.keys) >= MIN_RUN_KEYS else 0
            if number >= MIN_RUN_KEYS:
                yield run.first(number)
                for reader in readers:
                    reader.advance_past(run.keys[number - 1])
                continue
            remaining_single_keys = MIN_RUN_KEYS
        while proof.key < key:
            proof.advance()
        yield Entry(key, *[reader.row() if reader.key == key else None for reader in readers])
        for reader in readers:
            if reader.key == key:
                reader.advance()


def _find_run(source: ListingReader, counterpart: ListingReader, other_readers: Iterable[ListingReader]) -> KeyRun:
    """Return the longest run that starts at the readers' current keys and lies within their current pages."""
    keys = source.keys[source.position :]
    length = count_equal_prefix(keys, counterpart.keys[counterpart.position :])
    for reader in other_readers:
        length = length and reader.count_matching(keys[:length])
    return KeyRun(keys[:length], source.columns(length), counterpart.columns(length))


class MergedListing:
    """The listings of the source, the records and the destination, merged into a sequence in the order of keys."""

    def __init__(
        self,
        invocation: Invocation,
        needs_records: Callable[[ObjectSummary], bool],
        prefix: str,
        after_key: str,
        *,
        kinds: Sequence[Kind] = ("success", "failed"),
        destination: Bucket | None = None,
    ) -> None:
        """Merge the listings of the source, of these `kinds` of records, and of the `destination`, if it is set.

        The listings by key lack the records of long keys. These records are read singly for the objects that
        `needs_records` selects. Without a `destination`, the failed record of an object is not read if its success
        record covers the object.
        """
        self._task_id = invocation.task_id
        seconds = invocation.listing_seconds()
        self._source_bucket = invocation.source_bucket.within(seconds)
        self._log_bucket = invocation.log_bucket.within(seconds)
        self._destination = destination
        self._kinds = kinds
        self._needs_records = needs_records
        self._prefix = prefix
        # Minimum number of characters of a key that may be too long for the name of a record: a character has at most
        # four bytes.
        self._min_long_characters = (MAX_NAME_BYTES - len(record_prefix(invocation.task_id, "success"))) // 4
        self._after_key = after_key
        # Records of the long keys on the current page of the source.
        self._success_records: _Records = {}
        self._failed_records: _Records = {}

    def __iter__(self) -> Iterator[Entry]:
        return (item for item in self.iter_items() if isinstance(item, Entry))

    def iter_items(self, count_equal: CountEqual | None = None) -> Iterator[Entry | KeyRun]:
        """Yield entries and, if `count_equal` is set, runs of keys that can be counted together.

        The keys of a run are both in the source and in the destination or, without a destination, in the success
        records.

        Raises StorageError.
        """
        with ExitStack() as stack:
            # All first pages are requested before the first is awaited.
            sources = self._open_pages(self._source_bucket, "", stack)
            name_prefixes = {kind: record_prefix(self._task_id, kind) for kind in self._kinds}
            records = {
                kind: self._open_pages(self._log_bucket, name_prefix, stack)
                for kind, name_prefix in name_prefixes.items()
            }
            destination_pages = self._open_pages(self._destination, "", stack) if self._destination else iter(())
            success_reader, failed_reader, proof = (
                ListingReader(records[kind], name_prefixes[kind], self._after_key)
                if kind in records
                else ListingReader()
                for kind in ("success", "failed", "proven")
            )
            source, destination = ListingReader(self._read_long_records(sources)), ListingReader(destination_pages)
            counterpart = destination if self._destination else success_reader
            for item in merge_listings(
                (source, success_reader, failed_reader, destination, proof), counterpart, count_equal
            ):
                yield self._add_long_records(item) if isinstance(item, Entry) and self._is_long(item.key) else item

    @contextmanager
    def open_reader(self, kind: Kind) -> Iterator[ListingReader]:
        """Yield a new reader of the records of a kind, without the records of long keys, in the order of their keys.

        Raises StorageError.
        """
        with ExitStack() as stack:
            name_prefix = record_prefix(self._task_id, kind)
            yield ListingReader(self._open_pages(self._log_bucket, name_prefix, stack), name_prefix, self._after_key)

    def _open_pages(self, bucket: Bucket, name_prefix: str, stack: ExitStack) -> Iterator[ListPage]:
        prefix, after_name = f"{name_prefix}{self._prefix}", f"{name_prefix}{self._after_key}"
        if len(prefix.encode()) > MAX_NAME_BYTES:
            return iter(())
        # A truncated name sorts before the full name, so no key is skipped.
        return stack.enter_context(bucket.pages(prefix, after_name.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore")))

    def _read_long_records(self, pages: Iterator[ListPage]) -> Iterator[ListPage]:
        for page in pages:
            if max(map(len, page.columns.names), default=0) > self._min_long_characters:
                self._load_records(
                    [source for source in page.objects if self._is_long(source.name) and self._needs_records(source)]
                )
            yield page

    def _load_records(self, objects: Sequence[ObjectSummary]) -> None:
        self._success_records = success_records = self._read_records("success", [source.name for source in objects])
        covered_keys = {
            source.name
            for source in objects
            if not self._destination and is_covered(source, success_records.get(source.name))
        }
        self._failed_records = self._read_records(
            "failed", [source.name for source in objects if source.name not in covered_keys]
        )

    def _add_long_records(self, entry: Entry) -> Entry:
        key, source, success_record, failed_record, destination, proof = entry
        if source:
            success_record, failed_record = (
                success_record or self._success_records.get(key),
                failed_record or self._failed_records.get(key),
            )
            proof = proof or (self._read_record("proven", key) if destination else None)
        elif destination:
            success_record = success_record or self._read_record("success", key)
        return Entry(key, source, success_record, failed_record, destination, proof)

    def _is_long(self, key: str) -> bool:
        """Return True if a key may be too long for the listings of records by key."""
        return len(key) > self._min_long_characters

    def _read_record(self, kind: Kind, key: str) -> ObjectSummary | None:
        return self._read_records(kind, [key]).get(key)

    def _read_records(self, kind: Kind, keys: Sequence[str]) -> _Records:
        """Return the existing records of those keys that are too long to be listed by key.

        Raises StorageError.
        """
        keys_to_read = keys if kind in self._kinds else ()
        keys_by_name = {
            record_name(self._task_id, kind, key): key for key in keys_to_read if is_long(self._task_id, kind, key)
        }
        records = zip(keys_by_name.values(), self._log_bucket.get_all(list(keys_by_name)), strict=True)
        return {key: listed_record(record, key) for key, record in records if record}
