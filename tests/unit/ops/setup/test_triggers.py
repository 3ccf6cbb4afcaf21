"""What the plan says of other functions' triggers on the source bucket: Function Compute refuses two that overlap."""

from __future__ import annotations

import json

import pytest

from ops.clouds.keys import ALIBABA
from ops.setup.both_clouds import CONTENT_EVENTS
from sandbox.account import ACCOUNT_ID
from support.grants import ram_user
from unit.ops.setup.setup_world import NAME, SetupWorld

ALL = "oss:ObjectCreated:*"


@pytest.fixture
def world():
    with SetupWorld() as made:
        settings = made.folder / "s.yaml"
        settings.write_text(settings.read_text().replace('objectPrefix: ""', 'objectPrefix: "photos/"'))
        assert made.variables()["objectPrefix"] == "photos/"
        yield made


def trigger(prefix="", suffix="", bucket="photos", kind="oss", event=ALL, name="on-upload"):
    key = {"prefix": prefix, "suffix": suffix}
    return {
        "triggerName": name,
        "triggerType": kind,
        "sourceArn": f"acs:oss:cn-hangzhou:{ACCOUNT_ID}:{bucket}",
        "triggerConfig": {"events": [event], "filter": {"key": key}},
    }


def told(world, **given):
    """The plan's line in JSON, and the command's exit code."""
    code, said = world.setup("--plan", "--json", **given)
    steps = json.loads(said.splitlines()[-1])["steps"]
    return next(one for one in steps if one["what"]["en"] == "OSS triggers on the source bucket"), code


@pytest.mark.parametrize(
    "other",
    [
        trigger(),
        trigger("photos/2026/", ".jpg"),
        trigger("ph"),
        trigger(event="oss:ObjectCreated:PutObject"),
    ],
    ids=["everything", "a part of ours", "more than ours", "one event"],
)
def test_one_that_overlaps_stops_the_plan(world, other):
    world.functions.others["thumbnails"] = [trigger("music/"), other]
    line, code = told(world)
    key = other["triggerConfig"]["filter"]["key"]
    assert (line["state"], code) == ("stop", 1)
    assert [one["en"] for one in line["facts"]] == [
        f'trigger on-upload of function thumbnails: prefix "{key["prefix"]}", suffix "{key["suffix"]}"'
    ]
    assert "objectPrefix" in line["next"]["en"]


@pytest.mark.parametrize(
    "other",
    [
        trigger("music/"),
        trigger(bucket="photos-2"),
        trigger(kind="eventbridge"),
        trigger(event="oss:ObjectRemoved:*"),
    ],
    ids=["another prefix", "another bucket", "another kind", "other events"],
)
def test_one_that_does_not_overlap_is_in_nobodys_way(world, other):
    world.functions.others["thumbnails"] = [other]
    line, code = told(world)
    assert (line["state"], code) == ("there", 0)


def test_suffixes_are_compared_from_their_ends(world):
    settings = world.folder / "s.yaml"
    settings.write_text(settings.read_text().replace('objectSuffix: ""', 'objectSuffix: ".jpg"'))
    for suffix, state in ((".png", "there"), ("-small.jpg", "stop"), ("g", "stop")):
        world.functions.others["thumbnails"] = [trigger(suffix=suffix)]
        assert told(world)[0]["state"] == state, suffix


def test_that_of_the_project_itself_does_not_count(world):
    assert world.setup(typed="yes\nagree\n")[0] == 0
    world.deploy_project(world.folder)
    assert [one["triggerName"] for one in world.functions.deployed()[NAME]] == ["oss-content"]
    assert told(world)[0]["state"] == "there"


def test_that_of_another_project_does(world):
    world.functions.others[f"{NAME}-2"] = [trigger("photos/")]
    assert told(world)[0]["state"] == "stop"


def test_all_functions_and_all_their_triggers_are_looked_at(world):
    far = [trigger("music/", name=f"music-{n}", bucket="music") for n in range(100)]
    world.functions.others = {f"f{n:03}": [] for n in range(100)}
    world.functions.others["last"] = [*far, trigger()]
    assert told(world)[0]["state"] == "stop"


def test_a_bucket_takes_no_more_than_ten(world):
    for count, state in ((9, "there"), (10, "stop")):
        world.functions.others["thumbnails"] = [trigger(f"music/{n}/") for n in range(count)]
        assert told(world)[0]["state"] == state, count


@pytest.mark.parametrize("missing", ["fc:ListFunctions", "fc:ListTriggers"])
def test_whoever_may_not_look_is_told_what_to_ask_for_and_the_rest_goes_on(world, missing):
    # GIVEN an administrator who may do all but that
    world.functions.others["thumbnails"] = [trigger()]
    allowed = {"Effect": "Allow", "Action": ["*"], "Resource": ["*"]}
    denied = {"Effect": "Deny", "Action": [missing], "Resource": ["*"]}
    key = ram_user(world, {"Version": "1", "Statement": [allowed, denied]}, "administrator-of-alibaba")
    keys = {**world.administrators(), **dict(zip(ALIBABA, key, strict=False))}

    # WHEN they look THEN the line is not green, names the rights, and says where to look instead
    line, code = told(world, keys=keys)
    assert (line["state"], code) == ("by hand", 0)
    assert "fc:ListFunctions and fc:ListTriggers" in line["next"]["en"]
    assert "no other OSS trigger on photos" in line["steps"][-1]["en"]


def test_the_events_are_those_of_the_settings(world):
    assert world.setup(typed="yes\nagree\n")[0] == 0
    world.deploy_project(world.folder)
    [own] = world.functions.deployed()[NAME]
    assert own["triggerConfig"]["events"] == [*CONTENT_EVENTS]
