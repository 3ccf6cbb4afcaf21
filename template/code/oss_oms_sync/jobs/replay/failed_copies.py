"""Failed copies: replay reads OMS's lists of objects that were not copied, and writes failed records for their keys.

The lists are those of the sync task, and those of the task group that copied the existing objects, if the group has
ended with few failures. The position in a list moves past a line after the line's object has reached one of these
states:

- resolved: the source has no object to submit;
- with OMS: OMS accepted this version again after the failure;
- failed: the key has a failed record. This module writes the record, but keeps an existing record of a change to a
  closed project, which status needs.

After a failed read or write, the next run reads the line again, which is harmless. Unreadable lines are counted and
reported; compare checks their objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped, make_stop_fields
from oss_oms_sync.answers.layout import OMS_LISTS, record_name
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import Deadline, from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary, StoredObject, require_success
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectPart, ObsError
from oss_oms_sync.clouds.oms_lists import MAX_LINE_BYTES, CopyFailure, lists_folder, read_lines
from oss_oms_sync.errors import Failure, Reason, StorageError, log, printable_line
from oss_oms_sync.jobs.replay.resting import compute_pause_seconds, find_reason_not_to_send, make_version
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.list_positions import LIST_DELAY, LineCount, ListPosition, ListPositions
from oss_oms_sync.ledger.records import FailedKey, count_copy_attempts, failed_record, parse_failed_record, write_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.entries import is_covered, listed_record

_STATE_NAME = "failed_copies"
# Share of a run's time for reading lists. The remaining time is for submissions, however many lists exist.
_READING_SHARE = 1 / 4
# Number of bytes to read at a time. A smaller part than a line and the bytes before it would never be read to its end.
_PART_BYTES = 16 * MAX_LINE_BYTES
# Number of objects checked and recorded in parallel.
_RECORD_GROUP = 100
# OBS refuses to read a list if a permission is missing, for this list or for all lists, or because of the list's
# storage class. To distinguish the first two cases, up to three other lists are tried.
_ARCHIVED_CODE, _MAX_PROBED_LISTS = "InvalidObjectState", 3
# Time until a refused list is tried again. A permission takes effect within half an hour, and some requests are refused
# until then.
_REFUSED_SECONDS = 60 * 60
# Maximum difference between the time of a line and that of its list, because lists appear within minutes. A time
# outside this range is unreliable.
_MAX_LIST_DELAY_SECONDS = 60 * 60
# Maximum time from a copy failure to the success record of its acceptance: the record is written later, and the clouds'
# clocks differ.
_MAX_RECORD_DELAY_SECONDS = 2 * 60


class _TimeIsUpError(Exception):
    """The error that ends the reading of lists, because the run needs its remaining time for submissions."""


class FailedCopies:
    """The reader of OMS's lists of failed objects in a run of replay."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._state = JobState(invocation)
        self._deadline = Deadline(invocation.deadline.remaining() * _READING_SHARE, invocation.clock)
        self._records = CopyRecords(invocation)
        self._positions = ListPositions()
        self._list_count = self._unread_lines = 0

    def write_records(self) -> dict[str, object]:
        """Read OMS's lists from the stored positions on, and write failed records; return the counts for the answer.

        An error of reading the lists becomes the field `stopped` of the answer, because the run can resend failed
        records anyway. Raises StorageError if the stored positions cannot be read.
        """
        positions = self._positions = self._state.load_as(ListPositions, _STATE_NAME) or ListPositions()
        stored_positions = to_json(positions)
        stop_reason, problem = None, ""
        try:
            self._read_lists()
        except _TimeIsUpError:
            stop_reason, problem = TIME_IS_UP, positions.problem
        except StorageError as error:
            problem = str(error)
            stop_reason = Stopped(Stop.STORAGE, problem)
        if problem != positions.problem:
            # The problem is logged once and not in each run, because it may be intended.
            log.info({"failed_copies": problem or "OMS's lists can be read"})
            positions.problem = problem
        new_positions = to_json(positions.without_old_lists())
        if new_positions != stored_positions:
            # After a failure, the next run reads these lines again.
            self._state.try_store(_STATE_NAME, new_positions)
        return {
            "lists": self._list_count,
            **{
                name: self._records.line_counts[name]
                for name in ("recorded", "gone", "symlinks", "accepted_again", "outside")
            },
            "unread": self._unread_lines,
            "unread_in_all": positions.unread,
            "unread_example": positions.example or None,
            **make_stop_fields(stop_reason),
        }

    def _read_lists(self) -> None:
        """Read the new and changed lists in all folders.

        Raises StorageError, and _TimeIsUpError.
        """
        if not self._invocation.settings.source_bucket:
            raise StorageError(
                "SOURCE_BUCKET is empty, so objects that OMS failed to copy cannot be checked. Set SOURCE_BUCKET"
            )
        positions, bucket = self._positions, self._invocation.destination()
        # The last complete round through all folders covered every older list without a stored position. Before the
        # first round, older lists are from before the installation. The time of the installation is recorded here,
        # because a project's timer may never start a pass.
        last_round_start = parse_time(positions.looked) or self._state.read_installation_time(store_missing=True)
        min_list_time = (last_round_start - LIST_DELAY).timestamp()
        if not positions.start_round(self._invocation.clock.now()):
            return
        for folder in self._list_folders():
            has_more = folder > positions.after or positions.after.startswith(folder)
            while has_more:
                self._check_time()
                page = bucket.list_page(folder, positions.after if positions.after.startswith(folder) else "")
                for listed_object in page.objects:
                    position = positions.lists.get(listed_object.name)
                    # A task group's list may be older than the end of the group, but is read only after the end.
                    is_old = listed_object.modified < min_list_time and not positions.is_of_group(listed_object.name)
                    if not (position.ended and position.etag == listed_object.etag if position else is_old):
                        self._read_unless_refused(bucket, listed_object, page.objects)
                    positions.after = listed_object.name
                positions.pages += 1
                has_more = page.has_more
        positions.looked, positions.after = positions.began, ""

    def _list_folders(self) -> list[str]:
        positions, folders = self._positions, [lists_folder(self._invocation.task_id)]
        group = migration.query_task_group(self._invocation, migration.read_current_migration(self._invocation))
        if isinstance(group, TaskGroup) and group.can_be_resent and group.lists.startswith(OMS_LISTS):
            positions.follow_group(group)
            folders.append(group.lists)
        return sorted(folders)

    def _read_unless_refused(self, bucket: ObsBucket, list_row: ObjectSummary, page: Sequence[ObjectSummary]) -> None:
        """Read a list of failed copies; raise no error if OBS refuses only this list, so that the other lists are read.

        OBS refuses only this list if the list is archived, or if another list of the same page can be read. The refused
        list counts as an unread line, and is tried again every hour.
        """
        position, now = (
            self._positions.lists.get(list_row.name, ListPosition()),
            self._invocation.clock.now().timestamp(),
        )
        if now < position.refused_until:
            return
        try:
            self._read_list(bucket, list_row)
        except ObsError as error:
            other_lists = (other_list for other_list in page if other_list.name != list_row.name)
            are_readable = (_can_read(bucket, other_list) for other_list in islice(other_lists, _MAX_PROBED_LISTS))
            is_single_refusal = error.code in PERMISSION_CODES and (position.refused_until > 0 or any(are_readable))
            if not is_single_refusal and error.code != _ARCHIVED_CODE:
                raise
            position = self._positions.lists.get(list_row.name, ListPosition())
            if not position.refused_until:
                self._count_unread_lines(list_row.name, 1, str(error))
            refused_until = round(now) + _REFUSED_SECONDS
            self._positions.move(
                list_row.name, position._replace(modified=list_row.modified, ended=False, refused_until=refused_until)
            )

    def _read_list(self, bucket: ObsBucket, list_row: ObjectSummary) -> None:
        """Read a list of failed copies to its end, from the stored position on.

        If the text before this position has changed, the list is read from its beginning.
        """
        self._list_count += 1
        position = self._positions.lists.get(list_row.name, ListPosition())._replace(ended=False)
        while not position.ended:
            self._check_time()
            position = position if position.offset <= list_row.size else ListPosition()
            part = bucket.read(list_row.name, position.read_start, _PART_BYTES)
            if part is None:
                return
            head = part.head
            list_row = list_row._replace(size=head.size)
            if not position.can_resume(part.body[: position.offset - position.read_start]):
                position = ListPosition()
                continue
            position = self._read_part(list_row.name, position._replace(etag=head.etag, modified=head.modified), part)

    def _read_part(self, name: str, position: ListPosition, part: ObjectPart) -> ListPosition:
        body, start, is_of_group = part.body, position.offset - part.start, self._positions.is_of_group(name)
        is_last_part = part.start + len(body) == part.head.size
        while True:
            lines = read_lines(
                body, start, has_list_start=part.start == 0, has_list_end=is_last_part, max_failures=_RECORD_GROUP
            )
            outside_count = self._records.write(lines.failures, position.modified, is_of_group=is_of_group)
            if lines.unread_count:
                self._count_unread_lines(name, lines.unread_count, lines.example)
            is_at_end = is_last_part and (lines.has_open_line or lines.end == len(body))
            is_stuck, start = lines.end == start, lines.end
            line_count = LineCount(len(lines.failures), outside_count)
            position = position.advance(body[:start], part.start + start, line_count, ended=is_at_end)
            self._positions.move(name, position)
            if is_at_end or is_stuck:
                return position
            self._check_time()

    def _count_unread_lines(self, name: str, number: int, example: str) -> None:
        self._unread_lines += number
        self._positions.unread += number
        self._positions.example = printable_line(example, self._invocation.settings.secrets)
        log.warning({"list": name, "lines_unread": number, "example": self._positions.example})

    def _check_time(self) -> None:
        if self._deadline.expired():
            raise _TimeIsUpError


def _can_read(bucket: ObsBucket, list_row: ObjectSummary) -> bool:
    try:
        return bucket.read(list_row.name, 0, 1) is not None
    except ObsError:
        return False


class CopyRecords:
    """The writer of failed records for objects that OMS failed to copy.

    It checks the source and the existing records of an object first.

    `line_counts` has the number of lines in OMS's lists by outcome, as in the answer of replay.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.line_counts: Counter[str] = Counter()

    def write(self, failures: Sequence[CopyFailure], list_time: int, *, is_of_group: bool) -> int:
        """Write failed records for the failures in a list; return the number of failures outside the project's filter.

        - `list_time`: the time of the list, in seconds since 1970.
        - `is_of_group`: True for a list of a task group, and False for a list of the sync task.

        Raises StorageError if a record may be missing, or an object cannot be checked.
        """
        key_filter = self._invocation.settings.key_filter
        failures_in_filter = [failure for failure in failures if key_filter.matches(failure.key)]
        failures_by_key = {copy_failure.key: copy_failure for copy_failure in failures_in_filter}
        outside_count = len(failures) - len(failures_in_filter)
        self.line_counts["outside"] += outside_count
        objects_to_resend = []
        for copy_failure, source in zip(
            failures_by_key.values(), self._invocation.source_bucket.find_all(list(failures_by_key)), strict=True
        ):
            outcome = find_reason_not_to_send(source)
            if source is None or outcome:
                self.line_counts[outcome] += 1
            else:
                objects_to_resend.append((copy_failure, source))
        self._write_records(objects_to_resend, list_time, is_of_group=is_of_group)
        return outside_count

    def _write_records(
        self, failures_with_sources: Sequence[tuple[CopyFailure, ObjectSummary]], list_time: int, *, is_of_group: bool
    ) -> None:
        task_id, bucket = self._invocation.task_id, self._invocation.log_bucket
        success_records = bucket.get_all(
            [record_name(task_id, "success", copy_failure.key) for copy_failure, _ in failures_with_sources]
        )
        failed_records = bucket.get_all(
            [record_name(task_id, "failed", copy_failure.key) for copy_failure, _ in failures_with_sources]
        )
        new_records = []
        for (copy_failure, source), success_record, stored_record in zip(
            failures_with_sources, success_records, failed_records, strict=True
        ):
            # A success record of another version shows neither the acceptance nor the attempts of this version.
            if success_record and not is_covered(source, listed_record(success_record, copy_failure.key)):
                success_record = None
            failure_time = _find_failure_time(copy_failure, list_time)
            if success_record and write_time(success_record) > failure_time + _MAX_RECORD_DELAY_SECONDS:
                self.line_counts["accepted_again"] += 1
            else:
                self.line_counts["recorded"] += 1
                # A group's failure is not an attempt of the sync task.
                attempts = (count_copy_attempts(success_record) if success_record else 0) + (not is_of_group)
                existing_key = parse_failed_record(task_id, stored_record) if stored_record else None
                if not existing_key or not existing_key.was_refused_as_closed:
                    new_records.append(
                        self._build_failed_record(copy_failure, source, success_record, existing_key, attempts)
                    )
        require_success(bucket.try_put_all(new_records))

    def _build_failed_record(
        self,
        copy_failure: CopyFailure,
        source: ObjectSummary,
        success_record: StoredObject | None,
        existing_key: FailedKey | None,
        attempt: int,
    ) -> StoredObject:
        """Return the failed record of a failed copy.

        `existing_key` has the data of the key's existing failed record. `attempt` is the number of the sync task's next
        attempt after a failed copy, from 1.
        """
        invocation = self._invocation
        first_failure = existing_key.first_failure if existing_key else ""
        key = FailedKey(make_version(source), first_failure=first_failure, copy_attempts=attempt)
        message = printable_line(copy_failure.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=printable_line(copy_failure.code) or None, message=message)
        pause = compute_pause_seconds(attempt)
        not_before = timestamp(from_epoch(write_time(success_record) + pause)) if success_record and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _find_failure_time(copy_failure: CopyFailure, list_time: int) -> float:
    """Return the time of a copy failure in seconds since 1970; if it is unreliable, return the later time of its list.

    With too early a time, the last acceptance would seem to follow the failure, and the failure would be ignored.
    """
    failure_time = copy_failure.at.timestamp() if copy_failure.at else list_time
    return failure_time if list_time - _MAX_LIST_DELAY_SECONDS <= failure_time <= list_time else list_time
