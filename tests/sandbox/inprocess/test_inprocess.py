"""Tests of the virtual sandbox, which runs in one process: virtual time, an order of events that repeats, and kills."""

import concurrent.futures
import itertools

import pytest

from sandbox.inprocess import VirtualSandbox
from sandbox.inprocess.instance import CallInstance, InstanceKilled
from sandbox.inprocess.platform import Executor
from sandbox.server.faults import Fault
from tools.package import ROOT

CODE = ROOT / "template" / "code"
RECORD = "oms_source_record/00000000-0000-4000-8000-00000000005a/success_object/a"


@pytest.fixture
def world():
    with VirtualSandbox() as box:
        box.deploy(CODE)
        yield box


def upload(world, key="a", seconds=60):
    """Write an object, and wait for the end of its event, at most `seconds` of virtual time."""
    world.oss.put(world.source_bucket, key, b"")
    world.wait_idle(seconds)


def record_requests(seed):
    """Run an hour with random faults; return the requests to OMS and OSS, each in the order of their arrival."""
    faults = [Fault.status(503), Fault.drop_before(), Fault.drop_after(), Fault.slow(2)]
    with VirtualSandbox(seed=seed) as box:
        box.deploy(CODE)
        for cloud in (box.oms, box.oss):
            cloud.faults.random(0.3, faults, seed)
        for number in range(60):
            box.oss.put(box.source_bucket, f"{number}", b"")
            box.advance(number % 3)
        box.wait_idle(3600)
        clouds = (box.oms, box.oss)
        return [
            (request.time, request.method, request.raw_path, request.connection)
            for cloud in clouds
            for request in cloud.requests
        ]


def test_the_virtual_sandbox_repeats_all_requests_for_the_same_seed():
    first_run = record_requests(1)
    assert len(first_run) > 120
    assert record_requests(1) == first_run
    assert record_requests(2) != first_run


def act_at_request(world, number, action):
    """Call `action` on the instance that sends the request with this number, before the request is sent.

    Return a list, to which the instance is then added.
    """
    request_numbers, instances = itertools.count(1), []

    def act_before_request(_):
        if next(request_numbers) == number:
            instances.append(world.platform.owner())
            action(*instances)

    world.platform.network.before_request = act_before_request
    return instances


@pytest.mark.parametrize("number", [1, 2])
def test_a_killed_instance_of_the_virtual_sandbox_sends_no_request(world, number):
    instances = act_at_request(world, number, CallInstance.kill_at_once)
    upload(world, seconds=3600)
    assert [invocation.outcome for invocation in world.fc.invocations] == ["crashed", "returned"]
    assert RECORD in world.oss.objects(world.log_bucket)
    with pytest.raises(InstanceKilled):
        instances[0].check_alive()


def test_a_thawed_instance_of_the_virtual_sandbox_continues_its_work(world):
    instances = act_at_request(world, 1, CallInstance.freeze)
    world.oss.put(world.source_bucket, "a", b"")
    world.advance(20)
    assert RECORD not in world.oss.objects(world.log_bucket)
    instances[0].thaw()
    world.wait_idle(60)
    assert RECORD in world.oss.objects(world.log_bucket)
    assert [invocation.outcome for invocation in world.fc.invocations] == ["returned"]


def test_the_virtual_sandbox_freezes_an_idle_instance_with_its_clock(world):
    upload(world)
    world.fc.freeze("forward")
    (instance,) = world.fc._functions["forward"].idle_instances
    start_time = instance._clock.monotonic()
    world.advance(500)
    upload(world, "b")
    assert instance._clock.monotonic() - start_time < 10
    assert len(world.fc._functions["forward"].idle_instances) == 1


def test_the_virtual_sandbox_ends_a_function_at_its_timeout(world):
    world.deploy(CODE, timeout=5, max_retries=0)
    world.oms.faults.add(Fault.hang())
    world.oss.faults.add(Fault.hang())
    upload(world)
    assert world.fc.invocations[0].failed
    assert world.fc.invocations[0].duration <= 5


def test_a_slow_endless_response_ends_when_the_caller_abandons_it(world):
    world.oms.faults.add(Fault.drip(), times=1)
    upload(world, seconds=600)
    assert RECORD in world.oss.objects(world.log_bucket)
    assert world.oms.accepted["a"] == 2


def test_a_timeout_in_virtual_time_counts_from_the_start_of_the_wait(world):
    platform = world.platform

    def hang():
        platform.sleep(1)
        platform.wait(platform.loop.create_future())

    def wait():
        start_time = platform.loop.time()
        with pytest.raises(concurrent.futures.TimeoutError):
            Executor(platform, 1).submit(hang).result(5)
        return platform.loop.time() - start_time

    assert platform.call(platform.run(wait, None)) == 5


def test_a_call_to_an_unknown_host_fails_in_the_virtual_sandbox(world):
    with VirtualSandbox() as box:
        unknown_url = box.task.sync_url.replace("oms.", "oss.")
        box.deploy(CODE, environment={**box.environment(), "SYNC_URL": unknown_url})
        upload(box, seconds=600)
        assert RECORD.replace("success", "failed") in box.oss.objects(box.log_bucket)
