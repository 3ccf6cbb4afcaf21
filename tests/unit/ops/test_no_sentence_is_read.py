"""Sentences, which only people read.

No code of ops.py compares or splits a sentence of an answer, and no sentence contains a command as fixed text.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ops

FILES = sorted(Path(ops.__file__).parent.rglob("*.py"))
# Fields of answers and attributes of the command line with text for readers alone.
SENTENCES = {"text", "text_zh", "actual", "actual_zh", "wanted", "wanted_zh", "next", "next_zh", "stopped", "meaning"}
SENTENCES |= {"meaning_zh", "claim", "claim_zh", "story", "story_zh", "message", "fix", "problem", "remedies"}


TAKES_APART = {"startswith", "endswith", "removeprefix", "removesuffix", "split", "partition", "rpartition", "find"}


def asked_for(node: ast.expr) -> str:
    """Return the field that an expression reads, as in `answer["next"]` or `answer.get("next")`; empty for others."""
    match node:
        case ast.Subscript(slice=ast.Constant(value=str(name))):
            return name
        case ast.Call(func=ast.Attribute(attr="get"), args=[ast.Constant(value=str(name)), *_]):
            return name
        case ast.Attribute(attr=str(name)):
            return name
        case ast.Call(func=ast.Name(id="text" | "in_language"), args=[_, *_, ast.Constant(value=str(name))]):
            return name
    return ""


def reads(tree: ast.AST) -> list[str]:
    """Return the places where code compares, searches or splits a sentence."""
    places = []
    for node in ast.walk(tree):
        looked_at: list[ast.expr] = []
        match node:
            case ast.Compare(left=left, ops=operators, comparators=others):
                # A comparison with None only asks if the sentence exists.
                if not any(isinstance(operator, (ast.Is, ast.IsNot)) for operator in operators):
                    looked_at = [left, *others]
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in TAKES_APART:
                looked_at = [value]
            case ast.Call(
                func=ast.Attribute(attr="search" | "match" | "fullmatch" | "findall" | "knows"), args=arguments
            ):
                looked_at = arguments
        places += [f"{node.lineno}: {asked_for(expr)}" for expr in looked_at if asked_for(expr) in SENTENCES]
    return places


def test_no_sentence_is_compared_or_split():
    places = {str(file): reads(ast.parse(file.read_text(encoding="utf-8"))) for file in FILES}
    assert {name: lines for name, lines in places.items() if lines} == {}


def test_sentences_contain_commands_only_as_values():
    nodes = [node for file in FILES for node in ast.walk(ast.parse(file.read_text(encoding="utf-8")))]
    calls = [node.args[0] for node in nodes if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "t"]
    phrases = [call.value for call in calls if isinstance(call, ast.Constant)]
    assert len(phrases) > 300
    assert [phrase for phrase in phrases if re.search(r"python3 ops\.py|\bs deploy\b", phrase)] == []


@pytest.mark.parametrize(
    "line",
    [
        'answer["stopped"] == "the time is up"',
        '"<=" in text(one, "claim")',
        'answer["next"].startswith("Close")',
        'answer.next == "Nothing."',
        'answer.stopped.startswith("the time")',
        'answer.get("actual") in (None, "")',
        're.search("[0-9]+", one["actual"])',
    ],
)
def test_code_that_reads_a_sentence_is_detected(line):
    assert reads(ast.parse(line))
