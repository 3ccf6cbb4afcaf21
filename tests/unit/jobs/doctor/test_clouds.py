"""Doctor's checks of the function, of OMS, OSS and OBS, of both buckets, and of the objects in scope."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from support.doctor import deploy, find_check, states, verify_check, work_an_hour
from support.log_bucket import LogBucket

REGIONS = {
    "cn-north-4": "CN North-Beijing4 (cn-north-4)",
    "cn-east-3": "CN East-Shanghai1 (cn-east-3)",
    "cn-southwest-2": "CN Southwest-Guiyang1 (cn-southwest-2)",
}


@pytest.mark.parametrize(
    ("region", "state", "text", "fix"),
    [
        *((region, "ok", name, "") for region, name in REGIONS.items()),
        *((region, "warning", "", "{}, {} or {}".format(*REGIONS.values())) for region in ("cn-east-2", "cn-south-1")),
    ],
)
def test_doctor_warns_of_a_region_that_may_not_offer_sync_tasks(box, run_doctor, region, state, text, fix):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://oms.{region}.myhuaweicloud.com")
    verify_check(run_doctor(SYNC_URL=url), "OMS region", state, text, fix)


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("STANDARD", "storage class in OBS: Standard"),
        ("SRC_STORAGE_MAPPING", "storage class in OBS: same as at the source"),
        ("NEW_POLICY", "storage class in OBS: NEW_POLICY"),
    ],
)
def test_doctor_reports_the_storage_class_of_the_task(box, run_doctor, policy, text):
    box.task.copies_metadata, box.task.storage_policy = True, policy
    verify_check(run_doctor(), "task options", "ok", text)


def set_task(**changes: str | bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.task, name, value) for name, value in changes.items()]


def hide_clocks(box: Sandbox) -> None:
    """Drop the unsigned requests that ask OMS and OSS for their time.

    A clock is then proven only by an accepted signature.
    """
    for cloud in (box.oms, box.oss):
        cloud.faults.add(Fault.drop_before(), where=lambda request: request.method == "HEAD")


def keep_migration(box: Sandbox) -> None:
    LogBucket(box).add_migration(group="77", keys=["LTAI-A", "HPUA-B"])


def hide_options(summary: Callable[[], dict[str, object]]) -> dict[str, object]:
    """Return the summary of a sync task without its options."""
    return {name: answer for name, answer in summary().items() if not name.startswith("enable_")}


MODE, NOT_SKIPPED = "task overwrite mode", "FULL_OVERWRITE"
# The change, the check that warns, and words of its observation and of its remedy.
IMPERFECT = {
    "a region in another form": (set_task(src_region="Hangzhou (East China 1)"), "task source", "", ""),
    "a task that compares CRC64s": (
        set_task(overwrite_mode="CRC64_COMPARISON_OVERWRITE"),
        MODE,
        "has no CRC64, OMS compares sizes and times",
        NOT_SKIPPED,
    ),
    "a task that compares sizes": (
        set_task(overwrite_mode="SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"),
        MODE,
        "same size",
        NOT_SKIPPED,
    ),
    "an unknown overwrite mode": (
        set_task(overwrite_mode="ONE_THAT_IS_NOT_KNOWN"),
        MODE,
        "may skip a new version",
        NOT_SKIPPED,
    ),
    "a task that copies no metadata": (
        set_task(copies_metadata=False),
        "task options",
        "OMS copies only the header Content-Type",
        "accept metadata by name",
    ),
    "a task whose options OMS does not report": (
        lambda box: setattr(box.task, "summarize", partial(hide_options, box.task.summarize)),
        "task options",
        "whether archived objects are restored; OMS does not report whether object headers are copied",
        "--sample",
    ),
    "a clock that is five minutes off": (lambda box: setattr(box.oms, "clock_offset", 300), "clock", "", ""),
    "a clock that OMS and OSS do not report": (hide_clocks, "clock", "", ""),
    "counts by the hour": (set_task(step="ONE_HOUR"), "interval of OMS's counts", "", "oms_unfinished"),
    "no permission to read task groups": (
        lambda box: box.oms.deny("oms:taskgroup:get"),
        "permission oms:taskgroup:get",
        "",
        "oms:taskgroup:get",
    ),
    "a migration that does not go on by itself": (
        keep_migration,
        "existing objects",
        "LTAI-A, HPUA-B",
        "python3 ops.py migrate --look",
    ),
}


@pytest.mark.parametrize("case", IMPERFECT)
def test_doctor_warns_of_an_imperfect_setup_and_names_its_consequence(box, run_doctor, case):
    change, name, text, fix = IMPERFECT[case]
    change(box)
    report = run_doctor()
    assert report["ok"]
    verify_check(report, name, "warning", text, fix)


def test_doctor_has_no_warning_for_a_perfect_setup(box, run_doctor):
    box.task.overwrite_mode = NOT_SKIPPED
    report = run_doctor()
    verify_check(report, MODE, "ok", "OMS skips no new version")
    for _, name, _, _ in IMPERFECT.values():
        verify_check(report, name, "ok")


def test_doctor_reports_a_function_without_a_role_as_a_fault(run_doctor):
    names = ("ACCESS_KEY_ID", "ACCESS_KEY_SECRET", "SECURITY_TOKEN")
    assert states(run_doctor(**{f"ALIBABA_CLOUD_{name}": "" for name in names}), "fault") == ["role"]


def test_doctor_skips_the_checks_of_reconcile_without_a_source_bucket(run_doctor):
    report = run_doctor(SOURCE_BUCKET="")
    assert report["ok"]
    assert states(report, "unknown") == []
    of_source = {"source bucket", "permission to list the source bucket", "arrival of records", "pass triggers"}
    assert of_source <= set(states(report, "skipped"))


RECORDS = "oms_source_record/"
# The project's filter, the objects in the source bucket, and the state of the check.
SOURCE = {
    "nothing": ({}, [], "ok"),
    "objects that look like records": ({}, [f"{RECORDS}a"], "fault"),
    "more such objects than a page": ({}, [f"{RECORDS}{number}" for number in range(1001)], "fault"),
    "a filter with a prefix of records": ({"OBJECT_PREFIX": "oms_"}, [f"{RECORDS}a"], "fault"),
    "a filter with a prefix within records": ({"OBJECT_PREFIX": f"{RECORDS}a"}, [f"{RECORDS}ab"], "fault"),
    "another prefix": ({"OBJECT_PREFIX": "photos/"}, [f"{RECORDS}a"], "ok"),
    "another suffix": ({"OBJECT_SUFFIX": ".jpg"}, [f"{RECORDS}a"], "ok"),
    "a suffix that the first thousand objects lack": (
        {"OBJECT_SUFFIX": ".jpg"},
        [f"{RECORDS}{number}" for number in range(1001)],
        "unknown",
    ),
}


@pytest.mark.parametrize("case", SOURCE)
def test_doctor_reports_source_objects_that_forward_ignores_as_a_fault(box, run_doctor, case):
    environment, keys, state = SOURCE[case]
    box.oss.fill(box.source_bucket, keys)
    report = run_doctor(**environment)
    assert states(report, "fault", "unknown") == (["source object keys"] if state != "ok" else [])
    verify_check(report, "source object keys", state, fix="vars.objectPrefix" if state != "ok" else "")


@pytest.mark.parametrize("prefix", ["", "photos/"])
@pytest.mark.parametrize(("age", "state"), [(3600, "ok"), (90_000, "fault")])
def test_doctor_reports_canary_objects_older_than_a_day_as_a_fault(box, run_doctor, prefix, age, state):
    box.oss.fill(box.source_bucket, [f"{prefix}.oss-oms-sync-canary/run/small"], age=age)
    report = run_doctor(OBJECT_PREFIX=prefix)
    verify_check(report, "canaries", state, fix="ops.py canary --remove" if state == "fault" else "")


EMPTY = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"


def test_doctor_leaves_etags_unknown_if_a_listing_lacks_its_new_object(box, run_doctor):
    empty = Fault.status(200, EMPTY, {"x-oss-request-id": "5D12"})
    box.oss.faults.add(empty, where=lambda request: "/doctor/" in request.params.get("prefix", ""))
    report = run_doctor()
    assert not report["ok"]
    assert states(report, "fault") == []
    assert states(report, "unknown") == ["record ETag"]


LIST, GET, HEAD = "obs:bucket:ListBucket", "obs:object:GetObject", "obs:bucket:HeadBucket"
CHANGE = "obs:object:ModifyObjectMetaData"


@pytest.fixture
def project_with_copies(box: Sandbox, project_folder: Path) -> Sandbox:
    """Deploy a project whose objects OMS has copied."""
    deploy(box, project_folder)
    work_an_hour(box)
    return box


def set_bucket(**changes: bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.obs.bucket(box.destination_bucket), name, value) for name, value in changes.items()]


def test_doctor_passes_an_obs_bucket_that_compare_can_read(project_with_copies, run_doctor):
    report = run_doctor()
    of_obs = [
        "OBS connection",
        "OBS clock",
        "permission to list OBS",
        "destination kind",
        "permission to read OMS's lists",
        "destination encryption",
        "destination versioning",
    ]
    assert set(of_obs) <= set(states(report, "ok"))


WARNINGS = {
    "no permission to list the bucket": (lambda box: box.obs.deny(LIST), "permission to list OBS", LIST),
    "no permission to read lists": (lambda box: box.obs.deny(GET), "permission to read OMS's lists", GET),
    "no permission to read the kind of bucket": (lambda box: box.obs.deny(HEAD), "destination kind", HEAD),
    "a parallel file system": (set_bucket(is_file_system=True), "destination kind", "parallel file system"),
    "a deleted bucket": (
        lambda box: box.obs.remove_bucket(box.destination_bucket),
        "permission to list OBS",
        "destination of the sync",
    ),
    "a wrong clock": (lambda box: setattr(box.obs, "clock_offset", 1200), "OBS clock", "clock"),
    "OBS down": (lambda box: box.obs.faults.add(Fault.status(503)), "permission to list OBS", ""),
}


@pytest.mark.parametrize("case", WARNINGS)
def test_doctor_only_warns_of_an_obs_bucket_that_compare_cannot_read(project_with_copies, run_doctor, case):
    change, name, fix = WARNINGS[case]
    change(project_with_copies)
    report = run_doctor()
    assert name in states(report, "warning", "fault")
    check = find_check(report, name)
    assert fix in check["fix"] + check["actual"]
    assert not [state for state in states(report, "fault") if state != "OBS clock"]


@pytest.mark.parametrize(("is_versioned", "text"), [(True, "keeps older versions"), (False, "keeps no older versions")])
def test_doctor_detects_versioning_of_obs_by_the_lists_of_oms(project_with_copies, run_doctor, is_versioned, text):
    set_bucket(has_versions=is_versioned)(project_with_copies)
    verify_check(run_doctor(), "destination versioning", "ok", text)


def test_doctor_detects_encryption_of_obs_by_the_newest_list_of_oms(project_with_copies, run_doctor):
    set_bucket(is_encrypted=True)(project_with_copies)
    project_with_copies.bucket(project_with_copies.source_bucket).put_object("object 3", b"contents")
    project_with_copies.wait_idle(60)
    verify_check(run_doctor(), "destination encryption", "warning", "may not be MD5s")


def test_doctor_skips_the_checks_of_oms_lists_if_there_are_no_lists(run_doctor):
    assert "permission to read OMS's lists" in states(run_doctor(), "skipped")


DEEP, READS = {"COMPARE_DEEP": "on"}, "permission to read objects"


@pytest.mark.parametrize(
    ("deny", "policy_line"),
    [
        (lambda box: box.obs.deny(GET), "obs:object:GetObject on obs:*:*:object:photos-obs/*"),
        (
            lambda box: box.oss.deny("oss:GetObject", box.source_bucket),
            "oss:GetObject on acs:oss:*:*:photos/*",
        ),
    ],
    ids=["in OBS", "at the source"],
)
def test_doctor_warns_of_a_missing_permission_to_read_objects(project_with_copies, run_doctor, deny, policy_line):
    verify_check(run_doctor(), READS, "ok")
    deny(project_with_copies)
    verify_check(
        run_doctor(),
        READS,
        "warning",
        f"ends in NOT PROVEN. Missing permissions: {policy_line}",
        'Set readObjects to "on" in s.yaml, then run python3 ops.py setup',
    )


def test_doctor_skips_the_test_of_read_permission_without_obs_objects(box, run_doctor):
    box.oss.put(box.source_bucket, "a", b"x")
    verify_check(run_doctor(), READS, "skipped")


def test_doctor_warns_of_an_object_that_compare_could_not_read(project_with_copies, run_doctor, run_job):
    # GIVEN a comparison without the permission to read an object whose ETag is no MD5
    objects, refused = project_with_copies.oss.buckets[project_with_copies.source_bucket].objects, ["object 0"]
    objects["object 0"] = replace(objects["object 0"], etag="0" * 16, type="Appendable")
    project_with_copies.oss.deny("oss:GetObject", project_with_copies.source_bucket, lambda key: key in refused)
    run_job("compare", {"deep": True})
    verify_check(run_doctor(**DEEP), READS, "warning", "lacks oss:GetObject on the source bucket")
    # WHEN it has the permission
    refused.clear()
    project_with_copies.advance(1)  # passes differ in the second of their start
    run_job("compare", {"deep": True, "restart": True})
    verify_check(run_doctor(**DEEP), READS, "ok")


CHANGES_HEADERS, CHANGE_RIGHT = {"CHANGE_HEADERS": "on"}, "permission to change headers"
CONFIRMED = Fault.status(200, headers={"x-obs-request-id": "1"})


@pytest.mark.parametrize(
    ("change", "settings", "state", "text", "fix"),
    [
        (None, {}, "skipped", "changeHeaders is off", ""),
        (None, CHANGES_HEADERS, "ok", "can change headers in OBS", ""),
        (lambda box: box.obs.deny(CHANGE), CHANGES_HEADERS, "warning", CHANGE, "python3 ops.py setup"),
        (lambda box: fail_changes(box, Fault.status(503)), CHANGES_HEADERS, "warning", "503", "doctor again"),
        (lambda box: fail_changes(box, CONFIRMED), CHANGES_HEADERS, "warning", "does not exist", "ticket"),
    ],
    ids=["not used", "granted", "denied", "OBS down", "OBS confirms"],
)
def test_doctor_tests_the_permission_to_change_headers_without_a_change(
    project_with_copies, run_doctor, change, settings, state, text, fix
):
    if change:
        change(project_with_copies)
    before = dict(project_with_copies.task.destination)
    verify_check(run_doctor(**settings), CHANGE_RIGHT, state, text, fix)
    assert dict(project_with_copies.task.destination) == before
    assert not [status for name, *_, status in project_with_copies.obs.actions if (name, status) == (CHANGE, 200)]


def fail_changes(box: Sandbox, fault: Fault) -> None:
    box.obs.faults.add(fault, where=lambda request: request.method == "PUT")


def test_doctor_skips_the_test_of_changing_headers_in_a_closed_project(box, run_job, run_doctor):
    run_job("certify", {"close": True})
    verify_check(run_doctor(**CHANGES_HEADERS), CHANGE_RIGHT, "skipped", "closed")
    assert CHANGE not in [name for name, *_ in box.obs.actions]


RULES = "back-to-source rules"


@pytest.mark.parametrize(
    ("stored_rules", "state", "text"),
    [
        (None, "warning", "unknown whether"),
        ({"rules": None}, "warning", "unknown whether"),
        ({"bucket": "another"}, "warning", "unknown whether"),
        ({"rules": 0}, "ok", "has no back-to-source rules, as of 2026-02-02"),
        ({"rules": 1}, "warning", "has 1 back-to-source rule, as of 2026-02-02"),
    ],
)
def test_doctor_reports_the_back_to_source_rules_that_checklist_stored(box, run_doctor, stored_rules, state, text):
    if stored_rules is not None:
        LogBucket(box).add_back_to_source(**{"at": "2026-02-02T00:00:00Z", "rules": 1, **stored_rules})
    report = run_doctor()
    assert report["ok"]
    verify_check(report, RULES, state, text, "" if state == "ok" else "python3 ops.py checklist")


NAME = "objects in scope"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"OBJECT_PREFIX": "phots/"}, "OBJECT_PREFIX 'phots/'"),
        ({"OBJECT_SUFFIX": ".jpgg"}, "all keys with this prefix (2) were checked"),
        ({"OBJECT_PREFIX": "oms_source_record/"}, "all keys with this prefix (1) were checked"),
    ],
    ids=["prefix", "suffix", "records"],
)
def test_doctor_warns_of_a_key_filter_that_no_source_object_matches(box, run_doctor, changes, text):
    for key in ("photos/1.jpg", "oms_source_record/x"):
        box.oss.put(box.source_bucket, key, b"x")
    verify_check(run_doctor(**changes), NAME, "warning", text, "typo")

    # AND with the right prefix it passes
    verify_check(run_doctor(OBJECT_PREFIX="photos/", OBJECT_SUFFIX=""), NAME, "ok")


def test_doctor_counts_the_objects_of_a_large_scope_after_a_pass(box, project_folder, run_doctor, run_job, mocker):
    # GIVEN more objects than doctor lists, none with the suffix
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 100)
    suffix = {"OBJECT_SUFFIX": ".png"}
    deploy(box, project_folder, **suffix)
    box.oss.fill(box.source_bucket, (f"{number:05}.jpg" for number in range(1_050)))
    report = run_doctor(**suffix)
    assert not report["ok"]
    verify_check(
        report, NAME, "unknown", "the first 1,000 keys with this prefix were checked", "python3 ops.py reconcile"
    )

    # WHEN a pass has listed them, THEN the check warns, and passes once an object has the suffix
    run_job("reconcile", **suffix)
    verify_check(run_doctor(**suffix), NAME, "warning")
    box.oss.fill(box.source_bucket, ["z.png"])
    box.advance(1)
    run_job("reconcile", **suffix)
    verify_check(run_doctor(**suffix), NAME, "ok", "according to the reconcile pass of")
