"""The lock of setup in the log bucket, for two simultaneous runs and for a run that was killed."""

import json
from urllib.parse import urlsplit

import pytest

from ops.clouds import wire
from sandbox.server.faults import Fault
from unit.ops.setup.setup_world import NAME, YES, expect_exit, expect_success, request_number

LOCK = f"oms_source_record/setup/{NAME}.json"
OTHER_KEYS = ("LTAIofAnotherPerson01", "secretOfAnotherPerson000000001")
RUNNING_LINE = "stop: setup lock: acs:ram::1000000000000001:user/administrator, administrator started a setup at"


def add_other_administrator(world):
    """Add a second administrator of the same accounts; return that administrator's keys."""
    world.ram.add_credentials(*OTHER_KEYS, holder="user/somebody")
    world.oss.add_credentials(*OTHER_KEYS, holder="user/somebody")
    world.functions.add_credentials(*OTHER_KEYS, holder="user/somebody")
    keys = world.administrators()
    return {**keys, **dict(zip([name for name in keys if name.startswith("ALIBABA")], OTHER_KEYS, strict=False))}


def is_about_lock(request, method):
    """Return True if a request with this method reads or writes the lock."""
    path = urlsplit(request.url).path if isinstance(request, wire.Request) else request.raw_path
    return request.method == method and path.endswith(f"/{LOCK}")


def kill_with_lock(world):
    """Kill a run of setup as soon as it has the lock."""
    number = request_number(lambda request: is_about_lock(request, "PUT"))
    with world.cut_off("dies_after", number, away=0):
        world.setup(typed=YES)


@pytest.fixture
def abandoned_lock(world):
    """Return the lock of a setup that was killed a moment ago, as JSON data."""
    kill_with_lock(world)
    return json.loads(world.oss.objects(world.log_bucket)[LOCK].data)


def test_setup_shows_another_caller_who_holds_the_lock_and_until_when(world, abandoned_lock):
    assert abandoned_lock["callers"] == ["acs:ram::1000000000000001:user/administrator", "administrator"]
    ways = "-> Wait until the other run has ended. If it was interrupted, you can continue 40 minutes after it began"
    expect_exit(
        world.setup(typed=YES, keys=add_other_administrator(world)), 1, RUNNING_LINE, abandoned_lock["since"], ways
    )
    world.advance(41 * 60)
    expect_success(world.setup(typed=YES, keys=add_other_administrator(world)))


def test_setup_takes_over_the_lock_of_the_same_caller_after_a_yes(world, abandoned_lock):
    lock_line = "change: setup lock: acs:ram::1000000000000001:user/administrator, administrator"
    assert json.loads(world.oss.objects(world.log_bucket)[LOCK].data) == abandoned_lock
    expect_success(
        world.setup(typed=YES), lock_line, abandoned_lock["since"], "Confirm this plan only if the other run has ended"
    )
    assert LOCK not in world.oss.objects(world.log_bucket)


def test_setup_takes_over_only_the_lock_that_its_plan_names(world, abandoned_lock):
    # GIVEN another terminal of the same caller, which takes the lock over while this terminal prompts
    first_request, lock = world.asked, world.oss.objects(world.log_bucket)[LOCK]

    def take_over(world=world):
        later_lock = json.dumps({**abandoned_lock, "run": "another"}).encode()
        world.oss.put(world.log_bucket, LOCK, later_lock)

    plan = json.loads(expect_success(world.setup("--plan", "--json")).splitlines()[-1])
    world.meanwhile[world.asked + (world.asked - first_request)] = take_over
    expect_exit(world.setup("--yes", plan["plan"], "--agree"), 2, "Setup's plan is outdated (setup lock")
    assert json.loads(world.oss.objects(world.log_bucket)[LOCK].data)["run"] == "another" != lock


def test_a_lock_that_setup_cannot_read_back_blocks_no_later_setup(world):
    world.oss.create_bucket(world.log_bucket)
    world.oss.faults.add(Fault.status(503), 8, where=lambda request: is_about_lock(request, "GET"))
    expect_exit(world.setup(typed=YES), 1, "refused GET: 503")
    expect_success(world.setup(typed=YES))
