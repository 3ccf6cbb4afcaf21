"""Access keys of a cloud's service, and the permissions of their holders."""

from __future__ import annotations

import ssl
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.policy import Document, find_denial
from sandbox.server.service import Service

ADMINISTRATOR = "user/administrator"
_NO_CONTEXT: Mapping[str, str] = {}


@dataclass(frozen=True)
class Credential:
    """The secret of an access key, which is temporary if it has a security token.

    `policies` returns the policy documents that apply to the key's holder now; without it the holder has all
    permissions. `holder` is a user or role of the account, such as user/administrator.
    """

    secret: str
    security_token: str | None = None
    policies: Callable[[], Sequence[Document]] | None = None
    holder: str = ADMINISTRATOR

    def find_denial(self, action: str, resource: str, context: Mapping[str, str] = _NO_CONTEXT) -> str:
        """Return `ExplicitDeny` or `ImplicitDeny` if the holder lacks the permission, otherwise an empty text.

        `context` has the values that conditions of policies compare, such as oss:Prefix.
        """
        return find_denial(self.policies(), action, resource, context) if self.policies else ""


class KeyedService(Service):
    """A service that accepts the access keys that `add_credentials` added, and those of the account's users.

    `find_user_key` returns the credential of a user's access key, or None for an unknown key.
    """

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.find_user_key: Callable[[str], Credential | None] = lambda _: None
        self._credentials: dict[str, Credential] = {}

    def add_credentials(
        self,
        access_key: str,
        secret: str,
        security_token: str | None = None,
        policies: Callable[[], Sequence[Document]] | None = None,
        holder: str = ADMINISTRATOR,
    ) -> None:
        with self.lock:
            self._credentials[access_key] = Credential(secret, security_token, policies, holder)

    def remove_credentials(self, access_key: str) -> None:
        with self.lock:
            del self._credentials[access_key]

    def find_credential(self, access_key: str) -> Credential | None:
        return self._credentials.get(access_key) or self.find_user_key(access_key)
