"""Answers of replay, doctor and certify, and of status for one key. Times are in the format of records."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oss_oms_sync.answers.finding import Finding, Stop
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

Json: TypeAlias = object

UNREADABLE = t(
    "A run file of replay cannot be read, and its keys are recorded nowhere else: {names}. If it stays"
    " unreadable: {step}, which submits the objects missing in OBS. Then delete the file."
).filled(step=Step("compare"))


@dataclass(frozen=True)
class ReplayAnswer:
    """Result of a run of replay.

    `by_reason` covers keys that failed again, `oldest_failure` also the `left` keys; in a `dry_run`, both cover the
    waiting keys, as `taken` does. `resolved` keys need no submission any more. `copies`: the lines of OMS's lists that
    this run read, None if it does not read them. `whole`: the run covered all waiting keys. `unreadable`: run files
    with unknown keys.
    """

    taken: int
    accepted: int
    failed: int
    resolved: int
    left: int
    oldest_failure: str | None
    by_reason: Mapping[str, int]
    finished: bool
    stop: Stop | None
    stopped: str | None
    copies: Json
    dry_run: bool
    whole: bool
    unreadable: Sequence[str]

    @property
    def is_successful(self) -> bool:
        """True if no key of the request waits."""
        return self.finished and not self.left and not self.failed and not (self.dry_run and self.taken)


@dataclass(frozen=True)
class ReplayRun:
    """The last run over all records, and the time of its end."""

    at: str
    result: ReplayAnswer


@dataclass(frozen=True)
class BackToSource:
    """Back-to-source rules of `bucket` in OBS, read by `ops.py checklist` at the time `at`.

    Only an administrator can read them. `rules`: their number; None if they could not be read.
    """

    bucket: str
    at: str
    rules: int | None


@dataclass(frozen=True)
class Migration:
    """An unfinished migration of the old objects: its begin, the id of its task group in OMS, and its access keys.

    Each is empty if unknown.
    """

    begun: str
    group: str
    keys: Sequence[str] = ()


@dataclass(frozen=True)
class FinishedMigration:
    """A finished migration: its begin and end, the id of its task group in OMS, and counts of objects.

    `how`: its end: "done", "removed", "refused", or "resent" (replay took over the keys of all failed objects).
    """

    begun: str
    ended: str
    how: str
    group: str
    total: int
    copied: int
    skipped: int
    failed: int


@dataclass(frozen=True)
class ObjectInfo:
    """An object of a bucket: ETag, size in bytes, and time of its last write."""

    etag: str
    size: int
    modified: str


@dataclass(frozen=True)
class AcceptedVersion:
    """ETag of the version that OMS accepted, and the time of the acceptance."""

    etag: str
    modified: str


@dataclass(frozen=True)
class StepSeconds:
    """Seconds from the write of the object to each step; None for a missing step or an unknown time."""

    accepted: int | None
    copied: int | None


@dataclass(frozen=True)
class StoryAnswer:
    """History and state of one key, and the next step.

    `object` is the object in the source, `success` its success record, `in_obs` the object in OBS; `in_obs_unknown` is
    the reason why the latter is unknown. `failed` is the content of its failed record; `step`: the command that submits
    the key now. `well`: its current version is in OBS, or OMS may still copy it.
    """

    key: str
    accepted: bool
    well: bool
    object: ObjectInfo | None
    success: AcceptedVersion | None
    in_obs: ObjectInfo | None
    in_obs_unknown: str | None
    seconds: StepSeconds
    failed: Mapping[str, Json] | None
    story: Text
    next: Text
    step: Step | None


@dataclass(frozen=True)
class DoctorCheck:
    """Result of one rule: "ok", "warning", "fault", "unknown" or "skipped"; with the remedy of a fault."""

    name: Text
    state: str
    actual: Text
    fix: Text


@dataclass(frozen=True)
class DoctorAnswer:
    """Results of all rules. `ok`: every rule was checked, without a fault."""

    ok: bool
    text: Text
    checks: Sequence[DoctorCheck]


@dataclass(frozen=True)
class Mark:
    """The mark of a closed project: time, person, reason and run of the close; the last three may be empty."""

    since: str
    by: str
    why: str
    run: str


@dataclass(frozen=True)
class MarkWithGo(Mark):
    """The mark with the name of the current GO; the name is empty without a GO."""

    go: str


@dataclass(frozen=True)
class MarkAnswer:
    """State of the project, closed or open, and the next step."""

    closed: MarkWithGo | None
    next: Text


@dataclass(frozen=True)
class LookAnswer(MarkAnswer):
    """State of the project, with the current GO, and the checks that a cutover waits for.

    `go` is the document of the GO. `migration` is the migration of the old objects until it is finished.
    """

    go: Json
    checks: Sequence[Finding]
    migration: Migration | None


@dataclass(frozen=True)
class CanaryResult:
    """Field report of a project's last canary in these accounts, and its time. Doctor reads it."""

    at: str
    report: Mapping[str, object]
