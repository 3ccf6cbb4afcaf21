"""Answers of replay, doctor and certify, and of status for a single key.

A time is a text such as 2026-01-31T08:00:00Z.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oss_oms_sync.answers.finding import Finding, Stop
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

Json: TypeAlias = object

UNREADABLE = t(
    "Replay cannot read run files whose keys are recorded nowhere else: {names}. If this persists, submit the"
    " objects missing in OBS ({step}), then delete these files."
).filled(step=Step("compare"))


@dataclass(frozen=True)
class ReplayAnswer:
    """The result of a run of replay.

    - `taken`: the number of keys that the run selected.
    - `resolved`: the number of selected keys that no longer need a submission.
    - `left`: the number of keys that still wait.
    - `by_reason`: the number of keys that failed again, by reason; in a `dry_run`, of all selected keys.
    - `oldest_failure`: the time of the oldest failure among the keys that failed again, or still wait.
    - `copies`: the lines of OMS's lists that this run read, or None if the run reads no lists.
    - `whole`: True if the run covered all waiting keys.
    - `unreadable`: the names of the unreadable files with the keys of earlier runs.
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
        """True if no requested key waits any longer."""
        return self.finished and not self.left and not self.failed and not (self.dry_run and self.taken)


@dataclass(frozen=True)
class ReplayRun:
    """The result of the last run over all failed records, and the time at which this run ended."""

    at: str
    result: ReplayAnswer


@dataclass(frozen=True)
class BackToSource:
    """The back-to-source rules of a bucket in OBS, which only an administrator can read with `ops.py checklist`.

    `at` is the time of reading. `rules` is the number of rules, or None if they could not be read.
    """

    bucket: str
    at: str
    rules: int | None


@dataclass(frozen=True)
class Migration:
    """An unfinished migration of the existing objects. A field is empty if its value is unknown.

    - `begun`: the start of the migration.
    - `group`: the id of its task group in OMS.
    - `keys`: the ids of its access keys.
    """

    begun: str
    group: str
    keys: Sequence[str] = ()


@dataclass(frozen=True)
class FinishedMigration:
    """A finished migration of the existing objects, with its counts of objects.

    - `group`: the id of its task group in OMS.
    - `how`: the end of the migration: "done", "removed", "refused", or "resent" if replay took over the keys of all
      failed objects.
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
    """An object in a bucket: its ETag, its size in bytes and the time of its last write."""

    etag: str
    size: int
    modified: str


@dataclass(frozen=True)
class AcceptedVersion:
    """A version of an object that OMS accepted: the ETag, and the time of the acceptance."""

    etag: str
    modified: str


@dataclass(frozen=True)
class StepSeconds:
    """The seconds from the write of an object until OMS accepted it, and until it was in OBS; None if unknown."""

    accepted: int | None
    copied: int | None


@dataclass(frozen=True)
class StoryAnswer:
    """The history and the state of a single key, and the next step.

    - `object`, `in_obs`: the object in the source, and in OBS.
    - `in_obs_unknown`: the reason why OBS did not answer.
    - `success`, `failed`: the contents of the key's records.
    - `step`: the command that submits the key now.
    - `well`: True if the current version is in OBS, or if OMS may still copy it.
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
    """The result of a check of doctor, with the remedy for a fault.

    `state` is "ok", "warning", "fault", "unknown" or "skipped".
    """

    name: Text
    state: str
    actual: Text
    fix: Text


@dataclass(frozen=True)
class DoctorAnswer:
    """The results of all checks of doctor; `ok` is True if every check was made and none found a fault."""

    ok: bool
    text: Text
    checks: Sequence[DoctorCheck]


@dataclass(frozen=True)
class Mark:
    """The mark that closes a project: the time, the person, the reason, and the run of a cutover that set the mark.

    The person, the reason and the run may be empty.
    """

    since: str
    by: str
    why: str
    run: str


@dataclass(frozen=True)
class MarkWithGo(Mark):
    """The mark of a closed project, and the name of the certificate with the valid GO, or empty if there is none."""

    go: str


@dataclass(frozen=True)
class MarkAnswer:
    """The state of the project, closed or open, and the next step. `closed` is None if the project is open."""

    closed: MarkWithGo | None
    next: Text


@dataclass(frozen=True)
class LookAnswer(MarkAnswer):
    """The state of the project, the document of the valid GO, and the checks that a cutover repeats after the close.

    `migration` is the unfinished migration of the existing objects, or None.
    """

    go: Json
    checks: Sequence[Finding]
    migration: Migration | None


@dataclass(frozen=True)
class CanaryResult:
    """The field report of the project's last canary (measurements in the user's accounts), and the report's time."""

    at: str
    report: Mapping[str, object]
