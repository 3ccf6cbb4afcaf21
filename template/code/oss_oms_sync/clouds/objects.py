"""Objects of a bucket, and results of calls on them: the arguments and results of the clouds' clients."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import compress, count
from operator import ne
from typing import NamedTuple, TypeVar

from oss_oms_sync import jsontext
from oss_oms_sync.errors import StorageError

T = TypeVar("T")
# The standard headers of a user's metadata. All others begin with "x-oss-" in OSS and with "x-obs-" in OBS.
_STANDARD_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)

# The error codes of responses to HEAD, by their status, in either cloud: they have no body.
HEAD_ERROR_CODES = {403: "AccessDenied", 404: "NoSuchKey"}
# Faults of the access key itself, from both clouds' pages on error codes; missing permissions are below.
CREDENTIAL_CODES = {
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "SecurityTokenExpired",
    "SecurityTokenNotSupported",
    "SignatureDoesNotMatch",
}
# A missing permission, for an object or for all objects, from both clouds' pages on error codes.
PERMISSION_CODES = {"AccessDenied", "AccessForbidden"}
# Other refusals that concern every object: because of a clock, an account or a bucket.
_ANY_OBJECT_CODES = {
    "AccountProblem",
    "AllAccessDisabled",
    "InArrearOrInsufficientBalance",
    "InvalidBucketName",
    "NoSuchBucket",
    "NotSignedUp",
    "OtherRegion",
    "RequestTimeTooSkewed",
    "UserDisable",
}


@dataclass(frozen=True)
class StoredObject:
    """An object to write, or an object that was read, with header names in lower case."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, name: str, value: object) -> StoredObject:
        """Return an object with `value` as JSON."""
        return cls(name, jsontext.dump(value), {"Content-Type": "application/json"})


class ObjectSummary(NamedTuple):
    """An object in a listing.

    `modified` is in seconds since 1970; `etag` is upper-case, without quotes; `type` is "Normal", "Multipart",
    "Appendable" or "Symlink". `storage_class` is the cloud's own word, empty if the listing does not name it.

    A tuple, because a pass makes millions of them and a dataclass takes three times as long to make.
    """

    name: str
    etag: str
    size: int
    modified: int
    type: str = "Normal"
    storage_class: str = ""


class SourceHead(NamedTuple):
    """An object of OSS as HEAD reports it: ETag and time as in ObjectSummary, and `metadata` as by `metadata_of`.

    `has_tags`: False also without the permission oss:GetObjectTagging.
    """

    etag: str
    modified: int
    metadata: Mapping[str, str]
    has_tags: bool = False


class Columns(NamedTuple):
    """Objects of a listing, column by column: the fields of ObjectSummary, in the same order."""

    names: list[str]
    etags: list[str]
    sizes: list[int]
    modified: list[int]
    types: list[str]
    storage_classes: list[str]

    def part(self, begin: int, end: int) -> Columns:
        """Return the objects from index `begin` up to `end`."""
        return Columns(
            self.names[begin:end],
            self.etags[begin:end],
            self.sizes[begin:end],
            self.modified[begin:end],
            self.types[begin:end],
            self.storage_classes[begin:end],
        )


def first_difference(left: Sequence[T], right: Sequence[T]) -> int:
    """Return the number of leading elements that are equal in both sequences."""
    return len(left) if left == right else first(map(ne, left, right), min(len(left), len(right)))


def first(conditions: Iterable[bool], otherwise: int) -> int:
    """Return the index of the first true element; `otherwise` without a true element."""
    return next(compress(count(), conditions), otherwise)


@dataclass(frozen=True)
class ListPage:
    """Up to 1000 objects in byte order. `more`: others follow them.

    `token`: OSS's token for the continuation of the listing; empty on the last page.
    """

    columns: Columns
    more: bool
    token: str = ""

    @cached_property
    def objects(self) -> list[ObjectSummary]:
        """The objects as tuples; most of a pass works on columns."""
        return list(map(ObjectSummary._make, zip(*self.columns, strict=True)))


def metadata_of(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the users' metadata from the headers of either cloud's HEAD.

    Names are in lower case without the cloud's prefix. Values are texts in UTF-8, although HTTP libraries decode them
    as Latin-1.
    """
    metadata = {}
    for name, value in ((name.lower(), value) for name, value in headers.items()):
        is_own = name.startswith(("x-oss-meta-", "x-obs-meta-"))
        # A standard header without a value says nothing.
        if is_own or (name in _STANDARD_HEADERS and value):
            raw = value.encode("latin-1", "replace").decode("utf-8", "replace")
            metadata[name[len("x-oss-") :] if is_own else name] = raw
    return metadata


def refuses_object(status: int, code: str) -> bool:
    """Return True if the error is a permanent refusal because of the call's object."""
    is_of_object = 400 <= status < 500 and status not in (408, 409, 429)
    return is_of_object and code not in CREDENTIAL_CODES and code not in _ANY_OBJECT_CODES


def etag_of(body: bytes | str) -> str:
    """Return the ETag of a small object with this body in OSS: the MD5 in upper-case hex ("PutObject")."""
    text = body.encode() if isinstance(body, str) else body
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


def etags_of(bodies: Iterable[str]) -> list[str]:
    """Return the ETags of many bodies, faster than many calls of `etag_of`."""
    md5 = hashlib.md5
    digests = [md5(body.encode(), usedforsecurity=False).hexdigest() for body in bodies]
    return "\n".join(digests).upper().split("\n") if digests else []


def parts_of(elements: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    """Iterate over parts of at most `size` elements, in order."""
    return (elements[start : start + size] for start in range(0, len(elements), size))


def require_success(results: Sequence[T | StorageError]) -> list[T]:
    """Return the results, all of them successes.

    Raises the first StorageError among them.
    """
    for result in results:
        if isinstance(result, StorageError):
            raise result
    return [result for result in results if not isinstance(result, StorageError)]
