"""Users in Huawei Cloud's IAM (identity policies, "v5"), each with one policy of the project's own.

Source: support.huaweicloud.com/api-iam5 (CreateUserV5, CreatePolicyV5, AttachUserPolicyV5, CreateAccessKeyV5 and the
like).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ops.accounts.statements import Document, by_roles, rights
from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Service, listed
from oss_oms_sync.answers.text import Text, same, t

_VERSIONS = 5
_LOOKS = (
    *("iam:users:listUsersV5", "iam:users:listAttachedPoliciesV5", "iam:policies:listV5", "iam:policies:getVersionV5"),
    "iam:policies:listVersionsV5",
)
_MAKES = (
    *("iam:users:createUserV5", "iam:credentials:createCredentialV5", "iam:users:attachPolicyV5"),
    *("iam:policies:createV5", "iam:policies:createVersionV5", "iam:policies:deleteVersionV5"),
)
_REMOVES = (
    *("iam:users:detachPolicyV5", "iam:users:deleteUserV5", "iam:policies:deleteV5", "iam:policies:deleteVersionV5"),
    *("iam:credentials:listCredentialsV5", "iam:credentials:deleteCredentialV5"),
)


class Key(NamedTuple):
    """An access key, with when it was made and last used, as IAM says it; `used` is empty for one that never was."""

    number: str
    made: str
    used: str


class IamUser:
    """A user and the policy of the same name on it. Those that setup made say so in their description: `mark`.
    `region`: where roles grant what is not global."""

    key_rights = ("iam:credentials:listCredentialsV5", "iam:credentials:deleteCredentialV5")

    def __init__(self, iam: Service, name: str, document: Document, mark: str, region: str) -> None:
        self._iam, self.name, self._document, self._mark, self._region = iam, name, document, mark, region
        self.called = t("IAM user {name}", name=name)
        # Made in this run: for a second no list has it.
        self._made: dict[str, Any] | None = None

    def need(self, what: Text, key: Sequence[Text], is_settled: Callable[[], bool]) -> Need:
        """What the plan has of it. `key`: how its key is given to setup, where IAM does not let setup make one."""
        return Need(what, (*_LOOKS, *_MAKES), self._look, self._do, [*self._by_hand(), *key], is_settled)

    def removal(self, what: Text) -> Need:
        """The same for the plan that takes all away."""
        return Need(what, (*_LOOKS, *_REMOVES), self._look_to_remove, self._remove, [delete_by_hand(self.name)])

    def key_ids(self) -> list[str]:
        """List the access keys of the user; none of a user that setup did not make."""
        return [key["access_key_id"] for key in self._keys()]

    def keys(self) -> list[Key]:
        """The same with what is known of them, the older one first."""
        path = _keys_of(self.user() or {})
        keys = []
        for one in self._keys():
            told = self._iam.call("GET", f"{path}/{one['access_key_id']}/last-used")["access_key_last_used"]
            keys.append(Key(one["access_key_id"], one["created_at"], told.get("last_used_at") or ""))
        return sorted(keys, key=lambda key: key.made)

    def make_key(self) -> Keys:
        """Make an access key, whose secret IAM shows this once. It has no token. Raises NotYetError if there is no such
        user, and UsageError if setup did not make it."""
        user = self.user()
        if user is None:
            raise no_user(self.name)
        self._check_ours(user, self.called)
        made = self._iam.call("POST", _keys_of(user), attempts=1, was_made=True)["access_key"]
        return Keys(Secret(made["access_key_id"]), Secret(made["secret_access_key"]))

    def delete_key(self, key: str) -> None:
        """Delete one of the user's keys."""
        self._iam.call("DELETE", f"{_keys_of(self.user() or {})}/{key}")

    def user(self) -> dict[str, Any] | None:
        """The user; None if there is none of this name."""
        listed = self._all("/v5/users", "users")
        return self._made or next((one for one in listed if one["user_name"] == self.name), None)

    def is_ours(self) -> bool:
        """Whether setup made the user."""
        return self._is_ours(self.user())

    def _keys(self) -> list[dict[str, Any]]:
        user = self.user()
        return [*self._all(_keys_of(user), "access_keys")] if user and self._is_ours(user) else []

    def _by_hand(self) -> Iterator[Text]:
        """The same without identity policies; support.huaweicloud.com/api-iam has a call for each."""
        yield t(
            "Create the IAM user {name}, for programmatic access only, with the description {mark}, in a user group of"
            " its own",
            name=self.name,
            mark=self._mark,
        )
        for where, document in by_roles(self._document, self._region):
            yield t(
                "{told}: {document}",
                told=t("Create a custom policy for that group, {where}", where=where),
                document=json.dumps(document),
            )
        yield t(
            "{told}: {document}",
            told=t("Or, where the account has identity policies, create this one instead, and attach it to the user"),
            document=json.dumps(self._document),
        )

    def _look(self) -> Line:
        facts = [self.called, *rights(self._document)]
        # Both in any case, so that a right which will be missing is noticed now.
        user, policy = self.user(), self._policy()
        names = ((user, self.called), (policy, policy_called(self.name)))
        if others := [name for thing, name in names if thing and not self._is_ours(thing)]:
            return foreign(others)
        if user is None:
            return Line(Standing.CREATE, facts=facts)
        said = self._says(policy) if policy else None
        is_attached = policy is not None and policy["policy_id"] in self._attached(user)
        return as_it_lacks([*lacks(self.name, said, self._document, is_attached=is_attached)], facts)

    def _do(self) -> None:
        user = self.user()
        if user is None:
            user = self._made = dict(
                self._iam.call(
                    "POST", "/v5/users", body={"name": self.name, "description": self._mark, "enabled": True}
                )["user"]
            )
        self._check_ours(user, self.called)
        policy, text = self._policy(), json.dumps(self._document)
        if policy is not None:
            self._check_ours(policy, policy_called(self.name))
        if policy is None:
            policy = self._iam.call(
                "POST",
                "/v5/policies",
                body={"policy_name": self.name, "policy_document": text, "description": self._mark},
            )["policy"]
        elif self._says(policy) != self._document:
            self._replace(policy, text)
        if policy["policy_id"] not in self._attached(user):
            self._iam.call(
                "POST",
                f"/v5/policies/{policy['policy_id']}/attach-user",
                body={"user_id": user["user_id"]},
                was_made=True,
            )

    def _look_to_remove(self) -> Line:
        user, policy = self._own()
        attached = self._attached(user)
        goes, reasons = [*map(same, self.key_ids())], []
        if policy and policy["attachment_count"] > (policy["policy_id"] in attached):
            reasons.append(attached_elsewhere(self.name))
        elif policy:
            goes.append(policy_called(self.name))
        if user:
            others = _others(attached, policy)
            goes[:0] = [] if others else [self.called]
            reasons += [has_others(self.called, others)] if others else []
        return as_it_goes(goes, reasons)

    def _remove(self) -> None:
        """Remove the keys first, then what nothing else uses. Raises NotYetError for what stays."""
        for key in self.key_ids():
            self.delete_key(key)
        user, policy = self._own()
        attached, reasons = self._attached(user), []
        if user and policy and policy["policy_id"] in attached:
            body = {"user_id": user["user_id"]}
            self._iam.call("POST", f"/v5/policies/{policy['policy_id']}/detach-user", body=body)
            policy["attachment_count"] -= 1
        if others := _others(attached, policy):
            reasons.append(has_others(self.called, others))
        elif user:
            self._iam.call("DELETE", f"/v5/users/{user['user_id']}")
        if policy and policy["attachment_count"]:
            reasons.append(attached_elsewhere(self.name))
        elif policy:
            path = f"/v5/policies/{policy['policy_id']}"
            for version in list(self._all(f"{path}/versions", "versions")):
                if not version["is_default"]:
                    self._iam.call("DELETE", f"{path}/versions/{version['version_id']}")
            self._iam.call("DELETE", path)
        if reasons:
            raise stays(reasons)

    def _own(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Read the user and the policy of this name, if setup made them."""
        user, policy = self.user(), self._policy()
        return user if self._is_ours(user) else None, policy if self._is_ours(policy) else None

    def _check_ours(self, thing: dict[str, Any], name: Text) -> None:
        """Raise UsageError for a user or a policy that setup did not make."""
        if not self._is_ours(thing):
            raise foreign([name]).error()

    def _is_ours(self, found: dict[str, Any] | None) -> bool:
        """Whether setup made a user or a policy."""
        return found is not None and found.get("description") == self._mark

    def _replace(self, policy: dict[str, Any], text: str) -> None:
        """IAM keeps five versions of a policy: the oldest that is not in force makes room."""
        path = f"/v5/policies/{policy['policy_id']}/versions"
        versions = list(self._all(path, "versions"))
        if len(versions) >= _VERSIONS:
            oldest = min(
                (version for version in versions if not version["is_default"]),
                key=lambda version: int(version["version_id"][1:]),
            )
            self._iam.call("DELETE", f"{path}/{oldest['version_id']}")
        self._iam.call("POST", path, body={"policy_document": text, "set_as_default": True})

    def _policy(self) -> dict[str, Any] | None:
        found = self._all("/v5/policies", "policies", policy_type="custom")
        return next((one for one in found if one["policy_name"] == self.name), None)

    def _says(self, policy: dict[str, Any]) -> Any:
        path = f"/v5/policies/{policy['policy_id']}/versions/{policy['default_version_id']}"
        return json.loads(self._iam.call("GET", path)["policy_version"]["document"])

    def _attached(self, user: Mapping[str, Any] | None) -> dict[str, str]:
        """List the policies that a user has: their names by their identifiers."""
        path = f"/v5/users/{user['user_id']}/attached-policies" if user else ""
        policies = self._all(path, "attached_policies") if user else ()
        return {policy["policy_id"]: policy["policy_name"] for policy in policies}

    def _all(self, path: str, name: str, **query: str) -> Iterator[dict[str, Any]]:
        """What IAM lists, page by page."""
        while True:
            page = self._iam.call("GET", path, {**query, "limit": "200"}, was_made=self._made is not None)
            yield from listed(page, name)
            marker = page.get("page_info", {}).get("next_marker")
            if not marker:
                return
            query["marker"] = marker


def _keys_of(user: Mapping[str, Any]) -> str:
    return f"/v5/users/{user.get('user_id', '')}/access-keys"


def _others(attached: Mapping[str, str], policy: Mapping[str, Any] | None) -> list[str]:
    """List the names of the policies that setup did not attach to its user, which stays as long as it has them."""
    return [name for number, name in attached.items() if not policy or number != policy["policy_id"]]
