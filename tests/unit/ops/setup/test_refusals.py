"""Refusals and undocumented responses of the clouds, which become lines of setup's plan.

If the response to a request was lost, setup checks whether the request took effect before it repeats it.
"""

import pytest

from sandbox.server.faults import Fault
from unit.ops.setup.setup_world import NAME, YES, expect_exit, expect_success, set_variables

# -- missing permissions


@pytest.mark.parametrize("is_by_oms", [True, False], ids=["by OMS itself", "by its gateway"])
@pytest.mark.parametrize("right", ["oms:synctask:list", "oms:taskgroup:list"])
def test_the_plan_of_setup_has_a_line_for_a_missing_oms_permission(world, right, is_by_oms):
    world.oms.checks_permissions = is_by_oms
    world.oms.deny(right)
    line = world.plan(3)["sync task"]
    assert line["state"] == "unreadable"
    assert ("400 OMS.0072" if is_by_oms else "403 APIGW.0302") in line["detail"]["en"]
    assert right in line["next"]["en"]


@pytest.mark.parametrize(
    ("is_by_oms", "refusal", "minutes"),
    [(True, "400 OMS.0072", 5), (False, "403 APIGW.0302", 1)],
    ids=["by OMS itself", "by its gateway"],
)
def test_setup_does_not_wait_for_a_missing_permission_to_create_tasks(world, is_by_oms, refusal, minutes):
    world.oms.checks_permissions = is_by_oms
    world.oms.deny("oms:synctask:create")
    start_time = world.platform.now()
    result = world.setup(typed=YES)
    step = "Ask an administrator for the permissions oms:synctask:list, oms:synctask:create"
    expect_exit(result, 3, "sync task: ", f"refused POST: {refusal}", step)
    assert world.platform.now() - start_time < minutes * 60
    assert world.resources()["users"][f"{NAME}-oms"][1] == 0


def test_setup_ends_if_a_user_has_the_maximum_number_of_access_keys(world):
    world.ram.faults.add(
        Fault.status(409, b'{"Code": "LimitExceeded.User.AccessKey"}'),
        where=lambda request: request.headers.get("x-acs-action") == "CreateAccessKey",
    )
    expect_exit(world.setup(typed=YES), 1, "LimitExceeded.User.AccessKey")


def test_setup_waits_for_a_permission_that_oms_sees_a_minute_late(world):
    world.oms.checks_permissions = True
    refusal = Fault.status(400, b'{"error_code": "OMS.0072", "error_msg": "no permission"}')
    world.oms.faults.add(
        refusal, 3, where=lambda request: request.method == "POST" and request.raw_path.endswith("/sync-tasks")
    )
    expect_success(world.setup(typed=YES))


# -- lists


def answer_task_list(world, body):
    world.oms.faults.add(Fault.status(200, body), where=lambda request: request.raw_path.endswith("/sync-tasks"))


@pytest.mark.parametrize("body", [b"{}", b'{"count": 2}', b'{"tasks": "none", "count": 0}', b'{"tasks": [1]}', b"[]"])
def test_setup_does_not_take_a_response_without_a_list_for_an_empty_list(world, body):
    answer_task_list(world, body)
    line = world.plan(3)["sync task"]
    assert "does not have the documented format" in line["detail"]["en"]
    assert line["state"] == "unreadable"


@pytest.mark.parametrize("body", [b'{"count": 0}', b'{"tasks": null, "count": 0}', b'{"tasks": [], "count": 0}'])
def test_setup_considers_a_list_with_the_count_zero_empty(world, body):
    answer_task_list(world, body)
    assert world.plan(0)["sync task"]["state"] == "create"


# -- buckets in another region

WRONG_REGIONS = {
    "source": ("source bucket photos", "cn-hangzhou", "Correct sourceBucket or region in s.yaml"),
    "log": ("log bucket photos-oms-log", "cn-hangzhou", "Set another logBucket in s.yaml"),
    "destination": ("destination bucket photos-obs", "cn-north-4", "Correct destinationBucket or destinationRegion"),
}


@pytest.mark.parametrize(
    "answers", [True, False], ids=["any endpoint names the region", "the endpoint refuses the request"]
)
@pytest.mark.parametrize("name", WRONG_REGIONS)
def test_the_plan_of_setup_names_both_regions_of_a_misplaced_bucket(world, name, answers):
    world.oss.answers_anywhere = world.obs.answers_anywhere = answers
    actual = "cn-east-3" if name == "destination" else "cn-shanghai"
    if name == "destination":
        world.obs.create_bucket(world.destination_bucket, actual)
    else:
        world.oss.create_bucket({"source": "photos", "log": world.log_bucket}[name], actual)
    bucket_title, region, way_out = WRONG_REGIONS[name]
    line = world.plan(1)[bucket_title]
    assert (line["state"], line["detail"]["en"]) == ("stop", f"the bucket is in {actual}, but s.yaml has {region}")
    assert line["next"]["en"].startswith(way_out)


def test_setup_reports_a_bucket_in_another_region_after_a_redirect(world):
    world.obs.create_bucket(world.destination_bucket)
    world.obs.faults.add(
        Fault.status(301, headers={"x-obs-request-id": "1"}), where=lambda request: request.method == "HEAD"
    )
    line = world.plan(1)["destination bucket photos-obs"]
    assert (line["state"], line["detail"]["en"]) == (
        "stop",
        "the bucket is not in cn-north-4, the region in s.yaml",
    )


# -- creating a bucket


@pytest.mark.parametrize(
    ("side", "fault"),
    [
        *(
            (side, fault)
            for side in ("log", "destination")
            for fault in (Fault.drop_after(), Fault.slow(90), Fault.drop_before(), Fault.status(503))
        ),
        ("log", Fault.lands_late(1)),
    ],
)
def test_setup_looks_for_a_bucket_whose_creation_got_no_answer(world, side, fault):
    service, name = (world.oss, world.log_bucket) if side == "log" else (world.obs, world.destination_bucket)
    service.faults.add(fault, 1, where=lambda request: request.method == "PUT" and is_of_bucket(request, name))
    expect_success(world.setup(typed=YES))
    puts = [request for request in world.sent if request.method == "PUT" and is_of_bucket(request, name)]
    assert len(puts) <= 2


def is_of_bucket(request, name):
    """Return True if a request concerns the bucket itself, and no object in it."""
    url = getattr(request, "url", "") or f"//{request.headers['host']}{request.raw_path}"
    return f"//{name}." in url.replace("https:", "") and url.count("/") <= 3 and url.endswith("/")


def test_setup_does_not_take_a_bucket_of_others_for_its_own(world):
    taken_name_fault = Fault.status(409, b"<Error><Code>BucketAlreadyExists</Code></Error>", {"x-oss-request-id": "1"})
    world.oss.faults.add(
        taken_name_fault, where=lambda request: request.method == "PUT" and is_of_bucket(request, world.log_bucket)
    )
    expect_exit(world.setup(typed=YES), 1, "log bucket photos-oms-log: ", "409 BucketAlreadyExists")
    assert (
        len([request for request in world.sent if request.method == "PUT" and is_of_bucket(request, world.log_bucket)])
        == 1
    )


# -- order of the plan


def test_the_plan_of_setup_begins_with_obstacles_and_ends_with_counts(world):
    set_variables(world, destinationBucket="photos.obs")
    output = expect_exit(world.setup(typed=YES), 1)
    lines = [line for line in output.splitlines() if line.startswith("  ") and not line.startswith("   ")]
    assert lines[0].startswith("  stop: destination bucket photos.obs")
    assert lines[-1] == "  Total: 1 to resolve first, 8 to create, 1 to change, none to remove"
    assert (output.count("  create: "), output.count("  change: ")) == (8, 1)


# -- prompts


def test_each_prompt_of_setup_for_an_access_key_names_its_owner_and_use(world):
    expect_success(world.setup("--only", "alibaba", typed="yes\n"))
    key = world.ram.entities.create_access_key(f"{NAME}-oms")["AccessKey"]
    hidden = [*world.huawei_credentials, key["AccessKeyId"], key["AccessKeySecret"]]
    output = expect_success(world.setup("--only", "huawei", typed=YES, keys={}, hidden=hidden))
    for sentence in (
        "Access key of a Huawei Cloud administrator: this command uses the key only in that account",
        f"OMS reads the source bucket photos with an access key of the RAM user {NAME}-oms.",
    ):
        assert output.count(sentence) == 1
