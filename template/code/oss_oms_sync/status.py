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

from . import jsontext
from .bucket import Bucket, Listed, Object
from .errors import PayloadError
from .oms import LASTING, STATISTICS, OmsClient
from .payloads import options
from .reasons import Failure, Reason, grant
from .reconcile import COUNTS
from .records import FailedKey, failed_key, folder, modified_of, record_name, success_etag, timestamp
from .retry import Clock, Deadline
from .settings import Settings
from .state import Pass, State
from .walk import Judge, Scope, is_covered, listed_record

OPTIONS: dict[str, type] = {"key": str, "hours": int}

IN_STEP, BEHIND, BROKEN = "in step", "behind", "broken"

_USUAL_HOURS, _MOST_HOURS = 24, 24 * 31
# Counting is bounded: beyond these it says "at least".
_RECORDS_COUNTED = 10_000
_RECORDS_READ = 200
_RUN_FILES_READ = 50
_SHOWN_KEYS = 20

_MONTH = {
    "requests": "monthly_acceptance_request",
    "copied": "monthly_success_object",
    "failed": "monthly_failure_object",
    "skipped": "monthly_skip_object",
    "bytes": "monthly_size",
}
_DONE = ("copied", "failed", "skipped")

log = logging.getLogger("oss_oms_sync")


def status(
    payload: bytes | str,
    settings: Settings,
    oms: OmsClient,
    log_bucket: Bucket,
    source_bucket: Bucket,
    deadline: Deadline,
    clock: Clock,
) -> dict[str, object]:
    """How the synchronization stands, or with {"key": ...} one key's whole story; {"hours": n} is how far back OMS's
    statistics go (24).

    Returns {"verdict", "at", "task", "oms", "statistics", "backlog", "replay", "reconcile", "sums", "fixes"}, or
    {"key", "accepted", "object", "success", "failed", "story", "next"}. What OMS does not say is a {"problem", "fix"}.
    Raises PayloadError, and StorageError where the log bucket cannot be read.
    """
    asked = options(payload, OPTIONS)
    if "key" in asked:
        if len(asked) > 1:
            raise PayloadError("The payload asks for a key and for something else: a key's story takes nothing more")
        return _Story(str(asked["key"]), settings, log_bucket, source_bucket, deadline, clock).tell()
    hours = asked.get("hours", _USUAL_HOURS)
    if not isinstance(hours, int) or not 1 <= hours <= _MOST_HOURS:
        raise PayloadError(f"The payload's hours is {hours!r}. Give 1 to {_MOST_HOURS}")
    return _Look(settings, oms, log_bucket, deadline, clock).told(timedelta(hours=hours))


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
        self._now = clock.now()
        self._task_id = settings.task.task_id
        self._state = State(settings, log_bucket, clock)

    def told(self, window: timedelta) -> dict[str, object]:
        """Everything, the verdict first."""
        task = self._oms.task(self._deadline)
        statistics = task if isinstance(task, Failure) else self._statistics(window)
        backlog = self._backlog()
        passes = self._state.passes(self._deadline)
        ended = max(filter(self._is_whole, passes), key=lambda one: one.started, default=None)
        late = ended is None or ended.is_late(self._settings, self._now)
        verdict = _verdict(task, statistics, backlog, None if late else ended)
        log.info({"job": "status", "verdict": verdict.state, "text": verdict.text, "failed": backlog.failed})
        shown = [name for name in backlog.by_reason if name in Reason.__members__]
        return {
            "verdict": asdict(verdict),
            "at": timestamp(self._now),
            "task": {"id": self._task_id, "source": self._settings.source_bucket, "log": self._settings.log_bucket},
            "oms": _failure_told(task, "get") if isinstance(task, Failure) else _task_told(task),
            "statistics": _failure_told(statistics, "statistics") if isinstance(statistics, Failure) else statistics,
            "backlog": asdict(backlog),
            "replay": self._state.load("replay", self._deadline).get("last"),
            "reconcile": {
                "last": _pass_told(ended) if ended else None,
                "open": [_pass_told(one) for one in passes if not one.ended],
            },
            "sums": _sums(task, ended),
            "fixes": {name: {"en": Reason[name].fix, "zh": Reason[name].fix_zh} for name in shown},
        }

    def _is_whole(self, one: Pass) -> bool:
        """Whether a pass is ended and was about all that is to be sent."""
        return bool(one.ended) and one.scope.prefix == self._settings.object_prefix and one.scope.since is None

    def _statistics(self, window: timedelta) -> dict[str, object] | Failure:
        answer = self._oms.statistics(self._now - window, self._now, self._deadline)
        if isinstance(answer, Failure):
            return answer
        series: dict[str, list[list[int]]] = {name: [] for name in STATISTICS}
        match answer:
            case {"statistic_datas": list(datas)}:
                for data in datas:
                    match data:
                        case {"data_type": str(name), "data": list(points)} if name in series:
                            series[name] = [point for point in map(_point, points) if point]
        return {"from": timestamp(self._now - window), "step": answer.get("statistic_time_type"), "series": series}

    def _backlog(self) -> Backlog:
        backlog = Backlog()
        listed = self._failed(backlog)
        keys = self._read(listed[:_RECORDS_READ])
        mine = [key for key in keys if self._settings.covers(key.key)]
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
        for run in self._state.leftover_runs(self._deadline):
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

    def _failed(self, backlog: Backlog) -> list[Listed]:
        """The failed records of keys that this project forwards, and of all long keys; counts the others."""
        by_key, by_hash = (folder(self._task_id, "failed", long=long) for long in (False, True))
        mine = f"{by_key}{self._settings.object_prefix}"
        parts = (self._bucket.listed(part, self._deadline) for part in (mine, by_hash))
        seen = list(islice(chain.from_iterable(parts), _RECORDS_COUNTED + 1))
        backlog.at_least = len(seen) > _RECORDS_COUNTED
        failed = [
            one
            for one in seen[:_RECORDS_COUNTED]
            if one.name.startswith(by_hash) or self._settings.covers(one.name.removeprefix(by_key))
        ]
        # The others are of another project for the same task, or from before prefix and suffix were changed.
        backlog.outside = len(seen[:_RECORDS_COUNTED]) - len(failed)
        if self._settings.object_prefix:
            every = islice(self._bucket.listed(by_key, self._deadline), _RECORDS_COUNTED)
            backlog.outside += sum(not one.name.startswith(mine) for one in every)
        return failed

    def _read(self, listed: Sequence[Listed]) -> list[FailedKey]:
        found = self._bucket.get_all([one.name for one in listed], self._deadline)
        keys = [failed_key(self._task_id, one) for one in found if isinstance(one, Object)]
        return [key for key in keys if key]


def _verdict(
    task: Mapping[str, object] | Failure,
    statistics: Mapping[str, object] | Failure,
    backlog: Backlog,
    ended: Pass | None,
) -> Verdict:
    """What matters most, first; `ended` is the last whole pass, if it is not too old."""
    return _broken(task, backlog) or _waiting(backlog) or _behind_at_oms(task, statistics) or _reconciled(ended)


def _broken(task: Mapping[str, object] | Failure, backlog: Backlog) -> Verdict | None:
    lasting = {reason.name for reason in LASTING}
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
        more, more_zh = ("at least ", "至少 ") if backlog.at_least else ("", "")
        # First failures are known of the records that were read.
        before, before_zh = (" or before", "或更早") if backlog.read < backlog.failed else ("", "")
        return Verdict(
            BEHIND,
            f"Behind by {more}{backlog.waiting} since {backlog.oldest}{before}: replay sends them again.",
            f"落后{more_zh} {backlog.waiting} 个对象,最早始于 {backlog.oldest}{before_zh}:replay 会重新发送。",
        )
    if backlog.unreadable_run_files:
        return Verdict(
            BEHIND,
            "Behind: a run file of replay is unreadable, and its keys stand nowhere else. See replay's log, then run"
            " reconcile.",
            "落后:replay 的运行文件无法读取,其中的对象没有其他记录。请查看 replay 的日志,然后执行 reconcile。",
        )
    return None


def _behind_at_oms(task: Mapping[str, object] | Failure, statistics: Mapping[str, object] | Failure) -> Verdict | None:
    if isinstance(task, Failure):
        english, chinese = _remedy(task, "get")
        return Verdict(
            BEHIND,
            f"Nothing waits here, but OMS does not say what it copied, {task.reason.name}: {english}",
            f"本侧没有待发对象,但无法获知 OMS 的复制结果,{task.reason.name}:{chinese}",
        )
    month = _month(task)
    requests, done, failed = month["requests"], _done(month), month["failed"]
    lately = _sum_of(statistics, "FAILURE")
    if failed is None or requests is None or done is None:
        return Verdict(
            BEHIND,
            "Nothing waits here, but OMS's answer lacks some of its counters: see the task in the OMS console.",
            "本侧没有待发对象,但 OMS 的应答缺少计数:请在 OMS 控制台查看该任务。",
        )
    if failed or lately:
        return Verdict(
            BEHIND,
            f"Behind: OMS failed to copy {max(failed, lately)} objects lately. See which in the OMS console, and send"
            " them again with replay's keys; the counter stays until the month ends.",
            f"落后:OMS 近期有 {max(failed, lately)} 个对象复制失败。请在 OMS 控制台查看,并用 replay 的 keys 重新发送;"
            "该计数保留至月底。",
        )
    if requests > sum(done):
        return Verdict(
            BEHIND,
            f"Behind at OMS: it took {requests} requests this month and has worked on {sum(done)} objects.",
            f"OMS 侧落后:本月接受了 {requests} 个请求,已处理 {sum(done)} 个对象。",
        )
    return None


def _reconciled(ended: Pass | None) -> Verdict:
    if ended is None:
        return Verdict(
            BEHIND,
            "Nothing waits, but no reconcile pass over everything has ended lately: whether events were lost is not"
            " known.",
            "没有待发对象,但近期没有完成的全量对账:尚不知道是否有事件丢失。",
        )
    sent, scanned = (ended.counts.get(name, 0) for name in ("submitted", "scanned"))
    return Verdict(
        IN_STEP,
        f"In step: nothing waits, and the pass of {ended.started} found {sent} of {scanned} objects to send.",
        f"已同步:没有待发对象;{ended.started} 开始的对账检查了 {scanned} 个对象,补发 {sent} 个。",
    )


def _sums(task: Mapping[str, object] | Failure, ended: Pass | None) -> list[dict[str, object]]:
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
    if isinstance(task, Mapping):
        month = _month(task)
        requests, done = month["requests"], _done(month)
        if requests is not None and done is not None:
            one = _sum(
                "OMS's requests this month <= copied + failed + skipped objects",
                requests,
                done,
                "OMS took keys that it has not worked on yet: look again in some minutes",
            )
            sums.append(one | {"holds": requests <= sum(done)})
    return sums


def _sum(claim: str, left: int, right: Sequence[int], meaning: str) -> dict[str, object]:
    return {"claim": claim, "left": left, "right": list(right), "holds": left == sum(right), "meaning": meaning}


def _point(point: object) -> list[int] | None:
    match point:
        case {"time_stamp": int(time), "statistic_num": int(number)}:
            return [time, number]
    return None


def _sum_of(statistics: Mapping[str, object] | Failure, name: str) -> int:
    match statistics:
        case {"series": {**series}} if isinstance(points := series.get(name), list):
            return sum(number for _, number in points)
    return 0


def _month(task: Mapping[str, object]) -> dict[str, int | None]:
    """OMS's counters of this month; None for one that is missing or no number, which is not the same as none."""
    values = {name: task.get(field) for name, field in _MONTH.items()}
    return {name: int(value) if str(value).isdecimal() else None for name, value in values.items()}  # type: ignore[call-overload]


def _done(month: Mapping[str, int | None]) -> list[int] | None:
    """What OMS has worked on: copied, failed, skipped; None where it does not say one of them."""
    told = [number for name in _DONE if (number := month[name]) is not None]
    return told if len(told) == len(_DONE) else None


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
    return {**{name: task.get(name) for name in names}, "month": _month(task)}


def _pass_told(one: Pass) -> dict[str, object]:
    return {
        "prefix": one.scope.prefix,
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
        self._state = State(settings, log_bucket, clock)
        installed = self._state.installed(deadline, note=False)
        usual = Scope(settings.object_prefix, settings.object_suffix, None, everything=False)
        self._judge = Judge(settings, usual, installed, clock.now())

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
            "success": success and {"etag": success_etag(success), "modified": _time(modified_of(success))},
            "failed": failed and {**details, "modified": _time(modified_of(failed))},
            "story": story,
            "next": following,
        }

    def _source(self) -> Listed | None:
        """The object as a listing has it: that takes no further right."""
        if not self._settings.source_bucket:
            return None
        listed = self._source_bucket.page(self._key, "", self._deadline).objects[:1]
        return listed[0] if listed and listed[0].name == self._key else None

    def _record(self, state: str) -> Object | None:
        name = record_name(self._settings.task.task_id, state, self._key)
        (found,) = self._log_bucket.find_all([name], self._deadline)
        return found

    def _conclusion(
        self,
        source: Listed | None,
        success: Object | None,
        failed: Object | None,
        details: Mapping[str, object],
        accepted: bool,
    ) -> tuple[str, str]:
        # A key may hold anything: what is pasted into a shell is quoted for it, and plain ASCII.
        again = f"To send it now: s replay invoke -e {shlex.quote(json.dumps({'keys': [self._key]}))}"
        if not self._settings.source_bucket:
            return "What it is now is not known, for SOURCE_BUCKET is empty.", f"Set SOURCE_BUCKET. {again}"
        if not self._settings.covers(self._key):
            return "It is outside OBJECT_PREFIX and OBJECT_SUFFIX, or a record: it is never sent.", "Nothing."
        if self._is_in_run_file():
            return "It failed, and replay has it in hand.", "Nothing: replay sends it in its next run."
        if source is None:
            if success:
                return (
                    "It was accepted by OMS, and is not in the source bucket any more.",
                    "OMS does not delete in OBS.",
                )
            if failed:
                return "It failed, and is not in the source bucket any more.", "Replay sends it; OMS cannot copy it."
            return "There is no such object, and no record of one.", "Check the key: it is written as it is, unencoded."
        if accepted:
            return "OMS accepted this version.", f"If it is not in OBS, see the OMS console. {again}"
        if failed and modified_of(failed) >= source.modified:
            reason = Reason.__members__.get(str(details.get("reason")))
            fix = reason.fix if reason else "The record says no more."
            return (
                f"It failed: {details.get('reason', 'UNKNOWN')}. {details.get('message', '')}".rstrip(),
                f"{fix} {again}",
            )
        verdict = self._judge.says(self._key, {"source": source})
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

    def _is_in_run_file(self) -> bool:
        runs = self._state.leftover_runs(self._deadline)
        return any(key.key == self._key for run in runs if run for key in run.keys)


def _time(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, timezone.utc))
