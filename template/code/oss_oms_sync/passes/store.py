"""The objects in the log bucket that store a job's passes: pieces of work on key ranges, totals, and rechecks.

A worker also writes a sign, an object that shows other workers which piece it does.
"""

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
    RangeRequest,
    Scope,
    Tree,
    have_all_keys,
    identity_prefix,
    parse_requests,
    piece_name,
    sum_pieces,
)
from oss_oms_sync.passes.states import Amendment, PassState
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.settings import MAX_PERIOD

T = TypeVar("T")


class PassStore:
    """The stored passes of a job of a project.

    All methods raise StorageError, also if the log bucket has versioning, because OSS then lets objects be overwritten.
    """

    def __init__(self, invocation: Invocation, job: str, destination_bucket: str = "") -> None:
        self.job = job
        self.destination_bucket = destination_bucket
        self._invocation = invocation
        self._settings = invocation.settings
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock
        # Prefixes of the names of the job's passes, of the signs of its workers, and of its lists of differences; the
        # name of the pass follows. A trigger covers only the first prefix.
        self.prefix, self._working_prefix, self.differences_prefix = (
            f"{RECORDS}{folder}/{invocation.settings.project}-{job}/{invocation.task_id}/"
            for folder in ("passes", "working", "differences")
        )

    def build_name(self, scope: Scope, start_time: datetime) -> str:
        """Return the name of a pass of `scope`; `start_time` is the start of the pass, or of the timer's period.

        The name contains a hash of the pass's buckets and keys, so passes with other settings have other names.
        """
        identity = [self._settings.source_bucket, self.destination_bucket, CLASSES_VERSION, to_json(scope.identity)]
        digest = hashlib.sha256(jsontext.dump(identity)).hexdigest()[:16]
        return f"{digest}-{start_time.strftime('%Y%m%dT%H%M%S%fZ')}"

    def fits_settings(self, pass_: Pass) -> bool:
        """Return True if a pass has the buckets, keys and classes of the settings; otherwise it must not continue."""
        buckets = (self._settings.source_bucket, self.destination_bucket)
        is_within = pass_.scope.key_filter.is_within(self._settings.key_filter)
        return (
            (pass_.source_bucket, pass_.destination_bucket) == buckets
            and is_within
            and pass_.classes == CLASSES_VERSION
        )

    def iter_names(self) -> Iterator[str]:
        """Yield the names of the stored passes; passes over the same keys are in the order of their starts."""
        return self._iter_pass_names(self.prefix, self.prefix)

    def find_newest_name(self, name: str) -> str:
        """Return the name of the last started pass over the same buckets and keys as the pass `name`."""
        return max(
            self._iter_pass_names(f"{self.prefix}{identity_prefix(name)}", f"{self.prefix}{name}{LAST_SUFFIX}"),
            default=name,
        )

    def read_tree(self, pass_name: str) -> Tree:
        return self.read_tree_and_times(pass_name)[0]

    def read_tree_and_times(self, pass_name: str) -> tuple[Tree, dict[str, int]]:
        """Return the ranges of a pass, and the time of the last write to each range, in seconds since 1970."""
        prefix, write_times = f"{self.prefix}{pass_name}/", dict[str, int]()
        rows = [(row.name.removeprefix(prefix), row.modified) for row in self._bucket.iter_folder(prefix)]
        for name, modified in rows:
            range_name = name.partition("/")[0]
            write_times[range_name] = max(modified, write_times.get(range_name, 0))
        return Tree(name for name, _ in rows), write_times

    def read_piece(self, pass_name: str, range_name: str, number: int) -> Piece | None:
        """Return the stored piece, or None if it is missing or unreadable."""
        return _parse_object(Piece, self._read_object(f"{pass_name}/{piece_name(range_name, number)}"))

    def read_description(self, pass_name: str) -> Pass | None:
        """Return the description of a pass, or None if the pass was deleted or is unreadable."""
        first_piece = self.read_piece(pass_name, ROOT_RANGE, 0)
        return first_piece.about if first_piece else None

    def write_piece(self, pass_name: str, range_name: str, number: int, piece: Piece) -> Piece | None:
        """Write a piece unless it exists, and return the stored piece.

        Return None if the stored piece is unreadable or was deleted in the meantime; then no worker may act on it.
        """
        name = f"{pass_name}/{piece_name(range_name, number)}"
        return _parse_object(Piece, self._write_once(name, to_json(piece)))

    def read_last_pieces(self, pass_name: str, tree: Tree) -> dict[str, Piece]:
        """Return the newest piece of each range by the range's name, without ranges whose piece is unreadable."""
        names = [f"{pass_name}/{piece_name(*range_and_number)}" for range_and_number in tree.last_numbers.items()]
        stored_objects = zip(tree.last_numbers, self._read_objects(names), strict=True)
        pieces = {name: _parse_object(Piece, stored_object) for name, stored_object in stored_objects}
        return {name: piece for name, piece in pieces.items() if piece}

    def may_send(self, pass_: Pass) -> bool:
        """Return True while all ranges of a pass together have submitted fewer than `pass_.most` keys.

        The pieces are read only if enough time has passed to submit this number at OMS's rate.
        """
        now = self._clock.now()
        seconds = (now - (parse_time(pass_.started) or now)).total_seconds()
        if pass_.most is None or seconds * self._settings.oms_rate * KEYS_PER_CALL < pass_.most:
            return True
        pieces = self.read_last_pieces(pass_.name, self.read_tree(pass_.name))
        return sum(piece.tally.counts["submitted"] for piece in pieces.values()) < pass_.most

    def write_end(self, pass_name: str, range_name: str) -> None:
        self._write_once(f"{pass_name}/{range_name}/end", {})

    def write_total(self, pass_: Pass, tally: Tally, tree: Tree) -> None:
        end_time = timestamp(self._clock.now())
        total = PassState(
            pass_, tally, end_time, ranges_open=0, ranges_done=tree.done_range_count, pieces=tree.piece_count
        )
        self._write_once(f"{pass_.name}/{TOTAL}", to_json(total))

    def amend(self, state: PassState, tally: Tally) -> PassState:
        """Store a new total of a pass after a recheck of its differences, and return the amended state."""
        amendment = Amendment(state.amendment.number if state.amendment else 0, timestamp(self._clock.now()), tally)
        while True:
            amendment = replace(amendment, number=amendment.number + 1)
            name = f"{self._build_amendments_prefix(state.of.name)}{amendment.number:06}.json"
            written_object = StoredObject.of_json(name, to_json(amendment))
            stored_object = write_once(self._bucket, written_object)
            # Another invocation may use the same number.
            if stored_object is None or stored_object.body == written_object.body:
                return replace(state, amendment=amendment)

    def _build_amendments_prefix(self, pass_name: str) -> str:
        return f"{self.differences_prefix}{pass_name}/again-"

    def request_worker(self, pass_name: str, range_name: str) -> None:
        """Write an object whose event calls a worker for a range."""
        name = f"{self.prefix}{pass_name}/{range_name}/wake-{uuid.uuid4().hex[:8]}"
        self._bucket.put(StoredObject.of_json(name, {}))

    def make_ping(self) -> StoredObject:
        """Return an object to test the trigger: the trigger calls the function for it, and the function deletes it."""
        return StoredObject.of_json(f"{self.prefix}ping-{uuid.uuid4().hex}", {})

    def receive_event(self, event: bytes | str) -> list[RangeRequest] | None:
        """Return an event's requests, or None for an event of another bucket; delete the trigger's test objects."""
        requests, pings = parse_requests(event, self.prefix) or (None, [])
        self._bucket.try_delete_all(pings)
        return requests

    def write_sign(self, pass_name: str, range_name: str, number: int) -> None:
        """Record for other workers that this worker has started a piece; a failed write is only logged."""
        name = f"{self._working_prefix}{pass_name}/{piece_name(range_name, number)}"
        (problem,) = self._bucket.try_put_all([StoredObject.of_json(name, {})])
        if problem:
            log.warning({"piece": name, "problem": str(problem)})

    def find_start_time(self, pass_name: str) -> datetime | None:
        """Return the time by OSS's clock at which a worker started a standstill pass, or None if it is not recorded."""
        (sign,) = self._bucket.find_all([f"{self._working_prefix}{pass_name}/{piece_name(ROOT_RANGE, 0)}"])
        return from_epoch(sign.modified) if sign else None

    def read_sign_times(self, pass_name: str) -> dict[str, int]:
        """Return the time at which a worker started the latest piece of each range, in seconds since 1970."""
        prefix = f"{self._working_prefix}{pass_name}/"
        signs = {row.name.removeprefix(prefix): row.modified for row in self._bucket.iter_folder(prefix)}
        return {name.partition("/")[0]: signs[name] for name in sorted(signs)}

    def read_state(self, pass_name: str) -> PassState | None:
        """Return the state of a pass, or None if the pass was deleted or is unreadable."""
        if total := self._read_object(f"{pass_name}/{TOTAL}"):
            return self._parse_total(total)
        pass_ = self.read_description(pass_name)
        for _ in range(2):
            tree = self.read_tree(pass_name)
            pieces = self.read_last_pieces(pass_name, tree)
            # The pass may be deleted between any two reads. A complete pass without a last piece never gets a total; a
            # piece written between two pages of the listing appears the next time.
            if not (lacks_keys := tree.is_complete and not have_all_keys(pieces)):
                break
        if pass_ is None or not pieces or pieces.keys() != tree.last_numbers.keys() or lacks_keys:
            return None
        stuck_reason = next((pieces[name].stopped for name in tree.open_ranges if pieces[name].is_stuck), None)
        return PassState(
            pass_,
            sum_pieces(pieces),
            "",
            len(tree.open_ranges),
            tree.done_range_count,
            tree.piece_count,
            stuck=stuck_reason,
        )

    def read_total(self, pass_name: str) -> PassState | None:
        """Return the total of a finished pass without rechecks; None if the pass is open or the total unreadable."""
        return _parse_object(PassState, self._read_object(f"{pass_name}/{TOTAL}"))

    def _parse_total(self, total: StoredObject | None) -> PassState | None:
        state = _parse_object(PassState, total)
        if state is None:
            return None
        last_name = max(
            (row.name for row in self._bucket.iter_objects(self._build_amendments_prefix(state.of.name))), default=""
        )
        (amendment,) = self._bucket.get_all([last_name]) if last_name else (None,)
        return replace(state, amendment=_parse_object(Amendment, amendment))

    def read_states(self) -> list[PassState]:
        """Return the states of the passes that fit the settings.

        Open passes that no worker has continued for longer than the longest period are left out.
        """
        states = filter(None, map(self.read_state, list(self.iter_names())))
        fitting_states = (state for state in states if self.fits_settings(state.of))
        return [state for state in fitting_states if state.ended or not self._is_abandoned(state.of.name)]

    def read_earlier_marks(self, pass_: Pass) -> Sequence[KeyMark]:
        """Return the marks (sampled keys) of an earlier pass, by which to split this pass into ranges of equal work.

        The earlier pass is the last finished pass over the same keys: of this job, or else of any job.
        """
        if pass_.before and (previous_state := self.read_total(pass_.before)):
            return previous_state.passed.marks
        other_jobs = {"reconcile", "compare"} - (set() if pass_.scope.standstill else {self.job})
        stores = [PassStore(self._invocation, job) for job in sorted(other_jobs)]
        ended_states = filter(None, (store.read_total(name) for store in stores for name in list(store.iter_names())))
        bucket_and_prefix = pass_.source_bucket, pass_.scope.key_filter.prefix
        states = [
            state
            for state in ended_states
            if (state.of.source_bucket, state.scope.key_filter.prefix) == bucket_and_prefix
        ]
        return max(states, key=lambda state: state.started).passed.marks if states else ()

    def delete_old(self, ended_name: str) -> None:
        """Delete the objects of passes that are no longer needed, after the pass `ended_name` has finished.

        The last two passes over the same keys remain, and the last pass without options. Abandoned passes over any keys
        are deleted as well. A failed deletion is only logged.
        """
        try:
            names = list(self.iter_names())
            identity_names = [name for name in names if name.startswith(identity_prefix(ended_name))]
            optionless_names = [
                name
                for name in identity_names
                if (state := self.read_total(name)) and state.scope == state.scope.identity
            ]
            for name in sorted(
                {*identity_names[:-2], *filter(self._is_abandoned, set(names) - set(identity_names))}
                - {*optionless_names[-1:]}
            ):
                self._delete_pass(name)
        except StorageError as error:
            log.error({"passes": "not cleared away", "problem": str(error)})

    def _delete_pass(self, pass_name: str) -> None:
        # The first piece is deleted first, because no worker continues a pass without it.
        for prefix in (f"{root}{pass_name}/" for root in (self.prefix, self._working_prefix, self.differences_prefix)):
            problems = self._bucket.try_delete_all([row.name for row in self._bucket.iter_folder(prefix)])
            for problem in {str(problem) for problem in problems.values() if problem}:
                log.error({"pass": pass_name, "problem": problem})

    def _is_abandoned(self, pass_name: str) -> bool:
        """Return True if no worker has continued a pass for longer than the longest period of a timer."""
        _, write_times = self.read_tree_and_times(pass_name)
        return max(write_times.values(), default=0) < (self._clock.now() - MAX_PERIOD).timestamp()

    def _iter_pass_names(self, prefix: str, after_name: str) -> Iterator[str]:
        while listed_name := self._bucket.find_first_name(prefix, after_name):
            name, is_folder, _ = listed_name.removeprefix(self.prefix).partition("/")
            if is_folder and PASS_NAME_PATTERN.fullmatch(name):
                yield name
            after_name = f"{self.prefix}{name}{LAST_SUFFIX}" if is_folder and name else listed_name

    def _read_object(self, name: str) -> StoredObject | None:
        (stored_object,) = self._read_objects([name])
        return stored_object

    def _read_objects(self, names: Sequence[str]) -> list[StoredObject | None]:
        return read_all(self._bucket, [f"{self.prefix}{name}" for name in names])

    def _write_once(self, name: str, value: Mapping[str, object]) -> StoredObject | None:
        return write_once(self._bucket, StoredObject.of_json(f"{self.prefix}{name}", value))


def _parse_object(kind: type[T], stored_object: StoredObject | None) -> T | None:
    if stored_object is None:
        return None
    try:
        return from_json(kind, jsontext.load(stored_object.body))
    except UnreadableError as error:
        problem = f"unreadable, {error}: if no other pass begins, begin one with restart"
        log.error({"object": stored_object.name, "problem": problem})
        return None
