"""The certificate as a document: JSON that says what was looked at, with a hash of its own.

The hash is SHA-256 over the document without `sha256`, as JSON with its names sorted, without spaces, and in ASCII. It
shows that nothing was damaged, not who wrote it.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import oss_oms_sync
from oss_oms_sync.answers.certificate import (
    Certificate,
    CertifiedComparison,
    CertifiedPasses,
    CertifiedScope,
    CertifiedStandstill,
    ClosedMark,
    CutoverVerdict,
    EventsLost,
    MadeBy,
    NotJudged,
    Rehearsal,
)
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.object_class import LATE
from oss_oms_sync.answers.step import Finding, Result
from oss_oms_sync.answers.text import NOTHING, same, sentences
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.clouds.task import TaskInfo, silence
from oss_oms_sync.jobs.certify.evidence import NOT_IN_SCOPE, Evidence
from oss_oms_sync.jobs.certify.oms_work import CLOSED_AFTER, QUIET
from oss_oms_sync.ledger.certificates import certificate_name, certificates_folder
from oss_oms_sync.passes.states import PassState, progress_of
from oss_oms_sync.passes.tally import NEW, NEW_MISSING, Side
from oss_oms_sync.settings import Settings

# These will be well once nothing is written any more: what they say today is not what they will say.
_OF_THE_FREEZE = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL", "MOVING", "IN_FLIGHT")
# An instance reads so many bytes a second of both sides, at half a core; see docs/performance.md.
_SAMPLE_BYTES_A_SECOND = 30_000_000
# What is five minutes old is judged; judging the late keys again takes a minute, and OMS some before it.
_SETTLE_MINUTES, _AGAIN_MINUTES = 5, 5


def build(invocation: Invocation, evidence: Evidence, checks: Sequence[Finding], number: int) -> dict[str, object]:
    """The document, the `number`-th of the project and task: times do not tell which of two of one second came last,
    nor which of two that instances with different clocks made."""
    settings, comparison = invocation.settings, evidence.comparison
    still = comparison.standstill if comparison else None
    verdict, rehearsal = CutoverVerdict.of(checks), None
    if evidence.options.frozen is None:
        # What the others would say after a freeze, as far as is known now.
        lasting = list(_lasting(checks, evidence))
        failing = [check.id for check in lasting if check.gates and check.result is not Result.PASSED]
        rehearsal = Rehearsal(CutoverVerdict.of(lasting), _minutes(evidence, settings), failing)
        verdict = CutoverVerdict.REHEARSAL
    counted = dict.fromkeys(("source", "destination", "last_written", "classes", "folders"))
    if comparison:
        counted = comparison.tally.shown(*NOT_IN_SCOPE)
    made = timestamp(evidence.now)
    mark = evidence.closed
    certificate = Certificate(
        schema=2,  # of the format
        kind="oss-oms-sync certificate",
        verdict=verdict,
        text=NOTHING,
        as_of=comparison.state.as_of if comparison else None,
        made=made,
        made_by=MadeBy(oss_oms_sync.VERSION, code_sha256(Path(oss_oms_sync.__file__).parents[1])),
        task=invocation.task_id,
        project=settings.project,
        source_bucket=settings.source_bucket,
        destination_bucket=evidence.task.dst_bucket if isinstance(evidence.task, TaskInfo) else None,
        log_bucket=settings.log_bucket,
        scope=CertifiedScope(settings.key_filter.prefix, settings.key_filter.suffix),
        frozen_since=timestamp(evidence.options.frozen) if evidence.options.frozen else None,
        checks=checks,
        run=evidence.options.run,
        closed=ClosedMark(mark.since, mark.by, mark.why, mark.run, mark.opened, mark.written) if mark else None,
        migration=evidence.migration.begun if evidence.migration else None,
        open_projects=evidence.open_projects,
        oms=evidence.oms,
        passes=CertifiedPasses(
            CertifiedComparison(**_pass(comparison.state, evidence), amended=comparison.state.amended or None)
            if comparison
            else None,
            CertifiedStandstill(**_pass(still.state, evidence), began=timestamp(still.began)) if still else None,
        ),
        **counted,
        sample=evidence.sample,
        headers=evidence.headers,
        accepted=evidence.options.accept,
        rehearsal=rehearsal,
        shown=_not_judged(evidence),
        document=f"{certificates_folder(invocation)}{certificate_name(number, made, verdict)}",
    )
    document: dict[str, object] = to_json(
        replace(certificate, text=sentences(same(verdict.value), certificate.summary))
    )
    hashed = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return {**document, "sha256": hashlib.sha256(hashed).hexdigest()}


def _lasting(checks: Sequence[Finding], evidence: Evidence) -> Iterator[Finding]:
    """The checks that a rehearsal goes by. What is on its way keeps nothing from a GO, unless there is nothing else."""
    is_judged = evidence.comparison and evidence.comparison.tally.side("source", *NOT_IN_SCOPE, *LATE).objects
    for check in checks:
        if check.id not in _OF_THE_FREEZE:
            yield check
        elif check.result is Result.FAILED and not is_judged:
            yield replace(check, result=Result.NOT_PROVEN)


@cache  # no code changes while it runs
def code_sha256(folder: Path) -> str:
    """Which code made it: SHA-256 over the Python and JSON files in `folder`, sorted by path: of each its path in
    there, a zero byte, the SHA-256 of its contents as hex digits, and a newline."""
    lines = (
        f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".json")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _pass(state: PassState, evidence: Evidence) -> dict[str, Any]:
    """What is told of any pass, by the names of CertifiedPass."""
    return {
        "pass_": state.of.name,
        "started": state.started,
        "ended": state.ended,
        "objects_per_minute": progress_of(state, None, evidence.now).objects_per_minute,
        "state": state.tally.state,
        "twin": state.tally.twin,
    }


def _not_judged(evidence: Evidence) -> NotJudged:
    task, comparison, reconciled = evidence.task, evidence.comparison, evidence.reconciled
    counts = reconciled.counts if reconciled else {}
    return NotJudged(
        task=task if isinstance(task, TaskInfo) else None,
        silence=silence(task, "get"),
        trigger=EventsLost(counts.get(NEW, 0), counts.get(NEW_MISSING, 0)) if reconciled else None,
        migrations=evidence.migrated,
        lag=comparison.tally.lags() if comparison else None,
    )


def _minutes(evidence: Evidence, settings: Settings) -> dict[str, int | None]:
    state = evidence.comparison.state if evidence.comparison else None
    began, ended = (parse_time(state.started), parse_time(state.ended)) if state else (None, None)
    compare = _rounded_up((ended - began).total_seconds()) if began and ended else None
    steps = {
        "settle": _SETTLE_MINUTES,
        "replay": _rounded_up(len(evidence.due or ()) / (settings.oms_rate * KEYS_PER_CALL)),
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
