"""Alibaba Cloud's RAM, and the call of STS that tells whose a key is.

Sources: help.aliyun.com/zh/ram/developer-reference (RAM, version 2015-05-01); .../zh/sts/developer-reference,
"GetCallerIdentity" (STS, version 2015-04-01).
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

from ops.clock import Clock
from ops.clouds.keys import Keys
from ops.clouds.services import Acs
from ops.clouds.wire import RefusedError, patiently, refused

_RAM, _STS = "2015-05-01", "2015-04-01"
_RAM_HOST, _STS_HOST = "https://ram.aliyuncs.com", "https://sts.aliyuncs.com"


class Ram:
    """RAM, as somebody with these keys sees it. `endpoint` stands for both services in the sandbox.

    All methods raise RefusedError, UnreachableError and UnreadableError.
    """

    def __init__(self, keys: Keys, clock: Clock, endpoint: str = "") -> None:
        self._keys, self._clock, self._endpoint = keys, clock, endpoint

    def whose(self) -> dict[str, Any]:
        """Whose the keys are: `AccountId`, `IdentityType` (Account, RAMUser, AssumedRoleUser) and `Arn`."""
        return self._call(self._endpoint or _STS_HOST, _STS, "GetCallerIdentity", {})

    def do(self, action: str, **parameters: str) -> dict[str, Any]:
        """What RAM answers to an action, with its parameters as RAM calls them; what it is about may be new."""
        # A key that was made without anybody having its secret is of no use, and there are two a user.
        attempts = 1 if action == "CreateAccessKey" else 4
        call = partial(self._call, self._endpoint or _RAM_HOST, _RAM, action, parameters, attempts)
        return patiently(self._clock, call, is_absent)

    def find(self, action: str, **parameters: str) -> dict[str, Any] | None:
        """The same for a thing that may not be there: then None."""
        with refused(is_absent):
            return self._call(self._endpoint or _RAM_HOST, _RAM, action, parameters)
        return None

    def _call(
        self, endpoint: str, version: str, action: str, parameters: Mapping[str, str], attempts: int = 4
    ) -> dict[str, Any]:
        acs = Acs(endpoint, version, self._keys, self._clock)
        return acs.call("POST", "/", action, parameters, attempts)


def is_absent(error: RefusedError) -> bool:
    """Whether RAM has nothing of that name."""
    return error.code.startswith("EntityNotExist")
