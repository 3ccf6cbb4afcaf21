"""Alibaba Cloud OSS: calls in parallel on kept-alive connections, retried within the invocation's deadline.

The import of `oss2` takes longer than all others together, so it is imported at first use, in parallel with the first
call to OMS, and only in part (see `import_oss2`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import urlsplit
from xml.etree import ElementTree

from oss_oms_sync.answers.layout import MAX_NAME_BYTES
from oss_oms_sync.clock import Clock, Deadline, parse_http_date
from oss_oms_sync.clouds.bucket import PAGE_SIZE, Bucket, none_if_missing
from oss_oms_sync.clouds.by_oss2 import Transport, import_oss2, not_oss
from oss_oms_sync.clouds.calls import Attempt, CallPool, Calls
from oss_oms_sync.clouds.connection import NETWORK_ERRORS, Connections
from oss_oms_sync.clouds.objects import (
    CREDENTIAL_CODES,
    HEAD_ERROR_CODES,
    ListPage,
    ObjectSummary,
    SourceHead,
    StoredObject,
    etag_of,
    metadata_of,
    parts_of,
    refuses_object,
    require_success,
)
from oss_oms_sync.errors import StorageError, printable_line, root_cause
from oss_oms_sync.settings import Settings, is_loopback

if TYPE_CHECKING:
    import oss2

    from oss_oms_sync.clouds.listings import UnreadPage

T = TypeVar("T")

_CALL_SECONDS = 5.0
# The errors of oss2 for a body from another host.
_UNREADABLE_ERRORS = (ElementTree.ParseError, RuntimeError, ValueError, LookupError, TypeError)
_RETRIED_STATUSES = {429, 500, 502, 503, 504}
# Characters that XML 1.0 does not preserve (section 2.2, "Char"; a parser also turns "\r" into "\n"). Compiled at first
# use, which takes longer than the rest of this module.
_NON_XML_CHARACTER = r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_FIXES = {
    "NoSuchBucket": "{setting} names a bucket that does not exist: create it, or correct {setting}",
    "AccessDenied": "the function's role lacks {action} on {bucket}: grant it",
    "Redirect": "OSS_ENDPOINT answers with a redirect, which is never followed: correct it",
    "OtherRegion": "OSS_ENDPOINT may name another region than that of {setting}: correct it",
    "InvalidBucketName": "{setting} is no bucket name: correct it",
    **dict.fromkeys(
        CREDENTIAL_CODES,
        "OSS refuses the temporary credentials of the function's role: Function Compute renews them. If this persists,"
        " check in the RAM console that the role exists, and deploy again",
    ),
}
_MAX_PAUSE_SECONDS = 5.0
_DELETE = "oss:DeleteObject"


@dataclass(frozen=True)
class Credentials:
    """The temporary credentials of the function's role. The repr omits the secrets."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


@dataclass(frozen=True)
class OssClient:
    """The session, threads and memory of all buckets, for the life of an instance."""

    settings: Settings
    session: Connections
    pool: CallPool
    clock: Clock
    # Facts that an instance remembers between invocations: about objects by their names, and its own share.
    remembered: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def connect_ahead(self) -> None:
        """Open a connection to the log bucket while `oss2` is imported."""
        endpoint = urlsplit(self.settings.oss_endpoint)
        # The host name as in oss2.
        bucket = "" if is_loopback(endpoint.hostname or "") else f"{self.settings.log_bucket}."
        self.session.connect_ahead(f"{endpoint.scheme}://{bucket}{endpoint.netloc}")


class OssBucket(Bucket):
    """A bucket of OSS, with the credentials of one invocation. `setting`: the name of the setting with the bucket."""

    def __init__(
        self, client: OssClient, name: str, setting: str, credentials: Credentials, deadline: Deadline
    ) -> None:
        super().__init__(name, Calls(client.session, client.pool, deadline, client.clock), MAX_NAME_BYTES)
        self._client = client
        self._setting = setting
        self._credentials = credentials
        self._deadline = deadline

    def within(self, seconds: float) -> OssBucket:
        """Return the bucket with calls limited to `seconds`."""
        deadline = Deadline(self._deadline.cap(seconds), self._client.clock)
        return OssBucket(self._client, self.name, self._setting, self._credentials, deadline)

    def try_put_all(self, objects: Sequence[StoredObject]) -> list[StorageError | None]:
        """Write objects in parallel; return for each None, or the error if the write is not confirmed."""
        results = self._call_all("oss:PutObject", [partial(_put, stored) for stored in objects])
        return [result if isinstance(result, StorageError) else None for result in results]

    def put(self, stored: StoredObject) -> None:
        """Write one object.

        Raises StorageError if the write is not confirmed.
        """
        require_success(self._call_all("oss:PutObject", [partial(_put, stored)]))

    def try_get_all(self, names: Sequence[str]) -> list[StoredObject | StorageError]:
        """Read objects in parallel; the StorageError of a missing object has the code NoSuchKey."""
        return self._call_all("oss:GetObject", [partial(_get, name) for name in names])

    def try_head_all(self, names: Sequence[str]) -> list[SourceHead | StorageError]:
        """HEAD objects in parallel; an object that does not exist is a StorageError with the code NoSuchKey."""
        return self._call_all("oss:GetObject", [partial(_head, name) for name in names])

    def get_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        """Read objects in parallel; None for a missing object.

        Raises StorageError for any other failure.
        """
        return [none_if_missing(result) for result in self.try_get_all(names)]

    def get(self, name: str) -> bytes | None:
        """Read an object's body; None if the object does not exist.

        Raises StorageError for any other failure.
        """
        (stored,) = self.get_all([name])
        return stored.body if stored else None

    def try_delete_all(self, names: Sequence[str]) -> dict[str, StorageError | None]:
        """Delete objects, a thousand per call; names that XML cannot represent have a call each, in parallel."""
        odd = dict.fromkeys(name for name in names if re.search(_NON_XML_CHARACTER, name))
        plain = [name for name in names if name not in odd]
        groups = list(parts_of(plain, PAGE_SIZE))
        calls = [*(partial(_delete_many, group) for group in groups), *(partial(_delete, name) for name in odd)]
        results: dict[str, StorageError | None] = {}
        unconfirmed = StorageError("OSS did not confirm it", had_no_effect=False)
        for group, result in zip([*groups, *([name] for name in odd)], self._call_all(_DELETE, calls), strict=True):
            deleted, problem = (set[str](), result) if isinstance(result, StorageError) else (result, unconfirmed)
            results.update({name: None if name in deleted else problem for name in group})
        return results

    def _list_call(self, prefix: str, after: str, size: int) -> Callable[[], Attempt[ListPage | StorageError]]:
        return partial(self._attempt, "oss:ListObjects", partial(_list, prefix, after, size, self._client.clock))

    def _ask_call(self, prefix: str, after: str, size: int) -> Callable[[], Attempt[UnreadPage | StorageError]]:
        call = partial(_request_page, prefix, after, "", size, self._client.clock)
        return partial(self._attempt, "oss:ListObjects", call)

    def _part_call(self, listed: ObjectSummary, start: int, end: int) -> Callable[[], Attempt[bytes | StorageError]]:
        return partial(self._attempt, "oss:GetObject", partial(_read, listed, start, end))

    def _disorder(self, after: str) -> StorageError:
        return StorageError(f"the listing of {self.name} is not in order after {after!r}, or has no page after it")

    def _call_all(self, action: str, calls: Sequence[Callable[[oss2.Bucket], T]]) -> list[T | StorageError]:
        """Make the calls in parallel, each retried while a retry may help; return their results."""
        return self._calls.run([partial(self._attempt, action, call) for call in calls])

    def _attempt(self, action: str, call: Callable[[oss2.Bucket], T]) -> Attempt[T | StorageError]:
        exceptions = import_oss2().exceptions
        # Every failure becomes a StorageError for the caller, so no key is lost. A delete without a response is not
        # repeated: it may still be executed, even after a second delete succeeded.
        repeat = action != _DELETE
        try:
            return Attempt(call(self._oss2_bucket()))
        except exceptions.OssError as error:
            # After a gateway's 5xx, OSS may still execute the call; after a 429 it does not. A response of another host
            # does not show the result in OSS.
            again, turned_away = error.status in _RETRIED_STATUSES, error.status == 429
            had_no_effect = turned_away or (not again and bool(error.request_id))
            code = _code_of(error)
            explanation = self._explain(error, code, action)
            problem = StorageError(
                explanation, code, had_no_effect=had_no_effect, is_refusal=refuses_object(error.status, code)
            )
            return Attempt(problem, again=again and (repeat or turned_away))
        except (*NETWORK_ERRORS, *_UNREADABLE_ERRORS) as error:
            problem = StorageError(self._clean(root_cause(error)), had_no_effect=False)
            return Attempt(problem, again=repeat, connection_lost=True)

    def _oss2_bucket(self) -> oss2.Bucket:
        # A copy for each call, because oss2 keeps the timeouts in it.
        bucket, seconds = copy(self._template), self._deadline.cap(_CALL_SECONDS)
        bucket.timeout = (seconds, seconds)
        return bucket

    @cached_property
    def _template(self) -> oss2.Bucket:
        oss2, key, settings = import_oss2(), self._credentials, self._client.settings
        return oss2.Bucket(
            oss2.StsAuth(key.access_key_id, key.access_key_secret, key.security_token, auth_version="v4"),
            settings.oss_endpoint,
            self.name,
            session=Transport(self._client.session),
            enable_crc=False,  # TLS protects these few bytes, and the checksum is slow in pure Python
            region=settings.oss_region,
        )

    def _explain(self, error: oss2.exceptions.OssError, code: str, action: str) -> str:
        response = f"OSS answered {error.status} {error.code}: {error.message}"
        fix = _FIXES.get(code, "").format(setting=self._setting, action=action, bucket=self.name)
        return self._clean(f"{fix} ({response})" if fix else response)

    def _clean(self, text: str) -> str:
        return printable_line(text, (self._credentials.access_key_secret, self._credentials.security_token))


def _put(stored: StoredObject, bucket: oss2.Bucket) -> bool:
    answer = bucket.put_object(stored.name, stored.body, dict(stored.headers))
    # In a bucket encrypted with KMS, the ETag is not an MD5, so the response suffices.
    is_encrypted = answer.etag and "x-oss-server-side-encryption" in answer.headers
    if answer.etag != etag_of(stored.body) and not is_encrypted:
        raise not_oss(answer.status)
    return True


def _get(name: str, bucket: oss2.Bucket) -> StoredObject:
    answer = bucket.get_object(name)
    return StoredObject(name, answer.read(), {key.lower(): value for key, value in answer.headers.items()})


def _head(name: str, bucket: oss2.Bucket) -> SourceHead:
    headers = bucket.head_object(name).headers
    modified = parse_http_date(headers.get("Last-Modified"))
    if not modified:
        raise not_oss(200)
    etag, has_tags = headers.get("ETag", "").strip('"').upper(), headers.get("x-oss-tagging-count", "0") != "0"
    return SourceHead(etag, int(modified.timestamp()), metadata_of(headers), has_tags)


def _read(listed: ObjectSummary, start: int, end: int, bucket: oss2.Bucket) -> bytes:
    answer = bucket.get_object(listed.name, byte_range=(start, end - 1), headers={"If-Match": f'"{listed.etag}"'})
    body: bytes = answer.read()
    if len(body) != end - start:
        raise not_oss(answer.status)
    return body


def _list(prefix: str, after: str, size: int, clock: Clock, bucket: oss2.Bucket) -> ListPage:
    token, last_token = "", None
    while token != last_token:
        page = _request_page(prefix, after, token, size, clock, bucket).read()
        if page.columns.names or not page.more:
            break
        token, last_token = page.token, token
    return page


def _request_page(prefix: str, after: str, token: str, size: int, clock: Clock, bucket: oss2.Bucket) -> UnreadPage:
    # Imported here, because forward lists nothing.
    from oss_oms_sync.clouds.listings import OSS, UnreadPage

    params = {
        "list-type": "2",
        "prefix": prefix,
        "start-after": after,
        "continuation-token": token,
        "max-keys": str(size),
        "encoding-type": "url",
    }
    # The request of list_objects_v2, because that method would also read the response.
    answer = bucket._do("GET", bucket.bucket_name, "", params=params)
    # OSS, "Limits": the milliseconds by which it delayed the response because of too many requests. A job that lists
    # pages then pauses for this time, so that other callers have their turn.
    delay = answer.headers.get("x-oss-qos-delay-time", "")
    if delay.isdecimal():
        clock.sleep(min(int(delay) / 1000, _MAX_PAUSE_SECONDS))
    return UnreadPage(answer.read(), OSS)


def _delete_many(names: Sequence[str], bucket: oss2.Bucket) -> set[str]:
    return set(bucket.batch_delete_objects(list(names)).deleted_keys)


def _delete(name: str, bucket: oss2.Bucket) -> set[str]:
    return {name} if bucket.delete_object(name) else set()


def _code_of(error: oss2.exceptions.OssError) -> str:
    code, message = error.code or "", error.message or ""
    by_endpoint = code == "AccessDenied" and "endpoint" in message
    # OSS answers InvalidArgument to a signature for another region.
    by_signature = code == "InvalidArgument" and "region" in message
    if by_endpoint or by_signature or code == "PermanentRedirect":
        return "OtherRegion"
    if not code and error.status in HEAD_ERROR_CODES:
        return HEAD_ERROR_CODES[error.status]
    return "Redirect" if 300 <= error.status < 400 else str(code)
