"""The clients of a canary in both clouds, and the checks before its run.

A canary is a trial of the project with a few objects. It starts only if it can delete its objects later.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ops.canary.objects import canary_objects
from ops.clouds.buckets import ObsBucketClient, OssBucketClient
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES, Keys, read_administrator_keys
from ops.clouds.oms import SyncTaskClient
from ops.clouds.wire import suppress_refusal
from ops.cutover.open_and_close import opening_step
from ops.errors import UsageError
from ops.session import Session
from oss_oms_sync.answers.job_answers import LookAnswer
from oss_oms_sync.answers.layout import CANARY, MAX_NAME_BYTES, RECORDS
from oss_oms_sync.answers.text import t

# Characters to reserve for a run's name, which is a time and four hexadecimal digits.
_RUN_NAME_CHARACTERS = 24

_FILTER_TEXT = t("No valid object key is possible for the canary's objects: {why}")
_FILTER_REMEDY = t("Correct objectPrefix or objectSuffix in s.yaml")


@dataclass(frozen=True)
class Accounts:
    """The clients of both buckets, of the log bucket and of OMS, with administrators' keys.

    - `task` is the id of the sync task, or empty if the canary of a deleted task is removed.
    - `task_fields` is OMS's description of the sync task.
    - `keys` are the access keys of Alibaba Cloud and of Huawei Cloud.
    """

    variables: Mapping[str, str]
    source: OssBucketClient
    log: OssBucketClient
    destination: ObsBucketClient
    task: str
    task_fields: Mapping[str, Any]
    keys: tuple[Keys, Keys]

    @classmethod
    def connect(cls, session: Session, variables: Mapping[str, str], *, is_removal: bool) -> Accounts:
        """Ask for administrators' keys, and return the clients.

        A removal needs no sync task. Raises OpsError.
        """
        alibaba, huawei = (
            read_administrator_keys(session, ALIBABA_VARIABLES),
            read_administrator_keys(session, HUAWEI_VARIABLES),
        )
        clock, endpoints = session.clock, session.caller.endpoints()
        sync_task = SyncTaskClient(variables["SYNC_URL"], huawei, clock) if variables.get("SYNC_URL") else None
        task_fields = {
            "dst_bucket": variables.get("destinationBucket", ""),
            "dst_region": variables.get("destinationRegion", ""),
        }
        # A canary's objects may outlive its sync task; the journal names the task and the buckets.
        if sync_task:
            with suppress_refusal(lambda error: is_removal and error.status == 404):
                task_fields = sync_task.show()
        source, log = (
            OssBucketClient.open(endpoints, variables["region"], variables[name], alibaba, clock)
            for name in ("sourceBucket", "logBucket")
        )
        return cls(
            variables,
            source,
            log,
            ObsBucketClient.open(
                endpoints, str(task_fields["dst_region"]), str(task_fields["dst_bucket"]), huawei, clock
            ),
            sync_task.id if sync_task else "",
            task_fields,
            (alibaba, huawei),
        )

    def prefix(self, run: str) -> str:
        return f"{self.variables.get('objectPrefix', '')}{CANARY}{run}/"

    def key(self, run: str, ending: str) -> str:
        """Return the key of an object of a run; `ending` is the last part of the key before the project's suffix."""
        return f"{self.prefix(run)}{ending}{self.variables.get('objectSuffix', '')}"

    def check(self, session: Session) -> None:
        """Raise UsageError if a canary's objects could not reach OBS, or could not be deleted."""
        source = self.task_fields.get("src_bucket")
        if source not in (None, "", self.source.name):
            raise UsageError(
                t(
                    "The sync task reads the bucket {bucket}, but sourceBucket in s.yaml is {source}",
                    bucket=str(source),
                    source=self.source.name,
                ),
                t("Correct SYNC_URL or sourceBucket in s.yaml"),
            )
        if self.variables.get("objectPrefix", "").startswith(RECORDS):
            raise UsageError(
                _FILTER_TEXT.filled(why=t("keys with this objectPrefix are the project's records")), _FILTER_REMEDY
            )
        if (
            max(
                len(self.key("x" * _RUN_NAME_CHARACTERS, canary_object.ending).encode())
                for canary_object in canary_objects()
            )
            > MAX_NAME_BYTES
        ):
            raise UsageError(
                _FILTER_TEXT.filled(why=t("the canary's object keys would exceed {most} bytes", most=MAX_NAME_BYTES)),
                _FILTER_REMEDY,
            )
        for bucket in (self.source, self.destination):
            if bucket.read_setting(bucket.retention_query) is not None:
                raise UsageError(
                    t(
                        "the bucket {name} has a retention rule, so the canary's objects could not be deleted",
                        name=bucket.name,
                    ),
                    t("Run the canary with buckets that have no retention rules"),
                )
        closing_mark = session.ask(LookAnswer, "certify", {"look": True}).closed
        if closing_mark:
            raise UsageError(
                t("The project is closed: nothing is submitted, so no object would arrive"), opening_step(closing_mark)
            )
