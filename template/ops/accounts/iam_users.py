"""Needs (entries of setup's plan) for users in Huawei Cloud's IAM, each with its own identity policy ("v5").

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
from ops.accounts.policy_documents import Document, convert_to_role_policies, list_permissions
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
    """The id of an access key, with the times of its creation and of its last use as IAM writes them.

    `last_use` is empty for a key that was never used.
    """

    key_id: str
    created: str
    last_use: str


class IamUser:
    """An IAM user with a policy of the same name, whose contents are `document`.

    `label` is the description of the users and policies that setup creates. `region` is the region in which permissions
    of regional services are granted.
    """

    key_permissions = ("iam:credentials:listCredentialsV5", "iam:credentials:deleteCredentialV5")

    def __init__(self, iam: Service, name: str, document: Document, label: str, region: str) -> None:
        self._iam, self.name, self._document, self._label, self._region = iam, name, document, label, region
        self.title = t("IAM user {name}", name=name)
        # The user that this run created, which lists show only after a second.
        self._created_user: dict[str, Any] | None = None

    def need(self, title: Text, handover_steps: Sequence[Text], is_settled: Callable[[], bool]) -> Need:
        """Return the need for the user.

        - `handover_steps` are the steps by which a person hands over an access key, if setup cannot create the user.
        - `is_settled` returns True if no other step of setup waits for the user.
        """
        return Need(
            title,
            (*_READ_PERMISSIONS, *_CREATE_PERMISSIONS),
            self._read_state,
            self._create_or_update,
            [*self._list_manual_steps(), *handover_steps],
            is_settled,
        )

    def removal(self, title: Text) -> Need:
        return Need(
            title,
            (*_READ_PERMISSIONS, *_REMOVE_PERMISSIONS),
            self._plan_removal,
            self._remove,
            [manual_deletion_step(self.name)],
        )

    def key_ids(self) -> list[str]:
        """List the ids of the user's access keys; return an empty list for a user that setup did not create."""
        return [key["access_key_id"] for key in self._list_keys()]

    def keys(self) -> list[Key]:
        """List the user's access keys with the times of their creation and last use, the older key first."""
        path = _keys_path(self.user() or {})
        keys = []
        for entry in self._list_keys():
            last_use = self._iam.call("GET", f"{path}/{entry['access_key_id']}/last-used")["access_key_last_used"]
            keys.append(Key(entry["access_key_id"], entry["created_at"], last_use.get("last_used_at") or ""))
        return sorted(keys, key=lambda key: key.created)

    def make_key(self) -> Keys:
        """Create a permanent access key. IAM shows the secret only in this response.

        Raises NotYetError for a missing user, and UsageError for a user that setup did not create.
        """
        user = self.user()
        if user is None:
            raise missing_user_error(self.name)
        self._check_ours(user, self.title)
        created_key = self._iam.call("POST", _keys_path(user), attempts=1, is_new=True)["access_key"]
        return Keys(Secret(created_key["access_key_id"]), Secret(created_key["secret_access_key"]))

    def delete_key(self, key: str) -> None:
        self._iam.call("DELETE", f"{_keys_path(self.user() or {})}/{key}")

    def user(self) -> dict[str, Any] | None:
        users = self._list_all("/v5/users", "users")
        return self._created_user or next((user for user in users if user["user_name"] == self.name), None)

    def is_ours(self) -> bool:
        return self._is_ours(self.user())

    def _list_keys(self) -> list[dict[str, Any]]:
        user = self.user()
        return [*self._list_all(_keys_path(user), "access_keys")] if user and self._is_ours(user) else []

    def _list_manual_steps(self) -> Iterator[Text]:
        """Yield the steps by which a person creates the user and its policy.

        An account without identity policies needs custom role policies instead (support.huaweicloud.com/api-iam).
        """
        yield t(
            "Create the IAM user {name} for programmatic access only, with the description {mark}, in a"
            " user group of its own",
            name=self.name,
            mark=self._label,
        )
        for grant_place, document in convert_to_role_policies(self._document, self._region):
            yield t(
                "{instruction}: {document}",
                instruction=t("Create a custom policy for the user group of that user, {where}", where=grant_place),
                document=json.dumps(document),
            )
        yield t(
            "{instruction}: {document}",
            instruction=t(
                "If the account has identity policies, create this policy instead, and attach it to the user"
            ),
            document=json.dumps(self._document),
        )

    def _read_state(self) -> Line:
        facts = [self.title, *list_permissions(self._document)]
        # Both are read in any case, so that a missing permission is reported now.
        user, policy = self.user(), self._find_policy()
        names = ((user, self.title), (policy, policy_title(self.name)))
        if foreign_names := [name for resource, name in names if resource and not self._is_ours(resource)]:
            return foreign_line(foreign_names)
        if user is None:
            return Line(ResourceState.CREATE, facts=facts)
        current_document = self._read_document(policy) if policy else None
        is_attached = policy is not None and policy["policy_id"] in self._list_attached_policies(user)
        return difference_line(
            [*policy_changes(self.name, current_document, self._document, is_attached=is_attached)], facts
        )

    def _create_or_update(self) -> None:
        user = self.user()
        if user is None:
            user = self._created_user = dict(
                self._iam.call(
                    "POST", "/v5/users", body={"name": self.name, "description": self._label, "enabled": True}
                )["user"]
            )
        self._check_ours(user, self.title)
        policy, policy_text = self._find_policy(), json.dumps(self._document)
        if policy is not None:
            self._check_ours(policy, policy_title(self.name))
        if policy is None:
            policy = self._iam.call(
                "POST",
                "/v5/policies",
                body={"policy_name": self.name, "policy_document": policy_text, "description": self._label},
            )["policy"]
        elif self._read_document(policy) != self._document:
            self._store_version(policy, policy_text)
        if policy["policy_id"] not in self._list_attached_policies(user):
            self._iam.call(
                "POST",
                f"/v5/policies/{policy['policy_id']}/attach-user",
                body={"user_id": user["user_id"]},
                is_new=True,
            )

    def _plan_removal(self) -> Line:
        user, policy = self._find_own_resources()
        attached_policies = self._list_attached_policies(user)
        removed_names, reasons = [*map(untranslated, self.key_ids())], []
        if policy and policy["attachment_count"] > (policy["policy_id"] in attached_policies):
            reasons.append(attachment_reason(self.name))
        elif policy:
            removed_names.append(policy_title(self.name))
        if user:
            other_names = _list_other_policies(attached_policies, policy)
            removed_names[:0] = [] if other_names else [self.title]
            reasons += [other_policies_reason(self.title, other_names)] if other_names else []
        return removal_line(removed_names, reasons)

    def _remove(self) -> None:
        """Remove the access keys first, then the user and the policy if nothing else uses them.

        Raises NotYetError if the user or the policy remains.
        """
        for key in self.key_ids():
            self.delete_key(key)
        user, policy = self._find_own_resources()
        attached_policies, reasons = self._list_attached_policies(user), []
        if user and policy and policy["policy_id"] in attached_policies:
            body = {"user_id": user["user_id"]}
            self._iam.call("POST", f"/v5/policies/{policy['policy_id']}/detach-user", body=body)
            policy["attachment_count"] -= 1
        if other_names := _list_other_policies(attached_policies, policy):
            reasons.append(other_policies_reason(self.title, other_names))
        elif user:
            self._iam.call("DELETE", f"/v5/users/{user['user_id']}")
        if policy and policy["attachment_count"]:
            reasons.append(attachment_reason(self.name))
        elif policy:
            path = f"/v5/policies/{policy['policy_id']}"
            for version in list(self._list_all(f"{path}/versions", "versions")):
                if not version["is_default"]:
                    self._iam.call("DELETE", f"{path}/versions/{version['version_id']}")
            self._iam.call("DELETE", path)
        if reasons:
            raise leftover_error(reasons)

    def _find_own_resources(self) -> tuple[dict[str, Any] | None, dict[str, Any] | None]:
        """Return the user and the policy of this name. Each is None if it is missing, or if setup did not create it."""
        user, policy = self.user(), self._find_policy()
        return user if self._is_ours(user) else None, policy if self._is_ours(policy) else None

    def _check_ours(self, resource: dict[str, Any], name: Text) -> None:
        if not self._is_ours(resource):
            raise foreign_line([name]).error()

    def _is_ours(self, resource: dict[str, Any] | None) -> bool:
        return resource is not None and resource.get("description") == self._label

    def _store_version(self, policy: dict[str, Any], text: str) -> None:
        """Store a new version of a policy; delete the oldest unused version first, because IAM keeps five versions."""
        path = f"/v5/policies/{policy['policy_id']}/versions"
        versions = list(self._list_all(path, "versions"))
        if len(versions) >= _MAX_VERSIONS:
            oldest_version = min(
                (version for version in versions if not version["is_default"]),
                key=lambda version: int(version["version_id"][1:]),
            )
            self._iam.call("DELETE", f"{path}/{oldest_version['version_id']}")
        self._iam.call("POST", path, body={"policy_document": text, "set_as_default": True})

    def _find_policy(self) -> dict[str, Any] | None:
        policies = self._list_all("/v5/policies", "policies", policy_type="custom")
        return next((policy for policy in policies if policy["policy_name"] == self.name), None)

    def _read_document(self, policy: dict[str, Any]) -> Any:
        path = f"/v5/policies/{policy['policy_id']}/versions/{policy['default_version_id']}"
        return json.loads(self._iam.call("GET", path)["policy_version"]["document"])

    def _list_attached_policies(self, user: Mapping[str, Any] | None) -> dict[str, str]:
        path = f"/v5/users/{user['user_id']}/attached-policies" if user else ""
        policies = self._list_all(path, "attached_policies") if user else ()
        return {policy["policy_id"]: policy["policy_name"] for policy in policies}

    def _list_all(self, path: str, name: str, **query: str) -> Iterator[dict[str, Any]]:
        """Yield the elements of a list in IAM, page by page; `name` is the list's field in the response."""
        while True:
            page = self._iam.call("GET", path, {**query, "limit": "200"}, is_new=self._created_user is not None)
            yield from read_list(page, name)
            marker = page.get("page_info", {}).get("next_marker")
            if not marker:
                return
            query["marker"] = marker


def _keys_path(user: Mapping[str, Any]) -> str:
    return f"/v5/users/{user.get('user_id', '')}/access-keys"


def _list_other_policies(attached_policies: Mapping[str, str], policy: Mapping[str, Any] | None) -> list[str]:
    """List the names of policies that others attached to setup's user; they prevent the user's removal."""
    return [name for policy_id, name in attached_policies.items() if not policy or policy_id != policy["policy_id"]]
