"""The checks CLOSED and OMS_FINISHED of a certificate: their results, and the steps that a failed check names."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from ops.certificate.check import find_false_claims
from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.certify import gathering
from oss_oms_sync.jobs.certify.oms_work import _RecordCounts
from support.certificate import check, results
from support.log_bucket import LogBucket
from support.status import change_description
from support.world import HOUR, MINUTE, ROOT, World


def find_state(world: World) -> tuple[str, bool]:
    """Return the result of the check OMS_FINISHED, and True if the check passes later without a user's action."""
    finding = check(world.certify(), "OMS_FINISHED")
    return finding["result"], finding["waits"]


def close_project(world: World, minutes: float) -> None:
    """Freeze, compare and close the project, with one copy that OMS has not finished; then let `minutes` pass."""
    world.freeze()
    world.open_and_compare()
    world.send_event_again("b", "accepted")
    world.close_project()
    world.advance(minutes * MINUTE)


@pytest.fixture
def closed(world: World) -> World:
    close_project(world, 3)
    return world


@pytest.mark.parametrize(("late", "closed_for"), [(0, 3), (10, 12)], ids=["counted at once", "counted late"])
def test_certify_considers_oms_finished_after_ten_idle_minutes(world, late, closed_for):
    # GIVEN a repeated event just before the close, and counts that may be twenty minutes late
    world.task.lag = 2 * late * MINUTE
    close_project(world, closed_for)
    assert find_state(world) == ("not run", True)
    # WHEN OMS copies the object and counts it, THEN OMS has finished
    world.copy_all()
    world.advance(late * MINUTE)
    assert find_state(world) == ("not run", True)
    world.advance(15 * MINUTE)
    assert find_state(world) == ("passed", False)


@pytest.mark.parametrize("gigabytes", [0, 90])
def test_unfinished_objects_can_be_accepted_after_a_wait_set_by_their_size(closed, mocker, gigabytes):
    # GIVEN the largest object in scope
    query_remaining_work = gathering.query_remaining_work
    mocker.patch.object(
        gathering, "query_remaining_work", lambda *arguments: query_remaining_work(*arguments[:3], gigabytes * 10**9)
    )
    # WHEN OMS stays idle
    closed.advance((50 + gigabytes) * MINUTE)
    assert find_state(closed) == ("not run", True)
    closed.advance(20 * MINUTE)

    # THEN OMS lost the copy, or may still write: the certificate has the number
    assert find_state(closed) == ("not proven", False)
    closed.stand_still()
    step = closed.find_obstacle("OMS_FINISHED", "not proven")["step"]
    assert step["options"]["accept"] == {"oms_unfinished": "<who, why>"}
    document = closed.certify(accept={"oms_unfinished": "the owner: nobody writes there"})
    assert document["text"].startswith("GO. ")
    assert "OMS may still write to OBS, because it has not finished 1 object (accepted by name)" in document["text"]


@pytest.mark.parametrize(
    "hide_counts",
    [
        lambda ready: ready.oms.deny("oms:synctask:statistics"),
        lambda ready: change_description(ready, monthly_acceptance_request=None),
    ],
    ids=["refused statistics", "a description without counts"],
)
def test_a_go_without_counts_from_oms_needs_an_acceptance_by_name(ready, hide_counts):
    hide_counts(ready)
    assert not ready.find_obstacle("OMS_FINISHED", "not run")["waits"]
    document = ready.certify(accept={"oms_unfinished": "the owner: seen in the console"})
    assert document["verdict"] == "GO"
    assert "OMS may still write" in document["text"]


@pytest.mark.parametrize("days", [9, 31, 62])
def test_an_unfinished_object_of_an_earlier_month_prevents_a_go(world, days):
    # GIVEN an object that OMS accepted more than a week ago, possibly in an earlier month, and lost
    world.put("b", "b", fate="accepted")
    # AND an object that OMS has copied since, possibly in a month between
    world.advance(days * 12 * HOUR)
    world.put("c", "c", fate="copied")
    world.advance(days * 12 * HOUR)
    assert results(world.cut_over()) == {"OMS_FINISHED": "not proven"}


def test_certify_considers_oms_finished_if_oms_was_idle_for_days(world):
    world.advance(9 * 24 * HOUR)
    world.get_ready()
    finding = check(world.certify(), "OMS_FINISHED")
    assert (finding["result"], finding["actual"]) == ("passed", "OMS has no work left and has been idle for days")


def test_a_repeated_event_does_not_hide_an_unfinished_object(world):
    # GIVEN counts that are twenty minutes late, a repeated event, and another object five minutes later
    world.task.lag = 20 * MINUTE
    world.freeze()
    world.open_and_compare()
    for key in ("a/1", "b", "b"):
        world.send_event_again(key, "copied")
    world.advance(5 * MINUTE)
    world.send_event_again("a/2", "copied")
    last = timestamp(world.clock.now())
    world.close_project()
    # WHEN OMS has counted only the earlier objects
    world.advance(18 * MINUTE)
    assert world.certify()["oms"]["busy"] >= last


def test_certify_continues_the_count_of_records_in_its_next_call(world, mocker):
    world.get_ready(wait=20 * MINUTE)
    # GIVEN pages of two names, and time for a single page
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 2)
    folder = f"{ROOT}success_object"
    world.bucket.after = lambda kind, names: world.advance(46) if (kind, names[0]) == ("list", folder) else None
    counts = [world.certify(timeout=60)["oms"]["recorded"] for _ in range(3)]
    assert counts[0] is None
    assert counts[-1] == 3


def test_a_count_of_records_includes_the_first_second_of_its_period():
    assert (
        _RecordCounts("mark")
        .with_page([ObjectSummary("key", "", 0, time) for time in (59, 60, 61)], start_time=60)
        .record_count
        == 2
    )


def test_the_closed_mark_names_the_cutover_or_else_the_last_certificate(ready):
    earlier = ready.certify(run="another")["document"]
    ready.open_project()
    assert f"(close: {earlier}: NOT PROVEN)" in ready.close_project()["next"]
    assert "(cutover: mine)" in ready.close_project(run="mine")["next"]


def test_certify_names_other_open_projects_of_the_same_sync_task(ready):
    other = f"{ROOT}state/closed-other.json"
    for mark in (b'{"closed": false}', b"unreadable"):
        ready.bucket.add(StoredObject(other, mark))
        document = ready.certify()
        assert results(document) == {"CLOSED": "not run"}
        assert document["open_projects"] == ["other"]
    # A project that was just closed could submit until two minutes ago.
    LogBucket(ready, "other").add_mark(closed=True)
    assert results(ready.certify()) == {"CLOSED": "not run"}
    ready.advance(2 * MINUTE)
    ready.compare(standstill=True)
    assert ready.is_go()


def test_certify_issues_no_go_if_the_project_opens_during_the_call(ready):
    def opened(kind: str, names: Sequence[str]) -> None:
        if (kind, names[0]) == ("put", f"{ROOT}state/recorded.json"):
            ready.bucket.add_mark(closed=False)

    ready.bucket.after = opened
    assert "CLOSED" in results(ready.certify())


# A GO in effect.


def test_a_go_stays_valid_until_the_project_opens_despite_wrong_clocks(ready):
    go = ready.certify()
    assert ready.invoke("certify", {"look": True})["go"] == go
    # Another cutover that closes the project again opens nothing.
    ready.close_project(run="another")
    assert ready.invoke("certify", {"look": True})["go"] == go
    # WHEN an instance whose clock is behind opens the project, and it is closed again
    ready.clock.ahead = -timedelta(hours=1)
    ready.open_project(after_go=True)
    ready.clock.ahead = timedelta()
    ready.close_project()
    assert ready.invoke("certify", {"look": True})["go"] is None


def test_after_a_go_the_project_opens_only_if_confirmed(ready):
    # GIVEN a GO, WHEN a caller closes or looks, THEN the answer names the GO, without the step that opens
    go = ready.certify()["document"]
    for options in ({"close": True}, {"look": True}, {"open": True}, {"open": True, "run": "another"}):
        answer = ready.invoke("certify", options)
        assert answer["closed"]["go"] == go, options
        assert "ops.py open" not in answer["next"], options
        assert "its cutover removed the trigger, so writes to OSS since the GO are not recorded" in answer["next"]

    # WHEN the caller confirms the opening, THEN the project opens, and later calls need no confirmation
    assert ready.open_project(after_go=True)["closed"] is None
    answer = ready.close_project()
    assert answer["closed"]["go"] == ""
    assert answer["next"].endswith("To open the project: python3 ops.py open")
    assert ready.open_project()["closed"] is None


@pytest.mark.parametrize("mark", [None, b"unreadable", b'{"closed": false}'])
def test_a_go_loses_its_effect_if_the_closed_mark_is_lost_or_changed(ready, mark):
    ready.certify()
    name = f"{ROOT}state/closed-oss-oms-sync.json"
    ready.bucket.objects.pop(name)
    if mark:
        ready.bucket.add(StoredObject(name, mark))
    ready.close_project()
    assert ready.invoke("certify", {"look": True})["go"] is None


def test_certify_with_look_lists_the_checks_that_a_cutover_waits_for(ready):
    look = partial(ready.rehearse, look=True)
    assert [finding["id"] for finding in look(frozen_since=ready.frozen)["checks"]] == ["OMS_FINISHED", "NOTHING_WAITS"]
    assert look()["checks"] == []
    ready.open_project()
    assert look(frozen_since=ready.frozen)["checks"] == []


def test_certify_ignores_a_go_of_an_earlier_freeze_or_another_scope(ready):
    go = ready.certify()
    later = timestamp(parse_time(ready.frozen) + timedelta(seconds=1))
    assert ready.invoke("certify", {"look": True, "frozen_since": ready.frozen})["go"] == go
    assert ready.invoke("certify", {"look": True, "frozen_since": later})["go"] is None
    ready.settings = replace(ready.settings, key_filter=KeyFilter("a/", ""))
    assert ready.invoke("certify", {"look": True, "frozen_since": ready.frozen})["go"] is None
    # A caller that would open the project passes no freeze, and gets any GO.
    assert ready.invoke("certify", {"look": True})["go"] == go


def test_certify_ignores_a_go_that_was_followed_by_a_no_go(ready):
    # GIVEN a GO, and a change in OBS that a second cutover of the same freeze detects
    ready.certify()
    ready.write("b", "?")
    ready.compare(standstill=True)
    assert ready.certify()["verdict"] == "NO-GO"
    # THEN the next cutover does not end with the outdated GO
    assert ready.invoke("certify", {"look": True, "frozen_since": ready.frozen})["go"] is None


@pytest.mark.parametrize("written", [{"begun": "2026-03-06T00:00:00Z", "group": "g"}, {"what": "nobody reads"}])
def test_certify_refuses_to_close_a_project_during_a_migration(world, written):
    world.bucket.add_json(f"state/migrate-{world.settings.project}.json", written)
    answer = world.close_project()
    assert answer["closed"] is None
    assert "migration of existing objects" in str(answer["next"])
    assert world.invoke("certify", {"look": True})["closed"] is None


def test_a_migration_that_starts_during_the_close_reopens_the_project(world, mocker):
    # GIVEN a migration that is stored between the two reads of its state
    migrations = [None, Migration("2026-03-06T00:00:00Z", "")]
    mocker.patch(
        "oss_oms_sync.jobs.certify.migration.read_current_migration",
        lambda _: migrations.pop(0) if migrations else None,
    )
    assert world.close_project()["closed"] is None
    assert world.invoke("certify", {"look": True})["closed"] is None

    # WHEN the project was closed before, THEN it stays closed: the migration reads the mark, and does not begin
    for migrations[:] in ([None, None], [None, Migration("2026-03-06T00:00:00Z", "")]):
        assert world.close_project()["closed"]


def test_after_a_go_no_failed_check_recommends_opening_the_project(ready):
    # GIVEN a GO, and a later write to the source, with the trigger or without it
    ready.close_project(run="mine")
    ready.advance(HOUR)
    ready.tick("replay")
    ready.compare(standstill=True)
    assert ready.is_go(run="mine")
    ready.put("late", "x", fate="lost")
    ready.advance(HOUR)
    ready.invoke("compare", {"restart": True})

    # WHEN another cutover or a rehearsal certifies, THEN no check says to compare or resend
    for document in (ready.certify(run="another"), ready.rehearse()):
        finding = check(document, "MISSING")
        assert finding["result"] == "failed"
        assert finding["step"] is None
        assert finding["next"].startswith(
            "A GO is in effect, so the project stays closed. Copy the objects that OBS needs by hand"
        )
        assert "ops.py open" not in str(document)
        assert find_false_claims(document) == []

    # AND after the opening, a comparison submits the missing object
    assert ready.open_and_compare()["submitted"] == 1
