"""Requests about task groups, which equal those of the vendor's SDK, and their number in `ops.py cost`."""

from collections import Counter
from urllib.parse import urlsplit

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkoms import v2

from ops.cost import effort
from sandbox.oms.copier import CopyFailure
from sandbox.server.faults import Fault
from support.sdk_requests import compare_with_sdk, huawei_client
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import expect_exit, expect_success


def build_order(src_node, dst_node, **options):
    """Return the body of the request CreateTaskGroup as the vendor's SDK builds it."""
    return v2.CreateTaskGroupReq(v2.TaskGroupSrcNode(**src_node), dst_node=v2.TaskGroupDstNode(**dst_node), **options)


GROUPS = {
    ("POST", "/v2/{_}/taskgroups"): ("create_task_group", v2.CreateTaskGroupRequest, build_order),
    ("GET", "/v2/{_}/taskgroups"): ("list_task_group", v2.ListTaskGroupRequest, None),
    ("GET", "/v2/{_}/taskgroups/{group_id}"): ("show_task_group", v2.ShowTaskGroupRequest, None),
    ("PUT", "/v2/{_}/taskgroups/{group_id}/stop"): ("stop_task_group", v2.StopTaskGroupRequest, None),
    ("PUT", "/v2/{_}/taskgroups/{group_id}/start"): (
        "start_task_group",
        v2.StartTaskGroupRequest,
        v2.StartTaskGroupReq,
    ),
    ("PUT", "/v2/{_}/taskgroups/{group_id}/retry"): (
        "retry_task_group",
        v2.RetryTaskGroupRequest,
        v2.RetryTaskGroupReq,
    ),
    ("PUT", "/v2/{_}/taskgroups/{group_id}/update"): (
        "update_task_group",
        v2.UpdateTaskGroupRequest,
        v2.UpdateBandwidthPolicyReq,
    ),
    ("DELETE", "/v2/{_}/taskgroups/{group_id}"): ("delete_task_group", v2.DeleteTaskGroupRequest, None),
}


def prepare_group(group):
    group.speed, group.parallel_copies = 10.0, 1
    group.failures.add(CopyFailure("X"), where=lambda key: key == "old/000150")


def test_requests_for_task_groups_equal_those_of_the_vendors_sdk(box, monkeypatch):
    with MigrateWorld() as world:
        world.fill(200)
        world.oms.groups.prepare = prepare_group
        world.stop_following_after(30)
        expect_exit(world.migrate("--restore", "--nights", "--keep-storage-class"), 130)
        world.stop_following_after(10)
        expect_exit(world.migrate("--day-and-night"), 130)
        for word, code in (("--look", 0), ("--pause", 0), ("--go-on", 1), ("--retry", 1), ("--remove", 0)):
            expect_exit(world.migrate(word), code)
    sent_requests = [request for request in world.sent if "/taskgroups" in urlsplit(request.url).path]
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    key = BasicCredentials(*box.huawei_credentials, box.project_id)
    compare_with_sdk(sent_requests, box.oms, GROUPS, [huawei_client(v2, box.oms, key, v2.OmsClient)])


def count_requests(objects, *words):
    """Run a command until all objects are in OBS; return the number of requests by service."""
    requests = Counter()
    with MigrateWorld() as world:
        world.fill(objects)
        world.advance(3600)
        for name in ("oss", "oms", "obs", "ram", "iam"):

            def counting(_, name=name):
                requests[name] += 1
                return False

            getattr(world, name).faults.add(Fault.hang(), where=counting)
        expect_success(world.run(*words, typed=""))
        world.advance(60)
        assert world.count_copies() == objects
    return requests


@pytest.mark.parametrize("objects", [300, pytest.param(10_000, marks=pytest.mark.extras)])
def test_the_estimated_requests_of_a_migration_equal_the_counted_requests(objects):
    group = count_requests(objects, "migrate", "--yes")
    requests = count_requests(objects, "reconcile", "--since", "1970-01-01")
    assert requests["oms"] == objects / 10
    assert group.total() == pytest.approx(effort.group_requests(objects, 10 * objects), rel=0.2)
    assert requests.total() == pytest.approx(
        effort.submission_requests(objects), rel=0.15 if objects < 10_000 else 0.08
    )
