"""The passes of headers: they compare the headers of objects in OBS with the source's, and change or restore them.

Compare's function runs these passes. A trigger for their own prefix in the log bucket calls it for each piece, and a
manual call selects the work. After the close, a standstill pass checks headers as well.
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
    HeadersOutcome,
    HeadersWork,
)
from oss_oms_sync.answers.layout import is_long, record_name
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import first_folder
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.comparison.judge import CUTOVER_SECONDS, SETTLED_SECONDS, Judge, JudgementTimes
from oss_oms_sync.comparison.mending import ClosedError, HeadersRow, Mended, Mender
from oss_oms_sync.errors import PayloadError, StorageError, log
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.digests import reported_folder
from oss_oms_sync.passes.driver import Driver
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.pieces import Kind, Pass, Piece, Scope
from oss_oms_sync.passes.range_walk import Count
from oss_oms_sync.passes.states import answer_of, find_newest_pass
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import INSIDE, Tally
from oss_oms_sync.passes.work import RangeResult
from oss_oms_sync.rules.headers_in_place import MOVES_TIME_TEXT, HeaderChangeEffect, parse_effect

_JOB = "headers"
# Number of objects whose headers are read at the same time, because OBS accepts a change for only a few seconds after
# its HEAD.
BATCH = 100
# Seconds that are left at the end of an invocation for a batch and the piece itself.
_RESERVED_SECONDS = 60.0
# Counts by header have names with this prefix. Beyond the maximum number of headers, further headers count together.
_HEADER, _OTHER_HEADERS, _MAX_HEADERS = "header ", "header *", 50
# The name of the number of objects with tags, and of their first keys.
_TAGGED = "tagged"


@dataclass(frozen=True)
class HeadersOptions:
    """The options of a payload.

    `headers`: the work, a value of HeadersWork. `cutover`: the source is frozen, and the project is not closed yet.
    """

    headers: str = ""
    prefix: str = ""
    cutover: bool = False
    restart: bool = False
    look: bool = False

    def __post_init__(self) -> None:
        names = [work.value for work in HeadersWork]
        if self.headers not in names:
            raise PayloadError(f"The payload's headers is {self.headers!r}. It takes {', '.join(names)}")


def run(event: bytes | str, invocation: Invocation, destination: Callable[[], ObsBucket]) -> dict[str, object] | None:
    """Work on a pass of headers if `event` requests it, and return a HeadersAnswer as JSON; otherwise return None.

    - An event of the log bucket names a piece. The call continues the piece's range, and returns the fields to log.
    - A manual call has HeadersOptions. It continues the open pass of its scope, or starts a pass, and waits for its
      end. With `look` it only reports.

    Raises PayloadError and StorageError. Completed work is kept.
    """
    wakes = PassStore(invocation, _JOB).receive(event)
    if wakes:
        answer = _Headers(invocation, destination()).driver.handle_event(wakes)
    elif wakes is None and isinstance(payload := jsontext.load(event), dict) and _JOB in payload:
        answer = to_json(_Headers(invocation, destination()).handle_options(options.parse(event, HeadersOptions)))
    else:
        return None
    log.info({name: value for name, value in answer.items() if name not in ("folders", "examples")})
    return answer


def add_headers_check(scope: Scope, invocation: Invocation, destination: ObsBucket) -> Scope:
    """Return the scope of a standstill pass, with a check of headers if an earlier pass compared or changed headers.

    In an open project the scope stays unchanged, because later copies may lose headers.

    Raises StorageError.
    """
    if ProjectState(invocation).read_state() is None:
        return scope
    last_pass = find_newest_pass(
        PassStore(invocation, _JOB, destination.name).read_states(), replace(scope, standstill=False)
    )
    is_kept = last_pass is not None and HeadersWork(last_pass.scope.headers).applies_to_cutovers
    return replace(scope, headers=HeadersWork.LOOK.value) if is_kept else scope


def check_range(
    invocation: Invocation, destination: ObsBucket, pass_: Pass, start: Piece, seconds: float
) -> RangeResult:
    """Process a range of a standstill pass that checks headers."""
    return _Headers(invocation, destination).process_range(pass_, start, 1, seconds)


def checked_headers(tally: Tally) -> CheckedHeaders:
    """Return the results of a standstill pass that has checked headers."""
    return CheckedHeaders(_outcomes(tally), _by_header(tally), _examples(tally.unread))


class _Headers:
    """The work of one invocation on passes of headers."""

    def __init__(self, invocation: Invocation, destination: ObsBucket) -> None:
        self._invocation = invocation
        self._destination = destination
        canary = JobState(invocation).read_canary_result()
        self._effect = parse_effect(canary.report if canary else {})
        self._store = PassStore(invocation, _JOB, destination.name)
        self.driver = Driver(invocation, self._store, self.process_range)

    def handle_options(self, payload: HeadersOptions) -> HeadersAnswer:
        """Do the work of a manual call, and return its answer."""
        scope = replace(
            Scope.from_options(vars(payload), self._invocation.settings.key_filter), headers=payload.headers
        )
        previous = None
        if payload.look:
            state, stopped = self.driver.find_newest(scope), None
            previous = self.driver.find_previous(state)
        elif refusal := self._refusal(scope):
            state, stopped = None, Stopped(Stop.HEADERS, refusal.en)
        else:
            state, stopped = self.driver.handle_request(scope, restart=payload.restart)
        answer = answer_of(_JOB, state, stopped, self._invocation.clock.now(), previous)
        if stopped and stopped.stop is Stop.HEADERS:
            step = Step("cutover") if isinstance(self._effect, HeaderChangeEffect) else Step("canary")
            answer = replace(answer, step=step)
        return _answer(
            vars(answer), state.scope.headers if state else payload.headers, state.tally if state else Tally()
        )

    def _refusal(self, scope: Scope) -> Text | None:
        """Return the reason why a pass may not do its work, or None. Headers may always be compared."""
        if scope.headers == HeadersWork.LOOK.value:
            return None
        if not isinstance(self._effect, HeaderChangeEffect):
            return self._effect
        return MOVES_TIME_TEXT if self._effect.moves_time and not scope.cutover else None

    def process_range(self, pass_: Pass, start: Piece, _open_ranges: int, seconds: float) -> RangeResult:
        """Process the keys of a range after the piece `start`."""
        if refusal := self._refusal(pass_.scope):
            return RangeResult(replace(start, kind=Kind.RESTING, stopped=Stopped(Stop.HEADERS, refusal.en)))
        return _RangeWork(self._invocation, self._destination, self._mender(), pass_, start, seconds).run()

    def _mender(self) -> Mender:
        may_replace = isinstance(self._effect, HeaderChangeEffect) and self._effect.may_replace
        return Mender(self._invocation, self._destination, may_replace=may_replace)


class _RangeWork:
    """The work of one invocation on a range of keys, in batches."""

    def __init__(
        self,
        invocation: Invocation,
        destination: ObsBucket,
        mender: Mender,
        pass_: Pass,
        start: Piece,
        seconds: float,
    ) -> None:
        self._invocation = invocation
        self._start = start
        self._work = {
            HeadersWork.LOOK.value: mender.compare,
            HeadersWork.MEND.value: mender.mend,
            HeadersWork.UNDO.value: mender.undo,
        }[pass_.scope.headers]
        self._is_undo = pass_.scope.headers == HeadersWork.UNDO.value
        self._is_standstill = pass_.scope.standstill
        now = invocation.clock.now().timestamp()
        settling = CUTOVER_SECONDS if pass_.scope.cutover or self._is_standstill else SETTLED_SECONDS
        self._judge = Judge(invocation.settings.key_filter, JudgementTimes(now, min_age_seconds=settling))
        self._listing = MergedListing(
            invocation,
            lambda _: False,  # no other record decides if contents are equal
            pass_.scope.key_filter.prefix,
            start.after,
            kinds=("proven",),
            destination=destination,
        )
        self._count = HeadersCount(invocation.settings.key_filter, start.tally)
        left = invocation.deadline.remaining()
        self._end = invocation.clock.monotonic() + min(seconds, left - min(_RESERVED_SECONDS, left / 2))
        # State of the range before the open batch.
        self._state_before_batch = start
        self._batch: list[HeadersRow] = []
        # Keys of the batch whose contents are not proven equal.
        self._unproven: set[str] = set()

    def run(self) -> RangeResult:
        """Process the keys until the range ends, the time is up, or a cloud refuses."""
        try:
            stopped = self._process_batches()
        except ClosedError as error:
            return RangeResult(replace(self._state_before_batch, kind=Kind.RESTING, stopped=error.stopped))
        except StorageError as error:
            stopped = Stopped(Stop.STORAGE, str(error))
            return RangeResult(replace(self._state_before_batch, kind=Kind.RESTING, stopped=stopped), error)
        return RangeResult(self._state_before_batch if stopped else replace(self._state_before_batch, kind=Kind.DONE))

    def _process_batches(self) -> Stopped | None:
        """Process the keys in batches; return the reason for an early end, or None."""
        after, until = self._start.after, self._start.until
        for entry, record in self._rows():
            if until and entry.key > until:
                break
            if len(self._batch) >= BATCH:
                self._process_batch(after)
            if self._invocation.clock.monotonic() > self._end:
                self._process_batch(after)
                return TIME_IS_UP
            self._add(entry, record)
            after = entry.key
        self._process_batch(after)
        return None

    def _rows(self) -> Iterator[tuple[Entry, ObjectSummary | None]]:
        with self._listing.feed("mended") as records:
            for entry in self._listing:
                while records.key < entry.key:
                    records.advance()
                yield entry, records.row() if records.key == entry.key else None

    def _add(self, entry: Entry, record: ObjectSummary | None) -> None:
        """Add an object to the batch, unless its record or its class decides the outcome."""
        source, destination = entry.source, entry.destination
        if source:
            self._count.add(entry, _refuse)
        if source is None or not self._invocation.settings.key_filter.is_reported(entry.key):
            return
        if destination is None:
            # A standstill pass checks the objects on both sides.
            if not self._is_standstill:
                self._count.add_outcome(entry.key, Mended(HeadersOutcome.OTHER_CLASS))
            return
        row = HeadersRow(source, destination, record or self._find_record_of_long_key(entry.key))
        outcome = self._find_standstill_outcome(entry, row) if self._is_standstill else self._find_outcome(entry, row)
        if outcome:
            self._count.add_outcome(entry.key, Mended(outcome))
        else:
            self._batch.append(row)

    def _find_outcome(self, entry: Entry, row: HeadersRow) -> HeadersOutcome | None:
        """Return the outcome of an object by its class or its record, or None if its headers have to be read."""
        if not self._is_equal(entry):
            return HeadersOutcome.OTHER_CLASS
        if self._is_undo:
            return None if row.record else HeadersOutcome.UNTOUCHED
        return HeadersOutcome.RECORDED if row.is_recorded else None

    def _find_standstill_outcome(self, entry: Entry, row: HeadersRow) -> HeadersOutcome | None:
        """Return the outcome of an object in a standstill pass, or None if its headers have to be read.

        The class does not matter there, but the number of reads is limited.
        """
        if row.is_recorded:
            return HeadersOutcome.RECORDED
        if self._count.unrecorded + len(self._batch) >= MAX_READ_OBJECTS:
            return HeadersOutcome.UNREAD
        if not self._is_equal(entry):
            self._unproven.add(entry.key)
        return None

    def _is_equal(self, entry: Entry) -> bool:
        return self._judge.judge(entry).object_class is ObjectClass.EQUAL_CONTENTS

    def _find_record_of_long_key(self, key: str) -> ObjectSummary | None:
        """Return the record of a key that is too long to be listed by its name."""
        if not is_long(self._invocation.task_id, "mended", key):
            return None
        (record,) = self._invocation.log_bucket.find_all([record_name(self._invocation.task_id, "mended", key)])
        return record

    def _process_batch(self, after: str) -> None:
        """Process the batch, and save the state after it."""
        for row, mended in zip(self._batch, self._compare_or_change() if self._batch else [], strict=True):
            is_unproven = mended.outcome is HeadersOutcome.DIFFERS and row.key in self._unproven
            self._count.add_outcome(
                row.key, mended._replace(outcome=HeadersOutcome.OTHER_CLASS) if is_unproven else mended
            )
        self._batch, self._unproven = [], set()
        self._state_before_batch = replace(self._start, after=after, tally=self._count.tally())

    def _compare_or_change(self) -> Sequence[Mended]:
        """Do the work of the pass for the batch, and return the outcomes.

        Raises StorageError. In a standstill pass, a missing permission to read headers is an outcome instead.
        """
        try:
            return self._work(self._batch)
        except StorageError as error:
            if not self._is_standstill or error.code not in PERMISSION_CODES:
                raise
            # The standstill pass goes on, because the digests of both buckets do not need this permission.
            return [Mended(HeadersOutcome.UNREADABLE)] * len(self._batch)


def _refuse(_: object) -> bool:
    return False


class HeadersCount(Count):
    """The counts of a pass of headers: outcomes, also by header and by folder, and the first keys of each outcome."""

    @property
    def unrecorded(self) -> int:
        """The number of counted objects that have no record of their versions."""
        return self._tally.counts[INSIDE] - self._tally.counts[HeadersOutcome.RECORDED.title]

    def add_outcome(self, key: str, mended: Mended) -> None:
        """Count the outcome of an object."""
        counts, folders, name = self._tally.counts, self._tally.folders, mended.outcome.title
        counts[INSIDE] += 1
        counts[name] += 1
        for header in mended.names:
            counts[self._counted_name(header)] += 1
        if mended.has_tags:
            counts[_TAGGED] += 1
            self._note_example(_TAGGED, key)
        folder = folders.setdefault(reported_folder(first_folder(key), folders), {})
        folder.setdefault(name, [0, 0, 0, 0])[0] += 1
        if not mended.outcome.is_settled:
            self._note_example(name, key)

    def _note_example(self, name: str, key: str) -> None:
        examples = self._tally.unread.setdefault(name, [])
        examples += [key] * (len(examples) < MAX_EXAMPLES)

    def _counted_name(self, header: str) -> str:
        name, counts = f"{_HEADER}{header}", self._tally.counts
        is_full = sum(other.startswith(_HEADER) for other in counts) >= _MAX_HEADERS
        return _OTHER_HEADERS if is_full and name not in counts else name


def _answer(fields: dict[str, object], work: str, tally: Tally) -> HeadersAnswer:
    return HeadersAnswer(
        **{**fields, "has_no_objects": bool(fields["finished"]) and tally.has_no_objects},  # type: ignore[arg-type]
        work=work,
        outcomes=_outcomes(tally),
        headers=_by_header(tally),
        folders={
            folder: {HeadersOutcome[name.upper()]: number for name, (number, *_) in outcomes.items()}
            for folder, outcomes in sorted(tally.folders.items())
        },
        examples=_examples(tally.unread),
        tagged=tally.counts.get(_TAGGED, 0),
        tagged_examples=tally.unread.get(_TAGGED, [])[:MAX_EXAMPLES],
    )


def _outcomes(tally: Tally) -> dict[HeadersOutcome, int]:
    return {outcome: number for outcome in HeadersOutcome if (number := tally.counts.get(outcome.title, 0))}


def _by_header(tally: Tally) -> dict[str, int]:
    counts = sorted(tally.counts.items())
    return {name.removeprefix(_HEADER): number for name, number in counts if number and name.startswith(_HEADER)}


def _examples(keys: dict[str, list[str]]) -> dict[HeadersOutcome, Sequence[str]]:
    return {HeadersOutcome[name.upper()]: keys[name][:MAX_EXAMPLES] for name in keys if name != _TAGGED}
