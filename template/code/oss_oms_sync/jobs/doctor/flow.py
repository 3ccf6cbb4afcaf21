"""Both clouds together: whether keys are accepted, timers and triggers wake the jobs, and objects get their records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta
from functools import partial
from heapq import nlargest
from itertools import chain, takewhile
from math import inf
from typing import TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clock import Deadline, from_epoch, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StorageFailure, StoredObject, none_failed
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, fault, ok, skipped, unknown, warning
from oss_oms_sync.ledger.closing import Closing, open_projects
from oss_oms_sync.ledger.waiting import iter_records
from oss_oms_sync.passes.classify import Classifier, ObjectClass
from oss_oms_sync.passes.listing import MergedListing
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.reasons import Reason
from oss_oms_sync.settings import MAX_PERIOD

T = TypeVar("T")

# The maximum age of objects that are checked for records.
_RECENT = timedelta(days=1)
# How long a check looks through records, because there may be millions, and how many failures it reads.
_SCAN_SECONDS = 20.0
# An event of OSS usually comes within a second or two; the instance that it wakes may have to start first.
_PING_SECONDS = 20.0
_PING_POLL_SECONDS = 1.0
_MAX_FAILURES_READ = 200
# How often s.yaml has reconcile and compare woken, whatever their periods: a pass that stands still is gone on with.
_TICK = timedelta(minutes=10)
# So much later than twice its period a timer has missed two strikes: an instance starts, and writes the time down.
_STARTING = timedelta(minutes=1)


def right_to_submit(context: CheckContext) -> Finding:
    """Deduced from the records, because testing the permission would be a sync request.

    A key that was accepted after the last failure for lack of the permission proves it. A failure whose reason was not
    read may have been one of these.
    """
    enough = _scan_deadline(context)
    failures = nlargest(_MAX_FAILURES_READ + 1, _until(enough, _failures(context)), key=lambda one: one.modified)
    all_failed = not enough.expired()
    read = context.invocation.log_bucket.try_get_all([one.name for one in failures[:_MAX_FAILURES_READ]])
    reasons = [*map(_reasons_in, read), *[{""}] * (len(failures) - len(read))]
    explained = list(zip(failures, reasons, strict=True))
    doubtful = [one.modified for one, why in explained if why & {Reason.FORBIDDEN.name, ""}]
    doubt = max(doubtful, default=0) if all_failed else inf

    accepted, all_accepted = _last_accepted(context, doubt)
    if accepted > doubt:
        at = from_epoch(accepted)
        told = f"{at:%Y-%m-%d %H:%M}"
        return ok(Text(f"a key was accepted at {told} UTC", f"{told}（UTC）有对象被接受"))
    all_seen = all_failed and all_accepted
    if not failures and all_seen:
        return skipped(
            Text("no key was accepted yet: upload an object, and look again", "尚无对象被接受：请上传一个对象后再看")
        )
    # Of the keys in a run file, only the time of the run is known.
    last, why = next(
        ((one, why) for one, why in explained if not one.name.startswith(context.runs.folder)), (None, set())
    )
    if last and why == {Reason.FORBIDDEN.name} and last.modified > accepted and all_seen:
        return fault(Text("the last key failed with FORBIDDEN", "最近一个对象因 FORBIDDEN 失败"), Reason.FORBIDDEN.fix)
    names = sorted(set().union(*reasons) - {""})
    return unknown(
        Text(
            f"no key is known to be accepted since some failed ({', '.join(names) or 'no reason told'})"
            + ("" if all_seen else "; there are more records than could be looked at"),
            f"自部分对象失败（{'、'.join(names) or '原因未知'}）以来，未见有对象被接受"
            + ("" if all_seen else "；记录过多，未能全部查看"),
        ),
        Text(
            "See that the IAM user of HW_AK has the permission oms:synctask:createEvent, and what"
            " `python ops.py status` says of the failed keys; run doctor again when replay has sent them",
            "请确认 HW_AK 所属的 IAM 用户具有 oms:synctask:createEvent 权限，并用 `python ops.py status`"
            " 查看失败的对象；replay 重发之后再次运行 doctor",
        ),
    )


def reconcile(context: CheckContext) -> Finding:
    settings, now = context.settings, context.invocation.clock.now()
    if settings.reconcile_period is None:
        return ok(
            Text(
                "reconcile runs by hand only, because RECONCILE_PERIOD is off",
                "RECONCILE_PERIOD 为 off，reconcile 仅手动执行",
            )
        )
    last = max(context.passes.states(), key=lambda one: one.started, default=None)
    fix = Text(
        "See in the Function Compute console that reconcile's timer is there, and in `s reconcile logs`",
        "请在函数计算控制台确认 reconcile 的定时触发器存在，并查看 `s reconcile logs`",
    )
    if last is None:
        if context.state.installed(note=False) < now - MAX_PERIOD:
            return warning(
                Text(
                    f"no pass of reconcile has begun in the last {MAX_PERIOD.days} days",
                    f"最近 {MAX_PERIOD.days} 天没有开始过对账",
                ),
                fix,
            )
        return skipped(
            Text(
                "no pass has begun yet: look again in 10 minutes, then see `s reconcile logs`",
                "尚未开始过对账：请 10 分钟后再看，然后查看 `s reconcile logs`",
            )
        )
    seen = Text(f"the last pass of reconcile began at {last.started}", f"最近一轮对账开始于 {last.started}")
    if last.is_late(settings.reconcile_period, now):
        return warning(Text.join([seen, Text(", and the next is long due", "，下一轮早该开始")]), fix)
    return ok(seen)


def timer(job: str, context: CheckContext) -> Finding:
    """Whether a job's timer woke it within two periods, because one strike may fail. Calls by hand are no sign of it.

    Nobody tells when a function was deployed. So one that never woke is measured by when the installation was noted, by
    a pass or by doctor's first look.
    """
    settings = context.settings
    name, period = {
        "replay": ("REPLAY_PERIOD", settings.replay_period),
        "reconcile": ("RECONCILE_PERIOD", settings.reconcile_period and _TICK),
        "compare": ("COMPARE_PERIOD", settings.compare_period and _TICK),
        "status": ("STATUS_PERIOD", settings.status_period),
    }[job]
    if period is None:
        return ok(Text(f"{job} runs by hand only, because {name} is off", f"{name} 为 off，{job} 仅手动执行"))
    woken, installed = context.timers
    last, late = woken[job], 2 * period + _STARTING
    every, again = (span // timedelta(minutes=1) for span in (period, late))
    due = Text(f"; it should do so every {every} min", f"；它应当每 {every} 分钟触发一次")
    if last is None:
        seen = Text(f"no timer has woken {job} yet", f"定时触发器尚未触发过 {job}")
        if installed is None or installed.ago <= late:
            return skipped(Text.join([seen, due, Text(f": look again in {again} min", f"：请 {again} 分钟后再看")]))
    else:
        at = timestamp(last.at)
        seen = Text(f"the timer last woke {job} at {at}", f"定时触发器最近一次触发 {job} 是在 {at}")
        if last.ago <= late:
            return ok(seen)
    return fault(
        Text.join([seen, due]),
        Text(
            f"See in the Function Compute console that {job}'s timer is there and enabled (`s deploy` restores it),"
            f" and in `s {job} logs`. If it was deployed or changed only now, look again in {again} min",
            f"请在函数计算控制台确认 {job} 的定时触发器存在且已启用（`s deploy` 可恢复），并查看 `s {job} logs`。"
            f"如果刚刚部署或修改过，请 {again} 分钟后再看",
        ),
    )


def is_open(context: CheckContext) -> Finding:
    closed = Closing(context.invocation).state()
    if closed:
        return warning(
            closed.text,
            Text(
                "Open it only if OBS is to get what is written to OSS again",
                "仅当写入 OSS 的内容仍需同步到 OBS 时才打开",
            ),
        )
    return ok(Text("the project is open: keys are sent", "项目处于打开状态：照常提交对象"))


def others_open(context: CheckContext) -> Finding:
    """Which other projects have to be closed for a cutover: who learns that only then, learns it in the freeze."""
    names = ", ".join(open_projects(context.invocation))
    if not names:
        return ok(Text("no other project of the sync task is open", "同步任务没有其他打开的项目"))
    return warning(
        Text(f"other projects of the sync task are open: {names}", f"同步任务的其他项目处于打开状态：{names}"),
        Text(
            "Nothing, until a cutover: close each before that, in its own folder (`python ops.py close`)",
            "割接之前无需处理；割接时请先在各项目的文件夹中执行 `python ops.py close`",
        ),
    )


def pass_triggers(context: CheckContext) -> Finding:
    """Whether what is written under passes/ in the log bucket wakes reconcile and compare, which then delete a ping
    each."""
    bucket, clock = context.invocation.log_bucket, context.invocation.clock
    pings = {job: PassStore(context.invocation, job).ping() for job in ("reconcile", "compare")}
    names = [ping.name for ping in pings.values()]
    enough = Deadline(min(_PING_SECONDS, context.invocation.deadline.remaining() / 2), clock)
    try:
        none_failed(bucket.try_put_all([*pings.values()]))
        while asleep := [job for job, ping in zip(pings, bucket.get_all(names), strict=True) if ping]:
            if enough.expired():
                break
            clock.sleep(_PING_POLL_SECONDS)
    finally:
        bucket.try_delete_all(names)
    if asleep:
        jobs = Text(" and ".join(asleep), " 和 ".join(asleep))
        return warning(
            Text(
                f"what was written under passes/ in the log bucket did not wake {jobs.en} within {_PING_SECONDS:.0f}"
                " seconds: a pass goes on by the timer alone then, one range after the other",
                f"写入记录 Bucket 的 passes/ 之后，{_PING_SECONDS:.0f} 秒内没有触发 {jobs.zh}："
                "这样只能靠定时触发器推进，一个区间接着一个区间",
            ),
            Text(
                f"See in the Function Compute console that the trigger of {jobs.en} on the log bucket is there, and"
                " that the trigger's role may invoke the function; then run doctor again",
                f"请在函数计算控制台确认 {jobs.zh} 在记录 Bucket 上的触发器存在，且触发器角色有权调用该函数；"
                "然后再次运行 doctor",
            ),
        )
    return ok(
        Text(
            "what is written under passes/ in the log bucket wakes reconcile and compare",
            "写入记录 Bucket 的 passes/ 会触发 reconcile 和 compare",
        )
    )


def records_flow(context: CheckContext) -> Finding:
    """Whether objects written in the last day, and since the installation, have records."""
    classes, events_came, all_seen = _count_classes(context)
    accepted, failed = classes[ObjectClass.COVERED], classes[ObjectClass.FAILED_BEFORE]
    missing = classes[ObjectClass.UNRECORDED]
    names = f"{'' if all_seen else 'the first '}{classes.total():,} names"
    seen = Text(
        f"of {names}, {accepted} written in the last day were accepted, {failed} failed, {missing} have no record",
        f"{'' if all_seen else '前 '}{classes.total():,} 个对象中，最近一天写入的有 {accepted} 个已接受，"
        f"{failed} 个失败，{missing} 个没有记录",
    )
    if missing:
        return (warning if accepted + failed else fault)(
            seen,
            Text(
                "See in the Function Compute console that forward's trigger is there (it is refused if it overlaps"
                " with another of this bucket in events, prefix and suffix); reconcile sends the objects",
                "请在函数计算控制台确认 forward 的触发器存在（如果它与该 Bucket 的另一个触发器在事件、"
                "前缀和后缀上都重叠，则会被拒绝）；reconcile 会补交这些对象",
            ),
        )
    if failed:
        return warning(seen, Text("`python ops.py status` says why they failed", "失败原因见 `python ops.py status`"))
    if not accepted:
        again = Text(": upload an object, and look again in 15 minutes", "：请上传一个对象，15 分钟后再看")
        return skipped(Text.join([seen, again]))
    if not events_came:
        # Reconcile's own records must not make a dead trigger look healthy.
        late = Text(
            "; all records came so late that reconcile may have made them, so whether events arrive is open",
            "；所有记录都来得太晚，可能是 reconcile 写的，因此无法判断事件是否到达",
        )
        return unknown(
            Text.join([seen, late]),
            Text(
                "Upload an object, and look again: it should have a record within 15 minutes",
                "请上传一个对象后再看：15 分钟内应当有记录",
            ),
        )
    return ok(seen)


def _count_classes(context: CheckContext) -> tuple[Counter[ObjectClass | None], bool, bool]:
    """How many names each class has, whether an event is known to have come, and whether time sufficed for all
    names."""
    settings, now = context.settings, context.invocation.clock.now()
    installed = context.state.installed(note=False)
    scope = Scope(settings.key_filter, max(now - _RECENT, installed), everything=False)
    classifier = Classifier(settings, scope, installed, now)
    in_hand = {key.key for run in context.runs.leftovers() if run for key in run.keys}
    classes: Counter[ObjectClass | None] = Counter()
    events_came = False
    enough = _scan_deadline(context)
    listing = MergedListing(context.invocation, classifier.needs_records, scope.key_filter.prefix, "")
    for entry in _until(enough, listing):
        object_class = classifier.classify(entry)
        events_came |= classifier.event_came(object_class, entry) is True
        is_replays = object_class is ObjectClass.UNRECORDED and entry.key in in_hand
        classes[ObjectClass.FAILED_BEFORE if is_replays else object_class] += 1
    return classes, events_came, not enough.expired()


def _failures(context: CheckContext) -> Iterator[ObjectSummary]:
    """Failed records and run files, whose keys may have no record while replay has them in hand."""
    bucket = context.invocation.log_bucket
    return chain(bucket.iter_folder(context.runs.folder), iter_records(context.invocation, "failed"))


def _last_accepted(context: CheckContext, after: float) -> tuple[int, bool]:
    """When a key was accepted: the last time, or any time after `after`; and whether there was enough time to look."""
    enough, accepted = _scan_deadline(context), 0
    for one in _until(enough, iter_records(context.invocation, "success")):
        accepted = max(accepted, one.modified)
        if accepted > after:
            break
    return accepted, not enough.expired()


def _reasons_in(failure: StoredObject | StorageFailure) -> set[str]:
    """The reasons in a failed record or a run file; "" for one that is missing or could not be read."""
    match jsontext.load(failure.body) if isinstance(failure, StoredObject) else None:
        case {"keys": list(keys)}:
            return {str(key.get("reason", "")) if isinstance(key, dict) else "" for key in keys}
        case {"reason": str(reason)}:
            return {reason}
    return {""}


def _scan_deadline(context: CheckContext) -> Deadline:
    """The deadline by which one check stops looking through records."""
    return Deadline(min(_SCAN_SECONDS, context.invocation.deadline.remaining() / 2), context.invocation.clock)


def _until(enough: Deadline, items: Iterable[T]) -> Iterator[T]:
    return takewhile(lambda _: not enough.expired(), items)


_READING_RECORDS = ("right to list records", "right to read records")
CHECKS: Sequence[Check[CheckContext]] = (
    Check("right oms:synctask:createEvent", "权限 oms:synctask:createEvent", _READING_RECORDS, right_to_submit),
    Check("project open", "项目是否打开", _READING_RECORDS, is_open),
    Check("other projects", "其他项目", _READING_RECORDS, others_open),
    *(
        Check(f"{job} timer", f"{job} 的定时触发器", (*_READING_RECORDS, "right to write records"), partial(timer, job))
        for job in ("replay", "reconcile", "compare", "status")
    ),
    Check("reconcile", "对账", _READING_RECORDS, reconcile),
    Check(
        "pass triggers",
        "对账和比对的触发器",
        (*_READING_RECORDS, "right to write records", "right to delete records", "source bucket"),
        pass_triggers,
    ),
    Check("records flow", "记录产生情况", (*_READING_RECORDS, "right to list source bucket"), records_flow),
)
