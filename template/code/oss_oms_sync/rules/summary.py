"""The sentence below a certificate's verdict, from its numbers: a forgery has to change all of them."""

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
    """Return the summary of a certificate."""
    if rehearsal:
        return sentences(_rehearsed(rehearsal, checks, facts.judged_counts), *_not_sampled(checks))
    if verdict is CutoverVerdict.NO_GO:
        failed = [check.id for check in checks if check.gates and check.result is Result.FAILED]
        return t("Failed checks: {failed}.", failed=failed)
    compared, still = facts.passes.compare, facts.passes.standstill
    if verdict is not CutoverVerdict.GO or not (compared and still and facts.closed and facts.source):
        left = [check.id for check in find_causes(checks)]
        return t("No check failed, but {left} did not pass.", left=left)
    looked = t("between {began} and {ended}", began=compared.started, ended=facts.as_of)
    accepted = (counts for name, counts in (facts.classes or {}).items() if name.title in facts.accepted)
    if any(counts.source.objects or counts.destination.objects for counts in accepted):
        looked = t("{when}, except objects accepted by name", when=looked)
    oms = t("and OMS had finished")
    if facts.oms.left != 0:
        number = t("an unknown number of objects")
        if facts.oms.left is not None:
            number = t("{n:object|objects}", n=facts.oms.left)
        oms = t("but OMS may still write: it has not finished {left} (accepted by name)", left=number)
    # Later changes of OBS are unknown.
    return t(
        "Each source object ({n:object|objects}, {bytes:byte|bytes}) was in OBS with equal"
        " contents when checked, {when}. Both buckets were unchanged at {stood}; nothing has been"
        " submitted since two minutes after {closed}, {oms}. {headers}",
        headers=_checked_headers(still.headers, facts.headers) if still.headers else _headers(facts.headers),
        n=facts.source.objects,
        bytes=facts.source.bytes,
        when=looked,
        stood=still.began,
        closed=facts.closed.written,
        oms=oms,
    )


def _checked_headers(checked: CheckedHeaders, sampled: Headers) -> Text:
    """Return the summary of the headers for a GO, by the standstill pass."""
    what = t("all are equal in OBS, as of each record or check")
    if checked.unsettled or sampled.documented or sampled.unexpected:
        what = t("not all are equal in OBS (accepted by name)")
    number = sum(checked.outcomes.values())
    return t("The headers of {n:object|objects} were compared: {what}.", n=number, what=what)


def _headers(headers: Headers) -> Text:
    """Return the summary of the headers for a GO."""
    if not headers.compared:
        return t("Headers were not compared.")
    what = t("all are equal in OBS")
    if headers.documented or headers.unexpected:
        what = t("not all are equal in OBS (accepted by name)")
    return t("The headers of {n:object|objects} were compared: {what}.", n=headers.compared, what=what)


def _not_sampled(checks: Sequence[Finding]) -> Iterator[Text]:
    """Yield the reason and the next step for a rehearsal without a sample."""
    for check in checks:
        if check.id == "SAMPLE" and not check.gates and check.next.en:
            yield from (check.actual, check.next)


def _rehearsed(rehearsal: Rehearsal, checks: Sequence[Finding], judged: tuple[int, int]) -> Text:
    total, would = rehearsal.minutes.get("total"), untranslated(rehearsal.would_be.value)
    lasts = t("The length of the freeze is unknown")
    if total is not None:
        lasts = t("The freeze would last about {n:minute|minutes}", n=total)
    if rehearsal.failing:
        failing = [check.id for check in find_causes([check for check in checks if check.id in rehearsal.failing])]
        would = t("{verdict}, because of {failing}", verdict=would, failing=failing)
    if 0 < judged[0] < judged[1]:
        return t(
            "{lasts}, and the verdict would be {would}. {judged} of {total:object|objects} could be judged.",
            lasts=lasts,
            would=would,
            judged=judged[0],
            total=judged[1],
        )
    return t("{lasts}, and the verdict would be {would}.", lasts=lasts, would=would)
