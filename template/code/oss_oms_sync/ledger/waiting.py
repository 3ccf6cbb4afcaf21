"""Which keys wait to be sent again: those of failed records, and of the run files of any project of the sync task,
because one that was renamed or removed takes its own over no more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.events import ObjectChange
from oss_oms_sync.ledger.failed_records import list_failed, read_failed
from oss_oms_sync.ledger.records import FailedKey, record_prefix
from oss_oms_sync.ledger.runs import RunFiles, by_project, keys_of


@dataclass(frozen=True)
class WaitingKeys:
    """`keys` within the project's filter, but no canary's, each once. `unread`: records and run files of which nobody
    knows the keys. `are_more`: there is more than was looked at."""

    keys: Sequence[FailedKey]
    unread: int
    are_more: bool


def what_waits(invocation: Invocation, most: int, most_run_files: int, *, reasons: bool) -> WaitingKeys:
    """Look at so many records and run files at most. Why a key failed is only known where `reasons` are asked for: each
    record is read for that.

    Raises StorageError.
    """
    records, by_key = list_failed(invocation, most), record_prefix(invocation.task_id, "failed")
    # Only its record says which key a long one is.
    names = {one.name: one.name.removeprefix(by_key) for one in records.listed if one.name.startswith(by_key)}
    asked = [one for one in records.listed if reasons or one.name not in names]
    read = dict(zip((one.name for one in asked), read_failed(invocation, asked), strict=True))
    named = {name: FailedKey(ObjectChange(key)) for name, key in names.items()}
    found = [read.get(one.name) or named.get(one.name) for one in records.listed]
    files = (RunFiles(invocation, project).leftovers() for project in by_project(invocation))
    runs = keys_of(chain.from_iterable(files), most_run_files)
    is_told = invocation.settings.key_filter.is_told
    keys = {one.key: one for one in (*runs.keys, *filter(None, found)) if is_told(one.key)}
    return WaitingKeys([*keys.values()], found.count(None) + runs.unreadable, records.are_more or runs.are_more)
