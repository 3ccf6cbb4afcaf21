"""Both clouds and the clock without sockets and without waiting, for thousands of fault schedules.

A schedule is a list of faults, one for each call in its order; after its end every call works. What a cloud really
did is kept apart from what it answered.
"""

from __future__ import annotations

import io
import json
from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any, ClassVar
from urllib.parse import unquote, urlsplit

import requests
import urllib3
from requests.adapters import BaseAdapter

from oss_oms_sync.clock import Clock, Deadline
from oss_oms_sync.clouds.connection import Session
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import etag_of
from oss_oms_sync.clouds.obs import ObsClient
from oss_oms_sync.clouds.oms import OmsClient
from oss_oms_sync.clouds.oss import Credentials, OssClient
from oss_oms_sync.clouds.pool import CallPool
from oss_oms_sync.jobs import forward
from oss_oms_sync.settings import Settings
from support.world import ENVIRONMENT, TASK

HANG, DRIP, DROP_BEFORE, DROP_AFTER, OK = "hang", "drip", "drop before", "drop after", "ok"
# By what OSS's answers are known.
OSS = {"x-oss-request-id": "5D12"}
# What stands between a cloud and its client answers, in the cloud's place.
REDIRECTS = [(302, {"Location": to}, "") for to in ("https://login.example/", "http://[", "caf\xe9")]
PAGE = (200, {}, "<html><body>Please log in</body></html>")
FOR_EVER = 1e6


class VirtualClock(Clock):
    def __init__(self) -> None:
        self.seconds = 0.0
        self.ahead = timedelta()

    def monotonic(self) -> float:
        return self.seconds

    def now(self) -> datetime:
        return datetime(2026, 1, 2, tzinfo=timezone.utc) + timedelta(seconds=self.seconds) + self.ahead

    def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class VirtualPool(CallPool):
    """Runs the calls one after the other, each from the same moment, as if they ran side by side."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock

    def begin(self, call: Callable[[], Any], seconds: float) -> Any:
        start = self._clock.seconds
        try:
            result, error = call(), None
        except Exception as caught:
            result, error = None, caught
        end, self._clock.seconds = self._clock.seconds, start
        return _VirtuallyBegun(self._clock, result, error, end, start + seconds)


class _VirtuallyBegun:
    """What came of a call, at the moment `end`; nobody waits for it longer than until `latest`."""

    def __init__(self, clock: VirtualClock, result: object, error: Exception | None, end: float, latest: float) -> None:
        self._clock, self._result, self._error, self._end, self._latest = clock, result, error, end, latest

    def result(self) -> Any:
        self._clock.seconds = max(self._clock.seconds, min(self._end, self._latest))
        if self._end > self._latest:
            return None
        if self._error:
            raise self._error
        return self._result

    def leave(self) -> bool:
        return False


class _Body(io.BytesIO):
    """Tells how far it was read even when it is closed."""

    def close(self) -> None:
        pass


class VirtualCloud(BaseAdapter):
    known_by: ClassVar[dict[str, str]] = {}

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__()
        self._clock = clock
        self.schedule: list[str | int | tuple[int, dict[str, str], str]] = []
        self.round_trip = 0.02
        self.timeouts: list[tuple[float, float]] = []
        self.urls: list[str] = []
        self.bodies: list[_Body] = []
        self.closed = 0

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        self.timeouts.append(options["timeout"])
        self.urls.append(str(request.url))
        fault = self.schedule.pop(0) if self.schedule else OK
        self._clock.seconds += self.round_trip
        if fault in (OK, DROP_AFTER, DRIP):
            answer = self.work(request)
        elif isinstance(fault, int):
            answer = self.answer(request, fault, self.known_by, "")
        elif isinstance(fault, tuple):
            answer = self.answer(request, *fault)
        if fault in (DROP_BEFORE, DROP_AFTER):
            raise requests.ConnectionError("Connection aborted.")
        if fault == HANG:
            self._clock.seconds += options["timeout"][1]
            raise requests.ReadTimeout("Read timed out.")
        if fault == DRIP:
            self._clock.seconds += FOR_EVER
        return answer

    def work(self, request: requests.PreparedRequest) -> requests.Response:
        raise NotImplementedError

    def answer(
        self, request: requests.PreparedRequest, status: int, headers: dict[str, str], body: str
    ) -> requests.Response:
        response = requests.Response()
        response.status_code, response.request, response.url = status, request, request.url or ""
        response.headers.update(headers)
        self.bodies.append(_Body(body.encode()))
        response.raw = urllib3.HTTPResponse(self.bodies[-1], preload_content=False)
        return response

    def connect(self, url: str, verify: object) -> None:
        """There is nothing to open."""

    def close(self) -> None:
        self.closed += 1


class VirtualOms(VirtualCloud):
    """Keeps every call's keys as they were sent, and counts the keys it took."""

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.calls: list[list[str]] = []
        self.accepted: Counter[str] = Counter()
        self.refused: set[str] = set()

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if request.method == "POST":
            self.calls.append(json.loads(request.body or "")["object_keys"])
        return super().send(request, **options)

    def work(self, request: requests.PreparedRequest) -> requests.Response:
        keys = [unquote(key) for key in self.calls[-1]]
        if self.refused.intersection(keys):
            return self.answer(request, 400, {}, '{"error_code": "OMS.0001", "error_msg": "bad key"}')
        self.accepted.update(keys)
        return self.answer(request, 200, {}, "")


class VirtualOss(VirtualCloud):
    """Keeps what was put: object name to body and headers. Reading the mark of a closed project has a schedule of
    its own."""

    known_by = OSS

    def __init__(self, clock: VirtualClock) -> None:
        super().__init__(clock)
        self.objects: dict[str, bytes] = {}
        self.headers: dict[str, requests.structures.CaseInsensitiveDict[str]] = {}
        self.puts = self.looks = 0
        self.look_schedule: list[str | int | tuple[int, dict[str, str], str]] = []

    def send(self, request: requests.PreparedRequest, **options: Any) -> requests.Response:
        if not self._is_look(request):
            return super().send(request, **options)
        self.looks += 1
        self.schedule, self.look_schedule = self.look_schedule, self.schedule
        try:
            return super().send(request, **options)
        finally:
            self.schedule, self.look_schedule = self.look_schedule, self.schedule

    @staticmethod
    def _is_look(request: requests.PreparedRequest) -> bool:
        return request.method == "GET" and "/state/closed" in unquote(str(request.url))

    def work(self, request: requests.PreparedRequest) -> requests.Response:
        name = unquote(urlsplit(str(request.url)).path[1:])
        if request.method == "GET":
            if name not in self.objects:
                return self.answer(request, 404, OSS, "<Error><Code>NoSuchKey</Code><Message>no</Message></Error>")
            return self.answer(request, 200, OSS, self.objects[name].decode())
        self.puts += 1
        body = bytes(request.body or b"")  # type: ignore[arg-type]
        self.objects[name], self.headers[name] = body, request.headers
        return self.answer(request, 200, {**OSS, "ETag": f'"{etag_of(body)}"'}, "")

    def answer(
        self, request: requests.PreparedRequest, status: int, headers: dict[str, str], body: str
    ) -> requests.Response:
        if status >= 400:
            code = {403: "AccessDenied", 404: "NoSuchBucket"}.get(status, "InternalError")
            body = body or f"<Error><Code>{code}</Code><Message>no</Message></Error>"
        return super().answer(request, status, headers, body)


class World:
    """One instance of the function between two virtual clouds."""

    pool_type = VirtualPool
    oms_type = VirtualOms

    def __init__(self, **environment: str) -> None:
        self.settings = Settings.from_env({**ENVIRONMENT, **environment})
        self.clock = VirtualClock()
        self.oms, self.oss = self.oms_type(self.clock), VirtualOss(self.clock)
        self.pool = self.pool_type(self.clock)
        oms, oss = (Session(url, self.clock) for url in (self.settings.task.url, self.settings.oss_endpoint))
        oms.mount("https://", self.oms)
        oss.mount("https://", self.oss)
        self.client = OmsClient(self.settings, oms, self.pool, self.clock)
        self._oss = OssClient(self.settings, oss, self.pool, self.clock)
        self._obs = ObsClient(self.settings, self.pool, self.clock)

    def invocation(self, seconds: float = 60, oms: Any = None) -> Invocation:
        """A new invocation that has so long; `oms` in place of the client of the virtual OMS."""
        credentials = Credentials("FAKEID", "fakesecret", "faketoken")
        deadline = Deadline(seconds, self.clock)
        return Invocation(
            self.settings, oms or self.client, self._oss, credentials, deadline, self.clock, lambda: self._obs
        )

    def forward(self, payload: bytes, timeout: float = 60) -> bool:
        return forward.run(payload, self.invocation(timeout - 0.5))

    def record_body(self, state: str, key: str) -> bytes | None:
        return self.oss.objects.get(f"oms_source_record/{TASK}/{state}_object/{key}")
