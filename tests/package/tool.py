"""The real Serverless Devs, the program `s`, with a stand-in for its component fc3, which deploys functions.

Tests answer its prompts on a terminal, or run shell lines of the documents. With a sandbox, the stand-in changes the
sandbox as the component changes the cloud.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pexpect

from sandbox import Sandbox
from support.answers import ANSWERS
from tools.package import manifest
from tools.serverless import Tool, run_server, serve_package

COMPONENT = Path(__file__).parents[1] / "component"


class RefusedError(ValueError):
    """The error for a command that the component refuses."""


class _Arguments(argparse.ArgumentParser):
    def error(self, message: str) -> None:  # type: ignore[override]
        raise RefusedError(message)


def _arguments(*options: tuple[str, ...], flags: tuple[tuple[str, ...], ...] = ()) -> argparse.ArgumentParser:
    parser = _Arguments(add_help=False, allow_abbrev=False)
    for names in options:
        parser.add_argument(*names)
    for names in flags:
        parser.add_argument(*names, action="store_true")
    return parser


# The component's options: devsapp/fc3, src/commands-help.
_TAKES = {
    "deploy": _arguments(("--function",), ("--trigger",), flags=(("-y", "--assume-yes"),)),
    "invoke": _arguments(("-e", "--event"), ("-f", "--event-file"), ("--invocation-type",), ("--qualifier",)),
    "logs": _arguments(("-s", "--start-time"), ("-e", "--end-time"), ("--search",), flags=(("--tail",),)),
    "remove": _arguments(("--trigger",), flags=(("-y", "--assume-yes"),)),
}


def parse_arguments(action: str, words: list[str]) -> argparse.Namespace:
    """Parse the options of a command of the component fc3, without the option `-t` of Serverless Devs.

    Raises RefusedError if the component does not have an option.
    """
    if "-t" in words:
        at = words.index("-t")
        words = words[:at] + words[at + 2 :]
    return _TAKES[action].parse_args(words)


@dataclass
class Fc3:
    """A stand-in for the component fc3; `deployed` has the properties that it received for each resource."""

    box: Sandbox | None = None
    deployed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, action: str, resource: str, props: dict[str, Any], args: list[str], folder: str) -> str:
        """Carry out a command of the component, and return its output."""
        options = parse_arguments(action, args)
        if action == "deploy":
            return self.deploy(resource, props, Path(folder), options.trigger)
        if resource not in self.deployed:
            raise RefusedError(f"function {props['functionName']} does not exist")
        if action == "remove":
            return self._remove(resource, options.trigger)
        if self.box is None:
            return ""
        if action == "invoke":
            payload = Path(folder, options.event_file).read_text() if options.event_file else options.event or ""
            return self._invoke(self.box, resource, payload)
        return "\n".join(
            line
            for invocation in self.box.fc.invocations
            if invocation.function == resource
            for line in invocation.logs
        )

    def deploy(self, resource: str, props: dict[str, Any], folder: Path, trigger: str | None = None) -> str:
        """Deploy a resource into the sandbox, or only its trigger with this name."""
        if self.box and trigger:
            self.box.restore_trigger(resource, trigger)
        elif self.box:
            self.box.deploy_resource(resource, props, folder)
        self.deployed[resource] = props
        return ""

    def _remove(self, resource: str, trigger: str | None) -> str:
        # devsapp/fc3, src/subCommands/remove: a comma separates the names of several triggers.
        for name in trigger.split(",") if trigger else ():
            if name not in [declared["triggerName"] for declared in self.deployed[resource]["triggers"]]:
                raise RefusedError(f"trigger {name} does not exist")
            if self.box:
                self.box.remove_trigger(resource, name)
        if trigger:
            return ""
        if self.box:
            self.box.remove_function(resource)
        del self.deployed[resource]
        return ""

    def _invoke(self, box: Sandbox, resource: str, payload: str) -> str:
        """Invoke a function; return the output in the format of devsapp/fc3 (src/subCommands/invoke)."""
        done = box.fc.invoke(resource, payload.encode())
        failure = {"errorMessage": done.error_message, "errorType": done.error_type, "stackTrace": done.stack_trace}
        body = json.dumps(failure, indent=4, sort_keys=True) if done.failed else done.body
        logs = "\n".join(done.logs)
        return (
            f"========= FC invoke Logs begin =========\n{logs}\n========= FC invoke Logs end =========\n\n"
            f"Invoke instanceId: c-1\nQualifier: LATEST\nRequestId: {done.request_id}\n"
            f"{'Error Type: UnhandledInvocationError' if done.failed else ''}\n\nInvoke Result:\n{body}\n"
        )


@contextmanager
def standing_in(tool: Tool, box: Sandbox | None = None) -> Iterator[Fc3]:
    """Replace the component fc3 by a stand-in within the context; yield the stand-in."""
    component = tool.home / ".s" / "components" / "devsapp.cn" / "v3" / "fc3"
    shutil.copytree(COMPONENT, component, dirs_exist_ok=True)
    # With this lock the tool does not look for a newer component.
    (component / ".s.lock").write_text(json.dumps({"version": "0.0.1", "lastUpdateCheck": int(time.time() * 1e3)}))
    fc3 = Fc3(box)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Log nothing."""

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, text = 200, fc3.answer(**call)
            except ValueError as error:
                status, text = 400, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with run_server(Handler) as tool.environment["FC3_STAND_IN"]:
        yield fc3


# TOOL is the real one. The registry is not there, so `s init oss-oms-sync` gets the package from PACKAGE_URL.
_TOOL = """#!/bin/sh
if [ "$1" = init ] && [ "$2" = oss-oms-sync ]; then shift 2; set -- init --uri "$PACKAGE_URL" "$@"; fi
exec "$TOOL" "$@"
"""


class Shell:
    """A bash shell in a folder; a command `cd` also changes the folder of later lines.

    The program `s` is the real Serverless Devs; the program `npm` does nothing.
    """

    def __init__(self, tool: Tool, folder: Path, package_url: str) -> None:
        self.folder = folder
        programs = tool.home / "bin"
        programs.mkdir(exist_ok=True)
        for name, text in {"s": _TOOL, "npm": "#!/bin/sh\n"}.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        (programs / "python3").symlink_to(sys.executable)
        author = {
            f"GIT_{who}_{what}": "you@example.com" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        path = f"{programs}:{tool.environment['PATH']}"
        self._tool = tool
        self._environment = {**author, "PATH": path, "TOOL": tool.command()[0], "PACKAGE_URL": package_url}

    def run(self, text: str, typed: str = "", env: Mapping[str, str] | None = None) -> str:
        """Run shell lines, which must all succeed, with `typed` as standard input; return their output."""
        done = self.attempt(text, typed, env)
        assert done.returncode == 0, done.stdout
        return done.stdout

    def attempt(
        self, text: str, typed: str = "", env: Mapping[str, str] | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run shell lines, which may fail, with `typed` as standard input; return the finished process."""
        where = self.folder / ".where"
        done = subprocess.run(
            ["bash", "-euc", f"trap 'pwd > \"$WHERE\"' EXIT\n{text}"],
            cwd=self.folder,
            env={**self._tool.environment, **self._environment, "WHERE": str(where), **(env or {})},
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

    def on_terminal(
        self, text: str, dialogue: Sequence[tuple[str, str]], env: Mapping[str, str] | None = None
    ) -> tuple[int | None, str]:
        """Run a shell line on a terminal; return the exit code and the final screen.

        `dialogue` has the questions to wait for, each with the answer to type.
        """
        terminal = pexpect.spawn(
            "bash",
            ["-euc", text],
            cwd=str(self.folder),
            env={**self._tool.environment, **self._environment, "TERM": "xterm", **(env or {})},
            encoding="utf-8",
            timeout=60,
            dimensions=(50, 120),
        )
        screen = ""
        for question, typed in dialogue:
            terminal.expect_exact(question)
            screen += f"{terminal.before}{question}"
            terminal.sendline(typed)
        terminal.expect(pexpect.EOF)
        terminal.close()
        screen += terminal.before
        # A carriage return starts a line again.
        return terminal.exitstatus, plain("\n".join(line.rpartition("\r")[2] for line in screen.split("\r\n")))


SECRETS = [ANSWERS["HW_AK"], ANSWERS["HW_SK"]]
ENTER = "\r"
CHINESE = re.compile(r"[\u4e00-\u9fff]")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", text)


def answer_prompts(
    tool: Tool,
    package: Path,
    folder: Path,
    answers: Mapping[str, str],
    wrong: Mapping[str, str] | None = None,
    proposed: Mapping[str, str] | None = None,
) -> tuple[int | None, str]:
    """Answer the prompts of `s init`; return the exit code and the final screen.

    For a question in `wrong`, first type this wrong answer. `proposed` has the defaults that differ from those in
    publish.yaml.
    """
    code, screen = _answer_prompts(tool, package, folder, answers, wrong or {}, proposed or {})
    if tool.must_repeat_init(screen, folder):
        return _answer_prompts(tool, package, folder, answers, wrong or {}, proposed or {})
    return code, screen


def _answer_prompts(
    tool: Tool,
    package: Path,
    folder: Path,
    answers: Mapping[str, str],
    wrong: Mapping[str, str],
    proposed: Mapping[str, str],
) -> tuple[int | None, str]:
    with serve_package(package) as url:
        words = tool.command("init", "--uri", url, "-d", folder.name, "-a", "default")
        screen = pexpect.spawn(
            words[0],
            words[1:],
            cwd=str(folder.parent),
            env=tool.environment,
            encoding="utf-8",
            timeout=60,
            dimensions=(60, 400),
        )
        shown: list[str] = []
        screen.logfile_read = type(
            "Log", (), {"write": staticmethod(shown.append), "flush": staticmethod(lambda: None)}
        )
        asked = {
            name: question
            for name, question in manifest()["Parameters"]["properties"].items()
            if question.get("input", True)
        }
        for name, question in asked.items():
            screen.expect_exact(question["title"])
            if name in wrong:
                screen.send(wrong[name] + ENTER)
                english = question["description"].split(". ")[0][-30:]
                screen.expect_exact(english)
                screen.send("\x15")
            if "enum" in question:
                default = proposed.get(name, question["default"])
                down = question["enum"].index(answers[name]) - question["enum"].index(default)
                screen.send("\x1b[B" * down + ENTER)
            else:
                screen.send(answers[name] + ENTER)
        screen.expect(pexpect.EOF)
        screen.close()
    return screen.exitstatus, plain("".join(shown))


def init(
    tool: Tool, package: Path, project: Path, answers: Mapping[str, str], env: Mapping[str, str] | None = None
) -> str:
    """Create the project with `s init`, which must succeed; return the output."""
    done = tool.init(package, project, answers, env)
    assert done.returncode == 0, done.stdout
    return done.stdout


def deploy(tool: Tool, folder: Path) -> tuple[dict[str, Any], str]:
    """Run `s deploy`; return the properties that the fc3 component received for each function, and the output."""
    with standing_in(tool) as fc3:
        done = tool.run("deploy", "-y", cwd=folder)
    assert done.returncode == 0, done.stdout
    return fc3.deployed, done.stdout


def texts_in(*places: Path | str) -> Iterator[tuple[Path | str, str]]:
    """Yield each file in the folders `places` with its contents; yield a text in `places` with itself."""
    for place in places:
        if isinstance(place, str):
            yield place, place
        else:
            for path in (path for path in (place, *place.rglob("*")) if path.is_file()):
                yield path, path.read_bytes().decode("utf-8", "replace")


def assert_no_secret(*places: Path | str, secrets: Iterable[str] = SECRETS) -> None:
    assert not [(where, secret) for where, text in texts_in(*places) for secret in secrets if secret in text]


def commands_in(text: str) -> list[str]:
    """Return the shell lines in the output of the package's hook."""
    return [line.strip() for line in text.splitlines() if re.match(r"  (cd|git|read|python3?|s) ", line)]
