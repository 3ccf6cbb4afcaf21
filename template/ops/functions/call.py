"""Calls of the deployed functions, by Serverless Devs, or by HTTP in the sandbox of this project's repository.

A job is a function of the project, such as `status`. A failed call raises ToolError, CloudError or FunctionError.
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

SANDBOX_VARIABLE = "OSS_OMS_SYNC_SANDBOX"
# A function runs up to 570 seconds, and Serverless Devs waits 5 seconds more.
CALL_SECONDS = 660.0
# A command line of Windows takes 32,767 characters, and an argument of Linux 131,071 bytes.
_MAX_ARGUMENT_CHARACTERS = 30_000
_ARGUMENTS_PROGRAM = Path(__file__).with_name("arguments.js")
Payload = Mapping[str, Any]


class Caller(Protocol):
    """Access to the functions of a deployed project, and to the secret store of Serverless Devs.

    The default implementations are those for the real clouds; the sandbox overrides them.
    """

    def ask(self, job: str, payload: Payload) -> Any:
        """Call the function of a job with a payload, and return its answer as JSON data."""

    def trigger(self, action: str, job: str, trigger: str) -> None:
        """Remove a trigger of a function (`action` is "remove"), or deploy it as in s.yaml ("deploy").

        It is not an error if the trigger is removed or deployed already.
        """

    def keep_secret(self, key: str, value: str) -> None:
        """Store a secret in the tool's secret store, in place of an earlier secret under this key."""

    def secrets(self) -> Collection[str]:
        """Return the keys under which the tool's secret store has secrets."""

    def forget_secret(self, key: str) -> None:
        """Delete a secret from the tool's secret store; a missing secret is no error."""

    def account(self, alias: str) -> str:
        """Return the id of the Alibaba Cloud account whose keys have this alias, with most digits masked as `*`.

        Return "" if Serverless Devs does not know the alias.
        """

    def endpoints(self) -> Mapping[str, str]:
        """Return the endpoints of the sandbox's buckets, by the name of the function's variable, such as OSS_ENDPOINT.

        Return an empty mapping for the real clouds.
        """
        return {}

    def skip_time(self, seconds: float) -> bool:  # noqa: ARG002 (real time cannot be skipped)
        """In the sandbox, skip the time and return True; in the real clouds, return False."""
        return False

    def skipped_seconds(self) -> float:
        """Return the seconds that the sandbox has skipped, so that its clock is ahead of this machine's clock."""
        return 0.0

    def stop(self) -> None:
        """Stop waiting for calls, which continue in the cloud."""
        return


def caller(template: Path | None, folder: Path) -> Caller:
    """Return the access to the project in `folder`: in the sandbox if the environment has its address, else by `s`.

    `template` is a settings file to use instead of s.yaml, or None.
    """
    address = os.environ.get(SANDBOX_VARIABLE)
    return Sandbox(address) if address else Tool(template, folder)


class Tool(Caller):
    """The program `s` of Serverless Devs, run in the project's folder without a shell."""

    def __init__(self, template: Path | None, folder: Path, seconds: float = CALL_SECONDS) -> None:
        self._template = ["-t", str(template.absolute())] if template else []
        self._folder = folder
        self._seconds = seconds
        self._running: set[subprocess.Popen[bytes]] = set()

    def ask(self, job: str, payload: Payload) -> Any:
        with _event_arguments(self._program, json.dumps(payload)) as words:
            output, errors, code = self._run([job, "invoke", *words, *self._template])
        invocation = tool_output.find(output)
        if invocation is None:
            raise failures.tool_error(job, output, errors, code)
        return failures.require_answer(job, invocation)

    def trigger(self, action: str, job: str, trigger: str) -> None:
        output, errors, code = self._run([job, action, "--trigger", trigger, "-y", *self._template])
        if code:
            raise failures.tool_error(job, output, errors, code)

    def keep_secret(self, key: str, value: str) -> None:
        # The value is passed in the environment, because every user of a machine can read command lines.
        words = ["secret", "add", "--key", key, "--value", value, "--force"]
        options = f'{os.environ.get("NODE_OPTIONS", "")} --require "{_ARGUMENTS_PROGRAM.as_posix()}"'.strip()
        output, errors, code = self._run([], {"NODE_OPTIONS": options, "OSS_OMS_SYNC_ARGUMENTS": json.dumps(words)})
        if code or key not in output:
            raise failures.tool_error("secret", output.replace(value, "***"), errors.replace(value, "***"), code)
        self._lock_store()

    def secrets(self) -> Collection[str]:
        output, errors, code = self._run(["secret", "get"])
        if code:
            raise failures.tool_error("secret", output, errors, code)
        return {key for key, colon, _ in (line.partition(":") for line in output.splitlines()) if colon}

    def forget_secret(self, key: str) -> None:
        output, errors, code = self._run(["secret", "delete", "--key", key])
        if key in self.secrets():
            raise failures.tool_error("secret", output, errors, code)

    def account(self, alias: str) -> str:
        output, _, _ = self._run(["config", "get", "-a", alias])
        match = re.search(r"^ *AccountID: *([\d*]+)", tool_output.remove_colours(output), re.MULTILINE)
        return match[1] if match else ""

    def _lock_store(self) -> None:
        """Restrict the tool's secret store to its owner, because any user can derive the store's encryption key."""
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
                t("The Serverless Devs tool is missing: no `s` on the PATH"),
                t("Install Serverless Devs: npm install -g @serverless-devs/s@3"),
            )
        return program

    def _run(self, words: Sequence[str], variables: Mapping[str, str] | None = None) -> tuple[str, str, int]:
        command = [self._program, *words]
        if _is_batch(self._program):
            _check_words_for_batch(command)
        try:
            # In its own process group, so that it can be killed with its children.
            process = subprocess.Popen(  # noqa: S603 (a list of arguments, no shell)
                command,
                cwd=self._folder,
                env={**os.environ, **(variables or {})},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            raise ToolError(
                t(
                    "{program} cannot be started: {problem}",
                    program=self._program,
                    problem=error.strerror or str(error),
                ),
                t("Reinstall Serverless Devs: npm install -g @serverless-devs/s@3"),
            ) from None
        with process:
            self._running.add(process)
            try:
                output, errors = process.communicate(timeout=self._seconds)
            except subprocess.TimeoutExpired:
                raise ToolError(
                    t(
                        "`s {job}` did not end within {seconds:.0f} minutes, which is longer than a function can run",
                        job=words[0] if words else "secret",
                        seconds=self._seconds / 60,
                    ),
                    t(
                        "Check this machine's network connection, then run the command again. Work that has"
                        " begun continues in the cloud"
                    ),
                ) from None
            finally:
                _kill(process)
                self._running.discard(process)
        return output.decode("utf-8", "replace"), errors.decode("utf-8", "replace"), process.returncode


@contextlib.contextmanager
def _event_arguments(program: str, payload: str) -> Iterator[list[str]]:
    """Provide the arguments of `s invoke` for a payload: the payload itself or, if it is too long, a temporary file."""
    if len(payload) <= _MAX_ARGUMENT_CHARACTERS and not _is_batch(program):
        yield ["-e", payload]
        return
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "event.json")
        file.write_text(payload, encoding="utf-8")
        yield ["--event-file", str(file)]


def _is_batch(program: str) -> bool:
    """Return True if Windows runs `program` through its shell, which interprets quotation marks in arguments."""
    return program.lower().endswith((".cmd", ".bat"))


def _check_words_for_batch(words: Sequence[str]) -> None:
    for word in words:
        if any(character in word for character in '"%!^&|<>'):
            raise UsageError(
                t("The Windows shell would change the argument {word!r}", word=word),
                t('Use a path without these characters: " % ! ^ & | < >'),
            )


def _kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children; a process that has ended is no error."""
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
    """The functions in `make sandbox` on this machine, called by HTTP."""

    def __init__(self, address: str) -> None:
        self._address = address.rstrip("/")
        # Requests to this machine must not use a proxy.
        self._open = urllib.request.build_opener(urllib.request.ProxyHandler({})).open

    def ask(self, job: str, payload: Payload) -> Any:
        answer = self._post(f"invoke/{job}", json.dumps(payload).encode())
        if "error" in answer:
            return failures.require_answer(
                job, tool_output.ToolInvocation(str(answer["error"].get("errorType")), "", answer["error"])
            )
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

    def skip_time(self, seconds: float) -> bool:
        self._post(f"later/{math.ceil(seconds)}")
        return True

    def skipped_seconds(self) -> float:
        # Without an answer, the clocks are taken as equal; the next call reports the problem.
        with contextlib.suppress(ToolError):
            return float(self._post("ahead")["ahead"])
        return 0.0

    def _post(self, path: str, body: bytes = b"") -> dict[str, Any]:
        request = urllib.request.Request(f"{self._address}/{path}", body)  # noqa: S310 (the address is the user's)
        try:
            with self._open(request, timeout=CALL_SECONDS) as response:
                answer = json.load(response)
        except urllib.error.HTTPError as error:
            raise CloudError(
                t("The sandbox does not support this request"),
                t("Restart the sandbox in this project's version: make sandbox"),
                error.read().decode("utf-8", "replace").splitlines(),
            ) from None
        except (OSError, ValueError, urllib.error.URLError) as error:
            raise ToolError(
                t("The sandbox at {address} does not answer: {problem}", address=self._address, problem=str(error)),
                t(
                    "Start the sandbox (make sandbox), or unset {variable} to use the real clouds",
                    variable=SANDBOX_VARIABLE,
                ),
            ) from None
        return dict(answer)
