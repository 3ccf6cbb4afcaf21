"""The check METADATA for a standstill pass that compared the headers of every object in both buckets."""

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
from oss_oms_sync.rules.next_steps import METADATA, acceptance_step, cutover_step
from oss_oms_sync.rules.reading import GRANT_READING

# Outcomes of objects whose headers another standstill pass may determine.
_UNKNOWN_OUTCOMES = (HeadersOutcome.UNREAD, HeadersOutcome.CHANGED, HeadersOutcome.UNCONFIRMED)
_ACCEPT_REMEDY = t("Accept metadata by name (--accept): this project cannot change these headers in OBS")
_UNSAFE_REMEDY = t(
    "Accept metadata by name (--accept): a cutover leaves these headers, because no canary has found such changes safe."
    " If no canary has tested them, alternatively open the project, run {canary}, then run the cutover again",
    canary=Step("canary"),
)


def judge_all_headers(facts: CutoverFacts, headers: CheckedHeaders, check: CutoverCheck) -> Finding:
    """Return the finding of METADATA, which passes if the headers of every object are equal in both buckets.

    Headers count as equal if a record of the object's versions says so, or if the standstill pass read equal headers.
    """
    unsettled_counts, sample_losses = headers.unsettled_counts, {**facts.headers.documented, **facts.headers.unexpected}
    text, acceptance = (
        sentences(*_describe_headers(headers, unsettled_counts, sample_losses)),
        facts.accepted.get(METADATA),
    )
    if not unsettled_counts and not sample_losses:
        return check.finding(Result.PASSED, text)
    if acceptance is not None:
        return check.finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=acceptance)))
    keys = [key for outcome in HeadersOutcome for key in headers.examples.get(outcome, ())]
    if HeadersOutcome.DIFFERS in unsettled_counts:
        remedy_text, step = t("Continue the cutover, which changes these headers in OBS"), cutover_step(facts)
        if facts.closed:
            remedy_text = t("Open the project, then run the cutover again, which changes these headers in OBS")
            step = Step("open")
        return check.finding(Result.FAILED, text, remedy_text, step, keys[:MAX_KEYS])
    if HeadersOutcome.UNSAFE in unsettled_counts:
        return check.finding(Result.NOT_PROVEN, text, _UNSAFE_REMEDY, acceptance_step(facts, METADATA), keys[:MAX_KEYS])
    if any(outcome in unsettled_counts for outcome in _UNKNOWN_OUTCOMES):
        remedy_text = t(
            "Continue the cutover, which reads the headers of more objects. Alternatively, open the project,"
            " run {step}, then continue the cutover",
            step=Step("headers", {"dry_run": True}),
        )
        return check.finding(Result.NOT_PROVEN, text, remedy_text, cutover_step(facts), keys[:MAX_KEYS])
    remedy_text = _ACCEPT_REMEDY
    if HeadersOutcome.UNREADABLE in unsettled_counts:
        remedy_text = t(
            "If a permission is missing: {grant}. Then continue the cutover. If no permission is missing, accept"
            " metadata by name (--accept)",
            grant=GRANT_READING,
        )
    elif not unsettled_counts:
        remedy_text = t(
            "Find the application that changed these headers in OBS after they were recorded. Then accept"
            " metadata by name (--accept)"
        )
        keys = sorted({key for lost_header in sample_losses.values() for key in lost_header.keys})
    return check.finding(Result.NOT_PROVEN, text, remedy_text, acceptance_step(facts, METADATA), keys[:MAX_KEYS])


def _describe_headers(
    headers: CheckedHeaders, unsettled_counts: Mapping[HeadersOutcome, int], sample_losses: Mapping[str, LostHeader]
) -> Iterator[Text]:
    recorded_objects = headers.outcomes.get(HeadersOutcome.RECORDED, 0)
    checked_objects, unread_objects = sum(headers.outcomes.values()), unsettled_counts.get(HeadersOutcome.UNREAD, 0)
    yield t(
        "The standstill pass checked the headers of {n:object|objects}: {recorded} by records (as of each"
        " record's time), and {read} by reading both sides",
        n=checked_objects,
        recorded=recorded_objects,
        read=checked_objects - recorded_objects - unread_objects,
    )
    if unsettled_counts:
        outcomes = [outcome for outcome in HeadersOutcome if outcome in unsettled_counts]
        outcome_texts = [
            t("{what} ({n:object|objects})", what=outcome.text, n=unsettled_counts[outcome]) for outcome in outcomes
        ]
        yield t("Different or unknown headers: {outcomes}", outcomes=outcome_texts)
    if headers.differing:
        yield t("Headers that differ: {headers}", headers=_list_headers(headers.differing))
    if sample_losses:
        objects_by_header = {name: lost_header.objects for name, lost_header in sample_losses.items()}
        yield t("Headers that differ in the sample: {headers}", headers=_list_headers(objects_by_header))


def _list_headers(headers: Mapping[str, int]) -> list[Text]:
    return [t("{name} ({n:object|objects})", name=name, n=number) for name, number in sorted(headers.items())]
