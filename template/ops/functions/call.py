"""Calls the functions: by the Serverless Devs tool, or in the sandbox of this project's repository.

Both raise ToolError, CloudError and FunctionError.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request
from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Protocol

from ops.errors import CloudError, ToolError, UsageError
from ops.functions import failures, tool_output
from oss_oms_sync.answers.text import t

SANDBOX = "OSS_OMS_SYNC_SANDBOX"
# A function takes up to 570 seconds, and the tool waits 5 more for it.
CALL_SECONDS = 660.0
# What is longer may not fit into a command line: Windows' takes 32,767 characters, an argument of Linux 131,071 bytes.
_LONGEST_ARGUMENT = 30_000
_ARGUMENTS = Path(__file__).with_name("arguments.js")
Payload = Mapping[str, Any]


class Caller(Protocol):
    """Calls the functions of a deployed project. Where it does not say otherwise, all is as it is in the clouds."""

    def ask(self, job: str, payload: Payload) -> Any:
        """What the function of a job answers."""

    def trigger(self, action: str, job: str, trigger: str) -> None:
        """Take a trigger of a function away ("remove"), or put it back as s.yaml has it ("deploy"); nothing changes if
        that is so already."""

    def keep_secret(self, key: str, value: str) -> None:
        """Put a secret into the tool's store, instead of what is there under that key."""

    def secrets(self) -> Collection[str]:
        """The keys of what the tool's store has."""

    def forget_secret(self, key: str) -> None:
        """Take it out of the tool's store; not an error if it is not there."""

    def account(self, alias: str) -> str:
        """The account of Alibaba Cloud of the keys that the tool has under this alias, with `*` in the place of most
        digits; empty if it has none."""

    def endpoints(self) -> Mapping[str, str]:
        """Where the buckets are, by the names of the functions' settings, where that is not where the clouds have
        them."""
        return {}

    def let_pass(self, seconds: float) -> bool:  # noqa: ARG002 (it takes as long as it takes)
        """Whether so much time has gone by at once, as it does in the sandbox."""
        return False

    def ahead(self) -> float:
        """How many seconds the functions' clock is ahead of this machine's."""
        return 0.0

    def stop(self) -> None:
        """Wait for nothing any more. What goes on in the cloud goes on."""
        return


def caller(template: Path | None, folder: Path) -> Caller:
    """The one that the environment asks for. `folder` is the project's, `template` another file than its s.yaml."""
    address = os.environ.get(SANDBOX)
    return Sandbox(address) if address else Tool(template, folder)


class Tool(Caller):
    """`s`, run in the project's folder, with a list of arguments and not through a shell."""

    def __init__(self, template: Path | None, folder: Path, seconds: float = CALL_SECONDS) -> None:
        self._template = ["-t", str(template.absolute())] if template else []
        self._folder = folder
        self._seconds = seconds
        self._running: set[subprocess.Popen[bytes]] = set()

    def ask(self, job: str, payload: Payload) -> Any:
        with _event(self._program, json.dumps(payload)) as words:
            output, errors, code = self._run([job, "invoke", *words, *self._template])
        found = tool_output.find(output)
        if found is None:
            raise failures.of_tool(job, output, errors, code)
        return failures.checked(job, found)

    def trigger(self, action: str, job: str, trigger: str) -> None:
        output, errors, code = self._run([job, action, "--trigger", trigger, "-y", *self._template])
        if code:
            raise failures.of_tool(job, output, errors, code)

    def keep_secret(self, key: str, value: str) -> None:
        # The value goes by the environment, because everybody on a machine can read a command line.
        words = ["secret", "add", "--key", key, "--value", value, "--force"]
        options = f'{os.environ.get("NODE_OPTIONS", "")} --require "{_ARGUMENTS.as_posix()}"'.strip()
        output, errors, code = self._run([], {"NODE_OPTIONS": options, "OSS_OMS_SYNC_ARGUMENTS": json.dumps(words)})
        if code or key not in output:
            raise failures.of_tool("secret", output.replace(value, "***"), errors.replace(value, "***"), code)
        self._lock_store()

    def secrets(self) -> Collection[str]:
        output, errors, code = self._run(["secret", "get"])
        if code:
            raise failures.of_tool("secret", output, errors, code)
        return {key for key, colon, _ in (line.partition(":") for line in output.splitlines()) if colon}

    def forget_secret(self, key: str) -> None:
        output, errors, code = self._run(["secret", "delete", "--key", key])
        if key in self.secrets():
            raise failures.of_tool("secret", output, errors, code)

    def account(self, alias: str) -> str:
        output, _, _ = self._run(["config", "get", "-a", alias])
        match = re.search(r"^ *AccountID: *([\d*]+)", tool_output.plain(output), re.MULTILINE)
        return match[1] if match else ""

    def _lock_store(self) -> None:
        """Let nobody else read the tool's store, which is encrypted with what everybody can find out."""
        home = re.search(r"s-home: (.*?),", self._run(["-v"])[0])
        with contextlib.suppress(OSError):
            Path(home[1] if home else "", "secrets.yaml").chmod(0o600)

    def stop(self) -> None:
        for process in list(self._running):
            _kill(process)

    @cached_property
    def _program(self) -> str:
        program = shutil.which("s")
        if program is None:
            raise ToolError(
                t("The Serverless Devs tool is not here: there is no `s` on the PATH"),
                t("Install it: npm install -g @serverless-devs/s"),
            )
        return program

    def _run(self, words: Sequence[str], given: Mapping[str, str] | None = None) -> tuple[str, str, int]:
        """What the tool prints on both ways, and its exit code. `given` is added to the environment."""
        command = [self._program, *words]
        if _is_batch(self._program):
            _check_for_batch(command)
        try:
            # In a group of its own, so that it can be killed with all that it has started.
            process = subprocess.Popen(  # noqa: S603 (a list of arguments, no shell)
                command,
                cwd=self._folder,
                env={**os.environ, **(given or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(
                t("{program} cannot be run: {problem}", program=self._program, problem=error.strerror or str(error)),
                t("Install it anew: npm install -g @serverless-devs/s"),
            ) from None
        with process:
            self._running.add(process)
            try:
                output, errors = process.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired:
                raise ToolError(
                    t(
                        "`s {job}` did not end within {seconds:.0f} minutes, longer than a function may run",
                        job=words[0] if words else "secret",
                        seconds=self._seconds / 60,
                    ),
                    t("Check the network, and run the command again: what was begun in the cloud goes on"),
                ) from None
            finally:
                _kill(process)
                self._running.discard(process)
        return output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"), process.returncode


@contextlib.contextmanager
def _event(program: str, payload: str) -> Iterator[list[str]]:
    """The arguments that give the tool an event."""
    if len(payload) <= _LONGEST_ARGUMENT and not _is_batch(program):
        yield ["-e", payload]
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "event.json")
        file.write_text(payload, encoding="utf-8")
        yield ["--event-file", str(file)]


def _is_batch(program: str) -> bool:
    """Whether Windows runs `program` through its shell, which takes quotes in arguments for its own."""
    return program.lower().endswith((".cmd", ".bat"))


def _check_for_batch(words: Sequence[str]) -> None:
    for word in words:
        if any(one in word for one in '"%!^&|<>'):
            raise UsageError(
                t("Windows' shell would change {word!r}", word=word),
                t("Use a path without special characters"),
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and all that it has started; not an error if it has ended."""
    if process.poll() is not None:
        return
    if sys.platform == "win32":
        words = ["taskkill", "/F", "/T", "/PID", str(process.pid)]
        subprocess.run(words, capture_output=True, check=False)  # noqa: S603
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    process.wait()


class Sandbox(Caller):
    """The functions in `make sandbox`, by HTTP on this machine."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        # No proxy stands between a machine and itself.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, job: str, payload: Payload) -> Any:
        answer = self._post(f"invoke/{job}", json.dumps(payload).encode())
        if "error" in answer:
            return failures.checked(job, tool_output.Found(str(answer["error"].get("errorType")), "", answer["error"]))
        return answer["answer"]

    def trigger(self, action: str, job: str, trigger: str) -> None:
        self._post(f"{action}/{job}/{trigger}")

    def keep_secret(self, key: str, value: str) -> None:
        self._post("keep", json.dumps([key, value]).encode())

    def secrets(self) -> Collection[str]:
        return set(self._post("kept")["keys"])

    def forget_secret(self, key: str) -> None:
        self._post("forget", key.encode())

    def account(self, alias: str) -> str:
        return str(self._post(f"account/{alias}")["account"])

    def endpoints(self) -> Mapping[str, str]:
        return self._post("endpoints")

    def let_pass(self, seconds: float) -> bool:
        self._post(f"later/{math.ceil(seconds)}")
        return True

    def ahead(self) -> float:
        # Where nothing answers, the next call says so, if there is one.
        with contextlib.suppress(ToolError):
            return float(self._post("ahead")["ahead"])
        return 0.0

    def _post(self, path: str, body: bytes = b"") -> dict[str, Any]:
        request = urllib.request.Request(f"{self._address}/{path}", body)  # noqa: S310 (what the user names)
        try:
            with self._open(request, timeout=CALL_SECONDS) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise CloudError(
                t("The sandbox does not know what was asked for"),
                t("Start the sandbox of this project's version anew: make sandbox"),
                error.read().decode("utf-8", "replace").splitlines(),
            ) from None
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise ToolError(
                t("The sandbox at {address} does not answer: {problem}", address=self._address, problem=str(error)),
                t("Start it (make sandbox), or unset {variable} to ask the cloud", variable=SANDBOX),
            ) from None
        return dict(answer)
