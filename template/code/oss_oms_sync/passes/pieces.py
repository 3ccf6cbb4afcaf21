"""What a pass is of, what it is to do besides, and its pieces: how they are named in the log bucket, and what follows
from those that are there. All of it is pure, so that it can be tried in thousands of schedules.

oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/{number}    a piece of a range, written once
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/end         the range is done
oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/wake-{hex}  somebody is to look at the range again
oms_source_record/passes/{project}-{job}/{task}/{pass}/total               the pass has ended
oms_source_record/passes/{project}-{job}/{task}/ping-{hex}                 deleted by whoever is called with it
oms_source_record/working/{project}-{job}/{task}/{pass}/{range}/{number}   somebody works on that piece since then

An OSS trigger calls the job with each name under `passes/`. A pass is named after what it is of (buckets, version of
the classes, keys, standstill or not) and its beginning, so the passes of one identity sort by time. A range is `r`, or
the name of the range that split with `0` or `1` for its half.

A piece says what a worker did with a range so far, and what follows. It is written once, and everybody acts on what is
stored. A pass is complete when no range is open; its total is the sum of what each range's last piece counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from enum import Enum
from functools import reduce
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.step import Stopped
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import text_at
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NONE, Migrations
from oss_oms_sync.passes.tally import Tally

# Objects older than the project are left to the migration. The project counts as installed once reconcile can use the
# log bucket. Function Compute may have dropped earlier events: it keeps one for a day in forward's queue and for a day
# in replay's.
_BEFORE_INSTALLATION = timedelta(days=3)
# Which classes there are, and when an object is in which: a pass does not change its mind half way.
CLASSES_VERSION = 1
# Nothing in OSS is older.
_LONG_AGO = datetime(1970, 1, 1, tzinfo=timezone.utc)
ROOT_RANGE = "r"
# "0" follows "/", so the name of a pass with this comes after all that is in it: to pass over it in a listing.
AFTER_ALL = "0"
TOTAL = "total"
PASS = re.compile(r"[0-9a-f]{16}-[0-9]{8}T[0-9]{12}Z")
_PING = re.compile(r"ping-[0-9a-f]+")
# What is in a pass besides its total; anything else was not written by a worker.
IN_PASS = re.compile(r"(?P<range>r[01]*)/((?P<number>[0-9]{4,})|(?P<end>end)|wake-[0-9a-f]+)")
# Together with LANES this bounds the bill of whatever goes wrong.
MAX_PIECES = 10_000
# After so many pieces in a row that came no further, a range is left alone until tomorrow.
_MAX_STUCK = 10


@dataclass(frozen=True)
class Scope:
    """What a pass is of, and its wishes. It is of the keys that `key_filter` lets through, and a `standstill` or not.

    Wishes: `since` is None for the usual start, the installation. `everything`: objects with any records, written at
    any time unless `since` limits it. Only compare knows `deep`, `overwrite`, `cutover` and standstills. `cutover`:
    what is five minutes old is judged.
    """

    key_filter: KeyFilter
    since: datetime | None
    everything: bool
    deep: bool = False
    overwrite: bool = False
    standstill: bool = False
    cutover: bool = False

    @classmethod
    def asked(cls, options: Mapping[str, object], key_filter: KeyFilter) -> Scope:
        """The scope that a payload asks for, whose `options` have the types they should; `key_filter` is the project's.

        Raises PayloadError.
        """
        prefix, since = str(options.get("prefix", "")), options.get("since")
        shorter, longer = sorted((prefix, key_filter.prefix), key=len)
        if not longer.startswith(shorter):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {key_filter.prefix!r}: nothing there is ever"
                " sent"
            )
        time = parse_time(str(since)) if since is not None else None
        if since is not None and time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        wanted = (options.get(name) is True for name in ("all", "deep", "overwrite", "standstill", "cutover"))
        return cls(KeyFilter(longer, key_filter.suffix), time, *wanted)

    @property
    def identity(self) -> Scope:
        """The same without wishes: of two passes with one identity only the newer is gone on with."""
        return Scope(self.key_filter, None, everything=False, standstill=self.standstill)

    def begin(self, installed: datetime) -> datetime:
        """Objects written before this time are not looked at."""
        if self.since or self.everything:
            return self.since or _LONG_AGO
        return max(installed, _LONG_AGO + _BEFORE_INSTALLATION) - _BEFORE_INSTALLATION


@dataclass(frozen=True)
class Pass:
    """What a pass is about, as its first piece says. `before` is the pass of its identity that ended last, and
    `before_started` when that began; both are empty if there was none. `seed`: what nobody could know before it began.
    `migrations`: what was known of them then. `most`: after how many objects it sends no more. Times are ISO 8601 in
    UTC."""

    name: str
    source_bucket: str
    scope: Scope
    started: str
    installed: str
    before: str = ""
    before_started: str = ""
    destination_bucket: str = ""
    seed: str = ""
    migrations: Migrations = NONE
    most: int | None = None
    classes: int = CLASSES_VERSION


class Wake(NamedTuple):
    """What an event of the log bucket asks for: the next piece of a range, after the piece `number` if it names one."""

    pass_name: str
    range_name: str
    number: int | None


def kin(name: str) -> str:
    """What the names of all passes begin with that are of the same identity as the pass `name`."""
    return name.partition("-")[0] + "-"


def piece_name(range_name: str, number: int) -> str:
    """The name of a piece within its pass."""
    return f"{range_name}/{number:04}"


def heard(payload: bytes | str, prefix: str) -> tuple[list[Wake], list[str]] | None:
    """What an OSS trigger's payload asks for, by the objects under `prefix` that it names (an end, a total and other
    objects ask for nothing), and the names of those that ask only whether it arrives. None if the payload is not an OSS
    trigger's."""
    match jsontext.load(payload):
        case {"events": list(events)}:
            keys = [key for event in events if (key := text_at(event, "oss", "object", "key")).startswith(prefix)]
            wakes = (_wake(key.removeprefix(prefix)) for key in keys)
            return list(filter(None, wakes)), [key for key in keys if _PING.fullmatch(key.removeprefix(prefix))]
    return None


def _wake(named: str) -> Wake | None:
    name, _, rest = named.partition("/")
    match = IN_PASS.fullmatch(rest)
    if not match or not PASS.fullmatch(name) or match["end"]:
        return None
    return Wake(name, match["range"], int(match["number"]) if match["number"] else None)


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
    piece of a pass says of the pass. `stuck`: how many pieces in a row, with this one, came no further. One that has
    nothing but defaults is of all keys, before anything was done.
    """

    kind: Kind = Kind.MORE
    until: str = ""
    after: str = ""
    begin: str = ""
    cut: str = ""
    stopped: Stopped | None = None
    tally: Tally = field(default_factory=Tally)
    about: Pass | None = None
    stuck: int = 0

    @property
    def is_stuck(self) -> bool:
        """Whether no tick goes on with it before tomorrow."""
        return self.kind is Kind.REST and self.stuck >= _MAX_STUCK

    def halves(self) -> tuple[Piece, Piece]:
        """The first pieces of the two ranges that it split into."""
        left = Piece(begin=self.after, until=self.cut, after=self.after)
        return left, Piece(begin=self.cut, until=self.until, after=self.cut)


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
            elif match := IN_PASS.fullmatch(name):
                range_name, number = match["range"], match["number"]
                if match["end"]:
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
