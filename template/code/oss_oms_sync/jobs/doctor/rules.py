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
        return self.title.en


class CheckContext:
    """The facts for all checks that run after the check of the settings.

    Each fact is queried at most once, when a check needs it. A fact that cannot be read raises StorageError.
    """

    def __init__(self, invocation: Invocation) -> None:
        self.invocation = invocation
        self.settings = invocation.settings
        # Threads make the calls, so that a name that does not resolve, or a slow response, cannot use up all the time.
        self.pool = CallPool(2)
        # The object that tests the permission to write to the log bucket. It is deleted after the test.
        self.probe = StoredObject(
            f"{record_root(invocation.task_id)}doctor/{uuid.uuid4().hex}",
            b"written by doctor, to be deleted at once",
        )
        self.may_probe_exist = False

    # These facts are queried on demand, because without credentials there is no bucket.
    @cached_property
    def timers(self) -> tuple[Mapping[str, WriteTime | None], WriteTime | None]:
        """The time of each job's last call by a timer, and the time of the installation; None without a record.

        If the installation is not recorded, doctor records it now, because a timer that has never called its job counts
        as old as the installation.
        """
        state = JobState(self.invocation)
        last_calls, installation = state.read_timers(["replay", "reconcile", "compare", "status"])
        if installation is None:
            state.read_installation_time(store_missing=True)
        return last_calls, installation

    @cached_property
    def task_answer(self) -> TaskInfo | Failure:
        return self.invocation.oms.query_task(self.invocation.deadline)

    @property
    def task(self) -> TaskInfo:
        """OMS's description of the sync task, which is empty if OMS did not answer."""
        return self.task_answer if isinstance(self.task_answer, TaskInfo) else TaskInfo.parse({})

    @cached_property
    def destination(self) -> ObsBucket:
        """The destination bucket in OBS.

        Raises ObsError if OMS does not report the task, or the task has no destination.
        """
        return self.invocation.obs().bucket(self.task, self.invocation.deadline)

    @cached_property
    def closed_mark(self) -> CloseMark | None:
        return ProjectState(self.invocation).read_state()

    @cached_property
    def opening_time(self) -> datetime | None:
        """The time when a closed project was opened; None if the project is closed, or was never closed."""
        return ProjectState(self.invocation).read_opened()

    @cached_property
    def canary_result(self) -> CanaryResult | None:
        return JobState(self.invocation).read_canary_result()

    @cached_property
    def reconcile_passes(self) -> Sequence[PassState]:
        return PassStore(self.invocation, "reconcile").read_states()

    @cached_property
    def compare_passes(self) -> Sequence[PassState]:
        return PassStore(self.invocation, "compare", self.task.dst_bucket or "").read_states()

    @property
    def answering_comparison(self) -> AnsweringPass | None:
        """The newest valid comparison with the destination, and its standstill pass; None without a comparison."""
        return find_answering_pass(self.compare_passes, self.settings.key_filter.prefix)

    @property
    def last_comparison(self) -> PassState | None:
        """The newest valid comparison without its standstill pass, or None before the first comparison."""
        return self.answering_comparison.state if self.answering_comparison else None

    @cached_property
    def last_oms_list(self) -> ObjectHead | ObsError | None:
        """The result of HEAD for a list that OMS wrote to the destination: the newest on the first page of the listing.

        It is OBS's error if the lists cannot be read, and None without a list.
        """
        try:
            listed_objects = self.destination.list_page(task_lists_folder(self.invocation.task_id), "").objects
            return (
                self.destination.head(max(listed_objects, key=lambda listed_object: listed_object.modified).name)
                if listed_objects
                else None
            )
        except ObsError as error:
            return error

    @cached_property
    def probe_answer(self) -> StoredObject | StorageError:
        (answer,) = self.invocation.log_bucket.try_get_all([self.probe.name])
        return answer

    @cached_property
    def log_bucket_error(self) -> StorageError | None:
        return _find_listing_error(self.invocation.log_bucket, record_root(self.invocation.task_id))

    @cached_property
    def source_bucket_error(self) -> StorageError | None:
        return _find_listing_error(self.invocation.source_bucket, self.settings.key_filter.prefix)


def _find_listing_error(bucket: OssBucket, prefix: str) -> StorageError | None:
    try:
        bucket.list_page(prefix, "")
    except StorageError as error:
        return error
    return None
