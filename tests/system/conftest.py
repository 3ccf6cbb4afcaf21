"""Fixtures with the deployed functions, which run in their own processes and call the simulated clouds over sockets."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ops.command_line import cli
from oss_oms_sync.clouds import calls
from sandbox import Sandbox
from sandbox.control import VARIABLE, serve_control
from support.instance import SandboxClock
from tools.render import render

RUNTIMES = ["python3.12", "python3.10"]


@pytest.fixture
def box(request: pytest.FixtureRequest, capsys: pytest.CaptureFixture[str]) -> Iterator[Sandbox]:
    """Yield the sandbox; after the test, assert that no output and no stored object contains a secret."""
    with Sandbox(forks=not request.node.get_closest_marker("cold_starts")) as sandbox:
        yield sandbox
        made = [json.dumps(dataclasses.asdict(invocation), default=str) for invocation in sandbox.fc.invocations]
        with contextlib.suppress(KeyError):  # some tests do without a log bucket
            made += [
                stored.data.decode("utf-8", "replace") for stored in sandbox.oss.objects(sandbox.log_bucket).values()
            ]
        made += capsys.readouterr()
        secrets = (*sandbox.huawei_credentials, *sandbox.function_credentials)
        assert not [secret for secret in secrets for text in made if secret in text]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Shorten the pauses between attempts in this process; tests/unit tests their real length."""
    monkeypatch.setattr(calls, "_FIRST_BACKOFF_SECONDS", 0.01)


@pytest.fixture
def deploy(box: Sandbox, tmp_path: Path) -> Callable[..., None]:
    """Return a function that deploys the project that `s init` would create.

    `answers` replaces answers of the sandbox to `s init`, and `overrides` are arguments of `deploy_project`.
    """

    def deploy(answers: Mapping[str, str] | None = None, **overrides: Any) -> None:
        render({**box.answers(), **(answers or {})}, tmp_path)
        box.deploy_project(tmp_path, **overrides)

    return deploy


@pytest.fixture(params=RUNTIMES)
def deployed(request: pytest.FixtureRequest, box: Sandbox, deploy: Callable[..., None]) -> Sandbox:
    """Return the sandbox with the deployed project, once for each runtime, with the libraries of the runtime."""
    # More instances would import at the same time on few cores.
    deploy({"runtime": request.param}, instances=2)
    return box


@pytest.fixture
def deploy_lanes(box: Sandbox, deploy: Callable[..., None]) -> Callable[..., None]:
    """Return a function that deploys the project for passes with this number of lanes (simultaneous invocations).

    OMS_RATE is so high that it does not slow the passes down.
    """

    def deploy_lanes(lanes: int, **overrides: Any) -> None:
        settings = {"LANES": str(lanes), "PIECE_SECONDS": "10", "OMS_RATE": "1000"}
        deploy(environment={**box.environment(), **settings}, instances=lanes, **overrides)

    return deploy_lanes


@pytest.fixture
def ops(box: Sandbox, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path):
    """Yield a function that runs `ops.py` in the project's folder, against the sandbox.

    The function returns the exit code, the standard output and the standard error.
    """
    monkeypatch.chdir(tmp_path)

    def ops(*words: str) -> tuple[int, str, str]:
        code = cli.main([words[0], "--lang", "en", *words[1:]])
        return code, *capsys.readouterr()

    with serve_control(box) as address:
        monkeypatch.setenv(VARIABLE, address)
        yield ops


@pytest.fixture
def in_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Any]]:
    """Yield a function that runs the handler of a job in this process, so that coverage is measured."""
    index = importlib.import_module("index")
    (lines,) = [handler for handler in index.log.handlers if handler.formatter is index._formatter]

    def run(
        box: Sandbox,
        job: str,
        payload: object = None,
        environment: Mapping[str, str] | None = None,
        credentials: Sequence[str] | None = None,
    ) -> Any:
        names = [f"ALIBABA_CLOUD_{name}" for name in ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")]
        role = dict(zip(names, credentials or box.function_credentials, strict=True))
        for name, value in {**(environment or box.environment()), "FC_REGION": box.region, **role}.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(index, "Clock", lambda: SandboxClock(box))
        index._instance.cache_clear()
        lines.stream = sys.stdout  # this test's
        event = b"" if payload is None else json.dumps(payload).encode()
        return getattr(index, f"{job}_handler")(event, SimpleNamespace(function=SimpleNamespace(timeout=120)))

    yield run
    lines.stream = sys.__stdout__  # is open in any other test, too
    index._instance.cache_clear()
    logging.getLogger("oss_oms_sync").setLevel(logging.NOTSET)
