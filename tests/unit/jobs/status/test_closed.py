"""In a closed project the verdict says so before anything else, and what waits is counted by its reason."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import Reason, StorageError
from support.status_world import IN_STEP
from support.world import ROOT


def test_the_verdict_says_since_when_it_is_closed_and_how_to_open_it(world):
    world.shut(on=True, by="Li Lei", why="cut over")
    report = world.status()
    assert report["verdict"] == {
        "state": "closed",
        "alarm": False,
        "text": "The project has been closed since 2026-03-10T12:00:00Z (Li Lei: cut over): nothing is sent."
        " To open it: python3 ops.py open.",
        "text_zh": "项目自 2026-03-10T12:00:00Z 起已关闭（Li Lei: cut over），不发送任何对象。如需重新打开："
        "python3 ops.py open。",
        "step": {"job": "open", "options": {}},
    }
    assert report["closed"] == {"since": "2026-03-10T12:00:00Z", "by": "Li Lei", "why": "cut over", "run": ""}


def test_it_says_so_before_what_is_broken_and_counts_what_waits(world):
    world.shut(on=True)
    world.fail("a", "CLOSED")
    world.fail("b", "CREDENTIALS")
    world.fail("c", "MARK_UNREAD")
    report = world.status()
    assert report["verdict"]["state"] == "closed"
    assert report["verdict"]["text"].endswith(" Waiting for that: 3 object keys.")
    assert report["verdict"]["text_zh"].endswith("。有 3 个对象等待重新打开后发送。")
    # What nobody knew whether to send may have come after the close as well.
    assert (report["verdict"]["alarm"], "ALARM: 2 changed objects came" in report["verdict"]["text"]) == (True, True)
    assert report["backlog"]["by_reason"] == {"CLOSED": 1, "CREDENTIALS": 1, "MARK_UNREAD": 1}
    assert report["fixes"]["CLOSED"]["en"] == Reason.CLOSED.fix.en
    assert report["lasting"] == ["CREDENTIALS"]


def test_opened_again_the_verdict_is_as_ever_and_keys_that_waited_are_behind(world):
    world.shut(on=True)
    world.shut(on=False)
    assert world.verdict()[0] == IN_STEP
    assert world.status()["closed"] is None
    world.fail("a", "CLOSED")
    assert world.verdict()[1].startswith("1 object waiting since")


def test_an_unreadable_mark_is_not_taken_for_an_open_project(world):
    world.bucket.add(StoredObject(f"{ROOT}state/closed-oss-oms-sync.json", b"?"))
    with pytest.raises(StorageError, match="unreadable"):
        world.status()
