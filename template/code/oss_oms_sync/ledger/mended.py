"""Records of objects whose headers in OSS and OBS were compared, or were changed in OBS.

    oms_source_record/{task}/mended_object/{key}    "{ETag} {time} {ETag in OBS} {time in OBS}"

If a key is too long to follow the prefix, the name is `mended_object_long/{sha256}`. Times are Unix seconds. The record
states that both versions had equal headers when it was written. It is about the current versions if its own ETag in a
listing, the MD5 of its body, is that of the body for these versions.

The record's metadata `old` has the headers that OBS had before the first change, as JSON, for `--undo`. Before a
change, a record of the intention is written: its body ends with " intended", so it is never about the current versions.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from oss_oms_sync import jsontext
from oss_oms_sync.answers.layout import record_name
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject, etag_of

_OLD_HEADERS_NAME = "x-oss-meta-old"
_INTENTION_SUFFIX = " intended"
# OSS, "Manage object metadata": the user's metadata has at most 8 KB, including names.
_MAX_OLD_BYTES = 8 * 1024 - 64


class MendedRecord(NamedTuple):
    """A record that the versions of an object in OSS and OBS had equal headers.

    - `source_etag`, `source_modified`: the ETag and the time of the version in OSS, as in ObjectSummary.
    - `etag`, `modified`: those of the version in OBS.
    - `old_headers`: the headers in OBS before the first change, or None if no header was changed.
    - `is_intended`: True if the change was recorded before it was made, and may be missing.
    """

    source_etag: str
    source_modified: int
    etag: str
    modified: int
    old_headers: Mapping[str, str] | None = None
    is_intended: bool = False

    @classmethod
    def from_versions(cls, source: ObjectSummary, destination: ObjectSummary) -> MendedRecord:
        return cls(source.etag, source.modified, destination.etag, destination.modified)

    @classmethod
    def parse(cls, stored_object: StoredObject) -> MendedRecord | None:
        """Parse a stored record; return None if its body has another form."""
        words = stored_object.body.decode("utf-8", "replace").removesuffix(_INTENTION_SUFFIX).split(" ")
        if len(words) != 4 or not (words[1].isdecimal() and words[3].isdecimal()):
            return None
        match jsontext.load(stored_object.headers.get(_OLD_HEADERS_NAME, "null")):
            case {**header_values}:
                old_headers: Mapping[str, str] | None = {str(name): str(value) for name, value in header_values.items()}
            case _:
                old_headers = None
        is_intended = stored_object.body.endswith(_INTENTION_SUFFIX.encode())
        return cls(words[0], int(words[1]), words[2], int(words[3]), old_headers, is_intended)

    @property
    def etag_in_listing(self) -> str:
        """The ETag of the record's own object in a listing of the log bucket."""
        return etag_of(self._body)

    @property
    def can_be_stored(self) -> bool:
        """True if OSS can store the old headers in the record's metadata."""
        return len(self._old_text) <= _MAX_OLD_BYTES

    def matches_object(self, destination: ObjectSummary) -> bool:
        """Return True if OBS still has the object whose headers were changed, as far as its row in a listing shows."""
        return destination.etag == self.etag and (self.is_intended or destination.modified == self.modified)

    def to_object(self, task_id: str, key: str) -> StoredObject:
        headers = {"Content-Type": "text/plain"}
        if self.old_headers is not None:
            headers[_OLD_HEADERS_NAME] = self._old_text
        return StoredObject(record_name(task_id, "mended", key), self._body.encode(), headers)

    @property
    def _body(self) -> str:
        versions = f"{self.source_etag} {self.source_modified} {self.etag} {self.modified}"
        return f"{versions}{_INTENTION_SUFFIX if self.is_intended else ''}"

    @property
    def _old_text(self) -> str:
        # JSON in ASCII, because a header cannot hold other characters.
        return json.dumps(self.old_headers, separators=(",", ":"))
