"""Headers that a sync task without metadata migration has lost: each way that the certificate names leads to a GO."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest

from support.migration import MINUTE, MODES
from unit.ops.migrate.migrate_world import MigrateWorld
from unit.ops.setup.setup_world import well

HEADERS = {"content-type": "text/html", "cache-control": "no-cache", "x-oss-meta-team": "web"}
ACCEPTED = ("--accept", "metadata=the owner: nobody reads them")


class Losing(MigrateWorld):
    """Somebody's own sync task, which copied two objects and of their headers only Content-Type."""

    def _set_up(self) -> None:
        super()._set_up()

    def lose(self, mode: str = MODES[0]) -> None:
        self.task.metadata, self.task.overwrite_mode = False, mode
        self.start_timers()
        for key in ("index.html", "en/index.html"):
            self.write(key)
        self.later(20 * MINUTE)
        assert self.headers("index.html") == {"content-type": "text/html"}

    def write(self, key: str) -> None:
        oss_object = self.oss.put(self.source_bucket, key, b"<html>")
        objects: Any = self.oss._buckets[self.source_bucket].objects
        objects[key] = replace(oss_object, headers=HEADERS)

    def headers(self, key: str) -> Mapping[str, str]:
        """Those of an object in OBS."""
        found: Any = self.obs.objects(self.destination_bucket)[key]
        return dict(found.headers)

    def cut_over(self, *words: str) -> Any:
        """The certificate of a cutover that begins with a freeze now."""
        self.later(6 * MINUTE)
        frozen = datetime.fromtimestamp(self.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        given = ("--frozen-since", frozen, "--sample", "2", "--close", "--out", os.devnull)
        return self.answer("cutover", *given, *words)[1]


@pytest.fixture
def world():
    with Losing() as made:
        yield made


def found(document: Any) -> Any:
    return next(one for one in document["checks"] if one["id"] == "METADATA")


@pytest.mark.long
def test_a_new_task_and_a_group_that_overwrites_bring_them(world):
    world.lose()
    document = world.cut_over()
    assert (document["verdict"], found(document)["result"]) == ("NOT PROVEN", "not proven")
    assert {*document["headers"]["documented"]} == {"cache-control", "meta-team"}

    # GIVEN what the certificate says: an open project, and a new task by setup instead of the deleted one
    assert world.run("open")[0] == 0
    world.oms._tasks.clear()
    file, address = world.folder / "s.yaml", world.variables()["SYNC_URL"]
    file.write_text(file.read_text(encoding="utf-8").replace(f'"{address}"', '""'), encoding="utf-8")
    well(world.setup(typed="yes\nagree\n"))
    (world.task,) = world.oms.tasks
    assert world.task.metadata
    world.deploy_project(world.folder)
    world.start_timers()
    world.later(5 * MINUTE)
    # WHEN old objects are migrated as usual, THEN what is equal is skipped
    assert world.migrate("--yes")[0] == 0
    assert world.headers("index.html") == {"content-type": "text/html"}
    # AND with --overwrite they come with their headers, to a GO without any acceptance
    well(world.migrate("--overwrite", typed="yes\n"), "what is there is overwritten, equal or not")
    assert world.headers("index.html")["x-obs-meta-team"] == "web"
    document = world.cut_over()
    assert (document["verdict"], found(document)["result"], document["accepted"]) == ("GO", "passed", {})


@pytest.mark.long
@pytest.mark.parametrize("mode", [MODES[0], pytest.param(MODES[1], marks=pytest.mark.extras), MODES[2]])
def test_writing_again_brings_them_unless_the_task_compares_crc64(world, mode):
    world.lose(mode)
    # The task migrates metadata from now on, so that what it copied before is what no document explains.
    world.task.metadata = True
    document = world.cut_over()
    assert (document["verdict"], found(document)["result"]) == ("NO-GO", "failed")
    assert world.run("open")[0] == 0
    for key in ("index.html", "en/index.html"):
        world.write(key)
    world.later(20 * MINUTE)
    is_mended = "x-obs-meta-team" in world.headers("index.html")
    assert is_mended is (mode != "CRC64_COMPARISON_OVERWRITE")
    assert world.cut_over(*([] if is_mended else ACCEPTED))["verdict"] == "GO"
