"""Huawei OBS, the destination: listing its bucket, HEAD and GET of its objects. Nothing here writes.

Sources: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0022.html, obs_04_0083.html and obs_04_0084.html.

A method whose name begins with `try_` returns its failures; all others raise the first one as ObsError, which is a
StorageError.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import requests

from oss_oms_sync.clock import Clock, Deadline, parse_retry_after
from oss_oms_sync.clouds.calls import Calls, PendingCall
from oss_oms_sync.clouds.connection import MAX_LONG_BODY, MAX_SHORT_BODY, NETWORK_ERRORS, Session, read_body
from oss_oms_sync.clouds.contents import iter_parts
from oss_oms_sync.clouds.listings import NotAListing, rises
from oss_oms_sync.clouds.objects import ListPage, ObjectSummary, StorageFailure, none_failed, objects_named
from oss_oms_sync.clouds.obs_answers import NotObs, ObjectHead, ObjectPart
from oss_oms_sync.clouds.obs_errors import (
    DEADLINE,
    NETWORK,
    NO_DESTINATION,
    NOT_OBS,
    OUT_OF_ORDER,
    REDIRECT,
    THROTTLED,
    UNAVAILABLE,
    ObsFailure,
    code_and_message,
)
from oss_oms_sync.clouds.obs_listing import UnreadObsPage
from oss_oms_sync.clouds.obs_signer import quote_key, sign
from oss_oms_sync.clouds.pages import PageAhead, Pages
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.retry import Attempt
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.errors import presentable, root_cause
from oss_oms_sync.settings import Settings

T = TypeVar("T")
_Read = Callable[[requests.Response, bytes], T]

# OBS: "a maximum of 1,000 objects" per page.
PAGE_SIZE = 1000
LIST, GET, HEAD_BUCKET = "obs:bucket:ListBucket", "obs:object:GetObject", "obs:bucket:HeadBucket"

_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0
_THROTTLED = {429, 503}
_RETRIED = {408, 409, 500, 502, 504, *_THROTTLED}
_REGION = re.compile(r"[a-z]+(-[a-z0-9]+)+", re.ASCII)
# OBS, "Creating a bucket": letters, digits, "-" and ".".
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]", re.ASCII)


class ObsClient:
    """What the calls of all invocations share. One for the life of an instance."""

    def __init__(
        self,
        settings: Settings,
        pool: CallPool,
        clock: Clock,
        make_session: Callable[[str, Clock], Session] = Session,
    ) -> None:
        self.settings = settings
        self.pool = pool
        self.clock = clock
        self._make_session = make_session
        self._sessions: dict[str, Session] = {}

    def bucket(self, task: TaskInfo, deadline: Deadline) -> ObsBucket:
        """The bucket that `task` copies to, at OBS_ENDPOINT or else at the endpoint of the task's region.

        Raises ObsError if the task names no region or bucket.
        """
        region, name = task.dst_region or "", task.dst_bucket or ""
        endpoint = self.settings.obs_endpoint or f"https://obs.{region}.myhuaweicloud.com"
        if not _BUCKET.fullmatch(name) or not (self.settings.obs_endpoint or _REGION.fullmatch(region)):
            said = presentable(f"OMS names the bucket {name!r} in the region {region!r}")
            raise ObsFailure.explain(NO_DESTINATION, said, LIST, name).to_error()
        return ObsBucket(self, name, endpoint, deadline)

    def session(self, url: str) -> Session:
        """The session to the bucket at `url`, kept for the next invocation."""
        if url not in self._sessions:
            self._sessions[url] = self._make_session(url, self.clock)
        return self._sessions[url]


class ObsBucket:
    """A bucket, with the deadline of one invocation."""

    def __init__(self, client: ObsClient, name: str, endpoint: str, deadline: Deadline) -> None:
        self.name = name
        # Scheme and host of its URLs.
        self.url = _Place.of(endpoint, name).origin
        self._client = client
        self._place = _Place.of(endpoint, name)
        self._deadline = deadline
        self._session = client.session(self._place.origin)
        self._calls = Calls(
            self._session,
            client.pool,
            deadline,
            client.clock,
            no_answer=ObsFailure.explain(NETWORK, "no answer in time", "", name),
            too_late=ObsFailure.explain(DEADLINE, "the invocation's time was up", "", name),
        )

    def list_page(self, prefix: str, after: str) -> ListPage:
        """List objects whose names begin with `prefix` and follow `after`; an empty page means that there are no more.

        Raises ObsError, also if the listing makes no progress.
        """
        page = self._run(self._list_call(prefix, after, _page))
        self._check(page, after)
        return page

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageFailure | None]:
        """What a listing says of each of these objects; None for one that does not exist."""
        return objects_named(names, self._calls.run([self._list_call(name, "", _page, 1) for name in names]))

    def find_all(self, names: Sequence[str]) -> list[ObjectSummary | None]:
        """The same; raises ObsError."""
        return none_failed(self.try_find_all(names))

    def pages(self, prefix: str, after: str = "") -> Pages:
        """All pages of that listing after `after`, read one page ahead: the first is requested at once.

        Iterating over them raises ObsError.
        """
        return Pages(after, partial(self._ask_for_page, prefix), partial(self.list_page, prefix), self._check)

    def iter_objects(self, prefix: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `prefix`, in order.

        Raises ObsError.
        """
        with self.pages(prefix) as pages:
            for page in pages:
                yield from page.objects

    def head_bucket(self) -> Mapping[str, str]:
        """What OBS says of the bucket itself: the response's headers, whatever the case of their names.

        Raises ObsError.
        """
        return self._run(partial(self._attempt, HEAD_BUCKET, "HEAD", "", {}, {}, 0, lambda one, _: one.headers))

    def is_file_system(self) -> bool:
        """Whether it is a parallel file system, by the API page "Obtaining Bucket Metadata".

        Raises ObsError.
        """
        return self.head_bucket().get("x-obs-fs-file-interface") == "Enabled"

    def try_head_all(self, names: Sequence[str]) -> list[ObjectHead | StorageFailure]:
        """HEAD of objects side by side; one that does not exist is a failure with the code NoSuchKey."""
        return self._calls.run([partial(self._attempt, GET, "HEAD", name, {}, {}, 0, _head) for name in names])

    def head(self, name: str) -> ObjectHead | None:
        """HEAD of an object; None if it does not exist.

        Raises ObsError.
        """
        (found,) = self.try_head_all([name])
        return _found(found)

    def read(self, name: str, start: int = 0, length: int = MAX_LONG_BODY) -> ObjectPart | None:
        """Read `length` bytes (at most MAX_LONG_BODY) of an object from `start` on, or less if it ends before that.

        Return None if the object does not exist.

        Raises ObsError; its code is InvalidRange if the object ends before `start`.
        """
        (found,) = self._calls.run([self._read_call(name, start, length)])
        if start == 0 and isinstance(found, StorageFailure) and found.code == "InvalidRange":
            # An empty object has no range that could be read.
            head = self.head(name)
            return ObjectPart(head, 0, b"") if head else None
        return _found(found)

    def iter_contents(self, one: ObjectSummary) -> Iterator[bytes]:
        """Read the contents of an object in this version, piece by piece, one piece ahead.

        Iterating raises ObsError; with the code NoSuchKey or PreconditionFailed if there is none, or another version.
        """

        def begin(start: int, end: int) -> PendingCall[ObjectPart]:
            return self._calls.begin(self._read_call(one.name, start, end - start))

        for part in iter_parts(one.size, begin):
            if part.head.etag != one.etag:
                raise self._failure("PreconditionFailed", "the object has changed meanwhile", GET).to_error()
            yield part.body

    def _read_call(self, name: str, start: int, length: int) -> Callable[[], Attempt[ObjectPart | StorageFailure]]:
        ranged = {"Range": f"bytes={start}-{start + length - 1}"}

        def part(response: requests.Response, body: bytes) -> ObjectPart:
            return ObjectPart.parse(response.status_code, response.headers, body, start, length)

        return partial(self._attempt, GET, "GET", name, {}, ranged, length, part)

    def _ask_for_page(self, prefix: str, after: str) -> PageAhead:
        return self._calls.begin(self._list_call(prefix, after, lambda _, body: UnreadObsPage(body)))

    def _list_call(
        self, prefix: str, after: str, read: _Read[T], size: int = PAGE_SIZE
    ) -> Callable[[], Attempt[T | StorageFailure]]:
        query = {"prefix": prefix, "marker": after, "max-keys": str(size), "encoding-type": "url"}
        return partial(self._attempt, LIST, "GET", "", query, {}, MAX_LONG_BODY, read)

    def _check(self, page: ListPage, after: str) -> None:
        """Raises ObsError for a page that cannot follow `after`: paging on might never end."""
        if not rises(page, after) or (page.more and not page.objects):
            said = f"the page after {presentable(after)!r} does not go on in order"
            raise ObsFailure.explain(OUT_OF_ORDER, said, LIST, self.name).to_error()

    def _run(self, attempt: Callable[[], Attempt[T | StorageFailure]]) -> T:
        (result,) = self._calls.run([attempt])
        if isinstance(result, StorageFailure):
            raise result.to_error()
        return result

    def _attempt(
        self,
        action: str,
        method: str,
        key: str,
        query: Mapping[str, str],
        headers: Mapping[str, str],
        most: int,
        read: _Read[T],
    ) -> Attempt[T | StorageFailure]:
        """Make one signed call, and return what `read` makes of a success whose body has at most `most` bytes."""
        settings, (path, resource) = self._client.settings, self._place.of_key(key)
        signed = sign(
            method,
            resource,
            headers,
            ak=settings.hw_ak,
            sk=settings.hw_sk,
            now=self._client.clock.now(),
            security_token=settings.hw_security_token,
        )
        url = f"{self._place.origin}{path}{'?' if query else ''}{urlencode(query, quote_via=quote, safe='')}"
        timeout = (self._deadline.cap(_CONNECT_SECONDS), self._deadline.cap(_READ_SECONDS))
        try:
            response = self._session.send_signed(method, url, signed, timeout)
            is_success = response.status_code in (200, 206)
            body = b"" if method == "HEAD" else read_body(response, most if is_success else MAX_SHORT_BODY)
            if method == "HEAD":
                response.raw.read()  # there is no body, and the connection is free again
        except NETWORK_ERRORS as error:
            failure = self._failure(NETWORK, root_cause(error), action)
            return Attempt(failure, again=True, connection_lost=True)
        if not is_success:
            return self._refused(response, body, method, action)
        try:
            return Attempt(read(response, body))
        except (NotAListing, NotObs) as error:
            failure = self._failure(NOT_OBS, f"it answered {response.status_code}; {error}", action)
            return Attempt(failure, again=True, connection_lost=True)

    def _refused(
        self, response: requests.Response, body: bytes, method: str, action: str
    ) -> Attempt[T | StorageFailure]:
        status = response.status_code
        code, message = code_and_message(body)
        if method == "HEAD":  # has no body that would say which
            code = {403: "AccessDenied", 404: "NoSuchKey"}.get(status, "")
        said = f"OBS answered {status} {code}: {message}"
        if response.is_redirect or 300 <= status < 400:
            # Without its query, which may repeat what was sent.
            to = response.headers.get("Location", "").partition("?")[0]
            code, said = REDIRECT, f"OBS answered {status}, a redirect to {to}"
        elif status in _THROTTLED:
            code = THROTTLED
        elif status in _RETRIED:
            code = UNAVAILABLE
        elif not code and method != "HEAD":
            code = NOT_OBS
        return Attempt(
            self._failure(code, said, action),
            again=status in _RETRIED,
            throttled=status in _THROTTLED,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), self._client.clock.now()),
        )

    def _failure(self, code: str, said: str, action: str) -> ObsFailure:
        return ObsFailure.explain(code, presentable(said, self._client.settings.secrets), action, self.name)


class _Place(NamedTuple):
    """Where a bucket is: scheme and host of its URLs, what precedes a key in their path, and what precedes that path
    where it is signed."""

    origin: str
    root: str
    signed_root: str

    @classmethod
    def of(cls, endpoint: str, bucket: str) -> _Place:
        """At the bucket's own host name. An IP address can have none in front of it, so the bucket is in the path."""
        url = urlsplit(endpoint)
        try:
            ipaddress.ip_address(url.hostname or "")
        except ValueError:
            return cls(f"{url.scheme}://{bucket}.{url.netloc}", "", f"/{bucket}")
        return cls(f"{url.scheme}://{url.netloc}", f"/{bucket}", "")

    def of_key(self, key: str) -> tuple[str, str]:
        """The path of an object, or of the bucket itself (""), in the URL and as it is signed."""
        path = f"{self.root}/{quote_key(key)}" if key or not self.root else self.root
        return path, f"{self.signed_root}{path}"


def _page(_: requests.Response, body: bytes) -> ListPage:
    return UnreadObsPage(body).read()[0]


def _head(response: requests.Response, _: bytes) -> ObjectHead:
    return ObjectHead.parse(response.headers, response.headers.get("Content-Length", ""))


def _found(result: T | StorageFailure) -> T | None:
    if not isinstance(result, StorageFailure):
        return result
    if result.code == "NoSuchKey":
        return None
    raise result.to_error()
