"""The job that compares the source with OBS and the records, gives each object a class, and submits missing objects.

A pass is a run of this job over all keys, or over those with a prefix. A range is the part of all keys between two
keys, and a piece is the work of one invocation on a range. A standstill pass submits nothing: it only shows that
neither bucket changes any more.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property, partial

from oss_oms_sync import jsontext, options
from oss_oms_sync.answers.layout import Kind
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.clock import Deadline, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.comparison.absences import EarlierAbsences, make_absence_list
from oss_oms_sync.comparison.count import CompareCount
from oss_oms_sync.comparison.judge import (
    MIN_AGE_SECONDS,
    MIN_CUTOVER_AGE_SECONDS,
    POSSIBLY_EQUAL_CLASSES,
    POSSIBLY_SKIPPED_CLASSES,
    FileSystem,
    Judge,
    JudgementTimes,
)
from oss_oms_sync.comparison.oms_progress import OmsProgress, query_progress
from oss_oms_sync.comparison.proof import Prover
from oss_oms_sync.comparison.recheck import MAX_KEYS, recheck
from oss_oms_sync.comparison.result import CompareResult
from oss_oms_sync.delivery.sender import Sender
from oss_oms_sync.errors import PayloadError, SettingsError, log
from oss_oms_sync.events import is_timer_event
from oss_oms_sync.jobs import headers
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import list_waiting_keys
from oss_oms_sync.passes.driver import Driver, find_refusal
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Pass, Piece, Scope
from oss_oms_sync.passes.range_walk import RangeCount, RangeWalk
from oss_oms_sync.passes.states import (
    PassState,
    find_answering_pass,
    find_newest_pass,
    make_answer,
    pair_with_standstill,
)
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import AbsencePart, Tally
from oss_oms_sync.passes.work import RangeResult

# Seconds after the last read and the last call to OBS, in which the last batch is submitted and the piece written.
_WRITING_SECONDS = 30.0
# Fields of the answer that are too long for a line in the logs.
_UNLOGGED_FIELDS = ("classes", "folders", "last_written", "differences")

# Options that exclude others, with the reason to print.
_EXCLUSIVE_OPTIONS = {
    "standstill": (
        ("since", "again", "deep", "overwrite", "cutover", "dry_run"),
        "A standstill pass only lists both buckets",
    ),
    "again": (("restart", "dry_run"), "A recheck only judges the differences of the last pass"),
}


@dataclass(frozen=True)
class CompareOptions:
    """The options in the payload of compare.

    - `frozen_since`: the time of a freeze; the call is about the pass that is valid for this freeze.
    - `again`: recheck the differences that the last pass listed.
    - `run`: the name of the cutover's run. A recheck in a run submits each missing object once; without a run, it
      submits none.
    - `look`: only report the state of the pass.
    """

    prefix: str = ""
    since: str | None = None
    again: bool = False
    deep: bool = False
    overwrite: bool = False
    standstill: bool = False
    cutover: bool = False
    run: str = ""
    frozen_since: str | None = None
    dry_run: bool = False
    restart: bool = False
    look: bool = False

    def __post_init__(self) -> None:
        if self.frozen_since is not None and self.freeze_time is None:
            raise PayloadError(
                f"The payload's frozen_since is {self.frozen_since!r}. Give a time in UTC such as 2026-01-31T08:00:00Z"
            )
        for option, (excluded_names, reason) in _EXCLUSIVE_OPTIONS.items():
            if getattr(self, option) and (conflicts := [name for name in excluded_names if getattr(self, name)]):
                raise PayloadError(f"The payload asks for {option} and for {conflicts[0]}. {reason}")

    @property
    def freeze_time(self) -> datetime | None:
        return parse_time(self.frozen_since) if self.frozen_since is not None else None


def run(event: bytes | str, invocation: Invocation) -> dict[str, object]:
    """Run or continue a pass as `event` requests, and return a CompareAnswer as JSON.

    - An invocation ends by writing an object to the log bucket, and the event of this write continues its range of
      keys. Such a call returns the fields to log.
    - A timer event starts a pass if the last pass started at least COMPARE_PERIOD ago. Otherwise it continues ranges on
      which no invocation works.
    - A manual call with CompareOptions continues or starts a pass, and waits for its end. With `look` it only reports;
      with `dry_run` it lists all keys itself, without submissions.
    - A call for a pass of headers is left to `headers.run`.

    Raises PayloadError, SettingsError if SOURCE_BUCKET is empty, and StorageError. Completed work is kept.
    """
    JobState(invocation).record_timer("compare", event)
    if not invocation.settings.source_bucket:
        raise SettingsError(["SOURCE_BUCKET is empty. Set it to the bucket to compare with the destination"])
    if (headers_answer := headers.run(event, invocation, invocation.destination)) is not None:
        return headers_answer
    requests = PassStore(invocation, "compare").receive_event(event)
    if requests == []:  # an event without a piece does not need OMS's answer about the destination
        return {}
    comparison = _ComparisonJob(invocation)
    answer = comparison.driver.handle_event(requests) if requests else comparison.handle_options(event).to_json()
    log.info({name: value for name, value in answer.items() if name not in _UNLOGGED_FIELDS})
    return answer


class _ComparisonJob:
    """The work of one invocation on a pass of compare."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._task = invocation.sync_task()
        self._destination = invocation.destination(self._task)
        self.store = PassStore(invocation, "compare", self._destination.name)
        self.driver = Driver(invocation, self.store, self._process_range)

    def handle_options(self, event: bytes | str) -> CompareResult:
        invocation, settings = self._invocation, self._invocation.settings
        payload = options.parse(event, CompareOptions)
        scope = Scope.from_options(vars(payload), settings.key_filter)
        mode = self._task.object_overwrite_mode
        if payload.dry_run:
            pass_ = self.driver.describe_pass(scope, record_installation=False)
            tally, answer = self._build_range_walk(pass_, Piece(), dry_run=True).run_alone()
            return CompareResult(tally, answer, overwrite_mode=mode)
        previous_pass, has_stood_still = None, None
        if payload.look or payload.again:
            states = self.store.read_states()
            state, stop_reason = _select_pass(payload, scope, states, invocation.clock.now()), None
            if state and state.ended and payload.again:
                state = self.store.amend(state, self._recheck(payload, state.of, state.passed))
            has_stood_still = pair_with_standstill(state, states).stood_still if state and state.ended else None
            previous_pass = self.driver.find_previous(state)
        elif is_timer_event(event):
            # While no key may be submitted, a timer event starts no pass, but continues an open pass.
            refusal_reason = find_refusal(invocation)
            scope = replace(scope, deep=scope.deep or settings.compare_deep)
            state, stop_reason = self.driver.handle_timer(scope, None if refusal_reason else settings.compare_period)
            stop_reason = stop_reason if state else refusal_reason or stop_reason
        else:
            if payload.standstill:
                scope = headers.add_headers_check(scope, invocation, self._destination)
            state, stop_reason = self.driver.handle_request(scope, restart=payload.restart)
        answer = make_answer("compare", state, stop_reason, invocation.clock.now(), previous_pass)
        return CompareResult(state.tally if state else Tally(), answer, state, mode, has_stood_still)

    def _recheck(self, payload: CompareOptions, pass_: Pass, total_tally: Tally) -> Tally:
        """Recheck the keys that a pass listed as different, and return its totals `total_tally` with the new classes.

        The options `deep` (read contents) and `cutover` (wait for a shorter time) apply if the pass or the call has
        them.
        """
        invocation, scope = self._invocation, pass_.scope
        is_deep, is_cutover = scope.deep or payload.deep, scope.cutover or payload.cutover
        scope = replace(scope, deep=is_deep, cutover=is_cutover)
        judge = self._build_judge(replace(pass_, scope=scope, migrations=migration.load_migrations(invocation)))
        send = _make_sender(invocation, f"{self.store.differences_prefix}{pass_.name}/sent.json", payload.run)
        waiting_keys = list_waiting_keys(invocation, MAX_KEYS, MAX_KEYS, with_reasons=False).keys if is_deep else ()
        return recheck(
            invocation, self._destination, total_tally, judge, send, [failed_key.key for failed_key in waiting_keys]
        )

    def _process_range(self, pass_: Pass, start_piece: Piece, open_ranges: int, seconds: float) -> RangeResult:
        if pass_.scope.headers:
            return headers.check_range(self._invocation, self._destination, pass_, start_piece, seconds)
        walk = self._build_range_walk(pass_, start_piece, open_ranges, seconds)
        result = walk.run()
        tally, range_count = result.piece.tally, walk.count
        lines = range_count.lines[: tally.lines - start_piece.tally.lines]
        # If a later pass has started, this pass may be deleted already, and its list would remain.
        if lines and self.store.find_newest_name(pass_.name) == pass_.name:
            bucket, folder = self._invocation.log_bucket, f"{self.store.differences_prefix}{pass_.name}/"
            # A unique name, so that two workers of a range do not overwrite each other's list.
            name = f"{folder}{uuid.uuid4().hex}.txt"
            list_object = StoredObject(name, "".join(lines).encode(), {"Content-Type": "text/plain; charset=utf-8"})
            bucket.put(list_object)
            tally = replace(tally, parts=[*tally.parts, name])
            absences = (
                range_count.list_absences_until(result.piece.after) if isinstance(range_count, CompareCount) else []
            )
            if absences:
                # The list of differences has all absent keys as well.
                absences_object = make_absence_list(
                    folder, absences, math.ceil(self._invocation.clock.now().timestamp())
                )
                bucket.put(absences_object)
                tally = replace(tally, absences=[*tally.absences, AbsencePart(absences_object.name, absences[-1].key)])
        return replace(result, piece=replace(result.piece, tally=tally))

    def _build_range_walk(
        self, pass_: Pass, start_piece: Piece, open_ranges: int = 1, seconds: float = math.inf, *, dry_run: bool = False
    ) -> RangeWalk:
        if pass_.scope.standstill:
            standstill_count = RangeCount(self._invocation.settings.key_filter, start_piece.tally)
            listing = self._build_listing(pass_, start_piece, kinds=())
            return RangeWalk(
                self._invocation,
                listing.iter_items(standstill_count.count_equal),
                start_piece,
                standstill_count,
                open_ranges,
                seconds,
            )
        judge = self._build_judge(pass_, stores_proofs=not dry_run)
        # A listing with a prefix lacks a file whose name is a part of the prefix.
        if judge.file_system and (first_name := start_piece.after or pass_.scope.key_filter.prefix):
            judge.file_system.start_after(first_name)
        min_write_time = parse_time(pass_.before_started) or parse_time(pass_.installed) or self._invocation.clock.now()
        previous_state = self.store.read_total(pass_.before) if pass_.has_absences else None
        earlier_absences = EarlierAbsences(
            self._invocation.log_bucket, previous_state.passed.absences if previous_state else (), start_piece.after
        )
        count = CompareCount(judge, start_piece.tally, min_write_time.timestamp(), pass_.seed, earlier_absences)
        items, may_submit = (
            self._build_listing(pass_, start_piece).iter_items(count.count_equal),
            partial(self.store.may_send, pass_),
        )
        return RangeWalk(
            self._invocation, items, start_piece, count, open_ranges, seconds, dry_run=dry_run, may_send=may_submit
        )

    def _build_judge(self, pass_: Pass, *, stores_proofs: bool = True) -> Judge:
        """Return the judge, which gives the objects of a pass their classes at the current time.

        If `stores_proofs` is True, it stores its proofs that contents are equal or different.
        """
        now = self._invocation.clock.now()
        installation_time = parse_time(pass_.installed) or now
        # A closed project is compared completely, too, because the cutover depends on the result.
        is_closed = ProjectState(self._invocation).read_state() is not None
        # A caller of `overwrite` has checked the differences, usually on cutover day, and wants immediate submissions.
        settling_seconds = MIN_CUTOVER_AGE_SECONDS if pass_.scope.cutover or pass_.scope.overwrite else MIN_AGE_SECONDS
        # A cutover does not wait for a copy that OMS correctly skips, and does not resend such an object.
        mode = self._task.object_overwrite_mode or OverwriteMode.DEFAULT
        possibly_skipped_classes = POSSIBLY_SKIPPED_CLASSES if pass_.scope.cutover and mode.compares_contents else ()
        # No migration copies an object again that is newer in OBS, so only an explicit `since` limits `overwrite`.
        overwrite_since = pass_.scope.since.timestamp() if pass_.scope.since else 0.0
        classes_to_read = POSSIBLY_EQUAL_CLASSES if pass_.scope.deep else possibly_skipped_classes
        return Judge(
            self._invocation.settings.key_filter,
            JudgementTimes(now.timestamp(), self._oms_progress, settling_seconds, pass_.migrations),
            submit_since=None if is_closed else pass_.scope.min_time(installation_time).timestamp(),
            overwrite_since=overwrite_since if pass_.scope.overwrite and not is_closed else None,
            prover=self._build_prover(stores_proofs=stores_proofs) if classes_to_read else None,
            read_classes=classes_to_read,
            file_system=FileSystem(self._destination) if self._is_file_system else None,
            copies_same_size=mode.copies_same_size,
            always_copies=mode is OverwriteMode.ALWAYS,
        )

    def _build_prover(self, *, stores_proofs: bool) -> Prover:
        invocation, remaining_seconds = self._invocation, self._invocation.deadline.remaining()
        # A worker that reads for longer than a piece counts as lost, and another worker would read the same objects.
        piece_seconds, available_seconds = (
            invocation.settings.piece_seconds,
            remaining_seconds - min(_WRITING_SECONDS, remaining_seconds / 4),
        )
        deadline = Deadline(min(piece_seconds, available_seconds), invocation.clock)
        return Prover(
            invocation,
            self._destination,
            deadline,
            has_full_time=available_seconds >= piece_seconds,
            stores_proofs=stores_proofs,
        )

    @cached_property
    def _is_file_system(self) -> bool:
        return FileSystem.from_bucket(self._destination) is not None

    @cached_property
    def _oms_progress(self) -> OmsProgress:
        return query_progress(self._invocation)

    def _build_listing(
        self, pass_: Pass, start_piece: Piece, kinds: Sequence[Kind] = ("success", "failed", "proven")
    ) -> MergedListing:
        """Return the merged listings of both buckets, and of the records of these `kinds`.

        The listings begin after the last key of `start_piece`, the work of the previous invocation.
        """
        return MergedListing(
            self._invocation,
            lambda source: self._invocation.settings.key_filter.matches(source.name),
            pass_.scope.key_filter.prefix,
            start_piece.after,
            kinds=kinds,
            destination=self._destination,
        )


def _make_sender(invocation: Invocation, name: str, run: str) -> Callable[[Sequence[FailedKey]], None]:
    """Return a function that submits the keys that a recheck selects, each key only once in a cutover's run.

    Without a `run`, it submits nothing. The object `name` in the log bucket stores the submitted keys. The function
    raises StorageError; some keys may then be submitted twice.
    """
    bucket, sender, submitted_names = invocation.log_bucket, Sender(invocation), set[str]()
    match jsontext.load(bucket.get(name) or b"{}") if run else None:
        case {"run": stored_run, "keys": list(keys)} if stored_run == run:
            submitted_names.update(map(str, keys))

    def send(due_keys: Sequence[FailedKey]) -> None:
        keys = [key for key in due_keys if key.key not in submitted_names] if run else []
        if keys:
            # A key that was not submitted keeps its class, so the next recheck returns it again.
            remaining_names = {key.key for key in sender.send(keys)}
            submitted_names.update({key.key for key in keys} - remaining_names)
            bucket.put(StoredObject.of_json(name, {"run": run, "keys": sorted(submitted_names)}))

    return send


def _select_pass(payload: CompareOptions, scope: Scope, states: Sequence[PassState], now: datetime) -> PassState | None:
    """Return the pass that a call with the option `look` or `again` is about, or None without such a pass.

    Without the time of a freeze, it is the newest pass with the options `scope`. Otherwise it is the comparison that is
    valid for the freeze, or else an unfinished pass that started after the freeze.
    """
    newest_pass, freeze_time = find_newest_pass(states, scope), payload.freeze_time
    if freeze_time is None or scope.standstill:
        return newest_pass
    answering_pass = find_answering_pass(states, scope.key_filter.prefix, freeze_time, now)
    is_after_freeze = newest_pass and not newest_pass.ended and newest_pass.started >= timestamp(freeze_time)
    return answering_pass.state if answering_pass else newest_pass if is_after_freeze else None
