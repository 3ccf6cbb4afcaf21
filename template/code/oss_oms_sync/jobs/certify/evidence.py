"""Options and evidence of a cutover's checks, with the steps that repeat these options.

Certify begins no work: it reads the results of passes and jobs.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync import options
from oss_oms_sync.answers.certificate import Headers
from oss_oms_sync.answers.finding import WHO_WHY, names_who_and_why
from oss_oms_sync.answers.job_answers import Migrated, Migration
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.clocks import clock_skews
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import parts_of
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.again import MAX_KEYS, entries
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS, UNPROVEN, FileSystem, Judge, Moments, are_same_size
from oss_oms_sync.comparison.proof import missing_permissions
from oss_oms_sync.errors import KEY_REASONS, Failure, PayloadError, StorageError
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, OmsWork
from oss_oms_sync.jobs.certify.sample import Sample, compare_headers
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import Closed, Closing, open_projects
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import WaitingKeys, list_waiting_keys
from oss_oms_sync.passes.digests import MAX_DRAWN
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.states import PassState, answering
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import Tally

_SINGLE_KEY_REASONS = {reason.name for reason in KEY_REASONS}
# Name to accept unfinished work of OMS.
OMS_UNFINISHED = "oms_unfinished"
# Name to accept lost headers.
METADATA = "metadata"
# Names that can be accepted without proof.
ACCEPTABLE = (
    *(object_class.title for object_class in ObjectClass if object_class.can_be_accepted),
    OMS_UNFINISHED,
    METADATA,
)
DOCTOR, DEPLOY = Step("doctor"), Step("deploy")
# Classes outside a certificate's counts: canaries, objects outside the scope, and OMS's own lists, which grow.
NOT_IN_SCOPE = (ObjectClass.CANARY, ObjectClass.OUTSIDE, ObjectClass.OMS_OWN)
# Number of checked records, the same as that of keys in a recheck; and number of parallel lookups.
_MAX_RECORDS = MAX_KEYS
_MAX_RUN_FILES = 50
_AT_ONCE = 100


@dataclass(frozen=True)
class CutoverOptions:
    """Options of a payload: a certificate is made, unless `close`, `open` or `look` asks for another action.

    `open` needs `after_go` after a GO; `look` reports the state of the project. `frozen_since` is None for a rehearsal;
    `accept` has the person and the reason of each acceptance; `run` is the run of a cutover.
    """

    frozen_since: str | None = None
    sample: int = 0
    accept: dict[str, str] = field(default_factory=dict)
    run: str = ""
    close: bool = False
    open: bool = False
    after_go: bool = False
    look: bool = False

    @classmethod
    def parse(cls, event: bytes | str, now: datetime) -> CutoverOptions:
        """Read a manual payload.

        Raises PayloadError.
        """
        asked = options.parse(event, cls)
        since, frozen = asked.frozen_since, asked.frozen
        wrong = (
            (
                sum((asked.close, asked.open, asked.look, bool(asked.sample))) > 1
                or bool(asked.accept and (asked.close or asked.open)),
                "The payload asks to close or open the project, or whether it is closed, and for something else: do one"
                " at a time",
            ),
            (
                asked.sample > MAX_DRAWN,
                f"The payload's sample is {asked.sample!r}. Give at most {MAX_DRAWN}",
            ),
            (
                since is not None and frozen is None,
                f"The payload's frozen_since is {since!r}. Give a time in UTC such as 2026-01-31T08:00:00Z",
            ),
            (
                # By the clock of the caller.
                frozen is not None and frozen > now + timedelta(seconds=CLOCKS_SECONDS),
                f"The payload's frozen_since is {since!r}, which is yet to come. It is in UTC",
            ),
            *(problem for accepted in asked.accept.items() for problem in _wrong_to_accept(*accepted)),
        )
        for is_so, problem in wrong:
            if is_so:
                raise PayloadError(problem)
        return asked

    @property
    def frozen(self) -> datetime | None:
        """The time of the freeze; None for a rehearsal."""
        return parse_time(self.frozen_since or "")

    def cutover(self, frozen: datetime | None = None, sample: int | None = None, **more: object) -> Step:
        """Return the step that continues a cutover or a rehearsal, with these options or else the same."""
        since, number = frozen or self.frozen, self.sample if sample is None else sample
        when: dict[str, object] = {"frozen_since": timestamp(since)} if since else {"rehearse": True}
        asked = {"sample": number, "accept": self.accept, **more}
        return Step("cutover", {**when, **{name: value for name, value in asked.items() if value}})

    def accepting(self, *names: str) -> Step:
        """Return the step to continue, with an acceptance of these names as well."""
        return self.cutover(accept={**dict.fromkeys(names, WHO_WHY), **self.accept})

    def comparing(self, scope: Scope | None, **what: object) -> Step:
        """Return the step for a comparison like that of `scope`, or the usual comparison.

        In a cutover, the comparison is part of it, unless it needs options that a cutover does not have. Only a recheck
        keeps the `overwrite` of its pass: otherwise compare overwrites newer objects in OBS only if `what` asks for it.
        """
        carried = ("deep", "overwrite") if "again" in what else ("deep",)
        asked: dict[str, object] = {name: True for name in carried if scope and getattr(scope, name)}
        if scope and scope.since:
            asked["since"] = timestamp(scope.since)
        asked = {**asked, **what}
        if self.frozen and not asked.keys() & {"overwrite", "since"}:
            return self.cutover(deep="deep" in asked, restart="restart" in asked)
        return Step("compare", asked)


def _wrong_to_accept(name: str, why: object) -> Sequence[tuple[bool, str]]:
    """Return conditions that make an acceptance invalid, each with its problem."""
    return (
        (
            name not in ACCEPTABLE,
            f"The payload accepts {name!r}. What can be accepted: {', '.join(ACCEPTABLE)}",
        ),
        (
            not (isinstance(why, str) and names_who_and_why(why)),
            f"The payload accepts {name!r} without saying who does, and why. Give"
            f' {{"accept": {{"{name}": "who, why"}}}}',
        ),
    )


@dataclass(frozen=True)
class Standstill:
    """A standstill pass, and the time of its begin by OSS's clock."""

    state: PassState
    began: datetime


@dataclass(frozen=True)
class Comparison:
    """The comparison that answers, and the standstill pass after its last look; None if there is none."""

    state: PassState
    standstill: Standstill | None

    @property
    def tally(self) -> Tally:
        """Counts of the comparison, including the last recheck of its keys."""
        return self.state.tally


class Due(NamedTuple):
    """A waiting key, and the class of its object without records.

    `is_same_size`: OBS has an object of the same size. `was_tried`: the comparison would have read these very versions,
    which are older than its begin.
    """

    key: FailedKey
    object_class: ObjectClass
    is_same_size: bool
    was_tried: bool

    @property
    def can_be_accepted(self) -> bool:
        """True if the key can only be accepted by its class: reading did not prove it, and OMS keeps refusing it."""
        is_refused = self.key.failed_again and self.key.reason in _SINGLE_KEY_REASONS
        return self.was_tried and self.object_class in UNPROVEN and is_refused


@dataclass(frozen=True)
class Evidence:
    """All facts for the checks: options and results.

    `reconciled`: the last finished reconcile pass over all objects. `due`: keys of `waiting` that have to be sent, or
    None if OBS does not report their objects. The record of an object that is equal in OBS, or that cannot be copied,
    is not due: replay keeps such records for longer than a freeze lasts. `lists`: replay's position in OMS's lists of
    failures. `clocks`: difference between the function's clock and each cloud's; None if the cloud does not report its
    time. `open_projects`: other projects of the task that were not closed in time. `migration`: the unfinished
    migration of the old objects; `old_objects`: its progress; `migrated`: the finished migrations. `sample`: None if no
    sample was requested. `missing_permissions`: the permissions to read a sample that a rehearsal without a sample
    lacks. `stays_closed`: the project is closed, and no cutover opens it to send keys; `go_stands`: the reason is a GO.
    """

    options: CutoverOptions
    now: datetime
    task: TaskInfo | Failure
    comparison: Comparison | None
    reconciled: PassState | None
    waiting: WaitingKeys
    due: Sequence[Due] | None
    lists: ListPositions
    clocks: Mapping[str, timedelta | None]
    closed: Closed | None
    open_projects: Sequence[str]
    oms: OmsWork
    migration: Migration | None
    old_objects: TaskGroup | Failure | None
    migrated: Sequence[Migrated]
    sample: Sample | None
    headers: Headers
    missing_permissions: Sequence[Text] = ()
    stays_closed: bool = False
    go_stands: bool = False

    def accepting(self, comparison: Comparison) -> Step:
        """Return the command that accepts all objects which this comparison could not prove, each by its class."""
        left = [
            object_class
            for object_class in ObjectClass
            if object_class.can_be_accepted and not comparison.tally.of(object_class).is_empty
        ]
        waiting = (due.object_class for due in self.due or () if due.can_be_accepted)
        return self.options.accepting(
            *(
                object_class.title
                for object_class in (*left, *waiting)
                if comparison.state.scope.deep or object_class not in UNPROVEN
            )
        )


def gather(invocation: Invocation, asked: CutoverOptions) -> Evidence:
    """Gather all facts.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    task, destination = invocation.oms.task(invocation.deadline), None
    if isinstance(task, TaskInfo):
        with suppress(StorageError):  # OMS names none
            destination = invocation.obs().bucket(task, invocation.deadline)
    comparison = _comparison(invocation, destination, asked.frozen) if destination else None
    reconciled = answering(PassStore(invocation, "reconcile").states(), invocation.settings.key_filter.prefix)
    # Replay writes records of listed failures before its position in the lists; so the position is read before the
    # records.
    lists = JobState(invocation).recall(ListPositions, "failed_copies") or ListPositions()
    waiting = list_waiting_keys(invocation, _MAX_RECORDS, _MAX_RUN_FILES, reasons=True)
    closed, largest = Closing(invocation).state(), comparison.tally.largest if comparison else 0
    still = comparison.standstill if comparison else None
    urls = {"OMS": invocation.settings.task.url, "OSS": invocation.settings.oss_endpoint}
    under_way = migration.current_migration(invocation)
    evidence = Evidence(
        options=asked,
        # After the passes: a certificate has no pass that ended after it was made.
        now=invocation.clock.now(),
        task=task,
        comparison=comparison,
        reconciled=reconciled.of if reconciled else None,
        waiting=waiting,
        due=_due(invocation, destination, comparison, waiting.keys) if waiting.keys else [],
        lists=lists,
        clocks=clock_skews({**urls, "OBS": destination.url if destination else ""}, invocation.clock, CallPool(1)),
        closed=closed,
        # By OSS's clock, they had to be closed two minutes before the standstill pass began.
        open_projects=open_projects(invocation, (still.began - CLOSED_AFTER).timestamp() if still else math.inf),
        oms=OmsWork.ask(invocation, task, closed, largest),
        migration=under_way,
        old_objects=migration.query_task_group(invocation, under_way),
        migrated=migration.finished_migrations(invocation),
        sample=Sample.of(asked.sample) if asked.sample else None,
        headers=Headers(task.enable_metadata_migration if isinstance(task, TaskInfo) else None),
    )
    if destination and comparison:
        drawn, is_frozen = comparison.tally.drawn, asked.frozen is not None
        sample = Sample.take(invocation, destination, comparison.state, asked.sample, is_frozen=is_frozen)
        missing, drawn_key = list[Text](), next(iter(drawn.keys), "")
        if not (is_frozen or asked.sample):
            # If a bucket refuses for another reason, the checks that need it report the problem.
            with suppress(StorageError):
                missing = missing_permissions(invocation, destination, drawn_key, drawn_key)
        evidence = replace(
            evidence,
            sample=sample if asked.sample or sample.differing else None,
            headers=compare_headers(invocation, destination, evidence.headers.migrated, sample, drawn),
            missing_permissions=missing,
        )
    # The project may have been opened in the meantime.
    return evidence if Closing(invocation).state() == closed else replace(evidence, closed=None)


def _comparison(invocation: Invocation, destination: ObsBucket, frozen_since: datetime | None) -> Comparison | None:
    store = PassStore(invocation, "compare", destination.name)
    states, prefix, now = store.states(), invocation.settings.key_filter.prefix, invocation.clock.now()
    # If no comparison answers since the freeze, the last one shows the reason.
    answer = answering(states, prefix, frozen_since, now) or answering(states, prefix)
    if answer is None:
        return None
    standstill = None
    if answer.standstill and (began := store.began(answer.standstill.of.name)):
        standstill = Standstill(answer.standstill, began)
    return Comparison(answer.of, standstill)


def _due(
    invocation: Invocation, destination: ObsBucket | None, comparison: Comparison | None, waiting: Sequence[FailedKey]
) -> list[Due] | None:
    """Return the keys whose objects are neither equal in OBS nor impossible to copy; None if OBS reports none."""
    due = list[Due]()
    # Equal contents of any age stay equal.
    moments = Moments(invocation.clock.now().timestamp(), settling=0)
    began = parse_time(comparison.state.started) if comparison and comparison.state.scope.deep else None
    tried_until = began.timestamp() - CLOCKS_SECONDS if began else -math.inf
    with suppress(StorageError):
        if destination:
            file_system = FileSystem.of(destination)
            judge = Judge(invocation.settings.key_filter, moments, file_system=file_system)
            for part in parts_of(waiting, _AT_ONCE):
                looked = entries(invocation, destination, [failed_key.key for failed_key in part])
                for key, entry in zip(part, looked, strict=True):
                    object_class = judge.judge_alone(entry.without_records()).object_class
                    if entry.source and object_class not in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
                        written = max(listed.modified for listed in (entry.source, entry.destination) if listed)
                        due.append(Due(key, object_class, are_same_size(entry), was_tried=written < tried_until))
            return due
    return None
