"""The estimate of a migration's costs (initial, monthly, on cutover day), and of the length of the freeze."""

from __future__ import annotations

from typing import Any, NamedTuple

from ops.cost import effort, nights
from ops.cost.effort import DAYS_PER_MONTH, Effort
from ops.cost.prices import BYTES_PER_GIGABYTE, Prices

# The defaults of s.yaml.
_RECONCILES_PER_MONTH, _COMPARES_PER_MONTH = DAYS_PER_MONTH, DAYS_PER_MONTH / 7


class Workload(NamedTuple):
    """The planned migration.

    - `objects` and `size` (bytes) are the existing objects.
    - `a_day` is the number of objects that applications write a day.
    - `lanes` is the number of parallel lanes of a pass.
    - `sample` is the number of sampled objects.
    """

    objects: int
    size: int
    a_day: int
    lanes: int
    sample: int
    prices: Prices

    @property
    def object_bytes(self) -> float:
        return self.size / self.objects if self.objects else 0.0


class Expense(NamedTuple):
    """A cost for `objects` and their `size` in bytes; `name` selects its label in the report.

    `dollars` is None if the price is unknown.
    """

    name: str
    dollars: float | None
    objects: float = 0
    size: float = 0


class Estimate(NamedTuple):
    """The costs of a migration, and the durations.

    - `once`, `month` and `cutover` are the costs of the existing objects, of a month, and of the cutover day.
    - `ways` are the ways of copying the existing objects: by day and night, or by night.
    - `old_seconds` and `old_requests` are the time and the requests for copying the existing objects, without OMS's own
      requests. The key "group" stands for a copy by OMS's task group, and "sent" for submission by this project.
    - `freeze_minutes` has the minutes of each step of a cutover, and `headers_minutes` those of the job `headers` by
      case.
    - `headers_requests` are the additional requests of a standstill pass that checks headers.
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
    headers_requests: int

    def to_json(self, plan: Workload) -> dict[str, Any]:
        costs = {name: [expense._asdict() for expense in getattr(self, name)] for name in ("once", "month", "cutover")}
        plan_fields = {**plan._asdict(), "prices": plan.prices._asdict()}
        names = ("old_seconds", "old_requests", "freeze_minutes", "deep_hours", "headers_minutes", "headers_requests")
        values = {name: getattr(self, name) for name in names}
        ways = {name: [copy._asdict() for copy in copies] for name, copies in self.ways._asdict().items()}
        return {"plan": plan_fields, **costs, **values, "ways": ways}


def estimate(plan: Workload) -> Estimate:
    sampled_objects = min(plan.sample, plan.objects)
    sampled_bytes = sampled_objects * min(plan.object_bytes, effort.MAX_SAMPLED_BYTES)

    def expense(name: str, job_effort: Effort, objects: float = 0, size: float = 0) -> Expense:
        return Expense(name, job_effort.dollars(plan.prices), objects, size)

    new_objects = plan.a_day * DAYS_PER_MONTH
    new_size = round(new_objects * plan.object_bytes)
    ways = nights.compare_ways(plan.objects, plan.size, plan.prices)
    return Estimate(
        once=[
            *copying_costs(plan.prices, plan.objects, plan.size, ways.day_and_night[0].dollars),
            expense("backfill", effort.backfill(plan.objects, plan.lanes), plan.objects),
        ],
        month=[
            # The sync task copies an object soon after its write, which is by day in most buckets.
            *copying_costs(plan.prices, new_objects, new_size, new_size / BYTES_PER_GIGABYTE * plan.prices.egress),
            expense("events", effort.event_submission().multiply(new_objects), new_objects),
            expense("reconciles", effort.reconcile_pass(plan.objects).multiply(_RECONCILES_PER_MONTH), plan.objects),
            expense("compares", effort.compare_pass(plan.objects).multiply(_COMPARES_PER_MONTH), plan.objects),
            Expense("timers", sum(timer.dollars(plan.prices) for timer in effort.idle_timers())),
        ],
        cutover=[
            expense("compare", effort.compare_pass(plan.objects), plan.objects),
            expense("standstill", effort.standstill_pass(plan.objects), plan.objects),
            expense("sample", effort.sample(sampled_objects, sampled_bytes), sampled_objects, sampled_bytes),
            expense("deep", effort.deep_comparison(plan.objects, plan.size, plan.lanes), plan.objects, plan.size),
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
        freeze_minutes=effort.freeze_minutes(plan.objects, plan.lanes, sampled_bytes),
        deep_hours=effort.deep_hours(plan.size, plan.lanes),
        headers_minutes=effort.headers_minutes(plan.objects, plan.lanes),
        headers_requests=effort.headers_requests(plan.objects),
    )


def copying_costs(prices: Prices, objects: int, size: int, traffic: float) -> list[Expense]:
    """Return the costs of copying objects by OMS; `traffic` is the price of the traffic out of OSS, in dollars."""
    return [
        Expense("egress", traffic, size=size),
        Expense("oms", None if prices.oms is None else size / BYTES_PER_GIGABYTE * prices.oms, size=size),
        Expense("oms_requests", effort.oms_requests(objects, size).dollars(prices), objects),
    ]


def total_dollars(expenses: list[Expense]) -> float:
    """Return the sum of the expenses in dollars, without expenses of unknown price."""
    return sum(expense.dollars for expense in expenses if expense.dollars is not None)
