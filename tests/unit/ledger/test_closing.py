"""The mark of a closed project: who closed it, when and why, and what is said where it is unreadable."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.closing import Closed, Closing
from support.world import ROOT, World, oss_error

MARK = f"{ROOT}state/closed-oss-oms-sync.json"
UNREADABLE = [b"", b"closed", b"[]", b"{}", b'{"closed": "true"}', b'{"closed": true}', b'{"closed": 0}']


@pytest.fixture
def closing(world: World) -> Closing:
    return Closing(world.invocation(600))


def test_a_project_is_open_until_it_is_closed(world, closing):
    assert closing.state() is None
    closing.close("Li Lei", "cut over")
    assert closing.state() == Closed("2026-01-02T00:00:00Z", "Li Lei", "cut over")
    assert json.loads(world.bucket.objects[MARK].body) == {
        "closed": True,
        "at": "2026-01-02T00:00:00Z",
        "by": "Li Lei",
        "why": "cut over",
    }


def test_a_project_that_is_opened_is_open_and_its_mark_says_by_whom(world, closing):
    closing.close("Li Lei")
    world.later(60)
    closing.open("Han Meimei", "rolled back")
    assert closing.state() is None
    assert json.loads(world.bucket.objects[MARK].body) == {
        "closed": False,
        "at": "2026-01-02T00:01:00Z",
        "by": "Han Meimei",
        "why": "rolled back",
    }
    # A delete whose answer is lost could undo a later closing.
    assert world.bucket.calls["delete"] == 0


def test_closing_a_closed_project_changes_nothing(world, closing):
    first = closing.close("Li Lei")
    world.later(60)
    assert closing.close("Han Meimei") == closing.state() == first


@pytest.mark.parametrize("body", UNREADABLE)
def test_an_unreadable_mark_says_neither_and_can_be_written_anew(world, closing, body):
    world.bucket.add(StoredObject(MARK, body))
    with pytest.raises(StorageError, match=r"closed-oss-oms-sync\.json in the log bucket is unreadable.*s certify"):
        closing.state()
    closing.open()
    assert closing.state() is None
    world.bucket.add(StoredObject(MARK, body))
    assert closing.close() == closing.state()


@pytest.mark.parametrize("kind", ["get", "put"])
def test_what_the_log_bucket_refuses_is_raised(world, closing, kind):
    world.bucket.fail(oss_error(403), kind)
    with pytest.raises(StorageError):
        closing.close()
    if kind == "get":
        with pytest.raises(StorageError):
            closing.state()
    else:
        with pytest.raises(StorageError):
            closing.open()


@pytest.mark.parametrize(
    ("change", "is_closed"), [({"key_filter": KeyFilter("a/", ".jpg")}, True), ({"project": "b"}, False)]
)
def test_each_project_on_a_task_has_a_mark_of_its_own_whatever_its_filter(world, closing, change, is_closed):
    closing.close()
    other = replace(world.invocation(), settings=replace(world.settings, **change))
    assert (Closing(other).state() is not None) == is_closed


def test_the_mark_in_words_says_since_when_by_whom_and_why_on_one_line_each():
    english, chinese = Closed("2026-01-02T00:00:00Z", "Li Lei", "cut over").text
    assert english.startswith("The project has been closed since 2026-01-02T00:00:00Z (Li Lei: cut over)")
    assert chinese.startswith("项目自 2026-01-02T00:00:00Z 起已关闭（Li Lei: cut over）")
    assert Closed("2026-01-02T00:00:00Z", "", "").text.en.startswith(
        "The project has been closed since 2026-01-02T00:00:00Z: nothing is sent."
    )


def test_what_a_person_gives_as_name_becomes_one_line(closing):
    assert closing.close("Li\nLei\x1b[31m", "a" * 1000) == closing.state()
    assert closing.state().by == "Li Lei [31m"
    assert len(closing.state().why) == 300
