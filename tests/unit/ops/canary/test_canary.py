"""A canary in process: each fault is named by its hop, nothing is left behind, and nobody else's work is touched."""

import json
import re
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest

from ops.canary import hops, objects
from ops.canary.run import _since
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault
from support.administrator import KilledError
from support.law import SCHEDULES
from support.ops import OPS
from support.world import KNOWN, KNOWN_OBS
from unit.ops.canary.canary_world import CanaryWorld


@pytest.fixture
def world():
    with CanaryWorld() as world:
        yield world


def of(title):
    """Whether a key is that of an object of a canary."""
    ending = next(one.ending for one in objects.items() if one.title == title)
    return lambda key: key.endswith(f"/{ending}")


def test_all_comes_and_is_equal_and_nothing_is_left(world):
    said = world.canary()
    assert (said.code, said.answer["missing"]) == (0, {})
    report = said.answer["report"]
    assert {one["etag"] for one in report["objects"].values()} == {"MD5 of the contents", "32 digits and parts"}
    in_parts = [title for title, one in report["objects"].items() if one["source_etag"] == "32 digits and parts"]
    assert in_parts == ["above"]
    assert report["counts"]["doubles"] == "each counted"
    assert world.left() == []
    assert "OMS's own lists stay" in said.text
    # OMS's lists are the only thing that is new there.
    assert {key.split("/")[0] for key in world.obs.objects(world.destination_bucket)} == {"oms"}


def test_nothing_comes_before_it_was_sent_where_the_clock_of_obs_is_behind():
    sent = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert [_since(sent, sent + timedelta(seconds=late)) for late in (-2, -0.4, 3)] == ["+0 s", "+0 s", "+3 s"]


def test_what_others_wrote_stays(world):
    world.write("theirs", b"hello")
    world.write(".oss-oms-sync-canary.txt", b"hello")
    assert world.canary().code == 0
    assert list(world.oss.objects(world.source_bucket)) == [".oss-oms-sync-canary.txt", "theirs"]
    assert [world.in_obs(key) for key in ("theirs", ".oss-oms-sync-canary.txt")] == [b"hello"] * 2


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (lambda world: world.oss.lose_events(of("hostile name")), {"event": ["hostile name"]}),
        (
            lambda world: world.oms.faults.add(Fault.status(401), where=lambda one: one.raw_path.endswith("/events")),
            {"accepted": [one.title for one in objects.items()], "counted": [], "listed": []},
        ),
        (
            lambda world: world.task.copies.add(CopyFault.lost(), where=of("between")),
            {"in_obs": ["between"], "counted": []},
        ),
        (
            lambda world: world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), where=of("between")),
            {"in_obs": ["between"]},
        ),
        (lambda world: setattr(world.task.lists, "held", True), {"listed": []}),
        (lambda world: setattr(world.task, "lag", 3600), {"counted": []}),
    ],
    ids=["event lost", "refused", "copy lost", "copy failed", "lists held back", "counted late"],
)
def test_a_hop_that_does_not_come_is_named_after_twice_its_time(world, fault, missing):
    fault(world)
    began = world.seconds
    said = world.canary()
    assert said.code == 3
    assert {hop: titles for hop, titles in said.answer["missing"].items() if hop in missing} == missing
    # Of what others wait for, the rest came.
    assert "differs" not in {"".join(one["differs"]) for one in said.answer["report"]["objects"].values()}
    assert world.seconds - began >= 600
    world.oms.faults.clear()
    world.later(1800)
    assert world.left() == []


def test_what_differs_is_told_whatever_else_came(world):
    def tamper(number):
        for key, one in world.task.destination.items():
            if of("between")(key) and not one.data.startswith(b"x"):
                world.obs.put(world.destination_bucket, key, b"x" * one.size)

    world.meanwhile = tamper
    said = world.canary()
    assert said.code == 1
    assert said.answer["report"]["objects"]["between"]["differs"] == ["bytes", "content-type"]
    world.later(3600)
    assert world.left() == []


@pytest.mark.parametrize("carries", [False, True])
def test_headers_are_compared_by_what_the_task_carries(world, carries):
    world.task.metadata = carries
    said = world.canary()
    assert said.code == 0
    headers = said.answer["report"]["objects"]["metadata"]["headers"]
    assert headers["content-type"] == "kept"
    assert headers["x-oss-meta-plain"] == ("kept" if carries else "lost")
    assert headers["x-oss-meta-odd"] == "lost"


def test_a_header_that_the_task_should_carry_and_did_not_differs(world):
    show = world.task.summary
    world.task.metadata = False
    world.task.summary = lambda: {**show(), "enable_metadata_migration": True}
    said = world.canary()
    assert said.code == 1
    assert said.answer["report"]["objects"]["metadata"]["differs"] == ["x-oss-meta-plain"]


def test_of_a_bucket_with_versions_none_is_left(world):
    world.oss.buckets[world.source_bucket].versioning = "Enabled"
    world.obs.bucket(world.destination_bucket).has_versions = True
    said = world.canary()
    assert said.code == 0
    assert said.answer["report"]["versions"] == {"source": True, "destination": True}
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
    ],
    ids=["source retains", "destination retains", "closed", "a task of another bucket"],
)
def test_it_writes_nothing_where_it_could_not_fly_or_not_be_removed(world, fault, said):
    fault(world)
    before = dict(world.oss.objects(world.source_bucket))
    answer = world.canary()
    assert answer.code == 2
    assert said in answer.text
    assert dict(world.oss.objects(world.source_bucket)) == before
    assert world.left() == []


@pytest.mark.parametrize(
    ("prefix", "said"),
    [("oms_source_record/", "what begins so is a record"), ("x" * 1000, "over 1,023 bytes")],
)
def test_a_filter_that_no_key_of_it_passes_is_refused(world, prefix, said):
    world.change_settings = lambda text: text.replace('objectPrefix: ""', f'objectPrefix: "{prefix}"')
    answer = world.canary()
    assert answer.code == 2
    assert said in answer.text
    assert world.left() == []


@pytest.mark.parametrize("address", ["https://oms.cn-north-4.myhuaweicloud.com", "${env('SYNC_URL')}"])
def test_what_is_no_address_of_a_task_is_refused(world, address):
    world.change_settings = lambda text: re.sub("SYNC_URL:.*", f'SYNC_URL: "{address}"', text)
    answer = world.canary()
    assert (answer.code, "SYNC_URL is not the address of a sync task" in answer.text) == (2, True)


@pytest.mark.law
def test_killed_at_whatever_request_it_leaves_nothing_once_removed():
    with CanaryWorld() as world:
        world.canary()
        every = world.asked
    # Some are cut off in writing, some in waiting, some in removing.
    for number in range(1, every, max(1, 6000 // SCHEDULES)):
        with CanaryWorld(number) as world:
            world.dies_after = number
            with suppress(KilledError):
                world.canary()
            world.dies_after = -1
            assert world.canary("--remove").code == 0, number
            world.later(3600)
            assert world.left() == [], number


def test_what_a_canary_left_is_named_and_not_touched(world):
    world.cut_short()
    before = world.left()
    said = world.canary()
    assert said.code == 2
    assert "ops.py canary --remove" in said.text
    assert world.left() == before


def test_a_second_one_in_the_same_folder_leaves_the_first_alone(world):
    second = []

    def begin(number):
        if number == 60:
            world.meanwhile = lambda _: None
            second.append(world.canary())

    world.meanwhile = begin
    first = world.canary()
    assert "or still runs" in second[0].text
    assert (second[0].code, first.code, first.answer["missing"]) == (2, 0, {})
    assert world.left() == []


def test_what_one_left_is_removed_after_its_task_was(world):
    world.cut_short(60)
    world.oms._tasks.clear()
    before = world.left()
    assert (world.canary().code, world.left()) == (1, before)
    said = world.canary("--remove")
    assert (said.code, said.answer["left"], len(said.answer["removed"])) == (0, [], 1)
    world.later(3600)
    assert world.left() == []


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
    said = world.canary("--remove")
    assert (said.code, said.answer["left"], len(said.answer["removed"])) == (0, [], 1)
    world.later(3600)
    assert world.left() == []


def test_a_removal_with_wrong_keys_says_so(world):
    world.cut_short(60)
    before = world.left()
    world.oms.faults.add(Fault.status(401))
    said = world.canary("--remove")
    assert (said.code, "refused GET: 401" in said.text, world.left()) == (1, True, before)


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
    said = world.canary("--remove")
    assert (said.code, said.answer["removed"], len(said.answer["left"])) == (3, [], 1)
    assert f"is in photos and {world.destination_bucket}, and s.yaml" in said.text
    assert world.left() == before
    # AND with the settings of before it is
    world.change_settings, world.task.summary = str, summary
    assert world.canary("--remove").code == 0
    assert world.left() == []


def test_ctrl_c_cleans_up(world):
    pressed = []

    def interrupt(number):
        if number == 30 and not pressed:
            pressed.append(number)
            raise KeyboardInterrupt

    world.meanwhile = interrupt
    assert world.canary().code == 130
    world.later(3600)
    assert world.left() == []


def test_a_second_ctrl_c_says_how(world):
    def interrupt(number):
        if number >= 30:
            raise KeyboardInterrupt

    world.meanwhile = interrupt
    said = world.canary()
    assert said.code == 130
    assert said.text.count(f"Delete them: {OPS} canary --remove") == 1
    assert world.left()


@pytest.mark.parametrize("status", [403, 503])
def test_what_was_seen_is_told_though_it_cannot_be_deleted(world, status):
    world.obs.faults.add(Fault.status(status, b"", KNOWN_OBS), where=lambda one: one.method == "DELETE")
    file = world.folder / "report.json"
    said = world.canary("--report", str(file))
    assert (said.code, said.answer["missing"], json.loads(file.read_text())) == (3, {}, said.answer["report"])
    assert f"refused DELETE: {status}" in said.text
    assert said.text.splitlines()[-1].endswith(f"Delete them: {OPS} canary --remove")
    world.obs.faults.clear()
    assert world.canary("--remove").code == 0
    assert world.left() == []


def test_ctrl_c_while_it_deletes_loses_nothing_that_was_seen(world):
    def interrupt(number):
        if world.sent and world.sent[-1].method == "DELETE" and "obs." in world.sent[-1].url:
            raise KeyboardInterrupt

    world.meanwhile = interrupt
    said = world.canary()
    assert (said.code, said.answer["missing"]) == (3, {})
    assert f"Delete them: {OPS} canary --remove" in said.text


def test_a_copy_that_ends_after_the_removal_began_is_removed_as_well(world):
    world.task.copies.add(CopyFault.late(1, 400), where=of("small"))
    world.cut_short(45)
    before = world.asked
    said = world.canary("--remove")
    assert (said.code, world.asked - before < 20 * 400 / 15) == (0, True), "it asks at leisure"
    assert "OMS may still write what it has read before" in said.text
    world.later(3600)
    assert world.left() == []


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
    world.write("photos/1", b"hello")
    world.write("photos/2", b"hello")
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
    assert world.canary("--remove").answer == {"removed": [], "left": []}
    assert list(world.oss.objects(world.source_bucket)) == ["photos/1", "photos/2"]
    assert list(world.task.destination) == ["photos/1", "photos/2"]


def test_a_second_copy_that_ends_late_is_waited_for_whatever_others_do(world):
    # GIVEN a key that was handed over twice, whose second copy has begun and takes long, and a bucket in use
    world.task.overwrite_mode = "FULL_OVERWRITE"
    world.task.copies.then(None, CopyFault.late(1, 420), where=of("twice"))

    def use(number):
        if number == 40:
            for name in range(20):
                world.write(f"theirs/{name}", b"hello")

    world.meanwhile = use
    # WHEN all has come THEN the canary does not take that for the end of it
    said = world.canary()
    assert (said.code, said.answer["missing"]) == (0, {})
    assert said.answer["report"]["counts"]["shown_after"] == "not seen"
    world.later(3600)
    assert world.left() == []


def test_where_there_are_too_many_lists_none_is_waited_for(world, monkeypatch):
    world.write("theirs", b"hello")
    world.later(60)
    monkeypatch.setattr(hops, "_MAX_LISTS", 1)
    said = world.canary()
    assert (said.code, said.answer["missing"], said.answer["report"]["lists"]) == (0, {}, [])


def test_an_upload_whose_last_answer_is_lost_is_there(world):
    world.oss.faults.add(Fault.drop_after(), 1, lambda one: one.method == "POST" and "uploadId" in one.params)
    assert world.canary().code == 0
    assert world.left() == []


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
    said = world.canary()
    assert said.code == 1
    assert "nothing that the cloud documents" in said.text
    faults.clear()
    assert world.canary("--remove").code == 0
    assert world.left() == []


def test_a_report_that_cannot_be_written_is_no_reason_to_fly(world):
    said = world.canary("--report", str(world.folder / "nowhere" / "report.json"))
    assert said.code == 2
    assert world.sent == []


def test_nothing_to_remove_is_said(world):
    said = world.canary("--remove")
    assert (said.code, said.answer) == (0, {"removed": [], "left": []})


def test_the_report_is_shown_in_full_and_written_where_it_is_wanted(world):
    file = world.folder / "report.json"
    said = world.canary("--report", str(file))
    written = file.read_text()
    assert json.loads(written) == said.answer["report"]
    assert written.strip() in said.text


def test_both_languages_are_spoken(world):
    said = world.canary("--lang", "zh")
    assert "两端均已删除" in said.text
    assert "现场报告全文如下" in said.text


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
    said = world.canary()
    assert said.code == 0
    assert found(said.answer["report"]) == is_so
