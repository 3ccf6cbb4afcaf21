"""What replay, doctor and certify answer, and status of one key. Times are as records have them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from oss_oms_sync.answers.step import Finding, Step, Stop
from oss_oms_sync.answers.text import Text, t

Json: TypeAlias = object

UNREADABLE = t(
    "A run file of replay cannot be read, and its keys stand nowhere else: {names}. If it stays so: python3 ops.py"
    " compare, which sends what is missing in OBS. Then delete the file."
)


@dataclass(frozen=True)
class ReplayAnswer:
    """What a run of replay did. `by_reason` covers what failed again, `oldest_failure` also what is left; in a
    `dry_run`, both cover what waits, as `taken` does. Of `resolved` keys there is nothing to send any more. `copies`:
    what was read in OMS's lists, None if this was no run to do so. `whole`: it was asked for all that waits.
    `unreadable`: the run files of which nobody knows the keys."""

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
    def is_well(self) -> bool:
        """Whether nothing waits any more of what was asked for."""
        return self.finished and not self.left and not self.failed and not (self.dry_run and self.taken)


@dataclass(frozen=True)
class ReplayRun:
    """The last run over all records, and when it ended."""

    at: str
    result: ReplayAnswer


@dataclass(frozen=True)
class BackToSource:
    """Back-to-source rules of the `bucket` in OBS, as `ops.py checklist` read them `at` that time: only an
    administrator can. `rules` is their number; None if they could not be read."""

    bucket: str
    at: str
    rules: int | None


@dataclass(frozen=True)
class Migration:
    """A migration of the old objects that is not over: when it began, OMS's id of its task group, and its access keys;
    each is empty where that is not known."""

    begun: str
    group: str
    keys: Sequence[str] = ()


@dataclass(frozen=True)
class Migrated:
    """One that is over: when it began and `ended`, `how` ("done", "removed", "refused", or "resent": ended, once replay
    had the keys of all that failed), OMS's id of its task group, and how many objects there were in all, how many it
    copied and skipped, and how many failed."""

    begun: str
    ended: str
    how: str
    group: str
    total: int
    copied: int
    skipped: int
    failed: int


@dataclass(frozen=True)
class ObjectSeen:
    """An object as it is, and when it was written."""

    etag: str
    size: int
    modified: str


@dataclass(frozen=True)
class Submitted:
    """Which version of an object OMS accepted, and when."""

    etag: str
    modified: str


@dataclass(frozen=True)
class Seconds:
    """How long each step took since the object was written; None if it is not done, or not known."""

    accepted: int | None
    copied: int | None


@dataclass(frozen=True)
class StoryAnswer:
    """What became of one key, and what comes next: the object as it is in the source, its success record, the object in
    OBS, or why that is not known; `failed` is what its failed record says, and `step` sends the key now. `well`: its
    current version is in OBS, or OMS may still copy it."""

    key: str
    accepted: bool
    well: bool
    object: ObjectSeen | None
    success: Submitted | None
    in_obs: ObjectSeen | None
    in_obs_unknown: str | None
    seconds: Seconds
    failed: Mapping[str, Json] | None
    story: Text
    next: Text
    step: Step | None


@dataclass(frozen=True)
class DoctorCheck:
    """What one rule found: "ok", "warning", "fault", "unknown" or "skipped"; and how to mend a fault."""

    name: Text
    state: str
    seen: Text
    fix: Text


@dataclass(frozen=True)
class DoctorAnswer:
    """`ok`: everything could be looked at, and nothing is a fault; the same in words, and what each rule found."""

    ok: bool
    text: Text
    checks: Sequence[DoctorCheck]


@dataclass(frozen=True)
class Mark:
    """The mark of a closed project: since when, by whom, why, and which run set it; the last three may be empty."""

    since: str
    by: str
    why: str
    run: str


@dataclass(frozen=True)
class ShownMark(Mark):
    """The mark with the name of the GO that stands, empty if there is none."""

    go: str


@dataclass(frozen=True)
class MarkAnswer:
    """Whether the project is closed now, and what comes next."""

    closed: ShownMark | None
    next: Text


@dataclass(frozen=True)
class LookAnswer(MarkAnswer):
    """The same, with the GO that stands, as the document that it is, and the checks for which a cutover waits; and with
    the migration of the old objects, while it is not over."""

    go: Json
    checks: Sequence[Finding]
    migration: Migration | None


@dataclass(frozen=True)
class CanaryResult:
    """What the last canary of a project saw in these accounts: its field report, and when. Doctor goes by it."""

    at: str
    report: Mapping[str, object]
