"""Objects of the log bucket that are written once, so that of several instances one is the first.

OSS, "PutObject": with `x-oss-forbid-overwrite` a write is refused with FileAlreadyExists if there is an object of that
name. In a bucket with versioning it is not, and nothing here holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from oss_oms_sync.clouds.objects import StoredObject
from oss_oms_sync.clouds.oss import OssBucket
from oss_oms_sync.errors import StorageError

_ONCE = {"x-oss-forbid-overwrite": "true"}


def write_once(bucket: OssBucket, one: StoredObject) -> StoredObject | None:
    """Write an object unless there is one; return what is stored, because another may have been first, or None if it
    was deleted meanwhile.

    Raises StorageError, also if the bucket has versioning.
    """
    (problem,) = bucket.try_put_all([replace(one, headers={**one.headers, **_ONCE})])
    (stored,) = read_all(bucket, [one.name])
    if stored is None and problem:
        raise problem.to_error()
    return stored


def read_all(bucket: OssBucket, names: Sequence[str]) -> list[StoredObject | None]:
    """Read objects that are written once; None for one that does not exist.

    Raises StorageError, also if the bucket has versioning.
    """
    found = bucket.get_all(names)
    if any(one and "x-oss-version-id" in one.headers for one in found):
        raise StorageError(
            "The log bucket has versioning, so nothing can be written once, as passes and certificates need it. Use a"
            " log bucket without versioning"
        )
    return found
