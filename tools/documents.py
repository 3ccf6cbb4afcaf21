"""Keeps what the documents repeat in step with where it stands: `python -m tools.documents` writes it.

The table of questions in docs/deploy.md and its twin (publish.yaml), docs/settings.md (`settings_table`) and docs/reasons.md
(`reasons`).
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from oss_oms_sync.copy_codes import COPY_CODES, OTHER_CODE
from oss_oms_sync.reasons import Reason
from oss_oms_sync.settings_table import SETTINGS

from .package import ROOT, manifest

ENGLISH, CHINESE = ROOT / "docs" / "deploy.md", ROOT / "docs" / "deploy.zh.md"
_BEGIN, _END = "<!-- questions: made by `make docs` -->\n", "<!-- end of questions -->\n"
_REQUIRED, _NONE = ("required", "必填"), ("none", "无")
# And what stands between two.
_ONE_OF = ((" One of ", ", "), ("可选：", "、"))
_MANY = 10
_YES_NO = ("no / 否", "yes / 是")


def questions(chinese: bool) -> str:
    """The questions that `s init` asks."""
    parameters = manifest()["Parameters"]
    rows = []
    for name, question in parameters["properties"].items():
        # The Chinese part ends in the last full-width full stop.
        in_chinese, stop, english = question["description"].rpartition("。")
        meaning = in_chinese + stop if chinese else english.strip()
        choices = question.get("enum", [])
        if 2 < len(choices) < _MANY:
            told, comma = _ONE_OF[chinese]
            meaning += told + comma.join(f"`{choice}`" for choice in choices)
        default = question.get("default", "").replace("${default-suffix}", "xxxx")
        without = _REQUIRED if name in parameters["required"] else _NONE
        rows.append((f"`{name}`", _escaped(meaning), f"`{default}`" if default else without[chinese]))
    return _table(("问题", "含义", "默认值") if chinese else ("question", "meaning", "default"), rows)


def settings() -> str:
    """docs/settings.md: the functions' environment, in both languages."""
    rows = []
    for name, one in SETTINGS.items():
        default = " / ".join(_REQUIRED) if one.default is None else f"`{one.default}`" if one.default else ""
        rows.append((f"`{name}`", _escaped(one.meaning.en), _escaped(one.meaning.zh), default))
    return (
        "# Settings\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/settings_table.py -->\n\n"
        "The functions' environment variables. `s.yaml` sets most of them from its `vars`; the others are added\n"
        "there, under `environmentVariables`. All invalid settings are reported together, in one line, before\n"
        "anything is sent.\n\n" + _table(("name", "meaning", "含义", "default"), rows)
    )


def reasons() -> str:
    """docs/reasons.md: why a key failed, and what to do, in both languages."""
    rows = [(f"`{reason.name}`", reason.fix.en, reason.fix.zh) for reason in Reason]
    codes = [(f"`{code}`", one) for code, one in COPY_CODES.items()]
    copies = [
        (name, _YES_NO[one.passes], one.fix.en, one.fix.zh) for name, one in [*codes, ("others / 其他", OTHER_CODE)]
    ]
    head = ("OMS's code", "passes by itself / 可自行恢复", "what to do", "处理方法")
    return (
        "# Why a key failed, and what to do\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/reasons.py -->\n\n"
        "The reason appears in the failed record, the log, and the output of `status` and `replay`. Every object with\n"
        "a failed record is resent automatically.\n\n" + _table(("reason", "what to do", "处理方法"), rows) + "\n"
        "## What OMS failed to copy\n\n"
        "<!-- made by `make docs` from template/code/oss_oms_sync/copy_codes.py -->\n\n"
        "`COPY_FAILED` carries OMS's own code, from the lists that OMS keeps in the destination bucket. Such an\n"
        "object is resent at once, then after 10 minutes, and after twice as long each time, up to a day; so it\n"
        "needs nobody once the cause is gone.\n\n" + _table(head, copies)
    )


def with_questions(document: Path) -> str:
    """The text of a document with its table of questions made anew. Raises ValueError if it has no place for it."""
    text = document.read_text(encoding="utf-8")
    if text.count(_BEGIN) != 1 or text.count(_END) != 1:
        raise ValueError(f"{document.name} does not hold these lines once: {_BEGIN}{_END}")
    before, _, rest = text.partition(_BEGIN)
    return f"{before}{_BEGIN}{questions(document == CHINESE)}{_END}{rest.partition(_END)[2]}"


def made() -> dict[Path, str]:
    """Every document that is made, in whole or in part, and what it should say."""
    return {
        ENGLISH: with_questions(ENGLISH),
        CHINESE: with_questions(CHINESE),
        ROOT / "docs" / "settings.md": settings(),
        ROOT / "docs" / "reasons.md": reasons(),
    }


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(row)} |" for row in (head, *rows)]
    return "\n".join([lines[0], "|---" * len(head) + "|", *lines[1:]]) + "\n"


def _escaped(text: str) -> str:
    """For a table's cell; what stands in backticks is taken as it is anyway."""
    parts = text.replace("|", "\\|").split("`")
    return "`".join(part if number % 2 else part.replace("<", "&lt;") for number, part in enumerate(parts))


if __name__ == "__main__":
    for path, text in made().items():
        path.write_text(text, encoding="utf-8")
