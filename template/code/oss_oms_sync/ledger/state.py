"""What the jobs remember between runs, in the log bucket beside the records.

oms_source_record/{task}/state/{job}.json        where the next run goes on, and how the last one ended
oms_source_record/{task}/state/installed.json    when the project began to run for this task

After `installed` and the job's name follows a hash of prefix and suffix, where the project has any.
"""

from __future__ import annotations

import hashlib
import logging
from dataclasses import asdict, dataclass
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import record_root

_JSON = {"Content-Type": "application/json"}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class _Installation:
    """A note of when a project began to run. Its filter is empty where it names none."""

    at: datetime
    key_filter: KeyFilter

    @classmethod
    def read(cls, note: StoredObject) -> _Installation:
        match jsontext.load(note.body):
            case {"at": str(at), **rest} if time := parse_time(at):
                return cls(time, KeyFilter(str(rest.get("prefix", "")), str(rest.get("suffix", ""))))
        raise StorageError(
            f"{note.name} in the log bucket is unreadable. Correct it to"
            ' {"at": "2026-01-31T00:00:00Z"} with the day of the installation'
        )


class JobState:
    """The state of the jobs of one project."""

    def __init__(self, invocation: Invocation) -> None:
        self._key_filter = invocation.settings.key_filter
        self._folder = f"{record_root(invocation.task_id)}state/"
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def load(self, job: str) -> dict[str, object]:
        """What the last run of `job` stored; empty where there is nothing readable. Raises StorageError."""
        body = self._bucket.get(self._name(job))
        value = jsontext.load(body or b"{}")
        if not isinstance(value, dict):
            log.error({"state": job, "problem": "unreadable, so it begins anew"})
            return {}
        return value

    def store(self, job: str, value: dict[str, object]) -> None:
        """Keeps `value` for the next run of `job`. Raises StorageError."""
        self._bucket.put(StoredObject(self._name(job), jsontext.dump(value), _JSON))

    def _name(self, job: str) -> str:
        """Projects for the same task have different filters, and a state of their own each."""
        mine = [self._key_filter.prefix, self._key_filter.suffix]
        if any(mine):
            job += f"-{hashlib.sha256(jsontext.dump(mine)).hexdigest()[:16]}"
        return f"{self._folder}{job}.json"

    def installed(self, *, note: bool) -> datetime:
        """When the project began to run: now, which the first call notes if it may. Raises StorageError, also where
        a note is unreadable: to take another time for it would leave objects out for good.

        OSS lets the triggers of no two projects overlap, so a note whose filter overlaps with this project's is its
        own from before its filter was changed. So may be one without a filter, as older versions wrote it for all.
        """
        name = self._name("installed")
        own = self._bucket.get(name)
        if own is not None:
            return _Installation.read(StoredObject(name, own)).at
        names = [one.name for one in self._bucket.iter_objects(f"{self._folder}installed")]
        notes = [_Installation.read(one) for one in self._bucket.get_all(names) if one]
        at = min((one.at for one in notes if one.key_filter.overlaps(self._key_filter)), default=self._clock.now())
        if note:
            value = {"at": timestamp(at), **asdict(self._key_filter)}
            self._bucket.put(StoredObject(name, jsontext.dump(value), _JSON))
        return at
