"""In a closed project the verdict says so before anything else, and what waits is counted by its reason."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.closing import Closing
from oss_oms_sync.ledger.records import FailedKey, failed_record
from oss_oms_sync.reasons import Failure, Reason
from support.fake_bucket import ROOT
from support.status_world import IN_STEP, StatusWorld
from support.world import TASK


def fail(world: StatusWorld, key: str, reason: Reason) -> None:
    world.bucket.add(failed_record(TASK, FailedKey(ObjectChange(key)), Failure(reason), world.clock.now()))


def test_the_verdict_says_since_when_it_is_closed_and_how_to_open_it(world):
    Closing(world.invocation()).close("Li Lei", "cut over")
    report = world.status()
    assert report["verdict"] == {
        "state": "closed",
        "text": "The project has been closed since 2026-03-10T12:00:00Z (Li Lei: cut over): nothing is sent."
        " To open it: python ops.py open.",
        "text_zh": "项目自 2026-03-10T12:00:00Z 起已关闭（Li Lei: cut over），不发送任何对象。如需重新打开："
        "python ops.py open。",
    }
    assert report["closed"] == {"since": "2026-03-10T12:00:00Z", "by": "Li Lei", "why": "cut over", "run": ""}


def test_it_says_so_before_what_is_broken_and_counts_what_waits(world):
    Closing(world.invocation()).close()
    fail(world, "a", Reason.CLOSED)
    fail(world, "b", Reason.CREDENTIALS)
    report = world.status()
    assert report["verdict"]["state"] == "closed"
    assert report["verdict"]["text"].endswith(" 2 object keys wait for that.")
    assert report["verdict"]["text_zh"].endswith("。有 2 个对象等待重新打开后发送。")
    assert report["backlog"]["by_reason"] == {"CLOSED": 1, "CREDENTIALS": 1}
    assert report["fixes"]["CLOSED"]["en"] == Reason.CLOSED.fix.en


def test_opened_again_the_verdict_is_as_ever_and_keys_that_waited_are_behind(world):
    closing = Closing(world.invocation())
    closing.close()
    closing.open()
    assert world.verdict()[0] == IN_STEP
    assert world.status()["closed"] is None
    fail(world, "a", Reason.CLOSED)
    assert world.verdict()[1].startswith("Behind by 1 since")


def test_an_unreadable_mark_is_not_taken_for_an_open_project(world):
    world.bucket.add(StoredObject(f"{ROOT}state/closed-oss-oms-sync.json", b"?"))
    with pytest.raises(StorageError, match="unreadable"):
        world.status()
