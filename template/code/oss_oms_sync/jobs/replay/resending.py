"""One run of replay: it resends keys of failed records, run files and envelopes without losing a newer failure.

A page of failed records is copied to a run file, then deleted, then submitted. A failure recorded before the delete is
covered by the submission; a failure recorded after it survives. A key leaves the run file only when OMS accepted it,
its failed record is back, or it is resolved, without an object to submit.
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
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, parts_of
from oss_oms_sync.delivery.sender import Sender, earliest_time
from oss_oms_sync.errors import UNKNOWN, PayloadError, Reason, StorageError, log
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.replay.resting import ReplayState, RestingRecords, nothing_to_send, version
from oss_oms_sync.ledger.records import FailedKey, failed_key
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles

# Minimum remaining seconds to begin a page, which has to be read, copied and deleted first.
_PAGE_SECONDS = 20.0


@dataclass(frozen=True)
class ReplayOptions:
    """Options of a payload: `keys` to submit unconditionally; or failed records, which a `dry_run` only counts."""

    prefix: str = ""
    reason: str = ""
    keys: list[str] | None = None
    limit: int | None = None
    dry_run: bool = False

    def __post_init__(self) -> None:
        """Check the reason.

        Raises PayloadError.
        """
        reasons = (*Reason.__members__, UNKNOWN)
        if self.reason and self.reason not in reasons:
            reason_names = ", ".join(reasons)
            raise PayloadError(f"The payload's reason is {self.reason!r}, which is none. There are {reason_names}")

    @property
    def is_whole(self) -> bool:
        """True if the run is for all records."""
        return replace(self, dry_run=False) == ReplayOptions()


class Replay:
    """A run of replay. `skips_resting`: it skips resting records."""

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
        # Named keys are submitted without a check of the source.
        self._looks = False
        self._needless = 0
        # Counts of the lines read in OMS's lists.
        self.copies: dict[str, object] | None = None
        self._taken: set[str] = set()
        self._left: set[str] = set()
        self._all_read = True
        self._unreadable: list[str] = []
        self._asked = ReplayOptions()
        # In a dry run, the keys to take, by reason; and the oldest failure of these and of the remaining keys.
        self._by_reason: Counter[str] = Counter()
        self._oldest = ""

    def send_named(self, changes: Sequence[ObjectChange], *, only_copies: bool) -> None:
        """Submit exactly these keys, with or without failed records.

        If nothing may be submitted, keys with `only_copies` (those of an envelope) are recorded as failed, because they
        have no other record.

        Raises StorageError before a key is lost, and RecordError: then Function Compute keeps the envelope.
        """
        self._asked = ReplayOptions(keys=[])
        # Checked once, because keys taken after a positive answer may have no other record.
        if not self.sender.may_send():
            if only_copies:
                self.sender.record_unsent([key for key, _ in self._named(changes)])
            return
        for part in parts_of(self._named(changes if only_copies else self._current(changes)), PAGE_SIZE):
            self._take([key for key, _ in part], [key.key for key, is_recorded in part if is_recorded])

    def _current(self, changes: Sequence[ObjectChange]) -> list[ObjectChange]:
        """Return the changes with the current versions of the source, so that the success records cover these versions.

        A key whose HEAD got no response has no version.
        """
        sources = (
            self._invocation.source_bucket.try_find_all([change.key for change in changes])
            if self._can_look
            else changes
        )
        return [
            version(source) if isinstance(source, ObjectSummary) else change
            for change, source in zip(changes, sources, strict=True)
        ]

    def _named(self, changes: Sequence[ObjectChange]) -> list[tuple[FailedKey, bool]]:
        """Return the keys with the facts of their failed records, each with True if it has such a record."""
        names = [record_name(self._task_id, "failed", change.key) for change in changes]
        records = {
            stored.name: stored for stored in self._bucket.try_get_all(names) if isinstance(stored, StoredObject)
        }
        failed_keys = [failed_key(self._task_id, records[name]) if name in records else None for name in names]
        return [
            (failed.of(change) if failed else FailedKey(change), name in records)
            for change, name, failed in zip(changes, names, failed_keys, strict=True)
        ]

    def send_records(self, asked: ReplayOptions) -> None:
        """Submit the keys of the failed records that `asked` selects, by default all.

        A run over all records continues after the last such run, starts over at the end, and takes over the keys in
        earlier runs' files.

        Raises StorageError before a key is lost.
        """
        self._asked = asked
        stored = self._state.recall(ReplayState, "replay") or ReplayState()
        self._resting = RestingRecords(stored.resting, self._invocation.clock)
        self._looks = True
        if asked.is_whole:
            self._leftovers(asked.dry_run)
        keeps_position = asked.is_whole and not asked.dry_run
        after = self._send_pages(asked, stored.after if keeps_position else "")
        if keeps_position:
            self._remember(after)

    def answer(self) -> ReplayAnswer:
        """Return the answer of the run with its current counts."""
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
            dry_run=self._asked.dry_run,
            whole=self._asked.is_whole,
            unreadable=self._unreadable,
        )

    def _send_pages(self, asked: ReplayOptions, start: str) -> str:
        """Process failed records page by page; return the last processed name, or empty after a full round."""
        after, limit = start, asked.limit
        for page, last in self._pages(asked.prefix, start):
            # Keys are taken only while they can be submitted, because users read the records, not the run files.
            is_stopped = not asked.dry_run and not self.sender.may_send()
            if is_stopped or (limit is not None and len(self._taken) >= limit):
                self._all_read = False
                return after
            keys = self._read(page, asked)
            room = len(keys) if limit is None else limit - len(self._taken)
            if len(keys) > room:
                keys, self._all_read = keys[:room], False
            if asked.dry_run:
                self._count_as_taken(keys)
            elif keys:
                self._take(keys, [key.key for key in keys])
            after = last
        return "" if self._all_read else after

    def _leftovers(self, dry: bool) -> None:
        """Submit keys in run files of earlier runs, also of runs in progress: a repeated submission is harmless.

        This includes keys outside the project's filter, which may have changed: the keys were inside when they were
        taken, and have no other record.
        """
        for run_file in self._runs.leftovers():
            if isinstance(run_file, str):
                self._unreadable.append(run_file)
                self._all_read = False
            elif dry:
                self._count_as_taken(run_file.keys)
            elif not self.sender.may_send():
                self._leave(run_file.keys)
            elif run_file.lease_expired:
                # Copied to a file of this run first, because two runs may take over the same file.
                mine = self._runs.new(run_file.keys, run_file.in_doubt, self._lifetime)
                self._runs.remove(run_file)
                self._settle(mine, run_file.keys, run_file.in_doubt)
            else:
                self._leave(self._send(run_file.keys, in_doubt=()))

    def _pages(self, prefix: str, start: str) -> Iterator[tuple[list[ObjectSummary], str]]:
        """Yield pages of failed records after `start`, then those before it, each with its last name."""
        by_key, by_hash = (record_prefix(self._task_id, "failed", long=long) for long in (False, True))
        # OSS refuses to list a prefix longer than a name; all keys with such a prefix have hashes in their records'
        # names.
        parts = [] if is_long(self._task_id, "failed", prefix) else [(by_key, f"{by_key}{prefix}")]
        parts.append((by_hash, by_hash))
        rounds = [(start, "")] + ([("", start)] if start else [])
        for begin, end in rounds:
            for root, part in parts:
                # Skips the folder marker, an object of consoles that is not a record.
                after = begin if begin.startswith(part) else root
                more = begin.startswith(part) or begin < part
                while more:
                    if self._invocation.deadline.remaining() < min(_PAGE_SECONDS, self._lifetime / 4):
                        self._all_read = False
                        return
                    page = self._bucket.list_page(part, after)
                    listed = [stored for stored in page.objects if not end or stored.name <= end]
                    more = page.more and len(listed) == len(page.objects)
                    if listed:
                        after = listed[-1].name
                        yield listed, after

    def _read(self, page: Sequence[ObjectSummary], asked: ReplayOptions) -> list[FailedKey]:
        """Read a page of records; return the keys that this run has to submit."""
        due = [listed for listed in page if not (self._skips_resting and self._resting.holds(listed))]
        full = [listed.name for listed in due if listed.size]
        bodies = dict(zip(full, self._bucket.try_get_all(full), strict=True))
        keys: list[FailedKey] = []
        resting: list[tuple[FailedKey, ObjectSummary]] = []
        for listed in due:
            body = bodies.get(listed.name, StoredObject(listed.name, b""))
            if isinstance(body, StorageError):
                if body.code != "NoSuchKey":  # another run has taken it
                    log.error({"record": listed.name, "problem": str(body)})
                    self._all_read = False
                continue
            key = failed_key(self._task_id, body)
            if key is None:
                log.error({"record": listed.name, "problem": "contains no key: check the record, then delete it"})
            elif self._matches(key, asked):
                if self._skips_resting and key.not_before > timestamp(self._invocation.clock.now()):
                    resting.append((key, listed))
                else:
                    keys.append(key)
        return keys + self._rested(resting)

    def _rested(self, resting: Sequence[tuple[FailedKey, ObjectSummary]]) -> list[FailedKey]:
        """Pause records until they are due; return the keys with a record of another version than the source's.

        A late failure of a version may overwrite the record of the next version, which does not wait for it.
        """
        keys = []
        sources = self._invocation.source_bucket.try_find_all([key.key for key, _ in resting]) if resting else []
        for (key, listed), source in zip(resting, sources, strict=True):
            if isinstance(source, StorageError):
                continue  # the next run checks again
            if source and key.change == version(source):
                self._resting.until(key.not_before, listed)
            else:
                keys.append(key)
        return keys

    def _matches(self, key: FailedKey, asked: ReplayOptions) -> bool:
        """Return True if `asked` and the trigger's filter match `key`, and this run has not submitted it before."""
        chosen = key.key.startswith(asked.prefix) and asked.reason in ("", key.reason_name)
        return chosen and self._invocation.settings.key_filter.matches(key.key) and key.key not in self._taken

    def _take(self, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Write the keys to a run file, delete their records, then submit: in this order, no key is lost."""
        self._settle(self._runs.new(keys, recorded, self._lifetime), keys, recorded)

    def _settle(self, run_file: RunFile, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Delete the failed records of the keys `recorded`, submit all `keys`, and keep the others in the file."""
        in_doubt = self._delete(recorded)
        left = self._send(keys, in_doubt)
        self._runs.finish(run_file, left, in_doubt)
        self._leave(left)

    def _send(self, keys: Sequence[FailedKey], in_doubt: Collection[str]) -> list[FailedKey]:
        needless = self._needless_among(keys) if self._looks else set()
        self._needless += len(needless)
        left = self.sender.send([key for key in keys if key.key not in needless], in_doubt)
        # A late delete would remove the record of a later failure.
        left += [key for key in keys if key.key in needless and key.key in in_doubt]
        unsent = {key.key for key in left} - set(in_doubt)
        self._taken.update(key.key for key in keys if key.key not in unsent)
        return left

    def _needless_among(self, keys: Sequence[FailedKey]) -> set[str]:
        """Return the keys without an object to submit. Their failed records have to be deleted before.

        After the delete, a later failure's record survives, and the object of an earlier failure is checked here.

        A key has nothing to submit only if the source has no such object, or a symbolic link in its place. Neither the
        object in OBS nor a success record settles a failed record: a late copy of an earlier version looks newer than
        the version that OMS never accepted, and a success record of equal contents may be of another write. A key that
        failed once is submitted without a check, because OMS checks it. An object that cannot be checked is submitted.
        """
        asked = [key.key for key in keys if key.failed_again]
        if not asked or not self._can_look:
            return set()
        sources = self._invocation.source_bucket.try_find_all(asked)
        failures = [error for error in sources if isinstance(error, StorageError)]
        if failures:
            self._can_look = any(failure.code != "AccessDenied" for failure in failures)
            log.info({"not_looked_at": len(failures), "problem": str(failures[0])})
        looked_at = (
            (key, listed) for key, listed in zip(asked, sources, strict=True) if not isinstance(listed, StorageError)
        )
        return {key for key, source in looked_at if nothing_to_send(source)}

    def _delete(self, keys: Collection[str]) -> set[str]:
        """Delete failed records; return the keys in doubt, whose delete may still arrive."""
        key_of = {record_name(self._task_id, "failed", key): key for key in keys}
        problems = self._bucket.try_delete_all(list(key_of)) if key_of else {}
        counts = Counter(str(problem) for problem in problems.values() if problem)
        for problem, times in counts.items():
            log.error({"records_not_deleted": times, "problem": problem})
        return {key_of[name] for name, problem in problems.items() if problem and not problem.had_no_effect}

    def _remember(self, after: str) -> None:
        """Store the position for the next run, the resting keys, and the result of this run."""
        self._resting.reject(self.sender.rejected)
        last = to_json(ReplayRun(timestamp(self._invocation.clock.now()), self.answer()))
        # After a failure, the next run starts at the same position, and submits some keys twice.
        self._state.try_store("replay", to_json(ReplayState(after, self._resting.kept(), last)))

    def _count_as_taken(self, keys: Sequence[FailedKey]) -> None:
        self._taken.update(key.key for key in keys)
        self._by_reason.update(key.reason_name for key in keys)
        self._oldest = earliest_time(self._oldest, *(key.first_failure for key in keys))

    def _leave(self, keys: Sequence[FailedKey]) -> None:
        self._left.update(key.key for key in keys)
        self._oldest = earliest_time(self._oldest, *(key.first_failure for key in keys))
