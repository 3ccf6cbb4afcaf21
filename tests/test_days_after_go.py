"""The days after a GO: the commands in docs/cutover.md find late writes, and return to OSS."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ops.clock import timestamp
from oss_oms_sync.answers.codec import parse_timestamp
from oss_oms_sync.answers.layout import OMS_LISTS
from support.migration import CONTENTS, MINUTE, MODES, Caller, CommandResult, Migration
from tools.package import ROOT

SECTIONS = {"cutover.md": "## After the cutover", "cutover.zh.md": "## 割接之后"}


class WorldAfterGo(Migration):
    """A simulated migration after a GO; `commands` are the commands that the user has run since."""

    def __init__(self) -> None:
        super().__init__(1, timers=1, mode=MODES[0])
        self.commands: list[str] = []
        self.before = 0
        self.time_of_go = 0.0

    def go(self) -> None:
        for key in ("kept", "rewritten", "same_size", "late", "both", "deleted", "recreated"):
            self.write(key, CONTENTS["A"], parts=key == "same_size")
        self.advance(10 * MINUTE)
        self.remove("recreated")
        freeze = ("--frozen-since", timestamp(self.moment()), "--deep")
        result = self.ops("cutover", *freeze, "--close", "--out", os.devnull)
        assert result.answer["verdict"] == "GO"
        self.time_of_go = parse_timestamp(result.answer["passes"]["standstill"]["began"]).timestamp()
        self.advance(MINUTE)
        # Applications write to OBS, and delete there; a late writer still writes to OSS.
        for key in ("new", "rewritten", "both", "recreated"):
            self.obs.put(self.destination_bucket, key, b"application")
        self.obs.put(self.destination_bucket, "same_size", CONTENTS["B"])
        self.obs.delete(self.destination_bucket, "deleted")
        self.advance(MINUTE)
        for key in ("late", "both", "straggler"):
            self.write(key, CONTENTS["C"])
        self.advance(20 * MINUTE)
        self.before = len(self.oms.calls)

    def run(self, command: str) -> CommandResult:
        self.commands.append(command)
        return self.ops(*command.split()[2:])

    def late_writes(self) -> list[str]:
        """Return the keys that were written to OSS since the GO, as rclone lists them in docs/cutover.md."""
        objects = self.oss.objects(self.source_bucket)
        return sorted(key for key, row in objects.items() if row.last_modified >= self.time_of_go)

    def copy_back(self) -> list[str]:
        """Do what rclone does in docs/cutover.md: copy new objects from OBS to OSS, unless OSS has newer objects."""
        keys = []
        for key, copy in sorted(self.task.destination.items()):
            source = self.oss.objects(self.source_bucket).get(key)
            is_new = copy.last_modified >= self.time_of_go and not key.startswith(OMS_LISTS)
            if is_new and (source is None or source.last_modified < copy.last_modified):
                self.write(key, copy.data)
                keys.append(key)
        return keys

    def verdict(self) -> tuple[str, bool]:
        verdict = self.run("python3 ops.py status").answer["verdict"]
        return verdict["state"], verdict["alarm"]

    def submitted_keys(self) -> list[str]:
        """Return the keys that were submitted since the GO."""
        return [key for call in self.oms.calls[self.before :] for key in call.keys]


def classes(answer: Any) -> Mapping[str, list[str]]:
    """Return the keys of each object class, without classes of equal objects and of OMS's own lists."""
    keys_by_class = {name: counts["keys"] for name, counts in answer["classes"].items() if counts["keys"]}
    return {name: keys for name, keys in keys_by_class.items() if name not in ("equal_contents", "oms_own")}


def commands_of(document: str) -> Iterator[str]:
    """Yield the commands in the document's section about the days after a GO."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8").partition(SECTIONS[document])[2]
    section = " ".join(text.partition("\n## ")[0].split())
    yield from re.findall(r"`(python3 ops\.py [^`]+)`", section)


@pytest.fixture
def world() -> Iterator[WorldAfterGo]:
    with WorldAfterGo() as new_world:
        new_world.go()
        yield new_world


def test_compare_names_late_writes_after_a_go_and_a_rollback_works(world):
    # WHEN both buckets are compared, THEN the classes say who wrote where, and nothing is submitted
    assert classes(world.run("python3 ops.py compare").answer) == {
        "unknown": ["new"],
        "overwritten": ["rewritten"],
        "equal_size": ["same_size"],
        "missing": ["deleted", "straggler"],
        "older": ["both", "late"],
        "deleted_at_source": ["recreated"],
    }
    assert world.submitted_keys() == []

    # WHEN the trigger is still removed, THEN status reports no straggler
    assert world.verdict() == ("closed", False)
    # AND with the trigger, status names each straggler until it is acknowledged
    Caller(world).trigger("deploy", "forward", "oss-content")
    world.write("straggler", CONTENTS["D"])
    world.advance(2 * MINUTE)
    assert world.verdict() == ("closed", True)
    backlog = world.run("python3 ops.py status").answer["backlog"]
    assert backlog["by_reason"] == {"CLOSED": 1}
    assert [record["key"] for record in backlog["keys"]] == ["straggler"]
    world.run("python3 ops.py status --acknowledge")
    assert world.verdict() == ("closed", False)
    assert world.submitted_keys() == []

    # WHEN the user opens the project without an answer, THEN open only lists what OBS would lose
    result = world.run("python3 ops.py open")
    expected_lines = (
        "1 object (overwritten): 'rewritten'",
        "2 objects (older): 'both', 'late'",
        "1 object (unknown origin): 'new'",
        "1 object of equal size",
        "The project stays closed",
    )
    assert result.code == 2
    assert [line for line in expected_lines if line not in result.text] == []

    # WHEN an application writes to OBS just before the user stops it, lists the late writes to OSS, keeps an
    # application's version that is older than a late write, and copies the new objects back
    world.obs.put(world.destination_bucket, "newest", b"application")
    assert world.late_writes() == ["both", "late", "straggler"]
    world.write("both.application", world.in_obs("both"))
    assert world.copy_back() == ["new", "newest", "recreated", "rewritten", "same_size"]
    world.advance(15 * MINUTE)
    # THEN a comparison finds no object only in OBS, or newer there
    assert classes(world.run("python3 ops.py compare").answer) == {
        "missing": ["deleted"],
        "older": ["both", "late"],
        "failed_before": ["both.application", "straggler"],
    }
    # WHEN the user repeats the deletions, and opens the project
    world.remove("deleted")
    world.ops("open", "--after-go")
    world.advance(30 * MINUTE)
    # THEN both sides are the same, and of an object that a straggler wrote, too, the version that was kept remains
    assert classes(world.run("python3 ops.py compare").answer) == {}
    assert world.in_obs("both") == CONTENTS["C"]
    for key in ("both.application", "new", "newest", "recreated", "rewritten"):
        assert world.in_obs(key) == b"application"
    assert world.in_obs("same_size") == CONTENTS["B"]
    assert world.in_obs("straggler") == CONTENTS["D"]
    folders = ",".join(folder.removeprefix("oms/").removesuffix("/") for folder in OMS_LISTS)
    for document in SECTIONS:
        assert {*commands_of(document)} == {*world.commands}, document
        assert f'--filter "- /oms/{{{folders}}}/**"' in (ROOT / "docs" / document).read_text(encoding="utf-8")
