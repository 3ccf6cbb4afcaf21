"""What reconcile returns: how far it came, and why no further."""

from __future__ import annotations

import pytest

from oss_oms_sync.passes.tally import COUNTS
from oss_oms_sync.reasons import Reason
from support.fake_bucket import NO_RIGHT
from support.reconcile_world import FROZEN, ReconcileWorld


def test_an_empty_bucket_is_finished_at_once(world):
    nothing = dict.fromkeys(COUNTS, 0)
    assert world.reconcile() == {**nothing, "finished": True, "next": None, "stopped": None}


def account_refused(world: ReconcileWorld) -> None:
    world.oms.schedule = [FROZEN]


def records_refused(world: ReconcileWorld) -> None:
    world.oms.schedule = [404]
    world.bucket.problem = lambda kind, name: NO_RIGHT if "failed_object" in name and kind == "put" else None


def time_used_up(world: ReconcileWorld) -> None:
    world.source.seconds_a_page = 550.0


@pytest.mark.parametrize(
    ("cause", "asked", "told"),
    [
        (account_refused, {}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (records_refused, {}, f"OMS refuses every key: NO_TASK. {Reason.NO_TASK.fix.en}"),
        (time_used_up, {"dry_run": True}, "the time is up"),
        (account_refused, {"limit": 10}, f"OMS refuses every key: ACCOUNT. {Reason.ACCOUNT.fix.en}"),
        (lambda world: None, {"limit": 10}, "the limit is reached"),
    ],
)
def test_it_reports_why_it_stopped_and_lists_nothing_more(world, mocker, cause, asked, told):
    mocker.patch("support.fake_bucket.PAGE_SIZE", 7)
    for number in range(100):
        world.upload(f"{number:03}")
    world.later()
    cause(world)
    result = world.reconcile(asked)
    assert (result["stopped"], result["finished"]) == (told, False)
    assert world.source.calls["list"] <= 3  # one page ahead


@pytest.mark.parametrize("asked", [{}, {"limit": 5}, {"dry_run": True}])
def test_every_call_logs_what_it_returns(world, caplog, asked):
    caplog.set_level("INFO", "oss_oms_sync")
    for number in range(10):
        world.upload(f"{number:02}")
    world.later()
    result = world.reconcile(asked)
    result.pop("missing", None)
    assert [record.msg for record in caplog.records if record.name.startswith("oss_oms_sync.")] == [result]
