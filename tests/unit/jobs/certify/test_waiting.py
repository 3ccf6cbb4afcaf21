"""What waits to be sent is no GO, nor what does not add up, nor a task or clocks that are off."""

from __future__ import annotations

from operator import methodcaller

import pytest

from oss_oms_sync.clouds.objects import StoredObject
from sandbox.server.faults import Fault
from support.certify_world import CertifyWorld, check, results, verdict
from support.world import MINUTE, PART, ROOT, oms_error, oss_error
from unit.jobs.certify.mending import DEEP, asked


@pytest.fixture
def frozen_account(world: CertifyWorld) -> CertifyWorld:
    """OMS refuses every key, and has refused `b`."""
    world.oms.faults.add(oms_error(400, "OMS.0202", "frozen"), where=lambda request: request.method == "POST")
    world.put("b", "xy", fate="refused")
    return world


def test_what_failed_and_is_in_obs_in_the_same_size_is_to_be_read(frozen_account):
    # GIVEN an object that OMS refuses, and that somebody has copied by hand
    frozen_account.obs.put(frozen_account.destination_bucket, "b", b"xz")
    # THEN sending it once more would do nothing, and reading it may prove it
    document = frozen_account.cut_over()
    assert asked(check(document, "FAILED")) == DEEP == asked(check(document, "NOTHING_WAITS"))


def test_a_failed_record_is_a_no_go_until_replay_has_sent_it(frozen_account):
    document = frozen_account.cut_over()
    assert results(document) == {"FAILED": "failed", "NOTHING_WAITS": "failed"}
    waits = check(document, "NOTHING_WAITS")
    assert asked(waits) == {} == asked(check(document, "FAILED"))
    assert (waits["keys"], "ACCOUNT" in waits["seen"]) == (["b"], True)

    frozen_account.oms.faults.clear()
    frozen_account.replay()
    frozen_account.judge_again()
    assert frozen_account.is_go()


RENAMED = StoredObject(f"{ROOT}replay/renamed/1.json", b'{"busy_until": "", "keys": [{"key": "b"}]}')


@pytest.mark.parametrize(
    ("waits", "send"),
    [
        (methodcaller("run_file", "b"), CertifyWorld.replay),
        # No replay takes it over, and a comparison sends its keys.
        (lambda ready: ready.bucket.add(RENAMED), methodcaller("call", open=True)),
        (methodcaller("fail", "b", reason="COPY_FAILED"), CertifyWorld.replay),
    ],
    ids=["in a run file", "in a run file of a project that was renamed", "of what OMS failed to copy"],
)
def test_what_waits_is_a_no_go_where_obs_lacks_it_until_it_is_sent(ready, waits, send):
    waits(ready)
    # What is equal in OBS waits for nothing.
    assert ready.is_go()
    ready.remove("b")
    assert ready.stopped_by("NOTHING_WAITS")["keys"] == ["b"]
    send(ready)
    ready.prove()
    assert ready.is_go()


def test_a_run_file_that_something_else_than_oss_does_not_find_is_not_replayed(world):
    world.put("c", "12", "form")
    world.get_ready()
    world.run_file("c")
    world.bucket.fail(Fault.status(404), "get", lambda name: "/replay/" in name)
    assert results(world.certify(accept={"suspicious": "me: read by hand"})) == {"NOTHING_WAITS": "failed"}


def by_hand(world: CertifyWorld) -> None:
    world.put("odd", "x", fate="lost")
    world.later(1)
    world.write("odd", "x")


def a_link(world: CertifyWorld) -> None:
    world.put("odd", "x", "Symlink")


def in_no_folder(world: CertifyWorld) -> None:
    world.obs.bucket(world.there.name).is_file_system = True
    world.put("odd//", "x", fate="lost")


@pytest.mark.parametrize("reason", ["REJECTED", "COPY_FAILED"])
@pytest.mark.parametrize(
    ("happened", "key", "accepted"), [(by_hand, "odd", False), (a_link, "odd", True), (in_no_folder, "odd//", True)]
)
def test_the_record_of_what_is_equal_or_impossible_keeps_nothing_from_a_go(world, happened, key, accepted, reason):
    # GIVEN what OMS cannot copy, which somebody has copied by hand, or which is accepted by name
    happened(world)
    world.later(1)
    world.fail(key, reason=reason)
    world.get_ready()

    # WHEN replay records it once more, THEN it is a go: it would be for ever
    world.fail(key, reason=reason)
    assert world.is_go(accept={"impossible": "ops: not needed"} if accepted else {})


def copied_by_hand(world: CertifyWorld, fate: str) -> None:
    """An object in parts that OMS refuses is in OBS."""
    world.put("odd", "1234", "Multipart", fate)
    world.later(1)
    world.obs.put(world.there.name, "odd", b"1234", PART)


def test_the_record_of_what_reading_has_proved_to_be_equal_keeps_nothing_from_a_go(world, mocker):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    copied_by_hand(world, "lost")
    world.fail("odd")
    # WHEN it is read, THEN nothing waits
    world.get_ready(deep=True)
    assert world.is_go()


def copied(world: CertifyWorld, number: int) -> list[str]:
    """So many objects that are equal in OBS."""
    keys = [f"x/{each:05}" for each in range(number)]
    for key in keys:
        world.upload(key, "A")
        world.write(key, "A")
    return keys


@pytest.mark.long
def test_many_failed_lines_about_equal_objects_keep_nothing_from_a_go(world):
    # GIVEN a closed project, and lists of OMS that tell of more than a thousand failures of what is equal in OBS
    keys = copied(world, 1001)
    world.get_ready()
    world.fail(*keys, reason="COPY_FAILED")
    # THEN it is a GO, because each was looked at
    assert world.is_go()


@pytest.mark.parametrize("is_by_hand", [False, True])
def test_more_failed_lines_than_are_looked_at_have_a_step_that_ends_them(world, mocker, is_by_hand):
    # GIVEN a project that a cutover has closed, or somebody by hand
    mocker.patch("oss_oms_sync.jobs.certify.gathering.MAX_RECORDS", 3)
    keys = copied(world, 4)
    world.get_ready()
    world.call(close=True, **({} if is_by_hand else {"run": "run-1"}))
    world.later(15 * MINUTE)
    world.compare(standstill=True)
    world.fail(*keys, reason="COPY_FAILED")
    document = world.certify(run="run-1")
    found = check(document, "NOTHING_WAITS")
    # THEN the cutover opens what a cutover has closed, and replay sends them
    step = found["step"] and found["step"]["job"]
    told = (found["result"], step, "python3 ops.py open" in found["next"])
    assert told == (("not run", None, True) if is_by_hand else ("failed", "cutover", False))
    world.replay()
    world.prove()
    assert world.is_go()


@pytest.fixture
def unread(world: CertifyWorld) -> CertifyWorld:
    """With an archived object in parts that OMS refuses for ever, and that somebody has copied by hand."""
    world.oms.refuse(lambda key: key == "odd")
    world.source.fail(oss_error(403, "InvalidObjectState"), "get", lambda name: name == "odd")
    copied_by_hand(world, "copied")
    world.freeze()
    return world


BY_NAME = {"equal_size": "ops: copied by hand"}


def test_what_oms_refuses_for_ever_and_nobody_can_read_is_accepted_by_name_and_named(unread):
    # GIVEN a comparison that has tried to read it
    unread.prove(deep=True)
    # THEN nothing is left but to accept it by the name of its class
    document = unread.certify()
    assert verdict(document) == ("NOT PROVEN", {"PROOF_EQUAL_SIZE": "not proven", "NOTHING_WAITS": "not proven"})
    steps = [one["step"]["options"].get("accept") for one in document["checks"] if one["result"] == "not proven"]
    assert steps == [{"equal_size": "<who, why>"}] * 2

    # WHEN somebody does, THEN it is a go that names it, though replay goes on recording it
    unread.replay()
    unread.stand_still()
    document = unread.certify(accept=BY_NAME)
    assert verdict(document) == ("GO", {})
    waits = check(document, "NOTHING_WAITS")
    assert (waits["keys"], "reading did not prove them equal: 1 object" in waits["seen"]) == (["odd"], True)
    looked = unread.call(look=True, frozen_since=unread.frozen, accept=BY_NAME)
    assert [one["result"] for one in looked["checks"]] == ["passed", "passed"]


def written_in_obs(world: CertifyWorld) -> None:
    world.obs.put(world.there.name, "odd", b"4321", PART)


def written_at_the_source(world: CertifyWorld) -> None:
    world.put("odd", "4321", "Multipart")
    world.later(1)
    written_in_obs(world)
    world.replay()


@pytest.mark.parametrize("change", [written_in_obs, written_at_the_source])
def test_what_the_comparison_has_not_looked_at_waits_whatever_is_accepted(unread, change):
    unread.prove(deep=True)
    assert unread.is_go(accept=BY_NAME)
    # WHEN one side is written anew, THEN both are to be compared again
    change(unread)
    found = check(unread.certify(accept=BY_NAME), "NOTHING_WAITS")
    assert (found["result"], asked(found)) == ("failed", DEEP)


def test_what_is_older_in_obs_is_never_accepted(unread):
    # GIVEN a version that came after it was copied by hand
    unread.put("odd", "4321", "Multipart")
    unread.get_ready(deep=True)
    assert verdict(unread.certify(accept=BY_NAME)) == ("NO-GO", {"FAILED": "failed", "NOTHING_WAITS": "failed"})


@pytest.mark.parametrize(
    ("reason", "more", "result"),
    [
        ("REFUSED", {"first_failure": "2026-01-01T00:00:00Z"}, {}),
        ("COPY_FAILED", {"first_failure": "2026-01-01T00:00:00Z"}, {}),
        # What OMS has refused once may be taken the next time,
        ("REFUSED", {}, {"NOTHING_WAITS": "failed"}),
        # and what it never saw once it is to be had again.
        ("ACCOUNT", {"first_failure": "2026-01-01T00:00:00Z"}, {"NOTHING_WAITS": "failed"}),
    ],
)
def test_what_sending_may_mend_is_not_accepted(unread, reason, more, result):
    unread.prove(deep=True)
    unread.fail("odd", reason=reason, **more)
    assert results(unread.certify(accept=BY_NAME)) == result


def test_where_obs_does_not_tell_of_a_failed_record_nothing_is_known_and_nothing_opened_for_it(ready):
    ready.fail("b")
    ready.obs.deny("obs:bucket:ListBucket", lambda key: key == "b")
    # Which it is, and why it waits, is known all the same.
    told = ready.stopped_by("NOTHING_WAITS", "not run")
    assert (told["seen"], told["keys"]) == ("OBS did not answer for 1 object (REJECTED)", ["b"])


def test_a_failed_record_that_nobody_can_read_is_a_no_go(ready):
    ready.bucket.add(StoredObject(f"{ROOT}failed_object_long/{'0' * 64}", b"unreadable"))
    assert "1 unreadable record or run file" in ready.stopped_by("NOTHING_WAITS")["seen"]


def test_keys_of_another_project_in_a_run_file_do_not_count():
    # GIVEN two projects on one task
    world = CertifyWorld("a/1", OBJECT_PREFIX="a/")
    world.get_ready()

    # WHEN replay of the other has keys in hand, THEN this one is a go
    world.run_file("b/1")
    assert world.is_go()

    # But not where one of its own is among them.
    world.remove("a/1")
    world.run_file("b/1", "a/1")
    assert world.stopped_by("NOTHING_WAITS")["keys"] == ["a/1"]


def test_without_the_right_to_read_oms_lists_nothing_is_proven(world):
    world.obs.deny("obs:bucket:ListBucket", lambda key: key.startswith("oms/"))
    assert verdict(world.cut_over()) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})


# The task, clocks, and sums.


@pytest.mark.parametrize(
    ("change", "result"),
    [
        ({"status": "STOPPED"}, "failed"),
        ({"src_bucket": "another"}, "failed"),
        # A task that does not say whose it is.
        ({"src_bucket": ""}, "not run"),
        ({"src_bucket": None}, "not run"),
    ],
)
def test_the_task_has_to_be_running_and_that_of_the_source_bucket(ready, change, result):
    vars(ready.task).update(change)
    assert "OMS console" in ready.stopped_by("TASK", result)["next"] or "another" in change.values()
    vars(ready.task).update(status="SYNCHRONIZING", src_bucket=ready.source_bucket)
    assert ready.is_go()


def test_where_oms_does_not_tell_nothing_is_proven(ready):
    ready.oms.deny("oms:synctask:get")
    document = ready.certify()
    assert (document["verdict"], document["destination_bucket"]) == ("NOT PROVEN", None)
    assert results(document)["TASK"] == results(document)["SCOPE"] == "not run"
    assert [check(document, name)["step"]["job"] for name in ("TASK", "SCOPE")] == ["doctor", "doctor"]


@pytest.mark.parametrize(("skew", "expected"), [(59, "GO"), (-62, "NO-GO"), (None, "NOT PROVEN")])
@pytest.mark.parametrize("cloud", ["oms", "oss", "obs"])
def test_clocks_that_are_off_or_not_told(ready, cloud, skew, expected):
    service = getattr(ready, cloud)
    if skew is None:
        service.faults.add(
            Fault.status(403, headers={"Date": "?"}), where=lambda request: "authorization" not in request.headers
        )
    service.clock_offset = skew or 0
    document = ready.certify()
    assert (document["verdict"], [*results(document)]) == (expected, [] if expected == "GO" else ["CLOCK"])


def harm_total(world: CertifyWorld, old: bytes, new: bytes) -> None:
    """What a comparison has counted stands there otherwise."""
    totals = [name for name in world.bucket.objects if "-compare/" in name and name.endswith("/total")]
    name = min(totals, key=lambda name: name.rpartition("-")[2])  # the other is of the standstill pass
    body = world.bucket.objects[name].body
    assert old in body
    world.bucket.add(StoredObject(name, body.replace(old, new)))


@pytest.mark.parametrize(
    ("counted", "instead", "told"),
    [
        (
            b'"equal_contents": {"source": {"objects": 3',
            b'"equal_contents": {"source": {"objects": 2',
            "equal_contents",
        ),
        (b'["a/1", 1]', b'["a/1", 2]', "classes"),
        (b'"source_listed": {"objects": 3', b'"source_listed": {"objects": 4', "classes"),
    ],
    ids=["on one side", "by the marks", "than was listed"],
)
def test_a_comparison_that_does_not_add_up_is_a_no_go(ready, counted, instead, told):
    harm_total(ready, counted, instead)
    assert told in ready.stopped_by("SUMS")["seen"]
    ready.prove()
    assert ready.is_go()


def test_a_total_in_a_form_that_nobody_knows_proves_nothing(ready):
    # As if another version had written it.
    harm_total(ready, b'"drawn"', b'"strange"')
    document = ready.certify()
    assert (document["verdict"], results(document)["SUMS"]) == ("NOT PROVEN", "not run")


@pytest.mark.parametrize(
    "change", [lambda world: world.delete("tmp"), lambda world: world.put("new", "x", fate="lost")]
)
def test_what_comes_and_goes_at_the_source_before_keys_are_judged_again_does_not_spoil_the_sums(world, change):
    # GIVEN a rehearsal, with an object that only OBS has and one that was just written
    world.write("new", "x")
    world.put("tmp", "x", fate="accepted")
    world.compare()

    # WHEN one goes, or comes, and they are judged again
    change(world)
    world.later(MINUTE)
    world.compare(again=True)

    # THEN the sums hold all the same
    assert check(world.rehearse(), "SUMS")["result"] == "passed"


def test_certify_writes_nothing_but_its_document_and_sends_nothing(ready):
    ready.certify()
    before, sent = set(ready.bucket.objects), len(ready.oms.calls)
    document = ready.certify()
    assert (set(ready.bucket.objects) - before, len(ready.oms.calls)) == ({document["document"]}, sent)
