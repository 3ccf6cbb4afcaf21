"""Stands in for `aliyun ram`: keeps roles and policies in the file that RAM_STATE names, and refuses as RAM does.

Actions, parameters, errors and limits are those of RAM's API, version 2015-05-01. It reads all of its input, too: a
script that is piped to a shell must not lend that to its commands.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
VERSIONS, SIZE = 5, 6144


class RamError(Exception):
    """What RAM answers instead."""


class Ram:
    """Roles with the names of what is attached; policies with their versions, the one in force by its name."""

    def __init__(
        self, roles: dict[str, dict[str, Any]], policies: dict[str, dict[str, Any]], denied: list[str]
    ) -> None:
        self.roles, self.policies, self.denied = roles, policies, denied

    def create_role(self, role_name: str, assume_role_policy_document: str) -> None:
        if role_name in self.roles:
            raise RamError("EntityAlreadyExists.Role")
        self.roles[role_name] = {"trust": json.loads(assume_role_policy_document), "attached": []}

    def create_policy(self, policy_name: str, policy_document: str) -> None:
        if not re.fullmatch("[A-Za-z0-9-]{1,128}", policy_name):
            raise RamError("InvalidParameter.PolicyName.InvalidChars")
        if policy_name in self.policies:
            raise RamError("EntityAlreadyExists.Policy")
        self.policies[policy_name] = {"versions": {}, "default": "v1"}
        self._add_version(policy_name, policy_document)

    def create_policy_version(
        self, policy_name: str, policy_document: str, set_as_default: str = "false", rotate_strategy: str = "None"
    ) -> None:
        policy = self._policy(policy_name)
        if len(policy["versions"]) >= VERSIONS:
            if rotate_strategy != ROTATE:
                raise RamError("LimitExceeded.Policy.Version")
            del policy["versions"][next(one for one in policy["versions"] if one != policy["default"])]
        version = self._add_version(policy_name, policy_document)
        if set_as_default == "true":
            policy["default"] = version

    def attach_policy_to_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        assert policy_type == "Custom"
        self._policy(policy_name)
        attached = self._role(role_name)["attached"]
        if policy_name in attached:
            raise RamError("EntityAlreadyExists.Role.Policy")
        attached.append(policy_name)

    def detach_policy_from_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        assert policy_type == "Custom"
        attached = self._role(role_name)["attached"]
        if policy_name not in attached:
            raise RamError("EntityNotExist.Role.Policy")
        attached.remove(policy_name)

    def delete_policy(self, policy_name: str, cascading_delete: str = "false") -> None:
        if any(policy_name in role["attached"] for role in self.roles.values()):
            raise RamError("DeleteConflict.Policy.Role")
        if len(self._policy(policy_name)["versions"]) > 1 and cascading_delete != "true":
            raise RamError("DeleteConflict.Policy.Version")
        del self.policies[policy_name]

    def delete_role(self, role_name: str) -> None:
        if self._role(role_name)["attached"]:
            raise RamError("DeleteConflict.Role.Policy")
        del self.roles[role_name]

    def deny(self, **_: str) -> None:
        raise RamError("NoPermission")

    def _role(self, name: str) -> dict[str, Any]:
        if name not in self.roles:
            raise RamError("EntityNotExist.Role")
        return self.roles[name]

    def _policy(self, name: str) -> dict[str, Any]:
        if name not in self.policies:
            raise RamError("EntityNotExist.Policy")
        return self.policies[name]

    def _add_version(self, name: str, document: str) -> str:
        if len(document) > SIZE:
            raise RamError("InvalidParameter.PolicyDocument.Length")
        versions = self.policies[name]["versions"]
        version = f"v{max((int(one[1:]) for one in versions), default=0) + 1}"
        versions[version] = json.loads(document)
        return version


def snake(name: str) -> str:
    """RAM's name of an action or parameter as it is called here."""
    assert re.fullmatch("([A-Z][a-z]+)+", name), name
    return re.sub("(?<!^)([A-Z])", r"_\1", name).lower()


def main() -> int:
    sys.stdin.read()
    product, action, *words = sys.argv[1:]
    assert product == "ram"
    given = {snake(name.removeprefix("--")): value for name, value in zip(words[::2], words[1::2], strict=True)}
    state = Path(os.environ["RAM_STATE"])
    ram = Ram(**json.loads(state.read_text()))
    do: Callable[..., None] = ram.deny if action in ram.denied else getattr(ram, snake(action))
    try:
        do(**given)
    except RamError as error:
        print(f"ERROR: SDK.ServerError\nErrorCode: {error}\nRequestId: 1\nMessage: it is so", file=sys.stderr)
        return 1
    state.write_text(json.dumps(vars(ram)))
    print(json.dumps({"RequestId": "1"}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
