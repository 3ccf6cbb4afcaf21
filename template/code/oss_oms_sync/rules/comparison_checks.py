"""Checks of the comparison in a certificate: its scope and its sums, and the freeze of the source."""

from __future__ import annotations

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.codec import parse_timestamp, timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.pass_answers import MAX_KEYS, MAX_WRITTEN, ObjectCount
from oss_oms_sync.answers.text import AtLeast, t
from oss_oms_sync.rules.check import DEPLOY, DOCTOR, REHEARSED_TEXT, CutoverCheck
from oss_oms_sync.rules.counts import find_wrong_sums, sum_storage_pairs
from oss_oms_sync.rules.next_steps import comparison_step, cutover_step
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW, MAX_PASS_AGE

SCOPE = CutoverCheck(
    "SCOPE",
    t("no current comparison"),
    t(
        "A comparison of the project's whole scope ({covered}) began after the freeze, and ended within the"
        " last 24 hours"
    ),
    keeps_project_open=True,
)
FROZEN = CutoverCheck(
    "FROZEN",
    t("writes after the freeze"),
    t("No object was written more than a minute after the freeze"),
    opens_project=True,
    keeps_project_open=True,
    needs_freeze=True,
)
SUMS = CutoverCheck(
    "SUMS",
    t("sums that disagree"),
    t(
        "The classes, folders and storage classes add up to the listings of both buckets; each class of equal"
        " objects has the same digest on both sides"
    ),
)


def check_scope(facts: CutoverFacts) -> Finding:
    """Check that a recent comparison covers the project's whole scope, and began after the freeze."""
    check = SCOPE.with_values(
        covered=t("prefix {prefix!r}, suffix {suffix!r}", prefix=facts.scope.prefix, suffix=facts.scope.suffix)
    )
    comparison, freeze_time, remedy_text = facts.passes.compare, facts.frozen_since, t("Compare both buckets")
    restart_step = comparison_step(facts, restart=True)
    if facts.oms_failure:
        text = t(
            "OMS does not report the destination bucket: {reason}",
            reason=facts.oms_failure.reason,
        )
        return check.finding(Result.NOT_RUN, text, t("Run doctor, which reports the reason and the remedy"), DOCTOR)
    if comparison is None:
        return check.finding(
            Result.NOT_RUN, t("No comparison of the whole scope has finished"), remedy_text, restart_step
        )
    text = t("The comparison of {began}, as of {as_of}", began=comparison.started, as_of=facts.as_of)
    if freeze_time and comparison.started < freeze_time:
        return check.finding(
            Result.NOT_RUN, t("{finding}, began before the freeze", finding=text), remedy_text, restart_step
        )
    # A recheck of some keys does not renew the results for all other keys.
    if freeze_time and parse_timestamp(comparison.ended) < parse_timestamp(facts.made) - MAX_PASS_AGE:
        return check.finding(
            Result.NOT_RUN, t("{finding}, ended over 24 hours ago", finding=text), remedy_text, restart_step
        )
    if facts.last_written:
        return check.finding(Result.PASSED, text)
    return check.finding(
        Result.NOT_PROVEN,
        t("No object in {source_bucket} is in scope", source_bucket=facts.source_bucket),
        t("Correct the source bucket, the prefix or the suffix in s.yaml, then deploy"),
        DEPLOY,
    )


def report_missing_comparison(check: CutoverCheck, scope_finding: Finding) -> Finding:
    """Return the finding of a check that lacks a valid comparison; the finding of SCOPE has the remedy."""
    return check.finding(
        Result.NOT_RUN, t("no valid comparison (see the check SCOPE)"), scope_finding.next, scope_finding.step
    )


def check_freeze(facts: CutoverFacts) -> Finding:
    if facts.frozen_since is None:
        return FROZEN.finding(Result.NOT_RUN, REHEARSED_TEXT)
    scope_finding = check_scope(facts)
    if scope_finding.result is not Result.PASSED or not facts.last_written:
        return report_missing_comparison(FROZEN, scope_finding)
    last_write_time, max_write_time = (
        parse_timestamp(facts.last_written[0].at),
        parse_timestamp(facts.frozen_since) + MAX_CLOCK_SKEW,
    )
    late_keys = [write.key for write in facts.last_written if parse_timestamp(write.at) > max_write_time]
    if not late_keys:
        return FROZEN.finding(Result.PASSED, t("last write at {last}", last=timestamp(last_write_time)))
    later_freeze_time = timestamp(last_write_time + MAX_CLOCK_SKEW)
    return FROZEN.finding(
        Result.FAILED,
        t(
            "{n:object|objects} written after the freeze at {frozen}, the last at {last}",
            n=AtLeast(len(late_keys)) if len(late_keys) == MAX_WRITTEN else len(late_keys),
            frozen=facts.frozen_since,
            last=timestamp(last_write_time),
        ),
        t(
            "Make sure that no application writes to the source. Then continue with a later start of the freeze:"
            " --frozen-since {later}",
            later=later_freeze_time,
        ),
        cutover_step(facts, frozen_since=later_freeze_time),
        late_keys[:MAX_KEYS],
    )


def check_sums(facts: CutoverFacts) -> Finding:
    """Check that the classes add up to both listings, and that classes of equal objects have equal digests."""
    scope_finding, comparison = check_scope(facts), facts.passes.compare
    if scope_finding.result is Result.NOT_RUN or comparison is None or facts.classes is None or facts.folders is None:
        return report_missing_comparison(SUMS, scope_finding)
    wrong_names = list(
        find_wrong_sums(facts.classes, facts.folders, comparison.source_listed, comparison.destination_listed)
    )
    sides = [side and ObjectCount(side.objects, side.bytes) for side in (facts.source, facts.destination)]
    if sum_storage_pairs(facts.storage or ()) != sides:
        wrong_names.append("storage classes")
    # The number of classified objects is separate from the classes, because objects may be deleted before a recheck.
    if comparison.walked != comparison.classified and "classes" not in wrong_names:
        wrong_names = ["classes", *wrong_names]
    if wrong_names:
        return SUMS.finding(
            Result.FAILED,
            t("totals disagree: {wrong}", wrong=wrong_names),
            t("Compare again. If the totals still disagree, report this as an issue of the project"),
            comparison_step(facts, restart=True),
        )
    source_listing = comparison.source_listed
    return SUMS.finding(
        Result.PASSED,
        t(
            "{objects:object|objects}, {bytes:byte|bytes} in the source",
            objects=source_listing.objects,
            bytes=source_listing.bytes,
        ),
    )
