"""The certificate as a document: the facts of a cutover, and the conclusions from them.

Facts contain no sentences: `rules/` derives the findings, the verdict and all sentences from them, and so does every
reader. Times are in the format of records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum
from typing import Any

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.job_answers import Mark, Migrated
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import (
    BothBuckets,
    ClassCounts,
    Lags,
    LastWritten,
    ListedSource,
    ListingTotals,
    ObjectCount,
)
from oss_oms_sync.answers.task_group import GroupProgress, TaskShown
from oss_oms_sync.answers.text import Text

# Version of the document's format, and the kind of document.
SCHEMA = 2
KIND = "oss-oms-sync certificate"
# Fields that only a comparison fills.
COMPARISON_FIELDS = ("source", "destination", "last_written", "classes", "folders")
# Reasons for which a sample was not read to its end, beside the code of a cloud's error.
TIME_IS_UP, BACK_TO_SOURCE = "time", "back_to_source"


class CutoverVerdict(Enum):
    """Verdicts of a certificate; the values are their names in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"


@dataclass(frozen=True)
class MadeBy:
    """Version and hash of the code that made the certificate."""

    version: str
    code_sha256: str


@dataclass(frozen=True)
class CertifiedScope:
    """Scope of the project: prefix and suffix of its keys."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class ClosedMark(Mark):
    """The mark of the closed project, with the time at which the project was last opened before.

    `written` is the time of the mark by OSS's clock.
    """

    opened: str
    written: str


@dataclass(frozen=True)
class OmsLeft:
    """Work that OMS has left at the time of the certificate.

    `left`: objects that OMS accepted and has not finished; None if OMS does not report them, or only by the hour.
    `may_finish`: OMS may still finish them. `busy`: the last time at which OMS accepted or finished an object, by its
    counts or our records; None without such an object. `accepted`: objects that OMS counted from an hour before the
    mark on. `recorded`: the number of our records of the same time; None while they are being counted. `largest`: size
    of the largest object in bytes.
    """

    left: int | None
    may_finish: bool
    busy: datetime | None
    accepted: int
    recorded: int | None
    largest: int


@dataclass(frozen=True)
class CertifiedMigration:
    """An unfinished migration of the existing objects: its begin, empty if unknown, and its progress as OMS reports it.

    `group` is None if OMS does not report it.
    """

    begun: str
    group: GroupProgress | None


@dataclass(frozen=True)
class OmsSilence:
    """The failure of OMS in place of the sync task: the name of its reason, and the HTTP status."""

    reason: str
    status: int | None


@dataclass(frozen=True)
class CloudClocks:
    """Seconds between the function's clock and each cloud's; None if the cloud does not report its time."""

    oms: int | None
    oss: int | None
    obs: int | None


@dataclass(frozen=True)
class CertifiedPass:
    """A finished pass, with the digests of both buckets."""

    pass_: str
    started: str
    ended: str
    objects_per_minute: int
    state: Digest
    twin: Digest


@dataclass(frozen=True)
class CertifiedComparison(CertifiedPass):
    """The comparison that answers: its counts for the sums, its wishes, and its attempts to mend what it found.

    `amended`: the time of the last recheck. `source_listed`, `destination_listed`: all rows of the listings; `walked`:
    objects of the source that the pass counted by itself; `classified`: those that it put into classes, before
    rechecks. `no_right_in_oss`, `no_right_in_obs`: objects that could not be read for lack of a permission. `begins`,
    `earlier`, `migrate` and others: see `Tried` in rules/remedy.py; `migrate` is the option of the next step.
    """

    amended: str | None
    source_listed: ObjectCount
    destination_listed: ObjectCount
    walked: int
    classified: int
    deep: bool
    overwrite: bool
    since: str | None
    begins: str
    earlier: str
    submitted: int
    unsent: int
    migrate: str
    no_right_in_oss: int
    no_right_in_obs: int


@dataclass(frozen=True)
class CertifiedStandstill(CertifiedPass):
    """The standstill pass after the comparison, and its begin by OSS's clock."""

    began: str


@dataclass(frozen=True)
class CertifiedPasses:
    """The comparison and the standstill pass; None for a missing pass."""

    compare: CertifiedComparison | None
    standstill: CertifiedStandstill | None


@dataclass(frozen=True)
class Sampled:
    """Result of reading a sample of the objects that count as equal.

    `keys` were drawn from a `population` of this size; `read` is the number without the `unread` keys, and includes
    those that differ. `unreadable` keys were replaced by others. `problem` ended the reading early: TIME_IS_UP,
    BACK_TO_SOURCE, or the code of a cloud's error.
    """

    asked: int
    population: int
    drawn: int
    read: int
    bytes: int
    seed: str
    keys: Sequence[str]
    largest: int
    differing: Sequence[str]
    unread: Sequence[str]
    unreadable: Sequence[str]
    problem: str


@dataclass(frozen=True)
class HeaderLost:
    """Number of objects with a header that OBS lacks or has differently, and the first of their keys."""

    objects: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Headers:
    """Result of comparing headers.

    `migrated`: the sync task migrates metadata; None if OMS does not report it. `drawn` objects of the sample were
    compared, and the objects `more`, one from each folder without an object in the sample. Nothing was compared if
    there is a `problem`, the code of a cloud's error, or no sample that was read completely. `gone`: objects that are
    on one side only by now. `documented` and `unexpected`: losses by header: headers that OMS does not copy by its
    documents, and all others.
    """

    migrated: bool | None
    drawn: int = 0
    more: Sequence[str] = ()
    gone: Sequence[str] = ()
    documented: Mapping[str, HeaderLost] = field(default_factory=dict)
    unexpected: Mapping[str, HeaderLost] = field(default_factory=dict)
    problem: str = ""

    @property
    def compared(self) -> int:
        """Number of objects whose headers were compared."""
        return self.drawn + len(self.more)


@dataclass(frozen=True)
class WaitingGroup:
    """Waiting keys with the same values: their number, and the first of them.

    `object_class` is the class of the objects without records, None if OBS did not answer. `is_same_size`: OBS has an
    object of the same size. `was_tried`: the comparison would have read these very versions, which are older than its
    begin. `is_refused`: OMS refuses the key repeatedly.
    """

    reason: str
    object_class: ObjectClass | None
    is_same_size: bool
    was_tried: bool
    is_refused: bool
    number: int
    keys: Sequence[str]


@dataclass(frozen=True)
class Waiting:
    """Keys of failed records and run files: their number, and the SHA-256 of all, sorted, each with a newline.

    `groups` has those whose objects are neither equal in OBS, nor impossible to copy, nor gone; if OBS did not answer,
    all. `unread`: records and run files whose keys are unknown. `are_more`: not all were checked; `has_more_records`:
    this project has more failed records.
    """

    number: int
    sha256: str
    groups: Sequence[WaitingGroup]
    unread: int
    are_more: bool
    has_more_records: bool


@dataclass(frozen=True)
class FailureLists:
    """OMS's lists of copy failures: the begin of replay's last complete look, empty before the first.

    `unread`: lines that could not be read. `is_refused`: the last look could not read the lists.
    """

    looked: str
    unread: int
    is_refused: bool


@dataclass(frozen=True)
class Rehearsal:
    """A rehearsal's forecast of the cutover.

    `minutes`: duration of each step and the total, None if unknown. `failing`: ids of the gating checks that would not
    pass.
    """

    would_be: CutoverVerdict
    minutes: Mapping[str, int | None]
    failing: Sequence[str]


@dataclass(frozen=True)
class EventsLost:
    """Number of `new` objects in the last reconcile pass, and of those without an event."""

    new: int
    missing: int


@dataclass(frozen=True)
class NotJudged:
    """Facts that are not part of the verdict. `migrations` are the finished migrations of the existing objects."""

    trigger: EventsLost | None
    migrations: Sequence[Migrated]
    lag: Lags | None


@dataclass(frozen=True, kw_only=True)
class WaitingFacts:
    """Facts of the checks for which a cutover waits after the close, OMS_FINISHED and NOTHING_WAITS.

    `made`: the time of the facts. `frozen_since`: None in a rehearsal. `run`: the run of a cutover that asked. `as_of`:
    the time at which the comparison was last judged. `go_stands`: a GO stands, so applications write to OBS. `accepted`
    has the person and the reason of each acceptance. `classes` is None without a comparison.
    """

    made: str
    frozen_since: str | None
    run: str
    accepted: Mapping[str, str]
    sample: Sampled | None
    as_of: str | None
    passes: CertifiedPasses
    classes: Mapping[ObjectClass, ClassCounts] | None
    closed: ClosedMark | None
    go_stands: bool
    migration: CertifiedMigration | None
    oms: OmsLeft
    waiting: Waiting
    lists: FailureLists


@dataclass(frozen=True, kw_only=True)
class CutoverFacts(WaitingFacts):
    """All facts of a cutover.

    `open_projects`: other projects of the task that were not closed in time. Counts of a comparison are None if there
    is none. `missing_permissions`: the permissions to read a sample that a rehearsal without a sample lacks.
    `keys_a_minute`: keys that the project submits a minute.
    """

    task: str
    project: str
    source_bucket: str
    destination_bucket: str | None
    log_bucket: str
    scope: CertifiedScope
    open_projects: Sequence[str]
    sync_task: TaskShown | None
    oms_silence: OmsSilence | None
    source: ListedSource | None
    destination: ListingTotals | None
    last_written: Sequence[LastWritten] | None
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]] | None
    headers: Headers
    missing_permissions: Sequence[str]
    clocks: CloudClocks
    keys_a_minute: int
    shown: NotJudged

    @property
    def counted(self) -> BothBuckets | None:
        """Counts of the comparison in both buckets."""
        if self.source is None or self.destination is None or self.classes is None or self.folders is None:
            return None
        return BothBuckets(classes=self.classes, folders=self.folders, source=self.source, destination=self.destination)

    @property
    def judged(self) -> tuple[int, int]:
        """Number of source objects that could be judged, and of all."""
        return self.counted.judged if self.counted else (0, 0)


@dataclass(frozen=True, kw_only=True)
class Certificate(CutoverFacts):
    """The document without its hash: facts, and the conclusions that `rules/cutover.py` derives from them.

    `text`: verdict and summary, for readers of the JSON. `document`: its name in the log bucket.
    """

    schema: int
    kind: str
    made_by: MadeBy
    verdict: CutoverVerdict
    text: Text
    checks: Sequence[Finding]
    rehearsal: Rehearsal | None
    document: str

    def result_of(self, name: str) -> Result:
        """Return the result of a check, by its id."""
        return next(check.result for check in self.checks if check.id == name)


def sha256(document: Mapping[str, Any]) -> str:
    """Return the hash that a document has to state: SHA-256 of its other fields as sorted ASCII JSON without spaces.

    It shows that the document was not damaged, but not its author.
    """
    hashed = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
