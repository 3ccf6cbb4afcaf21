"""The checks SAMPLE and METADATA: objects read on both sides, and their headers."""

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
from oss_oms_sync.rules.checked_headers import judge_checked
from oss_oms_sync.rules.next_steps import METADATA, acceptance_step, asked_sample, comparison_step, cutover
from oss_oms_sync.rules.reading import GRANT_READING, unreadable

SAMPLE = CutoverCheck(
    "SAMPLE",
    t("sampled objects that differ"),
    t("{asked} objects that count as equal, drawn at random and read on both sides, do not differ"),
)
HEADERS = CutoverCheck(
    METADATA.upper(),
    t("headers that differ"),
    t(
        "Content-Type, Content-Disposition, Content-Encoding, Content-Language, Cache-Control,"
        " Expires and custom headers are equal in OBS"
    ),
)
# Sample size that shows enough of the headers.
_SAMPLE_OF_HEADERS = 100
_PROBLEM_TEXTS = {
    TIME_IS_UP: t("the time is up, and the next call continues"),
    BACK_TO_SOURCE: t("OBS has back-to-source rules: reading a missing object creates the object"),
}


def sample(facts: CutoverFacts) -> Finding:
    """Check that the drawn objects are equal, byte by byte."""
    drawn = facts.sample
    check = SAMPLE.with_values(asked=drawn.asked if drawn else 0)
    if drawn is None:
        text, following = t("no sample requested"), None
        if facts.missing_permissions:
            buckets = facts.source_bucket, facts.destination_bucket or ""
            text, following = unreadable(facts.missing_permissions, *buckets), GRANT_READING
        finding = partial(check.finding, Result.NOT_RUN, text, gates=False)
        return finding(following) if following else finding()
    if drawn.differing:
        return check.finding(
            Result.FAILED,
            t(
                "{n} of {n2} sampled objects differ, or have changed since the sample was drawn",
                n=len(drawn.differing),
                n2=drawn.read,
            ),
            t(
                "Find out which application writes to either bucket, then compare again and read all"
                " unproven objects (deep)"
            ),
            comparison_step(facts, deep=True, restart=True),
            sorted(drawn.differing)[:MAX_KEYS],
        )
    if drawn.unread or not drawn.seed:
        return _unread(check, drawn, facts)
    if not drawn.read and facts.source and facts.passes.compare and facts.passes.compare.source_listed.objects:
        return check.finding(
            Result.NOT_RUN,
            replaced_text(drawn) if drawn.unreadable else t("no object of up to 1 GiB counts as equal"),
            t("Continue the cutover without a sample"),
            cutover(facts, sample=0),
        )
    text = t(
        "{read:object|objects}, {bytes:byte|bytes}. {bound}",
        read=drawn.read,
        bytes=drawn.bytes,
        bound=confidence_bound(drawn) or t("no object to sample"),
    )
    if drawn.read < min(drawn.asked, drawn.population):
        fewer = t("Restore the archived objects, in OBS as well, then compare again. Or continue with a smaller sample")
        return check.finding(Result.NOT_PROVEN, text, fewer, cutover(facts, sample=drawn.read))
    return check.finding(Result.PASSED, text)


def _unread(check: CutoverCheck, drawn: SampleResult, facts: CutoverFacts) -> Finding:
    """Return the finding for an incomplete sample: the next call continues it if this call has read an object."""
    text = t("{read} of {drawn:drawn object was|drawn objects were} read", read=drawn.read, drawn=drawn.drawn)
    following, problem = t("Continue the cutover, which reads the others"), problem_text(drawn.problem)
    if problem:
        text = t("{finding}: {why}", finding=text, why=problem)
    if drawn.problem == BACK_TO_SOURCE:
        following = t(
            "Delete the rules until the GO, and run the checklist again ({step}). Then continue the"
            " cutover, which reads the others",
            step=Step("checklist"),
        )
    elif problem and drawn.problem != TIME_IS_UP and not drawn.read:
        following = _reading_remedy(problem)
    return check.finding(Result.NOT_RUN, text, following, cutover(facts), waits=drawn.read > 0)


def _reading_remedy(problem: Text) -> Text:
    """Return the remedy if a bucket cannot be read."""
    return t(
        "First remove what prevents reading: {problem}. If a permission is missing: {grant}. Then"
        " continue the cutover, which reads the objects",
        problem=problem,
        grant=GRANT_READING,
    )


def problem_text(problem: str) -> Text | None:
    """Return the reason why objects were not read, in words; None without a reason."""
    if not problem:
        return None
    return _PROBLEM_TEXTS.get(problem) or t("a bucket cannot be read ({code})", code=problem)


def confidence_bound(drawn: SampleResult) -> Text | None:
    """Return a statement about all objects if none differs; None if nothing was read, or an object differs.

    If n objects were read and none differs, a share of 3/n or more of the readable objects would have been detected
    with a probability of 95 %.
    """
    if not drawn.read or drawn.differing:
        return None
    if drawn.read == drawn.population:
        return t(
            "All objects that count as equal were read ({population:object|objects} of up to 1 GiB):"
            " no contents differ",
            population=drawn.population,
        )
    text = t(
        "With 95 % confidence, fewer than {percent} % of {drawn_from} differ",
        percent=_percent(drawn.read),
        drawn_from=_drawn_from(drawn),
    )
    return sentences(text, replaced_text(drawn)) if drawn.unreadable else text


def replaced_text(drawn: SampleResult) -> Text:
    """Return a sentence on drawn objects that could not be read."""
    return t("{n:sampled object|sampled objects} could not be read, or changed meanwhile", n=len(drawn.unreadable))


def _drawn_from(drawn: SampleResult) -> Text:
    """Return a description of the objects for which the bound holds."""
    all_equal = t("the {population:object|objects} of up to 1 GiB that count as equal", population=drawn.population)
    return t("the readable part of {all_equal}", all_equal=all_equal) if drawn.unreadable else all_equal


def _percent(number: int) -> str:
    """Return the percentage of all objects that can differ if `number` were drawn and none differs.

    The confidence is 95 %; the percentage has one decimal, rounded up.
    """
    share = min(1000, -(-3000 // number))
    return f"{share // 10}.{share % 10}"


def metadata(facts: CutoverFacts) -> Finding:
    """Check that the headers are the same in OBS: of every object, if a standstill pass checked them, or of the sample.

    By a sample, the check gates if a sample was requested, or if the sync task may not migrate headers.
    """
    if facts.passes.standstill and facts.passes.standstill.headers:
        return judge_checked(facts, facts.passes.standstill.headers, HEADERS)
    headers, asked = facts.headers, asked_sample(facts)
    text, why = sentences(*_describe_headers(headers, facts.sample)), facts.accepted.get(METADATA)
    is_lacking = headers.migrated is False or bool(headers.documented)
    is_unknown = headers.migrated is None and not headers.compared
    finding = partial(HEADERS.finding, gates=asked > 0 or headers.migrated is not True)
    if asked and not headers.compared:
        problem = problem_text(headers.problem)
        again = _reading_remedy(problem) if problem else t("Continue the cutover, which checks again")
        return finding(Result.NOT_RUN, text, again, cutover(facts))
    if is_unknown and why is None:
        by_sample = t("Continue with a sample, which compares headers. Or accept metadata by name")
        return finding(Result.NOT_RUN, text, by_sample, cutover(facts, sample=_SAMPLE_OF_HEADERS))
    if not (headers.unexpected or is_lacking or is_unknown):
        return finding(Result.PASSED if headers.compared else Result.NOT_RUN, text)
    if why is not None:
        return finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=why)))
    lost = headers.unexpected or headers.documented
    result, step = Result.NOT_PROVEN, acceptance_step(facts, METADATA)
    if headers.unexpected:
        result, step = Result.FAILED, Step("migrate", {"overwrite": True})
        following = t(
            "Open the project, then migrate with --overwrite, which reads and writes all"
            " {objects:object|objects} ({bytes:byte|bytes}) again. Or write these objects again at"
            " the source (each a PUT and a copy), unless the task compares CRC64 and skips equal"
            " objects. If neither helps, run the cutover with --accept metadata='who, why'"
        )
    elif headers.migrated:
        following = t(
            "Accept metadata by name: OMS copies only values of letters, digits and hyphens. Or write"
            " the objects again at the source with such values (each a PUT and a copy)"
        )
    else:
        following = t(
            "Accept metadata by name. Or use a sync task that migrates metadata: while the project is"
            " open, delete this task in the OMS console, empty SYNC_URL in s.yaml, run setup and"
            " deploy again, then migrate with --overwrite, which reads and writes all"
            " {objects:object|objects} ({bytes:byte|bytes}) again"
        )
    return finding(
        result,
        text,
        following.filled(
            objects=facts.source.objects if facts.source else 0, bytes=facts.source.bytes if facts.source else 0
        ),
        step,
        sorted({key for header_lost in lost.values() for key in header_lost.keys})[:MAX_KEYS],
    )


def _describe_headers(headers: Headers, drawn: SampleResult | None) -> Iterator[Text]:
    if headers.migrated is False:
        yield t("The sync task does not migrate metadata, so OMS copies only Content-Type")
    if headers.migrated is None:
        yield t("OMS does not report whether the sync task migrates metadata")
    if not headers.compared or drawn is None:
        problem = problem_text(headers.problem)
        yield t("Headers were not compared: {why}", why=problem) if problem else t("Headers were not compared")
        return
    yield t(
        "Compared the headers of {drawn:object|objects} drawn at random, and of {more} more for one in"
        " each first-level folder",
        drawn=headers.drawn,
        more=len(headers.more),
    )
    if headers.documented:
        yield t("Not copied, as documented by OMS: {lost}", lost=_listed(headers.documented))
    if headers.unexpected:
        yield t("Otherwise lost or changed: {lost}", lost=_listed(headers.unexpected))
    elif not headers.documented and headers.drawn:
        yield t(
            "No headers differ: with 95 % confidence, fewer than {percent} % of {drawn_from} have different headers",
            percent=_percent(headers.drawn),
            drawn_from=_drawn_from(drawn),
        )


def _listed(lost: Mapping[str, LostHeader]) -> list[Text]:
    return [
        t("{name} ({n:object|objects})", name=name, n=header_lost.objects) for name, header_lost in sorted(lost.items())
    ]
