"""The command `python3 ops.py setup` over sockets, on the oldest and the newest Python, without installed packages."""

from __future__ import annotations

import pytest

from support.machine import find_python


@pytest.fixture(params=["3.10", pytest.param("3.13", marks=pytest.mark.extras)])
def python(request):
    return find_python(request.param)


def test_setup_creates_and_removes_resources_by_the_hash_of_a_plan(bare, python):
    # Without installed packages.
    alone = {"python": [python, "-S"]}
    bare.agree("--agree", **alone)
    assert "All resources exist." in bare.ops("setup", "--plan", **alone)
    assert len(bare.box.oms.tasks) == 1
    bare.agree("--remove", **alone)
    assert not (bare.box.oms.tasks or bare.box.iam.users or bare.box.ram.entities.users)
