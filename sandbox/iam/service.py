"""IAM on loopback: callers, operations and responses.

Written from support.huaweicloud.com/api-iam5 (CreateUserV5 and the other calls of v5, "Error codes") and /api-iam
(KeystoneListAuthDomains, KeystoneListProjects). IAM here refuses parameters and fields that an operation does not list;
it never ignores them.
"""

from __future__ import annotations

import json
import re
import ssl
from collections.abc import Callable, Mapping
from collections.abc import Set as AbstractSet
from typing import Any, NamedTuple

from sandbox.account import DOMAIN_ID
from sandbox.gateway import GatewayError, json_response, verify_signature
from sandbox.iam.identities import Arguments, IamError, Identities, make_parameter_error
from sandbox.server.message import Request, Response


class _Operation(NamedTuple):
    """An operation: the action that a policy must allow, its method, and the requests that it accepts.

    `required_fields` and `optional_fields` have the fields of the body with their types.
    """

    action: str
    run: Callable[[Iam, Arguments], object]
    status: int = 200
    required_fields: Mapping[str, type] = {}
    optional_fields: Mapping[str, type] = {}
    params: AbstractSet[str] = frozenset()


class Iam(Identities):
    """The service of IAM. With `has_v5` False, the account has no identity policies and IAM refuses API v5."""

    def __init__(self, projects: Mapping[str, str], port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(projects, port, ssl_context)
        self.has_v5 = True
        self._denied_actions: set[str] = set()

    def deny(self, action: str) -> None:
        with self.lock:
            self._denied_actions.add(action)

    def respond(self, request: Request) -> Response:
        try:
            return self._respond(request, *_find_operation(request))
        except GatewayError as error:
            return error.response()

    def _respond(self, request: Request, operation: _Operation, ids: tuple[str, ...]) -> Response:
        caller = verify_signature(request, self.find_credential, self.find_age)
        if request.headers.get("x-domain-id", DOMAIN_ID) != DOMAIN_ID:
            raise GatewayError(401, "APIGW.0301", "Incorrect IAM authentication information: domain id")
        if request.raw_path.startswith("/v5"):
            if not self.has_v5:
                raise IamError(403, "PAP5.0001", "access denied: the account has no identity policies")
            if operation.action in self._denied_actions or caller.find_denial(operation.action, "iam:*:*:*:*"):
                raise IamError(403, "PAP5.0001", f"access denied: {operation.action}")
        if not request.params.keys() <= operation.params:
            raise make_parameter_error(", ".join(request.params.keys() - operation.params))
        answer = operation.run(self, Arguments(ids, _parse_body(request, operation), request.params))
        return (
            Response(204)
            if answer is None and operation.status == 204
            else json_response(operation.status, answer or {})
        )


_PAGE_PARAMS = frozenset({"limit", "marker"})
# Operations by method and path. The actions are from the operations' pages.
_OPERATIONS = {
    ("GET", "/v3/auth/domains"): _Operation("iam::listAuthDomains", Iam.list_domains),
    ("GET", "/v3/projects"): _Operation("iam:projects:listProjects", Iam.list_projects, params={"name"}),
    ("GET", "/v5/users"): _Operation("iam:users:listUsersV5", Iam.list_users, params={*_PAGE_PARAMS, "access_key_id"}),
    ("POST", "/v5/users"): _Operation(
        "iam:users:createUserV5", Iam.create_user, 201, {"name": str}, {"description": str, "enabled": bool}
    ),
    ("DELETE", "/v5/users/*"): _Operation("iam:users:deleteUserV5", Iam.delete_user, 204),
    ("GET", "/v5/users/*/access-keys"): _Operation(
        "iam:credentials:listCredentialsV5", Iam.list_keys, params=_PAGE_PARAMS
    ),
    ("POST", "/v5/users/*/access-keys"): _Operation("iam:credentials:createCredentialV5", Iam.create_key, 201),
    ("GET", "/v5/users/*/access-keys/*/last-used"): _Operation(
        "iam:credentials:showAccessKeyLastUsedV5", Iam.show_last_used
    ),
    ("DELETE", "/v5/users/*/access-keys/*"): _Operation("iam:credentials:deleteCredentialV5", Iam.delete_key, 204),
    ("GET", "/v5/users/*/attached-policies"): _Operation(
        "iam:users:listAttachedPoliciesV5", Iam.list_attached_policies, params=_PAGE_PARAMS
    ),
    ("GET", "/v5/policies"): _Operation(
        "iam:policies:listV5", Iam.list_policies, params={*_PAGE_PARAMS, "policy_type"}
    ),
    ("POST", "/v5/policies"): _Operation(
        "iam:policies:createV5",
        Iam.create_policy,
        201,
        {"policy_name": str, "policy_document": str},
        {"description": str},
    ),
    ("DELETE", "/v5/policies/*"): _Operation("iam:policies:deleteV5", Iam.delete_policy, 204),
    ("GET", "/v5/policies/*/versions"): _Operation(
        "iam:policies:listVersionsV5", Iam.list_versions, params=_PAGE_PARAMS
    ),
    ("POST", "/v5/policies/*/versions"): _Operation(
        "iam:policies:createVersionV5", Iam.create_version, 201, {"policy_document": str}, {"set_as_default": bool}
    ),
    ("GET", "/v5/policies/*/versions/*"): _Operation("iam:policies:getVersionV5", Iam.show_version),
    ("DELETE", "/v5/policies/*/versions/*"): _Operation("iam:policies:deleteVersionV5", Iam.delete_version, 204),
    ("POST", "/v5/policies/*/attach-user"): _Operation(
        "iam:users:attachPolicyV5", Iam.attach_policy, required_fields={"user_id": str}
    ),
    ("POST", "/v5/policies/*/detach-user"): _Operation(
        "iam:users:detachPolicyV5", Iam.detach_policy, required_fields={"user_id": str}
    ),
}


def _find_operation(request: Request) -> tuple[_Operation, tuple[str, ...]]:
    for (method, path), operation in _OPERATIONS.items():
        match = re.fullmatch(path.replace("*", "([^/]+)"), request.raw_path)
        if match and method == request.method:
            return operation, match.groups()
    raise GatewayError(404, "APIGW.0101", "The API does not exist or has not been published in the environment")


def _parse_body(request: Request, operation: _Operation) -> Mapping[str, Any]:
    """Return the fields of the body; raise IamError for a missing or unknown field, or for a wrong type."""
    if not operation.required_fields:
        if request.body:
            raise make_parameter_error("there is no body")
        return {}
    try:
        body = json.loads(request.body)
    except ValueError:
        raise make_parameter_error("the body is not JSON") from None
    fields = {**operation.optional_fields, **operation.required_fields}
    if not isinstance(body, dict) or not operation.required_fields.keys() <= body.keys() <= fields.keys():
        raise make_parameter_error(f"the body has {', '.join(fields)}")
    for name, value in body.items():
        if not isinstance(value, fields[name]):
            raise make_parameter_error(name)
    return body
