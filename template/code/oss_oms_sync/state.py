"""What replay and reconcile remember between runs, beside the records in the log bucket.

oms_source_record/{task}/replay/{run}.json    a run file: keys that stand in no failed record while a run has them
oms_source_record/{task}/state/{job}.json     where the next run goes on, and how the last one ended
"""

from __future__ import annotations

import json
import logging
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

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
    """The keys of one replay. `held`: those whose failed record's delete was not answered and may still land.

    `free`: the run that wrote it is over, so that another may shrink or delete it.
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
        value = _json(body or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it begins anew"})
            return {}
        return value

    def store(self, job: str, value: dict[str, object], deadline: Deadline) -> None:
        """Keeps `value` for the next run of `job`. Raises StorageError."""
        self._bucket.put(Object(f"{self._root}state/{job}.json", _bytes(value), _JSON), deadline)

    def new_run(self, keys: Sequence[FailedKey], seconds: float, deadline: Deadline) -> RunFile:
        """Writes a run file of a run that lives `seconds` at most. Raises StorageError."""
        now = self._clock.now()
        name = f"{self._root}replay/{now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}.json"
        run = RunFile(name, keys, (), free=False)
        self._bucket.put(self._object(run, timestamp(now + timedelta(seconds=seconds) + _GRACE)), deadline)
        return run

    def leftover_runs(self, deadline: Deadline) -> list[RunFile]:
        """The run files that earlier or other runs left, oldest first; unreadable ones are reported and skipped."""
        listed = self._bucket.page(f"{self._root}replay/", "", deadline).objects
        runs = []
        for found in self._bucket.get_all([one.name for one in listed], deadline):
            run = self._read(found) if isinstance(found, Object) else None
            if run:
                runs.append(run)
            elif isinstance(found, Object):
                log.error({"run_file": found.name, "problem": "unreadable: look at it, and delete it when done"})
        return runs

    def finish(self, run: RunFile, left: Sequence[FailedKey], held: Collection[str], deadline: Deadline) -> None:
        """Shrinks a run file to what is `left`, for any run to take up; deletes it when that is nothing.

        Where that fails the file stays as it was, and its keys are sent once more.
        """
        if left:
            (trouble,) = self._bucket.put_all([self._object(replace(run, keys=left, held=held), "")], deadline)
        else:
            (trouble,) = self._bucket.delete_all([run.name], deadline).values()
        if trouble:
            log.error({"run_file": run.name, "problem": trouble.problem})

    def _object(self, run: RunFile, busy_until: str) -> Object:
        entries = [{**key.to_json(), "held": key.key in run.held} for key in run.keys]
        return Object(run.name, _bytes({"busy_until": busy_until, "keys": entries}), _JSON)

    def _read(self, found: Object) -> RunFile | None:
        match _json(found.body):
            case {"busy_until": str(busy_until), "keys": list(entries)}:
                keys = [FailedKey.from_json(entry) for entry in entries]
                if None in keys:
                    return None
                held = {entry["key"] for entry in entries if entry.get("held")}
                free = busy_until < timestamp(self._clock.now())
                return RunFile(found.name, [key for key in keys if key], held, free)
        return None


def _bytes(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _json(body: bytes) -> object:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None
