"""Whether anything speaks against the cutover: all checks of a certificate, in the order in which it shows them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial

from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.object_class import EQUAL, ObjectClass
from oss_oms_sync.answers.text import Text, objects_en
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import CLOCKS_SECONDS
from oss_oms_sync.jobs.certify.class_checks import checks_of_classes, unseen
from oss_oms_sync.jobs.certify.closing_checks import REHEARSED, closed, nothing_waits, oms_finished, stood_still
from oss_oms_sync.jobs.certify.evidence import DEPLOY, DOCTOR, Comparison, Evidence
from oss_oms_sync.passes.states import LATEST
from oss_oms_sync.passes.tally import MAX_KEYS, MAX_WRITTEN, ClassCount
from oss_oms_sync.reasons import Failure, Reason
from oss_oms_sync.settings import Settings

_FROZEN = partial(
    Finding,
    "FROZEN",
    Text("No object was written later than a minute after the freeze", "没有对象的写入时间晚于停写后一分钟"),
)
_SUMS = partial(
    Finding,
    "SUMS",
    Text(
        "The classes and folders add up to what was listed in both buckets; what counts as equal has the same digest on"
        " both sides",
        "各类别和各目录之和等于两个桶的列举结果；视为一致的类别两侧摘要相同",
    ),
)
_CLOCK = partial(
    Finding,
    "CLOCK",
    Text(
        f"All clouds' clocks are within {CLOCKS_SECONDS} seconds of the function's",
        f"各云的时钟与函数时钟相差不超过 {CLOCKS_SECONDS} 秒",
    ),
)


def all_checks(evidence: Evidence, settings: Settings) -> list[Finding]:
    """All checks."""
    scope = _scope(evidence, settings)
    not_looked = scope if scope.result is Result.NOT_RUN else None
    return [
        _frozen(evidence, scope),
        closed(evidence),
        oms_finished(evidence),
        stood_still(evidence, scope),
        scope,
        _sums(evidence, scope),
        *checks_of_classes(evidence, not_looked),
        _sample(evidence),
        nothing_waits(evidence),
        _task(evidence, settings),
        _clock(evidence),
    ]


def _scope(evidence: Evidence, settings: Settings) -> Finding:
    """Whether there is a comparison of everything that the project covers, made since the freeze, and not long ago."""
    prefix, suffix = settings.key_filter.prefix, settings.key_filter.suffix
    covered = Text(f"prefix {prefix!r}, suffix {suffix!r}", f"前缀 {prefix!r}，后缀 {suffix!r}")
    wanted = Text(
        f"A comparison of all that the project covers ({covered.en}), begun after the freeze, and at most 24 hours old",
        f"对项目全部范围（{covered.zh}）的比对：在停写之后开始，并在最近 24 小时内完成",
    )
    finding = partial(Finding, "SCOPE", wanted)
    found = evidence.comparison
    following = Text("Compare both buckets", "请比对两个桶")
    begin = evidence.options.comparing(found.state.scope if found else None, restart=True)
    if isinstance(evidence.task, Failure):
        reason = evidence.task.reason.name
        return finding(
            Result.NOT_RUN,
            Text(f"OMS does not tell which bucket is the destination, {reason}", f"无法从 OMS 获知目的桶，{reason}"),
            evidence.task.remedy("get"),
            begin,
        )
    if found is None:
        return finding(
            Result.NOT_RUN, Text("No comparison of all of it has ended", "尚无完成的全量比对"), following, begin
        )
    began, as_of = found.state.started, found.state.as_of
    seen = Text(f"The comparison of {began}, as of {as_of}", f"{began} 开始的比对，截至 {as_of}")
    frozen = evidence.frozen_since
    is_before = frozen is not None and began < timestamp(frozen)
    # Judging some keys again does not make what was seen of all others any newer.
    if is_before or (frozen and found.state.ended < timestamp(evidence.now - LATEST)):
        why = Text(", before the freeze", "，早于停写时间") if is_before else Text(", too long ago", "，已过期")
        return finding(Result.NOT_RUN, Text.join([seen, why]), following, begin)
    if not found.tally.last_written:
        return finding(
            Result.NOT_PROVEN,
            Text(f"No object in {settings.source_bucket} is in scope", f"{settings.source_bucket} 中没有范围内的对象"),
            Text(
                "Correct the source bucket, or the prefix and suffix, in s.yaml, and deploy",
                "请更正 s.yaml 中的源端桶或前缀、后缀，并重新部署",
            ),
            DEPLOY,
        )
    return finding(Result.PASSED, seen)


def _frozen(evidence: Evidence, scope: Finding) -> Finding:
    """Whether nothing was written after the freeze."""
    frozen, found = evidence.frozen_since, evidence.comparison
    if frozen is None:
        return _FROZEN(Result.NOT_RUN, REHEARSED)
    if found is None or scope.result is not Result.PASSED:
        return unseen(_FROZEN, scope)
    written = found.tally.last_written
    last = from_epoch(written[0].modified)
    late = [one.key for one in written if one.modified > frozen.timestamp() + CLOCKS_SECONDS]
    if not late:
        return _FROZEN(
            Result.PASSED, Text(f"The last write was at {timestamp(last)}", f"最后一次写入在 {timestamp(last)}")
        )
    at_least, at_least_zh = ("at least ", "至少 ") if len(late) == MAX_WRITTEN else ("", "")
    seen = Text(
        f"{at_least}{objects_en(len(late))} written after the freeze of {timestamp(frozen)}, the last at"
        f" {timestamp(last)}",
        f"{at_least_zh}{len(late)} 个对象在 {timestamp(frozen)} 停写之后写入，最后一次在 {timestamp(last)}",
    )
    later = last + timedelta(seconds=CLOCKS_SECONDS)
    following = Text(
        "See that nothing writes there any more. The freeze was then later than was said: cut over with"
        f" --frozen-since {timestamp(later)}",
        f"请确认源端不再有写入。实际停写时间晚于所述时间，请以 --frozen-since {timestamp(later)} 执行割接",
    )
    again = evidence.options.cutover(frozen=later)
    return _FROZEN(Result.FAILED, seen, following, again, late)


def _sums(evidence: Evidence, scope: Finding) -> Finding:
    """Whether the classes are all that was listed, and equal on both sides where they say so."""
    if evidence.comparison is None or scope.result is Result.NOT_RUN:
        return unseen(_SUMS, scope)
    wrong = list(_what_does_not_add_up(evidence.comparison))
    if wrong:
        seen = Text(f"Does not add up: {', '.join(wrong)}", f"不相符：{'、'.join(wrong)}")
        following = Text("Compare again. If that does not help, open an issue", "请重新比对；如仍不相符，请提交 issue")
        again = evidence.options.comparing(evidence.comparison.state.scope, restart=True)
        return _SUMS(Result.FAILED, seen, following, again)
    source = evidence.comparison.tally.side("source")
    return _SUMS(
        Result.PASSED,
        Text(
            f"{objects_en(source.objects)}, {source.bytes:,} bytes in the source",
            f"源端 {source.objects:,} 个对象，{source.bytes:,} 字节",
        ),
    )


def _what_does_not_add_up(found: Comparison) -> Iterator[str]:
    tally = found.tally
    # The marks count the source's objects on their own: those of the pass, because some may be gone when keys are
    # judged again.
    if not tally.adds_up() or found.state.objects != found.state.passed.side("source").objects:
        yield "classes"
    for one in EQUAL:
        count = tally.classes.get(one.title, ClassCount())
        if count.source != count.destination:
            yield one.title
    for one in ObjectClass:
        count = tally.classes.get(one.title, ClassCount())
        of_folders = [of[one.title] for of in tally.folders.values() if one.title in of]
        summed = [sum(numbers) for numbers in zip(*of_folders, strict=True)] or [0, 0, 0, 0]
        if summed != [number for side in (count.source, count.destination) for number in (side.objects, side.bytes)]:
            yield f"folders of {one.title}"


def _sample(evidence: Evidence) -> Finding:
    """Whether the objects that were drawn are equal, byte by byte."""
    sample, found, options = evidence.sample, evidence.comparison, evidence.options
    if sample is None:
        return Finding(
            "SAMPLE", Text("-", "-"), Result.NOT_RUN, Text("Nothing was to be sampled", "未要求抽样"), gates=False
        )
    if sample.differing:
        return Finding(
            "SAMPLE",
            Text("No object that was read on both sides differs", "在两侧读取的对象均没有差异"),
            Result.FAILED,
            Text(
                f"{len(sample.differing)} of {len(sample.differing) + len(sample.equal)} objects that were read differ",
                f"已读取的 {len(sample.differing) + len(sample.equal)} 个对象中有 {len(sample.differing)} 个不同",
            ),
            Text(
                "Compare again and read all objects that are not proven (deep); see who writes to either bucket",
                "请重新比对，并读取所有尚未证明的对象（deep）；同时查明谁在写入两侧的桶",
            ),
            step=options.comparing(found.state.scope if found else None, deep=True, restart=True),
            keys=sample.differing[:MAX_KEYS],
        )
    wanted = Text(
        f"{sample.asked} objects that count as equal, drawn at random, are read on both sides, and do not differ",
        f"从视为一致的对象中随机抽取 {sample.asked} 个，在两侧完整读取，没有差异",
    )
    finding, read = partial(Finding, "SAMPLE", wanted), len(sample.equal)
    if sample.unread or not sample.seed:
        why, why_zh = (f": {sample.problem}", f"：{sample.problem}") if sample.problem else ("", "")
        seen = Text(
            f"{read} of {len(sample.drawn)} drawn objects were read{why}",
            f"已读取 {len(sample.drawn)} 个抽中对象中的 {read} 个{why_zh}",
        )
        go_on = Text("Go on with the cutover, which reads on", "请继续割接，割接会继续读取")
        # Where one was read, the next call reads others.
        return finding(Result.NOT_RUN, seen, go_on, options.cutover(), waits=read > 0)
    if not read and found and found.tally.side("source").objects:
        return finding(
            Result.NOT_RUN,
            Text("No object of up to 1 GiB counts as equal", "没有视为一致且不超过 1 GiB 的对象"),
            Text("There is nothing to sample: go on without", "没有可抽样的对象：请去掉抽样后继续"),
            options.cutover(sample=0),
        )
    bound = sample.bound or Text("There is nothing to sample", "没有可抽样的对象")
    return finding(
        Result.PASSED,
        Text(
            f"{objects_en(read)}, {sample.bytes:,} bytes. {bound.en}",
            f"{read} 个对象，{sample.bytes:,} 字节。{bound.zh}",
        ),
    )


def _task(evidence: Evidence, settings: Settings) -> Finding:
    """Whether the sync task is the right one, and takes keys."""
    task, bucket = evidence.task, settings.source_bucket
    finding = partial(
        Finding,
        "TASK",
        Text(f"The sync task of the bucket {bucket} is synchronizing", f"桶 {bucket} 的同步任务处于同步中"),
    )
    if not isinstance(task, TaskInfo):
        return finding(
            Result.NOT_RUN,
            Text(f"OMS does not tell, {task.reason.name}", f"OMS 未告知，{task.reason.name}"),
            task.remedy("get"),
            DOCTOR,
        )
    if not (task.src_bucket and task.status):
        return finding(
            Result.NOT_RUN,
            Text("OMS does not say which bucket it reads, or whether it does", "OMS 未告知任务的源端桶或状态"),
            Text(
                "Look at the task in the OMS console, and at what doctor says of it",
                "请在 OMS 控制台查看该任务，并查看 doctor 的说明",
            ),
            DOCTOR,
        )
    seen = Text(f"Of the bucket {task.src_bucket}: {task.status}", f"源端桶 {task.src_bucket}：{task.status}")
    if task.src_bucket != bucket:
        return finding(
            Result.FAILED,
            seen,
            Text(
                "Correct SYNC_URL or the source bucket in s.yaml, and deploy",
                "请更正 s.yaml 中的 SYNC_URL 或源端桶，并重新部署",
            ),
            DEPLOY,
        )
    if not task.is_running:
        return finding(Result.FAILED, seen, Text("Start it in the OMS console", "请在 OMS 控制台启动该任务"))
    return finding(Result.PASSED, seen)


def _clock(evidence: Evidence) -> Finding:
    """Whether the clocks agree as far as comparisons assume: they judge by times of three clouds."""
    known = {name: round(skew.total_seconds()) for name, skew in evidence.clocks.items() if skew is not None}
    unknown = [name for name, skew in evidence.clocks.items() if skew is None]
    told = [f"{name} {seconds} s" for name, seconds in known.items()] + [f"{name} ?" for name in unknown]
    seen = Text(", ".join(told), "，".join(told))
    if any(seconds > CLOCKS_SECONDS for seconds in known.values()):
        return _CLOCK(Result.FAILED, seen, Reason.CLOCK.fix, DOCTOR)
    if unknown:
        return _CLOCK(
            Result.NOT_RUN, seen, Text("Doctor says why it is not reached", "无法访问的原因见 doctor"), DOCTOR
        )
    return _CLOCK(Result.PASSED, seen)
