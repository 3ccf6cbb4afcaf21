"""Huawei OBS, the destination: its listing, reading objects by HEAD and GET, and changing the headers of objects.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html, obs_04_0083.html, obs_04_0084.html and
obs_04_0091.html. No request changes the contents of an object. Every error that this module raises is an ObsError.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import quote, unquote_plus, urlencode, urlsplit

import requests

from oss_oms_sync.clock import Clock, Deadline, parse_retry_after
from oss_oms_sync.clouds.bucket import Bucket, none_if_missing
from oss_oms_sync.clouds.calls import Attempt, CallPool, Calls
from oss_oms_sync.clouds.connection import (
    MAX_LONG_BODY_BYTES,
    MAX_SHORT_BODY_BYTES,
    NETWORK_ERRORS,
    Connections,
    read_body,
)
from oss_oms_sync.clouds.listings import Dialect, NotAListing, UnreadPage, parse_to_minute
from oss_oms_sync.clouds.objects import HEAD_ERROR_CODES, ListPage, ObjectSummary, refuses_object
from oss_oms_sync.clouds.obs_answers import (
    DEADLINE,
    NETWORK,
    NO_DESTINATION,
    NOT_OBS,
    OUT_OF_ORDER,
    PERIOD,
    REDIRECT,
    THROTTLED,
    UNAVAILABLE,
    NotFromObsError,
    ObjectHead,
    ObjectPart,
    ObsError,
    parse_code_and_message,
)
from oss_oms_sync.clouds.obs_signature import quote_key, sign, sign_url
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import StorageError, printable_line, root_cause
from oss_oms_sync.settings import Settings

T = TypeVar("T")


class HeaderChange(NamedTuple):
    """A change of the headers of an object in place.

    - `headers`: the headers to set, by their HTTP names.
    - `expires`: the time until which OBS accepts the change, in seconds since 1970 by OBS's clock.
    - `replaces`: True if OBS removes the headers that have no new value.
    - `version`: the object's version, or empty in a bucket without versioning.
    """

    name: str
    headers: Mapping[str, str]
    expires: int
    replaces: bool = False
    version: str = ""


# OBS, "Uploading an object": at most 1024 bytes of UTF-8 in a name.
_MAX_NAME_BYTES = 1024
LIST_PERMISSION, GET_PERMISSION, HEAD_BUCKET_PERMISSION = (
    "obs:bucket:ListBucket",
    "obs:object:GetObject",
    "obs:bucket:HeadBucket",
)
CHANGE_PERMISSION = "obs:object:ModifyObjectMetaData"

# The possible ends of a time in a listing. Milliseconds are ignored, because times in OSS have none.
_SECONDS_BY_TIME_END = {f":{second:02}": second for second in range(60)}
_SECOND_FRACTIONS = {"Z", *(f".{millisecond:03}Z" for millisecond in range(1000))}
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0
# Statuses after which a call is repeated for any error code, and the code of the error that is reported.
_RETRIED_STATUSES = {
    **dict.fromkeys((408, 409, 500, 502, 504), UNAVAILABLE),
    **dict.fromkeys((429, 503), THROTTLED),
}
_REGION_PATTERN = re.compile(r"[a-z]+(-[a-z0-9]+)+", re.ASCII)
# OBS, "Creating a bucket": letters, digits, "-" and ".".
_BUCKET_PATTERN = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


def _unquote_name(text: str) -> str:
    # In most keys only slashes are encoded, and `unquote_plus` takes ten times as long as `replace`.
    text = text.replace("%2F", "/")
    return unquote_plus(text) if "%" in text or "+" in text else text


def _parse_time(time: str) -> int:
    """Return the whole seconds since 1970 of a time such as "2026-01-31T12:00:00.123Z"."""
    if time[19:] not in _SECOND_FRACTIONS:
        raise ValueError("a time in the listing is invalid")
    return parse_to_minute(time) + _SECONDS_BY_TIME_END[time[16:19]]


OBS_LISTING = Dialect(_unquote_name, _parse_time, r"(?:\.[0-9]{3})?Z", has_types=False, has_token=False)


class ObsClient:
    """The sessions to buckets of OBS, which all invocations of an instance share."""

    def __init__(self, settings: Settings, pool: CallPool, clock: Clock) -> None:
        self.settings = settings
        self.pool = pool
        self.clock = clock
        self._sessions: dict[str, Connections] = {}

    def bucket(self, task: TaskInfo, deadline: Deadline) -> ObsBucket:
        """Return the bucket to which `task` copies, at OBS_ENDPOINT or by default at the endpoint of the task's region.

        Raises ObsError if the task names no region or bucket, or if the bucket's name has a period.
        """
        region, name = task.dst_region or "", task.dst_bucket or ""
        endpoint = self.settings.obs_endpoint or f"https://obs.{region}.myhuaweicloud.com"
        if not _BUCKET_PATTERN.fullmatch(name) or not (self.settings.obs_endpoint or _REGION_PATTERN.fullmatch(region)):
            problem = printable_line(f"OMS names the bucket {name!r} in the region {region!r}")
            raise ObsError(NO_DESTINATION, problem, LIST_PERMISSION, name)
        # OBS's certificates are valid for host names with one label before OBS's own name, and OBS answers only at such
        # host names (obs_06_0019).
        if "." in name:
            raise ObsError(PERIOD, printable_line(f"OMS copies to {name}"), LIST_PERMISSION, name)
        return ObsBucket(self, name, endpoint, deadline)

    def session(self, url: str) -> Connections:
        if url not in self._sessions:
            self._sessions[url] = Connections(url, self.clock)
        return self._sessions[url]


class ObsBucket(Bucket):
    """The destination bucket in OBS."""

    def __init__(self, client: ObsClient, name: str, endpoint: str, deadline: Deadline) -> None:
        self._client = client
        address = urlsplit(endpoint)
        # The bucket's name is part of the host name, or of the path if the host is an IP address.
        self._is_in_path = _is_ip(address.hostname or "")
        # Scheme and host of the URLs of the bucket and its objects.
        self.url = f"{address.scheme}://{'' if self._is_in_path else f'{name}.'}{address.netloc}"
        self._deadline = deadline
        self._session = client.session(self.url)
        calls = Calls(
            self._session,
            client.pool,
            deadline,
            client.clock,
            make_no_answer_error=partial(ObsError, NETWORK, "no answer in time", "", name),
            make_too_late_error=partial(ObsError, DEADLINE, "the invocation's time limit was reached", "", name),
        )
        super().__init__(name, calls, _MAX_NAME_BYTES)

    def is_file_system(self) -> bool:
        """Return True if the bucket is a parallel file system.

        Source: OBS's API page "Obtaining Bucket Metadata". Raises ObsError.
        """
        headers = self._run_call(
            partial(
                self._attempt_call, HEAD_BUCKET_PERMISSION, "HEAD", "", {}, {}, 0, lambda response, _: response.headers
            )
        )
        return headers.get("x-obs-fs-file-interface") == "Enabled"

    def try_head_all(self, names: Sequence[str]) -> list[ObjectHead | StorageError]:
        """Send a HEAD request for each object, in parallel. The error of a missing object has the code NoSuchKey."""

        def parse_head(response: requests.Response, _: bytes) -> ObjectHead:
            return ObjectHead.parse(response.headers, response.headers.get("Content-Length", ""))

        return self._calls.run(
            [partial(self._attempt_call, GET_PERMISSION, "HEAD", name, {}, {}, 0, parse_head) for name in names]
        )

    def head(self, name: str) -> ObjectHead | None:
        (result,) = self.try_head_all([name])
        return none_if_missing(result)

    def try_change_all(self, changes: Sequence[HeaderChange]) -> list[bool | StorageError]:
        """Change the headers of objects in parallel, with a single request for each object.

        The result is True for a change that OBS confirmed. A change without a response may still take effect until its
        time `expires`.
        """

        def make_call(change: HeaderChange) -> Callable[[], Attempt[bool | StorageError]]:
            directive = "REPLACE" if change.replaces else "REPLACE_NEW"
            headers = {"x-obs-metadata-directive": directive, **change.headers}
            query = {"metadata": "", **({"versionId": change.version} if change.version else {})}
            return partial(self._change_headers, change.name, query, headers, change.expires)

        return self._calls.run([make_call(change) for change in changes])

    def _change_headers(
        self, name: str, query: Mapping[str, str], headers: Mapping[str, str], expires: int
    ) -> Attempt[bool | StorageError]:
        """Request a change of headers by a signed URL that is valid until `expires`; no error contains the URL."""
        settings, path = self._client.settings, self._build_path(name)
        signed_query = sign_url(
            "PUT",
            self._build_resource(path),
            query,
            headers,
            ak=settings.hw_ak,
            sk=settings.hw_sk,
            expires=expires,
            security_token=settings.hw_security_token,
        )
        try:
            response = self._send_request("PUT", f"{self.url}{path}{_encode_query(signed_query)}", headers)
            body = read_body(response, MAX_SHORT_BODY_BYTES)
        except NETWORK_ERRORS as error:
            # The message of an exception may contain the URL, so only the exception's type is reported.
            return Attempt(self._make_error(NETWORK, type(error).__name__, CHANGE_PERMISSION), connection_lost=True)
        if response.status_code == 200 and "x-obs-request-id" in response.headers:
            return Attempt(True)
        if response.status_code == 200:
            return Attempt(self._make_error(NOT_OBS, "it answered 200", CHANGE_PERMISSION), connection_lost=True)
        refusal: Attempt[bool | StorageError] = self._read_refusal(response, body, "PUT", CHANGE_PERMISSION)
        return replace(refusal, is_retryable=False)

    def read(self, name: str, start: int = 0, length: int = MAX_LONG_BODY_BYTES) -> ObjectPart | None:
        """Read `length` bytes of an object from `start` on, or the remainder of the object.

        `length` is at most MAX_LONG_BODY_BYTES. Return None if the object does not exist.

        Raises ObsError; its code is InvalidRange if the object ends before `start`.
        """
        (result,) = self._calls.run([self._make_read_call(name, start, length, lambda part: part)])
        if start == 0 and isinstance(result, StorageError) and result.code == "InvalidRange":
            # OBS refuses every range of an empty object, so HEAD confirms that the object exists.
            head = self.head(name)
            return ObjectPart(head, 0, b"") if head else None
        return none_if_missing(result)

    def _make_list_call(
        self, prefix: str, after_name: str, size: int
    ) -> Callable[[], Attempt[ListPage | StorageError]]:
        return self._make_page_call(prefix, after_name, size, UnreadPage.read)

    def _make_unread_page_call(
        self, prefix: str, after_name: str, size: int
    ) -> Callable[[], Attempt[UnreadPage | StorageError]]:
        return self._make_page_call(prefix, after_name, size, lambda page: page)

    def _make_page_call(
        self, prefix: str, after_name: str, size: int, read: Callable[[UnreadPage], T]
    ) -> Callable[[], Attempt[T | StorageError]]:
        query = {"prefix": prefix, "marker": after_name, "max-keys": str(size), "encoding-type": "url"}
        return partial(
            self._attempt_call,
            LIST_PERMISSION,
            "GET",
            "",
            query,
            {},
            MAX_LONG_BODY_BYTES,
            lambda _, body: read(UnreadPage(body, OBS_LISTING)),
        )

    def _make_part_call(
        self, listed_object: ObjectSummary, start: int, end: int
    ) -> Callable[[], Attempt[bytes | StorageError]]:
        def require_version(part: ObjectPart) -> bytes | StorageError:
            if part.head.etag == listed_object.etag:
                return part.body
            return self._make_error("PreconditionFailed", "the object has changed in the meantime", GET_PERMISSION)

        return self._make_read_call(listed_object.name, start, end - start, require_version)

    def _make_read_call(
        self, name: str, start: int, length: int, read: Callable[[ObjectPart], T | StorageError]
    ) -> Callable[[], Attempt[T | StorageError]]:
        def parse_part(response: requests.Response, body: bytes) -> T | StorageError:
            return read(ObjectPart.parse(response.status_code, response.headers, body, start, length))

        range_header = {"Range": f"bytes={start}-{start + length - 1}"}
        return partial(self._attempt_call, GET_PERMISSION, "GET", name, {}, range_header, length, parse_part)

    def _make_order_error(self, after_name: str) -> ObsError:
        return self._make_error(OUT_OF_ORDER, f"the page after {after_name!r} is not sorted", LIST_PERMISSION)

    def _attempt_call(
        self,
        action: str,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        max_bytes: int,
        read: Callable[[requests.Response, bytes], T | StorageError],
    ) -> Attempt[T | StorageError]:
        """Make a signed call, and return the result of `read` if the call succeeds.

        The arguments of `read` are the response, and at most `max_bytes` bytes of its body. `key` is empty for a call
        on the bucket.
        """
        settings, path = self._client.settings, self._build_path(key)
        signed_headers = sign(
            method,
            self._build_resource(path),
            headers,
            ak=settings.hw_ak,
            sk=settings.hw_sk,
            now=self._client.clock.now(),
            security_token=settings.hw_security_token,
        )
        try:
            response = self._send_request(method, f"{self.url}{path}{_encode_query(query)}", signed_headers)
            is_success = response.status_code in (200, 206)
            body = read_body(response, max_bytes if is_success else MAX_SHORT_BODY_BYTES)
        except NETWORK_ERRORS as error:
            obs_error = self._make_error(NETWORK, root_cause(error), action)
            return Attempt(obs_error, is_retryable=True, connection_lost=True)
        if not is_success:
            return self._read_refusal(response, body, method, action)
        try:
            return Attempt(read(response, body))
        except (NotAListing, NotFromObsError) as error:
            obs_error = self._make_error(NOT_OBS, f"it answered {response.status_code}; {error}", action)
            return Attempt(obs_error, is_retryable=True, connection_lost=True)

    def _build_path(self, key: str) -> str:
        bucket_path = f"/{self.name}" if self._is_in_path else ""
        return f"{bucket_path}/{quote_key(key)}" if key or not bucket_path else bucket_path

    def _build_resource(self, path: str) -> str:
        """Return a path in the form in which it is signed: it always begins with the bucket."""
        return path if self._is_in_path else f"/{self.name}{path}"

    def _send_request(self, method: str, url: str, headers: Mapping[str, str]) -> requests.Response:
        timeout = (self._deadline.cap(_CONNECT_SECONDS), self._deadline.cap(_READ_SECONDS))
        return self._session.send_signed(method, url, headers, timeout)

    def _read_refusal(
        self, response: requests.Response, body: bytes, method: str, action: str
    ) -> Attempt[T | StorageError]:
        status = response.status_code
        code, message = parse_code_and_message(body)
        # The response to HEAD has no body with a code, so only its request id proves that OBS sent it.
        is_obs = "x-obs-request-id" in response.headers if method == "HEAD" else bool(code)
        if method == "HEAD" and is_obs:
            code = HEAD_ERROR_CODES.get(status, "")
        problem = f"OBS answered {status} {code}: {message}"
        code = _RETRIED_STATUSES.get(status) or (code if is_obs else NOT_OBS)
        if response.is_redirect or 300 <= status < 400:
            # The query of the location is left out, because it may repeat secret parts of the request.
            location = response.headers.get("Location", "").partition("?")[0]
            code, problem = REDIRECT, f"OBS answered {status}, a redirect to {location}"
        is_retryable = status in _RETRIED_STATUSES or code == NOT_OBS
        return Attempt(
            self._make_error(code, problem, action, is_refusal=not is_retryable and refuses_object(status, code)),
            is_retryable=is_retryable,
            was_throttled=_RETRIED_STATUSES.get(status) == THROTTLED,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), self._client.clock.now()),
        )

    def _make_error(self, code: str, problem: str, action: str, *, is_refusal: bool = False) -> ObsError:
        problem = printable_line(problem, self._client.settings.secrets)
        return ObsError(code, problem, action, self.name, is_refusal=is_refusal)


def _encode_query(parameters: Mapping[str, str]) -> str:
    return f"{'?' if parameters else ''}{urlencode(parameters, quote_via=quote, safe='')}"


def _is_ip(host: str) -> bool:
    try:
        return bool(ipaddress.ip_address(host))
    except ValueError:
        return False
