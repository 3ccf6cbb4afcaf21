"""Certificates as certify makes them, made here of what a test says."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from typing import Any

IDS = (
    *("FROZEN", "STOOD_STILL", "SCOPE", "SUMS", "MISSING", "OLDER", "OVERWRITTEN", "MOVING", "IN_FLIGHT", "FAILED"),
    *("PROOF_SUSPICIOUS", "PROOF_EQUAL_VERSION", "PROOF_EQUAL_SIZE", "PROOF_IMPOSSIBLE", "UNKNOWN"),
    *("SAMPLE", "BACKLOG", "COPY_FAILED", "TASK", "CLOCK"),
)
SOURCE = [("a/1", 5), ("a/2", 7), ("山/3", 0)]
DESTINATION = [*SOURCE, ("oms/sync_task/x/failed.json", 3)]


def digest(objects: Iterable[tuple[str, int]]) -> str:
    """As FACTS and docs have it: written here anew."""
    parts = (hashlib.sha256(f"{key}\0{size}".encode()).digest() for key, size in objects)
    return f"{sum(int.from_bytes(one, 'big') for one in parts) % (1 << 256):064x}"


def side(objects: Iterable[tuple[str, int]]) -> dict[str, Any]:
    found = list(objects)
    return {"objects": len(found), "bytes": sum(size for _, size in found), "digest": digest(found)}


def of_class(source: Iterable[tuple[str, int]], destination: Iterable[tuple[str, int]]) -> dict[str, Any]:
    one, other = side(source), side(destination)
    return {
        "source": {unit: one[unit] for unit in ("objects", "bytes")},
        "destination": {unit: other[unit] for unit in ("objects", "bytes")},
        "digests": {"source": one["digest"], "destination": other["digest"]},
        "keys": [],
    }


def check(name: str, result: str = "passed", **changes: Any) -> dict[str, Any]:
    return {
        "id": name,
        "result": result,
        "gates": True,
        "seen": f"{name} seen",
        "seen_zh": f"{name} 所见",
        "wanted": "none",
        "wanted_zh": "没有",
        "keys": [],
        "next": "" if result == "passed" else f"mend {name}",
        "next_zh": "" if result == "passed" else f"修复 {name}",
        "command": "",
        **changes,
    }


def certificate(
    results: Mapping[str, str | dict[str, Any]] | None = None, verdict: str = "GO", **changes: Any
) -> dict[str, Any]:
    """A document whose hash is right; `results` are those of checks that did not pass."""
    given = results or {}
    checks = []
    for name in IDS:
        one = given.get(name, "passed")
        checks.append(check(name, **one) if isinstance(one, dict) else check(name, one))
    document: dict[str, Any] = {
        "schema": 1,
        "kind": "oss-oms-sync certificate",
        "verdict": verdict,
        "text": f"It is {verdict}.",
        "text_zh": f"结论是 {verdict}。",
        "as_of": "2026-01-31T09:12:00Z",
        "made": "2026-01-31T09:20:00Z",
        "made_by": {"version": "0.3.0", "code_sha256": "0" * 64},
        "task": "task-1",
        "project": "oss-oms-sync",
        "source_bucket": "photos",
        "destination_bucket": "photos-obs",
        "log_bucket": "logs",
        "scope": {"prefix": "", "suffix": ""},
        "frozen_since": "2026-01-31T08:00:00Z",
        "checks": checks,
        "passes": {
            "compare": {
                "pass": "0123456789abcdef-20260131T081600000000Z",
                "started": "2026-01-31T08:16:00Z",
                "ended": "2026-01-31T09:10:00Z",
                "objects_per_minute": 250_000,
                "amended": "2026-01-31T09:12:00Z",
            },
            "reconcile": {
                "pass": "fedcba9876543210-20260131T091201000000Z",
                "started": "2026-01-31T09:12:01Z",
                "ended": "2026-01-31T09:19:00Z",
                "objects_per_minute": 300_000,
            },
        },
        "source": {**side(SOURCE), "state_digest": "1" * 64},
        "destination": side(SOURCE),
        "last_written": [{"key": "a/2", "at": "2026-01-31T07:58:00Z"}, {"key": "a/1", "at": "2026-01-30T10:00:00Z"}],
        "classes": {
            "equal_contents": of_class(SOURCE, SOURCE),
            "oms_own": of_class([], DESTINATION[3:]),
            "outside": of_class([("oms_source_record/x", 1)], []),
        },
        "folders": {
            "a/": {"equal_contents": [2, 12, 2, 12]},
            "山/": {"equal_contents": [1, 0, 1, 0]},
            "oms/": {"oms_own": [0, 0, 1, 3]},
            "oms_source_record/": {"outside": [1, 1, 0, 0]},
        },
        "sample": None,
        "accepted": {},
        "rehearsal": None,
        "shown": {},
        "document": "oms_source_record/certificates/oss-oms-sync/task-1/20260131T092000Z-go.json",
        **changes,
    }
    return sealed(document)


def rehearsal(would_be: str = "GO", results: Mapping[str, str] | None = None) -> dict[str, Any]:
    minutes = {"settle": 15, "replay": 1, "compare": 12, "again": 1, "reconcile": 9, "sample": 2, "total": 40}
    failing = [name for name in results or {} if name not in ("FROZEN", "STOOD_STILL", "MOVING", "IN_FLIGHT")]
    told = {"would_be": would_be, "minutes": minutes, "failing": failing}
    return certificate({"FROZEN": "not run", **(results or {})}, verdict="REHEARSAL", frozen_since=None, rehearsal=told)


def sealed(document: Mapping[str, Any]) -> dict[str, Any]:
    """The document with its hash, as the contract says it."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"))
    return {**rest, "sha256": hashlib.sha256(text.encode("ascii")).hexdigest()}
