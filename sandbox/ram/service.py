"""RAM on loopback, with GetCallerIdentity of STS: callers, actions and responses.

Sources: help.aliyun.com/zh/ram/developer-reference, "api-ram-2015-05-01-overview"; .../zh/sts, "GetCallerIdentity".
"""

from __future__ import annotations

import json
import ssl
import uuid
from collections import defaultdict
from functools import partial
from typing import Any

from sandbox.account import ACCOUNT_ID
from sandbox.keys import Credential, KeyedService
from sandbox.ram.entities import ACTIONS, Entities, to_snake_case
from sandbox.ram.limits import RamError, permission_error
from sandbox.ram.signature import verify_signature
from sandbox.server.message import Request, Response

ROOT = "root"
_RAM_VERSION, _STS_VERSION = "2015-05-01", "2015-04-01"
_NONCE_SECONDS = 15 * 60
# Without a UserName these actions manage the caller's own access keys.
_KEY_ACTIONS = {"CreateAccessKey", "ListAccessKeys", "DeleteAccessKey"}


class Ram(KeyedService):
    """The service of RAM; a call has its action in a header and its parameters in the query.

    `entities` has the account's records. A key without a `holder` belongs to the administrator.
    """

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.entities = Entities(self.now)
        self.find_user_key = self.find_key
        self._nonces: dict[str, float] = {}

    def deny(self, action: str, denial_kind: str = "ImplicitDeny") -> None:
        """Deny a permission, such as ram:CreateRole, to all callers; `denial_kind` is ImplicitDeny or ExplicitDeny."""
        with self.lock:
            self.entities.denied_actions[action.removeprefix("ram:")] = denial_kind

    def find_key(self, access_key: str) -> Credential | None:
        holder = self.entities.find_holder(access_key)
        if holder is None:
            return None
        name, secret = holder
        return Credential(secret, None, lambda: self.entities.find_policies_in_force("user", name), f"user/{name}")

    def assume_role(self, role: str, service: str) -> Credential:
        """Return a temporary key of a role for a service; `role` is the role's ARN.

        Raises RamError if the role is missing, or does not trust the service.
        """
        name = role.rpartition("/")[2]
        document = json.loads(self.entities.get_role(name)["Role"]["AssumeRolePolicyDocument"])
        allowing_statements = (statement for statement in document["Statement"] if statement["Effect"] == "Allow")
        if not any(service in statement["Principal"].get("Service", []) for statement in allowing_statements):
            raise permission_error("sts:AssumeRole", "ImplicitDeny", service)
        policies = partial(self.entities.find_policies_in_force, "role", name)
        return Credential(uuid.uuid4().hex, uuid.uuid4().hex, policies, f"role/{name}")

    def respond(self, request: Request) -> Response:
        request_id, action = str(uuid.uuid4()).upper(), request.headers.get("x-acs-action", "")
        try:
            answer, status = self._respond(request, action), 200
        except RamError as error:
            answer, status = self._describe_error(error), error.status
        body = json.dumps({"RequestId": request_id, **answer}).encode()
        return Response(status, body, {"Content-Type": "application/json", "x-acs-request-id": request_id})

    def _respond(self, request: Request, action: str) -> dict[str, Any]:
        caller = verify_signature(request, self.find_credential, self.find_age)
        self._use_nonce(request.headers["x-acs-signature-nonce"])
        if request.method != "POST" or request.raw_path != "/" or request.body:
            raise RamError("NotImplemented", "The sandbox takes POST of / with all parameters in the query.")
        if (action, request.headers["x-acs-version"]) == ("GetCallerIdentity", _STS_VERSION):
            return self._describe_identity(request, caller)
        if request.headers["x-acs-version"] != _RAM_VERSION:
            raise RamError("InvalidVersion", "Specified parameter Version is not valid.", 404)
        parameters = dict(request.params)
        if action in _KEY_ACTIONS and "UserName" not in parameters:
            parameters["UserName"] = self._get_user_name(caller)
        self._check_permission(action, parameters, caller)
        return self.entities.perform(action, parameters)

    def _use_nonce(self, nonce: str) -> None:
        """Record a nonce; raise RamError if a signature that is still valid has used it."""
        now = self.now()
        self._nonces = {
            used_nonce: use_time for used_nonce, use_time in self._nonces.items() if use_time > now - _NONCE_SECONDS
        }
        if nonce in self._nonces:
            raise RamError("SignatureNonceUsed", "Specified signature nonce was used already.")
        self._nonces[nonce] = now

    def _get_user_name(self, caller: Credential) -> str:
        if not caller.holder.startswith("user/"):
            raise RamError("NotImplemented", "The sandbox keeps no keys of the account itself.")
        return caller.holder.removeprefix("user/")

    def _check_permission(self, action: str, parameters: dict[str, str], caller: Credential) -> None:
        names = defaultdict(lambda: "*", {to_snake_case(name): value for name, value in parameters.items()})
        resource = f"acs:ram:*:{ACCOUNT_ID}:{ACTIONS.get(action, '*').format_map(names)}"
        if denial_kind := caller.find_denial(f"ram:{action}", resource):
            raise permission_error(f"ram:{action}", denial_kind, caller.holder)

    def _describe_identity(self, request: Request, caller: Credential) -> dict[str, Any]:
        """Return the answer of GetCallerIdentity, which needs no permission."""
        if request.params:
            raise RamError("NotImplemented", "GetCallerIdentity has no parameters.")
        if caller.holder == ROOT:
            identity_type, arn, user_id = "Account", f"acs:ram::{ACCOUNT_ID}:root", ACCOUNT_ID
        else:
            identity_type, arn, user_id = "RAMUser", f"acs:ram::{ACCOUNT_ID}:{caller.holder}", "2" + ACCOUNT_ID[1:]
        if caller.holder.startswith("role/"):
            identity_type = "AssumedRoleUser"
        return {
            "AccountId": ACCOUNT_ID,
            "IdentityType": identity_type,
            "Arn": arn,
            "UserId": user_id,
            "PrincipalId": user_id,
        }

    def _describe_error(self, error: RamError) -> dict[str, Any]:
        response = {
            "HostId": self.endpoint.partition("://")[2],
            "Code": error.code,
            "Message": error.message,
            "Recommend": f"https://api.aliyun.com/troubleshoot?q={error.code}&product=Ram",
        }
        return {**response, **({"AccessDeniedDetail": error.details} if error.details else {})}
