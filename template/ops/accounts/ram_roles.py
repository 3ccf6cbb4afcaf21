"""Roles and a user in Alibaba Cloud's RAM, each with one policy of the project's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from ops.accounts.needs import (
    Line,
    Need,
    Standing,
    as_it_goes,
    as_it_lacks,
    attached_elsewhere,
    delete_by_hand,
    foreign,
    has_others,
    lacks,
    no_user,
    policy_called,
    stays,
)
from ops.accounts.statements import Document, rights
from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Ram, is_absent, listed
from ops.clouds.wire import refused
from ops.shell import interpreter
from oss_oms_sync.answers.text import Text, same, t


class _Policy(NamedTuple):
    """The document of a policy, whether setup made it, and to how many users, roles and groups it is attached."""

    document: Document
    is_ours: bool
    attachments: int


class RamHolder:
    """A role or a user (`kind`: Role or User), and the policy on it. Those that setup made say so: `mark` is the
    description of a role, and the comment of a user. `trust`: who takes the role on."""

    key_rights = ("ram:ListAccessKeys", "ram:DeleteAccessKey")

    def __init__(
        self, ram: Ram, kind: str, name: str, policies: dict[str, Document], mark: str, trust: str = ""
    ) -> None:
        self._ram, self._kind, self.name, self._policies = ram, kind, name, policies
        self._mark, self._trust = mark, trust
        self.called = t("RAM role {name}", name=name) if kind == "Role" else t("RAM user {name}", name=name)

    def need(self, what: Text, key: Sequence[Text] = (), is_settled: Callable[[], bool] = lambda: False) -> Need:
        """What the plan has of it. `key`: how its key is given to setup, where RAM does not let setup make one."""
        of_kind = "CreateAccessKey" if self._kind == "User" else "UpdateRole"
        makes = self._rights("Create{}", of_kind, "CreatePolicy", "CreatePolicyVersion", "AttachPolicyTo{}")
        return Need(what, makes, self._look, self._do, [*self._by_hand(), *key], is_settled)

    def removal(self, what: Text) -> Need:
        """The same for the plan that takes all away."""
        removes = self._rights("DetachPolicyFrom{}", "DeletePolicy", "Delete{}")
        keys, steps = self.key_rights if self._kind == "User" else (), [delete_by_hand(self.name)]
        return Need(what, (*removes, *keys), self._look_to_remove, self._remove, steps)

    def key_ids(self) -> list[str]:
        """List the access keys of the user; none of a user that setup did not make."""
        keys = self._ram.find("ListAccessKeys", UserName=self.name) if self.is_ours() else None
        return [] if keys is None else [key["AccessKeyId"] for key in listed(keys, "AccessKeys", "AccessKey")]

    def make_key(self) -> Keys:
        """Make an access key, whose secret RAM shows this once. Raises NotYetError if there is no such user, and
        UsageError if setup did not make it."""
        with refused(is_absent):
            self._check_ours(self._ram.do(f"Get{self._kind}", **{self._named: self.name})[self._kind])
            made = self._ram.do("CreateAccessKey", UserName=self.name)["AccessKey"]
            return Keys(Secret(made["AccessKeyId"]), Secret(made["AccessKeySecret"]))
        raise no_user(self.name)

    def delete_key(self, key: str) -> None:
        """Delete one of the user's keys."""
        self._ram.do("DeleteAccessKey", UserName=self.name, UserAccessKeyId=key)

    def is_ours(self) -> bool:
        """Whether setup made it."""
        return self._is_marked(self._find())

    def _rights(self, *actions: str) -> tuple[str, ...]:
        """Those to look, and to do this as well."""
        looks = ("Get{}", "GetPolicy", "ListPoliciesFor{}")
        return tuple(f"ram:{one.format(self._kind)}" for one in (*looks, *actions))

    def _by_hand(self) -> Iterator[Text]:
        if self._kind == "Role":
            yield t(
                "Run {command} where aliyun has keys that may make RAM roles and policies",
                command=f"{interpreter()} policies/show.py | bash",
            )
            return
        yield t(
            "Create the RAM user {name}, without access to the console, with the comment {mark}",
            name=self.name,
            mark=self._mark,
        )
        for name, document in self._policies.items():
            yield t(
                "{told}: {document}",
                told=t("Create the custom policy {name}, and attach it to that user", name=name),
                document=json.dumps(document),
            )

    def _look(self) -> Line:
        facts = [self.called, *(right for document in self._policies.values() for right in rights(document))]
        holder, policies = self._find(), {name: self._policy(name) for name in self._policies}
        is_foreign = holder is not None and not self._is_marked(holder)
        if is_foreign and self._kind == "Role":
            text = t("Attach a policy with these rights to it, or name another in s.yaml")
            return foreign([self.called], Standing.BY_HAND, text, facts)
        others = [policy_called(name) for name, policy in policies.items() if policy and not policy.is_ours]
        if is_foreign or others:
            return foreign([*([self.called] if is_foreign else ()), *others])
        if holder is None:
            return Line(Standing.CREATE, facts=facts)
        wrong = [] if self._is_trusted(holder) else [t("another may take it on")]
        attached = self._attached()
        for name, policy in policies.items():
            wrong += lacks(name, policy and policy.document, self._policies[name], is_attached=name in attached)
        return as_it_lacks(wrong, facts)

    def _do(self) -> None:
        holder = self._find()
        if holder is None:
            parameters = {self._named: self.name, self._marked: self._mark}
            if self._trust:
                parameters["AssumeRolePolicyDocument"] = self._trust
            if self._is_taken(f"Create{self._kind}", **parameters):
                holder = self._ram.do(f"Get{self._kind}", **{self._named: self.name})[self._kind]
        if holder is not None:
            self._check_ours(holder)
            if not self._is_trusted(holder):
                self._ram.do("UpdateRole", RoleName=self.name, NewAssumeRolePolicyDocument=self._trust)
        for name, document in self._policies.items():
            self._make_policy(name, document)
            attachment = {"PolicyType": "Custom", "PolicyName": name, self._named: self.name}
            self._is_taken(f"AttachPolicyTo{self._kind}", **attachment)

    def _make_policy(self, name: str, document: Document) -> None:
        """Make the policy say so. Raises UsageError for a policy that setup did not make."""
        text, policy = json.dumps(document), self._policy(name)
        if policy is None:
            if not self._is_taken("CreatePolicy", PolicyName=name, PolicyDocument=text, Description=self._mark):
                return
            policy = _policy_of(self._ram.do("GetPolicy", PolicyType="Custom", PolicyName=name), self._mark)
        if not policy.is_ours:
            raise foreign([policy_called(name)]).error()
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
        goes, reasons = [*map(same, self._keys())], []
        for name, policy in policies.items():
            if policy.attachments > (name in attached):
                reasons.append(attached_elsewhere(name))
            else:
                goes.append(policy_called(name))
        if is_ours:
            others = [name for name in attached if name not in policies]
            goes[:0] = [] if others else [self.called]
            reasons += [has_others(self.called, others)] if others else []
        return as_it_goes(goes, reasons)

    def _remove(self) -> None:
        """Remove the keys first, then what nothing else uses. Not an error for what is gone. Raises NotYetError for
        what stays."""
        for key in self._keys():
            self.delete_key(key)
        is_ours, policies, reasons = self.is_ours(), self._own_policies(), []
        attached = self._attached() if is_ours else ()
        for name in policies:
            if name in attached:
                attachment = {"PolicyType": "Custom", "PolicyName": name, self._named: self.name}
                self._ram.find(f"DetachPolicyFrom{self._kind}", **attachment)
            with refused(lambda error: error.code.startswith("DeleteConflict")):
                self._ram.find("DeletePolicy", PolicyName=name, CascadingDelete="true")
                continue
            reasons.append(attached_elsewhere(name))
        if others := [name for name in attached if name not in policies]:
            reasons.append(has_others(self.called, others))
        elif is_ours:
            self._ram.find(f"Delete{self._kind}", **{self._named: self.name})
        if reasons:
            raise stays(reasons)

    def _keys(self) -> list[str]:
        """List the keys that go with a user; a role has none."""
        return self.key_ids() if self._kind == "User" else []

    def _is_trusted(self, found: dict[str, str]) -> bool:
        """Whether a role is taken on by whom it is for; a user is nobody's to take on."""
        return not self._trust or json.loads(found["AssumeRolePolicyDocument"]) == json.loads(self._trust)

    def _is_marked(self, holder: dict[str, str] | None) -> bool:
        return holder is not None and holder.get(self._marked) == self._mark

    def _check_ours(self, holder: dict[str, str]) -> None:
        """Raise UsageError for a role or user that setup did not make."""
        if not self._is_marked(holder):
            raise foreign([self.called]).error()

    def _is_taken(self, action: str, **parameters: str) -> bool:
        """Do it; True if RAM refused, because it has that already: it is of a request whose answer was lost, or of
        somebody else."""
        with refused(lambda error: error.code.startswith("EntityAlreadyExist")):
            self._ram.do(action, **parameters)
            return False
        return True

    def _find(self) -> dict[str, str] | None:
        found = self._ram.find(f"Get{self._kind}", **{self._named: self.name})
        return None if found is None else dict(found[self._kind])

    def _policy(self, name: str) -> _Policy | None:
        """Read a policy; None if there is none of this name."""
        answer = self._ram.find("GetPolicy", PolicyType="Custom", PolicyName=name)
        return None if answer is None else _policy_of(answer, self._mark)

    def _own_policies(self) -> dict[str, _Policy]:
        """Read the policies that setup made, by their names."""
        policies = {name: self._policy(name) for name in self._policies}
        return {name: policy for name, policy in policies.items() if policy and policy.is_ours}

    def _attached(self) -> Sequence[str]:
        found = self._ram.do(f"ListPoliciesFor{self._kind}", **{self._named: self.name})
        return [one["PolicyName"] for one in listed(found, "Policies", "Policy")]

    @property
    def _named(self) -> str:
        return f"{self._kind}Name"

    @property
    def _marked(self) -> str:
        return "Description" if self._kind == "Role" else "Comments"


def _policy_of(answer: dict[str, Any], mark: str) -> _Policy:
    policy, document = answer["Policy"], json.loads(answer["DefaultPolicyVersion"]["PolicyDocument"])
    return _Policy(document, policy.get("Description") == mark, policy.get("AttachmentCount", 0))
