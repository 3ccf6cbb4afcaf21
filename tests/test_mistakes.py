"""Each mistake of tools/mistakes.py is noticed by the test that is named with it."""

from __future__ import annotations

import compileall
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from tools.mistakes import MISTAKES, Mistake
from tools.package import ROOT

# Enough for laws that try examples of their own first.
SCHEDULES = "20"


@pytest.fixture(scope="session")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project, without what is hidden or made. It is compiled once: whoever runs there writes no
    bytecode, so nobody reads that of a mistake."""
    left_out = shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules")
    copied = shutil.copytree(ROOT, tmp_path_factory.mktemp("mistakes") / "copy", ignore=left_out)
    compileall.compile_dir(copied, quiet=2)
    return copied


@contextmanager
def changed(folder: Path, changes: Iterable[tuple[str, str, str]]) -> Iterator[None]:
    """Within this, its files have other text: in each file, what is replaced, and by what."""
    kept: dict[Path, str] = {}
    for file, old, new in changes:
        path = folder / file
        text = path.read_text(encoding="utf-8")
        kept.setdefault(path, text)
        path.write_text(text.replace(old, new), encoding="utf-8")
    try:
        yield
    finally:
        for path, text in kept.items():
            path.write_text(text, encoding="utf-8")


def run(folder: Path, tests: Sequence[str], seeds: str) -> tuple[int, str]:
    """Return the exit code and the output of pytest; `seeds` are those of the worlds that a law tries."""
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0"]
    asked = {"SEEDS": seeds, "SCHEDULES": SCHEDULES, "EXTRAS": "", "SWEEP": "1", "PYTHONDONTWRITEBYTECODE": "1"}
    environment = {**os.environ, **asked}
    done = subprocess.run([*words, *tests], cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    return done.returncode, done.stdout[-3000:]


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda case: case.name)
def test_a_mistake_replaces_what_is_there_once(mistake: Mistake) -> None:
    for file, old, _ in mistake.changes:
        assert (ROOT / file).read_text().count(old) == 1, f"{file} has not exactly one place with {old!r}"


@pytest.mark.extras
@pytest.mark.parametrize("seeds", sorted({mistake.seeds for mistake in MISTAKES}))
def test_nothing_is_noticed_without_a_mistake(folder: Path, seeds: str) -> None:
    code, printed = run(folder, sorted({mistake.test for mistake in MISTAKES if mistake.seeds == seeds}), seeds)
    assert code == 0, printed


@pytest.mark.extras
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda case: case.name)
def test_a_mistake_is_noticed(mistake: Mistake, folder: Path) -> None:
    with changed(folder, mistake.changes):
        code, printed = run(folder, [mistake.test], mistake.seeds)
    # 1: the test was run, and failed; anything else says nothing of the mistake.
    assert code == 1, printed
