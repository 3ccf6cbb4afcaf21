"""Buckets and objects of OSS, the rules for keys, and the events that report changes."""

from __future__ import annotations

import hashlib
import json
import re
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timezone
from functools import lru_cache
from typing import Literal
from urllib.parse import unquote_to_bytes

import crcmod
from sortedcontainers import SortedDict

from sandbox.account import ACCOUNT_ID
from sandbox.oss.deliveries import Deliveries
from sandbox.oss.errors import OssError, invalid_argument, no_such_key
from sandbox.versions import History, Marker

_MAX_NAME_BYTES = 1023
_MAX_META_BYTES = 8 * 1024
_STORED_HEADERS = {
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
    "expires",
}
# The polynomial of ECMA-182, which oss2.utils.Crc64 uses as well: the SDK checks the CRC of an upload.
_crc64: Callable[[bytes], int] = crcmod.mkCrcFun(0x142F0E1EBA9EA3693, initCrc=0, xorOut=0xFFFFFFFFFFFFFFFF)


@dataclass(frozen=True)
class OssObject:
    """A version of an object.

    `headers` are those that responses return with the object, by names in lower case. `last_modified` is Unix time in
    seconds.
    """

    data: bytes
    etag: str
    last_modified: int
    headers: Mapping[str, str] = field(default_factory=dict)
    type: str = "Normal"
    version_id: str = "null"
    has_crc64: bool = True
    storage_class: str = "Standard"
    # The number of tags, which only tests set.
    tag_count: int = 0

    @property
    def is_archived(self) -> bool:
        """True if the object must be restored before it can be read."""
        return self.storage_class in ("Archive", "ColdArchive", "DeepColdArchive")

    @property
    def size(self) -> int:
        return len(self.data)

    @property
    def user_headers(self) -> dict[str, str]:
        return {name: value for name, value in self.headers.items() if name.startswith("x-oss-meta-")}

    @property
    def content_type(self) -> str:
        return self.headers.get("content-type", "application/octet-stream")

    @property
    def crc64(self) -> int | None:
        """The CRC64 of the contents, or None for a copy, for which OSS reports none."""
        return _crc64(self.data) if self.has_crc64 else None


def select_stored_headers(headers: Mapping[str, str]) -> dict[str, str]:
    """Return those headers of an upload that OSS stores; source: help.aliyun.com/zh/oss/developer-reference/putobject.

    Raises OssError if the user metadata exceeds 8 KB (0011-00000002, a page that does not name the error's code).
    """
    user_headers = {name: value for name, value in headers.items() if name.startswith("x-oss-meta-")}
    if len("".join([*user_headers, *user_headers.values()]).encode("utf-8", "surrogateescape")) > _MAX_META_BYTES:
        raise invalid_argument("The total size of user metadata exceeds 8 KB.", "0011-00000002")
    return {**user_headers, **{name: value for name, value in headers.items() if name in _STORED_HEADERS}}


@lru_cache(10_000)
def iso_time(timestamp: float) -> str:
    return datetime.fromtimestamp(timestamp, timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def etag_of(data: bytes) -> str:
    return hashlib.md5(data).hexdigest().upper()


@dataclass(frozen=True)
class Trigger:
    """A trigger of Function Compute: its filter (event names, prefix, suffix), and a function that gets events."""

    name: str
    events: frozenset[str]
    prefix: str
    suffix: str
    deliver: Callable[[bytes], None]

    def overlaps(self, other: Trigger) -> bool:
        prefixes, suffixes = sorted((self.prefix, other.prefix), key=len), sorted((self.suffix, other.suffix), key=len)
        can_match = prefixes[1].startswith(prefixes[0]) and suffixes[1].endswith(suffixes[0])
        return can_match and not self.events.isdisjoint(other.events)

    def matches(self, event_name: str, key: str) -> bool:
        return f"oss:{event_name}" in self.events and key.startswith(self.prefix) and key.endswith(self.suffix)


@dataclass
class Upload:
    """A multipart upload that is neither completed nor aborted."""

    id: str
    key: str
    headers: Mapping[str, str]
    initiated_at: int
    parts: dict[int, OssObject] = field(default_factory=dict)


class Bucket:
    """A bucket, with its objects in the order of OSS's listings.

    `versioning` is Enabled or Suspended, or empty if it was never enabled.
    """

    def __init__(self, name: str, region: str, created_at: float, owner: str = ACCOUNT_ID) -> None:
        self.name = name
        self.region = region
        self.created_at = created_at
        self.owner = owner
        self.storage_class = "Standard"
        self.acl = "private"
        # The documents of other settings, by the query parameter of each; and the domains that are bound to the bucket.
        self.documents: dict[str, bytes] = {}
        self.domains: list[str] = []
        self.versioning: Literal["", "Enabled", "Suspended"] = ""
        # Python compares texts by code points, which is the order of their UTF-8 bytes.
        self.objects: SortedDict = SortedDict()
        self.history: History[OssObject] = History(self.objects)
        # True if a retention rule forbids deletions.
        self.has_retention = False
        self.triggers: list[Trigger] = []
        self.deliveries = Deliveries()
        self.uploads: dict[str, Upload] = {}

    @property
    def encryption(self) -> dict[str, str]:
        """The headers that report the encryption of objects, or an empty dict without encryption."""
        rule = re.search(rb"<SSEAlgorithm>(\w+)</SSEAlgorithm>", self.documents.get("encryption", b""))
        return {"x-oss-server-side-encryption": rule[1].decode()} if rule else {}

    def find(self, key: str) -> OssObject:
        try:
            oss_object: OssObject = self.objects[key]
        except KeyError:
            raise no_such_key(key) from None
        return oss_object

    def delete(self, key: str, now: float = 0) -> dict[str, str]:
        """Delete an object and return the headers of the response.

        With versioning, a delete marker becomes the current version, even if there was no object.
        """
        if not self.versioning:
            self.objects.pop(key, None)
            return {}
        marker = Marker(self.make_version_id(), int(now))
        self.history.add(key, marker)
        return {"x-oss-delete-marker": "true", "x-oss-version-id": marker.version_id}

    def make_version_id(self) -> str:
        """Return a unique id, or the text `null` if versioning is not enabled.

        Source: help.aliyun.com/zh/oss/developer-reference/putbucketversioning.
        """
        return uuid.uuid4().hex.upper() if self.versioning == "Enabled" else "null"


def parse_key(quoted_key: str) -> str:
    """Return the key in a percent-encoded URL path; raise OssError if it is invalid.

    A key has 1 to 1023 bytes of UTF-8, and does not begin with a slash or backslash.
    """
    raw_key = unquote_to_bytes(quoted_key)
    try:
        name = raw_key.decode()
    except UnicodeDecodeError:
        raise _make_name_error(raw_key.decode("utf-8", "backslashreplace")) from None
    check_name(name)
    return name


def check_name(name: str) -> None:
    if not 1 <= len(name.encode()) <= _MAX_NAME_BYTES or name.startswith(("/", "\\")):
        raise _make_name_error(name)


def _make_name_error(name: str) -> OssError:
    return OssError(400, "InvalidObjectName", "The specified object is not valid.", ObjectName=name)


def make_event(event_name: str, bucket: str, key: str, oss_object: OssObject, region: str, request_id: str) -> bytes:
    """Return the event that a trigger sends to a function (help.aliyun.com/zh/functioncompute, "OSS trigger")."""
    event = {
        "eventName": event_name,
        "eventSource": "acs:oss",
        "eventTime": iso_time(oss_object.last_modified),
        "eventVersion": "1.0",
        "oss": {
            "bucket": {
                "arn": f"acs:oss:{region}:{ACCOUNT_ID}:{bucket}",
                "name": bucket,
                "ownerIdentity": ACCOUNT_ID,
            },
            "object": {
                "deltaSize": oss_object.size,
                "eTag": oss_object.etag,
                "key": key,
                "objectMeta": {"mimeType": oss_object.content_type, "userMeta": dict(oss_object.user_headers)},
                "size": oss_object.size,
            },
            "ossSchemaVersion": "1.0",
            "ruleId": "sandbox",
        },
        "region": region,
        "requestParameters": {"sourceIPAddress": "127.0.0.1"},
        "responseElements": {"requestId": request_id},
        "userIdentity": {"principalId": ACCOUNT_ID},
    }
    return json.dumps({"events": [event]}, ensure_ascii=False).encode()
