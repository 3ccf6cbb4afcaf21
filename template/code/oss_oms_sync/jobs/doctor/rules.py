"""The form of doctor's checks and findings, and the facts that several checks need."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, partial
from typing import Generic, TypeVar

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.job_answers import CanaryResult
from oss_oms_sync.answers.layout import record_root, task_lists_folder
from oss_oms_sync.answers.text import NOTHING, Text
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead, ObsError
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import Failure, StorageError
from oss_oms_sync.ledger.closing import CloseMark, ProjectState
from oss_oms_sync.ledger.state import JobState, WriteTime
from oss_oms_sync.passes.states import AnsweringPass, PassState, find_answering_pass
from oss_oms_sync.passes.store import PassStore

C = TypeVar("C")


# Functions that create findings. The caller adds the name of the check.
ok, warning, fault, unknown, skipped, not_confirmed = (
    partial(Finding, "", NOTHING, result)
    for result in (
        Result.PASSED,
        Result.WARNING,
        Result.FAILED,
        Result.NOT_RUN,
        Result.SKIPPED,
        Result.NOT_PROVEN,
    )
)


@dataclass(frozen=True)
class Check(Generic[C]):
    """A check: its title, the names of the checks that have to pass before it, and its function."""

    title: Text
    needs: Sequence[str]
    function: Callable[[C], Finding]

    @property
    def name(self) -> str:
        """The name of the check in answers and in `needs`."""
        return self.title.en


class CheckContext:
    """The facts for all checks that run after the check of the settings; each fact is queried once."""

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.settings = invocation.settings
        # Calls are made by threads, because a name that does not resolve, or a slow response, must not use up all the
        # time.
        self.pool = CallPool(2)
        # The object that tests the permission to write to the log bucket. It is deleted after the test.
        self.probe = StoredObject(
            f"{record_root(invocation.task_id)}doctor/{uuid.uuid4().hex}",
            b"written by doctor, to be deleted at once",
        )
        self.probe_may_be_there = False

    # These facts are queried on demand, because without credentials there is no bucket.
    @cached_property
    def timers(self) -> tuple[Mapping[str, WriteTime | None], WriteTime | None]:
        """The times of each job's last timer call and of the recorded installation; a time without a record is None.

        If the installation is not recorded, it is recorded now. The age of a timer that has never called its job counts
        from this time.
        """
        state = JobState(self.invocation)
        last_calls, installed = state.read_timers(["replay", "reconcile", "compare", "status"])
        if installed is None:
            state.read_installation_time(store_missing=True)
        return last_calls, installed

    @cached_property
    def task_answer(self) -> TaskInfo | Failure:
        """OMS's answer to the query for the sync task."""
        return self.invocation.oms.task(self.invocation.deadline)

    @property
    def task(self) -> TaskInfo:
        """The sync task, for checks that need OMS's description of it. It is empty if OMS did not answer."""
        return self.task_answer if isinstance(self.task_answer, TaskInfo) else TaskInfo.parse({})

    @cached_property
    def destination(self) -> ObsBucket:
        """The destination bucket in OBS.

        Raises ObsError if OMS does not report the task, or the task has no destination.
        """
        return self.invocation.obs().bucket(self.task, self.invocation.deadline)

    @cached_property
    def closed(self) -> CloseMark | None:
        """The mark of a closed project, or None if the project is open.

        Raises StorageError.
        """
        return ProjectState(self.invocation).read_state()

    @cached_property
    def opened(self) -> datetime | None:
        """The time when a closed project was last opened, or None if it never was.

        Raises StorageError.
        """
        return ProjectState(self.invocation).read_opened()

    @cached_property
    def canary(self) -> CanaryResult | None:
        """The result of the last canary, or None before the first canary.

        Raises StorageError.
        """
        return JobState(self.invocation).read_canary_result()

    @cached_property
    def reconciles(self) -> Sequence[PassState]:
        """The passes of reconcile.

        Raises StorageError.
        """
        return PassStore(self.invocation, "reconcile").read_states()

    @cached_property
    def comparisons(self) -> Sequence[PassState]:
        """The passes of compare with the task's destination.

        Raises StorageError.
        """
        return PassStore(self.invocation, "compare", self.task.dst_bucket or "").read_states()

    @property
    def answer(self) -> AnsweringPass | None:
        """The valid comparison with the task's destination and its standstill pass; None before the first one.

        Raises StorageError.
        """
        return find_answering_pass(self.comparisons, self.settings.key_filter.prefix)

    @property
    def compared(self) -> PassState | None:
        """The valid comparison without its standstill pass, or None before the first comparison.

        Raises StorageError.
        """
        return self.answer.state if self.answer else None

    @cached_property
    def oms_list(self) -> ObjectHead | ObsError | None:
        """The last of the first lists that OMS wrote to the destination, OBS's error, or None if there is no list."""
        try:
            listed = self.destination.list_page(task_lists_folder(self.invocation.task_id), "").objects
            return (
                self.destination.head(max(listed, key=lambda listed_object: listed_object.modified).name)
                if listed
                else None
            )
        except ObsError as error:
            return error

    @cached_property
    def probe_read(self) -> StoredObject | StorageError:
        """The result of reading the probe from the log bucket after it was written."""
        (answer,) = self.invocation.log_bucket.try_get_all([self.probe.name])
        return answer

    @cached_property
    def log_bucket_error(self) -> StorageError | None:
        """The error that a listing of the records raises, or None if the records can be listed."""
        return _find_listing_error(self.invocation.log_bucket, record_root(self.invocation.task_id))

    @cached_property
    def source_bucket_error(self) -> StorageError | None:
        """The error of listing the source bucket, or None if it can be listed."""
        return _find_listing_error(self.invocation.source_bucket, self.settings.key_filter.prefix)


def _find_listing_error(bucket: OssBucket, prefix: str) -> StorageError | None:
    try:
        bucket.list_page(prefix, "")
    except StorageError as error:
        return error
    return None
