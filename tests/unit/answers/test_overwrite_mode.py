"""OMS's overwrite modes in answers: known modes, modes that OMS adds later, and values of other types."""

from __future__ import annotations

import pytest

from oss_oms_sync.answers.codec import UnreadableError, from_json, to_json
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.clouds.task import TaskInfo

MODE = "object_overwrite_mode"


@pytest.mark.parametrize("name", [*(mode.value for mode in OverwriteMode), "A_LATER_MODE_OF_OMS", None])
def test_an_answer_keeps_the_overwrite_mode_as_oms_names_it(name):
    task = TaskInfo.parse({MODE: name})
    assert to_json(task)[MODE] == name
    assert from_json(TaskInfo, to_json(task)) == task


def test_an_unknown_overwrite_mode_is_not_a_member_of_the_enumeration():
    later = OverwriteMode("A_LATER_MODE_OF_OMS")
    assert later not in [*OverwriteMode]
    assert later is OverwriteMode("A_LATER_MODE_OF_OMS")
    assert "A_LATER_MODE_OF_OMS" not in {mode.value for mode in OverwriteMode}


@pytest.mark.parametrize("value", [1, True, ["FULL_OVERWRITE"]])
def test_from_json_refuses_an_overwrite_mode_of_another_type(value):
    with pytest.raises(UnreadableError):
        from_json(OverwriteMode, value)
