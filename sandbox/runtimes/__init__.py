"""Function Compute's Python runtimes on this machine: an interpreter and the built-in libraries for each.

`make` builds the folders .runtimes/<name> (`sandbox.runtimes.__main__`). If this machine lacks an interpreter of the
runtime's Python version, the runtime has the project's interpreter.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Literal, NamedTuple

Name = Literal["python3.12", "python3.10"]
NAMES: tuple[Name, ...] = ("python3.12", "python3.10")
ROOT = Path(__file__).resolve().parents[2] / ".runtimes"
# The file in a folder of libraries with the path and version of the interpreter that installed them.
_INTERPRETER = ".interpreter"
# The folders of pyenv, asdf, mise, uv and GitHub's runners, because their shims on the PATH can fail.
_FOLDERS = (
    ("PYENV_ROOT", "~/.pyenv", "versions/{version}*/bin"),
    ("ASDF_DATA_DIR", "~/.asdf", "installs/python/{version}*/bin"),
    ("MISE_DATA_DIR", "~/.local/share/mise", "installs/python/{version}*/bin"),
    ("UV_PYTHON_INSTALL_DIR", "~/.local/share/uv/python", "cpython-{version}*/bin"),
    ("RUNNER_TOOL_CACHE", "/opt/hostedtoolcache", "Python/{version}*/x64/bin"),
)
# A Python without one of these modules cannot run a function.
_PROBE_CODE = "import ctypes, socket, ssl, sys, zlib; print('%d.%d.%d' % sys.version_info[:3])"
_PROBE_TIMEOUT = 10
_OWN_INTERPRETER = (sys.executable, ".".join(map(str, sys.version_info[:3])))


class Runtime(NamedTuple):
    """The interpreter and the libraries of a function's process."""

    name: str
    libraries: Path
    interpreter: str
    version: str

    @property
    def has_own_version(self) -> bool:
        """True if the interpreter has the runtime's Python version."""
        return version_fits(self.name, self.version)

    def __str__(self) -> str:
        missing_text = "" if self.has_own_version else f", because no {self.name} was found"
        return f"{self.name}: runs on Python {self.version}{missing_text}"


def load_runtime(name: str) -> Runtime:
    """Return a runtime that `make` built; if it is missing, raise RuntimeError with the command that builds it."""
    libraries = ROOT / name
    if not libraries.is_dir():
        raise RuntimeError(f"{libraries} is missing: run `make setup`, which makes it")
    try:
        interpreter, version = (libraries / _INTERPRETER).read_text().splitlines()
    except FileNotFoundError:
        interpreter, version = _OWN_INTERPRETER  # the file is missing in folders of older versions
    if not Path(interpreter).exists():
        raise RuntimeError(f"{interpreter} is gone: remove {libraries} and run `make setup`, which looks for another")
    return Runtime(name, libraries, interpreter, version)


def find_interpreter(name: str) -> tuple[str, str]:
    """Return the path and the version of an interpreter for a runtime.

    Without an interpreter of the runtime's Python version, it is the project's interpreter.
    """
    for candidate in _list_candidates(name):
        version = probe_version(candidate)
        if version_fits(name, version):
            return candidate, version
    return _OWN_INTERPRETER


def write_interpreter(libraries: Path, interpreter: str, version: str) -> None:
    (libraries / _INTERPRETER).write_text(f"{interpreter}\n{version}\n")


def probe_version(interpreter: str) -> str:
    """Return the version of an interpreter, or an empty text if it fails, as shims of version managers can."""
    try:
        process = subprocess.run(
            [interpreter, "-S", "-s", "-c", _PROBE_CODE],
            capture_output=True,
            text=True,
            check=True,
            timeout=_PROBE_TIMEOUT,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout.strip()


def version_fits(name: str, version: str) -> bool:
    return version.startswith(name.removeprefix("python") + ".")


def _list_candidates(name: str) -> Iterator[str]:
    yield sys.executable
    folders = [Path(entry) for entry in os.get_exec_path()]
    for variable, default_root, pattern in _FOLDERS:
        root = Path(os.environ.get(variable) or default_root).expanduser()
        folders += sorted(root.glob(pattern.format(version=name.removeprefix("python") + ".")), reverse=True)
    for folder in folders:
        if (folder / name).is_file():
            yield str(folder / name)
