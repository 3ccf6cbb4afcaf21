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

FindNextKey = Callable[[str], str | None]

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
    """A key, and the number of objects after the previous mark's key up to and including this key."""

    key: str
    objects: int


class Marks:
    """Marks in the order of keys, at most `MAX_MARKS`: some keys of a pass, each with a count of objects.

    The last mark is the last counted key, so the counts add up to the number of all objects.
    """

    def __init__(self, marks: Iterable[KeyMark] = ()) -> None:
        """Store `marks`, which are in the order of keys; join neighbouring marks if there are more than MAX_MARKS."""
        self._last_key = ""
        self._objects_since_mark = 0
        self._set_marks(list(marks))

    def __iter__(self) -> Iterator[KeyMark]:
        yield from self._marks
        if self._objects_since_mark:
            yield KeyMark(self._last_key, self._objects_since_mark)

    def add(self, key: str) -> None:
        """Count `key`, which must follow all keys that were counted before."""
        self.extend((key,))

    def extend(self, keys: Sequence[str]) -> None:
        counted_keys = 0
        while counted_keys < len(keys):
            number = min(self._objects_per_mark - self._objects_since_mark, len(keys) - counted_keys)
            counted_keys += number
            self._last_key = keys[counted_keys - 1]
            self._objects_since_mark += number
            if self._objects_since_mark >= self._objects_per_mark:
                self._marks.append(KeyMark(self._last_key, self._objects_since_mark))
                self._objects_since_mark = 0
                if len(self._marks) == MAX_MARKS:
                    self._set_marks(self._marks)

    def _set_marks(self, marks: Sequence[KeyMark]) -> None:
        # Each mark counts at least this number of objects, so there are at most MAX_MARKS - 2 such marks. The remainder
        # of a count and the last key may add two smaller marks.
        self._objects_per_mark = max(1, -(-sum(mark.objects for mark in marks) // (MAX_MARKS - 2)))
        self._marks = list(marks) if len(marks) < MAX_MARKS else _join_marks(marks, self._objects_per_mark)


def _join_marks(marks: Sequence[KeyMark], min_objects: int) -> list[KeyMark]:
    joined_marks, object_count = [], 0
    for key, count in marks:
        object_count += count
        if object_count >= min_objects:
            joined_marks.append(KeyMark(key, object_count))
            object_count = 0
    return [*joined_marks, KeyMark(marks[-1].key, object_count)] if object_count else joined_marks


def estimate_objects(after_key: str, until_key: str, marks: Iterable[KeyMark]) -> int:
    """Estimate the number of objects after `after_key` up to `until_key`, by the marks of an earlier pass.

    An empty `until_key` is no limit. The estimate tends to be too high.
    """
    following_marks = [mark for mark in marks if mark.key > after_key]
    number = sum(not until_key or mark.key < until_key for mark in following_marks)
    # The mark after the range counts objects of the range as well.
    return sum(mark.objects for mark in following_marks[: number + 1])


def find_cut(first_key: str, until_key: str, marks: Iterable[KeyMark], find_next_key: FindNextKey) -> str | None:
    """Find a key, the cut, that splits a range of keys into two ranges: up to the cut, and after it.

    - `first_key`: the first existing key of the range.
    - `until_key`: the end of the range ("" for no limit).
    - `marks`: an earlier pass's marks, in the order of keys.
    - `find_next_key`: returns the next existing key of the range, or None. It is called 45 times at most.

    Return None if the range cannot be split.
    """
    mark_cut = _find_cut_by_marks(first_key, until_key, marks, find_next_key)
    return _find_cut_by_characters(first_key, find_next_key) if mark_cut is None else mark_cut


def find_middle(after_key: str, until_key: str, marks: Iterable[KeyMark]) -> str | None:
    """Return the mark that halves the keys after `after_key` up to `until_key`, or None if no mark is among them.

    An empty `until_key` is no limit. One half may be empty, because keys may have changed since the marks were stored.
    """
    return _find_cut_by_marks(f"{after_key}\0", until_key, marks, lambda key: key)


def _find_cut_by_marks(
    first_key: str, until_key: str, marks: Iterable[KeyMark], find_next_key: FindNextKey
) -> str | None:
    """Return the mark inside the range that divides its objects best, or None if no mark can split the range."""
    following_marks = [mark for mark in marks if mark.key >= first_key]
    inside_keys = [mark.key for mark in following_marks if not until_key or mark.key < until_key]
    # The mark after the range counts objects of the range as well.
    counts = list(accumulate(mark.objects for mark in following_marks[: len(inside_keys) + 1]))
    candidates = [
        (count, key) for count, key in zip(counts, inside_keys, strict=False) if not _UNUSABLE_CHARACTERS.search(key)
    ]
    total_objects = counts[-1] if counts else 0
    while candidates:
        count, cut = min(candidates, key=lambda candidate: abs(2 * candidate[0] - total_objects))
        if find_next_key(cut) is not None:
            return cut
        # All keys after this mark were deleted since the earlier pass.
        total_objects, candidates = count, [candidate for candidate in candidates if candidate[0] < count]
    return None


def _find_cut_by_characters(first_key: str, find_next_key: FindNextKey) -> str | None:
    """Return a key halfway between `first_key` and the last key, by the first different character, or None."""
    if find_next_key(first_key) is None:
        return None
    prefix = first_key[: _find_common_length(first_key, find_next_key)]
    differing_character = first_key[len(prefix) : len(prefix) + 1]
    # A missing character counts as the smallest: the last key then begins with `first_key`.
    low_code = ord(differing_character) if differing_character else -1
    high_code = _find_last_code(prefix, max(low_code, 0), find_next_key)
    middle_code = (low_code + high_code + 1) // 2
    codes = chain(range(middle_code, high_code + 1), range(middle_code - 1, low_code, -1))
    usable_characters = (chr(code) for code in codes if not _UNUSABLE_CHARACTERS.match(chr(code)))
    # The second candidate is needed if only the last key follows `first_key`, and consists of `prefix` and a single
    # character.
    cuts = (f"{prefix}{end}" for end in (next(usable_characters, ""), f"{differing_character}{_LAST_CHARACTER}"))
    return next(
        (
            cut
            for cut in cuts
            if first_key <= cut and not _UNUSABLE_CHARACTERS.search(cut) and find_next_key(cut) is not None
        ),
        None,
    )


def _find_common_length(first_key: str, find_next_key: FindNextKey) -> int:
    ends = range(1, 1 + min(len(first_key), _MAX_PREFIX_CHARACTERS))
    return bisect_left(ends, True, key=lambda end: find_next_key(f"{first_key[:end]}{_LAST_CHARACTER}") is not None)


def _find_last_code(prefix: str, low_code: int, find_next_key: FindNextKey) -> int:
    """Return the code point that follows `prefix` in the last key; it is at least `low_code`."""
    high_code = sys.maxunicode
    while low_code < high_code:
        middle_code = next(
            (end for end in _LAST_CODE_POINTS if low_code <= end < high_code), (low_code + high_code) // 2
        )
        following_key = find_next_key(
            f"{prefix}{chr(min(middle_code, _BEFORE_SURROGATES) if middle_code <= _LAST_SURROGATE else middle_code)}"
            f"{_LAST_CHARACTER}"
        )
        # Otherwise a key with another prefix was written in the meantime.
        if following_key and following_key.startswith(prefix):
            low_code = max(middle_code + 1, ord(following_key[len(prefix)]))
        else:
            high_code = middle_code
    return low_code
