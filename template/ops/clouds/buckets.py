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
from ops.clouds.bucket_client import NOTHING, BucketAddress, BucketClient, read_key
from ops.clouds.keys import Keys
from ops.clouds.wire import (
    Request,
    Response,
    send_request,
)

# The region in a host name of OSS or OBS.
_REGION_PATTERN = re.compile(r"(?:^|\.)(?:oss-|obs\.)([a-z0-9-]+?)(?:-internal)?\.")


class OssBucketClient(BucketClient):
    """The client of a bucket in Alibaba Cloud's OSS; `region`, such as cn-hangzhou, is part of the signature."""

    retention_query = "worm"
    region_query = "bucketInfo"
    request_id_header = "x-oss-request-id"

    def info(self) -> dict[str, str] | None:
        """Return OSS's description of the bucket, or None if no bucket has this name.

        The names are those of XML elements, such as Location, StorageClass, Versioning and SSEAlgorithm; `Owner` is the
        id of the owner's account.
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

        Do not call this method for an existing bucket: OSS takes the same request for another operation.
        """
        self._create()

    def __init__(self, address: BucketAddress, keys: Keys, clock: WallClock, region: str) -> None:
        super().__init__(address, keys, clock)
        self._region = region

    @classmethod
    def open(
        cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock
    ) -> OssBucketClient:
        """Return a client of the bucket `name` in `region`.

        The entry OSS_ENDPOINT of `endpoints` replaces the region's public endpoint, as in the sandbox.
        """
        endpoint = endpoints.get("OSS_ENDPOINT") or f"https://oss-{region}.aliyuncs.com"
        return cls(BucketAddress.at_endpoint(endpoint, name), keys, clock, region)

    def put(self, key: str, body: bytes, headers: Mapping[str, str] = NOTHING) -> Response:
        return self.call(
            "PUT", key, headers={**_add_content_type(headers), "Content-MD5": _compute_content_md5(body)}, body=body
        )

    def copy(self, source: str, key: str) -> Response:
        return self.call("PUT", key, headers={"x-oss-copy-source": f"/{self.name}/{signers.quote_key(source)}"})

    def replace_headers(self, key: str, headers: Mapping[str, str]) -> Response:
        """Replace all headers of an object by copying it onto itself, because OSS cannot change headers in place."""
        copy_headers = {
            "x-oss-copy-source": f"/{self.name}/{signers.quote_key(key)}",
            "x-oss-metadata-directive": "REPLACE",
        }
        return self.call("PUT", key, headers={**copy_headers, **headers})

    def upload(self, key: str, body: bytes, part_size: int, headers: Mapping[str, str]) -> None:
        """Store an object in parts of `part_size` bytes.

        If the last response is lost, the repeated request fails, because the upload has ended. The caller has to check
        for the object.
        """
        upload = self.call("POST", key, {"encoding-type": "url", "uploads": ""}, _add_content_type(headers)).xml()
        upload_id = upload.findtext("UploadId") or ""
        parts = []
        for index, start in enumerate(range(0, len(body), part_size), 1):
            part = body[start : start + part_size]
            query = {"partNumber": str(index), "uploadId": upload_id}
            etag = self.call("PUT", key, query, {"Content-MD5": _compute_content_md5(part)}, part).headers.get(
                "etag", ""
            )
            parts.append(f"<Part><PartNumber>{index}</PartNumber><ETag>{escape(etag)}</ETag></Part>")
        part_list = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        query = {"encoding-type": "url", "uploadId": upload_id}
        self._call_for_object("POST", key, query, part_list)

    def list_uploads(self, prefix: str) -> list[tuple[str, str]]:
        """List the first page of unfinished multipart uploads with this prefix, as pairs of key and upload id."""
        page = self.call("GET", query={"encoding-type": "url", "prefix": prefix, "uploads": ""}).xml()
        return [(read_key(element), element.findtext("UploadId") or "") for element in page.iter("Upload")]

    def abort_upload(self, key: str, upload_id: str) -> None:
        """Abort an unfinished upload; a missing upload is no error."""
        self._call_for_object("DELETE", key, {"uploadId": upload_id})

    def _sign(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        now = self._clock.now()
        return signers.sign_oss(
            method, self.name, key, query, headers, access_keys=self._keys, region=self._region, now=now
        )


class ObsBucketClient(BucketClient):
    """The client of a bucket in Huawei Cloud's OBS; it never writes the contents of an object."""

    retention_query = "object-lock"
    region_query = "location"
    request_id_header = "x-obs-request-id"

    @classmethod
    def open(
        cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock
    ) -> ObsBucketClient:
        """Return the client of a bucket; `endpoints` may name another endpoint, as in the sandbox."""
        return cls(
            BucketAddress.at_endpoint(endpoints.get("OBS_ENDPOINT") or f"https://obs.{region}.myhuaweicloud.com", name),
            keys,
            clock,
        )

    def location(self) -> str | None:
        page = self._read_description()
        return None if page is None else (page.text or page.findtext(".//Location") or "").strip()

    def storage_class(self) -> str:
        """Return the default storage class, such as STANDARD, WARM (infrequent access) or COLD (archive)."""
        return self.call("HEAD").headers.get("x-obs-storage-class", "STANDARD")

    def create(self, region: str) -> None:
        body = f"<CreateBucketConfiguration><Location>{escape(region)}</Location></CreateBucketConfiguration>"
        self._create(body.encode())

    def change_headers(self, key: str, headers: Mapping[str, str], expires: int = 0, *, replaces: bool = False) -> None:
        """Change headers of an object in place; `replaces` removes all other headers (obs_04_0091).

        With `expires`, in seconds since 1970 by OBS's clock, the signature is in the URL, and OBS accepts the URL until
        that time.
        """
        directive = "REPLACE" if replaces else "REPLACE_NEW"
        request_headers, query = {"x-obs-metadata-directive": directive, **headers}, {"metadata": ""}
        if not expires:
            self.call("PUT", key, query, request_headers)
            return
        signed_query = signers.sign_obs_url(
            "PUT", self.name, key, query, request_headers, access_keys=self._keys, expires=expires
        )
        send_request(
            self._clock,
            lambda: Request("PUT", self._make_url(key, signed_query), request_headers),
            request_id_header=self.request_id_header,
        )

    def _sign(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        return signers.sign_obs(method, self.name, key, query, headers, access_keys=self._keys, now=self._clock.now())


def find_region(endpoint: str) -> str:
    """Return the region in a host name of OSS or OBS; return "" for another host."""
    match = _REGION_PATTERN.search(endpoint)
    return match[1] if match else ""


def has_subfolder_pages(website: ElementTree.Element) -> bool:
    """Return True if an OSS website returns the folder's index page for a key that ends with a slash."""
    return website.findtext("IndexDocument/SupportSubDir") == "true"


def is_mirror(rule: ElementTree.Element) -> bool:
    """Return True if a rule of an OSS website fetches missing objects from another address when they are read."""
    return rule.findtext("Redirect/RedirectType") == "Mirror"


def _add_content_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", **headers}


def _compute_content_md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
