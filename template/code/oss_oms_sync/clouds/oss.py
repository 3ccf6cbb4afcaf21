"""Alibaba Cloud OSS: parallel calls on kept-alive connections, which are retried within the invocation's deadline.

The import of `oss2` takes longer than all other imports together. So `oss2` is imported at first use, at the same time
as the first call to OMS, and only in part (`import_oss2`).
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
from oss_oms_sync.clouds.by_oss2 import Transport, import_oss2, make_foreign_answer_error
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
    extract_metadata,
    refuses_object,
    require_success,
    split_into_parts,
)
from oss_oms_sync.errors import StorageError, printable_line, root_cause
from oss_oms_sync.settings import Settings, is_loopback

if TYPE_CHECKING:
    import oss2

    from oss_oms_sync.clouds.listings import UnreadPage

T = TypeVar("T")

_CALL_SECONDS = 5.0
# Exceptions that oss2 raises if it cannot read a body, which then comes from another host.
_UNREADABLE_ERRORS = (ElementTree.ParseError, RuntimeError, ValueError, LookupError, TypeError)
_RETRIED_STATUSES = {429, 500, 502, 503, 504}
# Characters that XML 1.0 does not preserve (section 2.2, "Char"; a parser also turns "\r" into "\n"). The expression is
# compiled at first use, because compiling takes longer than importing the rest of this module.
_NON_XML_PATTERN = r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
_FIXES = {
    "NoSuchBucket": "{setting} names a bucket that does not exist: create it, or correct {setting}",
    "AccessDenied": "the function's role lacks {action} on {bucket}: grant it",
    "Redirect": "OSS_ENDPOINT answers with a redirect, which this project does not follow: correct the setting",
    "OtherRegion": "OSS_ENDPOINT may name another region than that of {setting}: correct it",
    "InvalidBucketName": "{setting} is not a bucket name: correct it",
    **dict.fromkeys(
        CREDENTIAL_CODES,
        "OSS refuses the temporary credentials of the function's role: Function Compute renews them. If this persists,"
        " check in the RAM console that the role exists, and deploy again",
    ),
}
_MAX_PAUSE_SECONDS = 5.0
_DELETE_PERMISSION = "oss:DeleteObject"


@dataclass(frozen=True)
class Credentials:
    """The temporary credentials of the function's role; `repr` omits the secrets."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


@dataclass(frozen=True)
class OssClient:
    """The connections, threads and memory that the buckets of all invocations share, for the life of an instance."""

    settings: Settings
    session: Connections
    pool: CallPool
    clock: Clock
    # Facts that an instance remembers between invocations: facts about objects, and its share of forward's events.
    remembered_facts: dict[str, object] = field(default_factory=dict, repr=False, compare=False)

    def connect_ahead(self) -> None:
        """Open a connection to the log bucket in the background while `oss2` is imported."""
        endpoint = urlsplit(self.settings.oss_endpoint)
        # The host name is the same as in oss2, which adds the bucket unless the endpoint is this machine.
        bucket = "" if is_loopback(endpoint.hostname or "") else f"{self.settings.log_bucket}."
        self.session.connect_ahead(f"{endpoint.scheme}://{bucket}{endpoint.netloc}")


class OssBucket(Bucket):
    """A bucket of OSS, with the credentials of an invocation.

    `setting` is the name of the setting with the bucket's name; error messages contain it.
    """

    def __init__(
        self, client: OssClient, name: str, setting: str, credentials: Credentials, deadline: Deadline
    ) -> None:
        super().__init__(name, Calls(client.session, client.pool, deadline, client.clock), MAX_NAME_BYTES)
        self._client = client
        self._setting = setting
        self._credentials = credentials
        self._deadline = deadline

    def within(self, seconds: float) -> OssBucket:
        """Return the same bucket with an earlier deadline for its calls: at most `seconds` from now."""
        deadline = Deadline(self._deadline.cap(seconds), self._client.clock)
        return OssBucket(self._client, self.name, self._setting, self._credentials, deadline)

    def try_put_all(self, stored_objects: Sequence[StoredObject]) -> list[StorageError | None]:
        """Write objects in parallel. A result is None, or the error if OSS did not confirm the write."""
        results = self._call_all(
            "oss:PutObject", [partial(_put_object, stored_object) for stored_object in stored_objects]
        )
        return [result if isinstance(result, StorageError) else None for result in results]

    def put(self, stored_object: StoredObject) -> None:
        require_success(self._call_all("oss:PutObject", [partial(_put_object, stored_object)]))

    def try_get_all(self, names: Sequence[str]) -> list[StoredObject | StorageError]:
        """Read objects in parallel. The error of a missing object has the code NoSuchKey."""
        return self._call_all("oss:GetObject", [partial(_get_object, name) for name in names])

    def try_head_all(self, names: Sequence[str]) -> list[SourceHead | StorageError]:
        """Send a HEAD request for each object, in parallel. The error of a missing object has the code NoSuchKey."""
        return self._call_all("oss:GetObject", [partial(_head_object, name) for name in names])

    def get_all(self, names: Sequence[str]) -> list[StoredObject | None]:
        return [none_if_missing(result) for result in self.try_get_all(names)]

    def get(self, name: str) -> bytes | None:
        (stored_object,) = self.get_all([name])
        return stored_object.body if stored_object else None

    def try_delete_all(self, names: Sequence[str]) -> dict[str, StorageError | None]:
        """Delete objects; return for each name None, or the error if OSS did not confirm the deletion.

        A call deletes a thousand objects, but a name that XML cannot represent needs a call of its own.
        """
        non_xml_names = dict.fromkeys(name for name in names if re.search(_NON_XML_PATTERN, name))
        xml_names = [name for name in names if name not in non_xml_names]
        groups = list(split_into_parts(xml_names, PAGE_SIZE))
        calls = [
            *(partial(_delete_objects, group) for group in groups),
            *(partial(_delete_object, name) for name in non_xml_names),
        ]
        results: dict[str, StorageError | None] = {}
        unconfirmed_error = StorageError("OSS did not confirm it", had_no_effect=False)
        for group, result in zip(
            [*groups, *([name] for name in non_xml_names)], self._call_all(_DELETE_PERMISSION, calls), strict=True
        ):
            deleted_names, problem = (
                (set[str](), result) if isinstance(result, StorageError) else (result, unconfirmed_error)
            )
            results.update({name: None if name in deleted_names else problem for name in group})
        return results

    def _make_list_call(
        self, prefix: str, after_name: str, page_size: int
    ) -> Callable[[], Attempt[ListPage | StorageError]]:
        return partial(
            self._attempt_call,
            "oss:ListObjects",
            partial(_list_objects, prefix, after_name, page_size, self._client.clock),
        )

    def _make_unread_page_call(
        self, prefix: str, after_name: str, page_size: int
    ) -> Callable[[], Attempt[UnreadPage | StorageError]]:
        call = partial(_request_page, prefix, after_name, "", page_size, self._client.clock)
        return partial(self._attempt_call, "oss:ListObjects", call)

    def _make_part_call(
        self, listed_object: ObjectSummary, start: int, end: int
    ) -> Callable[[], Attempt[bytes | StorageError]]:
        return partial(self._attempt_call, "oss:GetObject", partial(_read_part, listed_object, start, end))

    def _make_order_error(self, after_name: str) -> StorageError:
        return StorageError(f"the listing of {self.name} is not sorted after {after_name!r}, or has no page after it")

    def _call_all(self, action: str, calls: Sequence[Callable[[oss2.Bucket], T]]) -> list[T | StorageError]:
        return self._calls.run([partial(self._attempt_call, action, call) for call in calls])

    def _attempt_call(self, action: str, call: Callable[[oss2.Bucket], T]) -> Attempt[T | StorageError]:
        exceptions = import_oss2().exceptions
        # Every failure becomes a StorageError for the caller, so that no key is lost. A delete without a response is
        # not repeated: OSS may still execute the first delete after it has confirmed a second delete.
        is_repeatable = action != _DELETE_PERMISSION
        try:
            return Attempt(call(self._make_oss2_bucket()))
        except exceptions.OssError as error:
            # After a 5xx of a gateway, OSS may still execute the call; after a 429 it does not. A response without a
            # request id comes from another host, and does not show the result in OSS.
            has_retried_status, was_throttled = error.status in _RETRIED_STATUSES, error.status == 429
            had_no_effect = was_throttled or (not has_retried_status and bool(error.request_id))
            code = _find_error_code(error)
            explanation = self._explain_error(error, code, action)
            storage_error = StorageError(
                explanation, code, had_no_effect=had_no_effect, is_refusal=refuses_object(error.status, code)
            )
            return Attempt(storage_error, is_retryable=has_retried_status and (is_repeatable or was_throttled))
        except (*NETWORK_ERRORS, *_UNREADABLE_ERRORS) as error:
            storage_error = StorageError(self._clean_message(root_cause(error)), had_no_effect=False)
            return Attempt(storage_error, is_retryable=is_repeatable, connection_lost=True)

    def _make_oss2_bucket(self) -> oss2.Bucket:
        # Each call has a copy of the bucket, because oss2 stores the timeouts of a call in the bucket.
        bucket, seconds = copy(self._bucket_template), self._deadline.cap(_CALL_SECONDS)
        bucket.timeout = (seconds, seconds)
        return bucket

    @cached_property
    def _bucket_template(self) -> oss2.Bucket:
        oss2, key, settings = import_oss2(), self._credentials, self._client.settings
        return oss2.Bucket(
            oss2.StsAuth(key.access_key_id, key.access_key_secret, key.security_token, auth_version="v4"),
            settings.oss_endpoint,
            self.name,
            session=Transport(self._client.session),
            enable_crc=False,  # TLS protects these few bytes, and the checksum is slow in pure Python
            region=settings.oss_region,
        )

    def _explain_error(self, error: oss2.exceptions.OssError, code: str, action: str) -> str:
        response = f"OSS answered {error.status} {error.code}: {error.message}"
        fix = _FIXES.get(code, "").format(setting=self._setting, action=action, bucket=self.name)
        return self._clean_message(f"{fix} ({response})" if fix else response)

    def _clean_message(self, text: str) -> str:
        return printable_line(text, (self._credentials.access_key_secret, self._credentials.security_token))


def _put_object(stored_object: StoredObject, bucket: oss2.Bucket) -> bool:
    answer = bucket.put_object(stored_object.name, stored_object.body, dict(stored_object.headers))
    # In a bucket that is encrypted with KMS, an ETag is not an MD5, so the response alone confirms the write.
    is_encrypted = answer.etag and "x-oss-server-side-encryption" in answer.headers
    if answer.etag != etag_of(stored_object.body) and not is_encrypted:
        raise make_foreign_answer_error(answer.status)
    return True


def _get_object(name: str, bucket: oss2.Bucket) -> StoredObject:
    answer = bucket.get_object(name)
    return StoredObject(name, answer.read(), {key.lower(): value for key, value in answer.headers.items()})


def _head_object(name: str, bucket: oss2.Bucket) -> SourceHead:
    headers = bucket.head_object(name).headers
    modified_time = parse_http_date(headers.get("Last-Modified"))
    if not modified_time:
        raise make_foreign_answer_error(200)
    etag, has_tags = headers.get("ETag", "").strip('"').upper(), headers.get("x-oss-tagging-count", "0") != "0"
    return SourceHead(etag, int(modified_time.timestamp()), extract_metadata(headers), has_tags)


def _read_part(listed_object: ObjectSummary, start: int, end: int, bucket: oss2.Bucket) -> bytes:
    answer = bucket.get_object(
        listed_object.name, byte_range=(start, end - 1), headers={"If-Match": f'"{listed_object.etag}"'}
    )
    body: bytes = answer.read()
    if len(body) != end - start:
        raise make_foreign_answer_error(answer.status)
    return body


def _list_objects(prefix: str, after_name: str, page_size: int, clock: Clock, bucket: oss2.Bucket) -> ListPage:
    token, last_token = "", None
    while token != last_token:
        page = _request_page(prefix, after_name, token, page_size, clock, bucket).read()
        if page.columns.names or not page.has_more:
            break
        token, last_token = page.token, token
    return page


def _request_page(
    prefix: str, after_name: str, token: str, page_size: int, clock: Clock, bucket: oss2.Bucket
) -> UnreadPage:
    # This import is local because forward lists nothing, and a cold start compiles every imported module.
    from oss_oms_sync.clouds.listings import OSS_LISTING, UnreadPage

    params = {
        "list-type": "2",
        "prefix": prefix,
        "start-after": after_name,
        "continuation-token": token,
        "max-keys": str(page_size),
        "encoding-type": "url",
    }
    # This is the request of list_objects_v2; that method itself would also parse the response.
    answer = bucket._do("GET", bucket.bucket_name, "", params=params)
    # The header has the milliseconds by which OSS delayed the response because of too many requests (OSS, "Limits"). A
    # job that lists pages pauses for the same time, so that the calls of others succeed.
    delay = answer.headers.get("x-oss-qos-delay-time", "")
    if delay.isdecimal():
        clock.sleep(min(int(delay) / 1000, _MAX_PAUSE_SECONDS))
    return UnreadPage(answer.read(), OSS_LISTING)


def _delete_objects(names: Sequence[str], bucket: oss2.Bucket) -> set[str]:
    return set(bucket.batch_delete_objects(list(names)).deleted_keys)


def _delete_object(name: str, bucket: oss2.Bucket) -> set[str]:
    return {name} if bucket.delete_object(name) else set()


def _find_error_code(error: oss2.exceptions.OssError) -> str:
    code, message = error.code or "", error.message or ""
    is_wrong_endpoint = code == "AccessDenied" and "endpoint" in message
    # OSS answers InvalidArgument if a signature is for another region.
    is_wrong_signature = code == "InvalidArgument" and "region" in message
    if is_wrong_endpoint or is_wrong_signature or code == "PermanentRedirect":
        return "OtherRegion"
    if not code and error.status in HEAD_ERROR_CODES:
        return HEAD_ERROR_CODES[error.status]
    return "Redirect" if 300 <= error.status < 400 else str(code)
