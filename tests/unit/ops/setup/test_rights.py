"""The permissions that setup and SECURITY.md name, which are exactly those that the administrators need."""

import re
from unittest.mock import patch
from urllib.parse import urlsplit

import pytest

import ops.setup.setup as module
from ops.clouds.keys import ALIBABA_VARIABLES, HUAWEI_VARIABLES
from sandbox.iam.service import _OPERATIONS
from support.documents import Document
from support.grants import create_iam_user, create_ram_user
from tools.package import ROOT
from unit.ops.setup.setup_world import YES, expect_success, set_up_and_repair

# By the vendors' pages, these calls need no permission for the caller's own account.
UNRESTRICTED = {"iam::listAuthDomains", "iam:projects:listProjects", "ram:GetCallerIdentity"}


def list_planned_needs(world, *words):
    """Return the resources that setup's plan has, each with the permissions that it requires."""
    with patch.object(module, "_read_states", wraps=module._read_states) as read_states:
        world.setup("--plan", *words)
    (_, needs), _ = read_states.call_args
    return needs


def planned_permissions(world, *words):
    """Return the permissions that setup's plan names."""
    return {right for need in list_planned_needs(world, *words) for right in need.permissions}


def required_permissions(world, first):
    """Return the permissions that the requests of this world need, from request number `first`."""
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
    rights = planned_permissions(world)
    set_up_and_repair(world)
    assert required_permissions(world, 0) == rights


def test_setup_names_the_permission_for_access_keys_for_ram_users_only(world):
    needs = [need for need in list_planned_needs(world) if "ram:CreatePolicy" in need.permissions]
    assert {need.title.of("en").split(" ")[1] for need in needs} == {"user", "role"}
    for need in needs:
        is_user = need.title.of("en").startswith("RAM user")
        assert ("ram:CreateAccessKey" in need.permissions) is is_user


def test_setup_with_remove_needs_only_permissions_that_it_names(world):
    set_up_and_repair(world)
    rights, first_request = planned_permissions(world, "--remove"), len(world.sent)
    for actions in (world.oss.actions, world.obs.actions, world.oms.actions, world.functions.actions):
        actions.clear()
    expect_success(world.setup("--remove", typed="yes\n"))
    # Only a run with changes takes the lock.
    assert (
        required_permissions(world, first_request) - {"oss:GetBucketInfo", "oss:PutObject", "oss:DeleteObject"}
        <= rights
    )


def test_the_permissions_that_setup_names_suffice_for_setup(world):
    # GIVEN two with the rights that are named
    rights = sorted(planned_permissions(world))
    alibaba_actions, huawei_actions = (
        [right for right in rights if right.startswith(("ram:", "oss:", "fc:")) is is_here] for is_here in (True, False)
    )
    statement = {"Effect": "Allow", "Action": alibaba_actions, "Resource": ["*"]}
    alibaba = create_ram_user(world, {"Version": "1", "Statement": [statement]}, "administrator-of-alibaba")
    huawei = create_iam_user(
        world, "administrator-of-huawei", {"Version": "5.0", "Statement": [{**statement, "Action": huawei_actions}]}
    )
    keys = {**dict(zip(ALIBABA_VARIABLES, alibaba, strict=False)), **dict(zip(HUAWEI_VARIABLES, huawei, strict=False))}

    # WHEN they run it THEN nothing is refused
    expect_success(world.setup(typed=YES, keys=keys))
    assert [response.status for response in world.answered if response.status == 403] == []


@pytest.mark.parametrize("name", ["SECURITY.md", "SECURITY.zh.md"])
def test_security_md_names_the_permissions_that_setup_needs(world, name):
    tables = Document.read(ROOT / name).tables
    rows = [row for table in tables for row in table if row[0].content.startswith("`python3 ops.py setup")]
    named, named_for_removal = ([find_permissions(cell.content) for cell in row[1:]] for row in rows)
    rights = planned_permissions(world) | planned_permissions(world, "--new-key")
    assert set().union(*named) == rights
    assert set().union(*named_for_removal) == planned_permissions(world, "--remove") - rights
    # The second column is of Alibaba Cloud, the third of Huawei Cloud.
    for alibaba, huawei in (named, named_for_removal):
        assert {right.partition(":")[0] for right in alibaba} <= {"oss", "fc", "ram"}
        assert {right.partition(":")[0] for right in huawei} <= {"obs", "oms", "iam"}


def find_permissions(text):
    """Return the permissions that a text names."""
    return set(re.findall(r"`(\w+:[\w:]+)`", text))
