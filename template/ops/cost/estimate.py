"""Estimate of a migration's costs (initial, monthly, on cutover day), and of the freeze's length."""

from __future__ import annotations

from typing import Any, NamedTuple

from ops.cost import effort, nights
from ops.cost.effort import DAYS_PER_MONTH, Effort
from ops.cost.prices import BYTES_PER_GIGABYTE, Prices

# The defaults of s.yaml.
_RECONCILES_PER_MONTH, _COMPARES_PER_MONTH = DAYS_PER_MONTH, DAYS_PER_MONTH / 7


class Workload(NamedTuple):
    """The planned migration.

    Existing objects and their bytes, objects written a day, lanes of a pass, objects of a sample, and prices.
    """

    objects: int
    size: int
    a_day: int
    lanes: int
    sample: int
    prices: Prices

    @property
    def object_bytes(self) -> float:
        """Average size of an object."""
        return self.size / self.objects if self.objects else 0.0


class Expense(NamedTuple):
    """A cost of `objects` and `size`; `name` is a key of the texts.

    `dollars` is None if the price is unknown.
    """

    name: str
    dollars: float | None
    objects: float = 0
    size: float = 0


class Estimate(NamedTuple):
    """The costs in order of time; minimum seconds and requests for the existing objects; the freeze's minutes.

    `ways`: copying the existing objects day and night, and by night. `old_seconds` and `old_requests` are by the task
    group and by the project, without OMS's own requests; `freeze_minutes` is by step; `deep_hours` is the duration of
    `deep`; `headers_minutes` are those of a pass of headers, by case.
    """

    once: list[Expense]
    month: list[Expense]
    cutover: list[Expense]
    ways: nights.CopyWays
    old_seconds: dict[str, float]
    old_requests: dict[str, int]
    freeze_minutes: dict[str, int]
    deep_hours: float
    headers_minutes: dict[str, int]

    def to_json(self, plan: Workload) -> dict[str, Any]:
        """Return the estimate for `--json`."""
        costs = {name: [expense._asdict() for expense in getattr(self, name)] for name in ("once", "month", "cutover")}
        asked = {**plan._asdict(), "prices": plan.prices._asdict()}
        names = ("old_seconds", "old_requests", "freeze_minutes", "deep_hours", "headers_minutes")
        times = {name: getattr(self, name) for name in names}
        ways = {name: [copy._asdict() for copy in copies] for name, copies in self.ways._asdict().items()}
        return {"plan": asked, **costs, **times, "ways": ways}


def estimate(plan: Workload) -> Estimate:
    """Return the costs at the list prices of `plan`."""
    drawn = min(plan.sample, plan.objects)
    sampled = drawn * min(plan.object_bytes, effort.MAX_SAMPLED_BYTES)

    def expense(name: str, needed: Effort, objects: float = 0, size: float = 0) -> Expense:
        return Expense(name, needed.dollars(plan.prices), objects, size)

    new = plan.a_day * DAYS_PER_MONTH
    new_size = round(new * plan.object_bytes)
    ways = nights.ways(plan.objects, plan.size, plan.prices)
    return Estimate(
        once=[
            *copying(plan.prices, plan.objects, plan.size, ways.day_and_night[0].dollars),
            expense("backfill", effort.backfill(plan.objects, plan.lanes), plan.objects),
        ],
        month=[
            # The sync task copies an object after its write, by day for most buckets.
            *copying(plan.prices, new, new_size, new_size / BYTES_PER_GIGABYTE * plan.prices.egress),
            expense("events", effort.event().times(new), new),
            expense("reconciles", effort.reconcile_pass(plan.objects).times(_RECONCILES_PER_MONTH), plan.objects),
            expense("compares", effort.compare_pass(plan.objects).times(_COMPARES_PER_MONTH), plan.objects),
            Expense("timers", sum(timer.dollars(plan.prices) for timer in effort.idle_month())),
        ],
        cutover=[
            expense("compare", effort.compare_pass(plan.objects), plan.objects),
            expense("standstill", effort.standstill_pass(plan.objects), plan.objects),
            expense("sample", effort.sample(drawn, sampled), drawn, sampled),
            expense("deep", effort.deep(plan.objects, plan.size, plan.lanes), plan.objects, plan.size),
        ],
        ways=ways,
        old_seconds={
            "group": effort.group_seconds(plan.objects, plan.size),
            "sent": effort.submission_seconds(plan.objects, plan.size),
        },
        old_requests={
            "group": effort.group_requests(plan.objects, plan.size),
            "sent": effort.submission_requests(plan.objects),
        },
        freeze_minutes=effort.freeze_minutes(plan.objects, plan.lanes, sampled),
        deep_hours=effort.deep_hours(plan.size, plan.lanes),
        headers_minutes=effort.headers_minutes(plan.objects, plan.lanes),
    )


def copying(prices: Prices, objects: int, size: int, traffic: float) -> list[Expense]:
    """Return the costs of OMS's reads and writes. `traffic`: the price of the traffic out of OSS, in dollars."""
    return [
        Expense("egress", traffic, size=size),
        Expense("oms", None if prices.oms is None else size / BYTES_PER_GIGABYTE * prices.oms, size=size),
        Expense("oms_requests", effort.oms_requests(objects, size).dollars(prices), objects),
    ]


def total_dollars(items: list[Expense]) -> float:
    """Return the sum of the expenses with a price."""
    return sum(expense.dollars for expense in items if expense.dollars is not None)
