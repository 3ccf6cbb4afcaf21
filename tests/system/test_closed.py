"""A closed project as it runs: nothing reaches OMS, whatever is written and whoever is asked, and nothing is lost."""

from __future__ import annotations

import importlib
import json
import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest

from oss_oms_sync.clock import Clock, timestamp
from oss_oms_sync.ledger.closing import Closing
from sandbox import Sandbox
from support.instance import Instance
from support.uploads import upload
from support.world import payload
from tools.render import render

TIMEOUT = 60
HOUR = 3600
OPEN_IT = "To open it: python ops.py open"


@pytest.fixture(params=["python3.12", "python3.10"])
def project(request, box, tmp_path) -> Sandbox:
    """One instance of each function: what it sees counts for all that follows."""
    render(box.answers() | {"runtime": request.param}, tmp_path)
    box.deploy_project(tmp_path, instances=1)
    return box


@pytest.fixture
def instances(box, monkeypatch) -> Iterator[Callable[[], Callable[[bytes], bool]]]:
    """Starts an instance of `forward` in this process, in place of the one before."""
    index = importlib.import_module("index")
    names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    role = {f"ALIBABA_CLOUD_{name}": value for name, value in zip(names, box.function_credentials, strict=True)}
    for name, value in {**box.environment(), "FC_REGION": box.region, **role}.items():
        monkeypatch.setenv(name, value)
    context = SimpleNamespace(request_id="1", function=SimpleNamespace(timeout=TIMEOUT))

    def start() -> Callable[[bytes], bool]:
        index._instance.cache_clear()
        return lambda event: index.handler(event, context)

    yield start
    index._instance.cache_clear()
    logging.getLogger("oss_oms_sync").setLevel(logging.NOTSET)


def written_now(key: str) -> bytes:
    return payload(key, time=timestamp(datetime.now(timezone.utc)))


def closing(box: Sandbox) -> Closing:
    return Closing(Instance(box).invocation())


def reasons(box: Sandbox) -> dict[str, str]:
    """The failed records: key to reason."""
    root = f"oms_source_record/{box.task_id}/failed_object/"
    found = box.oss.objects(box.log_bucket).items()
    return {name.removeprefix(root): json.loads(one.data)["reason"] for name, one in found if name.startswith(root)}


def test_in_a_closed_project_nothing_reaches_oms_and_opened_again_replay_sends_it(project):
    box = project
    # GIVEN a project that is closed, and an event that waited in the queue
    box.oss.lose_events(lambda key: key == "lost")
    closing(box).close("Li Lei", "cut over")
    assert box.fc.invoke("forward", payload("waited")).value is False

    # WHEN objects are uploaded, and all jobs have their turn
    upload(box, "a", "b", "lost")
    box.later(HOUR)
    asked = [("replay", b""), ("replay", b'{"keys": ["a"]}'), ("reconcile", b"{}")]
    stopped = [box.fc.invoke(job, payload).value["stopped"] for job, payload in asked]
    box.wait_idle(TIMEOUT)

    # THEN OMS is not called, each key is recorded, and everybody says why
    assert box.oms.calls == []
    assert reasons(box) == dict.fromkeys(["waited", "a", "b"], "CLOSED")
    assert all(OPEN_IT in one for one in stopped)
    verdict = box.fc.invoke("status", b"").value["verdict"]
    assert (verdict["state"], "(Li Lei: cut over)" in verdict["text"]) == ("closed", True)

    # WHEN it is opened, THEN all is sent, and the destination equals the source
    closing(box).open("Li Lei")
    assert box.tick("replay").value["accepted"] == 3
    assert box.fc.invoke("reconcile", b"{}").value["accepted"] == 1
    box.wait_idle(TIMEOUT)
    assert box.task.destination.keys() == box.oss.objects(box.source_bucket).keys()
    assert reasons(box) == {}
    assert box.fc.invoke("forward", payload("after")).value is True


def test_an_instance_that_starts_after_the_closing_sends_nothing(box, instances):
    # GIVEN a closed project, and a log bucket that does not answer at once
    closing(box).close()
    box.oss.latency(get=0.2)

    # WHEN events wake new instances, THEN OMS is not called, and each key is recorded
    outcomes = [instances()(written_now(key)) for key in ("a", "b")]
    assert box.oms.calls == []
    assert outcomes == [False, False]
    assert reasons(box) == {"a": "CLOSED", "b": "CLOSED"}


def test_an_instance_that_was_frozen_since_before_the_closing_sends_nothing(box, instances, monkeypatch):
    # GIVEN an instance that sends, and is frozen for a minute, in which the project is closed
    handler, now = instances(), Clock.now
    assert handler(written_now("a")) is True
    closing(box).close()
    monkeypatch.setattr(Clock, "now", lambda clock: now(clock) + timedelta(minutes=1))
    box.oss.latency(get=0.2)

    # WHEN an event thaws it, THEN OMS is not called, and the key is recorded
    outcome = handler(written_now("b"))
    assert [call.keys for call in box.oms.calls] == [["a"]]
    assert outcome is False
    assert reasons(box) == {"b": "CLOSED"}


@pytest.mark.parametrize("change", [{"objectPrefix": "photos/"}, {"objectSuffix": ".jpg"}])
def test_a_change_of_prefix_or_suffix_leaves_the_project_closed(box, tmp_path, change):
    # GIVEN a closed project whose reconcile has something to send
    render(box.answers(), tmp_path)
    box.deploy_project(tmp_path)
    box.oss.lose_events(lambda key: True)
    upload(box, "photos/1.jpg")
    box.later(HOUR)
    box.fc.invoke("certify", b'{"close": true}')

    # WHEN its prefix or suffix is changed, THEN nothing is sent, and it says that it is closed
    render(box.answers() | change, tmp_path)
    box.deploy_project(tmp_path)
    answer = box.fc.invoke("reconcile", b"{}").value
    assert box.oms.calls == []
    assert OPEN_IT in answer["stopped"]
    assert box.fc.invoke("status", b"").value["verdict"]["state"] == "closed"
