"""The lock of setup: an object in the log bucket that names the callers of the run that has the lock.

Only one run at a time can have the lock. The callers of an interrupted run can take over its lock by confirming a plan
that says so. Other callers have to wait until the lock is 40 minutes old: by then the permissions that the interrupted
run granted have taken effect.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

from ops.accounts.needs import Line, Need, ResourceState
from ops.clouds.buckets import OssBucketClient
from ops.clouds.wire import RefusedError, UnreadableResponseError, suppress_refusal
from ops.errors import UsageError
from ops.session import Session
from oss_oms_sync.answers.layout import RECORDS
from oss_oms_sync.answers.text import Text, t

_MAX_AGE = timedelta(minutes=40)
# Seconds after which a run reads its lock back: if two runs take over a lock, the later write wins.
_READ_BACK_SECONDS = 5.0


class _Holder(NamedTuple):
    """The run that has the lock: its start, its id, and its callers."""

    since: datetime
    run: str
    callers: Sequence[str]

    @property
    def description(self) -> Text:
        return t(
            "{callers} started a setup at {since}; this setup is still running, or was interrupted",
            callers=self.callers,
            since=self.since.isoformat(),
        )


class Lock:
    """The lock of a project, which a single run of setup has at a time.

    `callers` are this run's caller in Alibaba Cloud (an ARN) and its user in Huawei Cloud. If setup has no keys for the
    log bucket (`bucket` is None), there is no lock.
    """

    def __init__(self, session: Session, project: str, bucket: OssBucketClient | None, callers: Sequence[str]) -> None:
        self._clock, self._bucket, self._callers = session.clock, bucket, callers
        self._name = f"{RECORDS}setup/{project}.json"
        self._run, self._may_have_lock = uuid.uuid4().hex, False
        # The interrupted run that the plan names; only its lock can be taken over.
        self._interrupted_run = ""

    def needs(self) -> list[Need]:
        """Return a line of setup's plan if another run has the lock, otherwise no line.

        An unreadable lock gets no line, because the plan's line on the log bucket has the reason.
        """
        try:
            holder = self._read_holder()
        except RefusedError:
            return []
        if holder is None or self._is_expired(holder):
            return []
        self._interrupted_run = holder.run
        return [Need(t("setup lock"), ("oss:GetObject", "oss:PutObject"), self._read_state, self._take_over)]

    def take(self) -> None:
        """Take the lock, if the log bucket exists. Raises UsageError if another run has the lock."""
        if self._bucket is None or self._may_have_lock or self._bucket.info() is None:
            return
        try:
            self._write({"x-oss-forbid-overwrite": "true"})
        except RefusedError as error:
            if error.code != "FileAlreadyExists":
                raise
            holder = self._read_holder()
            if holder and self._is_expired(holder):
                self._take_over()
                return
        self._check()

    def release(self) -> None:
        if self._bucket and self._may_have_lock:
            holder = self._read_holder()
            if holder and holder.run == self._run:
                self._bucket.delete(self._name)

    def _read_state(self) -> Line:
        holder = self._read_holder()
        if holder is None or self._is_expired(holder):
            return Line(ResourceState.EXISTS)
        if holder.run == self._interrupted_run and holder.callers[:1] == self._callers[:1]:
            next_step = t(
                "Confirm this plan only if the other run has ended: this run then takes over its lock and continues"
            )
            return Line(ResourceState.CHANGE, holder.description, next_step)
        return Line(ResourceState.STOP, holder.description, _wait_text())

    def _take_over(self) -> None:
        self._write({})
        self._clock.sleep(_READ_BACK_SECONDS)
        self._check()

    def _check(self) -> None:
        """Read the lock back, and raise UsageError if another run has it.

        Two runs may have taken over the lock at once, or a response was lost. If the lock is missing, assume that this
        run has it.
        """
        self._may_have_lock = True
        holder = self._read_holder()
        if holder and holder.run != self._run:
            raise UsageError(t("This run of setup stops here: {work}", work=holder.description), _wait_text())

    def _write(self, headers: dict[str, str]) -> None:
        if self._bucket:
            values = {"since": self._clock.now().isoformat(), "run": self._run, "callers": [*self._callers]}
            self._bucket.put(self._name, json.dumps(values).encode(), headers)

    def _read_holder(self) -> _Holder | None:
        response = None
        with suppress_refusal(lambda error: error.code == "NoSuchBucket"):
            response = self._bucket.get(self._name) if self._bucket else None
        if response is None:
            return None
        try:
            values = json.loads(response.body)
            return _Holder(datetime.fromisoformat(values["since"]), values["run"], values["callers"])
        except (LookupError, TypeError, ValueError):
            raise UnreadableResponseError from None

    def _is_expired(self, holder: _Holder) -> bool:
        return self._clock.now() - holder.since >= _MAX_AGE


def _wait_text() -> Text:
    return t(
        "Wait until the other run has ended. If it was interrupted, you can continue {n} minutes after it began",
        n=_MAX_AGE.seconds // 60,
    )
