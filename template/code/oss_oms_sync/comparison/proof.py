"""Proofs that two objects of equal size have equal contents or not, found by reading the source's object.

OBS, "Obtaining object metadata": the ETag of an object that was written in one call is the MD5 of its contents, unless
it is encrypted. The ETag of an object written in N parts is the MD5 of the parts' MD5s, followed by "-N". OMS writes
parts of 50 MB. So the contents of OBS's object need not be read.

A proof is stored, so that each pair of versions is read only once:

    oms_source_record/{task}/proven_object/{key}    "{ETag} {time} {ETag in OBS} equal" (or different, parts_differ)

(`proven_object_long/{sha256}` for a key too long to follow the prefix.) The time is that of the source's object, in
Unix seconds. A stored proof is valid if its own ETag in a listing, the MD5 of its body, is that of the body for the
current versions.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Callable, Sequence
from enum import Enum

from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clock import Deadline
from oss_oms_sync.clouds.bucket import CHANGED_CODES
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import PERMISSION_CODES, ObjectSummary, StoredObject, etag_of
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.errors import StorageError
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.rules.reading import READ_DESTINATION, READ_SOURCE

_PART_SIZES = (50_000_000, 50 * 1024 * 1024)
_ETAG_PATTERN = re.compile(r"(?P<md5>[0-9A-F]{32})(-(?P<parts>[1-9][0-9]*))?")


class Proof(Enum):
    """The result of reading the source's object, or the reason why it was not read."""

    EQUAL = "equal"
    DIFFERENT = "different"
    # The object in OBS has as many parts as OMS would write, and other contents.
    PARTS_DIFFER = "parts_differ"
    # The ETag in OBS is of parts of an unknown size.
    UNKNOWN_PARTS = "unknown_parts"
    ENCRYPTED = "encrypted"
    # An object changed during the read.
    CHANGED = "changed"
    # There was too little time to read the object.
    TOO_BIG = "too_big"
    # OSS, or OBS if it was queried, refuses the request, because the object is archived or the use of its encryption
    # key is forbidden.
    UNREADABLE = "unreadable"
    # OSS refuses the request, because the function's role has no permission to read the object.
    NO_RIGHT_IN_OSS = "no_right_in_oss"
    # The ETag is not that of the source's contents. OBS's object may be encrypted, but the permission to query this is
    # missing.
    NO_RIGHT_IN_OBS = "no_right_in_obs"


# Proofs from a complete read of the source's object.
READ_PROOFS = frozenset({Proof.EQUAL, Proof.DIFFERENT, Proof.PARTS_DIFFER, Proof.ENCRYPTED, Proof.NO_RIGHT_IN_OBS})
# Proofs that are stored, because they are valid as long as both objects are unchanged.
_STORED_PROOFS = (Proof.EQUAL, Proof.DIFFERENT, Proof.PARTS_DIFFER)
# Results that leave an object without a proof.
UNPROVEN_RESULTS = frozenset(Proof) - {*_STORED_PROOFS, Proof.CHANGED}
# Results that do not show if the contents are equal.
INCONCLUSIVE_PROOFS = UNPROVEN_RESULTS | {Proof.PARTS_DIFFER}


def list_missing_permissions(
    invocation: Invocation, destination: ObsBucket, source_key: str, obs_key: str
) -> list[str]:
    """List the missing permissions to read an object in either bucket; a bucket is not checked if its key is empty.

    In both clouds, HEAD needs the same permission as GET.

    Raises StorageError if a cloud refuses for another reason.
    """
    checks: list[tuple[str, Callable[[Sequence[str]], Sequence[object]], str]] = [
        (READ_SOURCE, invocation.source_bucket.try_head_all, source_key),
        (READ_DESTINATION, destination.try_head_all, obs_key),
    ]
    missing_permissions = []
    for permission, head_all, key in checks:
        for answer in head_all([key]) if key else ():
            if isinstance(answer, StorageError) and answer.code in PERMISSION_CODES:
                missing_permissions.append(permission)
            elif isinstance(answer, StorageError) and answer.code != "NoSuchKey":
                raise answer
    return missing_permissions


def stored_proof(entry: Entry) -> Proof | None:
    """Return the stored proof for the current versions of a key in both buckets, or None."""
    _, source, _, _, destination, record = entry
    if not record or not source or not destination or source.size != destination.size:
        return None
    return next(
        (proof for proof in _STORED_PROOFS if record.etag == etag_of(_format_proof(source, destination, proof))), None
    )


def _format_proof(source: ObjectSummary, destination: ObjectSummary, proof: Proof) -> str:
    return f"{source.etag} {source.modified} {destination.etag} {proof.value}"


def proves_equal(record: bytes, etag: str) -> bool:
    """Return True if a stored proof states that OBS's object with this ETag was equal to a version of the source."""
    return record.decode("utf-8", "replace").split(" ")[2:] == [etag, Proof.EQUAL.value]


class Prover:
    """A reader of the source's objects, which proves that they are equal to OBS's objects, or differ from them."""

    def __init__(
        self,
        invocation: Invocation,
        destination: ObsBucket,
        deadline: Deadline,
        *,
        has_full_time: bool,
        stores_proofs: bool,
    ) -> None:
        """Create a prover that reads nothing after the deadline.

        `has_full_time` is True if no invocation could read longer, so an object that takes longer can never be read.
        With `stores_proofs`, the prover writes its proofs to the log bucket.
        """
        self._invocation = invocation
        self._destination = destination
        self._deadline = deadline
        self._stores_proofs = stores_proofs
        self.has_full_time = has_full_time

    def prove(self, source: ObjectSummary, destination: ObjectSummary) -> Proof:
        """Compare the contents of two objects of equal size, and store the proof before the next read.

        Raises StorageError.
        """
        proof = self._compare_contents(source, destination)
        if proof in _STORED_PROOFS and self._stores_proofs:
            name = record_name(self._invocation.task_id, "proven", source.name)
            body = _format_proof(source, destination, proof).encode()
            self._invocation.log_bucket.put(StoredObject(name, body, {"Content-Type": "text/plain"}))
        return proof

    def _compare_contents(self, source: ObjectSummary, destination: ObjectSummary) -> Proof:
        etag = _ETAG_PATTERN.fullmatch(destination.etag)
        if not etag:
            return Proof.UNKNOWN_PARTS
        parts = int(etag["parts"] or 0)
        sizes = [size for size in _PART_SIZES if -(-source.size // size) == parts] if parts else [0]
        if not sizes:
            return Proof.UNKNOWN_PARTS
        digests = list(map(_EtagDigest, sizes))
        try:
            if not self._read_source(source, digests):
                return Proof.TOO_BIG
        except StorageError as error:
            if error.code in CHANGED_CODES:
                return Proof.CHANGED
            if error.is_refusal:
                return Proof.NO_RIGHT_IN_OSS if error.code in PERMISSION_CODES else Proof.UNREADABLE
            raise
        if destination.etag in [digest.etag() for digest in digests]:
            return Proof.EQUAL
        return Proof.PARTS_DIFFER if parts else self._explain_difference(destination)

    def _read_source(self, source: ObjectSummary, digests: list[_EtagDigest]) -> bool:
        if self._deadline.expired():
            return False
        for body in self._invocation.source_bucket.iter_contents(source):
            for digest in digests:
                digest.update(body)
            if self._deadline.expired():
                return False
        return True

    def _explain_difference(self, destination: ObjectSummary) -> Proof:
        """Return the result for an object whose ETag in OBS is not the MD5 of the source's contents.

        Raises StorageError.
        """
        (head,) = self._destination.try_head_all([destination.name])
        if isinstance(head, StorageError):
            if head.code in PERMISSION_CODES:
                return Proof.NO_RIGHT_IN_OBS
            if head.code == "NoSuchKey":
                return Proof.CHANGED
            if head.is_refusal:
                return Proof.UNREADABLE
            raise head
        if head.etag != destination.etag:
            return Proof.CHANGED
        return Proof.ENCRYPTED if head.encryption else Proof.DIFFERENT


class _EtagDigest:
    """A computation of an ETag from parts of `part_size` bytes, or from the whole object if `part_size` is 0."""

    def __init__(self, part_size: int) -> None:
        self._part_size = part_size
        self._part_digests = b""
        self._part_md5 = hashlib.md5(usedforsecurity=False)
        self._remaining_bytes = part_size or sys.maxsize

    def update(self, body: bytes) -> None:
        view = memoryview(body)
        while view:
            if not self._remaining_bytes:
                self._end_part()
            part_bytes, view = view[: self._remaining_bytes], view[self._remaining_bytes :]
            self._part_md5.update(part_bytes)
            self._remaining_bytes -= len(part_bytes)

    def etag(self) -> str:
        if not self._part_size:
            return self._part_md5.hexdigest().upper()
        self._end_part()
        number = len(self._part_digests) // 16
        return f"{hashlib.md5(self._part_digests, usedforsecurity=False).hexdigest().upper()}-{number}"

    def _end_part(self) -> None:
        self._part_digests += self._part_md5.digest()
        self._part_md5 = hashlib.md5(usedforsecurity=False)
        self._remaining_bytes = self._part_size
