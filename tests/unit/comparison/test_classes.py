"""The object class of each combination of listed objects and records, compared with the table in the documents."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import product

import pytest

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.clouds.objects import ObjectSummary, etag_of
from oss_oms_sync.comparison.judge import JudgementTimes, classify
from oss_oms_sync.comparison.oms_progress import OmsProgress
from oss_oms_sync.ledger.migration import MigrationReach, Migrations
from oss_oms_sync.passes.entries import Entry

NOW = 1_000_000.0
HOUR, MINUTE = 3600, 60
# OMS has finished all objects that it accepted an hour ago or earlier, and is still finishing others.
OLDEST_UNFINISHED = NOW - HOUR
TIMES = JudgementTimes(NOW, OmsProgress(NOW, max_unfinished=1, oldest_unfinished=OLDEST_UNFINISHED, last_finished=NOW))
# The times during a copying task group that began three hours ago, when no object was only in OBS.
GROUP = MigrationReach(("k",), int(NOW - 3 * HOUR), int(NOW), will_copy=True, has_copied=False, had_no_extra=True)
TIMES_WITH_GROUP = replace(TIMES, migrations=Migrations((GROUP,)))
MD5, OTHER_MD5, PARTS = "A" * 32, "B" * 32, f"{'A' * 32}-2"

# Times of writing: long ago, before and after OMS's oldest unfinished step, during the listings, and just now.
LONG_AGO, ACCEPTED, RECENT, LATE, NEW = (
    NOW - 10 * HOUR,
    NOW - 2 * HOUR,
    NOW - 30 * MINUTE,
    NOW - 30,
    NOW - 5 * MINUTE,
)


def list_sources() -> list[ObjectSummary | None]:
    kinds = [(MD5, 5, "Normal"), (PARTS, 5, "Multipart"), ("C" * 16, 5, "Appendable"), (MD5, 5, "Symlink")]
    return [None, *(ObjectSummary("k", e, s, int(at), t) for (e, s, t), at in product(kinds, (LONG_AGO, NEW)))]


def list_success_records(source: ObjectSummary | None) -> list[ObjectSummary | None]:
    """Return success records: none, for this version, for this version after a resend, and for another version."""
    etag = source.etag if source else MD5
    bodies = (etag, f"{etag} again", "an older one")
    times = (LONG_AGO - HOUR, ACCEPTED, RECENT, LATE)
    return [None, *(ObjectSummary("k", etag_of(body), 3, int(at), "Normal") for body, at in product(bodies, times))]


def list_failed_records() -> list[ObjectSummary | None]:
    return [None, *(ObjectSummary("k", "F" * 32, 9, int(at), "Normal") for at in (LONG_AGO - HOUR, ACCEPTED, LATE))]


def list_destinations(source: ObjectSummary | None) -> list[ObjectSummary | None]:
    etags = (MD5, OTHER_MD5, PARTS, f"{'B' * 32}-2")
    times = (LONG_AGO - HOUR, LONG_AGO, ACCEPTED, LATE)
    return [None, *(ObjectSummary("k", e, size, int(at), "Normal") for e, size, at in product(etags, (5, 6), times))]


def make_proof(source: ObjectSummary, there: ObjectSummary, shown: str) -> ObjectSummary:
    """Return the listed record of a proof for these two objects, written at LATE; `shown` is the proof's result."""
    body = f"{source.etag} {source.modified} {there.etag} {shown}"
    return ObjectSummary("k", etag_of(body), len(body), int(LATE), "Normal")


def list_proofs(source: ObjectSummary | None, there: ObjectSummary | None) -> list[ObjectSummary | None]:
    """Return possible proofs for two objects: none, the proofs for these objects, and proofs for two other versions.

    The other versions differ by time or by ETag.
    """
    if source is None or there is None or source.type == "Symlink" or source.modified > LONG_AGO:
        return [None]
    others = source._replace(modified=source.modified - 1), there._replace(etag="D" * 32)
    shown = [make_proof(source, there, result) for result in ("equal", "different", "parts_differ")]
    return [None, *shown, make_proof(others[0], there, "equal"), make_proof(source, others[1], "equal")]


ENTRIES = [
    Entry("k", source, success, failed, destination, proof)
    for source in list_sources()
    for success, failed, destination in product(
        list_success_records(source), list_failed_records(), list_destinations(source)
    )
    for proof in list_proofs(source, destination)
    if source or success or failed or destination
]


# The table of the documents: a class, and the function that returns True for its entries.


def is_link(e: Entry) -> bool:
    return e.source is not None and e.source.type == "Symlink"


def is_equal(e: Entry) -> bool:
    if e.source is None or e.destination is None or e.source.size != e.destination.size:
        return False
    return (e.source.etag == e.destination.etag and e.source.etag in (MD5, OTHER_MD5)) or has_stored_proof(e, "equal")


def has_stored_proof(e: Entry, shown: str) -> bool:
    if not e.proof or not e.source or not e.destination or e.source.size != e.destination.size:
        return False
    return e.proof == make_proof(e.source, e.destination, shown)


def is_to_be_overwritten(e: Entry) -> bool:
    """Return True if OMS accepted the source's version after OBS got a different one, so OMS overwrites it."""
    there = e.destination
    if e.source is None or there is None or not e.success_record or there.modified >= e.success_record.modified:
        return False
    return e.source.size != there.size or has_stored_proof(e, "different")


def names_this_version(e: Entry) -> bool:
    if e.source is None or e.success_record is None or e.success_record.modified < e.source.modified:
        return False
    return e.success_record.etag in (etag_of(e.source.etag), etag_of(f"{e.source.etag} again"))


def is_newer_of_equal_size(e: Entry) -> bool:
    there = e.destination
    return bool(e.source and there) and there.size == e.source.size and there.modified >= e.source.modified


def is_certain(e: Entry) -> bool:
    """Return True if the class is FAILED_BEFORE or means equal objects; new records do not change these classes."""
    return find_first_class(e, [row for row in TABLE if row[0] is not ObjectClass.MOVING]) in (
        ObjectClass.FAILED_BEFORE,
        ObjectClass.EQUAL_CONTENTS,
        ObjectClass.EQUAL_VERSION,
        ObjectClass.EQUAL_SIZE,
    )


def is_moving(e: Entry) -> bool:
    if e.source is None:
        return False
    times = [listed.modified for listed in e[1:5] if listed]
    return e.source.modified > NOW - 15 * MINUTE or (max(times) > NOW - MINUTE and not is_certain(e))


def is_lacking(e: Entry) -> bool:
    return e.source is not None and (e.destination is None or e.destination.modified < e.source.modified)


def has_differing_md5s(e: Entry) -> bool:
    return is_newer_of_equal_size(e) and {e.source.etag, e.destination.etag} == {MD5, OTHER_MD5}


Row = tuple[ObjectClass, Callable[[Entry], bool]]
TABLE: list[Row] = [
    (ObjectClass.IMPOSSIBLE, is_link),
    (ObjectClass.MOVING, is_moving),
    (ObjectClass.EQUAL_CONTENTS, is_equal),
    (
        ObjectClass.FAILED_BEFORE,
        lambda e: bool(e.source and e.failed_record) and e.failed_record.modified >= e.source.modified,
    ),
    (
        ObjectClass.IN_FLIGHT,
        lambda e: (
            names_this_version(e)
            and e.success_record.modified >= OLDEST_UNFINISHED
            and (is_lacking(e) or is_to_be_overwritten(e))
        ),
    ),
    (ObjectClass.MISSING, lambda e: e.source is not None and e.destination is None),
    (ObjectClass.OLDER, lambda e: is_lacking(e) and e.destination is not None),
    (ObjectClass.OVERWRITTEN, lambda e: bool(e.source and e.destination) and e.source.size != e.destination.size),
    (ObjectClass.OVERWRITTEN, lambda e: has_stored_proof(e, "different")),
    (ObjectClass.SUSPICIOUS, lambda e: has_differing_md5s(e) or has_stored_proof(e, "parts_differ")),
    (ObjectClass.EQUAL_VERSION, lambda e: is_newer_of_equal_size(e) and names_this_version(e)),
    (ObjectClass.EQUAL_SIZE, is_newer_of_equal_size),
    (ObjectClass.ARRIVING, lambda e: e.destination is not None and e.destination.modified > NOW - 15 * MINUTE),
    (ObjectClass.DELETED_AT_SOURCE, lambda e: e.destination is not None and e.success_record is not None),
    (ObjectClass.UNKNOWN, lambda e: e.destination is not None),
    (ObjectClass.ORPHAN_RECORDS, lambda e: bool(e.success_record or e.failed_record)),
]


TABLE_WITH_GROUP: list[Row] = [
    *TABLE[:5],
    (ObjectClass.MIGRATING, lambda e: is_lacking(e) and e.source.modified < NOW - 4 * HOUR),
    *TABLE[5:-3],
    (
        ObjectClass.DELETED_AT_SOURCE,
        lambda e: (
            e.destination is not None and (e.success_record is not None or e.destination.modified >= NOW - 3 * HOUR)
        ),
    ),
    *TABLE[-2:],
]


def find_first_class(entry: Entry, table: list[Row]) -> ObjectClass:
    return next(name for name, matches in table if matches(entry))


def test_a_task_group_includes_objects_15_minutes_older_than_its_start():
    versions = (ObjectSummary("k", MD5, 5, GROUP.begun - 15 * MINUTE + later) for later in (-1, 0))
    assert [*map(GROUP.includes, versions)] == [True, False]


@pytest.mark.parametrize(("times", "table"), [(TIMES, TABLE), (TIMES_WITH_GROUP, TABLE_WITH_GROUP)])
def test_classify_returns_the_object_class_in_the_documented_table(times, table):
    object_classes = set()
    for entry in ENTRIES:
        object_class = classify(entry, times)
        assert object_class is find_first_class(entry, table), entry
        object_classes.add(object_class)
    # The group copies all missing or older objects that are old enough to be judged.
    lacking = {ObjectClass.MISSING, ObjectClass.OLDER} if times is TIMES_WITH_GROUP else set()
    assert object_classes == {name for name, _ in table} - lacking


def test_a_task_group_copies_only_earlier_objects_with_its_prefix():
    there = ObjectSummary("k", MD5, 5, int(NOW - 3 * HOUR), "Normal")
    just_before = there._replace(modified=int(NOW - 3 * HOUR - 10 * MINUTE))
    for source in (there, just_before, there._replace(name="other", modified=int(LONG_AGO))):
        assert classify(Entry(source.name, source), TIMES_WITH_GROUP) is ObjectClass.MISSING
    for only_there in (there._replace(name="other"), just_before):
        assert classify(Entry(only_there.name, None, destination=only_there), TIMES_WITH_GROUP) is ObjectClass.UNKNOWN


@pytest.mark.parametrize(
    ("key", "object_class"),
    [
        ("oms/sync_task/1/failed_object_lists/2/3.failed_list.txt", ObjectClass.OMS_OWN),
        ("oms/task_group/1/failed_object_lists/2/3.failed_list.txt", ObjectClass.OMS_OWN),
        ("oms/task/1/failed_object_lists/3.failed_list.txt", ObjectClass.OMS_OWN),
        ("oms/failed_object_lists/1/3.failed_list.txt", ObjectClass.OMS_OWN),
        ("oms/sync_tasks", ObjectClass.UNKNOWN),
        ("oms/photo.jpg", ObjectClass.UNKNOWN),
    ],
)
def test_classify_distinguishes_objects_of_oms_from_objects_of_users(key, object_class):
    listed = ObjectSummary(key, MD5, 5, int(LONG_AGO), "Normal")
    entries = Entry(key, None, destination=listed), Entry(key, listed, destination=listed)
    assert [classify(entry, TIMES) for entry in entries] == [object_class, ObjectClass.EQUAL_CONTENTS]
