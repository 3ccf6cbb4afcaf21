"""A canary in process: each fault is named by its hop, nothing is left behind, and nobody else's work is touched."""

import json
import re
from datetime import datetime, timedelta, timezone

import pytest

from ops.canary import hops, objects
from ops.canary.outcome import since
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault
from support.law import SCHEDULES
from support.ops import OPS
from support.world import KNOWN, KNOWN_OBS
from unit.ops.canary.canary_world import CanaryWorld, ends, of

NO_ADDRESS = "SYNC_URL is not the address of a sync task"


@pytest.fixture
def world():
    with CanaryWorld() as world:
        yield world


def to(world, name, value):
    """Another value in s.yaml."""
    world.change_settings = lambda text: re.sub(f"{name}:.*", f'{name}: "{value}"', text)


def test_all_comes_and_is_equal_and_nothing_is_left(world):
    answer = ends(world.canary(), 0, "OMS's own lists stay")
    report = answer["report"]
    assert {one["etag"] for one in report["objects"].values()} == {"MD5 of the contents", "32 digits and parts"}
    in_parts = [title for title, one in report["objects"].items() if one["source_etag"] == "32 digits and parts"]
    assert (in_parts, report["counts"]["doubles"]) == (["above"], "each counted")
    assert (answer["missing"], world.left()) == ({}, [])
    # OMS's lists are the only thing that is new there.
    assert {key.split("/")[0] for key in world.obs.objects(world.destination_bucket)} == {"oms"}


def test_nothing_comes_before_it_was_sent_where_the_clock_of_obs_is_behind():
    sent = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert [since(sent, sent + timedelta(seconds=late)) for late in (-2, -0.4, 3)] == ["+0 s", "+0 s", "+3 s"]


def test_what_others_wrote_stays(world):
    world.write("theirs", b"hello")
    world.write(".oss-oms-sync-canary.txt", b"hello")
    ends(world.canary(), 0)
    assert list(world.oss.objects(world.source_bucket)) == [".oss-oms-sync-canary.txt", "theirs"]
    assert [world.in_obs(key) for key in ("theirs", ".oss-oms-sync-canary.txt")] == [b"hello"] * 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (lambda world: world.oss.lose_events(of("hostile name")), {"event": ["hostile name"]}),
        (
            lambda world: world.oms.faults.add(Fault.status(401), where=lambda one: one.raw_path.endswith("/events")),
            {
                "accepted": [canary_object.title for canary_object in objects.canary_objects()],
                "counted": [],
                "listed": [],
            },
        ),
        (
            lambda world: world.task.copies.add(CopyFault.lost(), where=of("between")),
            {"in_obs": ["between"], "counted": []},
        ),
        (
            lambda world: world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), where=of("between")),
            {"in_obs": ["between"]},
        ),
        (lambda world: setattr(world.task.lists, "withheld", True), {"listed": []}),
        (lambda world: setattr(world.task, "lag", 3600), {"counted": []}),
    ],
    ids=["event lost", "refused", "copy lost", "copy failed", "lists held back", "counted late"],
)
def test_a_hop_that_does_not_come_is_named_after_twice_its_time(world, fault, missing):
    fault(world)
    began = world.seconds
    answer = ends(world.canary(), 3)
    assert {**answer["missing"], **missing} == answer["missing"]
    # Of what others wait for, the rest came.
    assert "differs" not in {"".join(one["differs"]) for one in answer["report"]["objects"].values()}
    assert world.seconds - began >= 600
    world.oms.faults.clear()
    assert world.left(after=1800) == []


def test_what_differs_is_told_whatever_else_came(world):
    def tamper():
        for key, one in world.task.destination.items():
            if of("between")(key) and not one.data.startswith(b"x"):
                world.obs.put(world.destination_bucket, key, b"x" * one.size)

    world.before = tamper
    answer = ends(world.canary(), 1)
    assert answer["report"]["objects"]["between"]["differs"] == ["bytes", "content-type"]
    assert world.left(after=3600) == []


@pytest.mark.parametrize("carries", [False, True])
def test_headers_are_compared_by_what_the_task_carries(world, carries):
    world.task.metadata = carries
    headers = ends(world.canary(), 0)["report"]["objects"]["metadata"]["headers"]
    plain = "kept" if carries else "lost"
    told = {"content-type": "kept", "x-oss-meta-plain": plain, "x-oss-meta-odd": "lost"}
    assert {**headers, **told} == headers


def test_a_header_that_the_task_should_carry_and_did_not_differs(world):
    show = world.task.summary
    world.task.metadata = False
    world.task.summary = lambda: {**show(), "enable_metadata_migration": True}
    assert ends(world.canary(), 1)["report"]["objects"]["metadata"]["differs"] == ["x-oss-meta-plain"]


def test_of_a_bucket_with_versions_none_is_left(world):
    world.oss.buckets[world.source_bucket].versioning = "Enabled"
    world.obs.bucket(world.destination_bucket).has_versions = True
    assert ends(world.canary(), 0)["report"]["versions"] == {"source": True, "destination": True}
    assert world.left() == []


@pytest.mark.parametrize(
    ("fault", "said"),
    [
        (
            lambda world: setattr(world.oss.buckets[world.source_bucket], "retains", True),
            "a rule of retention keeps what is written there",
        ),
        (
            lambda world: setattr(there(world), "retains", True),
            "a rule of retention keeps what is written there",
        ),
        (lambda world: world.ops("close"), "The project is closed"),
        (
            lambda world: setattr(world.task, "src_bucket", "another"),
            "The sync task reads another, and s.yaml says photos",
        ),
        (lambda world: to(world, "objectPrefix", "oms_source_record/"), "what begins so is a record"),
        (lambda world: to(world, "objectPrefix", "x" * 1000), "over 1,023 bytes"),
        (lambda world: to(world, "SYNC_URL", "https://oms.cn-north-4.myhuaweicloud.com"), NO_ADDRESS),
        (lambda world: to(world, "SYNC_URL", "${env('SYNC_URL')}"), NO_ADDRESS),
    ],
    ids=[
        "source retains",
        "destination retains",
        "closed",
        "a task of another bucket",
        "a filter for records",
        "a filter that is too long",
        "no address of a task",
        "an address from elsewhere",
    ],
)
def test_it_writes_nothing_where_it_could_not_fly_or_not_be_removed(world, fault, said):
    fault(world)
    before = dict(world.oss.objects(world.source_bucket))
    ends(world.canary(), 2, said)
    assert (dict(world.oss.objects(world.source_bucket)), world.left()) == (before, [])


@pytest.mark.law
def test_killed_at_whatever_request_it_leaves_nothing_once_removed():
    with CanaryWorld() as world:
        world.canary()
        every = world.asked
    # Some are cut off in writing, some in waiting, some in removing.
    for number in range(1, every, max(1, 6000 // SCHEDULES)):
        with CanaryWorld(number) as world:
            world.cut_short(number)
            assert (world.canary("--remove").code, world.left(after=3600)) == (0, []), number


def test_what_a_canary_left_is_named_and_not_touched(world):
    world.cut_short()
    before = world.left()
    ends(world.canary(), 2, "ops.py canary --remove")
    assert world.left() == before


def test_a_second_one_in_the_same_folder_leaves_the_first_alone(world):
    second = []
    world.meanwhile[60] = lambda: second.append(world.canary())
    assert ends(world.canary(), 0)["missing"] == {}
    ends(second[0], 2, "or still runs")
    assert world.left() == []


def test_what_one_left_is_removed_after_its_task_was(world):
    world.cut_short(60)
    world.oms._tasks.clear()
    before = world.left()
    assert (world.canary().code, world.left()) == (1, before)
    assert is_removed(world)


def is_removed(world):
    """Whether what one left goes, all of it."""
    answer = ends(world.canary("--remove"), 0)
    return (answer["left"], len(answer["removed"]), world.left(after=3600)) == ([], 1, [])


@pytest.mark.parametrize("new", ["", "another"])
def test_what_one_left_is_removed_with_its_records_though_s_yaml_names_its_task_no_more(world, new):
    # GIVEN what one left with all its records, whose task was taken away; s.yaml names none, or another one
    world.cut_short(60)
    world.later(60)
    assert any("_object/" in one for one in world.left())
    ((project, _), task) = world.oms._tasks.popitem()
    world.oms._tasks[project, "another"] = task
    address = re.escape(world.task_id)
    world.change_settings = lambda text: re.sub(
        f'SYNC_URL: "(.*){address}(.*)"', rf'SYNC_URL: "\1{new}\2"' if new else 'SYNC_URL: ""', text
    )
    # WHEN it is to be removed THEN all of it is
    assert is_removed(world)


def test_a_removal_with_wrong_keys_says_so(world):
    world.cut_short(60)
    before = world.left()
    world.oms.faults.add(Fault.status(401))
    ends(world.canary("--remove"), 1, "refused GET: 401")
    assert world.left() == before


@pytest.mark.parametrize("is_source", [True, False])
def test_one_of_other_buckets_is_not_said_to_be_removed(world, is_source):
    # GIVEN what one left, and settings that name another source, or a task with another destination
    world.cut_short(60)
    world.later(1200)
    before, summary = world.left(), world.task.summary
    if is_source:
        world.change_settings = lambda text: text.replace('sourceBucket: "photos"', 'sourceBucket: "another"')
    else:
        world.task.summary = lambda: {**summary(), "dst_bucket": "another"}
    # WHEN it is to be removed THEN it says where that is, and nothing is touched
    answer = ends(world.canary("--remove"), 3, f"is in photos and {world.destination_bucket}, and s.yaml")
    assert (answer["removed"], len(answer["left"]), world.left()) == ([], 1, before)
    # AND with the settings of before it is
    world.change_settings, world.task.summary = str, summary
    assert (world.canary("--remove").code, world.left()) == (0, [])


HOW = f"Delete them: {OPS} canary --remove"


def ctrl_c():
    raise KeyboardInterrupt


def test_ctrl_c_cleans_up(world):
    world.meanwhile[30] = ctrl_c
    assert (world.canary().code, world.left(after=3600)) == (130, [])


def test_a_second_ctrl_c_says_how(world):
    # Of each request from then on: one that is interrupted is not counted.
    world.before = lambda: ctrl_c() if world.asked >= 30 else None
    said = world.canary()
    assert (said.code, said.text.count(HOW)) == (130, 1)
    assert world.left()


@pytest.mark.parametrize("status", [403, 503])
def test_what_was_seen_is_told_though_it_cannot_be_deleted(world, status):
    world.obs.faults.add(Fault.status(status, b"", KNOWN_OBS), where=lambda one: one.method == "DELETE")
    file = world.folder / "report.json"
    said = world.canary("--report", str(file))
    assert said.text.rstrip().endswith(HOW)
    answer = ends(said, 3, f"refused DELETE: {status}")
    assert (answer["missing"], json.loads(file.read_text())) == ({}, answer["report"])
    world.obs.faults.clear()
    assert (world.canary("--remove").code, world.left()) == (0, [])


def test_ctrl_c_while_it_deletes_loses_nothing_that_was_seen(world):
    def before():
        if world.sent and world.sent[-1].method == "DELETE" and "obs." in world.sent[-1].url:
            ctrl_c()

    world.before = before
    assert ends(world.canary(), 3, HOW)["missing"] == {}


def test_a_copy_that_ends_after_the_removal_began_is_removed_as_well(world):
    world.task.copies.add(CopyFault.late(1, 400), where=of("small"))
    world.cut_short(45)
    before = world.asked
    ends(world.canary("--remove"), 0, "OMS may still write what it has read before")
    assert world.asked - before < 20 * 400 / 15, "it asks at leisure"
    assert world.left(after=3600) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"prefix": ""},
        {"prefix": "photos/"},
        {"prefix": ".oss-oms-sync-canary/"},
        {"prefix": "x/.oss-oms-sync-canary/20260102T000000Z-beef/"},
        {"run": "../x", "prefix": ".oss-oms-sync-canary/../x/"},
        {"keys": ["photos/1"]},
        {"keys": [1]},
        {"task": "x/y"},
    ],
)
def test_a_journal_that_names_anything_but_a_canary_removes_nothing(world, changes):
    keys = ["photos/1", "photos/2"]
    for key in keys:
        world.write(key, b"hello")
    world.later(60)
    run = "20260102T000000Z-abcd"
    forged = {
        "run": run,
        "prefix": f".oss-oms-sync-canary/{run}/",
        "source": world.source_bucket,
        "destination": world.destination_bucket,
        "task": world.task_id,
        "written": "2026-01-02T00:00:00Z",
        "keys": [],
        "is_settled": True,
        **changes,
    }
    body = json.dumps(forged).encode()
    world.oss.put(world.log_bucket, "oms_source_record/canary/oss-oms-sync/x.json", body)
    assert ends(world.canary("--remove"), 0) == {"removed": [], "left": []}
    assert [*world.oss.objects(world.source_bucket)] == [*world.task.destination] == keys


def test_a_second_copy_that_ends_late_is_waited_for_whatever_others_do(world):
    # GIVEN a key that was handed over twice, whose second copy has begun and takes long, and a bucket in use
    world.task.overwrite_mode = "FULL_OVERWRITE"
    world.task.copies.then(None, CopyFault.late(1, 420), where=of("twice"))

    def use():
        for name in range(20):
            world.write(f"theirs/{name}", b"hello")

    world.meanwhile[40] = use
    # WHEN all has come THEN the canary does not take that for the end of it
    answer = ends(world.canary(), 0)
    assert (answer["missing"], answer["report"]["counts"]["shown_after"]) == ({}, "unknown")
    assert world.left(after=3600) == []


def test_where_there_are_too_many_lists_none_is_waited_for(world, monkeypatch):
    world.write("theirs", b"hello")
    world.later(60)
    monkeypatch.setattr(hops, "_MAX_LISTS", 1)
    answer = ends(world.canary(), 0)
    assert (answer["missing"], answer["report"]["lists"]) == ({}, [])


def test_an_upload_whose_last_answer_is_lost_is_there(world):
    world.oss.faults.add(Fault.drop_after(), 1, lambda one: one.method == "POST" and "uploadId" in one.params)
    assert (world.canary().code, world.left()) == (0, [])


PAGE = b"<R><IsTruncated>true</IsTruncated><Contents><Key>k</Key><Size>1</Size></Contents></R>"


@pytest.mark.parametrize(
    ("service", "body", "where"),
    [
        ("obs", PAGE, lambda one: "prefix" in one.params),
        ("obs", b"<html>Log in", lambda one: "prefix" in one.params),
        ("oss", b"<R><IsTruncated>true</IsTruncated></R>", lambda one: "prefix" in one.params and one.method == "GET"),
        ("oms", b"{}", lambda one: "query_time" in one.params),
        ("oms", b"[]", lambda one: "query_time" in one.params),
        ("oms", b'{"statistic_datas": [{}]}', lambda one: "data_type" in one.params),
    ],
)
def test_an_answer_that_no_cloud_gives_ends_it_with_a_sentence(world, service, body, where):
    faults = getattr(world, service).faults
    faults.add(Fault.status(200, body, KNOWN | KNOWN_OBS), where=where)
    ends(world.canary(), 1, "not in the cloud's documentation")
    faults.clear()
    assert (world.canary("--remove").code, world.left()) == (0, [])


def test_a_report_that_cannot_be_written_is_no_reason_to_fly(world):
    ends(world.canary("--report", str(world.folder / "nowhere" / "report.json")), 2)
    assert world.sent == []


def test_the_report_is_written_where_it_is_wanted_and_not_shown(world):
    file = world.folder / "report.json"
    said = world.canary("--report", str(file))
    assert json.loads(file.read_text()) == said.answer["report"]
    assert f"No name, key, host, ETag or time is in {file}" in said.text
    assert "32 digits" not in world.canary().text


@pytest.mark.parametrize(("carries", "row"), [(False, "equal but for 5 headers"), (True, "equal but for 3 headers")])
def test_lost_headers_are_told_in_the_row_and_in_the_verdict_and_it_is_short(world, carries, row):
    world.task.metadata = carries
    lines = world.screen()
    assert [line for line in lines if line.endswith("headers")] == [line for line in lines if line.endswith(row)] != []
    verdict = " ".join(" ".join(lines).split()).partition("It works: ")[2]
    assert verdict.startswith("all objects came, with equal contents. OMS did not carry these headers: cache-control,")
    assert len(lines) < 14


@pytest.mark.parametrize("moves", [False, True])
def test_it_measures_what_a_change_of_headers_in_obs_does(world, moves):
    there(world).headers_move_time = moves
    told = ends(world.canary(), 0)["report"]["in_place"]
    assert told == {"moves_time": "yes" if moves else "no", "moves_etag": "no", "url": "yes", "expired_url": "no"}
    assert world.left() == []


def test_a_change_of_headers_that_obs_refuses_is_not_seen_and_no_fault(world):
    world.obs.deny("obs:object:ModifyObjectMetaData")
    assert set(ends(world.canary(), 0)["report"]["in_place"].values()) == {"unknown"}


def test_a_url_that_obs_does_not_honour_does_not_hide_what_a_change_does(world):
    world.obs.faults.add(Fault.status(403, b"", KNOWN_OBS), where=lambda one: "Signature" in one.params)
    told = ends(world.canary(), 0)["report"]["in_place"]
    assert told == {"moves_time": "no", "moves_etag": "no", "url": "no", "expired_url": "unknown"}


@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.status(500, b"", KNOWN_OBS), Fault.status(200, b"")])
def test_no_signed_url_is_shown_whatever_comes_of_it(world, fault):
    world.obs.faults.add(fault, where=lambda one: "Signature" in one.params)
    said = world.canary()
    signed = [one.url for one in world.sent if "Signature=" in one.url]
    assert signed
    for url in signed:
        assert url.partition("Signature=")[2].partition("&")[0] not in said.text
    stored = b"".join(stored.data for stored in world.oss.objects(world.log_bucket).values())
    assert b"Signature" not in stored + said.text.encode()


def test_what_it_saw_is_kept_for_doctor_after_all_else_is_deleted(world):
    answer = ends(world.canary(), 0)
    seen = json.loads(world.oss.objects(world.log_bucket)[world.canary_observation].data)
    assert (seen["report"], world.left()) == (answer["report"], [])


def test_what_it_saw_that_cannot_be_kept_is_no_reason_to_leave_anything(world):
    world.oss.deny("oss:PutObject", world.log_bucket, lambda key: key == world.canary_observation)
    said = world.canary()
    assert (said.code, world.left()) == (0, [])
    assert ("Doctor does not learn what this canary saw" in said.text, "Doctor goes by" in said.text) == (True, False)


def test_both_languages_are_spoken(world):
    ends(world.canary("--lang", "zh"), 0, "两端均已删除", "doctor 会采用本次观测结果")


def merge(world):
    world.task.merges = True
    world.task.copies.add(CopyFault.late(20))


def there(world):
    return world.obs.bucket(world.destination_bucket)


@pytest.mark.parametrize(
    ("variant", "where", "is_so"),
    [
        (lambda world: setattr(world.task, "step", "ONE_HOUR"), ("counts", "step"), "ONE_HOUR"),
        (merge, ("counts", "doubles"), "merged"),
        (lambda world: setattr(world.task, "part_size", 50_000), ("part_size",), "50 MB"),
        (lambda world: setattr(there(world), "order", "utf-16"), ("listing", "order"), "utf-16"),
        (lambda world: setattr(world.task.lists, "separator", "\t"), ("lists", 0, "separator"), "tab"),
        (
            lambda world: setattr(there(world), "crc64_header", "x-obs-checksum-crc64ecma"),
            ("objects", "small", "crc64"),
            "x-obs-checksum-crc64ecma",
        ),
        (
            lambda world: world.oss.deliveries(world.source_bucket).add(EventFault.late(70)),
            ("objects", "small", "event"),
            "under 5 min",
        ),
    ],
    ids=["counts by the hour", "merged doubles", "parts", "order", "separator", "crc64", "event late"],
)
def test_the_report_tells_what_the_clouds_do(world, variant, where, is_so):
    def found(report):
        for part in where:
            report = report[part]
        return report

    assert found(world.canary().answer["report"]) != is_so
    variant(world)
    assert found(ends(world.canary(), 0)["report"]) == is_so
