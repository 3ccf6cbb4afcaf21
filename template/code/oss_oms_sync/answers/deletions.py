"""Objects that the source has deleted and OBS still has: what certify answers to `ops.py deletions`.

The project deletes no object of a user. Certify looks at the absences of the last comparison, a page for each call.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from oss_oms_sync.answers.text import Text, t


class OmissionReason(Enum):
    """Reasons to leave a key out of the list of deletions; the first that holds counts."""

    meaning: Text

    # Absent for less than a day when the last comparison began.
    YOUNG = ("young", t("absent for less than a day when the last comparison began"))
    NAME = ("name", t("rclone's list cannot name the key exactly"))
    WAITS = ("waits", t("a failed record or a run file has the key"))
    RECORDED = ("recorded", t("OMS accepted the key after the last comparison had begun"))
    OTHERS = ("others", t("not proven that this project brought OBS's object"))
    OBS_UNKNOWN = ("obs_unknown", t("OBS did not answer for the object"))
    CHANGED = ("changed", t("OBS's object changed, or is gone"))
    SOURCE_UNKNOWN = ("source_unknown", t("OSS did not answer 404 for the object"))
    BACK = ("back", t("the source has the object"))

    def __new__(cls, name: str, meaning: Text) -> OmissionReason:  # noqa: PYI034  typing has Self since 3.11
        reason = object.__new__(cls)
        reason._value_, reason.meaning = name, meaning
        return reason


@dataclass(frozen=True)
class Deletion:
    """A key that the source has deleted, with OBS's object: its size in bytes, ETag and time.

    `absent_since`: the time of the first comparison that found the key absent.
    """

    key: str
    size: int
    etag: str
    modified: str
    absent_since: str


@dataclass(frozen=True)
class DeletionFacts:
    """Facts that decide whether a list of deletions can be made. Unknown values are None.

    `comparison`: the name of the last whole comparison, empty without one; `began`: its beginning. `source_objects`:
    the number of objects at the source by it, and `objects_before` by the comparison before it. `back_to_source`: the
    number of OBS's back-to-source rules. `go`: the last GO. `unread_run_files`: run files whose keys are unknown.
    `missing_permissions`: those to read objects. `unknown_objects`: the number of OBS's objects of unknown origin,
    which are never listed.
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
    """A page of deletions: the keys to delete, and the number of keys left out by reason.

    It is empty if the facts permit no list. `unlisted`: the keys of the page that no list of rclone can name. `after`:
    the last key of this page if more follow, otherwise None.
    """

    facts: DeletionFacts
    deletions: Sequence[Deletion]
    left_out: Mapping[OmissionReason, int]
    unlisted: Sequence[str]
    after: str | None
