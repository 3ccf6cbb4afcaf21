"""Doctor's check of the permissions to read objects, by requests to both clouds."""

from __future__ import annotations

from oss_oms_sync.answers.finding import Result
from oss_oms_sync.jobs.doctor.alibaba import check_read_permissions
from oss_oms_sync.jobs.doctor.rules import CheckContext
from support.world import TASK


def test_doctor_does_not_test_the_permission_to_read_with_lists_of_oms(world):
    # GIVEN a destination whose first object is a list that OMS wrote
    world.upload("photo")
    world.write(f"oms/sync_task/{TASK}/success_object_lists/01/1.success_list.txt", "list")
    world.write("photo", "A")
    heads: list[str] = []
    world.destination.before = lambda kind, names: heads.extend(names) if kind == "head" else None

    finding = world.within(lambda: check_read_permissions(CheckContext(world.invocation())))

    assert heads == ["photo"]
    assert finding.result is Result.PASSED
