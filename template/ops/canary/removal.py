"""The removal of a canary's objects, of their copies in OBS, and of their records in the log bucket."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import get_args

from ops.canary.access import Accounts
from ops.canary.journal import Journal, Journals
from ops.clouds.bucket_client import BucketClient
from ops.session import Session, format_duration
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

# Seconds between two checks for objects that have reappeared, and the limit after which the command gives up.
_RECHECK_SECONDS, _MAX_SECONDS = 15.0, 1800.0


def remove(session: Session, accounts: Accounts, journals: Journals, journal: Journal) -> bool:
    """Delete all objects of a run until none reappears; return True if all are gone. Raises OpsError.

    The objects in the source are deleted first, because a key without an object is neither submitted nor copied.
    """
    accounts = replace(accounts, task=journal.task)  # The task may differ from that of s.yaml.
    source, prefix, clock = accounts.source, journal.prefix, session.clock
    if (journal.source, journal.destination) != (source.name, accounts.destination.name):
        session.print_text(
            t(
                "Not deleted: the objects below {prefix} are in {source} and {destination}, but s.yaml or"
                " its sync task has other buckets. Restore these buckets in s.yaml, then run: {command}",
                prefix=prefix,
                source=journal.source,
                destination=journal.destination,
                command=Step("canary", {"remove": True}),
            )
        )
        return False
    for key, upload_id in source.list_uploads(prefix):
        source.abort_upload(key, upload_id)
    session.screen.begin()
    start_seconds = clock.monotonic()
    settle_time, is_first_round = journal.find_settle_time(), True
    while True:
        deleted_count = (
            _delete_objects(source, prefix)
            + _delete_objects(accounts.destination, prefix)
            + _delete_records(accounts, journal)
        )
        is_waiting = _has_keys_at_replay(accounts, prefix)
        seconds_left = (settle_time - clock.now()).total_seconds() if settle_time else 0.0
        if seconds_left <= 0 and not deleted_count and not is_waiting:
            break
        if clock.monotonic() - start_seconds > _MAX_SECONDS:
            session.print_text(
                t(
                    "Some canary objects are left. Delete them in a few minutes: {command}",
                    command=Step("canary", {"remove": True}),
                )
            )
            return False
        if seconds_left > 0:
            session.progress(
                t(
                    "objects deleted; the check continues for {left}, because OMS may still write objects that"
                    " it has already read",
                    left=format_duration(seconds_left),
                )
            )
        elif is_waiting:
            session.progress(t("replay still has keys of the deleted canary objects: waiting for replay's next run"))
        if seconds_left > 0 or is_waiting or not is_first_round:
            clock.sleep(_RECHECK_SECONDS)
        is_first_round = False
    journals.forget(journal)
    session.print_text(
        t(
            "The canary's objects below {prefix} have been deleted in both buckets, together with their"
            " records. OMS's own lists in {name}/{lists} are kept, because only OMS may write there",
            prefix=prefix,
            name=accounts.destination.name,
            lists=task_lists_folder(accounts.task),
        )
    )
    return True


def _delete_objects(bucket: BucketClient, prefix: str) -> int:
    """Delete all objects of a bucket under a prefix, with all their versions; return the number of deleted versions."""
    listed_keys = list(bucket.versions(prefix) if bucket.versioning() else bucket.objects(prefix))
    for listed_key in listed_keys:
        bucket.delete(listed_key.key, listed_key.version)
    return len(listed_keys)


def _delete_records(accounts: Accounts, journal: Journal) -> int:
    """Delete the records of a run's keys, also of keys too long for a record's name; return their number."""
    log, deleted_count = accounts.log, 0
    for kind in get_args(Kind):
        folder = record_prefix(accounts.task, kind)
        long_names = {
            record_name(accounts.task, kind, key) for key in journal.keys if is_long(accounts.task, kind, key)
        }
        names = [listed_key.key for listed_key in log.objects(f"{folder}{journal.prefix}")]
        names += [name for name in sorted(long_names) if log.head(name)]
        for name in names:
            log.delete(name)
        deleted_count += len(names)
    return deleted_count


def _has_keys_at_replay(accounts: Accounts, prefix: str) -> bool:
    """Return True if replay may still resend keys of the canary, because a run file of replay contains them.

    Only replay may write this file. Replay's next run drops keys that are missing in the source.
    """
    for listed_key in accounts.log.objects(run_files_folder(accounts.task)):
        response = accounts.log.get(listed_key.key)
        try:
            keys = keys_of_run_file(json.loads(response.body)) if response else []
        except ValueError:
            continue
        if any(key.startswith(prefix) for key in keys):
            return True
    return False
