"""The passes of a job in the log bucket: their pieces, signs of workers, and totals."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import UnreadableError, from_json, to_json
from oss_oms_sync.answers.layout import RECORDS
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.errors import StorageError, log
from oss_oms_sync.ledger.state import read_all, write_once
from oss_oms_sync.passes.marks import KeyMark
from oss_oms_sync.passes.pieces import (
    CLASSES_VERSION,
    LAST_SUFFIX,
    PASS_NAME_PATTERN,
    ROOT_RANGE,
    TOTAL,
    Pass,
    Piece,
    Scope,
    Tree,
    Wake,
    are_gapless,
    identity_prefix,
    parse_wakes,
    piece_name,
    sum_pieces,
)
from oss_oms_sync.passes.states import Amendment, PassState
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import MAX_PERIOD

T = TypeVar("T")


class PassStore:
    """The passes of a job of a project.

    Methods raise StorageError, also if the log bucket has versioning, because it then overwrites objects.
    """

    def __init__(self, invocation: Invocation, job: str, destination_bucket: str = "") -> None:
        self.job = job
        self.destination_bucket = destination_bucket
        self._invocation = invocation
        self._settings = invocation.settings
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock
        # Prefixes of the names of its passes, of the signs of workers, and of the lists of differences; the name of the
        # pass follows. A trigger covers only the first prefix.
        self.prefix, self._working, self.differences = (
            f"{RECORDS}{what}/{invocation.settings.project}-{job}/{invocation.task_id}/"
            for what in ("passes", "working", "differences")
        )

    def name_of(self, scope: Scope, began: datetime) -> str:
        """Return the name of the pass of `scope` that began at `began`, or whose slot began then.

        The name has the whole identity of a pass, so passes with other settings have other names, even in the same
        slot. It lacks the options.
        """
        identity = [self._settings.source_bucket, self.destination_bucket, CLASSES_VERSION, to_json(scope.identity)]
        digest = hashlib.sha256(jsontext.dump(identity)).hexdigest()[:16]
        return f"{digest}-{began.strftime('%Y%m%dT%H%M%S%fZ')}"

    def is_about(self, pass_: Pass) -> bool:
        """Return True if the settings match a pass: otherwise its positions and classes have another meaning."""
        buckets = (self._settings.source_bucket, self.destination_bucket)
        is_within = pass_.scope.key_filter.is_within(self._settings.key_filter)
        return (
            (pass_.source_bucket, pass_.destination_bucket) == buckets
            and is_within
            and pass_.classes == CLASSES_VERSION
        )

    def names(self) -> Iterator[str]:
        """Yield the names of the stored passes by identity, then by time. Other objects are left out."""
        return self._names(self.prefix, self.prefix)

    def newest(self, name: str) -> str:
        """Return the last begun pass with the identity of the stored pass `name`; usually one call."""
        return max(
            self._names(f"{self.prefix}{identity_prefix(name)}", f"{self.prefix}{name}{LAST_SUFFIX}"), default=name
        )

    def tree(self, pass_name: str) -> Tree:
        """Return the ranges of a pass."""
        return self.tree_and_times(pass_name)[0]

    def tree_and_times(self, pass_name: str) -> tuple[Tree, dict[str, int]]:
        """Return the ranges of a pass, and the time of the last write to each, in seconds since 1970.

        Both are of the same listing.
        """
        prefix, written = f"{self.prefix}{pass_name}/", dict[str, int]()
        listed = [(listed.name.removeprefix(prefix), listed.modified) for listed in self._bucket.iter_folder(prefix)]
        for name, modified in listed:
            range_name = name.partition("/")[0]
            written[range_name] = max(modified, written.get(range_name, 0))
        return Tree(name for name, _ in listed), written

    def read(self, pass_name: str, range_name: str, number: int) -> Piece | None:
        """Return the stored piece; None if it is missing."""
        return _parse(Piece, self._read(f"{pass_name}/{piece_name(range_name, number)}"))

    def about(self, pass_name: str) -> Pass | None:
        """Return the description of a pass; None if it was deleted or is unreadable."""
        first = self.read(pass_name, ROOT_RANGE, 0)
        return first.about if first else None

    def write(self, pass_name: str, range_name: str, number: int, piece: Piece) -> Piece | None:
        """Write a piece, unless it exists; return the stored piece.

        None if the stored piece is unreadable or was deleted meanwhile: no worker may act on it then.
        """
        name = f"{pass_name}/{piece_name(range_name, number)}"
        return _parse(Piece, self._write_once(name, to_json(piece)))

    def last_pieces(self, pass_name: str, tree: Tree) -> dict[str, Piece]:
        """Return the last readable piece of each range."""
        names = [f"{pass_name}/{piece_name(*last)}" for last in tree.last.items()]
        stored_pieces = zip(tree.last, self._read_all(names), strict=True)
        pieces = {name: _parse(Piece, stored) for name, stored in stored_pieces}
        return {name: piece for name, piece in pieces.items() if piece}

    def may_send(self, pass_: Pass) -> bool:
        """Return True while the ranges of a pass have submitted fewer than `most` keys in total.

        Pieces are read only after the time that OMS's rate needs to reach `most`.
        """
        now = self._clock.now()
        passed = (now - (parse_time(pass_.started) or now)).total_seconds()
        if pass_.most is None or passed * self._settings.oms_rate * KEYS_PER_CALL < pass_.most:
            return True
        pieces = self.last_pieces(pass_.name, self.tree(pass_.name))
        return sum(piece.tally.counts["submitted"] for piece in pieces.values()) < pass_.most

    def write_end(self, pass_name: str, range_name: str) -> None:
        """Record that a range is finished."""
        self._write_once(f"{pass_name}/{range_name}/end", {})

    def write_total(self, pass_: Pass, tally: Tally, tree: Tree) -> None:
        """Record that a pass is finished, with its total."""
        ended = timestamp(self._clock.now())
        total = PassState(pass_, tally, ended, ranges_open=0, ranges_done=tree.done, pieces=tree.pieces)
        self._write_once(f"{pass_.name}/{TOTAL}", to_json(total))

    def amend(self, state: PassState, tally: Tally) -> PassState:
        """Store a new total of a pass after its last amendment; return the amended state.

        No trigger covers it.
        """
        amendment = Amendment(state.amendment.number if state.amendment else 0, timestamp(self._clock.now()), tally)
        while True:
            amendment = replace(amendment, number=amendment.number + 1)
            name = f"{self._amendments(state.of.name)}{amendment.number:06}.json"
            written = StoredObject.of_json(name, to_json(amendment))
            stored = write_once(self._bucket, written)
            # Another invocation may use the same number.
            if stored is None or stored.body == written.body:
                return replace(state, amendment=amendment)

    def _amendments(self, pass_name: str) -> str:
        return f"{self.differences}{pass_name}/again-"

    def wake(self, pass_name: str, range_name: str) -> None:
        """Ask the trigger to wake a worker for a range."""
        name = f"{self.prefix}{pass_name}/{range_name}/wake-{uuid.uuid4().hex[:8]}"
        self._bucket.put(StoredObject.of_json(name, {}))

    def ping(self) -> StoredObject:
        """Return an object that tests the trigger: writing it calls the function, which deletes the object."""
        return StoredObject.of_json(f"{self.prefix}ping-{uuid.uuid4().hex}", {})

    def receive(self, event: bytes | str) -> list[Wake] | None:
        """Delete the pings in an event and return its wakes; None for an event of another bucket."""
        woken, pings = parse_wakes(event, self.prefix) or (None, [])
        self._bucket.try_delete_all(pings)
        return woken

    def write_sign(self, pass_name: str, range_name: str, number: int) -> None:
        """Show other workers that this worker works on a piece; no decision depends on it for correctness."""
        name = f"{self._working}{pass_name}/{piece_name(range_name, number)}"
        (problem,) = self._bucket.try_put_all([StoredObject.of_json(name, {})])
        if problem:
            log.warning({"piece": name, "problem": str(problem)})

    def began(self, pass_name: str) -> datetime | None:
        """Return the begin of a standstill pass by OSS's clock, from its first sign.

        No listing was read earlier. None without a sign.
        """
        (sign,) = self._bucket.find_all([f"{self._working}{pass_name}/{piece_name(ROOT_RANGE, 0)}"])
        return from_epoch(sign.modified) if sign else None

    def last_sign_times(self, pass_name: str) -> dict[str, int]:
        """Return the begin of work on the latest piece of each range, in seconds since 1970."""
        prefix = f"{self._working}{pass_name}/"
        signs = {listed.name.removeprefix(prefix): listed.modified for listed in self._bucket.iter_folder(prefix)}
        return {name.partition("/")[0]: signs[name] for name in sorted(signs)}

    def state(self, pass_name: str) -> PassState | None:
        """Return the state of a pass; None if it was deleted or is unreadable.

        Such a pass cannot end, so another pass may begin.
        """
        if total := self._read(f"{pass_name}/{TOTAL}"):
            return self._amended(total)
        pass_ = self.about(pass_name)
        for _ in range(2):
            tree = self.tree(pass_name)
            pieces = self.last_pieces(pass_name, tree)
            # The pass may be deleted between any two reads. A complete pass without a last piece never gets a total; a
            # piece written between two pages of the listing appears the next time.
            if not (is_lost := tree.is_complete and not are_gapless(pieces)):
                break
        if pass_ is None or not pieces or pieces.keys() != tree.last.keys() or is_lost:
            return None
        stuck = next((pieces[name].stopped for name in tree.open if pieces[name].is_stuck), None)
        return PassState(pass_, sum_pieces(pieces), "", len(tree.open), tree.done, tree.pieces, stuck=stuck)

    def ended(self, pass_name: str) -> PassState | None:
        """Return a finished pass without its amendments; None if it is open or its total unreadable."""
        return _parse(PassState, self._read(f"{pass_name}/{TOTAL}"))

    def _amended(self, total: StoredObject | None) -> PassState | None:
        """Return the pass of a total, with its last amendment."""
        state = _parse(PassState, total)
        if state is None:
            return None
        last = max((stored.name for stored in self._bucket.iter_objects(self._amendments(state.of.name))), default="")
        (amendment,) = self._bucket.get_all([last]) if last else (None,)
        return replace(state, amendment=_parse(Amendment, amendment))

    def states(self) -> list[PassState]:
        """Return the states of the passes that match the settings, by scope and then by begin.

        Abandoned open passes are left out.
        """
        states = filter(None, map(self.state, list(self.names())))
        mine = (state for state in states if self.is_about(state.of))
        return [state for state in mine if state.ended or not self._is_abandoned(state.of.name)]

    def earlier_marks(self, pass_: Pass) -> Sequence[KeyMark]:
        """Return the marks of the last pass with this pass's identity, or of the last over the same keys.

        Both jobs walk through the same objects, and a standstill pass through those of comparisons. Empty without such
        a pass.
        """
        if pass_.before and (before := self.ended(pass_.before)):
            return before.passed.marks
        others = {"reconcile", "compare"} - (set() if pass_.scope.standstill else {self.job})
        stores = [PassStore(self._invocation, job) for job in sorted(others)]
        ended = filter(None, (store.ended(name) for store in stores for name in list(store.names())))
        walked = pass_.source_bucket, pass_.scope.key_filter.prefix
        states = [state for state in ended if (state.of.source_bucket, state.scope.key_filter.prefix) == walked]
        return max(states, key=lambda state: state.started).passed.marks if states else ()

    def delete_old(self, ended: str) -> None:
        """Delete the objects of passes that are no longer needed.

        These are the passes with the identity of the pass `ended`, except the last two and the last without options,
        and abandoned passes. Failures are logged, and the objects are deleted after the next pass; no error is raised.
        """
        try:
            names = list(self.names())
            mine = [name for name in names if name.startswith(identity_prefix(ended))]
            usual = [name for name in mine if (state := self.ended(name)) and state.scope == state.scope.identity]
            for name in sorted({*mine[:-2], *filter(self._is_abandoned, set(names) - set(mine))} - {*usual[-1:]}):
                self._delete(name)
        except StorageError as error:
            log.error({"passes": "not cleared away", "problem": str(error)})

    def _delete(self, pass_name: str) -> None:
        # The first piece goes first: no worker continues a pass without it.
        for prefix in (f"{root}{pass_name}/" for root in (self.prefix, self._working, self.differences)):
            problems = self._bucket.try_delete_all([listed.name for listed in self._bucket.iter_folder(prefix)])
            for problem in {str(problem) for problem in problems.values() if problem}:
                log.error({"pass": pass_name, "problem": problem})

    def _is_abandoned(self, pass_name: str) -> bool:
        """Return True if a pass was idle for longer than the longest period, so that the next is due."""
        _, written = self.tree_and_times(pass_name)
        return max(written.values(), default=0) < (self._clock.now() - MAX_PERIOD).timestamp()

    def _names(self, prefix: str, after: str) -> Iterator[str]:
        while listed_name := self._bucket.first_name(prefix, after):
            name, is_folder, _ = listed_name.removeprefix(self.prefix).partition("/")
            if is_folder and PASS_NAME_PATTERN.fullmatch(name):
                yield name
            after = f"{self.prefix}{name}{LAST_SUFFIX}" if is_folder and name else listed_name

    def _read(self, name: str) -> StoredObject | None:
        (stored,) = self._read_all([name])
        return stored

    def _read_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        return read_all(self._bucket, [f"{self.prefix}{name}" for name in names])

    def _write_once(self, name: str, value: Mapping[str, object]) -> StoredObject | None:
        """Write an object unless it exists; return the stored object, possibly another worker's."""
        return write_once(self._bucket, StoredObject.of_json(f"{self.prefix}{name}", value))


def _parse(kind: type[T], stored: StoredObject | None) -> T | None:
    """Return the value in an object; None if the object is missing or unreadable."""
    if stored is None:
        return None
    try:
        return from_json(kind, jsontext.load(stored.body))
    except UnreadableError as error:
        problem = f"unreadable, {error}: if no other pass begins, begin one with restart"
        log.error({"object": stored.name, "problem": problem})
        return None
