"""How far is it, what is stuck, and why? Joins what OMS knows of the task with what stands in the log bucket."""

from __future__ import annotations

import json
import logging
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import chain, islice

from oss_oms_sync import jsontext, options
from oss_oms_sync.clock import Clock, Deadline, timestamp
from oss_oms_sync.clouds.counters import (
    Acknowledged,
    Month,
    Statistics,
    Unfinished,
    failed_since,
    month_counts,
    month_of,
    unfinished,
    without,
)
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Bucket, ObjectSummary, StoredObject
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.ledger.records import FailedKey, failed_key, modified_at, record_name, record_prefix, success_etag
from oss_oms_sync.ledger.runs import RunFiles
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.passes.classify import Classifier, is_covered, listed_record
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.passes.store import Pass, Passes
from oss_oms_sync.passes.tally import COUNTS, NEW, NEW_MISSING
from oss_oms_sync.reasons import PERMANENT, Failure, Reason, grant
from oss_oms_sync.settings import Settings

OPTIONS: dict[str, type] = {"key": str, "hours": int, "acknowledge": bool}

IN_STEP, BEHIND, BROKEN = "in step", "behind", "broken"

_USUAL_HOURS, _MOST_HOURS = 24, 24 * 31
# Counting is bounded: beyond these it says "at least".
_RECORDS_COUNTED = 10_000
_RECORDS_READ = 200
_RUN_FILES_READ = 50
_SHOWN_KEYS = 20
_MOST_MONTHS = 13

log = logging.getLogger(__name__)


def status(
    payload: bytes | str,
    settings: Settings,
    oms: OmsClient,
    log_bucket: Bucket,
    source_bucket: Bucket,
    deadline: Deadline,
    clock: Clock,
) -> dict[str, object]:
    """How the synchronization stands, or with {"key": ...} one key's whole story.

    {"hours": n} is how far back the statistics go that are shown (24). {"acknowledge": true} keeps in the log bucket
    how OMS's counters stand: from then on only what OMS later fails to copy, or leaves unfinished, counts.

    Returns {"verdict", "at", "task", "oms", "copying", "statistics", "backlog", "replay", "reconcile", "sums",
    "fixes"}, or {"key", "accepted", "object", "success", "failed", "story", "next"}. What OMS does not say is a
    {"problem", "fix"}, or None. Raises PayloadError, and StorageError where the log bucket cannot be read, or does not
    take what is to be acknowledged.
    """
    asked = options.parse(payload, OPTIONS)
    if "key" in asked:
        if len(asked) > 1:
            raise PayloadError("The payload asks for a key and for something else: a key's story takes nothing more")
        return _Story(str(asked["key"]), settings, log_bucket, source_bucket, deadline, clock).tell()
    hours = asked.get("hours", _USUAL_HOURS)
    if not isinstance(hours, int) or not 1 <= hours <= _MOST_HOURS:
        raise PayloadError(f"The payload's hours is {hours!r}. Give 1 to {_MOST_HOURS}")
    acknowledge = asked.get("acknowledge") is True
    return _Look(settings, oms, log_bucket, deadline, clock).told(timedelta(hours=hours), acknowledge=acknowledge)


@dataclass
class Backlog:
    """What waits to be sent. `by_reason` and `keys` are of the `read` records; `at_least`: there are more than
    `failed`; `outside` the trigger's filter are records that no run of this project takes."""

    failed: int = 0
    at_least: bool = False
    outside: int = 0
    oldest: str | None = None
    read: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    keys: list[dict[str, str]] = field(default_factory=list)
    run_files: int = 0
    in_run_files: int = 0
    unreadable_run_files: int = 0

    @property
    def waiting(self) -> int:
        """All keys that wait, at least."""
        return self.failed + self.in_run_files


@dataclass(frozen=True)
class Copying:
    """What became of what OMS accepted; it did not tell what is a Failure or None. `failed`: how many objects it could
    not copy that nobody has acknowledged. `since`: the months before that should count and were not asked for."""

    task: Mapping[str, object] | Failure
    months: Sequence[Month] | Failure
    lately: Statistics | Failure
    failed: int | None
    unfinished: Unfinished | None
    since: datetime | None = None


@dataclass(frozen=True)
class Coverage:
    """What reconcile looked at. `last`: its last usual pass, None where none has ended lately; `since`: what was
    written before was not looked at; `open`: the passes that have not ended."""

    last: Pass | None
    since: datetime
    open: Sequence[Pass]


@dataclass(frozen=True)
class Verdict:
    """One sentence, in both languages; `state` is "in step", "behind" or "broken"."""

    state: str
    text: str
    text_zh: str


class _Look:
    """One look at everything."""

    def __init__(
        self, settings: Settings, oms: OmsClient, log_bucket: Bucket, deadline: Deadline, clock: Clock
    ) -> None:
        self._settings = settings
        self._oms = oms
        self._bucket = log_bucket
        self._deadline = deadline
        self._clock = clock
        self._now = clock.now()
        self._task_id = settings.task.task_id
        self._state = JobState(settings, log_bucket, clock)

    def told(self, window: timedelta, *, acknowledge: bool) -> dict[str, object]:
        """Everything, the verdict first."""
        task = self._oms.task(self._deadline)
        installed = self._state.installed(self._deadline, note=False)
        # The verdict does not depend on what is asked to be shown.
        usual = timedelta(hours=_USUAL_HOURS)
        lately = task if isinstance(task, Failure) else self._statistics(usual)
        shown = lately if window == usual or isinstance(lately, Failure) else self._statistics(window)
        acknowledged = self._acknowledged(task, lately, anew=acknowledge)
        months = task if isinstance(task, Failure) else self._months(task, installed, acknowledged)
        copying = self._copying(task, months, lately, installed, acknowledged)
        backlog = self._backlog()
        passes = Passes(self._settings, self._bucket, self._clock).all(self._deadline)
        ended = max(filter(self._is_usual, passes), key=lambda one: one.started, default=None)
        verdict = _verdict(copying, backlog, self._coverage(passes, ended, installed))
        log.info({"job": "status", "verdict": verdict.state, "text": verdict.text, "failed": backlog.failed})
        names = [name for name in backlog.by_reason if name in Reason.__members__]
        return {
            "verdict": asdict(verdict),
            "at": timestamp(self._now),
            "task": {"id": self._task_id, "source": self._settings.source_bucket, "log": self._settings.log_bucket},
            "oms": _failure_told(task, "get") if isinstance(task, Failure) else _task_told(task),
            "copying": {
                "failed": copying.failed,
                "unfinished": copying.unfinished and asdict(copying.unfinished),
                "acknowledged": acknowledged and timestamp(acknowledged.at),
            },
            "statistics": _failure_told(shown, "statistics") if isinstance(shown, Failure) else _statistics_told(shown),
            "backlog": asdict(backlog),
            "replay": self._state.load("replay", self._deadline).get("last"),
            "reconcile": {
                "last": _pass_told(ended) if ended else None,
                "open": [_pass_told(one) for one in passes if not one.ended],
            },
            "sums": _sums(months, ended),
            "fixes": {name: {"en": Reason[name].fix, "zh": Reason[name].fix_zh} for name in names},
        }

    def _is_usual(self, one: Pass) -> bool:
        """Whether a pass is ended and like a timer's: only those tell whether events come."""
        scope = one.scope
        is_usual = (
            scope.key_filter.prefix == self._settings.key_filter.prefix and scope.since is None and not scope.everything
        )
        return bool(one.ended) and is_usual

    def _coverage(self, passes: Sequence[Pass], ended: Pass | None, installed: datetime) -> Coverage:
        last = None if ended is None or ended.is_late(self._settings, self._now) else ended
        # A backfill looked at older objects, which have not changed since.
        whole = [one for one in passes if one.ended and one.scope.key_filter.prefix == self._settings.key_filter.prefix]
        since = min((one.scope.begin(installed) for one in whole), default=installed)
        return Coverage(last, since, [one for one in passes if not one.ended])

    def _months(
        self, task: Mapping[str, object], installed: datetime, acknowledged: Acknowledged | None
    ) -> list[Month] | Failure:
        """The counters of the latest months that count, this one's last: those since the acknowledgement, or else those
        since the one before the installation. What OMS did in excess in the first it had accepted before that."""
        first = month_of(acknowledged.at if acknowledged else month_of(installed) - timedelta(days=1))
        months = [Month.read(month_of(self._now), task)]
        while first < months[0].begin and len(months) < _MOST_MONTHS:
            last_day = months[0].begin - timedelta(days=1)
            earlier = self._oms.task(self._deadline, last_day)
            if isinstance(earlier, Failure):
                # Before the installation there need not have been a task.
                if last_day < month_of(installed) and earlier.reason in (Reason.REFUSED, Reason.NO_TASK):
                    break
                return earlier
            months.insert(0, Month.read(month_of(last_day), earlier))
        return months

    def _statistics(self, window: timedelta) -> Statistics | Failure:
        start = self._now - window
        answer = self._oms.statistics(start, self._now, self._deadline)
        return answer if isinstance(answer, Failure) else Statistics.read(start, answer)

    def _acknowledged(
        self, task: Mapping[str, object] | Failure, lately: Statistics | Failure, *, anew: bool
    ) -> Acknowledged | None:
        """Up to where somebody has seen to what OMS did not copy; with `anew` up to now, if OMS tells its counts."""
        if anew and not isinstance(task, Failure):
            month = Month.read(month_of(self._now), task)
            kept = Acknowledged.now(self._now, month, None if isinstance(lately, Failure) else lately)
            if kept:
                self._state.store("status", {"acknowledged": kept.to_json()}, self._deadline)
        return Acknowledged.read(self._state.load("status", self._deadline).get("acknowledged"))

    def _copying(
        self,
        task: Mapping[str, object] | Failure,
        months: Sequence[Month] | Failure,
        lately: Statistics | Failure,
        installed: datetime,
        acknowledged: Acknowledged | None,
    ) -> Copying:
        if isinstance(months, Failure):
            return Copying(task, months, lately, None, None)
        begin, months = months[0].begin, without(acknowledged, months)
        # What failed before the installation is no matter of this project.
        mine = [month for month in months if month.begin >= month_of(installed)]
        known = None if isinstance(lately, Failure) else lately
        failed = failed_since(acknowledged, mine, known)
        left = unfinished(acknowledged, months, known, self._now) if known else None
        is_cut = begin > month_of(acknowledged.at if acknowledged else installed)
        return Copying(task, months, lately, failed, left, begin if is_cut else None)

    def _backlog(self) -> Backlog:
        backlog = Backlog()
        listed = self._failed(backlog)
        keys = self._read(listed[:_RECORDS_READ])
        mine = [key for key in keys if self._settings.key_filter.matches(key.key)]
        # Of long keys only the record tells.
        backlog.outside += len(keys) - len(mine)
        backlog.failed = len(listed) - (len(keys) - len(mine))
        backlog.read = len(mine)
        backlog.by_reason = dict(Counter(key.reason or "UNKNOWN" for key in mine))
        backlog.keys = [
            {"key": key.key, "reason": key.reason or "UNKNOWN", "since": key.first_failure}
            for key in mine[:_SHOWN_KEYS]
        ]
        times = [_time(min(one.modified for one in listed))] if backlog.failed else []
        for run in RunFiles(self._settings, self._bucket, self._clock).leftovers(self._deadline):
            if backlog.run_files == _RUN_FILES_READ:
                backlog.at_least = True
                break
            backlog.run_files += 1
            backlog.unreadable_run_files += run is None
            for key in run.keys if run else ():
                backlog.in_run_files += 1
                times.append(key.first_failure)
        backlog.oldest = min(filter(None, [*times, *(key.first_failure for key in mine)]), default=None)
        return backlog

    def _failed(self, backlog: Backlog) -> list[ObjectSummary]:
        """The failed records of keys that this project forwards, and of all long keys; counts the others."""
        by_key, by_hash = (record_prefix(self._task_id, "failed", long=long) for long in (False, True))
        mine = f"{by_key}{self._settings.key_filter.prefix}"
        parts = (self._bucket.iter_objects(part, self._deadline) for part in (mine, by_hash))
        # The marker of a folder is the record of no key.
        records = (one for one in chain.from_iterable(parts) if one.name not in (by_key, by_hash))
        seen = list(islice(records, _RECORDS_COUNTED + 1))
        backlog.at_least = len(seen) > _RECORDS_COUNTED
        failed = [
            one
            for one in seen[:_RECORDS_COUNTED]
            if one.name.startswith(by_hash) or self._settings.key_filter.matches(one.name.removeprefix(by_key))
        ]
        # The others are of another project for the same task, or from before prefix and suffix were changed.
        backlog.outside = len(seen[:_RECORDS_COUNTED]) - len(failed)
        if self._settings.key_filter.prefix:
            every = islice(self._bucket.iter_objects(by_key, self._deadline), _RECORDS_COUNTED)
            backlog.outside += sum(one.name != by_key and not one.name.startswith(mine) for one in every)
        return failed

    def _read(self, listed: Sequence[ObjectSummary]) -> list[FailedKey]:
        found = self._bucket.try_get_all([one.name for one in listed], self._deadline)
        keys = [failed_key(self._task_id, one) for one in found if isinstance(one, StoredObject)]
        return [key for key in keys if key]


def _verdict(copying: Copying, backlog: Backlog, coverage: Coverage) -> Verdict:
    """What matters most, first."""
    return (
        _broken(copying.task, backlog)
        or _waiting(backlog)
        or _without_events(coverage.last)
        or _not_copied(copying)
        or _behind_at_oms(copying)
        or _looked_at(coverage, copying)
    )


def _broken(task: Mapping[str, object] | Failure, backlog: Backlog) -> Verdict | None:
    lasting = {reason.name for reason in PERMANENT}
    names = [name for name in backlog.by_reason if name in lasting]
    # That the task may not be looked at stops no key.
    if isinstance(task, Failure) and task.reason.name in lasting and task.reason is not Reason.FORBIDDEN:
        names.insert(0, task.reason.name)
    if names:
        reason = Reason[names[0]]
        return Verdict(BROKEN, f"Broken, {reason.name}: {reason.fix}", f"已中断,{reason.name}:{reason.fix_zh}")
    if isinstance(task, Mapping) and task.get("status") != "SYNCHRONIZING":
        return Verdict(
            BROKEN,
            f"Broken: the sync task is {task.get('status')}. Start it in the OMS console.",
            f"已中断:同步任务状态为 {task.get('status')},请在 OMS 控制台启动。",
        )
    return None


def _waiting(backlog: Backlog) -> Verdict | None:
    if backlog.waiting or backlog.at_least:
        more, more_zh = ("at least ", "至少") if backlog.at_least else ("", "")
        # First failures are known of the records that were read.
        before, before_zh = (" or before", "或更早") if backlog.read < backlog.failed else ("", "")
        since = f" since {backlog.oldest}{before}" if backlog.oldest else ""
        since_zh = f"，最早失败于 {backlog.oldest}{before_zh}（UTC）" if backlog.oldest else ""
        return Verdict(
            BEHIND,
            f"Behind by {more}{backlog.waiting}{since}: replay sends them again.",
            f"有{more_zh} {backlog.waiting} 个对象待重发{since_zh}。replay 会自动重发。",
        )
    if backlog.unreadable_run_files:
        return Verdict(
            BEHIND,
            "Behind: a run file of replay is unreadable, and its keys stand nowhere else. See replay's log, then run"
            " reconcile.",
            "落后:replay 的运行文件无法读取,其中的对象没有其他记录。请查看 replay 的日志,然后执行 reconcile。",
        )
    return None


def _without_events(last: Pass | None) -> Verdict | None:
    new, missing = (last.counts.get(name, 0) for name in (NEW, NEW_MISSING)) if last else (0, 0)
    if missing * 2 <= new:
        return None
    return Verdict(
        BEHIND,
        f"Behind: events are lost. None told of {_objects(missing, 'new ')} (of {new}), which reconcile has sent. See"
        " in the Function Compute console whether the trigger of forward is there. Once it is, upload an object, and"
        " run reconcile 15 minutes later: the verdict stays until a pass finds that events arrive.",
        f"事件未送达：{new} 个新写入的对象中，有 {missing} 个的事件没有到达，reconcile 已补发这些对象。"
        "请在函数计算控制台检查 forward 的触发器；恢复后上传一个对象，15 分钟后执行 reconcile："
        "直到对账确认事件能够送达，此状态才会解除。",
    )


_LACKING = Verdict(
    BEHIND,
    "Nothing waits here, but OMS's answer lacks some of its counters: see the task in the OMS console.",
    "本侧没有待发对象，但 OMS 的应答缺少计数：请在 OMS 控制台查看该任务。",
)
_ACKNOWLEDGE = """s status invoke -e '{"acknowledge": true}'"""


def _not_copied(copying: Copying) -> Verdict | None:
    if isinstance(copying.months, Failure):
        english, chinese = _remedy(copying.months, "get")
        if not isinstance(copying.task, Failure):
            english += f" It is about an earlier month: to count only from now on, {_ACKNOWLEDGE}"
            chinese += f"涉及的是以前的月份：如只需从现在起统计，请执行 {_ACKNOWLEDGE}"
        return Verdict(
            BEHIND,
            f"Nothing waits here, but OMS does not say what it copied, {copying.months.reason.name}: {english}",
            f"本侧没有待发对象，但无法获知 OMS 的复制结果，{copying.months.reason.name}：{chinese}",
        )
    if copying.failed is None:
        return _LACKING
    if not copying.failed:
        return None
    return Verdict(
        BEHIND,
        f"Behind: OMS failed to copy {_objects(copying.failed)}. See which in the OMS console, and send them again with"
        f" replay's keys. Once each has been seen to: {_ACKNOWLEDGE}",
        f"OMS 有 {copying.failed} 个对象复制失败。请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
        f"全部处理完毕后执行：{_ACKNOWLEDGE}",
    )


def _behind_at_oms(copying: Copying) -> Verdict | None:
    left = copying.unfinished
    if isinstance(copying.lately, Failure):
        english, chinese = _remedy(copying.lately, "statistics")
        return Verdict(
            BEHIND,
            "Nothing waits here, but OMS does not say how long it has had what it still has to copy,"
            f" {copying.lately.reason.name}: {english}",
            f"本侧没有待发对象，但无法获知 OMS 未处理的对象已等待多久，{copying.lately.reason.name}：{chinese}",
        )
    if left is None:
        return _LACKING
    if left.overdue is None:
        return Verdict(
            BEHIND,
            f"Nothing waits here, but OMS has not worked on {_objects(left.objects)} that it accepted, and counts by"
            " the hour: whether one of them is overdue (15 minutes) is not known. Look again in an hour.",
            f"本侧没有待发对象，但 OMS 已接收的对象中有 {left.objects} 个尚未处理，且只提供按小时的统计："
            "无法判断是否有对象等待超过 15 分钟。请一小时后再查看。",
        )
    if left.overdue:
        return Verdict(
            BEHIND,
            f"Behind at OMS: it has not worked on {_objects(left.objects)} that it accepted (over 15 minutes ago:"
            f" {left.overdue}). If the number stays, see which in the OMS console, and send them again with replay's"
            f" keys. Once each has been seen to: {_ACKNOWLEDGE}",
            f"OMS 处理滞后：已接收的对象中有 {left.objects} 个尚未处理，其中 {left.overdue} 个已等待超过 15 分钟。"
            "如果该数字不再减少，请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
            f"全部处理完毕后执行：{_ACKNOWLEDGE}",
        )
    return None


def _looked_at(coverage: Coverage, copying: Copying) -> Verdict:
    last = coverage.last
    if last is None:
        return Verdict(
            BEHIND,
            "Nothing waits, but no reconcile pass over everything has ended lately: whether events were lost is not"
            " known.",
            "没有待发对象，但近期没有完成的全量对账：尚不知道是否有事件丢失。",
        )
    sent, scanned = (last.counts.get(name, 0) for name in ("submitted", "scanned"))
    said = f"nothing waits, and the pass of {last.started} found {sent} of {_objects(scanned)} to send."
    said_zh = f"没有待发对象；{last.started} 开始的对账检查了 {scanned} 个对象，补发 {sent} 个。"
    if copying.unfinished and (left := copying.unfinished.objects):
        said += f" OMS has yet to work on {_objects(left)} that it accepted in the last minutes."
        said_zh += f"OMS 尚有 {left} 个最近几分钟内接收的对象未处理。"
    if copying.since:
        month = copying.since.strftime("%Y-%m")
        said += f" What OMS counted before {month} was not looked at."
        said_zh += f"OMS 在 {month} 之前的计数未检查。"
    if coverage.since.timestamp() > 0:  # OSS is younger than that
        since = timestamp(coverage.since)
        said = f" since {since}: {said} Older objects were not looked at."
        said_zh = f"自 {since} 起写入的对象已同步：{said_zh}更早的对象未检查。"
    else:
        said, said_zh = f": {said}", f"已同步：{said_zh}"
    under_way, under_way_zh = _under_way(coverage.open)
    return Verdict(IN_STEP, f"In step{said}{under_way}", f"{said_zh}{under_way_zh}")


def _under_way(passes: Sequence[Pass]) -> tuple[str, str]:
    """The newest of the open passes, in English and Chinese, and how many there are beside it."""
    if not passes:
        return "", ""
    one = max(passes, key=lambda one: one.started)
    name, name_zh = ("backfill", "补发存量") if one.scope.everything or one.scope.since else ("pass", "对账")
    scanned, others = one.counts.get("scanned", 0), len(passes) - 1
    more, more_zh = (f", and {others} more", f"，另有 {others} 轮未完成") if others else ("", "")
    return (
        f" A {name} is under way: begun {one.started}, {_objects(scanned)} so far{more}.",
        f"{name_zh}正在进行：{one.started} 开始，已检查 {scanned} 个对象{more_zh}。",
    )


def _objects(number: int, kind: str = "") -> str:
    return f"{number} {kind}object{'' if number == 1 else 's'}"


def _sums(months: Sequence[Month] | Failure, ended: Pass | None) -> list[dict[str, object]]:
    """Numbers that must add up, shown adding up; `meaning` where they do not."""
    sums = []
    if ended:
        count = {name: ended.counts.get(name, 0) for name in COUNTS}
        meaning = "two invocations went on with the same pass at once: its counts are not exact, its work is"
        sums += [
            _sum(
                "scanned = covered + failed before + submitted + pending",
                count["scanned"],
                [count["covered"], count["failed_before"], count["submitted"], count["pending"]],
                meaning,
            ),
            _sum(
                "submitted = accepted + failed",
                count["submitted"],
                [count["accepted"], count["failed"]],
                meaning,
            ),
        ]
    if not isinstance(months, Failure):
        month = months[-1]
        if month.requests is not None and month.done is not None:
            one = _sum(
                "objects that OMS accepted this month <= copied + failed + skipped",
                month.requests,
                month.done,
                "OMS has not worked on all of them yet: look again in some minutes",
            )
            sums.append(one | {"holds": month.requests <= sum(month.done)})
    return sums


def _sum(claim: str, left: int, right: Sequence[int], meaning: str) -> dict[str, object]:
    return {"claim": claim, "left": left, "right": list(right), "holds": left == sum(right), "meaning": meaning}


def _remedy(failure: Failure, right: str) -> tuple[str, str]:
    """In English and Chinese; to be forbidden to look is about another right than to be forbidden to submit."""
    if failure.reason is Reason.FORBIDDEN:
        return grant(right)
    return failure.reason.fix, failure.reason.fix_zh


def _failure_told(failure: Failure, right: str) -> dict[str, object]:
    english, chinese = _remedy(failure, right)
    return {
        "problem": failure.reason.name,
        "status": failure.status,
        "message": failure.message,
        "fix": {"en": english, "zh": chinese},
    }


def _task_told(task: Mapping[str, object]) -> dict[str, object]:
    names = ("status", "src_bucket", "src_region", "dst_bucket", "dst_region", "object_overwrite_mode")
    return {**{name: task.get(name) for name in names}, "month": month_counts(task)}


def _statistics_told(one: Statistics) -> dict[str, object]:
    return {"from": timestamp(one.start), "step": one.step, "series": one.series, "unread": one.unread}


def _pass_told(one: Pass) -> dict[str, object]:
    return {
        "prefix": one.scope.key_filter.prefix,
        "since": timestamp(one.scope.since) if one.scope.since else None,
        "all": one.scope.everything,
        "started": one.started,
        "ended": one.ended or None,
        "after": one.after,
        **one.counts,
    }


class _Story:
    """One key: the object as it is now, its records, and what comes next."""

    def __init__(
        self, key: str, settings: Settings, log_bucket: Bucket, source_bucket: Bucket, deadline: Deadline, clock: Clock
    ) -> None:
        self._key = key
        self._settings = settings
        self._log_bucket = log_bucket
        self._source_bucket = source_bucket
        self._deadline = deadline
        self._clock = clock
        self._state = JobState(settings, log_bucket, clock)
        installed = self._state.installed(deadline, note=False)
        usual = Scope(settings.key_filter, None, everything=False)
        self._classifier = Classifier(settings, usual, installed, clock.now())

    def tell(self) -> dict[str, object]:
        """Raises StorageError."""
        source = self._source()
        success, failed = self._record("success"), self._record("failed")
        body = jsontext.load(failed.body) if failed else None
        details = body if isinstance(body, dict) else {}
        accepted = bool(source and success and is_covered(source, listed_record(success, source.name)))
        story, following = self._conclusion(source, success, failed, details, accepted)
        log.info({"job": "status", "key": self._key, "story": story, "next": following})
        return {
            "key": self._key,
            "accepted": accepted,
            "object": source and {"etag": source.etag, "size": source.size, "modified": _time(source.modified)},
            "success": success and {"etag": success_etag(success), "modified": _time(modified_at(success))},
            "failed": failed and {**details, "modified": _time(modified_at(failed))},
            "story": story,
            "next": following,
        }

    def _source(self) -> ObjectSummary | None:
        """The object as a listing has it: that takes no further right."""
        if not self._settings.source_bucket:
            return None
        listed = self._source_bucket.list_page(self._key, "", self._deadline).objects[:1]
        return listed[0] if listed and listed[0].name == self._key else None

    def _record(self, state: str) -> StoredObject | None:
        name = record_name(self._settings.task.task_id, state, self._key)
        (found,) = self._log_bucket.get_all([name], self._deadline)
        return found

    def _conclusion(
        self,
        source: ObjectSummary | None,
        success: StoredObject | None,
        failed: StoredObject | None,
        details: Mapping[str, object],
        accepted: bool,
    ) -> tuple[str, str]:
        # A key may hold anything: what is pasted into a shell is quoted for it, and plain ASCII.
        again = f"To send it now: s replay invoke -e {shlex.quote(json.dumps({'keys': [self._key]}))}"
        if not self._settings.source_bucket:
            return (
                "The current state of the object is unknown because SOURCE_BUCKET is empty.",
                f"Set SOURCE_BUCKET. {again}",
            )
        if not self._settings.key_filter.matches(self._key):
            return "It is outside OBJECT_PREFIX and OBJECT_SUFFIX, or a record: it is never sent.", "Nothing."
        in_run_file = self._is_in_run_file()
        if in_run_file:
            return "It failed, and replay has it in hand.", "Nothing: replay sends it in its next run."
        if source is None:
            return _gone(success, failed, sure=in_run_file is not None)
        if accepted:
            return "OMS accepted this version.", f"If it is not in OBS, see the OMS console. {again}"
        if failed and modified_at(failed) >= source.modified:
            reason = Reason.__members__.get(str(details.get("reason")))
            fix = reason.fix if reason else "The record says no more."
            return (
                f"It failed: {details.get('reason', 'UNKNOWN')}. {details.get('message', '')}".rstrip(),
                f"{fix} {again}",
            )
        if in_run_file is None:
            return f"This version has no record. {_UNREAD}", f"See replay's log. {again}"
        verdict = self._classifier.classify(self._key, {"source": source})
        if not verdict:
            return (
                "It is a symbolic link, or older than the installation: no event told of it, and timer's passes are"
                " not about it.",
                f"Let an OMS migration task copy it, or reconcile with since. {again}",
            )
        if verdict == "pending":
            return "It was written just now: its event may be on its way.", "Look again in 15 minutes."
        if success:
            return "OMS accepted an older version.", f"Reconcile sends it in its next pass. {again}"
        return "It has no record: its event was lost.", f"Reconcile sends it in its next pass. {again}"

    def _is_in_run_file(self) -> bool | None:
        """None where that is not known: a run file that could not be read may have it."""
        found: bool | None = False
        for run in RunFiles(self._settings, self._log_bucket, self._clock).leftovers(self._deadline):
            if run is None:
                found = None
            elif any(key.key == self._key for key in run.keys):
                return True
        return found


_UNREAD = "Whether replay has it in hand is not known: not all of replay's run files could be read."


def _gone(success: StoredObject | None, failed: StoredObject | None, *, sure: bool) -> tuple[str, str]:
    """What is to be said of a key without an object; `sure` that it is in no run file."""
    if success:
        return "It was accepted by OMS, and is not in the source bucket any more.", "OMS does not delete in OBS."
    if failed:
        return "It failed, and is not in the source bucket any more.", "Replay sends it; OMS cannot copy it."
    if not sure:
        return f"There is no such object. {_UNREAD}", "See replay's log."
    return "There is no such object, and no record of one.", "Check the key: it is written as it is, unencoded."


def _time(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, timezone.utc))
