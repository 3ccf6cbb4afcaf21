"""Function Compute's API on loopback: the lists of functions and of triggers.

Written from help.aliyun.com/zh/functioncompute/fc/developer-reference, version 2023-03-30: ListFunctions, ListTriggers.
A policy can grant the two permissions only for all functions together.
"""

from __future__ import annotations

import json
import re
import ssl
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from sandbox.account import ACCOUNT_ID
from sandbox.keys import KeyedService
from sandbox.ram.limits import RamError
from sandbox.ram.signature import verify_signature
from sandbox.server.message import Request, Response

_VERSION, _MAX_PAGE = "2023-03-30", 100

TriggersByFunction = Mapping[str, Sequence[Mapping[str, Any]]]


class FunctionService(KeyedService):
    """The service of Function Compute's API.

    - `list_triggers` returns the triggers of the sandbox's functions, in the form of s.yaml, by the function's name in
      the cloud.
    - `foreign_functions` has the triggers of other functions in the account, in the same form.
    """

    def __init__(self, region: str, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(0, ssl_context)
        self.region = region
        self.list_triggers: Callable[[], TriggersByFunction] = dict
        self.foreign_functions: dict[str, Sequence[Mapping[str, Any]]] = {}
        # The permissions that the calls have needed so far.
        self.actions: set[str] = set()

    def respond(self, request: Request) -> Response:
        request_id = str(uuid.uuid4()).upper()
        try:
            answer, status = self._respond(request), 200
        except RamError as error:
            answer, status = {"Code": error.code, "Message": error.message, "RequestId": request_id}, error.status
        headers = {"Content-Type": "application/json", "x-acs-request-id": request_id}
        return Response(status, json.dumps(answer).encode(), headers)

    def _respond(self, request: Request) -> dict[str, Any]:
        caller = verify_signature(request, self.find_credential, self.find_age)
        match = re.fullmatch(rf"/{_VERSION}/functions(?:/([^/]+)/triggers)?", request.raw_path)
        action = "ListTriggers" if match and match[1] else "ListFunctions"
        received_call = [
            request.method,
            request.headers["x-acs-action"],
            request.headers["x-acs-version"],
            request.body,
        ]
        if match is None or received_call != ["GET", action, _VERSION, b""]:
            raise RamError("InvalidAction.NotFound", "The sandbox only lists functions and their triggers.", 404)
        self._check_parameters(request, action)
        self.actions.add(f"fc:{action}")
        if caller.find_denial(f"fc:{action}", "*"):
            raise RamError("AccessDenied", f"the caller is not authorized to perform `fc:{action}`", 403)
        functions = {**self.list_triggers(), **self.foreign_functions}
        if not match[1]:
            return self._make_page(request, "functions", [self._describe_function(name) for name in sorted(functions)])
        name = unquote(match[1])
        if name not in functions:
            raise RamError("FunctionNotFound", f"function '{name}' does not exist", 404)
        return self._make_page(request, "triggers", [_describe_trigger(trigger) for trigger in functions[name]])

    def _check_parameters(self, request: Request, action: str) -> None:
        for name, _ in request.query:
            if name not in ("limit", "nextToken"):
                raise RamError("NotImplemented", f"The sandbox does not know {name} of {action}.")
        if len(request.query) > len(request.params):
            raise RamError("InvalidArgument", "a parameter is repeated")

    def _make_page(self, request: Request, name: str, entries: Sequence[Any]) -> dict[str, Any]:
        limit, token = request.params.get("limit", "20"), request.params.get("nextToken")
        if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= _MAX_PAGE:
            raise RamError("InvalidArgument", f"limit is 1 to {_MAX_PAGE}")
        if token is not None and token not in map(str, range(1, len(entries))):
            raise RamError("InvalidArgument", "nextToken is none that was answered")
        start = int(token or 0)
        end = start + int(limit)
        return {name: entries[start:end], **({"nextToken": str(end)} if end < len(entries) else {})}

    def _describe_function(self, name: str) -> dict[str, Any]:
        arn = f"acs:fc:{self.region}:{ACCOUNT_ID}:functions/{name}"
        return {"functionName": name, "functionArn": arn, "runtime": "python3.12", "handler": "index.handler"}


def _describe_trigger(trigger: Mapping[str, Any]) -> dict[str, Any]:
    return {**trigger, "triggerConfig": json.dumps(trigger["triggerConfig"]), "status": "OK"}
