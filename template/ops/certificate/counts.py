"""The counts of a certificate: sums, the sides on which each class can have objects, and totals of listings."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from typing import NamedTuple

from ops.certificate.form import (
    CLASS_SIDES,
    SIDE_NAMES,
    Document,
    Doubt,
    Sides,
    is_hexadecimal,
    is_in_scope,
    numbers,
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
_IN_SCOPE = {object_class.title for object_class in IN_SCOPE}
_ZERO_SIDES = {side: {"objects": 0, "bytes": 0} for side in SIDE_NAMES}
Objects = Iterable[tuple[bytes, int]]
Keep = Callable[[bytes], object]


class Totals(NamedTuple):
    """The totals of a listing, or of a part of a document; `digest` is a sum of SHA-256 in hexadecimal."""

    objects: int
    bytes: int
    digest: str


def compare_listing(
    document: Document, side: str, objects: Objects, own: Collection[bytes], keep: Keep | None = None
) -> Doubt:
    """Return the claim that the listing of a bucket has the document's totals.

    `own`: the source's keys that look like records or OMS's lists; only copies of these count in the destination.
    `keep` receives the digest of each object.
    """
    counted = count(document["scope"], objects, None if side == "source" else own, keep)
    stated = _stated_totals(document[side]) if document[side] else None
    return Doubt(
        t("The listing of {side} agrees with the certificate", side=SIDE_NAMES[side]),
        counted == stated,
        _describe_totals(counted),
    )


def count(scope: Document, objects: Objects, own: Collection[bytes] | None = None, keep: Keep | None = None) -> Totals:
    """Return the totals of a listing's objects in scope.

    With `own`, keys that look like records or OMS's lists count only if `own` contains them. `keep` receives the digest
    of each object.
    """
    prefix, suffix = scope["prefix"].encode(), scope["suffix"].encode()
    canaries = prefix + CANARY.encode()
    number = total = summed = 0
    for key, size in objects:
        if not (key.startswith(prefix) and key.endswith(suffix)) or key.startswith(canaries):
            continue
        if own is not None and key.startswith(_RESERVED_PREFIXES) and key not in own:
            continue
        digest = hashlib.sha256(b"%b\0%d" % (key, size)).digest()
        number, total, summed = number + 1, total + size, summed + int.from_bytes(digest, "big")
        if keep:
            keep(digest)
    return Totals(number, total, f"{summed % _MODULUS:064x}")


def compare_shared(document: Document, shared: Iterable[bytes]) -> Doubt:
    """Return the claim that the objects in both listings match the classes of equal objects.

    `shared` are the digests that both listings have. Objects of other classes may have equal keys and sizes as well;
    the document does not state their number.
    """
    number = summed = 0
    for digest in shared:
        number, summed = number + 1, summed + int.from_bytes(digest, "big")
    equal, others = (_sum_kinds(document, kinds) for kinds in ((Sides.EQUAL,), (Sides.BOTH, Sides.AT_MOST)))
    more = number - equal.objects
    # The digest is known if the number of other objects is zero or maximal.
    digests = {0: int(equal.digest, 16), others.objects: int(equal.digest, 16) + int(others.digest, 16)}
    is_digest = (digests.get(more, summed) - summed) % _MODULUS == 0
    return Doubt(
        t("The objects in both listings match the classes that count as equal"),
        0 <= more <= others.objects and is_digest,
        f"{number:,} objects, {summed % _MODULUS:064x}",
    )


def _sum_kinds(document: Document, kinds: Collection[Sides]) -> Totals:
    """Return the destination's totals of the classes of these kinds."""
    classes = {title: sides for title, sides in document["classes"].items() if CLASS_SIDES.get(title) in kinds}
    return _sum_classes(classes, "destination")


def note_reserved_keys(objects: Objects, noted: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield objects unchanged, and add keys that look like records or OMS's lists to `noted`."""
    for key, size in objects:
        if key.startswith(_RESERVED_PREFIXES):
            noted.add(key)
        yield key, size


def counts(document: Document, *, adds_up: bool, is_go: bool) -> Iterator[Doubt]:
    """Yield the claims on classes and sums: no class is missing, and every total is the sum of its parts.

    `adds_up` is False if the check SUMS failed, which excludes a GO. `is_go`: the verdict is GO.
    """
    classes, accepted = document["classes"], document["accepted"]
    wrong = [title for title in classes if title not in CLASS_SIDES] + [
        title for title in CLASS_SIDES if title not in classes
    ]
    if adds_up and not wrong:
        wrong = [title for title, object_class in classes.items() if not _is_possible(title, object_class, document)]
    yield Doubt.claim_unless(t("All classes are present, each on its possible sides"), wrong)
    for side, name in SIDE_NAMES.items():
        stated, summed = _stated_totals(document[side]), _sum_classes(classes, side)
        claim = t("The classes add up to the total of {side}", side=name)
        yield Doubt(claim, stated == summed, _describe_totals(summed))
    yield _check_last_written(document)
    if not is_hexadecimal(document["source"]["state_digest"], 64):
        raise ValueError("no state digest")
    if adds_up:
        yield _check_folders(document)
        yield _check_storage_classes(document)
    if is_go:
        good = [
            numbers(object_class)
            for title, object_class in classes.items()
            if title == "equal_contents" or title in accepted
        ]
        objects, size = (sum(four[place] for four in good) for place in (0, 1))
        claim = t("Every source object is equal, or accepted by name")
        yield Doubt(
            claim,
            [objects, size] == [document["source"][unit] for unit in ("objects", "bytes")],
            f"{objects:,} objects, {size:,} bytes",
        )


def _check_last_written(document: Document) -> Doubt:
    """Return the claim on the last-written objects: they are in scope, and the latest comes first.

    Their number has to fit; deleted objects remain among them after a recheck.
    """
    last = [(parse_timestamp(last_object["at"]), last_object["key"]) for last_object in document["last_written"]]
    keys = [key for _, key in last]
    # A key with the form of a record's is impossible, and not listed.
    total = document["source"]["objects"] - document["classes"]["impossible"]["source"]["objects"]
    is_possible = min(MAX_WRITTEN, total) <= len(last) <= MAX_WRITTEN and last == sorted(last, reverse=True)
    never = (RECORDS, document["scope"]["prefix"] + CANARY)
    are_objects = all(is_in_scope(document, key) and not key.startswith(never) for key in require_distinct(keys))
    return Doubt(t("The objects written last are plausible"), is_possible and are_objects)


def _is_possible(title: str, object_class: Document, document: Document) -> bool:
    """Return True if a class has objects only on sides where it can have them, and lists no more keys than objects."""
    totals, keys = numbers(object_class), require_distinct(object_class["keys"])
    source, destination = (_totals_of_side(object_class, side) for side in SIDE_NAMES)
    are_zero = all(bool(side.objects) == bool(int(side.digest, 16)) for side in (source, destination))
    is_equal = source == destination or CLASS_SIDES[title] is not Sides.EQUAL
    different = require_count(object_class["proven_different"])
    is_named = len(keys) <= totals[0] + totals[2] and (
        title == "outside" or all(is_in_scope(document, key) for key in keys)
    )
    is_lists = title != "oms_own" or all(key.startswith(OMS_LISTS) for key in keys)
    # The class of canaries has exactly the keys with the prefix of canaries.
    canaries = [key for key in keys if key.startswith(document["scope"]["prefix"] + CANARY)]
    is_lists &= title == "outside" or len(canaries) == (len(keys) if title == "canary" else 0)
    is_read = different <= (totals[0] if title == "overwritten" else 0)
    is_read &= require_count(object_class["in_vain"]) <= (totals[0] if title in ("overwritten", "older") else 0)
    return _is_possible_total(title, totals) and are_zero and is_equal and is_named and is_lists and is_read


def _is_possible_total(title: str, totals: Sequence[int]) -> bool:
    """Return True if a class can have these totals in a folder, or in the whole bucket.

    `totals`: objects and bytes in the source, then in the destination.
    """
    source, of_source, destination, of_destination = totals
    fits = {
        Sides.EQUAL: (source, of_source) == (destination, of_destination),
        Sides.BOTH: source == destination,
        Sides.SOURCE: destination == 0,
        Sides.AT_MOST: destination <= source,
        Sides.DESTINATION: source == 0,
        Sides.ANY: True,
    }
    return fits[CLASS_SIDES[title]] and (source > 0 or of_source == 0) and (destination > 0 or of_destination == 0)


def _check_folders(document: Document) -> Doubt:
    summed = {title: [0] * 4 for title in document["classes"]}
    wrong = []
    for folder, classes in document["folders"].items():
        for title, object_class in classes.items():
            four = [require_count(number) for number in object_class]
            if (
                title not in CLASS_SIDES
                or not _is_possible_total(title, four)
                or not _is_possible_folder(document, folder, title)
            ):
                wrong.append(f"{title} in {folder!r}")
            summed[title] = [number + another for number, another in zip(summed.get(title, [0] * 4), four, strict=True)]
    wrong += [title for title, four in summed.items() if four != numbers(document["classes"].get(title, _ZERO_SIDES))]
    return Doubt.claim_unless(t("The folders add up to the classes"), wrong)


def _check_storage_classes(document: Document) -> Doubt:
    """Return the claim that pairs of storage classes are distinct, and have objects on the sides that they name."""
    pairs = [(pair["source"], pair["destination"]) for pair in document["storage"]]
    wrong = [
        f"{source}, {destination}"
        for (source, destination), pair in zip(pairs, document["storage"], strict=True)
        if pairs.count((source, destination)) > 1
        or source is destination is None
        or require_count(pair["objects"]) == 0
        or (source is None and require_count(pair["source_bytes"]) > 0)
        or (destination is None and require_count(pair["destination_bytes"]) > 0)
    ]
    return Doubt.claim_unless(t("The objects by storage class are plausible"), wrong)


def _is_possible_folder(document: Document, folder: str, title: str) -> bool:
    """Return True if a folder can have keys of a class: all keys in scope begin with the project's prefix."""
    prefix = document["scope"]["prefix"]
    if title == "canary":
        mine = prefix + CANARY
        return folder in ("*", first_folder(mine))
    first = first_folder(prefix)
    return (
        title == "outside" or folder == "*" or (folder == first if first else folder.startswith(prefix) or not folder)
    )


def _sum_classes(classes: Document, side: str) -> Totals:
    """Return the totals of the classes in scope on a side."""
    counted = [_totals_of_side(object_class, side) for title, object_class in classes.items() if title in _IN_SCOPE]
    digest = sum(int(totals.digest, 16) for totals in counted) % _MODULUS
    return Totals(sum(totals.objects for totals in counted), sum(totals.bytes for totals in counted), f"{digest:064x}")


def _totals_of_side(object_class: Document, side: str) -> Totals:
    return _stated_totals({**object_class[side], "digest": object_class["digests"][side]})


def _stated_totals(side: Document) -> Totals:
    if not is_hexadecimal(side["digest"], 64):
        raise ValueError("no digest")
    return Totals(require_count(side["objects"]), require_count(side["bytes"]), side["digest"])


def _describe_totals(counted: Totals) -> str:
    return f"{counted.objects:,} objects, {counted.bytes:,} bytes, {counted.digest}"
