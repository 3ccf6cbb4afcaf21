"""Resends every key in `failed_object/`, and never loses one that fails again in the meantime.

The timer's runs first read OMS's lists of what it failed to copy, which gives failed records.

A page of failed records is written into a run file; then the records are deleted; then the keys are submitted. A
failure recorded before the delete is covered by the submission after it; one recorded after the delete survives. A key
leaves the run file only when it is accepted, has a failed record again, or is resolved (see `resolved`).
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from oss_oms_sync import events, options
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.bucket import PAGE_SIZE
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure, StoredObject
from oss_oms_sync.delivery.sender import Sender, earliest
from oss_oms_sync.errors import EventError, PayloadError, StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.jobs.replay.resolved import Resolved
from oss_oms_sync.jobs.replay.resting import Resting, version
from oss_oms_sync.jobs.replay.result import ReplayResult
from oss_oms_sync.jobs.replay.selection import Selection, changes_of
from oss_oms_sync.jobs.replay.turn import Turn
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey, failed_key, is_long, record_name, record_prefix
from oss_oms_sync.ledger.runs import RunFile, RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.settings import Settings
from oss_oms_sync.stop import Stop, Stopped

OPTIONS: dict[str, type] = {"prefix": str, "reason": str, "keys": list, "limit": int, "dry_run": bool}

# With less time left than this, no page is begun: it has to be read, written down and deleted first.
_PAGE_SECONDS = 20.0

log = logging.getLogger(__name__)


def run(event: bytes | str, invocation: Invocation) -> ReplayResult:
    """Make one run, as `event` asks: a timer event, OPTIONS in a manual call, or an `onFailure` envelope of `forward`.

    Raises PayloadError, EventError if an envelope is partly unreadable (the rest is sent first), and StorageError if
    the log bucket does not let it work: every key is then where it was, or in a run file.
    """
    JobState(invocation).note_timer("replay", event)
    by_timer = events.is_timer_event(event)
    if by_timer:
        Closing(invocation).establish()
    # Whoever calls by hand, or for a cutover, does so to have everything sent.
    this = Replay(invocation, lets_rest=by_timer)
    problems = _dispatch(event, this, invocation.settings)
    result = this.result()
    log.info(result.to_json())
    if problems:
        raise EventError(problems)
    return result


def _dispatch(event: bytes | str, replay: Replay, settings: Settings) -> Sequence[str]:
    """Send what `event` asks for; return what could not be read of it."""
    if events.is_failure_envelope(event):
        parsed = events.parse(event, settings)
        replay.send_envelope(parsed.changes)
        return parsed.problems
    asked = options.parse(event, OPTIONS)
    if "keys" not in asked:
        selection = Selection.parse(asked)
        if events.is_timer_event(event) and selection.is_whole and not selection.dry_run:
            replay.take_turn()
        else:
            replay.send_records(selection)
    elif len(asked) > 1:
        raise PayloadError("The payload asks for keys and for something else: keys are sent as they are")
    else:
        replay.send_changes(changes_of(asked["keys"], settings))
    return ()


class Replay:
    """One run. `lets_rest`: it passes over the failed records that rest."""

    def __init__(self, invocation: Invocation, *, lets_rest: bool) -> None:
        self._invocation = invocation
        self._key_filter = invocation.settings.key_filter
        self._task_id = invocation.task_id
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock
        self._deadline = invocation.deadline
        self._lifetime = invocation.deadline.remaining()
        self._sender = Sender(invocation)
        self._state = JobState(invocation)
        self._runs = RunFiles(invocation)
        self._resting = Resting({}, invocation.clock)
        self._lets_rest = lets_rest
        self._resolved = Resolved(invocation)
        # Keys that are named are sent without a look.
        self._looks = False
        self._needless = 0
        self._copies: dict[str, object] | None = None
        self._taken: set[str] = set()
        self._left: set[str] = set()
        self._all_read = True
        # What a dry run would take, by reason; the oldest failure of that, and of what is left.
        self._by_reason: Counter[str] = Counter()
        self._oldest = ""

    def send_envelope(self, changes: Sequence[ObjectChange]) -> None:
        """Send the keys of an envelope; record them as failed if the project is closed.

        Raises RecordError, and StorageError: then Function Compute keeps the envelope.
        """
        # Asked once: whoever was told yes has keys in hand that stand nowhere else.
        if self._sender.may_send():
            self._send_named(changes)
        else:
            self._sender.record_unsent([key for key, _ in self._named(changes)])

    def take_turn(self) -> None:
        """Do what the timer is for, unless an earlier run is still at it: record failed copies, and send all records.

        Raises StorageError before anything is lost.
        """
        turn = Turn(self._invocation)
        if not turn.take():
            self._sender.stopped = Stopped(Stop.BUSY, "an earlier run is still sending")
            return
        try:
            self.record_failed_copies()
            self.send_records(Selection.parse({}))
        finally:
            turn.give_back()

    def record_failed_copies(self) -> None:
        """Write failed records for what OMS failed to copy, by its lists.

        Raises StorageError before anything is lost.
        """
        # Imported here because no other call needs it, nor the client of OBS.
        from oss_oms_sync.jobs.replay.failed_copies import FailedCopies

        self._copies = FailedCopies(self._invocation).record()

    def send_changes(self, changes: Sequence[ObjectChange]) -> None:
        """Send exactly these keys, with or without failed records; none if the project is closed.

        Raises StorageError before anything is lost.
        """
        if self._sender.may_send():
            self._send_named(changes)

    def _send_named(self, changes: Sequence[ObjectChange]) -> None:
        named = self._named(changes)
        for start in range(0, len(named), PAGE_SIZE):
            some = named[start : start + PAGE_SIZE]
            self._take([key for key, _ in some], [key.key for key, is_recorded in some if is_recorded])

    def _named(self, changes: Sequence[ObjectChange]) -> list[tuple[FailedKey, bool]]:
        """Keys with what their failed records know of them, and whether they have one."""
        names = [record_name(self._task_id, "failed", change.key) for change in changes]
        found = {one.name: one for one in self._bucket.try_get_all(names) if isinstance(one, StoredObject)}
        named = []
        for change, name in zip(changes, names, strict=True):
            known = failed_key(self._task_id, found[name]) if name in found else None
            named.append((known.of(change) if known else FailedKey(change), name in found))
        return named

    def send_records(self, selection: Selection) -> None:
        """Send the keys of the failed records: all, or those of the `selection`.

        A run without a selection continues after the last such run, starts over at the end, and takes over what earlier
        runs left in their run files.

        Raises StorageError before anything is lost.
        """
        stored = self._state.load("replay")
        self._resting = Resting(stored, self._clock)
        self._looks = True
        if selection.is_whole:
            self._leftovers(selection.dry_run)
        keeps_position = selection.is_whole and not selection.dry_run
        after = self._send_pages(selection, str(stored.get("after") or "") if keeps_position else "")
        if keeps_position:
            self._remember(after)

    def result(self) -> ReplayResult:
        """What the run did so far."""
        sender = self._sender
        return ReplayResult(
            taken=len(self._taken),
            accepted=sender.accepted,
            failed=sender.failed.total(),
            resolved=self._needless,
            left=len(self._left),
            oldest_failure=earliest(self._oldest, sender.oldest_failure) or None,
            by_reason=dict(sender.failed + self._by_reason),
            finished=self._all_read and not self._left and not sender.stopped,
            stopped=sender.stopped,
            copies=self._copies,
        )

    def _send_pages(self, selection: Selection, start: str) -> str:
        """Process page after page of failed records; return the last name handled, or empty after a full round."""
        after, limit = start, selection.limit
        for page, last in self._pages(selection.prefix, start):
            # Nothing is taken while it cannot be sent: people look for failed keys in the records, not in run files.
            is_stopped = not selection.dry_run and not self._sender.may_send()
            if is_stopped or (limit is not None and len(self._taken) >= limit):
                self._all_read = False
                return after
            keys = self._read(page, selection)
            room = len(keys) if limit is None else limit - len(self._taken)
            if len(keys) > room:
                keys, self._all_read = keys[:room], False
            if selection.dry_run:
                self._would_take(keys)
            elif keys:
                self._take(keys, [key.key for key in keys])
            after = last
        return "" if self._all_read else after

    def _leftovers(self, dry: bool) -> None:
        """Send what earlier runs left, or what another run has in hand: sending twice is harmless.

        That includes keys outside this project's filter, which may have changed: the keys were inside when they were
        taken, and are recorded nowhere else.
        """
        for run_file in self._runs.leftovers():
            if run_file is None:
                self._all_read = False
            elif dry:
                self._would_take(run_file.keys)
            elif not self._sender.may_send():
                self._leave(run_file.keys)
            elif run_file.lease_expired:
                # First in a file of this run's own, because two runs may take over the same one.
                mine = self._runs.new(run_file.keys, run_file.in_doubt, self._lifetime)
                self._runs.remove(run_file)
                self._settle(mine, run_file.keys, run_file.in_doubt)
            else:
                self._leave(self._send(run_file.keys, in_doubt=()))

    def _pages(self, prefix: str, start: str) -> Iterator[tuple[list[ObjectSummary], str]]:
        """Pages of failed records after `start`, then those before it, each with the last name on it."""
        by_key, by_hash = (record_prefix(self._task_id, "failed", long=long) for long in (False, True))
        # OSS refuses to list a prefix longer than a name; all keys with such a prefix have records named by hash.
        parts = [] if is_long(self._task_id, "failed", prefix) else [(by_key, f"{by_key}{prefix}")]
        parts.append((by_hash, by_hash))
        rounds = [(start, "")] + ([("", start)] if start else [])
        for begin, end in rounds:
            for root, part in parts:
                # After the folder marker, which consoles create, and which is not a record.
                after = begin if begin.startswith(part) else root
                more = begin.startswith(part) or begin < part
                while more:
                    if self._deadline.remaining() < min(_PAGE_SECONDS, self._lifetime / 4):
                        self._all_read = False
                        return
                    page = self._bucket.list_page(part, after)
                    listed = [one for one in page.objects if not end or one.name <= end]
                    more = page.more and len(listed) == len(page.objects)
                    if listed:
                        after = listed[-1].name
                        yield listed, after

    def _read(self, page: Sequence[ObjectSummary], selection: Selection) -> list[FailedKey]:
        """Read a page of records; return the keys that this run has to send."""
        due = [one for one in page if not (self._lets_rest and self._resting.holds(one))]
        full = [one.name for one in due if one.size]
        bodies = dict(zip(full, self._bucket.try_get_all(full), strict=True))
        keys: list[FailedKey] = []
        resting: list[tuple[FailedKey, ObjectSummary]] = []
        for one in due:
            body = bodies.get(one.name, StoredObject(one.name, b""))
            if isinstance(body, StorageFailure):
                if body.code != "NoSuchKey":  # another run has it
                    log.error({"record": one.name, "problem": body.message})
                    self._all_read = False
                continue
            key = failed_key(self._task_id, body)
            if key is None:
                log.error({"record": one.name, "problem": "names no key: look at it, and delete it when done"})
            elif self._matches(key, selection):
                if self._lets_rest and key.not_before > timestamp(self._clock.now()):
                    resting.append((key, one))
                else:
                    keys.append(key)
        return keys + self._rested(resting)

    def _rested(self, resting: Sequence[tuple[FailedKey, ObjectSummary]]) -> list[FailedKey]:
        """Let records rest that say when they are due; return the keys of those about another version than the source
        has: a late failure of one may be written over that of the next, which does not wait for it."""
        keys = []
        sources = self._invocation.source_bucket.try_find_all([key.key for key, _ in resting]) if resting else []
        for (key, one), source in zip(resting, sources, strict=True):
            if isinstance(source, StorageFailure):
                continue  # the next run looks again
            if source and key.change == version(source):
                self._resting.until(key.not_before, one)
            else:
                keys.append(key)
        return keys

    def _matches(self, key: FailedKey, selection: Selection) -> bool:
        """Whether `key` is selected, passes the trigger's filter, and was not sent by this run before."""
        chosen = key.key.startswith(selection.prefix) and selection.reason in ("", key.reason)
        return chosen and self._key_filter.matches(key.key) and key.key not in self._taken

    def _take(self, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Write the keys into a run file, delete their records, then send: in this order, nothing is lost."""
        self._settle(self._runs.new(keys, recorded, self._lifetime), keys, recorded)

    def _settle(self, run_file: RunFile, keys: Sequence[FailedKey], recorded: Collection[str]) -> None:
        """Delete the failed records of the keys `recorded`, send all `keys`, and keep in the run file what is left."""
        in_doubt = self._delete(recorded)
        left = self._send(keys, in_doubt)
        self._runs.finish(run_file, left, in_doubt)
        self._leave(left)

    def _send(self, keys: Sequence[FailedKey], in_doubt: Collection[str]) -> list[FailedKey]:
        needless = self._resolved.among(keys) if self._looks else set()
        self._needless += len(needless)
        left = self._sender.send([key for key in keys if key.key not in needless], in_doubt)
        # A delete that may still land would take a record of a later failure with it.
        left += [key for key in keys if key.key in needless and key.key in in_doubt]
        unsent = {key.key for key in left} - set(in_doubt)
        self._taken.update(key.key for key in keys if key.key not in unsent)
        return left

    def _delete(self, keys: Collection[str]) -> set[str]:
        """Delete failed records; return the keys in doubt, whose delete may still land."""
        key_of = {record_name(self._task_id, "failed", key): key for key in keys}
        problems = self._bucket.try_delete_all(list(key_of)) if key_of else {}
        counts = Counter(problem.message for problem in problems.values() if problem)
        for problem, times in counts.items():
            log.error({"records_not_deleted": times, "problem": problem})
        return {key_of[name] for name, problem in problems.items() if problem and not problem.answered}

    def _remember(self, after: str) -> None:
        """Store where the next run continues, which keys rest, and how this run ended."""
        self._resting.reject(self._sender.rejected)
        last = {"at": timestamp(self._clock.now()), "result": self.result().to_json()}
        state = {"after": after, **self._resting.to_json(), "last": last}
        try:
            self._state.store("replay", state)
        except StorageError as error:
            # The next run starts where this one did: some keys are sent twice.
            log.error({"state": "not stored", "problem": str(error)})  # noqa: TRY400

    def _would_take(self, keys: Sequence[FailedKey]) -> None:
        for key in keys:
            self._taken.add(key.key)
            self._by_reason[key.reason or "UNKNOWN"] += 1
            self._oldest = earliest(self._oldest, key.first_failure)

    def _leave(self, keys: Sequence[FailedKey]) -> None:
        for key in keys:
            self._left.add(key.key)
            self._oldest = earliest(self._oldest, key.first_failure)
