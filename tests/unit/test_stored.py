"""What jobs keep in the log bucket beside the public records: each form as it stands there, and that any value comes
back as it went."""

from __future__ import annotations

import json
import typing
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime, timezone
from enum import Enum
from types import NoneType
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync import jsontext
from oss_oms_sync.answers.codec import Digest, from_json, to_json
from oss_oms_sync.answers.stop import Stop, Stopped
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.jobs.replay.resting import ReplayState, Rest
from oss_oms_sync.ledger.list_positions import Listed, ListPositions, ListRead
from oss_oms_sync.passes.digests import Drawn
from oss_oms_sync.passes.marks import Mark
from oss_oms_sync.passes.pieces import Kind, Piece
from oss_oms_sync.passes.scope import Pass, Scope
from oss_oms_sync.passes.states import Amendment, PassState
from oss_oms_sync.passes.tally import ClassCount, Histogram, Side, Tally, Written

SIDE, NO_SIDE = Side(2, 30, 255), {"objects": 0, "bytes": 0, "digest": "0" * 64}
SIDE_FORM = {"objects": 2, "bytes": 30, "digest": f"{255:064x}"}
SINCE = datetime(2026, 1, 31, tzinfo=timezone.utc)
ABOUT = Pass(
    "0123456789abcdef-20260202T000000000000Z",
    "photos",
    Scope(KeyFilter("a/", ".jpg"), SINCE, everything=False, deep=True),
    started="2026-02-02T00:00:00Z",
    installed="2026-01-01T00:00:00Z",
    destination_bucket="photos-obs",
    seed="5eed",
)
ABOUT_FORM = {
    "name": "0123456789abcdef-20260202T000000000000Z",
    "source_bucket": "photos",
    "scope": {
        "key_filter": {"prefix": "a/", "suffix": ".jpg"},
        "since": "2026-01-31T00:00:00Z",
        "everything": False,
        "deep": True,
        "overwrite": False,
        "standstill": False,
        "cutover": False,
    },
    "started": "2026-02-02T00:00:00Z",
    "installed": "2026-01-01T00:00:00Z",
    "before": "",
    "before_started": "",
    "destination_bucket": "photos-obs",
    "seed": "5eed",
    "classes": 1,
}
TALLY = Tally(
    counts=Counter(accepted=1),
    marks=(Mark("a/1", 2),),
    state=1,
    classes={"older": ClassCount(SIDE, Side(), ["a/1"], in_vain=1)},
    folders={"a/": {"older": [2, 30, 0, 0]}},
    accepted_lag=Histogram(Counter({9: 1}), Counter({60: 1}), 2, 1),
    oldest_not_there=1_700_000_000,
    source_listed=SIDE,
    largest=20,
    drawn=Drawn("5eed", 1, [(7, "a/1")]),
    last_written=[Written(1_700_000_000, "a/1")],
    unread={"encrypted": ["a/1"]},
    parts=("oms_source_record/differences/x.txt",),
    lines=1,
)
TALLY_FORM = {
    "counts": {"accepted": 1},
    "marks": [["a/1", 2]],
    "state": f"{1:064x}",
    "twin": "0" * 64,
    "classes": {
        "older": {
            "source": SIDE_FORM,
            "destination": NO_SIDE,
            "keys": ["a/1"],
            "proven_different": 0,
            "in_vain": 1,
        }
    },
    "folders": {"a/": {"older": [2, 30, 0, 0]}},
    "accepted_lag": {"buckets": {"9": 1}, "within": {"60": 1}, "longest": 2, "not_yet": 1},
    "copied_lag": {"buckets": {}, "within": {}, "longest": 0, "not_yet": 0},
    "again": 0,
    "oldest_not_there": 1_700_000_000,
    "source_listed": SIDE_FORM,
    "destination_listed": NO_SIDE,
    "twin_listed": "0" * 64,
    "largest": 20,
    "drawn": {"seed": "5eed", "population": 1, "ranked": [[f"{7:064x}", "a/1"]]},
    "last_written": [[1_700_000_000, "a/1"]],
    "unread": {"encrypted": ["a/1"]},
    "parts": ["oms_source_record/differences/x.txt"],
    "lines": 1,
}
EXAMPLES = [
    (
        Piece(
            Kind.REST, "m", "c", "a", stopped=Stopped(Stop.REFUSED, "OMS refuses"), tally=TALLY, about=ABOUT, stuck=2
        ),
        {
            "kind": "rest",
            "until": "m",
            "after": "c",
            "begin": "a",
            "cut": "",
            "stopped": ["refused", "OMS refuses"],
            "tally": TALLY_FORM,
            "about": ABOUT_FORM,
            "stuck": 2,
        },
    ),
    (
        PassState(ABOUT, TALLY, "2026-02-02T01:00:00Z", ranges_open=0, ranges_done=3, pieces=9),
        {
            "of": ABOUT_FORM,
            "passed": TALLY_FORM,
            "ended": "2026-02-02T01:00:00Z",
            "ranges_open": 0,
            "ranges_done": 3,
            "pieces": 9,
            "amendment": None,
            "stuck": None,
        },
    ),
    (
        Amendment(3, "2026-02-02T02:00:00Z", TALLY),
        {"number": 3, "at": "2026-02-02T02:00:00Z", "tally": TALLY_FORM},
    ),
    (
        ListPositions(
            looked="2026-02-02T00:00:00Z",
            pages=1,
            lists={"oms/1.failed_list.txt": ListRead("ABC", 1_700_000_000, 64, "ff00", ended=True, lines=2, outside=1)},
            listed={"2026-02": Listed(2, 1)},
            group="0f0f",
            folder="oms/task_group/0f0f/",
            of_group=3,
        ),
        {
            "looked": "2026-02-02T00:00:00Z",
            "began": "",
            "after": "",
            "pages": 1,
            "lists": {"oms/1.failed_list.txt": ["ABC", 1_700_000_000, 64, "ff00", True, 2, 1]},
            "unread": 0,
            "example": "",
            "said": "",
            "listed": {"2026-02": [2, 1]},
            "group": "0f0f",
            "folder": "oms/task_group/0f0f/",
            "of_group": 3,
        },
    ),
    (
        ReplayState("a", {"0f0f": Rest("2026-02-03T00:00:00Z", "ABC", 0)}, {"at": "2026-02-02T00:00:00Z"}),
        {
            "after": "a",
            "resting": {"0f0f": ["2026-02-03T00:00:00Z", "ABC", 0]},
            "last": {"at": "2026-02-02T00:00:00Z"},
        },
    ),
]
TYPES = [type(value) for value, _ in EXAMPLES]


@pytest.mark.parametrize(("value", "form"), EXAMPLES, ids=[kind.__name__ for kind in TYPES])
def test_what_is_stored_has_this_form(value: object, form: object) -> None:
    assert to_json(value) == form
    assert from_json(type(value), json.loads(json.dumps(form))) == value


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


def values(hint: Any) -> st.SearchStrategy[Any]:
    """Any values of what a hint says."""
    origin, args = typing.get_origin(hint), typing.get_args(hint)
    if hint in ATOMS:
        return ATOMS[hint]
    if origin in (list, Sequence) or args[1:] == (...,):
        return st.lists(values(args[0]), max_size=3).map(list if origin is list else tuple)
    if origin is tuple:
        return st.tuples(*map(values, args))
    if origin in (dict, Mapping):
        return st.dictionaries(values(args[0]), values(args[1]), max_size=3)
    if origin is Counter:
        return st.dictionaries(values(args[0]), st.integers(), max_size=3).map(Counter)
    if args:
        return st.one_of(*map(values, args))
    if issubclass(hint, Enum):
        return st.sampled_from(hint)
    hints = typing.get_type_hints(hint, include_extras=True)
    names = [one.name for one in fields(hint)] if is_dataclass(hint) else hint._fields
    return st.builds(hint, **{name: values(hints[name]) for name in names})


@settings(max_examples=40)
@given(st.data())
@pytest.mark.parametrize("kind", TYPES)
def test_whatever_is_stored_is_read_as_it_was_written(kind: type, data: st.DataObject) -> None:
    value = data.draw(values(kind))
    assert from_json(kind, jsontext.load(jsontext.dump(to_json(value)))) == value
