"""Headers that OMS lost because its sync task copies no metadata: the steps in the certificate lead to a GO."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from support.migration import MINUTE, MODES
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import expect_success

HEADERS = {"content-type": "text/html", "cache-control": "no-cache", "x-oss-meta-team": "web"}
ACCEPTANCE = ("--accept", "metadata=the owner: nobody reads them")


class LosingWorld(MigrateWorld):
    """A project whose sync task copied two objects with no header but Content-Type; a user created the task."""

    def lose(self, mode: str = MODES[0]) -> None:
        self.task.copies_metadata, self.task.overwrite_mode = False, mode
        self.start_timers(0.2)
        for key in ("index.html", "en/index.html"):
            self.write(key)
        self.advance(20 * MINUTE)
        assert self.headers("index.html") == {"content-type": "text/html"}

    def write(self, key: str) -> None:
        oss_object = self.oss.put(self.source_bucket, key, b"<html>")
        objects: Any = self.oss._buckets[self.source_bucket].objects
        objects[key] = replace(oss_object, headers=HEADERS)

    def headers(self, key: str) -> Mapping[str, str]:
        """Return the headers of an object in OBS."""
        destination_object: Any = self.obs.objects(self.destination_bucket)[key]
        return dict(destination_object.headers)

    def cut_over(self, *words: str) -> Any:
        """Run a cutover whose freeze begins now; return the certificate."""
        self.advance(6 * MINUTE)
        frozen = datetime.fromtimestamp(self.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        options = ("--frozen-since", frozen, "--sample", "2", "--close", "--out", os.devnull)
        return self.answer("cutover", *options, *words)[1]


@pytest.fixture
def world():
    with LosingWorld() as world:
        yield world


def header_check(document: Any) -> Any:
    return next(check for check in document["checks"] if check["id"] == "METADATA")


@pytest.mark.long
def test_a_new_task_and_an_overwriting_group_restore_headers(world):
    world.lose()
    document = world.cut_over()
    assert document["verdict"] == "NOT PROVEN"
    assert header_check(document)["result"] == "not proven"
    assert {*document["headers"]["documented"]} == {"cache-control", "meta-team"}

    # GIVEN the certificate's steps: an open project, and a new task by setup instead of the deleted task
    assert world.run("open")[0] == 0
    world.oms._tasks.clear()
    file, address = world.folder / "s.yaml", world.variables()["SYNC_URL"]
    file.write_text(file.read_text(encoding="utf-8").replace(f'"{address}"', '""'), encoding="utf-8")
    expect_success(world.setup(typed="yes\nagree\n"))
    (world.task,) = world.oms.tasks
    assert world.task.copies_metadata
    world.deploy_project(world.folder)
    world.start_timers(0.2)
    world.advance(5 * MINUTE)
    # WHEN existing objects are migrated as usual THEN OMS skips equal objects
    assert world.migrate("--yes")[0] == 0
    assert world.headers("index.html") == {"content-type": "text/html"}
    # AND with --overwrite they get their headers, and the cutover ends with a GO without an acceptance
    expect_success(
        world.migrate("--overwrite", typed="yes\n"), "existing objects are overwritten, even if they are equal"
    )
    assert world.headers("index.html")["x-obs-meta-team"] == "web"
    document = world.cut_over()
    assert document["verdict"] == "GO"
    assert header_check(document)["result"] == "passed"
    assert document["accepted"] == {}


@pytest.mark.long
@pytest.mark.parametrize("mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.extras), MODES[2]])
def test_rewriting_objects_restores_headers_unless_oms_compares_crc64(world, mode):
    world.lose(mode)
    # The task migrates metadata from now on, so no document explains the headers that it lost before.
    world.task.copies_metadata = True
    document = world.cut_over()
    assert document["verdict"] == "NO-GO"
    assert header_check(document)["result"] == "failed"
    assert world.run("open")[0] == 0
    for key in ("index.html", "en/index.html"):
        world.write(key)
    world.advance(20 * MINUTE)
    is_mended = "x-obs-meta-team" in world.headers("index.html")
    assert is_mended is (mode != "CRC64_COMPARISON_OVERWRITE")
    assert world.cut_over(*([] if is_mended else ACCEPTANCE))["verdict"] == "GO"
