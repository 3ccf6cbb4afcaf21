"""Requests about task groups, which equal those of the vendor's SDK, and their number in `ops.py cost`."""

from collections import Counter
from urllib.parse import urlsplit

import pytest
from huaweicloudsdkcore.auth.credentials import BasicCredentials
from huaweicloudsdkoms import v2

from ops.clock import WallClock
from ops.clouds import wire
from ops.clouds.keys import Keys, Secret
from ops.clouds.oms import NewGroup, TaskGroups
from ops.clouds.services import Service
from ops.cost import effort
from oss_oms_sync.answers.bandwidth import NIGHT_WINDOWS
from sandbox.oms.copier import CopyFailure
from sandbox.server.faults import Fault
from support.sdk_requests import compare_with_sdk, huawei_client
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import expect_exit, expect_success


@pytest.fixture(scope="module")
def sent_requests():
    """Return the requests of a migration that begins, is paused, continued and retried, and ends."""
    with MigrateWorld() as world:
        world.fill(200)

        def prepare(group):
            group.speed, group.parallel_copies = 10.0, 1
            group.failures.add(CopyFailure("X"), where=lambda key: key == "old/000150")

        world.oms.groups.prepare = prepare
        world.stop_following_after(30)
        assert world.migrate("--restore", "--nights", "--keep-storage-class")[0] == 130
        world.stop_following_after(10)
        assert world.migrate("--day-and-night")[0] == 130
        for word, code in (("--look", 0), ("--pause", 0), ("--go-on", 1), ("--retry", 1), ("--remove", 0)):
            expect_exit(world.migrate(word), code)
        return [request for request in world.sent if "/taskgroups" in urlsplit(request.url).path]


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


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


def test_requests_for_task_groups_equal_those_of_the_vendors_sdk(box, sent_requests):
    key = BasicCredentials(*box.huawei_credentials, box.project_id)
    compare_with_sdk(sent_requests, box.oms, GROUPS, [huawei_client(v2, box.oms, key, v2.OmsClient)])


KEYS = Keys(Secret("a"), Secret("s"), Secret())
NEW_GROUP = NewGroup("photos", "cn-hangzhou", "photos-obs", "cn-north-4", [""], "note", overwrite=False, restore=False)


@pytest.mark.parametrize(
    "change",
    [
        lambda groups: groups.create(NEW_GROUP, KEYS, KEYS),
        lambda groups: groups.pause("1"),
        lambda groups: groups.resume("1", KEYS, KEYS),
        lambda groups: groups.retry("1", KEYS, KEYS, only_failed=True),
        lambda groups: groups.limit_bandwidth("1", NIGHT_WINDOWS),
        lambda groups: groups.delete("1"),
    ],
)
def test_ops_does_not_repeat_a_change_of_a_task_group_without_a_response(mocker, change):
    exchange = mocker.patch.object(wire, "exchange", side_effect=ConnectionResetError)
    with pytest.raises(wire.UnreachableError):
        change(TaskGroups(Service("https://oms.cn-north-4.myhuaweicloud.com", KEYS, WallClock()), "project"))
    assert exchange.call_count == 1


BYTES_PER_OBJECT = 10


def count_requests(objects, *words):
    """Run a command until all objects are in OBS; return the number of requests by service."""
    requests = Counter()
    with MigrateWorld() as world:
        world.fill(objects, size=BYTES_PER_OBJECT)
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


@pytest.mark.parametrize("objects", [1_000, pytest.param(10_000, marks=pytest.mark.extras)])
def test_the_estimated_requests_of_a_migration_equal_the_counted_requests(objects):
    group = count_requests(objects, "migrate", "--yes")
    requests = count_requests(objects, "reconcile", "--since", "1970-01-01")
    assert requests["oms"] == objects / 10
    assert group.total() == pytest.approx(effort.group_requests(objects, BYTES_PER_OBJECT * objects), rel=0.2)
    assert requests.total() == pytest.approx(
        effort.submission_requests(objects), rel=0.15 if objects < 10_000 else 0.08
    )
