"""Results of checks, derived from a certificate's numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta, timezone

from ops.certificate.counts import Document, Doubt, numbers
from ops.certificate.form import CHECKS, METADATA, OMS_UNFINISHED
from ops.clock import moment
from oss_oms_sync.answers.text import t

_RESULTS = {"passed", "failed", "not run", "not proven"}
# An older comparison cannot decide a cutover.
_MAX_COMPARISON_AGE = timedelta(hours=24)
# Tolerance between the clocks of the clouds and of the function's instances (CLOCK).
CLOUD_TOLERANCE = timedelta(minutes=1)
# Time until a closed project submits nothing, and time of OMS's inactivity after which it changes nothing.
CLOSING_TIME, _IDLE_TIME = timedelta(minutes=2), timedelta(minutes=10)


def results_fit(document: Document) -> Doubt:
    """Compare the result of each check with the document's numbers, as far as they decide it."""
    scope = _result_of_scope(document)
    wrong = [
        check["id"]
        for check in document["checks"]
        if check["result"] not in _possible_results(document, check["id"], scope)
    ]
    return Doubt.unless(t("The result of each check agrees with the numbers"), wrong)


def _possible_results(document: Document, name: str, scope: str) -> set[str]:
    """Return the possible results of a check, given the result of SCOPE."""
    is_of_classes = name in CHECKS and bool(CHECKS[name].classes)
    if (is_of_classes or name in ("STOOD_STILL", "SUMS")) and scope == "not run":
        return {"not run"}
    if is_of_classes:
        return {_result_of_classes(document, name)}
    if name in _OF_CLOSING and document["frozen_since"] is None:
        return {"not run"}
    if name in _BY_NUMBERS:
        return {_BY_NUMBERS[name](document)}
    return {"passed", "failed"} if name == "SUMS" else _RESULTS


def _result_of_scope(document: Document) -> str:
    """Return the result of SCOPE: a comparison counts if it is not empty, began after the freeze, and is recent.

    In a rehearsal it may be of any time.
    """
    compared, frozen = document["passes"]["compare"], document["frozen_since"]
    if compared is None:
        return "not run"
    if frozen is not None:
        is_recent = moment(compared["ended"]) >= moment(document["made"]) - _MAX_COMPARISON_AGE
        if not is_recent or moment(compared["started"]) < moment(frozen):
            return "not run"
    return "passed" if document["last_written"] else "not proven"


def _result_of_frozen(document: Document) -> str:
    """Return the result of FROZEN: no write after the freeze."""
    if document["frozen_since"] is None or _result_of_scope(document) != "passed":
        return "not run"
    frozen = moment(document["frozen_since"]) + CLOUD_TOLERANCE
    return "passed" if moment(document["last_written"][0]["at"]) <= frozen else "failed"


def _result_of_closed(document: Document) -> str:
    """Return the result of CLOSED, by OSS's times.

    This run closed the project at least two minutes before the standstill pass began, and no other project of the task
    is open.
    """
    closed, still = document["closed"], document["passes"]["standstill"]
    if closed is None or closed["run"] != document["run"] or document["open_projects"] or still is None:
        return "not run"
    return "passed" if moment(closed["written"]) + CLOSING_TIME <= moment(still["began"]) else "not run"


def _result_of_oms_finished(document: Document) -> str:
    """Return the result of OMS_FINISHED: no unfinished object, or acceptance by name."""
    oms, is_accepted = document["oms"], OMS_UNFINISHED in document["accepted"]
    if document["closed"] is None or document["migration"] is not None:
        return "not run"
    if oms["left"] is None:
        return "passed" if is_accepted else "not run"
    if oms["recorded"] is None or (oms["left"] and oms["may_finish"]):
        return "not run"
    if oms["left"]:
        return "passed" if is_accepted else "not proven"
    return "passed" if moment(document["made"]) >= _idle_from(oms) else "not run"


def _idle_from(oms: Document) -> datetime:
    """Return the time from which OMS can no longer change OBS, if nothing is left."""
    return moment(oms["busy"]) + _IDLE_TIME if oms["busy"] is not None else datetime.min.replace(tzinfo=timezone.utc)


def _result_of_stood_still(document: Document) -> str:
    """Return the result of STOOD_STILL: after OMS finished, both buckets equal the comparison's state."""
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    if still is None:
        return "not run"
    if any(compared[digest] != still[digest] for digest in ("state", "twin")):
        return "failed"
    return "passed" if moment(still["began"]) >= _idle_from(document["oms"]) else "not run"


def _result_of_classes(document: Document, name: str) -> str:
    """Return the result of a check of classes."""
    rule = CHECKS[name]
    if not any(numbers(document["classes"][title]) != [0] * 4 for title in rule.classes):
        return "passed"
    if not rule.accepts:
        return "failed"
    return "passed" if rule.classes[0] in document["accepted"] else "not proven"


def _result_of_sample(document: Document) -> str:
    """Return the result of SAMPLE."""
    sample = document["sample"]
    if sample is None:
        return "not run"
    if sample["differing"]:
        return "failed"
    is_there = any(numbers(object_class)[0] for object_class in (document["classes"] or {}).values())
    if not sample["seed"] or sample["unread"] or (is_there and not sample["read"]):
        return "not run"
    # With fewer objects than requested, the bound is weaker than requested.
    return "passed" if sample["read"] >= min(sample["asked"], sample["population"]) else "not proven"


def _result_of_metadata(document: Document) -> str:
    """Return the result of METADATA; acceptance by name makes it pass.

    Documented losses are not proven, other losses fail, and without a comparison nothing is known.
    """
    headers, sample = document["headers"], document["sample"]
    is_compared = headers["drawn"] + len(headers["more"]) > 0
    if sample is not None and sample["asked"] > 0 and not is_compared:
        return "not run"
    if headers["unexpected"] or headers["documented"] or headers["migrated"] is False:
        lacking = "failed" if headers["unexpected"] else "not proven"
        return "passed" if METADATA in document["accepted"] else lacking
    is_unknown = headers["migrated"] is None and METADATA in document["accepted"]
    return "passed" if is_compared or is_unknown else "not run"


_BY_NUMBERS: Mapping[str, Callable[[Document], str]] = {
    "FROZEN": _result_of_frozen,
    "CLOSED": _result_of_closed,
    "OMS_FINISHED": _result_of_oms_finished,
    "STOOD_STILL": _result_of_stood_still,
    "SCOPE": _result_of_scope,
    "SAMPLE": _result_of_sample,
    "METADATA": _result_of_metadata,
}
_OF_CLOSING = ("CLOSED", "OMS_FINISHED", "STOOD_STILL")
