"""Roles and a user in Alibaba Cloud's RAM, each with one policy of the project's own."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Ram, is_absent, listed
from ops.clouds.wire import refused
from ops.commands import interpreter
from ops.setup.needs import (
    NOTHING_OURS,
    Line,
    Need,
    Standing,
    as_it_lacks,
    delete_by_hand,
    lacks,
    no_user,
    not_ours,
    stays,
)
from ops.setup.statements import Document, rights
from oss_oms_sync.answers.text import Text, same, t


class _Policy(NamedTuple):
    """What a policy says, and whether setup made it."""

    document: Document
    is_ours: bool


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
        """The access keys that the user has."""
        found = self._ram.find("ListAccessKeys", UserName=self.name)
        return [] if found is None else [one["AccessKeyId"] for one in listed(found, "AccessKeys", "AccessKey")]

    def make_key(self) -> Keys:
        """A new access key, whose secret RAM tells this once. Raises NotYetError if there is no such user."""
        with refused(is_absent):
            made = self._ram.do("CreateAccessKey", UserName=self.name)["AccessKey"]
            return Keys(Secret(made["AccessKeyId"]), Secret(made["AccessKeySecret"]))
        raise no_user(self.name)

    def delete_key(self, key: str) -> None:
        """Delete one of the user's keys."""
        self._ram.do("DeleteAccessKey", UserName=self.name, UserAccessKeyId=key)

    def is_ours(self) -> bool:
        """Whether setup made it."""
        found = self._find()
        return found is not None and found.get(self._marked) == self._mark

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
        facts = [self.called, *(one for document in self._policies.values() for one in rights(document))]
        found = self._find()
        if found is None:
            return Line(Standing.CREATE, facts=facts)
        if found.get(self._marked) != self._mark:
            return not_ours(
                Standing.BY_HAND,
                self.name,
                t("Attach a policy with these rights to it, or name another in s.yaml"),
                facts,
            )
        there = {name: self._policy(name) for name in self._policies}
        if foreign := [name for name, policy in there.items() if policy and not policy.is_ours]:
            return not_ours(Standing.STOP, foreign[0], t("Rename or delete that policy, if nobody needs it"))
        wrong = [] if self._is_trusted(found) else [t("another may take it on")]
        attached = self._attached()
        for name, policy in there.items():
            wrong += lacks(name, policy and policy.document, self._policies[name], is_attached=name in attached)
        return as_it_lacks(wrong, facts)

    def _do(self) -> None:
        found = self._find()
        if found is None:
            given = {self._named: self.name, self._marked: self._mark}
            if self._trust:
                given["AssumeRolePolicyDocument"] = self._trust
            self._make(f"Create{self._kind}", **given)
        elif not self._is_trusted(found):
            self._ram.do("UpdateRole", RoleName=self.name, NewAssumeRolePolicyDocument=self._trust)
        for name, document in self._policies.items():
            text, policy = json.dumps(document), self._policy(name)
            if policy is None:
                self._make("CreatePolicy", PolicyName=name, PolicyDocument=text, Description=self._mark)
            elif policy.document != document:
                self._ram.do(
                    "CreatePolicyVersion",
                    PolicyName=name,
                    PolicyDocument=text,
                    SetAsDefault="true",
                    RotateStrategy="DeleteOldestNonDefaultVersionWhenLimitExceeded",
                )
            self._make(f"AttachPolicyTo{self._kind}", PolicyType="Custom", PolicyName=name, **{self._named: self.name})

    def _look_to_remove(self) -> Line:
        if not self.is_ours():
            return NOTHING_OURS
        others = [name for name in self._attached() if name not in self._policies]
        goes = [*filter(self._has_made, self._policies), *self._keys()]
        if others and not goes:
            return Line(Standing.THERE, stays(others).happened)
        return Line(Standing.REMOVE, facts=[self.called, *map(same, goes)])

    def _remove(self) -> None:
        """It is no error if something is gone."""
        attached = self._attached()
        for name in self._policies:
            if name in attached:
                given = {"PolicyType": "Custom", "PolicyName": name, self._named: self.name}
                self._ram.find(f"DetachPolicyFrom{self._kind}", **given)
            if self._has_made(name):
                self._ram.find("DeletePolicy", PolicyName=name, CascadingDelete="true")
        for key in self._keys():
            self.delete_key(key)
        if others := [name for name in attached if name not in self._policies]:
            raise stays(others)
        self._ram.find(f"Delete{self._kind}", **{self._named: self.name})

    def _keys(self) -> list[str]:
        """Those that go with a user; a role has none."""
        return self.key_ids() if self._kind == "User" else []

    def _is_trusted(self, found: dict[str, str]) -> bool:
        """Whether a role is taken on by whom it is for; a user is nobody's to take on."""
        return not self._trust or json.loads(found["AssumeRolePolicyDocument"]) == json.loads(self._trust)

    def _has_made(self, name: str) -> bool:
        policy = self._policy(name)
        return policy is not None and policy.is_ours

    def _make(self, action: str, **given: str) -> None:
        """Not an error if somebody else, or a request whose answer was lost, has done it."""
        with refused(lambda error: error.code.startswith("EntityAlreadyExist")):
            self._ram.do(action, **given)

    def _find(self) -> dict[str, str] | None:
        found = self._ram.find(f"Get{self._kind}", **{self._named: self.name})
        return None if found is None else dict(found[self._kind])

    def _policy(self, name: str) -> _Policy | None:
        """A policy as it is now; None if there is none."""
        found = self._ram.find("GetPolicy", PolicyType="Custom", PolicyName=name)
        if found is None:
            return None
        return _Policy(
            json.loads(found["DefaultPolicyVersion"]["PolicyDocument"]),
            found["Policy"].get("Description") == self._mark,
        )

    def _attached(self) -> Sequence[str]:
        found = self._ram.do(f"ListPoliciesFor{self._kind}", **{self._named: self.name})
        return [one["PolicyName"] for one in listed(found, "Policies", "Policy")]

    @property
    def _named(self) -> str:
        return f"{self._kind}Name"

    @property
    def _marked(self) -> str:
        return "Description" if self._kind == "Role" else "Comments"
