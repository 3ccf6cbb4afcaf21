"""The document of a certificate: the facts of a cutover, and the conclusions from them.

Facts contain no sentences. The package `rules` derives the findings, the verdict and all sentences from the facts, here
and in every program that reads the document. A time is a text such as 2026-01-31T08:00:00Z.
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
    """The verdicts of a certificate; each value is the verdict's name in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"


@dataclass(frozen=True)
class CodeVersion:
    """The version and the hash of the code that made the certificate."""

    version: str
    code_sha256: str


@dataclass(frozen=True)
class CertifiedScope:
    """The prefix and the suffix of the keys that the project synchronizes."""

    prefix: str
    suffix: str


@dataclass(frozen=True)
class ClosedMark(Mark):
    """The mark in the log bucket that closes the project.

    `written` is the time at which OSS stored the mark, and `opened` the time at which the project was last opened
    before.
    """

    opened: str
    written: str


@dataclass(frozen=True)
class RemainingOmsWork:
    """The work that OMS still had to do when the certificate was made.

    - `left`: the number of objects that OMS has accepted and not finished, or None if OMS does not report it, or
      reports it only by the hour.
    - `may_finish`: True if OMS may still finish these objects.
    - `busy`: the last time at which OMS accepted or finished an object, by OMS's counts or by this project's records,
      or None.
    - `accepted`: the number of objects that OMS counted as accepted since an hour before the close.
    - `recorded`: the number of this project's records since an hour before the close, or None before they are counted.
    - `largest`: the size in bytes of the largest object in the source.
    """

    left: int | None
    may_finish: bool
    busy: datetime | None
    accepted: int
    recorded: int | None
    largest: int


@dataclass(frozen=True)
class CertifiedMigration:
    """An unfinished migration of the existing objects.

    `begun` is its start, or empty if unknown. `group` is the progress of its task group, or None if OMS does not report
    it.
    """

    begun: str
    group: GroupProgress | None


@dataclass(frozen=True)
class OmsQueryFailure:
    """A failed query about the sync task: the name of the reason, and the HTTP status or None without a response."""

    reason: str
    status: int | None


@dataclass(frozen=True)
class CloudClocks:
    """Seconds by which each cloud's clock differs from the function's, or None if the cloud did not report its time."""

    oms: int | None
    oss: int | None
    obs: int | None


@dataclass(frozen=True)
class CertifiedPass:
    """A finished pass over the buckets.

    - `state`: the digest of the objects in the source bucket.
    - `twin`: the digest of the objects in OBS.

    Two passes with the same two digests listed the same objects.
    """

    pass_: str
    started: str
    ended: str
    objects_per_minute: int
    state: Digest
    twin: Digest


@dataclass(frozen=True)
class CertifiedComparison(CertifiedPass):
    """The comparison on which the verdict rests, with the facts that decide its remedies.

    - `amended`: the time of the last recheck.
    - `walked`: the number of source objects that the pass counted.
    - `classified`: the number of objects that the pass put into classes, before any recheck.
    - `deep`: True if the pass also compared contents.
    - `overwrite`: True if the pass submitted objects that are newer in OBS.
    - `since`: the value of the option `--since`.
    - `begins`: the time before which the pass submitted no missing or older objects, or empty.
    - `earlier`: the time of the oldest object that is older than `begins` and was not submitted, or empty.
    - `unsent`: the number of objects that the pass did not submit because they are too many.
    - `migrate`: the option with which `ops.py migrate` copies the objects of `unsent`.
    - `no_right_in_oss`, `no_right_in_obs`: the numbers of objects that could not be read because a permission is
      missing.
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
    """The standstill pass, which lists both buckets once more after the comparison.

    - `began`: the start of the pass, by OSS's clock.
    - `headers`: the result of comparing headers. It is None unless the project was closed after a pass of headers.
    """

    began: str
    headers: CheckedHeaders | None


@dataclass(frozen=True)
class CertifiedPasses:
    """The comparison and the standstill pass of a certificate; a pass that has not run is None."""

    compare: CertifiedComparison | None
    standstill: CertifiedStandstill | None


@dataclass(frozen=True)
class WaitingGroup:
    """A group of keys that replay has to resend, with the same reason, class and flags.

    - `number`, `keys`: the number of keys, and the first keys.
    - `object_class`: the class that the objects would have without their records, or None if OBS did not answer.
    - `is_same_size`: True if OBS has an object of the same size.
    - `was_tried`: True if a comparison with `--deep` began after both versions were written, so that it would have read
      them.
    - `is_refused`: True if OMS refuses the key repeatedly.
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
    """The keys that replay has to resend: those of failed records, and those of run files, which replay is resending.

    - `sha256`: the hash of the sorted keys, each followed by a newline.
    - `groups`: the keys whose objects could be copied and are not equal in OBS, or all keys if OBS did not answer.
    - `unread`: the number of records and run files whose keys are unknown.
    - `are_more`: True if not all keys were checked.
    - `has_more_records`: True if this project has failed records that were not read.
    """

    number: int
    sha256: str
    groups: Sequence[WaitingGroup]
    unread: int
    are_more: bool
    has_more_records: bool


@dataclass(frozen=True)
class FailureLists:
    """The state of OMS's lists of failed copies, which replay reads.

    - `looked`: the start of replay's last complete reading of the lists, or empty.
    - `unread`: the number of unreadable lines.
    - `is_refused`: True if the lists could not be read at the last attempt.
    """

    looked: str
    unread: int
    is_refused: bool


@dataclass(frozen=True)
class Rehearsal:
    """The result of a rehearsal: a forecast of the cutover.

    - `would_be`: the verdict that the cutover would have.
    - `minutes`: the duration of each step of the cutover, and the total, or None if it is unknown.
    - `failing`: the ids of the checks that would prevent a GO.
    """

    would_be: CutoverVerdict
    minutes: Mapping[str, int | None]
    failing: Sequence[str]


@dataclass(frozen=True)
class LostEvents:
    """The number of new objects in the last reconcile pass, and the number of those without an event."""

    new: int
    missing: int


@dataclass(frozen=True)
class ExtraFacts:
    """Facts that a certificate shows although its verdict does not depend on them.

    `trigger` is the number of lost events, and `lag` the delays of objects until OMS accepted and copied them.
    """

    trigger: LostEvents | None
    migrations: Sequence[FinishedMigration]
    lag: Lags | None


@dataclass(frozen=True, kw_only=True)
class WaitingFacts:
    """Facts for OMS_FINISHED and NOTHING_WAITS, the checks that a cutover repeats after the close.

    - `made`: the time at which the facts were gathered.
    - `run`: the identifier of the cutover's run.
    - `frozen_since`: the time of the freeze, or None in a rehearsal.
    - `as_of`: the time at which the comparison last checked objects.
    - `go_stands`: True if a GO is valid, so that applications write to OBS.
    - `accepted`: the person and the reason of each acceptance, by the name of the accepted class or condition.
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
    """All facts of a cutover. Without a comparison, the counts of a comparison are None.

    - `open_projects`: the other projects of the sync task that were not closed in time.
    - `missing_permissions`: in a rehearsal without a sample, the permissions that reading a sample would need.
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
    def judged_and_total_counts(self) -> tuple[int, int]:
        return self.both_buckets.judged_and_total_counts if self.both_buckets else (0, 0)


@dataclass(frozen=True, kw_only=True)
class Certificate(CutoverFacts):
    """The content of a certificate's document: facts, and the conclusions that `rules/cutover.py` derives from them.

    - `text`: the verdict and its summary, for readers of the JSON.
    - `document`: the name of the document in the log bucket.

    The document also contains its own hash (see `document_hash`).
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
        return next(check.result for check in self.checks if check.id == name)


def document_hash(document: Mapping[str, Any]) -> str:
    """Return the SHA-256 of a document's fields except `sha256`, as ASCII JSON with sorted names and without spaces.

    The hash proves that the document is unchanged, but not who wrote it.
    """
    hashed_fields = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(hashed_fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
