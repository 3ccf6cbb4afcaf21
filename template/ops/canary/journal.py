"""The journal of a canary: each object is recorded in the log bucket before it is written.

With it, any user can remove the objects, from any machine.

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
# Maximum time until a written object arrives: OMS copies within ten minutes, by its guide.
_SETTLE_TIME = timedelta(minutes=10)


@dataclass
class Journal:
    """The journal of a run.

    `source`, `destination`: the buckets; `task`: the sync task's id. `keys`: the written objects, and the next.
    `written`: the time of the last write. `is_settled`: all copies have arrived, so deleted objects do not reappear.
    """

    run: str
    prefix: str
    source: str
    destination: str
    task: str
    written: str
    keys: list[str] = field(default_factory=list)
    is_settled: bool = False

    def settles_at(self) -> datetime | None:
        """Return the time until which an object may reappear; None if no object can reappear."""
        written = parse_time(self.written)
        return None if self.is_settled or written is None else written + _SETTLE_TIME


class Journals:
    """The journals of one project. All methods raise OpsError."""

    def __init__(self, accounts: Accounts) -> None:
        self._log = accounts.log
        self._root = f"{RECORDS}canary/{accounts.variables['functionName']}/"

    def write(self, journal: Journal, now: datetime) -> None:
        """Store the journal with this time."""
        journal.written = timestamp(now)
        self._log.put(self._name(journal), json.dumps(asdict(journal)).encode(), {"Content-Type": "application/json"})

    def forget(self, journal: Journal) -> None:
        """Delete the journal."""
        self._log.delete(self._name(journal))

    def all(self) -> Iterator[Journal]:
        """Yield all journals, of any user and machine."""
        for stored in list(self._log.objects(self._root)):
            response = self._log.get(stored.key)
            journal = _read(response.body) if response else None
            if journal:
                yield journal

    def _name(self, journal: Journal) -> str:
        return f"{self._root}{journal.run}.json"


def _read(body: bytes) -> Journal | None:
    """Parse a journal; return None for anything else.

    All objects under a journal's prefix are deleted, so a user with write access to the log bucket must not be able to
    set another prefix than a canary's.
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
