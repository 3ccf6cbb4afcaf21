"""Compare over sockets: every class among many objects, by processes of the rendered project, whatever dies."""

from __future__ import annotations

import json
import runpy
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from oss_oms_sync.clock import from_epoch, timestamp
from sandbox import Sandbox
from support.compare_buckets import DUE, HOUR, Sum, furnish, sums
from support.names import lead_huawei_here
from tools.render import render

pytest.importorskip("obs", reason="esdk-obs-python is not installed")
TIMEOUT = 300
OMS_LISTS = "oms/sync_task/"
DIGESTS = Path(__file__).parents[2] / "template" / "digests.py"
DAY = 24 * HOUR


def deploy(box: Sandbox, folder: Path, lanes: int, **overrides: Any) -> None:
    """As many instances as lanes, at a pace that loopback can keep."""
    render(box.answers(), folder)
    settings = {"LANES": str(lanes), "PIECE_SECONDS": "10", "OMS_RATE": "1000"}
    box.deploy_project(folder, environment={**box.environment(), **settings}, instances=lanes, **overrides)


def look(box: Sandbox, **asked: Any) -> dict[str, Any]:
    answer = box.fc.invoke("compare", json.dumps({"look": True, **asked}).encode())
    assert answer.outcome == "returned", answer
    return answer.value


@pytest.fixture
def told_by_the_vendors(box, monkeypatch, capsys):
    """What the script prints that reads a listing by the vendor's own SDK. Huawei's asks at the bucket's host name."""
    port = urlsplit(box.obs.endpoint).port
    server = f"http://obs.cn-north-4.myhuaweicloud.com:{port}"
    places = {"oss": (box.oss.endpoint, box.source_bucket), "obs": (server, box.destination_bucket)}

    def run(cloud: str) -> list[str]:
        for name, value in zip(("OSS_AK", "OSS_SK"), box.user_credentials, strict=True):
            monkeypatch.setenv(name, value)
        for name, value in zip(("OBS_AK", "OBS_SK"), box.huawei_credentials, strict=True):
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("OSS_REGION", box.region)
        monkeypatch.setattr(sys, "argv", ["digests.py", cloud, *places[cloud]])
        lead_huawei_here(monkeypatch)
        runpy.run_path(str(DIGESTS), run_name="__main__")
        return capsys.readouterr().out.splitlines()

    return run


def shown(found: dict[str, Any]) -> str:
    return f"{found['objects']} objects, {found['bytes']} bytes, {found['digest']}"


@pytest.mark.parametrize("number", [24_000, pytest.param(120_000, marks=pytest.mark.extras)])
def test_each_of_many_objects_is_in_its_class_and_exactly_what_is_due_is_sent(
    box, tmp_path, told_by_the_vendors, number
):
    # GIVEN objects of every class, with every combination that matches several rows of the table
    classes = furnish(box, number)
    expected = sums(box, classes)
    there = box.obs.objects(box.destination_bucket)
    in_lists = Sum.of({key: one.size for key, one in there.items() if key.startswith(OMS_LISTS)})
    elsewhere = Sum.of({key: one.size for key, one in there.items() if not key.startswith(OMS_LISTS)})
    (of_source,), of_destination = told_by_the_vendors("oss"), told_by_the_vendors("obs")
    deploy(box, tmp_path, lanes=4)
    box.task.lists.held = True  # or OMS would write some while OBS is listed
    # A first pass splits what takes longer than three seconds. In these at most five such pages come to any machine.
    box.obs.delay(600)

    # WHEN a pass runs to its end
    box.tick("compare")
    box.wait_idle(TIMEOUT)
    answer = look(box)

    # THEN each is in its class, with the sums and digests of a plain loop
    assert answer["finished"]
    found = {name: one for name, one in answer["classes"].items() if one["keys"]}
    assert found.keys() == expected.keys()
    for name, (source, destination, keys) in expected.items():
        one = found[name]
        assert one["keys"] == keys, name
        for side, wanted in (("source", source), ("destination", destination)):
            assert {**one[side], "digest": one["digests"][side]} == wanted._asdict(), (name, side)
    assert answer["adds_up"]
    # AND the vendors' SDKs tell the same of both buckets
    assert of_source == shown(answer["source"])
    assert of_destination == [
        shown(answer["destination"]),
        f"of these in {OMS_LISTS}: {shown(in_lists._asdict())}",
        f"and elsewhere: {shown(elsewhere._asdict())}",
    ]
    # AND exactly those are sent, once, that are due
    due = {key for key, name in classes.items() if name in DUE}
    assert box.oms.accepted == Counter(due)
    assert (answer["submitted"], answer["accepted"], answer["failed"]) == (len(due), len(due), 0)
    # AND it took many workers: a range of more than five pages splits as long as a lane is free, and three such splits
    # use up at most fifteen pages of the 23 and more there are
    assert answer["ranges"]["done"] >= 4


def lines(box: Sandbox, answer: dict[str, Any]) -> list[str]:
    """Of the lists of differences."""
    parts = [box.oss.objects(box.log_bucket)[name].data.decode() for name in answer["differences"]]
    return sorted("".join(parts).split("\n"))


def without_times(answer: dict[str, Any]) -> str:
    """All that does not tell when and how the pass ran."""
    left_out = ("pass", "started", "ended", "ranges", "differences", "objects_per_minute")
    return json.dumps({name: value for name, value in answer.items() if name not in left_out}, sort_keys=True)


def let_work_age(box: Sandbox) -> None:
    """As if nobody had worked on any pass for an hour. The objects that are compared stay as they are."""
    objects = box.oss.buckets[box.log_bucket].objects
    with box.oss.lock:
        for name, one in objects.items():
            if "/passes/" in name or "/working/" in name:
                objects[name] = replace(one, last_modified=one.last_modified - HOUR)


def test_eight_instances_that_are_killed_at_random_answer_as_one_that_is_not(box, tmp_path):
    # GIVEN objects of every class; what is due is too old to be sent, so that one pass leaves the other its world
    furnish(box, 90_000, due_age=9 * DAY)
    calm, wild = ({"since": timestamp(from_epoch(box.oss.now() - days * DAY))} for days in (2, 3))

    # WHEN they are compared by one instance, and by eight of which every other dies
    deploy(box, tmp_path, lanes=1)
    box.fc.invoke("compare", json.dumps(calm).encode())
    box.wait_idle(TIMEOUT)
    by_one = look(box, **calm)
    deploy(box, tmp_path, lanes=8, timeout=20)
    # Pages that take their time, or some were done before they are killed: eleven of a range take over four seconds.
    box.obs.delay(400)
    calls = 0
    while not total_of(box, wild):
        assert calls < 20
        # The first two who are called die for certain, early; whether others do, and when, is left to the dice.
        chance, within = (1, 0.2) if calls < 2 else (0.4, 2)
        box.fc.kill_at_random(chance, within, seed=15 + calls, name="compare")
        let_work_age(box)
        box.fc.invoke("compare", json.dumps(wild).encode())
        box.wait_idle(TIMEOUT)
        calls += 1
    box.fc.kill_at_random(0, within=1, seed=15)
    by_eight = look(box, **wild)

    # THEN both say the same, down to each line that differs
    assert by_one["finished"]
    assert without_times(by_eight) == without_times(by_one)
    assert lines(box, by_eight) == lines(box, by_one)
    assert not box.oms.accepted
    # AND many died, and eight ranges were worked on: by the marks of the pass before, halves, quarters and eighths of
    # 90,000 objects are split off, and less than 20,000 do not split any further
    assert [one.outcome for one in box.fc.invocations].count("crashed") >= 2
    assert (by_one["ranges"]["done"], by_eight["ranges"]["done"]) == (1, 8)


def total_of(box: Sandbox, asked: dict[str, str]) -> bool:
    """Whether a pass of this scope has ended."""
    stored = box.oss.objects(box.log_bucket).copy()
    totals = [json.loads(one.data) for name, one in stored.items() if "/passes/" in name and name.endswith("/total")]
    return any(total["pass"]["scope"]["since"] == asked["since"] for total in totals)
