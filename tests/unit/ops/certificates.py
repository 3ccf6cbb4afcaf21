"""Certificates as certify makes them, made here of what a test says."""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from operator import getitem
from typing import Any

from support.answers import answer

IDS = (
    *("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL", "SCOPE", "SUMS"),
    *("MIGRATING", "MISSING", "OVERWRITTEN", "OLDER", "MOVING", "IN_FLIGHT", "FAILED"),
    *("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE", "PROOF_IMPOSSIBLE", "UNKNOWN"),
    *("SAMPLE", "METADATA", "NOTHING_WAITS", "TASK", "CLOCK"),
)
# The class by which a check is told; MOVING by arriving as well.
TOLD_BY = {
    "MIGRATING": "migrating",
    "MISSING": "missing",
    "OVERWRITTEN": "overwritten",
    "OLDER": "older",
    "MOVING": "moving",
    "IN_FLIGHT": "in_flight",
    "FAILED": "failed_before",
    "PROOF_SUSPICIOUS": "suspicious",
    "PROOF_EQUAL_VERSION": "equal_version",
    "PROOF_EQUAL_SIZE": "equal_size",
    "PROOF_IMPOSSIBLE": "impossible",
    "UNKNOWN": "unknown",
}
TITLES = (*TOLD_BY.values(), "equal_contents", "arriving", "oms_own", "deleted_at_source", "outside", "canary")
Objects = Sequence[tuple[str, int]]
Sides = tuple[Objects, Objects]
SOURCE = [("a/1", 5), ("a/2", 7), ("山/3", 0)]
DESTINATION = [*SOURCE, ("oms/sync_task/x/failed.json", 3)]


def digest(objects: Iterable[tuple[str, int]]) -> str:
    """As FACTS and docs have it: written here anew."""
    parts = (hashlib.sha256(f"{key}\0{size}".encode()).digest() for key, size in objects)
    return f"{sum(int.from_bytes(part, 'big') for part in parts) % (1 << 256):064x}"


def side(objects: Objects) -> dict[str, Any]:
    return {"objects": len(objects), "bytes": sum(size for _, size in objects), "digest": digest(objects)}


def of_class(source: Objects, destination: Objects) -> dict[str, Any]:
    sides = {"source": side(source), "destination": side(destination)}
    return {
        "digests": {name: one.pop("digest") for name, one in sides.items()},
        **sides,
        "keys": [],
        "proven_different": 0,
        "in_vain": 0,
    }


def check(name: str, result: str = "passed", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "result": result,
        "gates": True,
        "waits": False,
        "seen": f"{name} seen",
        "seen_zh": f"{name} 所见",
        "wanted": "none",
        "wanted_zh": "没有",
        "keys": [],
        "next": "" if result == "passed" else f"mend {name}",
        "next_zh": "" if result == "passed" else f"修复 {name}",
        "step": None,
        **changes,
    }


def certificate(
    results: Mapping[str, str | dict[str, Any]] | None = None, verdict: str = "GO", **changes: Any
) -> dict[str, Any]:
    """A document that is sound, unless `changes` spoil it; `results` are those of checks that did not pass, of which
    each class then has an object. Without any it has those by which its verdict can be."""
    given = _with_headers(_ENOUGH.get(verdict, {}) if results is None else results)
    found = {
        "equal_contents": (SOURCE, SOURCE),
        "oms_own": ([], DESTINATION[3:]),
        "outside": ([], [("oms_source_record/x", 1)]),
        **{TOLD_BY[name]: one_of(TOLD_BY[name]) for name in given if name in TOLD_BY},
    }
    sample = changes.get("sample", a_sample(read=0) if given.get("SAMPLE") == "not run" else None)
    unasked = {} if sample else {name: {"result": "not run", "gates": False} for name in ("SAMPLE", "METADATA")}
    ended = {**dict.fromkeys(IDS, "passed"), **unasked, **given}
    stored = f"0001-20260131T092000Z-{verdict.lower().replace(' ', '-')}.json"
    document = {
        **answer("made/certificate"),
        "verdict": verdict,
        "text": f"It is {verdict}.",
        "text_zh": f"结论是 {verdict}。",
        "checks": [check(name, **one) if isinstance(one, dict) else check(name, one) for name, one in ended.items()],
        **counted(found),
        "sample": sample,
        "headers": of_headers(sample),
        "document": f"oms_source_record/certificates/oss-oms-sync/task-1/{stored}",
        **changes,
    }
    return sealed(document)


def _with_headers(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """Where a sample was not read, no headers were compared."""
    return {"METADATA": "not run", **given} if given.get("SAMPLE") == "not run" else given


# By which results a verdict can be.
_ENOUGH = {"NO-GO": {"MISSING": "failed"}, "NOT PROVEN": {"UNKNOWN": "not proven"}}


def one_of(title: str) -> Sides:
    """An object of a class, on the sides on which it can be."""
    objects = [(f"{title}/1", 4)]
    return objects if title not in ("unknown", "arriving") else [], objects if title != "missing" else []


def counted(found: Mapping[str, Sides]) -> dict[str, Any]:
    """What a document counts of these objects of the source and of the destination, by their classes."""
    folders: dict[str, dict[str, list[int]]] = {}
    for title, sides in found.items():
        for place, objects in zip((0, 2), sides, strict=True):
            for key, size in objects:
                four = folders.setdefault(key[: key.find("/") + 1], {}).setdefault(title, [0] * 4)
                four[place : place + 2] = [four[place] + 1, four[place + 1] + size]
    in_scope = {title: sides for title, sides in found.items() if title not in ("outside", "canary", "oms_own")}
    source, destination = ([one for sides in in_scope.values() for one in sides[place]] for place in (0, 1))
    return {
        "source": {**side(source), "state_digest": "1" * 64},
        "destination": side(destination),
        "last_written": [
            {"key": key, "at": f"2026-01-31T07:{59 - number}:00Z"} for number, (key, _) in enumerate(source[:20])
        ],
        "classes": {title: of_class(*found.get(title, ([], []))) for title in TITLES},
        "folders": folders,
    }


def a_sample(read: int = 3) -> dict[str, Any]:
    """One of all three objects, of which so many were read."""
    keys = [key for key, _ in SOURCE]
    return {
        "asked": 3,
        "population": 3,
        "drawn": 3,
        "read": read,
        "bytes": sum(size for _, size in SOURCE[:read]),
        "seed": "0" * 31 + "7",
        "keys": keys,
        "largest": 2**30,
        "differing": [],
        "unread": keys[read:],
        "unreadable": [],
    }


def of_headers(sample: Mapping[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """What is said of the headers of what was sampled, none of which is lost."""
    drawn = sample["drawn"] if sample and not sample.get("unread") else 0
    nothing = {"more": [], "gone": [], "documented": {}, "unexpected": {}, "problem": ""}
    return {"migrated": True, "drawn": drawn, **nothing, **changes}


def rehearsal(would_be: str = "GO", results: Mapping[str, str] | None = None) -> dict[str, Any]:
    """A rehearsal that is sound, if `results` are those of `would_be`."""
    parts = ("settle", "replay", "compare", "again", "close", "oms", "standstill", "sample", "total")
    minutes = dict(zip(parts, (5, 1, 54, 5, 2, 10, 54, 2, 133), strict=True))
    of_freeze = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL")
    given = {
        **dict.fromkeys(of_freeze, "not run"),
        **_with_headers(_ENOUGH.get(would_be, {}) if results is None else results),
    }
    failing = [name for name in IDS if name in given and name not in (*of_freeze, "MOVING", "IN_FLIGHT")]
    told = {"would_be": would_be, "minutes": minutes, "failing": failing}
    return certificate(given, verdict="REHEARSAL", frozen_since=None, rehearsal=told)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Each value in a document, and each that has some, with where it is."""
    if path:
        yield path, value
    if isinstance(value, dict | list):
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(one, (*path, name))


def replaced(document: Mapping[str, Any], path: Sequence[str | int], value: object) -> dict[str, Any]:
    """The document with another value in that place."""
    made: Any = copy.deepcopy(document)
    at = reduce(getitem, path[:-1], made)
    at[path[-1]] = value
    return made


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its hash, as the contract says it."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}
