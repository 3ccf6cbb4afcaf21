"""The packages that `make` installs: each has a locked version, and the demo installs only packages that it imports."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distributions, packages_distributions
from pathlib import Path

import pytest

from tools.package import ROOT

# pip comes with Python, in the version that it has.
NOT_OURS = {"pip", "wheel"}


def normalize(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(file: Path) -> dict[str, str]:
    lines = re.findall(r"^([\w.-]+)==([\w.]+)", file.read_text(), re.MULTILINE)
    return {normalize(name): version for name, version in lines}


def find_unpinned(installed: Iterable[Distribution], file: Path) -> list[str]:
    """Return the installed packages that a file of requirements does not pin."""
    pins = read_pins(file)
    versions = {normalize(distribution.name): distribution.version for distribution in installed}
    return [f"{name}=={version}" for name, version in versions.items() if pins.get(name) != version]


def test_each_package_is_installed_in_its_locked_version():
    installed = [distribution for distribution in distributions() if normalize(distribution.name) not in NOT_OURS]
    assert find_unpinned(installed, ROOT / "constraints.txt") == []


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / ".runtimes").glob("*")))
def test_each_library_of_a_runtime_has_its_locked_version(name):
    file = ROOT / "sandbox" / "runtimes" / ("tests.txt" if name.endswith("-tests") else f"{name}.txt")
    assert find_unpinned(distributions(path=[str(ROOT / ".runtimes" / name)]), file) == []


def test_no_requirements_file_names_the_host_of_a_package_index():
    for file in (ROOT / "constraints.txt", *ROOT.glob("requirements*.txt"), *ROOT.glob("sandbox/runtimes/*.txt")):
        assert "://" not in file.read_text(), file.name
    assert '"resolved"' not in (ROOT / "package-lock.json").read_text()


def find_imports(modules: Iterable[Path]) -> Iterator[str]:
    """Yield the packages that modules import, except imports for type checkers."""
    for path in modules:
        tree = ast.parse(path.read_text(encoding="utf-8"))
        typing_only = {
            inner
            for node in ast.walk(tree)
            if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
            for inner in ast.walk(node)
        }
        for node in set(ast.walk(tree)) - typing_only:
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield node.module.partition(".")[0]


def find_missing_requirements(modules: Iterable[Path], *requirements: str) -> list[str]:
    """Return the packages that the modules import and that none of the files of requirements names."""
    names = (
        {*find_imports(modules)} - sys.stdlib_module_names - {"sandbox", "tools", "oss_oms_sync", "ops", "bootstrap"}
    )
    required = {name for file in requirements for name in read_pins(ROOT / file)}
    # Packages for the pictures alone are not installed for the tests.
    providers = {"PIL": ["pillow"], **packages_distributions()}
    return [name for name in names if required.isdisjoint(map(normalize, providers[name]))]


PICTURES = {ROOT / "tools" / "pictures.py"}
# Only tests use what runs in process.
IN_PROCESS = set((ROOT / "sandbox" / "inprocess").rglob("*.py"))
DEMO = {*(ROOT / "sandbox").rglob("*.py"), *(ROOT / "tools").rglob("*.py")} - PICTURES - IN_PROCESS


@pytest.mark.parametrize(
    ("modules", "requirements"),
    [(DEMO, ["requirements.txt"]), (PICTURES, ["requirements.txt", "requirements-bench.txt"])],
    ids=["the demo", "the pictures"],
)
def test_the_requirements_of_a_program_name_each_package_it_imports(modules, requirements):
    assert find_missing_requirements(modules, *requirements) == []
