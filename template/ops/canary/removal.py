"""Removes what a canary wrote, and what came of it, on both sides."""

from __future__ import annotations

import json
from dataclasses import replace

from ops.canary.access import Accounts
from ops.canary.journal import Journal, Journals
from ops.certificate.form import RECORDS
from ops.clouds.buckets import BucketClient
from ops.session import Session, duration
from ops.shell import Typed
from oss_oms_sync.answers.text import t

_KINDS = ("success", "failed", "proven")
# How often somebody looks whether something has come back; and how long, after which it is left to the next call.
_LOOK_SECONDS, _MOST_SECONDS = 15.0, 1800.0


def remove(session: Session, accounts: Accounts, journals: Journals, journal: Journal) -> bool:
    """Delete all of a run, and look until nothing comes back; whether all is gone. Raises OpsError.

    The source comes first: what is gone there is neither sent nor copied any more.
    """
    accounts = replace(accounts, task=journal.task)  # which may be another than that of s.yaml
    source, prefix, clock = accounts.source, journal.prefix, session.clock
    if (journal.source, journal.destination) != (source.name, accounts.destination.name):
        session.say(
            t(
                "Not deleted: {prefix} is in {source} and {destination}, and s.yaml, or its sync task, names other"
                " buckets. Write these there again, and run: {command}",
                prefix=prefix,
                source=journal.source,
                destination=journal.destination,
                command=Typed("canary", remove=True),
            )
        )
        return False
    for key, upload in source.uploads(prefix):
        source.abort(key, upload)
    session.screen.begin()
    began = clock.monotonic()
    settles, is_first = journal.settles_at(), True
    while True:
        found = _clear(source, prefix) + _clear(accounts.destination, prefix) + _clear_records(accounts, journal)
        is_held = _is_held(accounts, prefix)
        left = (settles - clock.now()).total_seconds() if settles else 0.0
        if left <= 0 and not found and not is_held:
            break
        if clock.monotonic() - began > _MOST_SECONDS:
            session.say(t("Not all is gone yet. In a few minutes: {command}", command=Typed("canary", remove=True)))
            return False
        if left > 0:
            session.progress(
                t(
                    "deleted; OMS may still write what it has read before, so this is looked at again for {left}",
                    left=duration(left),
                )
            )
        elif is_held:
            session.progress(t("replay still holds keys of the canary, which are gone: waiting for its next run"))
        if left > 0 or is_held or not is_first:
            clock.sleep(_LOOK_SECONDS)
        is_first = False
    journals.forget(journal)
    session.say(
        t(
            "Deleted on both sides, with its records: {prefix}. OMS's own lists stay, because nothing else may write"
            " there: {name}/{lists}",
            prefix=prefix,
            name=accounts.destination.name,
            lists=f"oms/sync_task/{accounts.task}/",
        )
    )
    return True


def _clear(bucket: BucketClient, prefix: str) -> int:
    """Delete what is in a bucket under a prefix, with all its versions; how much there was."""
    listed_keys = list(bucket.versions(prefix) if bucket.versioning() else bucket.objects(prefix))
    for listed_key in listed_keys:
        bucket.delete(listed_key.key, listed_key.version)
    return len(listed_keys)


def _clear_records(accounts: Accounts, journal: Journal) -> int:
    """By their folders, and by the names of keys that are too long for one."""
    log, deleted = accounts.log, 0
    for kind in _KINDS:
        folder = accounts.record_folder(kind)
        long = {accounts.record(kind, key) for key in journal.keys if not accounts.record(kind, key).startswith(folder)}
        names = [stored.key for stored in log.objects(f"{folder}{journal.prefix}")]
        names += [name for name in sorted(long) if log.head(name)]
        for name in names:
            log.delete(name)
        deleted += len(names)
    return deleted


def _is_held(accounts: Accounts, prefix: str) -> bool:
    """Whether a run of replay has keys of the canary in its file (oss_oms_sync/ledger/waiting.py). It lets go of what
    the source has no more; the file itself is its own."""
    for stored in accounts.log.objects(f"{RECORDS}{accounts.task}/replay/"):
        response = accounts.log.get(stored.key)
        try:
            entries = json.loads(response.body)["keys"] if response else []
        except (ValueError, LookupError, TypeError):
            continue
        if any(str(entry.get("key", "")).startswith(prefix) for entry in entries if isinstance(entry, dict)):
            return True
    return False
