"""The buckets in OSS and OBS between which OMS copies, opened with access keys whose permissions OMS checks.

The required permissions are those of support.huaweicloud.com/oms_faq, "How do I obtain permissions for source and
destination buckets".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.gateway import GatewayError
from sandbox.keys import Credential, KeyedService
from sandbox.obs.service import Obs
from sandbox.oms.copier import PART_SIZE, Destination, ReadSource, SourceObject
from sandbox.oms.service import AccessKey
from sandbox.oss.service import Oss

_SOURCE_ACTIONS = ("oss:ListBuckets", "oss:GetBucketLocation", "oss:ListObjects")
# OSS's page of RestoreObject names this action; no page of OMS does.
_RESTORE_ACTION = "oss:RestoreObject"
_DESTINATION_ACTIONS = ("obs:bucket:ListAllMyBuckets", "obs:bucket:GetBucketLocation", "obs:bucket:ListBucket")
_WRITE_ACTIONS = ("obs:object:GetObject", "obs:object:PutObject")
_PART_ACTIONS = ("obs:object:ListMultipartUploadParts",)


class Sides:
    """The two clouds between which OMS copies.

    All methods raise GatewayError if OMS refuses the request.
    """

    def __init__(self, oss: Oss, obs: Obs) -> None:
        self._oss, self._obs = oss, obs

    def find_region(self, cloud: str, access_key: AccessKey, bucket: str) -> str:
        """Return the region of a bucket; `cloud` is "Aliyun" or "HEC", which is Huawei's own cloud."""
        if cloud == "HEC":
            self._check_access(_find_credential(self._obs, access_key), _DESTINATION_ACTIONS[1:2], bucket)
            return self._obs.bucket(bucket).region
        if cloud != "Aliyun":
            raise GatewayError(400, "OMS.0001", "Invalid parameter: the sandbox has no other cloud than Aliyun and HEC")
        self._check_source_access(_find_credential(self._oss, access_key), _SOURCE_ACTIONS[1:2], bucket)
        return self._oss.buckets[bucket].region

    def open_source(self, access_key: AccessKey, region: str, bucket: str) -> ReadSource:
        """Return a function that reads an object of a source bucket by its key.

        The returned function raises PermissionError if the access key has no permission to read the object.
        """
        self._check_source_access(_find_credential(self._oss, access_key), _SOURCE_ACTIONS, bucket)
        _check_region(self._oss.buckets[bucket].region, region)

        def read_object(key: str) -> SourceObject | None:
            holder = self._oss.find_credential(access_key.key)
            denial = (
                "InvalidAccessKeyId" if holder is None else self._oss.find_denial(holder, "oss:GetObject", bucket, key)
            )
            if denial:
                raise PermissionError(f"com.aliyun.oss.OSSException: AccessDenied: {denial}")
            source = find_source_object(self._oss, bucket, key)
            if source and holder and source.is_archived:
                denial = self._oss.find_denial(holder, _RESTORE_ACTION, bucket, key)
                return replace(source, restore_denial=f"{_RESTORE_ACTION}: {denial}" if denial else "")
            return source

        return read_object

    def list_objects(self, access_key: AccessKey, bucket: str, prefixes: Sequence[str]) -> Iterator[tuple[str, int]]:
        """Yield the key and the size in bytes of each object whose key begins with one of the prefixes.

        Raises PermissionError if the access key has no permission to list the bucket.
        """
        holder = self._oss.find_credential(access_key.key)
        for prefix in prefixes:
            denial = (
                "InvalidAccessKeyId"
                if holder is None
                else self._oss.find_denial(holder, _SOURCE_ACTIONS[2], bucket, prefix)
            )
            if denial:
                raise PermissionError(f"com.aliyun.oss.OSSException: AccessDenied: {denial}")
        for key, oss_object in list(self._oss.objects(bucket).items()):
            if key.startswith(tuple(prefixes)):
                yield key, oss_object.size

    def open_destination(self, access_key: AccessKey, region: str, bucket: str) -> Destination:
        """Return a destination bucket, which refuses objects if the access key has no permission to write them."""
        self._check_access(_find_credential(self._obs, access_key), _DESTINATION_ACTIONS, bucket)
        _check_region(self._obs.bucket(bucket).region, region)
        return _WritableBucket(self._obs, bucket, lambda: self._obs.find_credential(access_key.key))

    def _check_source_access(self, holder: Credential, actions: tuple[str, ...], bucket: str) -> None:
        if bucket not in self._oss.buckets:
            raise GatewayError(400, "OMS.0001", "Invalid parameter: there is no such source bucket")
        for action in actions:
            if self._oss.find_denial(holder, action, "" if action == "oss:ListBuckets" else bucket, ""):
                raise GatewayError(400, "OMS.0072", f"The source's key has no permission: {action}")

    def _check_access(self, holder: Credential, actions: tuple[str, ...], bucket: str) -> None:
        if not self._obs.has_bucket(bucket):
            raise GatewayError(400, "OMS.0001", "Invalid parameter: there is no such destination bucket")
        for action in actions:
            if not self._obs.allows(holder, action, "*" if action == _DESTINATION_ACTIONS[0] else bucket):
                raise GatewayError(400, "OMS.0072", f"The destination's key has no permission: {action}")


class _WritableBucket:
    """A bucket of OBS that refuses an object if OMS's access key has no permission to write it."""

    def __init__(self, obs: Obs, bucket: str, find_credential: Callable[[], Credential | None]) -> None:
        self._obs, self._bucket, self._find_holder = obs, obs.bucket(bucket), find_credential
        self.name, self.region = self._bucket.name, self._bucket.region

    @property
    def objects(self) -> Any:
        return self._bucket.objects

    def put(
        self,
        key: str,
        data: bytes,
        part_size: int | None = None,
        headers: Mapping[str, str] | None = None,
        storage_class: str = "STANDARD",
    ) -> object:
        """Store an object and return it; return None if the access key has no permission to write it."""
        return (
            None
            if self._find_denial_reason(key, ())
            else self._bucket.put(key, data, part_size, headers, storage_class)
        )

    def find_refusal(self, key: str, data: bytes) -> str:
        extra_actions = _PART_ACTIONS if len(data) > PART_SIZE else ()
        return self._find_denial_reason(key, extra_actions) or self._bucket.find_refusal(key, data)

    def _find_denial_reason(self, key: str, extra_actions: tuple[str, ...]) -> str:
        holder = self._find_holder()
        if holder is None:
            return "InvalidAccessKeyId"
        missing_actions = [
            action
            for action in (*_WRITE_ACTIONS, *extra_actions)
            if not self._obs.allows(holder, action, self.name, key)
        ]
        return f"AccessDenied: {missing_actions[0]}" if missing_actions else ""


def find_source_object(oss: Oss, bucket: str, key: str) -> SourceObject | None:
    """Return an object of OSS as OMS reads it, or None if it is missing or a symbolic link, which OMS cannot copy."""
    oss_object = oss.objects(bucket).get(key)
    if oss_object is None or oss_object.type == "Symlink":
        return None
    headers, storage_class = oss_object.headers, oss_object.storage_class
    return SourceObject(
        oss_object.data, oss_object.etag, oss_object.last_modified, headers, oss_object.has_crc64, storage_class
    )


def _find_credential(service: KeyedService, access_key: AccessKey) -> Credential:
    """Return the credential of an access key; OMS accepts permanent keys only."""
    credential = service.find_credential(access_key.key)
    if credential is None or credential.secret != access_key.secret or credential.security_token:
        raise GatewayError(400, "OMS.0068", "The access key or its secret is wrong")
    return credential


def _check_region(actual_region: str, expected_region: str) -> None:
    if actual_region != expected_region:
        raise GatewayError(400, "OMS.0001", f"Invalid parameter: the bucket is not in {expected_region}")
