"""The buckets of both clouds, with the calls of an administrator's commands.

Both vendors' pages describe the same calls: help.aliyun.com/zh/oss/developer-reference/ (putobject, copyobject,
initiatemultipartupload, listobjects, listobjectversions, getbucketversioning, getbucketworm, getbucketinfo, putbucket)
and support.huaweicloud.com/intl/en-us/api-obs/ (obs_04_0021 to obs_04_0023, obs_04_0080, obs_04_0083 to obs_04_0085,
object-lock).

All methods raise RefusedError, UnreachableError and UnreadableResponseError.
"""

from __future__ import annotations

import base64
import hashlib
import ipaddress
import re
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote_plus, urlencode, urlsplit
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from ops.clock import WallClock
from ops.clouds import signers
from ops.clouds.keys import Keys
from ops.clouds.wire import (
    AGAIN,
    ATTEMPTS,
    RefusedError,
    Request,
    Response,
    UnreachableError,
    UnreadableResponseError,
    ask,
    refused,
)

_NOTHING: Mapping[str, str] = {}
# Codes for a missing object; HEAD has no code.
_MISSING = ("", "NoSuchKey", "NoSuchVersion", "NoSuchUpload")
# Status of "BucketAlreadyExists" and "BucketAlreadyOwnedByYou".
_EXISTS = 409
# Finds the region in host names of OSS and OBS.
_REGION = re.compile(r"(?:^|\.)(?:oss-|obs\.)([a-z0-9-]+?)(?:-internal)?\.")


class ListedKey(NamedTuple):
    """An object of a listing; with `version` it is one version of the object, or a delete marker."""

    key: str
    version: str = ""


class Place(NamedTuple):
    """The address of a bucket. `origin`: scheme and host; `root`: the part of the path before the key."""

    name: str
    origin: str
    root: str

    @classmethod
    def of(cls, endpoint: str, bucket: str) -> Place:
        """Return the address under the bucket's own host name, or in the path of an IP address.

        An IP address cannot have a name in front of it.
        """
        url = urlsplit(endpoint)
        try:
            ipaddress.ip_address(url.hostname or "")
        except ValueError:
            return cls(bucket, f"{url.scheme}://{bucket}.{url.netloc}", "/")
        return cls(bucket, f"{url.scheme}://{url.netloc}", f"/{bucket}/")


class BucketClient(ABC):
    """A bucket, as the owner of these keys sees it.

    `retention_query`: the parameter that reads its retention rule; `place_query`: the parameter that reads its
    location; `number`: the header with the cloud's request id.
    """

    retention_query: str
    place_query: str
    number: str

    def __init__(self, place: Place, keys: Keys, clock: WallClock) -> None:
        self.place, self._keys, self._clock = place, keys, clock

    @property
    def name(self) -> str:
        return self.place.name

    def head(self, key: str) -> Response | None:
        """Read an object's headers; return None if the object is missing."""
        return self._call_object("HEAD", key)

    def get(self, key: str) -> Response | None:
        """Read an object with its contents; return None if the object is missing."""
        return self._call_object("GET", key)

    def delete(self, key: str, version: str = "") -> None:
        """Delete an object, or one version of it; a missing object is no error."""
        self._call_object("DELETE", key, {"versionId": version} if version else _NOTHING)

    def objects(self, prefix: str) -> Iterator[ListedKey]:
        """Yield all objects whose keys begin with `prefix`, in the order of the cloud's list."""
        query = {"encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        while True:
            page = self.call("GET", query=query).xml()
            listed_keys = [_listed(element) for element in page.iter("Contents")]
            yield from listed_keys
            if page.findtext("IsTruncated") != "true":
                return
            # OBS can repeat a page for ever, and the order of its list is not guaranteed.
            if not listed_keys or listed_keys[-1].key == query.get("marker"):
                raise UnreadableResponseError
            query["marker"] = listed_keys[-1].key

    def folders(self, prefix: str) -> list[str]:
        """List the folders directly below `prefix`. They are few: the list has one page."""
        query = {"delimiter": "/", "encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        page = self.call("GET", query=query).xml()
        if page.findtext("IsTruncated") == "true":
            raise UnreadableResponseError
        return [unquote_plus(element.text or "") for element in page.iterfind("CommonPrefixes/Prefix")]

    def versions(self, prefix: str) -> Iterator[ListedKey]:
        """Yield all versions of objects whose keys begin with `prefix`, and the delete markers."""
        query = {"encoding-type": "url", "max-keys": "1000", "prefix": prefix, "versions": ""}
        while True:
            page = self.call("GET", query=query).xml()
            for tag in ("Version", "DeleteMarker"):
                yield from (_listed(element) for element in page.iter(tag))
            if page.findtext("IsTruncated") != "true":
                return
            key, version = (
                unquote_plus(page.findtext("NextKeyMarker") or ""),
                page.findtext("NextVersionIdMarker") or "",
            )
            if (key, version) == (query.get("key-marker", ""), query.get("version-id-marker", "")):
                raise UnreadableResponseError
            query.update({"key-marker": key, "version-id-marker": version})

    def versioning(self) -> str:
        """Return "Enabled" or "Suspended"; empty if versioning was never switched on."""
        return self.call("GET", query={"versioning": ""}).xml().findtext("Status") or ""

    def configured(self, setting: str) -> ElementTree.Element | None:
        """Read a setting of the bucket, such as `website`; return None for a missing setting."""
        response = self.document(setting)
        return None if response is None else response.xml()

    def document(self, setting: str) -> Response | None:
        """Read a setting as the cloud returns it: XML, or JSON for a policy; None for a missing setting.

        A setting that is not set has its own error code.
        """
        with refused(lambda error: error.status == 404 and error.code not in ("NoSuchBucket", *_MISSING)):
            return self.call("GET", query={setting: ""})
        return None

    def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] = _NOTHING,
        headers: Mapping[str, str] = _NOTHING,
        body: bytes = b"",
        attempts: int = ATTEMPTS,
    ) -> Response:
        """Send a signed request for an object, or for the bucket itself ("")."""
        url = self._url(key, query)

        def make_request() -> Request:
            return Request(method, url, self._signed(method, key, query, headers), body)

        return ask(self._clock, make_request, attempts, number=self.number)

    def _url(self, key: str, query: Mapping[str, str]) -> str:
        parameters = "&".join(
            urlencode({name: value}, quote_via=quote, safe="") if value else name for name, value in query.items()
        )
        return f"{self.place.origin}{self.place.root}{signers.quote_key(key)}{'?' if parameters else ''}{parameters}"

    def _call_object(
        self, method: str, key: str, query: Mapping[str, str] = _NOTHING, body: bytes = b""
    ) -> Response | None:
        # A missing bucket and a redirect stay errors.
        with refused(lambda error: error.status == 404 and error.code in _MISSING):
            return self.call(method, key, query, body=body)
        return None

    def _read_description(self) -> ElementTree.Element | None:
        """Read the cloud's description of the bucket; return None if no bucket has this name."""
        with refused(lambda error: error.code == "NoSuchBucket"):
            return self.call("GET", query={self.place_query: ""}).xml()
        return None

    def _create(self, body: bytes = b"") -> None:
        """Create the bucket, private.

        After a lost response the bucket may exist, and a second request would be refused for that: each further request
        follows a check.
        """
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.call("PUT", body=body, attempts=1)
            except (RefusedError, UnreachableError) as error:
                # Also "exists already", because an earlier request may have arrived late.
                is_open = (
                    not isinstance(error, RefusedError)
                    or error.status in AGAIN
                    or (attempt > 1 and error.status == _EXISTS)
                )
                if not is_open:
                    raise
                if self._read_description() is not None:
                    return
                if attempt == ATTEMPTS:
                    raise
                self._clock.sleep(2.0**attempt)
            else:
                return

    @abstractmethod
    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        """Return the headers with those of the signature."""


class OssBucketClient(BucketClient):
    """A bucket of Alibaba Cloud. `region`: the region in the signature, such as cn-hangzhou."""

    retention_query = "worm"
    place_query = "bucketInfo"
    number = "x-oss-request-id"

    def info(self) -> dict[str, str] | None:
        """Return OSS's description of the bucket as a dict of its XML elements; None if no bucket has this name.

        The elements are Location, StorageClass, Versioning, SSEAlgorithm and others; `Owner` is the account's id.
        """
        page = self._read_description()
        return (
            None
            if page is None
            else {element.tag: element.text or "" for element in page.iter()}
            | {"Owner": page.findtext(".//Owner/ID") or ""}
        )

    def create(self) -> None:
        """Create the bucket, private.

        Never call this for an existing bucket: OSS would treat the request as another operation.
        """
        self._create()

    def __init__(self, place: Place, keys: Keys, clock: WallClock, region: str) -> None:
        super().__init__(place, keys, clock)
        self._region = region

    @classmethod
    def at(cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> OssBucketClient:
        """Return the bucket of this name in a region, or at the endpoint in `endpoints` (`Caller.endpoints`)."""
        endpoint = endpoints.get("OSS_ENDPOINT") or f"https://oss-{region}.aliyuncs.com"
        return cls(Place.of(endpoint, name), keys, clock, region)

    def put(self, key: str, body: bytes, headers: Mapping[str, str] = _NOTHING) -> Response:
        """Store an object."""
        return self.call("PUT", key, headers={**_with_type(headers), "Content-MD5": _md5(body)}, body=body)

    def copy(self, source: str, key: str) -> Response:
        """Copy an object of this bucket, with its metadata."""
        return self.call("PUT", key, headers={"x-oss-copy-source": f"/{self.name}/{signers.quote_key(source)}"})

    def replace_headers(self, key: str, headers: Mapping[str, str]) -> Response:
        """Replace all headers of an object, by a copy onto itself: OSS changes none in place."""
        replacing = {
            "x-oss-copy-source": f"/{self.name}/{signers.quote_key(key)}",
            "x-oss-metadata-directive": "REPLACE",
        }
        return self.call("PUT", key, headers={**replacing, **headers})

    def upload(self, key: str, body: bytes, part_size: int, headers: Mapping[str, str]) -> None:
        """Store an object in parts of this size.

        If the last response is lost, and the request repeated, there is no upload any more: a caller who needs the
        object checks that it exists.
        """
        upload = self.call("POST", key, {"encoding-type": "url", "uploads": ""}, _with_type(headers)).xml()
        number = upload.findtext("UploadId") or ""
        parts = []
        for index, start in enumerate(range(0, len(body), part_size), 1):
            part = body[start : start + part_size]
            query = {"partNumber": str(index), "uploadId": number}
            etag = self.call("PUT", key, query, {"Content-MD5": _md5(part)}, part).headers.get("etag", "")
            parts.append(f"<Part><PartNumber>{index}</PartNumber><ETag>{escape(etag)}</ETag></Part>")
        whole = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        query = {"encoding-type": "url", "uploadId": number}
        self._call_object("POST", key, query, whole)

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """List the unfinished uploads of keys that begin with `prefix`, as key and id. They are few: one page."""
        page = self.call("GET", query={"encoding-type": "url", "prefix": prefix, "uploads": ""}).xml()
        return [(_key(element), element.findtext("UploadId") or "") for element in page.iter("Upload")]

    def abort(self, key: str, upload: str) -> None:
        """Abort an upload; a missing upload is no error."""
        self._call_object("DELETE", key, {"uploadId": upload})

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        now = self._clock.now()
        return signers.oss(method, self.name, key, query, headers, keys=self._keys, region=self._region, now=now)


class ObsBucketClient(BucketClient):
    """A bucket of Huawei Cloud. This class writes no contents of objects."""

    retention_query = "object-lock"
    place_query = "location"
    number = "x-obs-request-id"

    @classmethod
    def at(cls, endpoints: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> ObsBucketClient:
        """Return the bucket of this name in a region, or at the endpoint in `endpoints` (`Caller.endpoints`)."""
        return cls(
            Place.of(endpoints.get("OBS_ENDPOINT") or f"https://obs.{region}.myhuaweicloud.com", name), keys, clock
        )

    def location(self) -> str | None:
        """Return the region of the bucket; None if no bucket has this name."""
        page = self._read_description()
        return None if page is None else (page.text or page.findtext(".//Location") or "").strip()

    def storage_class(self) -> str:
        """Return the default storage class: STANDARD, WARM (infrequent access), COLD (archive), ..."""
        return self.call("HEAD").headers.get("x-obs-storage-class", "STANDARD")

    def create(self, region: str) -> None:
        """Create the bucket, private."""
        body = f"<CreateBucketConfiguration><Location>{escape(region)}</Location></CreateBucketConfiguration>"
        self._create(body.encode())

    def change_headers(self, key: str, headers: Mapping[str, str], expires: int = 0, *, replaces: bool = False) -> None:
        """Change headers of an object in place; other headers stay, or are removed with `replaces` (obs_04_0091).

        With `expires`, in seconds since 1970 by OBS's clock, the signature is in the URL, and valid until then.
        """
        directive = "REPLACE" if replaces else "REPLACE_NEW"
        sent, query = {"x-obs-metadata-directive": directive, **headers}, {"metadata": ""}
        if not expires:
            self.call("PUT", key, query, sent)
            return
        signed_query = signers.obs_url("PUT", self.name, key, query, sent, keys=self._keys, expires=expires)
        ask(self._clock, lambda: Request("PUT", self._url(key, signed_query), sent), number=self.number)

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        return signers.obs(method, self.name, key, query, headers, keys=self._keys, now=self._clock.now())


def region_at(endpoint: str) -> str:
    """Return the region in a host name of OSS or OBS; empty for another host."""
    named = _REGION.search(endpoint)
    return named[1] if named else ""


def has_subfolder_pages(website: ElementTree.Element) -> bool:
    """Return True if OSS answers keys that end with a slash with the folder's page."""
    return website.findtext("IndexDocument/SupportSubDir") == "true"


def is_mirror(rule: ElementTree.Element) -> bool:
    """Return True if a rule of OSS's website fetches missing objects from elsewhere when they are read."""
    return rule.findtext("Redirect/RedirectType") == "Mirror"


def _listed(element: ElementTree.Element) -> ListedKey:
    return ListedKey(_key(element), element.findtext("VersionId") or "")


def _key(element: ElementTree.Element) -> str:
    return unquote_plus(element.findtext("Key") or "")


def _with_type(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", **headers}


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
