"""A run of replay: it resends keys of failed records, run files and envelopes without losing a newer failure.

A page of failed records is copied to a run file, then the records are deleted, then their keys are submitted. A failure
recorded before the delete is covered by the submission, and a failure recorded after it survives. A key leaves the run
file only when OMS accepted it, its failed record is back, or the source has no object to submit.
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
from oss_oms_sync.errors import UNKNOWN, PayloadError, Reason, StorageError, log
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.replay.resting import ReplayState, RestingRecords, reason_not_to_send, version_of
from oss_oms_sync.ledger.records import FailedKey, parse_failed_record
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles

# Minimum remaining seconds to start a page, which has to be read, copied and deleted before it is submitted.
_PAGE_SECONDS = 20.0


@dataclass(frozen=True)
class ReplayOptions:
    """The options in replay's payload.

    `keys` are submitted unconditionally. Without them, failed records are selected by the other options; a `dry_run`
    only counts them.
    """

    prefix: str = ""
    reason: str = ""
    keys: list[str] | None = None
    limit: int | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Raise PayloadError if the reason is unknown."""
        reasons = (*Reason.__members__, UNKNOWN)
        if self.reason and self.reason not in reasons:
            reason_names = ", ".join(reasons)
            raise PayloadError(f"The payload's reason is {self.reason!r}, which is none. There are {reason_names}")

    @property
    def is_whole(self) -> bool:
        """True if the run is for all failed records."""
        return replace(self, dry_run=False) == ReplayOptions()


class Replay:
    """A run of replay. With `skips_resting`, it skips records that must not be resent yet."""

    def __init__(self, invocation: Invocation, *, skips_resting: bool) -> None:
        self._invocation = invocation
        self._task_id = invocation.task_id
        self._bucket = invocation.log_bucket
        self._lifetime = invocation.deadline.remaining()
        self.sender = Sender(invocation)
        self._state = JobState(invocation)
        self._runs = RunFiles(invocation)
        self._resting = RestingRecords({}, invocation.clock)
        self._skips_resting = skips_resting
        self._can_look = bool(invocation.settings.source_bucket)
        # Set if the source is checked; keys of a manual call or an envelope are submitted without a check.
        self._looks = False
        self._needless = 0
        # Counts of the lines that were read in OMS's lists.
        self.copies: dict[str, object] | None = None
        self._taken: set[str] = set()
        self._left: set[str] = set()
        self._all_read = True
        self._unreadable: list[str] = []
        self._options = ReplayOptions()
        # Numbers of the keys that a dry run would take, by reason, and the time of the oldest failure of these and of
        # the remaining keys.
        self._by_reason: Counter[str] = Counter()
        self._oldest = ""

    def send_named(self, changes: Sequence[ObjectChange], *, only_copies: bool) -> None:
        """Submit exactly these keys, whether or not they have failed records.

        With `only_copies`, the keys are those of an envelope and have no other record. So they are recorded as failed
        if nothing may be submitted.

        Raises StorageError before any key is lost, and RecordError, after which Function Compute keeps the envelope.
        """
        self._options = ReplayOptions(keys=[])
        # Checked once, because keys taken after a positive answer may have no other record.
        if not self.sender.may_send():
            if only_copies:
                self.sender.record_unsent([key for key, _ in self._read_failed_keys(changes)])
            return
        for part in split_into_parts(
            self._read_failed_keys(changes if only_copies else self._with_current_versions(changes)), PAGE_SIZE
        ):
            self._take([key for key, _ in part], [key.key for key, is_recorded in part if is_recorded])

    def _with_current_versions(self, changes: Sequence[ObjectChange]) -> list[ObjectChange]:
        """Return the changes with the source's current versions, so that the success records cover these versions.

        A key for which OSS did not answer keeps its change.
        """
        sources = (
            self._invocation.source_bucket.try_find_all([change.key for change in changes])
            if self._can_look
            else changes
        )
        return [
            version_of(source) if isinstance(source, ObjectSummary) else change
            for change, source in zip(changes, sources, strict=True)
        ]

    def _read_failed_keys(self, changes: Sequence[ObjectChange]) -> list[tuple[FailedKey, bool]]:
        """Return a pair for each change: its key with the data of its failed record, and True if this record exists."""
        names = [record_name(self._task_id, "failed", change.key) for change in changes]
        records = {
            stored.name: stored for stored in self._bucket.try_get_all(names) if isinstance(stored, StoredObject)
        }
        failed_keys = [parse_failed_record(self._task_id, records[name]) if name in records else None for name in names]
        return [
            (failed.with_change(change) if failed else FailedKey(change), name in records)
            for change, name, failed in zip(changes, names, failed_keys, strict=True)
        ]

    def send_records(self, options: ReplayOptions) -> None:
        """Submit the keys of the failed records that `options` selects, by default of all.

        A run over all records continues where the last such run stopped, and starts over at the end. It also takes over
        the keys in earlier runs' files.

        Raises StorageError before any key is lost.
        """
        self._options = options
        state = self._state.load_as(ReplayState, "replay") or ReplayState()
        self._resting = RestingRecords(state.resting, self._invocation.clock)
        self._looks = True
        if options.is_whole:
            self._send_run_files(options.dry_run)
        keeps_position = options.is_whole and not options.dry_run
        after = self._send_pages(options, state.after if keeps_position else "")
        if keeps_position:
            self._store_state(after)

    def answer(self) -> ReplayAnswer:
        """Return the answer with the current counts of the run."""
        sender = self.sender
        return ReplayAnswer(
            taken=len(self._taken),
            accepted=sender.accepted,
            failed=sender.failed.total(),
            resolved=self._needless,
            left=len(self._left),
            oldest_failure=earliest_time(self._oldest, sender.oldest_failure) or None,
            by_reason=dict(sender.failed + self._by_reason),
            finished=self._all_read and not self._left and not sender.stopped,
            stop=sender.stopped and sender.stopped.stop,
            stopped=sender.stopped and sender.stopped.why,
            copies=self.copies,
            dry_run=self._options.dry_run,
            whole=self._options.is_whole,
            unreadable=self._unreadable,
        )

    def _send_pages(self, options: ReplayOptions, start: str) -> str:
        """Process failed records page by page; return the last processed name, or "" after a full round."""
        after, limit = start, options.limit
        for page, last in self._list_pages(options.prefix, start):
            # Keys are taken only while they can be submitted, because users read the records, not the run files.
            is_stopped = not options.dry_run and not self.sender.may_send()
            if is_stopped or (limit is not None and len(self._taken) >= limit):
                self._all_read = False
                return after
            keys = self._read_page(page, options)
            room = len(keys) if limit is None else limit - len(self._taken)
            if len(keys) > room:
                keys, self._all_read = keys[:room], False
            if options.dry_run:
                self._count_as_taken(keys)
            elif keys:
                self._take(keys, [key.key for key in keys])
            after = last
        return "" if self._all_read else after

    def _send_run_files(self, dry: bool) -> None:
        """Submit the keys in other runs' files, even of runs in progress, because a second submission is harmless.

        Keys outside the project's filter are submitted as well: they were inside when they were taken, before the
        filter changed, and have no other record.
        """
        for run_file in self._runs.read_other_runs():
            if isinstance(run_file, str):
                self._unreadable.append(run_file)
                self._all_read = False
            elif dry:
                self._count_as_taken(run_file.keys)
            elif not self.sender.may_send():
                self._leave(run_file.keys)
            elif run_file.lease_expired:
                # The keys are copied to a file of this run first, because two runs may take over the same file.
                own_file = self._runs.create(run_file.keys, run_file.in_doubt, self._lifetime)
                self._runs.remove(run_file)
                self._delete_and_send(own_file, run_file.keys, run_file.in_doubt)
            else:
                self._leave(self._send(run_file.keys, in_doubt=()))

    def _list_pages(self, prefix: str, start: str) -> Iterator[tuple[list[ObjectSummary], str]]:
        """Yield the pages of failed records after `start`, then those before it, each with its last name."""
        by_key, by_hash = (record_prefix(self._task_id, "failed", long=long) for long in (False, True))
        # OSS refuses to list a prefix that is longer than a name. All keys with such a prefix are long, and their
        # records are named by hashes.
        parts = [] if is_long(self._task_id, "failed", prefix) else [(by_key, f"{by_key}{prefix}")]
        parts.append((by_hash, by_hash))
        rounds = [(start, "")] + ([("", start)] if start else [])
        for begin, end in rounds:
            for root, part in parts:
                # The listing starts after the folder marker, an object of consoles that is not a record.
                after = begin if begin.startswith(part) else root
                has_more = begin.startswith(part) or begin < part
                while has_more:
                    if self._invocation.deadline.remaining() < min(_PAGE_SECONDS, self._lifetime / 4):
                        self._all_read = False
                        return
                    page = self._bucket.list_page(part, after)
                    records = [record for record in page.objects if not end or record.name <= end]
                    has_more = page.more and len(records) == len(page.objects)
                    if records:
                        after = records[-1].name
                        yield records, after

    def _read_page(self, page: Sequence[ObjectSummary], options: ReplayOptions) -> list[FailedKey]:
        """Read a page of records, and return the keys that this run has to submit."""
        due = [record for record in page if not (self._skips_resting and self._resting.is_resting(record))]
        full = [record.name for record in due if record.size]
        bodies = dict(zip(full, self._bucket.try_get_all(full), strict=True))
        keys: list[FailedKey] = []
        resting: list[tuple[FailedKey, ObjectSummary]] = []
        for record in due:
            body = bodies.get(record.name, StoredObject(record.name, b""))
            if isinstance(body, StorageError):
                if body.code != "NoSuchKey":  # another run has taken it
                    log.error({"record": record.name, "problem": str(body)})
                    self._all_read = False
                continue
            key = parse_failed_record(self._task_id, body)
            if key is None:
                log.error({"record": record.name, "problem": "contains no key: check the record, then delete it"})
            elif self._is_selected(key, options):
                if self._skips_resting and key.not_before > timestamp(self._invocation.clock.now()):
                    resting.append((key, record))
                else:
                    keys.append(key)
        return keys + self._pause_or_select(resting)

    def _pause_or_select(self, resting: Sequence[tuple[FailedKey, ObjectSummary]]) -> list[FailedKey]:
        """Let records rest until they are due; return the keys that need not wait.

        These are keys whose record is of another version than the source's. A late failure of a version may overwrite
        the record of the next version, and the next version must not wait for that.
        """
        keys = []
        sources = self._invocation.source_bucket.try_find_all([key.key for key, _ in resting]) if resting else []
        for (key, record), source in zip(resting, sources, strict=True):
            if isinstance(source, StorageError):
                continue  # the next run checks again
            if source and key.change == version_of(source):
                self._resting.pause_until(key.not_before, record)
            else:
                keys.append(key)
        return keys

    def _is_selected(self, key: FailedKey, options: ReplayOptions) -> bool:
        """Return True if the options and the trigger's filter select `key`, and this run has not taken it before."""
        has_prefix_and_reason = key.key.startswith(options.prefix) and options.reason in ("", key.reason_name)
        return (
            has_prefix_and_reason
            and self._invocation.settings.key_filter.matches(key.key)
            and key.key not in self._taken
        )

    def _take(self, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Write the keys to a run file, delete their records, and submit them. In this order, no key is lost."""
        self._delete_and_send(self._runs.create(keys, recorded, self._lifetime), keys, recorded)

    def _delete_and_send(self, run_file: RunFile, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Delete the failed records of the keys `recorded`, submit all `keys`, and keep remaining keys in the file."""
        in_doubt = self._delete(recorded)
        remaining = self._send(keys, in_doubt)
        self._runs.finish(run_file, remaining, in_doubt)
        self._leave(remaining)

    def _send(self, keys: Sequence[FailedKey], in_doubt: Collection[str]) -> list[FailedKey]:
        needless = self._find_needless(keys) if self._looks else set()
        self._needless += len(needless)
        remaining = self.sender.send([key for key in keys if key.key not in needless], in_doubt)
        # A late delete would remove the record of a later failure.
        remaining += [key for key in keys if key.key in needless and key.key in in_doubt]
        unsent = {key.key for key in remaining} - set(in_doubt)
        self._taken.update(key.key for key in keys if key.key not in unsent)
        return remaining

    def _find_needless(self, keys: Sequence[FailedKey]) -> set[str]:
        """Return the keys for which the source has no object to submit, after the delete of their failed records.

        The order matters: the record of a failure after the delete survives, and the object of an earlier failure is
        checked here.

        A key is needless only if the source has no such object, or has a symbolic link in its place. Neither the object
        in OBS nor a success record proves that: a late copy of an earlier version looks newer than the version that OMS
        never accepted, and a success record of equal contents may be of another write. A key that failed once is
        submitted without a check, because OMS checks it. An object that cannot be checked is submitted.
        """
        repeated_keys = [key.key for key in keys if key.has_failed_before]
        if not repeated_keys or not self._can_look:
            return set()
        sources = self._invocation.source_bucket.try_find_all(repeated_keys)
        failures = [error for error in sources if isinstance(error, StorageError)]
        if failures:
            self._can_look = any(failure.code != "AccessDenied" for failure in failures)
            log.info({"not_looked_at": len(failures), "problem": str(failures[0])})
        checked = (
            (key, listed_source)
            for key, listed_source in zip(repeated_keys, sources, strict=True)
            if not isinstance(listed_source, StorageError)
        )
        return {key for key, source in checked if reason_not_to_send(source)}

    def _delete(self, keys: Collection[str]) -> set[str]:
        """Delete failed records; return the keys whose delete may still arrive, because OSS did not answer."""
        key_of = {record_name(self._task_id, "failed", key): key for key in keys}
        problems = self._bucket.try_delete_all(list(key_of)) if key_of else {}
        counts = Counter(str(problem) for problem in problems.values() if problem)
        for problem, number in counts.items():
            log.error({"records_not_deleted": number, "problem": problem})
        return {key_of[name] for name, problem in problems.items() if problem and not problem.had_no_effect}

    def _store_state(self, after: str) -> None:
        """Store the position for the next run, the resting records, and the result of this run."""
        self._resting.pause_rejected(self.sender.rejected)
        last = to_json(ReplayRun(timestamp(self._invocation.clock.now()), self.answer()))
        # After a failure, the next run starts at the same position, and submits some keys twice.
        self._state.try_store("replay", to_json(ReplayState(after, self._resting.current_pauses(), last)))

    def _count_as_taken(self, keys: Sequence[FailedKey]) -> None:
        self._taken.update(key.key for key in keys)
        self._by_reason.update(key.reason_name for key in keys)
        self._oldest = earliest_time(self._oldest, *(key.first_failure for key in keys))

    def _leave(self, keys: Sequence[FailedKey]) -> None:
        self._left.update(key.key for key in keys)
        self._oldest = earliest_time(self._oldest, *(key.first_failure for key in keys))
