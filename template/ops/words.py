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
    "skipped": ("skipped", "跳过"),
    "watermark": ("in OBS is all that was written before", "已在 OBS 中的写入截止时间"),
    "lag accepted": ("Written until accepted", "从写入到接受"),
    "lag copied": ("Written until in OBS", "从写入到进入 OBS"),
    "not yet": ("not yet", "尚未"),
    "p50": ("half", "一半"),
    "p90": ("90 %", "90 %"),
    "p99": ("99 %", "99 %"),
    "max": ("longest", "最长"),
    "scanned": ("scanned", "检查"),
    "covered": ("covered", "OMS 已接受"),
    "failed_before": ("failed before", "此前失败"),
    "submitted": ("submitted", "补发"),
    "pending": ("too young", "太新"),
    "orphans": ("deleted at the source", "源端已删除"),
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
