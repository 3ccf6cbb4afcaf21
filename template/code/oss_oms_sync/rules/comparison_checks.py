"""Checks of the certified comparison: its scope and sums, and the freeze."""

from __future__ import annotations

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.codec import parse_timestamp, timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.pass_answers import MAX_KEYS, MAX_WRITTEN, ObjectCount
from oss_oms_sync.answers.text import AtLeast, t
from oss_oms_sync.rules.check import DEPLOY, DOCTOR, REHEARSED_TEXT, CutoverCheck
from oss_oms_sync.rules.counts import storage_totals, wrong_sums
from oss_oms_sync.rules.next_steps import comparison_step, cutover
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW, MAX_PASS_AGE

SCOPE = CutoverCheck(
    "SCOPE",
    t("no current comparison"),
    t("A comparison of the project's whole scope ({covered}), begun after the freeze and at most 24 hours old"),
    keeps_open=True,
)
FROZEN = CutoverCheck(
    "FROZEN",
    t("writes after the freeze"),
    t("No object was written more than a minute after the freeze"),
    opens=True,
    keeps_open=True,
    of_freeze=True,
)
SUMS = CutoverCheck(
    "SUMS",
    t("sums that disagree"),
    t(
        "The classes, folders and storage classes add up to the listings of both buckets; each class of equal"
        " objects has the same digest on both sides"
    ),
)


def scope(facts: CutoverFacts) -> Finding:
    """Check for a recent comparison of the project's whole scope, begun after the freeze."""
    check = SCOPE.with_values(
        covered=t("prefix {prefix!r}, suffix {suffix!r}", prefix=facts.scope.prefix, suffix=facts.scope.suffix)
    )
    compared, frozen, following = facts.passes.compare, facts.frozen_since, t("Compare both buckets")
    begin = comparison_step(facts, restart=True)
    if facts.oms_failure:
        text = t(
            "OMS does not report the destination bucket: {reason}",
            reason=facts.oms_failure.reason,
        )
        return check.finding(Result.NOT_RUN, text, t("Run doctor, which reports the reason and the remedy"), DOCTOR)
    if compared is None:
        return check.finding(Result.NOT_RUN, t("No comparison of the whole scope has finished"), following, begin)
    text = t("The comparison of {began}, as of {as_of}", began=compared.started, as_of=facts.as_of)
    if frozen and compared.started < frozen:
        return check.finding(Result.NOT_RUN, t("{finding}, before the freeze", finding=text), following, begin)
    # A recheck of some keys does not renew the results of all others.
    if frozen and parse_timestamp(compared.ended) < parse_timestamp(facts.made) - MAX_PASS_AGE:
        return check.finding(Result.NOT_RUN, t("{finding}, over 24 hours ago", finding=text), following, begin)
    if facts.last_written:
        return check.finding(Result.PASSED, text)
    return check.finding(
        Result.NOT_PROVEN,
        t("No object in {source_bucket} is in scope", source_bucket=facts.source_bucket),
        t("Correct the source bucket, the prefix or the suffix in s.yaml, then deploy"),
        DEPLOY,
    )


def without_comparison(check: CutoverCheck, scoped: Finding) -> Finding:
    """Return the finding of a check without a valid comparison; the finding of SCOPE has the reason."""
    return check.finding(Result.NOT_RUN, t("no valid comparison (see SCOPE)"), scoped.next, scoped.step)


def frozen(facts: CutoverFacts) -> Finding:
    """Check that no object was written after the freeze."""
    if facts.frozen_since is None:
        return FROZEN.finding(Result.NOT_RUN, REHEARSED_TEXT)
    scoped = scope(facts)
    if scoped.result is not Result.PASSED or not facts.last_written:
        return without_comparison(FROZEN, scoped)
    last, allowed = parse_timestamp(facts.last_written[0].at), parse_timestamp(facts.frozen_since) + MAX_CLOCK_SKEW
    late = [written.key for written in facts.last_written if parse_timestamp(written.at) > allowed]
    if not late:
        return FROZEN.finding(Result.PASSED, t("last write at {last}", last=timestamp(last)))
    later = timestamp(last + MAX_CLOCK_SKEW)
    return FROZEN.finding(
        Result.FAILED,
        t(
            "{n:object|objects} written after the freeze at {frozen}, the last at {last}",
            n=AtLeast(len(late)) if len(late) == MAX_WRITTEN else len(late),
            frozen=facts.frozen_since,
            last=timestamp(last),
        ),
        t(
            "Make sure that no application writes to the source. The freeze began later than stated:"
            " continue with --frozen-since {later}",
            later=later,
        ),
        cutover(facts, frozen_since=later),
        late[:MAX_KEYS],
    )


def sums(facts: CutoverFacts) -> Finding:
    """Check that the classes add up to both listings, and that equal classes have equal digests."""
    scoped, compared = scope(facts), facts.passes.compare
    if scoped.result is Result.NOT_RUN or compared is None or facts.classes is None or facts.folders is None:
        return without_comparison(SUMS, scoped)
    wrong = list(wrong_sums(facts.classes, facts.folders, compared.source_listed, compared.destination_listed))
    sides = [side and ObjectCount(side.objects, side.bytes) for side in (facts.source, facts.destination)]
    if storage_totals(facts.storage or ()) != sides:
        wrong.append("storage classes")
    # The pass itself counts the source's objects separately, because some may be deleted before a recheck.
    if compared.walked != compared.classified and "classes" not in wrong:
        wrong = ["classes", *wrong]
    if wrong:
        return SUMS.finding(
            Result.FAILED,
            t("sums disagree: {wrong}", wrong=wrong),
            t("Compare again. If the sums still disagree, open an issue"),
            comparison_step(facts, restart=True),
        )
    listed = compared.source_listed
    return SUMS.finding(
        Result.PASSED,
        t("{objects:object|objects}, {bytes:byte|bytes} in the source", objects=listed.objects, bytes=listed.bytes),
    )
