"""The listings of the source bucket, the records and the destination bucket, merged by key.

Both clouds list in byte order, so the listings (the source bucket, the destination bucket, and `success_object/` and
the other records with these prefixes removed) are merged like sorted files, with one page of each in memory, whatever
their size. An object is covered if its success record names its eTag and is not older than the object. A listing shows
both, because a record's ETag is the MD5 of the eTag in its body.

Keys that the source and another listing have in the same order, which are nearly all, form runs. A run ends at the
first key whose judgement may differ from that of its first key.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import NamedTuple

from oss_oms_sync.answers.layout import MAX_NAME_BYTES, Kind, is_long, record_name, record_prefix
from oss_oms_sync.clouds.bucket import Bucket
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import Columns, ListPage, ObjectSummary, first_difference
from oss_oms_sync.passes.entries import Entry, is_covered, listed_record

# A name after every key: no key is so long.
LAST_NAME = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)
# Minimum length of a run; after a shorter run, as many keys are yielded singly before the next search.
MIN_RUN_KEYS = 16

_Records = dict[str, ObjectSummary]


class KeyRun(NamedTuple):
    """Keys in order, each with a source object and a row of the other listing, as columns.

    The keys may have records, but no other key is in between.
    """

    keys: list[str]
    source: Columns
    twin: Columns

    def first(self, number: int) -> KeyRun:
        """Return the run of the first `number` keys."""
        return (
            self
            if number == len(self.keys)
            else KeyRun(self.keys[:number], self.source.part(0, number), self.twin.part(0, number))
        )


# Returns the number of a run's leading keys that are counted together.
Equal = Callable[[KeyRun], int]


class Feed:
    """A listing by its keys: its names without `root`, from the first name after `after`."""

    def __init__(self, pages: Iterator[ListPage] = iter(()), root: str = "", after: str = "") -> None:  # noqa: B008
        """Read the first page. All methods that advance raise StorageError."""
        self._pages = pages
        self._root = root
        self._after = f"{root}{after}"
        self._next_page()

    def row(self) -> ObjectSummary:
        """Return the row of the next key."""
        names, etags, sizes, modified, types, storage_classes = self._page.columns
        at = self.place
        return ObjectSummary(names[at], etags[at], sizes[at], modified[at], types[at], storage_classes[at])

    def columns(self, number: int) -> Columns:
        """Return the rows of the next keys, as columns."""
        return self._page.columns.part(self.place, self.place + number)

    def advance(self, number: int = 1) -> None:
        """Advance past this number of keys of the page."""
        self.place += number
        if self.place < len(self.keys):
            self.key = self.keys[self.place]
        else:
            self._next_page()

    def advance_past(self, key: str) -> None:
        """Advance past all keys up to this key."""
        while self.key <= key:
            self.advance(bisect_right(self.keys, key, self.place) - self.place)

    def count_matching(self, keys: Sequence[str]) -> int:
        """Return the number of leading `keys` that the feed can advance past without another key in between.

        Only its current page counts.
        """
        if self.key > keys[-1]:
            return len(keys)
        page_keys = self.keys[self.place : bisect_right(self.keys, keys[-1], self.place)]
        if page_keys == keys:
            return len(keys)
        others = set(page_keys).difference(keys)
        return min(bisect_right(keys, self.keys[-1]), bisect_left(keys, min(others)) if others else len(keys))

    def _next_page(self) -> None:
        for page in self._pages:
            names = page.columns.names
            self.place = bisect_right(names, self._after)
            if self.place < len(names):
                self._page = page
                self.keys = [name[len(self._root) :] for name in names] if self._root else names
                break
        else:
            self.place, self.keys = 0, [LAST_NAME]
        self.key = self.keys[self.place]


def merge_feeds(feeds: Sequence[Feed], twin: Feed, equal: Equal | None) -> Iterator[Entry | KeyRun]:
    """Yield all keys of these listings in order, without proofs of keys that are in no other listing.

    `feeds` become the fields of an entry, in their order. With `equal`, the keys of both the source and `twin` are
    yielded as runs.

    Raises StorageError.
    """
    source, success, failed, destination, proof = feeds
    singles = 0
    while (key := min(source.key, success.key, failed.key, destination.key)) != LAST_NAME:
        if singles:
            singles -= 1
        elif equal and key == source.key == twin.key:
            run = _run(source, twin, [feed for feed in feeds[:4] if feed not in (source, twin)])
            number = equal(run) if len(run.keys) >= MIN_RUN_KEYS else 0
            if number >= MIN_RUN_KEYS:
                yield run.first(number)
                for feed in feeds:
                    feed.advance_past(run.keys[number - 1])
                continue
            singles = MIN_RUN_KEYS
        while proof.key < key:
            proof.advance()
        yield Entry(key, *[feed.row() if feed.key == key else None for feed in feeds])
        for feed in feeds:
            if feed.key == key:
                feed.advance()


def _run(source: Feed, twin: Feed, others: Iterable[Feed]) -> KeyRun:
    """Return the longest next run within the current pages."""
    keys = source.keys[source.place :]
    length = first_difference(keys, twin.keys[twin.place :])
    for feed in others:
        length = length and feed.count_matching(keys[:length])
    return KeyRun(keys[:length], source.columns(length), twin.columns(length))


class MergedListing:
    """The listings after `after`, merged by key."""

    def __init__(
        self,
        invocation: Invocation,
        needs_records: Callable[[ObjectSummary], bool],
        prefix: str,
        after: str,
        *,
        kinds: Sequence[Kind] = ("success", "failed"),
        destination: Bucket | None = None,
    ) -> None:
        """Merge the listings of these `kinds` of records, the source, and the `destination` or none.

        `needs_records` selects the objects whose unlisted records are read. Without a `destination`, the failed record
        of such an object is not read if its success record covers the object.
        """
        self._task_id = invocation.task_id
        seconds = invocation.listing_seconds()
        self._source_bucket = invocation.source_bucket.within(seconds)
        self._log_bucket = invocation.log_bucket.within(seconds)
        self._destination = destination
        self._kinds = kinds
        self._needs_records = needs_records
        self._prefix = prefix
        # Shorter keys have short records: a character takes at most four bytes.
        self._shortest_long = (MAX_NAME_BYTES - len(record_prefix(invocation.task_id, "success"))) // 4
        self._after = after
        # The records of this page's long keys.
        self._success: _Records = {}
        self._failed: _Records = {}

    def __iter__(self) -> Iterator[Entry]:
        """Yield the entry of each key.

        Raises StorageError.
        """
        return (step for step in self.steps() if isinstance(step, Entry))

    def steps(self, equal: Equal | None = None) -> Iterator[Entry | KeyRun]:
        """Yield entries, and runs instead of the entries of their keys, where `equal` allows.

        A run has keys of both the source and the destination, or without a destination of the success records.

        Raises StorageError.
        """
        with ExitStack() as stack:
            # All first pages are requested before the first is awaited.
            sources = self._pages(self._source_bucket, "", stack)
            roots = {kind: record_prefix(self._task_id, kind) for kind in self._kinds}
            records = {kind: self._pages(self._log_bucket, root, stack) for kind, root in roots.items()}
            destination_pages = self._pages(self._destination, "", stack) if self._destination else iter(())
            success, failed, proof = (
                Feed(records[kind], roots[kind], self._after) if kind in records else Feed()
                for kind in ("success", "failed", "proven")
            )
            source, destination = Feed(self._with_long_records(sources)), Feed(destination_pages)
            twin = destination if self._destination else success
            for step in merge_feeds((source, success, failed, destination, proof), twin, equal):
                yield self._complete(step) if isinstance(step, Entry) and self._is_long(step.key) else step

    @contextmanager
    def feed(self, kind: Kind) -> Iterator[Feed]:
        """Yield the records of a kind by their keys, apart from the entries; without those of long keys.

        Raises StorageError.
        """
        with ExitStack() as stack:
            root = record_prefix(self._task_id, kind)
            yield Feed(self._pages(self._log_bucket, root, stack), root, self._after)

    def _pages(self, bucket: Bucket, root: str, stack: ExitStack) -> Iterator[ListPage]:
        """Return pages of the objects under `root`."""
        prefix, behind = f"{root}{self._prefix}", f"{root}{self._after}"
        if len(prefix.encode()) > MAX_NAME_BYTES:
            return iter(())
        # A truncated name sorts before the full name, so nothing is skipped.
        return stack.enter_context(bucket.pages(prefix, behind.encode()[:MAX_NAME_BYTES].decode("utf-8", "ignore")))

    def _with_long_records(self, pages: Iterator[ListPage]) -> Iterator[ListPage]:
        """Yield the source's pages, and read the records of their long keys, which no listing has by key.

        Each takes one GET, or two if the first record does not cover the object.
        """
        for page in pages:
            if max(map(len, page.columns.names), default=0) > self._shortest_long:
                self._read_long(
                    [stored for stored in page.objects if self._is_long(stored.name) and self._needs_records(stored)]
                )
            yield page

    def _read_long(self, judged: Sequence[ObjectSummary]) -> None:
        self._success = success = self._read("success", [listed.name for listed in judged])
        is_enough = {
            listed.name for listed in judged if not self._destination and is_covered(listed, success.get(listed.name))
        }
        self._failed = self._read("failed", [listed.name for listed in judged if listed.name not in is_enough])

    def _complete(self, entry: Entry) -> Entry:
        """Return an entry with the records of a long key."""
        key, source, success, failed, destination, proof = entry
        if source:
            success, failed = success or self._success.get(key), failed or self._failed.get(key)
            proof = proof or (self._record_of("proven", key) if destination else None)
        elif destination:
            success = success or self._record_of("success", key)
        return Entry(key, source, success, failed, destination, proof)

    def _is_long(self, key: str) -> bool:
        """Return True if the listings by key may lack the records of a key."""
        return len(key) > self._shortest_long

    def _record_of(self, kind: Kind, key: str) -> ObjectSummary | None:
        return self._read(kind, [key]).get(key)

    def _read(self, kind: Kind, keys: Sequence[str]) -> _Records:
        """Read the records of `keys`, which are too long for a listing by key; return the records by key.

        Raises StorageError.
        """
        keys_to_read = keys if kind in self._kinds else ()
        key_of = {
            record_name(self._task_id, kind, key): key for key in keys_to_read if is_long(self._task_id, kind, key)
        }
        records = zip(key_of.values(), self._log_bucket.get_all(list(key_of)), strict=True)
        return {key: listed_record(stored, key) for key, stored in records if stored}
