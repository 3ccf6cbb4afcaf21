"""What a canary works with in both clouds, and whether it may: what it writes has to be deleted again."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.canary.objects import items
from ops.certificate.form import CANARY, RECORDS
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import ALIBABA, HUAWEI, Keys, administrators
from ops.clouds.oms import SyncTaskClient
from ops.clouds.wire import refused
from ops.cutover.close import opening_step
from ops.errors import UsageError
from ops.session import Session
from oss_oms_sync.answers.job_answers import LookAnswer
from oss_oms_sync.answers.text import t

# Names of objects have at most so many bytes of UTF-8.
_MAX_NAME = 1023
# A run's name is a time and four digits.
_LONGEST_RUN = 24

_FILTER = t("No key of a canary passes the filter: {why}")
_OTHER_FILTER = t("See objectPrefix and objectSuffix in s.yaml")


@dataclass(frozen=True)
class Accounts:
    """Both buckets, the log bucket, and what OMS says of the sync task. `given`: the variables of s.yaml; `task`: its
    id, empty where s.yaml names none, which is enough to remove; `keys`: of Alibaba Cloud and of Huawei Cloud."""

    given: Mapping[str, str]
    source: OssBucketClient
    log: OssBucketClient
    destination: ObsBucketClient
    task: str
    shown: Mapping[str, Any]
    keys: tuple[Keys, Keys]

    @classmethod
    def of(cls, session: Session, given: Mapping[str, str], *, is_removal: bool) -> Accounts:
        """With an administrator's keys. Raises OpsError."""
        alibaba, huawei = administrators(session, ALIBABA), administrators(session, HUAWEI)
        clock, here = session.clock, session.caller.endpoints()
        task = SyncTaskClient(given["SYNC_URL"], huawei, clock) if given.get("SYNC_URL") else None
        shown = {"dst_bucket": given.get("destinationBucket", ""), "dst_region": given.get("destinationRegion", "")}
        # What a canary left outlives its task; of which task and buckets it is, its journal says.
        if task:
            with refused(lambda error: is_removal and error.status == 404):
                shown = task.show()
        source, log = (
            OssBucketClient.at(here, given["region"], given[name], alibaba, clock)
            for name in ("sourceBucket", "logBucket")
        )
        return cls(
            given,
            source,
            log,
            ObsBucketClient.at(here, str(shown["dst_region"]), str(shown["dst_bucket"]), huawei, clock),
            task.id if task else "",
            shown,
            (alibaba, huawei),
        )

    def prefix(self, run: str) -> str:
        """What the keys of a run begin with."""
        return f"{self.given.get('objectPrefix', '')}{CANARY}{run}/"

    def key(self, run: str, ending: str) -> str:
        """The key of an object of a run."""
        return f"{self.prefix(run)}{ending}{self.given.get('objectSuffix', '')}"

    def record_folder(self, kind: str) -> str:
        """What the names of this task's records of a kind begin with: success, failed or proven."""
        return f"{RECORDS}{self.task}/{kind}_object/"

    def record(self, kind: str, key: str) -> str:
        """The name of a record; that of a key too long for it is a hash (oss_oms_sync/ledger/records.py)."""
        name = f"{self.record_folder(kind)}{key}"
        if len(name.encode()) <= _MAX_NAME:
            return name
        return f"{RECORDS}{self.task}/{kind}_object_long/{hashlib.sha256(key.encode()).hexdigest()}"

    def check(self, session: Session) -> None:
        """Raises UsageError where a canary could not fly, or could not be caught again."""
        told = self.shown.get("src_bucket")
        if told not in (None, "", self.source.name):
            raise UsageError(
                t("The sync task reads {told}, and s.yaml says {source}", told=str(told), source=self.source.name),
                t("Correct SYNC_URL or sourceBucket in s.yaml"),
            )
        if self.given.get("objectPrefix", "").startswith(RECORDS):
            raise UsageError(_FILTER.filled(why=t("what begins so is a record")), _OTHER_FILTER)
        if (
            max(len(self.key("x" * _LONGEST_RUN, canary_object.ending).encode()) for canary_object in items())
            > _MAX_NAME
        ):
            raise UsageError(
                _FILTER.filled(why=t("with it they have over {most} bytes", most=_MAX_NAME)), _OTHER_FILTER
            )
        for bucket in (self.source, self.destination):
            if bucket.configured(bucket.retention_query) is not None:
                raise UsageError(
                    t(
                        "{name}: a rule of retention keeps what is written there, so a canary could not be deleted"
                        " again",
                        name=bucket.name,
                    ),
                    t("Try the project with buckets that have no such rule"),
                )
        closed = session.ask(LookAnswer, "certify", {"look": True}).closed
        if closed:
            raise UsageError(t("The project is closed: nothing is sent, so nothing would arrive"), opening_step(closed))
