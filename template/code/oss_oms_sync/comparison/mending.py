"""The comparison of headers of equal objects in both buckets, and their change or restoration in OBS.

An application, or a late copy by OMS, may write an object at any moment. A change must not replace headers of other
contents, nor arrive after the close. So these steps protect each object:

1. A HEAD request in both buckets shows the listed versions; OBS's answer also has OBS's time.
2. A record of the intended change stores the headers that the object has in OBS.
3. The closed mark, which was read at most a minute ago, shows that the project is open.
4. OBS accepts the change until five seconds after the time of its HEAD answer, in whole seconds, so for at least four.
5. After the answer to the change (or, without an answer, after these five seconds) a HEAD request to OBS shows the same
   ETag and the new headers. Its time is in a later second than the object's time. Only then a record of these versions
   is written.

An object that an application writes between steps 1 and 4 keeps its bytes, but may get the headers of the source.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from oss_oms_sync.answers.finding import Stopped
from oss_oms_sync.answers.headers_answer import HeadersOutcome
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary, SourceHead
from oss_oms_sync.clouds.obs import HeaderChange, ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.comparison.headers import Change, Obstacle, find_different_headers, plan_change, plan_headers
from oss_oms_sync.delivery.sender import stop_for_refusal
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.closing import ProjectState
from oss_oms_sync.ledger.mended import MendedRecord

# Validity of a change, in seconds of OBS's clock. At least a second less remains, because OBS reports whole seconds.
VALID_SECONDS = 5


class ClosedError(Exception):
    """An error that ends all changes: the project is closed, or its state is unknown."""

    def __init__(self, stopped: Stopped) -> None:
        super().__init__(stopped.why)
        self.stopped = stopped


class HeadersRow(NamedTuple):
    """A key with its objects in both buckets and the record of its headers, as the listings show them."""

    source: ObjectSummary
    obs_object: ObjectSummary
    record: ObjectSummary | None

    @property
    def key(self) -> str:
        return self.source.name

    @property
    def is_recorded(self) -> bool:
        """True if the record states that the listed versions have equal headers."""
        versions = MendedRecord.from_versions(self.source, self.obs_object)
        return self.record is not None and self.record.etag == versions.etag_in_listing


class MendingResult(NamedTuple):
    """The result for an object.

    - `names`: the names of the headers that differed.
    - `has_tags`: True if the object has tags in OSS.
    """

    outcome: HeadersOutcome
    names: Sequence[str] = ()
    has_tags: bool = False


_ResultsByKey = dict[str, MendingResult]


@dataclass(frozen=True)
class _Plan:
    """The planned work on the headers of an object in OBS.

    - `wanted_headers`: the headers that the object is to have in OBS.
    - `head`: the answer to the HEAD request to OBS.
    - `names`: the names of the headers that differ.
    - `change`: the change to the wanted headers, or None if no header differs.
    - `old_headers`: the headers in OBS before the first change.
    - `confirming_head`: the answer to a later HEAD request that shows the wanted headers.
    """

    row: HeadersRow
    wanted_headers: Mapping[str, str]
    head: ObjectHead
    names: Sequence[str] = ()
    change: Change | None = None
    old_headers: Mapping[str, str] | None = None
    confirming_head: ObjectHead | None = None

    @property
    def key(self) -> str:
        return self.row.key

    @property
    def expires(self) -> int:
        """The time until which OBS accepts the change, in seconds since 1970, by OBS's clock."""
        return self.head.at + VALID_SECONDS

    @property
    def record(self) -> MendedRecord:
        head = self.confirming_head or self.head
        return MendedRecord.from_versions(self.row.source, self.row.obs_object)._replace(
            etag=head.etag,
            modified=head.modified,
            old_headers=self.old_headers,
            is_intended=self.confirming_head is None,
        )

    def confirm(self, head: ObjectHead | StorageError, min_time: int = 0) -> _Plan:
        """Return the plan, which `head` confirms if this answer shows the same version with the wanted headers.

        OBS must have sent the answer in a later second than the object's time and `min_time`.
        """
        is_confirmed = (
            isinstance(head, ObjectHead)
            and head.etag == self.row.obs_object.etag
            and head.at > max(head.modified, min_time)
            and not any(find_different_headers(self.wanted_headers, head.metadata))
        )
        return replace(self, confirming_head=head) if is_confirmed and isinstance(head, ObjectHead) else self


class Mender:
    """Comparisons and changes of the headers of objects, a batch at a time.

    The objects of a batch must have different keys; the results are in their order. The methods raise StorageError, and
    ClosedError if nothing may be changed.
    """

    def __init__(self, invocation: Invocation, destination: ObsBucket, *, may_replace: bool) -> None:
        self._source = invocation.source_bucket
        self._log = invocation.log_bucket
        self._task_id = invocation.task_id
        self._clock = invocation.clock
        self._closing = ProjectState(invocation)
        self._destination = destination
        self._may_replace = may_replace
        # Time before the last HEAD requests to OBS, by the monotonic clock.
        self._heads_requested_at = 0.0

    def compare(self, rows: Sequence[HeadersRow]) -> list[MendingResult]:
        """Compare headers, and write records for objects whose headers are equal."""
        return self._compare(rows, may_change=False)

    def mend(self, rows: Sequence[HeadersRow]) -> list[MendingResult]:
        """Give objects in OBS the headers of the source, and write records for both versions."""
        return self._compare(rows, may_change=True)

    def undo(self, rows: Sequence[HeadersRow]) -> list[MendingResult]:
        """Give objects in OBS the headers that they had before the first change, and delete their records."""
        records = self._read_records(rows)
        rows_of_changes = [row for row in rows if (record := records.get(row.key)) and record.old_headers is not None]
        heads = self._query_heads([row.key for row in rows_of_changes])
        results, plans = _ResultsByKey(), list[_Plan]()
        for row, head in zip(rows_of_changes, heads, strict=True):
            record = records[row.key]
            if (
                not isinstance(head, ObjectHead)
                or not _shows_version(head, row.obs_object)
                or not record.matches_object(row.obs_object)
            ):
                results[row.key] = MendingResult(_find_unread_outcome(head, heads))
                continue
            old_headers = record.old_headers or {}
            change = plan_headers(old_headers, head.metadata, may_replace=self._may_replace)
            plans += self._complete_plan(_Plan(row, old_headers, head, old_headers=old_headers), change, results)
        confirmed_plans = self._carry_out_plans(plans, HeadersOutcome.RESTORED, results)
        names = [record_name(self._task_id, "mended", plan.key) for plan in confirmed_plans]
        _raise_first_error(self._log.try_delete_all(names).values())
        return [results.get(row.key, MendingResult(HeadersOutcome.UNTOUCHED)) for row in rows]

    def _compare(self, rows: Sequence[HeadersRow], *, may_change: bool) -> list[MendingResult]:
        keys = [row.key for row in rows]
        sources, heads = self._source.try_head_all(keys), self._query_heads(keys)
        results, plans = _ResultsByKey(), list[_Plan]()
        for row, source, head in zip(rows, sources, heads, strict=True):
            if not isinstance(source, SourceHead) or not _is_listed(source, row.source):
                results[row.key] = MendingResult(_find_unread_outcome(source, sources))
            elif not isinstance(head, ObjectHead) or not _shows_version(head, row.obs_object):
                results[row.key] = MendingResult(_find_unread_outcome(head, heads))
            else:
                change = plan_change(source.metadata, head, may_replace=self._may_replace)
                plans += self._complete_plan(_Plan(row, source.metadata, head), change, results)
        if not may_change:
            results |= {plan.key: MendingResult(HeadersOutcome.DIFFERS, plan.names) for plan in plans if plan.change}
            plans = [plan for plan in plans if not plan.change]
        confirmed_plans = self._carry_out_plans(self._add_old_headers(plans, results), HeadersOutcome.MENDED, results)
        _raise_first_error(
            self._log.try_put_all([plan.record.to_object(self._task_id, plan.key) for plan in confirmed_plans])
        )
        tagged_keys = {
            row.key
            for row, source in zip(rows, sources, strict=True)
            if isinstance(source, SourceHead) and source.has_tags
        }
        return [results[row.key]._replace(has_tags=row.key in tagged_keys) for row in rows]

    def _query_heads(self, keys: Sequence[str]) -> list[ObjectHead | StorageError]:
        self._heads_requested_at = self._clock.monotonic()
        return self._destination.try_head_all(keys)

    def _complete_plan(self, plan: _Plan, change: Change | Obstacle, results: _ResultsByKey) -> Iterable[_Plan]:
        """Return the plan with the change if headers differ, or nothing if an obstacle is the outcome.

        If no header differs, `plan.head` may already confirm the plan.
        """
        names = list(find_different_headers(plan.wanted_headers, plan.head.metadata))
        if not names:
            return [plan.confirm(plan.head)]
        if isinstance(change, Obstacle):
            results[plan.key] = MendingResult(HeadersOutcome[change.name], names)
            return []
        return [replace(plan, names=names, change=change)]

    def _add_old_headers(self, plans: Sequence[_Plan], results: _ResultsByKey) -> list[_Plan]:
        """Return the plans with the headers before the first change, which an earlier record may have stored.

        Plans whose old headers are too large to be stored are left out.
        """
        records, complete_plans = self._read_records([plan.row for plan in plans]), list[_Plan]()
        for plan in plans:
            record = records.get(plan.key)
            earlier_headers = record.old_headers if record and record.matches_object(plan.row.obs_object) else None
            old_headers = plan.head.metadata if earlier_headers is None and plan.change else earlier_headers
            complete_plans.append(replace(plan, old_headers=old_headers))
            if not complete_plans[-1].record.can_be_stored:
                results[plan.key] = MendingResult(HeadersOutcome.TOO_LARGE, plan.names)
                complete_plans.pop()
        return complete_plans

    def _read_records(self, rows: Sequence[HeadersRow]) -> dict[str, MendedRecord]:
        keys = [row.key for row in rows if row.record]
        stored_records = self._log.get_all([record_name(self._task_id, "mended", key) for key in keys])
        parsed_records = (
            (key, MendedRecord.parse(stored_record))
            for key, stored_record in zip(keys, stored_records, strict=True)
            if stored_record
        )
        return {key: record for key, record in parsed_records if record}

    def _carry_out_plans(
        self, plans: Sequence[_Plan], change_outcome: HeadersOutcome, results: _ResultsByKey
    ) -> list[_Plan]:
        unanswered_plans = self._send_changes([plan for plan in plans if plan.change], results)
        remaining_plans = [plan for plan in plans if plan.key not in results]
        if unanswered_plans:
            # A change without an answer may be made until it expires.
            self._clock.sleep(max(0.0, self._heads_requested_at + VALID_SECONDS + 2 - self._clock.monotonic()))
        min_times = {plan.key: plan.expires for plan in unanswered_plans}
        current_plans = self._confirm_plans(remaining_plans, min_times)
        if any(not plan.confirming_head for plan in current_plans):
            # The object's time may be that of this second.
            self._clock.sleep(1.0)
            current_plans = self._confirm_plans(current_plans, min_times)
        for plan in current_plans:
            outcome = change_outcome if plan.change else HeadersOutcome.EQUAL
            results[plan.key] = MendingResult(
                outcome if plan.confirming_head else HeadersOutcome.UNCONFIRMED, plan.names
            )
        return [plan for plan in current_plans if plan.confirming_head]

    def _send_changes(self, plans: Sequence[_Plan], results: _ResultsByKey) -> list[_Plan]:
        """Make the changes and put refusals into `results`; return the plans whose changes OBS did not answer."""
        if not plans:
            return []
        _raise_first_error(self._log.try_put_all([plan.record.to_object(self._task_id, plan.key) for plan in plans]))
        if failure := self._closing.refusal():
            raise ClosedError(stop_for_refusal(failure))
        changes = [
            HeaderChange(plan.key, plan.change.headers, plan.expires, plan.change.replaces, plan.head.version)
            for plan in plans
            if plan.change
        ]
        answers = self._destination.try_change_all(changes)
        # OBS also denies a change that has expired.
        was_late = self._clock.monotonic() - self._heads_requested_at >= VALID_SECONDS - 1
        problems = [answer for answer in answers if isinstance(answer, StorageError)]
        denials = [problem for problem in problems if problem.code in PERMISSION_CODES]
        if len(denials) == len(plans) and not was_late:
            raise denials[0]
        for plan, answer in zip(plans, answers, strict=True):
            if isinstance(answer, StorageError) and answer.is_refusal and not (answer in denials and was_late):
                results[plan.key] = MendingResult(HeadersOutcome.REFUSED, plan.names)
        return [
            plan
            for plan, answer in zip(plans, answers, strict=True)
            if isinstance(answer, StorageError) and not answer.had_no_effect
        ]

    def _confirm_plans(self, plans: Sequence[_Plan], min_times: Mapping[str, int]) -> list[_Plan]:
        """Query the headers again, and return the plans; those whose wanted headers OBS has are confirmed.

        An answer counts only if it is later than the plan's time in `min_times`, by OBS's clock.
        """
        unconfirmed_keys = [plan.key for plan in plans if not plan.confirming_head]
        heads = dict(zip(unconfirmed_keys, self._destination.try_head_all(unconfirmed_keys), strict=True))
        return [
            plan.confirm(heads[plan.key], min_times.get(plan.key, 0)) if plan.key in heads else plan for plan in plans
        ]


def _is_listed(head: SourceHead | ObjectHead, row: ObjectSummary) -> bool:
    return (head.etag, head.modified) == (row.etag, row.modified)


def _shows_version(head: ObjectHead, row: ObjectSummary) -> bool:
    return _is_listed(head, row) and head.at > 0


def _find_unread_outcome(answer: object, answers: Sequence[object]) -> HeadersOutcome:
    """Return the outcome of an object whose HEAD request failed, or shows another version than the listing.

    Raises StorageError, also if a permission is missing for all objects.
    """
    if not isinstance(answer, StorageError) or answer.code == "NoSuchKey":
        return HeadersOutcome.CHANGED
    is_for_all_objects = answer.code in PERMISSION_CODES and all(isinstance(other, StorageError) for other in answers)
    if not answer.is_refusal or is_for_all_objects:
        raise answer
    return HeadersOutcome.UNREADABLE


def _raise_first_error(problems: Iterable[StorageError | None]) -> None:
    for problem in problems:
        if problem:
            raise problem
