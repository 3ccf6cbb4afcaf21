"""A program that builds a runtime: `python -m sandbox.runtimes python3.10 [tests]`. `make` calls it.

pip installs the packages for the interpreter that will import them, because a compiled package fits only one Python
version.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

from sandbox.runtimes import NAMES, ROOT, find_interpreter, load_runtime, version_fits, write_interpreter

_FOLDER = Path(__file__).resolve().parent


def main(name: str = "", packages: str = "libraries") -> int:
    """Build .runtimes/<name> with the runtime's libraries, or .runtimes/<name>-tests with the packages of unit tests.

    Without a name, as in CI, only print the missing interpreters. Returns the exit code.
    """
    if not name:
        return _print_missing_interpreters()
    interpreter, version = find_interpreter(name)
    has_own_version = version_fits(name, version)
    target, requirements = (
        (ROOT / name, _FOLDER / f"{name}.txt")
        if packages == "libraries"
        else (ROOT / f"{name}-tests", _FOLDER / "tests.txt")
    )
    print(f"Installing the {packages} for Function Compute's runtime {name}, with Python {version} ...")
    if not has_own_version:
        print(f"  ({name} was not found on this machine, so Python {version} replaces it)")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    # Without the runtime's own version, the tests would only repeat those on the project's Python.
    if (has_own_version or packages == "libraries") and not _install_packages(interpreter, target, requirements):
        print(f"The packages of {requirements.name} could not be installed: is the Python package index reachable?")
        return 1
    write_interpreter(target, interpreter, version)
    return 0


def _print_missing_interpreters() -> int:
    """Print each missing interpreter with the commands that install it; return exit code 1 if any is missing."""
    missing_names = [name for name in NAMES if not load_runtime(name).has_own_version]
    for version in (name.removeprefix("python") for name in missing_names):
        print(
            f"Python {version} is missing on this machine, so no test can run on Function Compute's runtime"
            f" python{version}. Debian 13, PyPI and npm have no package of this version. Install it with `pyenv install"
            f" {version}` or `uv python install {version}`, remove .runtimes, and run the command again."
        )
    return 1 if missing_names else 0


def _install_packages(interpreter: str, target: Path, requirements: Path) -> bool:
    """Install the packages and return True; if pip fails, print its output and return False.

    The project's pip is used, because the interpreter may have none.
    """
    quiet_options = ("--quiet", "--disable-pip-version-check")
    command = [sys.executable, "-m", "pip", "--python", interpreter, *quiet_options, "install"]
    process = subprocess.run(
        [*command, "--target", str(target), "-r", str(requirements)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if process.returncode:
        print(process.stdout)
    return process.returncode == 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
