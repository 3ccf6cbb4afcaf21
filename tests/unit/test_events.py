"""Payloads of events: each form of payload gives the same object changes, and no part is lost."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oss_oms_sync import events
from oss_oms_sync.events import ObjectChange, ParsedEvents
from oss_oms_sync.settings import Settings
from support.world import ENVIRONMENT, event

FILES = Path(__file__).parents[1] / "events"
SETTINGS = Settings.from_env(ENVIRONMENT)
PHOTO = ObjectChange(
    key="photos/2026/山 与+海 100%.jpg",
    event_name="ObjectCreated:PutObject",
    event_time="2022-08-13T06:45:43.000Z",
    etag="5EB63BBBE01EEED093CB22BB8F5ACDC3",
)
keys = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)


def parse_events(*deliveries: object, **environment: str):
    return events.parse(json.dumps({"events": deliveries}).encode(), Settings.from_env({**ENVIRONMENT, **environment}))


def summarize(parsed: ParsedEvents) -> tuple[list[str], dict[str, int], int]:
    """Return the keys of the changes, the skipped events by name, and the number of problems."""
    return [change.key for change in parsed.changes], dict(parsed.skipped), len(parsed.problems)


@pytest.mark.parametrize(
    "name",
    [
        "oss_trigger",
        "cloud_event",
        "cloud_event_array",
        "mns_base64",
        "mns_plain",
        "on_failure_string",
        "on_failure_object",
    ],
)
def test_each_form_of_payload_is_parsed_to_the_same_change(name):
    parsed = events.parse((FILES / f"{name}.json").read_bytes(), SETTINGS)
    assert parsed.changes[0] == PHOTO
    assert summarize(parsed) == ([PHOTO.key, *(["second.txt"] if name.endswith("array") else [])], {}, 0)


@given(st.lists(keys, min_size=1, max_size=12))
def test_the_event_parser_never_loses_an_object_key(names):
    for wrap in (lambda text: text, lambda text: json.dumps({"requestContext": {}, "requestPayload": text})):
        text = wrap(json.dumps({"events": [event(name) for name in names]}))
        forwarded = {change.key for change in events.parse(text.encode(), SETTINGS).changes}
        assert forwarded | {name for name in names if name.startswith("oms_source_record/")} == set(names)


PUT = "ObjectCreated:PutObject"
# Events of changes without new contents that OMS could copy.
SKIPPED = [
    *(f"ObjectCreated:{call}" for call in ("InitiateMultipartUpload", "UploadPart", "UploadPartCopy", "PutSymlink")),
    "ObjectModified:UpdateObjectMeta",
    *(f"ObjectRemoved:{call}" for call in ("AbortMultipartUpload", "DeleteObject", "DeleteObjects")),
    "ObjectReplication:ObjectRemoved",
    "ObjectRestore:FinishRestore",
    "ObjectDownloaded:GetObject",
]
SCHEMA = Path(__file__).parents[1] / "component" / "fc3-schema.json"
TRIGGER = json.loads(SCHEMA.read_text(encoding="utf-8"))["definitions"]["IOssTriggerConfig"]


@pytest.mark.parametrize(
    ("name", "read"),
    [
        *((name, name) for name in (PUT, "ObjectReplication:ObjectCreated", "ObjectReplication:ObjectModified")),
        *((name, name) for name in ("ObjectModified:AnyNewName", "ObjectAnyNew:Kind", "ObjectCreated:AnyNewName")),
        (f"oss:{PUT}", PUT),
        (f"OSS:{PUT}", PUT),
    ],
)
def test_the_event_parser_returns_events_of_new_contents_and_unknown_ones(name, read):
    assert [change.event_name for change in parse_events(event("a", name)).changes] == [read]


def test_the_event_parser_skips_only_event_types_without_new_contents():
    enum = {name.removeprefix("oss:") for name in TRIGGER["properties"]["events"]["items"]["enum"]}
    names = enum - {"ObjectCreated:*"}
    parsed = parse_events(*(event(name, name) for name in sorted(names)))
    assert parsed.skipped.keys() == names & {*SKIPPED}
    assert {change.key for change in parsed.changes} == names - {*SKIPPED}


@pytest.mark.parametrize("name", SKIPPED)
def test_the_event_parser_skips_and_counts_events_without_new_contents(name):
    assert summarize(parse_events(event("a", name), event("b", name), event("c"))) == (["c"], {name: 2}, 0)


OLD = event("a", time="2026-01-01T00:00:01.000Z", etag="0D")
BESIDE, NEW = (event("a", time="2026-01-01T00:00:02.000Z", etag=etag) for etag in ("01", "AE"))


# If two events have the same time, the later in the payload counts.
@pytest.mark.parametrize("twice", [(OLD, NEW), (NEW, OLD), (NEW, OLD, NEW), (BESIDE, NEW)])
def test_the_event_parser_returns_only_the_newest_event_of_a_repeated_key(twice):
    parsed = parse_events(*twice, event("b"))
    assert [(change.key, change.etag) for change in parsed.changes] == [("a", "AE"), ("b", "0123456789ABCDEF")]


@pytest.mark.parametrize(
    ("deliveries", "environment", "keys", "skipped"),
    [
        (
            [event("a", bucket="photos-oms-log"), event("oms_source_record/t/success_object/a"), event("ok")],
            {},
            ["ok"],
            {"log bucket": 1, "record": 1},
        ),
        ([event("a", bucket="videos")], {"SOURCE_BUCKET": ""}, ["a"], {}),
        (
            [event("in/a.jpg"), event("out/a.jpg"), event("in/a.png")],
            {"OBJECT_PREFIX": "in/", "OBJECT_SUFFIX": ".jpg"},
            ["in/a.jpg"],
            {"outside OBJECT_PREFIX and OBJECT_SUFFIX": 2},
        ),
    ],
    ids=["the log bucket and records", "any bucket without SOURCE_BUCKET", "outside the filter"],
)
def test_the_event_parser_skips_events_that_are_not_of_the_project(deliveries, environment, keys, skipped):
    assert summarize(parse_events(*deliveries, **environment)) == (keys, skipped, 0)


def test_the_event_parser_reports_an_event_of_another_bucket():
    parsed = parse_events(event("a", bucket="videos"), event("b"))
    assert [change.key for change in parsed.changes] == ["b"]
    assert parsed.problems == [
        "ObjectCreated:PutObject: the event is of bucket 'videos', but SOURCE_BUCKET is 'photos'."
        " Correct SOURCE_BUCKET, or remove that bucket's trigger"
    ]


@pytest.mark.parametrize(
    "broken",
    [
        {},
        {"eventName": "ObjectCreated:PutObject"},
        {"eventName": "ObjectCreated:PutObject", "oss": {"object": {"key": ""}}},
        {"eventName": "ObjectCreated:PutObject", "oss": {"object": {"key": 7}}},
        {"eventName": "ObjectCreated:PutObject", "oss": {"object": "x"}},
        {"eventName": "ObjectCreated:PutObject", "oss": {"object": {"key": "\ud800"}}},
        "text",
        None,
    ],
)
def test_the_event_parser_reads_the_events_around_an_unreadable_event(broken):
    assert summarize(parse_events(event("before"), broken, event("after"))) == (["before", "after"], {}, 1)


names = ["events", "eventName", "oss", "object", "key", "Message", "type", "data", "requestContext", "requestPayload"]
anything = st.recursive(
    st.none() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(names), inner),
)


@settings(max_examples=50)
@given(anything)
def test_the_event_parser_never_raises_for_any_payload(value):
    assert isinstance(events.parse(json.dumps(value).encode(), SETTINGS), ParsedEvents)


A, B = json.dumps(event("a")), json.dumps(event("b"))


EVENTS = f'{{"events": [{A}]}}'


TWO_NAMES = f'{{"events": [{A}, {{"eventName": "x", "eventName": "y"}}, {B}]}}'
OTHER_SERVICES = ("mns:Queue:SendMessage", "anything", "ecs:Instance:StateChange")
# Payloads with the keys of the parsed changes, and with the number of problems.
TEXTS = [
    # Any envelope.
    *(
        (text, ["a"], 0)
        for text in (
            A,
            f"[{A}]",
            f'{{"requestContext": {{}}, "requestPayload": {A}}}',
            base64.b64encode(EVENTS.encode()).decode(),
            base64.encodebytes(EVENTS.encode()).decode(),
            json.dumps({"Message": base64.encodebytes(EVENTS.encode()).decode()}),
            json.dumps({"type": "oss:ObjectCreated:PutObject", "data": EVENTS}),
            f'{{"type": "oss:x", "data": {EVENTS}}}',
            # A form that is not documented yet.
            EVENTS.replace("PutObject", "Teleport"),
            EVENTS.replace('"bucket"', '"barrel"'),
            # A repeated name with equal values, or in a part that is not read.
            EVENTS.replace('"eventVersion": "1.0"', '"eventVersion": "1.0", "eventVersion": "1.0"'),
            EVENTS.replace('"size": 9', '"objectMeta": {"x": 1, "x": 2}, "size": 9'),
        )
    ),
    # A repeated JSON name, which hides no other event.
    *(
        (text, [], 1)
        for text in (
            f'{{"events": [{A}], "events": [{B}]}}',
            f'{{"requestContext": {{}}, "requestPayload": {A}, "requestPayload": {B}}}',
            f'{{"requestContext": {{}}, "requestPayload": {{"events": [{A}], "events": [{B}]}}}}',
            f'{{"type": "oss:ObjectCreated:PutObject", "data": {A}, "data": {B}}}',
            json.dumps({"Message": f'{{"events": [{A}], "events": [{B}]}}'}),
            '{"Message": "e30=", "Message": "e30="}',
            '{"events": [{"eventName": "ObjectCreated:PutObject", "oss": {"object": {"key": "a", "key": "b"}}}]}',
            f'{{"events": [{A[:-1]}, "eventName": "ObjectRemoved:DeleteObject"}}]}}',
            f'{{"events": [{A[:-1]}, "oss": {{"object": {{"key": "b"}}}}}}]}}',
        )
    ),
    (TWO_NAMES, ["a", "b"], 1),
    # Events of other services than OSS.
    *((json.dumps({"source": "acs:x", "type": name, "data": {"messageBody": "{}"}}), [], 1) for name in OTHER_SERVICES),
]


@pytest.mark.parametrize(("text", "keys", "problems"), TEXTS)
def test_the_event_parser_reads_an_event_in_any_envelope(text, keys, problems):
    assert summarize(events.parse(text.encode(), SETTINGS)) == (keys, {}, problems)


@pytest.mark.parametrize(
    "wrap",
    [
        lambda text: f"[{text}]",
        lambda text: json.dumps({"Message": text}),
        lambda text: json.dumps({"type": "oss:x", "data": text}),
        lambda text: json.dumps({"requestContext": {}, "requestPayload": text}),
        lambda text: f'{{"requestContext": {{}}, "requestPayload": {text}}}',
        lambda text: base64.b64encode(text.encode()).decode(),
    ],
    ids=["lists", "messages", "data", "payloads as text", "payloads", "base64"],
)
def test_the_event_parser_reads_at_most_five_nested_envelopes(wrap):
    text = A
    for _ in range(5):
        text = wrap(text)
    assert [change.key for change in events.parse(text, SETTINGS).changes] == ["a"]
    for _ in range(2):
        text = wrap(text)
        assert events.parse(text, SETTINGS) == ParsedEvents(problems=["the payload is nested too deeply"])


NEITHER = "the payload is neither JSON nor base64 of JSON"
NONE_OF = (
    "the payload is not an OSS trigger event, a CloudEvent, an MNS message or an onFailure envelope, or it has"
    " duplicate names"
)


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        *(
            (payload, NEITHER)
            for payload in (b"", b"{", b"XXXX", b"not json", b"\xff\xfe\xfd", A.encode()[:-1], b"[" * 100_000)
        ),
        *((b'{"Message": "%b"}' % body, NEITHER) for body in (b"!!!", b"AAAA")),
        (b"!" + base64.b64encode(A.encode()), NEITHER),
        *((payload, NONE_OF) for payload in (b"{}", b'"text"', b"7", b"null", b'{"events": 5}')),
        (b'{"events": 1, "events": 2}', NONE_OF),
        (b'{"triggerTime": "2023-12-26T07:49:00Z", "triggerName": "t", "payload": ""}', NONE_OF),
        (b'{"requestContext": {}, "requestPayload": 7}', NONE_OF),
        (b"[[[[[[[[[[]]]]]]]]]]", "the payload is nested too deeply"),
        (b'{"events": [{}]}', "an event is not from OSS: its name is ''"),
        (
            b'{"eventName": "ObjectCreated:PutObject"}',
            "ObjectCreated:PutObject: an event has no oss.object.key",
        ),
    ],
)
def test_the_event_parser_names_the_problem_of_an_unreadable_event(payload, problem):
    assert events.parse(payload, SETTINGS) == ParsedEvents(problems=[problem])


@pytest.mark.parametrize(
    ("etag", "read"),
    [('"abc-2"', "ABC-2"), *((text, "") for text in ("中文", "\ud800", "A\r\nX: y", "", "x" * 65, "XABC"))],
)
def test_the_event_parser_reads_etags_in_upper_case_and_drops_invalid_ones(etag, read):
    assert parse_events(event("a", etag=etag)).changes[0].etag == read
