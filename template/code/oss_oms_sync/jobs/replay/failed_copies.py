"""Reads OMS's lists of what it failed to copy, for replay's timer: all of the sync task that are new, and those of the
task group that copied the old objects, if it has ended and failed few; and writes a failed record for each object in
them that has to be sent again.

The position moves past a line after its key is dealt with, and in one of these states:
- resolved: the source has nothing to send of it (see `resting`);
- OMS's: it accepted this very version again after it had failed;
- failed: it has a failed record, which is written here, whether or not one was there, but for one that says what came
  to a closed project: status looks for these; replay sends it.
After any failure to look or to write, it is before the line, which the next run reads again: harmless, because that
looks again, too. What cannot be read is counted and said; compare finds the object.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.step import TIME_IS_UP, Stop, Stopped, stop_json
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.clock import Deadline, from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import NO_PERMISSION, ObjectSummary, StoredObject, none_failed
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectPart, ObsError
from oss_oms_sync.clouds.oms_lists import CopyFailure, lists_folder, read_lines
from oss_oms_sync.comparison.judge import OMS_LISTS
from oss_oms_sync.errors import Failure, Reason, StorageError, log, presentable
from oss_oms_sync.jobs.replay.resting import nothing_to_send, rest, version
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.list_positions import MARGIN, LineCount, ListPositions, ListRead
from oss_oms_sync.ledger.records import FailedKey, copy_attempts, failed_key, failed_record, modified_at, record_name
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import is_covered, listed_record

_STATE = "failed_copies"
# Of a run's time, so that sending gets its share however many lists there are.
_SHARE = 1 / 4
# Read at once; longer than any line.
_PART_BYTES = 256 * 1024
# Looked at, and recorded, side by side.
_GROUP = 100
# Why OBS refuses to let a list be read: a right that is missing for it or for all, or its storage class. For the former
# so many others are tried.
_ARCHIVED, _TRIED = "InvalidObjectState", 3
# How long a refused list is left alone. A grant takes half an hour, in which some requests are refused and some not.
_REFUSED_SECONDS = 60 * 60
# Lists come within minutes. A line's time that differs more than this from its list's is not to be relied on.
_LISTS_LATE_SECONDS = 60 * 60
# A success record is written after OMS accepted the key, so OMS may have failed to copy it before; and the clouds'
# clocks may differ.
_RECORDED_WITHIN = 2 * 60


class _TimeIsUpError(Exception):
    """The rest of the run's time is for sending."""


class FailedCopies:
    """What OMS failed to copy, as far as one run reads of it."""

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self._state = JobState(invocation)
        self._until = Deadline(invocation.deadline.remaining() * _SHARE, invocation.clock)
        self._records = CopyRecords(invocation)
        self._positions = ListPositions()
        self._lists = self._unread = 0

    def record(self) -> dict[str, object]:
        """Go on reading, and write failed records; return how many lists were read, the lines in them by what became of
        their objects, those outside of the project's filter, and unreadable ones, in this run and in all. Whatever
        ends that early is said as `stopped`, because failed records can be sent without it.

        Raises StorageError if the log bucket does not tell how far the lists were read.
        """
        positions = self._positions = self._state.recall(ListPositions, _STATE) or ListPositions()
        before = to_json(positions)
        stopped, problem = None, ""
        try:
            self._look()
        except _TimeIsUpError:
            stopped, problem = TIME_IS_UP, positions.said
        except StorageError as error:
            problem = str(error)
            stopped = Stopped(Stop.STORAGE, problem)
        if problem != positions.said:
            # Once, and not in each run: it may be meant to be so.
            log.info({"failed_copies": problem or "OMS's lists can be read"})
            positions.said = problem
        after = to_json(positions.kept())
        if after != before:
            # If it is not stored, the next run reads the same lines again.
            self._state.try_store(_STATE, after)
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
        """Go on through the names of all lists, and read those that are new or have changed.

        Raises StorageError, and _TimeIsUpError; the positions say what was done until then.
        """
        if not self._invocation.settings.source_bucket:
            raise StorageError(
                "SOURCE_BUCKET is empty, so what OMS failed to copy cannot be looked at. Name the bucket"
            )
        positions, bucket = self._positions, self._invocation.destination()
        # Lists that were modified earlier, and that are not in the map, the last complete look saw; before there was
        # one, they are from before the installation, which is noted here: maybe no timer ever begins a pass.
        looked = parse_time(positions.looked) or self._state.installed(note=True)
        read_before = (looked - MARGIN).timestamp()
        if not positions.begin_look(self._invocation.clock.now()):
            return
        for folder in self._folders():
            more = folder > positions.after or positions.after.startswith(folder)
            while more:
                self._check_time()
                page = bucket.list_page(folder, positions.after if positions.after.startswith(folder) else "")
                for stored in page.objects:
                    list_read = positions.lists.get(stored.name)
                    # A task group's may be older than its end, before which none of them is read.
                    is_old = stored.modified < read_before and not positions.is_of_group(stored.name)
                    if not (list_read.ended and list_read.etag == stored.etag if list_read else is_old):
                        self._read_unless_refused(bucket, stored, page.objects)
                    positions.after = stored.name
                positions.pages += 1
                more = page.more
        positions.looked, positions.after = positions.began, ""

    def _folders(self) -> list[str]:
        """What the names of the lists begin with, in the order of names."""
        positions, folders = self._positions, [lists_folder(self._invocation.task_id)]
        group = migration.query_task_group(self._invocation, migration.current_migration(self._invocation))
        if isinstance(group, TaskGroup) and group.can_be_resent and group.lists.startswith(OMS_LISTS):
            positions.follow_group(group)
            folders.append(group.lists)
        return sorted(folders)

    def _read_unless_refused(self, bucket: ObsBucket, listed: ObjectSummary, page: Sequence[ObjectSummary]) -> None:
        """Read a list. One that OBS refuses for what it is, because it is archived or another one of the page can be
        read, keeps no other from being read: it counts as an unread line until it can be read, which is tried every
        hour, and compare finds its objects."""
        list_read, now = self._positions.lists.get(listed.name, ListRead()), self._invocation.clock.now().timestamp()
        if now < list_read.refused_until:
            return
        try:
            self._read(bucket, listed)
        except ObsError as error:
            of_others = (other for other in page if other.name != listed.name)
            can_others = (_can_read(bucket, other) for other in islice(of_others, _TRIED))
            is_alone = error.code in NO_PERMISSION and (list_read.refused_until > 0 or any(can_others))
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
        """Read a list to its end, from where it was left unless what was before that has changed."""
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
        """Deal with what lines behind `at` tell, group by group; return where it is then."""
        body, start, of_group = part.body, at.offset - part.start, self._positions.is_of_group(name)
        ends = part.start + len(body) == part.head.size
        while True:
            lines = read_lines(body, start, begins=part.start == 0, ends=ends, most=_GROUP)
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
        self._positions.example = presentable(example, self._invocation.settings.secrets)
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
    """Looks at the source objects and the records of what OMS failed to copy.

    `lines` counts what became of the objects, by the names in answers.
    """

    def __init__(self, invocation: Invocation) -> None:
        self._invocation = invocation
        self.lines: Counter[str] = Counter()

    def record(self, failures: Sequence[CopyFailure], listed: int, *, of_group: bool) -> int:
        """Deal with failures of a list that was written at `listed`, in seconds since 1970, of the sync task or of a
        task group; return how many are outside of the project's filter.

        Raises StorageError if one is not known to be written, or cannot be looked at.
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
            # Of another version, it says nothing of this one: neither that it was accepted, nor how often.
            if accepted and not is_covered(source, listed_record(accepted, copy_failure.key)):
                accepted = None
            if accepted and modified_at(accepted) > _failed_at(copy_failure, listed) + _RECORDED_WITHIN:
                self.lines["accepted_again"] += 1
            else:
                self.lines["recorded"] += 1
                # The sync task did not fail where a group did.
                attempts = (copy_attempts(accepted) if accepted else 0) + (not of_group)
                before = failed_key(task_id, waiting) if waiting else None
                if not before or not before.may_not_be_sent:
                    records.append(self._failed_record(copy_failure, source, accepted, before, attempts))
        none_failed(bucket.try_put_all(records))

    def _failed_record(
        self,
        copy_failure: CopyFailure,
        source: ObjectSummary,
        accepted: StoredObject | None,
        before: FailedKey | None,
        attempt: int,
    ) -> StoredObject:
        """`accepted`: the success record of this very version; `before`: the failed record that is there; `attempt`:
        the how manieth it is of the sync task because that failed."""
        invocation = self._invocation
        first = before.first_failure if before else ""
        key = FailedKey(version(source), first_failure=first, copy_attempts=attempt)
        message = presentable(copy_failure.message, invocation.settings.secrets)
        failure = Failure(Reason.COPY_FAILED, error_code=presentable(copy_failure.code) or None, message=message)
        pause = rest(attempt)
        not_before = timestamp(from_epoch(modified_at(accepted) + pause)) if accepted and pause else ""
        return failed_record(invocation.task_id, key, failure, invocation.clock.now(), not_before)


def _failed_at(copy_failure: CopyFailure, listed: int) -> float:
    """When OMS failed to copy an object, in seconds since 1970, or later; `listed`: when its list was written.

    Too early a time would let its last acceptance count as a later one, and the failure be dropped.
    """
    at = copy_failure.at.timestamp() if copy_failure.at else listed
    return at if listed - _LISTS_LATE_SECONDS <= at <= listed else listed
