"""A copy of the project in which tests run with changed sources."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tools.documents import make_documents
from tools.package import ROOT

# The number is enough for laws that try fixed examples first.
SCHEDULES = "20"
# Each run is a fork of a process that has imported pytest's plugins and the libraries, but no module of the project,
# because imports take most of the time of a short run. 70 is the exit code if pytest itself fails.
_LIBRARIES = "import hypothesis.strategies, oss2, requests, yaml\n\ndef test_nothing(): pass\n"
_RUNNER = """
import contextlib, json, os, sys
import pytest

with contextlib.redirect_stdout(sys.stderr):
    assert pytest.main(["-q", "-n", "0", "-p", "no:cacheprovider", "-c", os.devnull, sys.argv[1]]) == 0

for line in sys.stdin:
    words, variables, output = json.loads(line)
    child = os.fork()
    if not child:
        os.environ.update(variables)
        descriptor = os.open(output, os.O_CREAT | os.O_TRUNC | os.O_WRONLY)
        for stream in (1, 2):
            os.dup2(descriptor, stream)
        code = 70
        try:
            code = pytest.main(words)
            sys.stdout.flush()
        finally:
            os._exit(code)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class ProjectCopy:
    """A copy of the project without hidden and generated files, and a process that runs its tests.

    Test runs write no bytecode, so that no run reads bytecode from another run's change.
    """

    def __init__(self, place: Path) -> None:
        excluded = shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules")
        self.folder = shutil.copytree(ROOT, place / "copy", ignore=excluded)
        compileall.compile_dir(self.folder, quiet=2)
        self._output = place / "output"
        libraries = place / "test_libraries.py"
        libraries.write_text(_LIBRARIES)
        self._runner = subprocess.Popen(
            [sys.executable, "-c", _RUNNER, libraries],
            cwd=self.folder,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    @contextmanager
    def change(self, replacements: Sequence[tuple[str, str, str]]) -> Iterator[None]:
        """Replace texts in the copy within the context; each replacement has a file, the old text and the new text."""
        with self._restore(file for file, _, _ in replacements):
            for file, old, new in replacements:
                path = self.folder / file
                path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
            yield

    @contextmanager
    def make_documents(self) -> Iterator[None]:
        """Run `make docs` in the copy, and restore the documents after the context."""
        variables = {"PYTHONPATH": "template/code:template", "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, "-m", "tools.documents"]
        with self._restore(path.relative_to(ROOT) for path in make_documents()):
            subprocess.run(command, cwd=self.folder, env={**os.environ, **variables}, check=True)
            yield

    @contextmanager
    def _restore(self, files: Iterable[str | Path]) -> Iterator[None]:
        """Restore the present texts of these files after the context."""
        paths = [self.folder / file for file in files]
        originals = {path: path.read_text(encoding="utf-8") for path in paths}
        try:
            yield
        finally:
            for path, text in originals.items():
                path.write_text(text, encoding="utf-8")

    def run(self, tests: Sequence[str], seeds: str) -> tuple[int, str]:
        """Run tests; return pytest's exit code and output.

        `seeds` are the seeds of the worlds that a law tries.
        """
        words = ["-q", "-x", "-n", "0", "-p", "no:cacheprovider", "--hypothesis-seed=0", *tests]
        variables = {"SEEDS": seeds, "SCHEDULES": SCHEDULES, "EXTRAS": "", "SWEEP": "1"}
        assert self._runner.stdin
        assert self._runner.stdout
        print(json.dumps([words, variables, str(self._output)]), file=self._runner.stdin, flush=True)
        code = int(self._runner.stdout.readline())
        return code, self._output.read_text(encoding="utf-8")[-3000:]

    def close(self) -> None:
        self._runner.communicate()
