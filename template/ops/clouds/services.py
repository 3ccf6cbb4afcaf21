"""Huawei Cloud's services that take JSON, IAM and OMS, and those of Alibaba Cloud that are signed by ACS3: RAM, STS,
which tells whose a key is, and Function Compute with the OSS triggers of its functions in a region.

Sources: help.aliyun.com/zh/ram/developer-reference (RAM, version 2015-05-01); .../zh/sts/developer-reference,
"GetCallerIdentity" (STS, version 2015-04-01); .../zh/functioncompute/fc/developer-reference (version 2023-03-30):
ListFunctions, ListTriggers, "fc-endpoints" (the account's number is in the host's name); .../fc/user-guide/
overview-of-oss-trigger (what overlaps is refused, and at most ten are a bucket's).
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
from ops.clouds.wire import ATTEMPTS, RefusedError, Request, UnreadableResponseError, ask, patiently, refused

_NOTHING: Mapping[str, str] = {}
_FC_VERSION, _FC_PAGE = "2023-03-30", "100"


class Service:
    """A service at `origin` (scheme and host), as somebody with these keys sees it. `about`: headers that say which
    project or domain it is about, such as X-Project-Id."""

    def __init__(self, origin: str, keys: Keys, clock: WallClock, about: Mapping[str, str] = _NOTHING) -> None:
        self.origin, self._keys, self._clock, self._about = origin, keys, clock, about

    def call(
        self,
        method: str,
        path: str,
        query: Mapping[str, str] = _NOTHING,
        body: Any = None,
        *,
        attempts: int = ATTEMPTS,
        was_made: bool = False,
    ) -> dict[str, Any]:
        """What it answers; empty where it says nothing. `was_made`: what it is about was made just now, and may not be
        seen yet. Raises RefusedError, UnreachableError and UnreadableResponseError."""
        host, sent = urlsplit(self.origin).netloc, b"" if body is None else json.dumps(body).encode()
        asked = f"?{urlencode(sorted(query.items()), quote_via=quote)}" if query else ""

        def made() -> Request:
            headers = {"Content-Type": "application/json", **self._about}
            signed = signers.sdk(method, host, path, query, headers, sent, keys=self._keys, now=self._clock.now())
            return Request(method, f"{self.origin}{path}{asked}", signed, sent)

        asked_once = partial(ask, self._clock, made, attempts)
        answer = patiently(self._clock, asked_once, lambda error: error.status == 404) if was_made else asked_once()
        return answer.json() if answer.body else {}


def listed(page: Mapping[str, Any], *path: str) -> list[dict[str, Any]]:
    """Return the elements of a page of a list, at this path in the answer. A list that is missing is empty only where
    the answer counts none. Raises UnreadableResponseError for anything else that is no list of objects."""
    elements: Any = page
    for name in path:
        elements = elements.get(name) if isinstance(elements, dict) else None
    if elements is None and page.get("count") == 0:
        return []
    if not (isinstance(elements, list) and all(isinstance(element, dict) for element in elements)):
        raise UnreadableResponseError
    return elements


class Acs:
    """A service of Alibaba Cloud at `origin` (scheme and host), as somebody with these keys sees it."""

    def __init__(self, origin: str, version: str, keys: Keys, clock: WallClock) -> None:
        self._origin, self._version, self._keys, self._clock = origin, version, keys, clock

    def call(
        self, method: str, path: str, action: str, query: Mapping[str, str] = _NOTHING, attempts: int = ATTEMPTS
    ) -> dict[str, Any]:
        """What it answers. Raises RefusedError, UnreachableError and UnreadableResponseError."""
        host, asked = urlsplit(self._origin).netloc, urlencode(sorted(query.items()), quote_via=quote)

        def made() -> Request:
            # A nonce belongs to a request: one that is sent again is another.
            now, nonce = self._clock.now(), uuid.uuid4().hex
            signed = signers.acs(
                method, host, path, action, self._version, query, keys=self._keys, now=now, nonce=nonce
            )
            return Request(method, f"{self._origin}{path}?{asked}", signed)

        return ask(self._clock, made, attempts).json()


class Ram:
    """RAM, as somebody with these keys sees it. `endpoint` stands for both services in the sandbox.

    All methods raise RefusedError, UnreachableError and UnreadableResponseError.
    """

    def __init__(self, keys: Keys, clock: WallClock, endpoint: str = "") -> None:
        self._ram = Acs(endpoint or "https://ram.aliyuncs.com", "2015-05-01", keys, clock)
        self._sts = Acs(endpoint or "https://sts.aliyuncs.com", "2015-04-01", keys, clock)
        self._clock = clock

    def whose(self) -> dict[str, Any]:
        """Whose the keys are: `AccountId`, `IdentityType` (Account, RAMUser, AssumedRoleUser) and `Arn`."""
        return self._sts.call("POST", "/", "GetCallerIdentity")

    def do(self, action: str, **parameters: str) -> dict[str, Any]:
        """What RAM answers to an action, with its parameters as RAM calls them; what it is about may be new."""
        # A key that was made without anybody having its secret is of no use, and there are two a user.
        attempts = 1 if action == "CreateAccessKey" else ATTEMPTS
        return patiently(self._clock, partial(self._ram.call, "POST", "/", action, parameters, attempts), is_absent)

    def find(self, action: str, **parameters: str) -> dict[str, Any] | None:
        """The same for a thing that may not be there: then None."""
        with refused(is_absent):
            return self._ram.call("POST", "/", action, parameters)
        return None


def is_absent(error: RefusedError) -> bool:
    """Whether RAM has nothing of that name."""
    return error.code.startswith("EntityNotExist")


class OssTrigger(NamedTuple):
    """By which events of which keys OSS calls a function. An event may end with `*`."""

    function: str
    name: str
    events: Sequence[str]
    prefix: str
    suffix: str

    def overlaps(self, other: OssTrigger) -> bool:
        """Whether one event of one key could be both's."""
        return (
            any(fnmatchcase(event, them) or fnmatchcase(them, event) for event in self.events for them in other.events)
            and (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))
        )


class Functions:
    """The functions of an account in a region, as somebody with these keys sees them. `endpoint`: where they are in the
    sandbox."""

    def __init__(self, region: str, account: str, keys: Keys, clock: WallClock, endpoint: str = "") -> None:
        self._acs = Acs(endpoint or f"https://{account}.{region}.fc.aliyuncs.com", _FC_VERSION, keys, clock)

    def oss_triggers(self, bucket: str) -> Iterator[OssTrigger]:
        """All native triggers of a bucket, also those of Function Compute 2.0's functions. Raises RefusedError,
        UnreachableError and UnreadableResponseError."""
        for function in self._pages("", "ListFunctions", "functions"):
            name = str(function["functionName"])
            for page in self._pages(f"/{quote(name, safe='~')}/triggers", "ListTriggers", "triggers"):
                if page["triggerType"] == "oss" and page["sourceArn"].rpartition(":")[2] == bucket:
                    yield _trigger(name, page)

    def _pages(self, path: str, action: str, what: str) -> Iterator[dict[str, Any]]:
        query = {"limit": _FC_PAGE}
        while True:
            answer = self._acs.call("GET", f"/{_FC_VERSION}/functions{path}", action, query)
            yield from answer.get(what) or ()
            if not answer.get("nextToken"):
                return
            query["nextToken"] = str(answer["nextToken"])


def _trigger(function: str, told: dict[str, Any]) -> OssTrigger:
    try:
        config = json.loads(told["triggerConfig"])
        key = config.get("filter", {}).get("key", {})
        found = (str(key.get(part, "")) for part in ("prefix", "suffix"))
        return OssTrigger(function, str(told["triggerName"]), config["events"], *found)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise UnreadableResponseError from None
