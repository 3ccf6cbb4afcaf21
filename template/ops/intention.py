"""What a migration of the old objects is about, written down before it begins, so that nobody has to remember it.

oms_source_record/{task}/state/migrate-{project}.json        while it is on its way, or can be retried: until then the
                                                             project is not closed (certify looks for this object)
oms_source_record/{task}/state/migrated-{project}-{run}.json afterwards
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field

from ops.clouds.buckets import OssBucket
from ops.clouds.wire import RefusedError, UnreachableError, UnreadableError
from ops.waiting import Session
from oss_oms_sync.answers.text import t

_TASK = re.compile(r"/sync-tasks/([^/]+)/events$")
_KEYS = t(
    "A migration of the old objects is not over, and has the access keys {keys}. What follows it to its end, and"
    " deletes them: python3 ops.py migrate"
)


@dataclass
class Intention:
    """`run` tells one from another; `begun`: when, in UTC. `keys`: its own access keys, of both of OMS's users. It is
    empty while they are made: until then whatever those have that is not in `kept` is of this. `group`: OMS's id of it,
    empty until OMS has told that. `found_without`: the digest of the destination, if the comparison before it found
    nothing that was there alone; else it is empty. `overwrite`: whether it copies what is there already, whatever it
    is."""

    run: str
    begun: str
    source: str
    destination: str
    prefixes: Sequence[str]
    kept: Sequence[str]
    keys: Sequence[str] = field(default_factory=list)
    group: str = ""
    found_without: str = ""
    overwrite: bool = False


class Intentions:
    """That of one project: `address` is its SYNC_URL, `log` the log bucket. All methods raise RefusedError,
    UnreachableError and UnreadableError."""

    def __init__(self, log: OssBucket, address: str, project: str) -> None:
        found = _TASK.search(address)
        root = f"oms_source_record/{found[1]}/state/" if found else ""
        self._log, self._project, self._root = log, project, root
        self._name = f"{root}migrate-{project}.json" if root else ""

    def read(self) -> Intention | None:
        """None if nothing is on its way."""
        try:
            found = self._log.get(self._name) if self._name else None
        except RefusedError as error:
            if error.code == "NoSuchBucket":
                return None
            raise
        if found is None:
            return None
        try:
            return Intention(**json.loads(found.body))
        except (TypeError, ValueError):
            raise UnreadableError from None

    def tell_of_keys(self, session: Session) -> None:
        """Say which access keys a migration has, and what deletes them: for whoever has the keys that this takes."""
        # Whoever may not read it is told by status.
        with suppress(RefusedError, UnreachableError, UnreadableError):
            if (found := self.read()) and found.keys:
                session.screen.say(_KEYS.filled(keys=found.keys).of(session.lang))

    def begin(self, intention: Intention) -> bool:
        """Write it, if there is none; whether it is the one that is there now."""
        try:
            self._log.put(self._name, _body(intention), {"x-oss-forbid-overwrite": "true"})
        except RefusedError as error:
            if error.code != "FileAlreadyExists":
                raise
        there = self.read()
        return there is not None and there.run == intention.run

    def keep(self, intention: Intention) -> None:
        """Write it with what is known now."""
        self._log.put(self._name, _body(intention))

    def end(self, intention: Intention, told: Mapping[str, object]) -> None:
        """It is over. What is known of it, and `told`, stays under another name, and certificates tell it."""
        body = json.dumps({**asdict(intention), **told}).encode()
        self._log.put(f"{self._root}migrated-{self._project}-{intention.run}.json", body)
        self._log.delete(self._name)


def _body(intention: Intention) -> bytes:
    return json.dumps(asdict(intention)).encode()
