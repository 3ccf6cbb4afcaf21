"""Check the language of the code: vague identifiers, long names of tests, and first words of sentences in prose.

    python -m tools.language [--list] [FOLDER...]

The number of hits in each folder is compared with its limit below. A limit only falls: a number below the limit is an
error as well, until the limit is lowered. `--list` prints the hits of the folders (all by default).
"""

from __future__ import annotations

import ast
import builtins
import io
import re
import sys
import tokenize
from collections.abc import Iterator, Sequence
from pathlib import Path

from tools.package import ROOT

# Unwanted identifiers, and unwanted beginnings of sentences: the most that each folder has.
LIMITS = {"template": (1, 0), "sandbox": (0, 0), "tools": (0, 0), "benchmarks": (0, 0), "tests": (1, 0)}
VAGUE = frozenset(("one", "ones", "found", "given", "told", "seen", "known", "said", "held", "kin", "rest"))
MAX_TEST_NAME = 70
BEGINNING = re.compile(
    r"(?:^|[.:;]\s+)(?:What|Whether|Which|Whose|Whoever|Whatever|How|Of|The same|Those|So long|So often|So many)\b"
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
# A comment for a tool, not for a reader.
_DIRECTIVE = re.compile(r"#!|# (?:noqa|type:|pragma:)")


def find_unwanted_identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield the line and the name of each use of a vague identifier, and of each test whose name is too long.

    The name of a test is a sentence and can have any word. Names that Python or Hypothesis defines are skipped.
    """
    hypothesis = {"one_of"} | {
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom) and node.module == "hypothesis"
        for alias in node.names
    }
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.arg(arg=name) | ast.Attribute(attr=name) | ast.keyword(arg=str(name)):
                pass
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                if name.startswith("test_"):
                    if len(name) > MAX_TEST_NAME:
                        yield node.lineno, name
                    continue
            case _:
                continue
        if name in hypothesis or name in vars(builtins):
            continue
        if VAGUE & set(re.sub(r"(?<=[a-z])(?=[A-Z])", "_", name).lower().split("_")):
            yield node.lineno, name


def find_prose(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, _DOCUMENTED) and (docstring := ast.get_docstring(node)):
            yield node.body[0].lineno, docstring
    block: list[str] = []
    start = last = 0
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type != tokenize.COMMENT or _DIRECTIVE.match(token.string):
            continue
        line = token.start[0]
        if block and line != last + 1:
            yield start, " ".join(block)
            block = []
        start = start if block else line
        block.append(token.string.lstrip("# "))
        last = line
    if block:
        yield start, " ".join(block)


def list_hits(folder: Path) -> tuple[list[str], list[str]]:
    identifiers: list[str] = []
    beginnings: list[str] = []
    for path in sorted(folder.rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        tree = ast.parse(source)
        name = path.relative_to(ROOT).as_posix()
        identifiers += [f"{name}:{line}: {identifier}" for line, identifier in find_unwanted_identifiers(tree)]
        for line, block in find_prose(tree, source):
            text = " ".join(block.split())
            beginnings += [f"{name}:{line}: {text[match.start() :][:70]}" for match in BEGINNING.finditer(text)]
    return identifiers, beginnings


def main(arguments: Sequence[str]) -> int:
    if "--list" in arguments:
        for name in [argument for argument in arguments if argument != "--list"] or LIMITS:
            for lines in list_hits(ROOT / name):
                print(*lines, sep="\n")
        return 0
    is_wrong = False
    for name, limits in LIMITS.items():
        for kind, lines, limit in zip(
            ("unwanted identifiers", "beginnings"), list_hits(ROOT / name), limits, strict=True
        ):
            if len(lines) != limit:
                is_wrong = True
                next_step = "rename or rewrite them" if len(lines) > limit else "lower the limit in tools/language.py"
                print(f"{name}: {len(lines)} {kind}, and the limit is {limit}: {next_step}")
    if is_wrong:
        print("python -m tools.language --list prints each with its place")
    return int(is_wrong)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
