"""What a canary has written, told before each object in the log bucket, so that anybody can remove it, from anywhere.

oms_source_record/canary/{project}/{run}.json
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta

from ops.canary.access import Accounts
from ops.certificate.form import CANARY, RECORDS
from ops.clock import parse_time, timestamp

_RUN = re.compile(r"[0-9]{8}T[0-9]{6}Z-[0-9a-f]{4}")
# After this nothing arrives of what was written before: OMS copies within ten minutes, by its guide.
_SETTLED = timedelta(minutes=10)


@dataclass
class Journal:
    """`source`, `destination`: the buckets; `task`: the sync task's id. `keys`: what was written, or was about to be.
    `written`: when the last was. `is_settled`: whatever was to come of it has come, so what is deleted stays away."""

    run: str
    prefix: str
    source: str
    destination: str
    task: str
    written: str
    keys: list[str] = field(default_factory=list)
    is_settled: bool = False

    def settles_at(self) -> datetime | None:
        """Until when something may come back; None if nothing can any more."""
        written = parse_time(self.written)
        return None if self.is_settled or written is None else written + _SETTLED


class Journals:
    """Those of one project."""

    def __init__(self, accounts: Accounts) -> None:
        self._log = accounts.log
        self._root = f"{RECORDS}canary/{accounts.given['functionName']}/"

    def write(self, journal: Journal, now: datetime) -> None:
        """Raises OpsError."""
        journal.written = timestamp(now)
        self._log.put(self._name(journal), json.dumps(asdict(journal)).encode(), {"Content-Type": "application/json"})

    def forget(self, journal: Journal) -> None:
        """Raises OpsError."""
        self._log.delete(self._name(journal))

    def all(self) -> Iterator[Journal]:
        """Whoever wrote them, and from wherever. Raises OpsError."""
        for stored in list(self._log.objects(self._root)):
            response = self._log.get(stored.key)
            journal = _read(response.body) if response else None
            if journal:
                yield journal

    def _name(self, journal: Journal) -> str:
        return f"{self._root}{journal.run}.json"


def _read(body: bytes) -> Journal | None:
    """What `write` wrote. Anything else is none: everything under the prefix of a journal is deleted, and who may write
    to the log bucket must not be able to name another one than that of a canary."""
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return None
    match found:
        case {
            "run": str(run),
            "prefix": str(prefix),
            "source": str(source),
            "destination": str(destination),
            "task": str(task),
            "written": str(written),
            "keys": [*keys],
            "is_settled": bool(done),
        }:
            is_canary = _RUN.fullmatch(run) and prefix.endswith(f"{CANARY}{run}/") and "/" not in task
            if is_canary and all(isinstance(key, str) and key.startswith(prefix) for key in keys):
                return Journal(run, prefix, source, destination, task, written, keys, done)
    return None
