"""Passes as they were stored before they spread over instances: oms_source_record/{task}/reconcile/.../{pass}.json.

Their positions are of one walk over everything, from which nothing can go on here: an open one begins anew.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from oss_oms_sync import jsontext
from oss_oms_sync.clock import parse_time
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.filters import KeyFilter
from oss_oms_sync.ledger.records import record_root
from oss_oms_sync.passes.scope import Scope
from oss_oms_sync.settings import Settings


@dataclass(frozen=True)
class OldPass:
    """What is still wanted of one: `is_open` if it had not ended, and was not a trial with a limit."""

    name: str
    scope: Scope
    is_open: bool


def old_passes(invocation: Invocation) -> list[OldPass]:
    """Those of this project. Raises StorageError."""
    bucket = invocation.log_bucket
    names = [one.name for one in bucket.iter_folder(f"{record_root(invocation.task_id)}reconcile/")]
    found = (_read(one, invocation.settings) for one in bucket.get_all(names) if one)
    return [one for one in found if one]


def delete(invocation: Invocation, passes: Sequence[OldPass]) -> None:
    """Delete `passes`; what cannot be deleted now is there next time."""
    invocation.log_bucket.try_delete_all([one.name for one in passes])


def _read(stored: StoredObject, settings: Settings) -> OldPass | None:
    """None if it is another project's of the same task, or unreadable."""
    match jsontext.load(stored.body):
        case {
            "scope": {"prefix": str(prefix), "suffix": str(suffix), "since": str(since), "all": bool(everything)},
            "limited": bool(limited),
            "ended": str(ended),
            **rest,
        } if (parse_time(since) or not since) and rest.get("source_bucket", "") in ("", settings.source_bucket):
            key_filter = KeyFilter(prefix, suffix)
            if key_filter.is_within(settings.key_filter):
                scope = Scope(key_filter, parse_time(since) if since else None, everything)
                return OldPass(stored.name, scope, not ended and not limited)
    return None
