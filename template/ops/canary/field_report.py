"""The field report: an anonymous summary of how the clouds treated a canary's objects.

It answers questions that the vendors' documents leave open. It contains only the words listed below; any other text
becomes "other".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ops.canary.hops import Trace, Watch, find_first_acceptance
from ops.canary.in_place import InPlaceEffect
from ops.canary.objects import PART_SIZES
from ops.canary.permission import POLICIES
from oss_oms_sync.answers.bandwidth import CopySpeed
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.rules.bandwidth import find_hours_late
from oss_oms_sync.rules.headers_in_place import NO, YES

SCHEMA = 1
KIND = "oss-oms-sync field report"

_DURATION_SECONDS = {"under 5 s": 5, "under 30 s": 30, "under 1 min": 60, "under 5 min": 300, "under 10 min": 600}
DURATIONS = (*_DURATION_SECONDS, "longer", "not seen")
_MODES = tuple(mode.value for mode in OverwriteMode)
_CONSISTENCY_CHECKS = ("size_last_modified", "crc64", "transmission", "no_check")
_STEPS = ("FIVE_MINUTES", "ONE_HOUR")
_KEY_ORDERS = ("bytes", "utf-16", "regardless of case")
_DOUBLE_COUNTS = ("each counted", "merged", "unknown")
_COLUMN_KINDS = ("key", "encoded key", "size", "time", "code", "other")
_LIST_KINDS = ("success", "skip", "failed")
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "blank"}
_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "x-oss-meta-odd",
    "x-oss-meta-plain",
)
_HEADER_OUTCOMES = ("kept", "lost", "changed")
_ETAG_FORMS = ("MD5 of the contents", "32 digits", "32 digits and parts", "none")
_YES_NO = (YES, NO)
_HOUR_WORDS = tuple(map(str, range(-12, 12)))
_CHECKSUMS = ("x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma")


def report(
    watch: Watch,
    run: str,
    task_fields: Mapping[str, Any],
    in_place: InPlaceEffect,
    *,
    policy: str,
    has_versioning: tuple[bool, bool],
    copy_speed: CopySpeed | None,
) -> dict[str, Any]:
    """Return the field report on a run.

    - `policy` is the kind of policy that permits header changes, or empty.
    - `has_versioning` states for the source, then for the destination, if the bucket keeps versions.
    - `copy_speed` is the copying speed of the last migration with bandwidth limits, or None.
    """
    counts = watch.counts
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "task": {
            "mode": _allowed_word(task_fields.get("object_overwrite_mode"), _MODES),
            "check": _allowed_word(task_fields.get("consistency_check"), _CONSISTENCY_CHECKS),
            "metadata": task_fields.get("enable_metadata_migration") is True,
        },
        "versions": dict(zip(("source", "destination"), has_versioning, strict=True)),
        "objects": {trace.original.title: _describe_object(trace, run) for trace in watch.traces},
        "counts": {
            "step": _allowed_word(counts.step if counts else None, _STEPS),
            "shown_after": _duration_word(
                watch.last_acceptance_time, watch.count_time if watch.are_counts_exclusive else None
            ),
            "doubles": _allowed_word(watch.double_counting, _DOUBLE_COUNTS),
        },
        "listing": {"order": _allowed_word(watch.key_order, _KEY_ORDERS)},
        "lists": [
            {
                "kind": _allowed_word(listing.kind, _LIST_KINDS),
                "separator": SEPARATORS.get(listing.separator, "other"),
                "columns": [_allowed_word(column, _COLUMN_KINDS) for column in listing.columns],
                "line_end": _allowed_word(listing.line_ending, ("LF", "CRLF")),
                "header": listing.has_header,
                "written_after": _duration_word(find_first_acceptance(watch.traces), listing.write_time),
            }
            for listing in watch.lists[:3]
        ],
        "part_size": part_size(watch.traces, run),
        # Did the trigger of forward get an event? OSS documents CopyObject for a copy of an object onto itself.
        "header_change": {"event": _allowed_word(watch.change_event, _YES_NO)},
        "bandwidth": {"hours_late": _late_hours(copy_speed)},
        "in_place": {
            **{name: _allowed_word(answer, _YES_NO) for name, answer in in_place._asdict().items()},
            "permission": _allowed_word(policy, POLICIES),
        },
    }


def part_size(traces: list[Trace], run: str) -> str:
    """Return the size of the parts in which OMS copied a large object, computed from the ETag in OBS.

    Return "whole" if OMS did not use parts, "other" for an unknown size, and "not seen" without a copy.
    """
    etags = {trace.original.title: _describe_etag(trace) for trace in traces}
    for trace in traces:
        if trace.original.title != "above" or not trace.destination:
            continue
        if "-" not in etags["above"]:
            return "whole"
        contents = trace.original.contents(run)
        return next(
            (name for name, size in PART_SIZES.items() if _compute_multipart_etag(contents, size) == etags["above"]),
            "other",
        )
    return "not seen"


def _describe_object(trace: Trace, run: str) -> dict[str, Any]:
    headers = trace.destination.headers if trace.destination else {}
    return {
        "event": _duration_word(trace.write_time, trace.record_time),
        "accepted": _duration_word(trace.write_time, trace.acceptance_time),
        "in_obs": _duration_word(trace.acceptance_time, trace.copy_time),
        # The report omits the failure's code, because no document lists the codes of both clouds.
        "failed": bool(trace.reason),
        "differs": sorted({_allowed_word(part, ("bytes", "gone", *_HEADERS)) for part in trace.differences}),
        "source_etag": _etag_form(trace.etag, trace.original.contents(run)),
        "etag": _etag_form(_describe_etag(trace), trace.original.contents(run)),
        "crc64": next((name for name in _CHECKSUMS if name in headers), "none"),
        "headers": {
            name: _allowed_word(outcome, _HEADER_OUTCOMES)
            for name, outcome in sorted(trace.headers.items())
            if name in _HEADERS
        },
    }


def _describe_etag(trace: Trace) -> str:
    return trace.destination.headers.get("etag", "").strip('"') if trace.destination else ""


def _etag_form(etag: str, contents: bytes) -> str:
    """Return the form of an ETag, such as "MD5 of the contents", without the ETag itself."""
    digits = etag.lower()
    if digits == hashlib.md5(contents, usedforsecurity=False).hexdigest():
        return _ETAG_FORMS[0]
    if re.fullmatch(r"[0-9a-f]{32}", digits):
        return _ETAG_FORMS[1]
    return _ETAG_FORMS[2] if re.fullmatch(r"[0-9a-f]{32}-[0-9]+", digits) else "other" if etag else _ETAG_FORMS[3]


def _compute_multipart_etag(contents: bytes, size: int) -> str:
    parts = [
        hashlib.md5(contents[start : start + size], usedforsecurity=False).digest()
        for start in range(0, len(contents), size)
    ]
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _duration_word(start: datetime | None, end: datetime | None) -> str:
    if start is None or end is None:
        return "not seen"
    seconds = (end - start).total_seconds()
    return next((name for name, limit in _DURATION_SECONDS.items() if seconds < limit), "longer")


def _late_hours(copy_speed: CopySpeed | None) -> str:
    """Return OMS's delay in applying bandwidth limits, in hours, as a word of the report."""
    hours = find_hours_late(copy_speed) if copy_speed else None
    return _allowed_word(None if hours is None else str(hours), _HOUR_WORDS)


def _allowed_word(value: object, allowed_words: tuple[str, ...]) -> str:
    if not value:
        return "not seen"
    return value if isinstance(value, str) and value in allowed_words else "other"
