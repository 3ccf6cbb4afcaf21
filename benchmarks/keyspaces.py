"""Key spaces: sequences of sorted keys, each computed from its position, because a billion keys exceed the memory."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from itertools import accumulate


class KeySpace:
    """A sequence of `size` sorted keys; `key` computes the key at a position."""

    def __init__(self, name: str, size: int, key: Callable[[int], str]) -> None:
        self.name = name
        self.key = key
        self._positions = range(size)

    def __len__(self) -> int:
        return len(self._positions)

    def up_to(self, key: str) -> int:
        """Return the number of keys up to and including `key`."""
        return bisect_right(self._positions, key, key=self.key)


def key_spaces(size: int) -> list[KeySpace]:
    """Return typical key spaces of `size` keys each; `size` is a power of ten."""
    digits = len(str(size - 1))
    return [
        _folders("one prefix has 70 %", size, _same_prefix()),
        _folders("dates", size, _dates()),
        KeySpace("hashes", size, lambda position: f"{_spread(position, size, 40):040x}"),
        KeySpace("flat UUIDs", size, lambda position: _uuid(_spread(position, size, 30))),
        _folders("Chinese folders", size, _chinese()),
        KeySpace("plain counters", size, lambda position: f"photos/{_counter(position, digits)}.jpg"),
    ]


def _same_prefix() -> dict[str, float]:
    other_folders = ["archive/", "backup/2023/", "logs/", "models/v1/", "tmp/", "users/", "videos/", "www/static/"]
    return {"app/uploads/images/": 0.7, **{folder: 0.3 / len(other_folders) for folder in other_folders}}


def _dates() -> dict[str, float]:
    """Return a folder for each day of ten years with its weight; each day has more keys than the day before."""
    begin = date(2015, 1, 1)
    return {f"{begin + timedelta(days=day):%Y/%m/%d}/": 1.0 + day for day in range(3650)}


def _chinese() -> dict[str, float]:
    """Return two thousand Chinese folders with their weights; the n-th has 1/n of the first folder's keys."""
    draw = random.Random(14)
    names = {"".join(chr(draw.randrange(0x4E00, 0x9FA6)) for _ in range(draw.randint(2, 6))) for _ in range(2000)}
    shuffled = draw.sample(sorted(names), len(names))
    return {f"资料/{name}/": 1 / position for position, name in enumerate(shuffled, 1)}


def _folders(name: str, size: int, weights: dict[str, float]) -> KeySpace:
    """Return a key space of folders with hash-like file names; `weights` are the folders' relative numbers of keys."""
    folders = sorted(weights)
    sums = list(accumulate(weights[folder] for folder in folders))
    ends = [round(size * sum_ / sums[-1]) for sum_ in sums]

    def key(position: int) -> str:
        index = bisect_right(ends, position)
        begin = ends[index - 1] if index else 0
        return f"{folders[index]}{_spread(position - begin, ends[index] - begin, 12):012x}.jpg"

    return KeySpace(name, size, key)


def _spread(position: int, size: int, digits: int) -> int:
    """Return the number at a position among `size` numbers, evenly spread over all of `digits` hexadecimal digits."""
    return int(position * 16**digits // size)


def _uuid(number: int) -> str:
    """Return the UUID (version 4) that has the 30 hexadecimal digits of `number`."""
    digits = f"{number:030x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{digits[18:]}"


def _counter(position: int, digits: int) -> str:
    """Return the number at a position among all numbers of up to `digits` digits, sorted as text.

    Numbers have no leading zeros, and a number comes before all numbers that begin with it.
    """
    if position == 0:
        return "0"
    # Zero begins no other number.
    position, text = position - 1, ""
    for subtree_size in (int("1" * length) for length in range(digits, 0, -1)):
        digit, position = divmod(position, subtree_size)
        text += str(digit if text else digit + 1)
        if position == 0:
            break
        position -= 1
    return text
