"""What doctor says of the function, of OMS and OSS, of both buckets, and of what is in scope."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from textwrap import dedent

import pytest

from sandbox import Sandbox
from sandbox.server.faults import Fault
from system.doctor.project import QUICK, a_day_of_work, deploy, examine, keep, says, states, the_check
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


REGIONS = {
    "cn-north-4": "CN North-Beijing4 (cn-north-4)",
    "cn-east-3": "CN East-Shanghai1 (cn-east-3)",
    "cn-southwest-2": "CN Southwest-Guiyang1 (cn-southwest-2)",
}


@pytest.mark.parametrize(
    ("region", "state", "seen", "fix"),
    [
        *((region, "ok", name, "") for region, name in REGIONS.items()),
        *((region, "warning", "", "{}, {} or {}".format(*REGIONS.values())) for region in ("cn-east-2", "cn-south-1")),
    ],
)
def test_a_region_that_is_not_known_to_offer_sync_tasks_is_a_warning(box, handler, mocker, region, state, text, fix):
    url = box.task.sync_url.replace(box.oms.endpoint, f"https://oms.{region}.myhuaweicloud.com")
    mocker.patch("socket.getaddrinfo", side_effect=OSError(-2, "Name or service not known"))
    assert says(handler(box, SYNC_URL=url), "OMS region", state, text, fix)


def of_task(**changes: str | bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.task, name, value) for name, value in changes.items()]


def tell_no_time(box: Sandbox) -> None:
    """Neither cloud does; that they accept signatures shows as well that the clock is right."""
    for cloud in (box.oms, box.oss):
        cloud.faults.add(Fault.drop_before(), where=lambda request: request.method == "HEAD")


def migrate(box: Sandbox) -> None:
    written = {"begun": "2026-01-30T09:00:00Z", "group": "77", "keys": ["LTAI-A", "HPUA-B"]}
    keep(box, [("state/migrate-oss-oms-sync.json", json.dumps(written).encode())])


def unreported(summary: Callable[[], dict[str, object]]) -> dict[str, object]:
    """A task without its options."""
    return {name: answer for name, answer in summary().items() if not name.startswith("enable_")}


MODE, NOT_SKIPPED = "task overwrite mode", "FULL_OVERWRITE"
# What is amiss without being a fault, the check that says so, what it saw, and what is to be done.
AMISS = {
    "a region in another form": (of_task(src_region="Hangzhou (East China 1)"), "task source", "", ""),
    "CRC64s are compared": (
        of_task(overwrite_mode="CRC64_COMPARISON_OVERWRITE"),
        MODE,
        "has no CRC64, OMS compares size and time",
        NOT_SKIPPED,
    ),
    "sizes are compared": (
        of_task(overwrite_mode="SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE"),
        MODE,
        "same size",
        NOT_SKIPPED,
    ),
    "a mode that is not known": (
        of_task(overwrite_mode="ONE_THAT_IS_NOT_KNOWN"),
        MODE,
        "may be skipped",
        NOT_SKIPPED,
    ),
    "metadata is not migrated": (
        of_task(metadata=False),
        "task options",
        "of objects' headers only Content-Type is copied",
        "accept metadata by name",
    ),
    "metadata and archived objects are not reported": (
        lambda box: setattr(box.task, "summary", partial(unreported, box.task.summary)),
        "task options",
        "whether archived objects are restored; OMS does not report whether objects' headers are copied",
        "--sample",
    ),
    "a clock that is a little off": (lambda box: setattr(box.oms, "clock_offset", 300), "clock", "", ""),
    "a clock that nobody tells": (tell_no_time, "clock", "", ""),
    "counts by the hour": (of_task(step="ONE_HOUR"), "step of counts", "", "oms_unfinished"),
    "no right to see task groups": (
        lambda box: box.oms.deny("oms:taskgroup:get"),
        "right oms:taskgroup:get",
        "",
        "oms:taskgroup:get",
    ),
    "a migration that does not go on by itself": (
        migrate,
        "old objects",
        "LTAI-A, HPUA-B",
        "python3 ops.py migrate --look",
    ),
}


@pytest.mark.parametrize("what", AMISS)
def test_what_is_amiss_is_a_warning_that_says_what_is_lost_and_what_to_do(box, handler, what):
    go_wrong, name, text, fix = AMISS[what]
    go_wrong(box)
    report = handler(box)
    assert report["ok"]
    assert says(report, name, "warning", text, fix)


def test_where_nothing_is_amiss_nothing_is_to_be_done(box, handler):
    box.task.overwrite_mode = NOT_SKIPPED
    report = handler(box)
    assert says(report, MODE, "ok", "no new version is skipped")
    assert all(says(report, name, "ok") for _, name, _, _ in AMISS.values())


def test_a_function_without_a_role_is_told_so(box, handler):
    assert states(handler(box, credentials=("", "", "")), "fault") == ["role"]


def test_without_a_source_bucket_reconciles_checks_are_skipped(box, handler):
    report = handler(box, SOURCE_BUCKET="")
    assert report["ok"]
    assert states(report, "unknown") == []
    # Nor is any pass expected to wake.
    of_source = {"source bucket", "right to list source bucket", "records flow", "pass triggers"}
    assert of_source <= set(states(report, "skipped"))


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
    report = handler(box, **environment)
    assert states(report, "fault", "unknown") == (["source names"] if state != "ok" else [])
    assert says(report, "source names", state, fix="vars.objectPrefix" if state != "ok" else "")


@pytest.mark.parametrize("prefix", ["", "photos/"])
@pytest.mark.parametrize(("age", "state"), [(3600, "ok"), (90_000, "fault")])
def test_what_a_canary_has_left_for_over_a_day_is_a_fault(box, handler, prefix, age, state):
    box.oss.fill(box.source_bucket, [f"{prefix}.oss-oms-sync-canary/run/small"], age=age)
    report = handler(box, OBJECT_PREFIX=prefix)
    assert says(report, "canaries", state, fix="ops.py canary --remove" if state == "fault" else "")


EMPTY = b"<ListBucketResult><KeyCount>0</KeyCount><IsTruncated>false</IsTruncated></ListBucketResult>"


def test_a_listing_that_lacks_what_was_just_written_is_not_known_and_nothing_else(box, handler):
    empty = Fault.status(200, EMPTY, {"x-oss-request-id": "5D12"})
    box.oss.faults.add(empty, where=lambda request: "/doctor/" in request.params.get("prefix", ""))
    report = handler(box)
    assert not report["ok"]
    assert states(report, "fault") == []
    assert states(report, "unknown") == ["record ETag"]


LIST, GET, HEAD = "obs:bucket:ListBucket", "obs:object:GetObject", "obs:bucket:HeadBucket"


@pytest.fixture
def copied(box: Sandbox, tmp_path) -> Sandbox:
    """A project whose objects OMS has copied."""
    deploy(box, tmp_path, **QUICK)
    a_day_of_work(box)
    return box


def bucket(**changes: bool) -> Callable[[Sandbox], None]:
    return lambda box: [setattr(box.obs.bucket(box.destination_bucket), name, value) for name, value in changes.items()]


def test_a_destination_that_can_be_looked_at_is_well(copied, handler):
    report = handler(copied)
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
    report = handler(copied)
    assert name in states(report, "warning", "fault")
    check = the_check(report, name)
    assert fix in check["fix"] + check["seen"]
    assert not [state for state in states(report, "fault") if state != "OBS clock"]


@pytest.mark.parametrize(("kept", "text"), [(True, "keeps older versions"), (False, "keeps no older versions")])
def test_versioning_of_the_destination_is_told_by_what_oms_wrote(copied, handler, kept, text):
    bucket(has_versions=kept)(copied)
    assert says(handler(copied), "destination versioning", "ok", text)


def test_a_destination_that_was_encrypted_since_is_judged_by_what_oms_wrote_last(copied, handler):
    bucket(encrypted=True)(copied)
    copied.bucket(copied.source_bucket).put_object("object 3", b"contents")
    copied.wait_idle(60)
    assert says(handler(copied), "destination encryption", "warning", "no MD5s")


def test_before_oms_wrote_anything_there_is_nothing_to_look_at(box, handler):
    assert "right to read OMS's lists" in states(handler(box), "skipped")


DEEP, READS = {"COMPARE_DEEP": "on"}, "right to read objects"


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
def test_a_missing_permission_to_read_objects_is_a_warning_before_anybody_samples(copied, handler, deny, policy_line):
    assert says(handler(copied), READS, "ok")
    deny(copied)
    assert says(
        handler(copied), READS, "warning", f"ends NOT PROVEN. Missing: {policy_line}", "Run python3 ops.py setup"
    )


def test_without_objects_in_obs_the_permission_to_read_them_is_not_confirmed(box, handler):
    box.oss.put(box.source_bucket, "a", b"x")
    assert says(handler(box), READS, "skipped")


def test_what_a_comparison_could_not_read_for_lack_of_a_right_is_a_warning_until_one_can(copied, handler, in_process):
    # GIVEN a comparison that was to read an object whose ETag is no MD5, and may not
    objects, refused = copied.oss.buckets[copied.source_bucket].objects, ["object 0"]
    objects["object 0"] = replace(objects["object 0"], etag="0" * 16, type="Appendable")
    copied.oss.deny("oss:GetObject", copied.source_bucket, lambda key: key in refused)
    in_process(copied, "compare", {"deep": True})
    assert says(handler(copied, **DEEP), READS, "warning", "lacks oss:GetObject on the source bucket")
    # WHEN what the fix says is done
    refused.clear()
    in_process(copied, "compare", {"deep": True, "restart": True})
    assert says(handler(copied, **DEEP), READS, "ok")


RULES = "back-to-source rules"


@pytest.mark.parametrize(
    ("noted", "state", "text"),
    [
        (None, "warning", "unknown whether"),
        ({"rules": None}, "warning", "unknown whether"),
        ({"bucket": "another"}, "warning", "unknown whether"),
        ({"rules": 0}, "ok", "has no back-to-source rules, as of 2026-02-02"),
        ({"rules": 1}, "warning", "has 1 back-to-source rule, as of 2026-02-02"),
    ],
)
def test_back_to_source_rules_are_those_that_the_checklist_noted(box, handler, noted, state, text):
    if noted is not None:
        value = {"bucket": box.destination_bucket, "at": "2026-02-02T00:00:00Z", "rules": 1, **noted}
        keep(box, [("state/back_to_source.json", json.dumps(value).encode())])
    report = handler(box)
    assert report["ok"]
    assert says(report, RULES, state, text, "" if state == "ok" else "python3 ops.py checklist")


NAME = "objects in scope"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"OBJECT_PREFIX": "phots/"}, "OBJECT_PREFIX 'phots/'"),
        ({"OBJECT_SUFFIX": ".jpgg"}, "all 2 names were checked"),
        ({"OBJECT_PREFIX": "oms_source_record/"}, "all 1 name was checked"),
    ],
    ids=["prefix", "suffix", "records"],
)
def test_nothing_in_scope_is_a_warning_that_names_what_may_have_a_typo(box, handler, changes, text):
    for key in ("photos/1.jpg", "oms_source_record/x"):
        box.oss.put(box.source_bucket, key, b"x")
    assert says(handler(box, **changes), NAME, "warning", text, "typo")

    # AND with the right one it is none
    assert says(handler(box, OBJECT_PREFIX="photos/", OBJECT_SUFFIX=""), NAME, "ok")


def test_what_doctor_has_no_time_to_look_at_is_known_once_a_pass_has_looked(box, tmp_path, handler, in_process):
    # GIVEN more objects than doctor looks at, none of which has the suffix
    suffix = {"OBJECT_SUFFIX": ".png"}
    environment = {**box.environment(), **suffix}
    deploy(box, tmp_path, **suffix)
    box.oss.fill(box.source_bucket, (f"{number:05}.jpg" for number in range(10_500)))
    report = handler(box, **suffix)
    assert not report["ok"]
    assert says(report, NAME, "unknown", "the first 10,000 names were checked", "python3 ops.py reconcile")

    # WHEN a pass has looked at them, THEN it is known, and so it is when one with the suffix has come
    in_process(box, "reconcile", environment=environment)
    assert says(handler(box, **suffix), NAME, "warning")
    box.oss.fill(box.source_bucket, ["z.png"])
    in_process(box, "reconcile", environment=environment)
    assert says(handler(box, **suffix), NAME, "ok", "by the pass of")
