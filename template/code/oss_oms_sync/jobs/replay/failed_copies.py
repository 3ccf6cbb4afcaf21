"""Failed records for objects that OMS failed to copy, from OMS's lists, by replay's timer.

It reads the new lists of the sync task, and those of the task group that copied the existing objects, if the group has
ended with few failures. It writes a failed record for each listed object that needs a resend.

The position moves past a line after its key has reached one of these states:
- resolved: the source has nothing to submit for the key (see `resting`);
- with OMS: OMS accepted this version again after the failure;
- failed: the key has a failed record for replay. It is written here, and may replace an existing record, except that of
  a change to a closed project, because status needs it.

After a failed read or write, the position stays before the line, and the next run reads it again. This is harmless,
because the next run also checks the object again. Unreadable lines are counted and reported; compare covers their
objects.
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
from oss_oms_sync.jobs.replay.resting import nothing_to_send, pause_seconds, version
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.list_positions import LIST_DELAY, LineCount, ListPositions, ListRead
from oss_oms_sync.ledger.records import FailedKey, copy_attempts, failed_key, failed_record, modified_at
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.entries import is_covered, listed_record

_STATE_NAME = "failed_copies"
# Share of a run's time for reading lists, so that submissions have the remainder with any number of lists.
_READING_SHARE = 1 / 4
# Bytes of a read, more than in any line.
_PART_BYTES = 256 * 1024
# Number of objects checked and recorded in parallel.
_RECORD_GROUP = 100
# OBS refuses to read a list if a permission is missing, for this list or for all, or because of its storage class. To
# distinguish the former two, up to three other lists are tried.
_ARCHIVED, _MAX_PROBED_LISTS = "InvalidObjectState", 3
# Time until a refused list is tried again. A permission takes effect within half an hour, and some requests are refused
# until then.
_REFUSED_SECONDS = 60 * 60
# Maximum difference between the times of a line and of its list, because lists appear within minutes; other times of
# lines are unreliable.
_MAX_LIST_DELAY_SECONDS = 60 * 60
# Maximum time from a copy failure to the success record of its acceptance: the record is written later, and the clouds'
# clocks differ.
_MAX_RECORD_DELAY_SECONDS = 2 * 60


class _TimeIsUpError(Exception):
    """End of the time for reading: the run needs the remaining time for submissions."""


class FailedCopies:
    """Reader of OMS's lists of failed objects, for a run."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._state = JobState(invocation)
        self._until = Deadline(invocation.deadline.remaining() * _READING_SHARE, invocation.clock)
        self._records = CopyRecords(invocation)
        self._positions = ListPositions()
        self._lists = self._unread = 0

    def record(self) -> dict[str, object]:
        """Continue to read lists and write failed records; return counts for the answer.

        The counts are: lists read, lines by the outcome of their objects, lines outside the project's filter, and
        unreadable lines, in this run and in all. The reason for an early end is in `stopped` and is not raised, because
        failed records can be resent without it.

        Raises StorageError if the position in the lists cannot be read from the log bucket.
        """
        positions = self._positions = self._state.recall(ListPositions, _STATE_NAME) or ListPositions()
        before = to_json(positions)
        stopped, problem = None, ""
        try:
            self._look()
        except _TimeIsUpError:
            stopped, problem = TIME_IS_UP, positions.problem
        except StorageError as error:
            problem = str(error)
            stopped = Stopped(Stop.STORAGE, problem)
        if problem != positions.problem:
            # Logged once instead of in each run, because it may be intended.
            log.info({"failed_copies": problem or "OMS's lists can be read"})
            positions.problem = problem
        after = to_json(positions.kept())
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

    def _look(self) -> None:
        """Read the new and changed lists of all folders.

        Raises StorageError, and _TimeIsUpError; the positions then include the completed work.
        """
        if not self._invocation.settings.source_bucket:
            raise StorageError(
                "SOURCE_BUCKET is empty, so objects that OMS failed to copy cannot be checked. Set SOURCE_BUCKET"
            )
        positions, bucket = self._positions, self._invocation.destination()
        # The last complete look covered all older lists outside the map. Before the first look, older lists are from
        # before the installation. Its time is noted here, because a timer may never begin a pass.
        looked = parse_time(positions.looked) or self._state.installed(note=True)
        read_before = (looked - LIST_DELAY).timestamp()
        if not positions.begin_look(self._invocation.clock.now()):
            return
        for folder in self._folders():
            more = folder > positions.after or positions.after.startswith(folder)
            while more:
                self._check_time()
                page = bucket.list_page(folder, positions.after if positions.after.startswith(folder) else "")
                for stored in page.objects:
                    list_read = positions.lists.get(stored.name)
                    # A task group's list may be older than the group's end, but is read only after it.
                    is_old = stored.modified < read_before and not positions.is_of_group(stored.name)
                    if not (list_read.ended and list_read.etag == stored.etag if list_read else is_old):
                        self._read_unless_refused(bucket, stored, page.objects)
                    positions.after = stored.name
                positions.pages += 1
                more = page.more
        positions.looked, positions.after = positions.began, ""

    def _folders(self) -> list[str]:
        """Return the prefixes of the lists, sorted."""
        positions, folders = self._positions, [lists_folder(self._invocation.task_id)]
        group = migration.query_task_group(self._invocation, migration.current_migration(self._invocation))
        if isinstance(group, TaskGroup) and group.can_be_resent and group.lists.startswith(OMS_LISTS):
            positions.follow_group(group)
            folders.append(group.lists)
        return sorted(folders)

    def _read_unless_refused(self, bucket: ObsBucket, listed: ObjectSummary, page: Sequence[ObjectSummary]) -> None:
        """Read a list; a list that OBS refuses alone does not stop the others.

        OBS refuses a list alone if the list is archived, or if it allows another list of the page. It counts as an
        unread line until it can be read, which is retried every hour, and compare covers its objects.
        """
        list_read, now = self._positions.lists.get(listed.name, ListRead()), self._invocation.clock.now().timestamp()
        if now < list_read.refused_until:
            return
        try:
            self._read(bucket, listed)
        except ObsError as error:
            of_others = (other for other in page if other.name != listed.name)
            can_others = (_can_read(bucket, other) for other in islice(of_others, _MAX_PROBED_LISTS))
            is_alone = error.code in PERMISSION_CODES and (list_read.refused_until > 0 or any(can_others))
            if not is_alone and error.code != _ARCHIVED:
                raise
            list_read = self._positions.lists.get(listed.name, ListRead())
            if not list_read.refused_until:
                self._note_unread(listed.name, 1, str(error))
            until = round(now) + _REFUSED_SECONDS
            self._positions.move(
                listed.name, list_read._replace(modified=listed.modified, ended=False, refused_until=until)
            )

    def _read(self, bucket: ObsBucket, listed: ObjectSummary) -> None:
        """Read a list to its end, from the last position unless the text before the position has changed."""
        self._lists += 1
        at = self._positions.lists.get(listed.name, ListRead())._replace(ended=False)
        while not at.ended:
            self._check_time()
            at = at if at.offset <= listed.size else ListRead()
            part = bucket.read(listed.name, at.begin, _PART_BYTES)
            if part is None:
                return
            head = part.head
            listed = listed._replace(size=head.size)
            if not at.can_resume(part.body[: at.offset - at.begin]):
                at = ListRead()
                continue
            at = self._read_part(listed.name, at._replace(etag=head.etag, modified=head.modified), part)

    def _read_part(self, name: str, at: ListRead, part: ObjectPart) -> ListRead:
        """Process the lines after `at`, group by group; return the new position."""
        body, start, of_group = part.body, at.offset - part.start, self._positions.is_of_group(name)
        ends = part.start + len(body) == part.head.size
        while True:
            lines = read_lines(body, start, begins=part.start == 0, ends=ends, most=_RECORD_GROUP)
            outside = self._records.record(lines.failures, at.modified, of_group=of_group)
            if lines.unread:
                self._note_unread(name, lines.unread, lines.example)
            at_end = ends and (lines.open_line or lines.end == len(body))
            stands, start = lines.end == start, lines.end
            listed = LineCount(len(lines.failures), outside)
            at = at.after(body[:start], part.start + start, listed, ended=at_end)
            self._positions.move(name, at)
            if at_end or stands:
                return at
            self._check_time()

    def _note_unread(self, name: str, number: int, example: str) -> None:
        self._unread += number
        self._positions.unread += number
        self._positions.example = printable_line(example, self._invocation.settings.secrets)
        log.warning({"list": name, "lines_unread": number, "example": self._positions.example})

    def _check_time(self) -> None:
        if self._until.expired():
            raise _TimeIsUpError


def _can_read(bucket: ObsBucket, listed: ObjectSummary) -> bool:
    try:
        return bucket.read(listed.name, 0, 1) is not None
    except ObsError:
        return False


class CopyRecords:
    """Writer of failed records for objects that OMS failed to copy, after a check of source and records.

    `lines` counts the outcomes of the objects, by their names in answers.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.lines: Counter[str] = Counter()

    def record(self, failures: Sequence[CopyFailure], listed: int, *, of_group: bool) -> int:
        """Process failures of a list written at `listed`; return the number outside the project's filter.

        `listed` is in seconds since 1970. With `of_group`, the list is a task group's, otherwise the sync task's.

        Raises StorageError if a record may be missing, or an object cannot be checked.
        """
        key_filter = self._invocation.settings.key_filter
        inside = [failure for failure in failures if key_filter.matches(failure.key)]
        mine, outside = {copy_failure.key: copy_failure for copy_failure in inside}, len(failures) - len(inside)
        self.lines["outside"] += outside
        due = []
        for copy_failure, source in zip(
            mine.values(), self._invocation.source_bucket.find_all(list(mine)), strict=True
        ):
            why = nothing_to_send(source)
            if source is None or why:
                self.lines[why] += 1
            else:
                due.append((copy_failure, source))
        self._write(due, listed, of_group=of_group)
        return outside

    def _write(self, due: Sequence[tuple[CopyFailure, ObjectSummary]], listed: int, *, of_group: bool) -> None:
        task_id, bucket = self._invocation.task_id, self._invocation.log_bucket
        success = bucket.get_all([record_name(task_id, "success", copy_failure.key) for copy_failure, _ in due])
        failed = bucket.get_all([record_name(task_id, "failed", copy_failure.key) for copy_failure, _ in due])
        records = []
        for (copy_failure, source), accepted, waiting in zip(due, success, failed, strict=True):
            # A success record of another version shows neither the acceptance nor the attempts of this version.
            if accepted and not is_covered(source, listed_record(accepted, copy_failure.key)):
                accepted = None
            if accepted and modified_at(accepted) > _failed_at(copy_failure, listed) + _MAX_RECORD_DELAY_SECONDS:
                self.lines["accepted_again"] += 1
            else:
                self.lines["recorded"] += 1
                # A group's failure is not an attempt of the sync task.
                attempts = (copy_attempts(accepted) if accepted else 0) + (not of_group)
                before = failed_key(task_id, waiting) if waiting else None
                if not before or not before.may_not_be_sent:
                    records.append(self._failed_record(copy_failure, source, accepted, before, attempts))
        require_success(bucket.try_put_all(records))

    def _failed_record(
        self,
        copy_failure: CopyFailure,
        source: ObjectSummary,
        accepted: StoredObject | None,
        before: FailedKey | None,
        attempt: int,
    ) -> StoredObject:
        """Return the failed record of a failed copy.

        `accepted`: the success record of this version; `before`: the existing failed record; `attempt`: the number of
        this attempt of the sync task after a failed copy, from 1.
        """
        invocation = self._invocation
        first = before.first_failure if before else ""
        key = FailedKey(version(source), first_failure=first, copy_attempts=attempt)
        message = printable_line(copy_failure.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=printable_line(copy_failure.code) or None, message=message)
        pause = pause_seconds(attempt)
        not_before = timestamp(from_epoch(modified_at(accepted) + pause)) if accepted and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _failed_at(copy_failure: CopyFailure, listed: int) -> float:
    """Return the earliest time in seconds since 1970 that is not before a copy failure.

    `listed` is the time of its list. An earlier time would put its last acceptance after the failure, and the failure
    would be ignored.
    """
    at = copy_failure.at.timestamp() if copy_failure.at else listed
    return at if listed - _MAX_LIST_DELAY_SECONDS <= at <= listed else listed
