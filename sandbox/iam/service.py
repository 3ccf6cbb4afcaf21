"""IAM on loopback: users, their keys and identity policies (v5), and the account's domain and projects (v3).

Written from support.huaweicloud.com/api-iam5 (CreateUserV5 and its like, "Error codes") and /api-iam
(KeystoneListAuthDomains, KeystoneListProjects). What a request says beyond what its row names is refused, never
ignored.
"""

from __future__ import annotations

import json
import re
import ssl
import uuid
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from datetime import datetime, timezone
from functools import partial
from typing import Any, NamedTuple

from sandbox.account import DOMAIN_ID
from sandbox.gateway import GatewayError, json_response, verify_signature
from sandbox.keys import Credential, KeyedService
from sandbox.policy import Document, parse
from sandbox.server.message import Request, Response

Record = dict[str, Any]

_USERS, _KEYS, _POLICIES, _VERSIONS, _DOCUMENT = 50, 2, 10, 5, 6144
_USER_NAME, _POLICY_NAME = r"[A-Za-z_-][A-Za-z0-9 _.-]{0,63}", r"[A-Za-z0-9_+=.@-]{1,128}"
_PAGE = 200


class IamError(GatewayError):
    """A refusal by IAM itself, `PAP5.` and a number.

    0001 (no right), 0003 (a limit), 0010 (marker) and 0011 (document) are documented; no page that was found says the
    numbers of the others, so that nobody should go by more than their status.
    """

    def response(self) -> Response:
        body = {"error_code": self.code, "error_msg": self.message, "request_id": uuid.uuid4().hex}
        if self.code == "PAP5.0001":
            body["encoded_authorization_message"] = uuid.uuid4().hex
        return json_response(self.status, body)


class _Row(NamedTuple):
    """An operation: the action that a policy must allow, what carries it out, and what it heeds of a request.

    `needs` and `takes` are fields of the body.
    """

    action: str
    run: Callable[[Iam, Call], object]
    status: int = 200
    needs: Mapping[str, type] = {}
    takes: Mapping[str, type] = {}
    params: AbstractSet[str] = frozenset()


class Call(NamedTuple):
    """A request that may do what it asks for: the identifiers in its path, what it says, and who sends it."""

    ids: tuple[str, ...]
    body: Mapping[str, Any]
    params: Mapping[str, str]


class Iam(KeyedService):
    """`projects`: the account's, by their names. `v5`: whether the account has identity policies.

    `acts_after`: so many seconds after it was given a right acts, or it never does. `stale_for`: so many seconds what
    was made is not seen by whoever asks for it, although its name is taken.
    """

    def __init__(self, projects: Mapping[str, str], port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.projects = projects
        self.v5 = True
        self.acts_after: float | None = 0.0
        self.stale_for = 0.0
        self.actions: list[tuple[str, int]] = []
        self.users: dict[str, Record] = {}
        self.policies: dict[str, Record] = {}
        self.account = self.find_key
        self._denied: set[str] = set()

    def deny(self, action: str) -> None:
        """Take away a right, such as iam:users:createUserV5, from everybody."""
        with self.lock:
            self._denied.add(action)

    def find_key(self, access_key: str) -> Credential | None:
        """The key of a user, for all services of the cloud."""
        for number, user in self.users.items():
            key = user["keys"].get(access_key)
            if key and key["status"] == "active" and not self._is_stale(key):
                return Credential(key["secret"], None, partial(self._in_force, number), f"user/{number}")
        return None

    def respond(self, request: Request) -> Response:
        action = "iam::unknown"
        try:
            row, ids = _row_of(request)
            action = row.action
            response = self._respond(request, row, ids)
        except GatewayError as error:
            response = error.response()
        self.actions.append((action, response.status))
        return response

    def _respond(self, request: Request, row: _Row, ids: tuple[str, ...]) -> Response:
        caller = verify_signature(request, self.credential, self.skew)
        if request.headers.get("x-domain-id", DOMAIN_ID) != DOMAIN_ID:
            raise GatewayError(401, "APIGW.0301", "Incorrect IAM authentication information: domain id")
        if request.raw_path.startswith("/v5"):
            if not self.v5:
                raise IamError(403, "PAP5.0001", "access denied: the account has no identity policies")
            if row.action in self._denied or caller.denial(row.action, "iam:*:*:*:*"):
                raise IamError(403, "PAP5.0001", f"access denied: {row.action}")
        if not request.params.keys() <= row.params:
            raise _invalid(", ".join(request.params.keys() - row.params))
        found = row.run(self, Call(ids, _body(request, row), request.params))
        return Response(204) if found is None and row.status == 204 else json_response(row.status, found or {})

    # Users.

    def create_user(self, call: Call) -> object:
        name = call.body["name"]
        if not re.fullmatch(_USER_NAME, name) or len(call.body.get("description", "")) > 255:
            raise _invalid("name or description")
        if any(one["told"]["user_name"] == name for one in self.users.values()):
            raise _taken("user")
        _within(len(self.users), _USERS, "users per account")
        number = uuid.uuid4().hex
        told = {
            "user_id": number,
            "user_name": name,
            "description": call.body.get("description", ""),
            "enabled": call.body.get("enabled", True),
            "is_root_user": False,
            "urn": f"iam::{DOMAIN_ID}:user:{name}",
            "created_at": self._date(),
        }
        self.users[number] = {"told": told, "made": self.now(), "keys": {}, "attached": {}}
        return {"user": told}

    def list_users(self, call: Call) -> object:
        """Also that one user whose a key is."""
        key = call.params.get("access_key_id")
        if key is None:
            return self._page(call, "users", [one["told"] for one in self._seen(self.users)], "user_id")
        owner = self.credential(key)
        told = [one["told"] for one in self._seen(self.users) if key in one["keys"]]
        if owner and not told:
            name = {"user_id": uuid.UUID(int=0).hex, "user_name": owner.holder.rpartition("/")[2]}
            told = [{**name, "is_root_user": owner.holder == "root", "enabled": True}]
        return self._page(call, "users", told, "user_id")

    def show_user(self, call: Call) -> object:
        return {"user": self._user(call)["told"]}

    def delete_user(self, call: Call) -> None:
        user = self._user(call)
        if user["keys"] or user["attached"]:
            raise IamError(409, "PAP5.0005", "delete conflict: the user has access keys or policies")
        del self.users[call.ids[0]]

    def create_key(self, call: Call) -> object:
        user = self._user(call)
        _within(len(user["keys"]), _KEYS, "access keys per user")
        number, secret = uuid.uuid4().hex[:20].upper(), uuid.uuid4().hex + uuid.uuid4().hex[:8]
        told = {"access_key_id": number, "user_id": call.ids[0], "status": "active", "created_at": self._date()}
        user["keys"][number] = {**told, "secret": secret, "made": self.now()}
        return {"access_key": {**told, "secret_access_key": secret}}

    def list_keys(self, call: Call) -> object:
        told = ("access_key_id", "user_id", "status", "created_at")
        keys = [{name: one[name] for name in told} for one in self._seen(self._user(call)["keys"])]
        return self._page(call, "access_keys", keys, "access_key_id")

    def update_key(self, call: Call) -> None:
        if call.body["status"] not in ("active", "inactive"):
            raise _invalid("status")
        self._key(call)["status"] = call.body["status"]

    def delete_key(self, call: Call) -> None:
        del self._user(call)["keys"][self._key(call)["access_key_id"]]

    def list_attached(self, call: Call) -> object:
        attached = self._user(call)["attached"].items()
        told = [
            {name: self.policies[policy]["told"][name] for name in ("policy_id", "policy_name", "urn")}
            | {"attached_at": _iso(at)}
            for policy, at in attached
        ]
        return self._page(call, "attached_policies", told, "policy_id")

    # Policies.

    def create_policy(self, call: Call) -> object:
        name, document = call.body["policy_name"], _checked(call.body["policy_document"])
        if not re.fullmatch(_POLICY_NAME, name) or len(call.body.get("description", "")) > 1000:
            raise _invalid("policy_name or description")
        if any(one["told"]["policy_name"] == name for one in self.policies.values()):
            raise _taken("policy")
        number, date = str(uuid.uuid4()), self._date()
        told = {
            "policy_id": number,
            "policy_name": name,
            "policy_type": "custom",
            "path": "",
            "description": call.body.get("description", ""),
            "default_version_id": "v1",
            "attachment_count": 0,
            "urn": f"iam::{DOMAIN_ID}:policy:{name}",
            "created_at": date,
            "updated_at": date,
        }
        self.policies[number] = {
            "told": told,
            "made": self.now(),
            "versions": {"v1": {"document": document, "created_at": date}},
            "changes": [(self.now(), document)],
        }
        return {"policy": told}

    def list_policies(self, call: Call) -> object:
        if call.params.get("policy_type", "custom") != "custom":
            raise _invalid("policy_type: the sandbox has none of the system's policies")
        return self._page(call, "policies", [self._told(one) for one in self._seen(self.policies)], "policy_id")

    def show_policy(self, call: Call) -> object:
        return {"policy": self._told(self._policy(call))}

    def delete_policy(self, call: Call) -> None:
        policy = self._policy(call)
        if self._told(policy)["attachment_count"] or len(policy["versions"]) > 1:
            raise IamError(409, "PAP5.0005", "delete conflict: the policy is attached or has other versions")
        del self.policies[call.ids[0]]

    def create_version(self, call: Call) -> object:
        policy, document = self._policy(call), _checked(call.body["policy_document"])
        _within(len(policy["versions"]), _VERSIONS, "versions per policy")
        number = f"v{max(int(one[1:]) for one in policy['versions']) + 1}"
        policy["versions"][number] = {"document": document, "created_at": self._date()}
        if call.body.get("set_as_default"):
            policy["told"] |= {"default_version_id": number, "updated_at": self._date()}
            policy["changes"].append((self.now(), document))
        return {"policy_version": _version(policy, number)}

    def list_versions(self, call: Call) -> object:
        policy = self._policy(call)
        return self._page(call, "versions", [_version(policy, one) for one in policy["versions"]], "version_id")

    def show_version(self, call: Call) -> object:
        return {"policy_version": _version(self._policy(call), call.ids[1])}

    def delete_version(self, call: Call) -> None:
        policy = self._policy(call)
        if _version(policy, call.ids[1])["is_default"]:
            raise IamError(409, "PAP5.0005", "delete conflict: this is the default version")
        del policy["versions"][call.ids[1]]

    def attach(self, call: Call) -> None:
        self._policy(call)
        attached = self._find(self.users, call.body["user_id"], "user")["attached"]
        if call.ids[0] in attached:
            raise _taken("attachment")
        _within(len(attached), _POLICIES, "attached policies per user")
        attached[call.ids[0]] = self.now()

    def detach(self, call: Call) -> None:
        self._policy(call)
        attached = self._find(self.users, call.body["user_id"], "user")["attached"]
        if call.ids[0] not in attached:
            raise _missing("attachment")
        del attached[call.ids[0]]

    # What v3 tells.

    def list_domains(self, _call: Call) -> object:
        domain = {"id": DOMAIN_ID, "name": "sandbox", "enabled": True, "description": "", "links": {}}
        return {"domains": [domain], "links": {}}

    def list_projects(self, call: Call) -> object:
        wanted = call.params.get("name")
        found = [
            {"id": number, "name": name, "domain_id": DOMAIN_ID, "parent_id": DOMAIN_ID, "enabled": True}
            | {"is_domain": False, "description": "", "links": {}}
            for name, number in self.projects.items()
            if wanted in (None, name)
        ]
        return {"projects": found, "links": {}}

    # What several of them do.

    def _user(self, call: Call) -> Record:
        return self._find(self.users, call.ids[0], "user")

    def _policy(self, call: Call) -> Record:
        return self._find(self.policies, call.ids[0], "policy")

    def _key(self, call: Call) -> Record:
        return self._find(self._user(call)["keys"], call.ids[1], "access key")

    def _find(self, among: dict[str, Record], number: str, what: str) -> Record:
        found = among.get(number)
        if found is None or self._is_stale(found):
            raise _missing(what)
        return found

    def _seen(self, among: dict[str, Record]) -> list[Record]:
        return [one for one in among.values() if not self._is_stale(one)]

    def _is_stale(self, one: Record) -> bool:
        return bool(self.now() < one["made"] + self.stale_for)

    def _told(self, policy: Record) -> Record:
        number = policy["told"]["policy_id"]
        return {**policy["told"], "attachment_count": sum(number in one["attached"] for one in self.users.values())}

    def _in_force(self, user: str) -> list[Document]:
        """The documents of the policies that act for a user now."""
        if self.acts_after is None:
            return []
        latest = self.now() - self.acts_after
        attached = [policy for policy, at in self.users[user]["attached"].items() if at <= latest]
        changes = [[text for at, text in self.policies[one]["changes"] if at <= latest] for one in attached]
        return [parse(texts[-1], "5.0") for texts in changes]

    def _page(self, call: Call, name: str, found: list[Record], key: str) -> object:
        """A page of what follows the marker, which is the identifier of the last before it."""
        limit, marker = call.params.get("limit", "100"), call.params.get("marker")
        if not limit.isdigit() or not 1 <= int(limit) <= _PAGE:
            raise _invalid("limit")
        numbers = [one[key] for one in found]
        if marker is not None and marker not in numbers:
            raise IamError(400, "PAP5.0010", "invalid marker")
        rest = found[numbers.index(marker) + 1 :] if marker else found
        page = rest[: int(limit)]
        following = {"next_marker": page[-1][key]} if len(page) < len(rest) else {}
        return {name: page, "page_info": {"current_count": len(page), **following}}

    def _date(self) -> str:
        return _iso(self.now())


_LISTED = frozenset({"limit", "marker"})
# By the method and the path. The actions are on the page of each operation.
_OPERATIONS = {
    ("GET", "/v3/auth/domains"): _Row("iam::listAuthDomains", Iam.list_domains),
    ("GET", "/v3/projects"): _Row("iam:projects:listProjects", Iam.list_projects, params={"name"}),
    ("GET", "/v5/users"): _Row("iam:users:listUsersV5", Iam.list_users, params={*_LISTED, "access_key_id"}),
    ("POST", "/v5/users"): _Row(
        "iam:users:createUserV5", Iam.create_user, 201, {"name": str}, {"description": str, "enabled": bool}
    ),
    ("GET", "/v5/users/*"): _Row("iam:users:getUserV5", Iam.show_user),
    ("DELETE", "/v5/users/*"): _Row("iam:users:deleteUserV5", Iam.delete_user, 204),
    ("GET", "/v5/users/*/access-keys"): _Row("iam:credentials:listCredentialsV5", Iam.list_keys, params=_LISTED),
    ("POST", "/v5/users/*/access-keys"): _Row("iam:credentials:createCredentialV5", Iam.create_key, 201),
    ("PUT", "/v5/users/*/access-keys/*"): _Row(
        "iam:credentials:updateCredentialV5", Iam.update_key, needs={"status": str}
    ),
    ("DELETE", "/v5/users/*/access-keys/*"): _Row("iam:credentials:deleteCredentialV5", Iam.delete_key, 204),
    ("GET", "/v5/users/*/attached-policies"): _Row(
        "iam:users:listAttachedPoliciesV5", Iam.list_attached, params=_LISTED
    ),
    ("GET", "/v5/policies"): _Row("iam:policies:listV5", Iam.list_policies, params={*_LISTED, "policy_type"}),
    ("POST", "/v5/policies"): _Row(
        "iam:policies:createV5",
        Iam.create_policy,
        201,
        {"policy_name": str, "policy_document": str},
        {"description": str},
    ),
    ("GET", "/v5/policies/*"): _Row("iam:policies:getV5", Iam.show_policy),
    ("DELETE", "/v5/policies/*"): _Row("iam:policies:deleteV5", Iam.delete_policy, 204),
    ("GET", "/v5/policies/*/versions"): _Row("iam:policies:listVersionsV5", Iam.list_versions, params=_LISTED),
    ("POST", "/v5/policies/*/versions"): _Row(
        "iam:policies:createVersionV5", Iam.create_version, 201, {"policy_document": str}, {"set_as_default": bool}
    ),
    ("GET", "/v5/policies/*/versions/*"): _Row("iam:policies:getVersionV5", Iam.show_version),
    ("DELETE", "/v5/policies/*/versions/*"): _Row("iam:policies:deleteVersionV5", Iam.delete_version, 204),
    ("POST", "/v5/policies/*/attach-user"): _Row("iam:users:attachPolicyV5", Iam.attach, needs={"user_id": str}),
    ("POST", "/v5/policies/*/detach-user"): _Row("iam:users:detachPolicyV5", Iam.detach, needs={"user_id": str}),
}


def _row_of(request: Request) -> tuple[_Row, tuple[str, ...]]:
    for (method, path), row in _OPERATIONS.items():
        match = re.fullmatch(path.replace("*", "([^/]+)"), request.raw_path)
        if match and method == request.method:
            return row, match.groups()
    raise GatewayError(404, "APIGW.0101", "The API does not exist or has not been published in the environment")


def _body(request: Request, row: _Row) -> Mapping[str, Any]:
    """What the body says, checked."""
    if not row.needs:
        if request.body:
            raise _invalid("there is no body")
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise _invalid("the body is not JSON") from None
    fields = {**row.takes, **row.needs}
    if not isinstance(body, dict) or not row.needs.keys() <= body.keys() <= fields.keys():
        raise _invalid(f"the body has {', '.join(fields)}")
    for name, value in body.items():
        if not isinstance(value, fields[name]):
            raise _invalid(name)
    return body


def _checked(document: str) -> str:
    if len(document.encode()) > _DOCUMENT:
        raise IamError(409, "PAP5.0003", "size of a policy limit exceeded")
    try:
        parse(document, "5.0")
    except (ValueError, TypeError, AttributeError) as error:
        raise IamError(400, "PAP5.0011", f"malformed policy document: {error}") from None
    return document


def _version(policy: Record, number: str) -> Record:
    if number not in policy["versions"]:
        raise _missing("version")
    return {
        **policy["versions"][number],
        "version_id": number,
        "is_default": number == policy["told"]["default_version_id"],
    }


def _within(count: int, most: int, what: str) -> None:
    if count >= most:
        raise IamError(409, "PAP5.0003", f"{what} limit exceeded")


def _missing(what: str) -> IamError:
    return IamError(404, "PAP5.0002", f"{what} does not exist")


def _taken(what: str) -> IamError:
    return IamError(409, "PAP5.0004", f"{what} already exists")


def _invalid(what: str) -> IamError:
    return IamError(400, "PAP5.0009", f"invalid parameter: {what}")


def _iso(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")
