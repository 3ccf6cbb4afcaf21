"""A world for the unit tests: an instance of the function between both clouds, in virtual time."""

from __future__ import annotations

import gc
import importlib
import json
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import count
from typing import Any, ClassVar, TypeVar
from urllib.parse import unquote, urlsplit

import requests

from oss_oms_sync.clock import Clock, Deadline, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import Credentials
from oss_oms_sync.jobs import forward
from sandbox.inprocess import VirtualSandbox
from sandbox.inprocess.instance import CallInstance, InstanceKilled
from sandbox.obs.objects import etag_of as obs_etag
from sandbox.oss.objects import etag_of
from sandbox.server.faults import Fault
from sandbox.server.message import Request
from support.stored import RequestTarget, Stored

T = TypeVar("T")

# A world makes many objects that live for a moment, and few cycles: to look for those more often takes a sixth of all
# the time.
gc.set_threshold(50_000, 20, 100)

MINUTE, HOUR, DAY = 60, 3600, 86400
# The size in bytes of the parts that OMS writes, and of its smallest object in parts.
PART = 2
# The event of a timer.
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"})

TASK = "0f7c9b1e-5a3d-4f61-8a55-0123456789ab"
# Where all records of the task are.
ROOT = f"oms_source_record/{TASK}/"
# Settings as a user of the template sets them, for what needs no cloud.
ENVIRONMENT = {
    "SYNC_URL": f"https://oms.cn-north-4.myhuaweicloud.com/v2/0123456789abcdef/sync-tasks/{TASK}/events",
    "HW_AK": "FAKEACCESSKEY0000001",
    "HW_SK": "fakeSecretKey00000000000000000000000001",
    "LOG_BUCKET": "photos-oms-log",
    "SOURCE_BUCKET": "photos",
    "FC_REGION": "cn-hangzhou",
}
# Faults of a call. A proxy or a login page answers in the cloud's place.
OK, HANG, DRIP, DROP_BEFORE, DROP_AFTER = None, Fault.hang(), Fault.drip(), Fault.drop_before(), Fault.drop_after()
REDIRECTS = [Fault.status(302, b"", {"Location": to}) for to in ("https://login.example/", "http://[", "caf\xe9")]
PAGE = Fault.status(200, b"<html><body>Please log in</body></html>")
# The headers that identify answers of OSS, and of OBS.
OSS_HEADERS = {"x-oss-request-id": "5D12"}
OBS_HEADERS = {"x-obs-request-id": "5D12"}
# Its failed record.
THROTTLED = {"reason": "THROTTLED", "status": 429, "error_code": "APIGW.0308", "message": "slow down"}
_CODES = {403: "AccessDenied", 404: "NoSuchBucket"}


def oss_error(status: int, code: str = "", **headers: str) -> Fault:
    """Return a fault in which OSS, or OBS, refuses the request with this status and code."""
    code = code or _CODES.get(status, "InternalError")
    body = f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()
    return Fault.status(status, body, OSS_HEADERS | OBS_HEADERS | headers)


def oms_error(status: int, code: str = "", message: str = "no", **headers: str) -> Fault:
    """Return a fault in which OMS, or the gateway in front of it, answers with this error."""
    body = json.dumps({"error_code": code, "error_msg": message}) if code else ""
    return Fault.status(status, body.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


NO_RIGHT = oss_error(403)
FROZEN = oms_error(400, "OMS.0202", "frozen")
UNAUTHORIZED = oms_error(401, "APIGW.0301")


class VirtualClock(Clock):
    """The clock of the world, for the test and its invocations; it can be ahead of the clouds' clocks."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = timedelta()

    @property
    def seconds(self) -> float:
        """The seconds since the world began."""
        return self._world.platform.loop.time()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self._world.platform.utc() + self.ahead

    def sleep(self, seconds: float) -> None:
        self._world.advance(seconds)


class World(VirtualSandbox):
    """An instance of the function between both clouds.

    `bucket` is the log bucket; `source` and `there` are the source and destination of its task. A world is open from
    its creation until the end of the test.
    """

    project_id, task_id = "0123456789abcdef", TASK
    _open: ClassVar[list[World]] = []

    def __init__(self, **environment: str) -> None:
        assert "PYTEST_CURRENT_TEST" in os.environ, "a world that is open where no test runs changes the time for all"
        super().__init__()
        self.variables = environment
        self._unique = count()
        # Storage classes of the objects at the source, by their sizes.
        self.storage_classes = ["Standard"]
        self.open()
        self._open.append(self)
        self.oms.round_trip = self.oss.round_trip = 0.02
        # Each status would read a thousand steps of zeros.
        self.task.has_early_steps = False
        self.clock = VirtualClock(self)
        self.bucket = Stored(self.oss, self.log_bucket)
        self.source = Stored(self.oss, self.source_bucket)
        self.there = Stored(self.obs, self.destination_bucket)
        self.platform.network.before_request, self.platform.network.after_response = self._before, self._after
        self.start()

    @classmethod
    def close_all(cls) -> None:
        while cls._open:
            cls._open.pop().close()

    def start(self) -> None:
        """Replace the instance by a new one."""
        self.call_instance = self.instance(**self.variables)
        self._clients = self.within(self.call_instance.load_module()._instance)
        self.settings = self._clients.settings
        # So that pytest hears what the function logs.
        logging.getLogger("oss_oms_sync").propagate = True

    def within(self, call: Callable[[], T]) -> T:
        """Run a call as code of the instance, which ends when the instance is killed."""
        return self.platform.call(self.platform.run(call, self.call_instance))

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Replace the instance by a second one within the context; the first may be waiting for a response."""
        first = self.call_instance, self._clients, self.settings
        self.start()
        try:
            yield
        finally:
            self.call_instance, self._clients, self.settings = first

    def die(self) -> None:
        """Kill the instance whose code is running."""
        running = self.platform.owner()
        assert isinstance(running, CallInstance)
        running.kill_at_once()
        raise InstanceKilled

    def invocation(self, seconds: float = 60) -> Invocation:
        """Return a new invocation of the instance that ends after `seconds`."""
        clients, deadline = self._clients, Deadline(seconds, self.clock)
        credentials = Credentials(*self.function_credentials)
        return Invocation(
            self.settings, clients.oms, clients.oss, credentials, deadline, self.clock, lambda: clients.obs
        )

    def forward(self, payload: bytes, timeout: float = 60) -> bool:
        return self.within(lambda: forward.run(payload, self.invocation(timeout - 0.5)))

    def ask(self, job: str, asked: object = None, timeout: float = 570) -> dict[str, Any]:
        """Return the answer of a job to an event or to options; a killed instance is replaced before."""
        if not self.call_instance.is_alive:
            self.start()
        event = asked if isinstance(asked, str | bytes) else json.dumps(asked) if asked is not None else ""
        run = importlib.import_module(f"oss_oms_sync.jobs.{job}").run
        answer = self.within(lambda: run(event, self.invocation(timeout)))
        return answer if isinstance(answer, dict) else answer.to_json()

    # Actions of users and of OMS.

    def upload(self, key: str, data: str = "A", minutes_ago: float = 0, kind: str = "md5") -> str:
        """Write an object to the source and return its ETag.

        With another `kind` than `md5` the ETag is not the MD5 of the contents.
        """
        headers = {"x-oss-storage-class": self.storage_classes[len(data) % len(self.storage_classes)]}
        if kind != "md5":
            some = etag_of(f"{kind} {next(self._unique)}".encode())
            etags = {"Multipart": obs_etag(data.encode(), PART).upper(), "Appendable": some[:16]}
            headers |= {"etag": etags.get(kind, some), "x-oss-object-type": "Normal" if kind == "form" else kind}
        self.source.add(StoredObject(key, data.encode(), headers))
        self.source.modified[key] -= int(minutes_ago * 60)
        return self.oss.objects(self.source.name)[key].etag

    def delete(self, key: str) -> None:
        self.source.objects.pop(key, None)

    def write(self, key: str, data: str, part: int | None = None) -> None:
        """Write an object to OBS, as its users do."""
        self.obs.put(self.destination_bucket, key, data.encode(), part)

    def remove(self, key: str) -> None:
        """Delete an object in OBS, as its users do."""
        self.there.objects.pop(key, None)

    # Contents of the log bucket.

    def keep(self, name: str, value: object) -> None:
        """Store a value under a name in the task's folder."""
        self.bucket.add(StoredObject(f"{ROOT}{name}", json.dumps(value).encode()))

    def install(self, time: datetime | None = None) -> None:
        """Store the time of the project's installation, by default an hour ago."""
        self.keep("state/installed.json", {"at": timestamp(time or self.clock.now() - timedelta(hours=1))})

    def shut(self, on: bool, by: str = "", why: str = "") -> None:
        """Close the project or, with `on` False, open it again."""
        mark = {"closed": on, "at": timestamp(self.clock.now()), "by": by, "why": why}
        self.keep(f"state/closed-{self.settings.project}.json", {**mark, "run": "", "opened": "", "first": ""})

    def accept(self, key: str, data: str = "A", ago: float = 0) -> None:
        """Write the success record of a version, as if OMS had accepted it `ago` seconds ago."""
        name, etag = record_name("success", key), etag_of(data.encode())
        body, headers = (etag, {}) if name.endswith(key) else (key, {"x-oss-meta-etag": etag})
        self.bucket.add(StoredObject(name, body.encode(), headers))
        self.bucket.modified[name] -= int(ago)

    def fail(self, *keys: str, reason: str = "REJECTED", **details: object) -> None:
        """Write failed records of these keys."""
        now = timestamp(self.clock.now())
        for key in keys:
            body = {"key": key, "reason": reason, "etag": "", "first_failure": now, "last_failure": now, **details}
            self.bucket.add(StoredObject(record_name("failed", key), json.dumps(body).encode()))

    def run_file(self, *keys: str, **entry: object) -> None:
        """Write the run file with these keys that an ended run of replay has left."""
        fields = dict.fromkeys(("event_name", "event_time", "etag", "first_failure", "reason"), "")
        entries = [{"key": key, **fields, "held": False, **entry} for key in keys]
        self.keep(f"replay/oss-oms-sync/{next(self._unique) + 1}.json", {"busy_until": "", "keys": entries})

    def failed(self) -> set[str]:
        """Return the keys that have failed records."""
        return {json.loads(self.bucket.objects[name].body)["key"] for name in self.bucket.names(f"{ROOT}failed_object")}

    def record_body(self, state: str, key: str) -> bytes | None:
        record = self.bucket.objects.get(record_name(state, key))
        return record and record.body

    # Its requests.

    def _before(self, request: Any) -> None:
        request.subject = self._what(request)
        if request.subject:
            bucket, what = request.subject
            bucket.calls[what.kind] += 1
            bucket.before(what.kind, what.names)

    def _after(self, request: Any) -> None:
        # A test may look at requests in the place of `_before`.
        if subject := getattr(request, "subject", None) or self._what(request):
            bucket, what = subject
            bucket.after(what.kind, what.names)

    def _what(self, request: requests.PreparedRequest) -> tuple[Stored, RequestTarget] | None:
        url = urlsplit(request.url or "")
        for bucket in (self.bucket, self.source, self.there):
            if url.netloc.startswith(f"{bucket.name}."):
                return bucket, RequestTarget.of(request.method or "", url.netloc, url.path, url.query, request.body)
        return None


def record_name(state: str, key: str) -> str:
    """Return the name of a key's record; a long key is named by its hash."""
    name = f"{ROOT}{state}_object/{key}"
    return name if len(name.encode()) <= 1023 else f"{ROOT}{state}_object_long/{sha256(key.encode()).hexdigest()}"


def is_look(request: Request) -> bool:
    """Return True if the request reads the mark of a closed project."""
    return request.method == "GET" and "/state/closed" in unquote(request.raw_path)


def event(key: str, name: str = "ObjectCreated:PutObject", bucket: str = "photos", **parts: Any) -> dict[str, Any]:
    """Return an element of an OSS trigger's payload."""
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
    """Return an OSS trigger's payload with an event for each key."""
    return json.dumps({"events": [event(key, **parts) for key in keys]}).encode()
