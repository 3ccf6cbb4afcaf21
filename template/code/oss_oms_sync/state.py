"""What replay and reconcile remember between runs, beside the records in the log bucket.

oms_source_record/{task}/replay/{run}.json    a run file: keys that stand in no failed record while a run has them
oms_source_record/{task}/state/{job}.json     where the next run goes on, and how the last one ended
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from . import jsontext
from .bucket import Bucket, Object
from .events import RECORD_ROOT
from .records import FailedKey, timestamp
from .retry import Clock, Deadline

# After its time is up a run may still have a call on its way.
_GRACE = timedelta(minutes=1)
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


class State:
    """The state of the jobs of one sync task."""

    def __init__(self, task_id: str, log_bucket: Bucket, clock: Clock) -> None:
        self._root = f"{RECORD_ROOT}{task_id}/"
        self._bucket = log_bucket
        self._clock = clock

    def load(self, job: str, deadline: Deadline) -> dict[str, object]:
        """What the last run of `job` stored; empty where there is nothing readable. Raises StorageError."""
        body = self._bucket.get(f"{self._root}state/{job}.json", deadline)
        value = jsontext.load(body or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it begins anew"})
            return {}
        return value

    def store(self, job: str, value: dict[str, object], deadline: Deadline) -> None:
        """Keeps `value` for the next run of `job`. Raises StorageError."""
        self._bucket.put(Object(f"{self._root}state/{job}.json", jsontext.dump(value), _JSON), deadline)

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
        for listed in self._bucket.page(f"{self._root}replay/", "", deadline).objects:
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
