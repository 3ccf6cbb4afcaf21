"""Alibaba Cloud's Function Compute: the OSS triggers of all functions in a region.

Sources: help.aliyun.com/zh/functioncompute/fc/developer-reference (version 2023-03-30): ListFunctions, ListTriggers,
"fc-endpoints" (the account's number is in the host's name); .../fc/user-guide/overview-of-oss-trigger (what overlaps is
refused, and at most ten are a bucket's).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from typing import Any, NamedTuple
from urllib.parse import quote

from ops.clock import Clock
from ops.clouds.keys import Keys
from ops.clouds.services import Acs
from ops.clouds.wire import UnreadableError

_VERSION, _PAGE = "2023-03-30", "100"


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
            any(fnmatchcase(one, them) or fnmatchcase(them, one) for one in self.events for them in other.events)
            and (self.prefix.startswith(other.prefix) or other.prefix.startswith(self.prefix))
            and (self.suffix.endswith(other.suffix) or other.suffix.endswith(self.suffix))
        )


class Functions:
    """The functions of an account in a region, as somebody with these keys sees them. `endpoint`: where they are in the
    sandbox."""

    def __init__(self, region: str, account: str, keys: Keys, clock: Clock, endpoint: str = "") -> None:
        self._acs = Acs(endpoint or f"https://{account}.{region}.fc.aliyuncs.com", _VERSION, keys, clock)

    def oss_triggers(self, bucket: str) -> Iterator[OssTrigger]:
        """All native triggers of a bucket, also those of Function Compute 2.0's functions. Raises RefusedError,
        UnreachableError and UnreadableError."""
        for function in self._pages("", "ListFunctions", "functions"):
            name = str(function["functionName"])
            for one in self._pages(f"/{quote(name, safe='~')}/triggers", "ListTriggers", "triggers"):
                if one["triggerType"] == "oss" and one["sourceArn"].rpartition(":")[2] == bucket:
                    yield _read(name, one)

    def _pages(self, path: str, action: str, what: str) -> Iterator[dict[str, Any]]:
        query = {"limit": _PAGE}
        while True:
            answer = self._acs.call("GET", f"/{_VERSION}/functions{path}", action, query)
            yield from answer.get(what) or ()
            if not answer.get("nextToken"):
                return
            query["nextToken"] = str(answer["nextToken"])


def _read(function: str, told: dict[str, Any]) -> OssTrigger:
    try:
        config = json.loads(told["triggerConfig"])
        key = config.get("filter", {}).get("key", {})
        found = (str(key.get(part, "")) for part in ("prefix", "suffix"))
        return OssTrigger(function, str(told["triggerName"]), config["events"], *found)
    except (LookupError, TypeError, ValueError, AttributeError):
        raise UnreadableError from None
