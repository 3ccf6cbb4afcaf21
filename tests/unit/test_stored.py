"""The objects that jobs store besides the public records; each has a fixed JSON form, which jobs read back equal."""

from __future__ import annotations

import json
import typing
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import fields, is_dataclass, replace
from datetime import datetime, timezone
from enum import Enum
from functools import cache
from pathlib import Path
from types import NoneType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.canary.journal import Journal
from ops.intention import Intention
from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import Digest, from_json, to_json
from oss_oms_sync.answers.finding import Stop, Stopped
from oss_oms_sync.answers.job_answers import BackToSource, CanaryResult
from oss_oms_sync.answers.layout import CANARY
from oss_oms_sync.answers.step import Step
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of
from oss_oms_sync.clouds.task import MonthCounts
from oss_oms_sync.comparison.proof import Proof, stored_proof
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs import replay
from oss_oms_sync.jobs.certify.oms_work import _RecordCounts
from oss_oms_sync.jobs.certify.sample import _ReadResults
from oss_oms_sync.jobs.replay.resting import Pause, ReplayState
from oss_oms_sync.jobs.status.alarm import _AlarmState
from oss_oms_sync.jobs.status.copying import Acknowledgement
from oss_oms_sync.ledger.closing import CloseMark, ProjectState, read_mark
from oss_oms_sync.ledger.list_positions import LineCount, ListPosition, ListPositions
from oss_oms_sync.ledger.mended import MendedRecord
from oss_oms_sync.ledger.migration import MigrationReach, Migrations
from oss_oms_sync.ledger.records import FailedKey, failed_record, parse_failed_record
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunFile, RunFiles
from oss_oms_sync.passes.digests import SampleDraw
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.marks import KeyMark
from oss_oms_sync.passes.pieces import Pass, Piece, PieceKind, Scope
from oss_oms_sync.passes.states import Amendment, PassState
from oss_oms_sync.passes.tally import AbsencePart, ClassCount, Histogram, Side, Tally, WrittenObject
from support.law import schedules
from support.world import TASK, World

STORED = Path(__file__).parents[1] / "stored"
SIDE = Side(2, 30, 255)
SINCE = datetime(2026, 1, 31, tzinfo=timezone.utc)
ABOUT = Pass(
    "0123456789abcdef-20260202T000000000000Z",
    "photos",
    Scope(KeyFilter("a/", ".jpg"), SINCE, everything=False, deep=True),
    started="2026-02-02T00:00:00Z",
    installed="2026-01-01T00:00:00Z",
    destination_bucket="photos-obs",
    seed="5eed",
    migrations=Migrations(
        (MigrationReach(("a/",), 1_769_000_000, 1_769_000_600, will_copy=True, has_copied=False, had_no_extra=True),),
        Step("migrate", {"look": True}),
        is_unknown=True,
    ),
    most=370,
    before_objects=9,
    has_absences=True,
)
TALLY = Tally(
    counts=Counter(accepted=1),
    marks=(KeyMark("a/1", 2),),
    state=1,
    classes={"older": ClassCount(SIDE, Side(), ["a/1"], in_vain=1, storage={"IA -": [2, 30, 0]})},
    folders={"a/": {"older": [2, 30, 0, 0]}},
    accepted_lag=Histogram(Counter({9: 1}), Counter({60: 1}), 2, 1),
    oldest_not_there=1_700_000_000,
    source_listed=SIDE,
    deep_listed=Counter(deep_encrypted=1),
    largest=20,
    drawn=SampleDraw("5eed", 1, [(7, "a/1")], {"a/": (7, "a/1")}),
    last_written=[WrittenObject(1_700_000_000, "a/1")],
    unread={"encrypted": ["a/1"]},
    parts=("oms_source_record/differences/x.txt",),
    lines=1,
    absences=(AbsencePart("oms_source_record/differences/absent-x.jsonl", "a/1"),),
)
STOPPED = Stopped(Stop.REFUSED, "OMS refuses")
# The values in the files of tests/stored/.
FORMS = {
    "piece": Piece(PieceKind.RESTING, "m", "c", "a", stopped=STOPPED, tally=TALLY, about=ABOUT, stuck=2),
    "total": PassState(ABOUT, TALLY, "2026-02-02T01:00:00Z", ranges_open=0, ranges_done=3, pieces=9),
    "amendment": Amendment(3, "2026-02-02T02:00:00Z", TALLY),
    "failed_copies": ListPositions(
        looked="2026-02-02T00:00:00Z",
        pages=1,
        lists={"oms/1.failed_list.txt": ListPosition("ABC", 1_700_000_000, 64, "ff00", ended=True, lines=2, outside=1)},
        listed={"2026-02": LineCount(2, 1)},
        group="0f0f",
        folder="oms/task_group/0f0f/",
        of_group=3,
    ),
    "replay": ReplayState("a", {"0f0f": Pause("2026-02-03T00:00:00Z", "ABC", 0)}, {"at": "2026-02-02T00:00:00Z"}),
    "replay-busy": replay._ReplayLease("2026-02-02T00:04:00Z"),
    "status": Acknowledgement(SINCE, MonthCounts(9, 7, 1, None, 30), 1, LineCount(2, 1)),
    "watch": _AlarmState(
        "behind", "2026-02-02T00:00:00Z", "broken", "2026-02-01T00:00:00Z", "2026-02-01T23:45:00Z", "no"
    ),
    "sample": _ReadResults({"a": True, "b": False, "c": None}, {"a": 30, "b": 7}),
    "recorded": _RecordCounts("2026-02-02T00:00:00+00:00", "a", {"001770000000": 2}, 1_770_000_000, is_all=True),
    "back_to_source": BackToSource("photos-obs", "2026-02-02T00:00:00Z", 1),
    "migrate": Intention(
        "run",
        "2026-02-02T00:00:00Z",
        "photos",
        "photos-obs",
        ("a/",),
        ("OLD",),
        ("NEW",),
        "77",
        "5eed",
        maker="5a1e",
        keep_storage_class=True,
    ),
    "canary_result": CanaryResult("2026-02-02T00:00:00Z", {"listing": {"order": "bytes"}}),
    "canary": Journal(
        "20260202T000000Z-0f0f",
        f"a/{CANARY}20260202T000000Z-0f0f/",
        "photos",
        "photos-obs",
        "0f0f",
        "2026-02-02T00:00:00Z",
        [f"a/{CANARY}20260202T000000Z-0f0f/plain"],
        is_settled=True,
    ),
}
TYPES = [type(value) for value in FORMS.values()]


def read_stored(name: str) -> bytes:
    """Return the contents of the file with this name in tests/stored/."""
    (path,) = STORED.glob(f"{name}.*")
    return path.read_bytes()


@pytest.mark.parametrize("name", FORMS)
def test_each_stored_object_has_the_form_of_its_golden_file(name: str) -> None:
    value = FORMS[name]
    assert to_json(value) == json.loads(read_stored(name))
    assert from_json(type(value), json.loads(read_stored(name))) == value


KEY = FailedKey(
    ObjectChange("a/山", "ObjectCreated:PutObject", "2026-01-01T00:00:00.000Z", "ABC"),
    first_failure="2026-01-01T00:00:01Z",
    reason="COPY_FAILED",
    last_failure="2026-01-02T00:00:00Z",
    not_before="2026-01-02T00:10:00Z",
    copy_attempts=2,
    error_code="GET_SRC_OBJ_FAILURE",
    message="Connection reset",
)


def test_a_failed_record_has_the_documented_form() -> None:
    failure = Failure(Reason.COPY_FAILED, error_code=KEY.error_code, message=KEY.message)
    record = failed_record(TASK, KEY, failure, datetime(2026, 1, 2, tzinfo=timezone.utc), KEY.not_before)
    assert json.loads(record.body) == json.loads(read_stored("failed_object"))
    assert parse_failed_record(TASK, StoredObject(record.name, read_stored("failed_object"))) == KEY


def test_a_run_file_has_the_documented_form() -> None:
    world = World()
    runs, key = RunFiles(world.invocation()), replace(KEY, message="")
    run = runs.create([key], [key.key], 60)
    assert json.loads(world.bucket.objects[run.name].body) == json.loads(read_stored("run_file"))
    world.bucket.add(StoredObject(run.name, read_stored("run_file")))
    assert list(runs.read_other_runs()) == [RunFile(run.name, [key], {key.key}, lease_expired=False)]


AT = "2026-01-02T00:00:00Z"
MARKS: dict[str, tuple[Callable[[ProjectState], object], CloseMark | str]] = {
    "closed": (
        lambda closing: closing.close("Li Lei", "cut over", "run 1"),
        CloseMark(AT, "Li Lei", "cut over", "run 1", AT),
    ),
    "open": (lambda closing: closing.open("Li Lei", "rolled back"), AT),
}


@pytest.mark.parametrize("name", MARKS)
def test_the_mark_of_a_closed_project_has_the_documented_form(name: str) -> None:
    world, (write, read) = World(), MARKS[name]
    closing = ProjectState(world.invocation())
    write(closing)
    assert json.loads(world.bucket.objects[closing.name].body) == json.loads(read_stored(name))
    assert read_mark(StoredObject(closing.name, read_stored(name))) == read


def test_the_stored_installation_time_has_the_documented_form() -> None:
    world = World(OBJECT_PREFIX="a/", OBJECT_SUFFIX=".jpg")
    JobState(world.invocation()).read_installation_time(store_missing=True)
    (name,) = world.bucket.objects
    assert json.loads(world.bucket.objects[name].body) == json.loads(read_stored("installed"))
    world.bucket.add(StoredObject(name, read_stored("installed")))
    world.advance(3600)
    assert JobState(world.invocation()).read_installation_time(store_missing=True) == datetime(
        2026, 1, 2, tzinfo=timezone.utc
    )


SOURCE = ObjectSummary("a", "AB12", 30, 1_700_000_000, "Normal")
THERE = SOURCE._replace(etag="AB12-2")


@pytest.mark.parametrize("proof", [Proof.EQUAL, Proof.DIFFERENT, Proof.PARTS_DIFFER], ids=lambda case: case.value)
def test_a_stored_proof_has_the_documented_form(proof: Proof) -> None:
    record = ObjectSummary("a", etag_of(read_stored(f"proven_{proof.value}")), 9, 0, "Normal")
    assert stored_proof(Entry("a", SOURCE, destination=THERE, proof=record)) is proof


def test_a_record_of_headers_has_the_documented_form() -> None:
    etag = "0CC175B9C0F1B6A831C399E269772661"
    record = MendedRecord(etag, 1_767_225_600, etag, 1_767_225_700, {"content-type": "é"})
    written = record.to_object("task", "a")
    assert written.body == read_stored("mended")
    assert written.headers["x-oss-meta-old"] == '{"content-type":"\\u00e9"}'
    assert MendedRecord.parse(written) == record
    intended = record._replace(is_intended=True)
    assert MendedRecord.parse(intended.to_object("task", "a")) == intended
    assert intended.to_object("task", "a").body.startswith(written.body)


texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
ATOMS: dict[object, st.SearchStrategy[Any]] = {
    str: texts,
    int: st.integers(-(10**9), 10**12),
    bool: st.booleans(),
    NoneType: st.none(),
    Digest: st.integers(0, 2**256 - 1),
    datetime: st.datetimes(timezones=st.just(timezone.utc)).map(lambda time: time.replace(microsecond=0)),
    object: st.none() | st.integers() | texts | st.dictionaries(texts, st.booleans()),
}


@cache
def generate_values(hint: Any) -> st.SearchStrategy[Any]:
    """Return a Hypothesis strategy that generates values of a type hint."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in ATOMS:
        return ATOMS[hint]
    if origin in (list, Sequence) or args[1:] == (...,):
        return st.lists(generate_values(args[0]), max_size=3).map(list if origin is list else tuple)
    if origin is tuple:
        return st.tuples(*map(generate_values, args))
    if origin in (dict, Mapping):
        return st.dictionaries(generate_values(args[0]), generate_values(args[1]), max_size=3)
    if origin is Counter:
        return st.dictionaries(generate_values(args[0]), st.integers(), max_size=3).map(Counter)
    if args:
        return st.one_of(*map(generate_values, args))
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = typing.get_type_hints(hint, include_extras=True)
    names = [field.name for field in fields(hint)] if is_dataclass(hint) else hint._fields
    return st.builds(hint, **{name: generate_values(hints[name]) for name in names})


@pytest.mark.long
@pytest.mark.part
@settings(max_examples=schedules(6))
@given(st.data())
@pytest.mark.parametrize("kind", TYPES)
def test_each_stored_value_is_read_back_equal(kind: type, data: st.DataObject) -> None:
    value = data.draw(generate_values(kind))
    assert from_json(kind, jsontext.load(jsontext.dump(to_json(value)))) == value
