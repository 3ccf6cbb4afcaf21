"""Rules for the list of deletions: each violated condition prevents the list, or removes a key from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from oss_oms_sync.answers.deletions import DeletionFacts, OmissionReason
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.deletions import (
    AbsentKey,
    find_omission_reason,
    find_reason_against_list,
    is_named_exactly,
    max_default_deletions,
)

DAY, HOUR = 86400, 3600
NOW = 1_770_000_000
MD5 = "0123456789ABCDEF" * 2
FACTS = DeletionFacts("photos", "photos", "photos-obs", "pass", "2026-02-02T00:00:00Z", 900, 1000, 0, "", 0, (), 0)
# A key that was absent for a day before the last comparison, which began an hour ago.
DELETED_KEY = AbsentKey(
    "a",
    MD5,
    NOW - 5 * DAY,
    NOW - HOUR - DAY,
    "404",
    "200",
    (MD5, NOW - 5 * DAY),
    (MD5, NOW - 5 * DAY - 5),
    is_waiting=False,
    is_proven=False,
    is_migrated=False,
)


def find_reason(**changes: object) -> OmissionReason | None:
    return find_omission_reason(replace(DELETED_KEY, **changes), NOW - HOUR, NOW - 9 * DAY)


@pytest.mark.parametrize(
    ("wanted", "changes"),
    [
        (None, {}),
        (OmissionReason.YOUNG, {"absent_since": DELETED_KEY.absent_since + 1}),
        (OmissionReason.NAME, {"key": " a"}),
        (OmissionReason.WAITS, {"is_waiting": True}),
        (OmissionReason.RECORDED, {"accepted_version": (MD5, NOW - HOUR)}),
        (OmissionReason.OTHERS, {"accepted_version": None}),
        (OmissionReason.OTHERS, {"accepted_version": ("-", DELETED_KEY.modified - 5)}),
        (OmissionReason.OTHERS, {"accepted_version": (MD5[::-1], DELETED_KEY.modified - 5)}),
        # Equal texts that are no MD5 prove nothing.
        (OmissionReason.OTHERS, {"etag": f"{MD5}-2", "accepted_version": (f"{MD5}-2", DELETED_KEY.modified)}),
        # Others wrote the bytes before the project was installed, or long after the acceptance.
        (OmissionReason.OTHERS, {"modified": NOW - 10 * DAY}),
        (OmissionReason.OTHERS, {"accepted_version": (MD5, DELETED_KEY.modified - DAY - 1)}),
        (OmissionReason.OBS_UNKNOWN, {"obs_status": "", "obs_version": None}),
        (OmissionReason.CHANGED, {"obs_status": "404", "obs_version": None}),
        (OmissionReason.CHANGED, {"obs_version": (MD5[::-1], DELETED_KEY.modified)}),
        (OmissionReason.CHANGED, {"obs_version": (MD5, DELETED_KEY.modified + 1)}),
        (OmissionReason.SOURCE_UNKNOWN, {"source_status": ""}),
        (OmissionReason.BACK, {"source_status": "200"}),
    ],
)
def test_the_deletion_list_omits_a_key_that_violates_one_condition(wanted, changes):
    assert find_reason(**changes) is wanted


def test_the_deletion_list_contains_a_proven_key_without_an_md5():
    parts = {"etag": f"{MD5}-2", "obs_version": (f"{MD5}-2", DELETED_KEY.modified)}
    assert find_reason(**parts) is OmissionReason.OTHERS
    assert find_reason(**parts, is_proven=True) is None
    assert find_reason(**parts, is_migrated=True, accepted_version=None) is None


@pytest.mark.parametrize(
    ("key", "exact"),
    [("a", True), ("a b/海+%2F.jpg", True), ("#a", True), ("...", True), ("a/b c", True)]
    + [(key, False) for key in (" a", "a ", "/a", "a\nb", "a\x7f", "a\u2028", "a//b", "a/", ".", "a/../b", "\u3000a")]
    # rclone writes "/" so, and would delete a/b.
    + [(key, False) for key in ("a／b", "．", "‛a", "a␀", "a\ufffd")],
)
def test_the_deletion_list_contains_only_keys_that_rclone_names_exactly(key, exact):
    assert is_named_exactly(key) is exact


@pytest.mark.parametrize(
    ("changes", "part", "step"),
    [
        ({"task_source": None}, "does not report the source bucket", Step("doctor")),
        ({"task_source": "other"}, "copies from the bucket other", None),
        ({"go": "0001-go.json"}, "A GO was given", None),
        ({"comparison": ""}, "No comparison has finished", Step("compare")),
        ({"back_to_source": None}, "It is unknown whether", Step("checklist")),
        ({"back_to_source": 1}, "has 1 back-to-source rule:", Step("checklist")),
        (
            {"source_objects": 499},
            "listed 499 objects of photos, but the comparison before it listed 1,000",
            Step("compare"),
        ),
        ({"unread_run_files": 1}, "1 run file of replay cannot be read", Step("status")),
        ({"missing_permissions": ["oss:GetObject"]}, "oss:GetObject on acs:oss:*:*:photos/*", None),
    ],
    ids=lambda case: ", ".join(case) if isinstance(case, dict) else "",
)
def test_each_unsafe_fact_alone_prevents_the_deletion_list(changes, part, step):
    text = find_reason_against_list(replace(FACTS, **changes))
    assert text is not None
    assert part in text.en
    assert step is None or step in text.steps


def test_the_deletion_list_is_allowed_after_a_listing_of_half_the_objects():
    assert find_reason_against_list(replace(FACTS, source_objects=500)) is None


@pytest.mark.parametrize(("objects", "limit"), [(99, 0), (100, 1), (50_000, 500), (100_000, 1000), (10**9, 1000)])
def test_the_deletion_list_has_at_most_1_percent_of_objects_or_1000_keys(objects, limit):
    assert max_default_deletions(objects) == limit
