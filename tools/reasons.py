"""Keeps docs/reasons.md in step with `reasons`: `python -m tools.reasons` writes it."""

from __future__ import annotations

from oss_oms_sync.reasons import Reason

from .package import ROOT

PATH = ROOT / "docs" / "reasons.md"


def document() -> str:
    """Why a key failed, and what to do, in both languages."""
    rows = [f"| `{reason.name}` | {reason.fix} | {reason.fix_zh} |" for reason in Reason]
    lines = [
        "# Why a key failed, and what to do",
        "",
        "<!-- made by `make docs` from template/code/oss_oms_sync/reasons.py -->",
        "",
        "The reason stands in the key's failed record, in the log, and in what `status` and `replay` answer. Every key",
        "with a failed record is sent again by itself.",
        "",
        "| reason | what to do | 处理方法 |",
        "|---|---|---|",
        *rows,
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    PATH.write_text(document(), encoding="utf-8")
