"""GO only where nothing speaks against it; what does is named by its check, with the command that mends it."""

from __future__ import annotations

import pytest

from ops.shell import command
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clock import timestamp
from sandbox.oms.copier import CopyFault
from support.certify_world import CertifyWorld, check, results, verdict
from support.world import DAY, HOUR, PART, oss_error
from unit.jobs.certify.mending import DEEP, RESTART, asked, is_mended

OVERWRITING = {"job": "migrate", "options": {"overwrite": True, "prefix": ["a/1"]}}
# What an open project has yet to show.
NOT_YET = ("CLOSED", "OMS_FINISHED", "STOOD_STILL", "NOTHING_WAITS")


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
        "GO. Each source object (4 objects, 6 bytes) was in OBS with equal contents when checked, between"
        f" {began} and {document['as_of']}. Both buckets were unchanged at {still}; nothing has been submitted since"
        f" two minutes after {document['closed']['written']}, and OMS had finished. Headers were not compared."
    )


def test_before_anything_was_looked_at_nothing_is_proven(world):
    world.freeze()
    document = world.certify()
    assert (document["verdict"], document["classes"], document["as_of"]) == ("NOT PROVEN", None, None)
    assert results(document)["SCOPE"] == results(document)["STOOD_STILL"] == results(document)["MISSING"] == "not run"
    assert asked(check(document, "SCOPE")) == RESTART


def removed(world: CertifyWorld) -> None:
    world.remove("b")


def older(world: CertifyWorld) -> None:
    world.put("b", "xy", fate="lost")


def overwritten(world: CertifyWorld) -> None:
    world.later(HOUR)
    world.write("b", "longer than it was")
    world.later(HOUR)


def left_out(world: CertifyWorld) -> None:
    """An object of before the project, which the migration of the old ones has left out."""
    world.put("old", "x", fate="lost")
    world.source.modified["old"] -= 30 * DAY


@pytest.mark.parametrize(("harm", "name"), [(removed, "MISSING"), (older, "OLDER")])
def test_what_obs_lacks_is_a_no_go_and_judging_it_again_mends_it(world, harm, name):
    # GIVEN what is not in OBS
    harm(world)
    world.freeze()
    world.compare()

    # WHEN the cutover is judged, THEN the check names it
    finding = world.stopped_by(name, "failed", *NOT_YET)
    assert (finding["keys"], asked(finding)) == (["b"], {})

    # WHEN OMS has copied what compare sent, and it is judged again, and nothing moved after that
    world.later(HOUR)
    world.compare(again=True)
    assert results(world.certify()) == dict.fromkeys(NOT_YET, "not run")
    world.stand_still()
    assert world.is_go()


@pytest.mark.parametrize(
    ("harm", "wishes", "name", "words"),
    [
        (left_out, {}, "MISSING", "some are older"),
        # It is newer in OBS, in another size.
        (overwritten, {"deep": True}, "OVERWRITTEN", "resend the objects"),
    ],
)
def test_what_compare_did_not_send_by_itself_is_sent_by_the_command(world, harm, wishes, name, words):
    harm(world)
    world.get_ready(**wishes)
    finding = world.stopped_by(name)
    assert words in finding["next"]
    assert is_mended(world, finding)


@pytest.mark.parametrize(("harm", "name"), [(removed, "MISSING"), (older, "OLDER")])
def test_what_oms_took_and_never_copied_is_sent_again_by_the_command(world, harm, name):
    # GIVEN what compare has sent, and OMS has lost, as judging it again shows
    harm(world)
    world.freeze()
    world.task.copies.then(CopyFault.lost())
    world.compare()
    world.later(HOUR)
    world.compare(again=True)
    finding = world.stopped_by(name, "failed", *NOT_YET)
    assert asked(finding) == RESTART

    # WHEN the command is followed, THEN it is a go, but that OMS has not finished what it lost, for ever
    world.compare()
    world.judge_again()
    assert results(world.certify()) == {"OMS_FINISHED": "not proven"}
    assert world.is_go(accept={"oms_unfinished": "the owner: it was lost"})


def differs(world: CertifyWorld, key: str) -> None:
    """OMS finished an older version of the same size late."""
    world.put(key, "12", "form")
    world.later(HOUR)
    world.write(key, "21")


def test_what_oms_would_skip_is_overwritten_by_the_command_of_the_check(world):
    differs(world, "a/1")
    world.get_ready(deep=True)
    finding = world.stopped_by("OVERWRITTEN")
    assert finding["step"] == OVERWRITING
    assert command(Step(**OVERWRITING)).partition("ops.py ")[2] in finding["next"]
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
    assert [name for name, result in results(document).items() if result == "failed"] == ["OVERWRITTEN", "OLDER"]
    assert check(document, "OVERWRITTEN")["step"]["options"] == {"overwrite": True, "prefix": ["a/1", "b/1"]}


def test_where_no_task_group_can_overwrite_what_oms_would_skip_it_is_deleted_and_compared_again():
    world = CertifyWorld("a.jpg", OBJECT_SUFFIX=".jpg")
    differs(world, "a.jpg")
    world.get_ready(deep=True)
    finding = world.stopped_by("OVERWRITTEN")
    assert "so delete each object in OBS" in finding["next"]
    world.remove("a.jpg")
    assert is_mended(world, finding)


@pytest.fixture
def skipped(world: CertifyWorld) -> CertifyWorld:
    """OMS has skipped equal contents in parts that were written once more."""
    world.task.overwrite_mode = "CRC64_COMPARISON_OVERWRITE"
    for _ in range(2):
        world.put("a/1", "12", "Appendable")
        world.later(HOUR)
    world.freeze()
    world.compare()
    return world


def test_what_oms_skipped_as_equal_and_nobody_can_read_is_overwritten_by_the_command(skipped):
    # GIVEN that it is archived
    skipped.source.fail(oss_error(403, "InvalidObjectState"), "get")
    skipped.later(HOUR)
    skipped.compare(deep=True)
    assert check(skipped.certify(), "OLDER")["step"] == OVERWRITING


def test_what_oms_skipped_as_equal_is_not_overwritten_for_lack_of_the_right_to_read_it(skipped):
    # GIVEN a role that may not read it, as everyday ones may not
    skipped.source.fail(oss_error(403, "AccessDenied"), "get")
    # WHEN a cutover compares, which reads it, THEN the right comes first, and so it stays until it was read
    for asked_for in ({"cutover": True}, {"deep": True}):
        skipped.later(HOUR)
        skipped.compare(**asked_for)
        finding = check(skipped.certify(), "OLDER")
        assert asked(finding) == DEEP
        assert "lacks oss:GetObject on the source bucket" in finding["next"]


def test_what_is_newer_in_obs_is_sent_once_more_where_oms_overwrites_all_and_lost_it(world):
    world.task.overwrite_mode = "FULL_OVERWRITE"
    differs(world, "b")
    world.freeze()
    world.task.copies.then(CopyFault.lost())
    world.compare(deep=True, overwrite=True)
    world.later(HOUR)
    world.compare(deep=True)
    assert asked(check(world.certify(), "OVERWRITTEN")) == {"overwrite": True, **DEEP}


@pytest.mark.parametrize("overwrite", [False, True])
def test_what_is_newer_in_obs_is_a_no_go_until_somebody_decides(world, overwrite):
    world.freeze()
    overwritten(world)
    world.compare(overwrite=overwrite)
    finding = world.stopped_by("OVERWRITTEN", "failed", *NOT_YET)
    # Where compare was asked to send it, it only has to be judged again.
    assert asked(finding) == {"overwrite": True, "again" if overwrite else "restart": True}
    assert is_mended(world, finding)


@pytest.mark.parametrize(("harm", "name"), [(older, "OLDER"), (overwritten, "OVERWRITTEN")])
def test_where_oms_overwrites_nothing_the_check_says_to_delete_in_obs(world, harm, name):
    harm(world)
    world.task.overwrite_mode = "NO_OVERWRITE"
    world.get_ready()
    finding = check(world.certify(), name)
    assert (finding["result"], "delete each object in OBS" in finding["next"]) == ("failed", True)
    world.later(HOUR)
    world.remove("b")
    assert is_mended(world, finding)


def test_no_other_command_than_that_of_overwritten_objects_overwrites_what_is_newer_in_obs(world):
    # GIVEN a pass from before the freeze that was asked to overwrite
    world.compare(overwrite=True)
    world.later(HOUR)
    world.freeze()
    overwritten(world)

    # WHEN the cutover is judged, THEN no check tells to overwrite what was written in OBS since
    steps = [finding["step"]["options"] for finding in world.certify()["checks"] if finding["step"]]
    assert {"frozen_since": world.frozen, **RESTART} in steps
    assert not any("overwrite" in step for step in steps)


@pytest.mark.parametrize(("kind", "data"), [("form", "12"), ("Appendable", "12"), ("Multipart", "1234")])
def test_what_is_of_equal_size_is_not_proven_until_it_is_read_or_accepted(world, mocker, kind, data):
    mocker.patch("oss_oms_sync.comparison.proof._PART_SIZES", (PART,))
    world.put("b", data, kind)
    (name,) = results(world.cut_over())
    assert name in ("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION")
    finding = world.stopped_by(name, "not proven")
    assert (finding["keys"], asked(finding)) == (["b"], DEEP)

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
    finding = [check(document, name) for name in results(document)]
    accepted = {finding["id"].removeprefix("PROOF_").lower(): "<who, why>" for finding in finding}
    assert accepted.keys() > {"impossible"}
    step = {"job": "cutover", "options": {"frozen_since": world.frozen, "accept": accepted}}
    assert [finding["step"] for finding in finding] == [step] * 2
    assert not [finding for finding in finding if "policies/show.py" in finding["next"]]


def test_where_a_right_is_missing_to_prove_it_that_is_named_and_what_grants_it(world):
    world.put("b", "1234", "Multipart")
    world.write("b", "4321")
    world.obs.deny("obs:object:GetObject")
    document = world.cut_over(deep=True)
    (finding,) = (check(document, name) for name in results(document))
    assert finding["next"].startswith(
        "1 object differs, or is encrypted in OBS: to tell them apart, the IAM user of HW_AK needs"
        " obs:object:GetObject (python3 policies/show.py prints the policy). Grant the missing permission,"
        " then start over with --deep --restart. Or"
    )
    assert "accept" in finding["step"]["options"]


def test_a_symbolic_link_is_accepted_by_name(world):
    world.put("link", "x", "Symlink")
    world.get_ready()
    world.stopped_by("PROOF_IMPOSSIBLE", "not proven")
    assert world.is_go(accept={"impossible": "ops: it is created by hand"})
    # It stays so where somebody has copied what is behind it, as the check says.
    world.write("link", "x")
    world.later(HOUR)
    world.prove()
    says = world.stopped_by("PROOF_IMPOSSIBLE", "not proven")["next"]
    assert says == "Copy the needed objects by hand, then accept the class by name"


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
    document = world.certify()
    assert verdict(document) == ("GO", {})
    assert document["classes"]["deleted_at_source"]["destination"] == {"objects": 1, "bytes": 1}
    assert "1 key that needs nothing" in check(document, "NOTHING_WAITS")["seen"]


def test_what_is_too_much_to_be_sent_asks_for_a_migration(world, mocker):
    mocker.patch("oss_oms_sync.passes.driver.max_submissions", return_value=0)
    world.put("late", "xy", fate="lost")
    world.get_ready()
    assert world.stopped_by("MISSING")["step"] == {"job": "migrate", "options": {}}
