"""What is said, in English and in Chinese."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

Report = Mapping[str, Any]


class Text(NamedTuple):
    """The same in both languages."""

    en: str
    zh: str

    def of(self, lang: str) -> str:
        """In one of them: "en" or "zh"."""
        return self.zh if lang == "zh" else self.en


WORDS = {
    "source": ("source bucket", "源 Bucket"),
    "destination": ("destination bucket", "目的桶"),
    "at": ("as of", "统计时间"),
    "month": ("OMS this month", "OMS 本月"),
    "requests": ("requested objects", "接收请求对象数"),
    "copied": ("copied", "已复制"),
    "failed": ("failed", "失败"),
    "skipped": ("skipped", "跳过"),
    "bytes": ("bytes", "字节"),
    "unfinished": ("accepted, not worked on yet", "已接收，尚未处理"),
    "overdue": ("of these for over 15 minutes", "其中超过 15 分钟"),
    "failures": ("What OMS failed to copy", "OMS 复制失败的对象"),
    "acknowledged": ("after what was acknowledged at", "不含此时已确认的"),
    "not told": ("OMS does not say how much", "OMS 未告知数量"),
    "counted": ("counted by OMS", "OMS 统计"),
    "done": ("done", "已解决"),
    "waiting": ("waiting", "等待重发"),
    "stuck": ("stuck", "反复失败"),
    "others": ("another project's", "属于其他项目"),
    "not known": ("not known", "未知"),
    "resent": ("sent again since, and not taken", "此后已重新提交，但未接受"),
    "backlog": ("Waiting to be sent again", "等待重发"),
    "records": ("failed records", "失败记录"),
    "at least": ("at least", "至少"),
    "in run files": ("in run files", "重发文件中"),
    "outside": ("outside prefix and suffix, sent by nobody here", "不在前缀和后缀范围内，本项目不发送"),
    "oldest": ("oldest", "最早"),
    "coverage": ("Last reconcile pass", "最近一次对账"),
    "open": ("under way since", "正在进行，开始于"),
    "a minute": ("{:,} a minute", "每分钟 {:,} 个"),
    "left": ("{:.0%}, {:,} minutes left", "{:.0%}，预计还需 {:,} 分钟"),
    "comparison": ("What is in OBS", "OBS 中的情况"),
    "lists": ("What OMS failed to copy is not read", "未读取 OMS 复制失败的清单"),
    "unread": ("Lines of OMS's lists of failures that could not be read:", "OMS 失败清单中无法读取的行："),
    "never compared": ("nothing was compared with OBS yet", "尚未与 OBS 比对"),
    "watermark": ("in OBS is all that was written before", "已在 OBS 中的写入截止时间"),
    "lag accepted": ("Written until accepted", "从写入到接受"),
    "lag copied": ("Written until in OBS", "从写入到进入 OBS"),
    "not yet": ("not yet", "尚未"),
    "p50": ("half", "一半"),
    "p90": ("90 %", "90 %"),
    "p99": ("99 %", "99 %"),
    "max": ("longest", "最长"),
    "never": ("no pass has ended yet", "尚无完成的对账"),
    "scanned": ("scanned", "检查"),
    "covered": ("covered", "OMS 已接受"),
    "failed_before": ("failed before", "此前失败"),
    "submitted": ("submitted", "补发"),
    "pending": ("too young", "太新"),
    "orphans": ("deleted at the source", "源端已删除"),
    "last replay": ("Last replay", "最近一次重发"),
    "taken": ("taken", "取出"),
    "accepted": ("accepted", "已接受"),
    "sums": ("Do the numbers add up?", "数字是否吻合？"),
    "yes": ("yes", "是"),
    "no": ("no", "否"),
    "no word": ("OMS does not say", "OMS 未告知"),
    "ok": ("ok", "正常"),
    "fault": ("fault", "故障"),
    "unknown": ("unknown", "未知"),
    "warning": ("warning", "警告"),
    "depends": ("unknown until then", "在此之前未知"),
}


def word(name: str, lang: str) -> str:
    return WORDS[name][lang == "zh"] if name in WORDS else name


def in_lang(report: Report, field: str, lang: str) -> str:
    """A field in one of the languages; an older function may know it in English only."""
    return str((report.get(f"{field}_zh") if lang == "zh" else None) or report[field])


def colon(lang: str) -> str:
    """Between what something is and what is said of it."""
    return "：" if lang == "zh" else ": "


def sentence(said: Report, lang: str) -> str:
    return str(said["text_zh" if lang == "zh" else "text"])


def fix(report: Report, reason: str, lang: str) -> str:
    return str(report["fixes"].get(reason, {}).get(lang, ""))
