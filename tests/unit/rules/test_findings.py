"""Findings of a certificate's checks: each names the facts that decide it, and the step that a user takes next.

tests/unit/rules/test_oracle.py compares the results of all checks on random facts.
"""

from __future__ import annotations

from typing import Any

import pytest

from oss_oms_sync.answers.certificate import CutoverFacts
from oss_oms_sync.answers.codec import from_json
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.cutover import judge
from unit.ops.certificates import certificate, make_headers, make_sample, replace_value

FROZEN = {"frozen_since": "2026-01-31T08:00:00Z"}
CONTINUE, OPEN = ("cutover", FROZEN), ("open", {})
RESTART, DEEP = ("cutover", {**FROZEN, "restart": True}), ("cutover", {**FROZEN, "deep": True, "restart": True})
BY_HAND, REHEARSED = {"closed.run": "", "closed.by": "close"}, {"frozen_since": None, "closed": None}
NEVER, LATE = "NO_OVERWRITE", {"lists.looked": "2026-01-31T09:14:59Z"}
SAMPLE, NOT_READ = make_sample(), {**make_sample(read=0), "keys": [], "unread": []}
LOST = {"cache-control": {"objects": 1, "keys": ["a/1"]}}
CHECKED = {"outcomes": {"recorded": 2, "differs": 1}, "differing": {"expires": 1}, "examples": {"differs": ["a/1"]}}


def accept(*names: str, **more: object) -> tuple[str, dict[str, Any]]:
    return "cutover", {**FROZEN, "accept": {**dict.fromkeys(names, "<who, why>"), **more}}


def wait(object_class: str | None = "equal_size", reason: str = "REFUSED", **flags: bool) -> dict[str, Any]:
    """Return the facts of a waiting key that OMS has refused before, and whose object was read."""
    group = {"is_same_size": True, "was_tried": True, "is_refused": True, "number": 1, "keys": [reason], **flags}
    return {"reason": reason, "object_class": object_class, **group}


def wait_for(*groups: dict[str, Any], **more: object) -> dict[str, Any]:
    return {"waiting.groups": [*groups], "waiting.number": len(groups) + 2, **{f"waiting.{n}": more[n] for n in more}}


def skip(object_class: str, mode: str = "SIZE_LAST_MODIFIED_COMPARISON_OVERWRITE") -> dict[str, Any]:
    """Return the facts of an object that OMS skips when it is resent."""
    counts = {f"classes.{object_class}.{name}": 1 for name in ("proven_different", "in_vain")}
    keys = {f"classes.{object_class}.keys": [f"{object_class}/1"]}
    return {**counts, **keys, "sync_task.object_overwrite_mode": mode, "passes.compare.deep": True}


# The check, the changed facts of a GO, the result, phrases of the finding and the remedy, and the next step.
Case = tuple[str, dict[str, Any], str, list[str], tuple[str, dict[str, Any]] | None]
CASES: dict[str, Case] = {
    "a comparison before the freeze": (
        "SCOPE",
        {"frozen_since": "2026-01-31T08:16:01Z", "passes.compare.overwrite": True},
        "not run",
        ["began before the freeze"],
        ("cutover", {"frozen_since": "2026-01-31T08:16:01Z", "restart": True}),
    ),
    "a comparison that ended a day ago": ("SCOPE", {"made": "2026-02-01T09:10:01Z"}, "not run", ["over 24"], RESTART),
    "no object in scope": ("SCOPE", {"last_written": []}, "not proven", ["No object in photos is"], ("deploy", {})),
    "no comparison": ("SCOPE", {"passes.compare": None}, "not run", ["No comparison"], RESTART),
    "lists read before OMS was idle": (
        "NOTHING_WAITS",
        LATE,
        "not run",
        ["since 2026-01-31T09:15:00Z (last read: 2026-01-31T09:14:59Z)"],
        CONTINUE,
    ),
    "a refused key of an object that was read": (
        "NOTHING_WAITS",
        {**wait_for(wait()), "passes.compare.deep": True},
        "not proven",
        ["1 object (REFUSED)", "2 keys in failed records or run files need no action", "accept them by name"],
        accept("equal_size"),
    ),
    "an accepted key": (
        "NOTHING_WAITS",
        {**wait_for(wait()), "accepted": {"equal_size": "me, read"}},
        "passed",
        ["1 object was accepted by name"],
        None,
    ),
    "an acceptance of an older object": (
        "NOTHING_WAITS",
        {**wait_for(wait("older")), "accepted": {"equal_size": "me, read"}},
        "failed",
        ["1 object (REFUSED)", "which opens the project and resends the objects"],
        ("cutover", {**FROZEN, "accept": {"equal_size": "me, read"}}),
    ),
    "keys of unread objects": ("NOTHING_WAITS", wait_for(wait(was_tried=False)), "failed", ["--deep"], DEEP),
    "a key that OMS may accept": ("NOTHING_WAITS", wait_for(wait(is_refused=False)), "failed", ["reasons"], CONTINUE),
    "waiting keys of unknown objects": (
        "NOTHING_WAITS",
        wait_for(wait(None, "REJECTED")),
        "not run",
        ["OBS did not answer the requests for 1 object (REJECTED)", "OBS_ENDPOINT"],
        CONTINUE,
    ),
    "reasons in order": (
        "NOTHING_WAITS",
        wait_for(*(wait("missing", reason) for reason in ("TIMEOUT", "FORBIDDEN", "REFUSED")), are_more=True),
        "failed",
        ["at least 3 objects (FORBIDDEN, REFUSED, TIMEOUT)"],
        CONTINUE,
    ),
    "more records than were checked": (
        "NOTHING_WAITS",
        wait_for(are_more=True, has_more_records=True),
        "failed",
        ["too many", "which opens the project"],
        CONTINUE,
    ),
    "more records of a project closed by hand": (
        "NOTHING_WAITS",
        {**wait_for(are_more=True, has_more_records=True), **BY_HAND},
        "not run",
        ["too many", "(python3 ops.py open)"],
        None,
    ),
    "a closing by another run": ("CLOSED", {"run": "run-2"}, "not run", ["by hand or by another cutover"], CONTINUE),
    "another open project": (
        "CLOSED",
        {"open_projects": ["other"]},
        "not run",
        ["before the standstill pass began: other", "state/closed-other.json"],
        ("close", {}),
    ),
    "a standstill pass right after the close": (
        "CLOSED",
        {"closed.written": "2026-01-31T09:13:01Z"},
        "not run",
        [
            "the project was closed at 2026-01-31T09:13:01Z; two minutes or more after that, no"
            " standstill pass has begun"
        ],
        CONTINUE,
    ),
    "a standstill pass two minutes after the close": (
        "CLOSED",
        {"closed.written": "2026-01-31T09:13:00Z"},
        "passed",
        ["closed at 2026-01-31T09:13:00Z; standstill pass begun at 2026-01-31T09:15:00Z"],
        None,
    ),
    "a standstill pass before OMS was idle": (
        "STOOD_STILL",
        {"oms.busy": "2026-01-31T09:05:01Z"},
        "not run",
        ["began at 2026-01-31T09:15:00Z, before OMS had been idle"],
        CONTINUE,
    ),
    "an OMS that was idle in time": ("STOOD_STILL", {"oms.busy": "2026-01-31T09:05:00Z"}, "passed", ["equal"], None),
    "a change in OBS": ("STOOD_STILL", {"passes.standstill.twin": "3" * 64}, "failed", ["changed in OBS"], CONTINUE),
    "a busy OMS": ("OMS_FINISHED", {"oms.busy": "2026-01-31T09:10:01Z"}, "not run", ["was busy until"], CONTINUE),
    "an OMS without counts": (
        "OMS_FINISHED",
        {"oms.left": None},
        "not run",
        ["does not report its remaining work", "run doctor to find a missing permission"],
        accept("oms_unfinished"),
    ),
    "objects that OMS lost": (
        "OMS_FINISHED",
        {"oms.left": 1, "oms.largest": 90 * 10**9},
        "not proven",
        ["finished no object for at least 150 minutes (60 minutes, plus"],
        accept("oms_unfinished"),
    ),
    "an object written during the comparison": ("MOVING", {}, "failed", ["Continue the cutover"], CONTINUE),
    "the same in a rehearsal": ("MOVING", REHEARSED, "failed", ["too recently"], ("compare", {"again": True})),
    "an object that OMS has not copied": ("IN_FLIGHT", {}, "failed", ["accepted by OMS but not yet"], CONTINUE),
    "an object left to a migration": ("MIGRATING", {}, "failed", ["left to the migration"], RESTART),
    "a missing object": ("MISSING", {}, "failed", ["1 object missing in OBS (4 bytes)"], RESTART),
    "a missing object that was submitted": (
        "MISSING",
        {"passes.compare.submitted": 1, "passes.compare.amended": ""},
        "failed",
        [],
        CONTINUE,
    ),
    "a missing object that is older than the project": (
        "MISSING",
        {"passes.compare.earlier": "2026-01-01T00:00:00Z"},
        "failed",
        ["Some of these objects were written before"],
        ("compare", {"restart": True, "since": "2026-01-01T00:00:00Z"}),
    ),
    "too many missing objects": ("MISSING", {"passes.compare.unsent": 1}, "failed", [], ("migrate", {})),
    "a missing object after a GO": (
        "MISSING",
        {"go_stands": True},
        "failed",
        ["A GO is in effect, so the project stays closed. Copy the objects that OBS needs by hand"],
        None,
    ),
    "a failed object": ("FAILED", {}, "failed", ["not accepted by OMS"], DEEP),
    "an object that an application overwrote": (
        "OVERWRITTEN",
        {"classes.overwritten.destination.bytes": 5},
        "failed",
        ["resend the objects"],
        ("compare", {"overwrite": True, "restart": True}),
    ),
    "an overwritten object that an option `since` excluded": (
        "OVERWRITTEN",
        {"classes.overwritten.destination.bytes": 5, "passes.compare.since": "2026-01-31T08:00:00Z"},
        "failed",
        ["resend the objects"],
        ("compare", {"overwrite": True, "restart": True}),
    ),
    "an overwritten object that was submitted": (
        "OVERWRITTEN",
        {
            "classes.overwritten.destination.bytes": 5,
            **{f"passes.compare.{name}": value for name, value in (("overwrite", True), ("submitted", 1))},
            "passes.compare.amended": "",
        },
        "failed",
        [],
        ("compare", {"overwrite": True, "again": True}),
    ),
    "an overwritten object that OMS skips": (
        "OVERWRITTEN",
        skip("overwritten"),
        "failed",
        ["python3 ops.py migrate --overwrite --prefix overwritten/1"],
        ("migrate", {"overwrite": True, "prefix": ["overwritten/1"]}),
    ),
    "a skipped object, by a suffix": (
        "OVERWRITTEN",
        {**skip("overwritten"), "scope.suffix": "1"},
        "failed",
        ["so delete each affected object in OBS"],
        DEEP,
    ),
    "a task that never overwrites": (
        "OLDER",
        skip("older", NEVER),
        "failed",
        ["delete each affected object in OBS"],
        DEEP,
    ),
    "an older object that could not be read": (
        "OLDER",
        {**skip("older", "CRC64_COMPARISON_OVERWRITE"), "passes.compare.no_right_in_oss": 1},
        "failed",
        ["lacks oss:GetObject on the source bucket"],
        DEEP,
    ),
    "an unread object of another ETag": ("PROOF_SUSPICIOUS", {}, "not proven", ["with --deep"], DEEP),
    "an unread object": ("PROOF_EQUAL_SIZE", {}, "not proven", ["with --deep"], DEEP),
    "a read object": ("PROOF_EQUAL_SIZE", {"passes.compare.deep": True}, "not proven", [], accept("equal_size")),
    "an accepted object": (
        "PROOF_EQUAL_SIZE",
        {"accepted": {"equal_size": "me, a cache"}},
        "passed",
        ["Accepted by name: me, a cache"],
        None,
    ),
    "an object that cannot be copied": (
        "PROOF_IMPOSSIBLE",
        {},
        "not proven",
        ["Copy the objects that OBS needs by hand, then accept the class by name (--accept)"],
        accept("impossible"),
    ),
    "an object of unknown origin": ("UNKNOWN", {}, "not proven", ["only in OBS"], accept("unknown")),
    "a sample that cannot be read": (
        "SAMPLE",
        {"sample": make_sample(read=0) | {"problem": "AccessDenied"}},
        "not run",
        [
            "the source bucket or the destination bucket cannot be read (AccessDenied)",
            "python3 ops.py setup",
            "policies/show.py prints",
        ],
        ("cutover", {**FROZEN, "sample": 3}),
    ),
    "a sample that runs out of time": (
        "SAMPLE",
        {"sample": make_sample(read=2) | {"problem": "TimeIsUp"}},
        "not run",
        ["2 of 3 sampled objects were read"],
        ("cutover", {**FROZEN, "sample": 3}),
    ),
    "a sample that differs": (
        "SAMPLE",
        {"sample": SAMPLE | {"differing": ["a/1"]}},
        "failed",
        ["1 of 3 sampled objects differ"],
        ("cutover", {**FROZEN, "sample": 3, "deep": True, "restart": True}),
    ),
    "a sample whose objects are archived": (
        "SAMPLE",
        {"sample": NOT_READ | {"unreadable": ["a/1", "a/2", "山/3"]}},
        "not run",
        ["3 sampled objects could not be read, or changed", "Continue the cutover without a sample"],
        CONTINUE,
    ),
    "a sample without equal objects": (
        "SAMPLE",
        {"sample": NOT_READ | {"population": 0}},
        "not run",
        ["no object of up to 1 GiB counts as equal"],
        CONTINUE,
    ),
    "a task without metadata": (
        "METADATA",
        {"headers.migrated": False},
        "not proven",
        ["OMS copies only Content-Type", "all 3 objects (12 bytes) again"],
        accept("metadata"),
    ),
    "a task of unknown metadata": (
        "METADATA",
        {"headers.migrated": None},
        "not run",
        ["OMS does not report whether"],
        ("cutover", {**FROZEN, "sample": 100}),
    ),
    "a header that OMS does not copy": (
        "METADATA",
        {"sample": SAMPLE, "headers": make_headers(SAMPLE, documented=LOST)},
        "not proven",
        ["Headers not copied, as OMS documents: cache-control (1 object)", "letters, digits and hyphens"],
        ("cutover", {**FROZEN, "sample": 3, "accept": {"metadata": "<who, why>"}}),
    ),
    "a header that was changed": (
        "METADATA",
        {"sample": SAMPLE, "headers": make_headers(SAMPLE, unexpected=LOST)},
        "failed",
        ["Headers lost or changed for other reasons: cache-control (1 object)"],
        ("migrate", {"overwrite": True}),
    ),
    "a header that a standstill pass found": (
        "METADATA",
        {"passes.standstill.headers": CHECKED},
        "failed",
        ["the headers of 3 objects: 2 by records", "Headers that differ: expires (1 object)", "Open the project"],
        OPEN,
    ),
    "a header that this project cannot change": (
        "METADATA",
        {"passes.standstill.headers": CHECKED | {"outcomes": {"recorded": 2, "not_ascii": 1}}},
        "not proven",
        ["this project cannot change these headers in OBS"],
        accept("metadata"),
    ),
    "a header that only the sample found": (
        "METADATA",
        {
            "passes.standstill.headers": {"outcomes": {"recorded": 3}, "differing": {}, "examples": {}},
            "headers.unexpected": LOST,
        },
        "not proven",
        ["Headers that differ in the sample: cache-control (1 object)", "Find the application"],
        accept("metadata"),
    ),
    "a stopped task": ("TASK", {"sync_task.status": "STOPPED"}, "failed", ["in the OMS console"], None),
    "a task that OMS does not describe": ("TASK", {"sync_task.src_bucket": None}, "not run", [], ("doctor", {})),
    "a task of another bucket": (
        "TASK",
        {"sync_task.src_bucket": "other"},
        "failed",
        ["Sync task of the source bucket other"],
        ("deploy", {}),
    ),
    "folders that disagree": (
        "SUMS",
        {"folders": {"a/": {"equal_contents": [2, 12, 2, 12]}}},
        "failed",
        ["totals disagree: ", "equal_contents"],
        RESTART,
    ),
    "a listing that disagrees": ("SUMS", {"passes.compare.walked": 4}, "failed", ["classes"], RESTART),
    "storage classes that disagree": ("SUMS", {"storage": []}, "failed", ["totals disagree: storage classes"], RESTART),
}


@pytest.mark.parametrize("case", CASES)
def test_a_finding_names_its_facts_and_the_next_step(case):
    name, changes, result, phrases, step = CASES[case]
    is_class = name in ("MIGRATING", "MISSING", "OVERWRITTEN", "OLDER", "MOVING", "IN_FLIGHT", "FAILED", "UNKNOWN")
    document = certificate({name: "failed"} if is_class or name.startswith("PROOF") else None)
    for path, value in changes.items():
        document = replace_value(document, path.split("."), value)
    finding = next(check for check in judge(from_json(CutoverFacts, document)).checks if check.id == name)
    text = f"{finding.actual.en}. {finding.next.en}"
    assert finding.result.value == result
    assert [phrase for phrase in phrases if phrase not in text] == [], text
    assert finding.step == (step and Step(*step))
