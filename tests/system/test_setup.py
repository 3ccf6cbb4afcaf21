"""`python3 ops.py setup` over sockets, on each Python that a user may have: it needs the standard library alone."""

from __future__ import annotations

import pytest

from support.machine import find_python


@pytest.fixture(
    params=["3.10", *(pytest.param(version, marks=pytest.mark.extras) for version in ("3.11", "3.12")), "3.13"]
)
def python(request):
    return find_python(request.param)


def test_all_is_made_and_removed_by_the_hashes_of_its_plans(bare, python):
    # Without what is installed beside it.
    alone = {"python": [python, "-S"]}
    bare.agree("--agree", **alone)
    assert "All is there." in bare.ops("setup", "--plan", **alone)
    assert len(bare.box.oms.tasks) == 1
    bare.agree("--remove", **alone)
    assert not (bare.box.oms.tasks or bare.box.iam.users or bare.box.ram.entities.users)
