"""Field reports of canaries: they contain only words of fixed lists, and the documentation names their fields."""

import json
import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.canary import field_report, hops
from ops.canary.field_report import SEPARATORS
from ops.canary.in_place import InPlaceEffect
from ops.canary.objects import canary_objects
from ops.clouds.wire import Response
from oss_oms_sync.unconfirmed import NOT_OBSERVED, UNCONFIRMED
from support.documents import Document
from support.law import SCHEDULES, choose_seeds, schedules
from tools.package import ROOT
from unit.ops.canary.canary_world import CanaryWorld, DrawnWorld

# A private text in names, headers, lists and answers of the clouds, which no report may contain.
PRIVATE = "s3cr3t-b0x"
words = st.text(max_size=8).map(lambda text: f"{PRIVATE}{text}")
etags = words | st.from_regex(r"[0-9A-F]{32}(-[1-9])?", fullmatch=True)
times = st.none() | st.integers(0, 10_000).map(
    lambda seconds: datetime(2026, 1, 31, 8, 0, 7, tzinfo=timezone.utc) + timedelta(seconds=seconds)
)


@st.composite
def traces(draw, item):
    headers = {"etag": f'"{draw(etags)}"', draw(words).lower(): draw(words), "x-obs-checksum-crc64ecma": "77"}
    return hops.Trace(
        item,
        draw(words),
        draw(etags),
        draw(times),
        draw(times),
        draw(times),
        draw(words),
        draw(times),
        Response(200, headers, b"") if draw(st.booleans()) else None,
        [draw(words)],
        {draw(words): "kept", "content-type": draw(words)},
    )


@st.composite
def watches(draw):
    list_form = hops.ListForm(
        draw(words), draw(words), (draw(words), "key"), draw(words), draw(st.booleans()), draw(times)
    )
    small = [canary_object for canary_object in canary_objects() if canary_object.size <= 1000]
    return SimpleNamespace(
        traces=[draw(traces(item)) for item in small],
        counts=hops.OmsTotals(draw(words), 7, 7) if draw(st.booleans()) else None,
        count_time=draw(times),
        are_counts_exclusive=draw(st.booleans()),
        last_acceptance_time=draw(times),
        change_event=draw(words),
        double_counting=draw(words),
        key_order=draw(words),
        lists=[list_form],
    )


def list_texts(document):
    """Yield each field name and each text in a JSON document."""
    if isinstance(document, dict):
        for name, part in document.items():
            yield name
            yield from list_texts(part)
    elif isinstance(document, list):
        for part in document:
            yield from list_texts(part)
    elif isinstance(document, str):
        yield document


@pytest.mark.part
@settings(max_examples=schedules(6))
@given(
    watch=watches(), shown=st.dictionaries(st.sampled_from(["object_overwrite_mode", "consistency_check", "x"]), words)
)
def test_a_field_report_never_identifies_an_account(watch, shown):
    in_place = InPlaceEffect(PRIVATE, PRIVATE, PRIVATE, PRIVATE, PRIVATE)
    report = field_report.report(
        watch, "20260131T080007Z-abcd", shown, in_place, policy=PRIVATE, has_versioning=(True, False), copy_speed=None
    )
    text = json.dumps(report, ensure_ascii=False)
    assert PRIVATE not in text
    # A report without long numbers has no ETag, checksum or time.
    assert not re.search(r"[0-9A-Fa-f]{16}|\d{5}|20\d\d-", text)
    assert not any(trace.etag in text for trace in watch.traces if trace.etag)


def allowed_texts():
    """Return the texts that a field report may contain."""
    tables = [value for name, value in vars(field_report).items() if name.startswith("_") and isinstance(value, tuple)]
    return {
        *field_report.DURATIONS,
        *field_report.SEPARATORS.values(),
        *(text for table in tables for text in table if isinstance(text, str)),
        *("other", "none", "whole", "LF", "CRLF", "gone", "bytes"),
        *(field_report.KIND, *field_report.PART_SIZES, *field_report.POLICIES),
    }


# Each world runs a whole canary in its own clouds.
WORLD_COUNT = SCHEDULES // 60
LAW_NAME = "a field report names nobody"


@pytest.mark.law
@pytest.mark.parametrize("block", range(4))
def test_a_field_report_contains_no_names_of_buckets_or_keys(block, count):
    for seed in choose_seeds(block, WORLD_COUNT):
        with DrawnWorld(seed) as world:
            result = world.canary()
            report = result.answer["report"]
            text = json.dumps(report, ensure_ascii=False)
            assert [identifier for identifier in world.identifying() if identifier in text] == [], seed
            assert {text for text in list_texts(report) if text not in allowed_texts()} <= field_names(report), seed
            # The report is about this world.
            assert report["task"] == {
                "mode": world.task.overwrite_mode,
                "check": "size_last_modified",
                "metadata": world.task.copies_metadata,
            }, seed
            fields = report["counts"]["step"], report["part_size"], report["listing"]["order"]
            order = world.obs.bucket(world.destination_bucket).order
            for field, value in zip(fields, (world.task.step, world.parts, order), strict=True):
                assert field in {value, "not seen"}, seed
            assert {oms_list["separator"] for oms_list in report["lists"]} <= {
                SEPARATORS[world.task.lists.separator]
            }, seed
            if "Created" not in world.oss.header_event:
                assert report["header_change"]["event"] in ("no", "not seen"), seed
            assert world.leftovers(after=3600) == [], seed
        count(LAW_NAME, {0: "all came", 1: "something differs", 3: "something did not come"}[result.code])


def test_field_reports_can_contain_each_word_that_confirms_an_assumption():
    for unconfirmed in UNCONFIRMED.values():
        assert {*unconfirmed.confirming_values, NOT_OBSERVED} <= {*allowed_texts(), "not seen"}
        assert not unconfirmed.confirming_values or len(unconfirmed.fields) == 1


def field_names(report):
    """Return the names of all fields in a field report."""
    names = ("task", "versions", "counts", "listing", "objects", "header_change", "bandwidth", "in_place")
    parts = (report[name] for name in names)
    lists = (name for oms_list in report["lists"] for name in oms_list)
    return {*report, *(name for part in parts for name in part), *lists, *report["objects"]["small"]}


def test_the_page_of_unconfirmed_facts_names_fields_of_field_reports():
    with CanaryWorld() as world:
        report = world.canary().answer["report"]
    document = Document.read(ROOT / "docs" / "unconfirmed.md")
    (table,) = document.tables
    fields = [token.content for row in table[1:] for token in row[-1].children if token.type == "code_inline"]
    assert len(fields) > 10
    for field in fields:
        part = report
        for name in field.split("."):
            part = (part[0] if isinstance(part, list) else part)[name]
