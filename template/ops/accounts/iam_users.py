"""Users in Huawei Cloud's IAM, each with its own identity policy ("v5").

Source: support.huaweicloud.com/api-iam5 (CreateUserV5, CreatePolicyV5, AttachUserPolicyV5, CreateAccessKeyV5 and
similar pages).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from ops.accounts.policy_documents import Document, by_roles, rights
from ops.clouds.keys import Keys, Secret
from ops.clouds.services import Service, read_list
from oss_oms_sync.answers.text import Text, t, untranslated

_MAX_VERSIONS = 5
_READ_PERMISSIONS = (
    *("iam:users:listUsersV5", "iam:users:listAttachedPoliciesV5", "iam:policies:listV5", "iam:policies:getVersionV5"),
    "iam:policies:listVersionsV5",
)
_CREATE_PERMISSIONS = (
    *("iam:users:createUserV5", "iam:credentials:createCredentialV5", "iam:users:attachPolicyV5"),
    *("iam:policies:createV5", "iam:policies:createVersionV5", "iam:policies:deleteVersionV5"),
)
_REMOVE_PERMISSIONS = (
    *("iam:users:detachPolicyV5", "iam:users:deleteUserV5", "iam:policies:deleteV5", "iam:policies:deleteVersionV5"),
    *("iam:credentials:listCredentialsV5", "iam:credentials:deleteCredentialV5"),
)


class Key(NamedTuple):
    """An access key, with the times of its creation and its last use as IAM writes them.

    `used` is empty for a key that was never used.
    """

    number: str
    made: str
    used: str


class IamUser:
    """An IAM user with a policy of the same name.

    The description of users and policies that setup creates is `mark`. `region` is the region of permissions for a
    single region.
    """

    key_rights = ("iam:credentials:listCredentialsV5", "iam:credentials:deleteCredentialV5")

    def __init__(self, iam: Service, name: str, document: Document, mark: str, region: str) -> None:
        self._iam, self.name, self._document, self._mark, self._region = iam, name, document, mark, region
        self.title = t("IAM user {name}", name=name)
        # The user that this run created, which lists show only after a second.
        self._made: dict[str, Any] | None = None

    def need(self, title: Text, key: Sequence[Text], is_settled: Callable[[], bool]) -> Need:
        """Return the need for the user.

        `key`: the steps to hand over a key, if IAM does not let setup create the user.
        """
        return Need(
            title,
            (*_READ_PERMISSIONS, *_CREATE_PERMISSIONS),
            self._look,
            self._do,
            [*self._by_hand(), *key],
            is_settled,
        )

    def removal(self, title: Text) -> Need:
        """Return the removal of the user."""
        return Need(
            title,
            (*_READ_PERMISSIONS, *_REMOVE_PERMISSIONS),
            self._look_to_remove,
            self._remove,
            [delete_by_hand(self.name)],
        )

    def key_ids(self) -> list[str]:
        """List the access keys of the user; empty for a user that setup did not create."""
        return [key["access_key_id"] for key in self._keys()]

    def keys(self) -> list[Key]:
        """List the access keys of the user with their times, the older key first."""
        path = _keys_path(self.user() or {})
        keys = []
        for entry in self._keys():
            last_use = self._iam.call("GET", f"{path}/{entry['access_key_id']}/last-used")["access_key_last_used"]
            keys.append(Key(entry["access_key_id"], entry["created_at"], last_use.get("last_used_at") or ""))
        return sorted(keys, key=lambda key: key.made)

    def make_key(self) -> Keys:
        """Create an access key without a token. IAM shows the secret only in this response.

        Raises NotYetError for a missing user, and UsageError for a user that setup did not make.
        """
        user = self.user()
        if user is None:
            raise missing_user(self.name)
        self._check_ours(user, self.title)
        made = self._iam.call("POST", _keys_path(user), attempts=1, was_made=True)["access_key"]
        return Keys(Secret(made["access_key_id"]), Secret(made["secret_access_key"]))

    def delete_key(self, key: str) -> None:
        """Delete an access key of the user."""
        self._iam.call("DELETE", f"{_keys_path(self.user() or {})}/{key}")

    def user(self) -> dict[str, Any] | None:
        """Return the user; None if no user has this name."""
        users = self._all("/v5/users", "users")
        return self._made or next((user for user in users if user["user_name"] == self.name), None)

    def is_ours(self) -> bool:
        """Return True if setup made the user."""
        return self._is_ours(self.user())

    def _keys(self) -> list[dict[str, Any]]:
        user = self.user()
        return [*self._all(_keys_path(user), "access_keys")] if user and self._is_ours(user) else []

    def _by_hand(self) -> Iterator[Text]:
        """Yield the steps by hand in an account without identity policies (support.huaweicloud.com/api-iam)."""
        yield t(
            "Create the IAM user {name} for programmatic access only, with the description {mark}, in its"
            " own user group",
            name=self.name,
            mark=self._mark,
        )
        for where, document in by_roles(self._document, self._region):
            yield t(
                "{instruction}: {document}",
                instruction=t("Create a custom policy for that group, {where}", where=where),
                document=json.dumps(document),
            )
        yield t(
            "{instruction}: {document}",
            instruction=t(
                "If the account has identity policies, create this policy instead, and attach it to the user"
            ),
            document=json.dumps(self._document),
        )

    def _look(self) -> Line:
        facts = [self.title, *rights(self._document)]
        # Both are read in any case, so that a missing permission is reported now.
        user, policy = self.user(), self._policy()
        names = ((user, self.title), (policy, policy_title(self.name)))
        if others := [name for resource, name in names if resource and not self._is_ours(resource)]:
            return foreign_line(others)
        if user is None:
            return Line(ResourceState.CREATE, facts=facts)
        current = self._document_of(policy) if policy else None
        is_attached = policy is not None and policy["policy_id"] in self._attached(user)
        return change_line([*policy_changes(self.name, current, self._document, is_attached=is_attached)], facts)

    def _do(self) -> None:
        user = self.user()
        if user is None:
            user = self._made = dict(
                self._iam.call(
                    "POST", "/v5/users", body={"name": self.name, "description": self._mark, "enabled": True}
                )["user"]
            )
        self._check_ours(user, self.title)
        policy, text = self._policy(), json.dumps(self._document)
        if policy is not None:
            self._check_ours(policy, policy_title(self.name))
        if policy is None:
            policy = self._iam.call(
                "POST",
                "/v5/policies",
                body={"policy_name": self.name, "policy_document": text, "description": self._mark},
            )["policy"]
        elif self._document_of(policy) != self._document:
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
        removed, reasons = [*map(untranslated, self.key_ids())], []
        if policy and policy["attachment_count"] > (policy["policy_id"] in attached):
            reasons.append(attachment_reason(self.name))
        elif policy:
            removed.append(policy_title(self.name))
        if user:
            others = _other_policies(attached, policy)
            removed[:0] = [] if others else [self.title]
            reasons += [other_policies_reason(self.title, others)] if others else []
        return removal_line(removed, reasons)

    def _remove(self) -> None:
        """Remove the keys first, then the user and the policy if nothing else uses them.

        Raises NotYetError for a remaining user or policy.
        """
        for key in self.key_ids():
            self.delete_key(key)
        user, policy = self._own()
        attached, reasons = self._attached(user), []
        if user and policy and policy["policy_id"] in attached:
            body = {"user_id": user["user_id"]}
            self._iam.call("POST", f"/v5/policies/{policy['policy_id']}/detach-user", body=body)
            policy["attachment_count"] -= 1
        if others := _other_policies(attached, policy):
            reasons.append(other_policies_reason(self.title, others))
        elif user:
            self._iam.call("DELETE", f"/v5/users/{user['user_id']}")
        if policy and policy["attachment_count"]:
            reasons.append(attachment_reason(self.name))
        elif policy:
            path = f"/v5/policies/{policy['policy_id']}"
            for version in list(self._all(f"{path}/versions", "versions")):
                if not version["is_default"]:
                    self._iam.call("DELETE", f"{path}/versions/{version['version_id']}")
            self._iam.call("DELETE", path)
        if reasons:
            raise leftover_error(reasons)

    def _own(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the user and the policy of this name; None in place of each that setup did not create."""
        user, policy = self.user(), self._policy()
        return user if self._is_ours(user) else None, policy if self._is_ours(policy) else None

    def _check_ours(self, resource: dict[str, Any], name: Text) -> None:
        """Raise UsageError for a user or a policy that setup did not make."""
        if not self._is_ours(resource):
            raise foreign_line([name]).error()

    def _is_ours(self, resource: dict[str, Any] | None) -> bool:
        """Return True if setup made a user or a policy."""
        return resource is not None and resource.get("description") == self._mark

    def _replace(self, policy: dict[str, Any], text: str) -> None:
        """Store a new version of a policy.

        IAM keeps five versions, so the oldest version that is not in use is deleted first.
        """
        path = f"/v5/policies/{policy['policy_id']}/versions"
        versions = list(self._all(path, "versions"))
        if len(versions) >= _MAX_VERSIONS:
            oldest = min(
                (version for version in versions if not version["is_default"]),
                key=lambda version: int(version["version_id"][1:]),
            )
            self._iam.call("DELETE", f"{path}/{oldest['version_id']}")
        self._iam.call("POST", path, body={"policy_document": text, "set_as_default": True})

    def _policy(self) -> dict[str, Any] | None:
        policies = self._all("/v5/policies", "policies", policy_type="custom")
        return next((policy for policy in policies if policy["policy_name"] == self.name), None)

    def _document_of(self, policy: dict[str, Any]) -> Any:
        path = f"/v5/policies/{policy['policy_id']}/versions/{policy['default_version_id']}"
        return json.loads(self._iam.call("GET", path)["policy_version"]["document"])

    def _attached(self, user: Mapping[str, Any] | None) -> dict[str, str]:
        """Return the user's policies: their names by their ids."""
        path = f"/v5/users/{user['user_id']}/attached-policies" if user else ""
        policies = self._all(path, "attached_policies") if user else ()
        return {policy["policy_id"]: policy["policy_name"] for policy in policies}

    def _all(self, path: str, name: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the elements of a list in IAM, page by page."""
        while True:
            page = self._iam.call("GET", path, {**query, "limit": "200"}, was_made=self._made is not None)
            yield from read_list(page, name)
            marker = page.get("page_info", {}).get("next_marker")
            if not marker:
                return
            query["marker"] = marker


def _keys_path(user: Mapping[str, Any]) -> str:
    return f"/v5/users/{user.get('user_id', '')}/access-keys"


def _other_policies(attached: Mapping[str, str], policy: Mapping[str, Any] | None) -> list[str]:
    """List the names of policies that others attached to setup's user; they prevent the user's removal."""
    return [name for number, name in attached.items() if not policy or number != policy["policy_id"]]
