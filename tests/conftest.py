"""Hypothesis profiles, the sandbox as a fixture, and a summary of the random cases of laws after a test run."""

from __future__ import annotations

import gc
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from statistics import median, quantiles
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox import Sandbox, runtimes
from sandbox.server import loop

if TYPE_CHECKING:
    from support.project_copy import ProjectCopy

# The start of the sandbox's clock, unless the environment sets another date.
os.environ.setdefault(loop.VARIABLE, "2026-01-14T10:00:00Z")

settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
# CI draws alike in each run of a commit, so that a failure concerns the commit; `make test` and `make fuzz` draw anew.
settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
settings.load_profile("ci" if os.environ.get("REQUIRE_TOOLS") else "default")

_LAW1 = "no key is dropped (law 1)"
# Numbers of schedules and measurements, by law and result.
_counted: Counter[tuple[str, str]] = Counter()
_measured: defaultdict[tuple[str, str], list[float]] = defaultdict(list)


def pytest_xdist_auto_num_workers() -> int:
    """Return 1.5 times the number of cores, because many tests only wait for a process or for a time limit."""
    cores = os.cpu_count() or 1
    return cores + cores // 2


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Sort the tests by duration, the longest first, so that no worker begins a long test at the end."""
    items.sort(key=lambda item: not any(map(item.get_closest_marker, ("law", "extras", "long"))))


def pytest_collection_finish() -> None:
    """Exclude the collected tests, which exist until the end of the run, from garbage collection."""
    gc.freeze()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Yield a running sandbox, which simulates both clouds and Function Compute."""
    with Sandbox(forks=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def project_copy(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ProjectCopy]:
    from support.project_copy import ProjectCopy

    copy = ProjectCopy(tmp_path_factory.mktemp("project"))
    yield copy
    copy.close()


@pytest.fixture(scope="session")
def count():
    """Return a function that counts the random cases of a law (a property test) by their outcome."""

    def count(law: str, state: str) -> None:
        _counted[law, state] += 1

    return count


@pytest.fixture(scope="session")
def measure():
    """Return a function that adds a measured number to the summary of a law (a property test)."""

    def measure(law: str, what: str, number: float) -> None:
        _measured[law, what].append(number)

    return measure


@pytest.fixture(scope="session")
def count_schedule(count):
    """Return a function that counts the cases of law 1 (no key is dropped), by kind of fault and state of keys."""
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
    # A worker of pytest-xdist prints nothing: it passes its counts to the controller.
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
        return [f"Function Compute's {runtimes.load_runtime(name)}" for name in runtimes.NAMES]
    except RuntimeError as error:
        return [str(error)]
