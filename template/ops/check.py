"""Checks a certificate without trusting who made it: its hash, its sums, and whether its verdict follows from its
checks; and, given listings of the buckets, whether they have the objects, bytes and digests that it states."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from ops.certificates import CHECKS, gates, sha256
from ops.clock import parse_time
from ops.words import Text

MODULUS = 2**256
# As in code/oss_oms_sync: where only the destination has them, copies of records are not in scope, and OMS's own lists
# are there for ever.
_OWN = (b"oms_source_record/", b"oms/sync_task/")
_EQUAL = ("equal_contents", "equal_version", "equal_size")
# What is in the buckets, but not in scope.
_NOT_COUNTED = {"source": {"outside"}, "destination": {"outside", "oms_own"}}
_SIDES = ("source", "destination")
# What has to be empty where a check passed; the second ones also pass where they are accepted by name.
_EMPTY = {
    "MISSING": ("missing",),
    "OLDER": ("older",),
    "OVERWRITTEN": ("overwritten",),
    "MOVING": ("moving", "arriving"),
    "IN_FLIGHT": ("in_flight",),
    "FAILED": ("failed_before",),
}
_EMPTY_OR_ACCEPTED = {
    "PROOF_SUSPICIOUS": "suspicious",
    "PROOF_EQUAL_VERSION": "equal_version",
    "PROOF_EQUAL_SIZE": "equal_size",
    "PROOF_IMPOSSIBLE": "impossible",
    "UNKNOWN": "unknown",
}
# A rehearsal leaves these out: nothing is frozen yet.
_OF_THE_FREEZE = ("FROZEN", "STOOD_STILL", "MOVING", "IN_FLIGHT")
# So much later than the freeze a write may seem to be: clocks differ.
_CLOCKS = timedelta(minutes=1)
Document = Mapping[str, Any]
Objects = Iterable[tuple[bytes, int]]


class Finding(NamedTuple):
    """What was looked at, and whether it holds; `seen` says what does not."""

    claim: Text
    holds: bool
    seen: str = ""


class Counted(NamedTuple):
    """What a listing, or a part of a document, adds up to; `digest` in hexadecimal."""

    objects: int
    bytes: int
    digest: str


def findings(document: Document) -> Iterator[Finding]:
    """What can be seen in a document alone.

    Raises KeyError, TypeError, ValueError and AttributeError where it has another form than certificates have.
    """
    made = sha256(document)
    yield Finding(Text("The document is as it was made", "文档未被改动"), made == document["sha256"], made)
    yield _verdict(document)
    yield _passed(document)
    yield _in_time(document)
    if document["classes"] is None:
        return
    for side, name in zip(_SIDES, (Text("source", "源端"), Text("destination", "目的端")), strict=True):
        stated, summed = _stated(document[side]), _summed(document["classes"], side)
        claim = Text(f"The classes add up to the {name.en}", f"各类别之和等于{name.zh}")
        yield Finding(claim, stated == summed, _told(summed))
    for title in _EQUAL:
        one = document["classes"].get(title)
        claim = Text(f"Both sides of {title} are equal", f"{title} 两端一致")
        if one and _side(one, "source") != _side(one, "destination"):
            yield Finding(claim, holds=False, seen=" / ".join(_told(_side(one, side)) for side in _SIDES))
        elif one:
            yield Finding(claim, holds=True)
    if document["folders"] is not None:
        yield from _folders(document)


def in_listing(document: Document, side: str, objects: Objects, own: frozenset[bytes]) -> Finding:
    """Whether the listing of a bucket has what the document states of it. `own`: keys like those of records and OMS's
    lists that are in the source as well, so that the destination's count."""
    counted = count(document["scope"], objects, None if side == "source" else own)
    stated = _stated(document[side]) if document[side] else None
    name = Text(side, "源端" if side == "source" else "目的端")
    claim = Text(f"The listing of the {name.en} has what the document states", f"{name.zh}清单与文档一致")
    return Finding(claim, counted == stated, _told(counted))


def count(scope: Document, objects: Objects, own: frozenset[bytes] | None = None) -> Counted:
    """What the objects of a listing add up to that are in scope; of those like records and OMS's own lists only `own`,
    if that is given."""
    prefix, suffix = scope["prefix"].encode(), scope["suffix"].encode()
    number = total = digest = 0
    for key, size in objects:
        if not (key.startswith(prefix) and key.endswith(suffix)):
            continue
        if own is not None and key.startswith(_OWN) and key not in own:
            continue
        number, total = number + 1, total + size
        digest += int.from_bytes(hashlib.sha256(b"%b\0%d" % (key, size)).digest(), "big")
    return Counted(number, total, f"{digest % MODULUS:064x}")


class Noting:
    """Objects on their way, of which the keys are noted that look like records or OMS's lists."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects
        self._noted: set[bytes] = set()

    def __iter__(self) -> Iterator[tuple[bytes, int]]:
        for key, size in self._objects:
            if key.startswith(_OWN):
                self._noted.add(key)
            yield key, size

    @property
    def noted(self) -> frozenset[bytes]:
        """Those that have gone by."""
        return frozenset(self._noted)


def _verdict(document: Document) -> Finding:
    """The verdict follows from the checks, of which none is left out."""
    checks = document["checks"]
    claim = Text("The verdict follows from the checks", "结论与各项检查相符")
    lacking = set(CHECKS) - {one["id"] for one in checks}
    if lacking or len(checks) != len(CHECKS):
        return Finding(claim, holds=False, seen=", ".join(sorted(lacking)) or f"{len(checks)} checks")
    is_rehearsal = document["frozen_since"] is None
    counted = [one for one in checks if not (is_rehearsal and one["id"] in _OF_THE_FREEZE)]
    results = {one["result"] for one in counted if gates(one) or document["sample"] is not None}
    follows = "NO-GO" if "failed" in results else "GO" if results <= {"passed"} else "NOT PROVEN"
    if is_rehearsal:
        stated, follows = f"{document['verdict']}, {document['rehearsal']['would_be']}", f"REHEARSAL, {follows}"
        return Finding(claim, stated == follows, follows)
    return Finding(claim, document["verdict"] == follows, follows)


def _passed(document: Document) -> Finding:
    """Nothing that the document counts speaks against a check that passed."""
    passed = {one["id"] for one in document["checks"] if one["result"] == "passed"}
    empty = {**_EMPTY, **{name: (one,) for name, one in _EMPTY_OR_ACCEPTED.items() if one not in document["accepted"]}}
    wrong = [
        name for name in empty if name in passed and any(_is_in(document["classes"], title) for title in empty[name])
    ]
    sample = document["sample"]
    if "SAMPLE" in passed and sample and (sample["differing"] or sample["unread"]):
        wrong.append("SAMPLE")
    if "SUMS" in passed and document["classes"] is None:
        wrong.append("SUMS")
    if "SCOPE" in passed and not (document["source"] and document["source"]["objects"]):
        wrong.append("SCOPE")
    claim = Text("What passed is so by the counts", "通过的检查与计数相符")
    return Finding(claim, not wrong, ", ".join(wrong))


def _is_in(classes: Document | None, title: str) -> bool:
    """Whether there is anything in a class; without counts there may be."""
    if classes is None:
        return True
    one = classes.get(title)
    return one is not None and any(one[side]["objects"] != 0 for side in _SIDES)


def _in_time(document: Document) -> Finding:
    """Nothing was written after the freeze; the comparison began after that, and the pass that shows that the source
    stood still after its end."""
    passed = {one["id"] for one in document["checks"] if one["result"] == "passed"}
    compared, reconciled = document["passes"]["compare"], document["passes"]["reconcile"]
    latest = max(compared["ended"], compared["amended"] or "") if compared else None
    holds = {
        "FROZEN": _is_frozen(document),
        "SCOPE": compared is not None and (document["frozen_since"] or "") <= compared["started"] <= compared["ended"],
        "STOOD_STILL": bool(latest and reconciled) and document["as_of"] == latest < reconciled["started"],
    }
    wrong = [name for name, is_so in holds.items() if name in passed and not is_so]
    claim = Text("The passes came one after the other, as the checks say", "各轮检查的先后与结论相符")
    return Finding(claim, not wrong, ", ".join(wrong))


def _is_frozen(document: Document) -> bool:
    """Whether the object that was written last was written before the freeze."""
    frozen = parse_time(document["frozen_since"] or "")
    last = [parse_time(one["at"]) for one in document["last_written"] or ()]
    return frozen is not None and bool(last) and all(at is not None and at <= frozen + _CLOCKS for at in last)


def _folders(document: Document) -> Iterator[Finding]:
    """The folders add up to each class."""
    summed: dict[str, list[int]] = {}
    for classes in document["folders"].values():
        for title, four in classes.items():
            summed[title] = [one + another for one, another in zip(summed.get(title, [0] * 4), four, strict=True)]
    wrong = []
    for title, one in document["classes"].items():
        four = [one[side][unit] for side in _SIDES for unit in ("objects", "bytes")]
        if summed.pop(title, [0] * 4) != four:
            wrong.append(title)
    claim = Text("The folders add up to the classes", "各目录之和等于各类别")
    yield Finding(claim, not wrong and not summed, ", ".join([*wrong, *summed]))


def _summed(classes: Document, side: str) -> Counted:
    """What the classes in scope add up to on a side."""
    counted = [_side(one, side) for title, one in classes.items() if title not in _NOT_COUNTED[side]]
    digest = sum(int(one.digest, 16) for one in counted) % MODULUS
    return Counted(sum(one.objects for one in counted), sum(one.bytes for one in counted), f"{digest:064x}")


def _side(one: Document, side: str) -> Counted:
    return Counted(one[side]["objects"], one[side]["bytes"], one["digests"][side])


def _stated(side: Document) -> Counted:
    return Counted(side["objects"], side["bytes"], side["digest"])


def _told(counted: Counted) -> str:
    return f"{counted.objects:,} objects, {counted.bytes:,} bytes, {counted.digest}"
