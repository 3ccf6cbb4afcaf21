"""Requests to OSS after their admission: the addressed bucket and object, and the values that an operation needs."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from sandbox.keys import Credential
from sandbox.oss.errors import not_implemented
from sandbox.oss.objects import Bucket, OssObject, parse_key
from sandbox.oss.store import Store
from sandbox.server.message import Request, Response

_BUCKET_HOST = re.compile(r"([a-z0-9-]+)\.oss-[a-z0-9-]+\.aliyuncs\.com")


class Address(NamedTuple):
    """The bucket and the key in a request's address, percent-encoded as sent; both are empty for the service itself."""

    bucket: str
    quoted_key: str

    @property
    def path(self) -> str:
        """The path that signatures cover, which has the bucket even if the request has it in the host name."""
        return "/" if self.target == "service" else f"/{self.bucket}/{self.quoted_key}"

    @property
    def target(self) -> str:
        return "object" if self.quoted_key else "bucket" if self.bucket else "service"


@lru_cache
def parse_address(request: Request) -> Address:
    """Return the address of a request, whose bucket is in the host name (as `ali-oss` sends it) or begins the path."""
    path = request.raw_path.removeprefix("/")
    host_match = _BUCKET_HOST.fullmatch(request.headers.get("host", "").partition(":")[0])
    if host_match:
        return Address(host_match[1], path)
    bucket, _, key = path.partition("/")
    return Address(bucket, key)


class Call(NamedTuple):
    """A request that OSS has admitted to an operation.

    `affected_keys` has the keys that the request reads or changes.
    """

    request: Request
    id: str
    store: Store
    bucket: Bucket
    key: str
    affected_keys: list[str]
    caller: Credential

    @property
    def params(self) -> Mapping[str, str]:
        return self.request.params

    @property
    def headers(self) -> Mapping[str, str]:
        return self.request.headers

    def find_object(self) -> OssObject:
        return self.bucket.find(self.key)

    def find_source(self) -> tuple[Bucket, str, OssObject]:
        """Return the bucket, key and object that the header x-oss-copy-source names.

        The caller needs the permission oss:GetObject for this object.
        """
        path, _, query = self.headers["x-oss-copy-source"].removeprefix("/").partition("?")
        if query:  # the query of x-oss-copy-source names a version
            raise not_implemented()
        name, _, quoted_key = path.partition("/")
        key = parse_key(quoted_key)
        bucket = self.store.find_bucket(self.caller, "oss:GetObject", name, key)
        source = bucket.find(key)
        self.store.record("oss:GetObject", name, key, 200)
        return bucket, key, source

    def is_allowed(self, action: str, key: str) -> bool:
        """Return True if the caller has the permission for a key, otherwise record the refusal."""
        if not self.store.find_denial(self.caller, action, self.bucket.name, key):
            return True
        self.store.record(action, self.bucket.name, key, 403)
        return False

    def save(self, oss_object: OssObject, event: str) -> OssObject:
        return self.store.save(self.bucket, self.key, oss_object, event, self.id)

    def emit(self, event: str, oss_object: OssObject) -> None:
        self.store.emit(event, self.bucket, self.key, oss_object, self.id)


Operation: TypeAlias = Callable[[Call], Response]
