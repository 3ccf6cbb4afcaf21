"""The command `s` of Serverless Devs, run offline and without the user's configuration."""

from __future__ import annotations

import functools
import json
import os
import re
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar

from .package import ROOT

_COMMAND = ROOT / "node_modules" / ".bin" / "s"


def is_installed() -> bool:
    """Return True if `s` is installed; `make setup` installs it on machines with Node.js and npm."""
    return _COMMAND.exists() and shutil.which("node") is not None


class Tool:
    """The command `s` with a home folder of its own, which is created if it is missing.

    All instances add `extra_environment` to the environment. `repeated_inits` counts the runs of `s init` that had to
    be repeated.
    """

    extra_environment: ClassVar[dict[str, str]] = {}
    repeated_inits: ClassVar[int] = 0

    def __init__(self, home: Path) -> None:
        self.home = home
        is_new = not (home / ".s").exists()
        home.mkdir(parents=True, exist_ok=True)
        # Variables such as GITHUB_... or JENKINS_... would suppress its questions, so the environment is not inherited.
        self.environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(home),
            "serverless_devs_config_home": str(home),
            "LANG": "C.UTF-8",
            **self.extra_environment,
        }
        if is_new:
            # Without this variable, each command starts a process that looks for a newer version of `s`.
            notifier = home / ".s" / "config" / "update-notifier.json"
            notifier.parent.mkdir(parents=True)
            notifier.write_text(json.dumps({"lastUpdateCheck": int(time.time() * 1e3)}))
            self.run("set", "analysis", "disable")
            access = ("--AccountID", "1234567890", "--AccessKeyID", "id", "--AccessKeySecret", "secret")
            self.run("config", "add", *access, "-a", "default", "-f")

    def command(self, *words: str) -> list[str]:
        return [str(_COMMAND), *words]

    def run(
        self, *words: str, cwd: Path | None = None, env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command(*words),
            cwd=cwd or self.home,
            env={**self.environment, **(env or {})},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=120,
            check=False,
        )

    def init(
        self, package: Path, folder: Path, answers: Mapping[str, str], env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run `s init` into `folder`, with a package from a local server instead of the registry.

        With `answers`, the tool asks no questions.
        """
        with serve_package(package) as url:
            words = ["--uri", url, "-d", folder.name, "-y", "-a", "default", "--parameters", json.dumps(dict(answers))]
            process = self.run("init", *words, cwd=folder.parent, env=env)
            if self.must_repeat_init(process.stdout, folder):
                process = self.run("init", *words, cwd=folder.parent, env=env)
        return process

    @classmethod
    def must_repeat_init(cls, output: str, folder: Path) -> bool:
        """Return True if `s init` failed because it listed `folder` before it created the folder, and must run again.

        This happens on a loaded machine. The folder is then removed.
        """
        if not re.search(rf"ENOENT: no such file or directory, scandir '[^'\n]*/{re.escape(folder.name)}'", output):
            return False
        cls.repeated_inits += 1
        shutil.rmtree(folder, ignore_errors=True)
        return True


@contextmanager
def run_server(handler: Callable[..., BaseHTTPRequestHandler]) -> Iterator[str]:
    """Run an HTTP server on loopback that answers requests by `handler`; yield the server's address."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    # A short poll interval, for which `shutdown` has to wait.
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_package(package: Path) -> Iterator[str]:
    """Serve `package` on loopback and yield its URL, because Serverless Devs deletes a package that is a local file."""

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Do nothing; the base class would print a line for each request."""

    with run_server(functools.partial(Handler, directory=str(package.parent))) as address:
        yield f"{address}/{package.name}"
