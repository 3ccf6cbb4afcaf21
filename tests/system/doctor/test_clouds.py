"""What doctor says of the function, of OMS and OSS, of both buckets, and of what is in scope."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from textwrap import dedent

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import QUICK, a_day_of_work, deploy, examine, states, the_check
from tools.render import render

OLD_OSS2 = """
    from pathlib import Path
    import sys
    folder = next(Path(path) / "oss2" for path in sys.path[1:] if (Path(path) / "oss2").is_dir())
    __path__ = [str(folder)]
    exec(compile((folder / "__init__.py").read_text(), "oss2", "exec"))
    __version__ = "2.15.0"
"""


def test_an_oss2_without_v4_signatures_is_named(box, tmp_path):
    render(box.answers(), tmp_path)
    (tmp_path / "code" / "oss2").mkdir()
    (tmp_path / "code" / "oss2" / "__init__.py").write_text(dedent(OLD_OSS2))
    box.deploy_project(tmp_path)
    assert states(examine(box), "fault") == ["libraries"]


def test_a_region_in_another_form_is_a_warning(box, handler):
    box.task.src_region = "Hangzhou (East China 1)"
    assert "task source" in states(handler(box, box.environment()), "warning")


REGIONS = {
    "cn-north-4": "CN North-Beijing4 (cn-north-4)",
    "cn-east-3": "CN East-Shanghai1 (cn-east-3)",
    "cn-southwest-2": "CN Southwest-Guiyang1 (cn-southwest-2)",
}


@pytest.mark.parametrize("region", [*REGIONS, "cn-east-2", "cn-south-1"])
def test_a_region_that_is_not_known_to_offer_sync_tasks_is_a_warning(box, handler, mocker, region):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://oms.{region}.myhuaweicloud.com")
    mocker.patch("socket.getaddrinfo", side_effect=OSError(-2, "Name or service not known"))
    check = the_check(handler(box, {**box.environment(), "SYNC_URL": url}), "OMS region")
    if region in REGIONS:
        assert (check["state"], REGIONS[region] in check["seen"]) == ("ok", True)
    else:
        assert (check["state"], check["fix"].endswith("{}, {} or {}".format(*REGIONS.values()))) == ("warning", True)


@pytest.mark.parametrize(
    ("mode", "state", "seen"),
    [
        ("FULL_OVERWRITE", "ok", "no new version is skipped"),
        ("CRC64_COMPARISON_OVERWRITE", "warning", "has no CRC64, OMS compares size and time"),
        ("SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE", "warning", "same size"),
        ("ONE_THAT_IS_NOT_KNOWN", "warning", "may be skipped"),
    ],
)
def test_an_overwrite_mode_with_a_gap_is_a_warning_that_names_the_one_without(box, handler, mode, state, seen):
    box.task.overwrite_mode = mode
    report = handler(box, box.environment())
    check = the_check(report, "task overwrite mode")
    assert report["ok"]
    assert (check["state"], "FULL_OVERWRITE" in check["fix"]) == (state, state == "warning")
    assert seen in check["seen"]


def test_a_task_that_does_not_migrate_metadata_is_a_warning_that_says_what_is_lost(box, handler):
    box.task.metadata = False
    report = handler(box, box.environment())
    check = the_check(report, "task options")
    assert (report["ok"], check["state"]) == (True, "warning")
    assert "of objects' headers only Content-Type is copied" in check["seen"]
    assert "accept metadata by name" in check["fix"]


def test_a_function_without_a_role_is_told_so(box, handler):
    assert states(handler(box, box.environment(), ("", "", "")), "fault") == ["role"]


def test_without_a_source_bucket_reconciles_checks_are_skipped(box, handler):
    report = handler(box, {**box.environment(), "SOURCE_BUCKET": ""})
    assert report["ok"]
    assert states(report, "unknown") == []
    assert {"source bucket", "right to list source bucket", "records flow"} <= set(states(report, "skipped"))


RECORDS = "oms_source_record/"
# Which objects the project is about, what is in the source bucket, and what doctor says of it.
SOURCE = {
    "nothing": ({}, [], "ok"),
    "objects that look like records": ({}, [f"{RECORDS}a"], "fault"),
    "more of them than a page": ({}, [f"{RECORDS}{number}" for number in range(1001)], "fault"),
    "a prefix of theirs": ({"OBJECT_PREFIX": "oms_"}, [f"{RECORDS}a"], "fault"),
    "a prefix among them": ({"OBJECT_PREFIX": f"{RECORDS}a"}, [f"{RECORDS}ab"], "fault"),
    "another prefix": ({"OBJECT_PREFIX": "photos/"}, [f"{RECORDS}a"], "ok"),
    "another suffix": ({"OBJECT_SUFFIX": ".jpg"}, [f"{RECORDS}a"], "ok"),
    "a suffix that the first thousand do not have": (
        {"OBJECT_SUFFIX": ".jpg"},
        [f"{RECORDS}{number}" for number in range(1001)],
        "unknown",
    ),
}


@pytest.mark.parametrize("what", SOURCE)
def test_objects_of_the_source_that_are_never_forwarded_are_a_fault(box, handler, what):
    environment, keys, state = SOURCE[what]
    box.oss.fill(box.source_bucket, keys)
    report = handler(box, {**box.environment(), **environment})
    assert states(report, "fault", "unknown") == (["source names"] if state != "ok" else [])
    check = the_check(report, "source names")
    assert (check["state"], "vars.objectPrefix" in check["fix"]) == (state, state != "ok")


@pytest.mark.parametrize("prefix", ["", "photos/"])
@pytest.mark.parametrize(("age", "state"), [(3600, "ok"), (90_000, "fault")])
def test_what_a_canary_has_left_for_over_a_day_is_a_fault(box, handler, prefix, age, state):
    box.oss.fill(box.source_bucket, [f"{prefix}.oss-oms-sync-canary/run/small"], age=age)
    report = handler(box, {**box.environment(), "OBJECT_PREFIX": prefix})
    check = the_check(report, "canaries")
    assert (check["state"], "ops.py canary --remove" in check["fix"]) == (state, state == "fault")


EMPTY = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"
# Which cloud answers like this, to which requests; what is named, and whether as unknown.
ANSWERS = {
    "no status": ("oms", Fault.status(200, b"{}"), lambda request: True, "task", "fault"),
    "OSS is down": (
        "oss",
        Fault.status(503, headers={"Retry-After": "60"}),
        lambda request: "authorization" in request.headers,
        "OSS answers",
        "fault",
    ),
    "no room": ("oss", Fault.status(500), lambda request: request.method == "PUT", "right to write records", "fault"),
    "a listing that lacks what was just written": (
        "oss",
        Fault.status(200, EMPTY, {"x-oss-request-id": "5D12"}),
        lambda request: "/doctor/" in request.params.get("prefix", ""),
        "record ETag",
        "unknown",
    ),
}


@pytest.mark.parametrize("what", ANSWERS)
def test_what_a_cloud_answers_amiss_is_named_as_what_it_is_and_nothing_else(box, handler, what):
    cloud, answer, where, name, state = ANSWERS[what]
    getattr(box, cloud).faults.add(answer, where=where)
    report = handler(box, box.environment())
    assert (report["ok"], states(report, state)) == (False, [name])


def test_a_log_bucket_whose_etags_are_not_md5_is_named(box, handler):
    box.oss.encrypt(box.log_bucket)
    assert states(handler(box, box.environment()), "fault") == ["record ETag"]


LIST, GET, HEAD = "obs:bucket:ListBucket", "obs:object:GetObject", "obs:bucket:HeadBucket"


@pytest.fixture
def copied(box: Sandbox, tmp_path) -> Sandbox:
    """A project whose objects OMS has copied."""
    deploy(box, tmp_path, {**box.environment(), **QUICK})
    a_day_of_work(box)
    return box


def bucket(**changes: bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.obs.bucket(box.destination_bucket), name, value) for name, value in changes.items()]


def test_a_destination_that_can_be_looked_at_is_well(copied, handler):
    report = handler(copied, copied.environment())
    of_obs = [
        "OBS connection",
        "OBS clock",
        "right to list OBS",
        "destination kind",
        "right to read OMS's lists",
        "destination encryption",
        "destination versioning",
    ]
    assert set(of_obs) <= set(states(report, "ok"))


WARNINGS = {
    "not to be listed": (lambda box: box.obs.deny(LIST), "right to list OBS", LIST),
    "lists not to be read": (lambda box: box.obs.deny(GET), "right to read OMS's lists", GET),
    "kind not to be asked for": (lambda box: box.obs.deny(HEAD), "destination kind", HEAD),
    "a parallel file system": (bucket(is_file_system=True), "destination kind", "parallel file system"),
    "bucket gone": (
        lambda box: box.obs.remove_bucket(box.destination_bucket),
        "right to list OBS",
        "destination of the sync",
    ),
    "clock off": (lambda box: setattr(box.obs, "clock_offset", 1200), "OBS clock", "clock"),
    "OBS down": (lambda box: box.obs.faults.add(Fault.status(503)), "right to list OBS", ""),
}


@pytest.mark.parametrize("what", WARNINGS)
def test_what_keeps_compare_from_looking_is_a_warning_and_all_else_is_as_before(copied, handler, what):
    go_wrong, name, fix = WARNINGS[what]
    go_wrong(copied)
    report = handler(copied, copied.environment())
    assert name in states(report, "warning", "fault")
    check = the_check(report, name)
    assert fix in check["fix"] + check["seen"]
    assert not [one for one in states(report, "fault") if one != "OBS clock"]


@pytest.mark.parametrize(
    ("change", "name", "state", "seen"),
    [
        ({"has_versions": True}, "destination versioning", "ok", "keeps older versions"),
        ({}, "destination versioning", "ok", "keeps no older versions"),
    ],
)
def test_versioning_of_the_destination_is_told_by_what_oms_wrote(copied, handler, change, name, state, seen):
    bucket(**change)(copied)
    check = the_check(handler(copied, copied.environment()), name)
    assert (check["state"], seen in check["seen"]) == (state, True)


def test_an_encrypted_destination_proves_less(box, tmp_path, handler):
    bucket(encrypted=True)(box)
    deploy(box, tmp_path, {**box.environment(), **QUICK})
    a_day_of_work(box)
    check = the_check(handler(box, box.environment()), "destination encryption")
    assert (check["state"], "no MD5s" in check["seen"]) == ("warning", True)


def test_a_destination_that_was_encrypted_since_is_judged_by_what_oms_wrote_last(copied, handler):
    bucket(encrypted=True)(copied)
    copied.bucket(copied.source_bucket).put_object("object 3", b"contents")
    copied.wait_idle(60)
    assert "destination encryption" in states(handler(copied, copied.environment()), "warning")


def test_before_oms_wrote_anything_there_is_nothing_to_look_at(box, handler):
    assert "right to read OMS's lists" in states(handler(box, box.environment()), "skipped")


DEEP = {"COMPARE_DEEP": "on"}


def test_whoever_reads_objects_learns_at_once_that_a_right_in_obs_is_missing(copied, handler):
    name, environment = "right to read objects", {**copied.environment(), **DEEP}
    assert name in states(handler(copied, copied.environment()), "skipped")
    assert name in states(handler(copied, environment), "ok")
    copied.obs.deny(GET)
    check = the_check(handler(copied, environment), name)
    assert (check["state"], f"Grant the IAM user behind HW_AK {GET}" in check["fix"]) == ("warning", True)


def test_what_a_comparison_could_not_read_for_lack_of_a_right_is_a_warning_until_one_can(copied, handler, in_process):
    # GIVEN a comparison that was to read an object whose ETag is no MD5, and may not
    objects, refused = copied.oss.buckets[copied.source_bucket].objects, ["object 0"]
    objects["object 0"] = replace(objects["object 0"], etag="0" * 16, type="Appendable")
    copied.oss.deny("oss:GetObject", copied.source_bucket, lambda key: key in refused)
    in_process(copied, "compare", {"deep": True})
    check = the_check(handler(copied, {**copied.environment(), **DEEP}), "right to read objects")
    assert (check["state"], "lacks oss:GetObject on the source bucket" in check["seen"]) == ("warning", True)
    # WHEN what the fix says is done
    refused.clear()
    in_process(copied, "compare", {"deep": True, "restart": True})
    assert "right to read objects" in states(handler(copied, {**copied.environment(), **DEEP}), "ok")


NAME = "objects in scope"


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"OBJECT_PREFIX": "phots/"}, "OBJECT_PREFIX 'phots/'"),
        ({"OBJECT_SUFFIX": ".jpgg"}, "all 2 names were checked"),
        ({"OBJECT_PREFIX": "oms_source_record/"}, "all 1 name was checked"),
    ],
    ids=["prefix", "suffix", "records"],
)
def test_nothing_in_scope_is_a_warning_that_names_what_may_have_a_typo(box, handler, changes, told):
    for key in ("photos/1.jpg", "oms_source_record/x"):
        box.oss.put(box.source_bucket, key, b"x")
    report = handler(box, {**box.environment(), **changes})
    assert NAME in states(report, "warning")
    check = the_check(report, NAME)
    assert told in check["seen"]
    assert "typo" in check["fix"]

    # AND with the right one it is none
    assert NAME in states(handler(box, {**box.environment(), "OBJECT_PREFIX": "photos/", "OBJECT_SUFFIX": ""}), "ok")


def test_what_doctor_has_no_time_to_look_at_is_known_once_a_pass_has_looked(box, tmp_path, handler, in_process):
    # GIVEN more objects than doctor looks at, none of which has the suffix
    environment = {**box.environment(), "OBJECT_SUFFIX": ".png"}
    deploy(box, tmp_path, environment)
    box.oss.fill(box.source_bucket, (f"{number:05}.jpg" for number in range(10_500)))
    report = handler(box, environment)
    assert (NAME in states(report, "unknown"), report["ok"]) == (True, False)
    assert "the first 10,000 names were checked" in the_check(report, NAME)["seen"]
    assert "python3 ops.py reconcile" in the_check(report, NAME)["fix"]

    # WHEN a pass has looked at them, THEN it is known, and so it is when one with the suffix has come
    in_process(box, "reconcile", environment=environment)
    assert NAME in states(handler(box, environment), "warning")
    box.oss.fill(box.source_bucket, ["z.png"])
    in_process(box, "reconcile", environment=environment)
    report = handler(box, environment)
    assert NAME in states(report, "ok")
    assert "by the pass of" in the_check(report, NAME)["seen"]


def test_without_the_right_to_see_task_groups_doctor_says_so_and_what_does_not_work_then(box, handler):
    name = "right oms:taskgroup:get"
    assert name in states(handler(box, box.environment()), "ok")
    box.oms.deny("oms:taskgroup:get")
    check = the_check(handler(box, box.environment()), name)
    assert (check["state"], "oms:taskgroup:get" in check["fix"]) == ("warning", True)


def test_a_migration_that_does_not_go_on_by_itself_is_named_with_its_access_keys(box, handler):
    name = "old objects"
    assert name in states(handler(box, box.environment()), "ok")
    written = {"begun": "2026-01-30T09:00:00Z", "group": "77", "keys": ["LTAI-A", "HPUA-B"]}
    state = f"oms_source_record/{box.task_id}/state/migrate-oss-oms-sync.json"
    box.oss.put(box.log_bucket, state, json.dumps(written).encode())
    check = the_check(handler(box, box.environment()), name)
    assert (check["state"], "LTAI-A, HPUA-B" in check["seen"]) == ("warning", True)
    assert "python3 ops.py migrate --look" in check["fix"]
