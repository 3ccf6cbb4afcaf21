"""The permissions that setup and SECURITY.md name: those that its administrators need, and no others."""

import re
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

import ops.setup.setup as module
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES
from sandbox.iam.service import _OPERATIONS
from support.documents import Document
from support.grants import iam_user, ram_user
from tools.package import ROOT
from unit.ops.setup.setup_world import YES, expect_success, set_up_and_repair

# By their pages everybody may ask that of the own account.
UNRESTRICTED = {"iam::listAuthDomains", "iam:projects:listProjects", "ram:GetCallerIdentity"}


def rights_of_plan(world, *words):
    """Return the permissions that the plan names."""
    needs = []
    read_states = module._read_states
    with patch.object(
        module,
        "_read_states",
        lambda session, plan_needs: (needs.extend(plan_needs), read_states(session, plan_needs))[1],
    ):
        world.setup("--plan", *words)
    return {right for need in needs for right in need.rights}


def rights_of_requests(world, first):
    """Return the permissions that the requests from number `first` on needed."""
    actions = (
        {action.name for action in (*world.oss.actions, *world.obs.actions)}
        | world.oms.actions
        | world.functions.actions
    )
    for request in world.sent[first:]:
        url = urlsplit(request.url)
        if "x-acs-action" in request.headers and "ram" in url.netloc:
            actions.add(f"ram:{request.headers['x-acs-action']}")
        actions |= {
            row.action
            for (method, path), row in _OPERATIONS.items()
            if "iam" in url.netloc and method == request.method and re.fullmatch(path.replace("*", "[^/]+"), url.path)
        }
    return actions - UNRESTRICTED


@pytest.fixture
def world(world):
    world.functions.foreign_functions["thumbnails"] = []
    return world


def test_setup_uses_exactly_the_permissions_that_it_names(world):
    rights = rights_of_plan(world)
    set_up_and_repair(world)
    assert rights_of_requests(world, 0) == rights


def test_a_removal_needs_only_named_permissions(world):
    set_up_and_repair(world)
    rights, first = rights_of_plan(world, "--remove"), len(world.sent)
    for actions in (world.oss.actions, world.obs.actions, world.oms.actions, world.functions.actions):
        actions.clear()
    expect_success(world.setup("--remove", typed="yes\n"))
    # The lock is that of a run which makes something.
    assert rights_of_requests(world, first) - {"oss:GetBucketInfo", "oss:PutObject", "oss:DeleteObject"} <= rights


def test_the_named_permissions_are_enough_for_setup(world):
    # GIVEN two with the rights that are named
    rights = sorted(rights_of_plan(world))
    here, there = (
        [right for right in rights if right.startswith(("ram:", "oss:", "fc:")) is is_here] for is_here in (True, False)
    )
    allowed = {"Effect": "Allow", "Action": here, "Resource": ["*"]}
    alibaba = ram_user(world, {"Version": "1", "Statement": [allowed]}, "administrator-of-alibaba")
    huawei = iam_user(world, "administrator-of-huawei", {"Version": "5.0", "Statement": [{**allowed, "Action": there}]})
    keys = {**dict(zip(ALIBABA_VARIABLES, alibaba, strict=False)), **dict(zip(HUAWEI_VARIABLES, huawei, strict=False))}

    # WHEN they run it THEN nothing is refused
    expect_success(world.setup(typed=YES, keys=keys))
    assert [response.status for response in world.answered if response.status == 403] == []


@pytest.mark.parametrize("name", ["SECURITY.md", "SECURITY.zh.md"])
def test_security_md_names_the_permissions(world, name):
    tables = Document.read(ROOT / name).tables
    (cell,) = [row[1].content for table in tables for row in table if "`python3 ops.py setup`" in row[0].content]
    first, _, removal = cell.partition("`--remove`")
    rights = rights_of_plan(world) | rights_of_plan(world, "--new-key")
    assert rights_in(first) == rights
    assert rights_in(removal) == rights_of_plan(world, "--remove") - rights


def rights_in(text):
    """Return the permissions that a text names."""
    return set(re.findall(r"`(\w+:[\w:]+)`", text))
