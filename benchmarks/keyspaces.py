"""Key spaces of any size, as functions from a place to its key, because a billion keys exceed the memory."""

from __future__ import annotations

import random
from bisect import bisect_right
from collections.abc import Callable
from datetime import date, timedelta
from itertools import accumulate


class KeySpace:
    """Keys in order: `key(place)` for 0 <= place < `size`, computed on request."""

    def __init__(self, name: str, size: int, key: Callable[[int], str]) -> None:
        self.name = name
        self.key = key
        self._places = range(size)

    def __len__(self) -> int:
        return len(self._places)

    def up_to(self, key: str) -> int:
        """Return the number of keys up to and including `key`."""
        return bisect_right(self._places, key, key=self.key)


def key_spaces(size: int) -> list[KeySpace]:
    """Return typical key spaces of `size` keys each; `size` is a power of ten."""
    digits = len(str(size - 1))
    return [
        _folders("one prefix has 70 %", size, _same_prefix()),
        _folders("dates", size, _dates()),
        KeySpace("hashes", size, lambda place: f"{_spread(place, size, 40):040x}"),
        KeySpace("flat UUIDs", size, lambda place: _uuid(_spread(place, size, 30))),
        _folders("Chinese folders", size, _chinese()),
        KeySpace("plain counters", size, lambda place: f"photos/{_counter(place, digits)}.jpg"),
    ]


def _same_prefix() -> dict[str, float]:
    others = ["archive/", "backup/2023/", "logs/", "models/v1/", "tmp/", "users/", "videos/", "www/static/"]
    return {"app/uploads/images/": 0.7, **{folder: 0.3 / len(others) for folder in others}}


def _dates() -> dict[str, float]:
    """Return keys by date over ten years, with slightly more keys on each day than on the day before."""
    begin = date(2015, 1, 1)
    return {f"{begin + timedelta(days=day):%Y/%m/%d}/": 1.0 + day for day in range(3650)}


def _chinese() -> dict[str, float]:
    """Return keys in two thousand Chinese folders; the n-th has 1/n of the first folder's keys."""
    draw = random.Random(14)
    names = {"".join(chr(draw.randrange(0x4E00, 0x9FA6)) for _ in range(draw.randint(2, 6))) for _ in range(2000)}
    shuffled = draw.sample(sorted(names), len(names))
    return {f"资料/{name}/": 1 / place for place, name in enumerate(shuffled, 1)}


def _folders(name: str, size: int, weights: dict[str, float]) -> KeySpace:
    """Return keys in folders of weighted sizes, with hash-like names."""
    folders = sorted(weights)
    sums = list(accumulate(weights[folder] for folder in folders))
    ends = [round(size * sum_ / sums[-1]) for sum_ in sums]

    def key(place: int) -> str:
        index = bisect_right(ends, place)
        begin = ends[index - 1] if index else 0
        return f"{folders[index]}{_spread(place - begin, ends[index] - begin, 12):012x}.jpg"

    return KeySpace(name, size, key)


def _spread(place: int, size: int, digits: int) -> int:
    """Spread the places evenly over all numbers with this many hexadecimal digits."""
    return int(place * 16**digits // size)


def _uuid(number: int) -> str:
    """Return a UUID (version 4) with these 30 hexadecimal digits."""
    digits = f"{number:030x}"
    return f"{digits[:8]}-{digits[8:12]}-4{digits[12:15]}-8{digits[15:18]}-{digits[18:]}"


def _counter(place: int, digits: int) -> str:
    """Return the number at a place among all numbers of up to `digits` digits, sorted as text.

    Numbers have no leading zeros, and a number comes before all numbers that begin with it.
    """
    if place == 0:
        return "0"
    # Zero begins no other number.
    place, text = place - 1, ""
    for within in (int("1" * more) for more in range(digits, 0, -1)):
        digit, place = divmod(place, within)
        text += str(digit if text else digit + 1)
        if place == 0:
            break
        place -= 1
    return text
