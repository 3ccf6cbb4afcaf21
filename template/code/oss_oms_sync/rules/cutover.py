"""The judgement of a cutover: the checks in the order of a certificate, the verdict, and a rehearsal's forecast.

The function that makes a certificate, and each reader of it, derive the judgement from the facts with only this module.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.certificate import CutoverFacts, CutoverVerdict, Rehearsal
from oss_oms_sync.answers.codec import parse_timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import NOT_IN_SCOPE, TOO_NEW
from oss_oms_sync.answers.text import Text, sentences, untranslated
from oss_oms_sync.rules.check import CutoverCheck
from oss_oms_sync.rules.class_checks import CLASS_CHECKS, judge_classes
from oss_oms_sync.rules.closing_checks import CLOSED, OMS_FINISHED, STOOD_STILL, closed, oms_finished, stood_still
from oss_oms_sync.rules.comparison_checks import FROZEN, SCOPE, SUMS, frozen, scope, sums
from oss_oms_sync.rules.next_steps import asked_sample
from oss_oms_sync.rules.sample_checks import HEADERS, SAMPLE, metadata, sample
from oss_oms_sync.rules.setup_checks import CLOCK, TASK, clock, task
from oss_oms_sync.rules.summary import summarize
from oss_oms_sync.rules.times import CLOSE_DELAY, OMS_QUIET_TIME, SETTLED
from oss_oms_sync.rules.waiting_check import NOTHING_WAITS, nothing_waits

Rule = Callable[[CutoverFacts], Finding]

# Each check with its rule, in the order of a certificate.
_RULES: Sequence[tuple[CutoverCheck, Rule]] = (
    (FROZEN, frozen),
    (CLOSED, closed),
    (OMS_FINISHED, oms_finished),
    (STOOD_STILL, stood_still),
    (SCOPE, scope),
    (SUMS, sums),
    *((check, partial(judge_classes, check)) for check in CLASS_CHECKS),
    (SAMPLE, sample),
    (HEADERS, metadata),
    (NOTHING_WAITS, nothing_waits),
    (TASK, task),
    (CLOCK, clock),
)
CHECKS = {check.id: check for check, _ in _RULES}
# Bytes of both sides that an instance reads in a second, at half a core; see docs/performance.md.
_SAMPLE_BYTES_PER_SECOND = 30_000_000
# A recheck of late keys takes a minute, and OMS a few minutes before it.
_RECHECK_MINUTES = 5


@dataclass(frozen=True)
class Judgement:
    """Conclusions from the facts of a cutover."""

    verdict: CutoverVerdict
    summary: Text
    checks: Sequence[Finding]
    rehearsal: Rehearsal | None

    @property
    def text(self) -> Text:
        """The verdict and its summary."""
        return sentences(untranslated(self.verdict.value), self.summary)


def judge(facts: CutoverFacts) -> Judgement:
    """Derive all conclusions from the facts.

    Raises LookupError or ValueError for inconsistent facts.
    """
    checks = [rule(facts) for _, rule in _RULES]
    verdict, rehearsal = verdict_of(checks), None
    if facts.frozen_since is None:
        # The predictable results of the other checks after a freeze.
        lasting = list(_deciding_checks(checks, facts))
        failing = [check.id for check in lasting if check.gates and check.result is not Result.PASSED]
        verdict, rehearsal = CutoverVerdict.REHEARSAL, Rehearsal(verdict_of(lasting), _minutes(facts), failing)
    return Judgement(verdict, summarize(facts, checks, verdict, rehearsal), checks, rehearsal)


def verdict_of(checks: Sequence[Finding]) -> CutoverVerdict:
    """Return the verdict of checks: NO-GO if a check failed, GO if all passed, else NOT PROVEN."""
    results = {check.result for check in checks if check.gates}
    if Result.FAILED in results:
        return CutoverVerdict.NO_GO
    return CutoverVerdict.GO if results == {Result.PASSED} else CutoverVerdict.NOT_PROVEN


def _deciding_checks(checks: Sequence[Finding], facts: CutoverFacts) -> Iterator[Finding]:
    """Yield the checks that decide a rehearsal.

    Objects in progress prevent a GO only if there are no other objects.
    """
    is_judged = any(
        counts.source.objects
        for object_class, counts in (facts.classes or {}).items()
        if object_class not in (*NOT_IN_SCOPE, *TOO_NEW)
    )
    for check in checks:
        if not CHECKS[check.id].of_freeze:
            yield check
        elif check.result is Result.FAILED and not is_judged:
            yield replace(check, result=Result.NOT_PROVEN)


def _minutes(facts: CutoverFacts) -> dict[str, int | None]:
    compared = facts.passes.compare
    compare = (
        _whole_minutes((parse_timestamp(compared.ended) - parse_timestamp(compared.started)).total_seconds())
        if compared
        else None
    )
    minutes = {
        "settle": SETTLED // timedelta(minutes=1),
        "replay": max(1, -(-sum(group.number for group in facts.waiting.groups) // max(1, facts.keys_a_minute))),
        "compare": compare,
        "again": _RECHECK_MINUTES,
        "close": CLOSE_DELAY // timedelta(minutes=1),
        "oms": OMS_QUIET_TIME // timedelta(minutes=1),
        # It lists the same objects as the comparison, but no records.
        "standstill": compare,
        "sample": _sample_minutes(facts),
    }
    durations = [number for number in minutes.values() if number is not None]
    return {**minutes, "total": sum(durations) if len(durations) == len(minutes) else None}


def _sample_minutes(facts: CutoverFacts) -> int:
    """Return the minutes to read a sample of objects of average size."""
    listed = facts.passes.compare.source_listed if facts.passes.compare else None
    if facts.sample is None:
        return 0
    size = 2 * asked_sample(facts) * listed.bytes / max(1, listed.objects) if listed else 0
    return _whole_minutes(size / _SAMPLE_BYTES_PER_SECOND)


def _whole_minutes(seconds: float) -> int:
    """Return whole minutes, at least one."""
    return max(1, -int(-seconds // 60))
