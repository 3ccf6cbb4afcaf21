"""A world for the tests in process: both clouds, a project, and an instance of its functions, in virtual time.

Its methods are actions of applications, OMS, timers and users. Each event happens at once, and no job runs by itself.
"""

from __future__ import annotations

import copy
import importlib
import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, TypeVar

from oss_oms_sync.clock import Deadline, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.oss import Credentials
from oss_oms_sync.jobs import forward
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.store import PassStore
from sandbox.inprocess.instance import CallInstance, InstanceKilled
from sandbox.oms.copier import CopyFault
from support.certificate import check, verdict
from support.clouds import (
    DAY,
    DRIP,
    DROP_AFTER,
    DROP_BEFORE,
    FROZEN,
    HANG,
    HOUR,
    MINUTE,
    NO_RIGHT,
    OBS_HEADERS,
    OK,
    OSS_HEADERS,
    PAGE,
    PART,
    REDIRECTS,
    UNAUTHORIZED,
    Clouds,
    event,
    is_post,
    oms_error,
    oss_error,
    payload,
    reads_mark,
)
from support.log_bucket import BACKFILL, ROOT, TASK, THROTTLED, USUAL, record_name
from support.stored import Stored

if TYPE_CHECKING:
    from typing_extensions import Self

# Tests import all names about worlds from here.
__all__ = [
    "BACKFILL",
    "DAY",
    "DRIP",
    "DROP_AFTER",
    "DROP_BEFORE",
    "ENVIRONMENT",
    "FROZEN",
    "HANG",
    "HOUR",
    "MINUTE",
    "NO_RIGHT",
    "OBS_HEADERS",
    "OK",
    "OSS_HEADERS",
    "PAGE",
    "PART",
    "REDIRECTS",
    "ROOT",
    "TASK",
    "THROTTLED",
    "TICK",
    "UNAUTHORIZED",
    "USUAL",
    "World",
    "event",
    "is_post",
    "oms_error",
    "oss_error",
    "payload",
    "reads_mark",
    "record_name",
]

T = TypeVar("T")

# The event of a timer.
TICK = json.dumps({"triggerTime": "2026-01-02T00:00:00Z", "triggerName": "tick", "payload": "{}"})
# The timeouts in seconds of functions that differ from the usual timeout.
_TIMEOUTS = {"replay": 240, "status": 60}
# The settings of a user of the template, for tests without clouds.
ENVIRONMENT = {
    "SYNC_URL": f"https://oms.cn-north-4.myhuaweicloud.com/v2/0123456789abcdef/sync-tasks/{TASK}/events",
    "HW_AK": "FAKEACCESSKEY0000001",
    "HW_SK": "fakeSecretKey00000000000000000000000001",
    "LOG_BUCKET": "photos-oms-log",
    "SOURCE_BUCKET": "photos",
    "FC_REGION": "cn-hangzhou",
}


class World(Clouds):
    """Both clouds, and an instance of a project's functions.

    - `frozen` is the time of `freeze`.
    - `pending_events` has the keys and ETags of events that Function Compute has not delivered.
    - `page_seconds` is the time that each page of a listing takes.
    """

    page_seconds = 0.0
    _open: ClassVar[list[World]] = []
    # The time, the time of the freeze, and the contents of the buckets and of OMS's counts, by the names of states.
    _reached: ClassVar[dict[str, tuple[float, str, list[dict[Any, Any]]]]] = {}

    def __init__(self, **environment: str) -> None:
        super().__init__(environment.get("PROJECT", "oss-oms-sync"))
        self._open.append(self)
        self.variables = environment
        self.frozen = ""
        self.pending_events: list[tuple[str, str]] = []
        self.start()

    @classmethod
    def installed(cls, *keys: str, **environment: str) -> Self:
        """Return a world an hour after the project's installation, in which OMS has copied the source objects `keys`.

        The permitted rate of calls to OMS is so high that it delays no job. `environment` has settings of the
        functions.
        """
        world = cls(**{"OMS_RATE": "1000", **environment})
        world.install()
        for key in keys:
            world.put(key, key[:2])
        if keys:
            # Later versions of the keys get later times, also in whole seconds.
            world.advance(1)
        return world

    @classmethod
    def holding_copies(cls, **environment: str) -> Self:
        world = cls.installed(**environment)
        world.hold_copies()
        return world

    @classmethod
    def close_all(cls) -> None:
        while cls._open:
            cls._open.pop().close()

    def install(self) -> None:
        """Install the project an hour ago, and let calls to OMS and OSS take a millisecond."""
        self.oms.round_trip = self.oss.round_trip = 0.001
        self.oss.set_latency(listing=self.page_seconds)
        self.task.part_size = PART
        self.bucket.add_installation()

    def other_project(self, **environment: str) -> Self:
        """Return a world with the same clouds, and with an instance of another project of the same sync task."""
        other = copy.copy(self)
        other.variables = {"OMS_RATE": "1000", **environment}
        if bucket := environment.get("SOURCE_BUCKET"):
            self.oss.create_bucket(bucket)
            other.source = Stored(self.oss, bucket)
        other.start()
        return other

    # The instance.

    def start(self) -> None:
        """Replace the functions' instance by a new instance."""
        self.call_instance = self.instance(**self.variables)
        self._clients = self.within(self.call_instance.load_module()._instance)
        self.settings = self._clients.settings
        # Without this, pytest does not get the function's log lines.
        logging.getLogger("oss_oms_sync").propagate = True

    def within(self, call: Callable[[], T]) -> T:
        """Run a call as code of the instance, which ends when the instance is killed."""
        return self.platform.call(self.platform.run(call, self.call_instance))

    @contextmanager
    def second_instance(self) -> Iterator[None]:
        """Use a second instance within the context, while the first waits for a response."""
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
        clients, deadline = self._clients, Deadline(seconds, self.clock)
        credentials = Credentials(*self.function_credentials)
        return Invocation(
            self.settings, clients.oms, clients.oss, credentials, deadline, self.clock, lambda: clients.obs
        )

    @property
    def store(self) -> PassStore:
        """The store of reconcile's passes; a killed instance is replaced first."""
        if not self.call_instance.is_alive:
            self.start()
        return PassStore(self.invocation(), "reconcile")

    def passes(self) -> list[PassState]:
        return self.store.read_states()

    # Events of objects.

    def put(self, key: str, data: str = "A", kind: str = "md5", fate: str = "copied") -> None:
        """Write an object to the source; `fate` says what happens to its event.

        - "lost": the event is lost.
        - "pending": the event waits in `pending_events`.
        - "refused": OMS refuses the key.
        - "accepted": OMS accepts the key, but does not copy the object yet.
        - "copied": OMS copies the object at once.
        """
        etag = self.upload(key, data, kind=kind)
        if fate == "pending" and kind != "Symlink":
            self.pending_events.append((key, etag))
        elif fate != "lost" and kind != "Symlink":
            self.send_event(key, etag, fate)

    def send_event(self, key: str, etag: str, fate: str = "copied") -> None:
        """Forward an event of an object; `put` explains the values of `fate`."""
        is_over = False
        if fate == "refused":
            self.oms.faults.then(FROZEN, where=lambda request: is_post(request) and not is_over)
        elif fate == "accepted":
            self.task.copy_faults.then(CopyFault.withheld(), where=key.__eq__)
        self.forward(payload(key, etag=etag, time=timestamp(self.clock.now())))
        is_over = True
        if fate == "copied" and self._holds_copies:
            self.copy_all()
        elif fate == "copied":
            self.advance(0.01)

    def send_event_again(self, key: str, fate: str = "copied") -> None:
        self.send_event(key, self.oss.objects(self.source.name)[key].etag, fate)

    def deliver(self, number: int = 0, *, again: bool = False) -> None:
        """Forward a pending event; with `again`, keep it pending for a repetition."""
        if self.pending_events:
            number %= len(self.pending_events)
            self.send_event(*(self.pending_events[number] if again else self.pending_events.pop(number)), "")

    def lose(self, number: int = 0) -> None:
        if self.pending_events:
            self.pending_events.pop(number % len(self.pending_events))

    # Jobs.

    def forward(self, payload: bytes, timeout: float = 60) -> bool:
        return self.within(lambda: forward.run(payload, self.invocation(timeout - 0.5)))

    def invoke(self, job: str, event: object = None, timeout: float | None = None) -> dict[str, Any]:
        """Invoke a job with an event or with options, and return its answer; replace a killed instance first.

        The clock advances before the call, because passes that begin at the same moment have equal names.
        """
        self.advance(0.001)
        if not self.call_instance.is_alive:
            self.start()
        text = event if isinstance(event, str | bytes) else json.dumps(event) if event is not None else ""
        run = importlib.import_module(f"oss_oms_sync.jobs.{job}").run
        answer = self.within(lambda: run(text, self.invocation(timeout or _TIMEOUTS.get(job, 570))))
        return answer if isinstance(answer, dict) else answer.to_json()

    def tick(self, job: str, payload: str = "{}", timeout: float | None = None) -> dict[str, Any]:  # type: ignore[override]
        event = {"triggerTime": timestamp(self.clock.now()), "triggerName": "tick", "payload": payload}
        return self.invoke(job, event, timeout)

    def tick_until_finished(self, timeout: float | None = None) -> dict[str, Any]:
        for _ in range(1000):
            answer = self.tick("reconcile", timeout=timeout)
            if answer["finished"]:
                return answer
            self.advance(600)
        raise AssertionError("the pass does not come to an end")

    def reconcile(self, timeout: float | None = None, **options: object) -> dict[str, Any]:
        return self.invoke("reconcile", options, timeout)

    def compare(self, timeout: float | None = None, **options: object) -> dict[str, Any]:
        return self.invoke("compare", options, timeout)

    def headers(self, work: str = "mend", **options: object) -> dict[str, Any]:
        """Run a pass of headers; if header changes update LastModified, it needs a frozen source, as in a cutover."""
        frozen = {"cutover": True} if self.obs_bucket.headers_update_time and work != "look" else {}
        return self.invoke("compare", {"headers": work, **frozen, **options})

    def replay(self, timeout: float | None = None, **options: object) -> dict[str, Any]:
        return self.invoke("replay", options, timeout)

    def status(self, timeout: float | None = None, **options: object) -> dict[str, Any]:
        return self.invoke("status", options, timeout)

    # States that many tests begin with.

    def reach(self, name: str, steps: Callable[[], object]) -> None:
        """Run `steps`, or if an earlier world has run them, take over its time, and the contents of its buckets.

        The world must be as the earlier world was before its steps. `name` names the state after the steps.
        """
        buckets = (self.oss.buckets[self.log_bucket], self.oss.buckets[self.source_bucket], self.obs_bucket)
        kept: list[Any] = [*(bucket.objects for bucket in buckets), self.task._counts]
        if name in self._reached:
            seconds, self.frozen, contents = self._reached[name]
            self.advance(seconds - self.clock.seconds)
            for mapping, content in zip(kept, contents, strict=True):
                mapping.clear()
                mapping.update(content)
        else:
            steps()
            self._reached[name] = self.clock.seconds, self.frozen, [dict(mapping) for mapping in kept]

    # Steps of a cutover.

    def freeze(self, wait: float = HOUR) -> None:
        """Freeze the source, fire replay's timer, and wait for the objects in progress."""
        self.advance(1)
        self.frozen = timestamp(self.clock.now())
        self.tick("replay")
        self.advance(wait)

    def close_project(self, **options: object) -> dict[str, Any]:
        return self.invoke("certify", {"close": True, **options})

    def open_project(self, **options: object) -> dict[str, Any]:
        return self.invoke("certify", {"open": True, **options})

    def open_and_compare(self, **options: object) -> dict[str, Any]:
        """Open the project, also after a GO, and compare all objects, or with `again` only those that differed."""
        self.open_project(after_go=True)
        return self.compare(**(options if "again" in options else {"restart": True, **options}))

    def open_and_replay(self) -> dict[str, Any]:
        self.open_project(after_go=True)
        return self.replay()

    def stand_still(self, wait: float = 15 * MINUTE) -> None:
        """Close the project, wait until OMS has finished, fire replay's timer, and run a standstill pass."""
        self.close_project()
        self.advance(wait)
        self.tick("replay")
        self.compare(standstill=True)

    def prove(self, **options: object) -> None:
        """Run all steps before a certificate, from the comparison on."""
        self.open_and_compare(**options)
        self.stand_still()

    def get_ready(self, wait: float = HOUR, **options: object) -> None:
        self.freeze(wait)
        self.prove(**options)

    def cut_over(self, wait: float = HOUR, **options: object) -> dict[str, Any]:
        self.get_ready(wait, **options)
        return self.certify()

    def recheck(self, **options: object) -> None:
        self.advance()
        self.open_and_compare(again=True, **options)
        self.stand_still()

    def certify(self, timeout: float | None = None, **options: object) -> dict[str, Any]:
        self.advance(1)
        return self.invoke("certify", {"frozen_since": self.frozen, **options}, timeout)

    def rehearse(self, **options: object) -> dict[str, Any]:
        """Return the certificate of a rehearsal, in which writes are not frozen."""
        return self.invoke("certify", options)

    def is_go(self, **options: object) -> bool:
        """Assert that a certificate is a GO."""
        document = self.certify(**options)
        assert verdict(document) == ("GO", {}), document["text"]
        return True

    def find_obstacle(self, name: str, result: str = "failed", *also: str, **options: object) -> dict[str, Any]:
        """Assert that the check `name` of a certificate has this result, and return the check.

        The checks in `also` must be not run; all other checks must pass.
        """
        document = self.certify(**options)
        word = "NO-GO" if result == "failed" else "NOT PROVEN"
        assert verdict(document) == (word, {name: result, **dict.fromkeys(also, "not run")}), document["text"]
        return check(document, name)

    def accepted_keys(self) -> set[str]:
        return set(self.oms.accepted)
