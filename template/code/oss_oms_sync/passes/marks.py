"""Marks: sampled keys of a pass, by which the next pass splits a range of keys into halves of equal work.

A pass stores up to a thousand of its keys, each with a count of objects. Keys are compared by code point, which is the
order of OSS's listings (the byte order of UTF-8).
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

# With a hundred million keys, the shares of 32 parallel ranges differ by at most a thirtieth.
MAX_MARKS = 1024

NextKey = Callable[[str], str | None]

# Characters that a cut, the key at which a range is split, must not contain, because listing requests, names and logs
# may change them.
_UNUSABLE_CHARACTERS = re.compile(r"[\x00-\x1f%\x7f-\x9f\ud800-\udfff]")
_LAST_CHARACTER = "\U0010ffff"
# A prefix of this length takes at most 1000 bytes. With two more characters, it is still a valid object name.
_MAX_PREFIX_CHARACTERS = 250
# The last code points of one, two and three bytes; most keys have only smaller code points.
_LAST_CODE_POINTS = (0x7F, 0x7FF, 0xFFFF)
_BEFORE_SURROGATES, _LAST_SURROGATE = 0xD7FF, 0xDFFF


class KeyMark(NamedTuple):
    """A key, and the number of objects after the previous mark up to and including this key."""

    key: str
    objects: int


class Marks:
    """Marks in the order of keys, at most `MAX_MARKS`.

    The last mark is the last counted key, so the counts add up to the number of all objects.
    """

    def __init__(self, marks: Iterable[KeyMark] = ()) -> None:
        """Store `marks`, which are in the order of keys; join neighbouring marks if there are more than MAX_MARKS."""
        self._last_key = ""
        self._since = 0
        self._set(list(marks))

    def __iter__(self) -> Iterator[KeyMark]:
        yield from self._marks
        if self._since:
            yield KeyMark(self._last_key, self._since)

    def add(self, key: str) -> None:
        """Count `key`, which must follow all keys counted before."""
        self.extend((key,))

    def extend(self, keys: Sequence[str]) -> None:
        """Count these keys, which must follow all keys counted before."""
        done = 0
        while done < len(keys):
            number = min(self._step - self._since, len(keys) - done)
            done += number
            self._last_key = keys[done - 1]
            self._since += number
            if self._since >= self._step:
                self._marks.append(KeyMark(self._last_key, self._since))
                self._since = 0
                if len(self._marks) == MAX_MARKS:
                    self._set(self._marks)

    def _set(self, marks: Sequence[KeyMark]) -> None:
        # Each mark counts at least this number of objects, so there are at most MAX_MARKS - 2 such marks. The remainder
        # of a count and the last key may add two smaller marks.
        self._step = max(1, -(-sum(mark.objects for mark in marks) // (MAX_MARKS - 2)))
        self._marks = list(marks) if len(marks) < MAX_MARKS else _join(marks, self._step)


def _join(marks: Sequence[KeyMark], minimum: int) -> list[KeyMark]:
    """Join neighbouring marks, so that each mark except the last counts at least `minimum` objects."""
    joined, since = [], 0
    for key, count in marks:
        since += count
        if since >= minimum:
            joined.append(KeyMark(key, since))
            since = 0
    return [*joined, KeyMark(marks[-1].key, since)] if since else joined


def estimate_objects(after: str, until: str, marks: Iterable[KeyMark]) -> int:
    """Estimate the number of objects after the key `after` up to `until` ("" for no limit), by an earlier pass's marks.

    The estimate tends to be too high.
    """
    following_marks = [mark for mark in marks if mark.key > after]
    number = sum(not until or mark.key < until for mark in following_marks)
    # The mark after the range counts objects of the range as well.
    return sum(mark.objects for mark in following_marks[: number + 1])


def find_cut(first: str, until: str, marks: Iterable[KeyMark], next_key: NextKey) -> str | None:
    """Find a key that splits the keys up to `until` ("" for no limit) into two ranges: (..., cut] and (cut, until].

    `first` is the first existing key of the range. `marks` are an earlier pass's marks, in the order of keys.
    `next_key(key)` returns the next existing key of the range, or None; it is called about 20 times, and at most 45
    times.

    Return a key that is at least `first` and less than the last key of the range, or None if the range cannot be split.
    """
    by_marks = _cut_by_marks(first, until, marks, next_key)
    return _cut_by_characters(first, next_key) if by_marks is None else by_marks


def find_middle(after: str, until: str, marks: Iterable[KeyMark]) -> str | None:
    """Return the middle of the keys after `after` up to `until` ("" for no limit) by `marks` alone, or None.

    The result is inside the range, but one half may be empty, because keys may have changed since. It is None if no
    mark is inside the range.
    """
    return _cut_by_marks(f"{after}\0", until, marks, lambda cut: cut)


def _cut_by_marks(first: str, until: str, marks: Iterable[KeyMark], next_key: NextKey) -> str | None:
    """Return the mark inside the range that divides its objects best, or None if no mark can split the range."""
    following_marks = [mark for mark in marks if mark.key >= first]
    inside = [mark.key for mark in following_marks if not until or mark.key < until]
    # The mark after the range counts objects of the range as well.
    counts = list(accumulate(mark.objects for mark in following_marks[: len(inside) + 1]))
    places = [(count, key) for count, key in zip(counts, inside, strict=False) if not _UNUSABLE_CHARACTERS.search(key)]
    total = counts[-1] if counts else 0
    while places:
        count, cut = min(places, key=lambda place: abs(2 * place[0] - total))
        if next_key(cut) is not None:
            return cut
        # All keys after this mark were deleted since the earlier pass.
        total, places = count, [place for place in places if place[0] < count]
    return None


def _cut_by_characters(first: str, next_key: NextKey) -> str | None:
    """Return a key halfway between `first` and the last key, by the first character in which they differ.

    Return None if the range has a single key, or no such key is usable.
    """
    if next_key(first) is None:
        return None
    prefix = first[: _common_length(first, next_key)]
    first_difference = first[len(prefix) : len(prefix) + 1]
    # A missing character counts as the smallest: the last key then begins with `first`.
    low = ord(first_difference) if first_difference else -1
    high = _find_last_code(prefix, max(low, 0), next_key)
    middle = (low + high + 1) // 2
    codes = chain(range(middle, high + 1), range(middle - 1, low, -1))
    usable = (chr(code) for code in codes if not _UNUSABLE_CHARACTERS.match(chr(code)))
    # The second candidate is needed if only the last key follows `first`, and that key is `prefix` and a single
    # character.
    cuts = (f"{prefix}{end}" for end in (next(usable, ""), f"{first_difference}{_LAST_CHARACTER}"))
    return next(
        (cut for cut in cuts if first <= cut and not _UNUSABLE_CHARACTERS.search(cut) and next_key(cut) is not None),
        None,
    )


def _common_length(first: str, next_key: NextKey) -> int:
    """Return the number of leading characters that `first` and the last key have in common."""
    ends = range(1, 1 + min(len(first), _MAX_PREFIX_CHARACTERS))
    return bisect_left(ends, True, key=lambda end: next_key(f"{first[:end]}{_LAST_CHARACTER}") is not None)


def _find_last_code(prefix: str, low: int, next_key: NextKey) -> int:
    """Return the code point that follows `prefix` in the last key; it is at least `low`."""
    high = sys.maxunicode
    while low < high:
        middle = next((end for end in _LAST_CODE_POINTS if low <= end < high), (low + high) // 2)
        following_key = next_key(
            f"{prefix}{chr(min(middle, _BEFORE_SURROGATES) if middle <= _LAST_SURROGATE else middle)}{_LAST_CHARACTER}"
        )
        # Otherwise a key with another prefix was written meanwhile.
        if following_key and following_key.startswith(prefix):
            low = max(middle + 1, ord(following_key[len(prefix)]))
        else:
            high = middle
    return low
