"""The journal of a canary in the log bucket, which names each object before the canary writes it.

With the journal, any user can remove the objects from any machine. The journal's name is:

    oms_source_record/canary/{project}/{run}.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from ops.canary.access import Accounts
from ops.clock import parse_time, timestamp
from oss_oms_sync.answers.layout import CANARY, RECORDS

_RUN_PATTERN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")
# Maximum time after a write in which OMS may still copy the object: ten minutes, by OMS's guide.
_SETTLE_TIME = timedelta(minutes=10)


@dataclass
class Journal:
    """The journal of a run, which is stored as JSON.

    - `keys` are the object keys written, and the key to be written next.
    - `written` is the time of the last write.
    - `is_settled` is True if OMS has finished all copies, so that a deleted object cannot reappear.
    """

    run: str
    prefix: str
    source: str
    destination: str
    task: str
    written: str
    keys: list[str] = field(default_factory=list)
    is_settled: bool = False

    def find_settle_time(self) -> datetime | None:
        """Return the time until which OMS may write a deleted object again, or None if OMS cannot do so."""
        write_time = parse_time(self.written)
        return None if self.is_settled or write_time is None else write_time + _SETTLE_TIME


class Journals:
    """The journals of a project's runs in the log bucket. All methods raise OpsError."""

    def __init__(self, accounts: Accounts) -> None:
        self._log = accounts.log
        self._root = f"{RECORDS}canary/{accounts.variables['functionName']}/"

    def write(self, journal: Journal, now: datetime) -> None:
        journal.written = timestamp(now)
        self._log.put(self._name(journal), json.dumps(asdict(journal)).encode(), {"Content-Type": "application/json"})

    def forget(self, journal: Journal) -> None:
        self._log.delete(self._name(journal))

    def list_all(self) -> Iterator[Journal]:
        for listed_key in list(self._log.objects(self._root)):
            response = self._log.get(listed_key.key)
            journal = _parse_journal(response.body) if response else None
            if journal:
                yield journal

    def _name(self, journal: Journal) -> str:
        return f"{self._root}{journal.run}.json"


def _parse_journal(body: bytes) -> Journal | None:
    """Parse a journal; return None if the text is not a valid journal.

    A removal deletes all objects with the journal's prefix. So the prefix must be a canary's: otherwise any user who
    can write to the log bucket could have other objects deleted.
    """
    try:
        fields = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match fields:
        case {
            "run": str(run),
            "prefix": str(prefix),
            "source": str(source),
            "destination": str(destination),
            "task": str(task),
            "written": str(written),
            "keys": [*keys],
            "is_settled": bool(is_settled),
        }:
            is_canary = _RUN_PATTERN.fullmatch(run) and prefix.endswith(f"{CANARY}{run}/") and "/" not in task
            if is_canary and all(isinstance(key, str) and key.startswith(prefix) for key in keys):
                return Journal(run, prefix, source, destination, task, written, keys, is_settled)
    return None
