"""A field report holds words of closed lists only; and the page of what is not confirmed names its fields."""

import json
import re
from datetime import datetime, timedelta, timezone
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ops.canary import field_report, hops
from ops.canary.objects import items
from ops.clouds.wire import Answer
from support.canary_world import CanaryWorld
from support.documents import Document
from tools.package import ROOT

# What is in no report whoever ran it: as it would stand in names, headers, lists and answers of the clouds.
PRIVATE = "s3cr3t-b0x"
words = st.text(max_size=8).map(lambda text: f"{PRIVATE}{text}")
etags = words | st.from_regex(r"[0-9A-F]{32}(-[1-9])?", fullmatch=True)
moments = st.none() | st.integers(0, 10_000).map(
    lambda seconds: datetime(2026, 1, 31, 8, 0, 7, tzinfo=timezone.utc) + timedelta(seconds=seconds)
)


@st.composite
def followed(draw, item):
    headers = {"etag": f'"{draw(etags)}"', draw(words).lower(): draw(words), "x-obs-checksum-crc64ecma": "77"}
    return hops.Followed(
        item,
        draw(words),
        draw(etags),
        draw(moments),
        draw(moments),
        draw(moments),
        draw(words),
        draw(moments),
        Answer(200, headers, b"") if draw(st.booleans()) else None,
        [draw(words)],
        {draw(words): "kept", "content-type": draw(words)},
    )


@st.composite
def watches(draw):
    listed = hops.Lists(draw(words), draw(words), (draw(words), "key"), draw(words), draw(st.booleans()), draw(moments))
    small = [one for one in items() if one.size <= 1000]
    return SimpleNamespace(
        followed=[draw(followed(item)) for item in small],
        counts=hops.Counts(draw(words), 7, 7) if draw(st.booleans()) else None,
        counted=draw(moments),
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
    told = field_report.report(watch, "20260131T080007Z-abcd", shown, versions=(True, False))
    text = json.dumps(told, ensure_ascii=False)
    assert PRIVATE not in text
    # No ETag, checksum or time: no long number at all.
    assert not re.search(r"[0-9A-Fa-f]{16}|\d{5}|20\d\d-", text)
    assert not any(one.etag in text for one in watch.followed if one.etag)


def allowed():
    """Every text that can stand in a report."""
    found = {
        *field_report.DURATIONS,
        *field_report.SEPARATORS.values(),
        "other",
        "none",
        "whole",
        "LF",
        "CRLF",
        "gone",
        "bytes",
    }
    for name in dir(field_report):
        value = getattr(field_report, name)
        if name.startswith("_") and isinstance(value, tuple):
            found |= {one for one in value if isinstance(one, str)}
    return found | {field_report.KIND, *field_report.PARTS}


@pytest.mark.parametrize("seed", range(3))
def test_the_report_of_a_world_names_nothing_of_it(seed):
    with CanaryWorld(seed) as world:
        told = world.canary().answer["report"]
        text = json.dumps(told, ensure_ascii=False)
        names = {world.source_bucket, world.log_bucket, world.destination_bucket, world.project_id, world.task_id}
        names |= {*world.user_credentials, *world.huawei_credentials, world.region, world.obs.region, "myhuaweicloud"}
        names |= {one.etag for one in world.obs.objects(world.destination_bucket).values()}
        names |= {f"{world.ground.now():.0f}"[:6], "2026", "canary/"}
    assert [one for one in names if one in text] == []
    assert {one for one in texts(told) if one not in allowed()} <= {
        *told,
        *(one for name in ("task", "versions", "counts", "listing", "objects") for one in told[name]),
        *told["lists"][0],
        *told["objects"]["small"],
    }


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
