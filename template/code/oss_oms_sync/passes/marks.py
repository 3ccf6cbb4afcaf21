"""Marks: sampled keys of a walk, and the key at which to split a range.

A pass stores up to a thousand of its keys, with counts; the next pass uses them to split a range into halves of equal
work. Keys are compared by code point, which is the order of OSS's listings (the byte order of UTF-8).
"""

from __future__ import annotations

import re
import sys
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate, chain
from typing import NamedTuple

# With a hundred million keys, the shares of 32 lanes differ by at most a thirtieth.
MAX_MARKS = 1024

NextKey = Callable[[str], str | None]

# Characters that a cut must not contain, because listing requests, names and logs may change them.
_UNUSABLE_CHARACTERS = re.compile(r"[\x00-\x1f%\x7f-\x9f\ud800-\udfff]")
_LAST_CHARACTER = "\U0010ffff"
# This number of characters takes at most 1000 bytes. With two more characters, it is a valid object name.
_MAX_PREFIX_CHARACTERS = 250
# The last code points of one, two and three bytes; most keys have only smaller code points.
_LAST_CODE_POINTS = (0x7F, 0x7FF, 0xFFFF)
_BEFORE_SURROGATES, _LAST_SURROGATE = 0xD7FF, 0xDFFF


class KeyMark(NamedTuple):
    """A key, and the number of objects after the previous mark, up to and including this key."""

    key: str
    objects: int


class Marks:
    """Marks in key order, at most `MAX_MARKS`; the last mark is the last key, so the counts add up to all objects."""

    def __init__(self, marks: Iterable[KeyMark] = ()) -> None:
        """Store `marks` (in key order); join neighbours beyond MAX_MARKS."""
        self._last_key = ""
        self._since = 0
        self._set(list(marks))

    def __iter__(self) -> Iterator[KeyMark]:
        yield from self._marks
        if self._since:
            yield KeyMark(self._last_key, self._since)

    def add(self, key: str) -> None:
        """Count `key`; it must follow all keys counted before."""
        self.extend((key,))

    def extend(self, keys: Sequence[str]) -> None:
        """Count these keys; they must follow all keys counted before."""
        counted = 0
        while counted < len(keys):
            taken = min(self._step - self._since, len(keys) - counted)
            counted += taken
            self._last_key = keys[counted - 1]
            self._since += taken
            if self._since >= self._step:
                self._marks.append(KeyMark(self._last_key, self._since))
                self._since = 0
                if len(self._marks) == MAX_MARKS:
                    self._set(self._marks)

    def _set(self, marks: Sequence[KeyMark]) -> None:
        # At most MAX_MARKS - 2 marks have at least this count. Two more are the remainder and the last key.
        self._step = max(1, -(-sum(mark.objects for mark in marks) // (MAX_MARKS - 2)))
        self._marks = list(marks) if len(marks) < MAX_MARKS else _join(marks, self._step)


def _join(marks: Sequence[KeyMark], minimum: int) -> list[KeyMark]:
    """Join neighbours, so that each mark except the last counts at least `minimum`."""
    joined, since = [], 0
    for key, count in marks:
        since += count
        if since >= minimum:
            joined.append(KeyMark(key, since))
            since = 0
    return [*joined, KeyMark(marks[-1].key, since)] if since else joined


def expected_objects(after: str, until: str, marks: Iterable[KeyMark]) -> int:
    """Return the number of objects after the key `after` and up to `until` ("": no limit), by an earlier pass's marks.

    The number tends to be too high.
    """
    following = [mark for mark in marks if mark.key > after]
    inside = sum(not until or mark.key < until for mark in following)
    # The mark after the range counts objects of the range as well.
    return sum(mark.objects for mark in following[: inside + 1])


def find_cut(first: str, until: str, marks: Iterable[KeyMark], next_key: NextKey) -> str | None:
    """Find a key at which the range of keys up to `until` ("": no limit) splits into (..., cut] and (cut, until].

    `first` is the first existing key of the range; `marks` are an earlier pass's marks, in key order. `next_key(key)`
    returns the next existing key of the range, or None; it is called about 20 times, and at most 45 times.

    Return a cut with first <= cut < the last key of the range, or None if the range cannot be split.
    """
    by_marks = _cut_by_marks(first, until, marks, next_key)
    return _cut_by_characters(first, next_key) if by_marks is None else by_marks


def middle_of(after: str, until: str, marks: Iterable[KeyMark]) -> str | None:
    """Return a cut by `marks` alone: the middle of the keys after `after` and up to `until` ("": no limit).

    The cut is inside the range, but one half may be empty, because keys may have changed since. None without a mark
    inside the range.
    """
    return _cut_by_marks(f"{after}\0", until, marks, lambda cut: cut)


def _cut_by_marks(first: str, until: str, marks: Iterable[KeyMark], next_key: NextKey) -> str | None:
    """Return the mark inside the range that is the middle by counts."""
    following = [mark for mark in marks if mark.key >= first]
    inside = [mark.key for mark in following if not until or mark.key < until]
    # The mark after the range counts objects of the range as well.
    counts = list(accumulate(mark.objects for mark in following[: len(inside) + 1]))
    places = [(count, key) for count, key in zip(counts, inside, strict=False) if not _UNUSABLE_CHARACTERS.search(key)]
    total = counts[-1] if counts else 0
    while places:
        count, cut = min(places, key=lambda place: abs(2 * place[0] - total))
        if next_key(cut) is not None:
            return cut
        # All keys from here on were deleted since then.
        total, places = count, [place for place in places if place[0] < count]
    return None


def _cut_by_characters(first: str, next_key: NextKey) -> str | None:
    """Return a cut halfway between `first` and the last key, by the first different character."""
    if next_key(first) is None:
        return None
    prefix = first[: _common_length(first, next_key)]
    differing = first[len(prefix) : len(prefix) + 1]
    # A missing character counts as the smallest: the last key then begins with `first`.
    low = ord(differing) if differing else -1
    high = _last_code(prefix, max(low, 0), next_key)
    middle = (low + high + 1) // 2
    codes = chain(range(middle, high + 1), range(middle - 1, low, -1))
    usable = (chr(code) for code in codes if not _UNUSABLE_CHARACTERS.match(chr(code)))
    # The second cut is needed if only the last key follows the first: `prefix` and a single character.
    cuts = (f"{prefix}{end}" for end in (next(usable, ""), f"{differing}{_LAST_CHARACTER}"))
    return next(
        (cut for cut in cuts if first <= cut and not _UNUSABLE_CHARACTERS.search(cut) and next_key(cut) is not None),
        None,
    )


def _common_length(first: str, next_key: NextKey) -> int:
    """Return the number of leading characters that `first` and the last key share."""
    ends = range(1, 1 + min(len(first), _MAX_PREFIX_CHARACTERS))
    return bisect_left(ends, True, key=lambda end: next_key(f"{first[:end]}{_LAST_CHARACTER}") is not None)


def _last_code(prefix: str, low: int, next_key: NextKey) -> int:
    """Return the code point after `prefix` in the last key, at least `low`."""
    high = sys.maxunicode
    while low < high:
        middle = next((end for end in _LAST_CODE_POINTS if low <= end < high), (low + high) // 2)
        following = next_key(
            f"{prefix}{chr(min(middle, _BEFORE_SURROGATES) if middle <= _LAST_SURROGATE else middle)}{_LAST_CHARACTER}"
        )
        # A key with another prefix was written meanwhile.
        if following and following.startswith(prefix):
            low = max(middle + 1, ord(following[len(prefix)]))
        else:
            high = middle
    return low
