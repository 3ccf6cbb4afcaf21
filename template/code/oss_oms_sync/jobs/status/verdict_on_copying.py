"""The verdict on OMS's part: what it failed to copy, what it still has to copy, and what it does not say."""

from __future__ import annotations

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.jobs.status.copy_failures import CopyFailures
from oss_oms_sync.jobs.status.copying import Copying
from oss_oms_sync.jobs.status.in_obs import InObs
from oss_oms_sync.reasons import Failure
from oss_oms_sync.text import Text, objects_en

ACKNOWLEDGE = "python ops.py status --acknowledge"
_COUNTERS_MISSING = Text(
    "Nothing waits here, but OMS's answer lacks some of its counters: see the task in the OMS console.",
    "本侧没有待发对象，但 OMS 的应答缺少计数：请在 OMS 控制台查看该任务。",
)


def stuck_at_oms(failures: CopyFailures | None) -> Text | None:
    """None if whatever OMS failed to copy may be copied when it is sent again."""
    if failures is None or not failures.stuck:
        return None
    codes = ", ".join(code or "?" for code in failures.stuck_codes)
    fix = copy_code(next(iter(failures.stuck_codes))).fix
    return Text(
        f"Behind: OMS fails again and again to copy {objects_en(failures.stuck)}, {codes}: {fix.en} Replay goes on"
        " sending them, at last once a day; once the cause is gone, its keys send them at once.",
        f"有 {failures.stuck} 个对象 OMS 反复复制失败（{codes}）：{fix.zh}"
        "replay 会继续重发（间隔最长一天）；原因排除后，可用 replay 的 keys 立即重发。",
    )


def failed_to_copy(copying: Copying, failures: CopyFailures | None) -> Text | None:
    """None if it is known what became of all that OMS reports as failures."""
    if isinstance(copying.months, Failure):
        english, chinese = copying.months.remedy("get")
        if not isinstance(copying.task, Failure):
            english += f" It is about an earlier month: to count only from now on, {ACKNOWLEDGE}"
            chinese += f"涉及的是以前的月份：如只需从现在起统计，请执行 {ACKNOWLEDGE}"
        reason = copying.months.reason.name
        return Text(
            f"Nothing waits here, but OMS does not say what it copied, {reason}: {english}",
            f"本侧没有待发对象，但无法获知 OMS 的复制结果，{reason}：{chinese}",
        )
    if failures is None:
        return _COUNTERS_MISSING
    if not failures.unknown:
        return None
    return Text(
        f"Behind: OMS failed to copy {objects_en(failures.unknown)}. Replay has not seen which in OMS's lists: look"
        " again in some minutes. If the number stays, see which in the OMS console, and send them again with replay's"
        " keys. It ends when a comparison proves that all is in OBS (python ops.py compare --deep), or once each has"
        f" been seen to: {ACKNOWLEDGE}",
        f"OMS 有 {failures.unknown} 个对象复制失败，replay 尚未在 OMS 的清单中看到它们：请几分钟后再查看。"
        "如果该数字不变，请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
        "比对证明全部对象均已在 OBS 中（python ops.py compare --deep）后，此状态自动解除；"
        f"也可在全部处理完毕后执行：{ACKNOWLEDGE}",
    )


def yet_to_copy(copying: Copying) -> Text | None:
    """None if what OMS still has to work on is merely on its way."""
    unfinished = copying.unfinished
    if isinstance(copying.last_day, Failure):
        reason, (english, chinese) = copying.last_day.reason.name, copying.last_day.remedy("statistics")
        return Text(
            "Nothing waits here, but OMS does not say how long it has had what it still has to copy,"
            f" {reason}: {english}",
            f"本侧没有待发对象，但无法获知 OMS 未处理的对象已等待多久，{reason}：{chinese}",
        )
    if unfinished is None:
        return _COUNTERS_MISSING
    if unfinished.overdue is None:
        return Text(
            f"Nothing waits here, but OMS has not worked on {objects_en(unfinished.objects)} that it accepted, and"
            " counts by the hour: whether one of them is overdue (15 minutes) is not known. Look again in an hour.",
            f"本侧没有待发对象，但 OMS 已接收的对象中有 {unfinished.objects} 个尚未处理，且只提供按小时的统计："
            "无法判断是否有对象等待超过 15 分钟。请一小时后再查看。",
        )
    if not unfinished.overdue:
        return None
    return Text(
        f"Behind at OMS: it has not worked on {objects_en(unfinished.objects)} that it accepted (over 15 minutes ago:"
        f" {unfinished.overdue}). If the number stays, see which in the OMS console, and send them again with replay's"
        f" keys. Once each has been seen to: {ACKNOWLEDGE}",
        f"OMS 处理滞后：已接收的对象中有 {unfinished.objects} 个尚未处理，其中 {unfinished.overdue} 个已等待超过"
        " 15 分钟。如果该数字不再减少，请在 OMS 控制台查看，并用 replay 的 keys 重新发送。"
        f"全部处理完毕后执行：{ACKNOWLEDGE}",
    )


def lacking_in_obs(in_obs: InObs) -> Text | None:
    """None if the last comparison found everything in OBS, or if there was none."""
    if not in_obs.lacking or not in_obs.last or not in_obs.last.state:
        return None
    began = in_obs.last.state.started
    return Text(
        f"Behind: the comparison of {began} found {objects_en(in_obs.lacking)} missing in OBS, or there in another"
        f" version, of {in_obs.total:,}. It has sent again what it may send. To judge them once more:"
        " python ops.py compare --again",
        f"{began} 开始的比对发现，{in_obs.total} 个对象中有 {in_obs.lacking} 个在 OBS 中缺失或版本不同。"
        "可补发的已经补发；如需重新判定，请执行 python ops.py compare --again",
    )


def differing_in_obs(in_obs: InObs) -> Text | None:
    """None if nothing in OBS is known to differ that is not lacking there."""
    if in_obs.suspicious and in_obs.last and in_obs.last.state:
        began, remedy = in_obs.last.state.started, in_obs.last.remedies[ObjectClass.SUSPICIOUS.title]
        return Text(
            f"Behind: by the comparison of {began}, of {objects_en(in_obs.total)}: {remedy.en}",
            f"{began} 开始的比对检查了 {in_obs.total} 个对象：{remedy.zh}",
        )
    return None


def seen_in_obs(in_obs: InObs) -> Text:
    """What the last comparison has seen, for the verdict that all is in step."""
    if not in_obs.last or not in_obs.last.state:
        return Text(
            " That is what OMS accepted: nothing has looked at OBS yet (python ops.py compare).",
            "以上仅表示 OMS 已接受：尚未与 OBS 比对（python ops.py compare）。",
        )
    watermark, began = in_obs.last.watermark, in_obs.last.state.started
    unproven = in_obs.equal - in_obs.proven
    others = ", ".join(f"{number:,} {name}" for name, number in in_obs.others.items())
    rest, rest_zh = (f" Not among them: {others}.", f"其余：{others}。") if others else ("", "")
    return Text(
        f" All that was written before {watermark} was in OBS at {began}: {objects_en(in_obs.equal)} of"
        f" {in_obs.total:,}, of which {in_obs.proven} are proven to be equal, and {unproven} are not.{rest}",
        f"{watermark} 之前写入的对象，在 {began} 时均已在 OBS 中：{in_obs.total} 个中的 {in_obs.equal} 个，"
        f"其中 {in_obs.proven} 个已证明内容一致，{unproven} 个未经证明。{rest_zh}",
    )
