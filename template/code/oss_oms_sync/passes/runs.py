"""Listings side by side: key by key, and at once where the source and another listing have the same keys one after the
other, as nearly all of them do.

A run is no judgement: it is yielded only as far as its job has proven that each of its keys would be judged the same.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from oss_oms_sync.clouds.objects import MAX_NAME_BYTES, Columns, ListPage, ObjectSummary, first_difference
from oss_oms_sync.passes.classify import Entry

# What comes after every key: none is that long.
END = "\U0010ffff" * (MAX_NAME_BYTES // 4 + 1)
# A shorter run is not worth it; so many keys are then gone through one by one before the next is looked for.
WORTH_IT = 16


class Run(NamedTuple):
    """Keys that rise, with an object of the source each, and with what the other listing has of them; column by column.
    There may be records of these keys besides, but no other key is in between."""

    keys: list[str]
    source: Columns
    twin: Columns

    def first(self, number: int) -> Run:
        """Its first keys."""
        return (
            self
            if number == len(self.keys)
            else Run(self.keys[:number], self.source.part(0, number), self.twin.part(0, number))
        )


# How many of the first keys of a run are counted at once.
Equal = Callable[[Run], int]


class Feed:
    """A listing by its keys: its names without `root`, those after `after`."""

    def __init__(self, pages: Iterator[ListPage] = iter(()), root: str = "", after: str = "") -> None:  # noqa: B008
        """Raises StorageError, as all methods that go on."""
        self._pages = pages
        self._root = root
        self._after = f"{root}{after}"
        self._next_page()

    def row(self) -> ObjectSummary:
        """What it has of its next key."""
        names, etags, sizes, modified, types = self._page.columns
        at = self.place
        return ObjectSummary(names[at], etags[at], sizes[at], modified[at], types[at])

    def columns(self, number: int) -> Columns:
        """What it has of so many of its next keys."""
        return self._page.columns.part(self.place, self.place + number)

    def go_on(self, number: int = 1) -> None:
        """Pass over so many keys of this page."""
        self.place += number
        if self.place < len(self.keys):
            self.key = self.keys[self.place]
        else:
            self._next_page()

    def go_behind(self, key: str) -> None:
        """Pass over all keys up to this one."""
        while self.key <= key:
            self.go_on(bisect_right(self.keys, key, self.place) - self.place)

    def only_of(self, keys: Sequence[str]) -> int:
        """How many of the first of `keys` it can be passed over with: as far as this page tells, and where it has no
        other key in between."""
        if self.key > keys[-1]:
            return len(keys)
        mine = self.keys[self.place : bisect_right(self.keys, keys[-1], self.place)]
        if mine == keys:
            return len(keys)
        others = set(mine).difference(keys)
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
            self.place, self.keys = 0, [END]
        self.key = self.keys[self.place]


def merged(feeds: Sequence[Feed], twin: Feed, equal: Equal | None) -> Iterator[Entry | Run]:
    """All keys of these listings in their order; a proof of a key that is nowhere else is passed over. `feeds` are what
    an entry is made of, in that order. With `equal` there are runs of the keys that the source and `twin` have.

    Raises StorageError.
    """
    source, success, failed, destination, proof = feeds
    one_by_one = 0
    while (key := min(source.key, success.key, failed.key, destination.key)) != END:
        if one_by_one:
            one_by_one -= 1
        elif equal and key == source.key == twin.key:
            run = _run(source, twin, [feed for feed in feeds[:4] if feed not in (source, twin)])
            number = equal(run) if len(run.keys) >= WORTH_IT else 0
            if number >= WORTH_IT:
                yield run.first(number)
                for feed in feeds:
                    feed.go_behind(run.keys[number - 1])
                continue
            one_by_one = WORTH_IT
        while proof.key < key:
            proof.go_on()
        yield Entry(key, *[feed.row() if feed.key == key else None for feed in feeds])
        for feed in feeds:
            if feed.key == key:
                feed.go_on()


def _run(source: Feed, twin: Feed, others: Iterable[Feed]) -> Run:
    """The longest run from here on within the pages that are there."""
    keys = source.keys[source.place :]
    number = first_difference(keys, twin.keys[twin.place :])
    for feed in others:
        number = number and feed.only_of(keys[:number])
    return Run(keys[:number], source.columns(number), twin.columns(number))
