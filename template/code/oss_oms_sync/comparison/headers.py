"""The headers that an object must have in both buckets: their comparison, and the change that makes them equal in OBS.

These headers are six standard headers and the user's metadata (`extract_metadata` in clouds/objects.py). OBS changes
headers in place by one of two directives: "REPLACE_NEW" keeps standard headers that the request does not name, and
replaces all of the user's metadata. "REPLACE" removes all headers that the request does not name. OBS accepts only
US-ASCII, and changes no archived object.

Source: https://support.huaweicloud.com/intl/en-us/api-obs/obs_04_0091.html.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from enum import Enum
from typing import NamedTuple
from urllib.parse import unquote

from oss_oms_sync.clouds.obs_answers import ObjectHead

_USER_PREFIX = "meta-"
# OBS, "Configuring object metadata": at most 8 KB of user's metadata.
MAX_USER_METADATA_BYTES = 8 * 1024
_ARCHIVE_CLASSES = ("COLD", "DEEP_ARCHIVE", "GLACIER")


class Obstacle(Enum):
    """A reason why headers cannot be changed."""

    ARCHIVED = "archived"
    NOT_ASCII = "not_ascii"
    TOO_LARGE = "too_large"
    # A header has to be removed; other effects of the removal in OBS are unknown.
    REMOVAL = "removal"


class Change(NamedTuple):
    """Headers to set in OBS, by their HTTP names; if `replaces` is True, OBS removes all other headers."""

    headers: Mapping[str, str]
    replaces: bool


def find_different_headers(source_headers: Mapping[str, str], obs_headers: Mapping[str, str]) -> Iterator[str]:
    """Yield the names of the headers that differ between OSS and OBS, in alphabetical order."""
    return (
        name
        for name in sorted({*source_headers, *obs_headers})
        if not _is_equal(name, source_headers.get(name), obs_headers.get(name))
    )


def _is_equal(name: str, source_value: str | None, obs_value: str | None) -> bool:
    # Huawei's SDK for OBS percent-encodes letters beyond ASCII, except in standard headers.
    return source_value == obs_value or (
        obs_value is not None and name.startswith(_USER_PREFIX) and unquote(obs_value) == source_value
    )


def plan_change(source_headers: Mapping[str, str], obs_object: ObjectHead, *, may_replace: bool) -> Change | Obstacle:
    """Return the change that gives an object in OBS the headers `source_headers`, or the obstacle to this change.

    With `may_replace`, OBS is known to remove headers without any other effect.
    """
    if obs_object.storage_class in _ARCHIVE_CLASSES:
        return Obstacle.ARCHIVED
    # A percent-encoded value in OBS counts as equal, so it stays.
    values = {
        name: obs_object.metadata[name] if _is_equal(name, value, obs_object.metadata.get(name)) else value
        for name, value in source_headers.items()
    }
    return plan_headers(values, obs_object.metadata, may_replace=may_replace)


def plan_headers(values: Mapping[str, str], obs_headers: Mapping[str, str], *, may_replace: bool) -> Change | Obstacle:
    """Return the change from the headers `obs_headers` to exactly these `values`, or the obstacle to this change."""
    if not all(name.isascii() and value.isascii() for name, value in values.items()):
        return Obstacle.NOT_ASCII
    if _count_user_bytes(values) > MAX_USER_METADATA_BYTES:
        return Obstacle.TOO_LARGE
    replaces = any(_is_kept_by_obs(name, values) for name in obs_headers)
    if replaces and not may_replace:
        return Obstacle.REMOVAL
    return Change({_http_name(name): value for name, value in values.items()}, replaces)


def _is_kept_by_obs(name: str, values: Mapping[str, str]) -> bool:
    """Return True if a change to `values` would leave this header in OBS, although it is not in `values`."""
    # New user's metadata replaces all of the old.
    are_replaced = name.startswith(_USER_PREFIX) and any(value.startswith(_USER_PREFIX) for value in values)
    return name not in values and not are_replaced


def _count_user_bytes(values: Mapping[str, str]) -> int:
    return sum(
        len(name) - len(_USER_PREFIX) + len(value) for name, value in values.items() if name.startswith(_USER_PREFIX)
    )


def _http_name(name: str) -> str:
    return f"x-obs-{name}" if name.startswith(_USER_PREFIX) else name
