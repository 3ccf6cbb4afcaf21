"""Objects of a bucket, as the clients of the clouds receive and return them, and functions for the results of calls."""

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
# The standard headers that count as a user's metadata. Custom headers begin with "x-oss-meta-" or "x-obs-meta-".
_STANDARD_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
)

# The error codes of both clouds for responses to HEAD, by the status, because such a response has no body with a code.
HEAD_ERROR_CODES = {403: "AccessDenied", 404: "NoSuchKey"}
# Codes for a fault of the access key itself, from both clouds' pages on error codes.
CREDENTIAL_CODES = {
    "InvalidAccessKeyId",
    "InvalidSecurity",
    "InvalidSecurityToken",
    "SecurityTokenExpired",
    "SecurityTokenNotSupported",
    "SignatureDoesNotMatch",
}
# Codes for a missing permission, for an object or for all objects, from both clouds' pages on error codes.
PERMISSION_CODES = {"AccessDenied", "AccessForbidden"}
# Codes for other refusals that apply to every object, because of a clock, an account or a bucket.
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
    """An object to write, or an object that was read. After reading, the names of its headers are in lower case."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of_json(cls, name: str, value: object) -> StoredObject:
        return cls(name, jsontext.dump(value), {"Content-Type": "application/json"})


class ObjectSummary(NamedTuple):
    """An object in a listing.

    - `etag`: the ETag in upper case, without quotes.
    - `modified`: the time of the last write, in seconds since 1970.
    - `type`: "Normal", "Multipart", "Appendable" or "Symlink".
    - `storage_class`: the cloud's name of the class, or empty if the listing does not state it.

    This class is a NamedTuple, because a pass makes millions of objects, and making a dataclass takes three times as
    long.
    """

    name: str
    etag: str
    size: int
    modified: int
    type: str = "Normal"
    storage_class: str = ""


class SourceHead(NamedTuple):
    """An object of OSS as a response to HEAD describes it.

    `etag` and `modified` have the form of ObjectSummary, and `metadata` has the form that `extract_metadata` returns.
    """

    etag: str
    modified: int
    metadata: Mapping[str, str]
    has_tags: bool = False


class Columns(NamedTuple):
    """The objects of a listing as columns, which are the fields of ObjectSummary in the same order."""

    names: list[str]
    etags: list[str]
    sizes: list[int]
    modified: list[int]
    types: list[str]
    storage_classes: list[str]

    def part(self, begin: int, end: int) -> Columns:
        return Columns(
            self.names[begin:end],
            self.etags[begin:end],
            self.sizes[begin:end],
            self.modified[begin:end],
            self.types[begin:end],
            self.storage_classes[begin:end],
        )


def count_equal_prefix(left: Sequence[T], right: Sequence[T]) -> int:
    return len(left) if left == right else find_first_index(map(ne, left, right), min(len(left), len(right)))


def find_first_index(conditions: Iterable[bool], otherwise: int) -> int:
    return next(compress(count(), conditions), otherwise)


@dataclass(frozen=True)
class ListPage:
    """A page of a listing, with up to 1000 objects in the order of their names' bytes.

    `has_more` is True if another page follows. `token` is OSS's token for requesting that page; it is empty on the last
    page.
    """

    columns: Columns
    has_more: bool
    token: str = ""

    @cached_property
    def objects(self) -> list[ObjectSummary]:
        """The objects of the page as tuples. Most of a pass works on the columns instead, which takes less time."""
        return list(map(ObjectSummary._make, zip(*self.columns, strict=True)))


def extract_metadata(headers: Mapping[str, str]) -> dict[str, str]:
    """Return the user-defined metadata in the headers of a response to HEAD, in either cloud.

    The names are in lower case and without the cloud's prefix. The values are UTF-8 texts, although HTTP libraries
    decode them as Latin-1.
    """
    metadata = {}
    for name, value in ((name.lower(), value) for name, value in headers.items()):
        is_custom = name.startswith(("x-oss-meta-", "x-obs-meta-"))
        # A standard header with an empty value counts as missing.
        if is_custom or (name in _STANDARD_HEADERS and value):
            text = value.encode("latin-1", "replace").decode("utf-8", "replace")
            metadata[name[len("x-oss-") :] if is_custom else name] = text
    return metadata


def refuses_object(status: int, code: str) -> bool:
    """Return True if an error with this status and code is permanent, and its cause is the object of the call."""
    is_client_error = 400 <= status < 500 and status not in (408, 409, 429)
    return is_client_error and code not in CREDENTIAL_CODES and code not in _ANY_OBJECT_CODES


def etag_of(body: bytes | str) -> str:
    """Return the ETag that OSS gives a small object with this body: the MD5 in upper-case hex.

    Source: OSS's API page PutObject.
    """
    text = body.encode() if isinstance(body, str) else body
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


def etags_of(bodies: Iterable[str]) -> list[str]:
    md5 = hashlib.md5
    digests = [md5(body.encode(), usedforsecurity=False).hexdigest() for body in bodies]
    return "\n".join(digests).upper().split("\n") if digests else []


def split_into_parts(elements: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (elements[start : start + size] for start in range(0, len(elements), size))


def require_success(results: Sequence[T | StorageError]) -> list[T]:
    """Return the results if none of them is an error.

    Raises the first StorageError among them.
    """
    for result in results:
        if isinstance(result, StorageError):
            raise result
    return [result for result in results if not isinstance(result, StorageError)]
