"""Sums of the object counts of each class and folder, and the counts on which a remedy depends."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from oss_oms_sync.answers.object_class import EQUAL_CLASSES, ObjectClass
from oss_oms_sync.answers.pass_answers import MISSING_PERMISSION_TEXTS, OTHERS, ClassCounts, ObjectCount, StoragePair
from oss_oms_sync.answers.text import Text
from oss_oms_sync.rules.remedy import Counts, find_narrowest_prefixes

Classes = Mapping[ObjectClass, ClassCounts]
Folders = Mapping[str, Mapping[ObjectClass, Sequence[int]]]


def is_empty(classes: Classes | None, object_class: ObjectClass) -> bool:
    counts = (classes or {}).get(object_class)
    return counts is None or not (counts.source.objects or counts.destination.objects)


def list_missing_permissions(unread_objects: Mapping[str, int]) -> list[Text]:
    """List a sentence for each permission that is missing to read objects, with the way to grant it.

    `unread_objects` has the numbers of unread objects, by the name of the permission's field in ReadResult.
    """
    return [
        text.filled(number=unread_objects[name])
        for name, text in MISSING_PERMISSION_TEXTS.items()
        if unread_objects.get(name)
    ]


def make_remedy_counts(classes: Classes, folders: Folders, object_class: ObjectClass, suffix: str) -> Counts:
    """Return the counts on which the remedy of a class depends; `suffix` is the suffix of the project's filter."""
    counts = classes[object_class]
    return Counts(
        counts.source.objects,
        counts.proven_different,
        counts.in_vain,
        are_same_size=_has_equal_sides(counts),
        prefixes=None if suffix else _find_prefixes(classes, folders, object_class),
    )


def _find_prefixes(classes: Classes, folders: Folders, object_class: ObjectClass) -> list[str]:
    """Return the prefixes of a migration that overwrites the objects of a class.

    For overwritten objects, the prefixes also cover suspicious and older objects, which the same migration repairs.
    """
    repaired_classes: tuple[ObjectClass, ...] = (object_class,)
    if object_class is ObjectClass.OVERWRITTEN:
        repaired_classes = (object_class, ObjectClass.SUSPICIOUS, ObjectClass.OLDER)
    folders_with_objects = sorted(
        "" if folder == OTHERS else folder
        for folder, counts in folders.items()
        if any(counts.get(each_class, [0])[0] for each_class in repaired_classes)
    )
    keys = [key for each_class in repaired_classes for key in classes[each_class].keys]
    return find_narrowest_prefixes(
        keys, sum(classes[each_class].source.objects for each_class in repaired_classes), folders_with_objects
    )


def sum_storage_pairs(pairs: Sequence[StoragePair]) -> list[ObjectCount]:
    """Return the totals of pairs of storage classes, first for the source, then for the destination."""
    return [
        ObjectCount(
            sum(pair.objects for pair in pairs if pair.source is not None), sum(pair.source_bytes for pair in pairs)
        ),
        ObjectCount(
            sum(pair.objects for pair in pairs if pair.destination is not None),
            sum(pair.destination_bytes for pair in pairs),
        ),
    ]


def find_wrong_sums(
    classes: Classes, folders: Folders, source_listed: ObjectCount, destination_listed: ObjectCount
) -> Iterator[str]:
    """Yield a name for each wrong sum.

    - "classes": the classes do not add up to the listings.
    - The name of a class: its objects count as equal, but their digests differ.
    - "folders of" and the name of a class: the folders do not add up to this class.
    """
    sides = (
        ([counts.source for counts in classes.values()], source_listed),
        ([counts.destination for counts in classes.values()], destination_listed),
    )
    if any(_add_counts(counts) != listing_count for counts, listing_count in sides):
        yield "classes"
    yield from (object_class.title for object_class in EQUAL_CLASSES if not _has_equal_sides(classes[object_class]))
    for object_class in (each_class for each_class in ObjectClass if each_class in classes):
        counts = classes[object_class]
        folder_counts = [
            counts_by_class[object_class] for counts_by_class in folders.values() if object_class in counts_by_class
        ]
        expected_numbers = [
            number for side in (counts.source, counts.destination) for number in (side.objects, side.bytes)
        ]
        if [sum(numbers) for numbers in zip([0, 0, 0, 0], *folder_counts, strict=True)] != expected_numbers:
            yield f"folders of {object_class.title}"


def _has_equal_sides(counts: ClassCounts) -> bool:
    return (counts.source, counts.digests.source) == (counts.destination, counts.digests.destination)


def _add_counts(counts: Sequence[ObjectCount]) -> ObjectCount:
    return ObjectCount(sum(count.objects for count in counts), sum(count.bytes for count in counts))
