"""Answers of compare: their form, and the results that they omit before the pass is finished."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from datetime import datetime, timezone

import pytest

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import OTHERS
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.clock import timestamp
from oss_oms_sync.comparison.result import (
    describe_missing_permissions,
    describe_remedies,
    find_attempts,
    select_remedy_counts,
)
from oss_oms_sync.errors import StorageError
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.passes.pieces import Pass, Scope
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import ClassCount, Side, Tally
from oss_oms_sync.rules.remedy import Attempts
from support.passes import classes, refusing
from support.world import HOUR, World

FINAL_FIELDS = {"classes", "folders", "source", "destination", "adds_up", "remedies", "watermark", "differences"}


@pytest.fixture
def world() -> World:
    world = World.holding_copies(LANES="1")
    world.put("a/1", "12", "md5", "copied")
    world.advance(HOUR)
    return world


def test_the_result_of_compare_has_all_object_classes_and_digests(world):
    answer, nothing = world.compare(), {"objects": 0, "bytes": 0}
    object_classes = answer["classes"]
    assert object_classes.keys() == {object_class.title for object_class in ObjectClass} - {"orphan_records"}
    assert object_classes["missing"] == {
        "source": nothing,
        "destination": nothing,
        "digests": dict.fromkeys(("source", "destination"), "0" * 64),
        "keys": [],
        "proven_different": 0,
        "in_vain": 0,
    }
    digest, state = (answer["source"][name] for name in ("digest", "state_digest"))
    assert answer["source"] == {"objects": 1, "bytes": 2, "digest": digest, "state_digest": state}
    assert answer["destination"] == {"objects": 1, "bytes": 2, "digest": digest}
    assert len(digest) == len(state) == 64
    assert digest != state


def test_compare_measures_lags_from_write_to_acceptance_and_copy(world):
    # GIVEN an object that is accepted a minute after its write and copied three minutes later, and an unaccepted object
    world.put("b", "1", fate="pending")
    world.advance(60)
    world.deliver()
    world.advance(180)
    world.copy_all()
    world.lose_events_of("c")
    lag = world.compare()["lag"]
    assert [[lag[what][name] for name in ("objects", "not_yet", "max")] for what in ("accepted", "copied")] == [
        [2, 1, 60],
        [2, 1, 240],
    ]
    assert lag["copied"]["within"] == {"60": 1, "300": 2, "900": 2, "3600": 2, "86400": 2}
    assert lag["copied"]["p99"] == pytest.approx(240, rel=0.05)


def test_compare_counts_an_older_object_in_obs_as_not_yet_copied(world):
    # GIVEN two objects that OMS has copied, both written again; a user overwrites the first in OBS
    for key in ("older", "overwritten"):
        world.put(key, "1", "md5", "copied")
    world.advance(HOUR)
    world.lose_events_of("older", "overwritten", data="22")
    world.write("overwritten", "333")
    world.advance(HOUR)
    # WHEN they are compared
    answer = world.compare()
    # THEN neither counts as a copy, and only the object that OMS may still copy counts as not yet copied
    assert classes(answer) == {"equal_contents": ["a/1"], "older": ["older"], "overwritten": ["overwritten"]}
    assert answer["lag"]["copied"]["objects"] == 1
    assert answer["lag"]["copied"]["not_yet"] == 1


def test_a_comparison_counts_resent_objects_separately(world):
    world.remove("a/1")
    world.compare(prefix="a/")
    world.copy_all()
    world.advance(HOUR)
    lag = world.compare()["lag"]
    assert lag["again"] == 1
    assert lag["accepted"]["objects"] == 0
    assert lag["copied"]["objects"] == 0


def test_compare_counts_rewritten_equal_contents_as_copied(world):
    world.lose_events_of("a/1", data="12")
    answer = world.compare()
    assert classes(answer) == {"equal_contents": ["a/1"]}
    assert answer["lag"]["copied"]["not_yet"] == 0


def test_the_watermark_is_the_start_of_a_pass_or_the_oldest_missing_write(world):
    answer = world.compare()
    assert answer["watermark"] == answer["started"]
    world.lose_events_of("b")
    world.lose_events_of("c")
    assert world.compare()["watermark"] == "2026-01-02T01:00:00Z"


@pytest.mark.parametrize("fate", ["lost", "copied"])
def test_a_new_object_holds_back_the_watermark_until_it_is_copied(world, fate):
    write_time = timestamp(world.clock.now())
    world.put("b", "1", "md5", fate)
    world.advance(60)
    answer = world.compare()
    assert classes(answer)["moving"] == ["b"]
    assert answer["watermark"] == (write_time if fate == "lost" else answer["started"])


def test_compare_counts_objects_by_first_level_folder(world):
    world.upload("a/2/3", "1")
    world.lose_events_of("top", data="123")
    assert world.compare()["folders"] == {
        "": {"missing": [1, 3, 0, 0]},
        "a/": {"equal_contents": [1, 2, 1, 2], "missing": [1, 1, 0, 0]},
    }


def test_compare_reports_no_object_classes_of_an_unfinished_pass(world):
    with refusing(world.source, "list"), pytest.raises(StorageError):
        world.compare()
    answer = world.compare(look=True)
    assert answer["finished"] is False
    assert FINAL_FIELDS & answer.keys() == set()
    world.advance(HOUR)
    assert world.compare().keys() > FINAL_FIELDS


TEN_FOLDERS = [f"{number}/" for number in range(10)]


@pytest.mark.parametrize(
    ("folders", "named"),
    [
        (["0/"], True),
        (TEN_FOLDERS, True),
        ([*TEN_FOLDERS, "a/"], False),
        (["a/", ""], False),
        (["a/", OTHERS], False),
        (['say "a"/'], False),
    ],
)
def test_the_command_of_an_overwriting_migration_has_at_most_ten_folders(folders, named):
    titles = ("overwritten", "suspicious", "older")
    counts_by_folder = {folder: {titles[n % 3]: [1, 1, 1, 1]} for n, folder in enumerate(folders)}
    tally = Tally(folders={"fine/": {"equal_size": [7, 7, 7, 7]}, **counts_by_folder})
    counts = select_remedy_counts(tally, ObjectClass.OVERWRITTEN, "")
    assert counts.prefixes == (folders if named else [])


def make_tally(*keys: str, more: int = 0, title: str = "overwritten") -> Tally:
    """Return the counts of these keys and of `more` unnamed keys, all in the folder x/."""
    folders = {key[: key.find("/") + 1]: {title: [1, 1, 1, 1]} for key in (*keys, *["x/"][:more])}
    return Tally(classes={title: ClassCount(Side(len(keys) + more), keys=list(keys))}, folders=folders)


@pytest.mark.parametrize(
    ("keys", "more", "prefixes"),
    [
        (["a/1"], 0, ["a/1"]),
        (["top"], 0, ["top"]),
        (["照片/a b.jpg"], 0, ["照片/a b.jpg"]),
        (["a/1", "a/1/2"], 0, ["a/1"]),
        ([f"a/b/{number:02}" for number in range(11)], 0, ["a/b/"]),
        (["a/1"], 1, ["a/", "x/"]),
        (["it's"], 0, ["it's"]),
        (["-rf"], 0, ["-rf"]),
        # PowerShell drops quotation marks.
        (['"a"'], 0, []),
        (["a\n"], 0, []),
        ([f"{number:02}" for number in range(11)], 0, []),
    ],
)
def test_the_command_of_an_overwriting_migration_has_narrow_prefixes(keys, more, prefixes):
    counts = select_remedy_counts(make_tally(*keys, more=more), ObjectClass.OVERWRITTEN, "")
    assert counts.prefixes == prefixes


def test_a_remedy_of_compare_quotes_its_prefix_for_any_shell():
    tally = Tally(classes={"suspicious": ClassCount(Side(1), keys=["照片/a b.jpg"])})
    text = describe_remedies(tally, None, "", Attempts())[ObjectClass.SUSPICIOUS]
    assert "(python3 ops.py migrate --overwrite --prefix '照片/a b.jpg')" in text.en


@pytest.mark.parametrize("title", ["suspicious", "older"])
def test_a_deep_comparison_advises_to_grant_the_missing_permission(title):
    tally = Tally(classes={title: ClassCount(Side(1), keys=["a"], in_vain=1)})
    mode = OverwriteMode.CRC64
    deep_command = "python3 ops.py compare --deep"
    assert deep_command in describe_remedies(tally, mode, "", Attempts())[ObjectClass(title)].en
    # Reading proved nothing, and would prove nothing again.
    remedy = describe_remedies(tally, mode, "", Attempts(deep=True))[ObjectClass(title)].en
    assert "Reading did not prove" in remedy
    assert f"{deep_command}." not in remedy
    # WHEN a permission was missing, THEN the remedy begins with it
    unread_tally = replace(tally, counts={"deep_no_right_in_oss": 1})
    remedy = describe_remedies(
        unread_tally, mode, "", Attempts(deep=True, missing_permissions=describe_missing_permissions(unread_tally))
    )[ObjectClass(title)].en
    assert 0 < remedy.index("lacks oss:GetObject") < remedy.rindex(deep_command)


@pytest.mark.parametrize(("seconds", "oldest_time"), [(-1, "2026-01-01T23:59:59Z"), (0, "")])
def test_only_an_object_older_than_the_scope_was_too_old_to_be_submitted(seconds, oldest_time):
    # GIVEN two missing objects, of which compare has submitted one
    since = datetime(2026, 1, 2, tzinfo=timezone.utc)
    tally = Tally(
        Counter(submitted=1),
        classes={"missing": ClassCount(Side(2))},
        oldest_not_there=int(since.timestamp()) + seconds,
    )
    scope, started = Scope(KeyFilter("", ""), since, everything=False), "2026-02-02T00:00:00Z"
    state = PassState(Pass("p", "photos", scope, started, started), tally, started, 0, 1, 1)
    assert find_attempts(state).oldest_unsubmitted_time == oldest_time
