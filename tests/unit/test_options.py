"""What a job is asked for, by hand and by a timer."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest

from oss_oms_sync import options
from oss_oms_sync.errors import PayloadError
from oss_oms_sync.events import is_failure_envelope, is_timer_event


@dataclass(frozen=True)
class Options:
    prefix: str = ""
    limit: int | None = None
    dry_run: bool = False
    keys: list[str] | None = None


TIMER = {"triggerTime": "2026-01-01T00:00:00Z", "triggerName": "every-5-minutes"}


@pytest.mark.parametrize("payload", ["", " ", "{}", b"{}", json.dumps(TIMER), json.dumps({**TIMER, "payload": ""})])
def test_nothing_asked_is_no_options(payload):
    assert options.parse(payload, Options) == Options()


def test_a_timers_payload_is_json_in_its_event():
    assert options.parse(json.dumps({**TIMER, "payload": '{"limit": 5}'}), Options) == Options(limit=5)


def test_a_payload_by_hand_is_taken_as_it_is():
    assert options.parse('{"prefix": "a/", "dry_run": true}', Options) == Options("a/", dry_run=True)


@pytest.mark.parametrize(
    ("payload", "told"),
    [
        ("not json", "JSON object"),
        ("[]", "JSON object"),
        ("[" * 100_000, "JSON object"),
        ('{"prefx": "a"}', "'prefx', which this job does not know. It takes prefix (text), limit (whole number)"),
        ('{"limit": true}', "limit is True, which is no whole number"),
        ('{"dry_run": 1}', "dry_run is 1, which is no true or false"),
        ('{"keys": "a"}', "no list"),
        ('{"keys": ["a"], "keys": ["b"]}', "names nothing twice"),
        (json.dumps({"payload": '{"limit": 5}'}), "'payload', which this job does not know"),
        (json.dumps({**TIMER, "payload": "[]"}), "JSON object"),
    ],
)
def test_what_cannot_be_used_is_named(payload, told):
    with pytest.raises(PayloadError) as raised:
        options.parse(payload, Options)
    assert told in str(raised.value)


def test_an_envelope_is_told_from_everything_else():
    assert is_failure_envelope('{"requestContext": {}, "requestPayload": "{}"}')
    for payload in ("", "[]", "{}", '{"requestPayload": ""}', '{"requestContext": {}}', json.dumps(TIMER)):
        assert not is_failure_envelope(payload)


def test_a_timers_event_is_told_from_everything_else():
    assert is_timer_event(json.dumps(TIMER))
    for payload in ("", "[]", "{}", '{"triggerName": "a"}', '{"triggerTime": "a"}', '{"requestContext": {}}'):
        assert not is_timer_event(payload)
