"""Checks of a certificate, in its order: each looks for a reason against the cutover."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import AtLeast, t
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS
from oss_oms_sync.comparison.proof import GRANT_READING, UNREADABLE
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.jobs.certify.class_checks import checks_of_classes, unseen
from oss_oms_sync.jobs.certify.closing_checks import REHEARSED, closed, nothing_waits, oms_finished, stood_still
from oss_oms_sync.jobs.certify.evidence import DEPLOY, DOCTOR, Comparison, Evidence
from oss_oms_sync.jobs.certify.header_check import metadata
from oss_oms_sync.jobs.certify.sample import BACK_TO_SOURCE, OUT_OF_TIME
from oss_oms_sync.passes.states import MAX_PASS_AGE
from oss_oms_sync.passes.tally import MAX_KEYS, MAX_WRITTEN
from oss_oms_sync.settings import Settings

_FROZEN = partial(
    Finding,
    "FROZEN",
    t("No object was written more than a minute after the freeze"),
)
_SUMS = partial(
    Finding,
    "SUMS",
    t(
        "The classes and folders add up to the listings of both buckets; each class of equal objects has the"
        " same digest on both sides"
    ),
)
_CLOCK = partial(
    Finding,
    "CLOCK",
    t(
        "The clocks of all clouds are within {clocks_seconds} seconds of the function's clock",
        clocks_seconds=CLOCKS_SECONDS,
    ),
)


def all_checks(evidence: Evidence, settings: Settings) -> list[Finding]:
    """Return the findings of all checks."""
    scope = _scope(evidence, settings)
    return [
        _frozen(evidence, scope),
        closed(evidence),
        oms_finished(evidence),
        stood_still(evidence, scope),
        scope,
        _sums(evidence, scope),
        *checks_of_classes(evidence, scope),
        _sample(evidence),
        metadata(evidence),
        nothing_waits(evidence),
        _task(evidence, settings),
        _clock(evidence),
    ]


def _scope(evidence: Evidence, settings: Settings) -> Finding:
    """Check for a recent comparison of the project's whole scope, begun after the freeze."""
    key_filter, comparison, frozen = settings.key_filter, evidence.comparison, evidence.options.frozen
    wanted = t(
        "A comparison of the project's whole scope ({covered}), begun after the freeze and at most 24 hours old",
        covered=t("prefix {prefix!r}, suffix {suffix!r}", prefix=key_filter.prefix, suffix=key_filter.suffix),
    )
    finding, following = partial(Finding, "SCOPE", wanted), t("Compare both buckets")
    begin = evidence.options.comparing(comparison.state.scope if comparison else None, restart=True)
    if isinstance(evidence.task, Failure):
        return finding(
            Result.NOT_RUN,
            t("OMS does not report the destination bucket: {reason}", reason=evidence.task.reason.name),
            evidence.task.remedy("get"),
            begin,
        )
    if comparison is None:
        return finding(Result.NOT_RUN, t("No comparison of the whole scope has finished"), following, begin)
    began = comparison.state.started
    text = t("The comparison of {began}, as of {as_of}", began=began, as_of=comparison.state.as_of)
    if frozen and began < timestamp(frozen):
        return finding(Result.NOT_RUN, t("{seen}, before the freeze", seen=text), following, begin)
    # A recheck of some keys does not make the results for all others any newer.
    if frozen and comparison.state.ended < timestamp(evidence.now - MAX_PASS_AGE):
        return finding(Result.NOT_RUN, t("{seen}, over 24 hours ago", seen=text), following, begin)
    if not comparison.tally.has_no_objects:
        return finding(Result.PASSED, text)
    return finding(
        Result.NOT_PROVEN,
        t("No object in {source_bucket} is in scope", source_bucket=settings.source_bucket),
        t("Correct the source bucket, the prefix or the suffix in s.yaml, then deploy"),
        DEPLOY,
    )


def _frozen(evidence: Evidence, scope: Finding) -> Finding:
    """Check that no object was written after the freeze."""
    frozen, comparison = evidence.options.frozen, evidence.comparison
    if frozen is None:
        return _FROZEN(Result.NOT_RUN, REHEARSED)
    if comparison is None or scope.result is not Result.PASSED:
        return unseen(_FROZEN, scope)
    written = comparison.tally.last_written
    last = from_epoch(written[0].modified)
    late = [
        written_object.key
        for written_object in written
        if written_object.modified > frozen.timestamp() + CLOCKS_SECONDS
    ]
    if not late:
        return _FROZEN(Result.PASSED, t("last write at {last}", last=timestamp(last)))
    later = last + timedelta(seconds=CLOCKS_SECONDS)
    return _FROZEN(
        Result.FAILED,
        t(
            "{n:object|objects} written after the freeze at {frozen}, the last at {last}",
            n=AtLeast(len(late)) if len(late) == MAX_WRITTEN else len(late),
            frozen=timestamp(frozen),
            last=timestamp(last),
        ),
        t(
            "Make sure that no application writes to the source. The freeze began later than stated:"
            " continue with --frozen-since {later}",
            later=timestamp(later),
        ),
        evidence.options.cutover(frozen=later),
        late,
    )


def _sums(evidence: Evidence, scope: Finding) -> Finding:
    """Check that the classes add up to both listings, and that equal classes have equal digests."""
    comparison = evidence.comparison
    if comparison is None or scope.result is Result.NOT_RUN:
        return unseen(_SUMS, scope)
    if wrong := list(_wrong_sums(comparison)):
        return _SUMS(
            Result.FAILED,
            t("sums disagree: {wrong}", wrong=wrong),
            t("Compare again. If the sums still disagree, open an issue"),
            evidence.options.comparing(comparison.state.scope, restart=True),
        )
    source = comparison.tally.side("source")
    return _SUMS(
        Result.PASSED,
        t("{objects:object|objects}, {bytes:byte|bytes} in the source", objects=source.objects, bytes=source.bytes),
    )


def _wrong_sums(comparison: Comparison) -> Iterator[str]:
    tally = comparison.tally
    # The pass itself counts the source's objects separately: its original tally is used, because some objects may be
    # gone at a recheck.
    if not tally.adds_up() or comparison.state.objects != comparison.state.passed.side("source").objects:
        yield "classes"
    yield from (
        object_class.title
        for object_class in EQUAL
        if tally.of(object_class).source != tally.of(object_class).destination
    )
    for object_class in ObjectClass:
        sides = tally.of(object_class).source, tally.of(object_class).destination
        of_folders = [of[object_class.title] for of in tally.folders.values() if object_class.title in of]
        summed = [sum(numbers) for numbers in zip(*of_folders, strict=True)] or [0, 0, 0, 0]
        if summed != [number for side in sides for number in (side.objects, side.bytes)]:
            yield f"folders of {object_class.title}"


def _sample(evidence: Evidence) -> Finding:
    """Check that the drawn objects are equal, byte by byte."""
    sample, comparison, options = evidence.sample, evidence.comparison, evidence.options
    if sample is None:
        finding = partial(Finding, "SAMPLE", t("-"), Result.NOT_RUN, gates=False)
        if evidence.missing_permissions:
            return finding(seen=UNREADABLE.filled(missing=evidence.missing_permissions), next=GRANT_READING)
        return finding(seen=t("no sample requested"))
    if sample.differing:
        return Finding(
            "SAMPLE",
            t("Every sampled object is equal on both sides and unchanged"),
            Result.FAILED,
            t(
                "{n} of {n2} sampled objects differ, or have changed since the sample was drawn",
                n=len(sample.differing),
                n2=sample.read,
            ),
            t(
                "Find out which application writes to either bucket, then compare again and read all unproven"
                " objects (deep)"
            ),
            step=options.comparing(comparison.state.scope if comparison else None, deep=True, restart=True),
            keys=sample.differing[:MAX_KEYS],
        )
    wanted = t(
        "{asked} objects that count as equal, drawn at random and read on both sides, do not differ",
        asked=sample.asked,
    )
    finding, read = partial(Finding, "SAMPLE", wanted), sample.read
    if sample.unread or not sample.seed:
        text = t("{read} of {drawn:drawn object was|drawn objects were} read", read=read, drawn=sample.drawn)
        text = t("{seen}: {why}", seen=text, why=sample.problem) if sample.problem else text
        # If an object was read, the next call reads others.
        go_on = t("Continue the cutover, which reads the others")
        if sample.problem == BACK_TO_SOURCE:
            go_on = t(
                "Delete the rules until the GO, and run the checklist again ({step}). Then continue the"
                " cutover, which reads the others",
                step=Step("checklist"),
            )
        elif sample.problem not in ("", OUT_OF_TIME) and not read:
            go_on = t(
                "First remove what prevents reading: {problem}. If a permission is missing: {grant}. Then"
                " continue the cutover, which reads the objects",
                problem=sample.problem,
                grant=GRANT_READING,
            )
        return finding(Result.NOT_RUN, text, go_on, options.cutover(), waits=read > 0)
    if not read and comparison and comparison.tally.side("source").objects:
        return finding(
            Result.NOT_RUN,
            sample.passed_over if sample.unreadable else t("no object of up to 1 GiB counts as equal"),
            t("Continue the cutover without a sample"),
            options.cutover(sample=0),
        )
    text = t(
        "{read:object|objects}, {bytes:byte|bytes}. {bound}",
        read=read,
        bytes=sample.bytes,
        bound=sample.bound or t("no object to sample"),
    )
    if read < min(sample.asked, sample.population):
        fewer = t("Restore the archived objects, then compare again. Or continue with a smaller sample")
        return finding(Result.NOT_PROVEN, text, fewer, options.cutover(sample=read))
    return finding(Result.PASSED, text)


def _task(evidence: Evidence, settings: Settings) -> Finding:
    """Check that the sync task is that of the source bucket, and accepts keys."""
    task = evidence.task
    finding = partial(
        Finding,
        "TASK",
        t("The sync task of the source bucket {bucket} is synchronizing", bucket=settings.source_bucket),
    )
    if not isinstance(task, TaskInfo):
        text = t("OMS does not report the sync task: {reason}", reason=task.reason.name)
        return finding(Result.NOT_RUN, text, task.remedy("get"), DOCTOR)
    if not (task.src_bucket and task.status):
        return finding(
            Result.NOT_RUN,
            t("OMS does not report the task's source bucket or state"),
            t("Check the task in the OMS console, and run doctor"),
            DOCTOR,
        )
    text = t("Source bucket {src_bucket}: {status}", src_bucket=task.src_bucket, status=task.status)
    if task.src_bucket != settings.source_bucket:
        return finding(Result.FAILED, text, t("Correct SYNC_URL or the source bucket in s.yaml, then deploy"), DEPLOY)
    if task.is_running:
        return finding(Result.PASSED, text)
    return finding(Result.FAILED, text, t("Start the sync task in the OMS console"))


def _clock(evidence: Evidence) -> Finding:
    """Check that the clocks agree as comparisons assume: these use the times of three clouds."""
    seconds_by_cloud = {name: round(skew.total_seconds()) for name, skew in evidence.clocks.items() if skew is not None}
    unknown = [f"{name} ?" for name, skew in evidence.clocks.items() if skew is None]
    text = t("{clocks}", clocks=[*(f"{name} {seconds} s" for name, seconds in seconds_by_cloud.items()), *unknown])
    if any(seconds > CLOCKS_SECONDS for seconds in seconds_by_cloud.values()):
        return _CLOCK(Result.FAILED, text, Reason.CLOCK.fix, DOCTOR)
    if unknown:
        return _CLOCK(Result.NOT_RUN, text, t("Run doctor: it shows why the cloud is unreachable"), DOCTOR)
    return _CLOCK(Result.PASSED, text)
