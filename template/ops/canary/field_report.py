"""What the clouds really did, in forms that identify nobody: it settles what the documents leave open.

Nothing gets into a report but words of the lists below: what is none of them becomes "other".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ops.canary.hops import Followed, Watch, first_accepted
from ops.canary.in_place import NO, YES, InPlace
from ops.canary.objects import PARTS
from oss_oms_sync.answers.task_group import OverwriteMode

SCHEMA = 1
KIND = "oss-oms-sync field report"

_SECONDS = {"under 5 s": 5, "under 30 s": 30, "under 1 min": 60, "under 5 min": 300, "under 10 min": 600}
DURATIONS = (*_SECONDS, "longer", "not seen")
_MODES = tuple(mode.value for mode in OverwriteMode)
_CHECKS = ("size_last_modified", "crc64", "transmission", "no_check")
_STEPS = ("FIVE_MINUTES", "ONE_HOUR")
_ORDERS = ("bytes", "utf-16", "regardless of case")
_DOUBLES = ("each counted", "merged", "not known")
_COLUMNS = ("key", "encoded key", "size", "time", "code", "other")
_LISTS = ("success", "skip", "failed")
SEPARATORS = {",": "comma", "\t": "tab", ";": "semicolon", "|": "bar", " ": "blank"}
_HEADERS = (
    "cache-control",
    "content-disposition",
    "content-language",
    "content-type",
    "x-oss-meta-odd",
    "x-oss-meta-plain",
)
_KEPT = ("kept", "lost", "changed")
_FORMS = ("MD5 of the contents", "32 digits", "32 digits and parts", "none")
_ANSWERS = (YES, NO)
_CHECKSUMS = ("x-obs-checksum-crc64ecma", "x-obs-hash-crc64ecma")


def report(
    watch: Watch, run: str, shown: Mapping[str, Any], in_place: InPlace, *, versions: tuple[bool, bool]
) -> dict[str, Any]:
    """What is told of a run. `shown`: the sync task; `in_place`: what a change of headers in OBS does; `versions`:
    whether source and destination keep versions."""
    counts = watch.counts
    return {
        "schema": SCHEMA,
        "kind": KIND,
        "task": {
            "mode": _of(shown.get("object_overwrite_mode"), _MODES),
            "check": _of(shown.get("consistency_check"), _CHECKS),
            "metadata": shown.get("enable_metadata_migration") is True,
        },
        "versions": dict(zip(("source", "destination"), versions, strict=True)),
        "objects": {followed.item.title: _object(followed, run) for followed in watch.followed},
        "counts": {
            "step": _of(counts.step if counts else None, _STEPS),
            "shown_after": _duration(first_accepted(watch.followed), watch.counted if watch.is_alone else None),
            "doubles": _of(watch.doubles, _DOUBLES),
        },
        "listing": {"order": _of(watch.order, _ORDERS)},
        "lists": [
            {
                "kind": _of(listing.kind, _LISTS),
                "separator": SEPARATORS.get(listing.separator, "other"),
                "columns": [_of(column, _COLUMNS) for column in listing.columns],
                "line_end": _of(listing.lines, ("LF", "CRLF")),
                "header": listing.has_header,
                "written_after": _duration(first_accepted(watch.followed), listing.written),
            }
            for listing in watch.lists[:3]
        ],
        "part_size": part_size(watch.followed, run),
        "in_place": {name: _of(answer, _ANSWERS) for name, answer in in_place._asdict().items()},
    }


def part_size(followed: list[Followed], run: str) -> str:
    """In how large parts OMS has written what is larger, by the ETags of OBS; "whole" if it did not."""
    seen = {one.item.title: _etag(one) for one in followed}
    for one in followed:
        if one.item.title != "above" or not one.destination:
            continue
        if "-" not in seen["above"]:
            return "whole"
        contents = one.item.contents(run)
        return next((name for name, size in PARTS.items() if _of_parts(contents, size) == seen["above"]), "other")
    return "not seen"


def _object(followed: Followed, run: str) -> dict[str, Any]:
    headers = followed.destination.headers if followed.destination else {}
    return {
        "event": _duration(followed.written, followed.recorded),
        "accepted": _duration(followed.written, followed.accepted),
        "in_obs": _duration(followed.accepted, followed.in_obs),
        # Only whether there is one: codes of both clouds are in no list.
        "failed": bool(followed.reason),
        "differs": sorted({_of(what, ("bytes", "gone", *_HEADERS)) for what in followed.differs}),
        "source_etag": _form(followed.etag, followed.item.contents(run)),
        "etag": _form(_etag(followed), followed.item.contents(run)),
        "crc64": next((name for name in _CHECKSUMS if name in headers), "none"),
        "headers": {name: _of(became, _KEPT) for name, became in sorted(followed.headers.items()) if name in _HEADERS},
    }


def _etag(followed: Followed) -> str:
    return followed.destination.headers.get("etag", "").strip('"') if followed.destination else ""


def _form(etag: str, contents: bytes) -> str:
    """What an ETag is, and not which."""
    digits = etag.lower()
    if digits == hashlib.md5(contents, usedforsecurity=False).hexdigest():
        return _FORMS[0]
    if re.fullmatch(r"[0-9a-f]{32}", digits):
        return _FORMS[1]
    return _FORMS[2] if re.fullmatch(r"[0-9a-f]{32}-[0-9]+", digits) else "other" if etag else _FORMS[3]


def _of_parts(contents: bytes, size: int) -> str:
    parts = [
        hashlib.md5(contents[start : start + size], usedforsecurity=False).digest()
        for start in range(0, len(contents), size)
    ]
    return f"{hashlib.md5(b''.join(parts), usedforsecurity=False).hexdigest()}-{len(parts)}"


def _duration(since: datetime | None, until: datetime | None) -> str:
    if since is None or until is None:
        return "not seen"
    seconds = (until - since).total_seconds()
    return next((name for name, most in _SECONDS.items() if seconds < most), "longer")


def _of(value: object, allowed: tuple[str, ...]) -> str:
    if not value:
        return "not seen"
    return value if isinstance(value, str) and value in allowed else "other"
