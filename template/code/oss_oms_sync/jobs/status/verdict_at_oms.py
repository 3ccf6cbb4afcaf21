"""The verdict on OMS's part: what it failed to copy, what it still has to copy, and what is in OBS. Each rule says what
it found, or None."""

from __future__ import annotations

from functools import partial

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.status_answer import Verdict, VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, objects_en
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.jobs.status.facts import Facts
from oss_oms_sync.jobs.status.looked_at import InObs
from oss_oms_sync.reasons import Failure

ACKNOWLEDGE = "python3 ops.py status --acknowledge"
behind = partial(Verdict, VerdictState.BEHIND)
_RESEND = Step("replay", {"key": "KEY"})
_COUNTERS_MISSING = Text(
    "Nothing waits here, but OMS's answer lacks some of its counters: see the task in the OMS console.",
    "本侧没有待发对象，但 OMS 的应答缺少计数：请在 OMS 控制台查看该任务。",
)


def stuck_at_oms(facts: Facts) -> Verdict | None:
    """What OMS fails to copy however often it is sent again."""
    failures = facts.failures
    if failures is None or not failures.stuck:
        return None
    codes = ", ".join(code or "?" for code in failures.stuck_codes)
    fix = copy_code(next(iter(failures.stuck_codes))).fix
    return behind(
        Text(
            f"Behind: OMS fails again and again to copy {objects_en(failures.stuck)}, {codes}: {fix.en} Replay goes on"
            " sending them, at last once a day; once the cause is gone, its keys send them at once.",
            f"有 {failures.stuck} 个对象 OMS 反复复制失败（{codes}）：{fix.zh}"
            "replay 会继续重发（间隔最长一天）；原因排除后，可用 replay 的 keys 立即重发。",
        ),
        _RESEND,
    )


def failed_to_copy(facts: Facts) -> Verdict | None:
    """What OMS reports as failures, and nobody knows what became of it."""
    copying, failures = facts.copying, facts.failures
    if isinstance(copying.months, Failure):
        fix = copying.months.remedy("get")
        english, chinese = fix.en, fix.zh
        if not isinstance(copying.task, Failure):
            english += f" It is about an earlier month: to count only from now on, {ACKNOWLEDGE}"
            chinese += f"涉及的是以前的月份：如只需从现在起统计，请执行 {ACKNOWLEDGE}"
        reason = copying.months.reason.name
        return behind(
            Text(
                f"Nothing waits here, but OMS does not say what it copied, {reason}: {english}",
                f"本侧没有待发对象，但无法获知 OMS 的复制结果，{reason}：{chinese}",
            ),
            Step("doctor"),
        )
    if failures is None:
        return behind(_COUNTERS_MISSING, Step("replay"))
    if not failures.unknown:
        return None
    return behind(
        Text(
            f"Behind: OMS failed to copy {objects_en(failures.unknown)}. Replay has not seen which in OMS's lists: look"
            " again in some minutes. If the number stays, see which in the OMS console, and send them again with"
            " replay's keys. It ends when a comparison proves that all is in OBS (python3 ops.py compare --deep), or"
            f" once each has been seen to: {ACKNOWLEDGE}",
            f"OMS 有 {failures.unknown} 个对象复制失败，replay 尚未在 OMS 的清单中看到它们：请几分钟后再查看。"
            "如果该数字不变，请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
            "比对证明全部对象均已在 OBS 中（python3 ops.py compare --deep）后，此状态自动解除；"
            f"也可在全部处理完毕后执行：{ACKNOWLEDGE}",
        ),
        Step("replay"),
    )


def yet_to_copy(facts: Facts) -> Verdict | None:
    """What OMS has had to work on for too long, or nobody knows for how long."""
    unfinished, last_day = facts.copying.unfinished, facts.copying.last_day
    if isinstance(last_day, Failure):
        reason, fix = last_day.reason.name, last_day.remedy("statistics")
        return behind(
            Text(
                "Nothing waits here, but OMS does not say how long it has had what it still has to copy,"
                f" {reason}: {fix.en}",
                f"本侧没有待发对象，但无法获知 OMS 未处理的对象已等待多久，{reason}：{fix.zh}",
            ),
            Step("doctor"),
        )
    if unfinished is None:
        return behind(_COUNTERS_MISSING, Step("status"))
    if unfinished.overdue is None:
        return behind(
            Text(
                f"Nothing waits here, but OMS has not worked on {objects_en(unfinished.objects)} that it accepted, and"
                " counts by the hour: whether one of them is overdue (15 minutes) is not known. Look again in an hour.",
                f"本侧没有待发对象，但 OMS 已接收的对象中有 {unfinished.objects} 个尚未处理，且只提供按小时的统计："
                "无法判断是否有对象等待超过 15 分钟。请一小时后再查看。",
            ),
            Step("status"),
        )
    if not unfinished.overdue:
        return None
    return behind(
        Text(
            f"Behind at OMS: it has not worked on {objects_en(unfinished.objects)} that it accepted (over 15 minutes"
            f" ago: {unfinished.overdue}). If the number stays, see which in the OMS console, and send them again with"
            f" replay's keys. Once each has been seen to: {ACKNOWLEDGE}",
            f"OMS 处理滞后：已接收的对象中有 {unfinished.objects} 个尚未处理，其中 {unfinished.overdue} 个已等待超过"
            " 15 分钟。如果该数字不再减少，请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
            f"全部处理完毕后执行：{ACKNOWLEDGE}",
        ),
        Step("status"),
    )


def lacking_in_obs(facts: Facts) -> Verdict | None:
    """What the last comparison did not find in OBS."""
    in_obs = facts.in_obs
    if not in_obs.lacking:
        return None
    return behind(
        Text(
            f"Behind: the comparison of {in_obs.began} found {objects_en(in_obs.lacking)} missing in OBS, or there in"
            f" another version, of {in_obs.total:,}. It has sent again what it may send. To judge them once more:"
            " python3 ops.py compare --again",
            f"{in_obs.began} 开始的比对发现，{in_obs.total} 个对象中有 {in_obs.lacking} 个在 OBS 中缺失或版本不同。"
            "可补发的已经补发；如需重新判定，请执行 python3 ops.py compare --again",
        ),
        Step("compare", {"again": True}),
    )


def differing_in_obs(facts: Facts) -> Verdict | None:
    """What is known to differ in OBS, and is not lacking there."""
    in_obs = facts.in_obs
    if not (in_obs.last and in_obs.count(ObjectClass.SUSPICIOUS)):
        return None
    remedy = in_obs.last.remedies[ObjectClass.SUSPICIOUS]
    return behind(
        Text(
            f"Behind: by the comparison of {in_obs.began}, of {objects_en(in_obs.total)}: {remedy.en}",
            f"{in_obs.began} 开始的比对检查了 {in_obs.total} 个对象：{remedy.zh}",
        ),
        Step("compare", {"deep": True}),
    )


def seen_in_obs(in_obs: InObs) -> Text:
    """What the last comparison has seen, for the verdict that all is in step."""
    if not in_obs.last:
        return Text(
            " That is what OMS accepted: nothing has looked at OBS yet (python3 ops.py compare).",
            "以上仅表示 OMS 已接受：尚未与 OBS 比对（python3 ops.py compare）。",
        )
    watermark, unproven = in_obs.last.watermark, in_obs.equal - in_obs.proven
    others = ", ".join(f"{number:,} {name}" for name, number in in_obs.others.items())
    rest, rest_zh = (f" Not among them: {others}.", f"其余：{others}。") if others else ("", "")
    return Text(
        f" All that was written before {watermark} was in OBS at {in_obs.began}: {objects_en(in_obs.equal)} of"
        f" {in_obs.total:,}, of which {in_obs.proven} are proven to be equal, and {unproven} are not.{rest}",
        f"{watermark} 之前写入的对象，在 {in_obs.began} 时均已在 OBS 中：{in_obs.total} 个中的 {in_obs.equal} 个，"
        f"其中 {in_obs.proven} 个已证明内容一致，{unproven} 个未经证明。{rest_zh}",
    )
