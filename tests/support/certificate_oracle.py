"""A second implementation of a cutover's rules, which reads only a certificate's JSON.

It shares no code with the package `rules`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from typing import Any, NamedTuple

Document = Mapping[str, Any]

_MAX_COMPARISON_AGE = timedelta(hours=24)
_CLOUD_TOLERANCE = timedelta(minutes=1)
# Time until a closed project submits nothing, and time of OMS's inactivity after which it changes nothing.
_CLOSING_TIME, _IDLE_TIME = timedelta(minutes=2), timedelta(minutes=10)
_LONG_AGO = datetime.min.replace(tzinfo=timezone.utc)
_UNCOUNTED = ("outside", "canary", "oms_own")
_EQUAL = ("equal_contents", "equal_version", "equal_size")


class Rule(NamedTuple):
    """The rule for a check, which passes if the classes in `classes` have no objects.

    - With `accepts`, it also passes if the user has accepted the first of these classes.
    - With `needs_freeze`, it needs frozen writes, so a rehearsal does not count its result.
    """

    classes: tuple[str, ...] = ()
    accepts: bool = False
    needs_freeze: bool = False


RULES = {
    "FROZEN": Rule(needs_freeze=True),
    "CLOSED": Rule(needs_freeze=True),
    "OMS_FINISHED": Rule(needs_freeze=True),
    "STOOD_STILL": Rule(needs_freeze=True),
    "SCOPE": Rule(),
    "SUMS": Rule(),
    "MIGRATING": Rule(("migrating",)),
    "MISSING": Rule(("missing",)),
    "OVERWRITTEN": Rule(("overwritten",)),
    "OLDER": Rule(("older",)),
    "MOVING": Rule(("moving", "arriving"), needs_freeze=True),
    "IN_FLIGHT": Rule(("in_flight",), needs_freeze=True),
    "FAILED": Rule(("failed_before",)),
    "PROOF_SUSPICIOUS": Rule(("suspicious",), accepts=True),
    "PROOF_EQUAL_VERSION": Rule(("equal_version",), accepts=True),
    "PROOF_EQUAL_SIZE": Rule(("equal_size",), accepts=True),
    "PROOF_IMPOSSIBLE": Rule(("impossible",), accepts=True),
    "UNKNOWN": Rule(("unknown",), accepts=True),
    "SAMPLE": Rule(),
    "METADATA": Rule(),
    "NOTHING_WAITS": Rule(),
    "TASK": Rule(),
    "CLOCK": Rule(),
}


def checks(document: Document) -> list[tuple[str, str, bool]]:
    """Return the id and the result of each check, and True if the check affects the verdict."""
    is_about_headers = (
        document["headers"]["migrated"] is not True or _get_sample_size(document) > 0 or _has_checked_headers(document)
    )
    gates = {"SAMPLE": document["sample"] is not None, "METADATA": is_about_headers}
    return [(name, _find_result(document, name), gates.get(name, True)) for name in RULES]


def verdict(document: Document) -> str:
    """Return the verdict of a certificate; for a rehearsal, the verdict that a cutover can be expected to have."""
    gating = [(name, result) for name, result, gates in checks(document) if gates]
    results = {result for _, result in gating}
    if document["frozen_since"] is None:
        is_late = any(_is_about_all_objects(document, name, result) for name, result in gating)
        results = {result for name, result in gating if not RULES[name].needs_freeze}
        results |= {"not proven"} if is_late else set()
    return "NO-GO" if "failed" in results else "GO" if results == {"passed"} else "NOT PROVEN"


def failing(document: Document) -> list[str]:
    """Return the checks of a rehearsal that would fail in a cutover."""
    return [
        name
        for name, result, gates in checks(document)
        if gates and result != "passed"
        if not RULES[name].needs_freeze or _is_about_all_objects(document, name, result)
    ]


def _is_about_all_objects(document: Document, name: str, result: str) -> bool:
    """Return True if a check of the freeze failed while all objects of the source are still in progress."""
    if not RULES[name].needs_freeze or result != "failed":
        return False
    return not any(
        counts["source"]["objects"]
        for title, counts in (document["classes"] or {}).items()
        if title not in (*_UNCOUNTED, "moving", "arriving", "in_flight")
    )


def _find_result(document: Document, name: str) -> str:
    scope, rule = _check_scope(document), RULES[name]
    if (rule.classes or name in ("STOOD_STILL", "SUMS")) and scope == "not run":
        return "not run"
    if rule.classes:
        return _check_classes(document, rule)
    if name in ("CLOSED", "OMS_FINISHED", "STOOD_STILL") and document["frozen_since"] is None:
        return "not run"
    return _CHECKS[name](document)


def _parse_time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def _get_sample_size(document: Document) -> int:
    return int(document["sample"]["asked"]) if document["sample"] else 0


def _list_counts(counts: Document) -> list[int]:
    return [counts[side][unit] for side in ("source", "destination") for unit in ("objects", "bytes")]


def _check_scope(document: Document) -> str:
    compared, frozen = document["passes"]["compare"], document["frozen_since"]
    if compared is None or document["oms_failure"] is not None:
        return "not run"
    if frozen is not None:
        is_recent = _parse_time(compared["ended"]) >= _parse_time(document["made"]) - _MAX_COMPARISON_AGE
        if not is_recent or _parse_time(compared["started"]) < _parse_time(frozen):
            return "not run"
    return "passed" if document["last_written"] else "not proven"


def _check_frozen(document: Document) -> str:
    if document["frozen_since"] is None or _check_scope(document) != "passed":
        return "not run"
    last = _parse_time(document["last_written"][0]["at"])
    return "passed" if last <= _parse_time(document["frozen_since"]) + _CLOUD_TOLERANCE else "failed"


def _check_closed(document: Document) -> str:
    closed, still = document["closed"], document["passes"]["standstill"]
    if closed is None or closed["run"] != document["run"] or document["open_projects"] or still is None:
        return "not run"
    return "passed" if _parse_time(closed["written"]) + _CLOSING_TIME <= _parse_time(still["began"]) else "not run"


def _check_oms_finished(document: Document) -> str:
    oms, is_accepted = document["oms"], "oms_unfinished" in document["accepted"]
    if document["closed"] is None or document["migration"] is not None:
        return "not run"
    if oms["left"] is None:
        return "passed" if is_accepted else "not run"
    if oms["recorded"] is None or (oms["left"] and oms["may_finish"]):
        return "not run"
    if oms["left"]:
        return "passed" if is_accepted else "not proven"
    return "passed" if _parse_time(document["made"]) >= _idle_from(oms) else "not run"


def _idle_from(oms: Document) -> datetime:
    return _parse_time(oms["busy"]) + _IDLE_TIME if oms["busy"] is not None else _LONG_AGO


def _check_stood_still(document: Document) -> str:
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    if still is None:
        return "not run"
    if any(compared[digest] != still[digest] for digest in ("state", "twin")):
        return "failed"
    return "passed" if _parse_time(still["began"]) >= _idle_from(document["oms"]) else "not run"


def _check_sums(document: Document) -> str:
    compared, classes = document["passes"]["compare"], document["classes"]
    totals = [sum(numbers) for numbers in zip(*map(_list_counts, classes.values()), strict=True)]
    listed = [compared[f"{side}_listed"][unit] for side in ("source", "destination") for unit in ("objects", "bytes")]
    is_right = totals == listed and compared["walked"] == compared["classified"]
    for side in ("source", "destination"):
        pairs = [pair for pair in document["storage"] if pair[side] is not None]
        by_storage_class = [sum(pair[unit] for pair in pairs) for unit in ("objects", f"{side}_bytes")]
        is_right &= by_storage_class == [document[side][unit] for unit in ("objects", "bytes")]
    for title, counts in classes.items():
        source, destination = _list_counts(counts)[:2], _list_counts(counts)[2:]
        if title in _EQUAL:
            is_right &= source == destination and counts["digests"]["source"] == counts["digests"]["destination"]
        folders = [of[title] for of in document["folders"].values() if title in of]
        is_right &= [sum(quad[place] for quad in folders) for place in range(4)] == source + destination
    return "passed" if is_right else "failed"


def _check_classes(document: Document, rule: Rule) -> str:
    if not any(_list_counts(document["classes"][title])[0::2] != [0, 0] for title in rule.classes):
        return "passed"
    if not rule.accepts:
        return "failed"
    return "passed" if rule.classes[0] in document["accepted"] else "not proven"


def _check_sample(document: Document) -> str:
    sample = document["sample"]
    if sample is None:
        return "not run"
    if sample["differing"]:
        return "failed"
    is_there = any(_list_counts(counts)[0] for counts in (document["classes"] or {}).values())
    if not sample["seed"] or sample["unread"] or (is_there and not sample["read"]):
        return "not run"
    # A sample of fewer objects than requested proves less than requested.
    return "passed" if sample["read"] >= min(sample["asked"], sample["population"]) else "not proven"


def _has_checked_headers(document: Document) -> bool:
    """Return True if the standstill pass checked the headers of all objects."""
    still = document["passes"]["standstill"]
    return still is not None and still["headers"] is not None


def _check_metadata(document: Document) -> str:
    headers = document["headers"]
    if _has_checked_headers(document):
        outcomes = document["passes"]["standstill"]["headers"]["outcomes"]
        is_right = outcomes.keys() <= {"recorded", "equal"} and not (headers["documented"] or headers["unexpected"])
        lacking = "failed" if "differs" in outcomes else "not proven"
        return "passed" if is_right or "metadata" in document["accepted"] else lacking
    is_compared = headers["drawn"] + len(headers["more"]) > 0
    if _get_sample_size(document) and not is_compared:
        return "not run"
    if headers["unexpected"] or headers["documented"] or headers["migrated"] is False:
        lacking = "failed" if headers["unexpected"] else "not proven"
        return "passed" if "metadata" in document["accepted"] else lacking
    is_unknown = headers["migrated"] is None and "metadata" in document["accepted"]
    return "passed" if is_compared or is_unknown else "not run"


def _check_nothing_waits(document: Document) -> str:
    waiting, accepted = document["waiting"], document["accepted"]
    refused = [
        group
        for group in waiting["groups"]
        if group["object_class"] in ("suspicious", "equal_version", "equal_size")
        if group["was_tried"] and group["is_refused"]
    ]
    left = [group for group in waiting["groups"] if group not in refused or group["object_class"] not in accepted]
    unanswered = [group for group in left if group["object_class"] is None]
    if waiting["unread"]:
        return "failed"
    if len(left) > len(unanswered):
        is_refused = document["passes"]["compare"] and all(group in [*refused, *unanswered] for group in left)
        return "not proven" if is_refused else "failed"
    if unanswered:
        return "not run"
    if waiting["are_more"]:
        return _check_more(document)
    return _check_lists(document)


def _check_more(document: Document) -> str:
    """Return the result of a check on waiting records that the certificate does not list.

    It fails if a cutover would open the project to resend them. A cutover opens no project that a user closed, or that
    has a valid GO.
    """
    closed = document["closed"]
    if closed is None or document["frozen_since"] is None or document["go_stands"]:
        return "not run"
    is_by_hand = document["run"] and not closed["run"]
    return "failed" if document["waiting"]["has_more_records"] and not is_by_hand else "not run"


def _check_lists(document: Document) -> str:
    lists, is_closed = document["lists"], document["closed"] is not None and document["frozen_since"] is not None
    if lists["is_refused"] or not lists["looked"]:
        return "not run"
    looked = _parse_time(lists["looked"])
    is_late = document["as_of"] is not None and looked <= _parse_time(document["as_of"])
    is_old = looked < _parse_time(document["made"]) - _MAX_COMPARISON_AGE
    is_early = is_closed and looked < _idle_from(document["oms"])
    return "not run" if is_late or is_old or is_early else "passed"


def _check_task(document: Document) -> str:
    task = document["sync_task"]
    if task is None or not task["src_bucket"] or not task["status"]:
        return "not run"
    is_right = (task["src_bucket"], task["status"]) == (document["source_bucket"], "SYNCHRONIZING")
    return "passed" if is_right else "failed"


def _check_clock(document: Document) -> str:
    seconds = [*document["clocks"].values()]
    if any(number is not None and number > 60 for number in seconds):
        return "failed"
    return "not run" if None in seconds else "passed"


_CHECKS = {
    "FROZEN": _check_frozen,
    "CLOSED": _check_closed,
    "OMS_FINISHED": _check_oms_finished,
    "STOOD_STILL": _check_stood_still,
    "SCOPE": _check_scope,
    "SUMS": _check_sums,
    "SAMPLE": _check_sample,
    "METADATA": _check_metadata,
    "NOTHING_WAITS": _check_nothing_waits,
    "TASK": _check_task,
    "CLOCK": _check_clock,
}
