"""A run of replay: it resends keys of failed records, run files and envelopes without losing a newer failure.

A run copies a page of failed records to a run file, deletes the records, and then submits their keys. A failure
recorded after the delete keeps its record. A key leaves the run file only when OMS accepted it, its failed record is
back, or the source has no object to submit. An envelope is an event that forward could not process, and that Function
Compute passes to replay.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import ReplayAnswer, ReplayRun
from oss_oms_sync.answers.layout import is_long, record_name, record_prefix
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.bucket import PAGE_SIZE
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, split_into_parts
from oss_oms_sync.delivery.sender import Sender, earliest_time
from oss_oms_sync.errors import UNKNOWN_REASON, PayloadError, Reason, StorageError, log
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.replay.resting import ReplayState, RestingRecords, find_reason_not_to_send, make_version
from oss_oms_sync.ledger.records import FailedKey, parse_failed_record
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles

# Minimum remaining seconds to start a page, which has to be read, copied and deleted before it is submitted.
_PAGE_SECONDS = 20.0


@dataclass(frozen=True)
class ReplayOptions:
    """The options in the payload of replay.

    `keys` are submitted unconditionally. Without `keys`, the other options select failed records.
    """

    prefix: str = ""
    reason: str = ""
    keys: list[str] | None = None
    limit: int | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        reasons = (*Reason.__members__, UNKNOWN_REASON)
        if self.reason and self.reason not in reasons:
            reason_names = ", ".join(reasons)
            raise PayloadError(
                f"The payload's reason is {self.reason!r}, which is not a reason. Possible reasons: {reason_names}"
            )

    @property
    def sends_all_records(self) -> bool:
        return replace(self, dry_run=False) == ReplayOptions()


class Replay:
    """A run of replay. If `skips_resting` is True, it skips records whose keys must not be resent yet."""

    def __init__(self, invocation: Invocation, *, skips_resting: bool) -> None:
        self._invocation = invocation
        self._task_id = invocation.task_id
        self._bucket = invocation.log_bucket
        self._lifetime = invocation.deadline.remaining()
        self.sender = Sender(invocation)
        self._state = JobState(invocation)
        self._run_files = RunFiles(invocation)
        self._resting_records = RestingRecords({}, invocation.clock)
        self._skips_resting = skips_resting
        self._can_check_source = bool(invocation.settings.source_bucket)
        # True if the source is checked before a key is submitted; keys of a manual call or an envelope are not checked.
        self._checks_source = False
        self._resolved_count = 0
        # The counts of the lines that this run has read in OMS's lists, or None if it read no list.
        self.copy_counts: dict[str, object] | None = None
        self._taken_keys: set[str] = set()
        self._remaining_keys: set[str] = set()
        self._has_read_all = True
        self._unreadable_files: list[str] = []
        self._options = ReplayOptions()
        # The numbers of the keys that a dry run would take, by reason, and the time of the oldest failure of these keys
        # and of the remaining keys.
        self._counts_by_reason: Counter[str] = Counter()
        self._oldest_failure = ""

    def send_changes(self, changes: Sequence[ObjectChange], *, only_copies: bool) -> None:
        """Submit exactly the keys of `changes`, even without failed records.

        `only_copies` is True if the changes come from an envelope, an event that forward could not process. If nothing
        may be submitted, these keys are recorded as failed.

        Raises StorageError, and RecordError if a failed key could not be recorded. Function Compute then keeps the
        envelope.
        """
        self._options = ReplayOptions(keys=[])
        # The project's state is checked once, because keys taken after a positive answer may have no other record.
        if not self.sender.may_send():
            if only_copies:
                self.sender.record_unsent([key for key, _ in self._read_failed_keys(changes)])
            return
        for pairs in split_into_parts(
            self._read_failed_keys(changes if only_copies else self._with_current_versions(changes)), PAGE_SIZE
        ):
            self._take_keys([key for key, _ in pairs], [key.key for key, is_recorded in pairs if is_recorded])

    def _with_current_versions(self, changes: Sequence[ObjectChange]) -> list[ObjectChange]:
        """Return the changes with the source's current versions, so that the success records name these versions.

        If OSS does not answer for a key, its change is returned unchanged.
        """
        sources = (
            self._invocation.source_bucket.try_find_all([change.key for change in changes])
            if self._can_check_source
            else changes
        )
        return [
            make_version(source) if isinstance(source, ObjectSummary) else change
            for change, source in zip(changes, sources, strict=True)
        ]

    def _read_failed_keys(self, changes: Sequence[ObjectChange]) -> list[tuple[FailedKey, bool]]:
        """Return a pair for each change: its key with the data of its failed record, and True if this record exists."""
        names = [record_name(self._task_id, "failed", change.key) for change in changes]
        records = {
            stored_object.name: stored_object
            for stored_object in self._bucket.try_get_all(names)
            if isinstance(stored_object, StoredObject)
        }
        failed_keys = [parse_failed_record(self._task_id, records[name]) if name in records else None for name in names]
        return [
            (failed_key.with_change(change) if failed_key else FailedKey(change), name in records)
            for change, name, failed_key in zip(changes, names, failed_keys, strict=True)
        ]

    def send_records(self, options: ReplayOptions) -> None:
        """Submit the keys of the failed records that `options` selects, by default of all.

        A run over all records continues where the last such run stopped, and starts over at the end. It also takes over
        the keys of earlier runs that ended early. Raises StorageError; no key is lost then.
        """
        self._options = options
        state = self._state.load_as(ReplayState, "replay") or ReplayState()
        self._resting_records = RestingRecords(state.resting, self._invocation.clock)
        self._checks_source = True
        if options.sends_all_records:
            self._send_run_files(options.dry_run)
        keeps_position = options.sends_all_records and not options.dry_run
        position = self._send_pages(options, state.after if keeps_position else "")
        if keeps_position:
            self._store_state(position)

    def build_answer(self) -> ReplayAnswer:
        sender = self.sender
        return ReplayAnswer(
            taken=len(self._taken_keys),
            accepted=sender.accepted,
            failed=sender.failed.total(),
            resolved=self._resolved_count,
            left=len(self._remaining_keys),
            oldest_failure=earliest_time(self._oldest_failure, sender.oldest_failure) or None,
            by_reason=dict(sender.failed + self._counts_by_reason),
            finished=self._has_read_all and not self._remaining_keys and not sender.stopped,
            stop=sender.stopped and sender.stopped.stop,
            stopped=sender.stopped and sender.stopped.why,
            copies=self.copy_counts,
            dry_run=self._options.dry_run,
            whole=self._options.sends_all_records,
            unreadable=self._unreadable_files,
        )

    def _send_pages(self, options: ReplayOptions, start_position: str) -> str:
        """Process failed records page by page; return the last processed name, or "" after the last page."""
        position, limit = start_position, options.limit
        for page, last_name in self._list_pages(options.prefix, start_position):
            # Keys are taken only while they can be submitted, because users read the records, not the run files.
            is_stopped = not options.dry_run and not self.sender.may_send()
            if is_stopped or (limit is not None and len(self._taken_keys) >= limit):
                self._has_read_all = False
                return position
            keys = self._read_page(page, options)
            max_keys = len(keys) if limit is None else limit - len(self._taken_keys)
            if len(keys) > max_keys:
                keys, self._has_read_all = keys[:max_keys], False
            if options.dry_run:
                self._count_as_taken(keys)
            elif keys:
                self._take_keys(keys, [key.key for key in keys])
            position = last_name
        return "" if self._has_read_all else position

    def _send_run_files(self, is_dry_run: bool) -> None:
        """Submit the keys in the files of other runs, even of runs in progress: a second submission is harmless.

        A key outside the project's filter is submitted as well: it was inside the filter before, and has no other
        record.
        """
        for run_file in self._run_files.read_other_runs():
            if isinstance(run_file, str):
                self._unreadable_files.append(run_file)
                self._has_read_all = False
            elif is_dry_run:
                self._count_as_taken(run_file.keys)
            elif not self.sender.may_send():
                self._note_remaining_keys(run_file.keys)
            elif run_file.lease_expired:
                # The keys are copied to a file of this run first, because two runs may take over the same file.
                own_file = self._run_files.create(run_file.keys, run_file.doubtful_keys, self._lifetime)
                self._run_files.remove(run_file)
                self._delete_and_send(own_file, run_file.keys, run_file.doubtful_keys)
            else:
                self._note_remaining_keys(self._submit_keys(run_file.keys, doubtful_keys=()))

    def _list_pages(self, prefix: str, start_name: str) -> Iterator[tuple[list[ObjectSummary], str]]:
        """Yield the pages of failed records after `start_name`, and then those from the first name to `start_name`.

        Each page comes with the name of its last record.
        """
        key_prefix, hash_prefix = (record_prefix(self._task_id, "failed", long=long) for long in (False, True))
        # OSS refuses to list a prefix that is longer than a name. All keys with such a prefix are long, and their
        # records are named by hashes.
        parts = [] if is_long(self._task_id, "failed", prefix) else [(key_prefix, f"{key_prefix}{prefix}")]
        parts.append((hash_prefix, hash_prefix))
        rounds = [(start_name, "")] + ([("", start_name)] if start_name else [])
        for begin_name, end_name in rounds:
            for root, part in parts:
                # The listing starts after the folder marker, an object of consoles that is not a record.
                position = begin_name if begin_name.startswith(part) else root
                has_more = begin_name.startswith(part) or begin_name < part
                while has_more:
                    if self._invocation.deadline.remaining() < min(_PAGE_SECONDS, self._lifetime / 4):
                        self._has_read_all = False
                        return
                    page = self._bucket.list_page(part, position)
                    records = [record for record in page.objects if not end_name or record.name <= end_name]
                    has_more = page.has_more and len(records) == len(page.objects)
                    if records:
                        position = records[-1].name
                        yield records, position

    def _read_page(self, page: Sequence[ObjectSummary], options: ReplayOptions) -> list[FailedKey]:
        """Read a page of records, and return the keys that this run has to submit.

        If the run skips resting records, keys that must not be resent yet are left out.
        """
        due_records = [
            record for record in page if not (self._skips_resting and self._resting_records.is_resting(record))
        ]
        names = [record.name for record in due_records if record.size]
        bodies = dict(zip(names, self._bucket.try_get_all(names), strict=True))
        keys: list[FailedKey] = []
        resting_keys: list[tuple[FailedKey, ObjectSummary]] = []
        for record in due_records:
            body = bodies.get(record.name, StoredObject(record.name, b""))
            if isinstance(body, StorageError):
                if body.code != "NoSuchKey":  # another run has taken it
                    log.error({"record": record.name, "problem": str(body)})
                    self._has_read_all = False
                continue
            key = parse_failed_record(self._task_id, body)
            if key is None:
                log.error({"record": record.name, "problem": "contains no key: check the record, then delete it"})
            elif self._is_selected(key, options):
                if self._skips_resting and key.not_before > timestamp(self._invocation.clock.now()):
                    resting_keys.append((key, record))
                else:
                    keys.append(key)
        return keys + self._pause_or_select(resting_keys)

    def _pause_or_select(self, resting_keys: Sequence[tuple[FailedKey, ObjectSummary]]) -> list[FailedKey]:
        """Let records rest until the time to resend them; return the keys that need not wait.

        A key need not wait if its record is of another version than the source's current object: a late failure of an
        earlier version may have overwritten the current version's record.
        """
        keys = []
        sources = (
            self._invocation.source_bucket.try_find_all([key.key for key, _ in resting_keys]) if resting_keys else []
        )
        for (key, record), source in zip(resting_keys, sources, strict=True):
            if isinstance(source, StorageError):
                continue  # the next run checks again
            if source and key.change == make_version(source):
                self._resting_records.pause_until(key.not_before, record)
            else:
                keys.append(key)
        return keys

    def _is_selected(self, key: FailedKey, options: ReplayOptions) -> bool:
        has_prefix_and_reason = key.key.startswith(options.prefix) and options.reason in ("", key.reason_name)
        return (
            has_prefix_and_reason
            and self._invocation.settings.key_filter.matches(key.key)
            and key.key not in self._taken_keys
        )

    def _take_keys(self, keys: Sequence[FailedKey], recorded_keys: Collection[str]) -> None:
        """Move the keys from failed records to a run file, and then submit them; in this order, no key is lost."""
        self._delete_and_send(self._run_files.create(keys, recorded_keys, self._lifetime), keys, recorded_keys)

    def _delete_and_send(self, run_file: RunFile, keys: Sequence[FailedKey], recorded_keys: Collection[str]) -> None:
        """Delete the failed records of `recorded_keys` and submit `keys`. Keys that still wait stay in `run_file`."""
        doubtful_keys = self._delete_records(recorded_keys)
        remaining_keys = self._submit_keys(keys, doubtful_keys)
        self._run_files.finish(run_file, remaining_keys, doubtful_keys)
        self._note_remaining_keys(remaining_keys)

    def _submit_keys(self, keys: Sequence[FailedKey], doubtful_keys: Collection[str]) -> list[FailedKey]:
        resolved_keys = self._find_resolved_keys(keys) if self._checks_source else set()
        self._resolved_count += len(resolved_keys)
        remaining_keys = self.sender.send([key for key in keys if key.key not in resolved_keys], doubtful_keys)
        # A late delete would remove the record of a later failure.
        remaining_keys += [key for key in keys if key.key in resolved_keys and key.key in doubtful_keys]
        unsent_keys = {key.key for key in remaining_keys} - set(doubtful_keys)
        self._taken_keys.update(key.key for key in keys if key.key not in unsent_keys)
        return remaining_keys

    def _find_resolved_keys(self, keys: Sequence[FailedKey]) -> set[str]:
        """Return the keys whose failure is resolved: the source has no object, or has a symbolic link in its place.

        Call this function after the failed records were deleted, so that a later failure has a record of its own. A key
        that failed once is not checked, and a key whose object cannot be checked is not resolved.

        An object in OBS resolves no failure: a late copy of an earlier version looks newer than the version that OMS
        never accepted. Nor does a success record of equal contents, which may be of another write.
        """
        repeated_keys = [key.key for key in keys if key.has_failed_before]
        if not repeated_keys or not self._can_check_source:
            return set()
        sources = self._invocation.source_bucket.try_find_all(repeated_keys)
        errors = [error for error in sources if isinstance(error, StorageError)]
        if errors:
            self._can_check_source = any(failure.code != "AccessDenied" for failure in errors)
            log.info({"not_looked_at": len(errors), "problem": str(errors[0])})
        checked_keys = (
            (key, listed_source)
            for key, listed_source in zip(repeated_keys, sources, strict=True)
            if not isinstance(listed_source, StorageError)
        )
        return {key for key, source in checked_keys if find_reason_not_to_send(source)}

    def _delete_records(self, keys: Collection[str]) -> set[str]:
        """Delete failed records; return the keys without an answer of OSS, whose records may still be deleted later."""
        keys_by_name = {record_name(self._task_id, "failed", key): key for key in keys}
        problems = self._bucket.try_delete_all(list(keys_by_name)) if keys_by_name else {}
        counts = Counter(str(problem) for problem in problems.values() if problem)
        for problem, number in counts.items():
            log.error({"records_not_deleted": number, "problem": problem})
        return {keys_by_name[name] for name, problem in problems.items() if problem and not problem.had_no_effect}

    def _store_state(self, position: str) -> None:
        self._resting_records.pause_rejected(self.sender.rejected)
        last_run = to_json(ReplayRun(timestamp(self._invocation.clock.now()), self.build_answer()))
        # After a failure, the next run starts at the same position, and submits some keys twice.
        self._state.try_store(
            "replay", to_json(ReplayState(position, self._resting_records.current_pauses(), last_run))
        )

    def _count_as_taken(self, keys: Sequence[FailedKey]) -> None:
        self._taken_keys.update(key.key for key in keys)
        self._counts_by_reason.update(key.reason_name for key in keys)
        self._oldest_failure = earliest_time(self._oldest_failure, *(key.first_failure for key in keys))

    def _note_remaining_keys(self, keys: Sequence[FailedKey]) -> None:
        self._remaining_keys.update(key.key for key in keys)
        self._oldest_failure = earliest_time(self._oldest_failure, *(key.first_failure for key in keys))
