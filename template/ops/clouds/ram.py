"""Alibaba Cloud's RAM, and the call of STS that tells whose a key is.

Sources: help.aliyun.com/zh/ram/developer-reference (RAM, version 2015-05-01); .../zh/sts/developer-reference,
"GetCallerIdentity" (STS, version 2015-04-01).
"""

from __future__ import annotations

from functools import partial
from typing import Any

from ops.clock import Clock
from ops.clouds.keys import Keys
from ops.clouds.services import Acs
from ops.clouds.wire import ATTEMPTS, RefusedError, patiently, refused


class Ram:
    """RAM, as somebody with these keys sees it. `endpoint` stands for both services in the sandbox.

    All methods raise RefusedError, UnreachableError and UnreadableError.
    """

    def __init__(self, keys: Keys, clock: Clock, endpoint: str = "") -> None:
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
