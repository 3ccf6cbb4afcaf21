"""Changes the core in one place after another, and prints the changes that no test notices: `python -m tools.mutants`.

Arguments: the number of changes to draw, and the seed, which is drawn by default and always printed. A tenth is
drawn from each of GROUPS, the others from all. Messages and log lines are left alone: other tests read them.
"""

from __future__ import annotations

import ast
import copy
import difflib
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from .package import ROOT

# Connections of doctor are tested over sockets.
_TEMPLATE, _UNIT, _DOCTOR = "template", "tests/unit", "tests/system/doctor"
_CODE = "code/oss_oms_sync"
GROUPS = (
    f"{_CODE}/comparison",
    f"{_CODE}/passes",
    f"{_CODE}/jobs/certify",
    f"{_CODE}/jobs/replay",
    f"{_CODE}/ledger",
    "ops",
)
# Keys come in and go out here.
_OTHERS = tuple(f"{_CODE}/{name}" for name in ("delivery", "clouds", "jobs/status", "jobs/forward.py", "events.py"))
_SWAPPED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.And: ast.Or,
    ast.Or: ast.And,
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
}
_NAMES = {"min": "max", "max": "min", "any": "all", "all": "any"}
# Arguments of these calls are messages.
_MESSAGES = ("t", "log", "StorageError", "PayloadError", "UsageError", "CloudError")
_LARGE = 100
_SECONDS, _SECONDS_PER_TEST, _SCHEDULES = 600, 120, "20"
# Tests of files that a copy does not have.
_NOT_HERE = ("test_documents.py",)


@dataclass(frozen=True)
class Mutant:
    """A module below template/, and the number of the change in it, from 0."""

    module: str
    number: int

    def source(self) -> tuple[str, str]:
        """Return the source of the module before and after the change."""
        tree = ast.parse((ROOT / _TEMPLATE / self.module).read_text())
        before = ast.unparse(tree)
        list(changes(tree))[self.number]()
        return before, ast.unparse(ast.fix_missing_locations(tree))

    def tests(self) -> list[str]:
        """Return the tests of the module and of its importers, those that import it, and those that wake its job."""
        files = (path for place in (_UNIT, _DOCTOR) for path in (ROOT / place).rglob("test_*.py"))
        every = [path for path in files if path.name not in _NOT_HERE]
        imports, folders = _import_of(self.module), Path(self.module).parts
        wakes = re.compile(rf'\("{Path(folders[3]).stem}"' if "jobs" in folders[:-1] else "(?!)")
        users = (module for place in ("code", "ops") for module in modules(place))
        users = (user for user in users if imports.search((ROOT / _TEMPLATE / user).read_text()))
        some = [
            *_tests_of(self.module, every),
            *(path for path in sorted(every) if imports.search(path.read_text())),
            *(path for user in users for path in _tests_of(user, every)),
            *(path for path in sorted(every) if wakes.search(path.read_text())),
        ]
        names = list(dict.fromkeys(str(path.relative_to(ROOT)) for path in some))
        return names or [f"{_UNIT}/{Path(_name_of(self.module)).parts[0]}"]


def _name_of(module: str) -> str:
    return module.removeprefix("code/").removesuffix(".py").removesuffix("/__init__")


def _import_of(module: str) -> re.Pattern[str]:
    package, _, own = (dotted := _name_of(module).replace("/", ".")).rpartition(".")
    return re.compile(rf"\b{dotted}\b|from {package} import .*\b{own}\b")


def _tests_of(module: str, every: list[Path]) -> Iterator[Path]:
    """Yield the tests that are named after the module, and the folder of the module or of its package."""
    name = _name_of(module)
    yield from sorted(path for path in every if path.stem.startswith(f"test_{Path(name).name}"))
    folder = ROOT / _UNIT / name.removeprefix("oss_oms_sync/")
    folder = folder if folder.is_dir() else folder.parent
    # Tests directly in these folders are of many modules.
    if folder.is_dir() and folder.name not in ("unit", "jobs", "ops"):
        yield folder


def changes(tree: ast.AST) -> Iterator[Callable[[], None]]:
    """Yield all changes of a tree, each as a call that makes it. A `strict` of zip never decides, so it is left out."""
    if isinstance(tree, ast.keyword) and tree.arg == "strict":
        return
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for place, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(node, ast.AST) and not _is_message(node):
                yield from _changes_of(node, partial(_put, tree, field, place))
                yield from changes(node)


def _put(parent: ast.AST, field: str, place: int | None, new: ast.AST) -> None:
    if place is None:
        setattr(parent, field, new)
    else:
        getattr(parent, field)[place] = new


def _is_message(node: ast.AST) -> bool:
    call = node.value if isinstance(node, ast.Expr) else node
    if not isinstance(call, ast.Call):
        return isinstance(call, ast.Constant | ast.JoinedStr) and not isinstance(
            getattr(call, "value", ""), int | float
        )
    function = call.func.value if isinstance(call.func, ast.Attribute) else call.func
    return isinstance(function, ast.Name) and function.id in _MESSAGES


def _changes_of(node: ast.AST, put: Callable[[ast.AST], None]) -> Iterator[Callable[[], None]]:
    """Yield functions that each apply a mutation to a node. `put` replaces the node with another."""
    if type(node) in _SWAPPED:
        yield lambda: put(_SWAPPED[type(node)]())
    match node:
        case ast.Constant(value=bool(value)):
            yield lambda: put(ast.Constant(not value))
        case ast.Constant(value=int(number) | float(number)):
            # A large limit plus 1 is hardly another limit.
            yield lambda: put(ast.Constant(number + 1 if number < _LARGE else 2 * number))
        case ast.Name(id=name) if name in _NAMES:
            yield lambda: put(ast.Name(_NAMES[name]))
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            yield lambda: put(operand)
        case ast.If() | ast.IfExp() | ast.While():
            negated = copy.copy(node)
            negated.test = ast.UnaryOp(ast.Not(), node.test)
            yield lambda: put(negated)
        case ast.Return(value=ast.AST() as value) if not isinstance(value, ast.Constant):
            yield lambda: put(ast.Return(ast.Constant(None)))
        case ast.Expr(value=ast.Call()) | ast.Break() | ast.Continue():
            yield lambda: put(ast.Pass())


def modules(place: str) -> Iterator[str]:
    """List the modules of a package, or the module of this name."""
    path = ROOT / _TEMPLATE / place
    paths = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return (str(path.relative_to(ROOT / _TEMPLATE)) for path in paths)


def mutants(place: str) -> list[Mutant]:
    """List all mutants of a package or module."""
    trees = ((module, ast.parse((ROOT / _TEMPLATE / module).read_text())) for module in modules(place))
    return [Mutant(module, number) for module, tree in trees for number, _ in enumerate(changes(tree))]


def drawn(number: int, dice: random.Random) -> list[Mutant]:
    """Draw `number` mutants, a tenth of them from each group."""
    every = {place: mutants(place) for place in (*GROUPS, *_OTHERS)}
    chosen = [mutant for place in GROUPS for mutant in dice.sample(every[place], -(-number // 10))]
    others = [mutant for some in every.values() for mutant in some if mutant not in chosen]
    chosen += dice.sample(others, number - len(chosen))
    dice.shuffle(chosen)
    return chosen


def outcome(mutant: Mutant, folder: Path) -> str:
    """Run a mutant's tests in the copy of the project at `folder`.

    Return the first failed test, or the reason if the run ended early; empty if the mutant survives.
    """
    path = folder / _TEMPLATE / mutant.module
    kept = path.read_text()
    path.write_text(mutant.source()[1])
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    words.append(f"--timeout={_SECONDS_PER_TEST}")
    environment = {**os.environ, "SCHEDULES": _SCHEDULES, "SWEEP": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        done = subprocess.run(
            [*words, *mutant.tests()],
            cwd=folder,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    finally:
        path.write_text(kept)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    return (failed[1] if failed else done.stdout[-500:]) if done.returncode else ""


def shown(mutant: Mutant) -> str:
    """Return the changed lines as a unified diff."""
    before, after = (text.splitlines() for text in mutant.source())
    lines = difflib.unified_diff(before, after, mutant.module, mutant.module, lineterm="", n=1)
    return "\n".join(list(lines)[1:])


def main() -> None:
    """Draw mutants, run their tests, and print the outcome of each."""
    numbers = list(map(int, sys.argv[1:]))
    number, seed = (*numbers, *(400, random.randrange(10**6))[len(numbers) :])
    print(f"{number} changes drawn with the seed {seed}", flush=True)
    folder = ROOT / "dist" / "mutants"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules"))
    lived: Counter[str] = Counter()
    for at, mutant in enumerate(drawn(number, random.Random(seed)), 1):
        died = outcome(mutant, folder)
        print(f"{at}. {mutant.module} {mutant.number}: {died or 'lives'}", flush=True)
        if not died:
            print(shown(mutant), flush=True)
            lived[mutant.module] += 1
    print(f"{number - lived.total()} of {number} died, {1 - lived.total() / number:.1%}", *lived.items(), sep="\n")


if __name__ == "__main__":
    main()
