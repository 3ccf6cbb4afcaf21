"""Pieces of ranges, and what follows from those that are there: pure, so that it can be tried in thousands of
schedules.

A piece says what a worker did with a range so far, and what follows. It is written once, and everybody acts on what is
stored. A pass is complete when no range is open; its total is the sum of what each range's last piece counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from functools import reduce

from oss_oms_sync.answers.step import Stopped
from oss_oms_sync.passes.scope import IN_PASS, ROOT_RANGE, TOTAL, Pass
from oss_oms_sync.passes.tally import Tally

# Together with LANES this bounds the bill of whatever goes wrong.
MAX_PIECES = 10_000
# After so many pieces in a row that came no further, a range is left alone until tomorrow.
_MAX_STUCK = 10


class Kind(Enum):
    """What follows after a piece."""

    # The next piece begins after `after`.
    MORE = "more"
    # The rest is cut in two: up to `cut`, and after it.
    SPLIT = "split"
    DONE = "done"
    # It ended early, because of what `stopped` says: only a tick or a manual call goes on.
    REST = "rest"


@dataclass(frozen=True)
class Piece:
    """What is known of a range after a piece: everything up to the key `after` is classified, sent and counted.

    The range is the keys after `begin`, up to and with `until`; `until` is "" for no limit. `about` is what the first
    piece of a pass says of the pass. `stuck`: how many pieces in a row, with this one, came no further.
    """

    kind: Kind
    until: str
    after: str
    begin: str = ""
    cut: str = ""
    stopped: Stopped | None = None
    tally: Tally = field(default_factory=Tally)
    about: Pass | None = None
    stuck: int = 0

    @classmethod
    def first(cls, about: Pass | None = None) -> Piece:
        """What is known of all keys before anything was done."""
        return cls(Kind.MORE, until="", after="", about=about)

    @property
    def is_stuck(self) -> bool:
        """Whether no tick goes on with it before tomorrow."""
        return self.kind is Kind.REST and self.stuck >= _MAX_STUCK

    def halves(self) -> tuple[Piece, Piece]:
        """The first pieces of the two ranges that it split into."""
        left = Piece(Kind.MORE, begin=self.after, until=self.cut, after=self.after)
        return left, Piece(Kind.MORE, begin=self.cut, until=self.until, after=self.cut)


class Tree:
    """The ranges of a pass, as far as the names of its objects show them."""

    def __init__(self, names: Iterable[str]) -> None:
        self.has_total = False
        # The number of each range's last piece.
        self.last: dict[str, int] = {}
        self.pieces = 0
        self._ended: set[str] = set()
        for name in names:
            if name == TOTAL:
                self.has_total = True
            elif found := IN_PASS.fullmatch(name):
                range_name, number = found["range"], found["number"]
                if found["end"]:
                    self._ended.add(range_name)
                elif number:
                    self.pieces += 1
                    self.last[range_name] = max(int(number), self.last.get(range_name, 0))

    @property
    def open(self) -> list[str]:
        """The ranges that have more to do: neither an end nor both halves. While only the total is missing, the root is
        open, because somebody has to be woken for it."""
        if self.is_complete:
            return [] if self.has_total else [ROOT_RANGE]
        return self._unfinished

    @property
    def done(self) -> int:
        """How many ranges have come to their end."""
        return len(self._ended)

    @property
    def is_complete(self) -> bool:
        """Whether every key of the scope is in a range that is done."""
        return ROOT_RANGE in self.last and not self._unfinished

    @property
    def _unfinished(self) -> list[str]:
        halved = {name for name in self.last if f"{name}0" in self.last and f"{name}1" in self.last}
        return sorted(self.last.keys() - self._ended - halved)


def fold(pieces: Mapping[str, Piece]) -> Tally:
    """The sum of each range's last piece, in the order of keys: a range comes before its halves, as names sort."""
    return reduce(lambda total, tally: total.merged(tally), (pieces[name].tally for name in sorted(pieces)))


def tiles(pieces: Mapping[str, Piece]) -> bool:
    """Whether these last pieces of ranges prove that every key fell into exactly one: from the root downwards each
    range is done, or split into two halves that begin and end where it says."""
    root = pieces.get(ROOT_RANGE)
    if root is None or (root.begin, root.until) != ("", ""):
        return False
    proven, left = 0, [(ROOT_RANGE, root)]
    while left:
        name, piece = left.pop()
        proven += 1
        if piece.kind is Kind.SPLIT:
            for half, first in zip("01", piece.halves(), strict=True):
                last = pieces.get(f"{name}{half}")
                if last is None or (last.begin, last.until) != (first.begin, first.until):
                    return False
                left.append((f"{name}{half}", last))
        elif piece.kind is not Kind.DONE:
            return False
    return proven == len(pieces)
