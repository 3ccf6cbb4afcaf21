"""What a cutover is asked for, with the steps that ask for the same once more, and what is known of it: certify begins
nothing, it looks at what passes and jobs have left."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import NamedTuple

from oss_oms_sync import options
from oss_oms_sync.answers.certificate import Headers
from oss_oms_sync.answers.job_answers import Migrated, Migration
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import WHO_WHY, Step, names_who_and_why
from oss_oms_sync.answers.task_group import TaskGroup
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.clocks import skews
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import parts_of
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.again import MAX_KEYS, entries
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS, UNPROVEN, FileSystem, Judge, Moments, are_same_size
from oss_oms_sync.comparison.proof import missing_permissions
from oss_oms_sync.errors import OF_ONE_KEY, Failure, PayloadError, StorageError
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, OmsWork
from oss_oms_sync.jobs.certify.sample import Sample, compare_headers
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.closing import Closed, Closing, open_projects
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import WaitingKeys, what_waits
from oss_oms_sync.passes.digests import MAX_DRAWN
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.states import PassState, answering
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import Tally

_OF_ONE_KEY = {reason.name for reason in OF_ONE_KEY}
# What OMS has not finished.
OMS_UNFINISHED = "oms_unfinished"
# What of the objects' headers is not in OBS.
METADATA = "metadata"
# What may be accepted by name although nobody has proven it.
ACCEPTABLE = (
    *(object_class.title for object_class in ObjectClass if object_class.can_be_accepted),
    OMS_UNFINISHED,
    METADATA,
)
DOCTOR, DEPLOY = Step("doctor"), Step("deploy")
# What a certificate counts nothing of: canaries, what the project does not cover, and OMS's own lists, which grow.
NOT_IN_SCOPE = (ObjectClass.CANARY, ObjectClass.OUTSIDE, ObjectClass.OMS_OWN)
# So many are looked at, as many as a comparison's keys are judged again; and so many of them side by side.
_MOST_RECORDS = MAX_KEYS
_MOST_RUN_FILES = 50
_AT_ONCE = 100


@dataclass(frozen=True)
class CutoverOptions:
    """What a payload asks for: a certificate, unless it is to `close` or `open` the project (after a GO only with
    `after_go`) or to `look` whether it is closed. `frozen_since` is None for a rehearsal; `accept` has who accepts
    what, and why; `run` is the run of a cutover that asks."""

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
                # By the clock of whoever says so.
                frozen is not None and frozen > now + timedelta(seconds=CLOCKS_SECONDS),
                f"The payload's frozen_since is {since!r}, which is yet to come. It is in UTC",
            ),
            *(one for accepted in asked.accept.items() for one in _wrong_to_accept(*accepted)),
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
        """What goes on with a cutover, or with its rehearsal: one that asks for the same, but for what is given."""
        since, number = frozen or self.frozen, self.sample if sample is None else sample
        when: dict[str, object] = {"frozen_since": timestamp(since)} if since else {"rehearse": True}
        asked = {"sample": number, "accept": self.accept, **more}
        return Step("cutover", {**when, **{name: value for name, value in asked.items() if value}})

    def accepting(self, *names: str) -> Step:
        """The same, where somebody accepts these by their names as well."""
        return self.cutover(accept={**dict.fromkeys(names, WHO_WHY), **self.accept})

    def comparing(self, scope: Scope | None, **what: object) -> Step:
        """A comparison like one of `scope`, which is the usual one if there is none; in a cutover it is a part of that,
        unless it needs what a cutover does not ask for.

        Only what looks at the same pass again asks for `overwrite` because that did: else compare sends what is newer
        in OBS only if `what` asks for it.
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
    """What can be wrong where somebody accepts something by its name, and whether it is."""
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
    """A standstill pass, which `began` then by OSS's clock."""

    state: PassState
    began: datetime


@dataclass(frozen=True)
class Comparison:
    """The comparison that answers, and the standstill pass that was made after its last look; None if there is none."""

    state: PassState
    standstill: Standstill | None

    @property
    def tally(self) -> Tally:
        """What it found, and what that is since its keys were last judged again."""
        return self.state.tally


class Due(NamedTuple):
    """A key that waits, and the class that its object is of without its records. `is_same_size`: OBS has one of the
    same size. `was_tried`: the comparison would have read these very versions, which were there before it began."""

    key: FailedKey
    found: ObjectClass
    is_same_size: bool
    was_tried: bool

    @property
    def can_be_accepted(self) -> bool:
        """Whether nothing else is left than to accept it by the name of its class: reading did not prove it, and OMS
        refuses this key again and again."""
        is_refused = self.key.failed_again and self.key.reason in _OF_ONE_KEY
        return self.was_tried and self.found in UNPROVEN and is_refused


@dataclass(frozen=True)
class Evidence:
    """All that checks go by: what was asked for, and what was found.

    `reconciled` is the last reconcile pass over everything that ended. `due`: those of the keys `waiting` that are to
    be sent. A record of an object that is equal in OBS waits for nothing, nor does one of what cannot be copied: replay
    keeps them for longer than a freeze lasts. None: OBS does not tell which these are. `lists`: how far replay has read
    OMS's lists of failures. `clocks`: how far the function's clock is off each cloud's; None where that does not tell.
    `open_projects`: others of the task that were not closed in time. `migration`: that of the old objects, while it is
    not over; `old_objects`: how far it is; `migrated`: those that are over. `sample` is None if nothing was to be
    sampled; `missing_permissions`: those that a rehearsal without a sample lacks to read one. `stays_closed`: the
    project is closed, and no cutover opens it to send anything; `go_stands`: because a GO stands.
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
        """The command that accepts all of the objects for which nothing else is left after this comparison, each by the
        name of its class."""
        left = [
            object_class
            for object_class in ObjectClass
            if object_class.can_be_accepted and not comparison.tally.of(object_class).is_empty
        ]
        waiting = (due.found for due in self.due or () if due.can_be_accepted)
        return self.options.accepting(
            *(
                object_class.title
                for object_class in (*left, *waiting)
                if comparison.state.scope.deep or object_class not in UNPROVEN
            )
        )


def gather(invocation: Invocation, asked: CutoverOptions) -> Evidence:
    """Look at everything.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    task, destination = invocation.oms.task(invocation.deadline), None
    if isinstance(task, TaskInfo):
        with suppress(StorageError):  # OMS names none
            destination = invocation.obs().bucket(task, invocation.deadline)
    comparison = _comparison(invocation, destination, asked.frozen) if destination else None
    reconciled = answering(PassStore(invocation, "reconcile").states(), invocation.settings.key_filter.prefix)
    # Replay records what lists tell before it writes how far it has read them; so this is read before what waits.
    lists = JobState(invocation).recall(ListPositions, "failed_copies") or ListPositions()
    waiting = what_waits(invocation, _MOST_RECORDS, _MOST_RUN_FILES, reasons=True)
    closed, largest = Closing(invocation).state(), comparison.tally.largest if comparison else 0
    still = comparison.standstill if comparison else None
    urls = {"OMS": invocation.settings.task.url, "OSS": invocation.settings.oss_endpoint}
    under_way = migration.under_way(invocation)
    evidence = Evidence(
        options=asked,
        # After the passes: a certificate tells of none that ended after it was made.
        now=invocation.clock.now(),
        task=task,
        comparison=comparison,
        reconciled=reconciled.of if reconciled else None,
        waiting=waiting,
        due=_due(invocation, destination, comparison, waiting.keys) if waiting.keys else [],
        lists=lists,
        clocks=skews({**urls, "OBS": destination.url if destination else ""}, invocation.clock, CallPool(1)),
        closed=closed,
        # Two minutes before the standstill pass began they had to be closed, too: by OSS's clock, both.
        open_projects=open_projects(invocation, (still.began - CLOSED_AFTER).timestamp() if still else math.inf),
        oms=OmsWork.ask(invocation, task, closed, largest),
        migration=under_way,
        old_objects=migration.how_far(invocation, under_way),
        migrated=migration.over(invocation),
        sample=Sample.of(asked.sample) if asked.sample else None,
        headers=Headers(task.enable_metadata_migration if isinstance(task, TaskInfo) else None),
    )
    if destination and comparison:
        drawn, is_frozen = comparison.tally.drawn, asked.frozen is not None
        sample = Sample.take(invocation, destination, comparison.state, asked.sample, is_frozen=is_frozen)
        missing, drawn_key = list[Text](), next(iter(drawn.keys), "")
        if not (is_frozen or asked.sample):
            # A bucket that refuses for another reason leaves that to the checks of what they need.
            with suppress(StorageError):
                missing = missing_permissions(invocation, destination, drawn_key, drawn_key)
        evidence = replace(
            evidence,
            sample=sample if asked.sample or sample.differing else None,
            headers=compare_headers(invocation, destination, evidence.headers.migrated, sample, drawn),
            missing_permissions=missing,
        )
    # Somebody may have opened it while all this was looked at.
    return evidence if Closing(invocation).state() == closed else replace(evidence, closed=None)


def _comparison(invocation: Invocation, destination: ObsBucket, frozen_since: datetime | None) -> Comparison | None:
    store = PassStore(invocation, "compare", destination.name)
    states, prefix, now = store.states(), invocation.settings.key_filter.prefix, invocation.clock.now()
    # Where none answers since the freeze, the last one tells why.
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
    """Those of objects that are neither equal in OBS nor impossible to copy; None where OBS does not tell."""
    due = list[Due]()
    # Whatever its age: contents that are equal stay so.
    moments = Moments(invocation.clock.now().timestamp(), settling=0)
    began = parse_time(comparison.state.started) if comparison and comparison.state.scope.deep else None
    tried_until = began.timestamp() - CLOCKS_SECONDS if began else -math.inf
    with suppress(StorageError):
        if destination:
            file_system = FileSystem.of(destination)
            judge = Judge(invocation.settings.key_filter, moments, file_system=file_system)
            for some in parts_of(waiting, _AT_ONCE):
                looked = entries(invocation, destination, [failed_key.key for failed_key in some])
                for key, entry in zip(some, looked, strict=True):
                    object_class = judge.judge_alone(entry.without_records()).object_class
                    if entry.source and object_class not in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
                        written = max(listed.modified for listed in (entry.source, entry.destination) if listed)
                        due.append(Due(key, object_class, are_same_size(entry), was_tried=written < tried_until))
            return due
    return None
