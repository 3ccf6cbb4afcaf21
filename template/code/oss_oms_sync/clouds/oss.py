"""One OSS bucket: calls side by side on kept-alive connections, tried again within the deadline.

`oss2` takes longer to import than all else together, so it is imported where it is first used, while OMS is asked,
and without the most of it (see `import_oss2`).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from io import BytesIO
from itertools import pairwise
from typing import TYPE_CHECKING, TypeVar
from xml.etree import ElementTree

import requests

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.connection import MAX_LONG_BODY, MAX_SHORT_BODY, NETWORK_ERRORS, Session, read_body
from oss_oms_sync.clouds.oss2_import import import_oss2
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.clouds.retry import Attempt, RetryBudget
from oss_oms_sync.errors import StorageError, presentable, root_cause
from oss_oms_sync.settings import Settings

if TYPE_CHECKING:
    import oss2

T = TypeVar("T")

# OSS: "at most 1000" objects a listing's page, and a multi-delete.
PAGE_SIZE = 1000

_CALL_SECONDS = 5.0
# What oss2 raises where a body is none of OSS's.
_NOT_READ = (ElementTree.ParseError, RuntimeError, ValueError, LookupError, TypeError)
_RETRIED_STATUSES = {429, 500, 502, 503, 504}
# What XML 1.0 does not carry unchanged ("Char" in its section 2.2; a parser makes "\r" a "\n").
# Compiled where it is first used: that takes longer than all the rest of this module.
_NOT_IN_XML = r"[^\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
# OSS, "Error responses": what is about the key, and not about its rights.
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


@dataclass(frozen=True)
class StoredObject:
    """An object to be written, or as it was read: headers in lower case."""

    name: str
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class ObjectSummary:
    """An object as a listing names it. `modified` is in seconds since 1970; `etag` upper-case, without quotes; `type`
    is "Normal", "Multipart", "Appendable" or "Symlink"."""

    name: str
    etag: str
    size: int
    modified: int
    type: str = "Normal"


@dataclass(frozen=True)
class ListPage:
    """Up to 1000 objects in byte order, and whether there are more after them."""

    objects: list[ObjectSummary]
    more: bool


@dataclass(frozen=True)
class StorageFailure:
    """A call that failed. `answered`: OSS said no; else nobody knows whether it was carried out, or still will be.

    `code` is OSS's, or OtherRegion, which OSS says in several ways."""

    message: str
    answered: bool
    code: str = ""


@dataclass(frozen=True)
class Credentials:
    """The temporary key of the function's role. Its secrets stay out of its repr."""

    access_key_id: str
    access_key_secret: str = field(repr=False)
    security_token: str = field(repr=False)


class _Transport:
    """What `oss2` makes its calls with, in place of its own session: that one follows redirects, and reads answers
    without end."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def do_request(self, request: oss2.http.Request, timeout: tuple[float, float]) -> _Answer:
        """One call. Raises requests.RequestException, also where something else than OSS says that all went well."""
        response = self._session.request(
            request.method,
            request.url,
            data=request.data,
            params=request.params,
            headers=request.headers,
            stream=True,
            timeout=timeout,
        )
        answer = _Answer(response, request.method)
        if answer.says_ok and not answer.request_id:
            raise _not_oss(response.status_code)
        return answer


class _Answer:
    """An answer of OSS, read to its end, as `oss2` takes one."""

    def __init__(self, response: requests.Response, method: str) -> None:
        self.status = response.status_code
        self.says_ok = 200 <= self.status < 300
        self.headers = response.headers
        # OSS, "Common HTTP headers": every answer has one.
        self.request_id = response.headers.get("x-oss-request-id", "")
        is_long = self.says_ok and method in ("GET", "POST")
        body = read_body(response, MAX_LONG_BODY + 1 if is_long else MAX_SHORT_BODY)
        if len(body) > MAX_LONG_BODY:
            raise requests.ConnectionError(f"the answer is longer than {MAX_LONG_BODY} bytes")
        self._body = BytesIO(body)

    def read(self, amount: int | None = None) -> bytes:
        """The next `amount` bytes of the body, or the rest."""
        return self._body.read(amount)


def _not_oss(status: int) -> requests.ConnectionError:
    return requests.ConnectionError(
        f"something else than OSS answered {status}: check OSS_ENDPOINT, and that no proxy stands in between"
    )


def etag_of(body: bytes | str) -> str:
    """The ETag (upper-case) that OSS gives a small object of this body: its MD5 ("PutObject")."""
    text = body.encode() if isinstance(body, str) else body
    return hashlib.md5(text, usedforsecurity=False).hexdigest().upper()


class Bucket:
    """A bucket with one invocation's credentials. `setting` is the name of the setting that names it."""

    def __init__(
        self,
        name: str,
        setting: str,
        settings: Settings,
        credentials: Credentials,
        session: Session,
        pool: CallPool,
        clock: Clock,
    ) -> None:
        self.name = name
        self._setting = setting
        self._settings = settings
        self._credentials = credentials
        self._session = session
        self._pool = pool
        self._clock = clock

    def try_put_all(self, objects: Sequence[StoredObject], deadline: Deadline) -> list[StorageFailure | None]:
        """Writes all of `objects` side by side; for each None, or why it is not known to be written."""

        def put(one: StoredObject) -> Callable[[oss2.Bucket], bool]:
            def call(bucket: oss2.Bucket) -> bool:
                answer = bucket.put_object(one.name, one.body, dict(one.headers))
                # In a bucket that is encrypted with KMS the ETag is no MD5: there it is enough that OSS answered.
                is_encrypted = answer.etag and "x-oss-server-side-encryption" in answer.headers
                if answer.etag != etag_of(one.body) and not is_encrypted:
                    raise _not_oss(answer.status)
                return True

            return call

        results = self._all([put(one) for one in objects], "oss:PutObject", deadline)
        return [result if isinstance(result, StorageFailure) else None for result in results]

    def try_get_all(self, names: Sequence[str], deadline: Deadline) -> list[StoredObject | StorageFailure]:
        """Reads objects side by side. One that does not exist is a StorageFailure with the code NoSuchKey."""

        def get(name: str) -> Callable[[oss2.Bucket], StoredObject]:
            def call(bucket: oss2.Bucket) -> StoredObject:
                answer = bucket.get_object(name)
                return StoredObject(name, answer.read(), {key.lower(): value for key, value in answer.headers.items()})

            return call

        return self._all([get(name) for name in names], "oss:GetObject", deadline)

    def get_all(self, names: Sequence[str], deadline: Deadline) -> list[StoredObject | None]:
        """Reads objects side by side; None for one that does not exist. Raises StorageError for any other answer."""
        found: list[StoredObject | None] = []
        for result in self.try_get_all(names, deadline):
            if isinstance(result, StorageFailure) and result.code != "NoSuchKey":
                raise StorageError(result.message, result.code)
            found.append(result if isinstance(result, StoredObject) else None)
        return found

    def get(self, name: str, deadline: Deadline) -> bytes | None:
        """An object's body; None where there is none. Raises StorageError for anything but these two answers."""
        (found,) = self.get_all([name], deadline)
        return found.body if found else None

    def put(self, one: StoredObject, deadline: Deadline) -> None:
        """Writes one object; raises StorageError where it is not known to be written."""
        (problem,) = self.try_put_all([one], deadline)
        if problem:
            raise StorageError(problem.message, problem.code)

    def list_page(self, prefix: str, after: str, deadline: Deadline) -> ListPage:
        """The objects whose names begin with `prefix` and come after `after`: none only where there are no more.
        Raises StorageError, also where the names do not rise."""

        def call(bucket: oss2.Bucket) -> tuple[ListPage, str]:
            found = bucket.list_objects_v2(
                prefix=prefix, start_after=after, max_keys=PAGE_SIZE, continuation_token=token
            )
            listed = [ObjectSummary(o.key, o.etag.upper(), o.size, o.last_modified, o.type) for o in found.object_list]
            return ListPage(listed, bool(found.is_truncated)), found.next_continuation_token

        token, last_token = "", None
        while token != last_token:
            (result,) = self._all([call], "oss:ListObjects", deadline)
            if isinstance(result, StorageFailure):
                raise StorageError(result.message, result.code)
            page, last_token, token = result[0], token, result[1]
            names = [after, *(one.name for one in page.objects)]
            if any(name >= following for name, following in pairwise(names)):
                raise StorageError(f"the listing of {self.name} is not in order behind {after!r}")
            if page.objects or not page.more:
                return page
        raise StorageError(f"the listing of {self.name} does not go on behind {after!r}")

    def iter_objects(self, prefix: str, deadline: Deadline) -> Iterator[ObjectSummary]:
        """Everything whose name begins with `prefix`, in order, a page at a time. Raises StorageError."""
        after, more = "", True
        while more:
            page = self.list_page(prefix, after, deadline)
            yield from page.objects
            more = page.more
            after = page.objects[-1].name if more else ""

    def iter_folder(self, folder: str, deadline: Deadline) -> Iterator[ObjectSummary]:
        """Everything in `folder`, a name that ends with "/", but for the empty object that consoles make of the folder
        itself. Raises StorageError."""
        return (one for one in self.iter_objects(folder, deadline) if one.name != folder)

    def try_delete_all(self, names: Sequence[str], deadline: Deadline) -> dict[str, StorageFailure | None]:
        """Deletes objects, a thousand a call; names that XML does not carry go one by one, side by side."""
        plain = [name for name in names if not re.search(_NOT_IN_XML, name)]
        single = [name for name in names if re.search(_NOT_IN_XML, name)]
        groups = [plain[start : start + PAGE_SIZE] for start in range(0, len(plain), PAGE_SIZE)]

        def delete(group: list[str]) -> Callable[[oss2.Bucket], set[str]]:
            return lambda bucket: set(bucket.batch_delete_objects(group).deleted_keys)

        def delete_one(name: str) -> Callable[[oss2.Bucket], set[str]]:
            return lambda bucket: {name} if bucket.delete_object(name) else set()

        calls = [*map(delete, groups), *map(delete_one, single)]
        groups += [[name] for name in single]
        results: dict[str, StorageFailure | None] = {}
        for group, result in zip(groups, self._all(calls, "oss:DeleteObject", deadline), strict=True):
            for name in group:
                if isinstance(result, StorageFailure):
                    results[name] = result
                else:
                    results[name] = None if name in result else StorageFailure("OSS did not confirm it", answered=False)
        return results

    def _all(
        self, calls: Sequence[Callable[[oss2.Bucket], T]], action: str, deadline: Deadline
    ) -> list[T | StorageFailure]:
        transport = _Transport(self._session.use())
        budget = RetryBudget(deadline, self._clock)

        def tries(call: Callable[[oss2.Bucket], T]) -> Callable[[], T | StorageFailure]:
            def once() -> Attempt[T | StorageFailure]:
                return self._once(call, action, transport, deadline)

            if_not_attempted: Attempt[T | StorageFailure] = Attempt(
                StorageFailure("the invocation's time was up", answered=True)
            )
            return lambda: budget.run(once, self._session.close, if_not_attempted)

        results = self._pool.run([tries(call) for call in calls], deadline.remaining())
        if None in results:
            self._session.abort()
        return [StorageFailure("no answer in time", answered=False) if one is None else one for one in results]

    def _once(
        self, call: Callable[[oss2.Bucket], T], action: str, transport: _Transport, deadline: Deadline
    ) -> Attempt[T | StorageFailure]:
        exceptions = import_oss2().exceptions
        # Whatever fails here is a StorageFailure that the caller sees: a key stays where it was.
        # A delete whose answer is lost may still land, even after a second one was answered: it is not repeated.
        repeat = action != "oss:DeleteObject"
        try:
            return Attempt(call(self._client(transport, deadline)))
        except exceptions.OssError as error:
            # A gateway's 5xx may be about a call that is still on its way to OSS; a 429 was turned away. And what
            # is no answer of OSS says nothing about what OSS does.
            again, turned_away = error.status in _RETRIED_STATUSES, error.status == 429
            answered = turned_away or (not again and bool(error.request_id))
            code = _code_of(error)
            problem = StorageFailure(self._explain(error, code, action), answered, code)
            return Attempt(problem, again=again and (repeat or turned_away))
        except (*NETWORK_ERRORS, *_NOT_READ) as error:
            problem = StorageFailure(self._clean(root_cause(error)), answered=False)
            return Attempt(problem, again=repeat, connection_lost=True)

    def _client(self, transport: _Transport, deadline: Deadline) -> oss2.Bucket:
        # A new one for each call, because oss2 keeps the timeouts in it.
        oss2, key = import_oss2(), self._credentials
        seconds = deadline.cap(_CALL_SECONDS)
        return oss2.Bucket(
            oss2.StsAuth(key.access_key_id, key.access_key_secret, key.security_token, auth_version="v4"),
            self._settings.oss_endpoint,
            self.name,
            session=transport,
            connect_timeout=(seconds, seconds),
            enable_crc=False,  # TLS guards these few bytes; the checksum is slow where it is pure Python
            region=self._settings.oss_region,
        )

    def _explain(self, error: oss2.exceptions.OssError, code: str, action: str) -> str:
        said = f"OSS answered {error.status} {error.code}: {error.message}"
        fix = _FIXES.get(code, "").format(setting=self._setting, action=action, bucket=self.name)
        return self._clean(f"{fix} ({said})" if fix else said)

    def _clean(self, text: str) -> str:
        return presentable(text, (self._credentials.access_key_secret, self._credentials.security_token))


def _code_of(error: oss2.exceptions.OssError) -> str:
    code, message = error.code or "", error.message or ""
    says_so = code == "AccessDenied" and "endpoint" in message
    # To a signature for another region OSS answers InvalidArgument.
    by_signature = code == "InvalidArgument" and "region" in message
    if says_so or by_signature or code == "PermanentRedirect":
        return "OtherRegion"
    return "Redirect" if 300 <= error.status < 400 else str(code)
