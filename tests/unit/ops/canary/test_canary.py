"""Canaries in the process of the test: a canary names a failed step, removes its objects, and changes no others."""

import json
import re
from datetime import datetime, timedelta, timezone
from unittest.mock import patch

import pytest

from ops.canary import hops, objects
from ops.canary.outcome import format_delay
from ops.terminal import Screen
from sandbox.obs.metadata import DIRECTIVE
from sandbox.oms.copier import CopyFailure, CopyFault
from sandbox.oss.deliveries import EventFault
from sandbox.server.faults import Fault
from support.administrator import draw_requests
from support.law import EXTRAS
from support.ops import OPS
from support.world import OBS_HEADERS, OSS_HEADERS
from unit.ops.canary.canary_world import CanaryWorld, expect_exit, is_key_of

# The number of requests of a canary.
REQUEST_COUNT = 138
ADDRESS_TEXT = "SYNC_URL is not the address of a sync task"


@pytest.fixture
def world():
    with CanaryWorld(timers=0.05) as world:
        yield world


def set_variable(world, name, value):
    world.change_settings = lambda text: re.sub(f"{name}:.*", f'{name}: "{value}"', text)


def test_a_canary_finds_all_its_objects_equal_in_obs_and_deletes_them(world):
    answer = expect_exit(world.canary(), 0, "are kept, because only OMS may write there")
    report = answer["report"]
    assert {canary_object["etag"] for canary_object in report["objects"].values()} == {
        "MD5 of the contents",
        "32 digits and parts",
    }
    in_parts = [
        title
        for title, canary_object in report["objects"].items()
        if canary_object["source_etag"] == "32 digits and parts"
    ]
    assert in_parts == ["above"]
    assert report["counts"]["doubles"] == "each counted"
    assert answer["missing"] == {}
    assert world.leftovers() == []
    # The only new objects in the bucket are OMS's lists.
    assert {key.split("/")[0] for key in world.obs.objects(world.destination_bucket)} == {"oms"}


def test_a_canary_shows_no_negative_delay_if_the_clock_of_obs_is_slow():
    sent_time = datetime(2026, 1, 2, tzinfo=timezone.utc)
    assert [format_delay(sent_time, sent_time + timedelta(seconds=delay)) for delay in (-2, -0.4, 3)] == [
        "+0 s",
        "+0 s",
        "+3 s",
    ]


def test_the_large_objects_of_a_canary_show_the_part_size_of_oms():
    units = {"MB": 10**6, "MiB": 2**20}
    smaller_part, larger_part = sorted(objects.PART_SIZES.values())
    assert {name: int(name.split()[0]) * units[name.split()[1]] for name in objects.PART_SIZES} == objects.PART_SIZES
    sizes = {canary_object.title: canary_object.size for canary_object in objects.canary_objects()}
    assert smaller_part < sizes["between"] < larger_part < sizes["above"]
    assert sizes["above"] > objects.UPLOAD_PART_BYTES


# Names of objects of others, which are similar to those of the canary `{run}`: in both buckets, and in the log bucket.
SIMILAR_KEYS = [
    "theirs",
    ".oss-oms-sync-canary.txt",
    ".oss-oms-sync-canary/theirs",
    ".oss-oms-sync-canary/20260102T000000Z-beef/small",
    ".oss-oms-sync-canary/{run}-theirs",
    ".oss-oms-sync-canary/{run}",
]
SIMILAR_RECORDS = [
    "oms_source_record/canary/other/20260102T000000Z-beef.json",
    "oms_source_record/canary/oss-oms-sync-2/{run}.json",
    "oms_source_record/canary/oss-oms-sync/theirs",
    "oms_source_record/{task}/success_object/.oss-oms-sync-canary/theirs",
    "oms_source_record/{task}/failed_object/.oss-oms-sync-canary/{run}-theirs",
    "oms_source_record/other/success_object/.oss-oms-sync-canary/20260102T000000Z-beef/small",
]


def test_the_removal_of_a_canary_keeps_objects_of_others(world):
    world.cut_short(60)
    journals = [name for name in world.oss.objects(world.log_bucket) if "canary/oss-oms-sync/" in name]
    (run,) = [name.rpartition("/")[2].removesuffix(".json") for name in journals]
    keys, records = (
        [name.format(run=run, task=world.task_id) for name in names] for names in (SIMILAR_KEYS, SIMILAR_RECORDS)
    )
    world.oss.fill(world.source_bucket, keys, size=6, age=60)
    world.oss.fill(world.log_bucket, records, size=6, age=60)
    for key in keys:
        world.obs.put(world.destination_bucket, key, b"theirs")
    expect_exit(world.canary("--remove"), 0)
    assert world.oss.objects(world.source_bucket).keys() == {*keys}
    assert world.task.destination.keys() == {*keys}
    assert {name for name in world.oss.objects(world.log_bucket) if "canary" in name} == {*records}


@pytest.mark.long
@pytest.mark.parametrize(
    ("fault", "missing"),
    [
        (lambda world: world.oss.lose_events(is_key_of("hostile name")), {"event": ["hostile name"]}),
        (
            lambda world: world.oms.faults.add(
                Fault.status(401), where=lambda request: request.raw_path.endswith("/events")
            ),
            {
                "accepted": [canary_object.title for canary_object in objects.canary_objects()],
                "counted": [],
                "listed": [],
            },
        ),
        (
            lambda world: world.task.copy_faults.add(CopyFault.lost(), where=is_key_of("between")),
            {"in_obs": ["between"], "counted": []},
        ),
        (
            lambda world: world.task.failures.add(CopyFailure("UPLOAD_DST_OBJ_FAILURE"), where=is_key_of("between")),
            {"in_obs": ["between"]},
        ),
        (lambda world: setattr(world.task.lists, "is_withheld", True), {"listed": []}),
        (lambda world: setattr(world.task, "lag", 3600), {"counted": []}),
    ],
    ids=["event lost", "refused", "copy lost", "copy failed", "lists held back", "counted late"],
)
def test_a_canary_reports_a_missing_step_after_twice_the_usual_time(world, fault, missing):
    fault(world)
    start_time = world.seconds
    answer = expect_exit(world.canary(), 3)
    assert {**answer["missing"], **missing} == answer["missing"]
    # OMS lost a copy only if it reports no failure of it.
    assert answer["unfinished"] == (1 if "counted" in missing and "in_obs" in missing else 0)
    # The objects passed all other hops.
    assert "differs" not in {
        "".join(canary_object["differs"]) for canary_object in answer["report"]["objects"].values()
    }
    assert world.seconds - start_time >= 600
    world.oms.faults.clear()
    assert world.leftovers(after=1800) == []


def test_a_canary_reports_an_object_that_differs_next_to_equal_objects(world):
    def tamper():
        for key, copy in world.task.destination.items():
            if is_key_of("between")(key) and copy.data != b"x" * copy.size:
                world.obs.put(world.destination_bucket, key, b"x" * copy.size)

    world.before = tamper
    answer = expect_exit(world.canary(), 1)
    assert answer["report"]["objects"]["between"]["differs"] == ["bytes", "content-type"]
    assert world.leftovers(after=3600) == []


@pytest.mark.parametrize(
    ("carries", "plain_outcome", "row"),
    [(False, "lost", "equal except for 5 headers"), (True, "kept", "equal except for 3 headers")],
)
def test_a_canary_compares_only_headers_that_the_sync_task_copies(world, carries, plain_outcome, row):
    world.task.copies_metadata = carries
    lines = world.screen()
    headers = world.stored_report()["objects"]["metadata"]["headers"]
    expected_outcomes = {"content-type": "kept", "x-oss-meta-plain": plain_outcome, "x-oss-meta-odd": "lost"}
    assert {**headers, **expected_outcomes} == headers
    assert [line for line in lines if line.endswith("headers")] == [line for line in lines if line.endswith(row)] != []
    verdict = " ".join(" ".join(lines).split()).partition("The project works: ")[2]
    assert verdict.startswith("all objects arrived with equal contents. OMS did not copy these headers: cache-control,")
    assert len(lines) < 14


def test_a_canary_reports_a_header_that_oms_should_have_copied(world):
    show = world.task.summarize
    world.task.copies_metadata = False
    world.task.summarize = lambda: {**show(), "enable_metadata_migration": True}
    assert expect_exit(world.canary(), 1)["report"]["objects"]["metadata"]["differs"] == ["x-oss-meta-plain"]


_EVENT_LINE = "forward received an event for the header change in OSS: "


@pytest.mark.parametrize(
    ("event", "answer", "text"),
    [
        ("ObjectCreated:CopyObject", "yes", f"{_EVENT_LINE}yes, +0 s"),
        ("ObjectModified:UpdateObjectMeta", "no", f"{_EVENT_LINE}no: OSS sends either no event, or UpdateObjectMeta,"),
        ("", "no", f"{_EVENT_LINE}no: OSS sends either no event, or UpdateObjectMeta,"),
    ],
)
def test_a_canary_reports_the_event_of_a_header_change_in_oss(world, event, answer, text):
    world.oss.header_event = event
    assert [line for line in world.screen() if line.startswith(text)]
    stored_report = world.stored_report()
    assert stored_report["header_change"] == {"event": answer}
    assert stored_report["counts"]["doubles"] == "each counted"
    assert stored_report["objects"]["new headers"]["differs"] == []
    assert world.leftovers() == []


def test_a_failed_record_shows_a_canary_the_event_of_a_header_change(world):
    def refuse():
        if "x-oss-metadata-directive" in {name for request in world.sent for name in request.headers}:
            world.before = lambda: None
            world.oms.faults.add(Fault.status(401), where=lambda request: request.raw_path.endswith("/events"))

    # GIVEN an OMS that refuses keys from the change on WHEN it is made THEN its event has come
    world.oss.deliveries(world.source_bucket).add(EventFault.late(8), where=is_key_of("new headers"))
    world.before = refuse
    report = expect_exit(world.canary(), 0)["report"]
    assert report["header_change"] == {"event": "yes"}
    assert report["counts"]["doubles"] == "each counted"


def test_a_canary_changes_no_headers_of_an_object_that_arrives_late(world):
    world.task.copy_faults.add(CopyFault.late(400), where=is_key_of("new headers"))
    assert expect_exit(world.canary(), 0)["report"]["header_change"] == {"event": "not seen"}


@pytest.mark.parametrize(
    ("fault", "phrase"),
    [
        (
            lambda world: setattr(world.oss.buckets[world.source_bucket], "has_retention", True),
            "has a retention rule, so the canary's objects could not be deleted",
        ),
        (
            lambda world: setattr(destination(world), "has_retention", True),
            "has a retention rule, so the canary's objects could not be deleted",
        ),
        (lambda world: world.ops("close"), "The project is closed"),
        (
            lambda world: setattr(world.task, "src_bucket", "another"),
            "The sync task reads the bucket another, but sourceBucket in s.yaml is photos",
        ),
        (
            lambda world: set_variable(world, "objectPrefix", "oms_source_record/"),
            "keys with this objectPrefix are the project's records",
        ),
        (lambda world: set_variable(world, "objectPrefix", "x" * 1000), "exceed 1,023 bytes"),
        (lambda world: set_variable(world, "SYNC_URL", "https://oms.cn-north-4.myhuaweicloud.com"), ADDRESS_TEXT),
        (lambda world: set_variable(world, "SYNC_URL", "${env('SYNC_URL')}"), ADDRESS_TEXT),
    ],
    ids=[
        "a retention rule at the source",
        "a retention rule in OBS",
        "a closed project",
        "a task of another bucket",
        "a filter for records",
        "a filter that is too long",
        "no address of a task",
        "an address from elsewhere",
    ],
)
def test_a_canary_that_is_refused_writes_no_object(world, fault, phrase):
    fault(world)
    earlier_objects = dict(world.oss.objects(world.source_bucket))
    expect_exit(world.canary(), 2, phrase)
    assert dict(world.oss.objects(world.source_bucket)) == earlier_objects
    assert world.leftovers() == []


@pytest.mark.part
@pytest.mark.law
def test_the_removal_of_a_canary_killed_at_any_request_is_complete():
    # Some runs are interrupted during a write, some during a wait, some during a deletion.
    for number in draw_requests(range(1, REQUEST_COUNT + 1), 10 if EXTRAS else 20):
        with CanaryWorld(number, timers=0.05) as world:
            world.cut_short(number)
            assert (world.canary("--remove").code, world.leftovers(after=1200)) == (0, []), number


def test_a_second_canary_is_refused_while_the_first_is_running(world):
    second = []
    world.meanwhile[60] = lambda: second.append(world.canary())
    assert expect_exit(world.canary(), 0)["missing"] == {}
    expect_exit(second[0], 2, "is running, or an earlier canary left its objects", "ops.py canary --remove")
    assert world.leftovers() == []


@pytest.mark.parametrize("new", ["", "another"])
def test_a_canarys_objects_are_removed_if_s_yaml_names_another_task(world, new):
    # GIVEN leftovers with all records, whose task was deleted; s.yaml names no task, or another
    world.cut_short(60)
    world.advance(60)
    assert any("_object/" in leftover for leftover in world.leftovers())
    ((project, _), task) = world.oms._tasks.popitem()
    world.oms._tasks[project, "another"] = task
    address = re.escape(world.task_id)
    world.change_settings = lambda text: re.sub(
        f'SYNC_URL: "(.*){address}(.*)"', rf'SYNC_URL: "\1{new}\2"' if new else 'SYNC_URL: ""', text
    )
    # WHEN they are removed THEN none is left
    answer = expect_exit(world.canary("--remove"), 0)
    assert (answer["left"], len(answer["removed"]), world.leftovers(after=3600)) == ([], 1, [])


def test_the_removal_of_a_canary_with_wrong_access_keys_is_refused(world):
    world.cut_short(60)
    earlier_leftovers = world.leftovers()
    world.oms.faults.add(Fault.status(401))
    expect_exit(world.canary("--remove"), 1, "refused GET: 401")
    assert world.leftovers() == earlier_leftovers


@pytest.mark.parametrize("is_source", [True, False])
def test_a_removal_does_not_report_objects_in_other_buckets_as_removed(world, is_source):
    # GIVEN leftovers, and settings that name another source, or a task with another destination
    world.cut_short(60)
    world.advance(1200)
    earlier_leftovers, summarize = world.leftovers(), world.task.summarize
    if is_source:
        world.change_settings = lambda text: text.replace('sourceBucket: "photos"', 'sourceBucket: "another"')
    else:
        world.task.summarize = lambda: {**summarize(), "dst_bucket": "another"}
    # WHEN they are to be removed THEN the answer names their buckets, and nothing is touched
    answer = expect_exit(world.canary("--remove"), 3, f"are in photos and {world.destination_bucket}, but s.yaml")
    assert answer["removed"] == []
    assert len(answer["left"]) == 1
    assert world.leftovers() == earlier_leftovers
    # AND a removal with the first settings deletes them
    world.change_settings, world.task.summarize = str, summarize
    assert world.canary("--remove").code == 0
    assert world.leftovers() == []


REMOVAL_TEXT = f"To delete them: {OPS} canary --remove"


def ctrl_c():
    raise KeyboardInterrupt


def test_ctrl_c_removes_the_objects_of_a_canary(world):
    world.meanwhile[30] = ctrl_c
    assert world.canary().code == 130
    assert world.leftovers(after=3600) == []


def test_a_second_ctrl_c_prints_the_command_that_removes_a_canary(world):
    # An interrupted request is not counted, so each request from the thirtieth on is interrupted.
    world.before = lambda: ctrl_c() if world.asked >= 30 else None
    result = world.canary()
    assert (result.code, result.text.count(REMOVAL_TEXT)) == (130, 1)
    assert world.leftovers()


@pytest.mark.parametrize("status", [403, 503])
def test_a_canarys_report_is_complete_if_its_objects_cannot_be_deleted(world, status):
    world.obs.faults.add(Fault.status(status, b"", OBS_HEADERS), where=lambda request: request.method == "DELETE")
    file = world.folder / "report.json"
    result = world.canary("--report", str(file))
    assert result.text.rstrip().endswith(REMOVAL_TEXT)
    answer = expect_exit(result, 3, f"refused DELETE: {status}")
    assert answer["missing"] == {}
    assert json.loads(file.read_text()) == answer["report"]
    world.obs.faults.clear()
    assert world.canary("--remove").code == 0
    assert world.leftovers() == []


def test_ctrl_c_during_the_removal_of_a_canary_keeps_its_report(world):
    def before():
        if world.sent and world.sent[-1].method == "DELETE" and "obs." in world.sent[-1].url:
            ctrl_c()

    world.before = before
    assert expect_exit(world.canary(), 3, REMOVAL_TEXT)["missing"] == {}


def test_the_removal_of_a_canary_deletes_a_copy_that_arrives_meanwhile(world):
    world.task.copy_faults.add(CopyFault.late(1, 400), where=is_key_of("small"))
    world.cut_short(45)
    earlier_requests = world.asked
    expect_exit(world.canary("--remove"), 0, "OMS may still write objects that it has already read")
    assert world.asked - earlier_requests < 20 * 400 / 15, "it asks at leisure"
    assert world.leftovers(after=3600) == []


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
def test_the_removal_deletes_no_objects_named_in_a_forged_canary_journal(world, changes):
    keys = ["photos/1", "photos/2"]
    for key in keys:
        world.write(key, b"hello")
    world.advance(60)
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
    assert expect_exit(world.canary("--remove"), 0) == {"removed": [], "left": []}
    assert [*world.oss.objects(world.source_bucket)] == [*world.task.destination] == keys


def test_the_removal_of_a_canary_says_that_no_objects_are_left_only_then(world):
    world.cut_short(20)
    assert [world.screen("--remove") for _ in range(2)] == [[], ["No canary objects are left."]]


def test_a_canary_waits_for_a_late_second_copy_in_a_bucket_in_use(world):
    # GIVEN a key that was submitted twice, whose second copy takes long, and a bucket in use
    world.task.overwrite_mode = "FULL_OVERWRITE"
    world.task.copy_faults.then(None, CopyFault.late(1, 420), where=is_key_of("twice"))

    def use():
        for name in range(20):
            world.write(f"theirs/{name}", b"hello")

    world.meanwhile[40] = use
    # WHEN all objects came THEN the canary still awaits the second copy
    answer = expect_exit(world.canary(), 0)
    assert answer["missing"] == {}
    assert answer["report"]["counts"]["shown_after"] == "not seen"
    assert world.leftovers(after=3600) == []


def test_a_canary_does_not_wait_for_lists_of_oms_if_there_are_too_many(world, monkeypatch):
    world.write("theirs", b"hello")
    world.advance(60)
    monkeypatch.setattr(hops, "_MAX_LISTS", 1)
    answer = expect_exit(world.canary(), 0)
    assert answer["missing"] == {}
    assert answer["report"]["lists"] == []


def test_a_canary_accepts_an_upload_whose_last_response_is_lost(world):
    world.oss.faults.add(
        Fault.drop_after(), 1, lambda request: request.method == "POST" and "uploadId" in request.params
    )
    assert world.canary().code == 0
    assert world.leftovers() == []


PAGE = b"<R><IsTruncated>true</IsTruncated><Contents><Key>k</Key><Size>1</Size></Contents></R>"


@pytest.mark.parametrize(
    ("service", "body", "where"),
    [
        ("obs", PAGE, lambda request: "prefix" in request.params),
        ("obs", b"<html>Log in", lambda request: "prefix" in request.params),
        (
            "oss",
            b"<R><IsTruncated>true</IsTruncated></R>",
            lambda request: "prefix" in request.params and request.method == "GET",
        ),
        ("oms", b"{}", lambda request: "query_time" in request.params),
        ("oms", b"[]", lambda request: "query_time" in request.params),
        ("oms", b'{"statistic_datas": [{}]}', lambda request: "data_type" in request.params),
    ],
)
def test_an_undocumented_response_ends_a_canary_with_an_error(world, service, body, where):
    faults = getattr(world, service).faults
    faults.add(Fault.status(200, body, OSS_HEADERS | OBS_HEADERS), where=where)
    expect_exit(world.canary(), 1, "does not have the documented format")
    faults.clear()
    assert world.canary("--remove").code == 0
    assert world.leftovers() == []


def test_an_unwritable_report_stops_a_canary_before_requests(world):
    expect_exit(world.canary("--report", str(world.folder / "nowhere" / "report.json")), 2)
    assert world.sent == []


def test_a_canary_writes_its_report_before_it_prints_its_result(world):
    file, has_file = world.folder / "report.json", []
    with patch.object(Screen, "answer", lambda *_: has_file.append(file.exists())):
        world.canary("--report", str(file))
    assert has_file == [True]


def test_a_canary_writes_its_report_to_the_file_and_does_not_print_it(world):
    file = world.folder / "report.json"
    result = world.canary("--report", str(file))
    assert f"{file} contains no name, object key, access key, host, ETag or time" in result.text
    assert "32 digits" not in world.canary().text


@pytest.mark.parametrize(
    ("policy", "text"),
    [
        ("identity policy", "through the identity policy that setup creates"),
        ("another policy", "through a policy that setup did not create"),
        ("unknown policy", "through a policy that IAM did not return"),
        ("", ""),
    ],
)
def test_a_canary_reports_the_policy_that_allows_header_changes(world, policy, text):
    with patch("ops.canary.run.find_policy", lambda *_: policy):
        lines = [
            line for line in world.screen() if line.startswith("the functions' access key can change headers in OBS")
        ]
    assert [line.rpartition(", ")[2] for line in lines] == [text] * bool(text)
    assert world.stored_report()["in_place"]["permission"] == (policy or "not seen")


USUAL_EFFECTS = {
    "moves_time": "no",
    "moves_etag": "no",
    "url": "yes",
    "expired_url": "no",
    "replaces": "yes",
    "permission": "not seen",
}


@pytest.mark.parametrize(
    ("fault", "effects"),
    [
        (lambda world: None, USUAL_EFFECTS),
        (
            lambda world: setattr(destination(world), "headers_update_time", True),
            {**USUAL_EFFECTS, "moves_time": "yes"},
        ),
        (
            lambda world: world.obs.deny("obs:object:ModifyObjectMetaData"),
            dict.fromkeys(USUAL_EFFECTS, "not seen"),
        ),
        (
            lambda world: world.obs.faults.add(
                Fault.status(403, b"", OBS_HEADERS), where=lambda request: "Signature" in request.params
            ),
            {**USUAL_EFFECTS, "url": "no", "expired_url": "not seen"},
        ),
        (
            lambda world: world.obs.faults.add(
                Fault.status(400, b"", OBS_HEADERS), where=lambda request: request.headers.get(DIRECTIVE) == "REPLACE"
            ),
            {**USUAL_EFFECTS, "replaces": "no"},
        ),
    ],
    ids=["no fault", "a new time", "a refused change", "a refused URL", "a refused replacement"],
)
def test_a_canary_measures_the_effects_of_a_header_change_in_obs(world, fault, effects):
    fault(world)
    assert expect_exit(world.canary(), 0)["report"]["in_place"] == effects
    assert world.leftovers() == []


@pytest.mark.parametrize("fault", [Fault.drop_after(), Fault.status(500, b"", OBS_HEADERS), Fault.status(200, b"")])
def test_a_canary_shows_no_signed_url(world, fault):
    world.obs.faults.add(fault, where=lambda request: "Signature" in request.params)
    result = world.canary()
    urls = [request.url for request in world.sent if "Signature=" in request.url]
    assert urls
    for url in urls:
        assert url.partition("Signature=")[2].partition("&")[0] not in result.text
    stored = b"".join(stored.data for stored in world.oss.objects(world.log_bucket).values())
    assert b"Signature" not in stored + result.text.encode()


def test_a_canary_removes_its_objects_if_it_cannot_store_its_report(world):
    world.oss.deny("oss:PutObject", world.log_bucket, lambda key: key == world.canary_observation)
    result = world.canary()
    assert result.code == 0
    assert world.leftovers() == []
    assert "Doctor cannot use the results of this canary" in result.text
    assert "Doctor now uses" not in result.text


def merge_doubles(world):
    world.task.merges_copies = True
    world.task.copy_faults.add(CopyFault.late(20))


def destination(world):
    return world.obs.bucket(world.destination_bucket)


@pytest.fixture(scope="module")
def usual_report():
    """Return the report of a canary in clouds without faults or delays."""
    with CanaryWorld() as world:
        return expect_exit(world.canary(), 0)["report"]


@pytest.mark.parametrize(
    ("variant", "where", "expected"),
    [
        (lambda world: setattr(world.task, "step", "ONE_HOUR"), ("counts", "step"), "ONE_HOUR"),
        (merge_doubles, ("counts", "doubles"), "merged"),
        (lambda world: setattr(world.task, "part_size", 50_000), ("part_size",), "50 MB"),
        (lambda world: setattr(destination(world), "order", "utf-16"), ("listing", "order"), "utf-16"),
        (lambda world: setattr(world.task.lists, "separator", "\t"), ("lists", 0, "separator"), "tab"),
        (
            lambda world: setattr(destination(world), "crc64_header", "x-obs-checksum-crc64ecma"),
            ("objects", "small", "crc64"),
            "x-obs-checksum-crc64ecma",
        ),
        (
            lambda world: world.oss.deliveries(world.source_bucket).add(EventFault.late(70)),
            ("objects", "small", "event"),
            "under 5 min",
        ),
    ],
    ids=[
        "counts by the hour",
        "merged copies of a key",
        "another part size",
        "another order of listings",
        "another separator of lists",
        "no crc64",
        "a late event",
    ],
)
def test_a_canarys_report_shows_each_variant_of_the_clouds_behaviour(world, usual_report, variant, where, expected):
    def read_field(report):
        for part in where:
            report = report[part]
        return report

    assert read_field(usual_report) != expected
    variant(world)
    assert read_field(expect_exit(world.canary(), 0)["report"]) == expected
