"""The judgement of a cutover: the findings in a certificate's order, the verdict, and the forecast of a rehearsal.

A rehearsal judges a cutover before the freeze. The function that makes a certificate and every program that reads it
call this module with the facts, so they reach the same judgement.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.certificate import CutoverFacts, CutoverVerdict, Rehearsal
from oss_oms_sync.answers.codec import parse_timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import NOT_IN_SCOPE, TOO_NEW_CLASSES
from oss_oms_sync.answers.text import Text, sentences, untranslated
from oss_oms_sync.rules.check import CutoverCheck
from oss_oms_sync.rules.class_checks import CLASS_CHECKS, judge_classes
from oss_oms_sync.rules.closing_checks import (
    CLOSED,
    OMS_FINISHED,
    STOOD_STILL,
    check_closed,
    check_oms_finished,
    check_standstill,
)
from oss_oms_sync.rules.comparison_checks import FROZEN, SCOPE, SUMS, check_freeze, check_scope, check_sums
from oss_oms_sync.rules.next_steps import requested_sample_size
from oss_oms_sync.rules.sample_checks import HEADERS, SAMPLE, check_headers, check_sample
from oss_oms_sync.rules.setup_checks import CLOCK, TASK, check_clocks, check_task
from oss_oms_sync.rules.summary import summarize
from oss_oms_sync.rules.times import CLOSE_DELAY, MIN_OBJECT_AGE, OMS_QUIET_TIME
from oss_oms_sync.rules.waiting_check import NOTHING_WAITS, check_waiting_keys

Rule = Callable[[CutoverFacts], Finding]

# Each check with the function that makes its finding, in the order of a certificate.
_RULES: Sequence[tuple[CutoverCheck, Rule]] = (
    (FROZEN, check_freeze),
    (CLOSED, check_closed),
    (OMS_FINISHED, check_oms_finished),
    (STOOD_STILL, check_standstill),
    (SCOPE, check_scope),
    (SUMS, check_sums),
    *((check, partial(judge_classes, check)) for check in CLASS_CHECKS),
    (SAMPLE, check_sample),
    (HEADERS, check_headers),
    (NOTHING_WAITS, check_waiting_keys),
    (TASK, check_task),
    (CLOCK, check_clocks),
)
CHECKS = {check.id: check for check, _ in _RULES}
# Number of bytes that an instance with half a core reads per second, from both buckets together: docs/performance.md.
_SAMPLE_BYTES_PER_SECOND = 30_000_000
# Minutes of a recheck of late objects: OMS needs a few minutes to copy them, and the recheck itself one minute.
_RECHECK_MINUTES = 5


@dataclass(frozen=True)
class Judgement:
    """The conclusions from the facts of a cutover; `rehearsal` is None after a freeze."""

    verdict: CutoverVerdict
    summary: Text
    checks: Sequence[Finding]
    rehearsal: Rehearsal | None

    @property
    def text(self) -> Text:
        return sentences(untranslated(self.verdict.value), self.summary)


def judge(facts: CutoverFacts) -> Judgement:
    """Derive all conclusions from the facts.

    Raises LookupError or ValueError if the facts contradict each other.
    """
    checks = [rule(facts) for _, rule in _RULES]
    verdict, rehearsal = derive_verdict(checks), None
    if facts.frozen_since is None:
        # These are the results that the checks would have after a freeze.
        deciding_checks = list(_select_deciding_checks(checks, facts))
        failing_checks = [check.id for check in deciding_checks if check.gates and check.result is not Result.PASSED]
        verdict, rehearsal = (
            CutoverVerdict.REHEARSAL,
            Rehearsal(derive_verdict(deciding_checks), _estimate_minutes(facts), failing_checks),
        )
    return Judgement(verdict, summarize(facts, checks, verdict, rehearsal), checks, rehearsal)


def derive_verdict(checks: Sequence[Finding]) -> CutoverVerdict:
    """Return NO-GO if a check that affects the verdict failed, GO if all of them passed, otherwise NOT PROVEN."""
    results = {check.result for check in checks if check.gates}
    if Result.FAILED in results:
        return CutoverVerdict.NO_GO
    return CutoverVerdict.GO if results == {Result.PASSED} else CutoverVerdict.NOT_PROVEN


def _select_deciding_checks(checks: Sequence[Finding], facts: CutoverFacts) -> Iterator[Finding]:
    """Yield the findings that decide the forecast of a rehearsal.

    Without a freeze, some objects are always in progress. They prevent a GO only if no other objects were judged.
    """
    has_judged_objects = any(
        counts.source.objects
        for object_class, counts in (facts.classes or {}).items()
        if object_class not in (*NOT_IN_SCOPE, *TOO_NEW_CLASSES)
    )
    for check in checks:
        if not CHECKS[check.id].needs_freeze:
            yield check
        elif check.result is Result.FAILED and not has_judged_objects:
            yield replace(check, result=Result.NOT_PROVEN)


def _estimate_minutes(facts: CutoverFacts) -> dict[str, int | None]:
    comparison = facts.passes.compare
    comparison_minutes = (
        _round_up_to_minutes((parse_timestamp(comparison.ended) - parse_timestamp(comparison.started)).total_seconds())
        if comparison
        else None
    )
    minutes = {
        "settle": MIN_OBJECT_AGE // timedelta(minutes=1),
        "replay": max(1, -(-sum(group.number for group in facts.waiting.groups) // max(1, facts.keys_a_minute))),
        "compare": comparison_minutes,
        "again": _RECHECK_MINUTES,
        "close": CLOSE_DELAY // timedelta(minutes=1),
        "oms": OMS_QUIET_TIME // timedelta(minutes=1),
        # The standstill pass lists the same objects as the comparison, but no records.
        "standstill": comparison_minutes,
        "sample": _estimate_sample_minutes(facts),
    }
    durations = [number for number in minutes.values() if number is not None]
    return {**minutes, "total": sum(durations) if len(durations) == len(minutes) else None}


def _estimate_sample_minutes(facts: CutoverFacts) -> int:
    """Estimate the minutes to read the requested sample, whose objects are assumed to be of average size."""
    source_listing = facts.passes.compare.source_listed if facts.passes.compare else None
    if facts.sample is None:
        return 0
    sample_bytes = (
        2 * requested_sample_size(facts) * source_listing.bytes / max(1, source_listing.objects)
        if source_listing
        else 0
    )
    return _round_up_to_minutes(sample_bytes / _SAMPLE_BYTES_PER_SECOND)


def _round_up_to_minutes(seconds: float) -> int:
    return max(1, -int(-seconds // 60))
