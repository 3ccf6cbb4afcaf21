"""Proof that two objects of equal size are equal or not, by reading the source's object.

OBS, "Obtaining object metadata": the ETag of an object that was written in one call is the MD5 of its contents, unless
it is encrypted; the ETag of an object written in N parts is the MD5 of the parts' MD5s, and "-N". OMS's parts are 50
MB. The destination's object is not read.

The proof is stored, so each pair of versions is read once:

oms_source_record/{task}/proven_object/{key}    "{ETag} {time} {ETag in OBS} equal", or "different", or "parts_differ"

(`proven_object_long/{sha256}` for a key too long to follow the prefix.) The time is the source's, in seconds since
1970. The body follows from the listings of both sides, and a listing of the proofs shows the MD5 of each body as its
ETag, so a listing shows if a proof is valid. OBS's time is not part of the body: the source's bytes hash to that ETag,
whenever OBS's object was written.
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
    """The result of reading the source's object."""

    EQUAL = "equal"
    DIFFERENT = "different"
    # The destination has OMS's number of parts, and other contents.
    PARTS_DIFFER = "parts_differ"
    # The destination's ETag is of parts of another size.
    UNKNOWN_PARTS = "unknown_parts"
    ENCRYPTED = "encrypted"
    # An object changed during the read.
    CHANGED = "changed"
    # There is not enough time to read the object.
    TOO_BIG = "too_big"
    # OSS (or OBS, if it was read) refuses because the object is archived, or the use of its encryption key is
    # forbidden.
    UNREADABLE = "unreadable"
    # OSS refuses because the function's role has no permission to read the object.
    NO_RIGHT_IN_OSS = "no_right_in_oss"
    # The objects differ, unless OBS's object is encrypted, and the permission to query this is missing.
    NO_RIGHT_IN_OBS = "no_right_in_obs"


# Proofs from a complete read of the source's object.
READ = frozenset({Proof.EQUAL, Proof.DIFFERENT, Proof.PARTS_DIFFER, Proof.ENCRYPTED, Proof.NO_RIGHT_IN_OBS})
# Proofs that are valid while both sides are unchanged.
_STORED_PROOFS = (Proof.EQUAL, Proof.DIFFERENT, Proof.PARTS_DIFFER)
# Reasons why an object stays unproven.
UNREAD = frozenset(Proof) - {*_STORED_PROOFS, Proof.CHANGED}
# Results without a statement on the contents.
VAIN_PROOFS = UNREAD | {Proof.PARTS_DIFFER}


def missing_permissions(invocation: Invocation, destination: ObsBucket, source_key: str, obs_key: str) -> list[str]:
    """List the missing permissions to read an object on either side.

    A side without a key is not checked. HEAD needs the same permission as GET in both clouds.

    Raises StorageError if a cloud refuses for another reason.
    """
    checked: list[tuple[str, Callable[[Sequence[str]], Sequence[object]], str]] = [
        (READ_SOURCE, invocation.source_bucket.try_head_all, source_key),
        (READ_DESTINATION, destination.try_head_all, obs_key),
    ]
    missing = []
    for permission, ask, key in checked:
        for answer in ask([key]) if key else ():
            if isinstance(answer, StorageError) and answer.code in PERMISSION_CODES:
                missing.append(permission)
            elif isinstance(answer, StorageError) and answer.code != "NoSuchKey":
                raise answer
    return missing


def kept(entry: Entry) -> Proof | None:
    """Return the stored proof of a key's current versions in both buckets; None without such a proof."""
    _, source, _, _, destination, record = entry
    if not record or not source or not destination or source.size != destination.size:
        return None
    return next((proof for proof in _STORED_PROOFS if record.etag == etag_of(_body(source, destination, proof))), None)


def _body(source: ObjectSummary, destination: ObjectSummary, proof: Proof) -> str:
    return f"{source.etag} {source.modified} {destination.etag} {proof.value}"


def proves_equal(record: bytes, etag: str) -> bool:
    """Return True if a kept proof says that OBS's object with this ETag was equal to a version of the source."""
    return record.decode("utf-8", "replace").split(" ")[2:] == [etag, Proof.EQUAL.value]


class Prover:
    """Proofs by reads of the source bucket's objects."""

    def __init__(
        self, invocation: Invocation, destination: ObsBucket, enough: Deadline, *, has_whole_piece: bool, keeps: bool
    ) -> None:
        """Create the prover; it reads nothing after `enough`.

        `has_whole_piece`: it has as much time as a piece. `keeps`: it stores proofs.
        """
        self._invocation = invocation
        self._destination = destination
        self._enough = enough
        self._keeps = keeps
        self.has_whole_piece = has_whole_piece

    def prove(self, source: ObjectSummary, destination: ObjectSummary) -> Proof:
        """Compare two objects of equal size, and store the proof immediately, so that a crash loses no proof.

        Raises StorageError.
        """
        proof = self._prove(source, destination)
        if proof in _STORED_PROOFS and self._keeps:
            name = record_name(self._invocation.task_id, "proven", source.name)
            body = _body(source, destination, proof).encode()
            self._invocation.log_bucket.put(StoredObject(name, body, {"Content-Type": "text/plain"}))
        return proof

    def _prove(self, source: ObjectSummary, destination: ObjectSummary) -> Proof:
        etag = _ETAG_PATTERN.fullmatch(destination.etag)
        if not etag:
            return Proof.UNKNOWN_PARTS
        parts = int(etag["parts"] or 0)
        sizes = [size for size in _PART_SIZES if -(-source.size // size) == parts] if parts else [0]
        if not sizes:
            return Proof.UNKNOWN_PARTS
        digests = list(map(_Digest, sizes))
        try:
            if not self._read(source, digests):
                return Proof.TOO_BIG
        except StorageError as error:
            if error.code in CHANGED_CODES:
                return Proof.CHANGED
            if error.is_refusal:
                return Proof.NO_RIGHT_IN_OSS if error.code in PERMISSION_CODES else Proof.UNREADABLE
            raise
        if destination.etag in [digest.etag() for digest in digests]:
            return Proof.EQUAL
        return Proof.PARTS_DIFFER if parts else self._difference(destination)

    def _read(self, source: ObjectSummary, digests: list[_Digest]) -> bool:
        """Read an object into `digests`; return True if it was read completely."""
        if self._enough.expired():
            return False
        for body in self._invocation.source_bucket.iter_contents(source):
            for digest in digests:
                digest.update(body)
            if self._enough.expired():
                return False
        return True

    def _difference(self, destination: ObjectSummary) -> Proof:
        """Return the reason why the destination's ETag is not the MD5 of the source's contents.

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


class _Digest:
    """The ETag of an object written in parts of `size` bytes, or in one call if `size` is 0."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._digests = b""
        self._part = hashlib.md5(usedforsecurity=False)
        self._room = size or sys.maxsize

    def update(self, body: bytes) -> None:
        view = memoryview(body)
        while view:
            if not self._room:
                self._close()
            taken, view = view[: self._room], view[self._room :]
            self._part.update(taken)
            self._room -= len(taken)

    def etag(self) -> str:
        if not self._size:
            return self._part.hexdigest().upper()
        self._close()
        number = len(self._digests) // 16
        return f"{hashlib.md5(self._digests, usedforsecurity=False).hexdigest().upper()}-{number}"

    def _close(self) -> None:
        self._digests += self._part.digest()
        self._part = hashlib.md5(usedforsecurity=False)
        self._room = self._size
