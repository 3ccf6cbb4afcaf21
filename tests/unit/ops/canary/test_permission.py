"""Field reports name the policy that allows the functions' access key to change headers in OBS."""

from __future__ import annotations

from types import SimpleNamespace
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

from ops.accounts.both_clouds import NEEDED_VARIABLES
from ops.accounts.statements import canary_policies
from ops.canary.permission import find_policy
from ops.clouds.keys import HUAWEI_VARIABLES, read_administrator_keys
from ops.errors import OpsError
from ops.project import read
from ops.session import Session
from ops.terminal import Screen
from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.job_answers import DoctorAnswer, DoctorCheck
from oss_oms_sync.answers.text import NOTHING
from oss_oms_sync.rules.headers_in_place import PERMISSION_CHECK
from sandbox.iam.service import _find_operation
from sandbox.server.faults import Fault
from support.migration import Caller, MachineClock
from unit.ops.setup.setup_world import YES, SetupWorld, expect_success, set_variables


class _Functions(Caller):
    """The deployed functions, of which only doctor answers. `state` is the result of its check of header changes."""

    def __init__(self, world: SetupWorld, state: str) -> None:
        super().__init__(world)
        self._state = state

    def ask(self, job, payload):
        if not self._state:
            raise OpsError(NOTHING, NOTHING)
        return to_json(DoctorAnswer(True, NOTHING, [DoctorCheck(PERMISSION_CHECK, self._state, NOTHING, NOTHING)]))


def run_find_policy(world: SetupWorld, state: str = "ok") -> str:
    with patch.dict("os.environ", world.administrators()):
        session = Session(_Functions(world, state), Screen(MachineClock(world)), MachineClock(world), "en")
        return find_policy(
            session, read(world.folder / "s.yaml", NEEDED_VARIABLES), read_administrator_keys(session, HUAWEI_VARIABLES)
        )


@pytest.fixture
def world():
    """Yield a world in which setup has granted the permission to change headers."""
    with SetupWorld() as world:
        set_variables(world, changeHeaders="on")
        expect_success(world.setup(typed=YES))
        yield world


def iam_actions(world: SetupWorld) -> list[str]:
    """Return the permissions in IAM that `policies/show.py --canary` prints."""
    _, huawei = canary_policies(read(world.folder / "s.yaml", NEEDED_VARIABLES))
    actions = [action for statement in huawei["Statement"] for action in statement["Action"]]
    return [action for action in actions if action.startswith("iam:")]


def test_a_field_report_names_the_policy_that_iam_shows(world):
    earlier_requests = len(world.sent)
    assert run_find_policy(world) == "identity policy"
    paths = [urlsplit(request.url).path for request in world.sent[earlier_requests:]]
    operations = [_find_operation(SimpleNamespace(method="GET", raw_path=path))[0] for path in paths if "/v5" in path]
    assert {operation.action for operation in operations} == {*iam_actions(world)}


def test_a_field_report_has_an_unknown_policy_without_iam_permissions(world):
    actions = iam_actions(world)
    assert len(actions) == 4
    for action in actions:
        world.iam.deny(action)
        assert run_find_policy(world) == "unknown policy", action
        world.iam._denied_actions.clear()
    # If IAM does not answer, the policy is unknown, too.
    world.iam.faults.add(Fault.status(503))
    assert run_find_policy(world) == "unknown policy"


def test_a_field_report_names_another_policy_without_the_user_of_setup(world):
    users = world.iam.users
    del users[next(number for number, user in users.items() if user == world.iam_user("functions"))]
    assert run_find_policy(world) == "another policy"


@pytest.mark.parametrize("state", ["warning", "skipped", ""])
def test_a_field_report_names_no_policy_that_doctor_did_not_confirm(world, state):
    assert run_find_policy(world, state) == ""


@pytest.mark.parametrize("setting", ["off", "maybe"])
def test_a_canary_does_not_query_iam_if_change_headers_is_off(world, setting):
    set_variables(world, changeHeaders=setting)
    request_count = world.asked
    assert run_find_policy(world) == ""
    assert world.asked == request_count
