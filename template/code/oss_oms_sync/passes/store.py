"""The passes of a job in the log bucket: their pieces, who works on what, and what became of them."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json, to_json
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.filters import RECORD_ROOT
from oss_oms_sync.ledger.state import read_all, write_once
from oss_oms_sync.passes.marks import KeyMark
from oss_oms_sync.passes.pieces import (
    AFTER_ALL,
    CLASSES_VERSION,
    PASS,
    ROOT_RANGE,
    TOTAL,
    Pass,
    Piece,
    Scope,
    Tree,
    Wake,
    fold,
    heard,
    kin,
    piece_name,
    tiles,
)
from oss_oms_sync.passes.states import Amendment, PassState
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import MAX_PERIOD

T = TypeVar("T")


class PassStore:
    """The passes of one job of a project.

    Methods raise StorageError; also where the log bucket has versioning, because then nothing is written once.
    """

    def __init__(self, invocation: Invocation, job: str, destination_bucket: str = "") -> None:
        self.job = job
        self.destination_bucket = destination_bucket
        self._invocation = invocation
        self._settings = invocation.settings
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock
        # What the names begin with of its passes, of the signs that say who works on what, and of the lists of what
        # differs: the pass follows. A trigger hears of the first only.
        self.prefix, self._working, self.differences = (
            f"{RECORD_ROOT}{what}/{invocation.settings.project}-{job}/{invocation.task_id}/"
            for what in ("passes", "working", "differences")
        )

    def name_of(self, scope: Scope, began: datetime) -> str:
        """The name of the pass of `scope` that began at that moment, or whose slot began then. All that a pass is of is
        in it, so a pass of other settings never has the same name, even in the same slot; its wishes are not."""
        identity = [self._settings.source_bucket, self.destination_bucket, CLASSES_VERSION, to_json(scope.identity)]
        digest = hashlib.sha256(jsontext.dump(identity)).hexdigest()[:16]
        return f"{digest}-{began.strftime('%Y%m%dT%H%M%S%fZ')}"

    def is_about(self, pass_: Pass) -> bool:
        """Whether a pass is about what the settings are about: else its positions and classes mean something else."""
        buckets = (self._settings.source_bucket, self.destination_bucket)
        is_within = pass_.scope.key_filter.is_within(self._settings.key_filter)
        return (
            (pass_.source_bucket, pass_.destination_bucket) == buckets
            and is_within
            and pass_.classes == CLASSES_VERSION
        )

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
        listed = [(listed.name.removeprefix(prefix), listed.modified) for listed in self._bucket.iter_folder(prefix)]
        for name, modified in listed:
            range_name = name.partition("/")[0]
            written[range_name] = max(modified, written.get(range_name, 0))
        return Tree(name for name, _ in listed), written

    def read(self, pass_name: str, range_name: str, number: int) -> Piece | None:
        """A piece as it is stored; None if there is none."""
        return _value(Piece, self._read(f"{pass_name}/{piece_name(range_name, number)}"))

    def about(self, pass_name: str) -> Pass | None:
        """What a pass is about; None if it was cleared away, or cannot be read."""
        first = self.read(pass_name, ROOT_RANGE, 0)
        return first.about if first else None

    def write(self, pass_name: str, range_name: str, number: int, piece: Piece) -> Piece | None:
        """Write a piece, unless it is there already; return what is stored. None if that is unreadable, or was cleared
        away meanwhile: nobody may act on it then."""
        name = f"{pass_name}/{piece_name(range_name, number)}"
        return _value(Piece, self._write_once(name, to_json(piece)))

    def last_pieces(self, pass_name: str, tree: Tree) -> dict[str, Piece]:
        """The last piece of each range that can be read."""
        names = [f"{pass_name}/{piece_name(*one)}" for one in tree.last.items()]
        found = zip(tree.last, self._read_all(names), strict=True)
        pieces = {name: _value(Piece, stored) for name, stored in found}
        return {name: piece for name, piece in pieces.items() if piece}

    def may_send(self, pass_: Pass) -> bool:
        """Whether a pass may send more, by what its ranges have sent; nobody reads that before it can be too much."""
        now = self._clock.now()
        passed = (now - (parse_time(pass_.started) or now)).total_seconds()
        if pass_.most is None or passed * self._settings.oms_rate * KEYS_PER_CALL < pass_.most:
            return True
        pieces = self.last_pieces(pass_.name, self.tree(pass_.name))
        return sum(piece.tally.counts["submitted"] for piece in pieces.values()) < pass_.most

    def write_end(self, pass_name: str, range_name: str) -> None:
        """Write down that a range is done."""
        self._write_once(f"{pass_name}/{range_name}/end", {})

    def write_total(self, pass_: Pass, tally: Tally, tree: Tree) -> None:
        """Write down that a pass has ended, and what it counted."""
        ended = timestamp(self._clock.now())
        total = PassState(pass_, tally, ended, ranges_open=0, ranges_done=tree.done, pieces=tree.pieces)
        self._write_once(f"{pass_.name}/{TOTAL}", to_json(total))

    def amend(self, state: PassState, tally: Tally) -> PassState:
        """Write down what the total of a pass has become, behind its last amendment; return what is known of it then.
        No trigger hears of it."""
        amendment = Amendment(state.amendment.number if state.amendment else 0, timestamp(self._clock.now()), tally)
        while True:
            amendment = replace(amendment, number=amendment.number + 1)
            name = f"{self._amendments(state.of.name)}{amendment.number:06}.json"
            one = StoredObject.of_json(name, to_json(amendment))
            stored = write_once(self._bucket, one)
            # Another may have come to the same number.
            if stored is None or stored.body == one.body:
                return replace(state, amendment=amendment)

    def _amendments(self, pass_name: str) -> str:
        return f"{self.differences}{pass_name}/again-"

    def wake(self, pass_name: str, range_name: str) -> None:
        """Have somebody look at a range again: the trigger tells of it."""
        name = f"{self.prefix}{pass_name}/{range_name}/wake-{uuid.uuid4().hex[:8]}"
        self._bucket.put(StoredObject.of_json(name, {}))

    def ping(self) -> StoredObject:
        """What asks, once it is written, whether the trigger tells of it: whoever hears of it deletes it."""
        return StoredObject.of_json(f"{self.prefix}ping-{uuid.uuid4().hex}", {})

    def hear(self, event: bytes | str) -> list[Wake] | None:
        """What an event asks for; None if it is not of the log bucket. The pings that it names are deleted."""
        woken, pings = heard(event, self.prefix) or (None, [])
        self._bucket.try_delete_all(pings)
        return woken

    def sign_on(self, pass_name: str, range_name: str, number: int) -> None:
        """Let others see that somebody works on a piece: only a sign, on which nothing depends."""
        name = f"{self._working}{pass_name}/{piece_name(range_name, number)}"
        (problem,) = self._bucket.try_put_all([StoredObject.of_json(name, {})])
        if problem:
            log.warning({"piece": name, "problem": str(problem)})

    def began(self, pass_name: str) -> datetime | None:
        """When a standstill pass began, by OSS's clock, as its first sign says: nothing was listed before that. None if
        the sign is not there."""
        (sign,) = self._bucket.find_all([f"{self._working}{pass_name}/{piece_name(ROOT_RANGE, 0)}"])
        return from_epoch(sign.modified) if sign else None

    def worked_on(self, pass_name: str) -> dict[str, int]:
        """When somebody began to work on the latest piece of each range, in seconds since 1970."""
        prefix = f"{self._working}{pass_name}/"
        signs = {listed.name.removeprefix(prefix): listed.modified for listed in self._bucket.iter_folder(prefix)}
        return {name.partition("/")[0]: signs[name] for name in sorted(signs)}

    def state(self, pass_name: str) -> PassState | None:
        """How far a pass is; None if it was cleared away, or cannot be read: it will not end, so another may begin."""
        if total := self._read(f"{pass_name}/{TOTAL}"):
            return self._amended(total)
        pass_ = self.about(pass_name)
        for _ in range(2):
            tree = self.tree(pass_name)
            pieces = self.last_pieces(pass_name, tree)
            # It may be cleared away between any two of these. What has lost a last piece at its end never gets a total;
            # one that was written between two pages of the listing is there the next time.
            if not (is_lost := tree.is_complete and not tiles(pieces)):
                break
        if pass_ is None or not pieces or pieces.keys() != tree.last.keys() or is_lost:
            return None
        stuck = next((pieces[name].stopped for name in tree.open if pieces[name].is_stuck), None)
        return PassState(pass_, fold(pieces), "", len(tree.open), tree.done, tree.pieces, stuck=stuck)

    def ended(self, pass_name: str) -> PassState | None:
        """A pass at its end, without what amended it; None if it is open, or its total unreadable."""
        return _value(PassState, self._read(f"{pass_name}/{TOTAL}"))

    def _amended(self, total: StoredObject | None) -> PassState | None:
        """The pass of a total, with its last amendment."""
        state = _value(PassState, total)
        if state is None:
            return None
        last = max((stored.name for stored in self._bucket.iter_objects(self._amendments(state.of.name))), default="")
        (found,) = self._bucket.get_all([last]) if last else (None,)
        return replace(state, amendment=_value(Amendment, found))

    def states(self) -> list[PassState]:
        """How far each pass is that is about what the settings are about, those of a scope in the order of beginning;
        without open ones that are forgotten."""
        states = filter(None, map(self.state, list(self.names())))
        mine = (state for state in states if self.is_about(state.of))
        return [state for state in mine if state.ended or not self._is_forgotten(state.of.name)]

    def known_marks(self, pass_: Pass) -> Sequence[KeyMark]:
        """Where the keys of a pass lie, by the last one like it, or else by the last over the same keys: both jobs walk
        through the same objects, and a standstill pass through those of comparisons. Empty if there is none."""
        if pass_.before and (before := self.ended(pass_.before)):
            return before.passed.marks
        others = {"reconcile", "compare"} - (set() if pass_.scope.standstill else {self.job})
        stores = [PassStore(self._invocation, job) for job in sorted(others)]
        ended = filter(None, (store.ended(name) for store in stores for name in list(store.names())))
        walked = pass_.source_bucket, pass_.scope.key_filter.prefix
        like = [each for each in ended if (each.of.source_bucket, each.scope.key_filter.prefix) == walked]
        return max(like, key=lambda each: each.started).passed.marks if like else ()

    def clear_away(self, ended: str) -> None:
        """Delete what no pass needs any more: those like the one that `ended` before the last but one, but for the last
        without wishes, and what nobody worked on for so long that the next is due by any period. What cannot be deleted
        now is deleted after the next pass; that is logged, and nothing is raised."""
        try:
            names = list(self.names())
            mine = [name for name in names if name.startswith(kin(ended))]
            usual = [name for name in mine if (state := self.ended(name)) and state.scope == state.scope.identity]
            for name in sorted({*mine[:-2], *filter(self._is_forgotten, set(names) - set(mine))} - {*usual[-1:]}):
                self._delete(name)
        except StorageError as error:
            log.error({"passes": "not cleared away", "problem": str(error)})

    def _delete(self, pass_name: str) -> None:
        # The first piece first: without it nobody goes on.
        for prefix in (f"{root}{pass_name}/" for root in (self.prefix, self._working, self.differences)):
            problems = self._bucket.try_delete_all([listed.name for listed in self._bucket.iter_folder(prefix)])
            for problem in {str(problem) for problem in problems.values() if problem}:
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
        (stored,) = self._read_all([name])
        return stored

    def _read_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        return read_all(self._bucket, [f"{self.prefix}{name}" for name in names])

    def _write_once(self, name: str, value: Mapping[str, object]) -> StoredObject | None:
        """Write an object unless there is one; return what is stored, because another may have been first."""
        return write_once(self._bucket, StoredObject.of_json(f"{self.prefix}{name}", value))


def _value(kind: type[T], stored: StoredObject | None) -> T | None:
    """What an object holds; None if there is none, or it is unreadable."""
    if stored is None:
        return None
    try:
        return from_json(kind, jsontext.load(stored.body))
    except UnreadableError as error:
        problem = f"unreadable, {error}: if no other pass begins, begin one with restart"
        log.error({"object": stored.name, "problem": problem})
        return None
