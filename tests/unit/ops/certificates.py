"""Certificates that tests build from values, in the form in which certify makes them.

An object class is the result of comparing an object in both buckets, such as `missing`.
"""

from __future__ import annotations

import copy
import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from support.answers import answer
from support.certificate_oracle import RULES

IDS = (*RULES,)
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
    """Compute a digest of keys and sizes by the documents' formula, independently of the code under test."""
    parts = (hashlib.sha256(f"{key}\0{size}".encode()).digest() for key, size in objects)
    return f"{sum(int.from_bytes(part, 'big') for part in parts) % (1 << 256):064x}"


def _count_side(objects: Objects) -> dict[str, Any]:
    return {"objects": len(objects), "bytes": sum(size for _, size in objects), "digest": digest(objects)}


def _count_class(source: Objects, destination: Objects) -> dict[str, Any]:
    sides = {"source": _count_side(source), "destination": _count_side(destination)}
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
    """Return a sound certificate with this verdict, in which `changes` replace fields.

    `results` are the results of checks that did not pass; the object classes of these checks get an object. Without
    `results`, the checks have the results that the verdict needs.
    """
    failing_results = _add_headers_result(_RESULTS_OF_VERDICT.get(verdict, {}) if results is None else results)
    objects_by_class = {
        "equal_contents": (SOURCE, SOURCE),
        "oms_own": ([], DESTINATION[3:]),
        "outside": ([], [("oms_source_record/x", 1)]),
        **{
            CLASS_OF_CHECK[name]: make_single_object(CLASS_OF_CHECK[name])
            for name in failing_results
            if name in CLASS_OF_CHECK
        },
    }
    sample = changes.get("sample", make_sample(read=0) if failing_results.get("SAMPLE") == "not run" else None)
    results_without_sample = (
        {} if sample else {name: {"result": "not run", "gates": False} for name in ("SAMPLE", "METADATA")}
    )
    all_results = {**dict.fromkeys(IDS, "passed"), **results_without_sample, **failing_results}
    stored_name = f"0001-20260131T092000Z-{verdict.lower().replace(' ', '-')}.json"
    document = {
        **answer("made/certificate"),
        "verdict": verdict,
        "text": f"It is {verdict}.",
        "text_zh": f"结论是 {verdict}。",
        "checks": [
            check(name, **result) if isinstance(result, dict) else check(name, result)
            for name, result in all_results.items()
        ],
        **count_objects(objects_by_class),
        "sample": sample,
        "headers": make_headers(sample),
        "document": f"oms_source_record/certificates/oss-oms-sync/task-1/{stored_name}",
        **changes,
    }
    for name, result in failing_results.items():
        result_name = result["result"] if isinstance(result, dict) else result
        path, value = _FACTS.get((name, result_name), ([], None))
        document = replace_value(document, path, value) if path else document
    return add_hash(add_listings(document))


# Facts that keep a check from passing if no class and no change of a test decides it.
_FACTS: dict[tuple[str, str], tuple[list[str | int], Any]] = {
    ("FROZEN", "failed"): (["last_written", 0, "at"], "2026-01-31T08:01:01Z"),
    ("STOOD_STILL", "failed"): (["passes", "standstill", "twin"], "3" * 64),
    ("NOTHING_WAITS", "not run"): (["lists", "looked"], ""),
    ("TASK", "failed"): (["sync_task", "src_bucket"], "other"),
    ("CLOCK", "not run"): (["clocks", "obs"], None),
}


def add_listings(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the certificate with totals that fit its object classes, also by storage class."""
    comparison, classes = document["passes"]["compare"], document["classes"]
    if not comparison or not classes:
        return {**document, "storage": None}
    listed_totals = {
        side: {unit: sum(counts[side][unit] for counts in classes.values()) for unit in ("objects", "bytes")}
        for side in ("source", "destination")
    }
    number = listed_totals["source"]["objects"]
    fields = {"source_listed": listed_totals["source"], "destination_listed": listed_totals["destination"]}
    comparison = {**comparison, **fields, "walked": number, "classified": number}
    passes = {**document["passes"], "compare": comparison}
    return {**document, "passes": passes, "storage": count_storage_classes(document["source"], document["destination"])}


def count_storage_classes(source: Mapping[str, Any], destination: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the counts by storage class, for objects that are each in only one of the buckets."""
    sides = {"source": "Standard", "destination": None}, {"source": None, "destination": "STANDARD"}
    pairs = [
        {**sides[0], "objects": source["objects"], "source_bytes": source["bytes"], "destination_bytes": 0},
        {**sides[1], "objects": destination["objects"], "source_bytes": 0, "destination_bytes": destination["bytes"]},
    ]
    return [pair for pair in pairs if pair["objects"]]


def _add_headers_result(results: Mapping[str, Any]) -> Mapping[str, Any]:
    """Add the result of the check METADATA, which compares no headers without a sample, to `results`."""
    return {"METADATA": "not run", **results} if results.get("SAMPLE") == "not run" else results


# Results that lead to a verdict.
_RESULTS_OF_VERDICT = {"NO-GO": {"MISSING": "failed"}, "NOT PROVEN": {"UNKNOWN": "not proven"}}


def make_single_object(title: str) -> Sides:
    """Return an object in each bucket in which an object of this class can exist."""
    objects = [(f"{title}/1", 4)]
    return objects if title not in ("unknown", "arriving") else [], objects if title != "missing" else []


def count_objects(objects_by_class: Mapping[str, Sides]) -> dict[str, Any]:
    """Return the counts of a certificate for these objects: totals, folders and the objects written last.

    For each object class, `objects_by_class` has the objects in the source and the objects in OBS.
    """
    folders: dict[str, dict[str, list[int]]] = {}
    for title, sides in objects_by_class.items():
        for index, objects in zip((0, 2), sides, strict=True):
            for key, size in objects:
                totals = folders.setdefault(key[: key.find("/") + 1], {}).setdefault(title, [0] * 4)
                totals[index : index + 2] = [totals[index] + 1, totals[index + 1] + size]
    in_scope = {
        title: sides for title, sides in objects_by_class.items() if title not in ("outside", "canary", "oms_own")
    }
    source, destination = ([pair for sides in in_scope.values() for pair in sides[index]] for index in (0, 1))
    return {
        "source": {**_count_side(source), "state_digest": "1" * 64},
        "destination": _count_side(destination),
        "last_written": [
            {"key": key, "at": f"2026-01-31T07:{59 - number}:00Z"} for number, (key, _) in enumerate(source[:20])
        ],
        "classes": {title: _count_class(*objects_by_class.get(title, ([], []))) for title in TITLES},
        "folders": folders,
    }


def make_sample(read: int = 3) -> dict[str, Any]:
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


def make_headers(sample: Mapping[str, Any] | None, **changes: Any) -> dict[str, Any]:
    """Return a comparison of a sample's headers without a lost header; `changes` replace its fields."""
    drawn_count = sample["drawn"] if sample and not sample.get("unread") else 0
    nothing = {"more": [], "gone": [], "documented": {}, "unexpected": {}, "problem": ""}
    return {"migrated": True, "drawn": drawn_count, **nothing, **changes}


def rehearsal(would_be: str = "GO", results: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Return a sound certificate of a rehearsal, whose `results` would lead to the verdict `would_be`."""
    step_names = ("settle", "replay", "compare", "again", "close", "oms", "standstill", "sample", "total")
    minutes = dict(zip(step_names, (5, 1, 54, 5, 2, 10, 54, 0, 131), strict=True))
    freeze_checks = ("FROZEN", "CLOSED", "OMS_FINISHED", "STOOD_STILL")
    all_results = {
        **dict.fromkeys(freeze_checks, "not run"),
        **_add_headers_result(_RESULTS_OF_VERDICT.get(would_be, {}) if results is None else results),
    }
    failing_checks = [
        name for name in IDS if name in all_results and name not in (*freeze_checks, "MOVING", "IN_FLIGHT")
    ]
    if "SAMPLE" in all_results:
        minutes |= {"sample": 1, "total": 132}
    expected_result = {"would_be": would_be, "minutes": minutes, "failing": failing_checks}
    return certificate(all_results, verdict="REHEARSAL", frozen_since=None, rehearsal=expected_result)


def list_values(value: object, path: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[Any, ...], object]]:
    """Yield the path and the value of each value in a document, including objects and lists."""
    if path:
        yield path, value
    if isinstance(value, dict | list):
        for name, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from list_values(part, (*path, name))


def replace_value(document: Any, path: Sequence[str | int], value: object) -> Any:
    """Return a document with another value at this path; it shares all other values with the given document."""
    name, *inner_path = path
    changed_document = copy.copy(document)
    changed_document[name] = replace_value(document[name], inner_path, value) if inner_path else value
    return changed_document


def replace_values(document: Any, changes: Mapping[str, object]) -> Any:
    """Return a document with other values at these paths, such as `checks 0 result`."""
    for path, value in changes.items():
        document = replace_value(document, [int(part) if part.isdigit() else part for part in path.split()], value)
    return document


def add_hash(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the certificate with the hash that the documentation defines."""
    fields = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(fields, sort_keys=True, separators=(",", ":"))
    return {**fields, "sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}
