"""How far is it, what is stuck, and why? Joins what OMS knows of the task with what stands in the log bucket."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from itertools import chain

from . import jsontext
from .bucket import Bucket, Listed, Object
from .errors import PayloadError, StorageError
from .oms import CONCERNS_ALL, STATISTICS, OmsClient
from .payloads import options
from .reasons import Failure, Reason
from .reconcile import COUNTS
from .records import FailedKey, failed_key, modified_of, record_name, success_etag, timestamp
from .retry import Clock, Deadline
from .settings import Settings
from .state import Pass, State
from .walk import SETTLED, is_covered, listed_record

OPTIONS: dict[str, type] = {"key": str, "hours": int}

IN_STEP, BEHIND, BROKEN = "in step", "behind", "broken"

_USUAL_HOURS = 24
# Counting is bounded: beyond these it says "at least".
_RECORDS_COUNTED = 10_000
_RECORDS_READ = 200
_SHOWN_KEYS = 20
# A pass takes its time, so the next one may be that much later than its period.
_LATE = timedelta(days=1)

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
    {"key", "object", "success", "failed", "story", "next"}. What OMS does not say is a {"problem", "fix"}. Raises
    PayloadError, and StorageError where the log bucket cannot be read.
    """
    asked = options(payload, OPTIONS)
    if "key" in asked:
        if len(asked) > 1:
            raise PayloadError("The payload asks for a key and for something else: a key's story takes nothing more")
        return _Story(str(asked["key"]), settings, log_bucket, source_bucket, deadline, clock).tell()
    hours = asked.get("hours", _USUAL_HOURS)
    look = _Look(settings, oms, log_bucket, deadline, clock)
    return look.told(timedelta(hours=hours if isinstance(hours, int) else _USUAL_HOURS))


@dataclass
class Backlog:
    """What waits to be sent. `by_reason` and `keys` are of the `read` records; `at_least`: there are more than
    `failed`."""

    failed: int = 0
    at_least: bool = False
    oldest: str | None = None
    read: int = 0
    by_reason: dict[str, int] = field(default_factory=dict)
    keys: list[dict[str, str]] = field(default_factory=list)
    run_files: int = 0
    in_run_files: int = 0

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
        self._state = State(self._task_id, log_bucket, clock)

    def told(self, window: timedelta) -> dict[str, object]:
        """Everything, the verdict first."""
        task = self._oms.task(self._deadline)
        statistics = task if isinstance(task, Failure) else self._statistics(window)
        backlog, passes = self._backlog(), self._state.passes(self._deadline)
        ended = max((one for one in passes if one.ended), key=lambda one: one.ended, default=None)
        verdict = _verdict(task, backlog, ended, self._settings.reconcile_period, self._now)
        log.info({"job": "status", "verdict": verdict.state, "text": verdict.text, "failed": backlog.failed})
        shown = [name for name in backlog.by_reason if name in Reason.__members__]
        return {
            "verdict": asdict(verdict),
            "at": timestamp(self._now),
            "task": {"id": self._task_id, "source": self._settings.source_bucket, "log": self._settings.log_bucket},
            "oms": _failure_told(task) if isinstance(task, Failure) else _task_told(task),
            "statistics": _failure_told(statistics) if isinstance(statistics, Failure) else statistics,
            "backlog": asdict(backlog),
            "replay": self._state.load("replay", self._deadline).get("last"),
            "reconcile": {
                "last": _pass_told(ended) if ended else None,
                "open": [_pass_told(one) for one in passes if not one.ended],
            },
            "sums": _sums(task, ended),
            "fixes": {name: {"en": Reason[name].fix, "zh": Reason[name].fix_zh} for name in shown},
        }

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
                            series[name] = [[point["time_stamp"], point["statistic_num"]] for point in points]
        return {"from": timestamp(self._now - window), "step": answer.get("statistic_time_type"), "series": series}

    def _backlog(self) -> Backlog:
        backlog = Backlog()
        listed: list[Listed] = []
        for one in chain(*(self._state.listed(f"failed_object{end}/", self._deadline) for end in ("", "_long"))):
            if len(listed) == _RECORDS_COUNTED:
                backlog.at_least = True
                break
            listed.append(one)
        backlog.failed = len(listed)
        keys = self._read(listed[:_RECORDS_READ])
        backlog.read = len(keys)
        backlog.by_reason = dict(Counter(key.reason or "UNKNOWN" for key in keys))
        backlog.keys = [
            {"key": key.key, "reason": key.reason or "UNKNOWN", "since": key.first_failure}
            for key in keys[:_SHOWN_KEYS]
        ]
        times = [timestamp(datetime.fromtimestamp(one.modified, timezone.utc)) for one in listed]
        for run in self._state.leftover_runs(self._deadline):
            backlog.run_files += 1
            for key in run.keys if run else ():
                backlog.in_run_files += 1
                times.append(key.first_failure)
        backlog.oldest = min(filter(None, [*times, *(key.first_failure for key in keys)]), default=None)
        return backlog

    def _read(self, listed: Sequence[Listed]) -> list[FailedKey]:
        found = self._bucket.get_all([one.name for one in listed], self._deadline)
        keys = [failed_key(self._task_id, one) for one in found if isinstance(one, Object)]
        return [key for key in keys if key]


def _verdict(
    task: Mapping[str, object] | Failure, backlog: Backlog, ended: Pass | None, period: timedelta | None, now: datetime
) -> Verdict:
    broken = [name for name in backlog.by_reason if name in Reason.__members__ and Reason[name] in CONCERNS_ALL]
    reason = task.reason if isinstance(task, Failure) and task.reason in CONCERNS_ALL else None
    reason = reason or (Reason[broken[0]] if broken else None)
    if reason and reason is not Reason.DEADLINE:
        return Verdict(BROKEN, f"Broken, {reason.name}: {reason.fix}", f"已中断,{reason.name}:{reason.fix_zh}")
    if isinstance(task, Mapping) and task.get("status") != "SYNCHRONIZING":
        return Verdict(
            BROKEN,
            f"Broken: the sync task is {task.get('status')}. Start it in the OMS console.",
            f"已中断:同步任务状态为 {task.get('status')},请在 OMS 控制台启动。",
        )
    if backlog.waiting:
        more, more_zh = ("at least ", "至少 ") if backlog.at_least else ("", "")
        return Verdict(
            BEHIND,
            f"Behind by {more}{backlog.waiting} since {backlog.oldest}: replay sends them again.",
            f"落后{more_zh} {backlog.waiting} 个对象,最早始于 {backlog.oldest}:replay 会重新发送。",
        )
    if isinstance(task, Failure):
        return Verdict(
            BEHIND,
            f"Nothing waits here, but OMS does not say what it copied, {task.reason.name}: {task.reason.fix}",
            f"本侧没有待发对象,但无法获知 OMS 的复制结果,{task.reason.name}:{task.reason.fix_zh}",
        )
    failed = _number(task, "monthly_failure_object")
    if failed:
        return Verdict(
            BEHIND,
            f"Behind: OMS failed to copy {failed} objects this month. See which in the OMS console, and send them again"
            " with replay's keys.",
            f"落后:OMS 本月有 {failed} 个对象复制失败。请在 OMS 控制台查看,并用 replay 的 keys 重新发送。",
        )
    late = period is not None and ended is not None and ended.started < timestamp(now - period - _LATE)
    if ended is None or late:
        return Verdict(
            BEHIND,
            "Nothing waits, but no reconcile pass has ended lately: whether events were lost is not known.",
            "没有待发对象,但近期没有完成的对账:尚不知道是否有事件丢失。",
        )
    return Verdict(
        IN_STEP,
        f"In step: nothing waits, and the pass of {ended.started} found {ended.counts.get('submitted', 0)} of"
        f" {ended.counts.get('scanned', 0)} objects to send.",
        f"已同步:没有待发对象;{ended.started} 开始的对账检查了 {ended.counts.get('scanned', 0)} 个对象,"
        f"补发 {ended.counts.get('submitted', 0)} 个。",
    )


def _sums(task: Mapping[str, object] | Failure, ended: Pass | None) -> list[dict[str, object]]:
    """Numbers that must add up, shown adding up; `meaning` where they do not."""
    sums = []
    if ended:
        count = {name: ended.counts.get(name, 0) for name in COUNTS}
        sums += [
            _sum(
                "scanned = covered + failed before + submitted + pending",
                count["scanned"],
                [count["covered"], count["failed_before"], count["submitted"], count["pending"]],
                "two invocations went on with the same pass at once: its counts are not exact, its work is",
            ),
            _sum(
                "submitted = accepted + failed",
                count["submitted"],
                [count["accepted"], count["failed"]],
                "two invocations went on with the same pass at once: its counts are not exact, its work is",
            ),
        ]
    if isinstance(task, Mapping):
        done = [_number(task, f"monthly_{what}_object") for what in ("success", "failure", "skip")]
        requests = _number(task, "monthly_acceptance_request")
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


def _number(task: Mapping[str, object], name: str) -> int:
    value = task.get(name)
    return value if isinstance(value, int) else 0


def _failure_told(failure: Failure) -> dict[str, object]:
    return {
        "problem": failure.reason.name,
        "status": failure.status,
        "message": failure.message,
        "fix": {"en": failure.reason.fix, "zh": failure.reason.fix_zh},
    }


def _task_told(task: Mapping[str, object]) -> dict[str, object]:
    names = ("status", "src_bucket", "src_region", "dst_bucket", "dst_region", "object_overwrite_mode")
    month = {
        "requests": "monthly_acceptance_request",
        "copied": "monthly_success_object",
        "failed": "monthly_failure_object",
        "skipped": "monthly_skip_object",
        "bytes": "monthly_size",
    }
    return {
        **{name: task.get(name) for name in names},
        "month": {name: _number(task, field) for name, field in month.items()},
    }


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
        self._state = State(settings.task.task_id, log_bucket, clock)
        self._now = clock.now()

    def tell(self) -> dict[str, object]:
        """Raises StorageError."""
        source = self._source()
        success, failed = self._record("success"), self._record("failed")
        body = jsontext.load(failed.body) if failed else None
        details = body if isinstance(body, dict) else {}
        story, following = self._conclusion(source, success, failed, details)
        log.info({"job": "status", "key": self._key, "story": story, "next": following})
        return {
            "key": self._key,
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
        (found,) = self._log_bucket.get_all([name], self._deadline)
        if isinstance(found, Object):
            return found
        if found.code == "NoSuchKey":
            return None
        raise StorageError(found.problem, found.code)

    def _conclusion(
        self, source: Listed | None, success: Object | None, failed: Object | None, details: Mapping[str, object]
    ) -> tuple[str, str]:
        again = "To send it now: s replay invoke -e '" + jsontext.dump({"keys": [self._key]}).decode() + "'"
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
        if success and is_covered(source, listed_record(success, source.name)):
            return "OMS accepted this version.", f"If it is not in OBS, see the OMS console. {again}"
        if failed and modified_of(failed) >= source.modified:
            reason = Reason.__members__.get(str(details.get("reason")))
            fix = reason.fix if reason else "The record says no more."
            return (
                f"It failed: {details.get('reason', 'UNKNOWN')}. {details.get('message', '')}".rstrip(),
                f"{fix} {again}",
            )
        if source.modified > (self._now - SETTLED).timestamp():
            return "It was written just now: its event may be on its way.", "Look again in 15 minutes."
        if success:
            return "OMS accepted an older version.", f"Reconcile sends it in its next pass. {again}"
        return "It has no record: its event was lost.", f"Reconcile sends it in its next pass. {again}"

    def _is_in_run_file(self) -> bool:
        runs = self._state.leftover_runs(self._deadline)
        return any(key.key == self._key for run in runs if run for key in run.keys)


def _time(seconds: int) -> str:
    return timestamp(datetime.fromtimestamp(seconds, timezone.utc))
