"""What is counted in a certificate: whether it adds up, and whether each class has objects only where it can; and what
listings of the buckets add up to."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from ops.certificate.form import CANARY, CLASSES, NOT_COUNTED, OMS_LISTS, RECORDS, SAMPLED, Sides
from ops.clock import moment

_MODULUS = 2**256
# As in code/oss_oms_sync: where only the destination has them, copies of records are not in scope, and OMS's own lists
# are there for ever.
_OWN = tuple(one.encode() for one in (RECORDS, *OMS_LISTS))
# Both, as they are called in Chinese.
_SIDES = {"source": "源端", "destination": "目的端"}
_NOTHING = {side: {"objects": 0, "bytes": 0} for side in _SIDES}
# So many of the objects that were written last are told.
_MAX_WRITTEN = 20
# A sample has at most so many objects, of at most so many bytes each.
_MAX_SAMPLE, _LARGEST = 300, 2**30
# So many first-level folders are told one by one.
_MAX_FOLDERS = 200
Document = Mapping[str, Any]
Objects = Iterable[tuple[bytes, int]]
Keep = Callable[[bytes], object]


class Wording(NamedTuple):
    """What is said, in English and in Chinese. The judge has words of its own."""

    en: str
    zh: str

    def of(self, lang: str) -> str:
        """In one of them: "en" or "zh"."""
        return self.zh if lang == "zh" else self.en


class Doubt(NamedTuple):
    """What was looked at, and whether it holds; `seen` says what does not."""

    claim: Wording
    holds: bool
    seen: str = ""

    @classmethod
    def unless(cls, claim: Wording, wrong: Sequence[str]) -> Doubt:
        """Whether nothing is wrong."""
        return cls(claim, not wrong, ", ".join(dict.fromkeys(wrong)))


class Totals(NamedTuple):
    """What a listing, or a part of a document, adds up to; `digest` in hexadecimal."""

    objects: int
    bytes: int
    digest: str


def in_listing(
    document: Document, side: str, objects: Objects, own: Collection[bytes], keep: Keep | None = None
) -> Doubt:
    """Whether the listing of a bucket has what the document states of it. `own`: keys like those of records and OMS's
    lists that are in the source as well, so that the destination's count. `keep` is given the digest of each object."""
    counted = count(document["scope"], objects, None if side == "source" else own, keep)
    stated = _stated(document[side]) if document[side] else None
    return Doubt(
        Wording(f"The listing of the {side} has what the document states", f"{_SIDES[side]}清单与文档一致"),
        counted == stated,
        _told(counted),
    )


def count(
    scope: Document,
    objects: Objects,
    own: Collection[bytes] | None = None,
    keep: Keep | None = None,
) -> Totals:
    """What the objects of a listing add up to that are in scope; of those like records and OMS's own lists only `own`,
    if that is given. `keep` is given the digest of each."""
    prefix, suffix = scope["prefix"].encode(), scope["suffix"].encode()
    canaries = prefix + CANARY.encode()
    number = total = summed = 0
    for key, size in objects:
        if not (key.startswith(prefix) and key.endswith(suffix)) or key.startswith(canaries):
            continue
        if own is not None and key.startswith(_OWN) and key not in own:
            continue
        digest = hashlib.sha256(b"%b\0%d" % (key, size)).digest()
        number, total, summed = number + 1, total + size, summed + int.from_bytes(digest, "big")
        if keep:
            keep(digest)
    return Totals(number, total, f"{summed % _MODULUS:064x}")


def in_both(document: Document, shared: Iterable[bytes]) -> Doubt:
    """Compare the objects that both listings have, by their `shared` digests, with the classes whose objects are equal.

    Objects of other classes with both sides may have equal sizes as well: the document does not tell how many.
    """
    number = summed = 0
    for digest in shared:
        number, summed = number + 1, summed + int.from_bytes(digest, "big")
    equal, others = (_in_classes(document, kinds) for kinds in ((Sides.EQUAL,), (Sides.BOTH, Sides.PERHAPS)))
    more = number - equal.objects
    # Of none of the others, or of all, the digest follows.
    digests = {0: int(equal.digest, 16), others.objects: int(equal.digest, 16) + int(others.digest, 16)}
    is_digest = (digests.get(more, summed) - summed) % _MODULUS == 0
    return Doubt(
        Wording(
            "The objects that both listings have are those that count as equal", "两份清单共有的对象与一致的类别相符"
        ),
        0 <= more <= others.objects and is_digest,
        f"{number:,} objects, {summed % _MODULUS:064x}",
    )


def _in_classes(document: Document, kinds: Collection[Sides]) -> Totals:
    """What the classes of these kinds add up to in the destination."""
    classes = {title: one for title, one in document["classes"].items() if CLASSES.get(title) in kinds}
    return _summed(classes, "destination")


def noting(objects: Objects, noted: set[bytes]) -> Iterator[tuple[bytes, int]]:
    """Objects on their way, of which the keys are noted that look like records or OMS's lists."""
    for key, size in objects:
        if key.startswith(_OWN):
            noted.add(key)
        yield key, size


def counts(document: Document) -> Iterator[Doubt]:
    """The classes are those that there are, each where it can be, and they add up to all that is stated."""
    classes, accepted = document["classes"], document["accepted"]
    adds_up = does_add_up(document)
    wrong = [title for title in classes if title not in CLASSES] + [title for title in CLASSES if title not in classes]
    if adds_up and not wrong:
        wrong = [title for title, object_class in classes.items() if not _is_possible(title, object_class, document)]
    yield Doubt.unless(
        Wording("It has all classes, each where its objects can be", "类别齐全，且对象都在应在的一端"), wrong
    )
    for side, in_chinese in _SIDES.items():
        stated, summed = _stated(document[side]), _summed(classes, side)
        claim = Wording(f"The classes add up to the {side}", f"各类别之和等于{in_chinese}")
        yield Doubt(claim, stated == summed, _told(summed))
    yield _written_last(document)
    if not _is_hexadecimal(document["source"]["state_digest"], 64):
        raise ValueError("no state digest")
    if adds_up:
        yield _folders(document)
    if document["verdict"] == "GO":
        good = [
            numbers(object_class)
            for title, object_class in classes.items()
            if title == "equal_contents" or title in accepted
        ]
        objects, size = (sum(four[place] for four in good) for place in (0, 1))
        claim = Wording("All of the source is equal, or accepted by name", "源端对象全部一致，或已具名认可")
        yield Doubt(
            claim,
            [objects, size] == [document["source"][unit] for unit in ("objects", "bytes")],
            f"{objects:,} objects, {size:,} bytes",
        )


def does_add_up(document: Document) -> bool:
    """True unless the check SUMS says that the comparison does not add up: then nothing is a GO."""
    return not any(one["id"] == "SUMS" and one["result"] == "failed" for one in document["checks"])


def _written_last(document: Document) -> Doubt:
    """What was written last is in scope, the latest first, and not too few; judging again leaves in it what is gone."""
    told = [(moment(one["at"]), one["key"]) for one in document["last_written"]]
    keys = [key for _, key in told]
    # A key that looks like a record's is impossible, and not told.
    known = document["source"]["objects"] - document["classes"]["impossible"]["source"]["objects"]
    is_possible = min(_MAX_WRITTEN, known) <= len(told) <= _MAX_WRITTEN and told == sorted(told, reverse=True)
    never = (RECORDS, document["scope"]["prefix"] + CANARY)
    are_objects = all(_is_in_scope(document, key) and not key.startswith(never) for key in _different(keys))
    return Doubt(Wording("What was written last can be so", "最后写入的对象合理"), is_possible and are_objects)


def _is_possible(title: str, one: Document, document: Document) -> bool:
    """Whether a class has objects only where it can, and names no more of them than it has."""
    four, keys = numbers(one), _different(one["keys"])
    source, destination = (_side(one, side) for side in _SIDES)
    are_zero = all(bool(side.objects) == bool(int(side.digest, 16)) for side in (source, destination))
    is_equal = source == destination or CLASSES[title] is not Sides.EQUAL
    different = whole(one["proven_different"])
    is_named = len(keys) <= four[0] + four[2] and (
        title == "outside" or all(_is_in_scope(document, key) for key in keys)
    )
    is_lists = title != "oms_own" or all(key.startswith(OMS_LISTS) for key in keys)
    # Every key of a canary that is in scope is of its class, and no other.
    canaries = [key for key in keys if key.startswith(document["scope"]["prefix"] + CANARY)]
    is_lists &= title == "outside" or len(canaries) == (len(keys) if title == "canary" else 0)
    is_read = different <= (four[0] if title == "overwritten" else 0)
    is_read &= whole(one["in_vain"]) <= (four[0] if title in ("overwritten", "older") else 0)
    return _fits(title, four) and are_zero and is_equal and is_named and is_lists and is_read


def _fits(title: str, four: Sequence[int]) -> bool:
    """Whether objects and bytes of a class on both sides can be so, of a folder or of all."""
    source, of_source, destination, of_destination = four
    fits = {
        Sides.EQUAL: (source, of_source) == (destination, of_destination),
        Sides.BOTH: source == destination,
        Sides.SOURCE: destination == 0,
        Sides.PERHAPS: destination <= source,
        Sides.DESTINATION: source == 0,
        Sides.ANY: True,
    }
    return fits[CLASSES[title]] and (source > 0 or of_source == 0) and (destination > 0 or of_destination == 0)


def _folders(document: Document) -> Doubt:
    """The folders add up to each class."""
    summed = {title: [0] * 4 for title in document["classes"]}
    wrong = []
    for folder, classes in document["folders"].items():
        for title, object_class in classes.items():
            four = [whole(one) for one in object_class]
            if title not in CLASSES or not _fits(title, four) or not _may_be_in(document, folder, title):
                wrong.append(f"{title} in {folder!r}")
            summed[title] = [one + another for one, another in zip(summed.get(title, [0] * 4), four, strict=True)]
    wrong += [title for title, four in summed.items() if four != numbers(document["classes"].get(title, _NOTHING))]
    return Doubt.unless(Wording("The folders add up to the classes", "各目录之和等于各类别"), wrong)


def _may_be_in(document: Document, folder: str, title: str) -> bool:
    """Whether a folder may have keys of a class: those in scope begin with the prefix."""
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
    """What the classes in scope add up to on a side."""
    counted = [_side(object_class, side) for title, object_class in classes.items() if title not in NOT_COUNTED[side]]
    digest = sum(int(totals.digest, 16) for totals in counted) % _MODULUS
    return Totals(sum(totals.objects for totals in counted), sum(totals.bytes for totals in counted), f"{digest:064x}")


def sample_fits(document: Document) -> Doubt:
    """The numbers of a sample fit each other, and what counts as equal."""
    sample, classes = document["sample"], document["classes"] or {}
    asked, population, drawn, read, size = (
        whole(sample[name]) for name in ("asked", "population", "drawn", "read", "bytes")
    )
    keys, differing, unread = (_different(sample[name]) for name in ("keys", "differing", "unread"))
    unreadable = _different(sample["unreadable"])
    equal = [numbers(classes[title]) for title in SAMPLED] if classes else []
    # Of what counts as equal, only larger objects than the largest are not drawn from.
    larger = sum(four[0] for four in equal) - population
    holds = {
        "asked": asked <= _MAX_SAMPLE and (asked > 0 or bool(differing)),
        "drawn": drawn == len(keys) == min(asked, min(population, _MAX_SAMPLE) - len(unreadable)),
        "unreadable": not unreadable & keys,
        "read": read == drawn - len(unread) + len(differing - keys),
        "unread": unread <= keys - differing,
        "population": larger >= 0 and sum(four[1] for four in equal) >= larger * (_LARGEST + 1),
        "bytes": size <= read * _LARGEST or bool(differing),
        "largest": whole(sample["largest"]) == _LARGEST,
        "keys": all(_is_in_scope(document, key) for key in keys | unreadable),
        "seed": sample["seed"] == "" or _is_hexadecimal(sample["seed"], 32),
    }
    return Doubt.unless(
        Wording("The numbers of the sample fit", "抽样数字相符"), [name for name, fits in holds.items() if not fits]
    )


def headers_fit(document: Document) -> Doubt:
    """Headers were compared of what was sampled, and of one object of each first-level folder; none is lost of more
    than were compared, and none by OMS's documents that these say it copies."""
    headers, sample = document["headers"], document["sample"] or {"keys": [], "asked": 0, "unread": []}
    drawn, more, gone = whole(headers["drawn"]), _different(headers["more"]), _different(headers["gone"])
    keys, is_compared = _different(sample["keys"]), bool(drawn or more)
    lost = [(name, one) for kind in ("documented", "unexpected") for name, one in headers[kind].items()]
    counts = [(whole(one["objects"]), len(_different(one["keys"]))) for _, one in lost]
    folders = document["folders"] or {}
    equal = {name for name, of in folders.items() if of.keys() & {*SAMPLED}}
    # As folders are told: those that are not told one by one are one.
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
        Wording("What is said of headers fits the sample", "有关头域的说明与抽样相符"),
        [name for name, fits in holds.items() if not fits],
    )


def numbers(one: Document) -> list[int]:
    """Objects and bytes of a class in the source, and in the destination."""
    return [whole(one[side][unit]) for side in _SIDES for unit in ("objects", "bytes")]


def _side(one: Document, side: str) -> Totals:
    return _stated({**one[side], "digest": one["digests"][side]})


def _stated(side: Document) -> Totals:
    if not _is_hexadecimal(side["digest"], 64):
        raise ValueError("no digest")
    return Totals(whole(side["objects"]), whole(side["bytes"]), side["digest"])


def whole(value: object) -> int:
    """A count: true is none, although Python adds it up."""
    if type(value) is not int or value < 0:
        raise ValueError(f"{value!r} is not a count")
    return value


def _different(keys: object) -> frozenset[str]:
    """A list of keys, none of which is there twice."""
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys) or len(set(keys)) != len(keys):
        raise ValueError("not a list of keys")
    return frozenset(keys)


def _is_hexadecimal(value: str, digits: int) -> bool:
    return len(value) == digits and set(value) <= set("0123456789abcdef")


def _told(counted: Totals) -> str:
    return f"{counted.objects:,} objects, {counted.bytes:,} bytes, {counted.digest}"
