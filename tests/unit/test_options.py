"""The options that a job reads from the payload of a call by hand or of a timer event."""

from __future__ import annotations

import json
import re
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


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        *(
            (payload, Options())
            for payload in ("", " ", "{}", b"{}", json.dumps(TIMER), json.dumps({**TIMER, "payload": ""}))
        ),
        # A timer's payload is JSON in its event.
        (json.dumps({**TIMER, "payload": '{"limit": 5}'}), Options(limit=5)),
        ('{"prefix": "a/", "dry_run": true}', Options("a/", dry_run=True)),
    ],
)
def test_options_are_read_from_a_payload_by_hand_or_by_the_timer(payload, expected):
    assert options.parse(payload, Options) == expected


@pytest.mark.parametrize(
    ("payload", "problem"),
    [
        ("not json", "JSON object"),
        ("[]", "JSON object"),
        ("[" * 100_000, "JSON object"),
        ('{"prefx": "a"}', "'prefx', which this job does not know. It takes prefix (text), limit (whole number)"),
        ('{"limit": true}', "limit is True, which is no whole number"),
        ('{"dry_run": 1}', "dry_run is 1, which is no true or false"),
        ('{"keys": "a"}', "no list"),
        ('{"keys": ["a"], "keys": ["b"]}', "without duplicate names"),
        (json.dumps({"payload": '{"limit": 5}'}), "'payload', which this job does not know"),
        (json.dumps({**TIMER, "payload": "[]"}), "JSON object"),
    ],
)
def test_the_error_about_an_invalid_option_names_the_option(payload, problem):
    with pytest.raises(PayloadError, match=re.escape(problem)):
        options.parse(payload, Options)


@pytest.mark.parametrize(
    ("payload", "is_timer", "is_envelope"),
    [
        (json.dumps(TIMER), True, False),
        ('{"requestContext": {}, "requestPayload": "{}"}', False, True),
        *((payload, False, False) for payload in ("", "[]", "{}", '{"triggerName": "a"}', '{"triggerTime": "a"}')),
        *((payload, False, False) for payload in ('{"requestPayload": ""}', '{"requestContext": {}}')),
    ],
)
def test_a_payload_of_the_timer_or_of_a_failed_event_is_recognized(payload, is_timer, is_envelope):
    assert is_timer_event(payload) == is_timer
    assert is_failure_envelope(payload) == is_envelope
