"""What a project has told its webhook, and what it was about to tell.

oms_source_record/{task}/state/alerts/{message}-{attempt}.json    of a project with a filter: alerts-{hash of it}/

An attempt to tell is written once, before anything is sent: so of two instances that are about to tell the same, one
does. Whoever wrote it adds afterwards what came of it. A message that has not arrived is followed by another attempt,
one that has arrived by the next message, and nothing is ever deleted: so nobody can tell anything twice, however late
they are.
"""

from __future__ import annotations

import uuid
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.once import read_all, write_once
from oss_oms_sync.ledger.records import state_name

_DIGITS = 6


@dataclass(frozen=True)
class Attempt:
    """One attempt to tell a `state`; messages and attempts are counted from 1.

    `at`: when it began (UTC, as in records); `by`: nobody else's. `outcome`: None while nobody knows, "" if it arrived,
    else why it did not. `before`, `before_at`: the state that was told last, and when; both are empty if none was.
    """

    message: int
    attempt: int
    state: str
    at: str
    by: str
    before: str = ""
    before_at: str = ""
    outcome: str | None = None

    @property
    def told(self) -> str:
        """The state that was told last; empty if none was."""
        return self.state if self.outcome == "" else self.before

    @property
    def told_at(self) -> datetime | None:
        """When that was."""
        return parse_time(self.at if self.outcome == "" else self.before_at)

    @classmethod
    def read(cls, stored: StoredObject) -> Attempt:
        """The attempt in an object.

        Raises StorageError if it is unreadable.
        """
        match jsontext.load(stored.body):
            case {
                "message": int(message),
                "attempt": int(attempt),
                "state": str(state),
                "at": str(at),
                "by": str(by),
                "before": str(before),
                "before_at": str(before_at),
                "outcome": (str() | None) as outcome,
            }:
                return cls(message, attempt, state, at, by, before, before_at, outcome)
        raise StorageError(f"{stored.name} in the log bucket is unreadable, so nobody knows what was told. Delete it")


class AlertLog:
    """The attempts of one project. Methods raise StorageError, also if the log bucket has versioning."""

    def __init__(self, invocation: Invocation) -> None:
        name = state_name(invocation.task_id, invocation.settings.key_filter, "alerts")
        self._folder = f"{name.removesuffix('.json')}/"
        self._bucket = invocation.log_bucket
        self._clock = invocation.clock

    def last(self) -> Attempt | None:
        """The latest attempt; None if there was none."""
        names = [one.name for one in self._bucket.iter_folder(self._folder)]
        (stored,) = read_all(self._bucket, names[-1:]) or [None]
        return Attempt.read(stored) if stored else None

    def begin(self, state: str, last: Attempt | None) -> Attempt | None:
        """Write down that `state` is about to be told, after `last`. None if somebody else was first."""
        message, attempt, told, told_at = 1, 1, "", ""
        if last:
            message, attempt = (last.message + 1, 1) if last.outcome == "" else (last.message, last.attempt + 1)
            told, told_at = last.told, timestamp(last.told_at) if last.told_at else ""
        mine = Attempt(message, attempt, state, timestamp(self._clock.now()), uuid.uuid4().hex, told, told_at)
        stored = write_once(self._bucket, self._object(mine))
        return mine if stored and Attempt.read(stored) == mine else None

    def end(self, mine: Attempt, outcome: str) -> None:
        """Write down what came of an attempt: empty if the message arrived."""
        self._bucket.put(self._object(replace(mine, outcome=outcome)))

    def _object(self, one: Attempt) -> StoredObject:
        name = f"{self._folder}{one.message:0{_DIGITS}}-{one.attempt:0{_DIGITS}}.json"
        return StoredObject.of_json(name, asdict(one))
