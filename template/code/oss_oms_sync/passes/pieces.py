"""Stored passes: a pass divides its keys into ranges, and a piece is one invocation's work on a range.

Several invocations, the workers, process the ranges in parallel, each for PIECE_SECONDS at most. The object of a piece
has the range's result so far and the next step, and is written once. These are the objects of a pass:

    oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/{number}    a piece of a range
    oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/end         the range is finished
    oms_source_record/passes/{project}-{job}/{task}/{pass}/{range}/wake-{hex}  a request to continue the range
    oms_source_record/passes/{project}-{job}/{task}/{pass}/total               the pass is finished
    oms_source_record/passes/{project}-{job}/{task}/ping-{hex}                 a test of the trigger
    oms_source_record/working/{project}-{job}/{task}/{pass}/{range}/{number}   a worker has started that piece

An OSS trigger calls the job with each name under `passes/`. The name of a pass consists of a hash of its identity
(buckets, version of the classes, keys, standstill or not) and its start, so the passes of an identity sort by time. The
first range is `r`; its halves are `r0` and `r1`, and so on.

A pass is complete when no range is open; its total is the sum of all ranges' last pieces. The functions here have no
side effects, so that tests can try them in thousands of schedules.
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
from oss_oms_sync.answers.finding import Stopped
from oss_oms_sync.clock import parse_time
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import text_at
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.migration import NO_MIGRATIONS, Migrations
from oss_oms_sync.passes.tally import Tally

# Maximum age of lost events at the installation, which is the first use of the log bucket by reconcile. Function
# Compute keeps an event for a day in forward's queue and for a day in replay's. Older objects are copied by the
# migration.
_MAX_LOST_EVENT_AGE = timedelta(days=3)
# Version of the classes and their conditions. A pass applies a single version from start to end.
CLASSES_VERSION = 1
# The earliest time that an object in OSS can have.
_MIN_TIME = datetime(1970, 1, 1, tzinfo=timezone.utc)
ROOT_RANGE = "r"
# "0" follows "/", so the name of a pass with this suffix sorts after all objects of the pass, where a listing can
# continue.
LAST_SUFFIX = "0"
TOTAL = "total"
PASS_NAME_PATTERN = re.compile(r"[0-9a-f]{16}-[0-9]{8}T[0-9]{12}Z")
_PING_PATTERN = re.compile(r"ping-[0-9a-f]+")
# Names of all objects in a pass except its total.
OBJECT_NAME_PATTERN = re.compile(r"(?P<range>r[01]*)/((?P<number>[0-9]{4,})|(?P<end>end)|wake-[0-9a-f]+)")
# Maximum number of pieces of a pass: with LANES, it limits the cost of any failure.
MAX_PIECES = 10_000
# Number of successive pieces without progress after which a range pauses until the next day.
_MAX_STUCK_PIECES = 10


@dataclass(frozen=True)
class Scope:
    """The keys and options of a pass.

    - `key_filter`: selects the keys.
    - `since`: the minimum time of objects; None for objects since the installation.
    - `everything`: include objects that have records, and without `since` objects of any age.
    - `deep`, `overwrite`, `cutover`, `standstill`: options of compare. With `cutover`, objects are judged from an age
      of five minutes on.
    - `headers`: the work of a pass of headers, a value of HeadersMode; empty for other jobs, except for a
      standstill pass that checks headers as well.
    """

    key_filter: KeyFilter
    since: datetime | None
    everything: bool
    deep: bool = False
    overwrite: bool = False
    standstill: bool = False
    cutover: bool = False
    headers: str = field(default="", kw_only=True)

    @classmethod
    def from_options(cls, options: Mapping[str, object], key_filter: KeyFilter) -> Scope:
        """Return the scope for the options of a manual call, whose types were checked before.

        `key_filter` is the project's filter. Raises PayloadError.
        """
        prefix, since = str(options.get("prefix", "")), options.get("since")
        shorter_prefix, longer_prefix = sorted((prefix, key_filter.prefix), key=len)
        if not longer_prefix.startswith(shorter_prefix):
            raise PayloadError(
                f"The payload's prefix {prefix!r} is outside OBJECT_PREFIX {key_filter.prefix!r}: no job submits"
                " these keys"
            )
        min_time = parse_time(str(since)) if since is not None else None
        if since is not None and min_time is None:
            raise PayloadError(f"The payload's since is {since!r}. Give a day or a time in UTC such as 2026-01-31")
        flags = (options.get(name) is True for name in ("all", "deep", "overwrite", "standstill", "cutover"))
        return cls(KeyFilter(longer_prefix, key_filter.suffix), min_time, *flags)

    @property
    def identity(self) -> Scope:
        """The scope without its options; of all passes with equal identities, only the newest continues."""
        return Scope(self.key_filter, None, everything=False, standstill=self.standstill)

    def min_time(self, installed_at: datetime) -> datetime:
        """Return the minimum time of an object in the scope: by default, a few days before the installation."""
        if self.since or self.everything:
            return self.since or _MIN_TIME
        return max(installed_at, _MIN_TIME + _MAX_LOST_EVENT_AGE) - _MAX_LOST_EVENT_AGE


@dataclass(frozen=True)
class Pass:
    """The description of a pass, as stored in its first piece. Times are ISO 8601 in UTC.

    - `before`, `before_started`: the name and the start of the last finished pass over the same keys, or empty.
    - `before_objects`: the number of source objects that the pass `before` listed, or 0.
    - `seed`: the random number that selects the sample.
    - `migrations`: the state of the migrations when the pass starts.
    - `most`: the maximum number of objects that the pass submits.
    - `has_absences`: True if the pass `before` listed keys that only OBS has.
    """

    name: str
    source_bucket: str
    scope: Scope
    started: str
    installed: str
    before: str = ""
    before_started: str = ""
    destination_bucket: str = ""
    seed: str = ""
    migrations: Migrations = NO_MIGRATIONS
    most: int | None = None
    before_objects: int = 0
    has_absences: bool = False
    classes: int = CLASSES_VERSION


class RangeRequest(NamedTuple):
    """A request to do the next piece of a range.

    With a `number`, the request applies only while the range's last piece has this number.
    """

    pass_name: str
    range_name: str
    number: int | None


def identity_prefix(name: str) -> str:
    """Return the part of a pass's name that all passes over the same buckets and keys share."""
    return name.partition("-")[0] + "-"


def piece_name(range_name: str, number: int) -> str:
    return f"{range_name}/{number:04}"


def parse_requests(payload: bytes | str, prefix: str) -> tuple[list[RangeRequest], list[str]] | None:
    """Return the requests and the pings (objects that test the trigger) in an event of the OSS trigger.

    Only objects under `prefix` count. Return None for any other payload.
    """
    match jsontext.load(payload):
        case {"events": list(events)}:
            keys = [key for event in events if (key := text_at(event, "oss", "object", "key")).startswith(prefix)]
            requests = (_parse_request(key.removeprefix(prefix)) for key in keys)
            return list(filter(None, requests)), [
                key for key in keys if _PING_PATTERN.fullmatch(key.removeprefix(prefix))
            ]
    return None


def _parse_request(path: str) -> RangeRequest | None:
    pass_name, _, object_name = path.partition("/")
    match = OBJECT_NAME_PATTERN.fullmatch(object_name)
    if not match or not PASS_NAME_PATTERN.fullmatch(pass_name) or match["end"]:
        return None
    return RangeRequest(pass_name, match["range"], int(match["number"]) if match["number"] else None)


class PieceKind(Enum):
    """The step that has to follow a piece."""

    # The next piece begins after `after`.
    MORE = "more"
    # The remaining keys are split into two ranges: those up to `cut`, and those after it.
    SPLIT = "split"
    DONE = "done"
    # The piece ended early, for the reason `stopped`: only the timer or a manual call continues the range.
    RESTING = "rest"


@dataclass(frozen=True)
class Piece:
    """The state of a range after a piece: all keys up to `after` are classified, submitted and counted.

    - `begin`, `until`: the range has the keys after `begin` up to and including `until`; an empty `until` is no limit.
    - `cut`: the key at which the remaining keys are split.
    - `stopped`: the reason why no worker continues the range without a timer or a user's call.
    - `about`: the description of the pass, only in its first piece.
    - `stuck`: the number of successive pieces without progress, including this piece.

    A piece with only default values stands for a range of all keys, before any work.
    """

    kind: PieceKind = PieceKind.MORE
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
        """True if the range made no progress for so long that the timer retries it only the next day."""
        return self.kind is PieceKind.RESTING and self.stuck >= _MAX_STUCK_PIECES

    def halves(self) -> tuple[Piece, Piece]:
        """Return the initial states of the two halves of the range; only a piece of the kind SPLIT has halves."""
        first_half = Piece(begin=self.after, until=self.cut, after=self.after)
        return first_half, Piece(begin=self.cut, until=self.until, after=self.cut)


class Tree:
    """The ranges of a pass, derived from the names of the pass's objects."""

    def __init__(self, names: Iterable[str]) -> None:
        self.has_total = False
        # The number of each range's last piece.
        self.last_numbers: dict[str, int] = {}
        self.piece_count = 0
        self._ended_ranges: set[str] = set()
        for name in names:
            if name == TOTAL:
                self.has_total = True
            elif match := OBJECT_NAME_PATTERN.fullmatch(name):
                range_name, number = match["range"], match["number"]
                if match["end"]:
                    self._ended_ranges.add(range_name)
                elif number:
                    self.piece_count += 1
                    self.last_numbers[range_name] = max(int(number), self.last_numbers.get(range_name, 0))

    @property
    def open_ranges(self) -> list[str]:
        """The ranges with remaining work: a range is open until it is finished, or both of its halves have a piece.

        If only the total is missing, the first range counts as open, so that a worker writes the total.
        """
        if self.is_complete:
            return [] if self.has_total else [ROOT_RANGE]
        return self._unfinished_ranges

    @property
    def done_range_count(self) -> int:
        return len(self._ended_ranges)

    @property
    def is_complete(self) -> bool:
        """True if every key of the scope is in a finished range."""
        return ROOT_RANGE in self.last_numbers and not self._unfinished_ranges

    @property
    def _unfinished_ranges(self) -> list[str]:
        split_ranges = {
            name for name in self.last_numbers if f"{name}0" in self.last_numbers and f"{name}1" in self.last_numbers
        }
        return sorted(self.last_numbers.keys() - self._ended_ranges - split_ranges)


def sum_pieces(pieces: Mapping[str, Piece]) -> Tally:
    """Return the sum of the tallies in the ranges' last pieces, added in the order of keys."""
    return reduce(lambda total, tally: total.plus(tally), (pieces[name].tally for name in sorted(pieces)))


def have_all_keys(pieces: Mapping[str, Piece]) -> bool:
    """Return True if every key is in exactly one range, and all ranges are finished, according to their last pieces."""
    root = pieces.get(ROOT_RANGE)
    if root is None or (root.begin, root.until) != ("", ""):
        return False
    number, remaining_ranges = 0, [(ROOT_RANGE, root)]
    while remaining_ranges:
        name, piece = remaining_ranges.pop()
        number += 1
        if piece.kind is PieceKind.SPLIT:
            for half, first_piece in zip("01", piece.halves(), strict=True):
                last_piece = pieces.get(f"{name}{half}")
                if last_piece is None or (last_piece.begin, last_piece.until) != (first_piece.begin, first_piece.until):
                    return False
                remaining_ranges.append((f"{name}{half}", last_piece))
        elif piece.kind is not PieceKind.DONE:
            return False
    return number == len(pieces)
