"""Hypothesis profiles, the sandbox, and what a run prints of the laws."""

from __future__ import annotations

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median, quantiles
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox import Sandbox, runtimes
from sandbox.server import loop
from support.project_copy import ProjectCopy

# Whenever the tests run, the sandbox's clock starts at this date, or at another that the environment has.
os.environ.setdefault(loop.VARIABLE, "2026-01-14T10:00:00Z")

settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

_LAW1 = "no key is dropped (law 1)"
# By law: how many of its schedules ended how, and what was measured of them.
_counted: Counter[tuple[str, str]] = Counter()
_measured: defaultdict[tuple[str, str], list[float]] = defaultdict(list)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores, because some tests wait, for a process or a limit."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """What takes longest comes first, so that no worker begins it when the others are done."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("law", "extras", "long"))))


def pytest_collection_finish() -> None:
    """What was collected stays to the end, so nobody looks through it for garbage again and again."""
    gc.freeze()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Both clouds and Function Compute."""
    with Sandbox(forks=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectCopy]:
    copy = ProjectCopy(tmp_path_factory.mktemp("project"))
    yield copy
    copy.close()


@pytest.fixture(scope="session")
def count():
    """Called with a law, and how a schedule of it ended."""

    def count(law: str, state: str) -> None:
        _counted[law, state] += 1

    return count


@pytest.fixture(scope="session")
def measure():
    """Called with a law, what was measured of a schedule of it, and the number."""

    def measure(law: str, what: str, number: float) -> None:
        _measured[law, what].append(number)

    return measure


@pytest.fixture(scope="session")
def count_schedule(count):
    """Called with the kind of a fault schedule that law 1 was tried on, and the state its keys ended in."""
    return lambda kind, state: count(_LAW1, f"fault schedules, {kind}: {state}")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    for law in sorted({law for law, _ in (*_counted, *_measured)}):
        terminalreporter.section(law)
        states = sorted((state, times) for (of, state), times in _counted.items() if of == law)
        for state, times in states:
            terminalreporter.write_line(f"{times:6} {state}")
        if law == _LAW1:
            terminalreporter.write_line(f"{sum(times for _, times in states):6} fault schedules in all")
        for (of, what), numbers in sorted(_measured.items()):
            if of == law and len(numbers) > 1:
                last = quantiles(numbers, n=20)[-1]
                terminalreporter.write_line(f"{median(numbers):6.1f} {what}; {last:.1f} at the 95th percentile")


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A worker of pytest-xdist prints nothing: it hands its counts to the process that does.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["laws"] = [list(_counted.items()), list(_measured.items())]


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    counted, measured = getattr(node, "workeroutput", {}).get("laws", ([], []))
    _counted.update({tuple(name): times for name, times in counted})
    for name, numbers in measured:
        _measured[tuple(name)] += numbers


def pytest_report_header() -> list[str]:
    try:
        return [f"Function Compute's {runtimes.installed(name)}" for name in runtimes.NAMES]
    except RuntimeError as error:
        return [str(error)]
