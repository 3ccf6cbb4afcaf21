"""GO only where nothing speaks against it; what does is named by its check, with the command that mends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from ops.commands import command
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clock import timestamp
from oss_oms_sync.clouds.objects import StoredObject
from sandbox.oms.copier import CopyFault
from sandbox.server.faults import Fault
from support.certify_world import CertifyWorld, check, failed, results, verdict
from support.task_group import begun, over
from support.world import DAY, HOUR, MINUTE, PART, ROOT, oms_error, oss_error

RESTART, DEEP = {"restart": True}, {"deep": True, "restart": True}
OVERWRITING = {"job": "migrate", "options": {"overwrite": True, "prefix": ["a/"]}}


def asked(document: dict[str, Any], name: str) -> dict[str, Any]:
    """What the step of a check asks for besides the freeze, and what is accepted."""
    step = check(document, name)["step"]
    assert step["job"] in ("compare", "cutover")
    return {name: value for name, value in step["options"].items() if name not in ("frozen_since", "accept")}


def follow(world: CertifyWorld, document: dict[str, Any], name: str) -> None:
    """Do what the check says, give OMS its time, and show that both buckets stood still."""
    payload = asked(document, name)
    wishes = {name: value for name, value in payload.items() if name not in ("again", "restart")}
    if "restart" in payload:
        world.compare(**wishes)
    world.judge_again(**wishes)


def test_a_healthy_migration_is_a_go_that_excepts_nothing(ready):
    assert ready.is_go()
    assert "accepted" not in ready.certify(accept={"equal_size": "the owner: a cache"})["text"]


def test_a_go_claims_of_obs_no_more_than_was_looked_at(world):
    # GIVEN an object that comes late, so that it is judged again
    world.put("c", "x", fate="lost")
    world.freeze()
    began = timestamp(world.clock.now())
    world.compare()
    world.judge_again()

    # THEN the document says when each was looked at, and when the last time was that it was still so
    document = world.certify()
    still = document["passes"]["standstill"]["began"]
    assert document["passes"]["compare"]["started"] == began < document["as_of"] < still < document["made"]
    assert document["text"] == (
        "GO. Each object of the source (4 objects, 6 bytes) was in OBS when it was looked at, between"
        f" {began} and {document['as_of']}. Both buckets were still so at {still}; nothing has been sent since two"
        f" minutes after {document['closed']['written']}, and OMS had finished. Headers were not compared."
    )


def test_before_anything_was_looked_at_nothing_is_proven(world):
    world.freeze()
    document = world.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document)["SCOPE"] == results(document)["STOOD_STILL"] == results(document)["MISSING"] == "not run"
    assert asked(document, "SCOPE") == RESTART
    assert (document["classes"], document["as_of"]) == (None, None)


def removed(world: CertifyWorld) -> None:
    world.remove("b")


def older(world: CertifyWorld) -> None:
    world.put("b", "xy", fate="lost")


def overwritten(world: CertifyWorld) -> None:
    world.later(HOUR)
    world.write("b", "longer than it was")
    world.later(HOUR)


@pytest.mark.parametrize(("harm", "name"), [(removed, "MISSING"), (older, "OLDER")])
def test_what_obs_lacks_is_a_no_go_and_judging_it_again_mends_it(world, harm, name):
    # GIVEN what is not in OBS
    harm(world)
    world.freeze()
    world.compare()

    # WHEN the cutover is judged, THEN the check names it
    document = world.certify()
    assert failed(document) == [name]
    assert (check(document, name)["keys"], asked(document, name)) == (["b"], {})

    # WHEN OMS has copied what compare sent, and it is judged again, and nothing moved after that
    world.later(HOUR)
    world.compare(again=True)
    not_yet = dict.fromkeys(("CLOSED", "OMS_FINISHED", "STOOD_STILL", "NOTHING_WAITS"), "not run")
    assert results(world.certify()) == not_yet
    world.stand_still()
    assert world.is_go()


def test_what_is_older_than_the_project_and_missing_is_sent_by_the_command(world):
    # GIVEN an object that the migration of the old ones has left out
    world.put("old", "x", fate="lost")
    world.source.modified["old"] -= 30 * DAY
    document = world.cut_over()
    assert (results(document), check(document, "MISSING")["keys"]) == ({"MISSING": "failed"}, ["old"])
    assert "some are older" in check(document, "MISSING")["next"]

    # WHEN its command is followed, THEN it is a go
    follow(world, document, "MISSING")
    assert world.is_go()


@pytest.mark.parametrize("harm", [removed, older])
def test_what_oms_took_and_never_copied_is_sent_again_by_the_command(world, harm):
    # GIVEN what compare has sent, and OMS has lost, as judging it again shows
    harm(world)
    world.freeze()
    world.task.copies.then(CopyFault.lost())
    world.compare()
    world.later(HOUR)
    world.compare(again=True)
    document = world.certify()
    (name,) = failed(document)
    assert asked(document, name) == RESTART

    # WHEN the command is followed, THEN it is a go
    follow(world, document, name)
    # OMS has not finished what it lost, for ever.
    assert results(world.certify()) == {"OMS_FINISHED": "not proven"}
    assert world.is_go(accept={"oms_unfinished": "the owner: it was lost"})


def test_what_is_newer_in_obs_in_another_size_is_mended_by_what_the_check_says(world):
    overwritten(world)
    document = world.cut_over(deep=True)
    assert results(document) == {"OVERWRITTEN": "failed"}
    assert "send these again" in check(document, "OVERWRITTEN")["next"]

    # WHEN that is done, THEN it is a go
    follow(world, document, "OVERWRITTEN")
    assert world.is_go()


def differs(world: CertifyWorld, key: str) -> None:
    """OMS finished an older version of the same size late."""
    world.put(key, "12", "form")
    world.later(HOUR)
    world.write(key, "21")


def test_what_oms_would_skip_is_overwritten_by_the_command_of_the_check(world):
    differs(world, "a/1")
    document = world.cut_over(deep=True)
    assert results(document) == {"OVERWRITTEN": "failed"}
    assert check(document, "OVERWRITTEN")["step"] == OVERWRITING
    assert command(Step(**OVERWRITING)).partition("ops.py ")[2] in check(document, "OVERWRITTEN")["next"]
    # WHEN a task group has overwritten it, THEN it is a go
    world.write("a/1", "12")
    world.judge_again(deep=True)
    assert world.is_go()


def test_what_overwrites_the_one_comes_first_and_brings_what_is_older_as_well(world):
    differs(world, "a/1")
    world.put("b/1", "1")
    world.later(HOUR)
    world.put("b/1", "12", fate="lost")
    world.task.copies.then(CopyFault.lost())
    document = world.cut_over(deep=True)
    assert failed(document) == ["OVERWRITTEN", "OLDER"]
    assert check(document, "OVERWRITTEN")["step"]["options"] == {"overwrite": True, "prefix": ["a/", "b/"]}


def test_where_no_task_group_can_overwrite_what_oms_would_skip_it_is_deleted_and_compared_again():
    world = CertifyWorld("a.jpg", OBJECT_SUFFIX=".jpg")
    differs(world, "a.jpg")
    document = world.cut_over(deep=True)
    assert failed(document) == ["OVERWRITTEN"]
    assert "so delete each in OBS" in check(document, "OVERWRITTEN")["next"]
    world.remove("a.jpg")
    follow(world, document, "OVERWRITTEN")
    assert world.is_go()


def test_what_oms_skipped_as_equal_and_nobody_can_read_is_overwritten_by_the_command(world):
    # GIVEN equal contents in parts, written once more, and archived
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    world.put("a/1", "12", "Appendable")
    world.later(HOUR)
    world.put("a/1", "12", "Appendable")
    world.source.fail(oss_error(403, "InvalidObjectState"), "get")
    world.freeze()
    world.compare()
    world.later(HOUR)
    world.compare(deep=True)
    assert check(world.certify(), "OLDER")["step"] == OVERWRITING


def test_what_oms_skipped_as_equal_is_not_overwritten_for_lack_of_the_right_to_read_it(world):
    # GIVEN equal contents in parts, written once more, and a role that may not read them, as everyday ones may not
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    world.put("a/1", "12", "Appendable")
    world.later(HOUR)
    world.put("a/1", "12", "Appendable")
    world.source.fail(oss_error(403, "AccessDenied"), "get")
    world.freeze()
    world.compare()
    # WHEN a cutover compares, which reads them, THEN the right comes first, and so it stays until they were read
    for asked_for in ({"cutover": True}, {"deep": True}):
        world.later(HOUR)
        world.compare(**asked_for)
        document = world.certify()
        assert asked(document, "OLDER") == DEEP
        assert "lacks oss:GetObject on the source bucket" in check(document, "OLDER")["next"]


def test_what_is_newer_in_obs_is_sent_once_more_where_oms_overwrites_all_and_lost_it(world):
    world.task.overwrite_mode = "FULL_OVERWRITE"
    differs(world, "b")
    world.freeze()
    world.task.copies.then(CopyFault.lost())
    world.compare(deep=True, overwrite=True)
    world.later(HOUR)
    world.compare(deep=True)
    assert asked(world.certify(), "OVERWRITTEN") == {"overwrite": True, **DEEP}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_newer_in_obs_is_a_no_go_until_somebody_decides(world, overwrite):
    world.freeze()
    overwritten(world)
    world.compare(overwrite=overwrite)
    document = world.certify()
    assert failed(document) == ["OVERWRITTEN"]
    # Where compare was asked to send it, it only has to be judged again.
    assert asked(document, "OVERWRITTEN") == {"overwrite": True, "again" if overwrite else "restart": True}
    follow(world, document, "OVERWRITTEN")
    assert world.is_go()


@pytest.mark.parametrize(("harm", "name"), [(older, "OLDER"), (overwritten, "OVERWRITTEN")])
def test_where_oms_overwrites_nothing_the_check_says_to_delete_in_obs(world, harm, name):
    harm(world)
    world.freeze()
    world.task.overwrite_mode = "NO_OVERWRITE"
    world.prove()
    document = world.certify()
    assert results(document)[name] == "failed"
    assert "delete each in OBS" in check(document, name)["next"]
    world.later(HOUR)
    world.remove("b")
    follow(world, document, name)
    assert world.is_go()


def test_no_other_command_than_that_of_overwritten_objects_overwrites_what_is_newer_in_obs(world):
    # GIVEN a pass from before the freeze that was asked to overwrite
    world.compare(overwrite=True)
    world.later(HOUR)
    world.freeze()
    overwritten(world)

    # WHEN the cutover is judged, THEN no check tells to overwrite what was written in OBS since
    steps = [one["step"]["options"] for one in world.certify()["checks"] if one["step"]]
    assert {"frozen_since": world.frozen, **RESTART} in steps
    assert not any("overwrite" in one for one in steps)


@pytest.mark.parametrize(("kind", "data"), [("form", "12"), ("Appendable", "12"), ("Multipart", "1234")])
def test_what_is_of_equal_size_is_not_proven_until_it_is_read_or_accepted(world, mocker, kind, data):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    world.put("b", data, kind)
    document = world.cut_over()
    assert document["verdict"] == "NOT PROVEN"
    (name,) = results(document)
    assert name in ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION")
    assert (check(document, name)["keys"], asked(document, name)) == (["b"], DEEP)

    # WHEN it is accepted by name, THEN it is a go that says so
    accepted = {name.removeprefix("PROOF_").lower(): "the owner: a cache"}
    document = world.certify(accept=accepted)
    assert (document["verdict"], document["accepted"]) == ("GO", accepted)
    assert "the owner: a cache" in check(document, name)["seen"]

    # Or it is read.
    world.prove(deep=True)
    assert world.is_go()


def test_what_reading_does_not_prove_can_only_be_accepted_and_one_command_accepts_all(world):
    world.put("link", "x", "Symlink")
    world.put("b", "1234", "Multipart")
    world.obs.bucket(world.there.name).encrypted = True
    world.write("b", "1234")
    # Before it is read, what nothing else helps is all that a command accepts.
    step = check(world.cut_over(), "PROOF_IMPOSSIBLE")["step"]
    assert step["options"]["accept"] == {"impossible": "<who, why>"}
    world.prove(deep=True)
    document = world.certify()
    accepted = {name.removeprefix("PROOF_").lower(): "<who, why>" for name in results(document)}
    assert accepted.keys() > {"impossible"}
    step = {"job": "cutover", "options": {"frozen_since": world.frozen, "accept": accepted}}
    assert [check(document, name)["step"] for name in results(document)] == [step] * 2
    assert not [name for name in results(document) if "policies/show.py" in check(document, name)["next"]]


def test_where_a_right_is_missing_to_prove_it_that_is_named_and_what_grants_it(world):
    world.put("b", "1234", "Multipart")
    world.write("b", "4321")
    world.obs.deny("obs:object:GetObject")
    document = world.cut_over(deep=True)
    (name,) = results(document)
    assert check(document, name)["next"].startswith(
        "1 object differs, or is encrypted in OBS: the IAM user of HW_AK lacks obs:object:GetObject there, which would"
        " tell (python3 policies/show.py --deep). Grant what is missing, and begin anew with --deep --restart. Or"
    )
    assert "accept" in check(document, name)["step"]["options"]


def test_a_symbolic_link_is_accepted_by_name(world):
    world.put("link", "x", "Symlink")
    assert verdict(world.cut_over()) == ("NOT PROVEN", {"PROOF_IMPOSSIBLE": "not proven"})
    assert world.is_go(accept={"impossible": "ops: it is created by hand"})
    # It stays so where somebody has copied what is behind it, as the check says.
    world.write("link", "x")
    world.later(HOUR)
    world.prove()
    document = world.certify()
    assert results(document) == {"PROOF_IMPOSSIBLE": "not proven"}
    assert check(document, "PROOF_IMPOSSIBLE")["next"] == "Copy by hand what is needed, and accept these by name"


def test_what_is_only_in_obs_and_was_never_sent_is_unknown(world):
    world.write("stranger", "x")
    assert results(world.cut_over()) == {"UNKNOWN": "not proven"}
    assert world.is_go(accept={"unknown": "ops: a test file"})


def test_what_was_deleted_at_the_source_is_reported_and_keeps_nothing_from_a_go(world):
    world.delete("b")
    # GIVEN a temporary file as well, which was deleted before it was accepted
    world.put("tmp", "x", fate="refused")
    world.delete("tmp")
    world.get_ready()
    world.fail("gone too")
    assert world.is_go()
    document = world.certify()
    assert document["classes"]["deleted_at_source"]["destination"] == {"objects": 1, "bytes": 1}
    assert "1 key needs nothing" in check(document, "NOTHING_WAITS")["seen"]


def ends_late(world: CertifyWorld) -> None:
    """An upload in parts has the time of its beginning."""
    world.put("a/late", "x")
    world.source.modified["a/late"] = world.source.modified["b"]


@pytest.mark.parametrize(
    "change",
    [
        lambda world: world.put("new", "x"),
        lambda world: world.delete("b"),
        lambda world: world.put("b", "xy"),
        ends_late,
    ],
    ids=["written", "deleted", "overwritten", "of an old time"],
)
def test_what_happens_at_the_source_after_the_comparison_is_a_no_go(world, change):
    world.freeze()
    world.compare()
    change(world)
    world.stand_still()
    document = world.certify()
    assert verdict(document) == ("NO-GO", {"STOOD_STILL": "failed"})
    assert asked(document, "STOOD_STILL") == {}
    world.freeze()  # what was written belongs to it
    world.prove()
    assert world.is_go()


def test_a_standstill_pass_from_before_the_comparison_shows_nothing(world):
    world.freeze()
    world.stand_still()
    world.later(MINUTE)
    world.compare()
    world.call(close=True)
    world.later(15 * MINUTE)
    world.tick_replay()
    document = world.certify()
    assert verdict(document) == ("NOT PROVEN", {"CLOSED": "not run", "STOOD_STILL": "not run"})
    assert asked(document, "STOOD_STILL") == {}


def before_the_freeze(world: CertifyWorld) -> None:
    world.later(HOUR)
    world.compare()
    world.freeze()


def of_a_part(world: CertifyWorld) -> None:
    world.get_ready(prefix="a/")


def long_ago(world: CertifyWorld) -> None:
    world.get_ready()
    world.later(DAY)
    # Judging some keys again does not make it new.
    world.compare(again=True)


@pytest.mark.parametrize(
    ("compared", "seen"),
    [(before_the_freeze, "before the freeze"), (of_a_part, "No comparison of all"), (long_ago, "too long ago")],
)
def test_a_comparison_that_does_not_show_how_all_of_it_is_now_does_not_count(world, compared, seen):
    compared(world)
    world.stand_still()
    document = world.certify()
    assert (document["verdict"], results(document)["SCOPE"]) == ("NOT PROVEN", "not run")
    assert seen in check(document, "SCOPE")["seen"]
    assert asked(document, "SCOPE") == RESTART


def test_what_is_moving_is_a_no_go_until_it_is_judged_again_later(world):
    world.put("b", "xy")
    document = world.cut_over(rest=MINUTE)
    assert results(document)["MOVING"] == "failed"
    assert asked(document, "MOVING") == {}
    assert check(document, "MOVING")["next"] == "Go on with the cutover"
    assert check(world.rehearse(), "MOVING")["step"]["job"] == "compare"
    world.judge_again()
    assert world.is_go()


def test_what_oms_has_accepted_and_not_copied_is_a_no_go(world):
    world.later(HOUR)
    world.put("b", "xy", fate="accepted")
    assert results(world.cut_over(rest=20 * MINUTE)) == {"IN_FLIGHT": "failed", "OMS_FINISHED": "not run"}
    world.copy_all()
    world.judge_again()
    assert world.is_go()


def test_what_was_left_to_a_migration_is_a_no_go_until_it_is_compared_again(world):
    world.put("b", "xy", fate="lost")
    world.later(2 * HOUR)
    begun(world)
    world.freeze()
    world.compare()
    over(world, "removed")
    world.stand_still()
    document = world.certify()
    assert results(document) == {"MIGRATING": "failed"}
    assert asked(document, "MIGRATING") == RESTART
    assert check(world.rehearse(), "MIGRATING")["result"] == "failed"
    follow(world, document, "MIGRATING")
    assert world.is_go()


def test_what_is_too_much_to_be_sent_asks_for_a_migration(world, mocker):
    mocker.patch("oss_oms_sync.passes.driver.most_sent", return_value=0)
    world.put("late", "xy", fate="lost")
    document = world.cut_over()
    assert results(document) == {"MISSING": "failed"}
    assert check(document, "MISSING")["step"] == {"job": "migrate", "options": {}}


def test_what_failed_and_is_in_obs_in_the_same_size_is_to_be_read(world):
    # GIVEN an object that OMS refuses, and that somebody has copied by hand
    world.put("b", "xy", fate="refused")
    world.oms.faults.add(oms_error(400, "OMS.0202", "frozen"), where=lambda request: request.method == "POST")
    world.obs.put(world.destination_bucket, "b", b"xz")
    # THEN sending it once more would do nothing, and reading it may prove it
    document = world.cut_over()
    assert asked(document, "FAILED") == {"deep": True, "restart": True} == asked(document, "NOTHING_WAITS")


def test_a_failed_record_is_a_no_go_until_replay_has_sent_it(world):
    world.put("b", "xy", fate="refused")
    world.oms.faults.add(oms_error(400, "OMS.0202", "frozen"), where=lambda request: request.method == "POST")
    document = world.cut_over()
    assert results(document) == {"FAILED": "failed", "NOTHING_WAITS": "failed"}
    assert asked(document, "NOTHING_WAITS") == {} == asked(document, "FAILED")
    assert check(document, "NOTHING_WAITS")["keys"] == ["b"]
    assert "ACCOUNT" in check(document, "NOTHING_WAITS")["seen"]

    world.oms.faults.clear()
    world.replay()
    world.judge_again()
    assert world.is_go()


def is_a_no_go_until_it_is_replayed(ready: CertifyWorld) -> None:
    """Of the key `b`, which waits, when OBS lacks it."""
    ready.remove("b")
    document = ready.certify()
    assert results(document) == {"NOTHING_WAITS": "failed"}
    assert check(document, "NOTHING_WAITS")["keys"] == ["b"]
    ready.replay()
    ready.prove()
    assert ready.is_go()


def test_a_run_file_of_replay_is_a_no_go_until_a_run_has_taken_it_over(ready):
    ready.run_file("b")
    # What is equal in OBS waits for nothing.
    assert ready.is_go()
    is_a_no_go_until_it_is_replayed(ready)


def test_a_run_file_that_something_else_than_oss_does_not_find_is_not_replayed(world):
    world.put("c", "12", "form")
    world.get_ready()
    world.run_file("c")
    world.bucket.fail(Fault.status(404), "get", lambda name: "/replay/" in name)
    assert results(world.certify(accept={"suspicious": "me: read by hand"})) == {"NOTHING_WAITS": "failed"}


def test_a_run_file_of_a_project_that_was_renamed_is_a_no_go_until_a_comparison_has_sent_its_keys(ready):
    # GIVEN a run file that no replay takes over
    ready.bucket.add(StoredObject(f"{ROOT}replay/renamed/1.json", b'{"busy_until": "", "keys": [{"key": "b"}]}'))
    assert ready.is_go()

    # WHEN OBS lacks its object, THEN it is a no-go, which a comparison ends
    ready.remove("b")
    document = ready.certify()
    assert results(document) == {"NOTHING_WAITS": "failed"}
    assert check(document, "NOTHING_WAITS")["keys"] == ["b"]
    ready.call(open=True)
    ready.prove()
    assert ready.is_go()


def test_what_oms_failed_to_copy_and_waits_to_be_sent_again_is_a_no_go(ready):
    ready.fail("b", reason="COPY_FAILED")
    is_a_no_go_until_it_is_replayed(ready)


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


def test_the_record_of_what_reading_has_proved_to_be_equal_keeps_nothing_from_a_go(world, mocker):
    # GIVEN an object in parts that OMS refuses, and that somebody has copied by hand
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    world.put("odd", "1234", "Multipart", fate="lost")
    world.later(1)
    world.obs.put(world.there.name, "odd", b"1234", PART)
    world.fail("odd")
    world.freeze()

    # WHEN it is read, THEN nothing waits
    world.prove(deep=True)
    assert world.is_go()


@pytest.fixture
def unread(world: CertifyWorld) -> CertifyWorld:
    """With an archived object in parts that OMS refuses for ever, and that somebody has copied by hand."""
    world.oms.refuse(lambda key: key == "odd")
    world.source.fail(oss_error(403, "InvalidObjectState"), "get", lambda name: name == "odd")
    world.put("odd", "1234", "Multipart")
    world.later(1)
    world.obs.put(world.there.name, "odd", b"1234", PART)
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
    assert waits["keys"] == ["odd"]
    assert "reading did not prove them: 1 object" in waits["seen"]
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
    # WHEN one side is written anew
    change(unread)
    # THEN both are to be compared again
    document = unread.certify(accept=BY_NAME)
    assert results(document)["NOTHING_WAITS"] == "failed"
    assert asked(document, "NOTHING_WAITS") == DEEP


def test_what_is_older_in_obs_is_never_accepted(unread):
    # GIVEN a version that came after it was copied by hand
    unread.put("odd", "4321", "Multipart")
    unread.freeze()
    unread.prove(deep=True)
    assert verdict(unread.certify(accept=BY_NAME)) == ("NO-GO", {"FAILED": "failed", "NOTHING_WAITS": "failed"})


@pytest.mark.parametrize(
    ("reason", "first_failure", "result"),
    [
        ("REFUSED", "2026-01-01T00:00:00Z", {}),
        ("COPY_FAILED", "2026-01-01T00:00:00Z", {}),
        # What OMS has refused once may be taken the next time,
        ("REFUSED", "", {"NOTHING_WAITS": "failed"}),
        # and what it never saw once it is to be had again.
        ("ACCOUNT", "2026-01-01T00:00:00Z", {"NOTHING_WAITS": "failed"}),
    ],
)
def test_what_sending_may_mend_is_not_accepted(unread, reason, first_failure, result):
    unread.prove(deep=True)
    more = {"first_failure": first_failure} if first_failure else {}
    unread.fail("odd", reason=reason, **more)
    assert results(unread.certify(accept=BY_NAME)) == result


def test_where_obs_does_not_tell_of_a_failed_record_nothing_is_known_and_nothing_opened_for_it(ready):
    ready.fail("b")
    ready.obs.deny("obs:bucket:ListBucket", lambda key: key == "b")
    document = ready.certify()
    assert results(document) == {"NOTHING_WAITS": "not run"}
    # Which it is, and why it waits, is known all the same.
    told = check(document, "NOTHING_WAITS")
    assert (told["seen"], told["keys"]) == ("1 object (REJECTED), of which OBS does not tell", ["b"])


def test_a_failed_record_that_nobody_can_read_is_a_no_go(ready):
    ready.bucket.add(StoredObject(f"{ROOT}failed_object_long/{'0' * 64}", b"unreadable"))
    document = ready.certify()
    assert results(document) == {"NOTHING_WAITS": "failed"}
    assert "1 record or run file that cannot be read" in check(document, "NOTHING_WAITS")["seen"]


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
    document = world.certify()
    assert results(document) == {"NOTHING_WAITS": "failed"}
    assert check(document, "NOTHING_WAITS")["keys"] == ["a/1"]


def test_without_the_right_to_read_oms_lists_nothing_is_proven(world):
    world.obs.deny("obs:bucket:ListBucket", lambda key: key.startswith("oms/"))
    assert verdict(world.cut_over()) == ("NOT PROVEN", {"NOTHING_WAITS": "not run"})


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"status": "STOPPED"}, ("NO-GO", {"TASK": "failed"})),
        ({"src_bucket": "another"}, ("NO-GO", {"TASK": "failed"})),
        # A task that does not say whose it is.
        ({"src_bucket": ""}, ("NOT PROVEN", {"TASK": "not run"})),
        ({"src_bucket": None}, ("NOT PROVEN", {"TASK": "not run"})),
    ],
)
def test_the_task_has_to_be_running_and_that_of_the_source_bucket(ready, change, expected):
    vars(ready.task).update(change)
    document = ready.certify()
    assert verdict(document) == expected
    assert "OMS console" in check(document, "TASK")["next"] or "another" in change.values()
    vars(ready.task).update(status="SYNCHRONIZING", src_bucket=ready.source_bucket)
    assert ready.is_go()


def test_where_oms_does_not_tell_nothing_is_proven(ready):
    ready.oms.deny("oms:synctask:get")
    document = ready.certify()
    assert document["verdict"] == "NOT PROVEN"
    assert results(document)["TASK"] == results(document)["SCOPE"] == "not run"
    assert "oms:synctask:get" in check(document, "TASK")["next"]
    assert document["destination_bucket"] is None


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
    assert document["verdict"] == expected
    assert expected == "GO" or set(results(document)) == {"CLOCK"}


def harm_total(world: CertifyWorld, harm: Callable[[bytes], bytes]) -> None:
    totals = [name for name in world.bucket.objects if "-compare/" in name and name.endswith("/total")]
    name = min(totals, key=lambda name: name.rpartition("-")[2])  # the other is of the standstill pass
    body = world.bucket.objects[name].body
    assert harm(body) != body
    world.bucket.add(StoredObject(name, harm(body)))


@pytest.mark.parametrize(
    ("counted", "instead", "told"),
    [
        (
            rb'"equal_contents": {"source": {"objects": 3',
            rb'"equal_contents": {"source": {"objects": 2',
            "equal_contents",
        ),
        (rb'["a/1", 1]', rb'["a/1", 2]', "classes"),
        (rb'"source_listed": {"objects": 3', rb'"source_listed": {"objects": 4', "classes"),
    ],
    ids=["on one side", "by the marks", "than was listed"],
)
def test_a_comparison_that_does_not_add_up_is_a_no_go(ready, counted, instead, told):
    harm_total(ready, lambda body: body.replace(counted, instead))
    document = ready.certify()
    assert verdict(document) == ("NO-GO", {"SUMS": "failed"})
    assert told in check(document, "SUMS")["seen"]
    ready.prove()
    assert ready.is_go()


def test_a_total_in_a_form_that_nobody_knows_proves_nothing(ready):
    # As if another version had written it.
    harm_total(ready, lambda body: body.replace(b'"drawn"', b'"strange"'))
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
    assert set(ready.bucket.objects) - before == {document["document"]}
    assert len(ready.oms.calls) == sent
