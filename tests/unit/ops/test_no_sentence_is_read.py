"""What people read, nothing goes by: no code of ops.py compares or takes apart a sentence of an answer; nor has a
sentence a command in it that is not put together where it is said."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ops

FILES = sorted(Path(ops.__file__).parent.rglob("*.py"))
# What is said for people only: names in answers, and what the command line says itself.
SENTENCES = {"text", "text_zh", "seen", "seen_zh", "wanted", "wanted_zh", "next", "next_zh", "stopped", "meaning"}
SENTENCES |= {"meaning_zh", "claim", "claim_zh", "story", "story_zh", "message", "fix", "problem", "remedies"}


TAKES_APART = {"startswith", "endswith", "removeprefix", "removesuffix", "split", "partition", "rpartition", "find"}


def asked_for(node: ast.expr) -> str:
    """The name of the part of an answer that an expression is: `answer["next"]`, `one.get("next")`."""
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
    """Where a sentence is compared to something, searched, or taken apart."""
    found = []
    for node in ast.walk(tree):
        looked_at: list[ast.expr] = []
        match node:
            case ast.Compare(left=left, ops=operators, comparators=others):
                # Whether there is one at all is asked of None only.
                if not any(isinstance(operator, (ast.Is, ast.IsNot)) for operator in operators):
                    looked_at = [left, *others]
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in TAKES_APART:
                looked_at = [value]
            case ast.Call(func=ast.Attribute(attr="search" | "match" | "fullmatch" | "findall" | "knows"), args=given):
                looked_at = given
        found += [f"{node.lineno}: {asked_for(expr)}" for expr in looked_at if asked_for(expr) in SENTENCES]
    return found


def test_no_sentence_is_compared_or_taken_apart():
    found = {str(file): reads(ast.parse(file.read_text(encoding="utf-8"))) for file in FILES}
    assert {name: lines for name, lines in found.items() if lines} == {}


def test_no_sentence_has_a_command_but_as_a_value():
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
        'answer.get("seen") in (None, "")',
        're.search("[0-9]+", one["seen"])',
    ],
)
def test_it_would_be_seen(line):
    assert reads(ast.parse(line))
