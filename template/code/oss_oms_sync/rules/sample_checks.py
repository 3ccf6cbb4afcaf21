"""The checks SAMPLE and METADATA: sampled objects are read in both buckets, and their headers are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.pass_answers import MAX_KEYS
from oss_oms_sync.answers.sampled import BACK_TO_SOURCE, TIME_IS_UP, Headers, LostHeader, SampleResult
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.rules.check import CutoverCheck
from oss_oms_sync.rules.checked_headers import judge_all_headers
from oss_oms_sync.rules.next_steps import (
    METADATA,
    acceptance_step,
    comparison_step,
    cutover_step,
    requested_sample_size,
)
from oss_oms_sync.rules.reading import GRANT_READING, describe_unreadable_objects

SAMPLE = CutoverCheck(
    "SAMPLE",
    t("sampled objects that differ"),
    t(
        "{asked:object that counts as equal, drawn at random and read on both sides, does"
        "|objects that count as equal, drawn at random and read on both sides, do} not differ"
    ),
)
HEADERS = CutoverCheck(
    METADATA.upper(),
    t("headers that differ"),
    t(
        "Content-Type, Content-Disposition, Content-Encoding, Content-Language, Cache-Control, Expires"
        " and custom headers are the same in OBS as at the source"
    ),
)
# The number of objects in a sample that is requested only to compare headers.
_SAMPLE_OF_HEADERS = 100
_PROBLEM_TEXTS = {
    TIME_IS_UP: t("the time limit was reached; the next run continues reading"),
    BACK_TO_SOURCE: t("OBS has back-to-source rules: reading a missing object creates the object in OBS"),
}


def check_sample(facts: CutoverFacts) -> Finding:
    sample = facts.sample
    check = SAMPLE.with_values(asked=sample.asked if sample else 0)
    if sample is None:
        text, remedy_text = t("no sample was requested"), None
        if facts.missing_permissions:
            buckets = facts.source_bucket, facts.destination_bucket or ""
            text, remedy_text = describe_unreadable_objects(facts.missing_permissions, *buckets), GRANT_READING
        make_finding = partial(check.finding, Result.NOT_RUN, text, gates=False)
        return make_finding(remedy_text) if remedy_text else make_finding()
    if sample.differing:
        return check.finding(
            Result.FAILED,
            t(
                "{n} of {n2} sampled objects differ, or have changed since the sample was drawn",
                n=len(sample.differing),
                n2=sample.read,
            ),
            t(
                "Find out which application writes to either bucket, then compare again and read all unproven"
                " objects (--deep)"
            ),
            comparison_step(facts, deep=True, restart=True),
            sorted(sample.differing)[:MAX_KEYS],
        )
    if sample.unread or not sample.seed:
        return _report_incomplete_sample(check, sample, facts)
    if not sample.read and facts.source and facts.passes.compare and facts.passes.compare.source_listed.objects:
        return check.finding(
            Result.NOT_RUN,
            describe_replaced_objects(sample) if sample.unreadable else t("no object of up to 1 GiB counts as equal"),
            t("Continue the cutover without a sample"),
            cutover_step(facts, sample=0),
        )
    text = t(
        "{read:object|objects}, {bytes:byte|bytes}. {bound}",
        read=sample.read,
        bytes=sample.bytes,
        bound=describe_confidence(sample) or t("No object to sample"),
    )
    if sample.read < min(sample.asked, sample.population):
        smaller_sample_remedy = t(
            "Restore the archived objects in both buckets, then compare again. Alternatively, continue the"
            " cutover with a smaller sample"
        )
        return check.finding(Result.NOT_PROVEN, text, smaller_sample_remedy, cutover_step(facts, sample=sample.read))
    return check.finding(Result.PASSED, text)


def _report_incomplete_sample(check: CutoverCheck, sample: SampleResult, facts: CutoverFacts) -> Finding:
    """Return the finding for a sample that was not read completely; another call continues the reading."""
    text = t("{read} of {drawn:sampled object was|sampled objects were} read", read=sample.read, drawn=sample.drawn)
    remedy_text = t("Continue the cutover, which reads the remaining sampled objects")
    problem = describe_problem(sample.problem)
    if problem:
        text = t("{finding}: {why}", finding=text, why=problem)
    if sample.problem == BACK_TO_SOURCE:
        remedy_text = t(
            "Delete the back-to-source rules in the OBS console (restore them after the GO), and run the"
            " checklist again ({step}). Then continue the cutover, which reads the remaining sampled objects",
            step=Step("checklist"),
        )
    elif problem and sample.problem != TIME_IS_UP and not sample.read:
        remedy_text = _describe_reading_remedy(problem)
    return check.finding(Result.NOT_RUN, text, remedy_text, cutover_step(facts), waits=sample.read > 0)


def _describe_reading_remedy(problem: Text) -> Text:
    return t(
        "First resolve this problem: {problem}. If a permission is missing: {grant}. Then continue the"
        " cutover, which reads the objects",
        problem=problem,
        grant=GRANT_READING,
    )


def describe_problem(problem: str) -> Text | None:
    """Return a text for the code of the reason why objects were not read, or None if the code is empty."""
    if not problem:
        return None
    return _PROBLEM_TEXTS.get(problem) or t(
        "the source bucket or the destination bucket cannot be read ({code})", code=problem
    )


def describe_confidence(sample: SampleResult) -> Text | None:
    """Return a statement about all objects that count as equal, or None if nothing was read or an object differs.

    If n objects were read and none differs, then with 95 % confidence fewer than 3/n of the readable objects differ.
    """
    if not sample.read or sample.differing:
        return None
    if sample.read == sample.population:
        return t(
            "All objects of up to 1 GiB that count as equal were read ({population:object|objects}): their"
            " contents are equal",
            population=sample.population,
        )
    text = t(
        "With 95% confidence, fewer than {percent}% of {drawn_from} differ",
        percent=_format_max_percentage(sample.read),
        drawn_from=_describe_population(sample),
    )
    return sentences(text, describe_replaced_objects(sample)) if sample.unreadable else text


def describe_replaced_objects(sample: SampleResult) -> Text:
    return t(
        "{n:sampled object|sampled objects} could not be read, or changed while being read", n=len(sample.unreadable)
    )


def _describe_population(sample: SampleResult) -> Text:
    equal_objects = t(
        "the {population:object|objects} of up to 1 GiB that count as equal", population=sample.population
    )
    return t("the readable part of {all_equal}", all_equal=equal_objects) if sample.unreadable else equal_objects


def _format_max_percentage(number: int) -> str:
    """Return the maximum percentage of different objects if none of `number` sampled objects differs.

    The confidence is 95 %; the percentage has one decimal, rounded up.
    """
    per_mille = min(1000, -(-3000 // number))
    return f"{per_mille // 10}.{per_mille % 10}"


def check_headers(facts: CutoverFacts) -> Finding:
    """Check that the headers of objects are equal in OBS.

    If the standstill pass checked headers, the check is about every object, otherwise about the sample. A check of the
    sample affects the verdict only if a sample was requested, or if the sync task may not migrate headers.
    """
    if facts.passes.standstill and facts.passes.standstill.headers:
        return judge_all_headers(facts, facts.passes.standstill.headers, HEADERS)
    headers, sample_size = facts.headers, requested_sample_size(facts)
    text, acceptance = sentences(*_describe_headers(headers, facts.sample)), facts.accepted.get(METADATA)
    has_documented_losses = headers.migrated is False or bool(headers.documented)
    is_migration_unknown = headers.migrated is None and not headers.compared_count
    make_finding = partial(HEADERS.finding, gates=sample_size > 0 or headers.migrated is not True)
    if sample_size and not headers.compared_count:
        problem = describe_problem(headers.problem)
        retry_remedy = (
            _describe_reading_remedy(problem) if problem else t("Continue the cutover, which checks the headers again")
        )
        return make_finding(Result.NOT_RUN, text, retry_remedy, cutover_step(facts))
    if is_migration_unknown and acceptance is None:
        sample_remedy = t(
            "Continue the cutover with a sample (--sample), which compares headers. Alternatively, accept"
            " metadata by name (--accept)"
        )
        return make_finding(Result.NOT_RUN, text, sample_remedy, cutover_step(facts, sample=_SAMPLE_OF_HEADERS))
    if not (headers.unexpected or has_documented_losses or is_migration_unknown):
        return make_finding(Result.PASSED if headers.compared_count else Result.NOT_RUN, text)
    if acceptance is not None:
        return make_finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=acceptance)))
    lost_headers = headers.unexpected or headers.documented
    result, step = Result.NOT_PROVEN, acceptance_step(facts, METADATA)
    if headers.unexpected:
        result, step = Result.FAILED, Step("migrate", {"overwrite": True})
        remedy_text = t(
            "Open the project, then migrate with --overwrite, which reads and writes all"
            " {objects:object|objects} ({bytes:byte|bytes}) again. Or, unless the sync task skips objects"
            " with equal CRC64s, write only the affected objects again at the source; each costs a PUT and"
            " a copy. If neither is possible, run the cutover with --accept metadata='who, why'"
        )
    elif headers.migrated:
        remedy_text = t(
            "Accept metadata by name (--accept): OMS copies only header values that consist of letters,"
            " digits and hyphens. Alternatively, write the objects to the source again with such values (one"
            " PUT and one copy each)"
        )
    else:
        remedy_text = t(
            "Accept metadata by name (--accept). Alternatively, use a sync task that migrates metadata. While"
            " the project is open: delete the current task in the OMS console, empty SYNC_URL in s.yaml, run"
            " setup, deploy, then migrate with --overwrite. This migration reads and writes all"
            " {objects:object|objects} ({bytes:byte|bytes}) again"
        )
    return make_finding(
        result,
        text,
        remedy_text.filled(
            objects=facts.source.objects if facts.source else 0, bytes=facts.source.bytes if facts.source else 0
        ),
        step,
        sorted({key for lost_header in lost_headers.values() for key in lost_header.keys})[:MAX_KEYS],
    )


def _describe_headers(headers: Headers, sample: SampleResult | None) -> Iterator[Text]:
    if headers.migrated is False:
        yield t("The sync task does not migrate metadata, so OMS copies only Content-Type")
    if headers.migrated is None:
        yield t("OMS does not report whether the sync task migrates metadata")
    if not headers.compared_count or sample is None:
        problem = describe_problem(headers.problem)
        yield t("Headers were not compared: {why}", why=problem) if problem else t("Headers were not compared")
        return
    yield t(
        "The sample compared the headers of {drawn:object|objects} drawn at random, and of {more} more, so"
        " that each first-level folder is covered",
        drawn=headers.drawn,
        more=len(headers.more),
    )
    if headers.documented:
        yield t("Headers not copied, as OMS documents: {lost}", lost=_list_headers(headers.documented))
    if headers.unexpected:
        yield t("Headers lost or changed for other reasons: {lost}", lost=_list_headers(headers.unexpected))
    elif not headers.documented and headers.drawn:
        yield t(
            "No headers differ: with 95% confidence, fewer than {percent}% of {drawn_from} have different headers",
            percent=_format_max_percentage(headers.drawn),
            drawn_from=_describe_population(sample),
        )


def _list_headers(lost_headers: Mapping[str, LostHeader]) -> list[Text]:
    return [
        t("{name} ({n:object|objects})", name=name, n=lost_header.objects)
        for name, lost_header in sorted(lost_headers.items())
    ]
