"""The client of Huawei's Object Storage Migration Service, which submits object keys and queries the sync task.

Sources: OMS's API pages CreateSyncEvents, ShowSyncTask and ListSyncTaskStatistic, and its error codes; the error codes
of Huawei's API Gateway.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import quote, unquote, urlencode, urlsplit

import requests

from oss_oms_sync import jsontext
from oss_oms_sync.clock import Clock, Deadline, parse_http_date, parse_retry_after
from oss_oms_sync.clouds.calls import Attempt, CallPool, RetryBudget
from oss_oms_sync.clouds.connection import (
    MAX_CALL_SECONDS,
    MAX_LONG_BODY_BYTES,
    MAX_SHORT_BODY_BYTES,
    NETWORK_ERRORS,
    Connections,
    read_body,
)
from oss_oms_sync.errors import Failure, Reason, printable_line, root_cause
from oss_oms_sync.settings import Settings

if TYPE_CHECKING:
    from oss_oms_sync.answers.task_group import TaskGroup
    from oss_oms_sync.clouds.task import Statistics, TaskInfo

T = TypeVar("T")

# The text of CreateSyncEvents says "a maximum of 10". Its schema says 100, but OMS may not accept so many keys.
KEYS_PER_CALL = 10

_ALGORITHM = "SDK-HMAC-SHA256"
_CONNECT_SECONDS = 3.0
_READ_SECONDS = 10.0
# Huawei Cloud refuses a signature whose time differs from its own by more than 15 minutes.
_MAX_CLOCK_SKEW_SECONDS = 14 * 60

_REASONS_BY_CODE = {
    "APIG.0308": Reason.THROTTLED,
    "APIGW.0308": Reason.THROTTLED,
    # Problems of the account have the HTTP status 400, like an invalid object key.
    "OMS.0068": Reason.CREDENTIALS,
    "OMS.0072": Reason.FORBIDDEN,
    "OMS.0201": Reason.ACCOUNT,
    "OMS.0202": Reason.ACCOUNT,
}
_REASONS_BY_STATUS = {
    400: Reason.REFUSED,
    401: Reason.CREDENTIALS,
    403: Reason.FORBIDDEN,
    404: Reason.NO_TASK,
    413: Reason.REFUSED,
    429: Reason.THROTTLED,
    500: Reason.UNAVAILABLE,
    502: Reason.UNAVAILABLE,
    503: Reason.UNAVAILABLE,
    504: Reason.UNAVAILABLE,
}


class OmsClient:
    """The client of a sync task, which keeps its connections for the life of an instance."""

    def __init__(self, settings: Settings, session: Connections, pool: CallPool, clock: Clock) -> None:
        self._settings = settings
        self.session = session
        self._pool = pool
        self._clock = clock
        url = urlsplit(settings.task.url)
        self._host, self._origin = url.netloc, f"{url.scheme}://{url.netloc}"
        self._task_path = url.path.removesuffix("/events")

    def query_task(self, deadline: Deadline, time: datetime | None = None) -> TaskInfo | Failure:
        """Return the sync task (ShowSyncTask) with its counters of the month of `time`, or the failure.

        By default, `time` is the current time.
        """
        # This import is local because `forward` does not need it, and a cold start compiles every imported module.
        from oss_oms_sync.clouds.task import TaskInfo

        query = (("query_time", _to_milliseconds(time or self._clock.now())),)
        return self._query_oms(self._task_path, query, deadline, TaskInfo.parse)

    def query_statistics(
        self, types: Sequence[str], start: datetime, end: datetime, deadline: Deadline
    ) -> Statistics | Failure:
        """Return OMS's counts of the kinds `types`, such as "SUCCESS", from `start` to `end`, or the failure.

        OMS returns a count for each interval of time, and chooses the length of the intervals (ListSyncTaskStatistic).
        """
        from oss_oms_sync.clouds.task import Statistics

        time_range = (("start_time", _to_milliseconds(start)), ("end_time", _to_milliseconds(end)))
        query = (("data_type", ",".join(types)), *time_range)
        return self._query_oms(
            f"{self._task_path}/statistics", query, deadline, partial(Statistics.parse, types, start)
        )

    def query_group(self, group_id: str, deadline: Deadline) -> TaskGroup | Failure:
        """Return a task group, which migrates existing objects (ShowTaskGroup), or the failure."""
        from oss_oms_sync.answers.task_group import TaskGroup

        def parse_group(answer: Mapping[str, object]) -> TaskGroup | Failure:
            try:
                task_group = TaskGroup.from_response(answer)
            except ValueError as error:
                return Failure(Reason.UNEXPECTED, 200, message=self._clean_message(str(error)))
            return (
                task_group
                if task_group.id == group_id
                else Failure(Reason.UNEXPECTED, 200, message="another task group")
            )

        groups_path = f"{self._task_path.rpartition('/sync-tasks/')[0]}/taskgroups"
        return self._query_oms(f"{groups_path}/{quote(group_id, safe='')}", (), deadline, parse_group)

    def attempt_submission(self, keys: Sequence[str], deadline: Deadline) -> Attempt[Failure | None]:
        """Submit `keys` in a single signed call; the result is None if OMS accepted them."""
        encodes_keys = self._settings.key_encoding == "url"
        body = json.dumps({"object_keys": [quote(key, safe="") if encodes_keys else key for key in keys]}).encode()
        path = f"{self._task_path}/events"
        return self._run_in_time(
            lambda: self._send_request("POST", path, (), body, self._read_acceptance, deadline), deadline
        )

    def _query_oms(
        self,
        path: str,
        query: Sequence[tuple[str, str]],
        deadline: Deadline,
        read: Callable[[dict[str, object]], T | Failure],
    ) -> T | Failure:
        """Query OMS; return the result of the function `read` for the JSON object in the response, or the failure."""

        def parse_body(body: bytes) -> T | Failure:
            value = _parse_object(body)
            return self._read_failure(200, body) if value is None else read(value)

        def call() -> Attempt[T | Failure]:
            return self._run_in_time(
                lambda: self._send_request("GET", path, query, b"", parse_body, deadline), deadline
            )

        make_too_late_failure = partial(Failure, Reason.DEADLINE, message="not asked: the time limit was reached")
        return RetryBudget(deadline, self._clock).run(call, self.session.close, make_too_late_failure)

    def _read_acceptance(self, body: bytes) -> Failure | None:
        """Return None if the response is an acceptance, otherwise the failure.

        An acceptance has an empty body, or a JSON object without an error; a web page of a proxy is neither.
        """
        return None if not body.strip() or _parse_object(body) is not None else self._read_failure(200, body)

    def _run_in_time(self, send: Callable[[], Attempt[T | Failure]], deadline: Deadline) -> Attempt[T | Failure]:
        """Return the result of `send`, or a failure with the reason TIMEOUT if the call takes too long."""
        seconds = deadline.cap(MAX_CALL_SECONDS)
        (outcome,) = self._pool.run([send], seconds)
        if outcome is None:
            self.session.abort()
            return self._lost_attempt(Reason.TIMEOUT, f"no complete answer within {seconds:.1f} s")
        return outcome

    def _send_request(
        self,
        method: str,
        path: str,
        query: Sequence[tuple[str, str]],
        body: bytes,
        read: Callable[[bytes], T],
        deadline: Deadline,
    ) -> Attempt[T | Failure]:
        """Make a signed call; return the failure or, for the status 200, the result of `read` for the body."""
        settings = self._settings
        headers = sign(
            method,
            self._host,
            path,
            query,
            {"Content-Type": "application/json"},
            body,
            ak=settings.hw_ak,
            sk=settings.hw_sk,
            now=self._clock.now(),
            security_token=settings.hw_security_token,
        )
        url = f"{self._origin}{path}{'?' if query else ''}{urlencode(query)}"
        timeout = (deadline.cap(_CONNECT_SECONDS), deadline.cap(_READ_SECONDS))
        try:
            response = self.session.use().send_signed(method, url, headers, timeout, body)
            # The response to a query may contain the statistics of a month.
            is_long = method == "GET" and response.status_code == 200
            answer = read_body(response, MAX_LONG_BODY_BYTES if is_long else MAX_SHORT_BODY_BYTES)
        except requests.Timeout as error:  # OMS may have accepted the keys; submitting them again is harmless
            return self._lost_attempt(Reason.TIMEOUT, root_cause(error))
        except NETWORK_ERRORS as error:  # as above
            return self._lost_attempt(Reason.UNREACHABLE, root_cause(error))
        return Attempt(read(answer)) if response.status_code == 200 else self._read_refusal(response, answer)

    def _lost_attempt(self, reason: Reason, message: str) -> Attempt[T | Failure]:
        return Attempt(Failure(reason, message=self._clean_message(message)), is_retryable=True, connection_lost=True)

    def _read_failure(self, status: int, body: bytes) -> Failure:
        """Return the failure that a response reports.

        A response with the status 200 is a failure as well if it contains an error, or does not come from OMS.
        """
        code, message = None, body.decode("utf-8", "replace")
        match jsontext.load(body):
            case {"error_code": error_code, **fields}:
                code, message = str(error_code), str(fields.get("error_msg", ""))
        reason = _REASONS_BY_CODE.get(code or "") or _REASONS_BY_STATUS.get(status, Reason.UNEXPECTED)
        return Failure(reason, status, self._clean_message(code) if code else None, self._clean_message(message))

    def _read_refusal(self, response: requests.Response, body: bytes) -> Attempt[T | Failure]:
        failure, now = self._read_failure(response.status_code, body), self._clock.now()
        if response.is_redirect:
            # The query of the location is left out, because it may repeat secret parts of the request.
            location = response.headers["Location"].partition("?")[0]
            failure = replace(
                failure, message=self._clean_message(f"a redirect to {location}, which this project does not follow")
            )
        skew = (parse_http_date(response.headers.get("Date")) or now) - now
        if failure.reason is Reason.CREDENTIALS and abs(skew.total_seconds()) > _MAX_CLOCK_SKEW_SECONDS:
            failure = replace(failure, reason=Reason.CLOCK)
        return Attempt(
            failure,
            is_retryable=failure.reason in (Reason.THROTTLED, Reason.UNAVAILABLE),
            was_throttled=failure.reason is Reason.THROTTLED,
            retry_after=parse_retry_after(response.headers.get("Retry-After"), now),
        )

    def _clean_message(self, message: str) -> str:
        return printable_line(message, self._settings.secrets)


def _parse_object(body: bytes) -> dict[str, object] | None:
    """Return the JSON object in a body, or None if the body is not a JSON object or reports an error."""
    value = jsontext.load(body)
    return value if isinstance(value, dict) and "error_code" not in value else None


def _to_milliseconds(time: datetime) -> str:
    return str(int(time.timestamp() * 1000))


def sign(
    method: str,
    host: str,
    path: str,
    query: Iterable[tuple[str, str]],
    headers: Mapping[str, str],
    body: bytes,
    *,
    ak: str,
    sk: str,
    now: datetime,
    security_token: str = "",
) -> dict[str, str]:
    """Return the headers to send, signed by the scheme SDK-HMAC-SHA256.

    The result has `headers`, Host, X-Sdk-Date, X-Security-Token (if there is a token) and Authorization. `path` is
    URL-encoded as in the request; `query` and `headers` are not. `now` is in UTC. The Content-Type has to be
    application/json, because the vendor's servers do not hash other bodies.

    Source: Huawei Cloud, "API Gateway: signing algorithm of API requests". Tests compare the result byte for byte with
    the vendor's own signer.
    """
    signed_headers = {**headers, "Host": host, "X-Sdk-Date": now.strftime("%Y%m%dT%H%M%SZ")}
    if security_token:
        signed_headers["X-Security-Token"] = security_token
    lines = sorted((name.lower(), value.strip()) for name, value in signed_headers.items())
    names = ";".join(name for name, _ in lines)
    segments = "/".join(quote(segment, safe="~") for segment in unquote(path).split("/"))
    canonical_request = "\n".join(
        (
            method.upper(),
            segments if segments.endswith("/") else f"{segments}/",
            "&".join(f"{quote(name, safe='~')}={quote(value, safe='~')}" for name, value in sorted(query)),
            "".join(f"{name}:{value}\n" for name, value in lines),
            names,
            hashlib.sha256(body).hexdigest(),
        )
    )
    signed_text = (
        f"{_ALGORITHM}\n{signed_headers['X-Sdk-Date']}\n{hashlib.sha256(canonical_request.encode()).hexdigest()}"
    )
    signature = hmac.new(sk.encode(), signed_text.encode(), hashlib.sha256).hexdigest()
    return {
        **signed_headers,
        "Authorization": f"{_ALGORITHM} Access={ak}, SignedHeaders={names}, Signature={signature}",
    }
