"""The days after a GO, as docs/cutover.md tells them: who writes where, stragglers, and the way back. What is played is
what the document says, and each command in it is run."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from datetime import datetime, timezone
from typing import Any

import pytest

from support.migration import CONTENTS, MINUTE, MODES, Caller, Migration, Said
from tools.package import ROOT

SECTIONS = {"cutover.md": "## The days after", "cutover.zh.md": "## 之后的日子"}


class DaysAfter(Migration):
    """A GO stands; the commands that were run since are noted."""

    def __init__(self) -> None:
        super().__init__(1, timers=1, mode=MODES[0])
        self.commands: list[str] = []

    def go(self) -> None:
        for key in ("kept", "rewritten", "late", "both", "deleted"):
            self.write(key, CONTENTS["A"])
        self.later(10 * MINUTE)
        frozen = datetime.fromtimestamp(self.now(), timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
        said = self.ops("cutover", "--frozen-since", frozen, "--close", "--out", os.devnull)
        assert said.answer["verdict"] == "GO"
        self.later(MINUTE)
        # Applications write to OBS, and delete there; somebody still writes to OSS.
        for key in ("new", "rewritten", "both"):
            self.obs.put(self.destination_bucket, key, b"application")
        self.obs.delete(self.destination_bucket, "deleted")
        self.later(MINUTE)
        for key in ("late", "both", "straggler"):
            self.write(key, CONTENTS["C"])
        self.later(20 * MINUTE)

    def run(self, command: str) -> Said:
        self.commands.append(command)
        return self.ops(*command.split()[2:])

    def sent(self) -> list[str]:
        """The keys that OMS was asked for since the GO."""
        return [key for call in self.oms.calls[self.before :] for key in call.keys]

    before = 0


def classes(answer: Any) -> Mapping[str, list[str]]:
    """The keys of each class that decides anything."""
    found = {name: one["keys"] for name, one in answer["classes"].items() if one["keys"]}
    return {name: keys for name, keys in found.items() if name not in ("equal_contents", "oms_own")}


def told(document: str) -> Iterator[str]:
    """The commands in the section of the days after."""
    text = (ROOT / "docs" / document).read_text(encoding="utf-8").partition(SECTIONS[document])[2]
    for block in re.findall(r"```sh\n(.*?)```", text.partition("\n## ")[0], re.DOTALL):
        yield from filter(None, (line.strip() for line in block.splitlines()))


@pytest.fixture
def world() -> Iterator[DaysAfter]:
    with DaysAfter() as made:
        made.go()
        made.before = len(made.oms.calls)
        yield made


def test_who_writes_where_is_told_stragglers_are_recorded_and_there_is_a_way_back(world):
    # WHEN both buckets are compared, THEN the classes say who wrote where, and nothing is sent
    found = classes(world.run("python3 ops.py compare").answer)
    assert found == {
        "unknown": ["new"],
        "overwritten": ["rewritten"],
        "missing": ["deleted", "straggler"],
        "older": ["both", "late"],
    }
    assert world.sent() == []

    # WHEN nobody has put the trigger back, THEN status knows of no straggler
    verdict = world.run("python3 ops.py status").answer["verdict"]
    assert (verdict["state"], verdict["alarm"]) == ("closed", False)
    # AND once it is there, it names each, until somebody acknowledges it
    Caller(world).trigger("deploy", "forward", "oss-content")
    world.write("straggler", CONTENTS["D"])
    world.later(2 * MINUTE)
    answer = world.run("python3 ops.py status").answer
    assert (answer["verdict"]["state"], answer["verdict"]["alarm"]) == ("closed", True)
    assert answer["backlog"]["by_reason"] == {"CLOSED": 1}
    assert [one["key"] for one in answer["backlog"]["keys"]] == ["straggler"]
    world.run("python3 ops.py status --acknowledge")
    assert not world.run("python3 ops.py status").answer["verdict"]["alarm"]
    assert world.sent() == []

    # WHEN somebody copies back what only OBS has, deletes what should stay deleted, and opens the project
    for key in ("new", "rewritten"):
        world.write(key, b"application")
    world.remove("deleted")
    world.run("python3 ops.py open")
    world.later(30 * MINUTE)
    # THEN both sides are the same, and an application's object is lost that a straggler wrote, too
    assert classes(world.run("python3 ops.py compare").answer) == {}
    assert world.in_obs("both") == CONTENTS["C"]
    assert (world.in_obs("new"), world.in_obs("straggler")) == (b"application", CONTENTS["D"])
    for document in SECTIONS:
        assert {*told(document)} == {*world.commands}, document
