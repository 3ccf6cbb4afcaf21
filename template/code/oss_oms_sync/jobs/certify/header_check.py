"""The check METADATA: headers of the sampled objects, compared on both sides."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from oss_oms_sync.answers.certificate import HeaderLost, bound_of
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.jobs.certify.evidence import METADATA, NOT_IN_SCOPE, Evidence
from oss_oms_sync.passes.tally import MAX_KEYS, Side

# Sample size that shows enough of the headers.
_SAMPLE_OF_HEADERS = 100
_METADATA = partial(
    Finding,
    METADATA.upper(),
    t(
        "Content-Type, Content-Disposition, Content-Encoding, Content-Language, Cache-Control, Expires and"
        " custom headers are equal in OBS"
    ),
)


def metadata(evidence: Evidence) -> Finding:
    """Check that the headers of the sample are the same in OBS.

    The check gates if a sample was requested, or if the sync task may not migrate headers.
    """
    headers, options, comparison = evidence.headers, evidence.options, evidence.comparison
    text, why = sentences(*_describe_headers(evidence)), options.accept.get(METADATA)
    is_lacking = headers.migrated is False or bool(headers.documented)
    is_unknown = headers.migrated is None and not headers.compared
    finding = partial(_METADATA, gates=options.sample > 0 or headers.migrated is not True)
    if options.sample and not headers.compared:
        return finding(Result.NOT_RUN, text, t("Continue the cutover, which checks again"), options.cutover())
    if is_unknown and why is None:
        by_sample = t("Continue with a sample, which compares headers. Or accept metadata by name")
        return finding(Result.NOT_RUN, text, by_sample, options.cutover(sample=_SAMPLE_OF_HEADERS))
    if not (headers.unexpected or is_lacking or is_unknown):
        return finding(Result.PASSED if headers.compared else Result.NOT_RUN, text)
    if why is not None:
        return finding(Result.PASSED, sentences(text, t("Accepted by name: {why}", why=why)))
    lost = headers.unexpected or headers.documented
    source = comparison.tally.side("source", *NOT_IN_SCOPE) if comparison else Side()
    result, step = Result.NOT_PROVEN, options.accepting(METADATA)
    if headers.unexpected:
        result, step = Result.FAILED, Step("migrate", {"overwrite": True})
        following = t(
            "Open the project, then migrate with --overwrite, which reads and writes all"
            " {objects:object|objects} ({bytes:byte|bytes}) again. Or write these objects again at the"
            " source (each a PUT and a copy), unless the task compares CRC64 and skips equal objects. If"
            " neither helps, run the cutover with --accept metadata='who, why'"
        )
    elif headers.migrated:
        following = t(
            "Accept metadata by name: OMS copies only values of letters, digits and hyphens. Or write the"
            " objects again at the source with such values (each a PUT and a copy)"
        )
    else:
        following = t(
            "Accept metadata by name. Or use a sync task that migrates metadata: while the project is open,"
            " delete this task in the OMS console, empty SYNC_URL in s.yaml, run setup and deploy again,"
            " then migrate with --overwrite, which reads and writes all {objects:object|objects}"
            " ({bytes:byte|bytes}) again"
        )
    return finding(
        result,
        text,
        following.filled(objects=source.objects, bytes=source.bytes),
        step,
        sorted({key for header_lost in lost.values() for key in header_lost.keys})[:MAX_KEYS],
    )


def _describe_headers(evidence: Evidence) -> Iterator[Text]:
    headers, sample = evidence.headers, evidence.sample
    if headers.migrated is False:
        yield t("The sync task does not migrate metadata, so OMS copies only Content-Type")
    if headers.migrated is None:
        yield t("OMS does not report whether the sync task migrates metadata")
    if not headers.compared or sample is None:
        not_compared = t("Headers were not compared")
        yield t("Headers were not compared: {why}", why=headers.problem) if headers.problem else not_compared
        return
    yield t(
        "Compared the headers of {drawn:object|objects} drawn at random, and of {more} more for one in each"
        " first-level folder",
        drawn=headers.drawn,
        more=len(headers.more),
    )
    if headers.documented:
        yield t("Not copied, as documented by OMS: {lost}", lost=_listed(headers.documented))
    if headers.unexpected:
        yield t("Otherwise lost or changed: {lost}", lost=_listed(headers.unexpected))
    elif not headers.documented and headers.drawn:
        yield t(
            "No headers differ: with 95 % confidence, fewer than {percent} of {drawn_from} have different headers",
            percent=bound_of(headers.drawn),
            drawn_from=sample.drawn_from,
        )


def _listed(lost: Mapping[str, HeaderLost]) -> list[Text]:
    return [
        t("{name} ({n:object|objects})", name=name, n=header_lost.objects) for name, header_lost in sorted(lost.items())
    ]
