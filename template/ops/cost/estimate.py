"""What a migration costs: once, in a month and on cutover day; and how long the freeze lasts."""

from __future__ import annotations

from typing import Any, NamedTuple

from ops.cost import effort
from ops.cost.effort import DAYS_A_MONTH, Effort
from ops.cost.prices import GIGABYTE, Prices

# As s.yaml has them unless somebody changes it.
_RECONCILES_A_MONTH, _COMPARES_A_MONTH = DAYS_A_MONTH, DAYS_A_MONTH / 7


class Workload(NamedTuple):
    """What somebody wants to migrate: objects and bytes that are there, objects that are written a day, lanes of a
    pass, objects of a sample; and at which prices."""

    objects: int
    size: int
    a_day: int
    lanes: int
    sample: int
    prices: Prices

    @property
    def object_bytes(self) -> float:
        """An object's size, on average."""
        return self.size / self.objects if self.objects else 0.0


class Expense(NamedTuple):
    """One cost. `name` is a key of the texts; `objects` and `size` are how much it is of; `dollars` is None where
    nobody knows."""

    name: str
    dollars: float | None
    objects: float = 0
    size: float = 0


class Estimate(NamedTuple):
    """The costs, in the order in which they come; how many seconds the old objects take at least, by a task group and
    sent by the project, and how many requests (without OMS's own); how long the freeze lasts, step by step, and how
    long `deep` would take."""

    once: list[Expense]
    month: list[Expense]
    cutover: list[Expense]
    old_seconds: dict[str, float]
    old_requests: dict[str, int]
    freeze_minutes: dict[str, int]
    deep_hours: float

    def to_json(self, plan: Workload) -> dict[str, Any]:
        """For `--json`."""
        costs = {name: [item._asdict() for item in getattr(self, name)] for name in ("once", "month", "cutover")}
        asked = {**plan._asdict(), "prices": plan.prices._asdict()}
        times = {name: getattr(self, name) for name in ("old_seconds", "old_requests", "freeze_minutes", "deep_hours")}
        return {"plan": asked, **costs, **times}


def estimate(plan: Workload) -> Estimate:
    """What it costs by the list prices of `plan`."""
    drawn = min(plan.sample, plan.objects)
    sampled = drawn * min(plan.object_bytes, effort.SAMPLED_BYTES)

    def item(name: str, taken: Effort, objects: float = 0, size: float = 0) -> Expense:
        return Expense(name, taken.dollars(plan.prices), objects, size)

    new = plan.a_day * DAYS_A_MONTH
    return Estimate(
        once=[
            *copying(plan.prices, plan.objects, plan.size),
            item("backfill", effort.backfill(plan.objects, plan.lanes), plan.objects),
        ],
        month=[
            *copying(plan.prices, new, round(new * plan.object_bytes)),
            item("events", effort.event().times(new), new),
            item("reconciles", effort.reconcile_pass(plan.objects).times(_RECONCILES_A_MONTH), plan.objects),
            item("compares", effort.compare_pass(plan.objects).times(_COMPARES_A_MONTH), plan.objects),
            Expense("timers", sum(one.dollars(plan.prices) for one in effort.idle_month())),
        ],
        cutover=[
            item("compare", effort.compare_pass(plan.objects), plan.objects),
            item("standstill", effort.standstill_pass(plan.objects), plan.objects),
            item("sample", effort.sample(drawn, sampled), drawn, sampled),
            item("deep", effort.deep(plan.objects, plan.size, plan.lanes), plan.objects, plan.size),
        ],
        old_seconds={
            "group": effort.group_seconds(plan.objects, plan.size),
            "sent": effort.sent_seconds(plan.objects, plan.size),
        },
        old_requests={
            "group": effort.group_requests(plan.objects, plan.size),
            "sent": effort.sent_requests(plan.objects),
        },
        freeze_minutes=effort.freeze_minutes(plan.objects, plan.lanes, sampled),
        deep_hours=effort.deep_hours(plan.size, plan.lanes),
    )


def copying(prices: Prices, objects: int, size: int) -> list[Expense]:
    """What OMS reads and writes."""
    gigabytes = size / GIGABYTE
    return [
        Expense("egress", gigabytes * prices.egress, size=size),
        Expense("oms", None if prices.oms is None else gigabytes * prices.oms, size=size),
        Expense("oms_requests", effort.oms_requests(objects, size).dollars(prices), objects),
    ]


def known(items: list[Expense]) -> float:
    """The sum of what is known."""
    return sum(item.dollars for item in items if item.dollars is not None)
