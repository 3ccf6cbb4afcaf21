"""The passes of headers: they compare the headers of objects in OBS with the source's, and change or restore them.

Compare's function runs these passes. A range is the part of all keys between two keys, and a piece is the work of one
invocation on a range. At its end, an invocation writes an object to the log bucket, whose trigger calls the function
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from oss_oms_sync import jsontext, options
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped
from oss_oms_sync.answers.headers_answer import (
    MAX_EXAMPLES,
    MAX_READ_OBJECTS,
    CheckedHeaders,
    HeadersAnswer,
    HeadersMode,
    HeadersOutcome,
)
from oss_oms_sync.answers.layout import is_long, record_name
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import first_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.judge import MIN_AGE_SECONDS, MIN_CUTOVER_AGE_SECONDS, Judge, JudgementTimes
from oss_oms_sync.comparison.mending import ClosedError, HeadersRow, Mender, MendingResult
from oss_oms_sync.errors import PayloadError, StorageError, log
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.digests import reported_folder
from oss_oms_sync.passes.driver import Driver
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Pass, Piece, PieceKind, Scope
from oss_oms_sync.passes.range_walk import RangeCount
from oss_oms_sync.passes.states import PassState, find_newest_pass, make_answer
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import OBJECTS_IN_SCOPE, Tally
from oss_oms_sync.passes.work import RangeResult
from oss_oms_sync.rules.headers_in_place import (
    MOVES_TIME_TEXT,
    NO_UNDO_TEXT,
    UNMEASURED_TEXT,
    HeaderChangeEffect,
    parse_effect,
)

_JOB = "headers"
# Number of objects whose headers are read at the same time. It is small, because OBS accepts a change only within a few
# seconds of the HEAD request.
BATCH = 100
# Seconds that are left at the end of an invocation for a batch and the piece itself.
_RESERVED_SECONDS = 60.0
# Counts by header have names with this prefix. Headers beyond the maximum number of headers are counted together.
_HEADER, _OTHER_HEADERS, _MAX_HEADERS = "header ", "header *", 50
# The name of the number of objects with tags, and of their first keys.
_TAGGED = "tagged"


@dataclass(frozen=True)
class HeadersOptions:
    """The options in the payload of a manual call.

    - `headers`: a value of HeadersMode: compare, change or restore headers.
    - `cutover`: the source is frozen, and the project is not closed yet.
    - `look`: only report the state of the pass.
    """

    headers: str = ""
    prefix: str = ""
    cutover: bool = False
    restart: bool = False
    look: bool = False

    def __post_init__(self) -> None:
        names = [mode.value for mode in HeadersMode]
        if self.headers not in names:
            raise PayloadError(f"The payload's option headers is {self.headers!r}. It takes {', '.join(names)}")


def run(event: bytes | str, invocation: Invocation, destination: Callable[[], ObsBucket]) -> dict[str, object] | None:
    """Run or continue a pass of headers as `event` requests; return a HeadersAnswer as JSON, or None for other events.

    - An invocation ends by writing an object to the log bucket, and the event of this write continues its range of
      keys. Such a call returns the fields to log.
    - A manual call with HeadersOptions continues or starts a pass, and waits for its end. With `look` it only reports.

    Raises PayloadError and StorageError. Completed work is kept.
    """
    requests = PassStore(invocation, _JOB).receive_event(event)
    if requests:
        answer = _HeadersJob(invocation, destination()).driver.handle_event(requests)
    elif requests is None and isinstance(payload := jsontext.load(event), dict) and _JOB in payload:
        answer = to_json(_HeadersJob(invocation, destination()).handle_options(options.parse(event, HeadersOptions)))
    else:
        return None
    log.info({name: value for name, value in answer.items() if name not in ("folders", "examples")})
    return answer


def add_headers_check(scope: Scope, invocation: Invocation, destination: ObsBucket) -> Scope:
    """Return `scope`, the options of a standstill pass, with a check of headers if a pass has dealt with headers.

    In an open project the scope stays unchanged, because later copies may lose headers. Raises StorageError.
    """
    if ProjectState(invocation).read_state() is None:
        return scope
    last_pass = find_newest_pass(
        PassStore(invocation, _JOB, destination.name).read_states(), replace(scope, standstill=False)
    )
    return replace(scope, headers=HeadersMode.LOOK.value) if _applies_to_cutovers(last_pass) else scope


def check_range(
    invocation: Invocation, destination: ObsBucket, pass_: Pass, start_piece: Piece, seconds: float
) -> RangeResult:
    return _HeadersJob(invocation, destination).process_range(pass_, start_piece, 1, seconds)


def summarize_checked_headers(tally: Tally) -> CheckedHeaders:
    return CheckedHeaders(_count_outcomes(tally), _count_by_header(tally), _list_examples(tally.unread))


def _applies_to_cutovers(last_pass: PassState | None) -> bool:
    return last_pass is not None and HeadersMode(last_pass.scope.headers).applies_to_cutovers


class _HeadersJob:
    """The work of one invocation on a pass of headers."""

    def __init__(self, invocation: Invocation, destination: ObsBucket) -> None:
        self._invocation = invocation
        self._destination = destination
        canary = JobState(invocation).read_canary_result()
        self._effect = parse_effect(canary.report if canary else {})
        self._store = PassStore(invocation, _JOB, destination.name)
        self.driver = Driver(invocation, self._store, self.process_range)

    def handle_options(self, payload: HeadersOptions) -> HeadersAnswer:
        scope = replace(
            Scope.from_options(vars(payload), self._invocation.settings.key_filter), headers=payload.headers
        )
        previous_pass = None
        if payload.look:
            state, stop_reason = self.driver.find_newest(scope), None
            previous_pass = self.driver.find_previous(state)
        elif refusal_text := self._find_refusal(scope):
            state, stop_reason = None, Stopped(Stop.HEADERS, refusal_text.en)
        else:
            state, stop_reason = self.driver.handle_request(scope, restart=payload.restart)
        answer = make_answer(_JOB, state, stop_reason, self._invocation.clock.now(), previous_pass)
        is_refused = stop_reason is not None and stop_reason.stop is Stop.HEADERS
        if is_refused or (state and HeadersOutcome.DIFFERS.title in state.tally.counts):
            answer = replace(answer, step=self._find_step(scope))
        return _build_answer(
            vars(answer), state.scope.headers if state else payload.headers, state.tally if state else Tally()
        )

    def _find_refusal(self, scope: Scope) -> Text | None:
        """Return the reason why a pass must not change headers, or None. A mere comparison is always permitted."""
        if scope.headers == HeadersMode.LOOK.value:
            return None
        if not isinstance(self._effect, HeaderChangeEffect):
            return self._effect
        if not self._effect.moves_time or scope.cutover:
            return None
        return NO_UNDO_TEXT if scope.headers == HeadersMode.UNDO.value else MOVES_TIME_TEXT

    def _find_step(self, scope: Scope) -> Step | None:
        """Return the next step towards a change of headers, or None if no step permits the change.

        If a canary measured that changes are not safe, another canary would measure the same. If a change updates
        LastModified, no step permits an undo, and only a cutover changes headers, after a pass over all keys of the
        project.
        """
        if not isinstance(self._effect, HeaderChangeEffect):
            return Step("canary") if self._effect is UNMEASURED_TEXT else None
        if not self._effect.moves_time:
            return Step("headers")
        if scope.headers == HeadersMode.UNDO.value:
            return None
        last_pass = self.driver.find_newest(Scope.from_options({}, self._invocation.settings.key_filter))
        return Step("cutover") if _applies_to_cutovers(last_pass) else Step("headers", {"dry_run": True})

    def process_range(self, pass_: Pass, start_piece: Piece, _open_ranges: int, seconds: float) -> RangeResult:
        """Process the keys of a range after the last key of `start_piece`, the work of the previous invocation."""
        if refusal_text := self._find_refusal(pass_.scope):
            return RangeResult(
                replace(start_piece, kind=PieceKind.RESTING, stopped=Stopped(Stop.HEADERS, refusal_text.en))
            )
        effect = self._effect if isinstance(self._effect, HeaderChangeEffect) else None
        mender = Mender(self._invocation, self._destination, may_replace=bool(effect and effect.may_replace))
        return _RangeWork(
            self._invocation, self._destination, mender, pass_, start_piece, seconds, can_change=effect is not None
        ).run()


class _RangeWork:
    """The work of one invocation on a range of keys, in batches of objects."""

    def __init__(
        self,
        invocation: Invocation,
        destination: ObsBucket,
        mender: Mender,
        pass_: Pass,
        start_piece: Piece,
        seconds: float,
        *,
        can_change: bool,
    ) -> None:
        self._invocation = invocation
        self._start = start_piece
        self._process_rows = {
            HeadersMode.LOOK.value: mender.compare,
            HeadersMode.MEND.value: mender.mend,
            HeadersMode.UNDO.value: mender.undo,
        }[pass_.scope.headers]
        self._is_undo = pass_.scope.headers == HeadersMode.UNDO.value
        self._is_standstill = pass_.scope.standstill
        # False if every cutover leaves headers that differ.
        self._can_change = can_change
        now = invocation.clock.now().timestamp()
        settling_seconds = MIN_CUTOVER_AGE_SECONDS if pass_.scope.cutover or self._is_standstill else MIN_AGE_SECONDS
        self._judge = Judge(invocation.settings.key_filter, JudgementTimes(now, min_age_seconds=settling_seconds))
        self._listing = MergedListing(
            invocation,
            lambda _: False,  # no other record decides if contents are equal
            pass_.scope.key_filter.prefix,
            start_piece.after,
            kinds=("proven",),
            destination=destination,
        )
        self._count = HeadersCount(invocation.settings.key_filter, start_piece.tally)
        remaining_seconds = invocation.deadline.remaining()
        self._end = invocation.clock.monotonic() + min(
            seconds, remaining_seconds - min(_RESERVED_SECONDS, remaining_seconds / 2)
        )
        # The state of the range before the first object of the current batch.
        self._state_before_batch = start_piece
        self._batch: list[HeadersRow] = []
        # Keys of the batch whose contents are not proven equal.
        self._unproven: set[str] = set()

    def run(self) -> RangeResult:
        try:
            stop_reason = self._process_batches()
        except ClosedError as error:
            return RangeResult(replace(self._state_before_batch, kind=PieceKind.RESTING, stopped=error.stopped))
        except StorageError as error:
            stop_reason = Stopped(Stop.STORAGE, str(error))
            return RangeResult(replace(self._state_before_batch, kind=PieceKind.RESTING, stopped=stop_reason), error)
        return RangeResult(
            self._state_before_batch if stop_reason else replace(self._state_before_batch, kind=PieceKind.DONE)
        )

    def _process_batches(self) -> Stopped | None:
        last_key, end_key = self._start.after, self._start.until
        for entry, record in self._iter_rows():
            if end_key and entry.key > end_key:
                break
            if len(self._batch) >= BATCH:
                self._process_batch(last_key)
            if self._invocation.clock.monotonic() > self._end:
                self._process_batch(last_key)
                return TIME_IS_UP
            self._add_object(entry, record)
            last_key = entry.key
        self._process_batch(last_key)
        return None

    def _iter_rows(self) -> Iterator[tuple[Entry, ObjectSummary | None]]:
        with self._listing.open_reader("mended") as records:
            for entry in self._listing:
                while records.key < entry.key:
                    records.advance()
                yield entry, records.row() if records.key == entry.key else None

    def _add_object(self, entry: Entry, record: ObjectSummary | None) -> None:
        """Add an object to the current batch, or count its outcome if its headers need not be read."""
        source, destination = entry.source, entry.destination
        if source:
            self._count.add(entry, _submit_nothing)
        if source is None or not self._invocation.settings.key_filter.is_reported(entry.key):
            return
        if destination is None:
            # A standstill pass checks the objects on both sides.
            if not self._is_standstill:
                self._count.add_outcome(entry.key, MendingResult(HeadersOutcome.OTHER_CLASS))
            return
        row = HeadersRow(source, destination, record or self._find_record_of_long_key(entry.key))
        outcome = self._find_standstill_outcome(entry, row) if self._is_standstill else self._find_outcome(entry, row)
        if outcome:
            self._count.add_outcome(entry.key, MendingResult(outcome))
        else:
            self._batch.append(row)

    def _find_outcome(self, entry: Entry, row: HeadersRow) -> HeadersOutcome | None:
        if not self._is_equal(entry):
            return HeadersOutcome.OTHER_CLASS
        if self._is_undo:
            return None if row.record else HeadersOutcome.UNTOUCHED
        return HeadersOutcome.RECORDED if row.is_recorded else None

    def _find_standstill_outcome(self, entry: Entry, row: HeadersRow) -> HeadersOutcome | None:
        """Return the outcome of an object in a standstill pass, or None if its headers have to be read.

        The headers of only a limited number of objects are read.
        """
        if row.is_recorded:
            return HeadersOutcome.RECORDED
        if self._count.unrecorded_count + len(self._batch) >= MAX_READ_OBJECTS:
            return HeadersOutcome.UNREAD
        if not self._is_equal(entry):
            self._unproven.add(entry.key)
        return None

    def _is_equal(self, entry: Entry) -> bool:
        return self._judge.judge(entry).object_class is ObjectClass.EQUAL_CONTENTS

    def _find_record_of_long_key(self, key: str) -> ObjectSummary | None:
        if not is_long(self._invocation.task_id, "mended", key):
            return None
        (record,) = self._invocation.log_bucket.find_all([record_name(self._invocation.task_id, "mended", key)])
        return record

    def _process_batch(self, last_key: str) -> None:
        for row, outcome in zip(self._batch, self._compare_or_change() if self._batch else [], strict=True):
            if self._is_standstill and outcome.outcome is HeadersOutcome.DIFFERS:
                outcome = outcome._replace(outcome=self._find_difference(row))
            self._count.add_outcome(row.key, outcome)
        self._batch, self._unproven = [], set()
        self._state_before_batch = replace(self._start, after=last_key, tally=self._count.tally())

    def _find_difference(self, row: HeadersRow) -> HeadersOutcome:
        """Return the outcome in a standstill pass of an object whose headers differ: can a cutover change them?"""
        if row.key in self._unproven:
            return HeadersOutcome.OTHER_CLASS
        return HeadersOutcome.DIFFERS if self._can_change else HeadersOutcome.UNSAFE

    def _compare_or_change(self) -> Sequence[MendingResult]:
        """Compare or change the headers of the batch, and return the outcomes.

        Raises StorageError. In a standstill pass, a missing permission to read headers is an outcome instead.
        """
        try:
            return self._process_rows(self._batch)
        except StorageError as error:
            if not self._is_standstill or error.code not in PERMISSION_CODES:
                raise
            # The standstill pass goes on, because the digests of both buckets do not need this permission.
            return [MendingResult(HeadersOutcome.UNREADABLE)] * len(self._batch)


def _submit_nothing(_: object) -> bool:
    return False


class HeadersCount(RangeCount):
    """The counts of a pass of headers: the outcomes in total, by header and by folder, and examples of keys."""

    @property
    def unrecorded_count(self) -> int:
        return self._tally.counts[OBJECTS_IN_SCOPE] - self._tally.counts[HeadersOutcome.RECORDED.title]

    def add_outcome(self, key: str, result: MendingResult) -> None:
        counts, folders, name = self._tally.counts, self._tally.folders, result.outcome.title
        counts[OBJECTS_IN_SCOPE] += 1
        counts[name] += 1
        for header in result.names:
            counts[self._find_count_name(header)] += 1
        if result.has_tags:
            counts[_TAGGED] += 1
            self._note_example(_TAGGED, key)
        folder = folders.setdefault(reported_folder(first_folder(key), folders), {})
        folder.setdefault(name, [0, 0, 0, 0])[0] += 1
        if not result.outcome.is_settled:
            self._note_example(name, key)

    def _note_example(self, name: str, key: str) -> None:
        examples = self._tally.unread.setdefault(name, [])
        examples += [key] * (len(examples) < MAX_EXAMPLES)

    def _find_count_name(self, header: str) -> str:
        name, counts = f"{_HEADER}{header}", self._tally.counts
        is_full = sum(other_name.startswith(_HEADER) for other_name in counts) >= _MAX_HEADERS
        return _OTHER_HEADERS if is_full and name not in counts else name


def _build_answer(fields: dict[str, object], mode: str, tally: Tally) -> HeadersAnswer:
    return HeadersAnswer(
        **{**fields, "has_no_objects": bool(fields["finished"]) and tally.has_no_objects},  # type: ignore[arg-type]
        work=mode,
        outcomes=_count_outcomes(tally),
        headers=_count_by_header(tally),
        folders={
            folder: {HeadersOutcome[name.upper()]: number for name, (number, *_) in outcomes.items()}
            for folder, outcomes in sorted(tally.folders.items())
        },
        examples=_list_examples(tally.unread),
        tagged=tally.counts.get(_TAGGED, 0),
        tagged_examples=tally.unread.get(_TAGGED, [])[:MAX_EXAMPLES],
    )


def _count_outcomes(tally: Tally) -> dict[HeadersOutcome, int]:
    return {outcome: number for outcome in HeadersOutcome if (number := tally.counts.get(outcome.title, 0))}


def _count_by_header(tally: Tally) -> dict[str, int]:
    counts = sorted(tally.counts.items())
    return {name.removeprefix(_HEADER): number for name, number in counts if number and name.startswith(_HEADER)}


def _list_examples(keys: dict[str, list[str]]) -> dict[HeadersOutcome, Sequence[str]]:
    return {HeadersOutcome[name.upper()]: keys[name][:MAX_EXAMPLES] for name in keys if name != _TAGGED}
