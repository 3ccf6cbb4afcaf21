"""One instance of the function between both clouds, in virtual time: the sandbox's services, with what tests put into
them and see of them."""

from __future__ import annotations

import json
import logging
from collections import Counter
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, ClassVar, NamedTuple, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit
from xml.etree import ElementTree

import requests

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import Credentials
from oss_oms_sync.jobs import forward
from sandbox.inprocess import InProcess
from sandbox.inprocess.instance import CallInstance, Killed
from sandbox.obs.service import Obs
from sandbox.oss.service import Oss
from sandbox.server.faults import Fault
from sandbox.server.message import Request

T = TypeVar("T")

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
# What can go wrong with a call. What stands between a cloud and its client answers in the cloud's place.
OK, HANG, DRIP, DROP_BEFORE, DROP_AFTER = None, Fault.hang(), Fault.drip(), Fault.drop_before(), Fault.drop_after()
REDIRECTS = [Fault.status(302, b"", {"Location": to}) for to in ("https://login.example/", "http://[", "caf\xe9")]
PAGE = Fault.status(200, b"<html><body>Please log in</body></html>")
# By what OSS's answers are known.
KNOWN = {"x-oss-request-id": "5D12"}
_CODES = {403: "AccessDenied", 404: "NoSuchBucket"}


def oss_error(status: int, code: str = "", **headers: str) -> Fault:
    """What OSS answers to what it refuses."""
    code = code or _CODES.get(status, "InternalError")
    return Fault.status(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode(), KNOWN | headers)


def oms_error(status: int, code: str = "", message: str = "no", **headers: str) -> Fault:
    """What OMS, or the gateway before it, answers."""
    body = json.dumps({"error_code": code, "error_msg": message}) if code else ""
    return Fault.status(status, body.encode(), {name.replace("_", "-"): value for name, value in headers.items()})


class VirtualClock(Clock):
    """The world's time, for the test and for invocations that it makes: `ahead` of what the clouds' clocks say."""

    def __init__(self, world: World) -> None:
        self._world = world
        self.ahead = timedelta()

    @property
    def seconds(self) -> float:
        """Since the world began."""
        return self._world.ground.loop.time()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return self._world.ground.utc() + self.ahead

    def sleep(self, seconds: float) -> None:
        self._world.later(seconds)


class What(NamedTuple):
    """What a request is about: `kind` is put, get, head, find (a listing of one), list or delete."""

    kind: str
    bucket: str
    names: Sequence[str]

    @classmethod
    def of(cls, method: str, host: str, path: str, query: str, body: Any) -> What:
        bucket, key = host.partition(".")[0], unquote(path[1:])
        asked = parse_qs(query, keep_blank_values=True)
        if "delete" in asked:
            keys = [node.text or "" for node in ElementTree.fromstring(body).iter("Key")]
            return cls("delete", bucket, keys)
        if method == "GET" and not key:
            kind = "find" if asked.get("max-keys") == ["1"] else "list"
            return cls(kind, bucket, [asked.get("prefix", [""])[0]])
        return cls(method.lower(), bucket, [key])


class _Objects(MutableMapping[str, StoredObject]):
    """The objects of a bucket, in listing order."""

    def __init__(self, service: Oss | Obs, bucket: str) -> None:
        self._service, self._bucket = service, bucket

    def __getitem__(self, name: str) -> StoredObject:
        one: Any = self._service.objects(self._bucket)[name]
        return StoredObject(name, one.data, dict(getattr(one, "headers", {})))

    def __setitem__(self, name: str, one: StoredObject) -> None:
        raise TypeError("use `add`")

    def __delitem__(self, name: str) -> None:
        self.remove(name)

    def remove(self, name: str) -> None:
        bucket: Any = self._service._buckets[self._bucket]
        del bucket.objects[name]

    def __iter__(self) -> Iterator[str]:
        return iter(list(self._service.objects(self._bucket)))

    def __len__(self) -> int:
        return len(self._service.objects(self._bucket))


class _Modified:
    """When each object of a bucket was written, in whole seconds; may be changed."""

    def __init__(self, service: Oss | Obs, bucket: str) -> None:
        self._objects: Any = service._buckets[bucket].objects

    def __getitem__(self, name: str) -> int:
        return int(self._objects[name].last_modified)

    def __setitem__(self, name: str, seconds: int) -> None:
        self._objects[name] = replace(self._objects[name], last_modified=seconds)


class Stored:
    """A bucket, as a test sees it. `calls` counts its requests by kind; `before` and `after` see each (kind, names) in
    the client's place, and may kill the instance (`World.die`)."""

    def __init__(self, service: Oss | Obs, name: str) -> None:
        self.name = name
        self.service = service
        self.objects = _Objects(service, name)
        self.modified = _Modified(service, name)
        self.calls: Counter[str] = Counter()
        self.before: Callable[[str, Sequence[str]], None] = lambda *_: None
        self.after: Callable[[str, Sequence[str]], None] = lambda *_: None

    def add(self, one: StoredObject) -> None:
        """Store an object now, without a request; its headers may say its `etag` and `x-oss-object-type`."""
        stored: Any = self.service.put(self.name, one.name, one.body)
        if isinstance(self.service, Oss):
            given = {name.lower(): value for name, value in one.headers.items()}
            kind, etag = given.pop("x-oss-object-type", "Normal"), given.pop("etag", stored.etag)
            bucket: Any = self.service._buckets[self.name]
            bucket.objects[one.name] = replace(stored, headers=given, type=kind, etag=etag)

    def names(self, prefix: str) -> list[str]:
        return [name for name in self.objects if name.startswith(prefix)]

    def fail(
        self, fault: Fault, kind: str = "", where: Callable[[str], bool] = lambda _: True, times: int | None = None
    ) -> None:
        """Let this go wrong with requests of a kind (empty: of any) that name such an object."""

        def applies(request: Request) -> bool:
            what = What.of(
                request.method, request.headers.get("host", ""), request.raw_path, request.raw_query, request.body
            )
            return what.bucket == self.name and kind in ("", what.kind) and any(map(where, what.names))

        self.service.faults.add(fault, times, applies)

    def heal(self) -> None:
        self.service.faults.clear()


class World(InProcess):
    """One instance of the function; `bucket` is the log bucket, `source` and `there` are what its task copies between.

    A world is open from its beginning, and the test's end closes it.
    """

    project_id, task_id = "0123456789abcdef", TASK
    _open: ClassVar[list[World]] = []

    def __init__(self, **environment: str) -> None:
        super().__init__()
        self.given = environment
        self.open()
        self._open.append(self)
        self.oms.round_trip = self.oss.round_trip = 0.02
        self.clock = VirtualClock(self)
        self.bucket = Stored(self.oss, self.log_bucket)
        self.source = Stored(self.oss, self.source_bucket)
        self.there = Stored(self.obs, self.destination_bucket)
        self.ground.network.before, self.ground.network.after = self._before, self._after
        self.start()

    @classmethod
    def close_all(cls) -> None:
        while cls._open:
            cls._open.pop().close()

    def start(self) -> None:
        """A new instance takes the place of the one before."""
        self.one = self.instance(**self.given)
        self._clients = self.within(self.one.module()._instance)
        self.settings = self._clients.settings
        # So that pytest hears what the function logs.
        logging.getLogger("oss_oms_sync").propagate = True

    def within(self, call: Callable[[], T]) -> T:
        """Run this as the instance's own code, all of which ends when it is killed."""
        return self.ground.call(self.ground.run(call, self.one))

    @contextmanager
    def beside(self) -> Iterator[None]:
        """Within it, a second instance is in the place of the first, which may be waiting for an answer meanwhile."""
        first = self.one, self._clients, self.settings
        self.start()
        try:
            yield
        finally:
            self.one, self._clients, self.settings = first

    def die(self) -> None:
        """Kill the instance whose code is running."""
        running = self.ground.owner()
        assert isinstance(running, CallInstance)
        running.strike()
        raise Killed

    def invocation(self, seconds: float = 60) -> Invocation:
        """A new invocation of this instance that has so long."""
        clients, deadline = self._clients, Deadline(seconds, self.clock)
        credentials = Credentials(*self.function_credentials)
        return Invocation(
            self.settings, clients.oms, clients.oss, credentials, deadline, self.clock, lambda: clients.obs
        )

    def forward(self, payload: bytes, timeout: float = 60) -> bool:
        return self.within(lambda: forward.run(payload, self.invocation(timeout - 0.5)))

    def record_body(self, state: str, key: str) -> bytes | None:
        record = self.bucket.objects.get(f"{ROOT}{state}_object/{key}")
        return record and record.body

    def _before(self, request: Any) -> None:
        request.found = self._what(request)
        if request.found:
            bucket, what = request.found
            bucket.calls[what.kind] += 1
            bucket.before(what.kind, what.names)

    def _after(self, request: Any) -> None:
        # A test may look at requests in the place of `_before`.
        if found := getattr(request, "found", None) or self._what(request):
            bucket, what = found
            bucket.after(what.kind, what.names)

    def _what(self, request: requests.PreparedRequest) -> tuple[Stored, What] | None:
        url = urlsplit(request.url or "")
        for bucket in (self.bucket, self.source, self.there):
            if url.netloc.startswith(f"{bucket.name}."):
                return bucket, What.of(request.method or "", url.netloc, url.path, url.query, request.body)
        return None


def is_look(request: Request) -> bool:
    """Whether somebody looks for the mark of a closed project."""
    return request.method == "GET" and "/state/closed" in unquote(request.raw_path)


def event(key: str, name: str = "ObjectCreated:PutObject", bucket: str = "photos", **parts: Any) -> dict[str, Any]:
    """One element of an OSS trigger's payload."""
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
    """The OSS trigger's payload for `keys`."""
    return json.dumps({"events": [event(key, **parts) for key in keys]}).encode()
