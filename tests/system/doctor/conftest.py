"""Fixtures that run doctor in this process, over sockets."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from oss_oms_sync.jobs.doctor import flow
from sandbox import Sandbox


@pytest.fixture(autouse=True)
def short_ping(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the time for which doctor waits for reconcile's answer, because most tests do not deploy reconcile."""
    monkeypatch.setattr(flow, "_PING_SECONDS", 0.2)
    monkeypatch.setattr(flow, "_PING_POLL_SECONDS", 0.05)


@pytest.fixture
def run_doctor(in_process: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    """Return a function that runs doctor with the sandbox's settings, except those in its arguments."""

    def run(box: Sandbox, **settings: str) -> dict[str, Any]:
        return dict(in_process(box, "doctor", environment={**box.environment(), **settings}))

    return run
