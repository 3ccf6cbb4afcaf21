"""Facts that prevent a GO: waiting keys, sums that do not add up, a wrong sync task, and a wrong clock."""

from __future__ import annotations

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.comparison import recheck
from oss_oms_sync.jobs.certify import gathering
from sandbox.server.faults import Fault
from support.certificate import check, results, verdict
from support.log_bucket import LogBucket
from support.world import MINUTE, PART, ROOT, World, oms_error, oss_error


@pytest.fixture
def frozen_account(world: World) -> World:
    """Return a world in which OMS refuses all keys because the account is frozen; the key `b` has failed."""
    world.oms.faults.add(oms_error(400, "OMS.0202", "frozen"), where=lambda request: request.method == "POST")
    world.put("b", "xy", fate="refused")
    return world


def test_certify_requires_reading_a_failed_object_of_equal_size_in_obs(frozen_account):
    # GIVEN an object that OMS refuses, copied by hand
    frozen_account.obs.put(frozen_account.destination_bucket, "b", b"xz")
    # THEN a resend would have no effect, and reading can prove the object equal
    document = frozen_account.cut_over()
    for name in ("FAILED", "NOTHING_WAITS"):
        step = check(document, name)["step"]["options"]
        assert step == {"frozen_since": frozen_account.frozen, "deep": True, "restart": True}


def test_a_failed_record_prevents_a_go_until_its_key_is_resent(frozen_account):
    document = frozen_account.cut_over()
    assert results(document) == {"FAILED": "failed", "NOTHING_WAITS": "failed"}
    waits = check(document, "NOTHING_WAITS")
    assert waits["step"]["options"] == {"frozen_since": frozen_account.frozen}
    assert waits["keys"] == ["b"]
    assert "ACCOUNT" in waits["actual"]

    frozen_account.oms.faults.clear()
    frozen_account.open_and_replay()
    frozen_account.recheck()
    assert frozen_account.is_go()


@pytest.mark.parametrize(
    ("waits", "send"),
    [
        (lambda ready: ready.bucket.add_run_file("b"), World.open_and_replay),
        # No replay takes it over, and a comparison sends its keys.
        (lambda ready: LogBucket(ready, "renamed").add_run_file("b"), World.open_project),
        (lambda ready: ready.bucket.add_copy_failed_record("b"), World.open_and_replay),
    ],
    ids=["in a run file", "in a run file of a renamed project", "in a record of a failed copy"],
)
def test_a_waiting_key_that_obs_lacks_prevents_a_go_until_submitted(ready, waits, send):
    waits(ready)
    # An object that is equal in OBS does not wait.
    assert ready.is_go()
    ready.remove("b")
    assert ready.find_obstacle("NOTHING_WAITS")["keys"] == ["b"]
    send(ready)
    ready.prove()
    assert ready.is_go()


def test_a_404_from_another_server_does_not_hide_a_run_file(world):
    world.put("c", "12", "form")
    world.get_ready()
    world.bucket.add_run_file("c")
    world.bucket.fail(Fault.status(404), "get", lambda name: "/replay/" in name)
    assert results(world.certify(accept={"suspicious": "me: read by hand"})) == {"NOTHING_WAITS": "failed"}


def copy_by_hand(world: World) -> None:
    world.put("odd", "x", fate="lost")
    world.advance(1)
    world.write("odd", "x")


def write_link(world: World) -> None:
    world.put("odd", "x", "Symlink")


def write_impossible_key(world: World) -> None:
    world.obs.bucket(world.destination.name).is_file_system = True
    world.put("odd//", "x", fate="lost")


@pytest.mark.parametrize(
    ("prepare_case", "key", "accepted"),
    [(copy_by_hand, "odd", False), (write_link, "odd", True), (write_impossible_key, "odd//", True)],
)
def test_certify_issues_a_go_with_records_of_equal_or_accepted_objects(world, prepare_case, key, accepted):
    # GIVEN an object that OMS cannot copy, copied by hand or accepted by name
    prepare_case(world)
    world.advance(1)
    world.get_ready()

    # WHEN replay records it, as it always will, THEN it is a GO
    world.bucket.add_failed_records(key, reason="REJECTED")
    assert world.is_go(accept={"impossible": "ops: not needed"} if accepted else {})


def test_a_failed_record_of_an_impossibly_long_key_allows_a_go(world):
    # GIVEN a key that a user gave to replay, and an OSS that refuses to list such a name
    world.oms.faults.then(oms_error(401))
    world.replay(keys=["最" * 342])
    assert world.bucket.failed_keys() == {"最" * 342}
    world.source.fail(oss_error(400), where=lambda name: len(name.encode()) > 1023)
    # THEN there is a certificate, and no key waits
    assert check(world.rehearse(), "NOTHING_WAITS")["result"] != "failed"


def write_and_copy_by_hand(world: World, fate: str) -> None:
    """Write an object in parts to both buckets, as after a copy by hand.

    `fate` is OMS's reaction to the event of the source.
    """
    world.put("odd", "1234", "Multipart", fate)
    world.advance(1)
    world.obs.put(world.destination.name, "odd", b"1234", PART)


def test_certify_issues_a_go_with_a_record_of_an_object_proven_equal(world, mocker):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    write_and_copy_by_hand(world, "lost")
    world.bucket.add_failed_records("odd", reason="REJECTED")
    # WHEN the object is read, THEN no key waits
    world.get_ready(deep=True)
    assert world.is_go()


def test_certify_checks_as_many_failed_records_as_a_comparison_can_recheck():
    assert gathering.MAX_RECORDS == recheck.MAX_KEYS


def test_many_listed_failures_of_equal_objects_do_not_prevent_a_go(world):
    # GIVEN a closed project, and more failures of objects that are equal in OBS than certify reads at the same time
    keys = [f"x/{number:05}" for number in range(gathering._PARALLEL_LOOKUPS + 1)]
    for key in keys:
        world.upload(key, "A")
        world.write(key, "A")
    world.get_ready()
    world.bucket.add_failed_records(*keys, reason="COPY_FAILED")
    # THEN it is a GO, because each object was checked
    assert world.is_go()


@pytest.fixture
def unread_world(world: World) -> World:
    """Return a world with an archived object that a user copied by hand; OMS always refuses its key."""
    world.oms.refuse(lambda key: key == "odd")
    world.source.fail(oss_error(403, "InvalidObjectState"), "get", lambda name: name == "odd")
    write_and_copy_by_hand(world, "copied")
    world.freeze()
    return world


BY_NAME = {"equal_size": "ops: copied by hand"}


def test_a_failed_record_of_an_unreadable_object_can_be_accepted(unread_world):
    # GIVEN a comparison that has tried to read the object
    unread_world.prove(deep=True)
    # THEN only an acceptance of its class by name is left
    document = unread_world.certify()
    assert verdict(document) == ("NOT PROVEN", {"PROOF_EQUAL_SIZE": "not proven", "NOTHING_WAITS": "not proven"})
    steps = [
        finding["step"]["options"].get("accept") for finding in document["checks"] if finding["result"] == "not proven"
    ]
    assert steps == [{"equal_size": "<who, why>"}] * 2

    # WHEN its class is accepted, THEN it is a GO that names the object, although replay records the key again
    unread_world.open_and_replay()
    unread_world.stand_still()
    document = unread_world.certify(accept=BY_NAME)
    assert verdict(document) == ("GO", {})
    waits = check(document, "NOTHING_WAITS")
    assert waits["keys"] == ["odd"]
    assert "1 object was accepted by name" in waits["actual"]
    looked = unread_world.invoke("certify", {"look": True, "frozen_since": unread_world.frozen, "accept": BY_NAME})
    assert [finding["result"] for finding in looked["checks"]] == ["passed", "passed"]


def test_an_acceptance_does_not_cover_a_change_after_the_comparison(unread_world):
    unread_world.prove(deep=True)
    assert unread_world.is_go(accept=BY_NAME)
    # WHEN a side is written again, THEN both sides have to be compared again
    unread_world.obs.put(unread_world.destination.name, "odd", b"4321", PART)
    finding = check(unread_world.certify(accept=BY_NAME), "NOTHING_WAITS")
    assert finding["result"] == "failed"
    assert finding["step"]["options"]["deep"] is True


@pytest.mark.parametrize(
    ("reason", "more", "result"),
    [
        ("REFUSED", {"first_failure": "2026-01-01T00:00:00Z"}, {}),
        ("COPY_FAILED", {"first_failure": "2026-01-01T00:00:00Z"}, {}),
        # OMS can accept a key that it refused once,
        ("REFUSED", {}, {"NOTHING_WAITS": "failed"}),
        # and a key that it never received once the account is active.
        ("ACCOUNT", {"first_failure": "2026-01-01T00:00:00Z"}, {"NOTHING_WAITS": "failed"}),
    ],
)
def test_an_acceptance_does_not_cover_records_that_replay_may_resolve(unread_world, reason, more, result):
    unread_world.prove(deep=True)
    unread_world.bucket.add_failed_records("odd", reason=reason, **more)
    assert results(unread_world.certify(accept=BY_NAME)) == result


def test_a_failed_record_prevents_a_go_if_obs_does_not_answer(ready):
    ready.bucket.add_failed_records("b", reason="REJECTED")
    ready.obs.deny("obs:bucket:ListBucket", lambda key: key == "b")
    # The key and the reason are in the answer.
    finding = ready.find_obstacle("NOTHING_WAITS", "not run")
    assert finding["actual"] == "OBS did not answer the requests for 1 object (REJECTED)"
    assert finding["keys"] == ["b"]


def test_an_unreadable_failed_record_prevents_a_go(ready):
    ready.bucket.add(StoredObject(f"{ROOT}failed_object_long/{'0' * 64}", b"unreadable"))
    assert "1 unreadable record or run file" in ready.find_obstacle("NOTHING_WAITS")["actual"]


def test_certify_ignores_keys_of_another_project_in_a_run_file():
    # GIVEN two projects on the same task
    world = World.installed("a/1", OBJECT_PREFIX="a/")
    world.get_ready()

    # WHEN a run file has keys of the other project, THEN this project gets a GO
    world.bucket.add_run_file("b/1")
    assert world.is_go()

    # But not if a key of its own is among them.
    world.remove("a/1")
    world.bucket.add_run_file("b/1", "a/1")
    assert world.find_obstacle("NOTHING_WAITS")["keys"] == ["a/1"]


def test_oms_lists_that_certify_cannot_read_prevent_a_go(world):
    world.obs.deny("obs:bucket:ListBucket", lambda key: key.startswith("oms/"))
    assert verdict(world.cut_over()) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})


# The task, clocks, and sums.


def test_a_sync_task_that_oms_does_not_report_prevents_a_go(ready):
    ready.oms.deny("oms:synctask:get")
    document = ready.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert document["destination_bucket"] is None
    assert results(document)["TASK"] == results(document)["SCOPE"] == "not run"
    assert [check(document, name)["step"]["job"] for name in ("TASK", "SCOPE")] == ["doctor", "doctor"]


@pytest.mark.parametrize(("skew", "expected"), [(-62, "NO-GO"), (None, "NOT PROVEN")])
@pytest.mark.parametrize("cloud", ["oms", "oss", "obs"])
def test_wrong_or_unreported_clocks_prevent_a_go(ready, cloud, skew, expected):
    service = getattr(ready, cloud)
    if skew is None:
        service.faults.add(
            Fault.status(403, headers={"Date": "?"}), where=lambda request: "authorization" not in request.headers
        )
    service.clock_offset = skew or 0
    document = ready.certify()
    assert document["verdict"] == expected
    assert [*results(document)] == ["CLOCK"]


def test_a_comparison_whose_stored_totals_are_unreadable_prevents_a_go(ready):
    # GIVEN the totals of a comparison and of a standstill pass, as another version may have written them
    for name in [name for name in ready.bucket.objects if "-compare/" in name and name.endswith("/total")]:
        ready.bucket.add(StoredObject(name, ready.bucket.objects[name].body.replace(b'"drawn"', b'"strange"')))
    document = ready.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document)["SUMS"] == "not run"


@pytest.mark.parametrize(
    "change", [lambda world: world.delete("tmp"), lambda world: world.put("new", "x", fate="lost")]
)
def test_the_sums_stay_valid_if_the_source_changes_before_a_recheck(world, change):
    # GIVEN a rehearsal, with an object that only OBS has and an object that was just written
    world.write("new", "x")
    world.put("tmp", "x", fate="accepted")
    world.open_and_compare()

    # WHEN an object is deleted or written, and both objects are rechecked
    change(world)
    world.advance(MINUTE)
    world.open_and_compare(again=True)

    # THEN the sums are still correct
    assert check(world.rehearse(), "SUMS")["result"] == "passed"


def test_certify_writes_only_the_certificate_and_submits_no_key(ready):
    ready.certify()
    before, sent = set(ready.bucket.objects), len(ready.oms.calls)
    document = ready.certify()
    assert set(ready.bucket.objects) - before == {document["document"]}
    assert len(ready.oms.calls) == sent
