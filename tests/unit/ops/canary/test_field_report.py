"""Field reports of canaries: they contain only words of fixed lists, and the documentation names their fields."""

import json
import re
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.canary import field_report, hops
from ops.canary.in_place import InPlaceEffect
from ops.canary.objects import canary_objects
from ops.clouds.wire import Response
from oss_oms_sync.unconfirmed import NOT_OBSERVED, UNCONFIRMED
from support.documents import Document
from support.law import schedules
from tools.package import ROOT
from unit.ops.canary.canary_world import CanaryWorld

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


class FilteredWorld(CanaryWorld):
    """A world whose project has a prefix and a suffix, and whose buckets have versions."""

    function_name, prefix, suffix = "kwyjibo", "träger of/", "'ü"

    def _set_up(self) -> None:
        super()._set_up()
        self.oss.buckets[self.source_bucket].versioning = "Enabled"
        self.obs.bucket(self.destination_bucket).has_versions = True

    def project(self) -> Path:
        answers = {"functionName": self.function_name, "objectPrefix": self.prefix, "objectSuffix": self.suffix}
        if not (self.folder / "project").exists():
            self.put_project(self.folder / "project", answers)
        return self.folder / "project"

    def identifiers(self) -> set[str]:
        """Return the texts in the world that identify its owner or its time."""
        # ETags, checksums, times, numbers of requests.
        values = {value.strip('"') for response in self.answered for value in response.headers.values()}
        return {
            *(self.source_bucket, self.log_bucket, self.destination_bucket, self.function_name),
            *(self.project_id, self.task_id, self.region, self.obs.region, "myhuaweicloud", "aliyuncs"),
            *(*self.user_credentials, *self.huawei_credentials, *self.function_credentials),
            *(self.prefix.strip("/"), self.suffix, "canary/", f"{self.platform.now():.0f}"[:6], "2026"),
            *(form for text in values if len(text) > 5 for form in (text, text.lower())),
        }


@pytest.fixture(scope="module")
def filtered_world():
    """Yield a world in which a canary has run."""
    with FilteredWorld(timers=0.05) as world:
        assert world.canary().code == 0
        yield world


def test_a_field_report_contains_no_names_of_buckets_or_keys(filtered_world):
    report = filtered_world.stored_report()
    text = json.dumps(report, ensure_ascii=False)
    assert [identifier for identifier in filtered_world.identifiers() if identifier in text] == []
    assert {*re.findall('"(.*?)"', text)} - allowed_texts() - field_names(report) == set()
    assert report["task"] == {
        "mode": filtered_world.task.overwrite_mode,
        "check": "size_last_modified",
        "metadata": filtered_world.task.copies_metadata,
    }
    assert report["versions"] == {"source": True, "destination": True}
    assert filtered_world.leftovers() == []


def test_the_page_of_unconfirmed_facts_names_fields_of_field_reports(filtered_world):
    document = Document.read(ROOT / "docs" / "unconfirmed.md")
    (table,) = document.tables
    fields = [token.content for row in table[1:] for token in row[-1].children if token.type == "code_inline"]
    assert len(fields) > 10
    for field in fields:
        part = filtered_world.stored_report()
        for name in field.split("."):
            part = (part[0] if isinstance(part, list) else part)[name]


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
