"""Roles and users in Alibaba Cloud's RAM, each with its own policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ops.accounts.needs import (
    Line,
    Need,
    ResourceState,
    attachment_reason,
    change_line,
    delete_by_hand,
    foreign_line,
    leftover_error,
    missing_user,
    other_policies_reason,
    policy_changes,
    policy_title,
    removal_line,
)
from ops.accounts.policy_documents import Document, rights
from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Ram, is_absent, read_list
from ops.clouds.wire import refused
from ops.shell import interpreter
from oss_oms_sync.answers.text import Text, t, untranslated


class _Policy(NamedTuple):
    """A RAM policy: its document, True if setup created it, and the number of users, roles and groups that have it."""

    document: Document
    is_ours: bool
    attachments: int


class RamHolder:
    """A RAM role or RAM user (`kind` is Role or User), and its policies.

    `mark` identifies resources of setup: it is the description of a role, and the comment of a user. `trust` names the
    services that may assume the role.
    """

    key_rights = ("ram:ListAccessKeys", "ram:DeleteAccessKey")

    def __init__(
        self, ram: Ram, kind: str, name: str, policies: dict[str, Document], mark: str, trust: str = ""
    ) -> None:
        self._ram, self._kind, self.name, self._policies = ram, kind, name, policies
        self._mark, self._trust = mark, trust
        self.title = t("RAM role {name}", name=name) if kind == "Role" else t("RAM user {name}", name=name)

    def need(self, title: Text, key: Sequence[Text] = (), is_settled: Callable[[], bool] = lambda: False) -> Need:
        """Return the need for the role or user.

        `key`: the steps to hand over a key, if RAM does not let setup create the user.
        """
        kind_right = "CreateAccessKey" if self._kind == "User" else "UpdateRole"
        create_rights = self._rights("Create{}", kind_right, "CreatePolicy", "CreatePolicyVersion", "AttachPolicyTo{}")
        return Need(title, create_rights, self._look, self._do, [*self._by_hand(), *key], is_settled)

    def removal(self, title: Text) -> Need:
        """Return the plan's entry that removes the role or user."""
        remove_rights = self._rights("DetachPolicyFrom{}", "DeletePolicy", "Delete{}")
        keys, steps = self.key_rights if self._kind == "User" else (), [delete_by_hand(self.name)]
        return Need(title, (*remove_rights, *keys), self._look_to_remove, self._remove, steps)

    def key_ids(self) -> list[str]:
        """List the access keys of the user; empty for a user that setup did not create."""
        keys = self._ram.find("ListAccessKeys", UserName=self.name) if self.is_ours() else None
        return [] if keys is None else [key["AccessKeyId"] for key in read_list(keys, "AccessKeys", "AccessKey")]

    def make_key(self) -> Keys:
        """Create an access key. RAM shows the secret only in this response.

        Raises NotYetError for a missing user, and UsageError for a user that setup did not make.
        """
        with refused(is_absent):
            self._check_ours(self._ram.do(f"Get{self._kind}", **{self._name_field: self.name})[self._kind])
            made = self._ram.do("CreateAccessKey", UserName=self.name)["AccessKey"]
            return Keys(Secret(made["AccessKeyId"]), Secret(made["AccessKeySecret"]))
        raise missing_user(self.name)

    def delete_key(self, key: str) -> None:
        """Delete an access key of the user."""
        self._ram.do("DeleteAccessKey", UserName=self.name, UserAccessKeyId=key)

    def is_ours(self) -> bool:
        """Return True if setup created this role or user."""
        return self._is_marked(self._find())

    def _rights(self, *actions: str) -> tuple[str, ...]:
        """Return the permissions to read the role or user, and the permissions for these actions."""
        read_actions = ("Get{}", "GetPolicy", "ListPoliciesFor{}")
        return tuple(f"ram:{action.format(self._kind)}" for action in (*read_actions, *actions))

    def _by_hand(self) -> Iterator[Text]:
        if self._kind == "Role":
            yield t(
                "Run this where aliyun has keys for creating RAM roles and policies: {command}",
                command=f"{interpreter()} policies/show.py | bash",
            )
            return
        yield t(
            "Create the RAM user {name} without console access, with the comment {mark}",
            name=self.name,
            mark=self._mark,
        )
        for name, document in self._policies.items():
            yield t(
                "{instruction}: {document}",
                instruction=t("Create the custom policy {name}, and attach it to that user", name=name),
                document=json.dumps(document),
            )

    def _look(self) -> Line:
        facts = [self.title, *(right for document in self._policies.values() for right in rights(document))]
        holder, policies = self._find(), {name: self._policy(name) for name in self._policies}
        is_foreign = holder is not None and not self._is_marked(holder)
        if is_foreign and self._kind == "Role":
            text = t("Attach a policy with these permissions to the role, or set another role in s.yaml")
            return foreign_line([self.title], ResourceState.BY_HAND, text, facts)
        others = [policy_title(name) for name, policy in policies.items() if policy and not policy.is_ours]
        if is_foreign or others:
            return foreign_line([*([self.title] if is_foreign else ()), *others])
        if holder is None:
            return Line(ResourceState.CREATE, facts=facts)
        changes = [] if self._is_trusted(holder) else [t("trusts another service")]
        attached = self._attached()
        for name, policy in policies.items():
            changes += policy_changes(
                name, policy and policy.document, self._policies[name], is_attached=name in attached
            )
        return change_line(changes, facts)

    def _do(self) -> None:
        holder = self._find()
        if holder is None:
            parameters = {self._name_field: self.name, self._mark_field: self._mark}
            if self._trust:
                parameters["AssumeRolePolicyDocument"] = self._trust
            if self._is_duplicate(f"Create{self._kind}", **parameters):
                holder = self._ram.do(f"Get{self._kind}", **{self._name_field: self.name})[self._kind]
        if holder is not None:
            self._check_ours(holder)
            if not self._is_trusted(holder):
                self._ram.do("UpdateRole", RoleName=self.name, NewAssumeRolePolicyDocument=self._trust)
        for name, document in self._policies.items():
            self._make_policy(name, document)
            attachment = {"PolicyType": "Custom", "PolicyName": name, self._name_field: self.name}
            self._is_duplicate(f"AttachPolicyTo{self._kind}", **attachment)

    def _make_policy(self, name: str, document: Document) -> None:
        """Create the policy, or update its document. Raises UsageError for a policy that setup did not make."""
        text, policy = json.dumps(document), self._policy(name)
        if policy is None:
            if not self._is_duplicate("CreatePolicy", PolicyName=name, PolicyDocument=text, Description=self._mark):
                return
            policy = _parse_policy(self._ram.do("GetPolicy", PolicyType="Custom", PolicyName=name), self._mark)
        if not policy.is_ours:
            raise foreign_line([policy_title(name)]).error()
        if policy.document != document:
            self._ram.do(
                "CreatePolicyVersion",
                PolicyName=name,
                PolicyDocument=text,
                SetAsDefault="true",
                RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
            )

    def _look_to_remove(self) -> Line:
        is_ours, policies = self.is_ours(), self._own_policies()
        attached = self._attached() if is_ours else ()
        removed, reasons = [*map(untranslated, self._keys())], []
        for name, policy in policies.items():
            if policy.attachments > (name in attached):
                reasons.append(attachment_reason(name))
            else:
                removed.append(policy_title(name))
        if is_ours:
            others = [name for name in attached if name not in policies]
            removed[:0] = [] if others else [self.title]
            reasons += [other_policies_reason(self.title, others)] if others else []
        return removal_line(removed, reasons)

    def _remove(self) -> None:
        """Remove the access keys first, then resources that nothing else uses; a missing resource is no error.

        Raises NotYetError if resources remain.
        """
        for key in self._keys():
            self.delete_key(key)
        is_ours, policies, reasons = self.is_ours(), self._own_policies(), []
        attached = self._attached() if is_ours else ()
        for name in policies:
            if name in attached:
                attachment = {"PolicyType": "Custom", "PolicyName": name, self._name_field: self.name}
                self._ram.find(f"DetachPolicyFrom{self._kind}", **attachment)
            with refused(lambda error: error.code.startswith("DeleteConflict")):
                self._ram.find("DeletePolicy", PolicyName=name, CascadingDelete="true")
                continue
            reasons.append(attachment_reason(name))
        if others := [name for name in attached if name not in policies]:
            reasons.append(other_policies_reason(self.title, others))
        elif is_ours:
            self._ram.find(f"Delete{self._kind}", **{self._name_field: self.name})
        if reasons:
            raise leftover_error(reasons)

    def _keys(self) -> list[str]:
        """List the access keys that are deleted with a user; a role has none."""
        return self.key_ids() if self._kind == "User" else []

    def _is_trusted(self, holder: dict[str, str]) -> bool:
        """Return True if exactly the intended services can assume the role; always True for a user."""
        return not self._trust or json.loads(holder["AssumeRolePolicyDocument"]) == json.loads(self._trust)

    def _is_marked(self, holder: dict[str, str] | None) -> bool:
        return holder is not None and holder.get(self._mark_field) == self._mark

    def _check_ours(self, holder: dict[str, str]) -> None:
        """Raise UsageError for a role or user that setup did not make."""
        if not self._is_marked(holder):
            raise foreign_line([self.title]).error()

    def _is_duplicate(self, action: str, **parameters: str) -> bool:
        """Execute an action that creates a resource; return True if RAM refused it because the resource exists.

        Another user created the resource, or an earlier request of which the answer was lost.
        """
        with refused(lambda error: error.code.startswith("EntityAlreadyExist")):
            self._ram.do(action, **parameters)
            return False
        return True

    def _find(self) -> dict[str, str] | None:
        response = self._ram.find(f"Get{self._kind}", **{self._name_field: self.name})
        return None if response is None else dict(response[self._kind])

    def _policy(self, name: str) -> _Policy | None:
        """Read a policy; return None if no policy has this name."""
        answer = self._ram.find("GetPolicy", PolicyType="Custom", PolicyName=name)
        return None if answer is None else _parse_policy(answer, self._mark)

    def _own_policies(self) -> dict[str, _Policy]:
        """Read the policies that setup made, by their names."""
        policies = {name: self._policy(name) for name in self._policies}
        return {name: policy for name, policy in policies.items() if policy and policy.is_ours}

    def _attached(self) -> Sequence[str]:
        response = self._ram.do(f"ListPoliciesFor{self._kind}", **{self._name_field: self.name})
        return [policy["PolicyName"] for policy in read_list(response, "Policies", "Policy")]

    @property
    def _name_field(self) -> str:
        return f"{self._kind}Name"

    @property
    def _mark_field(self) -> str:
        return "Description" if self._kind == "Role" else "Comments"


def _parse_policy(answer: dict[str, Any], mark: str) -> _Policy:
    policy, document = answer["Policy"], json.loads(answer["DefaultPolicyVersion"]["PolicyDocument"])
    return _Policy(document, policy.get("Description") == mark, policy.get("AttachmentCount", 0))
