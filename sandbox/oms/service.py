"""Huawei OMS on loopback: synchronization tasks behind the API gateway.

Written from the pages CreateSyncEvents, ShowSyncTask, ListSyncTaskStatistic, ListSyncTasks, StartSyncTask,
StopSyncTask and DeleteSyncTask of support.huaweicloud.com/api-oms.
"""

from __future__ import annotations

import json
import re
import ssl
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import quote, unquote

from sandbox.gateway import GatewayError, json_response, throttled, verify_signature
from sandbox.keys import KeyedService
from sandbox.oms.task import STATISTICS, Destination, KeyEncoding, OverwriteMode, ReadSource, Task
from sandbox.server.message import Request, Response
from sandbox.server.throttle import RateLimit

_PATH = re.compile(r"/v2/([^/]+)/sync-tasks(?:/([^/]+)(?:/(events|statistics|start|stop))?)?")
# The right that each call needs, by its method and the end of its path.
_ACTIONS = {
    ("POST", "events"): "createEvent",
    ("GET", "list"): "list",
    ("GET", "task"): "get",
    ("GET", "statistics"): "statistics",
    ("POST", "start"): "update",
    ("POST", "stop"): "update",
    ("DELETE", "task"): "delete",
}
# What policies name of it: support.huaweicloud.com/api-oms/oms_api_8004.html; tasks are not told apart.
_RESOURCE = "oms:*:*:synctask:*"
_MAX_PAGE, _MAX_OFFSET = 100, 10_000
_MAX_ACCESS_KEY_LENGTH = 100
_MAX_KEYS = 10


class Call(NamedTuple):
    """A submission that reached the gateway."""

    time: float
    sent: list[str]
    keys: list[str]
    status: int
    connection: int


class Oms(KeyedService):
    """A service that takes object keys for a task, and copies the objects a moment later."""

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.calls: list[Call] = []
        self.actions: set[str] = set()
        self.accepted: Counter[str] = Counter()
        self._tasks: dict[tuple[str, str], Task] = {}
        self._limit: RateLimit | None = None
        self._denied: set[str] = set()
        self._refused: Callable[[str], bool] | None = None

    def create_task(
        self,
        project_id: str,
        task_id: str,
        read_source: ReadSource,
        destination: Destination,
        key_encoding: KeyEncoding = "url",
        overwrite_mode: OverwriteMode = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE",
        src_bucket: str = "photos",
        src_region: str = "cn-hangzhou",
    ) -> Task:
        """Make a task, to be called at `sync_url` of the result."""
        task = Task(
            project_id, task_id, self, read_source, destination, key_encoding, overwrite_mode, src_bucket, src_region
        )
        task.start()
        with self.lock:
            self._tasks[project_id, task_id] = task
        return task

    def deny(self, action: str) -> None:
        """Take away a right, such as oms:synctask:get, from everybody."""
        with self.lock:
            self._denied.add(action)

    def throttle(self, rate_per_second: float | None, burst: float | None = None) -> None:
        """Answer 429 beyond this rate; None takes the limit away."""
        with self.lock:
            self._limit = None if rate_per_second is None else RateLimit(rate_per_second, self._ground.loop.time, burst)

    def refuse(self, predicate: Callable[[str], bool] | None) -> None:
        """Answer 400 to any call that holds a key for which this is true."""
        with self.lock:
            self._refused = predicate

    def wait_copied(self, timeout: float) -> None:
        """Block until every accepted key was copied, skipped or failed, but for those that are held or lost."""
        self._ground.call(self.settle(), timeout)

    def respond(self, request: Request) -> Response:
        try:
            return self._respond(request)
        except GatewayError as error:
            return error.response()

    def _respond(self, request: Request) -> Response:
        match = _PATH.fullmatch(request.raw_path)
        project, task_id, tail = match.groups() if match else ("", "", "")
        call = request.method, tail or ("task" if task_id else "list")
        if match is None or call not in _ACTIONS:
            raise GatewayError(404, "APIGW.0101", "The API does not exist or has not been published")
        action = f"oms:synctask:{_ACTIONS[call]}"
        if call == ("POST", "events"):
            return self._create_sync_events(request, action, project, task_id)
        self._pass_gateway(request, action)
        if call == ("GET", "list"):
            return self._list_sync_tasks(request, project)
        return self._manage(request, call, self._task(project, task_id))

    def _manage(self, request: Request, call: tuple[str, str], task: Task) -> Response:
        if call == ("GET", "task"):
            return _show_sync_task(task, request)
        if call == ("GET", "statistics"):
            return _list_sync_task_statistic(task, request)
        if call == ("DELETE", "task"):
            if task.status != "STOPPED":
                raise _bad_parameters("a task that is synchronizing cannot be deleted: stop it first")
            del self._tasks[task.project_id, task.task_id]
        elif call == ("POST", "stop"):
            if task.status != "SYNCHRONIZING":
                raise _bad_parameters("the synchronization task is not running")
            task.status = "STOPPED"
        else:
            _check_keys_of_both_buckets(request)
            if task.status != "STOPPED":
                raise _bad_parameters("the synchronization task is not stopped")
            task.start()
        return Response(200)

    def _list_sync_tasks(self, request: Request, project: str) -> Response:
        status = request.params.get("status")
        if status not in (None, "SYNCHRONIZING", "STOPPED"):
            raise _bad_parameters("status")
        limit = _number(request, "limit", 10, 1, _MAX_PAGE)
        offset = _number(request, "offset", 0, 0, _MAX_OFFSET)
        found = [
            task.summary()
            for (owner, _), task in self._tasks.items()
            if owner == project and status in (None, task.status)
        ]
        return json_response(200, {"tasks": found[offset : offset + limit], "count": len(found)})

    def _pass_gateway(self, request: Request, action: str) -> None:
        caller = verify_signature(request, self.credential, self.skew)
        self.actions.add(action)
        if action in self._denied or caller.denial(action, _RESOURCE):
            raise GatewayError(403, "APIGW.0302", f"The IAM user is not authorized to perform {action}.")
        if self._limit and not self._limit.allows():
            raise throttled()

    def _task(self, project: str, task_id: str) -> Task:
        try:
            return self._tasks[project, task_id]
        except KeyError:
            raise GatewayError(404, "OMS.0404", "The synchronization task does not exist.") from None

    def _create_sync_events(self, request: Request, action: str, project: str, task_id: str) -> Response:
        sent, keys = _try_read_keys(request)
        try:
            self._pass_gateway(request, action)
            task = self._task(project, task_id)
            sent, keys = _read_keys(request, task.key_encoding)
            self._check_acceptable(task, keys)
        except GatewayError as error:
            self.calls.append(Call(request.time, sent, keys, error.status, request.connection))
            raise
        self.accepted.update(keys)
        task.accept(keys)
        self.calls.append(Call(request.time, sent, keys, 200, request.connection))
        return Response(200)

    def _check_acceptable(self, task: Task, keys: list[str]) -> None:
        if task.status != "SYNCHRONIZING":
            raise _bad_parameters("the synchronization task is stopped")
        if self._refused and any(self._refused(key) for key in keys):
            raise _bad_parameters("object_keys")


def _bad_parameters(what: str) -> GatewayError:
    return GatewayError(400, "OMS.0001", f"Invalid parameter: {what}.")


def _try_read_keys(request: Request) -> tuple[list[str], list[str]]:
    """The keys of a call that may be refused for other reasons, as well as they can be read."""
    try:
        sent = json.loads(request.body)["object_keys"]
        return list(sent), [unquote(key) for key in sent]
    except (ValueError, LookupError, TypeError, AttributeError):
        return [], []


def _read_keys(request: Request, encoding: KeyEncoding) -> tuple[list[str], list[str]]:
    """The keys as sent and decoded."""
    if request.headers.get("content-type", "").partition(";")[0].strip() != "application/json":
        raise _bad_parameters("Content-Type")
    try:
        body = json.loads(request.body)
    except ValueError:
        raise _bad_parameters("the body is not JSON") from None
    sent = body.get("object_keys") if isinstance(body, dict) else None
    if not isinstance(sent, list) or not 1 <= len(sent) <= _MAX_KEYS:
        raise _bad_parameters(f"object_keys must be a list of 1 to {_MAX_KEYS} keys")
    if not all(isinstance(key, str) and key for key in sent):
        raise _bad_parameters("object_keys must hold non-empty strings")
    if encoding == "raw":
        return sent, sent
    if any(quote(unquote(key), safe="") != key for key in sent):
        raise _bad_parameters("object_keys must be URL-encoded")
    return sent, [unquote(key) for key in sent]


def _check_keys_of_both_buckets(request: Request) -> None:
    """A task is started with the access keys of both buckets, each of at most 100 characters (StartSyncTask)."""
    try:
        body = json.loads(request.body)
    except ValueError:
        raise _bad_parameters("the body is not JSON") from None
    for name in ("src_ak", "src_sk", "dst_ak", "dst_sk"):
        given = body.get(name) if isinstance(body, dict) else None
        if not isinstance(given, str) or not 1 <= len(given) <= _MAX_ACCESS_KEY_LENGTH:
            raise _bad_parameters(name)


def _number(request: Request, name: str, default: int, least: int, most: int) -> int:
    given = request.params.get(name, str(default))
    if not re.fullmatch(r"[0-9]{1,6}", given) or not least <= int(given) <= most:
        raise _bad_parameters(name)
    return int(given)


def _show_sync_task(task: Task, request: Request) -> Response:
    return json_response(200, task.description(_milliseconds(request, "query_time") / 1000))


def _list_sync_task_statistic(task: Task, request: Request) -> Response:
    start, end = _milliseconds(request, "start_time"), _milliseconds(request, "end_time")
    data_types = request.params.get("data_type", "").split(",")
    if not set(data_types) <= set(STATISTICS):
        raise _bad_parameters("data_type")
    if start > end:
        raise _bad_parameters("start_time is behind end_time")
    return json_response(200, task.statistics(data_types, start, end))


def _milliseconds(request: Request, name: str) -> int:
    given = request.params.get(name, "")
    # 13 digits: a time in seconds is a mistake that the service can see.
    if not re.fullmatch(r"[0-9]{13}", given):
        raise _bad_parameters(f"{name} must be a time in milliseconds")
    return int(given)
