"""Clients of Huawei Cloud's JSON APIs (IAM, OMS) and of Alibaba Cloud's ACS3-signed APIs (RAM, STS, FC).

STS identifies the caller; Function Compute (FC) lists the functions of a region and their OSS triggers.

Sources: help.aliyun.com/zh/ram/developer-reference (RAM, version 2015-05-01); .../zh/sts/developer-reference,
"GetCallerIdentity" (STS, version 2015-04-01); .../zh/functioncompute/fc/developer-reference (version 2023-03-30):
ListFunctions, ListTriggers, "fc-endpoints" (the account's number is in the host's name);
.../fc/user-guide/overview-of-oss-trigger (overlapping triggers are refused, and a bucket has at most ten).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from functools import partial
from typing import Any, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

from ops.clock import WallClock
from ops.clouds import signers
from ops.clouds.keys import Keys
from ops.clouds.wire import (
    MAX_ATTEMPTS,
    RefusedError,
    Request,
    UnreadableResponseError,
    retry_while_absent,
    send_request,
    suppress_refusal,
)

_NO_PARAMETERS: Mapping[str, str] = {}
_FC_VERSION, _FC_PAGE = "2023-03-30", "100"


class Service:
    """The client of a service of Huawei Cloud at `origin` (scheme and host).

    `extra_headers` are headers that name the project or domain, such as X-Project-Id.
    """

    def __init__(
        self, origin: str, keys: Keys, clock: WallClock, extra_headers: Mapping[str, str] = _NO_PARAMETERS
    ) -> None:
        self.origin, self._keys, self._clock, self._extra_headers = origin, keys, clock, extra_headers

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = _NO_PARAMETERS,
        body: Any = None,
        *,
        attempts: int = MAX_ATTEMPTS,
        is_new: bool = False,
    ) -> dict[str, Any]:
        """Send a request, and return the fields of the response, or no fields for a response without a body.

        `is_new` is True if the resource was created just now, so that the service may not see it yet. Raises
        RefusedError, UnreachableError and UnreadableResponseError.
        """
        host, payload = urlsplit(self.origin).netloc, b"" if body is None else json.dumps(body).encode()
        parameters = f"?{urlencode(sorted(query.items()), quote_via=quote)}" if query else ""

        def make_request() -> Request:
            headers = {"Content-Type": "application/json", **self._extra_headers}
            signed_headers = signers.sign_huawei_service(
                method, host, path, query, headers, payload, access_keys=self._keys, now=self._clock.now()
            )
            return Request(method, f"{self.origin}{path}{parameters}", signed_headers, payload)

        send = partial(send_request, self._clock, make_request, attempts)
        response = retry_while_absent(self._clock, send, lambda error: error.status == 404) if is_new else send()
        return response.json() if response.body else {}


def read_list(page: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
    """Return the elements of a list in a response; `path` are the field names that lead to the list.

    A missing list counts as empty only if the response states a count of 0. Raises UnreadableResponseError for anything
    else than a list of objects.
    """
    elements: Any = page
    for name in path:
        elements = elements.get(name) if isinstance(elements, dict) else None
    if elements is None and page.get("count") == 0:
        return []
    if not (isinstance(elements, list) and all(isinstance(element, dict) for element in elements)):
        raise UnreadableResponseError
    return elements


class AlibabaService:
    """The client of a service of Alibaba Cloud at `origin` (scheme and host)."""

    def __init__(self, origin: str, version: str, keys: Keys, clock: WallClock) -> None:
        self._origin, self._version, self._keys, self._clock = origin, version, keys, clock

    def call(
        self,
        method: str,
        path: str,
        action: str,
        query: Mapping[str, str] = _NO_PARAMETERS,
        attempts: int = MAX_ATTEMPTS,
    ) -> dict[str, Any]:
        """Send a request, and return the fields of the response.

        Raises RefusedError, UnreachableError and UnreadableResponseError.
        """
        host, parameters = urlsplit(self._origin).netloc, urlencode(sorted(query.items()), quote_via=quote)

        def make_request() -> Request:
            # Each request has a new nonce, also a repeated request.
            now, nonce = self._clock.now(), uuid.uuid4().hex
            signed_headers = signers.sign_alibaba_service(
                method, host, path, action, self._version, query, access_keys=self._keys, now=now, nonce=nonce
            )
            return Request(method, f"{self._origin}{path}?{parameters}", signed_headers)

        return send_request(self._clock, make_request, attempts).json()


class Ram:
    """The client of the services RAM and STS. In the sandbox, both are at the address `endpoint`.

    All methods raise RefusedError, UnreachableError and UnreadableResponseError.
    """

    def __init__(self, keys: Keys, clock: WallClock, endpoint: str = "") -> None:
        self._ram = AlibabaService(endpoint or "https://ram.aliyuncs.com", "2015-05-01", keys, clock)
        self._sts = AlibabaService(endpoint or "https://sts.aliyuncs.com", "2015-04-01", keys, clock)
        self._clock = clock

    def identity(self) -> dict[str, Any]:
        """Return the caller's identity: `AccountId`, `IdentityType` (Account, RAMUser, AssumedRoleUser) and `Arn`."""
        return self._sts.call("POST", "/", "GetCallerIdentity")

    def send(self, action: str, **parameters: str) -> dict[str, Any]:
        """Send a request for an action, and return the response; wait for a new resource to become visible."""
        # A repeated request could create a second key; the first would be useless without its secret.
        attempts = 1 if action == "CreateAccessKey" else MAX_ATTEMPTS
        return retry_while_absent(
            self._clock, partial(self._ram.call, "POST", "/", action, parameters, attempts), is_absent
        )

    def find(self, action: str, **parameters: str) -> dict[str, Any] | None:
        """Send a request for an action, and return the response, or None if the resource is missing."""
        with suppress_refusal(is_absent):
            return self._ram.call("POST", "/", action, parameters)
        return None


def is_absent(error: RefusedError) -> bool:
    return error.code.startswith("EntityNotExist")


class OssTrigger(NamedTuple):
    """A trigger by which OSS calls a function for some events and object keys.

    `events` are names of events, which may end with `*`. `prefix` and `suffix` limit the keys.
    """

    function: str
    name: str
    events: Sequence[str]
    prefix: str
    suffix: str

    def overlaps(self, other_trigger: OssTrigger) -> bool:
        return (
            any(
                fnmatchcase(event, pattern) or fnmatchcase(pattern, event)
                for event in self.events
                for pattern in other_trigger.events
            )
            and (self.prefix.startswith(other_trigger.prefix) or other_trigger.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other_trigger.suffix) or other_trigger.suffix.endswith(self.suffix))
        )


class FunctionService:
    """The client of Function Compute, for the functions of an account in a region.

    In the sandbox, `endpoint` is the address of Function Compute.
    """

    def __init__(self, region: str, account: str, keys: Keys, clock: WallClock, endpoint: str = "") -> None:
        self._service = AlibabaService(
            endpoint or f"https://{account}.{region}.fc.aliyuncs.com", _FC_VERSION, keys, clock
        )

    def oss_triggers(self, bucket: str) -> Iterator[OssTrigger]:
        """Yield all OSS triggers of a bucket, also those of functions of Function Compute 2.0.

        Raises RefusedError, UnreachableError and UnreadableResponseError.
        """
        for function in self._list_pages("", "ListFunctions", "functions"):
            name = str(function["functionName"])
            for trigger in self._list_pages(f"/{quote(name, safe='~')}/triggers", "ListTriggers", "triggers"):
                if trigger["triggerType"] == "oss" and trigger["sourceArn"].rpartition(":")[2] == bucket:
                    yield _parse_trigger(name, trigger)

    def _list_pages(self, path: str, action: str, field: str) -> Iterator[dict[str, Any]]:
        query = {"limit": _FC_PAGE}
        while True:
            response = self._service.call("GET", f"/{_FC_VERSION}/functions{path}", action, query)
            yield from response.get(field) or ()
            if not response.get("nextToken"):
                return
            query["nextToken"] = str(response["nextToken"])


def _parse_trigger(function: str, fields: dict[str, Any]) -> OssTrigger:
    try:
        config = json.loads(fields["triggerConfig"])
        key = config.get("filter", {}).get("key", {})
        filters = (str(key.get(part, "")) for part in ("prefix", "suffix"))
        return OssTrigger(function, str(fields["triggerName"]), config["events"], *filters)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise UnreadableResponseError from None
