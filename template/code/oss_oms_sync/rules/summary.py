"""The sentences below the verdict of a certificate, with its numbers, which a forger has to change as well."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from oss_oms_sync.answers.certificate import CutoverFacts, CutoverVerdict, Rehearsal
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.headers_answer import CheckedHeaders
from oss_oms_sync.answers.sampled import Headers
from oss_oms_sync.answers.text import Text, sentences, t, untranslated
from oss_oms_sync.rules.causes import find_causes


def summarize(
    facts: CutoverFacts, checks: Sequence[Finding], verdict: CutoverVerdict, rehearsal: Rehearsal | None
) -> Text:
    """Return the summary of a certificate with this verdict; `rehearsal` is None after a freeze."""
    if rehearsal:
        return sentences(
            _summarize_rehearsal(rehearsal, checks, facts.judged_and_total_counts), *_explain_missing_sample(checks)
        )
    if verdict is CutoverVerdict.NO_GO:
        failed_checks = [check.id for check in checks if check.gates and check.result is Result.FAILED]
        return t("Failed checks: {failed}.", failed=failed_checks)
    comparison, standstill = facts.passes.compare, facts.passes.standstill
    if verdict is not CutoverVerdict.GO or not (comparison and standstill and facts.closed and facts.source):
        unmet_checks = [check.id for check in find_causes(checks)]
        return t("No check failed, but {left} did not pass.", left=unmet_checks)
    period = t("between {began} and {ended}", began=comparison.started, ended=facts.as_of)
    accepted_counts = (counts for name, counts in (facts.classes or {}).items() if name.title in facts.accepted)
    if any(counts.source.objects or counts.destination.objects for counts in accepted_counts):
        period = t("{when}, except for objects accepted by name", when=period)
    oms_text = t("and OMS had finished")
    if facts.oms.left != 0:
        unfinished_objects = t("an unknown number of objects")
        if facts.oms.left is not None:
            unfinished_objects = t("{n:object|objects}", n=facts.oms.left)
        oms_text = t(
            "but OMS may still write to OBS, because it has not finished {left} (accepted by name)",
            left=unfinished_objects,
        )
    # Later changes of OBS are unknown.
    return t(
        "Each source object ({n:object|objects}, {bytes:byte|bytes}) was in OBS with equal contents when"
        " checked, {when}. From the comparison to {stood}, both buckets were unchanged. The project was closed at"
        " {closed}; nothing was submitted more than two minutes after that, {oms}. {headers}",
        headers=_summarize_all_headers(standstill.headers, facts.headers)
        if standstill.headers
        else _summarize_sample_headers(facts.headers),
        n=facts.source.objects,
        bytes=facts.source.bytes,
        when=period,
        stood=standstill.began,
        closed=facts.closed.written,
        oms=oms_text,
    )


def _summarize_all_headers(headers: CheckedHeaders, sample_headers: Headers) -> Text:
    result_text = t("all were equal in OBS when they were recorded or checked")
    if headers.unsettled_counts or sample_headers.documented or sample_headers.unexpected:
        result_text = t("not all are equal in OBS (accepted by name)")
    number = sum(headers.outcomes.values())
    return t("The headers of {n:object|objects} were compared: {what}.", n=number, what=result_text)


def _summarize_sample_headers(headers: Headers) -> Text:
    if not headers.compared_count:
        return t("Headers were not compared.")
    result_text = t("all are equal in OBS")
    if headers.documented or headers.unexpected:
        result_text = t("not all are equal in OBS (accepted by name)")
    return t("The headers of {n:object|objects} were compared: {what}.", n=headers.compared_count, what=result_text)


def _explain_missing_sample(checks: Sequence[Finding]) -> Iterator[Text]:
    """Yield the reason why a rehearsal has no sample, and the next step, if a sample is possible."""
    for check in checks:
        if check.id == "SAMPLE" and not check.gates and check.next.en:
            yield from (check.actual, check.next)


def _summarize_rehearsal(
    rehearsal: Rehearsal, checks: Sequence[Finding], judged_and_total_counts: tuple[int, int]
) -> Text:
    total_minutes, forecast = rehearsal.minutes.get("total"), untranslated(rehearsal.would_be.value)
    duration = t("The length of the freeze is unknown")
    if total_minutes is not None:
        duration = t("The freeze would last about {n:minute|minutes}", n=total_minutes)
    if rehearsal.failing:
        failing_checks = [
            check.id for check in find_causes([check for check in checks if check.id in rehearsal.failing])
        ]
        forecast = t("{verdict}, because of {failing}", verdict=forecast, failing=failing_checks)
    if 0 < judged_and_total_counts[0] < judged_and_total_counts[1]:
        return t(
            "{lasts}, and the verdict would be {would}. {judged} of {total:object|objects} could be judged.",
            lasts=duration,
            would=forecast,
            judged=judged_and_total_counts[0],
            total=judged_and_total_counts[1],
        )
    return t("{lasts}, and the verdict would be {would}.", lasts=duration, would=forecast)
