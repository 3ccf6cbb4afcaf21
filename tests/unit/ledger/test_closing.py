"""The mark of a closed project: its user, time and reason, and the error for an unreadable mark."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.closing import CloseMark, ProjectState
from support.world import ROOT, World, oss_error

MARK = f"{ROOT}state/closed-oss-oms-sync.json"
UNREADABLE = [b"", b"closed", b"[]", b"{}", b'{"closed": "true"}', b'{"closed": true}', b'{"closed": 0}']


@pytest.fixture
def closing(world: World) -> ProjectState:
    return ProjectState(world.invocation(600))


def mark(world: World) -> dict:
    return json.loads(world.bucket.objects[MARK].body)


def test_a_project_is_open_until_it_is_closed(world, closing):
    assert closing.read_state() is None
    at = "2026-01-02T00:00:00Z"  # until when it was open, too
    closed = CloseMark(at, "Li Lei", "cut over", "run 1", at)
    assert closing.close("Li Lei", "cut over", "run 1") == closed
    assert closing.read_state() == replace(closed, written_at=at, first_written_at=at)


def test_the_mark_of_a_reopened_project_names_who_opened_it(world, closing):
    closing.close("Li Lei")
    world.advance(60)
    assert closing.open("Han Meimei", "rolled back") is closing.read_state() is None
    at = mark(world)["opened"]
    assert mark(world)["by"] == "Han Meimei"
    # A delete whose answer is lost could undo a later closing.
    assert world.bucket.calls["delete"] == 0
    world.advance(60)
    assert closing.close().opened_at == closing.close().opened_at == at > "2026-01-02T00:01"


def test_ensure_mark_overwrites_no_existing_closed_mark(world, closing):
    closing.ensure_mark()
    assert mark(world) == {"closed": False}
    closing.close("Li Lei")
    before = mark(world), world.bucket.calls["put"]
    closing._remembered.clear()  # as another instance
    closing.ensure_mark()
    assert (mark(world), world.bucket.calls["put"]) == before


def test_a_cutover_that_closes_a_closed_project_takes_over_the_mark(world, closing):
    closing.close("Li Lei", run="run 1")
    world.advance(60)
    closing.close("Han Meimei", run="run 2")
    assert mark(world).items() >= {"at": "2026-01-02T00:01:00Z", "by": "Han Meimei", "run": "run 2"}.items()


def test_a_cutover_does_not_open_a_project_that_was_closed_by_hand(world, closing):
    closing.close("cutover", "run 1", run="run 1")
    before = mark(world)
    world.advance(60)
    assert closing.close("close", "by hand").closed_at == before["at"]
    assert mark(world) == {**before, "run": "", "first": before["at"]}


def test_a_cutover_opens_only_a_project_that_it_closed(closing):
    closing.close(run="run 1")
    assert closing.open(run="run 2").run == closing.read_state().run == "run 1"
    assert closing.open(run="run 1") is closing.read_state() is None


def test_a_repeated_close_keeps_the_time_of_the_first_close(world, closing):
    closing.close()
    first = closing.read_state().written_at
    for _ in range(2):
        world.advance(60)
        closing.close()
    assert closing.read_state().first_written_at == first < closing.read_state().written_at
    closing.open()
    closing.close()
    assert closing.read_state().first_written_at == closing.read_state().written_at


@pytest.mark.parametrize("body", UNREADABLE)
def test_a_close_replaces_an_unreadable_closed_mark(world, closing, body):
    world.bucket.add(StoredObject(MARK, body))
    with pytest.raises(StorageError, match=r"closed-oss-oms-sync\.json in .* is unreadable.*ops\.py close"):
        closing.read_state()
    closing.open()
    assert closing.read_state() is None
    world.bucket.add(StoredObject(MARK, body))
    assert closing.close().closed_at == closing.read_state().closed_at


def test_read_state_and_close_raise_the_refusal_of_the_log_bucket(world, closing):
    world.bucket.fail(oss_error(403), "get")
    assert closing.close().closed_at  # the write decides
    world.bucket.fail(oss_error(403), "put")
    for refused in (closing.read_state, closing.close, closing.open):
        with pytest.raises(StorageError):
            refused()


@pytest.mark.parametrize(
    ("change", "is_closed"), [({"key_filter": KeyFilter("a/", ".jpg")}, True), ({"project": "b"}, False)]
)
def test_each_project_of_a_sync_task_has_its_own_closed_mark(world, closing, change, is_closed):
    closing.close()
    other = replace(world.invocation(), settings=replace(world.settings, **change))
    assert (ProjectState(other).read_state() is not None) == is_closed


def test_the_description_of_a_closed_mark_has_time_user_and_reason():
    text = CloseMark("2026-01-02T00:00:00Z", "Li Lei", "cut over").text
    assert text.en.startswith("The project has been closed since 2026-01-02T00:00:00Z (Li Lei: cut over)")
    assert text.zh.startswith("项目自 2026-01-02T00:00:00Z 起已关闭（Li Lei: cut over）")
    assert CloseMark("2026-01-02T00:00:00Z", "", "").text.en.startswith(
        "The project has been closed since 2026-01-02T00:00:00Z and submits nothing"
    )


def test_the_closed_mark_has_the_name_of_its_user_in_a_single_line(closing):
    closing.close("Li\nLei\x1b[31m", "a" * 1000)
    assert closing.read_state().person == "Li Lei [31m"
    assert len(closing.read_state().reason) == 300
