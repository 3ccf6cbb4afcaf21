"""Failed copies: replay reads OMS's lists of objects that it failed to copy, and writes failed records for them.

The timer's runs read new lists of the sync task. They also read the lists of the task group that copied the existing
objects, if the group has ended with few failures.

The position in a list moves past a line after its object has reached one of these states:
- resolved: the source has no object to submit;
- with OMS: OMS accepted this version again after the failure;
- failed: the key has a failed record for replay. It is written here, and may replace an existing record. The record of
  a change to a closed project is kept, because status needs it.

After a failed read or write, the position stays before the line, and the next run reads the line again. This is
harmless, because the next run also checks the object again. Unreadable lines are counted and reported; compare covers
their objects.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import TIME_IS_UP, Stop, Stopped, stop_json
from oss_oms_sync.answers.layout import OMS_LISTS, record_name
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import Deadline, from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary, StoredObject, require_success
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectPart, ObsError
from oss_oms_sync.clouds.oms_lists import CopyFailure, lists_folder, read_lines
from oss_oms_sync.errors import Failure, Reason, StorageError, log, printable_line
from oss_oms_sync.jobs.replay.resting import pause_seconds, reason_not_to_send, version_of
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.list_positions import LIST_DELAY, LineCount, ListPosition, ListPositions
from oss_oms_sync.ledger.records import FailedKey, count_copy_attempts, failed_record, parse_failed_record, write_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.entries import is_covered, listed_record

_STATE_NAME = "failed_copies"
# Share of a run's time for reading lists. The remainder is for submissions, however many lists there are.
_READING_SHARE = 1 / 4
# Number of bytes to read at a time, which is more than a line has.
_PART_BYTES = 256 * 1024
# Number of objects checked and recorded in parallel.
_RECORD_GROUP = 100
# OBS refuses to read a list if a permission is missing, for this list or for all lists, or because of the list's
# storage class. To distinguish the first two cases, up to three other lists are tried.
_ARCHIVED, _MAX_PROBED_LISTS = "InvalidObjectState", 3
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
    """The end of the time for reading lists: the run needs the remaining time for submissions."""


class FailedCopies:
    """A reader of OMS's lists of failed objects, for one run."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._state = JobState(invocation)
        self._until = Deadline(invocation.deadline.remaining() * _READING_SHARE, invocation.clock)
        self._records = CopyRecords(invocation)
        self._positions = ListPositions()
        self._lists = self._unread = 0

    def record(self) -> dict[str, object]:
        """Continue to read lists and to write failed records; return counts for the answer.

        There are counts of lists, of lines by the outcome of their objects, of lines outside the project's filter, and
        of unreadable lines, in this run and in all runs. The reason for an early end is returned as `stopped` and not
        raised, because the run can resend failed records anyway.

        Raises StorageError if the position in the lists cannot be read from the log bucket.
        """
        positions = self._positions = self._state.load_as(ListPositions, _STATE_NAME) or ListPositions()
        before = to_json(positions)
        stopped, problem = None, ""
        try:
            self._read_lists()
        except _TimeIsUpError:
            stopped, problem = TIME_IS_UP, positions.problem
        except StorageError as error:
            problem = str(error)
            stopped = Stopped(Stop.STORAGE, problem)
        if problem != positions.problem:
            # Logged once instead of in each run, because it may be intended.
            log.info({"failed_copies": problem or "OMS's lists can be read"})
            positions.problem = problem
        after = to_json(positions.without_old_lists())
        if after != before:
            # After a failure, the next run reads these lines again.
            self._state.try_store(_STATE_NAME, after)
        return {
            "lists": self._lists,
            **{
                name: self._records.lines[name]
                for name in ("recorded", "gone", "symlinks", "accepted_again", "outside")
            },
            "unread": self._unread,
            "unread_in_all": positions.unread,
            "unread_example": positions.example or None,
            **stop_json(stopped),
        }

    def _read_lists(self) -> None:
        """Read the new and changed lists in all folders.

        Raises StorageError, and _TimeIsUpError. The positions then include the completed work.
        """
        if not self._invocation.settings.source_bucket:
            raise StorageError(
                "SOURCE_BUCKET is empty, so objects that OMS failed to copy cannot be checked. Set SOURCE_BUCKET"
            )
        positions, bucket = self._positions, self._invocation.destination()
        # The last complete round covered all older lists without a stored position. Before the first round, older lists
        # are from before the installation. Its time is recorded here, because a project's timer may never start a pass.
        last_round = parse_time(positions.looked) or self._state.read_installation_time(store_missing=True)
        read_before = (last_round - LIST_DELAY).timestamp()
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
                    is_old = listed_object.modified < read_before and not positions.is_of_group(listed_object.name)
                    if not (position.ended and position.etag == listed_object.etag if position else is_old):
                        self._read_unless_refused(bucket, listed_object, page.objects)
                    positions.after = listed_object.name
                positions.pages += 1
                has_more = page.more
        positions.looked, positions.after = positions.began, ""

    def _list_folders(self) -> list[str]:
        """Return the prefixes of the lists' names, sorted."""
        positions, folders = self._positions, [lists_folder(self._invocation.task_id)]
        group = migration.query_task_group(self._invocation, migration.read_current_migration(self._invocation))
        if isinstance(group, TaskGroup) and group.can_be_resent and group.lists.startswith(OMS_LISTS):
            positions.follow_group(group)
            folders.append(group.lists)
        return sorted(folders)

    def _read_unless_refused(self, bucket: ObsBucket, list_row: ObjectSummary, page: Sequence[ObjectSummary]) -> None:
        """Read a list; raise no error if OBS refuses only this list, so that the other lists are read.

        OBS refuses only this list if the list is archived, or if OBS permits reading another list of the page. The
        refused list counts as an unread line and is tried again every hour. Compare checks its objects.
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
            other_lists = (other for other in page if other.name != list_row.name)
            can_read_others = (_can_read(bucket, other) for other in islice(other_lists, _MAX_PROBED_LISTS))
            is_only_this = error.code in PERMISSION_CODES and (position.refused_until > 0 or any(can_read_others))
            if not is_only_this and error.code != _ARCHIVED:
                raise
            position = self._positions.lists.get(list_row.name, ListPosition())
            if not position.refused_until:
                self._count_unread(list_row.name, 1, str(error))
            until = round(now) + _REFUSED_SECONDS
            self._positions.move(
                list_row.name, position._replace(modified=list_row.modified, ended=False, refused_until=until)
            )

    def _read_list(self, bucket: ObsBucket, list_row: ObjectSummary) -> None:
        """Read a list to its end. Reading continues at the last position if the text before it is unchanged."""
        self._lists += 1
        position = self._positions.lists.get(list_row.name, ListPosition())._replace(ended=False)
        while not position.ended:
            self._check_time()
            position = position if position.offset <= list_row.size else ListPosition()
            part = bucket.read(list_row.name, position.begin, _PART_BYTES)
            if part is None:
                return
            head = part.head
            list_row = list_row._replace(size=head.size)
            if not position.can_resume(part.body[: position.offset - position.begin]):
                position = ListPosition()
                continue
            position = self._read_part(list_row.name, position._replace(etag=head.etag, modified=head.modified), part)

    def _read_part(self, name: str, position: ListPosition, part: ObjectPart) -> ListPosition:
        """Process the lines after `position`, in groups; return the new position."""
        body, start, of_group = part.body, position.offset - part.start, self._positions.is_of_group(name)
        ends = part.start + len(body) == part.head.size
        while True:
            lines = read_lines(
                body, start, has_list_start=part.start == 0, has_list_end=ends, max_failures=_RECORD_GROUP
            )
            outside = self._records.record(lines.failures, position.modified, of_group=of_group)
            if lines.unread:
                self._count_unread(name, lines.unread, lines.example)
            is_at_end = ends and (lines.open_line or lines.end == len(body))
            is_stuck, start = lines.end == start, lines.end
            line_count = LineCount(len(lines.failures), outside)
            position = position.advance(body[:start], part.start + start, line_count, ended=is_at_end)
            self._positions.move(name, position)
            if is_at_end or is_stuck:
                return position
            self._check_time()

    def _count_unread(self, name: str, number: int, example: str) -> None:
        self._unread += number
        self._positions.unread += number
        self._positions.example = printable_line(example, self._invocation.settings.secrets)
        log.warning({"list": name, "lines_unread": number, "example": self._positions.example})

    def _check_time(self) -> None:
        if self._until.expired():
            raise _TimeIsUpError


def _can_read(bucket: ObsBucket, list_row: ObjectSummary) -> bool:
    try:
        return bucket.read(list_row.name, 0, 1) is not None
    except ObsError:
        return False


class CopyRecords:
    """A writer of failed records for objects that OMS failed to copy.

    An object gets a failed record only after a check of the source and of its existing records. `lines` counts the
    lines of OMS's lists by the outcome of their objects, as named in answers.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.lines: Counter[str] = Counter()

    def record(self, failures: Sequence[CopyFailure], list_time: int, *, of_group: bool) -> int:
        """Process the failures in a list; return the number of those outside the project's filter.

        `list_time` is the time of the list, in seconds since 1970. With `of_group`, the list is a task group's,
        otherwise the sync task's.

        Raises StorageError if a record may be missing, or an object cannot be checked.
        """
        key_filter = self._invocation.settings.key_filter
        inside = [failure for failure in failures if key_filter.matches(failure.key)]
        failures_by_key, outside = (
            {copy_failure.key: copy_failure for copy_failure in inside},
            len(failures) - len(inside),
        )
        self.lines["outside"] += outside
        objects_to_resend = []
        for copy_failure, source in zip(
            failures_by_key.values(), self._invocation.source_bucket.find_all(list(failures_by_key)), strict=True
        ):
            reason = reason_not_to_send(source)
            if source is None or reason:
                self.lines[reason] += 1
            else:
                objects_to_resend.append((copy_failure, source))
        self._write_records(objects_to_resend, list_time, of_group=of_group)
        return outside

    def _write_records(
        self, due: Sequence[tuple[CopyFailure, ObjectSummary]], list_time: int, *, of_group: bool
    ) -> None:
        task_id, bucket = self._invocation.task_id, self._invocation.log_bucket
        success = bucket.get_all([record_name(task_id, "success", copy_failure.key) for copy_failure, _ in due])
        failed = bucket.get_all([record_name(task_id, "failed", copy_failure.key) for copy_failure, _ in due])
        records = []
        for (copy_failure, source), accepted, waiting in zip(due, success, failed, strict=True):
            # A success record of another version shows neither the acceptance nor the attempts of this version.
            if accepted and not is_covered(source, listed_record(accepted, copy_failure.key)):
                accepted = None
            if accepted and write_time(accepted) > _failed_at(copy_failure, list_time) + _MAX_RECORD_DELAY_SECONDS:
                self.lines["accepted_again"] += 1
            else:
                self.lines["recorded"] += 1
                # A group's failure is not an attempt of the sync task.
                attempts = (count_copy_attempts(accepted) if accepted else 0) + (not of_group)
                existing = parse_failed_record(task_id, waiting) if waiting else None
                if not existing or not existing.was_refused_as_closed:
                    records.append(self._failed_record(copy_failure, source, accepted, existing, attempts))
        require_success(bucket.try_put_all(records))

    def _failed_record(
        self,
        copy_failure: CopyFailure,
        source: ObjectSummary,
        accepted: StoredObject | None,
        existing: FailedKey | None,
        attempt: int,
    ) -> StoredObject:
        """Return the failed record of a failed copy.

        `accepted` is the success record of this version, and `existing` the existing failed record of the key.
        `attempt` is the number of the sync task's next attempt after a failed copy, from 1.
        """
        invocation = self._invocation
        first_failure = existing.first_failure if existing else ""
        key = FailedKey(version_of(source), first_failure=first_failure, copy_attempts=attempt)
        message = printable_line(copy_failure.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=printable_line(copy_failure.code) or None, message=message)
        pause = pause_seconds(attempt)
        not_before = timestamp(from_epoch(write_time(accepted) + pause)) if accepted and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _failed_at(copy_failure: CopyFailure, list_time: int) -> float:
    """Return the time of a copy failure, in seconds since 1970, or a later time if it is unreliable.

    `list_time` is the time of its list. A time that is too early would put the last acceptance after the failure, and
    the failure would be ignored.
    """
    at = copy_failure.at.timestamp() if copy_failure.at else list_time
    return at if list_time - _MAX_LIST_DELAY_SECONDS <= at <= list_time else list_time
