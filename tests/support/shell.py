"""Runs what the documents say, as it stands there: in bash, with the real Serverless Devs tool."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Mapping
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from unittest import mock

from tools.package import ROOT
from tools.serverless import Tool

# TOOL is the real one. The registry is not there, so `s init oss-oms-sync` gets the package from PACKAGE_URL.
_TOOL = """#!/bin/sh
if [ "$1" = init ] && [ "$2" = oss-oms-sync ]; then shift 2; set -- init --uri "$PACKAGE_URL" "$@"; fi
exec "$TOOL" "$@"
"""


class Shell:
    """bash in a folder, which `cd` changes for what follows. `s` is the real tool; npm installs nothing."""

    def __init__(self, tool: Tool, folder: Path, package_url: str) -> None:
        self.folder = folder
        programs = tool.home / "bin"
        programs.mkdir(exist_ok=True)
        for name, text in {"s": _TOOL, "npm": "#!/bin/sh\n"}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (programs / "python").symlink_to(sys.executable)
        author = {
            f"GIT_{who}_{what}": "you@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        path = f"{programs}:{tool.environment['PATH']}"
        self._tool = tool
        self._environment = {**author, "PATH": path, "TOOL": tool.command()[0], "PACKAGE_URL": package_url}

    def run(self, text: str, typed: str = "", env: Mapping[str, str] | None = None) -> str:
        """Runs lines of shell, of which each must succeed, and returns what they print. `typed` is their input."""
        done = self.attempt(text, typed, env)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def attempt(
        self, text: str, typed: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """The same for lines that may fail."""
        where = self.folder / ".where"
        done = subprocess.run(
            ["bash", "-euc", f"trap 'pwd > \"{where}\"' EXIT\n{text}"],
            cwd=self.folder,
            env={**self._tool.environment, **self._environment, **(env or {})},
            input=typed,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )
        self.folder = Path(where.read_text().strip())
        where.unlink()
        return done


def run_script(name: str, project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs a script of the template as if it stood in `project`, in this process, so that coverage is counted."""
    source, out, err = ROOT / "template" / name, io.StringIO(), io.StringIO()
    code = compile(source.read_bytes(), str(source), "exec")
    status: object = 0
    with chdir(project), redirect_stdout(out), redirect_stderr(err), mock.patch.object(sys, "argv", [name, *arguments]):
        try:
            exec(code, {"__name__": "__main__", "__file__": str(project / name)})
        except SystemExit as ended:
            status = ended.code or 0
    if isinstance(status, str):  # as Python does at its end
        err.write(f"{status}\n")
        status = 1
    return subprocess.CompletedProcess([name, *arguments], int(status), out.getvalue(), err.getvalue())
