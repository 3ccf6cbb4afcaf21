"""Huawei OMS on loopback: synchronization tasks behind the API gateway.

Written from the pages CreateSyncTask, CreateSyncEvents, ShowSyncTask, ListSyncTaskStatistic, ListSyncTasks,
StartSyncTask, StopSyncTask, DeleteSyncTask, ShowBucketRegion, ShowRegionInfo and UpdatePrivacyAgreementRecord of
support.huaweicloud.com/api-oms.
"""

from __future__ import annotations

import json
import re
import ssl
import uuid
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple, Protocol
from urllib.parse import quote, unquote

from sandbox.gateway import GatewayError, json_response, throttled, verify_signature
from sandbox.keys import KeyedService
from sandbox.oms.task import STATISTICS, Destination, KeyEncoding, OverwriteMode, ReadSource, Task
from sandbox.server.message import Request, Response
from sandbox.server.throttle import RateLimit

_PATH = re.compile(r"/v2/([^/]+)/sync-tasks(?:/([^/]+)(?:/(events|statistics|start|stop))?)?")
_ACCOUNT_PATH = re.compile(r"/v2/([^/]+)/(objectstorage/data-center|objectstorage/buckets/regions|privacy-agreements)")
# The right that each call needs, by its method and the end of its path.
_ACTIONS = {
    ("POST", "events"): "createEvent",
    ("GET", "list"): "list",
    ("POST", "list"): "create",
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
_MAX_TASKS = 5
# What a task has to be given: names, and how long each may be.
_LENGTHS: Mapping[str, int] = {
    "src_region": 100,
    "src_bucket": 1024,
    "src_ak": _MAX_ACCESS_KEY_LENGTH,
    "src_sk": _MAX_ACCESS_KEY_LENGTH,
    "dst_ak": _MAX_ACCESS_KEY_LENGTH,
    "dst_sk": _MAX_ACCESS_KEY_LENGTH,
    "dst_region": 100,
    "dst_bucket": 1024,
}
# What else it may be given, beside a description; the sandbox does no more than these.
_CHOICES: Mapping[str, tuple[object, ...]] = {
    "src_cloud_type": ("Aliyun",),
    "enable_metadata_migration": (True, False),
    "enable_restore": (False,),
    "dst_storage_policy": ("STANDARD",),
    "consistency_check": ("size_last_modified", "crc64", "transmission"),
}


_REGIONS = [
    {
        "service_name": cloud,
        "region_list": [{"cloud_type": cloud, "value": one, "description": one} for one in regions],
    }
    for cloud, regions in (("Aliyun", ("cn-hangzhou", "cn-shanghai")), ("HEC", ("cn-north-4", "cn-east-3")))
]


class Call(NamedTuple):
    """A submission that reached the gateway."""

    time: float
    sent: list[str]
    keys: list[str]
    status: int
    connection: int


class Account(NamedTuple):
    """An access key that OMS is given, and its secret."""

    key: str
    secret: str


class Sides(Protocol):
    """Both accounts, as OMS sees them with such keys. All raise the GatewayError with which OMS refuses."""

    def region_of(self, cloud: str, keys: Account, bucket: str) -> str: ...

    def source(self, keys: Account, region: str, bucket: str) -> ReadSource: ...

    def destination(self, keys: Account, region: str, bucket: str) -> Destination: ...


class Oms(KeyedService):
    """A service that takes object keys for a task, and copies the objects a moment later.

    `sides` and `projects`: what tasks may be created between, and in which projects. `agreements`: the projects whose
    user agreed to the privacy statement, without which no task is created where it `needs_agreement`.
    """

    def __init__(self, port: int = 0, ssl_context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, ssl_context)
        self.calls: list[Call] = []
        self.actions: set[str] = set()
        self.sides: Sides | None = None
        self.projects: set[str] = set()
        self.agreements: set[str] = set()
        self.needs_agreement = False
        # What tasks that were created by a call were given.
        self._given: dict[str, dict[str, Any]] = {}
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

    @property
    def tasks(self) -> list[Task]:
        """Of whatever project, in the order in which they were made."""
        return list(self._tasks.values())

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
        if match := _ACCOUNT_PATH.fullmatch(request.raw_path):
            return self._about_account(request, *match.groups())
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
        if call == ("POST", "list"):
            return self._create_sync_task(request, project)
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
            self._given.pop(task.task_id, None)
        elif call == ("POST", "stop"):
            if task.status != "SYNCHRONIZING":
                raise _bad_parameters("the synchronization task is not running")
            task.status = "STOPPED"
        else:
            keys = _keys_of_both_buckets(request)
            if task.status != "STOPPED":
                raise _bad_parameters("the synchronization task is not stopped")
            if given := self._given.get(task.task_id):
                task.read_source, task.bucket = self._between({**given, **keys})
            task.start()
        return Response(200)

    def _about_account(self, request: Request, project: str, what: str) -> Response:
        """Calls for which no page names a right."""
        caller = verify_signature(request, self.credential, self.skew)
        if project not in self.projects or caller.denial("oms:*", _RESOURCE) == "ExplicitDeny":
            raise GatewayError(403, "APIGW.0302", "The IAM user is not authorized for this project.")
        if (request.method, what) == ("POST", "privacy-agreements"):
            self.agreements.add(project)
            return Response(200)
        if (request.method, what) == ("GET", "objectstorage/data-center"):
            return json_response(200, _REGIONS)
        if (request.method, what) == ("POST", "objectstorage/buckets/regions"):
            given = _object(request)
            if given.keys() != {"cloud_type", "ak", "sk", "bucket_name"}:
                raise _bad_parameters("cloud_type, ak, sk and bucket_name are what is asked for")
            region = self._both().region_of(
                given["cloud_type"], Account(given["ak"], given["sk"]), given["bucket_name"]
            )
            return json_response(200, {"id": region, "name": region, "support": True})
        raise GatewayError(404, "APIGW.0101", "The API does not exist or has not been published")

    def _create_sync_task(self, request: Request, project: str) -> Response:
        given = _task_of(request)
        if project not in self.projects:
            raise GatewayError(403, "APIGW.0302", "The IAM user is not authorized for this project.")
        if self.needs_agreement and project not in self.agreements:
            raise _bad_parameters("the privacy statement was not agreed to")
        if len(self._tasks) >= _MAX_TASKS:
            raise _bad_parameters(f"a tenant has at most {_MAX_TASKS} synchronization tasks")
        read, bucket = self._between(given)
        number = str(uuid.uuid4())
        names = {"src_bucket": given["src_bucket"], "src_region": given["src_region"]}
        task = self.create_task(project, number, read, bucket, **names)
        task.metadata = given.get("enable_metadata_migration", False)
        task.consistency_check = given.get("consistency_check", task.consistency_check)
        task.note = given.get("description", "")
        self._given[number] = given
        return json_response(200, {"sync_task_id": number})

    def _between(self, given: Mapping[str, Any]) -> tuple[ReadSource, Destination]:
        """What a task reads and writes with its keys."""
        sides, source, there = self._both(), Account(given["src_ak"], given["src_sk"]), given["dst_ak"]
        return (
            sides.source(source, given["src_region"], given["src_bucket"]),
            sides.destination(Account(there, given["dst_sk"]), given["dst_region"], given["dst_bucket"]),
        )

    def _both(self) -> Sides:
        if self.sides is None:
            raise GatewayError(501, "OMS.0501", "There is nothing between which this OMS could copy.")
        return self.sides

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


def _object(request: Request) -> dict[str, Any]:
    """The body, which is a JSON object."""
    try:
        body = json.loads(request.body)
    except ValueError:
        raise _bad_parameters("the body is not JSON") from None
    if not isinstance(body, dict):
        raise _bad_parameters("the body is no object")
    return body


def _keys_of_both_buckets(request: Request) -> dict[str, str]:
    """A task is started with the access keys of both buckets, each of at most 100 characters (StartSyncTask)."""
    body = _object(request)
    names = ("src_ak", "src_sk", "dst_ak", "dst_sk")
    _check_texts(body, names)
    return {name: body[name] for name in names}


def _check_texts(body: Mapping[str, Any], names: Iterable[str]) -> None:
    for name in names:
        given = body.get(name)
        if not isinstance(given, str) or not 1 <= len(given) <= _LENGTHS[name]:
            raise _bad_parameters(name)


def _task_of(request: Request) -> dict[str, Any]:
    """What CreateSyncTask is given, checked."""
    body = _object(request)
    _check_texts(body, _LENGTHS)
    for name in body.keys() - _LENGTHS.keys():
        value = body[name]
        if name == "description":
            if not isinstance(value, str) or not re.fullmatch(r"[^<>()\"'&]{0,255}", value):
                raise _bad_parameters(name)
        elif name not in _CHOICES or value not in _CHOICES[name]:
            raise _bad_parameters(f"{name}: the sandbox has no more than {_CHOICES.get(name, 'nothing')}")
    return body


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
