"""Hypothesis profiles, the sandbox, and the count of fault schedules that a run prints."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from sandbox import Sandbox, runtimes

settings.register_profile("default", deadline=None, print_blob=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

_counted: Counter[str] = Counter()


@pytest.fixture
def box() -> Iterator[Sandbox]:
    """Both clouds and Function Compute."""
    with Sandbox(forks=True) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def count_schedule():
    """Called with the kind of a fault schedule that law 1 was tried on, and the state its keys ended in."""

    def count(kind: str, state: str) -> None:
        _counted[f"{kind}: {state}"] += 1

    return count


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if _counted:
        terminalreporter.section("no key is dropped (law 1)")
        for what, times in sorted(_counted.items()):
            terminalreporter.write_line(f"{times:6} fault schedules, {what}")
        terminalreporter.write_line(f"{_counted.total():6} fault schedules in all")


def pytest_sessionfinish(session: pytest.Session) -> None:
    # A worker of pytest-xdist prints nothing: it hands its counts to the process that does.
    if hasattr(session.config, "workeroutput"):
        session.config.workeroutput["schedules"] = dict(_counted)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    _counted.update(getattr(node, "workeroutput", {}).get("schedules", {}))


def pytest_report_header() -> list[str]:
    try:
        return [f"Function Compute's {runtimes.installed(name)}" for name in runtimes.NAMES]
    except RuntimeError as error:
        return [str(error)]
