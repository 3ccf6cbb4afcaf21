"""What a canary has written, told before each object: in the log bucket, so that anybody can remove it, and beside
s.yaml, so that the same command begun again goes on there.

oms_source_record/canary/{project}/{run}.json
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

from ops.canary.accounts import RECORDS, Accounts
from ops.clock import parse_time, timestamp

_LOCAL = ".oss-oms-sync-canary.json"
# After this nothing arrives of what was written before: OMS copies within ten minutes, by its guide.
_SETTLED = timedelta(minutes=10)


@dataclass
class Journal:
    """`keys`: what was written, or was about to be. `written`: when the last was. `is_settled`: whatever was to come of
    it has come, so what is deleted stays away."""

    run: str
    prefix: str
    written: str
    keys: list[str] = field(default_factory=list)
    is_settled: bool = False

    def settles_at(self) -> datetime | None:
        """Until when something may come back; None if nothing can any more."""
        written = parse_time(self.written)
        return None if self.is_settled or written is None else written + _SETTLED


class Journals:
    """Those of one project."""

    def __init__(self, accounts: Accounts, folder: Path) -> None:
        self._log = accounts.log
        self._root = f"{RECORDS}canary/{accounts.project.name}/"
        self._local = folder / _LOCAL

    def write(self, journal: Journal, now: datetime) -> None:
        """Here first: then nobody has to know of what is not told there. Raises OpsError and OSError."""
        journal.written = timestamp(now)
        text = json.dumps(asdict(journal))
        self._local.write_text(text, encoding="utf-8")
        self._log.put(self._name(journal), text.encode(), {"Content-Type": "application/json"})

    def forget(self, journal: Journal) -> None:
        """There first: what is gone here only would be found there. Raises OpsError and OSError."""
        self._log.delete(self._name(journal))
        mine = self.mine()
        if mine and mine.run == journal.run:
            self._local.unlink()

    def mine(self) -> Journal | None:
        """The one beside s.yaml."""
        try:
            return _read(self._local.read_bytes())
        except OSError:
            return None

    def all(self) -> Iterator[Journal]:
        """Whoever wrote them, and from wherever. Raises OpsError."""
        mine = self.mine()
        if mine:
            yield mine
        for one in list(self._log.objects(self._root)):
            found = self._log.get(one.key)
            journal = _read(found.body) if found else None
            if journal and (mine is None or journal.run != mine.run):
                yield journal

    def _name(self, journal: Journal) -> str:
        return f"{self._root}{journal.run}.json"


def _read(body: bytes) -> Journal | None:
    try:
        return Journal(**json.loads(body))
    except (ValueError, TypeError):
        return None
