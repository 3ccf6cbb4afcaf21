"""Stands in for the fc3 component of the Serverless Devs tool, which only the network has.

The tool finds it where it keeps the component, so that `s deploy`, `s <name> invoke`, `logs` and `remove` do their part
with the project as it is. With a sandbox it does there what the component would do in the cloud.
"""

from __future__ import annotations

import argparse
import json
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

from sandbox import Sandbox
from tools.serverless import Tool, serving

COMPONENT = Path(__file__).parents[1] / "component"


class RefusedError(ValueError):
    """What the component would say no to."""


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


# What the component takes: devsapp/fc3, src/commands-help.
_TAKES = {
    "deploy": _arguments(("--function",), ("--trigger",), flags=(("-y", "--assume-yes"),)),
    "invoke": _arguments(("-e", "--event"), ("-f", "--event-file"), ("--invocation-type",), ("--qualifier",)),
    "logs": _arguments(("-s", "--start-time"), ("-e", "--end-time"), ("--search",), flags=(("--tail",),)),
    "remove": _arguments(("--trigger",), flags=(("-y", "--assume-yes"),)),
}


def arguments(action: str, words: list[str]) -> argparse.Namespace:
    """What a command of the component is given. Raises RefusedError. `-t` is the tool's own, which hands it on."""
    if "-t" in words:
        at = words.index("-t")
        words = words[:at] + words[at + 2 :]
    return _TAKES[action].parse_args(words)


@dataclass
class Fc3:
    """What the component was asked: `deployed` are the properties of each resource as it was handed them."""

    box: Sandbox | None = None
    deployed: dict[str, dict[str, Any]] = field(default_factory=dict)

    def answer(self, action: str, resource: str, props: dict[str, Any], args: list[str], folder: str) -> str:
        """What the component prints."""
        options = arguments(action, args)
        if action == "deploy":
            return self._deploy(resource, props, Path(folder), options.trigger)
        if resource not in self.deployed:
            raise RefusedError(f"function {props['functionName']} does not exist")
        if action == "remove":
            return self._remove(resource, options.trigger)
        if self.box is None:
            return ""
        if action == "invoke":
            given = Path(folder, options.event_file).read_text() if options.event_file else options.event or ""
            return self._invoke(self.box, resource, given)
        return "\n".join(line for one in self.box.fc.invocations if one.function == resource for line in one.logs)

    def _deploy(self, resource: str, props: dict[str, Any], folder: Path, trigger: str | None) -> str:
        if self.box and trigger:
            self.box.restore_trigger(resource, trigger)
        elif self.box:
            self.box.deploy_resource(resource, props, folder)
        self.deployed[resource] = props
        return ""

    def _remove(self, resource: str, trigger: str | None) -> str:
        if trigger:
            if trigger not in [one["triggerName"] for one in self.deployed[resource]["triggers"]]:
                raise RefusedError(f"trigger {trigger} does not exist")
            if self.box:
                self.box.remove_trigger(resource, trigger)
            return ""
        if self.box:
            self.box.remove_resource(resource)
        del self.deployed[resource]
        return ""

    def _invoke(self, box: Sandbox, resource: str, given: str) -> str:
        """As the component shows an invocation: devsapp/fc3, src/subCommands/invoke."""
        done = box.fc.invoke(resource, given.encode())
        failure = {"errorMessage": done.error_message, "errorType": done.error_type, "stackTrace": done.stack_trace}
        body = json.dumps(failure, indent=4, sort_keys=True) if done.failed else done.body
        logs = "\n".join(done.logs)
        return (
            f"========= FC invoke Logs begin =========\n{logs}\n========= FC invoke Logs end =========\n\n"
            f"Invoke instanceId: c-{time.time():.0f}\nQualifier: LATEST\nRequestId: {done.request_id}\n"
            f"{'Error Type: UnhandledInvocationError' if done.failed else ''}\n\nInvoke Result:\n{body}\n"
        )


@contextmanager
def standing_in(tool: Tool, box: Sandbox | None = None) -> Iterator[Fc3]:
    """Lets the stand-in answer whatever `tool` asks of the fc3 component meanwhile."""
    component = tool.home / ".s" / "components" / "devsapp.cn" / "v3" / "fc3"
    shutil.copytree(COMPONENT, component, dirs_exist_ok=True)
    # So long the tool does not look for a newer one.
    (component / ".s.lock").write_text(json.dumps({"version": "0.0.1", "lastUpdateCheck": int(time.time() * 1e3)}))
    fc3 = Fc3(box)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Says nothing."""

        def do_POST(self) -> None:
            call = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            try:
                status, text = 200, fc3.answer(**call)
            except ValueError as error:
                status, text = 400, str(error)
            self.send_response(status)
            self.end_headers()
            self.wfile.write(text.encode())

    with serving(Handler) as tool.environment["FC3_STAND_IN"]:
        yield fc3
