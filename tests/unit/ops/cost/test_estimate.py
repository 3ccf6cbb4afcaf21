"""The command `ops.py cost`: its figures equal those of the benchmarks' simulation, and its table is complete."""

from __future__ import annotations

import json
import math
import re
from functools import cache
from types import SimpleNamespace

import pytest
import yaml

from benchmarks import comparing
from benchmarks.keyspaces import key_spaces
from benchmarks.simulated_pass import COMPARE, RECONCILE, SimulatedPass
from ops.cost import effort, estimate, quantities
from ops.cost.effort import Effort
from ops.cost.estimate import Workload
from ops.cost.prices import DOLLARS_PER_REQUEST, YUAN_PER_DOLLAR, Prices, dollars_for_function
from oss_oms_sync.comparison.judge import MIN_CUTOVER_AGE_SECONDS
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.digests import MAX_SAMPLE_OBJECT_BYTES
from oss_oms_sync.passes.pieces import Scope
from oss_oms_sync.passes.work import count_lanes
from oss_oms_sync.settings_table import SETTINGS
from support.answers import ANSWERS
from support.ops import FakeCaller, missing_parts
from tools import render
from tools.package import ROOT

TB = 10**12
# A terabyte in the bills of both clouds: 2^30 bytes are a gigabyte.
BILLED_GB = TB / 2**30
PLAN = Workload(100_000_000, 200 * TB, 1_000_000, 32, 100, Prices())


def prices_by_name(expenses: list[estimate.Expense]) -> dict[str, float | None]:
    return {expense.name: expense.dollars for expense in expenses}


@cache
def simulate_first_pass(objects: int, lanes: int) -> SimulatedPass:
    return SimulatedPass(key_spaces(objects)[0], lanes)


@pytest.mark.parametrize(("objects", "lanes"), [(10**7, 1), (10**7, 16), (10**8, effort.MAX_LANES)])
def test_the_estimated_duration_of_a_pass_equals_the_simulation(objects, lanes):
    simulated = SimulatedPass(key_spaces(objects)[0], lanes, simulate_first_pass(objects, lanes).marks)
    # The estimate may be a little too low, and must not be much too high.
    estimated = effort.pass_seconds(objects, effort.RECONCILE_SECONDS, lanes)
    assert simulated.seconds * 0.97 <= estimated <= simulated.seconds * 1.4
    assert effort.reconcile_pass(objects).dollars(Prices()) == pytest.approx(simulated.dollars(), rel=0.15)


def test_the_estimated_time_and_cost_of_an_object_equal_the_benchmark():
    assert pytest.approx(RECONCILE.page_seconds() / comparing.PAGE) == effort.RECONCILE_SECONDS
    assert pytest.approx(COMPARE.page_seconds() / comparing.PAGE) == effort.COMPARE_SECONDS
    assert effort.reconcile_pass(1).size == (RECONCILE.cpu, RECONCILE.megabytes)
    assert effort.compare_pass(1).size == effort.standstill_pass(1).size == (COMPARE.cpu, COMPARE.megabytes)
    obs = effort.compare_pass(10**6)
    dollars = obs.obs_requests * DOLLARS_PER_REQUEST + obs.obs_bytes / 1024**3 * Prices().obs_egress
    assert dollars == pytest.approx(comparing.DOLLARS_PER_MILLION_LISTED_IN_OBS, rel=0.1)


def test_lanes_compare_100_million_objects_in_8_minutes_at_little_cost():
    space, marks = key_spaces(10**8)[0], simulate_first_pass(10**8, effort.MAX_LANES).marks
    many, alone = (SimulatedPass(space, lanes, marks, COMPARE) for lanes in (effort.MAX_LANES, 1))
    assert many.seconds <= 8 * 60
    assert effort.freeze_minutes(10**8, effort.MAX_LANES)["compare"] <= 8
    assert many.dollars() <= 1.1 * alone.dollars()
    # An account has at least 100 instances: the others are enough for forward at OMS's full rate.
    assert many.most_instances <= 80


def test_a_cost_estimate_uses_the_projects_default_settings():
    reckoned = {
        "OMS_RATE": effort._OMS_CALLS_PER_SECOND,
        "PIECE_SECONDS": effort._PIECE_SECONDS,
        "LANES": effort.MAX_LANES,
    }
    assert {name: int(SETTINGS[name].default) for name in reckoned} == reckoned
    usual, sending = (Scope(KeyFilter(), None, everything) for everything in (False, True))
    settings = SimpleNamespace(lanes=effort.MAX_LANES, oms_rate=float(effort._OMS_CALLS_PER_SECOND))
    assert (count_lanes(settings, usual), count_lanes(settings, sending)) == (effort.MAX_LANES, effort._SENDING_LANES)
    assert effort._MIN_AGE_MINUTES * 60 == MIN_CUTOVER_AGE_SECONDS
    asked, months = render.defaults(), (estimate._RECONCILES_PER_MONTH, estimate._COMPARES_PER_MONTH)
    assert (asked["reconcilePeriod"], asked["comparePeriod"], *months) == ("1d", "7d", 30, 30 / 7)


def test_the_estimate_uses_the_deployed_periods_and_sizes_of_timers():
    project, deployed = yaml.safe_load(render.settings(ANSWERS)), {}
    for name, resource in project["resources"].items():
        size = (resource["props"]["cpu"], resource["props"]["memorySize"])
        for trigger in resource["props"].get("triggers", ()):
            if trigger["triggerType"] == "timer":
                interval = trigger["triggerConfig"]["cronExpression"]
                deployed[name] = (re.sub(r"\$\{vars\.(\w+)\}", lambda part: project["vars"][part[1]], interval), size)
    assert deployed == {name: (f"@every {timer.minutes}m", timer.size) for name, timer in effort.TIMERS.items()}


@pytest.mark.parametrize(("page", "rate", "places"), [("costs.md", 1, 2), ("costs.zh.md", YUAN_PER_DOLLAR, 1)])
def test_the_english_and_chinese_documents_state_the_cost_of_the_timers(page, rate, places):
    timers = effort.idle_timers()
    (row,) = re.findall(
        r"^\| (?:only timers|没有新对象，只有定时触发器运行).*$",
        (ROOT / "docs" / page).read_text("utf-8"),
        re.MULTILINE,
    )
    calls, requests, _ = (float(number.replace(",", "")) for number in re.findall(r"\d[\d,.]*", row))
    assert calls == round(sum(timer.calls for timer in timers), -3)
    assert requests == round(sum(timer.oss_requests for timer in timers), -4)
    assert row.endswith(f"| {sum(timer.dollars(Prices()) for timer in timers) * rate:.{places}f} |")


def test_the_estimated_sample_has_the_object_size_limit_of_certify():
    assert effort.MAX_SAMPLED_BYTES == MAX_SAMPLE_OBJECT_BYTES
    # GIVEN half as many objects as requested, each of a terabyte THEN at most a GB of each is read
    costs = estimate.estimate(Workload(50, 50 * TB, 0, 32, 100, Prices()))
    sample = next(expense for expense in costs.cutover if expense.name == "sample")
    assert (sample.objects, sample.size) == (50, 50 * MAX_SAMPLE_OBJECT_BYTES)
    assert costs.freeze_minutes["sample"] == math.ceil(2 * 50 * MAX_SAMPLE_OBJECT_BYTES / 30e6 / 60)


def test_the_options_of_cost_replace_its_prices_and_none_is_invented():
    costs = estimate.estimate(PLAN)
    usual_prices = prices_by_name(costs.once)
    # Two thirds by day at 0.50 yuan a gigabyte, a third by night at 0.25.
    assert usual_prices["egress"] == pytest.approx(200 * BILLED_GB * (2 * 0.50 + 0.25) / 3 / 7)
    assert usual_prices["oms"] is None
    assert max(filter(None, usual_prices.values())) == usual_prices["egress"]
    assert estimate.total_dollars(costs.once) == pytest.approx(sum(filter(None, usual_prices.values())))
    prices = Prices(egress=0.1, obs_egress=0.2, oms=0.05, night_egress=0.1)
    option_prices = prices_by_name(estimate.estimate(PLAN._replace(prices=prices)).once)
    assert option_prices["egress"] == pytest.approx(200 * BILLED_GB * 0.1)
    assert option_prices["oms"] == pytest.approx(200 * BILLED_GB * 0.05)
    assert option_prices["backfill"] == usual_prices["backfill"]


def test_an_empty_migration_costs_only_the_timers():
    costs = estimate.estimate(Workload(0, 0, 0, 1, 0, Prices(oms=1.0)))
    assert estimate.total_dollars(costs.once) == 0
    assert {name for name, dollars in prices_by_name(costs.month).items() if dollars} == {"timers"}
    assert not any(expense.objects or expense.size for expense in costs.month)


def test_more_lanes_shorten_a_freeze_down_to_its_fixed_steps():
    totals = [effort.freeze_minutes(10**8, lanes)["total"] for lanes in (1, 4, 16, 64)]
    assert totals == sorted(totals, reverse=True)
    assert effort.freeze_minutes(0, 64)["total"] > 5 + 2 + 10
    steps = effort.freeze_minutes(10**8, 16, 10 * 1024**3)
    assert steps["total"] == sum(minutes for step, minutes in steps.items() if step != "total")
    assert steps["sample"] == math.ceil(20 * 1024**3 / 30e6 / 60)


def test_the_estimate_counts_the_documented_requests_of_submissions():
    # A backfill lists what any pass lists, and records each object; OMS reads and writes a part for each 50 MB.
    assert effort.backfill(10_000, 1).oss_requests == effort.reconcile_pass(10_000).oss_requests + 10_000
    requests = Effort(oss_requests=10 * (2 + 1) + 20, obs_requests=10 * (2 + 2) + 20)
    assert effort.oms_requests(10, 20 * 50_000_000) == requests
    once = Effort(1, 2, (0.1, 256), 3, 4, 5)
    assert once.multiply(3) == Effort(3, 6, (0.1, 256), 9, 12, 15)
    assert once.multiply(3).dollars(Prices()) == pytest.approx(3 * once.dollars(Prices()))
    # 75 units of calls, and an hour of half a vCPU, half a GB of memory and half a GB of disk
    assert dollars_for_function(10_000, 3600, 0.5, 512) == pytest.approx(0.00002 * (75 + 3600 * (0.5 + 0.075 + 0.025)))


@pytest.mark.parametrize(
    ("read", "text", "number"),
    [
        (quantities.parse_count, "250000", 250_000),
        (quantities.parse_count, "250,000", 250_000),
        (quantities.parse_count, "1.5M", 1_500_000),
        (quantities.parse_count, "2b", 2_000_000_000),
        (quantities.parse_size, "200TB", 200 * TB),
        (quantities.parse_size, "1.5 gib", 1.5 * 1024**3),
        (quantities.parse_size, "7B", 7),
        # A size without a unit is in bytes.
        (quantities.parse_size, "200000000000000", 2 * 10**14),
        (quantities.parse_size, "1P", 1000 * TB),
        (quantities.parse_daily_rate, "1M", 1_000_000),
        (quantities.parse_daily_rate, "1M/day", 1_000_000),
        (quantities.parse_daily_rate, "50/s", 50 * 86400),
        (quantities.parse_daily_rate, "1,000/h", 24_000),
    ],
)
def test_the_command_cost_reads_numbers_and_sizes_in_their_usual_forms(read, text, number):
    assert read(text) == number


@pytest.mark.parametrize("read", [quantities.parse_count, quantities.parse_size, quantities.parse_daily_rate])
@pytest.mark.parametrize("text", ["", "x", "-1", "1e5", "nan", "5 apples", "1/fortnight", "1..2M"])
def test_the_command_cost_refuses_a_text_that_is_no_number_or_size(read, text):
    with pytest.raises(ValueError, match=r".*"):
        read(text)


WORDS = ("cost", "--objects", "100M", "--size", "200TB", "--rate", "1M/day")


def test_the_table_of_costs_has_every_cost_and_the_length_of_the_freeze(run):
    code, output, messages = run(FakeCaller(), *WORDS)
    assert code == 0
    assert messages == ""
    first_line, *lines = [" ".join(line.split()) for line in output.splitlines()]
    assert first_line.startswith("100,000,000 objects with 200 TB in total, 1,000,000 new objects per day, 32 lanes")
    traffic = "traffic out of OSS, read by OMS over the internet 200 TB 11,087.17"
    total = effort.freeze_minutes(100_000_000, effort.MAX_LANES, 100 * 200 * TB / 10**8)["total"]
    assert {"OMS fee 200 TB unknown", traffic, f"total {total}"} <= {*lines}
    # By day and night, the duration is a minimum; at night, it depends on the hour of the start.
    at_night = "at night, if OMS reads the hours as UTC about 95 d to 107 d 12,816.67 to 13,183.68"
    assert {"day and night at least 37 d 11,087.17", at_night} <= {*lines}
    # 32 lanes do the work of 30: 667 seconds instead of 400, and 10 to begin and end.
    checking = "then checks headers as well, which takes 5 more minutes and 200,000 more requests."
    assert missing_parts(" ".join(output.split()), checking) == []


def test_a_task_group_copies_many_small_objects_faster_than_the_project():
    objects, size = 100_000_000, 200 * 10**9
    group_seconds, submission_seconds = effort.group_seconds(objects, size), effort.submission_seconds(objects, size)
    # By OMS's pages 27 million an hour and 500 Mbit/s; by OMS_RATE 20 calls a second.
    assert group_seconds == objects / 27_000_000 * 3600
    assert submission_seconds == objects / 10 / 20
    assert submission_seconds > 30 * group_seconds
    # Large objects take the time of their bytes in either way.
    large = 100 * TB
    assert effort.group_seconds(1000, large) == effort.submission_seconds(1000, large) == large / 62_500_000


def test_the_json_output_of_cost_has_the_workload_and_the_prices(run):
    code, output, _ = run(FakeCaller(), *WORDS, "--lanes", "64", "--egress-price", "0.1", "--json")
    answer = json.loads(output)
    assert code == 0
    assert answer["plan"].items() >= {"objects": 100_000_000, "lanes": 64}.items()
    prices = {"egress": 0.1, "obs_egress": Prices().obs_egress, "oms": None, "night_egress": 0.1}
    assert answer["plan"]["prices"] == prices
    egress = pytest.approx(200 * BILLED_GB * 0.1)
    assert answer["once"][0] == {"name": "egress", "dollars": egress, "objects": 0, "size": 200 * TB}
    assert answer["freeze_minutes"] == effort.freeze_minutes(100_000_000, 64, 100 * 200 * TB / 10**8)


@pytest.mark.parametrize(
    "words",
    [
        ["cost"],
        ["cost", "--objects", "1"],
        ["cost", "--size", "1"],
        ["cost", "--objects", "many", "--size", "1"],
        [*WORDS, "--lanes", "65"],
        [*WORDS, "--sample", "301"],
        [*WORDS, "--egress-price", "-1"],
        [*WORDS, "--egress-price", "inf"],
    ],
)
def test_the_command_cost_exits_with_a_usage_error_for_an_unusable_number(run, capsys, words):
    with pytest.raises(SystemExit, match=r"^2$"):
        run(FakeCaller(), *words)
    assert "usage: ops.py cost" in capsys.readouterr().err
