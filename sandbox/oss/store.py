"""The buckets of OSS behind an endpoint; a change of an object stores a version and emits an event."""

from __future__ import annotations

import ssl
import uuid
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from functools import partial
from types import MappingProxyType
from typing import Literal, NamedTuple

from sandbox.account import ACCOUNT_ID
from sandbox.keys import Credential, KeyedService
from sandbox.oss.deliveries import Deliveries
from sandbox.oss.errors import access_denied, no_such_bucket
from sandbox.oss.objects import Bucket, OssObject, Trigger, check_name, etag_of, make_event

_MAX_TRIGGERS = 10
# Actions whose resource is an object. The resource of oss:ListBuckets is `*`, that of all others the bucket.
OBJECT_ACTIONS = {
    "oss:AbortMultipartUpload",
    "oss:DeleteObject",
    "oss:DeleteObjectVersion",
    "oss:GetObject",
    "oss:GetObjectTagging",
    "oss:ListParts",
    "oss:PutObject",
    "oss:RestoreObject",
}
_KMS = (
    b"<ServerSideEncryptionRule><ApplyServerSideEncryptionByDefault><SSEAlgorithm>KMS</SSEAlgorithm>"
    b"</ApplyServerSideEncryptionByDefault></ServerSideEncryptionRule>"
)
# Actions that the endpoints of all regions answer.
_REGIONLESS_ACTIONS = {"oss:GetBucketInfo", "oss:GetBucketLocation"}


class Action(NamedTuple):
    """The action of a request, by its name in RAM policies, and the status of the response."""

    name: str
    bucket: str
    key: str
    status: int


class Store(KeyedService):
    """The buckets of OSS behind an endpoint; the subclass `Oss` answers requests."""

    def __init__(self, region: str, port: int, ssl_context: ssl.SSLContext | None) -> None:
        super().__init__(port, ssl_context)
        self.region = region
        self.actions: list[Action] = []
        self._buckets: dict[str, Bucket] = {}
        # The seconds until requests see a bucket that another request created.
        self.visibility_delay = 0.0
        # True if this endpoint answers `_REGIONLESS_ACTIONS` for buckets of all regions.
        self.answers_anywhere = True
        # The event of a copy onto itself, which changes an object's headers; empty if there is none. No page names it.
        self.header_event: Literal["ObjectCreated:CopyObject", "ObjectModified:UpdateObjectMeta", ""] = (
            "ObjectCreated:CopyObject"
        )
        self._hidden_until: dict[str, float] = {}
        self._loses_event: Callable[[str], bool] = lambda _: False
        self._denials: list[tuple[str, str, Callable[[str], bool] | None]] = []

    @property
    def buckets(self) -> Mapping[str, Bucket]:
        """The buckets of all regions, by name."""
        return MappingProxyType(self._buckets)

    def create_bucket(self, name: str, region: str = "", owner: str = ACCOUNT_ID) -> Bucket:
        """Create a bucket, by default in this endpoint's region and owned by this account."""
        with self.lock:
            self._buckets[name] = Bucket(name, region or self.region, self.now(), owner)
        return self._buckets[name]

    def create_by_request(self, name: str, storage_class: str) -> None:
        """Create a bucket that requests see after `visibility_delay` seconds."""
        self.create_bucket(name).storage_class = storage_class
        self._hidden_until[name] = self.now() + self.visibility_delay

    def remove_bucket(self, name: str) -> None:
        with self.lock:
            del self._buckets[name]

    def encrypt(self, name: str) -> None:
        """Encrypt all later objects of a bucket with KMS."""
        with self.lock:
            self.buckets[name].documents["encryption"] = _KMS

    def objects(self, bucket: str) -> Mapping[str, OssObject]:
        """Return a live view of a bucket's objects, in the order of listings.

        Copy it before a loop if requests run meanwhile.
        """
        return MappingProxyType(self._buckets[bucket].objects)

    def put(self, bucket: str, key: str, data: bytes, event: str = "ObjectCreated:PutObject") -> OssObject:
        """Store an object without a request, and emit an event of this name."""
        check_name(key)
        with self.lock:
            return self.save(self._buckets[bucket], key, self.make_object(data), event, make_request_id())

    def fill(
        self,
        bucket: str,
        keys: Iterable[str],
        size: int = 0,
        etag: str = "",
        age: float = 0,
        storage_class: str = "Standard",
    ) -> None:
        """Store objects with these keys, all of `size` zero bytes and `age` seconds old, without events.

        The default ETag is the MD5 of the contents.
        """
        data = bytes(size)
        new_object = OssObject(data, etag or etag_of(data), int(self.now() - age), storage_class=storage_class)
        new_objects = dict.fromkeys(keys, new_object)
        for key in new_objects:
            check_name(key)
        with self.lock:
            self._buckets[bucket].objects.update(new_objects)

    def add_trigger(
        self, name: str, bucket: str, events: Iterable[str], prefix: str, suffix: str, deliver: Callable[[bytes], None]
    ) -> None:
        """Add a trigger that passes events of these names, such as oss:ObjectCreated:PutObject, to `deliver`.

        The trigger replaces another trigger of the same name. `deliver` must not block. Raises ValueError if the
        trigger overlaps with another trigger of the bucket, or is its eleventh (Function Compute, "OSS triggers").
        """
        trigger = Trigger(name, frozenset(events), prefix, suffix, deliver)
        with self.lock:
            other_triggers = [trigger for trigger in self._buckets[bucket].triggers if trigger.name != name]
            for other_trigger in other_triggers:
                if trigger.overlaps(other_trigger):
                    raise ValueError(f"trigger {name} overlaps with {other_trigger.name} in events, prefix and suffix")
            if len(other_triggers) == _MAX_TRIGGERS:
                raise ValueError(f"{bucket} has {_MAX_TRIGGERS} triggers, and may not have more")
            self.remove_trigger(name)
            self._buckets[bucket].triggers.append(trigger)

    def remove_trigger(self, name: str) -> None:
        with self.lock:
            for bucket in self._buckets.values():
                bucket.triggers = [trigger for trigger in bucket.triggers if trigger.name != name]

    def deny(self, action: str, bucket: str, where: Callable[[str], bool] | None = None) -> None:
        """Deny an action in a bucket to all callers, like a RAM policy.

        `where` limits the denial to keys, or prefixes of listings, for which it returns True.
        """
        with self.lock:
            self._denials.append((action, bucket, where))

    def lose_events(self, predicate: Callable[[str], bool]) -> None:
        """Lose all later events whose key `predicate` accepts, in all buckets."""
        self._loses_event = predicate

    def deliveries(self, bucket: str) -> Deliveries:
        return self._buckets[bucket].deliveries

    def record(self, action: str, bucket: str, key: str, status: int) -> None:
        self.actions.append(Action(action, bucket, key, status))

    def find_bucket(self, caller: Credential, action: str, name: str, key: str | None) -> Bucket:
        """Return a bucket; raise OssError if it is missing, in another region, or denied to the caller."""
        if name not in self._buckets or self.now() < self._hidden_until.get(name, 0):
            raise no_such_bucket(name)
        if self._buckets[name].owner != ACCOUNT_ID:
            raise access_denied("The bucket you access does not belong to you.", ec="0003-00000001")
        if self._buckets[name].region != self.region and not (self.answers_anywhere and action in _REGIONLESS_ACTIONS):
            raise access_denied(
                "The bucket you are attempting to access must be addressed using the specified endpoint.",
                ec="0003-00001403",
                endpoint=f"oss-{self._buckets[name].region}.aliyuncs.com",
            )
        self.check_permission(caller, action, name, key)
        return self._buckets[name]

    def check_permission(self, caller: Credential, action: str, bucket: str, key: str | None) -> None:
        """Raise OssError if the caller lacks a permission; `key` is None if the request's body lists the keys."""
        if kind := self.find_denial(caller, action, bucket, key):
            raise access_denied("You have no right to access this object because of its policy.", denial=(action, kind))

    def find_denial(self, caller: Credential, action: str, bucket: str, key: str | None) -> str:
        """Return `ExplicitDeny` or `ImplicitDeny` if the caller lacks a permission, otherwise an empty text.

        `key` is None if the request's body lists the keys: then only a denial for all keys counts. Resources and the
        condition key oss:Prefix are those of help.aliyun.com/zh/oss/user-guide/ram-policy-overview.
        """
        for denied_action, denied_bucket, where in self._denials:
            if (action, bucket) == (denied_action, denied_bucket) and (
                where is None or (key is not None and where(key))
            ):
                return "ExplicitDeny"
        if key is None:
            return ""
        is_object = action in OBJECT_ACTIONS
        resource = f"acs:oss:{self.region}:{ACCOUNT_ID}:{bucket or '*'}{'/' + key if is_object else ''}"
        return caller.find_denial(action, resource, {} if is_object else {"oss:Prefix": key})

    def make_object(self, data: bytes, headers: Mapping[str, str] | None = None) -> OssObject:
        return OssObject(data, etag_of(data), int(self.now()), headers or {})

    def save(self, bucket: Bucket, key: str, oss_object: OssObject, event: str, request_id: str) -> OssObject:
        """Store an object as the current version of the key, emit the event, and return the stored version."""
        stored_object = replace(oss_object, version_id=bucket.make_version_id())
        if bucket.versioning:
            bucket.history.add(key, stored_object)
        else:
            bucket.objects[key] = stored_object
        self.emit(event, bucket, key, stored_object, request_id)
        return stored_object

    def emit(self, event: str, bucket: Bucket, key: str, oss_object: OssObject, request_id: str) -> None:
        for trigger in bucket.triggers:
            if trigger.matches(event, key) and not self._loses_event(key):
                payload = make_event(event, bucket.name, key, oss_object, self.region, request_id)
                bucket.deliveries.send(key, partial(trigger.deliver, payload), self.schedule)


def make_request_id() -> str:
    return uuid.uuid4().hex[:24].upper()
