"""Needs (entries of setup's plan) for roles and users in Alibaba Cloud's RAM, each with its own policies."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ops.accounts.needs import (
    Line,
    Need,
    ResourceState,
    attachment_reason,
    difference_line,
    foreign_line,
    leftover_error,
    manual_deletion_step,
    missing_user_error,
    other_policies_reason,
    policy_changes,
    policy_title,
    removal_line,
)
from ops.accounts.policy_documents import Document, list_permissions
from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Ram, is_absent, read_list
from ops.clouds.wire import suppress_refusal
from ops.shell import interpreter
from oss_oms_sync.answers.text import Text, t, untranslated


class _Policy(NamedTuple):
    """A RAM policy: its document, True if setup created it, and the number of users, roles and groups that have it."""

    document: Document
    is_ours: bool
    attachments: int


class RamHolder:
    """A RAM role or a RAM user, with its policies.

    - `holder_type` is "Role" or "User".
    - `policies` are the required policy documents, by policy name.
    - `label` identifies resources that setup created: it is the description of a role, and the comment of a user.
    - `trust_policy` is the document that names the services that may assume the role.
    """

    key_permissions = ("ram:ListAccessKeys", "ram:DeleteAccessKey")

    def __init__(
        self, ram: Ram, holder_type: str, name: str, policies: dict[str, Document], label: str, trust_policy: str = ""
    ) -> None:
        self._ram, self._holder_type, self.name, self._policies = ram, holder_type, name, policies
        self._label, self._trust_policy = label, trust_policy
        self.title = t("RAM role {name}", name=name) if holder_type == "Role" else t("RAM user {name}", name=name)

    def need(
        self, title: Text, handover_steps: Sequence[Text] = (), is_settled: Callable[[], bool] = lambda: False
    ) -> Need:
        """Return the need for the role or user.

        - `handover_steps` are the steps by which a person hands over an access key, if setup cannot create the user.
        - `is_settled` returns True if no other step of setup waits for the role or user.
        """
        extra_permission = "CreateAccessKey" if self._holder_type == "User" else "UpdateRole"
        create_permissions = self._list_permissions(
            "Create{}", extra_permission, "CreatePolicy", "CreatePolicyVersion", "AttachPolicyTo{}"
        )
        return Need(
            title,
            create_permissions,
            self._read_state,
            self._create_or_update,
            [*self._list_manual_steps(), *handover_steps],
            is_settled,
        )

    def removal(self, title: Text) -> Need:
        remove_permissions = self._list_permissions("DetachPolicyFrom{}", "DeletePolicy", "Delete{}")
        keys, steps = self.key_permissions if self._holder_type == "User" else (), [manual_deletion_step(self.name)]
        return Need(title, (*remove_permissions, *keys), self._plan_removal, self._remove, steps)

    def key_ids(self) -> list[str]:
        """List the ids of the user's access keys; return an empty list for a user that setup did not create."""
        keys = self._ram.find("ListAccessKeys", UserName=self.name) if self.is_ours() else None
        return [] if keys is None else [key["AccessKeyId"] for key in read_list(keys, "AccessKeys", "AccessKey")]

    def make_key(self) -> Keys:
        """Create an access key. RAM shows the secret only in this response.

        Raises NotYetError for a missing user, and UsageError for a user that setup did not create.
        """
        with suppress_refusal(is_absent):
            self._check_ours(
                self._ram.send(f"Get{self._holder_type}", **{self._name_field: self.name})[self._holder_type]
            )
            created_key = self._ram.send("CreateAccessKey", UserName=self.name)["AccessKey"]
            return Keys(Secret(created_key["AccessKeyId"]), Secret(created_key["AccessKeySecret"]))
        raise missing_user_error(self.name)

    def delete_key(self, key: str) -> None:
        self._ram.send("DeleteAccessKey", UserName=self.name, UserAccessKeyId=key)

    def is_ours(self) -> bool:
        return self._has_label(self._find_holder())

    def _list_permissions(self, *actions: str) -> tuple[str, ...]:
        """Return the permissions to read the role or user, and to send these actions.

        `{}` in the name of an action stands for the kind, Role or User.
        """
        read_actions = ("Get{}", "GetPolicy", "ListPoliciesFor{}")
        return tuple(f"ram:{action.format(self._holder_type)}" for action in (*read_actions, *actions))

    def _list_manual_steps(self) -> Iterator[Text]:
        if self._holder_type == "Role":
            yield t(
                "Run this command on a machine where the aliyun CLI has an access key that can create RAM"
                " roles and policies: {command}",
                command=f"{interpreter()} policies/show.py | bash",
            )
            return
        yield t(
            "Create the RAM user {name} without console access, with the comment {mark}",
            name=self.name,
            mark=self._label,
        )
        for name, document in self._policies.items():
            yield t(
                "{instruction}: {document}",
                instruction=t("Create the custom policy {name}, and attach it to that user", name=name),
                document=json.dumps(document),
            )

    def _read_state(self) -> Line:
        facts = [
            self.title,
            *(permission for document in self._policies.values() for permission in list_permissions(document)),
        ]
        holder, policies = self._find_holder(), {name: self._read_policy(name) for name in self._policies}
        is_foreign = holder is not None and not self._has_label(holder)
        if is_foreign and self._holder_type == "Role":
            text = t("Attach a policy with these permissions to the role, or set another role in s.yaml")
            return foreign_line([self.title], ResourceState.BY_HAND, text, facts)
        foreign_names = [policy_title(name) for name, policy in policies.items() if policy and not policy.is_ours]
        if is_foreign or foreign_names:
            return foreign_line([*([self.title] if is_foreign else ()), *foreign_names])
        if holder is None:
            return Line(ResourceState.CREATE, facts=facts)
        changes = [] if self._has_trust_policy(holder) else [t("the trust policy differs from what setup creates")]
        attached_names = self._list_attached_policies()
        for name, policy in policies.items():
            changes += policy_changes(
                name, policy and policy.document, self._policies[name], is_attached=name in attached_names
            )
        return difference_line(changes, facts)

    def _create_or_update(self) -> None:
        holder = self._find_holder()
        if holder is None:
            parameters = {self._name_field: self.name, self._label_field: self._label}
            if self._trust_policy:
                parameters["AssumeRolePolicyDocument"] = self._trust_policy
            if self._create_unless_exists(f"Create{self._holder_type}", **parameters):
                holder = self._ram.send(f"Get{self._holder_type}", **{self._name_field: self.name})[self._holder_type]
        if holder is not None:
            self._check_ours(holder)
            if not self._has_trust_policy(holder):
                self._ram.send("UpdateRole", RoleName=self.name, NewAssumeRolePolicyDocument=self._trust_policy)
        for name, document in self._policies.items():
            self._make_policy(name, document)
            attachment = {"PolicyType": "Custom", "PolicyName": name, self._name_field: self.name}
            self._create_unless_exists(f"AttachPolicyTo{self._holder_type}", **attachment)

    def _make_policy(self, name: str, document: Document) -> None:
        """Create the policy, or update its document. Raises UsageError for a policy that setup did not create."""
        text, policy = json.dumps(document), self._read_policy(name)
        if policy is None:
            if not self._create_unless_exists(
                "CreatePolicy", PolicyName=name, PolicyDocument=text, Description=self._label
            ):
                return
            policy = _parse_policy(self._ram.send("GetPolicy", PolicyType="Custom", PolicyName=name), self._label)
        if not policy.is_ours:
            raise foreign_line([policy_title(name)]).error()
        if policy.document != document:
            self._ram.send(
                "CreatePolicyVersion",
                PolicyName=name,
                PolicyDocument=text,
                SetAsDefault="true",
                RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
            )

    def _plan_removal(self) -> Line:
        is_ours, policies = self.is_ours(), self._read_own_policies()
        attached_names = self._list_attached_policies() if is_ours else ()
        removed_names, reasons = [*map(untranslated, self._list_key_ids())], []
        for name, policy in policies.items():
            if policy.attachments > (name in attached_names):
                reasons.append(attachment_reason(name))
            else:
                removed_names.append(policy_title(name))
        if is_ours:
            other_names = [name for name in attached_names if name not in policies]
            removed_names[:0] = [] if other_names else [self.title]
            reasons += [other_policies_reason(self.title, other_names)] if other_names else []
        return removal_line(removed_names, reasons)

    def _remove(self) -> None:
        """Remove the access keys, then the policies and the role or user if nothing else uses them.

        A missing resource is no error. Raises NotYetError if resources remain.
        """
        for key in self._list_key_ids():
            self.delete_key(key)
        is_ours, policies, reasons = self.is_ours(), self._read_own_policies(), []
        attached_names = self._list_attached_policies() if is_ours else ()
        for name in policies:
            if name in attached_names:
                attachment = {"PolicyType": "Custom", "PolicyName": name, self._name_field: self.name}
                self._ram.find(f"DetachPolicyFrom{self._holder_type}", **attachment)
            with suppress_refusal(lambda error: error.code.startswith("DeleteConflict")):
                self._ram.find("DeletePolicy", PolicyName=name, CascadingDelete="true")
                continue
            reasons.append(attachment_reason(name))
        if other_names := [name for name in attached_names if name not in policies]:
            reasons.append(other_policies_reason(self.title, other_names))
        elif is_ours:
            self._ram.find(f"Delete{self._holder_type}", **{self._name_field: self.name})
        if reasons:
            raise leftover_error(reasons)

    def _list_key_ids(self) -> list[str]:
        """List the ids of the user's access keys; a role has none."""
        return self.key_ids() if self._holder_type == "User" else []

    def _has_trust_policy(self, holder: dict[str, str]) -> bool:
        """Return True if exactly the services in `trust_policy` can assume the role, or if the holder is a user."""
        return not self._trust_policy or json.loads(holder["AssumeRolePolicyDocument"]) == json.loads(
            self._trust_policy
        )

    def _has_label(self, holder: dict[str, str] | None) -> bool:
        return holder is not None and holder.get(self._label_field) == self._label

    def _check_ours(self, holder: dict[str, str]) -> None:
        if not self._has_label(holder):
            raise foreign_line([self.title]).error()

    def _create_unless_exists(self, action: str, **parameters: str) -> bool:
        """Send a request that creates a resource; return True if RAM refused it because the resource exists.

        Another user may have created the resource, or an earlier request whose answer was lost.
        """
        with suppress_refusal(lambda error: error.code.startswith("EntityAlreadyExist")):
            self._ram.send(action, **parameters)
            return False
        return True

    def _find_holder(self) -> dict[str, str] | None:
        response = self._ram.find(f"Get{self._holder_type}", **{self._name_field: self.name})
        return None if response is None else dict(response[self._holder_type])

    def _read_policy(self, name: str) -> _Policy | None:
        answer = self._ram.find("GetPolicy", PolicyType="Custom", PolicyName=name)
        return None if answer is None else _parse_policy(answer, self._label)

    def _read_own_policies(self) -> dict[str, _Policy]:
        policies = {name: self._read_policy(name) for name in self._policies}
        return {name: policy for name, policy in policies.items() if policy and policy.is_ours}

    def _list_attached_policies(self) -> Sequence[str]:
        response = self._ram.send(f"ListPoliciesFor{self._holder_type}", **{self._name_field: self.name})
        return [policy["PolicyName"] for policy in read_list(response, "Policies", "Policy")]

    @property
    def _name_field(self) -> str:
        return f"{self._holder_type}Name"

    @property
    def _label_field(self) -> str:
        return "Description" if self._holder_type == "Role" else "Comments"


def _parse_policy(answer: dict[str, Any], label: str) -> _Policy:
    policy, document = answer["Policy"], json.loads(answer["DefaultPolicyVersion"]["PolicyDocument"])
    return _Policy(document, policy.get("Description") == label, policy.get("AttachmentCount", 0))
