"""The classes into which a comparison sorts objects, with the properties by which they are counted and reported."""

from __future__ import annotations

from enum import Enum

from oss_oms_sync.answers.text import NOTHING, Text, t

# Signs of the classes whose keys can be rechecked individually.
RECHECKED_SIGNS = "+*~"


class ObjectClass(Enum):
    """A class of objects: its name in answers, its sign in a list of differences, its label and its meaning.

    The signs are similar to those of `rclone check --combined`.
    """

    # Written by a canary, on either side.
    CANARY = ("canary", "-", t("canary"), t("A canary wrote the object, and deletes it later."))
    # Objects in the source bucket.
    IMPOSSIBLE = (
        "impossible",
        "!",
        t("impossible"),
        t("The object is a symbolic link, its key is below oms_source_record/, or OBS cannot store the key."),
    )
    MOVING = ("moving", "~", t("moving"), t("The object was written just before or during the comparison."))
    EQUAL_CONTENTS = ("equal_contents", "=", t("equal contents"), t("The sizes and checksums match."))
    FAILED_BEFORE = ("failed_before", "~", t("failed before"), t("A failed record exists: replay resends the object."))
    IN_FLIGHT = ("in_flight", "~", t("in flight"), t("OMS has accepted the object, but the object is not in OBS yet."))
    MIGRATING = (
        "migrating",
        "~",
        t("migrating"),
        t("The object is missing or older in OBS: the migration of existing objects will copy it."),
    )
    MISSING = ("missing", "+", t("missing"), t("The object is not in OBS."))
    OLDER = ("older", "*", t("older"), t("OBS has an older version."))
    OVERWRITTEN = ("overwritten", "*", t("overwritten"), t("OBS has a newer version of a different size."))
    SUSPICIOUS = ("suspicious", "*", t("suspicious"), t("The sizes match, but the checksums differ."))
    EQUAL_VERSION = (
        "equal_version",
        "=",
        t("equal version"),
        t("The sizes match, and OMS accepted the current version."),
    )
    EQUAL_SIZE = ("equal_size", "=", t("equal size"), t("The sizes match, and the object in OBS is not older."))
    # Objects that are only in the destination bucket.
    OMS_OWN = ("oms_own", "-", t("OMS's own lists"), t("OMS itself wrote the object to OBS."))
    ARRIVING = (
        "arriving",
        "~",
        t("arriving"),
        t("The object is only in OBS, and was written less than 15 minutes before the comparison."),
    )
    DELETED_AT_SOURCE = (
        "deleted_at_source",
        "-",
        t("deleted at the source"),
        t("The object is only in OBS: it was deleted at the source."),
    )
    UNKNOWN = ("unknown", "-", t("unknown origin"), t("The object is only in OBS, and this project did not submit it."))
    # Objects outside the project's prefix and suffix, on either side.
    OUTSIDE = (
        "outside",
        "-",
        t("outside the scope"),
        t("The object key does not match this project's prefix and suffix."),
    )
    # Records without an object on either side.
    ORPHAN_RECORDS = ("orphan_records", "-", NOTHING, NOTHING)

    def __new__(cls, title: str, *_: object) -> ObjectClass:  # noqa: PYI034  typing has Self since 3.11
        object_class = object.__new__(cls)
        object_class._value_ = title
        return object_class

    def __init__(self, title: str, sign: str, label: Text, meaning: Text) -> None:
        self.title = title
        self.sign = sign
        # Label and meaning; orphan records are in no report.
        self.label = label
        self.meaning = meaning
        # True if lists of differences contain the objects of this class, because they need action.
        self.is_listed = sign != "=" and title not in ("canary", "oms_own", "outside")
        # True if a single key can be rechecked. An object that is only in OBS, or impossible, keeps its class.
        self.can_be_rechecked = sign in RECHECKED_SIGNS
        # These are attributes and not sets: a pass reads them for millions of objects, and hashing a class is slow.
        self.is_equal = title in ("equal_contents", "equal_version", "equal_size")
        # True if the destination bucket lacks the object's current version, or may need a submission to get it.
        self.is_lacking = title in ("failed_before", "missing", "older", "overwritten")
        # True if the object may still arrive without action.
        self.is_pending = title in ("moving", "in_flight", "migrating", "arriving")
        # True if the watermark, until which everything is copied, cannot be later than the object's time.
        self.holds_watermark = self.is_lacking or title in ("in_flight", "migrating")
        # True if the objects are only in the destination bucket, and are counted there.
        self.is_only_in_obs = title in ("oms_own", "arriving", "deleted_at_source", "unknown")
        # True if the class can be accepted by name, although its objects are not proven.
        self.can_be_accepted = title in ("suspicious", "equal_version", "equal_size", "impossible", "unknown")

    @property
    def tone(self) -> str:
        """The name of the color that reports use for the class.

        - "good": proven objects.
        - "open": unproven objects.
        - "way": objects in progress.
        - "bad": objects that OBS lacks.
        - "calm": objects that are not judged.
        """
        if self is ObjectClass.EQUAL_CONTENTS:
            return "good"
        tones = (("bad", self.is_lacking), ("way", self.is_pending), ("open", self.can_be_accepted))
        return next((tone for tone, applies in tones if applies), "calm")


EQUAL_CLASSES = tuple(object_class for object_class in ObjectClass if object_class.is_equal)
# Classes of objects whose equality is unknown until they are read.
UNPROVEN_CLASSES = (ObjectClass.SUSPICIOUS, ObjectClass.EQUAL_VERSION, ObjectClass.EQUAL_SIZE)
# Classes outside the project's scope: canaries, objects outside its filter, and OMS's own lists, which grow.
NOT_IN_SCOPE = (ObjectClass.CANARY, ObjectClass.OUTSIDE, ObjectClass.OMS_OWN)
IN_SCOPE = tuple(object_class for object_class in ObjectClass if object_class not in NOT_IN_SCOPE)
# Classes in scope that do not count as equal: OBS lacks the objects, may get them without action, or has no proof.
LACKING_CLASSES = frozenset(object_class for object_class in ObjectClass if object_class.is_lacking)
PENDING_CLASSES = frozenset(object_class for object_class in ObjectClass if object_class.is_pending)
ACCEPTABLE_CLASSES = frozenset(object_class for object_class in ObjectClass if object_class.can_be_accepted)
# Classes of objects that are too new to be judged.
TOO_NEW_CLASSES = (ObjectClass.MOVING, ObjectClass.IN_FLIGHT)
# Titles of classes that a recheck leaves unchanged.
UNCHANGED_BY_RECHECK = frozenset(
    object_class.title for object_class in ObjectClass if not object_class.can_be_rechecked
)
