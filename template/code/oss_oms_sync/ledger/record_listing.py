"""The records in the log bucket, as a listing names them."""

from __future__ import annotations

from collections.abc import Iterator

from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary
from oss_oms_sync.ledger.records import Kind, record_prefix


def iter_records(invocation: Invocation, kind: Kind) -> Iterator[ObjectSummary]:
    """The records of this project's keys, then those of all long keys, because only their bodies say whose they are.

    Raises StorageError.
    """
    key_filter, bucket = invocation.settings.key_filter, invocation.log_bucket
    by_key, by_hash = (record_prefix(invocation.task_id, kind, long=long) for long in (False, True))
    for record in bucket.iter_objects(f"{by_key}{key_filter.prefix}"):
        # The folder marker is not the record of a key.
        if record.name != by_key and key_filter.matches(record.name.removeprefix(by_key)):
            yield record
    yield from bucket.iter_folder(by_hash)
