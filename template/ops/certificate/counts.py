"""Counts of a certificate: sums, the possible sides of each class, and the totals of listings."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ops.certificate.form import CLASSES, NOT_COUNTED, SAMPLED, Sides
from ops.clock import moment
from oss_oms_sync.answers.layout import CANARY, OMS_LISTS, RECORDS
from oss_oms_sync.answers.pass_answers import MAX_KEYS, MAX_WRITTEN
from oss_oms_sync.answers.text import Text, t

_MODULUS = 2**256
# If only the destination has them, copies of records are out of scope, and OMS's own lists stay there permanently.
_RESERVED = tuple(prefix.encode() for prefix in (RECORDS, *OMS_LISTS))
# Both sides, with their names.
_SIDES = {"source": t("the source"), "destination": t("OBS")}
_NOTHING = {side: {"objects": 0, "bytes": 0} for side in _SIDES}
# Maximum objects of a sample, and maximum bytes of each.
_MAX_SAMPLE, _MAX_SAMPLED_BYTES = 300, 2**30
# Maximum number of first-level folders that a document lists individually.
_MAX_FOLDERS = 200
Document = Mapping[str, Any]
Objects = Iterable[tuple[bytes, int]]
Keep = Callable[[bytes], object]


class Doubt(NamedTuple):
    """A checked claim; `detail`: the actual value, or the wrong names."""

    claim: Text
    holds: bool
    detail: str = ""

    @classmethod
    def unless(cls, claim: Text, wrong: Sequence[str]) -> Doubt:
        """Return the claim; it holds if `wrong` is empty."""
        return cls(claim, not wrong, ", ".join(dict.fromkeys(wrong)))


class Totals(NamedTuple):
    """The totals of a listing, or of a part of a document; `digest` is hexadecimal."""

    objects: int
    bytes: int
    digest: str


def compare_listing(
    document: Document, side: str, objects: Objects, own: Collection[bytes], keep: Keep | None = None
) -> Doubt:
    """Compare the listing of a bucket with the document's totals.

    `own`: keys like those of records and OMS's lists that the source has too, so that the destination's count. `keep`
    receives the digest of each object.
    """
    counted = count(document["scope"], objects, None if side == "source" else own, keep)
    stated = _stated(document[side]) if document[side] else None
    return Doubt(
        t("The listing of {side} agrees with the certificate", side=_SIDES[side]),
        counted == stated,
        _in_words(counted),
    )


def count(scope: Document, objects: Objects, own: Collection[bytes] | None = None, keep: Keep | None = None) -> Totals:
    """Return the totals of a listing's objects in scope.

    With `own`, keys like those of records and of OMS's lists count only if they are in it. `keep` receives the digest
    of each object.
    """
    prefix, suffix = scope["prefix"].encode(), scope["suffix"].encode()
    canaries = prefix + CANARY.encode()
    number = total = summed = 0
    for key, size in objects:
        if not (key.startswith(prefix) and key.endswith(suffix)) or key.startswith(canaries):
            continue
        if own is not None and key.startswith(_RESERVED) and key not in own:
            continue
        digest = hashlib.sha256(b"%b\0%d" % (key, size)).digest()
        number, total, summed = number + 1, total + size, summed + int.from_bytes(digest, "big")
        if keep:
            keep(digest)
    return Totals(number, total, f"{summed % _MODULUS:064x}")


def compare_shared(document: Document, shared: Iterable[bytes]) -> Doubt:
    """Compare the objects in both listings, by their `shared` digests, with the classes of equal objects.

    Objects of other classes with both sides may have equal sizes as well; the document does not have their number.
    """
    number = summed = 0
    for digest in shared:
        number, summed = number + 1, summed + int.from_bytes(digest, "big")
    equal, others = (_in_classes(document, kinds) for kinds in ((Sides.EQUAL,), (Sides.BOTH, Sides.AT_MOST)))
    more = number - equal.objects
    # The digest is determined for none or all of the other objects.
    digests = {0: int(equal.digest, 16), others.objects: int(equal.digest, 16) + int(others.digest, 16)}
    is_digest = (digests.get(more, summed) - summed) % _MODULUS == 0
    return Doubt(
        t("The objects in both listings match the classes that count as equal"),
        0 <= more <= others.objects and is_digest,
        f"{number:,} objects, {summed % _MODULUS:064x}",
    )


def _in_classes(document: Document, kinds: Collection[Sides]) -> Totals:
    """Return the destination's totals of the classes of these kinds."""
    classes = {title: sides for title, sides in document["classes"].items() if CLASSES.get(title) in kinds}
    return _summed(classes, "destination")


def note_reserved_keys(objects: Objects, noted: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Yield objects unchanged, and collect keys like those of records or of OMS's lists."""
    for key, size in objects:
        if key.startswith(_RESERVED):
            noted.add(key)
        yield key, size


def counts(document: Document, *, adds_up: bool, is_go: bool) -> Iterator[Doubt]:
    """Yield the claims that the classes are complete, each on its possible sides, and add up to every total.

    `adds_up`: False if SUMS failed, so there is no GO. `is_go`: the verdict is GO.
    """
    classes, accepted = document["classes"], document["accepted"]
    wrong = [title for title in classes if title not in CLASSES] + [title for title in CLASSES if title not in classes]
    if adds_up and not wrong:
        wrong = [title for title, object_class in classes.items() if not _is_possible(title, object_class, document)]
    yield Doubt.unless(t("All classes are present, each on its possible sides"), wrong)
    for side, name in _SIDES.items():
        stated, summed = _stated(document[side]), _summed(classes, side)
        claim = t("The classes add up to the total of {side}", side=name)
        yield Doubt(claim, stated == summed, _in_words(summed))
    yield _written_last(document)
    if not _is_hexadecimal(document["source"]["state_digest"], 64):
        raise ValueError("no state digest")
    if adds_up:
        yield _folders(document)
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


def _written_last(document: Document) -> Doubt:
    """Require last-written objects in scope, latest first, in the necessary number; rechecks keep deleted objects."""
    last = [(moment(last_object["at"]), last_object["key"]) for last_object in document["last_written"]]
    keys = [key for _, key in last]
    # A key like a record's is impossible, and not listed.
    total = document["source"]["objects"] - document["classes"]["impossible"]["source"]["objects"]
    is_possible = min(MAX_WRITTEN, total) <= len(last) <= MAX_WRITTEN and last == sorted(last, reverse=True)
    never = (RECORDS, document["scope"]["prefix"] + CANARY)
    are_objects = all(_is_in_scope(document, key) and not key.startswith(never) for key in _distinct(keys))
    return Doubt(t("The objects written last are plausible"), is_possible and are_objects)


def _is_possible(title: str, object_class: Document, document: Document) -> bool:
    """Return True if a class has objects only on its possible sides, and lists no more keys than objects."""
    totals, keys = numbers(object_class), _distinct(object_class["keys"])
    source, destination = (_side(object_class, side) for side in _SIDES)
    are_zero = all(bool(side.objects) == bool(int(side.digest, 16)) for side in (source, destination))
    is_equal = source == destination or CLASSES[title] is not Sides.EQUAL
    different = whole(object_class["proven_different"])
    is_named = len(keys) <= totals[0] + totals[2] and (
        title == "outside" or all(_is_in_scope(document, key) for key in keys)
    )
    is_lists = title != "oms_own" or all(key.startswith(OMS_LISTS) for key in keys)
    # Every key of a canary in scope is of its class, and no other key.
    canaries = [key for key in keys if key.startswith(document["scope"]["prefix"] + CANARY)]
    is_lists &= title == "outside" or len(canaries) == (len(keys) if title == "canary" else 0)
    is_read = different <= (totals[0] if title == "overwritten" else 0)
    is_read &= whole(object_class["in_vain"]) <= (totals[0] if title in ("overwritten", "older") else 0)
    return _fits(title, totals) and are_zero and is_equal and is_named and is_lists and is_read


def _fits(title: str, totals: Sequence[int]) -> bool:
    """Return True if a class can have these objects and bytes on both sides, in a folder or in total."""
    source, of_source, destination, of_destination = totals
    fits = {
        Sides.EQUAL: (source, of_source) == (destination, of_destination),
        Sides.BOTH: source == destination,
        Sides.SOURCE: destination == 0,
        Sides.AT_MOST: destination <= source,
        Sides.DESTINATION: source == 0,
        Sides.ANY: True,
    }
    return fits[CLASSES[title]] and (source > 0 or of_source == 0) and (destination > 0 or of_destination == 0)


def _folders(document: Document) -> Doubt:
    summed = {title: [0] * 4 for title in document["classes"]}
    wrong = []
    for folder, classes in document["folders"].items():
        for title, object_class in classes.items():
            four = [whole(number) for number in object_class]
            if title not in CLASSES or not _fits(title, four) or not _may_be_in(document, folder, title):
                wrong.append(f"{title} in {folder!r}")
            summed[title] = [number + another for number, another in zip(summed.get(title, [0] * 4), four, strict=True)]
    wrong += [title for title, four in summed.items() if four != numbers(document["classes"].get(title, _NOTHING))]
    return Doubt.unless(t("The folders add up to the classes"), wrong)


def _may_be_in(document: Document, folder: str, title: str) -> bool:
    """Return True if a folder can have keys of a class: keys in scope begin with the prefix."""
    prefix = document["scope"]["prefix"]
    if title == "canary":
        mine = prefix + CANARY
        return folder in ("*", mine[: mine.find("/") + 1])
    first = prefix[: prefix.find("/") + 1]
    return (
        title == "outside" or folder == "*" or (folder == first if first else folder.startswith(prefix) or not folder)
    )


def _is_in_scope(document: Document, key: str) -> bool:
    scope = document["scope"]
    return key.startswith(scope["prefix"]) and key.endswith(scope["suffix"])


def _summed(classes: Document, side: str) -> Totals:
    """Return the totals of the classes in scope on a side."""
    counted = [_side(object_class, side) for title, object_class in classes.items() if title not in NOT_COUNTED[side]]
    digest = sum(int(totals.digest, 16) for totals in counted) % _MODULUS
    return Totals(sum(totals.objects for totals in counted), sum(totals.bytes for totals in counted), f"{digest:064x}")


def sample_fits(document: Document) -> Doubt:
    """Return the claim that a sample's numbers agree with each other and with the classes that count as equal."""
    sample, classes = document["sample"], document["classes"] or {}
    asked, population, drawn, read, size = (
        whole(sample[name]) for name in ("asked", "population", "drawn", "read", "bytes")
    )
    keys, differing, unread = (_distinct(sample[name]) for name in ("keys", "differing", "unread"))
    unreadable = _distinct(sample["unreadable"])
    equal = [numbers(classes[title]) for title in SAMPLED] if classes else []
    # The sample draws from all objects that count as equal, except larger objects than the largest.
    larger = sum(four[0] for four in equal) - population
    holds = {
        "asked": asked <= _MAX_SAMPLE and (asked > 0 or bool(differing)),
        "drawn": drawn == len(keys) == min(asked, min(population, _MAX_SAMPLE) - len(unreadable)),
        "unreadable": not unreadable & keys,
        "read": read == drawn - len(unread) + len(differing - keys),
        "unread": unread <= keys - differing,
        "population": larger >= 0 and sum(four[1] for four in equal) >= larger * (_MAX_SAMPLED_BYTES + 1),
        "bytes": size <= read * _MAX_SAMPLED_BYTES or bool(differing),
        "largest": whole(sample["largest"]) == _MAX_SAMPLED_BYTES,
        "keys": all(_is_in_scope(document, key) for key in keys | unreadable),
        "seed": sample["seed"] == "" or _is_hexadecimal(sample["seed"], 32),
    }
    return Doubt.unless(t("The numbers of the sample agree"), [name for name, fits in holds.items() if not fits])


def waiting_fits(document: Document) -> Doubt:
    """Return the claim that the groups of waiting keys agree with their number, and with the digest of all keys."""
    waiting = document["waiting"]
    groups = waiting["groups"]
    numbers = [whole(group["number"]) for group in groups]
    keys = [key for group in groups for key in _distinct(group["keys"])]
    lines = "".join(f"{key}\n" for key in sorted(keys))
    holds = {
        "number": sum(numbers) <= whole(waiting["number"]) and 0 not in numbers,
        "keys": len(set(keys)) == len(keys) and list(map(_listed, groups)) == [min(n, MAX_KEYS) for n in numbers],
        "groups": len({_values_of(group) for group in groups}) == len(groups),
        "sha256": _is_hexadecimal(waiting["sha256"], 64)
        and (len(keys) < waiting["number"] or waiting["sha256"] == hashlib.sha256(lines.encode()).hexdigest())
        and (waiting["number"] == 0 or waiting["sha256"] != hashlib.sha256().hexdigest()),
        "unread": whole(waiting["unread"]) >= 0 and whole(document["lists"]["unread"]) >= 0,
    }
    claim = t("The numbers of waiting keys fit")
    return Doubt.unless(claim, [name for name, fits in holds.items() if not fits])


def _listed(group: Document) -> int:
    return len(group["keys"])


def _values_of(group: Document) -> str:
    """Return the values by which waiting keys are grouped."""
    return json.dumps({name: value for name, value in group.items() if name not in ("number", "keys")}, sort_keys=True)


def headers_fit(document: Document) -> Doubt:
    """Return the claim that the numbers of headers are possible.

    Headers are compared for sampled objects and for one object of each first-level folder; losses do not exceed the
    compared objects, and no loss is a header that OMS's documents say it copies.
    """
    headers, sample = document["headers"], document["sample"] or {"keys": [], "asked": 0, "unread": []}
    drawn, more, gone = whole(headers["drawn"]), _distinct(headers["more"]), _distinct(headers["gone"])
    keys, is_compared = _distinct(sample["keys"]), bool(drawn or more)
    lost = [(name, loss) for kind in ("documented", "unexpected") for name, loss in headers[kind].items()]
    counts = [(whole(loss["objects"]), len(_distinct(loss["keys"]))) for _, loss in lost]
    folders = document["folders"] or {}
    equal = {name for name, of in folders.items() if of.keys() & {*SAMPLED}}
    # Folders by their name in the document, which combines those that it does not list individually.
    firsts = {key[: key.find("/") + 1] for key in (*keys, *more, *gone)}
    holds = {
        "drawn": drawn == (len(keys - gone) if is_compared else 0),
        "more": not more & (keys | gone) and len(more) <= _MAX_FOLDERS + 2 and (bool(sample["asked"]) or not more),
        "sample": not is_compared or not (sample["unread"] or headers["problem"]),
        "problem": not headers["problem"] or bool(sample["asked"]),
        "folders": not is_compared or equal <= {name if name in folders else "*" for name in firsts},
        "lost": all(0 < named <= objects <= drawn + len(more) for objects, named in counts),
        "documented": "content-type" not in headers["documented"] and headers["migrated"] in (True, False, None),
        "keys": all(_is_in_scope(document, key) for key in more | gone),
    }
    return Doubt.unless(
        t("The statements about headers agree with the sample"),
        [name for name, fits in holds.items() if not fits],
    )


def numbers(object_class: Document) -> list[int]:
    """Return objects and bytes of a class in the source, and in the destination."""
    return [whole(object_class[side][unit]) for side in _SIDES for unit in ("objects", "bytes")]


def _side(object_class: Document, side: str) -> Totals:
    return _stated({**object_class[side], "digest": object_class["digests"][side]})


def _stated(side: Document) -> Totals:
    if not _is_hexadecimal(side["digest"], 64):
        raise ValueError("no digest")
    return Totals(whole(side["objects"]), whole(side["bytes"]), side["digest"])


def whole(value: object) -> int:
    """Return a count; refuse a bool, which is an int in Python."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _distinct(keys: object) -> frozenset[str]:
    """Return a list of keys as a set; refuse a repeated key."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise ValueError("not a list of keys")
    return frozenset(keys)


def _is_hexadecimal(value: str, digits: int) -> bool:
    return len(value) == digits and set(value) <= set("0123456789abcdef")


def _in_words(counted: Totals) -> str:
    return f"{counted.objects:,} objects, {counted.bytes:,} bytes, {counted.digest}"
