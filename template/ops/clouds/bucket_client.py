"""The base class of the clients for OSS buckets and OBS buckets, with the requests that both clouds have in common."""

from __future__ import annotations

import ipaddress
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import NamedTuple
from urllib.parse import quote, unquote_plus, urlencode, urlsplit
from xml.etree import ElementTree

from ops.clock import WallClock
from ops.clouds import signers
from ops.clouds.keys import Keys
from ops.clouds.wire import (
    MAX_ATTEMPTS,
    RETRIED_STATUSES,
    RefusedError,
    Request,
    Response,
    UnreachableError,
    UnreadableResponseError,
    send_request,
    suppress_refusal,
)

NOTHING: Mapping[str, str] = {}
# Error codes for a missing object; the answer to a HEAD has no code.
_MISSING_CODES = ("", "NoSuchKey", "NoSuchVersion", "NoSuchUpload")
# HTTP status of "BucketAlreadyExists" and "BucketAlreadyOwnedByYou".
_EXISTS_STATUS = 409


class ListedKey(NamedTuple):
    """A row of a listing: an object, a version of an object (with `version`), or a delete marker."""

    key: str
    version: str = ""


class BucketAddress(NamedTuple):
    """The address of a bucket.

    `origin` is the scheme and the host, and `root` is the part of the path before the object key.
    """

    name: str
    origin: str
    root: str

    @classmethod
    def at_endpoint(cls, endpoint: str, bucket: str) -> BucketAddress:
        """Return a bucket's address at an endpoint, with the bucket's name before the host.

        If the host is an IP address, which has no subdomains, the path begins with the bucket's name.
        """
        url = urlsplit(endpoint)
        try:
            ipaddress.ip_address(url.hostname or "")
        except ValueError:
            return cls(bucket, f"{url.scheme}://{bucket}.{url.netloc}", "/")
        return cls(bucket, f"{url.scheme}://{url.netloc}", f"/{bucket}/")


class BucketClient(ABC):
    """The client of a bucket, which signs its requests with an administrator's keys.

    `retention_query` and `region_query` are the query parameters that read the retention rule and the region.
    """

    retention_query: str
    region_query: str
    request_id_header: str

    def __init__(self, address: BucketAddress, keys: Keys, clock: WallClock) -> None:
        self.address, self._keys, self._clock = address, keys, clock

    @property
    def name(self) -> str:
        return self.address.name

    def head(self, key: str) -> Response | None:
        return self._call_for_object("HEAD", key)

    def get(self, key: str) -> Response | None:
        return self._call_for_object("GET", key)

    def delete(self, key: str, version: str = "") -> None:
        """Delete an object, or with `version` a single version. Deleting a missing object is no error."""
        self._call_for_object("DELETE", key, {"versionId": version} if version else NOTHING)

    def objects(self, prefix: str) -> Iterator[ListedKey]:
        """Yield all objects whose keys begin with `prefix`, in the order in which the cloud lists them."""
        query = {"encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        while True:
            page = self.call("GET", query=query).xml()
            listed_keys = [_parse_row(element) for element in page.iter("Contents")]
            yield from listed_keys
            if page.findtext("IsTruncated") != "true":
                return
            # OBS can return the same page for ever, and does not guarantee the order of a listing.
            if not listed_keys or listed_keys[-1].key == query.get("marker"):
                raise UnreadableResponseError
            query["marker"] = listed_keys[-1].key

    def folders(self, prefix: str) -> list[str]:
        """List the folders directly below `prefix`. Raises UnreadableResponseError for more than a page of folders."""
        query = {"delimiter": "/", "encoding-type": "url", "max-keys": "1000", "prefix": prefix}
        page = self.call("GET", query=query).xml()
        if page.findtext("IsTruncated") == "true":
            raise UnreadableResponseError
        return [unquote_plus(element.text or "") for element in page.iterfind("CommonPrefixes/Prefix")]

    def versions(self, prefix: str) -> Iterator[ListedKey]:
        """Yield all versions and all delete markers of objects whose keys begin with `prefix`."""
        query = {"encoding-type": "url", "max-keys": "1000", "prefix": prefix, "versions": ""}
        while True:
            page = self.call("GET", query=query).xml()
            for tag in ("Version", "DeleteMarker"):
                yield from (_parse_row(element) for element in page.iter(tag))
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
        """Return "Enabled" or "Suspended", or "" if versioning was never switched on."""
        return self.call("GET", query={"versioning": ""}).xml().findtext("Status") or ""

    def read_setting(self, setting: str) -> ElementTree.Element | None:
        """Read a setting of the bucket, such as `website`, as XML; return None if it is not set."""
        response = self.read_document(setting)
        return None if response is None else response.xml()

    def read_document(self, setting: str) -> Response | None:
        """Read a setting as the cloud returns it: XML, or JSON for a policy. Return None if it is not set.

        A cloud then answers with a 404 error, whose code differs from setting to setting.
        """
        with suppress_refusal(
            lambda error: error.status == 404 and error.code not in ("NoSuchBucket", *_MISSING_CODES)
        ):
            return self.call("GET", query={setting: ""})
        return None

    def call(
        self,
        method: str,
        key: str = "",
        query: Mapping[str, str] = NOTHING,
        headers: Mapping[str, str] = NOTHING,
        body: bytes = b"",
        attempts: int = MAX_ATTEMPTS,
    ) -> Response:
        """Send a signed request for an object, or for the bucket if `key` is empty."""
        url = self._make_url(key, query)

        def make_request() -> Request:
            return Request(method, url, self._sign(method, key, query, headers), body)

        return send_request(self._clock, make_request, attempts, request_id_header=self.request_id_header)

    def _make_url(self, key: str, query: Mapping[str, str]) -> str:
        parameters = "&".join(
            urlencode({name: value}, quote_via=quote, safe="") if value else name for name, value in query.items()
        )
        return (
            f"{self.address.origin}{self.address.root}{signers.quote_key(key)}{'?' if parameters else ''}{parameters}"
        )

    def _call_for_object(
        self, method: str, key: str, query: Mapping[str, str] = NOTHING, body: bytes = b""
    ) -> Response | None:
        # A missing bucket, or a redirect to another region, still raises an error.
        with suppress_refusal(lambda error: error.status == 404 and error.code in _MISSING_CODES):
            return self.call(method, key, query, body=body)
        return None

    def _read_description(self) -> ElementTree.Element | None:
        """Read the cloud's description of the bucket; return None if no bucket has this name."""
        with suppress_refusal(lambda error: error.code == "NoSuchBucket"):
            return self.call("GET", query={self.region_query: ""}).xml()
        return None

    def _create(self, body: bytes = b"") -> None:
        """Create the bucket as private; `body` is the request's body.

        If a response is lost, the bucket may exist, and the cloud would refuse another request. So this method checks
        for the bucket before it repeats the request.
        """
        for attempt in range(1, MAX_ATTEMPTS + 1):
            try:
                self.call("PUT", body=body, attempts=1)
            except (RefusedError, UnreachableError) as error:
                # "Exists already" is checked as well, because an earlier request may have arrived late.
                may_have_succeeded = (
                    not isinstance(error, RefusedError)
                    or error.status in RETRIED_STATUSES
                    or (attempt > 1 and error.status == _EXISTS_STATUS)
                )
                if not may_have_succeeded:
                    raise
                if self._read_description() is not None:
                    return
                if attempt == MAX_ATTEMPTS:
                    raise
                self._clock.sleep(2.0**attempt)
            else:
                return

    @abstractmethod
    def _sign(self, method: str, key: str, query: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, str]:
        """Return the request's headers and the headers of its signature."""


def _parse_row(element: ElementTree.Element) -> ListedKey:
    return ListedKey(read_key(element), element.findtext("VersionId") or "")


def read_key(element: ElementTree.Element) -> str:
    return unquote_plus(element.findtext("Key") or "")
