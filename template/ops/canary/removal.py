"""The removal of a canary's objects and their copies and records, on both sides."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

from ops.canary.access import Accounts
from ops.canary.journal import Journal, Journals
from ops.clouds.bucket_client import BucketClient
from ops.session import Session, duration
from oss_oms_sync.answers.layout import (
    Kind,
    is_long,
    keys_of_run_file,
    record_name,
    record_prefix,
    run_files_folder,
    task_lists_folder,
)
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import t

# Seconds between the checks for objects that have reappeared, and their limit, after which the next call continues.
_LOOK_SECONDS, _MAX_SECONDS = 15.0, 1800.0


def remove(session: Session, accounts: Accounts, journals: Journals, journal: Journal) -> bool:
    """Delete all objects of a run until no object reappears; return True if all are gone. Raises OpsError.

    The source comes first: a deleted key is neither submitted nor copied any more.
    """
    accounts = replace(accounts, task=journal.task)  # The task may differ from that of s.yaml.
    source, prefix, clock = accounts.source, journal.prefix, session.clock
    if (journal.source, journal.destination) != (source.name, accounts.destination.name):
        session.print_text(
            t(
                "Not deleted: {prefix} is in {source} and {destination}, but s.yaml or its sync task has"
                " other buckets. Restore these buckets there, then run: {command}",
                prefix=prefix,
                source=journal.source,
                destination=journal.destination,
                command=Step("canary", {"remove": True}),
            )
        )
        return False
    for key, upload in source.uploads(prefix):
        source.abort(key, upload)
    session.screen.begin()
    began = clock.monotonic()
    settles, is_first = journal.settles_at(), True
    while True:
        deleted = _clear(source, prefix) + _clear(accounts.destination, prefix) + _clear_records(accounts, journal)
        is_waiting = _is_waiting(accounts, prefix)
        left = (settles - clock.now()).total_seconds() if settles else 0.0
        if left <= 0 and not deleted and not is_waiting:
            break
        if clock.monotonic() - began > _MAX_SECONDS:
            session.print_text(
                t(
                    "Some canary objects are still left. In a few minutes: {command}",
                    command=Step("canary", {"remove": True}),
                )
            )
            return False
        if left > 0:
            session.progress(
                t(
                    "deleted; OMS may still write objects that it read before, so rechecking for {left}",
                    left=duration(left),
                )
            )
        elif is_waiting:
            session.progress(t("replay still has keys of the deleted canary objects: waiting for its next run"))
        if left > 0 or is_waiting or not is_first:
            clock.sleep(_LOOK_SECONDS)
        is_first = False
    journals.forget(journal)
    session.print_text(
        t(
            "Deleted on both sides, with its records: {prefix}. OMS's own lists are kept, because only OMS"
            " may write there: {name}/{lists}",
            prefix=prefix,
            name=accounts.destination.name,
            lists=task_lists_folder(accounts.task),
        )
    )
    return True


def _clear(bucket: BucketClient, prefix: str) -> int:
    """Delete all objects of a bucket under a prefix, with all their versions; return their number."""
    listed_keys = list(bucket.versions(prefix) if bucket.versioning() else bucket.objects(prefix))
    for listed_key in listed_keys:
        bucket.delete(listed_key.key, listed_key.version)
    return len(listed_keys)


def _clear_records(accounts: Accounts, journal: Journal) -> int:
    """Delete the records in the run's folders, and records of keys too long for a name; return the number deleted."""
    log, deleted = accounts.log, 0
    for kind in get_args(Kind):
        folder = record_prefix(accounts.task, kind)
        long = {record_name(accounts.task, kind, key) for key in journal.keys if is_long(accounts.task, kind, key)}
        names = [stored.key for stored in log.objects(f"{folder}{journal.prefix}")]
        names += [name for name in sorted(long) if log.head(name)]
        for name in names:
            log.delete(name)
        deleted += len(names)
    return deleted


def _is_waiting(accounts: Accounts, prefix: str) -> bool:
    """Return True if a run of replay has keys of the canary in its file.

    Replay ignores keys that are missing in the source; the file belongs to replay.
    """
    for stored in accounts.log.objects(run_files_folder(accounts.task)):
        response = accounts.log.get(stored.key)
        try:
            keys = keys_of_run_file(json.loads(response.body)) if response else []
        except ValueError:
            continue
        if any(key.startswith(prefix) for key in keys):
            return True
    return False
