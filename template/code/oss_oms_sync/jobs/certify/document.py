"""The certificate as a document: JSON with all evidence, and a hash of itself.

The hash is SHA-256 over the document without `sha256`, as JSON with sorted names, without spaces, and in ASCII. It
shows that the document was not damaged, but not its author.
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
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import LATE
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

# Checks that will pass after writing has ended; their results of today are not final.
_OF_THE_FREEZE = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL", "MOVING", "IN_FLIGHT")
# Bytes of both sides that an instance reads a second, at half a core; see docs/performance.md.
_SAMPLE_BYTES_A_SECOND = 30_000_000
# Objects that are five minutes old can be judged; a recheck of late keys takes a minute, and OMS some minutes before
# it.
_SETTLE_MINUTES, _AGAIN_MINUTES = 5, 5


def build(invocation: Invocation, evidence: Evidence, checks: Sequence[Finding], number: int) -> dict[str, object]:
    """Return the document with the number `number` in the project and task.

    Numbers give the order of documents, because times are ambiguous: two documents may have the same second, or come
    from instances with different clocks.
    """
    settings, comparison = invocation.settings, evidence.comparison
    still = comparison.standstill if comparison else None
    verdict, rehearsal = CutoverVerdict.of(checks), None
    if evidence.options.frozen is None:
        # The results of the other checks after a freeze, as far as they are predictable.
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
    """Yield the checks that decide a rehearsal.

    Objects in progress prevent no GO, unless there are no others.
    """
    is_judged = evidence.comparison and evidence.comparison.tally.side("source", *NOT_IN_SCOPE, *LATE).objects
    for check in checks:
        if check.id not in _OF_THE_FREEZE:
            yield check
        elif check.result is Result.FAILED and not is_judged:
            yield replace(check, result=Result.NOT_PROVEN)


@cache  # no code changes while it runs
def code_sha256(folder: Path) -> str:
    """Return the hash of the code that made the certificate.

    It is SHA-256 over the Python and JSON files in `folder`, sorted by path, with a line for each: its path in the
    folder, a zero byte, the SHA-256 of its contents as hex digits, and a newline.
    """
    lines = (
        f"{path.relative_to(folder).as_posix()}\0{hashlib.sha256(path.read_bytes()).hexdigest()}\n"
        for path in sorted(folder.rglob("*"))
        if path.suffix in (".py", ".json")
    )
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _pass(state: PassState, evidence: Evidence) -> dict[str, Any]:
    """Return the fields of CertifiedPass."""
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
        # It lists the same objects as the comparison, but no records.
        "standstill": compare,
        "sample": _sampling(evidence),
    }
    durations = [minutes for minutes in steps.values() if minutes is not None]
    return {**steps, "total": sum(durations) if len(durations) == len(steps) else None}


def _sampling(evidence: Evidence) -> int:
    """Return the minutes to read a sample, if its objects are of average size."""
    if evidence.sample is None:
        return 0
    source = evidence.comparison.tally.side("source") if evidence.comparison else Side()
    size = 2 * evidence.sample.asked * source.bytes / max(1, source.objects)
    return _rounded_up(size / _SAMPLE_BYTES_A_SECOND)


def _rounded_up(seconds: float) -> int:
    """Return whole minutes, at least one."""
    return max(1, -int(-seconds // 60))
