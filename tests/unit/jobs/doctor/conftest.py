"""Fixtures that run doctor against simulated clouds in the process of the test.

The tests in tests/system/doctor use real names, TCP and TLS.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from oss_oms_sync.answers.text import untranslated
from oss_oms_sync.jobs.doctor import flow, function
from oss_oms_sync.jobs.doctor.rules import ok
from sandbox.inprocess import VirtualSandbox


@pytest.fixture
def box(monkeypatch: pytest.MonkeyPatch) -> Iterator[VirtualSandbox]:
    monkeypatch.setattr(function, "_connect", lambda url, setting: ok(untranslated(url)))
    # Virtual time is free, but each poll is a request.
    monkeypatch.setattr(flow, "_PING_SECONDS", 2)
    with VirtualSandbox() as world:
        yield world


@pytest.fixture(scope="session")
def project_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder in which the first call of `deploy` renders the project for all calls."""
    return tmp_path_factory.mktemp("project")


@pytest.fixture
def run_job(box: VirtualSandbox) -> Callable[..., Any]:
    """Return a function that runs a job in a new instance, and raises the error of the job."""

    def run(job: str, payload: object = None, **settings: str) -> Any:
        instance = box.instance(**settings)
        handler = getattr(instance.load_module(), f"{job}_handler")
        event = b"" if payload is None else json.dumps(payload).encode()
        return box.platform.call(box.platform.run(partial(handler, event, instance.context()), instance))

    return run


@pytest.fixture
def run_doctor(run_job: Callable[..., Any]) -> Callable[..., dict[str, Any]]:
    return partial(run_job, "doctor")
