"""Replay's run files: keys that are in no failed record while a run has them.

oms_source_record/{task}/replay/{run}.json
"""

from __future__ import annotations

import logging
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from oss_oms_sync import jsontext
from oss_oms_sync.clock import Clock, Deadline, timestamp
from oss_oms_sync.clouds.oss import Bucket, StoredObject
from oss_oms_sync.ledger.records import FailedKey, record_root
from oss_oms_sync.settings import Settings

# After its time is up a run may still have a call on its way.
_GRACE = timedelta(minutes=1)
_JSON = {"Content-Type": "application/json"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunFile:
    """The keys of one replay. `in_doubt`: those whose failed record's delete may still land.

    `lease_expired`: the run that wrote it is over. Another may then take it: by copying it into a file of its own,
    never by writing it again, so that a file's delete that lands late takes nothing with it.
    """

    name: str
    keys: Sequence[FailedKey]
    in_doubt: Collection[str]
    lease_expired: bool


class RunFiles:
    """The run files of one sync task."""

    def __init__(self, settings: Settings, log_bucket: Bucket, clock: Clock) -> None:
        self._folder = f"{record_root(settings.task.task_id)}replay/"
        self._bucket = log_bucket
        self._clock = clock

    def new(self, keys: Sequence[FailedKey], in_doubt: Collection[str], seconds: float, deadline: Deadline) -> RunFile:
        """Writes a run file of a run that lives `seconds` at most. Raises StorageError."""
        now = self._clock.now()
        name = f"{self._folder}{now.strftime('%Y%m%dT%H%M%SZ')}-{uuid.uuid4().hex[:8]}.json"
        run = RunFile(name, keys, in_doubt, lease_expired=False)
        self._bucket.put(self._object(run, timestamp(now + timedelta(seconds=seconds) + _GRACE)), deadline)
        return run

    def leftovers(self, deadline: Deadline) -> Iterator[RunFile | None]:
        """The run files that earlier or other runs left, oldest first, one at a time for they are large; None for one
        that could not be read, which is reported. Raises StorageError."""
        for listed in list(self._bucket.iter_folder(self._folder, deadline)):
            (found,) = self._bucket.try_get_all([listed.name], deadline)
            if isinstance(found, StoredObject):
                run = self._read(found)
                if run is None:
                    log.error({"run_file": found.name, "problem": "unreadable: look at it, and delete it when done"})
                yield run
            elif found.code != "NoSuchKey":  # that one is done with
                log.error({"run_file": listed.name, "problem": found.message})
                yield None

    def finish(self, run: RunFile, left: Sequence[FailedKey], in_doubt: Collection[str], deadline: Deadline) -> None:
        """Shrinks the caller's own run file to what is `left`, for any run to take; deletes it when that is nothing.

        Keys `in_doubt` keep the file the caller's for a minute more: until then a delete may land. Where this fails the
        file stays as it was, and its keys are sent once more.
        """
        if not left:
            self.remove(run, deadline)
            return
        busy_until = timestamp(self._clock.now() + _GRACE) if in_doubt else ""
        (problem,) = self._bucket.try_put_all(
            [self._object(replace(run, keys=left, in_doubt=in_doubt), busy_until)], deadline
        )
        if problem:
            log.error({"run_file": run.name, "problem": problem.message})

    def remove(self, run: RunFile, deadline: Deadline) -> None:
        """Deletes a run file whose keys all stand elsewhere. Where that fails they are sent once more."""
        (problem,) = self._bucket.try_delete_all([run.name], deadline).values()
        if problem:
            log.error({"run_file": run.name, "problem": problem.message})

    def _object(self, run: RunFile, busy_until: str) -> StoredObject:
        entries = [{**key.to_json(), "held": key.key in run.in_doubt} for key in run.keys]
        return StoredObject(run.name, jsontext.dump({"busy_until": busy_until, "keys": entries}), _JSON)

    def _read(self, found: StoredObject) -> RunFile | None:
        match jsontext.load(found.body):
            case {"busy_until": str(busy_until), "keys": list(entries)}:
                keys = [FailedKey.from_json(entry) for entry in entries]
                if None in keys:
                    return None
                in_doubt = {entry["key"] for entry in entries if entry.get("held")}
                lease_expired = busy_until < timestamp(self._clock.now())
                return RunFile(found.name, [key for key in keys if key], in_doubt, lease_expired)
        return None
