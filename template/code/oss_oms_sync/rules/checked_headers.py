"""The check METADATA by the standstill pass of a cutover, which checked the headers of every object on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.headers_answer import CheckedHeaders, HeadersOutcome
from oss_oms_sync.answers.pass_answers import MAX_KEYS
from oss_oms_sync.answers.sampled import LostHeader
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.rules.check import CutoverCheck
from oss_oms_sync.rules.next_steps import METADATA, acceptance_step, cutover
from oss_oms_sync.rules.reading import GRANT_READING

# Outcomes of objects that another standstill pass reads.
_UNKNOWN_OUTCOMES = (HeadersOutcome.UNREAD, HeadersOutcome.CHANGED, HeadersOutcome.UNCONFIRMED)
_ACCEPT = t("Accept metadata by name: this project cannot change these headers in OBS")


def judge_checked(facts: CutoverFacts, checked: CheckedHeaders, check: CutoverCheck) -> Finding:
    """Return the finding of METADATA: every object has a record of its versions, or was read with equal headers."""
    left, lost = checked.unsettled, {**facts.headers.documented, **facts.headers.unexpected}
    text, why = sentences(*_describe(checked, left, lost)), facts.accepted.get(METADATA)
    if not left and not lost:
        return check.finding(Result.PASSED, text)
    if why is not None:
        return check.finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=why)))
    keys = [key for outcome in HeadersOutcome for key in checked.examples.get(outcome, ())]
    if HeadersOutcome.DIFFERS in left:
        following, step = t("Continue the cutover, which changes these headers in OBS"), cutover(facts)
        if facts.closed:
            following = t("Open the project, then run the cutover again, which changes these headers in OBS")
            step = Step("open")
        return check.finding(Result.FAILED, text, following, step, keys[:MAX_KEYS])
    if any(outcome in left for outcome in _UNKNOWN_OUTCOMES):
        following = t(
            "Continue the cutover, which reads more objects. Or open the project, run {step}, then continue the"
            " cutover",
            step=Step("headers"),
        )
        return check.finding(Result.NOT_PROVEN, text, following, cutover(facts), keys[:MAX_KEYS])
    following = _ACCEPT
    if HeadersOutcome.UNREADABLE in left:
        following = t(
            "If a permission is missing: {grant}. Then continue the cutover. Otherwise accept metadata by name",
            grant=GRANT_READING,
        )
    elif not left:
        following = t(
            "Find the application that changed these headers in OBS after they were recorded. Then accept metadata by"
            " name"
        )
        keys = sorted({key for header_lost in lost.values() for key in header_lost.keys})
    return check.finding(Result.NOT_PROVEN, text, following, acceptance_step(facts, METADATA), keys[:MAX_KEYS])


def _describe(
    checked: CheckedHeaders, left: Mapping[HeadersOutcome, int], lost: Mapping[str, LostHeader]
) -> Iterator[Text]:
    recorded = checked.outcomes.get(HeadersOutcome.RECORDED, 0)
    number, unread = sum(checked.outcomes.values()), left.get(HeadersOutcome.UNREAD, 0)
    yield t(
        "The standstill pass checked the headers of {n:object|objects}: {recorded} by records, each as of its own time,"
        " and {read} by reading both sides",
        n=number,
        recorded=recorded,
        read=number - recorded - unread,
    )
    if left:
        outcomes = [outcome for outcome in HeadersOutcome if outcome in left]
        listed = [t("{what} ({n:object|objects})", what=outcome.text, n=left[outcome]) for outcome in outcomes]
        yield t("Different or unknown headers: {outcomes}", outcomes=listed)
    if checked.differing:
        yield t("Headers that differ: {headers}", headers=_listed(checked.differing))
    if lost:
        objects = {name: header_lost.objects for name, header_lost in lost.items()}
        yield t("Headers that differ in the sample: {headers}", headers=_listed(objects))


def _listed(headers: Mapping[str, int]) -> list[Text]:
    return [t("{name} ({n:object|objects})", name=name, n=number) for name, number in sorted(headers.items())]
