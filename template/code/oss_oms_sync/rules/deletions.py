"""Rules for the list of deletions, the keys to delete in OBS because the source has deleted their objects.

There are reasons to make no list, and reasons to omit a single key from the list.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta

from oss_oms_sync.answers.deletions import DeletionFacts, OmissionReason
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.rules.reading import GRANT_READING, format_policy_lines
from oss_oms_sync.rules.times import MAX_CLOCK_SKEW

# The maximum delay of an event, and of the copy that follows it.
MAX_EVENT_DELAY = timedelta(days=1)
# The maximum age of a list: an older list does not show the present state of both clouds.
MAX_LIST_AGE = timedelta(hours=1)
# A list with more keys, by number or by share of the source's objects, needs the user's `--max`.
MAX_KEYS = 1000
MAX_SHARE = 0.01
_MD5_PATTERN = re.compile(r"[0-9A-F]{32}")
# Control characters, and the characters with which rclone replaces "/", "." and control characters in names
# (https://rclone.org/overview/#encoding). Given such a key, rclone would address an object with another name.
_REPLACED_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u2400-\u2421\uff0e\uff0f\u201b\ufffd]")


def max_default_deletions(source_objects: int) -> int:
    """Return the maximum number of keys in a list of deletions if the user does not set it by `--max`."""
    return min(MAX_KEYS, int(source_objects * MAX_SHARE))


def has_shrunk(source_objects: int, objects_before: int) -> bool:
    """Return True if the last comparison listed less than half as many source objects as the comparison before it.

    The last listing may then be wrong, for example because another server answered in the place of OSS.
    """
    return 2 * source_objects < objects_before


def find_reason_against_list(facts: DeletionFacts) -> Text | None:
    """Return the reason why no list can be made, with the next step, or None if a list can be made."""
    if facts.task_source is None:
        return t(
            "OMS does not report the source bucket of the sync task, so no list of deletions can be made. To check"
            " the task: {step}",
            step=Step("doctor"),
        )
    if facts.task_source != facts.source_bucket:
        return t(
            "The sync task copies from the bucket {task}, but SOURCE_BUCKET is {bucket}: an object that is missing"
            " in {bucket} may exist in {task}. Correct sourceBucket in s.yaml",
            task=facts.task_source,
            bucket=facts.source_bucket,
        )
    if facts.go:
        return t(
            "A GO was given ({go}). Applications have been writing to OBS since then, so the source no longer"
            " shows which objects in OBS can be deleted",
            go=facts.go,
        )
    if not facts.comparison:
        return t(
            "No comparison has finished, so it is unknown which objects were deleted. To compare: {step}",
            step=Step("compare"),
        )
    if facts.back_to_source is None:
        return t(
            "It is unknown whether {bucket} has back-to-source rules, by which OBS would fetch a deleted object"
            " again. To find out, run with an administrator's keys: {step}",
            bucket=facts.destination_bucket,
            step=Step("checklist"),
        )
    if facts.back_to_source:
        return t(
            "{bucket} has {n:back-to-source rule|back-to-source rules}: OBS would fetch a deleted object again."
            " Delete the rules in the OBS console, then run the checklist: {step}",
            bucket=facts.destination_bucket,
            n=facts.back_to_source,
            step=Step("checklist"),
        )
    if has_shrunk(facts.source_objects, facts.objects_before):
        return t(
            "The last comparison listed {n:object|objects} of {bucket}, but the comparison before it listed"
            " {before}: the last listing may be incomplete. Check the source bucket, then compare twice:"
            " {step}",
            n=facts.source_objects,
            bucket=facts.source_bucket,
            before=facts.objects_before,
            step=Step("compare"),
        )
    if facts.unread_run_files:
        return t(
            "{n:run file|run files} of replay cannot be read, so the object keys that replay will submit"
            " are unknown. For details: {step}",
            n=facts.unread_run_files,
            step=Step("status"),
        )
    if facts.missing_permissions:
        permission_lines = format_policy_lines(facts.missing_permissions, facts.source_bucket, facts.destination_bucket)
        return sentences(
            t(
                "The functions cannot read object headers. Missing permissions: {missing:and}",
                missing=permission_lines,
            ),
            GRANT_READING,
        )
    return None


def is_named_exactly(key: str) -> bool:
    """Return True if a line with this key in rclone's `--files-from-raw` addresses only the object of this key."""
    path_parts = key.split("/")
    return key == key.strip() and not _REPLACED_CHARACTERS.search(key) and not {"", ".", ".."} & {*path_parts}


@dataclass(frozen=True)
class AbsentKey:
    """A key that the last comparison did not find at the source, with its present state in the clouds and the records.

    - `etag`, `modified`: OBS's object in the last comparison. Times are in seconds since 1970.
    - `obs_version`: the ETag and the time of OBS's object now.
    - `absent_since`: the time of the first comparison without the key.
    - `source_status`, `obs_status`: the status of the answer to HEAD: "200", "404", or "" for any other answer.
    - `accepted_version`: the ETag and the time of the success record.
    - `is_waiting`: True if replay has to resend the key.
    - `is_proven`: True if a stored proof says that OBS's object had the contents of the source's object.
    - `is_migrated`: True if a migration wrote the object to a destination that contained no other objects.
    """

    key: str
    etag: str
    modified: int
    absent_since: int
    source_status: str
    obs_status: str
    obs_version: tuple[str, int] | None
    accepted_version: tuple[str, int] | None
    is_waiting: bool
    is_proven: bool
    is_migrated: bool


def is_absent_long_enough(absent_since: int, comparison_time: float) -> bool:
    """Return True if the key had been absent for a day when the last comparison began."""
    return absent_since + MAX_EVENT_DELAY.total_seconds() <= comparison_time


def find_omission_reason(
    absent_key: AbsentKey, comparison_time: float, oldest_copy_time: float
) -> OmissionReason | None:
    """Return the reason to omit a key from the list of deletions, or None if the list has to contain the key.

    `comparison_time` is the start of the last comparison; `oldest_copy_time` is the time of the project's oldest
    copies.
    """
    accepted_version = absent_key.accepted_version
    conditions = (
        (OmissionReason.YOUNG, not is_absent_long_enough(absent_key.absent_since, comparison_time)),
        (OmissionReason.NAME, not is_named_exactly(absent_key.key)),
        (OmissionReason.WAITS, absent_key.is_waiting),
        (
            OmissionReason.RECORDED,
            accepted_version is not None and accepted_version[1] > comparison_time - MAX_CLOCK_SKEW.total_seconds(),
        ),
        (OmissionReason.OTHERS, not was_copied_by_project(absent_key, oldest_copy_time)),
        (OmissionReason.OBS_UNKNOWN, not absent_key.obs_status),
        (OmissionReason.CHANGED, absent_key.obs_version != (absent_key.etag, absent_key.modified)),
        (OmissionReason.BACK, absent_key.source_status == "200"),
        (OmissionReason.SOURCE_UNKNOWN, absent_key.source_status != "404"),
    )
    return next((reason for reason, applies in conditions if applies), None)


def was_copied_by_project(absent_key: AbsentKey, oldest_copy_time: float) -> bool:
    """Return True if this project copied the object that OBS has.

    A success record alone does not prove this: OMS skips an object if another writer has written an object of equal
    size. So the object must have the accepted or proven contents, and a time at which this project can have copied it.
    """
    if absent_key.is_migrated:
        return True
    if absent_key.accepted_version is None:
        return False
    etag, accepted_time = absent_key.accepted_version
    has_accepted_contents = bool(_MD5_PATTERN.fullmatch(absent_key.etag)) and etag == absent_key.etag
    return (has_accepted_contents or absent_key.is_proven) and (
        oldest_copy_time <= absent_key.modified <= accepted_time + MAX_EVENT_DELAY.total_seconds()
    )
