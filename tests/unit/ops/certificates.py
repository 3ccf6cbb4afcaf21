"""Certificates in the form of certify's documents, built from a test's values."""

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
# The class that decides a check; arriving decides MOVING as well.
CLASS_OF_CHECK = {
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
TITLES = (*CLASS_OF_CHECK.values(), "equal_contents", "arriving", "oms_own", "deleted_at_source", "outside", "canary")
Objects = Sequence[tuple[str, int]]
Sides = tuple[Objects, Objects]
SOURCE = [("a/1", 5), ("a/2", 7), ("山/3", 0)]
DESTINATION = [*SOURCE, ("oms/sync_task/x/failed.json", 3)]


def digest(objects: Iterable[tuple[str, int]]) -> str:
    """Compute a digest by the documents' formula, independently of the code under test."""
    parts = (hashlib.sha256(f"{key}\0{size}".encode()).digest() for key, size in objects)
    return f"{sum(int.from_bytes(part, 'big') for part in parts) % (1 << 256):064x}"


def side(objects: Objects) -> dict[str, Any]:
    return {"objects": len(objects), "bytes": sum(size for _, size in objects), "digest": digest(objects)}


def of_class(source: Objects, destination: Objects) -> dict[str, Any]:
    sides = {"source": side(source), "destination": side(destination)}
    return {
        "digests": {name: totals.pop("digest") for name, totals in sides.items()},
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
        "actual": f"{name} seen",
        "actual_zh": f"{name} 所见",
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
    """Return a sound document, unless `changes` make it invalid.

    `results`: the results of checks that did not pass; their classes get an object. Without them the document has the
    results that its verdict needs.
    """
    exceptions = _with_headers(_RESULTS_OF_VERDICT.get(verdict, {}) if results is None else results)
    objects_by_class = {
        "equal_contents": (SOURCE, SOURCE),
        "oms_own": ([], DESTINATION[3:]),
        "outside": ([], [("oms_source_record/x", 1)]),
        **{CLASS_OF_CHECK[name]: single_object(CLASS_OF_CHECK[name]) for name in exceptions if name in CLASS_OF_CHECK},
    }
    sample = changes.get("sample", a_sample(read=0) if exceptions.get("SAMPLE") == "not run" else None)
    unasked = {} if sample else {name: {"result": "not run", "gates": False} for name in ("SAMPLE", "METADATA")}
    all_results = {**dict.fromkeys(IDS, "passed"), **unasked, **exceptions}
    stored = f"0001-20260131T092000Z-{verdict.lower().replace(' ', '-')}.json"
    document = {
        **answer("made/certificate"),
        "verdict": verdict,
        "text": f"It is {verdict}.",
        "text_zh": f"结论是 {verdict}。",
        "checks": [
            check(name, **result) if isinstance(result, dict) else check(name, result)
            for name, result in all_results.items()
        ],
        **counted(objects_by_class),
        "sample": sample,
        "headers": of_headers(sample),
        "document": f"oms_source_record/certificates/oss-oms-sync/task-1/{stored}",
        **changes,
    }
    for name, result in exceptions.items():
        stated = result["result"] if isinstance(result, dict) else result
        path, value = _FACTS.get((name, stated), ([], None))
        document = replaced(document, path, value) if path else document
    return sealed(with_listings(document))


# Facts that keep a check from passing if no class and no change of a test decides it.
_FACTS: dict[tuple[str, str], tuple[list[str | int], Any]] = {
    ("FROZEN", "failed"): (["last_written", 0, "at"], "2026-01-31T08:01:01Z"),
    ("STOOD_STILL", "failed"): (["passes", "standstill", "twin"], "3" * 64),
    ("NOTHING_WAITS", "not run"): (["lists", "looked"], ""),
    ("TASK", "failed"): (["sync_task", "src_bucket"], "other"),
    ("CLOCK", "not run"): (["clocks", "obs"], None),
}


def with_listings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document with listings of as many objects as its classes have, also by storage class."""
    compared, classes = document["passes"]["compare"], document["classes"]
    if not compared or not classes:
        return {**document, "storage": None}
    listed = {
        side: {unit: sum(counts[side][unit] for counts in classes.values()) for unit in ("objects", "bytes")}
        for side in ("source", "destination")
    }
    number = listed["source"]["objects"]
    fields = {"source_listed": listed["source"], "destination_listed": listed["destination"]}
    compared = {**compared, **fields, "walked": number, "classified": number}
    passes = {**document["passes"], "compare": compared}
    return {**document, "passes": passes, "storage": storage(document["source"], document["destination"])}


def storage(source: Mapping[str, Any], destination: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counts by storage class of a document in which no object is in both buckets."""
    sides = {"source": "Standard", "destination": None}, {"source": None, "destination": "STANDARD"}
    pairs = [
        {**sides[0], "objects": source["objects"], "source_bytes": source["bytes"], "destination_bytes": 0},
        {**sides[1], "objects": destination["objects"], "source_bytes": 0, "destination_bytes": destination["bytes"]},
    ]
    return [pair for pair in pairs if pair["objects"]]


def _with_headers(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the result of METADATA, because no headers are compared without a sample."""
    return {"METADATA": "not run", **results} if results.get("SAMPLE") == "not run" else results


# Results that lead to a verdict.
_RESULTS_OF_VERDICT = {"NO-GO": {"MISSING": "failed"}, "NOT PROVEN": {"UNKNOWN": "not proven"}}


def single_object(title: str) -> Sides:
    """Return an object of a class, on the sides where the class can have objects."""
    objects = [(f"{title}/1", 4)]
    return objects if title not in ("unknown", "arriving") else [], objects if title != "missing" else []


def counted(objects_by_class: Mapping[str, Sides]) -> dict[str, Any]:
    """Return the counts of a document with this number of objects in each class, in the source and the destination."""
    folders: dict[str, dict[str, list[int]]] = {}
    for title, sides in objects_by_class.items():
        for place, objects in zip((0, 2), sides, strict=True):
            for key, size in objects:
                totals = folders.setdefault(key[: key.find("/") + 1], {}).setdefault(title, [0] * 4)
                totals[place : place + 2] = [totals[place] + 1, totals[place + 1] + size]
    in_scope = {
        title: sides for title, sides in objects_by_class.items() if title not in ("outside", "canary", "oms_own")
    }
    source, destination = ([pair for sides in in_scope.values() for pair in sides[place]] for place in (0, 1))
    return {
        "source": {**side(source), "state_digest": "1" * 64},
        "destination": side(destination),
        "last_written": [
            {"key": key, "at": f"2026-01-31T07:{59 - number}:00Z"} for number, (key, _) in enumerate(source[:20])
        ],
        "classes": {title: of_class(*objects_by_class.get(title, ([], []))) for title in TITLES},
        "folders": folders,
    }


def a_sample(read: int = 3) -> dict[str, Any]:
    """Return a sample of all three objects, of which `read` were read."""
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
        "problem": "" if read == 3 else "time",
    }


def of_headers(sample: Mapping[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return the comparison of a sample's headers without any loss."""
    drawn = sample["drawn"] if sample and not sample.get("unread") else 0
    nothing = {"more": [], "gone": [], "documented": {}, "unexpected": {}, "problem": ""}
    return {"migrated": True, "drawn": drawn, **nothing, **changes}


def rehearsal(would_be: str = "GO", results: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a sound rehearsal whose `results` lead to the verdict `would_be`."""
    parts = ("settle", "replay", "compare", "again", "close", "oms", "standstill", "sample", "total")
    minutes = dict(zip(parts, (5, 1, 54, 5, 2, 10, 54, 0, 131), strict=True))
    of_freeze = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL")
    all_results = {
        **dict.fromkeys(of_freeze, "not run"),
        **_with_headers(_RESULTS_OF_VERDICT.get(would_be, {}) if results is None else results),
    }
    failing = [name for name in IDS if name in all_results and name not in (*of_freeze, "MOVING", "IN_FLIGHT")]
    if "SAMPLE" in all_results:
        minutes |= {"sample": 1, "total": 132}
    expected = {"would_be": would_be, "minutes": minutes, "failing": failing}
    return certificate(all_results, verdict="REHEARSAL", frozen_since=None, rehearsal=expected)


def places(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Yield each value in a document with its path, containers included."""
    if path:
        yield path, value
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from places(part, (*path, name))


def replaced(document: Mapping[str, Any], path: Sequence[str | int], value: object) -> dict[str, Any]:
    """Return the document with another value at this path."""
    made: Any = copy.deepcopy(document)
    at = reduce(getitem, path[:-1], made)
    at[path[-1]] = value
    return made


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the certificate with its hash, computed as the project's documentation defines it."""
    hashed = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(hashed, sort_keys=True, separators=(",", ":"))
    return {**hashed, "sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}
