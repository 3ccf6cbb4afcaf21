"""Buckets of both clouds, with what an administrator's commands do there.

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
# Of an object that is not there, by HEAD without a word.
_NO_SUCH = ("", "NoSuchKey", "NoSuchVersion", "NoSuchUpload")
# "BucketAlreadyExists", "BucketAlreadyOwnedByYou".
_EXISTS = 409
# In the host names of OSS and OBS.
_REGION = re.compile(r"(?:^|\.)(?:oss-|obs\.)([a-z0-9-]+?)(?:-internal)?\.")


class ListedKey(NamedTuple):
    """An object as a listing has it; with `version` it is one version of it, or a delete marker."""

    key: str
    version: str = ""


class Place(NamedTuple):
    """Where a bucket is. `origin`: scheme and host; `root`: what precedes a key in the path."""

    name: str
    origin: str
    root: str

    @classmethod
    def of(cls, endpoint: str, bucket: str) -> Place:
        """At the bucket's own host name. An IP address can have none in front of it, so the bucket is in the path."""
        url = urlsplit(endpoint)
        try:
            ipaddress.ip_address(url.hostname or "")
        except ValueError:
            return cls(bucket, f"{url.scheme}://{bucket}.{url.netloc}", "/")
        return cls(bucket, f"{url.scheme}://{url.netloc}", f"/{bucket}/")


class BucketClient(ABC):
    """A bucket, as somebody with these keys sees it. `retention_query`: what asks for its rule of retention;
    `place_query`: what asks where it is; `number`: the header with which its cloud numbers each answer."""

    retention_query: str
    place_query: str
    number: str

    def __init__(self, place: Place, keys: Keys, clock: WallClock) -> None:
        self.place, self._keys, self._clock = place, keys, clock

    @property
    def name(self) -> str:
        return self.place.name

    def head(self, key: str) -> Response | None:
        """What is told of an object; None if there is none."""
        return self._found("HEAD", key)

    def get(self, key: str) -> Response | None:
        """An object with its contents; None if there is none."""
        return self._found("GET", key)

    def delete(self, key: str, version: str = "") -> None:
        """Delete an object, or one version of it; not an error if it is gone."""
        self._found("DELETE", key, {"versionId": version} if version else _NOTHING)

    def objects(self, prefix: str) -> Iterator[ListedKey]:
        """All objects whose keys begin so, in the order in which the cloud lists them."""
        query = {"encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        while True:
            page = self.call("GET", query=query).xml()
            listed_keys = [_listed(element) for element in page.iter("Contents")]
            yield from listed_keys
            if page.findtext("IsTruncated") != "true":
                return
            # OBS is known to repeat a page for ever. In what order it lists is not to be relied on here.
            if not listed_keys or listed_keys[-1].key == query.get("marker"):
                raise UnreadableResponseError
            query["marker"] = listed_keys[-1].key

    def folders(self, prefix: str) -> list[str]:
        """Those below it, without what is in them. There are few: one page."""
        query = {"delimiter": "/", "encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        page = self.call("GET", query=query).xml()
        if page.findtext("IsTruncated") == "true":
            raise UnreadableResponseError
        return [unquote_plus(element.text or "") for element in page.iterfind("CommonPrefixes/Prefix")]

    def versions(self, prefix: str) -> Iterator[ListedKey]:
        """All versions of objects whose keys begin so, and the delete markers."""
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
        """ "Enabled" or "Suspended"; empty where it was never switched on."""
        return self.call("GET", query={"versioning": ""}).xml().findtext("Status") or ""

    def configured(self, what: str) -> ElementTree.Element | None:
        """What the bucket is configured to do, such as `website`; None where it is not."""
        response = self.document(what)
        return None if response is None else response.xml()

    def document(self, what: str) -> Response | None:
        """The same as the cloud answers it: XML, or JSON of a policy. That it is not set has a code of its own."""
        with refused(lambda error: error.status == 404 and error.code not in ("NoSuchBucket", *_NO_SUCH)):
            return self.call("GET", query={what: ""})
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
        """One signed request about an object, or the bucket itself ("")."""
        url = self._url(key, query)

        def made() -> Request:
            return Request(method, url, self._signed(method, key, query, headers), body)

        return ask(self._clock, made, attempts, number=self.number)

    def _url(self, key: str, query: Mapping[str, str]) -> str:
        asked = "&".join(
            urlencode({name: value}, quote_via=quote, safe="") if value else name for name, value in query.items()
        )
        return f"{self.place.origin}{self.place.root}{signers.quote_key(key)}{'?' if asked else ''}{asked}"

    def _found(self, method: str, key: str, query: Mapping[str, str] = _NOTHING, body: bytes = b"") -> Response | None:
        # Of a bucket that is not there, and of a redirect, it is an error.
        with refused(lambda error: error.status == 404 and error.code in _NO_SUCH):
            return self.call(method, key, query, body=body)
        return None

    def _described(self) -> ElementTree.Element | None:
        """Return what the cloud says of the bucket itself; None if there is none of this name."""
        with refused(lambda error: error.code == "NoSuchBucket"):
            return self.call("GET", query={self.place_query: ""}).xml()
        return None

    def _create(self, body: bytes = b"") -> None:
        """Create the bucket, private. After an answer that is lost the bucket may exist, and a second request would be
        refused for that: so each further one follows a look."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                self.call("PUT", body=body, attempts=1)
            except (RefusedError, UnreachableError) as error:
                # Also "exists already", once a request of before may have landed late.
                is_open = (
                    not isinstance(error, RefusedError)
                    or error.status in AGAIN
                    or (attempt > 1 and error.status == _EXISTS)
                )
                if not is_open:
                    raise
                if self._described() is not None:
                    return
                if attempt == ATTEMPTS:
                    raise
                self._clock.sleep(2.0**attempt)
            else:
                return

    @abstractmethod
    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        """The headers, and those of the signature."""


class OssBucketClient(BucketClient):
    """Of Alibaba Cloud. `region` is signed, such as cn-hangzhou."""

    retention_query = "worm"
    place_query = "bucketInfo"
    number = "x-oss-request-id"

    def info(self) -> dict[str, str] | None:
        """What OSS tells of the bucket, by the names of its elements (Location, StorageClass, Versioning,
        SSEAlgorithm, ...; `Owner` is the account's id); None if there is none of this name."""
        page = self._described()
        return (
            None
            if page is None
            else {element.tag: element.text or "" for element in page.iter()}
            | {"Owner": page.findtext(".//Owner/ID") or ""}
        )

    def create(self) -> None:
        """Create it, private. Never for one that is there: OSS would take the call for another."""
        self._create()

    def __init__(self, place: Place, keys: Keys, clock: WallClock, region: str) -> None:
        super().__init__(place, keys, clock)
        self._region = region

    @classmethod
    def at(cls, here: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> OssBucketClient:
        """The one of this name in a region, or where OSS is by `here` (`Caller.endpoints`)."""
        endpoint = here.get("OSS_ENDPOINT") or f"https://oss-{region}.aliyuncs.com"
        return cls(Place.of(endpoint, name), keys, clock, region)

    def put(self, key: str, body: bytes, headers: Mapping[str, str] = _NOTHING) -> Response:
        """Store an object."""
        return self.call("PUT", key, headers={**_typed(headers), "Content-MD5": _md5(body)}, body=body)

    def copy(self, source: str, key: str) -> Response:
        """Copy an object of this bucket, with its metadata."""
        return self.call("PUT", key, headers={"x-oss-copy-source": f"/{self.name}/{signers.quote_key(source)}"})

    def upload(self, key: str, body: bytes, part_size: int, headers: Mapping[str, str]) -> None:
        """Store an object in parts of this size. Whether it is there, who needs to know looks: if the last answer is
        lost, and it is asked for again, there is no upload any more."""
        begun = self.call("POST", key, {"encoding-type": "url", "uploads": ""}, _typed(headers)).xml()
        number = begun.findtext("UploadId") or ""
        parts = []
        for at, start in enumerate(range(0, len(body), part_size), 1):
            part = body[start : start + part_size]
            query = {"partNumber": str(at), "uploadId": number}
            etag = self.call("PUT", key, query, {"Content-MD5": _md5(part)}, part).headers.get("etag", "")
            parts.append(f"<Part><PartNumber>{at}</PartNumber><ETag>{escape(etag)}</ETag></Part>")
        whole = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>".encode()
        query = {"encoding-type": "url", "uploadId": number}
        self._found("POST", key, query, whole)

    def uploads(self, prefix: str) -> list[tuple[str, str]]:
        """Uploads that were begun and not ended, of keys that begin so: key and id. There are few: one page."""
        page = self.call("GET", query={"encoding-type": "url", "prefix": prefix, "uploads": ""}).xml()
        return [(_key(element), element.findtext("UploadId") or "") for element in page.iter("Upload")]

    def abort(self, key: str, upload: str) -> None:
        """Give an upload up; not an error if it is gone."""
        self._found("DELETE", key, {"uploadId": upload})

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        now = self._clock.now()
        return signers.oss(method, self.name, key, query, headers, keys=self._keys, region=self._region, now=now)


class ObsBucketClient(BucketClient):
    """Of Huawei Cloud. No object's contents are written there from here."""

    retention_query = "object-lock"
    place_query = "location"
    number = "x-obs-request-id"

    @classmethod
    def at(cls, here: Mapping[str, str], region: str, name: str, keys: Keys, clock: WallClock) -> ObsBucketClient:
        """The one of this name in a region, or where OBS is by `here` (`Caller.endpoints`)."""
        return cls(Place.of(here.get("OBS_ENDPOINT") or f"https://obs.{region}.myhuaweicloud.com", name), keys, clock)

    def location(self) -> str | None:
        """The region in which it is; None if there is none of this name."""
        page = self._described()
        return None if page is None else (page.text or page.findtext(".//Location") or "").strip()

    def storage_class(self) -> str:
        """That of what is written there without saying: STANDARD, WARM (infrequent access), COLD (archive), ..."""
        return self.call("HEAD").headers.get("x-obs-storage-class", "STANDARD")

    def create(self, region: str) -> None:
        """Create it, private."""
        body = f"<CreateBucketConfiguration><Location>{escape(region)}</Location></CreateBucketConfiguration>"
        self._create(body.encode())

    def change_headers(self, key: str, headers: Mapping[str, str], expires: int = 0) -> None:
        """Change headers of an object in place; those that are not named stay (obs_04_0091). With `expires`, in seconds
        since 1970 by OBS's clock, the signature is in the URL, and holds until then."""
        sent, query = {"x-obs-metadata-directive": "REPLACE_NEW", **headers}, {"metadata": ""}
        if not expires:
            self.call("PUT", key, query, sent)
            return
        asked = signers.obs_url("PUT", self.name, key, query, sent, keys=self._keys, expires=expires)
        ask(self._clock, lambda: Request("PUT", self._url(key, asked), sent), number=self.number)

    def _signed(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        return signers.obs(method, self.name, key, query, headers, keys=self._keys, now=self._clock.now())


def region_at(endpoint: str) -> str:
    """Return the region in a host name of OSS or OBS; empty for another host."""
    named = _REGION.search(endpoint)
    return named[1] if named else ""


def has_subfolder_pages(website: ElementTree.Element) -> bool:
    """Whether OSS answers a folder's page for keys that end with a slash."""
    return website.findtext("IndexDocument/SupportSubDir") == "true"


def is_mirror(rule: ElementTree.Element) -> bool:
    """Whether by a rule of OSS's website what is missing is fetched from elsewhere when it is read."""
    return rule.findtext("Redirect/RedirectType") == "Mirror"


def _listed(element: ElementTree.Element) -> ListedKey:
    return ListedKey(_key(element), element.findtext("VersionId") or "")


def _key(element: ElementTree.Element) -> str:
    return unquote_plus(element.findtext("Key") or "")


def _typed(headers: Mapping[str, str]) -> dict[str, str]:
    return {"Content-Type": "application/octet-stream", **headers}


def _md5(body: bytes) -> str:
    return base64.b64encode(hashlib.md5(body, usedforsecurity=False).digest()).decode()
