"""Triggers of other functions in setup's plan: Function Compute refuses a trigger that overlaps with another."""

import pytest

from ops.accounts.both_clouds import CONTENT_EVENTS
from ops.clouds.keys import ALIBABA_VARIABLES
from sandbox.account import ACCOUNT_ID
from support.grants import create_ram_user
from unit.ops.setup.setup_world import NAME, set_variables

ALL_CREATIONS = "oss:ObjectCreated:*"


@pytest.fixture
def world(world):
    set_variables(world, objectPrefix="photos/")
    return world


def trigger(prefix="", suffix="", bucket="photos", kind="oss", event=ALL_CREATIONS, name="on-upload"):
    key = {"prefix": prefix, "suffix": suffix}
    return {
        "triggerName": name,
        "triggerType": kind,
        "sourceArn": f"acs:oss:cn-hangzhou:{ACCOUNT_ID}:{bucket}",
        "triggerConfig": {"events": [event], "filter": {"key": key}},
    }


@pytest.mark.parametrize(
    "other",
    [
        trigger(),
        trigger("photos/2026/", ".jpg"),
        trigger("ph"),
        trigger(event="oss:ObjectCreated:PutObject"),
    ],
    ids=["all keys", "a part of the project's keys", "more than the project's keys", "one kind of event"],
)
def test_a_trigger_of_another_function_that_overlaps_stops_setup(world, other):
    world.functions.foreign_functions["thumbnails"] = [trigger("music/"), other]
    line, key = world.plan(1)["OSS triggers on the source bucket"], other["triggerConfig"]["filter"]["key"]
    fact_text = f'trigger on-upload of function thumbnails: prefix "{key["prefix"]}", suffix "{key["suffix"]}"'
    assert line["state"] == "stop"
    assert [fact["en"] for fact in line["facts"]] == [fact_text]
    assert "objectPrefix" in line["next"]["en"]


DISTANT_TRIGGERS = [trigger("music/", name=f"music-{n}", bucket="music") for n in range(100)]
# Triggers of others by their function, and the state of the plan's line.
OTHER_TRIGGERS = {
    "another prefix": ({"thumbnails": [trigger("music/")]}, "there"),
    "another bucket": ({"thumbnails": [trigger(bucket="photos-2")]}, "there"),
    "another kind of trigger": ({"thumbnails": [trigger(kind="eventbridge")]}, "there"),
    "other events": ({"thumbnails": [trigger(event="oss:ObjectRemoved:*")]}, "there"),
    "another project": ({f"{NAME}-2": [trigger("photos/")]}, "stop"),
    # All triggers of all functions are read.
    "an overlapping trigger after many others": (
        {**{f"f{n:03}": [] for n in range(100)}, "last": [*DISTANT_TRIGGERS, trigger()]},
        "stop",
    ),
    # A bucket can have at most ten.
    "nine triggers": ({"thumbnails": [trigger(f"music/{n}/") for n in range(9)]}, "there"),
    "ten triggers": ({"thumbnails": [trigger(f"music/{n}/") for n in range(10)]}, "stop"),
}


@pytest.mark.parametrize("name", OTHER_TRIGGERS)
def test_a_trigger_stops_setup_only_if_it_overlaps_with_the_projects(world, name):
    world.functions.foreign_functions, state = OTHER_TRIGGERS[name]
    assert world.plan({"there": 0, "stop": 1}[state])["OSS triggers on the source bucket"]["state"] == state


@pytest.mark.parametrize(("suffix", "state"), [(".png", "there"), ("-small.jpg", "stop"), ("g", "stop")])
def test_setup_compares_the_suffixes_of_triggers_from_their_ends(world, suffix, state):
    set_variables(world, objectSuffix=".jpg")
    world.functions.foreign_functions["thumbnails"] = [trigger(suffix=suffix)]
    assert world.plan({"there": 0, "stop": 1}[state])["OSS triggers on the source bucket"]["state"] == state


def test_the_projects_own_trigger_does_not_stop_setup(world):
    world.set_up()
    world.deploy_project(world.folder)
    (own_trigger,) = world.functions.list_triggers()[NAME]
    assert own_trigger["triggerName"] == "oss-content"
    assert own_trigger["triggerConfig"]["events"] == [*CONTENT_EVENTS]
    assert world.plan(0)["OSS triggers on the source bucket"]["state"] == "there"


@pytest.mark.parametrize("missing", ["fc:ListFunctions", "fc:ListTriggers"])
def test_setup_names_the_missing_permission_to_list_triggers(world, missing):
    # GIVEN an administrator who may do all but that
    world.functions.foreign_functions["thumbnails"] = [trigger()]
    statement = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    denied = {"Effect": "Deny", "Action": [missing], "Resource": ["*"]}
    key = create_ram_user(world, {"Version": "1", "Statement": [statement, denied]}, "administrator-of-alibaba")
    keys = {**world.administrators(), **dict(zip(ALIBABA_VARIABLES, key, strict=False))}

    # WHEN they look THEN the line is not green, names the rights, and says where to look instead
    line = world.plan(0, keys=keys)["OSS triggers on the source bucket"]
    assert line["state"] == "by hand"
    assert "fc:ListFunctions and fc:ListTriggers" in line["next"]["en"]
    assert "no other OSS trigger on the bucket photos" in line["steps"][-1]["en"]
