"""Former words of the project, which the printed texts and the documents no longer contain."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from support.documents import Document
from support.former_words import CHINESE, ENGLISH
from support.phrases import CATALOGUE, is_chinese, parse_program
from tools.package import ROOT

# Documents made of the programs' own sentences, which are checked in the programs.
_MADE = ("settings", "reasons", "unconfirmed")
_DOCSTRINGS = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def find_sentences_of_python(path: Path) -> Iterator[str]:
    """Yield the sentences in a program's strings, and in docstrings that are printed as help."""
    tree = parse_program(path)
    docstrings = {
        id(node.body[0].value) for node in ast.walk(tree) if isinstance(node, _DOCSTRINGS) and _has_text(node)
    }
    for node in ast.walk(tree):
        is_text = isinstance(node, ast.Constant) and isinstance(node.value, str)
        # Chinese sentences have no spaces.
        is_sentence = is_text and (" " in node.value or is_chinese(node.value))
        if is_sentence and (id(node) not in docstrings or path.name in ("digests.py", "show.py")):
            yield node.value


def _has_text(node: ast.AST) -> bool:
    body = getattr(node, "body", [])
    return bool(body) and isinstance(body[0], ast.Expr) and isinstance(body[0].value, ast.Constant)


def find_sentences_of_javascript(path: Path) -> Iterator[str]:
    """Yield the lines of a program without its comments."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if not re.match(r"\s*(?://|/?\*)", line):
            yield line


@cache
def printed_texts() -> list[str]:
    """Return the sentences that programs print, the lines of s.yaml and publish.yaml, and the Chinese catalogue."""
    programs = [*(ROOT / "template").rglob("*.py"), *(ROOT / "sandbox" / "demo").glob("*.py")]
    scripts = [*(ROOT / "hooks").glob("*.js"), ROOT / "template" / "ready.js"]
    return [
        *CATALOGUE.values(),
        *(text for path in [*programs, ROOT / "sandbox" / "prompt.py"] for text in find_sentences_of_python(path)),
        *(text for path in scripts for text in find_sentences_of_javascript(path)),
        *(
            line
            for name in ("s.yaml", "publish.yaml")
            for line in (ROOT / name).read_text(encoding="utf-8").splitlines()
        ),
    ]


def written_texts() -> list[str]:
    """Return the prose of handwritten documents, without blocks, backticks and quotations."""
    paths = [path for folder in (ROOT, ROOT / "docs", ROOT / "template") for path in sorted(folder.glob("*.md"))]
    documents = [path for path in paths if path.name.partition(".")[0] not in (*_MADE, "version")]
    return [re.sub('"[^"]*"|“[^”]*”', "", text) for path in documents for text in Document.read(path).prose]


@cache
def find_texts(*, chinese: bool) -> list[str]:
    """Return the printed and written texts in a language, without the names of values, which are not printed."""
    texts = [re.sub(r"{\w+", "{", text) for text in (*printed_texts(), *written_texts())]
    return [text for text in texts if is_chinese(text) is chinese]


def find_former_texts(pattern: str, texts: list[str], *, chinese: bool) -> list[str]:
    """Return the texts that contain a former word of their language, which `pattern` describes."""
    word = re.compile(pattern if chinese else rf"\b(?:{pattern})\b|(?<=\b)(?:{pattern})(?=,)")
    return [text for text in texts if word.search(text)]


@pytest.mark.parametrize("pattern", [*ENGLISH, *CHINESE])
def test_no_text_contains_a_word_that_the_project_replaced(pattern):
    chinese = pattern in CHINESE
    assert find_former_texts(pattern, find_texts(chinese=chinese), chinese=chinese) == [], (
        CHINESE[pattern] if chinese else ENGLISH[pattern]
    )


@pytest.mark.parametrize(
    ("text", "is_former"),
    [
        ("Send them again with replay's keys", True),
        ("what is in OBS now is unknown", True),
        ("Nothing is sent until it is known", True),
        ("The migration is over", True),
        ("the migration was over 15 minutes late", False),
        ("To tell them apart, grant obs:object:GetObject", False),
        ("OMS may still write", False),
        ("the user may read the bucket", True),
        ("Old objects are copied", True),
        ("older objects are copied", False),
        ("比较两个桶", True),
        ("按任意键", True),
        ("按键盘", False),
        ("华为云的地域", True),
        ("阿里云的地域", False),
    ],
)
def test_the_check_of_replaced_words_reports_a_word_only_in_one_meaning(text, is_former):
    patterns = CHINESE if is_chinese(text) else ENGLISH
    assert any(find_former_texts(pattern, [text], chinese=is_chinese(text)) for pattern in patterns) is is_former
