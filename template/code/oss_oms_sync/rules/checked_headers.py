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
from oss_oms_sync.rules.next_steps import METADATA, acceptance_step, cutover_step
from oss_oms_sync.rules.reading import GRANT_READING

# Outcomes of objects whose headers another standstill pass may determine.
_UNKNOWN_OUTCOMES = (HeadersOutcome.UNREAD, HeadersOutcome.CHANGED, HeadersOutcome.UNCONFIRMED)
_ACCEPT = t("Accept metadata by name: this project cannot change these headers in OBS")


def judge_all_headers(facts: CutoverFacts, headers: CheckedHeaders, check: CutoverCheck) -> Finding:
    """Return the finding of METADATA, which passes if the headers of every object are equal.

    They are equal by a record of the object's versions, or because the standstill pass read them.
    """
    unsettled, sample_losses = headers.unsettled, {**facts.headers.documented, **facts.headers.unexpected}
    text, why = sentences(*_describe_headers(headers, unsettled, sample_losses)), facts.accepted.get(METADATA)
    if not unsettled and not sample_losses:
        return check.finding(Result.PASSED, text)
    if why is not None:
        return check.finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=why)))
    keys = [key for outcome in HeadersOutcome for key in headers.examples.get(outcome, ())]
    if HeadersOutcome.DIFFERS in unsettled:
        remedy_text, step = t("Continue the cutover, which changes these headers in OBS"), cutover_step(facts)
        if facts.closed:
            remedy_text = t("Open the project, then run the cutover again, which changes these headers in OBS")
            step = Step("open")
        return check.finding(Result.FAILED, text, remedy_text, step, keys[:MAX_KEYS])
    if any(outcome in unsettled for outcome in _UNKNOWN_OUTCOMES):
        remedy_text = t(
            "Continue the cutover, which reads more objects. Or open the project, run {step}, then continue the"
            " cutover",
            step=Step("headers"),
        )
        return check.finding(Result.NOT_PROVEN, text, remedy_text, cutover_step(facts), keys[:MAX_KEYS])
    remedy_text = _ACCEPT
    if HeadersOutcome.UNREADABLE in unsettled:
        remedy_text = t(
            "If a permission is missing: {grant}. Then continue the cutover. Otherwise accept metadata by name",
            grant=GRANT_READING,
        )
    elif not unsettled:
        remedy_text = t(
            "Find the application that changed these headers in OBS after they were recorded. Then accept metadata by"
            " name"
        )
        keys = sorted({key for header_lost in sample_losses.values() for key in header_lost.keys})
    return check.finding(Result.NOT_PROVEN, text, remedy_text, acceptance_step(facts, METADATA), keys[:MAX_KEYS])


def _describe_headers(
    headers: CheckedHeaders, unsettled: Mapping[HeadersOutcome, int], sample_losses: Mapping[str, LostHeader]
) -> Iterator[Text]:
    recorded = headers.outcomes.get(HeadersOutcome.RECORDED, 0)
    number, unread = sum(headers.outcomes.values()), unsettled.get(HeadersOutcome.UNREAD, 0)
    yield t(
        "The standstill pass checked the headers of {n:object|objects}: {recorded} by records, each as of its own time,"
        " and {read} by reading both sides",
        n=number,
        recorded=recorded,
        read=number - recorded - unread,
    )
    if unsettled:
        outcomes = [outcome for outcome in HeadersOutcome if outcome in unsettled]
        outcome_texts = [
            t("{what} ({n:object|objects})", what=outcome.text, n=unsettled[outcome]) for outcome in outcomes
        ]
        yield t("Different or unknown headers: {outcomes}", outcomes=outcome_texts)
    if headers.differing:
        yield t("Headers that differ: {headers}", headers=_list_headers(headers.differing))
    if sample_losses:
        objects = {name: header_lost.objects for name, header_lost in sample_losses.items()}
        yield t("Headers that differ in the sample: {headers}", headers=_list_headers(objects))


def _list_headers(headers: Mapping[str, int]) -> list[Text]:
    return [t("{name} ({n:object|objects})", name=name, n=number) for name, number in sorted(headers.items())]
