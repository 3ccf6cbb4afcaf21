"""The answer of certify to `ops.py deletions`: objects that the source has deleted and OBS still has.

An absence is a key that exists only in OBS. Each call of certify checks a page of the absences that the last comparison
recorded. The project never deletes a user's object.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.text import Text, t


class OmissionReason(Enum):
    """Reasons to omit a key from the list of deletions, in the order in which they are checked."""

    meaning: Text

    YOUNG = ("young", t("object absent from the source for less than a day when the last comparison began"))
    NAME = ("name", t("an rclone list cannot represent the key exactly"))
    WAITS = ("waits", t("replay may resend the key: a failed record or run file contains the key"))
    RECORDED = ("recorded", t("OMS accepted the key after the last comparison began"))
    OTHERS = ("others", t("no proof that this project copied the object to OBS"))
    OBS_UNKNOWN = ("obs_unknown", t("OBS did not answer the request for the object"))
    CHANGED = ("changed", t("the object in OBS has changed or no longer exists"))
    SOURCE_UNKNOWN = ("source_unknown", t("OSS did not confirm with a 404 response that the object no longer exists"))
    BACK = ("back", t("the source has the object again"))

    def __new__(cls, name: str, meaning: Text) -> OmissionReason:  # noqa: PYI034  typing has Self since 3.11
        reason = object.__new__(cls)
        reason._value_, reason.meaning = name, meaning
        return reason


@dataclass(frozen=True)
class Deletion:
    """A key that the source has deleted, with the size in bytes, the ETag and the time of its object in OBS.

    `absent_since` is the time of the first comparison that did not find the key at the source.
    """

    key: str
    size: int
    etag: str
    modified: str
    absent_since: str


@dataclass(frozen=True)
class DeletionFacts:
    """Facts that decide whether the project can make a list of deletions; a fact that is unknown is None.

    - `comparison`, `began`: the name and the start of the last comparison of all objects, or empty.
    - `source_objects`, `objects_before`: the numbers of objects at the source in this comparison, and in the previous
      one.
    - `back_to_source`: the number of back-to-source rules in OBS.
    - `go`: the name of the last certificate with a GO.
    - `unread_run_files`: the number of unreadable run files (the keys that replay is resending).
    - `missing_permissions`: the missing permissions to read objects.
    - `unknown_objects`: the number of objects of unknown origin in OBS, which are never listed.
    """

    source_bucket: str
    task_source: str | None
    destination_bucket: str
    comparison: str
    began: str
    source_objects: int
    objects_before: int
    back_to_source: int | None
    go: str
    unread_run_files: int
    missing_permissions: Sequence[str]
    unknown_objects: int


@dataclass(frozen=True)
class DeletionsAnswer:
    """A page of the list of deletions, with the numbers of omitted keys by reason.

    - `unlisted`: the keys of the page that cannot be written in a list for rclone.
    - `after`: the last key of the page if other pages follow, otherwise None.
    """

    facts: DeletionFacts
    deletions: Sequence[Deletion]
    left_out: Mapping[OmissionReason, int]
    unlisted: Sequence[str]
    after: str | None
