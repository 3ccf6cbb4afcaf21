"""An answer of status, as the function gives it (tests/system/status/ shows that it does), full and empty."""

from __future__ import annotations

from oss_oms_sync.copy_codes import copy_code
from oss_oms_sync.reasons import Reason
from support.ops import NASTY

PROGRESS = {"objects_per_minute": 2000, "share": 0.25, "minutes_left": 7}


def sides(source: int, destination: int) -> dict:
    return {
        "source": {"objects": source, "bytes": 10 * source},
        "destination": {"objects": destination, "bytes": 10 * destination},
    }


COMPARED = {
    "started": "2026-01-01T04:00:00Z",
    "ended": "2026-01-01T04:20:00Z",
    "watermark": "2026-01-01T03:59:00Z",
    "classes": {
        "equal_contents": sides(900, 900),
        "missing": sides(3, 0),
        "unknown": sides(0, 2),
        "older": sides(0, 0),
    },
    "lag": {
        name: {
            "objects": 800,
            "not_yet": 3,
            "p50": 4.2,
            "p90": 61.0,
            "p99": 300.0,
            "max": 7300,
            "within": {"60": 700, "300": 790, "900": 795, "3600": 799, "86400": 800},
        }
        for name in ("accepted", "copied")
    },
}


def report(state: str = "behind", **changes: object) -> dict:
    """An answer as the function gives it (tests/system/status/ shows that it does)."""
    passed = {"scanned": 10, "covered": 7, "submitted": 2, "failed_before": 1, "pending": 0, "orphans": 3}
    return {
        "verdict": {"state": state, "text": f"Now {state}.", "text_zh": f"现在 {state}。"},
        "at": "2026-01-02T00:00:00Z",
        "task": {"id": "task-1", "source": "photos", "log": "photos-oms-log"},
        "oms": {
            "status": "SYNCHRONIZING",
            "src_bucket": "photos",
            "dst_bucket": "photos-obs",
            "month": {"requests": 1200, "copied": 1190, "failed": 2, "skipped": 8, "bytes": 5_000_000},
        },
        "copying": {
            "failed": 9,
            "unfinished": {"objects": 15, "overdue": None},
            "acknowledged": None,
            "failures": {
                "counted": 9,
                "done": 1,
                "waiting": 3,
                "stuck": 2,
                "outside": 0,
                "unknown": 3,
                "codes": {
                    code: {"objects": number, "passes": copy_code(code).passes, "fix": copy_code(code).fix._asdict()}
                    for code, number in {"GET_SRC_OBJ_FAILURE": 2, "INIT_DST_OBJ_MULTIPART_FAILURE": 2, "": 1}.items()
                },
            },
        },
        "statistics": {
            "from": "2026-01-01T00:00:00Z",
            "step": "ONE_HOUR",
            "series": {
                "REQUEST": [[1767261600000, 40], [1767268800000, 2]],
                "SUCCESS": [[1767261600000, 40]],
                "FAILURE": [[1767268800000, 2]],
                "SKIP": [],
                "SIZE": [[1767261600000, 1000]],
            },
        },
        "backlog": {
            "failed": 3,
            "at_least": True,
            "oldest": "2026-01-01T10:00:00Z",
            "read": 3,
            "by_reason": {"THROTTLED": 2, "UNKNOWN": 1},
            "keys": [{"key": NASTY, "reason": "THROTTLED", "since": "2026-01-01T10:00:00Z"}],
            "outside": 1234,
            "run_files": 1,
            "in_run_files": 5,
        },
        "replay": {"at": "2026-01-01T23:55:00Z", "result": {"taken": 4, "accepted": 3, "failed": 1}},
        "reconcile": {
            "last": {"started": "2026-01-01T02:00:00Z", "ended": "2026-01-01T02:01:00Z", **passed},
            "open": [
                {
                    "started": "2026-01-01T23:50:00Z",
                    "ended": None,
                    "scanned": 4321,
                    **PROGRESS,
                }
            ],
        },
        "oms_lists": {"unread": 2, "example": "???", "problem": "no right to read them"},
        "compare": {"last": COMPARED, "open": [{"started": "2026-01-01T23:40:00Z", **PROGRESS}]},
        "sums": [
            {"claim": "1 = 1", "left": 1, "right": [1], "holds": True, "meaning": "never said"},
            {"claim": "5 = 4", "left": 5, "right": [3, 1], "holds": False, "meaning": "it means this"},
        ],
        "fixes": {"THROTTLED": {"en": Reason.THROTTLED.fix.en, "zh": Reason.THROTTLED.fix.zh}},
        **changes,
    }


EMPTY = {
    "copying": {"failed": None, "unfinished": None, "acknowledged": None, "failures": None},
    "oms": {"problem": "UNREACHABLE", "fix": {"en": "Check the host.", "zh": "检查域名。"}},
    "statistics": {"problem": "UNREACHABLE", "fix": {"en": "Check the host.", "zh": "检查域名。"}},
    "backlog": {
        "failed": 0,
        "at_least": False,
        "oldest": None,
        "read": 0,
        "by_reason": {},
        "keys": [],
        "outside": 0,
        "run_files": 0,
        "in_run_files": 0,
    },
    "replay": None,
    "reconcile": {"last": None, "open": []},
    "compare": {"last": None, "open": []},
    "oms_lists": {"unread": 0, "example": "", "problem": ""},
    "sums": [],
    "fixes": {},
}
