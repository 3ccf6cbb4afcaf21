"""The punctuation and the terms of all Chinese texts: full-width marks (GB/T 15834), and one word for each term."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest
import yaml

from support.phrases import CATALOGUE, is_chinese, parse_program
from tools.package import ROOT

DOCUMENTS = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *(ROOT / "template").glob("*.md")]

_HAN = r"\u3400-\u9fff"
_WRONG = re.compile(rf"[{_HAN}][,;:!?()]|[,;:!?()][{_HAN}]")
_URL = re.compile(r"https?://\S+")
# Parts that are not read as Chinese: code, the target of a link, a comment, the tag of a picture.
_NOT_PROSE = re.compile(r"`[^`\n]*`|(?<=\])\([^)\n]*\)|<!--.*?-->|<[^>\n]+>")
_FENCE = re.compile(r"^ *```.*?^ *```", re.MULTILINE | re.DOTALL)


def find_half_width_marks(text: str) -> list[str]:
    """Return each half-width punctuation mark that touches a Chinese character, with the text around it.

    A code span counts as a Chinese word, so the result includes marks next to a code span.
    """
    text = _NOT_PROSE.sub(_replace_hidden_part, _URL.sub("", text))
    return [text[max(0, at.start() - 10) : at.end() + 10] for at in _WRONG.finditer(text)]


def find_chinese_prose(text: str) -> str:
    """Return the lines and cells that contain Chinese, without blocks of code."""
    lines = _FENCE.sub("", text).splitlines()
    # Cells and lines of other languages have punctuation of their own.
    cells = [cell for line in lines for cell in re.split(r"(?<!\\)\|", line)]
    return "\n".join(cell for cell in cells if is_chinese(cell))


def _replace_hidden_part(hidden: re.Match[str]) -> str:
    return "码" if hidden[0].startswith("`") else ""


def find_texts_of_python(path: Path) -> Iterator[str]:
    """Yield each text in a program's source that contains Chinese; `x` replaces the values in f-strings."""
    tree = parse_program(path)
    parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
    for node in ast.walk(tree):
        text = ""
        if isinstance(node, ast.JoinedStr):
            text = "".join(str(part.value) if isinstance(part, ast.Constant) else "x" for part in node.values)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in parts:
            text = node.value
        if is_chinese(text):
            yield text


@cache
def find_texts_of_programs() -> list[str]:
    """Return the Chinese texts that the programs of a generated project print."""
    return [text for path in (ROOT / "template").rglob("*.py") for text in find_texts_of_python(path)]


def find_texts_of_yaml(path: Path) -> Iterator[str]:
    """Yield each value in a YAML file that contains Chinese."""

    def values(node: object) -> Iterator[str]:
        if isinstance(node, dict):
            node = list(node.values())
        if isinstance(node, list):
            for child in node:
                yield from values(child)
        elif isinstance(node, str) and is_chinese(node):
            yield node

    yield from values(yaml.safe_load(path.read_text(encoding="utf-8")))


def find_texts_of_javascript(path: Path) -> Iterator[str]:
    """Yield each line of a program that contains Chinese, with `x` for the values in template literals.

    Quotation marks replace backquotes, because a text between backquotes would count as a code span.
    """
    for line in path.read_text(encoding="utf-8").splitlines():
        if is_chinese(line):
            yield re.sub(r"\$\{[^}]*\}", "x", line).replace("`", '"')


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_chinese_documents_have_full_width_punctuation(path):
    assert find_half_width_marks(find_chinese_prose(path.read_text(encoding="utf-8"))) == []


def test_chinese_texts_of_programs_have_full_width_punctuation():
    forms = [ROOT / "publish.yaml", *(ROOT / ".github").rglob("*.yml")]
    texts = [
        *(text for path in forms for text in find_texts_of_yaml(path)),
        *(text for path in (ROOT / "hooks").glob("*.js") for text in find_texts_of_javascript(path)),
        *find_texts_of_programs(),
        *(re.sub(r"{[^}]*}", "x", text) for text in CATALOGUE.values()),
    ]
    assert len(texts) > 300
    assert [wrong for text in texts for wrong in find_half_width_marks(text)] == []


@pytest.mark.parametrize(
    ("text", "is_wrong"),
    [
        *(
            (text, True)
            for text in (
                "失败,重试",
                "失败: x",
                "(见下文)",
                "对吗?",
                "见 `status`,然后",
                "| a | 失败:`x` |",
                "x)表示",
                "停止;",
            )
        ),
        ("失败，重试（见下文）。", False),
        ("a, b | 失败", False),
        ("见[割接](cutover.zh.md#某一天)。", False),
        ("`x, y: z`", False),
        ("见 https://example.com/a:b?c=失败", False),
        ("```\n失败,重试\n```", False),
        ("only English, here (yes): no?", False),
    ],
)
def test_the_check_of_chinese_text_reports_half_width_punctuation(text, is_wrong):
    assert bool(find_half_width_marks(find_chinese_prose(text))) == is_wrong
