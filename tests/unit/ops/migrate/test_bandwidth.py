"""Bandwidth limits of migrations: migrate sets, changes and restores them, and cost estimates the price."""

from __future__ import annotations

from collections import Counter
from datetime import timezone

import pytest

from ops.cost import nights
from ops.cost.prices import Prices
from ops.migrate.messages import describe_time_zone
from oss_oms_sync.answers.bandwidth import NIGHT_WINDOWS
from sandbox.oms.group import Status
from support.administrator import draw_requests
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import expect_exit

NIGHTS_FIELD = [{"start": "08:00", "end": "23:59", "max_bandwidth": 1_048_576}]
GIGABYTES = 3_700
CHINA_SECONDS = 8 * 3600


def change_limits(world: MigrateWorld, *words: str) -> None:
    """Run a migrate command that changes the limits, and interrupt it while it waits for the migration."""
    world.stop_following_after(30)
    expect_exit(world.migrate(*words), 130)


def test_migrate_sets_and_removes_the_bandwidth_limits_of_a_task_group(world):
    world.begin_migration(50, 3600, "--nights")
    assert world.group.bandwidth == NIGHTS_FIELD
    change_limits(world, "--bandwidth", "08:00-19:59=5MB/s", "--bandwidth", "20:00-23:59=1MB/s")
    assert [window["max_bandwidth"] for window in world.group.bandwidth] == [5_000_000, 1_048_576]
    change_limits(world, "--day-and-night")
    assert world.group.bandwidth == []


def test_migrate_without_an_option_keeps_limits_set_in_the_oms_console(world):
    world.begin_migration(50, 3600)
    assert not any(b"bandwidth_policy" in (request.body or b"") for request in world.sent)
    world.group.bandwidth = NIGHTS_FIELD
    change_limits(world)
    assert world.group.bandwidth == NIGHTS_FIELD


@pytest.mark.parametrize(
    ("windows", "phrase"),
    [
        (["08:00-12:00", "11:00-13:00"], "the time windows 08:00-12:00 and 11:00-13:00 overlap"),
        ([f"0{hour}:00-0{hour}:30" for hour in range(6)], "OMS accepts at most 5 time windows"),
    ],
    ids=["overlapping windows", "six windows"],
)
def test_migrate_refuses_impossible_bandwidth_windows_before_any_call(world, windows, phrase):
    request_count = world.asked
    expect_exit(world.migrate(*(f"--bandwidth={window}=5MB/s" for window in windows)), 2, f"--bandwidth: {phrase}")
    assert [request.url for request in world.sent[request_count:] if "taskgroups" in request.url] == []


def test_the_next_migrate_command_completes_an_interrupted_limit_change(world):
    world.begin_migration(50, 3600, "--nights")
    world.group.bandwidth = []
    change_limits(world)
    assert world.group.bandwidth == NIGHTS_FIELD


def test_migrate_restores_the_bandwidth_limits_that_a_pause_removed(world):
    world.begin_migration(50, 3600, "--nights")
    expect_exit(world.migrate("--pause"), 0)
    world.group.forgets_bandwidth = True
    change_limits(world, "--go-on")
    assert world.group.bandwidth == NIGHTS_FIELD


def test_the_bandwidth_limits_that_were_stored_last_are_in_force():
    for number in draw_requests(range(1, 20), 2):
        with MigrateWorld() as world:
            world.begin_migration(50, 3600)
            request_number = world.asked + number

            def set_other_limits(world=world):
                world.stop_following_after(0)
                world.migrate("--bandwidth", "09:00-18:00=2MB/s", typed="")
                world.stop_following_after(0)

            world.meanwhile[request_number] = set_other_limits
            world.migrate("--nights")
            is_over_before = request_number in world.meanwhile
            assert world.group.bandwidth == world.read_intention()["bandwidth"], number
        if is_over_before:
            break
    assert number > 3


def count_bytes_by_hour(world: MigrateWorld, gigabytes: int, zone: timezone | None = None) -> Counter[int]:
    """Let the next task group copy objects of a gigabyte, and return the copied bytes by hour of the day in China.

    `zone` is the time zone in which OMS reads the limits.
    """
    bytes_by_hour: Counter[int] = Counter()

    def prepare(group):
        group.parallel_copies, group.zone = 1, zone or group.zone
        group.list_source = lambda: ((f"old/{number:06}", 10**9) for number in range(gigabytes))
        read, count = group.read_source, group.report

        def report(copy, outcome):
            count(copy, outcome)
            group.size += 10**9 - copy.size
            bytes_by_hour[int(group.service.now() + CHINA_SECONDS) // 3600 % 24] += 10**9

        group.read_source, group.report = lambda _: read("old/000000"), report

    world.fill(1)
    world.oms.groups.prepare = prepare
    return bytes_by_hour


def test_the_price_of_a_migration_at_night_equals_the_estimate(world):
    bytes_by_hour = count_bytes_by_hour(world, GIGABYTES)
    world.stop_following_after(60)
    expect_exit(world.migrate("--nights"), 130)
    world.advance(2 * 86_400 + 3600)
    assert world.group.status is Status.DONE
    prices = Prices()
    counted_price = sum(
        size / 2**30 * (prices.night_egress if hour < 8 else prices.egress) for hour, size in bytes_by_hour.items()
    )
    size = GIGABYTES * 10**9
    assert sum(bytes_by_hour.values()) == size
    assert counted_price == pytest.approx(
        nights.estimate_copy(GIGABYTES, size, prices, NIGHT_WINDOWS).dollars, rel=0.02
    )


def test_migrate_with_look_shows_the_time_zone_of_the_bandwidth_limits(world):
    count_bytes_by_hour(world, 10_000, timezone.utc)
    world.stop_following_after(60)
    expect_exit(world.migrate("--nights"), 130)
    for _ in range(25):
        world.advance(3600)
        world.tick("status")
    expect_exit(world.migrate("--look"), 0, "take effect 8 hours late", "--bandwidth 00:00-15:59=1048KB/s")


@pytest.mark.parametrize(
    ("delay_hours", "phrase"),
    [
        (None, "The time zone of the bandwidth limits is unknown"),
        (0, "the bandwidth limits apply in China Standard Time"),
        (1, "take effect 1 hour late. To shift the limits: python3 ops.py migrate --bandwidth 07:00-22:59=1048KB/s"),
        (-1, "take effect 1 hour early. To shift the limits: python3 ops.py migrate --bandwidth 00:00-00:59=1048KB/s"),
    ],
)
def test_migrate_describes_the_measured_time_zone_of_the_bandwidth_limits(delay_hours, phrase):
    assert phrase in describe_time_zone(NIGHT_WINDOWS, delay_hours).en
