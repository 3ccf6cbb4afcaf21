"""Tests of the lists in which the simulated OMS reports the outcome of each copy, and of failures set by a test."""

import re
from urllib.parse import quote, unquote

import pytest

ROOT = "oms/sync_task/"


@pytest.fixture
def copy_keys(box, huawei):
    """Return a function that submits keys, and waits until each copy succeeded or failed."""

    def submit(*keys):
        huawei.submit(*(quote(key, safe="") for key in keys))
        box.oms.wait_until_copied(10)

    return submit


@pytest.fixture
def read_lists(box):
    """Return a function that reads the lines of each list, by its name below the task's folder."""

    return lambda: {
        name.removeprefix(f"{ROOT}{box.task_id}/"): list_object.data.decode().splitlines()
        for name, list_object in dict(box.obs.objects("photos-obs")).items()
        if name.startswith(ROOT)
    }


def test_the_simulated_oms_writes_a_list_for_each_kind_of_outcome(box, copy_keys, read_lists):
    box.oss.put("photos", "a b", b"hello")
    copy_keys("a b")
    copy_keys("a b", "missing")
    failed_list, skip_list, success_list = sorted(read_lists().items())
    for (name, _), kind in zip((failed_list, skip_list, success_list), ("failed", "skip", "success"), strict=True):
        assert re.fullmatch(rf"{kind}_object_lists/.*\.{kind}_list\.txt", name)
    assert [line.split(",")[1:] for line in (*success_list[1], *skip_list[1])] == [["a b", "5"], ["a b", "5"]]


@pytest.mark.parametrize("separator", [",", "\t"])
def test_a_line_of_a_simulated_failure_list_has_the_key_encoded_and_raw(box, copy_keys, read_lists, separator):
    box.task.lists.separator = separator
    copy_keys("山 a.jpg")
    ((line,),) = read_lists().values()
    reason, _, encoded_key, raw_key, _ = line.split(separator)
    assert reason == "GET_SRC_OBJ_META_FAILURE"
    assert unquote(encoded_key) == "山 a.jpg"
    assert raw_key == "山 a.jpg"
