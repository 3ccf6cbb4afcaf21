"""The certificate as a document: JSON that says what was looked at, with a hash of its own.

The hash is SHA-256 over the document without `sha256`, as JSON with its names sorted, without spaces, and in ASCII. It
shows that nothing was damaged, not who wrote it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import Enum
from pathlib import Path

import oss_oms_sync
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.text import Text, same, t
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.filters import RECORD_ROOT
from oss_oms_sync.jobs.certify.evidence import Comparison, Evidence
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, QUIET
from oss_oms_sync.jobs.certify.sample import Sample
from oss_oms_sync.passes.digests import LARGEST
from oss_oms_sync.passes.states import PassState, Progress
from oss_oms_sync.passes.tally import NEW, NEW_MISSING, ClassCount, Histogram, Side
from oss_oms_sync.reasons import Failure
from oss_oms_sync.settings import Settings

_KIND = "oss-oms-sync certificate"
# Of the format.
_SCHEMA = 2
# These will be well once nothing is written any more: what they say today is not what they will say.
_OF_THE_FREEZE = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL", "MOVING", "IN_FLIGHT")
# An instance reads so many bytes a second of both sides, at half a core; see docs/performance.md.
_SAMPLE_BYTES_A_SECOND = 30_000_000
# What is five minutes old is judged; judging the late keys again takes a minute, and OMS some before it.
_SETTLE_MINUTES, _AGAIN_MINUTES = 5, 5


class CutoverVerdict(Enum):
    """What a certificate says, by its name in the document."""

    GO = "GO"
    NO_GO = "NO-GO"
    NOT_PROVEN = "NOT PROVEN"
    REHEARSAL = "REHEARSAL"

    @classmethod
    def of(cls, checks: Sequence[Finding]) -> CutoverVerdict:
        """What follows from checks: one that failed is a no; short of that, only what all passed is a go."""
        results = {check.result for check in checks if check.gates}
        if Result.FAILED in results:
            return cls.NO_GO
        return cls.GO if results == {Result.PASSED} else cls.NOT_PROVEN


@dataclass(frozen=True)
class Rehearsal:
    """`minutes` has each step's, and the total; None where nothing tells. `failing` are the checks that would not
    pass."""

    would_be: CutoverVerdict
    minutes: dict[str, int | None]
    failing: Sequence[str]

    @classmethod
    def of(cls, checks: Sequence[Finding], evidence: Evidence, settings: Settings) -> Rehearsal:
        """What `checks` would say after a freeze, as far as is known now."""
        lasting = [check for check in checks if check.id not in _OF_THE_FREEZE]
        failing = [check.id for check in lasting if check.gates and check.result is not Result.PASSED]
        return cls(CutoverVerdict.of(lasting), _minutes(evidence, settings), failing)


def certificates_folder(invocation: Invocation) -> str:
    """What the names of a project's certificates in the log bucket begin with."""
    return f"{RECORD_ROOT}certificates/{invocation.settings.project}/{invocation.task_id}/"


def number_of(name: str) -> int:
    """The number of the certificate that is called so; 0 if it is none."""
    number = name.rpartition("/")[2].partition("-")[0]
    return int(number) if number.isdecimal() else 0


def build(invocation: Invocation, evidence: Evidence, checks: Sequence[Finding], number: int) -> dict[str, object]:
    """The document, the `number`-th of the project and task: times do not tell which of two of one second came last,
    nor which of two that instances with different clocks made."""
    settings, found = invocation.settings, evidence.comparison
    still = found.standstill if found else None
    rehearsal = None if evidence.frozen_since else Rehearsal.of(checks, evidence, settings)
    verdict = CutoverVerdict.REHEARSAL if rehearsal else CutoverVerdict.of(checks)
    text = _rehearsed(rehearsal) if rehearsal else _text(verdict, checks, evidence)
    made = timestamp(evidence.now)
    moment = made.replace("-", "").replace(":", "")
    name = f"{number:04}-{moment}-{verdict.value.lower().replace(' ', '-')}.json"
    document: dict[str, object] = {
        "schema": _SCHEMA,
        "kind": _KIND,
        "verdict": verdict.value,
        "text": text.en,
        "text_zh": text.zh,
        "as_of": found.state.as_of if found else None,
        "made": made,
        "made_by": {
            "version": oss_oms_sync.VERSION,
            "code_sha256": code_sha256(Path(oss_oms_sync.__file__).parents[1]),
        },
        "task": invocation.task_id,
        "project": settings.project,
        "source_bucket": settings.source_bucket,
        "destination_bucket": evidence.task.dst_bucket if isinstance(evidence.task, TaskInfo) else None,
        "log_bucket": settings.log_bucket,
        "scope": asdict(settings.key_filter),
        "frozen_since": timestamp(evidence.frozen_since) if evidence.frozen_since else None,
        "checks": [to_json(check) for check in checks],
        "run": evidence.options.run,
        "closed": asdict(evidence.closed) if evidence.closed else None,
        "open_projects": list(evidence.open_projects),
        "oms": to_json(evidence.oms),
        "passes": {
            "compare": _pass(found.state, evidence, amended=found.state.amended or None) if found else None,
            "standstill": _pass(still.state, evidence, began=timestamp(still.began)) if still else None,
        },
        **_counted(found),
        "sample": _sampled(evidence.sample) if evidence.sample else None,
        "accepted": dict(evidence.options.accept),
        "rehearsal": to_json(rehearsal) if rehearsal else None,
        "shown": _shown(evidence),
        "document": f"{certificates_folder(invocation)}{name}",
    }
    return {**document, "sha256": sha256_of(document)}


def code_sha256(folder: Path) -> str:
    """Which code made it: SHA-256 over the Python and JSON files in `folder`, sorted by path: of each its path in
    there, a zero byte, the SHA-256 of its contents as hex digits, and a newline."""
    lines = (
        f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".json")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def sha256_of(document: Mapping[str, object]) -> str:
    """The hash of a document that has none yet."""
    canonical = json.dumps(document, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(canonical.encode()).hexdigest()


def _text(verdict: CutoverVerdict, checks: Sequence[Finding], evidence: Evidence) -> Text:
    open_ones = [check.id for check in checks if check.gates and check.result is not Result.PASSED]
    failed = [check.id for check in checks if check.gates and check.result is Result.FAILED]
    if verdict is CutoverVerdict.NO_GO:
        return t("NO-GO: {failed} failed.", failed=failed)
    if verdict is CutoverVerdict.NOT_PROVEN or evidence.comparison is None:
        return t("Not proven: nothing is known to be wrong, but {open_ones} did not pass.", open_ones=open_ones)
    found, still, closed, work = evidence.comparison, evidence.comparison.standstill, evidence.closed, evidence.oms
    source, began, ended = found.in_scope("source"), found.state.started, found.state.as_of
    is_used = any(found.tally.classes.get(name, ClassCount()) != ClassCount() for name in evidence.options.accept)
    looked = t("between {began} and {ended}", began=began, ended=ended)
    if is_used:
        looked = t("{when}, but for what was accepted by name", when=looked)
    oms = t("and OMS had finished")
    if work.left != 0:
        left = t("an unknown number of objects") if work.left is None else t("{n:object|objects}", n=work.left)
        oms = t("but OMS may still write: it has not finished {left} (accepted by name)", left=left)
    # Nobody knows of OBS what happens there after that.
    return t(
        "GO: each object of the source ({n:object|objects}, {bytes} bytes) was in OBS when it was looked at, {when}."
        " Both buckets were still so at {stood}; nothing has been sent since two minutes after {closed}, {oms}.",
        n=source.objects,
        bytes=source.bytes,
        when=looked,
        stood=timestamp(still.began) if still else "?",
        closed=closed.written if closed else "?",
        oms=oms,
    )


def _rehearsed(rehearsal: Rehearsal) -> Text:
    total, would = rehearsal.minutes["total"], same(rehearsal.would_be.value)
    lasts = t("how long the freeze would last is not known")
    if total:
        lasts = t("the freeze would last about {n:minute|minutes}", n=total)
    if rehearsal.failing:
        would = t("{verdict}, because of {failing}", verdict=would, failing=rehearsal.failing)
    return t("A rehearsal: {lasts}, and the verdict would be {would}.", lasts=lasts, would=would)


def _counted(found: Comparison | None) -> dict[str, object]:
    if found is None:
        return {"source": None, "destination": None, "last_written": None, "classes": None, "folders": None}
    tally = found.tally
    return {
        "source": {**to_json(found.in_scope("source")), "state_digest": f"{tally.state:064x}"},
        "destination": to_json(found.in_scope("destination")),
        "last_written": [{"key": one.key, "at": timestamp(from_epoch(one.modified))} for one in tally.last_written],
        "classes": {
            one.title: to_json(tally.classes.get(one.title, ClassCount()).found())
            for one in ObjectClass
            if one is not ObjectClass.ORPHAN_RECORDS
        },
        "folders": tally.folders,
    }


def _pass(state: PassState, evidence: Evidence, **more: str | None) -> dict[str, object]:
    pace = Progress.of(state, None, evidence.now).objects_per_minute
    digests = {"state": f"{state.tally.state:064x}", "twin": f"{state.tally.twin:064x}"}
    told = {"pass": state.of.name, "started": state.started, "ended": state.ended, "objects_per_minute": pace}
    return {**told, **digests, **more}


def _sampled(sample: Sample) -> dict[str, object]:
    return {
        "asked": sample.asked,
        "population": sample.population,
        "drawn": len(sample.drawn),
        "read": len(sample.equal) + len(sample.differing),
        "bytes": sample.bytes,
        "seed": sample.seed,
        "keys": list(sample.drawn),
        "largest": LARGEST,
        "differing": list(sample.differing),
        "unread": sample.unread,
        "unreadable": list(sample.unreadable),
    }


def _shown(evidence: Evidence) -> dict[str, object]:
    """What decides nothing."""
    task, found, reconciled = evidence.task, evidence.comparison, evidence.reconciled
    deleted = found.tally.classes.get(ObjectClass.DELETED_AT_SOURCE.title, ClassCount()).destination if found else None
    counts = reconciled.counts if reconciled else {}
    return {
        "oms": asdict(task.month) if isinstance(task, TaskInfo) else _problem(task),
        "task": {
            name: getattr(task, name)
            for name in ("status", "src_bucket", "src_region", "dst_bucket", "dst_region", "object_overwrite_mode")
        }
        if isinstance(task, TaskInfo)
        else None,
        "trigger": {"new": counts.get(NEW, 0), "missing": counts.get(NEW_MISSING, 0)} if reconciled else None,
        "migrations": [dict(one) for one in evidence.migrated],
        "deleted_at_source": {"objects": deleted.objects, "bytes": deleted.bytes} if deleted else None,
        "lag": {
            "accepted": _lag(found.tally.accepted_lag),
            "copied": _lag(found.tally.copied_lag),
            "again": found.tally.again,
        }
        if found
        else None,
    }


def _lag(histogram: Histogram) -> dict[str, object]:
    """In whole seconds: no float stands in a certificate, because languages write them differently."""
    summary = to_json(histogram.summary())
    return {name: round(value) if isinstance(value, float) else value for name, value in summary.items()}


def _problem(failure: Failure) -> dict[str, object]:
    return {"problem": failure.reason.name, "message": failure.message, "fix": failure.remedy("get").to_json()}


def _minutes(evidence: Evidence, settings: Settings) -> dict[str, int | None]:
    compare = _length(evidence.comparison.state if evidence.comparison else None)
    steps = {
        "settle": _SETTLE_MINUTES,
        "replay": _rounded_up(len(evidence.due) / (settings.oms_rate * KEYS_PER_CALL)),
        "compare": compare,
        "again": _AGAIN_MINUTES,
        "close": CLOSED_AFTER // timedelta(minutes=1),
        "oms": QUIET // timedelta(minutes=1),
        # It lists what the comparison lists, but for the records.
        "standstill": compare,
        "sample": _sampling(evidence),
    }
    known = [minutes for minutes in steps.values() if minutes is not None]
    return {**steps, "total": sum(known) if len(known) == len(steps) else None}


def _length(state: PassState | None) -> int | None:
    began, ended = (parse_time(state.started), parse_time(state.ended)) if state else (None, None)
    return _rounded_up((ended - began).total_seconds()) if began and ended else None


def _sampling(evidence: Evidence) -> int:
    """How long a sample takes, if its objects are as large as others."""
    if evidence.sample is None:
        return 0
    source = evidence.comparison.tally.side("source") if evidence.comparison else Side()
    size = 2 * evidence.sample.asked * source.bytes / max(1, source.objects)
    return _rounded_up(size / _SAMPLE_BYTES_A_SECOND)


def _rounded_up(seconds: float) -> int:
    """Whole minutes, at least one."""
    return max(1, -int(-seconds // 60))
