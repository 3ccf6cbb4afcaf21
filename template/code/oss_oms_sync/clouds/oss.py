"""Alibaba Cloud OSS: calls side by side on kept-alive connections, retried within the invocation's deadline.

`oss2` takes longer to import than everything else together, so it is imported at first use, in parallel with the first
call to OMS, and only in part (see `import_oss2`).

A method whose name begins with `try_` returns its failures; all others raise the first one as StorageError.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from xml.etree import ElementTree

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.calls import Calls, PendingCall
from oss_oms_sync.clouds.connection import NETWORK_ERRORS, Session
from oss_oms_sync.clouds.contents import iter_parts
from oss_oms_sync.clouds.listings import check_order
from oss_oms_sync.clouds.objects import (
    MAX_NAME_BYTES,
    ListPage,
    ObjectSummary,
    StorageFailure,
    StoredObject,
    etag_of,
    none_failed,
    objects_named,
)
from oss_oms_sync.clouds.oss2_import import import_oss2
from oss_oms_sync.clouds.oss_listing import UnreadPage
from oss_oms_sync.clouds.oss_transport import Transport, not_oss
from oss_oms_sync.clouds.pages import PageAhead, Pages
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.retry import Attempt
from oss_oms_sync.errors import StorageError, presentable, root_cause
from oss_oms_sync.settings import Settings, is_loopback

if TYPE_CHECKING:
    import oss2

T = TypeVar("T")

# OSS: "at most 1000" objects per page of a listing, and per multi-delete.
PAGE_SIZE = 1000

_CALL_SECONDS = 5.0
# What oss2 raises if a body did not come from OSS.
_NOT_READ = (ElementTree.ParseError, RuntimeError, ValueError, LookupError, TypeError)
_RETRIED_STATUSES = {429, 500, 502, 503, 504}
# Characters that XML 1.0 does not preserve (section 2.2, "Char"; a parser also turns "\r" into "\n").
# Compiled at first use: that takes longer than the rest of this module.
_NOT_IN_XML = r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# OSS, "Error responses": faults of the access key itself, not of its permissions.
BAD_CREDENTIALS = {
    "InvalidAccessKeyId",
    "InvalidSecurityToken",
    "SecurityTokenExpired",
    "SecurityTokenNotSupported",
    "SignatureDoesNotMatch",
}
_FIXES = {
    "NoSuchBucket": "{setting} names a bucket that does not exist: create it, or correct {setting}",
    "AccessDenied": "the function's role lacks {action} on {bucket}: grant it",
    "Redirect": "OSS_ENDPOINT answers with a redirect, which is never followed: correct it",
    "OtherRegion": "OSS_ENDPOINT may name another region than that of {setting}: correct it",
    "InvalidBucketName": "{setting} is no bucket name: correct it",
    **dict.fromkeys(
        BAD_CREDENTIALS,
        "OSS refuses the temporary credentials of the function's role: Function Compute gives an instance new ones."
        " If this lasts, see in the RAM console that the role exists, and deploy again",
    ),
}
_LONGEST_PAUSE_SECONDS = 5.0


@dataclass(frozen=True)
class Credentials:
    """The temporary credentials of the function's role. The secrets stay out of its repr."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


@dataclass(frozen=True)
class OssClient:
    """What all buckets share. One for the life of an instance."""

    settings: Settings
    session: Session
    pool: CallPool
    clock: Clock
    # What an instance remembers from one invocation to the next: of objects by their names, and of its own share.
    remembered: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def connect_ahead(self) -> None:
        """Let a connection to the log bucket open while `oss2` is imported."""
        endpoint = urlsplit(self.settings.oss_endpoint)
        # As oss2 does.
        bucket = "" if is_loopback(endpoint.hostname or "") else f"{self.settings.log_bucket}."
        self.session.connect_ahead(f"{endpoint.scheme}://{bucket}{endpoint.netloc}")


class Bucket:
    """A bucket, with the credentials and deadline of one invocation. `setting` is the setting that names the bucket."""

    def __init__(
        self, client: OssClient, name: str, setting: str, credentials: Credentials, deadline: Deadline
    ) -> None:
        self.name = name
        self._client = client
        self._setting = setting
        self._credentials = credentials
        self._deadline = deadline
        self._calls = Calls(client.session, client.pool, deadline, client.clock)

    def within(self, seconds: float) -> Bucket:
        """The same bucket for calls that are given up after `seconds`."""
        deadline = Deadline(self._deadline.cap(seconds), self._client.clock)
        return Bucket(self._client, self.name, self._setting, self._credentials, deadline)

    def try_put_all(self, objects: Sequence[StoredObject]) -> list[StorageFailure | None]:
        """Write `objects` side by side; for each, return None, or why it is not known to be written."""
        results = self._call_all("oss:PutObject", [partial(_put, one) for one in objects])
        return [result if isinstance(result, StorageFailure) else None for result in results]

    def put(self, one: StoredObject) -> None:
        """Write one object.

        Raises StorageError if it is not known to be written.
        """
        (problem,) = self.try_put_all([one])
        if problem:
            raise problem.to_error()

    def try_get_all(self, names: Sequence[str]) -> list[StoredObject | StorageFailure]:
        """Read objects side by side; one that does not exist is a StorageFailure with the code NoSuchKey."""
        return self._call_all("oss:GetObject", [partial(_get, name) for name in names])

    def get_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        """Read objects side by side; None for one that does not exist.

        Raises StorageError for any other failure.
        """
        found: list[StoredObject | None] = []
        for result in self.try_get_all(names):
            if isinstance(result, StorageFailure) and result.code != "NoSuchKey":
                raise result.to_error()
            found.append(result if isinstance(result, StoredObject) else None)
        return found

    def get(self, name: str) -> bytes | None:
        """Read an object's body; None if the object does not exist.

        Raises StorageError for any other failure.
        """
        (found,) = self.get_all([name])
        return found.body if found else None

    def iter_contents(self, one: ObjectSummary) -> Iterator[bytes]:
        """Read the contents of an object in this version, piece by piece, one piece ahead.

        Raises StorageError; with the code PreconditionFailed or NoSuchKey if there is another version, or none.
        """

        def begin(start: int, end: int) -> PendingCall[bytes]:
            return self._calls.begin(partial(self._attempt, "oss:GetObject", partial(_read, one, start, end)))

        return iter_parts(one.size, begin)

    def list_page(self, prefix: str, after: str) -> ListPage:
        """List objects whose names begin with `prefix` and follow `after`; an empty page means that there are no more.

        Raises StorageError, also if the names are out of order.
        """
        return self._listed(prefix, after, PAGE_SIZE)

    def first_name(self, prefix: str, after: str) -> str:
        """The first of the names that begin with `prefix` and follow `after`; empty if there is none. This takes a
        fraction of the time of a page.

        Raises StorageError.
        """
        return next((one.name for one in self._listed(prefix, after, 1).objects), "")

    def try_find_all(self, names: Sequence[str]) -> list[ObjectSummary | StorageFailure | None]:
        """What a listing says of each of these objects; None for one that does not exist, as none does whose name is
        too long: OSS refuses to list it."""
        possible = [name for name in names if len(name.encode()) <= MAX_NAME_BYTES]
        calls = [partial(_list, name, "", 1, self._client.clock) for name in possible]
        found = dict(zip(possible, objects_named(possible, self._call_all("oss:ListObjects", calls)), strict=True))
        return [found.get(name) for name in names]

    def find_all(self, names: Sequence[str]) -> list[ObjectSummary | None]:
        """The same; raises StorageError."""
        return none_failed(self.try_find_all(names))

    def pages(self, prefix: str, after: str = "") -> Pages:
        """All pages of that listing after `after`, read one page ahead: the first is requested at once.

        Iterating over them raises StorageError.
        """
        check = partial(check_order, bucket=self.name)
        return Pages(after, partial(self._ask_for_page, prefix), partial(self.list_page, prefix), check)

    def iter_objects(self, prefix: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `prefix`, in order.

        Raises StorageError.
        """
        with self.pages(prefix) as pages:
            for page in pages:
                yield from page.objects

    def iter_folder(self, folder: str) -> Iterator[ObjectSummary]:
        """Iterate over all objects whose names begin with `folder`, a prefix that ends with "/", except the folder
        marker, an empty object that consoles create.

        Raises StorageError.
        """
        return (one for one in self.iter_objects(folder) if one.name != folder)

    def try_delete_all(self, names: Sequence[str]) -> dict[str, StorageFailure | None]:
        """Delete objects, a thousand per call; names that XML cannot carry one by one, side by side."""
        plain = [name for name in names if not re.search(_NOT_IN_XML, name)]
        groups = [plain[start : start + PAGE_SIZE] for start in range(0, len(plain), PAGE_SIZE)]
        single = [[name] for name in names if re.search(_NOT_IN_XML, name)]
        calls = [*(partial(_delete_many, group) for group in groups), *(partial(_delete, name) for (name,) in single)]
        results: dict[str, StorageFailure | None] = {}
        for group, result in zip([*groups, *single], self._call_all("oss:DeleteObject", calls), strict=True):
            for name in group:
                if isinstance(result, StorageFailure):
                    results[name] = result
                else:
                    results[name] = None if name in result else StorageFailure("OSS did not confirm it", answered=False)
        return results

    def _listed(self, prefix: str, after: str, size: int) -> ListPage:
        (page,) = self._call_all("oss:ListObjects", [partial(_list, prefix, after, size, self._client.clock)])
        if isinstance(page, StorageFailure):
            raise page.to_error()
        return page

    def _ask_for_page(self, prefix: str, after: str) -> PageAhead:
        call = partial(_request_page, prefix, after, "", PAGE_SIZE, self._client.clock)
        return self._calls.begin(partial(self._attempt, "oss:ListObjects", call))

    def _call_all(self, action: str, calls: Sequence[Callable[[oss2.Bucket], T]]) -> list[T | StorageFailure]:
        """Make `calls` side by side, retry each while that helps, and return their results."""
        return self._calls.run([partial(self._attempt, action, call) for call in calls])

    def _attempt(self, action: str, call: Callable[[oss2.Bucket], T]) -> Attempt[T | StorageFailure]:
        exceptions = import_oss2().exceptions
        # Every failure becomes a StorageFailure that the caller sees, so a key stays where it was.
        # A delete whose response is lost may still land, even after a second one is answered, so it is not repeated.
        repeat = action != "oss:DeleteObject"
        try:
            return Attempt(call(self._oss2_bucket()))
        except exceptions.OssError as error:
            # A gateway's 5xx may concern a call that is still on its way to OSS; a 429 was turned away. A response that
            # is not from OSS says nothing about what OSS does.
            again, turned_away = error.status in _RETRIED_STATUSES, error.status == 429
            answered = turned_away or (not again and bool(error.request_id))
            code = _code_of(error)
            is_refusal = answered and 400 <= error.status < 500 and not turned_away and code not in BAD_CREDENTIALS
            problem = StorageFailure(self._explain(error, code, action), answered, code, is_refusal)
            return Attempt(problem, again=again and (repeat or turned_away))
        except (*NETWORK_ERRORS, *_NOT_READ) as error:
            problem = StorageFailure(self._clean(root_cause(error)), answered=False)
            return Attempt(problem, again=repeat, connection_lost=True)

    def _oss2_bucket(self) -> oss2.Bucket:
        # A new one for each call, because oss2 keeps the timeouts in it.
        oss2, key, settings = import_oss2(), self._credentials, self._client.settings
        seconds = self._deadline.cap(_CALL_SECONDS)
        return oss2.Bucket(
            oss2.StsAuth(key.access_key_id, key.access_key_secret, key.security_token, auth_version="v4"),
            settings.oss_endpoint,
            self.name,
            session=Transport(self._client.session),
            connect_timeout=(seconds, seconds),
            enable_crc=False,  # TLS protects these few bytes, and the checksum is slow in pure Python
            region=settings.oss_region,
        )

    def _explain(self, error: oss2.exceptions.OssError, code: str, action: str) -> str:
        said = f"OSS answered {error.status} {error.code}: {error.message}"
        fix = _FIXES.get(code, "").format(setting=self._setting, action=action, bucket=self.name)
        return self._clean(f"{fix} ({said})" if fix else said)

    def _clean(self, text: str) -> str:
        return presentable(text, (self._credentials.access_key_secret, self._credentials.security_token))


def _put(one: StoredObject, bucket: oss2.Bucket) -> bool:
    answer = bucket.put_object(one.name, one.body, dict(one.headers))
    # In a bucket encrypted with KMS, the ETag is not an MD5, so it is enough that OSS answered.
    is_encrypted = answer.etag and "x-oss-server-side-encryption" in answer.headers
    if answer.etag != etag_of(one.body) and not is_encrypted:
        raise not_oss(answer.status)
    return True


def _get(name: str, bucket: oss2.Bucket) -> StoredObject:
    answer = bucket.get_object(name)
    return StoredObject(name, answer.read(), {key.lower(): value for key, value in answer.headers.items()})


def _read(one: ObjectSummary, start: int, end: int, bucket: oss2.Bucket) -> bytes:
    answer = bucket.get_object(one.name, byte_range=(start, end - 1), headers={"If-Match": f'"{one.etag}"'})
    body: bytes = answer.read()
    if len(body) != end - start:
        raise not_oss(answer.status)
    return body


def _list(prefix: str, after: str, size: int, clock: Clock, bucket: oss2.Bucket) -> ListPage:
    token, last_token = "", None
    while token != last_token:
        page, following = _request_page(prefix, after, token, size, clock, bucket).read()
        check_order(page, after, bucket.bucket_name)
        if page.objects or not page.more:
            return page
        token, last_token = following, token
    raise StorageError(f"the listing of {bucket.bucket_name} does not go on behind {after!r}")


def _request_page(prefix: str, after: str, token: str, size: int, clock: Clock, bucket: oss2.Bucket) -> UnreadPage:
    params = {
        "list-type": "2",
        "prefix": prefix,
        "start-after": after,
        "continuation-token": token,
        "max-keys": str(size),
        "encoding-type": "url",
    }
    # As list_objects_v2 asks, which would read the answer as well.
    answer = bucket._do("GET", bucket.bucket_name, "", params=params)
    # OSS, "Limits": for so many milliseconds it held the answer back, because it is asked for too much. Whoever asks
    # for page after page then pauses as long, so that others get their turn.
    held_back = answer.headers.get("x-oss-qos-delay-time", "")
    if held_back.isdecimal():
        clock.sleep(min(int(held_back) / 1000, _LONGEST_PAUSE_SECONDS))
    return UnreadPage(answer.read())


def _delete_many(names: list[str], bucket: oss2.Bucket) -> set[str]:
    return set(bucket.batch_delete_objects(names).deleted_keys)


def _delete(name: str, bucket: oss2.Bucket) -> set[str]:
    return {name} if bucket.delete_object(name) else set()


def _code_of(error: oss2.exceptions.OssError) -> str:
    code, message = error.code or "", error.message or ""
    says_so = code == "AccessDenied" and "endpoint" in message
    # OSS answers InvalidArgument to a signature for another region.
    by_signature = code == "InvalidArgument" and "region" in message
    if says_so or by_signature or code == "PermanentRedirect":
        return "OtherRegion"
    return "Redirect" if 300 <= error.status < 400 else str(code)
