"""OMS's lists with the outcome of each object, and copy failures that a test orders."""

import re
from urllib.parse import quote, unquote

import pytest

from sandbox.oms.copier import Copy

ROOT = "oms/sync_task/"


@pytest.fixture
def copy(box, huawei):
    """Return a function that submits keys, and waits until OMS has finished them."""

    def submit(*keys):
        huawei.submit(*(quote(key, safe="") for key in keys))
        box.oms.wait_copied(10)

    return submit


@pytest.fixture
def lists(box):
    """Return a function that returns the lines of each list, by file name without the common prefix."""

    return lambda: {
        name.removeprefix(f"{ROOT}{box.task_id}/"): stored.data.decode().splitlines()
        for name, stored in dict(box.obs.objects("photos-obs")).items()
        if name.startswith(ROOT)
    }


def test_each_call_writes_a_list_for_each_kind_of_outcome(box, copy, lists):
    box.oss.put("photos", "a b", b"hello")
    copy("a b")
    copy("a b", "missing")
    failed, skipped, success = sorted(lists().items())
    for (name, _), kind in zip((failed, skipped, success), ("failed", "skip", "success"), strict=True):
        assert re.fullmatch(rf"{kind}_object_lists/.*\.{kind}_list\.txt", name)
    assert [line.split(",")[1:] for line in (*success[1], *skipped[1])] == [["a b", "5"], ["a b", "5"]]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_line_about_a_failure_has_the_key_encoded_and_raw(box, copy, lists, separator):
    box.task.lists.separator = separator
    copy("山 a.jpg")
    ((line,),) = lists().values()
    reason, _, encoded, raw, _ = line.split(separator)
    assert reason == "GET_SRC_OBJ_META_FAILURE"
    assert unquote(encoded) == "山 a.jpg"
    assert raw == "山 a.jpg"


def test_lists_of_the_same_millisecond_have_different_names(box, lists, monkeypatch):
    monkeypatch.setattr(box.oms, "now", lambda: 1_767_225_600)
    for copy in (Copy("missing"), Copy("missing"), Copy("missing")):
        box.task.begin(copy)
        box.task.end(copy)
    assert len(lists()) == 3
