"""The calls of OMS's API for task groups.

They are CreateTaskGroup, ListTaskGroup, ShowTaskGroup, StopTaskGroup, StartTaskGroup, RetryTaskGroup, UpdateTaskGroup
and DeleteTaskGroup of support.huaweicloud.com/api-oms.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from sandbox.gateway import GatewayError, json_response
from sandbox.oms.copier import Destination, ReadSource
from sandbox.oms.group import Group, GroupSettings, Status
from sandbox.oms.parameters import (
    ACCESS_KEY_FIELDS,
    MAX_PAGE,
    make_parameter_error,
    parse_access_keys,
    parse_bandwidth,
    parse_fields,
    parse_group,
    parse_number,
)
from sandbox.server.message import Request, Response
from sandbox.server.service import Service

_MAX_OFFSET = 2_147_483_647


class BucketPair(NamedTuple):
    """The source and destination of a group, opened with the access keys of a request.

    `list_source` yields the keys and sizes in bytes of the objects that a group's settings select.
    """

    read_source: ReadSource
    bucket: Destination
    list_source: Callable[[GroupSettings], Iterable[tuple[str, int]]]


class Groups:
    """The task groups of all projects.

    `open_buckets` raises GatewayError if OMS refuses access keys or buckets. `prepare` is called with each new group
    before its start.
    """

    def __init__(self, service: Service, open_buckets: Callable[[Mapping[str, Any]], BucketPair]) -> None:
        self.prepare: Callable[[Group], object] = lambda _: None
        self._service, self._open_buckets = service, open_buckets
        # By project and group id: the group, and the keys, regions and buckets in the request that created it.
        self._groups: dict[tuple[str, str], tuple[Group, dict[str, Any]]] = {}

    def list_all(self) -> list[Group]:
        return [group for group, _ in self._groups.values()]

    def create(self, request: Request, project: str) -> Response:
        parameters = parse_group(request)
        buckets = self._open_buckets(parameters.node_fields)
        group = Group(
            self._service,
            buckets.read_source,
            buckets.bucket,
            parameters.mode,
            str(uuid.uuid4()),
            parameters.settings,
            lambda: buckets.list_source(parameters.settings),
            parameters.bandwidth,
            copies_metadata=parameters.copies_metadata,
            restores_archived=parameters.restores_archived,
            storage_policy=parameters.storage_policy,
        )
        self._groups[project, group.group_id] = group, parameters.node_fields
        self.prepare(group)
        group.start()
        return json_response(200, {"group_id": group.group_id})

    def list(self, request: Request, project: str) -> Response:
        limit = parse_number(request, "limit", 10, 1, MAX_PAGE)
        offset = parse_number(request, "offset", 0, 0, _MAX_OFFSET)
        groups = [group.describe() for (owner, _), (group, _) in self._groups.items() if owner == project]
        return json_response(200, {"taskgroups": groups[offset : offset + limit], "count": len(groups)})

    def answer_call(self, request: Request, project: str, group_id: str, call: str) -> Response:
        """Answer a call for an existing group.

        `call` is the last part of the path ("stop", "start"), or the method if the path ends with the group's id.
        """
        try:
            group, node_fields = self._groups[project, group_id]
        except KeyError:
            raise GatewayError(404, "OMS.0404", "The task group does not exist.") from None
        if call == "GET":
            return json_response(200, group.describe())
        if call == "DELETE":
            if not group.is_deletable:
                raise make_parameter_error("a group that is created, monitored or paused just now cannot be deleted")
            del self._groups[project, group_id]
        elif call == "stop":
            _check_status(group, Status.CREATING, Status.MONITORING)
            group.pause()
        elif call == "update":
            _check_status(group, Status.WAITING, Status.CREATING, Status.MONITORING, Status.PAUSED, Status.PAUSING)
            group.bandwidth = parse_bandwidth(parse_fields(request, "bandwidth_policy"))
        else:
            _check_status(group, Status.PAUSED if call == "start" else Status.FAILED)
            self._restart_group(request, group, node_fields, call)
        return Response(200)

    def _restart_group(self, request: Request, group: Group, node_fields: Mapping[str, Any], call: str) -> None:
        body = parse_fields(request, *ACCESS_KEY_FIELDS, *(["migrate_failed_object"] if call == "retry" else []))
        is_partial = body.get("migrate_failed_object", False) is True
        buckets = self._open_buckets({**node_fields, **parse_access_keys(body)})
        if is_partial and not group.settings.records_failures:
            raise make_parameter_error("migrate_failed_object: the failed objects were not recorded")
        group.read_source, group.bucket = buckets.read_source, buckets.bucket
        group.list_source = lambda: buckets.list_source(group.settings)
        group.drop_bandwidth()
        if call == "start":
            group.resume()
        elif is_partial:
            group.retry()
        else:
            group.start()


def _check_status(group: Group, *allowed_statuses: Status) -> None:
    if group.status not in allowed_statuses:
        raise make_parameter_error(f"the task group has the status {int(group.status)}")
