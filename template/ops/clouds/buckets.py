"""The clients of the buckets of both clouds, for commands with an administrator's keys.

Both vendors' pages describe the same calls: help.aliyun.com/zh/oss/developer-reference/ (putobject, copyobject,
initiatemultipartupload, listobjects, listobjectversions, getbucketversioning, getbucketworm, getbucketinfo, putbucket)
and support.huaweicloud.com/intl/en-us/api-obs/ (obs_04_0021 to obs_04_0023, obs_04_0080, obs_04_0083 to obs_04_0085,
object-lock).

All methods raise RefusedError, UnreachableError and UnreadableResponseError.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Mapping
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ops.clock import WallClock
from ops.clouds import signers
from ops.clouds.bucket_client import NOTHING, BucketClient, Place, key_of
from ops.clouds.keys import Keys
from ops.clouds.wire import (
    Request,
    Response,
    send_request,
)

# The region in a host name of OSS or OBS.
_REGION_PATTERN = re.compile(r"(?:^|\.)(?:oss-|obs\.)([a-z0-9-]+?)(?:-internal)?\.")


class OssBucketClient(BucketClient):
    """A bucket of Alibaba Cloud; `region`, such as cn-hangzhou, is part of the signature."""

    retention_query = "worm"
    place_query = "bucketInfo"
    number = "x-oss-request-id"

    def info(self) -> dict[str, str] | None:
        """Return OSS's description of the bucket; None if no bucket has this name.

        Its keys are XML elements, such as Location, StorageClass, Versioning and SSEAlgorithm; `Owner` is the account's
        id.
        """
        page = self._read_description()
        return (
            None
            if page is None
            else {element.tag: element.text or "" for element in page.iter()}
            | {"Owner": page.findtext(".//Owner/ID") or ""}
        )

    def create(self) -> None:
        """Create the bucket as private.

        Never call this for an existing bucket: OSS would understand the request as another operation.
        """
        self._create()

    def __init__(self, place: Place, keys: Keys, clock: WallClock, region: str) -> None:
        super().__init__(place, keys, clock)
        self._region = region

    @classmethod
    def at(cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> OssBucketClient:
        """Return the bucket of this name in a region, or at the endpoint that the sandbox gives in `endpoints`."""
        endpoint = endpoints.get("OSS_ENDPOINT") or f"https://oss-{region}.aliyuncs.com"
        return cls(Place.of(endpoint, name), keys, clock, region)

    def put(self, key: str, body: bytes, headers: Mapping[str, str] = NOTHING) -> Response:
        """Store an object."""
        return self.call(
            "PUT", key, headers={**_add_content_type(headers), "Content-MD5": _content_md5(body)}, body=body
        )

    def copy(self, source: str, key: str) -> Response:
        """Copy an object within this bucket, with its metadata."""
        return self.call("PUT", key, headers={"x-oss-copy-source": f"/{self.name}/{signers.quote_key(source)}"})

    def replace_headers(self, key: str, headers: Mapping[str, str]) -> Response:
        """Replace all headers of an object by copying it onto itself, because OSS cannot change headers in place."""
        replacing = {
            "x-oss-copy-source": f"/{self.name}/{signers.quote_key(key)}",
            "x-oss-metadata-directive": "REPLACE",
        }
        return self.call("PUT", key, headers={**replacing, **headers})

    def upload(self, key: str, body: bytes, part_size: int, headers: Mapping[str, str]) -> None:
        """Store an object in parts of `part_size` bytes.

        If the last response is lost, the repeated request fails, because the upload has ended. The caller then has to
        check that the object exists.
        """
        upload = self.call("POST", key, {"encoding-type": "url", "uploads": ""}, _add_content_type(headers)).xml()
        number = upload.findtext("UploadId") or ""
        parts = []
        for index, start in enumerate(range(0, len(body), part_size), 1):
            part = body[start : start + part_size]
            query = {"partNumber": str(index), "uploadId": number}
            etag = self.call("PUT", key, query, {"Content-MD5": _content_md5(part)}, part).headers.get("etag", "")
            parts.append(f"<Part><PartNumber>{index}</PartNumber><ETag>{escape(etag)}</ETag></Part>")
        whole = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        query = {"encoding-type": "url", "uploadId": number}
        self._call_for_object("POST", key, query, whole)

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """List the unfinished uploads of keys that begin with `prefix`, as key and upload id.

        They are few, so that a single page suffices.
        """
        page = self.call("GET", query={"encoding-type": "url", "prefix": prefix, "uploads": ""}).xml()
        return [(key_of(element), element.findtext("UploadId") or "") for element in page.iter("Upload")]

    def abort(self, key: str, upload: str) -> None:
        """Abort an unfinished upload; a missing upload is no error."""
        self._call_for_object("DELETE", key, {"uploadId": upload})

    def _sign(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        now = self._clock.now()
        return signers.oss(method, self.name, key, query, headers, keys=self._keys, region=self._region, now=now)


class ObsBucketClient(BucketClient):
    """A bucket of Huawei Cloud, whose objects' contents this class never writes."""

    retention_query = "object-lock"
    place_query = "location"
    number = "x-obs-request-id"

    @classmethod
    def at(cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> ObsBucketClient:
        """Return the bucket of this name in a region, or at the endpoint that the sandbox gives in `endpoints`."""
        return cls(
            Place.of(endpoints.get("OBS_ENDPOINT") or f"https://obs.{region}.myhuaweicloud.com", name), keys, clock
        )

    def location(self) -> str | None:
        """Return the bucket's region; None if no bucket has this name."""
        page = self._read_description()
        return None if page is None else (page.text or page.findtext(".//Location") or "").strip()

    def storage_class(self) -> str:
        """Return the default storage class, such as STANDARD, WARM (infrequent access) or COLD (archive)."""
        return self.call("HEAD").headers.get("x-obs-storage-class", "STANDARD")

    def create(self, region: str) -> None:
        """Create the bucket as private."""
        body = f"<CreateBucketConfiguration><Location>{escape(region)}</Location></CreateBucketConfiguration>"
        self._create(body.encode())

    def change_headers(self, key: str, headers: Mapping[str, str], expires: int = 0, *, replaces: bool = False) -> None:
        """Change headers of an object in place; `replaces` removes all other headers (obs_04_0091).

        With `expires`, in seconds since 1970 by OBS's clock, the signature is in the URL, which is valid until then.
        """
        directive = "REPLACE" if replaces else "REPLACE_NEW"
        sent, query = {"x-obs-metadata-directive": directive, **headers}, {"metadata": ""}
        if not expires:
            self.call("PUT", key, query, sent)
            return
        signed_query = signers.obs_url("PUT", self.name, key, query, sent, keys=self._keys, expires=expires)
        send_request(self._clock, lambda: Request("PUT", self._url(key, signed_query), sent), number=self.number)

    def _sign(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        return signers.obs(method, self.name, key, query, headers, keys=self._keys, now=self._clock.now())


def region_at(endpoint: str) -> str:
    """Return the region in a host name of OSS or OBS; "" for another host."""
    named = _REGION_PATTERN.search(endpoint)
    return named[1] if named else ""


def has_subfolder_pages(website: ElementTree.Element) -> bool:
    """Return True if the website of an OSS bucket answers keys that end with a slash with the folder's index page."""
    return website.findtext("IndexDocument/SupportSubDir") == "true"


def is_mirror(rule: ElementTree.Element) -> bool:
    """Return True if a rule of an OSS website fetches missing objects from another address when they are read."""
    return rule.findtext("Redirect/RedirectType") == "Mirror"


def _add_content_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", **headers}


def _content_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
