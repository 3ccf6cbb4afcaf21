"""An HTTP server that controls a running sandbox.

`python3 ops.py` of a rendered project calls it in place of the Serverless Devs tool, if the environment variable
OSS_OMS_SYNC_SANDBOX holds its address. Each call is a POST. Its answer is JSON, `{}` unless the list says otherwise.

    /invoke/<function>             invokes a function with the body as payload; answers {"answer": ...}, or
                                   {"error": {"errorType", "errorMessage"}} if the function raised
    /keep                          stores a secret for the tool; the body is a list of the secret's name and value
    /kept                          answers {"keys": the names of the stored secrets}
    /forget                        removes the secret with the name in the body
    /account/<alias>               answers {"account": the account of the tool's keys with this alias}
    /endpoints                     answers the addresses of the clouds, by the functions' environment variables
    /remove/<function>/<trigger>   removes a trigger
    /deploy/<function>/<trigger>   deploys a removed trigger again
    /ahead                         answers {"ahead": the seconds by which the sandbox's clock is ahead}
    /say                           runs the command in the body (`Prompt`); answers its output in plain text
    /later/<seconds>               advances the clock and fires the timers
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler

from sandbox.prompt import Prompt
from sandbox.sandbox import Sandbox
from tools.serverless import run_server

VARIABLE = "OSS_OMS_SYNC_SANDBOX"
_IDLE_TIMEOUT_SECONDS = 60.0


@contextmanager
def serve_control(box: Sandbox) -> Iterator[str]:
    """Run the control server of `box` within the context; yield the server's address."""

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Do nothing; the base class would print a line for each request."""

        def do_POST(self) -> None:
            payload = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            path, status = self.path.strip("/").split("/"), 200
            if path == ["say"]:
                kind, body = "text/plain; charset=utf-8", Prompt(box).answer(payload.decode()).encode()
            else:
                try:
                    answer = run_command(box, path, payload)
                except LookupError as error:
                    status, text = 404, f"There is no {error}"
                    answer = {"error": {"errorType": "NotFound", "errorMessage": text}}
                kind, body = "application/json", json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    with run_server(Handler) as address:
        yield address


def run_command(box: Sandbox, path: list[str], payload: bytes) -> dict[str, object]:
    """Run the command in a URL path and return its answer; raise LookupError for an unknown path or name."""
    match path:
        case ["invoke", function]:
            invocation = box.fc.invoke(function, payload)
            if invocation.failed:
                return {"error": {"errorType": invocation.error_type, "errorMessage": invocation.error_message}}
            return {"answer": invocation.value}
        case ["remove", function, trigger]:
            box.remove_trigger(function, trigger)
            return {}
        case ["deploy", function, trigger]:
            box.restore_trigger(function, trigger)
            return {}
        case ["ahead"]:
            return {"ahead": box.clock_lead}
        case ["later", seconds] if seconds.isascii() and seconds.isdigit():
            box.wait_idle(_IDLE_TIMEOUT_SECONDS)
            box.advance_and_tick(int(seconds))
            return {}
        case ["keep"]:
            name, value = json.loads(payload)
            box.secrets[name] = value
            return {}
        case ["kept"]:
            return {"keys": [*box.secrets]}
        case ["forget"]:
            box.secrets.pop(payload.decode(), None)
            return {}
        case ["account", _]:
            return {"account": box.tool_account}
        case ["endpoints"]:
            return {**box.all_endpoints()}
    raise LookupError("/".join(path))
