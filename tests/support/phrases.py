"""The phrases that the programs print, and the catalogue of their Chinese translations."""

from __future__ import annotations

import ast
import json
import re
from functools import cache
from pathlib import Path

from tools.package import ROOT

_SOURCES = sorted((ROOT / "template").rglob("*.py"))
CATALOGUE: dict[str, str] = json.loads(
    (ROOT / "template/code/oss_oms_sync/answers/zh.json").read_text(encoding="utf-8")
)


@cache
def parse_program(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def _phrases(path: Path) -> list[tuple[ast.Call, str]]:
    """Return each call of `t` and `translate` in a program with its phrase, or with "" if the phrase is no literal."""
    calls = []
    for call in ast.walk(parse_program(path)):
        match call:
            case ast.Call(func=ast.Name("t" | "translate"), args=[ast.Constant(phrase), *_]):
                calls.append((call, phrase))
            case ast.Call(func=ast.Name("t")) | ast.Call(func=ast.Name("translate"), args=[ast.JoinedStr(), *_]):
                calls.append((call, ""))
    return calls


# Each phrase with its place and its call.
PHRASES = [
    (f"{path.relative_to(ROOT)}:{call.lineno}", call, phrase) for path in _SOURCES for call, phrase in _phrases(path)
]


def is_chinese(text: str) -> bool:
    return bool(re.search(r"[\u3400-\u9fff]", text))
