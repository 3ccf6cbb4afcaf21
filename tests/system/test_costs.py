"""The numbers of requests that `ops.py cost` assumes, compared with those that the simulated clouds count."""

from __future__ import annotations

from collections import Counter
from functools import partial

from benchmarks import costs
from ops.cost import effort
from sandbox import Sandbox
from sandbox.server.faults import Fault


def to_oss(requests: Counter[str]) -> int:
    return sum(number for name, number in requests.items() if name != "OMS call")


def test_a_pass_makes_as_many_requests_as_the_benchmark_counts(monkeypatch):
    monkeypatch.setattr(costs, "OBJECTS", 6_000)
    monkeypatch.setattr(costs, "Sandbox", partial(Sandbox, forks=True))
    job = costs.reconcile()
    # A hundredth is missing, and recorded. Besides, there is what a pass is begun and ended with.
    listed = effort.reconcile_pass(6_000).oss_requests
    assert listed <= job.requests["LIST"] <= listed + 11 * job.invocations
    assert to_oss(job.requests) - listed - job.keys <= 60 * job.invocations


def test_timers_and_an_event_make_as_many_requests_as_the_sandbox_counts(box, tmp_path):
    costs.deploy(box, tmp_path)
    requests: Counter[str] = Counter()

    def counting(request) -> bool:
        requests[costs.name_of(request)] += 1
        return False

    for cloud in (box.oss, box.oms):
        cloud.faults.add(Fault.hang(), where=counting)
    for job, timer in effort.TIMERS.items():
        box.tick(job)
        box.wait_idle(60)
        requests.clear()
        box.tick(job)
        box.wait_idle(60)
        # A request fewer if replay has no file of an earlier run; a request more after a minute, when an instance reads
        # the mark again.
        assert abs(to_oss(requests) - timer.oss_requests) <= 1, job
    box.oss.put(box.source_bucket, "a", b"")
    box.wait_idle(60)
    requests.clear()
    box.oss.put(box.source_bucket, "b", b"")
    box.wait_idle(60)
    assert to_oss(requests) == effort.event_submission().oss_requests
