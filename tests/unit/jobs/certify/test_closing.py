"""What a certificate wants of a project that is closed, and of OMS: each outcome, and the step that ends it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from ops.certificate.check import doubts
from oss_oms_sync.answers.job_answers import Migration
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.certify import gathering
from oss_oms_sync.jobs.certify.oms_work import _Recorded
from support.certify_world import CertifyWorld, check, results
from support.world import HOUR, MINUTE, ROOT


def state_of(world: CertifyWorld) -> tuple[str, bool]:
    """How OMS_FINISHED ends, and whether it needs nothing but time."""
    one = check(world.certify(), "OMS_FINISHED")
    return one["result"], one["waits"]


def close(world: CertifyWorld, minutes: float) -> None:
    """The project is closed when it is frozen, compared, and OMS has one more copy to do; so long ago."""
    world.freeze()
    world.compare()
    world.send("b", "accepted")
    world.call(close=True)
    world.later(minutes * MINUTE)


@pytest.fixture
def closed(world: CertifyWorld) -> CertifyWorld:
    close(world, 3)
    return world


@pytest.mark.parametrize(("late", "closed_for"), [(0, 3), (10, 12)], ids=["counted at once", "counted late"])
def test_oms_that_is_finishing_is_waited_for_and_so_are_ten_quiet_minutes_after_it(world, late, closed_for):
    # GIVEN an event once more just before the project is closed, and counts that may be twenty minutes late
    world.task.lag = 2 * late * MINUTE
    close(world, closed_for)
    assert state_of(world) == ("not run", True)
    # WHEN it is copied, and counted, THEN it has finished
    world.copy_all()
    world.later(late * MINUTE)
    assert state_of(world) == ("not run", True)
    world.later(15 * MINUTE)
    assert state_of(world) == ("passed", False)


@pytest.mark.parametrize("gigabytes", [0, 90])
def test_what_oms_has_lost_is_accepted_by_name_after_an_hour_and_a_minute_for_each_gb(closed, mocker, gigabytes):
    # GIVEN the largest object in scope
    ask_oms = gathering.ask_oms
    mocker.patch.object(gathering, "ask_oms", lambda *arguments: ask_oms(*arguments[:3], gigabytes * 10**9))
    # WHEN OMS does nothing any more
    closed.later((50 + gigabytes) * MINUTE)
    assert state_of(closed) == ("not run", True)
    closed.later(20 * MINUTE)

    # THEN it has lost that, or may still write: the certificate says how many
    assert state_of(closed) == ("not proven", False)
    closed.stand_still()
    step = closed.stopped_by("OMS_FINISHED", "not proven")["step"]
    assert step["options"]["accept"] == {"oms_unfinished": "<who, why>"}
    document = closed.certify(accept={"oms_unfinished": "the owner: nobody writes there"})
    assert document["text"].startswith("GO. ")
    assert "OMS may still write: it has not finished 1 object (accepted by name)" in document["text"]


def denied(world: CertifyWorld) -> None:
    world.oms.deny("oms:synctask:statistics")


def by_the_hour(world: CertifyWorld) -> None:
    world.task.step = "ONE_HOUR"


@pytest.mark.parametrize("harm", [denied, by_the_hour])
def test_where_oms_does_not_tell_nothing_is_proven_unless_that_is_accepted_by_name(ready, harm):
    harm(ready)
    assert not ready.stopped_by("OMS_FINISHED", "not run")["waits"]
    document = ready.certify(accept={"oms_unfinished": "the owner: seen in the console"})
    assert (document["verdict"], "OMS may still write" in document["text"]) == ("GO", True)


@pytest.mark.parametrize("days", [9, 31])
def test_what_is_left_from_before_the_window_is_known_by_the_months(world, days):
    # GIVEN what OMS accepted more than a week ago, perhaps in the last month, and lost
    world.put("b", "b", fate="accepted")
    world.later(days * 24 * HOUR)
    assert results(world.cut_over()) == {"OMS_FINISHED": "not proven"}


def test_oms_that_has_done_nothing_for_days_has_finished_and_the_check_names_no_time(world):
    world.later(9 * 24 * HOUR)
    world.get_ready()
    seen = check(world.certify(), "OMS_FINISHED")
    assert (seen["result"], seen["seen"]) == ("passed", "OMS has no work left and has been idle for days")


def test_oms_counts_as_busy_when_our_records_say_so_though_what_came_twice_makes_up_for_it(world):
    # GIVEN counts that are twenty minutes late, an event that came twice, and another object five minutes later
    world.task.lag = 20 * MINUTE
    world.freeze()
    world.compare()
    for key in ("a/1", "b", "b"):
        world.send(key, "copied")
    world.later(5 * MINUTE)
    world.send("a/2", "copied")
    last = timestamp(world.clock.now())
    world.call(close=True)
    # WHEN only the first are counted
    world.later(18 * MINUTE)
    assert world.certify()["oms"]["busy"] >= last


def test_records_that_do_not_fit_into_one_call_are_counted_by_the_next(world, mocker):
    world.get_ready(wait=20 * MINUTE)
    # GIVEN pages of two, and no time for more than one
    mocker.patch("oss_oms_sync.clouds.bucket.PAGE_SIZE", 2)
    folder = f"{ROOT}success_object"
    world.bucket.after = lambda kind, names: world.later(46) if (kind, names[0]) == ("list", folder) else None
    seen = [world.certify(timeout=60)["oms"]["recorded"] for _ in range(3)]
    assert (seen[0], seen[-1]) == (None, 3)


def test_a_record_of_the_second_in_which_the_hour_begins_is_counted():
    assert _Recorded("mark").plus([ObjectSummary("key", "", 0, time) for time in (59, 60, 61)], since=60).number == 2


def test_only_the_run_that_closed_the_project_is_judged_by_its_mark(ready):
    ready.stopped_by("CLOSED", "not run", run="another")
    ready.call(close=True, run="mine")
    # A mark that is younger than the standstill pass shows nothing either.
    assert results(ready.certify(run="mine"))["CLOSED"] == "not run"
    ready.later(15 * MINUTE)
    ready.tick_replay()
    ready.compare(standstill=True)
    assert ready.is_go(run="mine")


def test_a_cutovers_mark_names_the_cutover_and_no_certificate_of_before(ready):
    earlier = ready.certify(run="another")["document"]
    ready.call(open=True)
    assert f"(close: {earlier}: NOT PROVEN)" in ready.call(close=True)["next"]
    assert "(cutover: mine)" in ready.call(close=True, run="mine")["next"]


@pytest.mark.parametrize("wait", [1, 3])
def test_the_standstill_pass_has_to_begin_two_minutes_after_the_closing(world, wait):
    world.freeze()
    world.compare()
    world.later(HOUR)
    world.tick_replay()
    world.stand_still(wait=wait * MINUTE)
    assert results(world.certify()) == ({"CLOSED": "not run", "OMS_FINISHED": "not run"} if wait == 1 else {})


def test_other_projects_of_the_task_that_are_open_are_named(ready):
    other = f"{ROOT}state/closed-other.json"
    for mark in (b'{"closed": false}', b"unreadable"):
        ready.bucket.add(StoredObject(other, mark))
        document = ready.certify()
        assert (results(document), document["open_projects"]) == ({"CLOSED": "not run"}, ["other"])
        assert "too late: other" in check(document, "CLOSED")["seen"]
        assert "state/closed-other.json" in check(document, "CLOSED")["next"]
    # What was closed only now could send until two minutes ago.
    said = {"at": "2026-01-02T00:00:00Z", "by": "", "why": "", "run": "", "opened": "", "first": ""}
    ready.bucket.add(StoredObject(other, json.dumps({"closed": True, **said}).encode()))
    assert results(ready.certify()) == {"CLOSED": "not run"}
    ready.later(2 * MINUTE)
    ready.compare(standstill=True)
    assert ready.is_go()


def test_a_mark_that_changes_while_the_certificate_is_made_is_no_go(ready):
    def opened(kind: str, names: Sequence[str]) -> None:
        if (kind, names[0]) == ("put", f"{ROOT}state/recorded.json"):
            ready.bucket.add(StoredObject(f"{ROOT}state/closed-oss-oms-sync.json", b'{"closed": false}'))

    ready.bucket.after = opened
    assert "CLOSED" in results(ready.certify())


# A GO that stands.


def test_a_go_stands_until_the_project_is_opened_whatever_the_clocks_of_instances_say(ready):
    go = ready.certify()
    assert ready.call(look=True)["go"] == go
    # Another cutover that closes it anew opens nothing.
    ready.call(close=True, run="another")
    assert ready.call(look=True)["go"] == go
    # WHEN an instance whose clock is behind opens it, and it is closed again
    ready.clock.ahead = -timedelta(hours=1)
    ready.call(open=True, after_go=True)
    ready.clock.ahead = timedelta()
    ready.call(close=True)
    assert ready.call(look=True)["go"] is None


def test_after_a_go_the_project_opens_only_if_that_is_asked_for(ready):
    # GIVEN a GO, WHEN somebody closes or looks, THEN the answer names the GO and not the step that opens
    go = ready.certify()["document"]
    for asked in ({"close": True}, {"look": True}, {"open": True}, {"open": True, "run": "another"}):
        answer = ready.call(**asked)
        assert (answer["closed"]["go"], "ops.py open" in answer["next"]) == (go, False), asked
        assert "its cutover removed the trigger: without it, later writes to OSS are not recorded" in answer["next"]

    # WHEN it is asked for, THEN the project opens, and after that as ever
    assert ready.call(open=True, after_go=True)["closed"] is None
    answer = ready.call(close=True)
    assert (answer["closed"]["go"], answer["next"].endswith("To open it: python3 ops.py open")) == ("", True)
    assert ready.call(open=True)["closed"] is None


@pytest.mark.parametrize("mark", [None, b"unreadable", b'{"closed": false}'])
def test_no_go_stands_where_the_mark_does_not_say_that_the_project_stayed_closed(ready, mark):
    ready.certify()
    name = f"{ROOT}state/closed-oss-oms-sync.json"
    ready.bucket.objects.pop(name)
    if mark:
        ready.bucket.add(StoredObject(name, mark))
    ready.call(close=True)
    assert ready.call(look=True)["go"] is None


def test_a_look_tells_what_a_cutover_waits_for_only_where_one_is_under_way(ready):
    look = partial(ready.call, look=True)
    assert [one["id"] for one in look(frozen_since=ready.frozen)["checks"]] == ["OMS_FINISHED", "NOTHING_WAITS"]
    assert look()["checks"] == []
    ready.call(open=True)
    assert look(frozen_since=ready.frozen)["checks"] == []


def test_a_go_of_an_earlier_freeze_or_another_scope_does_not_stand(ready):
    go = ready.certify()
    later = timestamp(parse_time(ready.frozen) + timedelta(seconds=1))
    assert ready.call(look=True, frozen_since=ready.frozen)["go"] == go
    assert ready.call(look=True, frozen_since=later)["go"] is None
    ready.settings = replace(ready.settings, key_filter=KeyFilter("a/", ""))
    assert ready.call(look=True, frozen_since=ready.frozen)["go"] is None
    # Whoever would open the project asks without a freeze, and is told of any.
    assert ready.call(look=True)["go"] == go


def test_a_standstill_pass_from_before_oms_had_finished_shows_nothing(closed):
    closed.compare(standstill=True)
    closed.copy_all()
    closed.later(15 * MINUTE)
    closed.tick_replay()
    closed.stopped_by("STOOD_STILL", "not run")
    closed.compare(standstill=True)
    assert closed.is_go()


@pytest.mark.parametrize("written", [{"begun": "2026-03-06T00:00:00Z", "group": "g"}, {"what": "nobody reads"}])
def test_while_old_objects_are_on_their_way_no_project_is_closed(world, written):
    world.keep(f"state/migrate-{world.settings.project}.json", written)
    answer = world.call(close=True)
    assert (answer["closed"], "migration of the existing objects" in str(answer["next"])) == (None, True)
    assert world.call(look=True)["closed"] is None


def test_one_that_begins_while_a_project_is_closed_opens_it_again_unless_it_was_closed_before(world, mocker):
    # GIVEN a migration that is written down between the two looks for one
    migrations = [None, Migration("2026-03-06T00:00:00Z", "")]
    mocker.patch(
        "oss_oms_sync.jobs.certify.migration.current_migration", lambda _: migrations.pop(0) if migrations else None
    )
    assert world.call(close=True)["closed"] is None
    assert world.call(look=True)["closed"] is None

    # WHEN it was closed before, THEN that stays: whoever migrates sees it, and does not begin
    for migrations[:] in ([None, None], [None, Migration("2026-03-06T00:00:00Z", "")]):
        assert world.call(close=True)["closed"]


@pytest.mark.parametrize(("fate", "name"), [("lost", "MISSING"), ("accepted", "FAILED")])
def test_after_a_go_no_check_of_what_lacks_names_the_step_that_opens(ready, fate, name):
    # GIVEN a GO, after which somebody writes to the source, with the trigger there or without it
    ready.call(close=True, run="mine")
    ready.later(HOUR)
    ready.tick_replay()
    ready.compare(standstill=True)
    assert ready.is_go(run="mine")
    ready.put("late", "x", fate=fate)
    ready.later(HOUR)
    ready.ask("compare", {"restart": True})

    # WHEN it is certified once more, by another cutover or a rehearsal, THEN no check says to compare or send anew
    for document in (ready.certify(run="another"), ready.rehearse()):
        found = check(document, name)
        assert (found["result"], found["step"]) == ("failed", None)
        assert found["next"].startswith(
            "A GO is in effect, so the project stays closed. Copy the objects that OBS needs"
        )
        assert "ops.py open" not in str(document)
        assert doubts(document) == []

    # AND once it is open, a comparison sends what lacks
    if name == "MISSING":
        assert ready.compare()["submitted"] == 1
