"""The records of compared or changed headers.

oms_source_record/{task}/mended_object/{key}    "{ETag} {time} {ETag in OBS} {time in OBS}"

(`mended_object_long/{sha256}` for a key too long to follow the prefix.) Times are in seconds since 1970. When the
record was written, both versions had the same headers. The body follows from the listings of both sides, so a listing
of the records shows by the MD5 of each body if a record is still of these versions.

The metadata `old` holds the headers that OBS had before the first change, as JSON, for `--undo`; it is missing if no
header was changed. Before a change, the record is an intention: " intended" follows its body, which no listing matches.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of

_OLD = "x-oss-meta-old"
_INTENDED = " intended"
# OSS, "Manage object metadata": the user's metadata has at most 8 KB, including names.
_MAX_OLD_BYTES = 8 * 1024 - 64


class MendedRecord(NamedTuple):
    """A record of the headers of two versions; ETags and times are as in ObjectSummary."""

    source_etag: str
    source_modified: int
    etag: str
    modified: int
    old: Mapping[str, str] | None = None
    is_intended: bool = False

    @classmethod
    def of(cls, source: ObjectSummary, there: ObjectSummary) -> MendedRecord:
        """Return the record of two versions, as their listings show them."""
        return cls(source.etag, source.modified, there.etag, there.modified)

    @classmethod
    def parse(cls, stored: StoredObject) -> MendedRecord | None:
        """Return a record as read; None if it has another form."""
        words = stored.body.decode("utf-8", "replace").removesuffix(_INTENDED).split(" ")
        if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
            return None
        match jsontext.load(stored.headers.get(_OLD, "null")):
            case {**old}:
                kept: Mapping[str, str] | None = {str(name): str(value) for name, value in old.items()}
            case _:
                kept = None
        is_intended = stored.body.endswith(_INTENDED.encode())
        return cls(words[0], int(words[1]), words[2], int(words[3]), kept, is_intended)

    @property
    def etag_in_listing(self) -> str:
        """The record's own ETag, by which a listing shows that it is of these versions."""
        return etag_of(self._body)

    @property
    def fits(self) -> bool:
        """True if the log bucket can hold the old headers."""
        return len(self._old_text) <= _MAX_OLD_BYTES

    def is_about(self, there: ObjectSummary) -> bool:
        """Return True if the object in OBS is the one whose headers were changed, as far as a listing shows."""
        return there.etag == self.etag and (self.is_intended or there.modified == self.modified)

    def stored(self, task_id: str, key: str) -> StoredObject:
        """Return the object to write for a key."""
        headers = {"Content-Type": "text/plain"}
        if self.old is not None:
            headers[_OLD] = self._old_text
        return StoredObject(record_name(task_id, "mended", key), self._body.encode(), headers)

    @property
    def _body(self) -> str:
        versions = f"{self.source_etag} {self.source_modified} {self.etag} {self.modified}"
        return f"{versions}{_INTENDED if self.is_intended else ''}"

    @property
    def _old_text(self) -> str:
        # Only ASCII, which a header can hold.
        return json.dumps(self.old, separators=(",", ":"))
