"""Marks: where the keys lie that a pass walked, as a few hundred of them with counts.

They tell the next pass where to split, so that the halves of a range take equally long.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

MAX_MARKS = 256


class Mark(NamedTuple):
    """A key, and how many objects there are up to and including it since the mark before."""

    key: str
    objects: int


class Marks:
    """Marks in key order, at most `MAX_MARKS`; the last one is the last key, so the counts add up to all objects."""

    def __init__(self, marks: Iterable[Mark] = ()) -> None:
        """`marks` are in key order; if there are too many, neighbours are joined."""
        self._last_key = ""
        self._since = 0
        self._set(list(marks))

    def __iter__(self) -> Iterator[Mark]:
        yield from self._marks
        if self._since:
            yield Mark(self._last_key, self._since)

    def add(self, key: str) -> None:
        """Count `key`, which follows all keys so far."""
        self._last_key = key
        self._since += 1
        if self._since >= self._step:
            self._marks.append(Mark(key, self._since))
            self._since = 0
            if len(self._marks) == MAX_MARKS:
                self._set(self._marks)

    @classmethod
    def merge(cls, left: Iterable[Mark], right: Iterable[Mark]) -> Marks:
        """The marks of both; the keys of `right` follow those of `left`."""
        return cls([*left, *right])

    def _set(self, marks: Sequence[Mark]) -> None:
        # Marks that count at least this are at most MAX_MARKS - 2. One more is the rest, and one the last key.
        self._step = max(1, -(-sum(mark.objects for mark in marks) // (MAX_MARKS - 2)))
        self._marks = list(marks) if len(marks) < MAX_MARKS else _join(marks, self._step)


def _join(marks: Sequence[Mark], least: int) -> list[Mark]:
    """Join neighbours, so that each mark but the last counts at least `least`."""
    joined, since = [], 0
    for key, count in marks:
        since += count
        if since >= least:
            joined.append(Mark(key, since))
            since = 0
    return [*joined, Mark(marks[-1].key, since)] if since else joined
