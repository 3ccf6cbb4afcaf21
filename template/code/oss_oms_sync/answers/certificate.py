"""The certificate as a document: the facts of a cutover, and the conclusions from them.

Facts contain no sentences: `rules/` derives the findings, the verdict and all sentences from them, and readers of the
document do the same. Times are in the format of records.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from oss_oms_sync.answers.codec import Digest
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.headers_answer import CheckedHeaders
from oss_oms_sync.answers.job_answers import FinishedMigration, Mark
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import (
    BothBuckets,
    ClassCounts,
    Lags,
    LastWritten,
    ListedSource,
    ListingTotals,
    ObjectCount,
    StoragePair,
)
from oss_oms_sync.answers.sampled import Headers, SampleResult
from oss_oms_sync.answers.task_group import GroupProgress, TaskSummary
from oss_oms_sync.answers.text import Text

# Version of the document's format, and the kind of document.
SCHEMA = 2
KIND = "oss-oms-sync certificate"
# Fields that only a comparison fills.
COMPARISON_FIELDS = ("source", "destination", "last_written", "classes", "folders", "storage")


class CutoverVerdict(Enum):
    """Verdicts of a certificate; the values are their names in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"


@dataclass(frozen=True)
class CodeVersion:
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
class RemainingOmsWork:
    """The remaining work of OMS at the time of the certificate.

    `left`: number of objects that OMS accepted and has not finished; None if OMS does not report it, or reports it only
    by the hour. `may_finish`: OMS may still finish them. `busy`: the last time at which OMS accepted or finished an
    object, by its counts or our records; None without such an object. `accepted`: number of objects that OMS counted
    from an hour before the mark on. `recorded`: number of our records of the same time; None while they are being
    counted. `largest`: size of the largest object in bytes.
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
class OmsQueryFailure:
    """The failure that OMS returned instead of the sync task: the name of its reason, and the HTTP status."""

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
    """The comparison behind the verdict: its counts, and the facts that its remedies depend on.

    `amended`: the time of the last recheck. `source_listed`, `destination_listed`: totals of all listed objects;
    `walked`: number of source objects that the pass counted on its way; `classified`: number of objects that it put
    into classes, before rechecks. `no_right_in_oss`, `no_right_in_obs`: number of objects that could not be read
    because a permission is missing. `begins`, `earlier`, `migrate` and others: see `Attempts` in rules/remedy.py;
    `migrate` is the option of the next step.
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
    """The standstill pass after the comparison, and its begin by OSS's clock.

    `headers`: None unless a pass of headers had run, and the project was closed.
    """

    began: str
    headers: CheckedHeaders | None


@dataclass(frozen=True)
class CertifiedPasses:
    """The comparison and the standstill pass; None for a missing pass."""

    compare: CertifiedComparison | None
    standstill: CertifiedStandstill | None


@dataclass(frozen=True)
class WaitingGroup:
    """Waiting keys with the same values: their number, and the first of them.

    `object_class` is the class of the objects without records, None if OBS did not answer. `is_same_size`: OBS has an
    object of the same size. `was_tried`: the comparison would have read the same versions, which are older than its
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
class CertifiedWaitingKeys:
    """Keys of failed records and run files: their number, and the SHA-256 of the sorted keys, each with a newline.

    `groups`: keys whose objects are neither equal in OBS, nor impossible to copy, nor deleted; all keys if OBS did not
    answer. `unread`: records and run files whose keys are unknown. `are_more`: not all keys were checked;
    `has_more_records`: this project has more failed records.
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
class LostEvents:
    """Number of `new` objects in the last reconcile pass, and number of those without an event."""

    new: int
    missing: int


@dataclass(frozen=True)
class ExtraFacts:
    """Facts beside the verdict. `migrations` are the finished migrations of the existing objects."""

    trigger: LostEvents | None
    migrations: Sequence[FinishedMigration]
    lag: Lags | None


@dataclass(frozen=True, kw_only=True)
class WaitingFacts:
    """Facts for OMS_FINISHED and NOTHING_WAITS, the checks that a cutover repeats after the close.

    `made`: the time of the facts. `frozen_since`: None in a rehearsal. `run`: the identifier of the cutover's run.
    `as_of`: the time of the comparison's last check. `go_stands`: a GO is valid, so applications write to OBS.
    `accepted`: the person and the reason of each acceptance. `classes`: None without a comparison.
    """

    made: str
    frozen_since: str | None
    run: str
    accepted: Mapping[str, str]
    sample: SampleResult | None
    as_of: str | None
    passes: CertifiedPasses
    classes: Mapping[ObjectClass, ClassCounts] | None
    closed: ClosedMark | None
    go_stands: bool
    migration: CertifiedMigration | None
    oms: RemainingOmsWork
    waiting: CertifiedWaitingKeys
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
    sync_task: TaskSummary | None
    oms_failure: OmsQueryFailure | None
    source: ListedSource | None
    destination: ListingTotals | None
    last_written: Sequence[LastWritten] | None
    folders: Mapping[str, Mapping[ObjectClass, Sequence[int]]] | None
    storage: Sequence[StoragePair] | None
    headers: Headers
    missing_permissions: Sequence[str]
    clocks: CloudClocks
    keys_a_minute: int
    shown: ExtraFacts

    @property
    def both_buckets(self) -> BothBuckets | None:
        """Counts of the comparison in both buckets."""
        if self.source is None or self.destination is None or self.classes is None or self.folders is None:
            return None
        return BothBuckets(
            classes=self.classes,
            folders=self.folders,
            storage=self.storage or (),
            source=self.source,
            destination=self.destination,
        )

    @property
    def judged_counts(self) -> tuple[int, int]:
        """Number of judged source objects, and number of all source objects."""
        return self.both_buckets.judged_counts if self.both_buckets else (0, 0)


@dataclass(frozen=True, kw_only=True)
class Certificate(CutoverFacts):
    """The document without its hash: facts, and the conclusions that `rules/cutover.py` derives from them.

    `text`: verdict and summary, for readers of the JSON. `document`: its name in the log bucket.
    """

    schema: int
    kind: str
    made_by: CodeVersion
    verdict: CutoverVerdict
    text: Text
    checks: Sequence[Finding]
    rehearsal: Rehearsal | None
    document: str

    def result_of(self, name: str) -> Result:
        """Return the result of the check with this id."""
        return next(check.result for check in self.checks if check.id == name)


def document_hash(document: Mapping[str, Any]) -> str:
    """Return the hash of a document: SHA-256 of its other fields as sorted ASCII JSON without spaces.

    It proves that the document is intact, but not who wrote it.
    """
    hashed = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
