"""Checks of a certificate's counts: sums over classes, the buckets where a class can have objects, and listings.

A class is the result of comparing an object in both buckets, such as `missing`. A side is one of the two buckets.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ops.certificate.form import (
    CLASS_SIDES,
    SIDE_NAMES,
    Claim,
    Document,
    Sides,
    is_hexadecimal,
    is_in_scope,
    list_class_counts,
    require_count,
    require_distinct,
)
from ops.clock import parse_timestamp
from oss_oms_sync.answers.layout import CANARY, OMS_LISTS, RECORDS
from oss_oms_sync.answers.object_class import IN_SCOPE
from oss_oms_sync.answers.pass_answers import MAX_WRITTEN, first_folder
from oss_oms_sync.answers.text import t

_MODULUS = 2**256
# Keys that the destination may have alone: copies of records, which are out of scope, and OMS's own lists, which stay.
_RESERVED_PREFIXES = tuple(prefix.encode() for prefix in (RECORDS, *OMS_LISTS))
_TITLES_IN_SCOPE = {object_class.title for object_class in IN_SCOPE}
_ZERO_SIDES = {side: {"objects": 0, "bytes": 0} for side in SIDE_NAMES}
Objects = Iterable[tuple[bytes, int]]
DigestReceiver = Callable[[bytes], object]


class Totals(NamedTuple):
    """The number of objects, their bytes and their digest, in a listing or in a part of a certificate.

    `digest` is the sum of the SHA-256 of each object's key and size, modulo 2**256, as 64 hexadecimal digits: the order
    of the objects does not matter.
    """

    objects: int
    bytes: int
    digest: str


def compare_listing(
    document: Document,
    side: str,
    objects: Objects,
    reserved_keys: Collection[bytes],
    store_digest: DigestReceiver | None = None,
) -> Claim:
    """Return the claim that the listing of a bucket has the totals that the document states for this side.

    `reserved_keys` are the source's keys that look like records or OMS's lists. In the destination, only copies of
    these objects count.
    """
    totals = compute_totals(document["scope"], objects, None if side == "source" else reserved_keys, store_digest)
    stated_totals = _read_totals(document[side]) if document[side] else None
    return Claim(
        t("The listing of {side} agrees with the certificate", side=SIDE_NAMES[side]),
        totals == stated_totals,
        _describe_totals(totals),
    )


def compute_totals(
    scope: Document,
    objects: Objects,
    reserved_keys: Collection[bytes] | None = None,
    store_digest: DigestReceiver | None = None,
) -> Totals:
    """Return the totals of the objects that are in scope, that is, whose keys have the scope's prefix and suffix.

    With `reserved_keys`, keys that look like records or OMS's lists count only if `reserved_keys` contains them.
    """
    prefix, suffix = scope["prefix"].encode(), scope["suffix"].encode()
    canaries = prefix + CANARY.encode()
    object_count = size_sum = digest_sum = 0
    for key, size in objects:
        if not (key.startswith(prefix) and key.endswith(suffix)) or key.startswith(canaries):
            continue
        if reserved_keys is not None and key.startswith(_RESERVED_PREFIXES) and key not in reserved_keys:
            continue
        digest = hashlib.sha256(b"%b\0%d" % (key, size)).digest()
        object_count, size_sum, digest_sum = (
            object_count + 1,
            size_sum + size,
            digest_sum + int.from_bytes(digest, "big"),
        )
        if store_digest:
            store_digest(digest)
    return Totals(object_count, size_sum, f"{digest_sum % _MODULUS:064x}")


def compare_shared(document: Document, shared_digests: Iterable[bytes]) -> Claim:
    """Return the claim that the objects in both listings include all objects that the document counts as equal.

    `shared_digests` are the digests that both listings contain. Objects of other classes can have equal keys and sizes
    as well, so both listings may share more objects than the document counts as equal.
    """
    number = digest_sum = 0
    for digest in shared_digests:
        number, digest_sum = number + 1, digest_sum + int.from_bytes(digest, "big")
    equal_totals, other_totals = (
        _sum_classes_of_sides(document, allowed_sides)
        for allowed_sides in ((Sides.EQUAL,), (Sides.BOTH, Sides.AT_MOST))
    )
    other_count = number - equal_totals.objects
    # The digest is certain only if none or all of the other objects are in both listings.
    digests = {
        0: int(equal_totals.digest, 16),
        other_totals.objects: int(equal_totals.digest, 16) + int(other_totals.digest, 16),
    }
    is_possible_digest = (digests.get(other_count, digest_sum) - digest_sum) % _MODULUS == 0
    return Claim(
        t("The objects that both listings contain include all objects that count as equal"),
        0 <= other_count <= other_totals.objects and is_possible_digest,
        f"{number:,} objects, {digest_sum % _MODULUS:064x}",
    )


def _sum_classes_of_sides(document: Document, allowed_sides: Collection[Sides]) -> Totals:
    """Return the totals, in the destination, of all classes that have one of these `Sides`."""
    classes = {title: sides for title, sides in document["classes"].items() if CLASS_SIDES.get(title) in allowed_sides}
    return _sum_classes(classes, "destination")


def collect_reserved_keys(objects: Objects, reserved_keys: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield objects unchanged, and add keys that look like records or OMS's lists to `reserved_keys`."""
    for key, size in objects:
        if key.startswith(_RESERVED_PREFIXES):
            reserved_keys.add(key)
        yield key, size


def check_counts(document: Document, *, adds_up: bool, is_go: bool) -> Iterator[Claim]:
    """Yield the claims on classes and sums: no class is missing, and every total is the sum of its parts.

    `adds_up` is False if the certificate's own check of its sums failed. Claims that then cannot hold are omitted.
    """
    classes, acceptances = document["classes"], document["accepted"]
    wrong_titles = [title for title in classes if title not in CLASS_SIDES] + [
        title for title in CLASS_SIDES if title not in classes
    ]
    if adds_up and not wrong_titles:
        wrong_titles = [
            title for title, object_class in classes.items() if not _is_possible_class(title, object_class, document)
        ]
    yield Claim.claim_unless(
        t("All classes are present, and each class has objects only in the buckets where the class can occur"),
        wrong_titles,
    )
    for side, name in SIDE_NAMES.items():
        stated_totals, totals = _read_totals(document[side]), _sum_classes(classes, side)
        text = t("The classes add up to the total of {side}", side=name)
        yield Claim(text, stated_totals == totals, _describe_totals(totals))
    yield _check_last_written(document)
    if not is_hexadecimal(document["source"]["state_digest"], 64):
        raise ValueError("no state digest")
    if adds_up:
        yield _check_folders(document)
        yield _check_storage_classes(document)
    if is_go:
        proven_counts = [
            list_class_counts(object_class)
            for title, object_class in classes.items()
            if title == "equal_contents" or title in acceptances
        ]
        objects, byte_count = (sum(numbers_of_class[index] for numbers_of_class in proven_counts) for index in (0, 1))
        text = t("Every source object is equal, or accepted by name")
        yield Claim(
            text,
            [objects, byte_count] == [document["source"][unit] for unit in ("objects", "bytes")],
            f"{objects:,} objects, {byte_count:,} bytes",
        )


def _check_last_written(document: Document) -> Claim:
    """Return the claim that the list of the objects written last is in scope, sorted, and of a possible length.

    The latest object comes first.
    """
    written_objects = [
        (parse_timestamp(last_object["at"]), last_object["key"]) for last_object in document["last_written"]
    ]
    keys = [key for _, key in written_objects]
    # Keys in the form of record names have the class `impossible`, and are not listed.
    possible_objects = document["source"]["objects"] - document["classes"]["impossible"]["source"]["objects"]
    is_possible = min(MAX_WRITTEN, possible_objects) <= len(
        written_objects
    ) <= MAX_WRITTEN and written_objects == sorted(written_objects, reverse=True)
    excluded_prefixes = (RECORDS, document["scope"]["prefix"] + CANARY)
    are_possible_keys = all(
        is_in_scope(document, key) and not key.startswith(excluded_prefixes) for key in require_distinct(keys)
    )
    return Claim(t("The statements about the objects written last are plausible"), is_possible and are_possible_keys)


def _is_possible_class(title: str, object_class: Document, document: Document) -> bool:
    """Return True if a class has objects only on sides where it can have them, and lists no more keys than objects."""
    totals, keys = list_class_counts(object_class), require_distinct(object_class["keys"])
    source, destination = (_read_class_totals(object_class, side) for side in SIDE_NAMES)
    are_digests_possible = all(bool(side.objects) == bool(int(side.digest, 16)) for side in (source, destination))
    are_sides_possible = source == destination or CLASS_SIDES[title] is not Sides.EQUAL
    different_objects = require_count(object_class["proven_different"])
    are_keys_possible = len(keys) <= totals[0] + totals[2] and (
        title == "outside" or all(is_in_scope(document, key) for key in keys)
    )
    are_prefixes_possible = title != "oms_own" or all(key.startswith(OMS_LISTS) for key in keys)
    # The class of canaries has exactly the keys with the prefix of canaries.
    canaries = [key for key in keys if key.startswith(document["scope"]["prefix"] + CANARY)]
    are_prefixes_possible &= title == "outside" or len(canaries) == (len(keys) if title == "canary" else 0)
    are_counts_possible = different_objects <= (totals[0] if title == "overwritten" else 0)
    are_counts_possible &= require_count(object_class["in_vain"]) <= (
        totals[0] if title in ("overwritten", "older") else 0
    )
    return (
        _is_possible_total(title, totals)
        and are_digests_possible
        and are_sides_possible
        and are_keys_possible
        and are_prefixes_possible
        and are_counts_possible
    )


def _is_possible_total(title: str, totals: Sequence[int]) -> bool:
    """Return True if a class can have these totals in a folder, or in the whole bucket.

    `totals` are the objects and bytes in the source, then in the destination.
    """
    source, source_bytes, destination, destination_bytes = totals
    results = {
        Sides.EQUAL: (source, source_bytes) == (destination, destination_bytes),
        Sides.BOTH: source == destination,
        Sides.SOURCE: destination == 0,
        Sides.AT_MOST: destination <= source,
        Sides.DESTINATION: source == 0,
        Sides.ANY: True,
    }
    return (
        results[CLASS_SIDES[title]]
        and (source > 0 or source_bytes == 0)
        and (destination > 0 or destination_bytes == 0)
    )


def _check_folders(document: Document) -> Claim:
    sums = {title: [0] * 4 for title in document["classes"]}
    wrong_names = []
    for folder, classes in document["folders"].items():
        for title, object_class in classes.items():
            totals = [require_count(number) for number in object_class]
            if (
                title not in CLASS_SIDES
                or not _is_possible_total(title, totals)
                or not _is_possible_folder(document, folder, title)
            ):
                wrong_names.append(f"{title} in {folder!r}")
            sums[title] = [number + addend for number, addend in zip(sums.get(title, [0] * 4), totals, strict=True)]
    wrong_names += [
        title
        for title, totals in sums.items()
        if totals != list_class_counts(document["classes"].get(title, _ZERO_SIDES))
    ]
    return Claim.claim_unless(t("The counts by folder add up to the counts by class"), wrong_names)


def _check_storage_classes(document: Document) -> Claim:
    """Return the claim that each pair of storage classes, source and OBS, is listed once with possible numbers."""
    pairs = [(pair["source"], pair["destination"]) for pair in document["storage"]]
    wrong_pairs = [
        f"{source}, {destination}"
        for (source, destination), pair in zip(pairs, document["storage"], strict=True)
        if pairs.count((source, destination)) > 1
        or source is destination is None
        or require_count(pair["objects"]) == 0
        or (source is None and require_count(pair["source_bytes"]) > 0)
        or (destination is None and require_count(pair["destination_bytes"]) > 0)
    ]
    return Claim.claim_unless(t("The counts by storage class are plausible"), wrong_pairs)


def _is_possible_folder(document: Document, folder: str, title: str) -> bool:
    """Return True if a folder can have keys of a class: all keys in scope begin with the project's prefix."""
    prefix = document["scope"]["prefix"]
    if title == "canary":
        canary_prefix = prefix + CANARY
        return folder in ("*", first_folder(canary_prefix))
    scope_folder = first_folder(prefix)
    return (
        title == "outside"
        or folder == "*"
        or (folder == scope_folder if scope_folder else folder.startswith(prefix) or not folder)
    )


def _sum_classes(classes: Document, side: str) -> Totals:
    class_totals = [
        _read_class_totals(object_class, side) for title, object_class in classes.items() if title in _TITLES_IN_SCOPE
    ]
    digest = sum(int(totals.digest, 16) for totals in class_totals) % _MODULUS
    return Totals(
        sum(totals.objects for totals in class_totals), sum(totals.bytes for totals in class_totals), f"{digest:064x}"
    )


def _read_class_totals(object_class: Document, side: str) -> Totals:
    return _read_totals({**object_class[side], "digest": object_class["digests"][side]})


def _read_totals(side: Document) -> Totals:
    if not is_hexadecimal(side["digest"], 64):
        raise ValueError("no digest")
    return Totals(require_count(side["objects"]), require_count(side["bytes"]), side["digest"])


def _describe_totals(totals: Totals) -> str:
    return f"{totals.objects:,} objects, {totals.bytes:,} bytes, {totals.digest}"
