"""The rule that ops.py only prints sentences: its code neither compares nor splits a sentence of an answer.

No sentence contains a command as fixed text.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import ops
from support.phrases import PHRASES, parse_program

FILES = sorted(Path(ops.__file__).parent.rglob("*.py"))
# Fields of answers and attributes of the command line with text for readers alone.
SENTENCES = {"text", "text_zh", "actual", "actual_zh", "wanted", "wanted_zh", "next", "next_zh", "stopped", "meaning"}
SENTENCES |= {"meaning_zh", "claim", "claim_zh", "story", "story_zh", "message", "fix", "problem", "remedies"}


TEXT_METHODS = {"startswith", "endswith", "removeprefix", "removesuffix", "split", "partition", "rpartition", "find"}


def read_field(node: ast.expr) -> str:
    """Return the field that an expression reads, as `answer["next"]` or `answer.get("next")`; return "" for others."""
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


def find_reads(tree: ast.AST) -> list[str]:
    """Return the places where code compares, searches or splits a sentence."""
    places = []
    for node in ast.walk(tree):
        expressions: list[ast.expr] = []
        match node:
            case ast.Compare(left=left, ops=operators, comparators=others):
                # A comparison with None only asks if the sentence exists.
                if not any(isinstance(operator, (ast.Is, ast.IsNot)) for operator in operators):
                    expressions = [left, *others]
            case ast.Call(func=ast.Attribute(value=value, attr=method)) if method in TEXT_METHODS:
                expressions = [value]
            case ast.Call(
                func=ast.Attribute(attr="search" | "match" | "fullmatch" | "findall" | "knows"), args=arguments
            ):
                expressions = arguments
        places += [f"{node.lineno}: {read_field(expr)}" for expr in expressions if read_field(expr) in SENTENCES]
    return places


def test_no_code_of_ops_compares_or_splits_a_printed_sentence():
    places = {str(file): find_reads(parse_program(file)) for file in FILES}
    assert {name: lines for name, lines in places.items() if lines} == {}


def test_printed_sentences_contain_commands_only_as_values():
    phrases = [phrase for place, _, phrase in PHRASES if place.startswith("template/ops/")]
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
def test_these_tests_detect_code_that_reads_a_printed_sentence(line):
    assert find_reads(ast.parse(line))
