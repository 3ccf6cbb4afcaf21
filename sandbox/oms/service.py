"""Huawei OMS on loopback: synchronization tasks and migration task groups behind the API gateway.

Written from the pages CreateSyncTask, CreateSyncEvents, ShowSyncTask, ListSyncTaskStatistic, ListSyncTasks,
StartSyncTask, StopSyncTask, DeleteSyncTask, ShowBucketRegion and UpdatePrivacyAgreementRecord of
support.huaweicloud.com/api-oms; `groups` names those of task groups.
"""

from __future__ import annotations

import re
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sandbox.gateway import GatewayError, json_response, throttling_error, verify_signature
from sandbox.keys import KeyedService
from sandbox.oms.copier import Destination, OverwriteMode, ReadSource
from sandbox.oms.groups import BucketPair, Groups
from sandbox.oms.parameters import (
    ACCESS_KEY_FIELDS,
    MAX_PAGE,
    check_names,
    make_parameter_error,
    parse_access_keys,
    parse_fields,
    parse_milliseconds,
    parse_number,
    parse_task,
    read_keys,
    try_read_keys,
)
from sandbox.oms.task import STATISTICS, KeyEncoding, Task
from sandbox.server.message import Request, Response
from sandbox.server.throttle import RateLimit

_PATH = re.compile(
    r"/v2/([^/]+)/(sync-tasks(?:/([^/]+)(?:/(events|statistics|start|stop))?)?"
    r"|taskgroups(?:/([^/]+)(?:/(start|stop|retry|update))?)?)"
)
_ACCOUNT_PATH = re.compile(r"/v2/([^/]+)/(objectstorage/buckets/regions|privacy-agreements)")


class _Operation(NamedTuple):
    """A call of OMS's API: the permission that it needs, its query parameters, and True if it has a body."""

    action: str
    params: frozenset[str] = frozenset()
    has_body: bool = False


_PAGE_PARAMS = frozenset({"limit", "offset"})
# Calls by the method and the last part of the path.
_CALLS = {
    ("POST", "events"): _Operation("createEvent", has_body=True),
    ("GET", "list"): _Operation("list", _PAGE_PARAMS | {"status"}),
    ("POST", "list"): _Operation("create", has_body=True),
    ("GET", "task"): _Operation("get", frozenset({"query_time"})),
    ("GET", "statistics"): _Operation("statistics", frozenset({"data_type", "start_time", "end_time"})),
    ("POST", "start"): _Operation("update", has_body=True),
    ("POST", "stop"): _Operation("update"),
    ("DELETE", "task"): _Operation("delete"),
}
_GROUP_CALLS = {
    ("GET", "list"): _Operation("list", _PAGE_PARAMS),
    ("POST", "list"): _Operation("create", has_body=True),
    ("GET", "group"): _Operation("get"),
    ("PUT", "start"): _Operation("update", has_body=True),
    ("PUT", "stop"): _Operation("update"),
    ("PUT", "retry"): _Operation("update", has_body=True),
    ("PUT", "update"): _Operation("update", has_body=True),
    ("DELETE", "group"): _Operation("delete"),
}
# The resource in policies, which never names a single task or group: support.huaweicloud.com/api-oms/oms_api_8004.html.
_RESOURCE = "oms:*:*:{kind}:*"
_MAX_OFFSET = 10_000
_MAX_TASKS = 5


class Call(NamedTuple):
    """A call that submitted keys, and the status of its response.

    - `time` is Unix time in seconds.
    - `sent_keys` has the keys as sent, `keys` the decoded keys.
    - `connection` is the number of the connection.
    """

    time: float
    sent_keys: list[str]
    keys: list[str]
    status: int
    connection: int


class AccessKey(NamedTuple):
    """An access key and its secret, which a request passes to OMS."""

    key: str
    secret: str


class Sides(Protocol):
    """The source and destination clouds, which OMS calls with the access keys of a request.

    All methods raise GatewayError if OMS refuses the request.
    """

    def find_region(self, cloud: str, access_key: AccessKey, bucket: str) -> str: ...

    def open_source(self, access_key: AccessKey, region: str, bucket: str) -> ReadSource: ...

    def open_destination(self, access_key: AccessKey, region: str, bucket: str) -> Destination: ...

    def list_objects(self, access_key: AccessKey, bucket: str, prefixes: Sequence[str]) -> Iterable[tuple[str, int]]:
        """Yield the keys and sizes in bytes of a source bucket's objects.

        Raises PermissionError if the access key has no permission to list them.
        """


class Oms(KeyedService):
    """The service of OMS, which accepts object keys for a task, and copies the objects a moment later.

    - `sides` has the clouds between which new tasks copy.
    - `agreements` has the ids of the projects whose user agreed to the privacy statement.
    - `needs_agreement` is True if the other projects cannot create tasks.
    - `visibility_delay` is the number of seconds until lists contain a new task.
    """

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.calls: list[Call] = []
        self.actions: set[str] = set()
        self.sides: Sides | None = None
        self.projects: set[str] = set()
        self.agreements: set[str] = set()
        self.needs_agreement = False
        self.visibility_delay = 0.0
        # True if OMS itself answers that a permission is missing, False if the gateway does.
        self.checks_permissions = False
        # The bodies of the requests that created tasks, by task id.
        self._request_bodies: dict[str, dict[str, Any]] = {}
        self.groups = Groups(self, self._open_pair)
        self.accepted: Counter[str] = Counter()
        self._tasks: dict[tuple[str, str], Task] = {}
        self._limit: RateLimit | None = None
        self._denied_actions: set[str] = set()
        self._is_refused: Callable[[str], bool] | None = None

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
        """Create a task that copies metadata, as the command `setup` does; clients submit keys to its `sync_url`."""
        names = (project_id, task_id, key_encoding, src_bucket, src_region)
        task = Task(self, read_source, destination, overwrite_mode, *names, copies_metadata=True)
        task.start()
        with self.lock:
            self._tasks[project_id, task_id] = task
        return task

    @property
    def tasks(self) -> list[Task]:
        return list(self._tasks.values())

    def deny(self, action: str) -> None:
        with self.lock:
            self._denied_actions.add(action)

    def throttle(self, rate_per_second: float | None, burst: float | None = None) -> None:
        """Answer 429 to calls above this rate, and above `burst` calls at once; None removes the limit."""
        with self.lock:
            self._limit = (
                None if rate_per_second is None else RateLimit(rate_per_second, self._platform.loop.time, burst)
            )

    def refuse(self, predicate: Callable[[str], bool] | None) -> None:
        """Answer 400 to each later call with a key that `predicate` accepts; None removes the refusal."""
        with self.lock:
            self._is_refused = predicate

    def wait_until_copied(self, timeout: float) -> None:
        """Wait until the copy of every accepted key has ended, except withheld and lost copies.

        Raises TimeoutError after `timeout` seconds.
        """
        self._platform.call(self.wait_until_idle(), timeout)

    def respond(self, request: Request) -> Response:
        try:
            return self._respond(request)
        except GatewayError as error:
            return error.response()

    def _respond(self, request: Request) -> Response:
        if match := _ACCOUNT_PATH.fullmatch(request.raw_path):
            return self._handle_account_call(request, *match.groups())
        match = _PATH.fullmatch(request.raw_path)
        if match is None:
            raise _make_no_such_api_error()
        project, collection, task_id, last_part, group_id, last_group_part = match.groups("")
        if collection.startswith("taskgroups"):
            return self._handle_group_call(request, project, group_id, last_group_part)
        route = request.method, last_part or ("task" if task_id else "list")
        if route not in _CALLS:
            raise _make_no_such_api_error()
        if route == ("POST", "events"):
            return self._create_sync_events(request, project, task_id)
        self._check_gateway(request, "synctask", _CALLS[route])
        if route == ("GET", "list"):
            return self._list_sync_tasks(request, project)
        if route == ("POST", "list"):
            return self._create_sync_task(request, project)
        return self._manage_task(request, route, self._find_task(project, task_id))

    def _handle_group_call(self, request: Request, project: str, group_id: str, last_part: str) -> Response:
        route = request.method, last_part or ("group" if group_id else "list")
        if route not in _GROUP_CALLS:
            raise _make_no_such_api_error()
        self._check_gateway(request, "taskgroup", _GROUP_CALLS[route])
        if route == ("POST", "list"):
            self._check_creation(project)
            return self.groups.create(request, project)
        if route == ("GET", "list"):
            return self.groups.list(request, project)
        return self.groups.answer_call(request, project, group_id, last_part or request.method)

    def _manage_task(self, request: Request, route: tuple[str, str], task: Task) -> Response:
        if route == ("GET", "task"):
            return _show_sync_task(task, request)
        if route == ("GET", "statistics"):
            return _list_sync_task_statistic(task, request)
        if route == ("DELETE", "task"):
            if task.status != "STOPPED":
                raise make_parameter_error("a task that is synchronizing cannot be deleted: stop it first")
            del self._tasks[task.project_id, task.task_id]
            self._request_bodies.pop(task.task_id, None)
        elif route == ("POST", "stop"):
            if task.status != "SYNCHRONIZING":
                raise make_parameter_error("the synchronization task is not running")
            task.status = "STOPPED"
        else:
            keys = parse_access_keys(parse_fields(request, *ACCESS_KEY_FIELDS))
            if task.status != "STOPPED":
                raise make_parameter_error("the synchronization task is not stopped")
            if body := self._request_bodies.get(task.task_id):
                task.read_source, task.bucket = self._open_buckets({**body, **keys})
            task.start()
        return Response(200)

    def _handle_account_call(self, request: Request, project: str, call: str) -> Response:
        """Answer a call that concerns no task; no page documents permissions for these calls."""
        caller = verify_signature(request, self.find_credential, self.find_age)
        if project not in self.projects or caller.find_denial("oms:*", _RESOURCE.format(kind="*")) == "ExplicitDeny":
            raise GatewayError(403, "APIGW.0302", "The IAM user is not authorized for this project.")
        check_names(request, (), has_body=call.endswith("regions"))
        if (request.method, call) == ("POST", "privacy-agreements"):
            self.agreements.add(project)
            return Response(200)
        if (request.method, call) == ("POST", "objectstorage/buckets/regions"):
            names = ("cloud_type", "ak", "sk", "bucket_name")
            body = parse_fields(request, *names)
            if len(body) < len(names):
                raise make_parameter_error("cloud_type, ak, sk and bucket_name are what is asked for")
            region = self._require_sides().find_region(
                body["cloud_type"], AccessKey(body["ak"], body["sk"]), body["bucket_name"]
            )
            return json_response(200, {"id": region, "name": region, "support": True})
        raise _make_no_such_api_error()

    def _create_sync_task(self, request: Request, project: str) -> Response:
        body = parse_task(request)
        self._check_creation(project)
        if len(self._tasks) >= _MAX_TASKS:
            raise make_parameter_error(f"a tenant has at most {_MAX_TASKS} synchronization tasks")
        read_source, bucket = self._open_buckets(body)
        task_id = str(uuid.uuid4())
        names = {"src_bucket": body["src_bucket"], "src_region": body["src_region"]}
        task = self.create_task(project, task_id, read_source, bucket, **names)
        task.copies_metadata = body.get("enable_metadata_migration", False)
        task.consistency_check = body.get("consistency_check", task.consistency_check)
        task.storage_policy = body.get("dst_storage_policy", task.storage_policy)
        task.description = body.get("description", "")
        self._request_bodies[task_id] = body
        return json_response(200, {"sync_task_id": task_id})

    def _check_creation(self, project: str) -> None:
        if project not in self.projects:
            raise GatewayError(403, "APIGW.0302", "The IAM user is not authorized for this project.")
        if self.needs_agreement and project not in self.agreements:
            raise make_parameter_error("the privacy statement was not agreed to")

    def _open_buckets(self, body: Mapping[str, Any]) -> tuple[ReadSource, Destination]:
        sides, source_key, destination_key = (
            self._require_sides(),
            AccessKey(body["src_ak"], body["src_sk"]),
            body["dst_ak"],
        )
        return (
            sides.open_source(source_key, body["src_region"], body["src_bucket"]),
            sides.open_destination(AccessKey(destination_key, body["dst_sk"]), body["dst_region"], body["dst_bucket"]),
        )

    def _open_pair(self, body: Mapping[str, Any]) -> BucketPair:
        source_key, bucket = AccessKey(body["src_ak"], body["src_sk"]), body["src_bucket"]
        list_objects = self._require_sides().list_objects
        return BucketPair(
            *self._open_buckets(body), lambda settings: list_objects(source_key, bucket, settings.prefixes)
        )

    def _require_sides(self) -> Sides:
        if self.sides is None:
            raise GatewayError(501, "OMS.0501", "This OMS has no buckets to copy between.")
        return self.sides

    def _list_sync_tasks(self, request: Request, project: str) -> Response:
        status = request.params.get("status")
        if status not in (None, "SYNCHRONIZING", "STOPPED"):
            raise make_parameter_error("status")
        limit = parse_number(request, "limit", 10, 1, MAX_PAGE)
        offset = parse_number(request, "offset", 0, 0, _MAX_OFFSET)
        summaries = [
            task.summarize()
            for (owner, _), task in self._tasks.items()
            if owner == project and status in (None, task.status) and task.age() >= self.visibility_delay
        ]
        return json_response(200, {"tasks": summaries[offset : offset + limit], "count": len(summaries)})

    def _check_gateway(self, request: Request, kind: str, operation: _Operation) -> None:
        caller, action = (
            verify_signature(request, self.find_credential, self.find_age),
            f"oms:{kind}:{operation.action}",
        )
        self.actions.add(action)
        if action in self._denied_actions or caller.find_denial(action, _RESOURCE.format(kind=kind)):
            status, code = (400, "OMS.0072") if self.checks_permissions else (403, "APIGW.0302")
            raise GatewayError(status, code, f"The IAM user is not authorized to perform {action}.")
        if self._limit and not self._limit.allows():
            raise throttling_error()
        check_names(request, operation.params, operation.has_body)

    def _find_task(self, project: str, task_id: str) -> Task:
        try:
            return self._tasks[project, task_id]
        except KeyError:
            raise GatewayError(404, "OMS.0404", "The synchronization task does not exist.") from None

    def _create_sync_events(self, request: Request, project: str, task_id: str) -> Response:
        sent_keys, keys = try_read_keys(request)
        try:
            self._check_gateway(request, "synctask", _CALLS["POST", "events"])
            task = self._find_task(project, task_id)
            sent_keys, keys = read_keys(request, task.key_encoding)
            self._check_acceptable(task, keys)
        except GatewayError as error:
            self.calls.append(Call(request.time, sent_keys, keys, error.status, request.connection))
            raise
        self.accepted.update(keys)
        task.accept(keys)
        self.calls.append(Call(request.time, sent_keys, keys, 200, request.connection))
        return Response(200)

    def _check_acceptable(self, task: Task, keys: list[str]) -> None:
        if task.status != "SYNCHRONIZING":
            raise make_parameter_error("the synchronization task is stopped")
        if self._is_refused and any(self._is_refused(key) for key in keys):
            raise make_parameter_error("object_keys")


def _make_no_such_api_error() -> GatewayError:
    return GatewayError(404, "APIGW.0101", "The API does not exist or has not been published")


def _show_sync_task(task: Task, request: Request) -> Response:
    return json_response(200, task.describe(parse_milliseconds(request, "query_time") / 1000))


def _list_sync_task_statistic(task: Task, request: Request) -> Response:
    start, end = parse_milliseconds(request, "start_time"), parse_milliseconds(request, "end_time")
    data_types = request.params.get("data_type", "").split(",")
    if not set(data_types) <= set(STATISTICS):
        raise make_parameter_error("data_type")
    if start > end:
        raise make_parameter_error("start_time is behind end_time")
    return Response(200, task.statistics(data_types, start, end).encode(), {"Content-Type": "application/json"})
