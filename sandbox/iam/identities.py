"""The users of IAM with their access keys and identity policies, and the operations of IAM's API on them."""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Mapping
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple

from sandbox.account import DOMAIN_ID
from sandbox.gateway import GatewayError, json_response
from sandbox.keys import Credential, KeyedService
from sandbox.policy import Document, parse_policy
from sandbox.server.message import Response

Record = dict[str, Any]

_MAX_USERS, _MAX_KEYS, _MAX_POLICIES, _MAX_VERSIONS, _MAX_DOCUMENT_BYTES = 50, 2, 10, 5, 6144
_USER_NAME, _POLICY_NAME = r"[A-Za-z_-][A-Za-z0-9 _.-]{0,63}", r"[A-Za-z0-9_+=.@-]{1,128}"
_MAX_PAGE = 200


class IamError(GatewayError):
    """A refusal by IAM itself, with the code `PAP5.` and a number.

    The pages document 0001 (missing permission), 0003 (limit), 0010 (marker) and 0011 (document). Clients cannot rely
    on the numbers of other errors, only on the status.
    """

    def response(self) -> Response:
        body = {"error_code": self.code, "error_msg": self.message, "request_id": uuid.uuid4().hex}
        if self.code == "PAP5.0001":
            body["encoded_authorization_message"] = uuid.uuid4().hex
        return json_response(self.status, body)


class Arguments(NamedTuple):
    """The arguments of an operation: the identifiers in the path, the body, and the query parameters."""

    ids: tuple[str, ...]
    body: Mapping[str, Any]
    params: Mapping[str, str]


class Identities(KeyedService):
    """The users and policies of the account, with a method for each operation.

    - `projects` has the ids of the account's projects, by name.
    - `grant_delay` is the number of seconds until a grant takes effect; with None it never does.
    - `visibility_delay` is the number of seconds until requests see a new record; its name is in use at once.
    """

    def __init__(self, projects: Mapping[str, str], port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.projects = projects
        self.grant_delay: float | None = 0.0
        self.visibility_delay = 0.0
        self.users: dict[str, Record] = {}
        self.policies: dict[str, Record] = {}
        self.find_user_key = self.find_key

    def find_key(self, access_key: str) -> Credential | None:
        """Return the credential of a user's access key and record its use; return None for an unknown key."""
        for user_id, user in self.users.items():
            key = user["keys"].get(access_key)
            if key and not self._is_hidden(key):
                key["used"] = self.now()
                return Credential(
                    key["secret"], None, partial(self._find_policies_in_force, user_id), f"user/{user_id}"
                )
        return None

    # Users.

    def create_user(self, arguments: Arguments) -> object:
        name = arguments.body["name"]
        if not re.fullmatch(_USER_NAME, name) or len(arguments.body.get("description", "")) > 255:
            raise make_parameter_error("name or description")
        if any(user["fields"]["user_name"] == name for user in self.users.values()):
            raise _make_exists_error("user")
        _check_limit(len(self.users), _MAX_USERS, "users per account")
        user_id = uuid.uuid4().hex
        fields = {
            "user_id": user_id,
            "user_name": name,
            "description": arguments.body.get("description", ""),
            "enabled": arguments.body.get("enabled", True),
            "is_root_user": False,
            "urn": f"iam::{DOMAIN_ID}:user:{name}",
            "created_at": self._format_now(),
        }
        self.users[user_id] = {"fields": fields, "made": self.now(), "keys": {}, "attached": {}, "roles": []}
        return {"user": fields}

    def list_users(self, arguments: Arguments) -> object:
        """List all users, or only the user with the access key in the parameters."""
        key = arguments.params.get("access_key_id")
        if key is None:
            return self._make_page(
                arguments, "users", [user["fields"] for user in self._list_visible(self.users)], "user_id"
            )
        credential = self.find_credential(key)
        users = [user["fields"] for user in self._list_visible(self.users) if key in user["keys"]]
        if credential and not users:
            identity = {"user_id": uuid.UUID(int=0).hex, "user_name": credential.holder.rpartition("/")[2]}
            users = [{**identity, "is_root_user": credential.holder == "root", "enabled": True}]
        return self._make_page(arguments, "users", users, "user_id")

    def delete_user(self, arguments: Arguments) -> None:
        user = self._find_user(arguments)
        if user["keys"] or user["attached"]:
            raise IamError(409, "PAP5.0005", "delete conflict: the user has access keys or policies")
        del self.users[arguments.ids[0]]

    def create_key(self, arguments: Arguments) -> object:
        user = self._find_user(arguments)
        _check_limit(len(user["keys"]), _MAX_KEYS, "access keys per user")
        key_id, secret = uuid.uuid4().hex[:20].upper(), uuid.uuid4().hex + uuid.uuid4().hex[:8]
        fields = {
            "access_key_id": key_id,
            "user_id": arguments.ids[0],
            "status": "active",
            "created_at": self._format_now(),
        }
        user["keys"][key_id] = {**fields, "secret": secret, "made": self.now()}
        return {"access_key": {**fields, "secret_access_key": secret}}

    def list_keys(self, arguments: Arguments) -> object:
        names = ("access_key_id", "user_id", "status", "created_at")
        keys = [{name: key[name] for name in names} for key in self._list_visible(self._find_user(arguments)["keys"])]
        return self._make_page(arguments, "access_keys", keys, "access_key_id")

    def show_last_used(self, arguments: Arguments) -> object:
        """Return the time of the key's last use, or no time if it was never used."""
        last_use = self._find_key(arguments).get("used")
        return {"access_key_last_used": {"last_used_at": _format_time(last_use)} if last_use else {}}

    def delete_key(self, arguments: Arguments) -> None:
        del self._find_user(arguments)["keys"][self._find_key(arguments)["access_key_id"]]

    def list_attached_policies(self, arguments: Arguments) -> object:
        attachments = self._find_user(arguments)["attached"].items()
        policies = [
            {name: self.policies[policy]["fields"][name] for name in ("policy_id", "policy_name", "urn")}
            | {"attached_at": _format_time(attached_at)}
            for policy, attached_at in attachments
        ]
        return self._make_page(arguments, "attached_policies", policies, "policy_id")

    # Policies.

    def create_policy(self, arguments: Arguments) -> object:
        name, document = arguments.body["policy_name"], _check_document(arguments.body["policy_document"])
        if not re.fullmatch(_POLICY_NAME, name) or len(arguments.body.get("description", "")) > 1000:
            raise make_parameter_error("policy_name or description")
        if any(policy["fields"]["policy_name"] == name for policy in self.policies.values()):
            raise _make_exists_error("policy")
        policy_id, date = str(uuid.uuid4()), self._format_now()
        fields = {
            "policy_id": policy_id,
            "policy_name": name,
            "policy_type": "custom",
            "path": "",
            "description": arguments.body.get("description", ""),
            "default_version_id": "v1",
            "attachment_count": 0,
            "urn": f"iam::{DOMAIN_ID}:policy:{name}",
            "created_at": date,
            "updated_at": date,
        }
        self.policies[policy_id] = {
            "fields": fields,
            "made": self.now(),
            "versions": {"v1": {"document": document, "created_at": date}},
            "changes": [(self.now(), document)],
        }
        return {"policy": fields}

    def list_policies(self, arguments: Arguments) -> object:
        if arguments.params.get("policy_type", "custom") != "custom":
            raise make_parameter_error("policy_type: the sandbox has none of the system's policies")
        return self._make_page(
            arguments,
            "policies",
            [self._describe_policy(policy) for policy in self._list_visible(self.policies)],
            "policy_id",
        )

    def delete_policy(self, arguments: Arguments) -> None:
        policy = self._find_policy(arguments)
        if self._describe_policy(policy)["attachment_count"] or len(policy["versions"]) > 1:
            raise IamError(409, "PAP5.0005", "delete conflict: the policy is attached or has other versions")
        del self.policies[arguments.ids[0]]

    def create_version(self, arguments: Arguments) -> object:
        policy, document = self._find_policy(arguments), _check_document(arguments.body["policy_document"])
        _check_limit(len(policy["versions"]), _MAX_VERSIONS, "versions per policy")
        version_id = f"v{max(int(version[1:]) for version in policy['versions']) + 1}"
        policy["versions"][version_id] = {"document": document, "created_at": self._format_now()}
        if arguments.body.get("set_as_default"):
            policy["fields"] |= {"default_version_id": version_id, "updated_at": self._format_now()}
            policy["changes"].append((self.now(), document))
        return {"policy_version": _describe_version(policy, version_id)}

    def list_versions(self, arguments: Arguments) -> object:
        policy = self._find_policy(arguments)
        return self._make_page(
            arguments,
            "versions",
            [_describe_version(policy, version_id) for version_id in policy["versions"]],
            "version_id",
        )

    def show_version(self, arguments: Arguments) -> object:
        return {"policy_version": _describe_version(self._find_policy(arguments), arguments.ids[1])}

    def delete_version(self, arguments: Arguments) -> None:
        policy = self._find_policy(arguments)
        if _describe_version(policy, arguments.ids[1])["is_default"]:
            raise IamError(409, "PAP5.0005", "delete conflict: this is the default version")
        del policy["versions"][arguments.ids[1]]

    def attach_policy(self, arguments: Arguments) -> None:
        self._find_policy(arguments)
        attachments = self._find_record(self.users, arguments.body["user_id"], "user")["attached"]
        if arguments.ids[0] in attachments:
            raise _make_exists_error("attachment")
        _check_limit(len(attachments), _MAX_POLICIES, "attached policies per user")
        attachments[arguments.ids[0]] = self.now()

    def detach_policy(self, arguments: Arguments) -> None:
        self._find_policy(arguments)
        attachments = self._find_record(self.users, arguments.body["user_id"], "user")["attached"]
        if arguments.ids[0] not in attachments:
            raise _make_missing_error("attachment")
        del attachments[arguments.ids[0]]

    # Domains and projects of v3.

    def list_domains(self, _arguments: Arguments) -> object:
        domain = {"id": DOMAIN_ID, "name": "sandbox", "enabled": True, "description": "", "links": {}}
        return {"domains": [domain], "links": {}}

    def list_projects(self, arguments: Arguments) -> object:
        requested_name = arguments.params.get("name")
        projects = [
            {"id": project_id, "name": name, "domain_id": DOMAIN_ID, "parent_id": DOMAIN_ID, "enabled": True}
            | {"is_domain": False, "description": "", "links": {}}
            for name, project_id in self.projects.items()
            if requested_name in (None, name)
        ]
        return {"projects": projects, "links": {}}

    # Helpers of several operations.

    def _find_user(self, arguments: Arguments) -> Record:
        return self._find_record(self.users, arguments.ids[0], "user")

    def _find_policy(self, arguments: Arguments) -> Record:
        return self._find_record(self.policies, arguments.ids[0], "policy")

    def _find_key(self, arguments: Arguments) -> Record:
        return self._find_record(self._find_user(arguments)["keys"], arguments.ids[1], "access key")

    def _find_record(self, records: dict[str, Record], identifier: str, record_type: str) -> Record:
        record = records.get(identifier)
        if record is None or self._is_hidden(record):
            raise _make_missing_error(record_type)
        return record

    def _list_visible(self, records: dict[str, Record]) -> list[Record]:
        return [record for record in records.values() if not self._is_hidden(record)]

    def _is_hidden(self, record: Record) -> bool:
        return bool(self.now() < record["made"] + self.visibility_delay)

    def _describe_policy(self, policy: Record) -> Record:
        policy_id = policy["fields"]["policy_id"]
        return {
            **policy["fields"],
            "attachment_count": sum(policy_id in user["attached"] for user in self.users.values()),
        }

    def grant(self, user: str, document: str) -> None:
        """Attach a custom policy of version 1.1 to a user, as administrators do by hand in an account without API v5.

        The policy applies in addition to the user's identity policies.
        """
        with self.lock:
            self.users[user]["roles"].append((self.now(), parse_policy(document, "1.1")))

    def _find_policies_in_force(self, user: str) -> list[Document]:
        if self.grant_delay is None:
            return []
        latest_time = self.now() - self.grant_delay
        attachments = [
            identifier for identifier, grant_time in self.users[user]["attached"].items() if grant_time <= latest_time
        ]
        changes = [
            [text for grant_time, text in self.policies[policy]["changes"] if grant_time <= latest_time]
            for policy in attachments
        ]
        roles = [document for grant_time, document in self.users[user]["roles"] if grant_time <= latest_time]
        return [*roles, *(parse_policy(texts[-1], "5.0") for texts in changes)]

    def _make_page(self, arguments: Arguments, name: str, records: list[Record], key: str) -> object:
        """Return the page of `records` after the request's marker, which is a value of the records' field `key`."""
        limit, marker = arguments.params.get("limit", "100"), arguments.params.get("marker")
        if not limit.isdigit() or not 1 <= int(limit) <= _MAX_PAGE:
            raise make_parameter_error("limit")
        identifiers = [record[key] for record in records]
        if marker is not None and marker not in identifiers:
            raise IamError(400, "PAP5.0010", "invalid marker")
        remaining_records = records[identifiers.index(marker) + 1 :] if marker else records
        page = remaining_records[: int(limit)]
        next_page = {"next_marker": page[-1][key]} if len(page) < len(remaining_records) else {}
        return {name: page, "page_info": {"current_count": len(page), **next_page}}

    def _format_now(self) -> str:
        return _format_time(self.now())


def _check_document(document: str) -> str:
    if len(document.encode()) > _MAX_DOCUMENT_BYTES:
        raise IamError(409, "PAP5.0003", "size of a policy limit exceeded")
    try:
        parse_policy(document, "5.0")
    except (ValueError, TypeError, AttributeError) as error:
        raise IamError(400, "PAP5.0011", f"malformed policy document: {error}") from None
    return document


def _describe_version(policy: Record, version_id: str) -> Record:
    if version_id not in policy["versions"]:
        raise _make_missing_error("version")
    return {
        **policy["versions"][version_id],
        "version_id": version_id,
        "is_default": version_id == policy["fields"]["default_version_id"],
    }


def _check_limit(count: int, maximum: int, name: str) -> None:
    if count >= maximum:
        raise IamError(409, "PAP5.0003", f"{name} limit exceeded")


def _make_missing_error(record_type: str) -> IamError:
    return IamError(404, "PAP5.0002", f"{record_type} does not exist")


def _make_exists_error(record_type: str) -> IamError:
    return IamError(409, "PAP5.0004", f"{record_type} already exists")


def make_parameter_error(name: str) -> IamError:
    return IamError(400, "PAP5.0009", f"invalid parameter: {name}")


def _format_time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
