"""The passes of a job in the log bucket: their pieces, who works on what, and what became of them."""

from __future__ import annotations

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.once import read_all, write_once
from oss_oms_sync.passes.names import (
    AFTER_ALL,
    PASS,
    ROOT_RANGE,
    TOTAL,
    Wake,
    differences_prefix,
    kin,
    pass_name,
    passes_prefix,
    piece_name,
    pings,
    scope_json,
    wakes,
    working_prefix,
)
from oss_oms_sync.passes.pieces import MAX_PIECES, Piece, Tree, fold
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import MAX_PERIOD

# A pass takes time, so the next one may begin this much later than its period says.
_LATE = timedelta(days=1)
# Where no timer begins the next one, a pass tells of no more than this.
_BY_HAND = timedelta(days=3)
# Which classes there are, and when an object is in which: a pass does not change its mind half way.
CLASSES_VERSION = 1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Pass:
    """What a pass is about, as its first piece says. `before` is the pass of its scope that ended last, and
    `before_started` when that began; both are empty if there was none. `seed`: what nobody could know before it began.
    Times are ISO 8601 in UTC."""

    name: str
    source_bucket: str
    scope: Scope
    started: str
    installed: str
    before: str = ""
    before_started: str = ""
    destination_bucket: str = ""
    seed: str = ""
    classes: int = CLASSES_VERSION

    def to_json(self) -> dict[str, object]:
        return {
            "source_bucket": self.source_bucket,
            "scope": scope_json(self.scope),
            "started": self.started,
            "installed": self.installed,
            "before": self.before,
            "before_started": self.before_started,
            "destination_bucket": self.destination_bucket,
            "classes": self.classes,
            "seed": self.seed,
        }

    @classmethod
    def from_json(cls, name: str, value: object) -> Pass | None:
        """What `to_json` made; None if it is unreadable."""
        match value:
            case {
                "source_bucket": str(bucket),
                "scope": {
                    "prefix": str(prefix),
                    "suffix": str(suffix),
                    "since": str(since),
                    "all": bool(everything),
                    **wanted,
                },
                "started": str(started),
                "installed": str(installed),
                "before": str(before),
                "before_started": str(before_started),
                "destination_bucket": str(destination),
                "classes": int(classes),
                "seed": str(seed),
            } if parse_time(since) or not since:
                deep, overwrite = (wanted.get(option) is True for option in ("deep", "overwrite"))
                scope = Scope(KeyFilter(prefix, suffix), parse_time(since), everything, deep, overwrite)
                return cls(name, bucket, scope, started, installed, before, before_started, destination, seed, classes)
        return None


@dataclass(frozen=True)
class PassState:
    """How far a pass is. `ended` is empty while it is open; `ranges_open` and `ranges_done` count its ranges."""

    of: Pass
    tally: Tally
    ended: str
    ranges_open: int
    ranges_done: int
    pieces: int

    @property
    def goes_on(self) -> bool:
        """Whether there is more of it to come."""
        return not self.ended and self.pieces < MAX_PIECES

    def following(self, job: str) -> str:
        """What comes next, as a sentence."""
        if self.ended:
            return "The pass has ended."
        if not self.goes_on:
            return f"The pass has {self.pieces} pieces, the most there may be. The next call begins another."
        return (
            "The pass goes on by itself: what it writes in the log bucket wakes workers, and the timer wakes what"
            f""" stands still. Look how far it is: s {job} invoke -e '{{"look": true}}'"""
        )

    @property
    def scope(self) -> Scope:
        """Which objects it covers."""
        return self.of.scope

    @property
    def started(self) -> str:
        """When it began."""
        return self.of.started

    @property
    def counts(self) -> Mapping[str, int]:
        """What it counted so far, by the names of COUNTS and NEW."""
        return self.tally.counts

    @property
    def objects(self) -> int:
        """How many objects of the source bucket it has walked past."""
        return sum(mark.objects for mark in self.tally.marks)

    @property
    def found_nothing(self) -> bool:
        """Whether no object of the source bucket that it has walked past passes the project's filter: the sum of their
        digests is nothing."""
        return not self.tally.state

    def is_late(self, period: timedelta | None, now: datetime) -> bool:
        """Whether the next pass is long overdue: one is begun each `period`, or by hand alone if that is None."""
        return self.of.started < timestamp(now - (period + _LATE if period else _BY_HAND))


class PassStore:
    """The passes of one job of a project.

    Methods raise StorageError; also where the log bucket has versioning, because then nothing is written once.
    """

    def __init__(
        self, invocation: Invocation, job: str, tally_type: type[Tally] = Tally, destination_bucket: str = ""
    ) -> None:
        self.job = job
        self.tally_type = tally_type
        self.destination_bucket = destination_bucket
        self._settings = settings = invocation.settings
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock
        # What the names of all its passes begin with.
        self.prefix = passes_prefix(settings.project, job, invocation.task_id)
        self.differences = differences_prefix(settings.project, job, invocation.task_id)
        self._working = working_prefix(settings.project, job, invocation.task_id)

    def name_of(self, scope: Scope, began: datetime) -> str:
        """The name of a pass of `scope` by these settings; `began` as for pass_name."""
        return pass_name(self._settings.source_bucket, self.destination_bucket, CLASSES_VERSION, scope, began)

    def is_about(self, one: Pass) -> bool:
        """Whether a pass is about what the settings are about: else its positions and classes mean something else."""
        buckets = (self._settings.source_bucket, self.destination_bucket)
        is_within = one.scope.key_filter.is_within(self._settings.key_filter)
        return (one.source_bucket, one.destination_bucket) == buckets and is_within and one.classes == CLASSES_VERSION

    def amended_name(self, pass_name: str) -> str:
        """The object that holds what a pass's total has become since; no trigger hears of it."""
        return f"{self.differences}{pass_name}/again.json"

    def names(self) -> Iterator[str]:
        """The passes that are stored, by what they are of, and then in the order of their beginnings. Other objects
        among them are passed over."""
        return self._names(self.prefix, self.prefix)

    def newest(self, name: str) -> str:
        """The pass that began last of those like the pass `name`, which is there; mostly one call."""
        return max(self._names(f"{self.prefix}{kin(name)}", f"{self.prefix}{name}{AFTER_ALL}"), default=name)

    def tree(self, pass_name: str) -> Tree:
        """The ranges of a pass."""
        return self.tree_and_times(pass_name)[0]

    def tree_and_times(self, pass_name: str) -> tuple[Tree, dict[str, int]]:
        """The ranges of a pass, and when something of each was last written, in seconds since 1970; of one listing."""
        prefix, written = f"{self.prefix}{pass_name}/", dict[str, int]()
        listed = [(one.name.removeprefix(prefix), one.modified) for one in self._bucket.iter_folder(prefix)]
        for name, modified in listed:
            range_name = name.partition("/")[0]
            written[range_name] = max(modified, written.get(range_name, 0))
        return Tree(name for name, _ in listed), written

    def read(self, pass_name: str, range_name: str, number: int) -> Piece | None:
        """A piece as it is stored; None if there is none."""
        return self._piece(self._read(f"{pass_name}/{piece_name(range_name, number)}"))

    def about(self, pass_name: str) -> Pass | None:
        """What a pass is about; None if it was cleared away, or cannot be read."""
        first = self.read(pass_name, ROOT_RANGE, 0)
        return Pass.from_json(pass_name, first.about) if first else None

    def write(self, pass_name: str, range_name: str, number: int, piece: Piece) -> Piece | None:
        """Write a piece, unless it is there already; return what is stored. None if that is unreadable, or was cleared
        away meanwhile: nobody may act on it then."""
        name = f"{pass_name}/{piece_name(range_name, number)}"
        return self._piece(self._write_once(name, piece.to_json()))

    def last_pieces(self, pass_name: str, tree: Tree) -> dict[str, Piece]:
        """The last piece of each range that can be read."""
        names = [f"{pass_name}/{piece_name(*one)}" for one in tree.last.items()]
        found = zip(tree.last, self._read_all(names), strict=True)
        pieces = {name: self._piece(one) for name, one in found}
        return {name: piece for name, piece in pieces.items() if piece}

    def write_end(self, pass_name: str, range_name: str) -> None:
        """Write down that a range is done."""
        self._write_once(f"{pass_name}/{range_name}/end", {})

    def write_total(self, one: Pass, tally: Tally, tree: Tree) -> None:
        """Write down that a pass has ended, and what it counted."""
        ended = timestamp(self._clock.now())
        value = {
            "pass": one.to_json(),
            "ended": ended,
            "ranges": tree.done,
            "pieces": tree.pieces,
            "tally": tally.to_json(),
        }
        self._write_once(f"{one.name}/{TOTAL}", value)

    def wake(self, pass_name: str, range_name: str) -> None:
        """Have somebody look at a range again: the trigger tells of it."""
        name = f"{self.prefix}{pass_name}/{range_name}/wake-{uuid.uuid4().hex[:8]}"
        self._bucket.put(StoredObject.of_json(name, {}))

    def ping(self) -> StoredObject:
        """What asks, once it is written, whether the trigger tells of it: whoever hears of it deletes it."""
        return StoredObject.of_json(f"{self.prefix}ping-{uuid.uuid4().hex}", {})

    def hear(self, event: bytes | str) -> list[Wake] | None:
        """What an event asks for, as `wakes` says; the pings that it names are deleted."""
        self._bucket.try_delete_all(pings(event, self.prefix))
        return wakes(event, self.prefix)

    def sign_on(self, pass_name: str, range_name: str, number: int) -> None:
        """Let others see that somebody works on a piece: only a sign, on which nothing depends."""
        name = f"{self._working}{pass_name}/{piece_name(range_name, number)}"
        (problem,) = self._bucket.try_put_all([StoredObject.of_json(name, {})])
        if problem:
            log.warning({"piece": name, "problem": problem.message})

    def worked_on(self, pass_name: str) -> dict[str, int]:
        """When somebody began to work on the latest piece of each range, in seconds since 1970."""
        prefix = f"{self._working}{pass_name}/"
        signs = {one.name.removeprefix(prefix): one.modified for one in self._bucket.iter_folder(prefix)}
        return {name.partition("/")[0]: signs[name] for name in sorted(signs)}

    def state(self, pass_name: str) -> PassState | None:
        """How far a pass is; None if it was cleared away, or cannot be read: it will not end, so another may begin."""
        if total := self._read(f"{pass_name}/{TOTAL}"):
            return self._ended(pass_name, total)
        one, tree = self.about(pass_name), self.tree(pass_name)
        pieces = self.last_pieces(pass_name, tree)
        if one is None or pieces.keys() != tree.last.keys():
            return None
        return PassState(one, fold(pieces), "", len(tree.open), tree.done, tree.pieces)

    def ended(self, pass_name: str) -> PassState | None:
        """A pass at its end; None if it is open, or its total unreadable."""
        total = self._read(f"{pass_name}/{TOTAL}")
        return self._ended(pass_name, total) if total else None

    def _ended(self, pass_name: str, total: StoredObject) -> PassState | None:
        match jsontext.load(total.body):
            case {
                "pass": dict(about),
                "ended": str(ended),
                "ranges": int(ranges),
                "pieces": int(pieces),
                "tally": dict(tally),
            }:
                one = Pass.from_json(pass_name, about)
                return PassState(one, self.tally_type.from_json(tally), ended, 0, ranges, pieces) if one else None
        log.error({"total": total.name, "problem": "unreadable, so another pass begins"})
        return None

    def states(self) -> list[PassState]:
        """How far each pass is that is about what the settings are about, those of a scope in the order of beginning;
        without open ones that are forgotten."""
        states = filter(None, map(self.state, list(self.names())))
        mine = (one for one in states if self.is_about(one.of))
        return [one for one in mine if one.ended or not self._is_forgotten(one.of.name)]

    def clear_away(self, ended: str) -> None:
        """Delete what no pass needs any more: those like the one that `ended` before the last but one, and what nobody
        worked on for so long that the next is due by any period. What cannot be deleted now is deleted after the next
        pass; that is logged, and nothing is raised."""
        try:
            names = list(self.names())
            mine = [name for name in names if name.startswith(kin(ended))]
            for name in sorted({*mine[:-2], *filter(self._is_forgotten, set(names) - set(mine))}):
                self._delete(name)
        except StorageError as error:
            log.error({"passes": "not cleared away", "problem": str(error)})  # noqa: TRY400

    def _delete(self, pass_name: str) -> None:
        # The first piece first: without it nobody goes on.
        for prefix in (f"{root}{pass_name}/" for root in (self.prefix, self._working, self.differences)):
            problems = self._bucket.try_delete_all([one.name for one in self._bucket.iter_folder(prefix)])
            for problem in {problem.message for problem in problems.values() if problem}:
                log.error({"pass": pass_name, "problem": problem})

    def _is_forgotten(self, pass_name: str) -> bool:
        """Whether nobody worked on a pass for so long that the next is due by any period."""
        _, written = self.tree_and_times(pass_name)
        return max(written.values(), default=0) < (self._clock.now() - MAX_PERIOD).timestamp()

    def _names(self, prefix: str, after: str) -> Iterator[str]:
        while found := self._bucket.first_name(prefix, after):
            name, is_folder, _ = found.removeprefix(self.prefix).partition("/")
            if is_folder and PASS.fullmatch(name):
                yield name
            after = f"{self.prefix}{name}{AFTER_ALL}" if is_folder and name else found

    def _read(self, name: str) -> StoredObject | None:
        (found,) = self._read_all([name])
        return found

    def _read_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        return read_all(self._bucket, [f"{self.prefix}{name}" for name in names])

    def _write_once(self, name: str, value: Mapping[str, object]) -> StoredObject | None:
        """Write an object unless there is one; return what is stored, because another may have been first."""
        return write_once(self._bucket, StoredObject.of_json(f"{self.prefix}{name}", value))

    def _piece(self, stored: StoredObject | None) -> Piece | None:
        piece = Piece.from_json(jsontext.load(stored.body), self.tally_type) if stored else None
        if stored and piece is None:
            log.error({"piece": stored.name, "problem": "unreadable: begin another pass with restart"})
        return piece


def newest_of(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """The pass of `scope` that began last."""
    return max((one for one in passes if one.scope == scope), key=lambda one: one.of.name, default=None)


def last_ended(passes: Sequence[PassState], scope: Scope) -> PassState | None:
    """The pass of `scope` that began last of those that ended."""
    return newest_of([one for one in passes if one.ended], scope)


def last_whole(passes: Sequence[PassState], prefix: str) -> PassState | None:
    """The pass over all keys with the project's `prefix` that began last of those that ended, whatever else was in its
    scope."""
    whole = (one for one in passes if one.ended and one.scope.key_filter.prefix == prefix)
    # Two may have begun in the same second; their names tell which was later.
    return max(whole, key=lambda one: (one.started, one.of.name.partition("-")[2]), default=None)


def open_passes(passes: Sequence[PassState]) -> list[PassState]:
    """Those that have not ended, and are the newest of their scopes: nobody goes on with others."""
    newest = {one.scope: one for one in sorted(passes, key=lambda one: one.of.name)}
    return [one for one in newest.values() if not one.ended]
