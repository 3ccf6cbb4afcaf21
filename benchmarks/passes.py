"""Benchmark of simulated passes over up to a billion objects: durations and costs by the number of lanes.

A lane is an instance of the function that works on a part of the keys. The program prints a verdict for each target;
its exit code is 0 only if all targets hold.
"""

from __future__ import annotations

import sys
from typing import NamedTuple

from rich.console import Console
from rich.progress import track
from rich.table import Table

from benchmarks.keyspaces import KeySpace, key_spaces
from benchmarks.simulated_pass import CALL_SECONDS, COMPARE, PIECE_SECONDS, RECONCILE, START_SECONDS, Job, SimulatedPass
from ops.cost.effort import MAX_LANES as DEFAULT
from ops.cost.effort import freeze_minutes

MAX_LANES = [1, 4, 16, DEFAULT, 64]
KINDS = ["LIST", "PUT", "GET"]
HUNDRED_MILLION, BILLION = 10**8, 10**9
MINUTES, COMPARE_MINUTES = 45, 8
# Function Compute allows an account 100 to 300 in a region.
INSTANCES = 80


class Run(NamedTuple):
    """Passes over the same keys: two reconcile passes, and a comparison.

    The second pass and the comparison split the keys by the object counts of the first pass.
    """

    space: KeySpace
    lanes: int
    first: SimulatedPass
    second: SimulatedPass
    compare: SimulatedPass


class Verdict(NamedTuple):
    """A target with the worst value of all key spaces; `holds` is True if this value meets the target."""

    target: str
    worst: float
    holds: bool


def main() -> int:
    console = Console(highlight=False, width=150)
    console.print(
        f"Passes in virtual time: about two minutes ... Assumed: an invocation starts after {START_SECONDS[0]:g} to"
        f" {START_SECONDS[1]:g} s; any call but for a page takes {1000 * CALL_SECONDS:g} ms; a piece takes"
        f" {PIECE_SECONDS:g} s; nothing has to be sent. Reconcile: {describe_job(RECONCILE)}. Compare:"
        f" {describe_job(COMPARE)}.",
        soft_wrap=True,
    )
    spaces = [space for size in (HUNDRED_MILLION, BILLION) for space in key_spaces(size)]
    runs = [
        simulate(space, lanes)
        for space in track(spaces, console=console, description="simulated")
        for lanes in MAX_LANES
    ]
    single_lane = {run.space: run for run in runs if run.lanes == 1}
    show(console, runs, single_lane)
    verdicts = judge(runs, single_lane)
    table = Table("target", "worst seen", "")
    for verdict in verdicts:
        table.add_row(verdict.target, f"{verdict.worst:.2f}", "[green]holds" if verdict.holds else "[red]missed")
    console.print(table)
    steps = ", ".join(f"{step} {minutes}" for step, minutes in freeze_minutes(HUNDRED_MILLION, DEFAULT).items())
    console.print(
        f"A freeze of a hundred million objects, as ops.py cost reckons it, in minutes: {steps}", soft_wrap=True
    )
    failed = [verdict.target for verdict in verdicts if not verdict.holds]
    console.print(f"[red]Missed: {'; '.join(failed)}" if failed else "[green]Every target holds.", soft_wrap=True)
    return 1 if failed else 0


def describe_job(job: Job) -> str:
    return (
        f"{job.cpu:g} vCPU, {job.megabytes} MB, {1e6 * job.computing:g} microseconds of a vCPU an object,"
        f" {1000 * job.page:g} ms a page"
    )


def simulate(space: KeySpace, lanes: int) -> Run:
    first = SimulatedPass(space, lanes)
    later_passes = [SimulatedPass(space, lanes, first.marks, job) for job in (RECONCILE, COMPARE)]
    return Run(space, lanes, first, *later_passes)


def judge(runs: list[Run], single_lane: dict[KeySpace, Run]) -> list[Verdict]:
    at_16_lanes = [run for run in runs if len(run.space) == HUNDRED_MILLION and run.lanes == 16]
    at_64_lanes = [run.second for run in runs if len(run.space) == BILLION and run.lanes == 64]
    first = min(single_lane[run.space].first.seconds / run.first.seconds for run in at_16_lanes)
    second = min(single_lane[run.space].second.seconds / run.second.seconds for run in at_16_lanes)
    minutes, dollars = (
        max(simulated_pass.seconds / 60 for simulated_pass in at_64_lanes),
        max(simulated_pass.dollars() for simulated_pass in at_64_lanes),
    )
    default_lanes = [run for run in runs if len(run.space) == HUNDRED_MILLION and run.lanes == DEFAULT]
    compare_minutes = max(run.compare.seconds / 60 for run in default_lanes)
    instances = max(job.most_instances for run in default_lanes for job in (run.second, run.compare))
    cost_ratio = max(run.compare.dollars() / single_lane[run.space].compare.dollars() for run in default_lanes)
    return [
        Verdict(
            f"100 million, {DEFAULT} lanes, a comparison: within {COMPARE_MINUTES} minutes",
            compare_minutes,
            compare_minutes <= COMPARE_MINUTES,
        ),
        Verdict(f"the same: at most {INSTANCES} instances at once", instances, instances <= INSTANCES),
        Verdict("the same: at most 1.1 times as dear as with one lane", cost_ratio, cost_ratio <= 1.1),
        Verdict("100 million, 16 lanes, first pass: at least 6 times as fast as one lane", first, first >= 6),
        Verdict("100 million, 16 lanes, second pass: at least 12 times", second, second >= 12),
        Verdict(f"a billion, 64 lanes, second pass: under {MINUTES} minutes", minutes, minutes < MINUTES),
        Verdict("a billion, 64 lanes, second pass: under 5 dollars", dollars, dollars < 5),
    ]


def show(console: Console, runs: list[Run], single_lane: dict[KeySpace, Run]) -> None:
    for size in (HUNDRED_MILLION, BILLION):
        table = Table(title=f"\n{size:,} objects")
        table.add_column("keys", no_wrap=True)
        for name in (
            "lanes",
            "first",
            "times",
            "second",
            "times",
            "compare",
            "instances",
            "pieces",
            "calls",
            "billed s",
            *KINDS,
            "dollars",
        ):
            table.add_column(name, justify="right")
        for run in (run for run in runs if len(run.space) == size):
            table.add_row(*cells(run, single_lane[run.space]), end_section=run.lanes == MAX_LANES[-1])
        console.print(table)


def cells(run: Run, single_lane: Run) -> list[str]:
    second = run.second
    return [
        run.space.name,
        str(run.lanes),
        f"{run.first.seconds / 60:,.1f} min",
        f"{single_lane.first.seconds / run.first.seconds:.1f}",
        f"{second.seconds / 60:,.1f} min",
        f"{single_lane.second.seconds / second.seconds:.1f}",
        f"{run.compare.seconds / 60:,.1f} min",
        str(max(second.most_instances, run.compare.most_instances)),
        f"{second.pieces:,}",
        f"{second.invocations:,}",
        f"{second.billed_seconds:,.0f}",
        *(f"{second.calls[kind]:,}" for kind in KINDS),
        f"{second.dollars():.2f}",
    ]


if __name__ == "__main__":
    sys.exit(main())
