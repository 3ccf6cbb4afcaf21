"""Both clouds in process and in virtual time, with faults of calls and actions of applications and OMS."""

from __future__ import annotations

import gc
import json
import os
from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from urllib.parse import unquote, urlsplit

import requests

from oss_oms_sync.clock import Clock
from oss_oms_sync.clouds.objects import StoredObject
from sandbox.inprocess import VirtualSandbox
from sandbox.obs.objects import Bucket
from sandbox.obs.objects import etag_of as obs_etag
from sandbox.oms.copier import Copy, CopyFailure, CopyFault
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.log_bucket import TASK, LogBucket
from support.stored import RequestTarget, Stored

# Worlds make many short-lived objects and few reference cycles: searching for cycles more often takes a sixth of the
# tests' time.
gc.set_threshold(50_000, 20, 100)

MINUTE, HOUR, DAY = 60, 3600, 86400
# The size in bytes of the parts that OMS writes, and of its smallest object in parts.
PART = 2

# Faults of a call. A proxy or a login page answers in the cloud's place.
OK, HANG, DRIP, DROP_BEFORE, DROP_AFTER = None, Fault.hang(), Fault.drip(), Fault.drop_before(), Fault.drop_after()
REDIRECTS = [Fault.status(302, b"", {"Location": to}) for to in ("https://login.example/", "http://[", "caf\xe9")]
PAGE = Fault.status(200, b"<html><body>Please log in</body></html>")
# The headers that identify answers of OSS, and of OBS.
OSS_HEADERS = {"x-oss-request-id": "5D12"}
OBS_HEADERS = {"x-obs-request-id": "5D12"}
_CODES = {403: "AccessDenied", 404: "NoSuchBucket"}


def oss_error(status: int, code: str = "", **headers: str) -> Fault:
    """Return a fault in which OSS or OBS refuses a request with this status and code."""
    code = code or _CODES.get(status, "InternalError")
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Fault.status(status, body, OSS_HEADERS | OBS_HEADERS | headers)


def oms_error(status: int, code: str = "", message: str = "no", **headers: str) -> Fault:
    """Return a fault in which OMS, or the gateway in front of it, answers with this status and code."""
    body = json.dumps({"error_code": code, "error_msg": message}) if code else ""
    return Fault.status(status, body.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


NO_RIGHT = oss_error(403)
FROZEN = oms_error(400, "OMS.0202", "frozen")
UNAUTHORIZED = oms_error(401, "APIGW.0301")


def is_post(request: Request) -> bool:
    return request.method == "POST"


def reads_mark(request: Request) -> bool:
    """Return True if the request reads the mark of a closed project."""
    return request.method == "GET" and "/state/closed" in unquote(request.raw_path)


def event(key: str, name: str = "ObjectCreated:PutObject", bucket: str = "photos", **parts: Any) -> dict[str, Any]:
    return {
        "eventName": name,
        "eventSource": "acs:oss",
        "eventTime": parts.get("time", "2026-01-02T00:00:00.000Z"),
        "eventVersion": "1.0",
        "oss": {
            "bucket": {"arn": f"acs:oss:cn-hangzhou:1234567890:{bucket}", "name": bucket, "ownerIdentity": "1"},
            "object": {"deltaSize": 9, "eTag": parts.get("etag", "0123456789ABCDEF"), "key": key, "size": 9},
            "ossSchemaVersion": "1.0",
            "ruleId": "rule",
        },
        "region": "cn-hangzhou",
        "requestParameters": {"sourceIPAddress": "10.0.0.1"},
        "responseElements": {"requestId": "5D12"},
        "userIdentity": {"principalId": "1"},
    }


def payload(*keys: str, **parts: Any) -> bytes:
    return json.dumps({"events": [event(key, **parts) for key in keys]}).encode()


class VirtualClock(Clock):
    """The clock that the test and the functions read; it can be ahead of the clouds' clocks."""

    def __init__(self, world: Clouds) -> None:
        self._world = world
        self.ahead = timedelta()

    @property
    def seconds(self) -> float:
        return self._world.platform.loop.time()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self._world.platform.utc_now() + self.ahead

    def sleep(self, seconds: float) -> None:
        self._world.advance(seconds)


class Clouds(VirtualSandbox):
    """Both clouds with the buckets of a project, from their creation until the end of the test.

    - `bucket` is the log bucket of the project named `project`.
    - `source` and `destination` are the buckets of its sync task.
    - `storage_classes` has the storage classes of new source objects; an object's size chooses its class.
    """

    project_id, task_id = "0123456789abcdef", TASK

    def __init__(self, project: str) -> None:
        assert "PYTEST_CURRENT_TEST" in os.environ, "a world that is open where no test runs changes the time for all"
        super().__init__()
        self._unique = count()
        self.storage_classes = ["Standard"]
        self._holds_copies = False
        self.open()
        self.oms.round_trip = self.oss.round_trip = 0.02
        # Otherwise each run of status would read a thousand intervals with counts of 0.
        self.task.has_early_steps = False
        self.clock = VirtualClock(self)
        self.bucket = LogBucket(self, project, self.clock.now)
        self.source = Stored(self.oss, self.source_bucket)
        self.destination = Stored(self.obs, self.destination_bucket)
        self.platform.network.before_request, self.platform.network.after_response = self._before, self._after

    def advance(self, seconds: float = HOUR) -> None:
        super().advance(seconds)

    def advance_to(self, time: datetime) -> None:
        self.advance((time - self.clock.now()).total_seconds())

    def play(self, happenings: Sequence[tuple[Any, ...]]) -> None:
        """Call methods of this world, each given as its name and its arguments."""
        for name, *arguments in happenings:
            getattr(self, name)(*arguments)

    # Applications.

    def upload(self, key: str, data: str = "A", minutes_ago: float = 0, kind: str = "md5") -> str:
        """Write an object to the source without an event, and return its ETag.

        The ETag is the MD5 of the contents only if `kind` is `md5`.
        """
        headers = {"x-oss-storage-class": self.storage_classes[len(data) % len(self.storage_classes)]}
        if kind != "md5":
            unique_etag = etag_of(f"{kind} {next(self._unique)}".encode())
            etags = {"Multipart": obs_etag(data.encode(), PART).upper(), "Appendable": unique_etag[:16]}
            object_type = "Normal" if kind == "form" else kind
            headers |= {"etag": etags.get(kind, unique_etag), "x-oss-object-type": object_type}
        self.source.add(StoredObject(key, data.encode(), headers))
        self.source.modified[key] -= int(minutes_ago * 60)
        return self.oss.objects(self.source.name)[key].etag

    def lose_events_of(self, *keys: str, data: str = "A", **details: Any) -> None:
        """Write source objects whose events are lost, and advance an hour."""
        for key in keys:
            self.upload(key, data, **details)
        self.advance()

    def fill(self, number: int, minutes_ago: float = 0) -> None:
        """Write source objects named 0 to `number` - 1 whose events are lost, and advance an hour."""
        digits = len(str(number - 1))
        self.lose_events_of(*(f"{index:0{digits}}" for index in range(number)), minutes_ago=minutes_ago)

    def put_accepted(self, *keys: str, data: str = "A", minutes_ago: float = 0) -> None:
        for key in keys:
            self.upload(key, data, minutes_ago)
            self.bucket.add_success_record(key, data, minutes_ago * 60)

    def put_in_both(self, *keys: str, data: str, in_obs: str, kind: str = "md5", part: int | None = None) -> None:
        """Write `data` to the source without events, an hour later `in_obs` to OBS, and advance another hour."""
        self.lose_events_of(*keys, data=data, kind=kind)
        for key in keys:
            self.write(key, in_obs, part)
        self.advance()

    def delete(self, key: str) -> None:
        """Delete an object at the source."""
        self.source.objects.pop(key, None)

    def write(self, key: str, data: str, part: int | None = None) -> None:
        """Write an object to OBS."""
        self.obs.put(self.destination_bucket, key, data.encode(), part)

    def remove(self, key: str) -> None:
        """Delete an object in OBS."""
        self.destination.objects.pop(key, None)

    @property
    def obs_bucket(self) -> Bucket:
        return self.obs.bucket(self.destination_bucket)

    # OMS.

    def hold_copies(self) -> None:
        """Let OMS copy objects only when the test calls `begin_copy` and `end_copy`, and write no lists."""
        self._holds_copies = self.task.lists.is_withheld = True
        self.task.copy_faults.add(CopyFault.withheld())

    def begin_copy(self, number: int = 0) -> None:
        """Let OMS begin a withheld copy; it ends at once if OMS skips the object or cannot read it."""
        if copies := self._copies(begun=False):
            copy = copies[number % len(copies)]
            self.task.begin(copy)
            if not copy.overwrites:
                self.task.end(copy)

    def end_copy(self, number: int = 0) -> None:
        if copies := self._copies(begun=True):
            self.task.end(copies[number % len(copies)])

    def fail_copy(self, number: int = 0) -> None:
        if copies := self._copies(begun=False):
            copy = copies[number % len(copies)]
            self.task.begin(copy)
            copy.failure = CopyFailure("UPLOAD_DST_OBJ_FAILURE")
            self.task.end(copy)

    def copy_all(self) -> None:
        while self.task.withheld_copies:
            self.begin_copy()
            self.end_copy()

    def _copies(self, *, begun: bool) -> list[Copy]:
        return [
            copy for copy in self.task.withheld_copies if (copy.source is not None or copy.failure is not None) == begun
        ]

    def count_objects(self, minutes_ago: float, **numbers: int) -> None:
        """Increase OMS's counts of objects (REQUEST, SUCCESS, FAILURE or SKIP) at a time in the past."""
        for kind, number in numbers.items():
            self.task.add_count(kind, number, self.clock.now().timestamp() - minutes_ago * 60)

    def measure_headers(self, *, moves: bool = False, replaces: bool = True) -> None:
        """Set whether a change of headers in OBS updates LastModified, and store a canary's result that reports it.

        With `replaces`, the result reports that a change removes all headers that it does not name.
        """
        self.obs_bucket.headers_update_time = moves
        usual = {"url": "yes", "expired_url": "no", "moves_etag": "no"}
        measured = {"moves_time": "yes" if moves else "no", "replaces": "yes" if replaces else "no"}
        self.bucket.add_canary_result({"in_place": {**usual, **measured}})

    # Requests.

    def _before(self, request: Any) -> None:
        request.subject = self._find_target(request)
        if request.subject:
            bucket, target = request.subject
            bucket.calls[target.kind] += 1
            bucket.before(target.kind, target.names)

    def _after(self, request: Any) -> None:
        # A test can replace `_before`, so the request may have no subject yet.
        if subject := getattr(request, "subject", None) or self._find_target(request):
            bucket, target = subject
            bucket.after(target.kind, target.names)

    def _find_target(self, request: requests.PreparedRequest) -> tuple[Stored, RequestTarget] | None:
        url = urlsplit(request.url or "")
        for bucket in (self.bucket, self.source, self.destination):
            if url.netloc.startswith(f"{bucket.name}."):
                return bucket, RequestTarget.of(request.method or "", url.netloc, url.path, url.query, request.body)
        return None
