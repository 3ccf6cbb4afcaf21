"""Function Compute's API on loopback, as far as it tells of functions and their triggers.

help.aliyun.com/zh/functioncompute/fc/developer-reference, version 2023-03-30: ListFunctions, ListTriggers; both rights
are given for all resources only.
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

_VERSION, _MOST = "2023-03-30", 100

Triggers = Mapping[str, Sequence[Mapping[str, Any]]]


class Functions(KeyedService):
    """`deployed`: the triggers of each function of the sandbox, as s.yaml has them, by the name that it has in the
    cloud; `others`: those of somebody else's functions."""

    def __init__(self, region: str, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(0, ssl_context)
        self.region = region
        self.deployed: Callable[[], Triggers] = dict
        self.others: dict[str, Sequence[Mapping[str, Any]]] = {}
        # The rights that were asked for.
        self.actions: set[str] = set()

    def respond(self, request: Request) -> Response:
        number = str(uuid.uuid4()).upper()
        try:
            told, status = self._respond(request), 200
        except RamError as error:
            told, status = {"Code": error.code, "Message": error.message, "RequestId": number}, error.status
        headers = {"Content-Type": "application/json", "x-acs-request-id": number}
        return Response(status, json.dumps(told).encode(), headers)

    def _respond(self, request: Request) -> dict[str, Any]:
        caller = verify_signature(request, self.credential, self.skew)
        match = re.fullmatch(rf"/{_VERSION}/functions(?:/([^/]+)/triggers)?", request.raw_path)
        action = "ListTriggers" if match and match[1] else "ListFunctions"
        given = [request.method, request.headers["x-acs-action"], request.headers["x-acs-version"], request.body]
        if match is None or given != ["GET", action, _VERSION, b""]:
            raise RamError("InvalidAction.NotFound", "The sandbox only lists functions and their triggers.", 404)
        self._check_parameters(request, action)
        self.actions.add(f"fc:{action}")
        if caller.denial(f"fc:{action}", "*"):
            raise RamError("AccessDenied", f"the caller is not authorized to perform `fc:{action}`", 403)
        found = {**self.deployed(), **self.others}
        if not match[1]:
            return self._page(request, "functions", [self._function(name) for name in sorted(found)])
        name = unquote(match[1])
        if name not in found:
            raise RamError("FunctionNotFound", f"function '{name}' does not exist", 404)
        return self._page(request, "triggers", [_trigger(one) for one in found[name]])

    def _check_parameters(self, request: Request, action: str) -> None:
        for name, _ in request.query:
            if name not in ("limit", "nextToken"):
                raise RamError("NotImplemented", f"The sandbox does not know {name} of {action}.")
        if len(request.query) > len(request.params):
            raise RamError("InvalidArgument", "a parameter is repeated")

    def _page(self, request: Request, what: str, found: Sequence[Any]) -> dict[str, Any]:
        limit, token = request.params.get("limit", "20"), request.params.get("nextToken")
        if not re.fullmatch("[0-9]{1,3}", limit) or not 1 <= int(limit) <= _MOST:
            raise RamError("InvalidArgument", f"limit is 1 to {_MOST}")
        if token is not None and token not in map(str, range(1, len(found))):
            raise RamError("InvalidArgument", "nextToken is none that was answered")
        start = int(token or 0)
        end = start + int(limit)
        return {what: found[start:end], **({"nextToken": str(end)} if end < len(found) else {})}

    def _function(self, name: str) -> dict[str, Any]:
        arn = f"acs:fc:{self.region}:{ACCOUNT_ID}:functions/{name}"
        return {"functionName": name, "functionArn": arn, "runtime": "python3.12", "handler": "index.handler"}


def _trigger(given: Mapping[str, Any]) -> dict[str, Any]:
    """As it was deployed, but with its configuration as text."""
    return {**given, "triggerConfig": json.dumps(given["triggerConfig"]), "status": "OK"}
