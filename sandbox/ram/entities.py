"""The users, roles, policies and access keys of RAM, and the actions of RAM's API on them.

Source of actions, parameters, errors and limits: version 2015-05-01, help.aliyun.com/zh/ram/developer-reference.
Records are JSON values, because the command `aliyun ram` keeps them in a file.
"""

from __future__ import annotations

import inspect
import re
import uuid
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

from sandbox.account import ACCOUNT_ID
from sandbox.policy import Document, parse_policy
from sandbox.ram.limits import (
    RamError,
    check_name,
    check_policy,
    check_text,
    check_trust,
    parse_bool,
    parse_tags,
    permission_error,
)

Record = dict[str, Any]

ROTATE_OLDEST = "DeleteOldestNonDefaultVersionWhenLimitExceeded"
_MAX_VERSIONS, _MAX_KEYS = 5, 2
# The limit for roles differs between accounts.
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

    - `grant_delay` is the number of seconds until a grant takes effect; with None it never does.
    - `visibility_delay` is the number of seconds until requests see a new record; its name is in use at once.
    - `denied_actions` has the actions that are denied to all callers, each with ImplicitDeny or ExplicitDeny.
    """

    def __init__(self, now: Callable[[], float], state: Mapping[str, dict[str, Record]] | None = None) -> None:
        self._now = now
        self.users: dict[str, Record] = {}
        self.roles: dict[str, Record] = {}
        self.policies: dict[str, Record] = {}
        self.denied_actions: dict[str, str] = {}
        self.grant_delay: float | None = 0.0
        self.visibility_delay = 0.0
        vars(self).update(state or {})

    @property
    def state(self) -> dict[str, dict[str, Record]]:
        return {"users": self.users, "roles": self.roles, "policies": self.policies}

    def perform(self, action: str, parameters: Mapping[str, str]) -> dict[str, Any]:
        """Perform an action and return its answer; raise RamError if RAM refuses it.

        `parameters` has the names of RAM's API, such as RoleName.
        """
        if action not in ACTIONS:
            raise RamError("InvalidAction.NotFound", "The specified api is not found.", 404)
        if action in self.denied_actions:
            raise permission_error(f"ram:{action}", self.denied_actions[action])
        method: Callable[..., dict[str, Any] | None] = getattr(self, to_snake_case(action))
        signature_parameters = inspect.signature(method).parameters
        arguments = {to_snake_case(name): value for name, value in parameters.items()}
        for name in arguments.keys() - signature_parameters.keys():
            raise RamError("NotImplemented", f"The sandbox does not know {name} of {action}.")
        for name, parameter in signature_parameters.items():
            if parameter.default is parameter.empty and not arguments.get(name):
                camel_case_name = name.title().replace("_", "")
                raise RamError(f"Missing{camel_case_name}", f"{camel_case_name} is mandatory for this action.")
        return method(**arguments) or {}

    def find_policies_in_force(self, entity_type: str, name: str) -> list[Document]:
        """Return the policy documents that apply now to a user or role; `entity_type` is "user" or "role"."""
        if self.grant_delay is None:
            return []
        latest_time = self._now() - self.grant_delay
        grant_times: dict[str, float] = self._get_records(entity_type.title()).get(name, {}).get("attached", {})
        return [
            self._find_document(policy, latest_time)
            for policy, grant_time in grant_times.items()
            if grant_time <= latest_time
        ]

    def find_holder(self, access_key_id: str) -> tuple[str, str] | None:
        """Return the user name and the secret of an access key, or None for an unknown key."""
        for name, user in self.users.items():
            key = user["keys"].get(access_key_id)
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
            "RoleId": _make_id(),
            "Arn": f"acs:ram::{ACCOUNT_ID}:role/{role_name.lower()}",
            "AssumeRolePolicyDocument": check_trust(assume_role_policy_document),
            "Description": check_text("Description", description),
        }
        return {"Role": self._add_record("Role", role_name, fields, {"attached": {}, "tags": parse_tags(tag)})}

    def get_role(self, role_name: str) -> dict[str, Any]:
        return {"Role": self._find_record("Role", role_name)["fields"]}

    def update_role(self, role_name: str, new_assume_role_policy_document: str) -> dict[str, Any]:
        role = self._find_record("Role", role_name)["fields"]
        role["AssumeRolePolicyDocument"] = check_trust(new_assume_role_policy_document)
        role["UpdateDate"] = self._format_now()
        return {"Role": role}

    def delete_role(self, role_name: str) -> None:
        if self._find_record("Role", role_name)["attached"]:
            raise RamError("DeleteConflict.Role.Policy")
        del self.roles[role_name]

    def list_policies_for_role(self, role_name: str) -> dict[str, Any]:
        return self._list_policies("Role", role_name)

    def attach_policy_to_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        self._attach_policy("Role", role_name, policy_type, policy_name, _MAX_ROLE_POLICIES)

    def detach_policy_from_role(self, policy_type: str, policy_name: str, role_name: str) -> None:
        self._detach_policy("Role", role_name, policy_type, policy_name)

    # Policies.

    def create_policy(
        self, policy_name: str, policy_document: str, description: str = "", tag: str = "[]"
    ) -> dict[str, Any]:
        fields = {
            "PolicyName": policy_name,
            "PolicyType": "Custom",
            "Description": check_text("Description", description),
            "DefaultVersion": "v1",
        }
        versions = {"v1": {"document": check_policy(policy_document), "date": self._format_now()}}
        details = {"versions": versions, "changes": [[self._now(), policy_document]], "tags": parse_tags(tag)}
        return {"Policy": self._add_record("Policy", policy_name, fields, details)}

    def get_policy(self, policy_name: str, policy_type: str) -> dict[str, Any]:
        policy = self._find_custom_policy(policy_type, policy_name)
        attachment_count = sum(
            policy_name in record["attached"] for record in (*self.roles.values(), *self.users.values())
        )
        default_version = policy["fields"]["DefaultVersion"]
        return {
            "Policy": {**policy["fields"], "AttachmentCount": attachment_count},
            "DefaultPolicyVersion": self._describe_version(policy, default_version),
        }

    def create_policy_version(
        self, policy_name: str, policy_document: str, set_as_default: str = "false", rotate_strategy: str = "None"
    ) -> dict[str, Any]:
        policy, document = self._find_record("Policy", policy_name), check_policy(policy_document)
        versions, default_version = policy["versions"], policy["fields"]["DefaultVersion"]
        if rotate_strategy not in ("None", ROTATE_OLDEST):
            raise RamError("InvalidParameter.RotateStrategy")
        if len(versions) >= _MAX_VERSIONS:
            if rotate_strategy != ROTATE_OLDEST:
                raise RamError("LimitExceeded.Policy.Version")
            del versions[next(version for version in versions if version != default_version)]
        version_id = f"v{max(int(version[1:]) for version in (*versions, default_version)) + 1}"
        versions[version_id] = {"document": document, "date": self._format_now()}
        if parse_bool("SetAsDefault", set_as_default):
            policy["fields"] |= {"DefaultVersion": version_id, "UpdateDate": self._format_now()}
            policy["changes"].append([self._now(), document])
        return {"PolicyVersion": self._describe_version(policy, version_id)}

    def delete_policy(self, policy_name: str, cascading_delete: str = "false") -> None:
        policy = self._find_record("Policy", policy_name)
        for entity_type in ("Role", "User"):
            if any(policy_name in record["attached"] for record in self._get_records(entity_type).values()):
                raise RamError(f"DeleteConflict.Policy.{entity_type}")
        if len(policy["versions"]) > 1 and not parse_bool("CascadingDelete", cascading_delete):
            raise RamError("DeleteConflict.Policy.Version")
        del self.policies[policy_name]

    # Users and their keys.

    def create_user(self, user_name: str, display_name: str = "", comments: str = "") -> dict[str, Any]:
        fields = {
            "UserName": user_name,
            "UserId": _make_id(),
            "DisplayName": check_text("DisplayName", display_name or user_name),
            "Comments": check_text("Comments", comments),
        }
        return {"User": self._add_record("User", user_name, fields, {"attached": {}, "keys": {}})}

    def get_user(self, user_name: str) -> dict[str, Any]:
        return {"User": self._find_record("User", user_name)["fields"]}

    def delete_user(self, user_name: str) -> None:
        user = self._find_record("User", user_name)
        for part, name in (("keys", "AccessKey"), ("attached", "Policy")):
            if user[part]:
                raise RamError(f"DeleteConflict.User.{name}")
        del self.users[user_name]

    def list_policies_for_user(self, user_name: str) -> dict[str, Any]:
        return self._list_policies("User", user_name)

    def attach_policy_to_user(self, policy_type: str, policy_name: str, user_name: str) -> None:
        self._attach_policy("User", user_name, policy_type, policy_name, _MAX_USER_POLICIES)

    def detach_policy_from_user(self, policy_type: str, policy_name: str, user_name: str) -> None:
        self._detach_policy("User", user_name, policy_type, policy_name)

    def create_access_key(self, user_name: str) -> dict[str, Any]:
        keys = self._find_record("User", user_name)["keys"]
        if len(keys) >= _MAX_KEYS:
            raise RamError("LimitExceeded.User.AccessKey")
        identifier, secret = f"LTAI{uuid.uuid4().hex[:20]}", uuid.uuid4().hex[:30]
        fields = {"AccessKeyId": identifier, "Status": "Active", "CreateDate": self._format_now()}
        keys[identifier] = {**fields, "secret": secret, "made": self._now()}
        return {"AccessKey": {**fields, "AccessKeySecret": secret}}

    def list_access_keys(self, user_name: str) -> dict[str, Any]:
        keys = [key for key in self._find_record("User", user_name)["keys"].values() if not self._is_hidden(key)]
        descriptions = [{name: key[name] for name in ("AccessKeyId", "Status", "CreateDate")} for key in keys]
        return {"AccessKeys": {"AccessKey": descriptions}}

    def delete_access_key(self, user_name: str, user_access_key_id: str) -> None:
        self._find_key(user_name, user_access_key_id)
        del self.users[user_name]["keys"][user_access_key_id]

    # Helpers of several actions.

    def _get_records(self, entity_type: str) -> dict[str, Record]:
        return {"Role": self.roles, "Policy": self.policies, "User": self.users}[entity_type]

    def _add_record(self, entity_type: str, name: str, fields: Record, details: Record) -> Record:
        check_name(entity_type, name)
        if name in self._get_records(entity_type):
            raise RamError(f"EntityAlreadyExists.{entity_type}")
        fields |= {"CreateDate": self._format_now(), "UpdateDate": self._format_now()}
        self._get_records(entity_type)[name] = {"fields": fields, "made": self._now(), **details}
        return fields

    def _find_record(self, entity_type: str, name: str) -> Record:
        record = self._get_records(entity_type).get(name)
        if record is None or self._is_hidden(record):
            raise RamError(f"EntityNotExist.{entity_type}", f"The {entity_type.lower()} does not exist: {name} .")
        return record

    def _is_hidden(self, record: Record) -> bool:
        return bool(self._now() < record["made"] + self.visibility_delay)

    def _find_custom_policy(self, policy_type: str, name: str) -> Record:
        if policy_type != "Custom":
            raise RamError("NotImplemented", "The sandbox has none of the system's policies.")
        return self._find_record("Policy", name)

    def _find_key(self, user: str, identifier: str) -> Record:
        key: Record | None = self._find_record("User", user)["keys"].get(identifier)
        if key is None:
            raise RamError("EntityNotExist.User.AccessKey")
        return key

    def _attach_policy(self, entity_type: str, name: str, policy_type: str, policy: str, maximum: int) -> None:
        grant_times = self._find_record(entity_type, name)["attached"]
        self._find_custom_policy(policy_type, policy)
        if policy in grant_times:
            raise RamError(f"EntityAlreadyExists.{entity_type}.Policy")
        if len(grant_times) >= maximum:
            raise RamError(f"LimitExceeded.{entity_type}.Policy")
        grant_times[policy] = self._now()

    def _detach_policy(self, entity_type: str, name: str, policy_type: str, policy: str) -> None:
        grant_times = self._find_record(entity_type, name)["attached"]
        self._find_custom_policy(policy_type, policy)
        if policy not in grant_times:
            raise RamError(f"EntityNotExist.{entity_type}.Policy")
        del grant_times[policy]

    def _list_policies(self, entity_type: str, name: str) -> dict[str, Any]:
        names = ("PolicyName", "PolicyType", "Description", "DefaultVersion")
        grant_times = self._find_record(entity_type, name)["attached"].items()
        policies = [
            {name: self.policies[policy]["fields"][name] for name in names} | {"AttachDate": _format_time(attached_at)}
            for policy, attached_at in grant_times
        ]
        return {"Policies": {"Policy": policies}}

    def _describe_version(self, policy: Record, version_id: str) -> dict[str, Any]:
        version, default_version = policy["versions"][version_id], policy["fields"]["DefaultVersion"]
        return {
            "VersionId": version_id,
            "IsDefaultVersion": version_id == default_version,
            "PolicyDocument": version["document"],
            "CreateDate": version["date"],
        }

    def _find_document(self, policy: str, latest_time: float) -> Document:
        documents = [text for change_time, text in self.policies[policy]["changes"] if change_time <= latest_time]
        return parse_policy(documents[-1], "1")

    def _format_now(self) -> str:
        return _format_time(self._now())


def to_snake_case(name: str) -> str:
    """Return the Python name of an action or parameter, such as create_role for CreateRole; keep other names."""
    return re.sub("(?<!^)([A-Z])", r"_\1", name).lower() if re.fullmatch("([A-Z][a-z]+)+", name) else name


def _make_id() -> str:
    return str(uuid.uuid4().int)[:18]


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
