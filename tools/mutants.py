"""A mutation test: a program that makes changes of the code, one at a time, and prints those that no test notices.

`python -m tools.mutants [NUMBER [SEED]]` draws NUMBER changes; it prints a random seed. A tenth of the changes is drawn
from each of GROUPS, the others from all packages. Messages and log lines are not changed, because other tests read
them.
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
# Packages through which keys enter and leave the function.
_OTHER_PLACES = tuple(
    f"{_CODE}/{name}" for name in ("delivery", "clouds", "jobs/status", "jobs/forward.py", "events.py")
)
_REPLACEMENTS: dict[type[ast.AST], type[ast.AST]] = {
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
_EXCLUDED_TESTS = ("test_documents.py",)


@dataclass(frozen=True)
class Mutant:
    """A change of a module: the module's path below template/, and the number of the change in it, from 0."""

    module: str
    number: int

    def source(self) -> tuple[str, str]:
        tree = ast.parse((ROOT / _TEMPLATE / self.module).read_text())
        before = ast.unparse(tree)
        list(find_changes(tree))[self.number]()
        return before, ast.unparse(ast.fix_missing_locations(tree))

    def tests(self) -> list[str]:
        """Return the paths of the tests of the module, of the modules that import it, and of its job.

        If there is no such test, return the folder with all tests of the package.
        """
        files = (path for place in (_UNIT, _DOCTOR) for path in (ROOT / place).rglob("test_*.py"))
        test_files = [path for path in files if path.name not in _EXCLUDED_TESTS]
        import_pattern, folders = _compile_import_pattern(self.module), Path(self.module).parts
        invocation_pattern = re.compile(rf'\("{Path(folders[3]).stem}"' if "jobs" in folders[:-1] else "(?!)")
        importers = (module for place in ("code", "ops") for module in list_modules(place))
        importers = (user for user in importers if import_pattern.search((ROOT / _TEMPLATE / user).read_text()))
        tests_of_change = [
            *_find_tests(self.module, test_files),
            *(path for path in sorted(test_files) if import_pattern.search(path.read_text())),
            *(path for user in importers for path in _find_tests(user, test_files)),
            *(path for path in sorted(test_files) if invocation_pattern.search(path.read_text())),
        ]
        names = list(dict.fromkeys(str(path.relative_to(ROOT)) for path in tests_of_change))
        return names or [f"{_UNIT}/{Path(_dotted_path(self.module)).parts[0]}"]


def _dotted_path(module: str) -> str:
    return module.removeprefix("code/").removesuffix(".py").removesuffix("/__init__")


def _compile_import_pattern(module: str) -> re.Pattern[str]:
    package, _, name = (dotted := _dotted_path(module).replace("/", ".")).rpartition(".")
    return re.compile(rf"\b{dotted}\b|from {package} import .*\b{name}\b")


def _find_tests(module: str, test_files: list[Path]) -> Iterator[Path]:
    name = _dotted_path(module)
    yield from sorted(path for path in test_files if path.stem.startswith(f"test_{Path(name).name}"))
    folder = ROOT / _UNIT / name.removeprefix("oss_oms_sync/")
    folder = folder if folder.is_dir() else folder.parent
    # These folders also have tests of many other modules.
    if folder.is_dir() and folder.name not in ("unit", "jobs", "ops"):
        yield folder


def find_changes(tree: ast.AST) -> Iterator[Callable[[], None]]:
    """Yield a function for each possible change of a tree; a call of the function makes the change.

    The argument `strict` of zip is never changed, because no correct call depends on it.
    """
    if isinstance(tree, ast.keyword) and tree.arg == "strict":
        return
    for field, value in ast.iter_fields(tree):
        if field in ("annotation", "returns", "decorator_list", "type_params"):
            continue
        for place, node in enumerate(value) if isinstance(value, list) else ((None, value),):
            if isinstance(node, ast.AST) and not _is_message(node):
                yield from _find_changes(node, partial(_replace_node, tree, field, place))
                yield from find_changes(node)


def _replace_node(parent: ast.AST, field: str, place: int | None, new: ast.AST) -> None:
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


def _find_changes(node: ast.AST, put: Callable[[ast.AST], None]) -> Iterator[Callable[[], None]]:
    """Yield a function for each possible change of a node; a call of the function makes the change.

    `put` replaces the node in its tree by another node.
    """
    if type(node) in _REPLACEMENTS:
        yield lambda: put(_REPLACEMENTS[type(node)]())
    match node:
        case ast.Constant(value=bool(value)):
            yield lambda: put(ast.Constant(not value))
        case ast.Constant(value=int(number) | float(number)):
            # A test can hardly notice a large number plus 1.
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


def list_modules(place: str) -> Iterator[str]:
    """Return the paths of the modules at `place`, a folder or a module, below template/."""
    path = ROOT / _TEMPLATE / place
    paths = [path] if path.is_file() else sorted(path.rglob("*.py"))
    return (str(path.relative_to(ROOT / _TEMPLATE)) for path in paths)


def list_mutants(place: str) -> list[Mutant]:
    trees = ((module, ast.parse((ROOT / _TEMPLATE / module).read_text())) for module in list_modules(place))
    return [Mutant(module, number) for module, tree in trees for number, _ in enumerate(find_changes(tree))]


def draw_mutants(number: int, generator: random.Random) -> list[Mutant]:
    """Draw `number` changes: a tenth from each group of modules in GROUPS, the others from all packages."""
    mutants_by_place = {place: list_mutants(place) for place in (*GROUPS, *_OTHER_PLACES)}
    chosen = [mutant for place in GROUPS for mutant in generator.sample(mutants_by_place[place], -(-number // 10))]
    others = [
        mutant for mutants_of_place in mutants_by_place.values() for mutant in mutants_of_place if mutant not in chosen
    ]
    chosen += generator.sample(others, number - len(chosen))
    generator.shuffle(chosen)
    return chosen


def run_tests(mutant: Mutant, folder: Path) -> str:
    """Make the change in a copy of the project, `folder`, and run the tests that can notice it.

    Return the first failed test, or the reason why the run ended early, or "" if no test failed.
    """
    path = folder / _TEMPLATE / mutant.module
    source = path.read_text()
    path.write_text(mutant.source()[1])
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    words.append(f"--timeout={_SECONDS_PER_TEST}")
    environment = {**os.environ, "SCHEDULES": _SCHEDULES, "SWEEP": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        process = subprocess.run(
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
        path.write_text(source)
    failed = re.search(r"^(?:FAILED|ERROR) (\S+)", process.stdout, re.MULTILINE)
    return (failed[1] if failed else process.stdout[-500:]) if process.returncode else ""


def format_diff(mutant: Mutant) -> str:
    before, after = (text.splitlines() for text in mutant.source())
    lines = difflib.unified_diff(before, after, mutant.module, mutant.module, lineterm="", n=1)
    return "\n".join(list(lines)[1:])


def main() -> None:
    numbers = list(map(int, sys.argv[1:]))
    number, seed = (*numbers, *(400, random.randrange(10**6))[len(numbers) :])
    print(f"{number} changes drawn with the seed {seed}", flush=True)
    folder = ROOT / "dist" / "mutants"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT, folder, ignore=shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules"))
    survivors: Counter[str] = Counter()
    for position, mutant in enumerate(draw_mutants(number, random.Random(seed)), 1):
        failure = run_tests(mutant, folder)
        print(f"{position}. {mutant.module} {mutant.number}: {failure or 'lives'}", flush=True)
        if not failure:
            print(format_diff(mutant), flush=True)
            survivors[mutant.module] += 1
    print(
        f"{number - survivors.total()} of {number} died, {1 - survivors.total() / number:.1%}",
        *survivors.items(),
        sep="\n",
    )


if __name__ == "__main__":
    main()
