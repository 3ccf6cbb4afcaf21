"""What replay and reconcile remember between runs, beside the records in the log bucket.

oms_source_record/{task}/replay/{run}.json    a run file: keys that stand in no failed record while a run has them
oms_source_record/{task}/state/{job}.json     where the next run goes on, and how the last one ended
oms_source_record/{task}/state/installed.json when the project began to run for this task; behind this name and the
                                              job's a hash of prefix and suffix, where the project has any
oms_source_record/{task}/reconcile/{scope}/{pass}.json   how far a pass of reconcile is, and what it counted
"""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from oss_oms_sync import jsontext
from oss_oms_sync.clouds.oss import Bucket, Listed, Object
from oss_oms_sync.clouds.retry import Clock, Deadline
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.records import FailedKey, root, time_of, timestamp
from oss_oms_sync.passes.listing import Scope
from oss_oms_sync.settings import LONGEST_PERIOD, Settings

# After its time is up a run may still have a call on its way.
_GRACE = timedelta(minutes=1)
# A pass takes its time, so the next one may be that much later than its period.
_LATE = timedelta(days=1)
_JSON = {"Content-Type": "application/json"}

log = logging.getLogger("oss_oms_sync")


@dataclass(frozen=True)
class RunFile:
    """The keys of one replay. `held`: those whose failed record's delete may still land.

    `free`: the run that wrote it is over. Another may then take it: by copying it into a file of its own, never by
    writing it again, so that a file's delete that lands late takes nothing with it.
    """

    name: str
    keys: Sequence[FailedKey]
    held: Collection[str]
    free: bool


@dataclass(frozen=True)
class Pass:
    """One pass of reconcile through `source_bucket`: everything up to the key `after` is done. `ended` is empty while
    it goes on, `limited` says that no timer is to go on with it.

    Each has an object of its own, so that one that is still running when another is begun cannot touch that one.
    """

    name: str
    source_bucket: str
    scope: Scope
    started: str
    limited: bool
    after: str = ""
    ended: str = ""
    counts: Mapping[str, int] = field(default_factory=dict)

    def is_late(self, settings: Settings, now: datetime) -> bool:
        """Whether the next one should have begun long ago; where none is due by a timer, this one counts as long as it
        is not forgotten."""
        return self.started < timestamp(now - (settings.reconcile_period or LONGEST_PERIOD) - _LATE)


@dataclass(frozen=True)
class _Installation:
    """A note of when a project began to run. Prefix and suffix are empty where it names none."""

    at: datetime
    prefix: str
    suffix: str

    @classmethod
    def read(cls, note: Object) -> _Installation:
        match jsontext.load(note.body):
            case {"at": str(at), **rest} if time := time_of(at):
                return cls(time, str(rest.get("prefix", "")), str(rest.get("suffix", "")))
        raise StorageError(
            f"{note.name} in the log bucket is unreadable. Correct it to"
            ' {"at": "2026-01-31T00:00:00Z"} with the day of the installation'
        )

    def overlaps(self, prefix: str, suffix: str) -> bool:
        """Whether a key can begin and end both as this note's and so."""
        prefixes = prefix.startswith(self.prefix) or self.prefix.startswith(prefix)
        suffixes = suffix.endswith(self.suffix) or self.suffix.endswith(suffix)
        return prefixes and suffixes


class State:
    """The state of the jobs of one sync task."""

    def __init__(self, settings: Settings, log_bucket: Bucket, clock: Clock) -> None:
        self._settings = settings
        self._root = root(settings.task.task_id)
        self._bucket = log_bucket
        self._clock = clock

    def load(self, job: str, deadline: Deadline) -> dict[str, object]:
        """What the last run of `job` stored; empty where there is nothing readable. Raises StorageError."""
        body = self._bucket.get(self._name(job), deadline)
        value = jsontext.load(body or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it begins anew"})
            return {}
        return value

    def store(self, job: str, value: dict[str, object], deadline: Deadline) -> None:
        """Keeps `value` for the next run of `job`. Raises StorageError."""
        self._bucket.put(Object(self._name(job), jsontext.dump(value), _JSON), deadline)

    def _name(self, job: str) -> str:
        """Projects for the same task have different filters, and a state of their own each."""
        mine = [self._settings.object_prefix, self._settings.object_suffix]
        if any(mine):
            job += f"-{hashlib.sha256(jsontext.dump(mine)).hexdigest()[:16]}"
        return f"{self._root}state/{job}.json"

    def new_run(self, keys: Sequence[FailedKey], held: Collection[str], seconds: float, deadline: Deadline) -> RunFile:
        """Writes a run file of a run that lives `seconds` at most. Raises StorageError."""
        now = self._clock.now()
        name = f"{self._root}replay/{now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}.json"
        run = RunFile(name, keys, held, free=False)
        self._bucket.put(self._object(run, timestamp(now + timedelta(seconds=seconds) + _GRACE)), deadline)
        return run

    def leftover_runs(self, deadline: Deadline) -> Iterator[RunFile | None]:
        """The run files that earlier or other runs left, oldest first, one at a time for they are large; None for one
        that could not be read, which is reported. Raises StorageError."""
        for listed in list(self._listed("replay/", deadline)):
            (found,) = self._bucket.get_all([listed.name], deadline)
            if isinstance(found, Object):
                run = self._read(found)
                if run is None:
                    log.error({"run_file": found.name, "problem": "unreadable: look at it, and delete it when done"})
                yield run
            elif found.code != "NoSuchKey":  # that one is done with
                log.error({"run_file": listed.name, "problem": found.problem})
                yield None

    def finish(self, run: RunFile, left: Sequence[FailedKey], held: Collection[str], deadline: Deadline) -> None:
        """Shrinks the caller's own run file to what is `left`, for any run to take; deletes it when that is nothing.

        Keys `held` keep the file the caller's for a minute more: until then a delete may land. Where this fails the
        file stays as it was, and its keys are sent once more.
        """
        if not left:
            self.remove(run, deadline)
            return
        busy_until = timestamp(self._clock.now() + _GRACE) if held else ""
        (trouble,) = self._bucket.put_all([self._object(replace(run, keys=left, held=held), busy_until)], deadline)
        if trouble:
            log.error({"run_file": run.name, "problem": trouble.problem})

    def remove(self, run: RunFile, deadline: Deadline) -> None:
        """Deletes a run file whose keys all stand elsewhere. Where that fails they are sent once more."""
        (trouble,) = self._bucket.delete_all([run.name], deadline).values()
        if trouble:
            log.error({"run_file": run.name, "problem": trouble.problem})

    def _object(self, run: RunFile, busy_until: str) -> Object:
        entries = [{**key.to_json(), "held": key.key in run.held} for key in run.keys]
        return Object(run.name, jsontext.dump({"busy_until": busy_until, "keys": entries}), _JSON)

    def _read(self, found: Object) -> RunFile | None:
        match jsontext.load(found.body):
            case {"busy_until": str(busy_until), "keys": list(entries)}:
                keys = [FailedKey.from_json(entry) for entry in entries]
                if None in keys:
                    return None
                held = {entry["key"] for entry in entries if entry.get("held")}
                free = busy_until < timestamp(self._clock.now())
                return RunFile(found.name, [key for key in keys if key], held, free)
        return None

    def installed(self, deadline: Deadline, *, note: bool) -> datetime:
        """When the project began to run: now, which the first call notes if it may. Raises StorageError, also where
        a note is unreadable: to take another time for it would leave objects out for good.

        OSS lets the triggers of no two projects overlap, so a note whose filter overlaps with this project's is its
        own from before its filter was changed. So may be one without a filter, as older versions wrote it for all.
        """
        name = self._name("installed")
        own = self._bucket.get(name, deadline)
        if own is not None:
            return _Installation.read(Object(name, own)).at
        names = [one.name for one in self._listed("state/installed", deadline)]
        notes = [_Installation.read(one) for one in self._bucket.find_all(names, deadline) if one]
        prefix, suffix = self._settings.object_prefix, self._settings.object_suffix
        at = min((one.at for one in notes if one.overlaps(prefix, suffix)), default=self._clock.now())
        if note:
            value = {"at": timestamp(at), "prefix": prefix, "suffix": suffix}
            self._bucket.put(Object(name, jsontext.dump(value), _JSON), deadline)
        return at

    def new_pass(self, scope: Scope, limited: bool, deadline: Deadline) -> Pass:
        """Begins a pass. Raises StorageError."""
        now = self._clock.now()
        name = f"{self._passes(scope)}{now.strftime('%Y%m%dT%H%M%S.%fZ')}-{uuid.uuid4().hex[:8]}.json"
        begun = Pass(name, self._settings.source_bucket, scope, timestamp(now), limited)
        self.keep_pass(begun, deadline)
        return begun

    def passes(self, deadline: Deadline) -> list[Pass]:
        """This project's passes that are kept, in the order of their scopes and within a scope of their beginnings, but
        for those that are forgotten. Raises StorageError."""
        names = [one.name for one in self._listed("reconcile/", deadline) if not self._is_forgotten(one)]
        found = filter(None, self._bucket.find_all(names, deadline))  # the others were cleared away meanwhile
        read = [self._started_over(one) for one in map(_pass_from_json, found) if one]
        return [
            one
            for one in read
            if one.source_bucket == self._settings.source_bucket and one.scope.is_within(self._settings)
        ]

    def _started_over(self, one: Pass) -> Pass:
        """An open pass that an older version kept names no bucket: it is still asked for, but its position may be of
        another bucket. What such a pass says that is ended counts for none."""
        if one.source_bucket or one.ended:
            return one
        return replace(one, source_bucket=self._settings.source_bucket, after="", counts={})

    def keep_pass(self, one: Pass, deadline: Deadline) -> None:
        """Keeps how far a pass is. Raises StorageError: it then stays where it was."""
        self._bucket.put(Object(one.name, jsontext.dump(_pass_to_json(one)), _JSON), deadline)

    def finish_pass(self, one: Pass, deadline: Deadline) -> None:
        """Keeps a pass as ended, and clears away those before it and the forgotten ones. Raises StorageError where it
        is not kept."""
        self.keep_pass(replace(one, ended=timestamp(self._clock.now())), deadline)
        mine = self._passes(one.scope)
        try:
            listed = list(self._listed("reconcile/", deadline))
        except StorageError as error:  # then it is done after the next pass
            log.error({"passes": "not cleared away", "problem": str(error)})  # noqa: TRY400
            return
        over = [old.name for old in listed if mine < old.name < one.name or self._is_forgotten(old)]
        for name, trouble in self._bucket.delete_all(over, deadline).items():
            if trouble:
                log.error({"pass": name, "problem": trouble.problem})

    def _passes(self, scope: Scope) -> str:
        digest = hashlib.sha256(jsontext.dump(_scope_to_json(scope))).hexdigest()
        return f"{self._root}reconcile/{digest[:16]}/"

    def _listed(self, folder: str, deadline: Deadline) -> Iterator[Listed]:
        """What stands in one of the task's folders; not the empty object that consoles make of a folder itself."""
        name = f"{self._root}{folder}"
        return (one for one in self._bucket.listed(name, deadline) if one.name != name)

    def _is_forgotten(self, listed: Listed) -> bool:
        """Whether nobody went on with a pass for so long that the next is due by any period."""
        return listed.modified < (self._clock.now() - LONGEST_PERIOD).timestamp()


def _scope_to_json(scope: Scope) -> dict[str, object]:
    since = timestamp(scope.since) if scope.since else ""
    return {"prefix": scope.prefix, "suffix": scope.suffix, "since": since, "all": scope.everything}


def _pass_to_json(one: Pass) -> dict[str, object]:
    return {**asdict(one), "scope": _scope_to_json(one.scope)}


def _pass_from_json(found: Object) -> Pass | None:
    match jsontext.load(found.body):
        case {
            "scope": {"prefix": str(prefix), "suffix": str(suffix), "since": str(since), "all": bool(everything)},
            "started": str(started),
            "limited": bool(limited),
            "after": str(after),
            "ended": str(ended),
            "counts": dict(counts),
            **rest,
        } if time_of(since) or not since:
            scope = Scope(prefix, suffix, time_of(since), everything)
            return Pass(found.name, str(rest.get("source_bucket", "")), scope, started, limited, after, ended, counts)
    log.error({"pass": found.name, "problem": "unreadable, so another begins"})
    return None
