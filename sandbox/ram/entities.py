"""Users, roles, policies and access keys of RAM, and the errors of operations on them.

Source of actions, parameters, errors and limits: RAM's API, version 2015-05-01,
help.aliyun.com/zh/ram/developer-reference. Records are JSON values, because the command `aliyun ram` keeps them in a
file.
"""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from sandbox.account import ACCOUNT_ID
from sandbox.policy import Document, parse
from sandbox.ram.limits import (
    RamError,
    check_name,
    checked_policy,
    checked_trust,
    is_true,
    no_permission,
    tags_of,
    text_of,
)

Record = dict[str, Any]

ROTATE = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
_MAX_VERSIONS, _MAX_KEYS = 5, 2
# The first limit differs between accounts.
_MAX_ROLE_POLICIES, _MAX_USER_POLICIES = 5, 10
# The resource of each action, as the end of the ARN in policies.
ACTIONS = {
    "CreateRole": "role/{role_name}",
    "GetRole": "role/{role_name}",
    "UpdateRole": "role/{role_name}",
    "DeleteRole": "role/{role_name}",
    "ListPoliciesForRole": "role/{role_name}",
    "AttachPolicyToRole": "role/{role_name}",
    "DetachPolicyFromRole": "role/{role_name}",
    "CreatePolicy": "policy/{policy_name}",
    "GetPolicy": "policy/{policy_name}",
    "CreatePolicyVersion": "policy/{policy_name}",
    "DeletePolicy": "policy/{policy_name}",
    "CreateUser": "user/{user_name}",
    "GetUser": "user/{user_name}",
    "DeleteUser": "user/{user_name}",
    "ListPoliciesForUser": "user/{user_name}",
    "AttachPolicyToUser": "user/{user_name}",
    "DetachPolicyFromUser": "user/{user_name}",
    "CreateAccessKey": "user/{user_name}",
    "ListAccessKeys": "user/{user_name}",
    "DeleteAccessKey": "user/{user_name}",
}


class Entities:
    """The records of the account, with a method for each action.

    `grant_delay`: the seconds until a grant takes effect; None if it never does. `visibility_delay`: the seconds until
    requests find a new record; its name is taken at once. `denied`: the actions that all callers are denied, with the
    kind of denial.
    """

    def __init__(self, now: Callable[[], float], state: Mapping[str, dict[str, Record]] | None = None) -> None:
        self._now = now
        self.users: dict[str, Record] = {}
        self.roles: dict[str, Record] = {}
        self.policies: dict[str, Record] = {}
        self.denied: dict[str, str] = {}
        self.grant_delay: float | None = 0.0
        self.visibility_delay = 0.0
        vars(self).update(state or {})

    @property
    def state(self) -> dict[str, dict[str, Record]]:
        return {"users": self.users, "roles": self.roles, "policies": self.policies}

    def do(self, action: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Return the answer to an action; raise RamError.

        The parameters have the names of RAM's API.
        """
        if action not in ACTIONS:
            raise RamError("InvalidAction.NotFound", "The specified api is not found.", 404)
        if action in self.denied:
            raise no_permission(f"ram:{action}", self.denied[action])
        method: Callable[..., dict[str, Any] | None] = getattr(self, snake(action))
        expected = inspect.signature(method).parameters
        arguments = {snake(name): value for name, value in parameters.items()}
        for name in arguments.keys() - expected.keys():
            raise RamError("NotImplemented", f"The sandbox does not know {name} of {action}.")
        for name, parameter in expected.items():
            if parameter.default is parameter.empty and not arguments.get(name):
                camel = name.title().replace("_", "")
                raise RamError(f"Missing{camel}", f"{camel} is mandatory for this action.")
        return method(**arguments) or {}

    def in_force(self, kind: str, name: str) -> list[Document]:
        """Return the policy documents that are in force; `kind` is "user" or "role"."""
        if self.grant_delay is None:
            return []
        latest = self._now() - self.grant_delay
        attached: dict[str, float] = self._all(kind.title()).get(name, {}).get("attached", {})
        return [self._document_at(policy, latest) for policy, at in attached.items() if at <= latest]

    def holder_of(self, access_key: str) -> tuple[str, str] | None:
        """Return the user name and the secret of an access key; None for an unknown key."""
        for name, user in self.users.items():
            key = user["keys"].get(access_key)
            if key and not self._is_hidden(key):
                return name, key["secret"]
        return None

    # Roles.

    def create_role(
        self,
        role_name: str,
        assume_role_policy_document: str,
        description: str = "",
        tag: str = "[]",
    ) -> dict[str, Any]:
        fields = {
            "RoleName": role_name,
            "RoleId": _number(),
            "Arn": f"acs:ram::{ACCOUNT_ID}:role/{role_name.lower()}",
            "AssumeRolePolicyDocument": checked_trust(assume_role_policy_document),
            "Description": text_of("Description", description),
        }
        return {"Role": self._add("Role", role_name, fields, {"attached": {}, "tags": tags_of(tag)})}

    def get_role(self, role_name: str) -> dict[str, Any]:
        return {"Role": self._find("Role", role_name)["fields"]}

    def update_role(self, role_name: str, new_assume_role_policy_document: str) -> dict[str, Any]:
        role = self._find("Role", role_name)["fields"]
        role["AssumeRolePolicyDocument"] = checked_trust(new_assume_role_policy_document)
        role["UpdateDate"] = self._date()
        return {"Role": role}

    def delete_role(self, role_name: str) -> None:
        if self._find("Role", role_name)["attached"]:
            raise RamError("DeleteConflict.Role.Policy")
        del self.roles[role_name]

    def list_policies_for_role(self, role_name: str) -> dict[str, Any]:
        return self._policies_of("Role", role_name)

    def attach_policy_to_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        self._attach("Role", role_name, policy_type, policy_name, _MAX_ROLE_POLICIES)

    def detach_policy_from_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        self._detach("Role", role_name, policy_type, policy_name)

    # Policies.

    def create_policy(
        self, policy_name: str, policy_document: str, description: str = "", tag: str = "[]"
    ) -> dict[str, Any]:
        fields = {
            "PolicyName": policy_name,
            "PolicyType": "Custom",
            "Description": text_of("Description", description),
            "DefaultVersion": "v1",
        }
        first = {"v1": {"document": checked_policy(policy_document), "date": self._date()}}
        kept = {"versions": first, "changes": [[self._now(), policy_document]], "tags": tags_of(tag)}
        return {"Policy": self._add("Policy", policy_name, fields, kept)}

    def get_policy(self, policy_name: str, policy_type: str) -> dict[str, Any]:
        policy = self._custom(policy_type, policy_name)
        used = sum(policy_name in record["attached"] for record in (*self.roles.values(), *self.users.values()))
        default = policy["fields"]["DefaultVersion"]
        return {
            "Policy": {**policy["fields"], "AttachmentCount": used},
            "DefaultPolicyVersion": self._version(policy, default),
        }

    def create_policy_version(
        self, policy_name: str, policy_document: str, set_as_default: str = "false", rotate_strategy: str = "None"
    ) -> dict[str, Any]:
        policy, document = self._find("Policy", policy_name), checked_policy(policy_document)
        versions, default = policy["versions"], policy["fields"]["DefaultVersion"]
        if rotate_strategy not in ("None", ROTATE):
            raise RamError("InvalidParameter.RotateStrategy")
        if len(versions) >= _MAX_VERSIONS:
            if rotate_strategy != ROTATE:
                raise RamError("LimitExceeded.Policy.Version")
            del versions[next(version for version in versions if version != default)]
        number = f"v{max(int(version[1:]) for version in (*versions, default)) + 1}"
        versions[number] = {"document": document, "date": self._date()}
        if is_true("SetAsDefault", set_as_default):
            policy["fields"] |= {"DefaultVersion": number, "UpdateDate": self._date()}
            policy["changes"].append([self._now(), document])
        return {"PolicyVersion": self._version(policy, number)}

    def delete_policy(self, policy_name: str, cascading_delete: str = "false") -> None:
        policy = self._find("Policy", policy_name)
        for kind in ("Role", "User"):
            if any(policy_name in record["attached"] for record in self._all(kind).values()):
                raise RamError(f"DeleteConflict.Policy.{kind}")
        if len(policy["versions"]) > 1 and not is_true("CascadingDelete", cascading_delete):
            raise RamError("DeleteConflict.Policy.Version")
        del self.policies[policy_name]

    # Users and their keys.

    def create_user(self, user_name: str, display_name: str = "", comments: str = "") -> dict[str, Any]:
        fields = {
            "UserName": user_name,
            "UserId": _number(),
            "DisplayName": text_of("DisplayName", display_name or user_name),
            "Comments": text_of("Comments", comments),
        }
        return {"User": self._add("User", user_name, fields, {"attached": {}, "keys": {}})}

    def get_user(self, user_name: str) -> dict[str, Any]:
        return {"User": self._find("User", user_name)["fields"]}

    def delete_user(self, user_name: str) -> None:
        user = self._find("User", user_name)
        for part, name in (("keys", "AccessKey"), ("attached", "Policy")):
            if user[part]:
                raise RamError(f"DeleteConflict.User.{name}")
        del self.users[user_name]

    def list_policies_for_user(self, user_name: str) -> dict[str, Any]:
        return self._policies_of("User", user_name)

    def attach_policy_to_user(self, policy_type: str, policy_name: str, user_name: str) -> None:
        self._attach("User", user_name, policy_type, policy_name, _MAX_USER_POLICIES)

    def detach_policy_from_user(self, policy_type: str, policy_name: str, user_name: str) -> None:
        self._detach("User", user_name, policy_type, policy_name)

    def create_access_key(self, user_name: str) -> dict[str, Any]:
        keys = self._find("User", user_name)["keys"]
        if len(keys) >= _MAX_KEYS:
            raise RamError("LimitExceeded.User.AccessKey")
        identifier, secret = f"LTAI{uuid.uuid4().hex[:20]}", uuid.uuid4().hex[:30]
        fields = {"AccessKeyId": identifier, "Status": "Active", "CreateDate": self._date()}
        keys[identifier] = {**fields, "secret": secret, "made": self._now()}
        return {"AccessKey": {**fields, "AccessKeySecret": secret}}

    def list_access_keys(self, user_name: str) -> dict[str, Any]:
        keys = [key for key in self._find("User", user_name)["keys"].values() if not self._is_hidden(key)]
        listed = [{name: key[name] for name in ("AccessKeyId", "Status", "CreateDate")} for key in keys]
        return {"AccessKeys": {"AccessKey": listed}}

    def delete_access_key(self, user_name: str, user_access_key_id: str) -> None:
        self._key(user_name, user_access_key_id)
        del self.users[user_name]["keys"][user_access_key_id]

    # Helpers of several actions.

    def _all(self, kind: str) -> dict[str, Record]:
        return {"Role": self.roles, "Policy": self.policies, "User": self.users}[kind]

    def _add(self, kind: str, name: str, fields: Record, details: Record) -> Record:
        check_name(kind, name)
        if name in self._all(kind):
            raise RamError(f"EntityAlreadyExists.{kind}")
        fields |= {"CreateDate": self._date(), "UpdateDate": self._date()}
        self._all(kind)[name] = {"fields": fields, "made": self._now(), **details}
        return fields

    def _find(self, kind: str, name: str) -> Record:
        record = self._all(kind).get(name)
        if record is None or self._is_hidden(record):
            raise RamError(f"EntityNotExist.{kind}", f"The {kind.lower()} does not exist: {name} .")
        return record

    def _is_hidden(self, record: Record) -> bool:
        return bool(self._now() < record["made"] + self.visibility_delay)

    def _custom(self, policy_type: str, name: str) -> Record:
        if policy_type != "Custom":
            raise RamError("NotImplemented", "The sandbox has none of the system's policies.")
        return self._find("Policy", name)

    def _key(self, user: str, identifier: str) -> Record:
        key: Record | None = self._find("User", user)["keys"].get(identifier)
        if key is None:
            raise RamError("EntityNotExist.User.AccessKey")
        return key

    def _attach(self, kind: str, name: str, policy_type: str, policy: str, maximum: int) -> None:
        attached = self._find(kind, name)["attached"]
        self._custom(policy_type, policy)
        if policy in attached:
            raise RamError(f"EntityAlreadyExists.{kind}.Policy")
        if len(attached) >= maximum:
            raise RamError(f"LimitExceeded.{kind}.Policy")
        attached[policy] = self._now()

    def _detach(self, kind: str, name: str, policy_type: str, policy: str) -> None:
        attached = self._find(kind, name)["attached"]
        self._custom(policy_type, policy)
        if policy not in attached:
            raise RamError(f"EntityNotExist.{kind}.Policy")
        del attached[policy]

    def _policies_of(self, kind: str, name: str) -> dict[str, Any]:
        names = ("PolicyName", "PolicyType", "Description", "DefaultVersion")
        attached = self._find(kind, name)["attached"].items()
        policies = [
            {name: self.policies[policy]["fields"][name] for name in names} | {"AttachDate": _iso(at)}
            for policy, at in attached
        ]
        return {"Policies": {"Policy": policies}}

    def _version(self, policy: Record, number: str) -> dict[str, Any]:
        version, default = policy["versions"][number], policy["fields"]["DefaultVersion"]
        return {
            "VersionId": number,
            "IsDefaultVersion": number == default,
            "PolicyDocument": version["document"],
            "CreateDate": version["date"],
        }

    def _document_at(self, policy: str, when: float) -> Document:
        texts = [text for at, text in self.policies[policy]["changes"] if at <= when]
        return parse(texts[-1], "1")

    def _date(self) -> str:
        return _iso(self._now())


def snake(name: str) -> str:
    """Return the Python name for an action or parameter of RAM, such as create_role; leave other names unchanged."""
    return re.sub("(?<!^)([A-Z])", r"_\1", name).lower() if re.fullmatch("([A-Z][a-z]+)+", name) else name


def _number() -> str:
    return str(uuid.uuid4().int)[:18]


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
