"""Keeps what the documents repeat in step with where it stands: `python -m tools.documents` writes it.

The tables of questions (publish.yaml) and of settings (`settings`) in both readmes, and docs/reasons.md (`reasons`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from oss_oms_sync.reasons import Reason
from oss_oms_sync.settings import SETTINGS

from .package import ROOT, manifest

ENGLISH, CHINESE = ROOT / "README.md", ROOT / "README.zh.md"
REASONS = ROOT / "docs" / "reasons.md"
# And what stands between two.
_ONE_OF = ((" One of ", ", "), ("可选:", "、"))
_MANY = 10
_REQUIRED, _NONE = ("required", "必填"), ("none", "无")


def questions(chinese: bool) -> str:
    """The questions that `s init` asks."""
    rows = []
    for name, question in manifest()["Parameters"]["properties"].items():
        # The Chinese part ends in the last full-width full stop.
        in_chinese, stop, english = question["description"].rpartition("。")
        meaning = in_chinese + stop if chinese else english.strip()
        choices = question.get("enum", [])
        if 2 < len(choices) < _MANY:
            told, comma = _ONE_OF[chinese]
            meaning += told + comma.join(f"`{choice}`" for choice in choices)
        default = question.get("default", "").replace("${default-suffix}", "xxxx") if "default" in question else None
        rows.append((f"`{name}`", _escaped(meaning), _default(default, chinese)))
    return _table(("问题", "含义", "默认值") if chinese else ("question", "meaning", "default"), rows)


def settings(chinese: bool) -> str:
    """The functions' environment."""
    rows = [
        (f"`{name}`", _escaped(one.meaning_zh if chinese else one.meaning), _default(one.default, chinese))
        for name, one in SETTINGS.items()
    ]
    return _table(("名称", "含义", "默认值") if chinese else ("name", "meaning", "default"), rows)


def reasons() -> str:
    """docs/reasons.md: why a key failed, and what to do, in both languages."""
    rows = [(f"`{reason.name}`", reason.fix, reason.fix_zh) for reason in Reason]
    return (
        "# Why a key failed, and what to do\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/reasons.py -->\n\n"
        "The reason stands in the key's failed record, in the log, and in what `status` and `replay` answer. Every\n"
        "key with a failed record is sent again by itself.\n\n" + _table(("reason", "what to do", "处理方法"), rows)
    )


TABLES: dict[str, Callable[[bool], str]] = {"questions": questions, "settings": settings}


def updated(path: Path) -> str:
    """The readme at `path` with its tables made anew."""
    text = path.read_text(encoding="utf-8")
    for name, table in TABLES.items():
        begin, end = f"<!-- {name}: made by `make docs` -->\n", f"<!-- end of {name} -->\n"
        before, _, rest = text.partition(begin)
        text = f"{before}{begin}{table(path == CHINESE)}{end}{rest.partition(end)[2]}"
    return text


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def _default(value: str | None, chinese: bool) -> str:
    if value is None:
        return _REQUIRED[chinese]
    return f"`{value}`" if value else _NONE[chinese]


def _escaped(text: str) -> str:
    """For a table's cell; what stands in backticks is taken as it is anyway."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


if __name__ == "__main__":
    for readme in (ENGLISH, CHINESE):
        readme.write_text(updated(readme), encoding="utf-8")
    REASONS.write_text(reasons(), encoding="utf-8")
