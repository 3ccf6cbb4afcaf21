"""A field report holds words of closed lists only; and the page of what is not confirmed names its fields."""

import json
import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.canary import field_report, hops
from ops.canary.field_report import SEPARATORS
from ops.canary.in_place import InPlace
from ops.canary.objects import canary_objects
from ops.clouds.wire import Response
from oss_oms_sync.unconfirmed import NOT_OBSERVED, UNCONFIRMED
from support.documents import Document
from support.law import SCHEDULES, seeds_of
from tools.package import ROOT
from unit.ops.canary.canary_world import CanaryWorld, DrawnWorld

# What is in no report whoever ran it: as it would stand in names, headers, lists and answers of the clouds.
PRIVATE = "s3cr3t-b0x"
words = st.text(max_size=8).map(lambda text: f"{PRIVATE}{text}")
etags = words | st.from_regex(r"[0-9A-F]{32}(-[1-9])?", fullmatch=True)
moments = st.none() | st.integers(0, 10_000).map(
    lambda seconds: datetime(2026, 1, 31, 8, 0, 7, tzinfo=timezone.utc) + timedelta(seconds=seconds)
)


@st.composite
def traces(draw, item):
    headers = {"etag": f'"{draw(etags)}"', draw(words).lower(): draw(words), "x-obs-checksum-crc64ecma": "77"}
    return hops.Trace(
        item,
        draw(words),
        draw(etags),
        draw(moments),
        draw(moments),
        draw(moments),
        draw(words),
        draw(moments),
        Response(200, headers, b"") if draw(st.booleans()) else None,
        [draw(words)],
        {draw(words): "kept", "content-type": draw(words)},
    )


@st.composite
def watches(draw):
    listed = hops.ListForm(
        draw(words), draw(words), (draw(words), "key"), draw(words), draw(st.booleans()), draw(moments)
    )
    small = [canary_object for canary_object in canary_objects() if canary_object.size <= 1000]
    return SimpleNamespace(
        traces=[draw(traces(item)) for item in small],
        counts=hops.Counts(draw(words), 7, 7) if draw(st.booleans()) else None,
        counted=draw(moments),
        is_alone=draw(st.booleans()),
        doubles=draw(words),
        order=draw(words),
        lists=[listed],
    )


def texts(value):
    """All names and texts of JSON."""
    if isinstance(value, dict):
        for name, one in value.items():
            yield name
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


@settings(max_examples=100, deadline=None)
@given(
    watch=watches(), shown=st.dictionaries(st.sampled_from(["object_overwrite_mode", "consistency_check", "x"]), words)
)
def test_whatever_the_clouds_say_a_report_identifies_nobody(watch, shown):
    in_place = InPlace(PRIVATE, PRIVATE, PRIVATE, PRIVATE)
    told = field_report.report(watch, "20260131T080007Z-abcd", shown, in_place, versions=(True, False))
    text = json.dumps(told, ensure_ascii=False)
    assert PRIVATE not in text
    # No ETag, checksum or time: no long number at all.
    assert not re.search(r"[0-9A-Fa-f]{16}|\d{5}|20\d\d-", text)
    assert not any(one.etag in text for one in watch.traces if one.etag)


def allowed():
    """Every text that can stand in a report."""
    tables = [value for name, value in vars(field_report).items() if name.startswith("_") and isinstance(value, tuple)]
    return {
        *field_report.DURATIONS,
        *field_report.SEPARATORS.values(),
        *(one for table in tables for one in table if isinstance(one, str)),
        *("other", "none", "whole", "LF", "CRLF", "gone", "bytes"),
        *(field_report.KIND, *field_report.PARTS),
    }


# Each is a whole canary in clouds of its own; a hundred of them, and more, where more is asked for.
WORLDS = SCHEDULES // 60
LAW = "a field report names nobody"


@pytest.mark.law
@pytest.mark.parametrize("block", range(4))
def test_the_report_of_a_world_names_nothing_of_it_and_tells_what_it_is_like(block, count):
    for seed in seeds_of(block, WORLDS):
        with DrawnWorld(seed) as world:
            said = world.canary()
            told = said.answer["report"]
            text = json.dumps(told, ensure_ascii=False)
            assert [one for one in world.identifying() if one in text] == [], seed
            assert {one for one in texts(told) if one not in allowed()} <= names_of(told), seed
            # It is of this world, and of no other.
            assert told["task"] == {
                "mode": world.task.overwrite_mode,
                "check": "size_last_modified",
                "metadata": world.task.metadata,
            }, seed
            found = told["counts"]["step"], told["part_size"], told["listing"]["order"]
            order = world.obs.bucket(world.destination_bucket).order
            for one, is_so in zip(found, (world.task.step, world.parts, order), strict=True):
                assert one in {is_so, "unknown"}, seed
            assert {one["separator"] for one in told["lists"]} <= {SEPARATORS[world.task.lists.separator]}, seed
            assert world.left(after=3600) == [], seed
        count(LAW, {0: "all came", 1: "something differs", 3: "something did not come"}[said.code])


def test_what_doctor_takes_for_confirmed_are_words_of_reports():
    for unconfirmed in UNCONFIRMED.values():
        assert {*unconfirmed.as_assumed, NOT_OBSERVED} <= {*allowed(), "unknown"}
        assert not unconfirmed.as_assumed or len(unconfirmed.fields) == 1


def names_of(told):
    """The fields of a report."""
    parts = (told[name] for name in ("task", "versions", "counts", "listing", "objects", "in_place"))
    lists = (name for one in told["lists"] for name in one)
    return {*told, *(name for part in parts for name in part), *lists, *told["objects"]["small"]}


def test_the_page_of_what_is_not_confirmed_names_fields_that_are_there():
    with CanaryWorld() as world:
        told = world.canary().answer["report"]
    document = Document.read(ROOT / "docs" / "unconfirmed.md")
    (table,) = document.tables
    fields = [token.content for row in table[1:] for token in row[-1].children if token.type == "code_inline"]
    assert len(fields) > 10
    for field in fields:
        found = told
        for part in field.split("."):
            found = (found[0] if isinstance(found, list) else found)[part]
