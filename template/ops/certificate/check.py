"""Rules of `check`, which trust nothing but a certificate's own numbers: each claim has to follow from them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from ops.certificate.counts import Document, Doubt, counts, headers_fit, sample_fits, whole
from ops.certificate.form import (
    ACCEPTABLE,
    CHECKS,
    KIND,
    NOT_COUNTED,
    RECORDS,
    SCHEMA,
    gates,
    sha256,
)
from ops.certificate.results import CLOSING_TIME, CLOUD_TOLERANCE, results_fit
from ops.clock import moment, timestamp
from oss_oms_sync.answers.text import t

# Tolerance for the clock of the machine that checks.
_MACHINE_TOLERANCE = timedelta(minutes=10)
# Fields that only a comparison fills.
_COMPARISON_FIELDS = ("source", "destination", "last_written", "classes", "folders")
_COMMANDS = {"close", "compare", "cutover", "deploy", "doctor", "migrate", "reconcile", "replay", "status"}
_STEPS = {"settle", "replay", "compare", "again", "close", "oms", "standstill", "sample"}
# OMS has lost its unfinished objects if it finishes none for this time plus a minute for each GB.
_PATIENCE, _BYTES_A_MINUTE = timedelta(hours=1), 10**9
# Errors that a document without the form of a certificate raises.
FORMLESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
NO_FORM = Doubt(t("The document has the form of a certificate"), holds=False)


def doubts(document: Document) -> list[Doubt]:
    """Return the claims of a document that do not hold; none if it is sound."""
    try:
        return [finding for finding in findings(document) if not finding.holds]
    except FORMLESS:
        return [NO_FORM]


def findings(document: Document) -> Iterator[Doubt]:
    """Yield every claim that a document alone can prove or disprove.

    Raises an error of FORMLESS if it has another form than certificates have.
    """
    if whole(document["schema"]) != SCHEMA or document["kind"] != KIND:
        raise ValueError("not a certificate of this form")
    is_compared = document["passes"]["compare"] is not None
    if any((document[name] is not None) is not is_compared for name in _COMPARISON_FIELDS):
        raise ValueError("counts without a comparison, or a comparison without counts")
    if document["passes"]["standstill"] is not None and not is_compared:
        raise ValueError("a standstill pass without a comparison")
    made = sha256(document)
    yield Doubt(t("The document is unchanged"), made == document["sha256"], made)
    for rule in (_all_checks, _verdict, results_fit, _in_order, _accepted, _name, _oms, _steps):
        yield rule(document)
    if document["sample"] is not None:
        yield sample_fits(document)
    yield headers_fit(document)
    if document["rehearsal"] is not None:
        yield _rehearsal(document)
    if is_compared:
        yield from counts(document)


def check_made_before(document: Document, now: datetime) -> Doubt:
    """Compare the document's time with `now`, the time of this machine."""
    claim = t("The certificate was made before now")
    return Doubt(claim, moment(document["made"]) <= now + _MACHINE_TOLERANCE, f"{document['made']}, {timestamp(now)}")


def _all_checks(document: Document) -> Doubt:
    """Require every check once, each of them part of the verdict.

    Exceptions: SAMPLE counts if there is a sample; METADATA counts with a sample, and unless the sync task is known to
    migrate headers.
    """
    ids = [check["id"] for check in document["checks"]]
    wrong = [name for name in CHECKS if ids.count(name) != 1] + [name for name in ids if name not in CHECKS]
    sample = document["sample"]
    is_about_headers = document["headers"]["migrated"] is not True or (sample is not None and sample["asked"] > 0)
    counts_if = {"SAMPLE": sample is not None, "METADATA": is_about_headers}
    wrong += [check["id"] for check in document["checks"] if check["gates"] is not counts_if.get(check["id"], True)]
    return Doubt.unless(t("All checks are present, and each counts"), wrong)


def _verdict(document: Document) -> Doubt:
    """Derive the verdict from the checks.

    A rehearsal leaves out the checks of the freeze, and proves nothing if every object is on its way.
    """
    is_rehearsal = document["frozen_since"] is None
    gating = [check for check in document["checks"] if gates(check)]
    results = {check["result"] for check in gating}
    if is_rehearsal:
        late = {"not proven"} if any(_is_about_all_objects(document, check) for check in gating) else set()
        results = {check["result"] for check in gating if not _is_of_freeze(check)} | late
    follows = "NO-GO" if "failed" in results else "GO" if results == {"passed"} else "NOT PROVEN"
    stated, rehearsal = document["verdict"], document["rehearsal"]
    if is_rehearsal or rehearsal is not None:
        stated = f"{stated}, {rehearsal['would_be'] if rehearsal else None}"
        follows = f"REHEARSAL, {follows}" if is_rehearsal else follows
    return Doubt(t("The verdict follows from the checks"), stated == follows, follows)


def _is_of_freeze(check: Document) -> bool:
    """Return True if a rehearsal leaves the check out."""
    return check["id"] in CHECKS and CHECKS[check["id"]].of_freeze


def _is_about_all_objects(document: Document, check: Document) -> bool:
    """Return True if the check is about objects on their way, and the source has no others."""
    left_out = (*NOT_COUNTED["source"], *CHECKS["MOVING"].classes, *CHECKS["IN_FLIGHT"].classes)
    if not _is_of_freeze(check) or check["result"] != "failed":
        return False
    return not any(
        whole(object_class["source"]["objects"])
        for name, object_class in document["classes"].items()
        if name not in left_out
    )


def _oms(document: Document) -> Doubt:
    """Require possible numbers of OMS.

    Every recorded object is counted or left, and OMS may finish the objects left only while it was active recently.
    """
    oms = document["oms"]
    left, accepted, recorded, largest = (oms[name] for name in ("left", "accepted", "recorded", "largest"))
    wrong = [name for name in ("accepted", "largest") if whole(oms[name]) < 0]
    if left is not None and whole(left) < max(0, whole(recorded) - accepted if recorded is not None else 0):
        wrong.append("left")
    if left is not None and left > 0 and oms["busy"] is not None and recorded is not None:
        quiet = moment(document["made"]) - moment(oms["busy"])
        patience = _PATIENCE + timedelta(minutes=largest / _BYTES_A_MINUTE)
        if abs(quiet - patience) > CLOSING_TIME and oms["may_finish"] is not (quiet < patience):
            wrong.append("may_finish")
    return Doubt.unless(t("The statements about OMS are plausible"), wrong)


def _in_order(document: Document) -> Doubt:
    """Require times in order: start, end, document.

    OSS's clock and the instance's agree about the start of the standstill pass.
    """
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    made, frozen, closed = moment(document["made"]) + CLOUD_TOLERANCE, document["frozen_since"], document["closed"]
    amended = [compared["amended"]] if compared and compared["amended"] is not None else []
    rows = {
        "frozen_since": [frozen] if frozen is not None else [],
        "compare": [compared["started"], compared["ended"], *amended] if compared else [],
        "standstill": [document["as_of"], still["started"], still["ended"]] if still else [],
        "began": [still["began"]] if still else [],
        **{name: [closed[name]] if closed and closed[name] else [] for name in ("opened", "since", "written")},
    }
    wrong = [
        name
        for name, times in rows.items()
        if (times_until_made := [*map(moment, times), made]) != sorted(times_until_made)
    ]
    if still and abs(moment(still["began"]) - moment(still["started"])) > CLOUD_TOLERANCE:
        wrong.append("began by OSS's clock")
    if document["as_of"] != (rows["compare"][-1] if compared else None):
        wrong.append("as_of")
    if compared and compared["state"] != document["source"]["state_digest"]:
        wrong.append("state")
    return Doubt.unless(t("The times are in order"), wrong)


def _accepted(document: Document) -> Doubt:
    """Require that only acceptable names were accepted, each with an author."""
    wrong = [name for name, who in document["accepted"].items() if name not in ACCEPTABLE or not who.strip()]
    return Doubt.unless(t("Only acceptable classes were accepted by name"), wrong)


def _name(document: Document) -> Doubt:
    """Derive the document's name from its project, task, number, time and verdict.

    No other field has the number.
    """
    folder = f"{RECORDS}certificates/{document['project']}/{document['task']}/"
    number = document["document"].removeprefix(folder).partition("-")[0]
    made, verdict = document["made"].replace("-", "").replace(":", ""), document["verdict"].lower().replace(" ", "-")
    name = f"{folder}{number}-{made}-{verdict}.json"
    claim = t("The document's name matches its content")
    return Doubt(
        claim, document["document"] == name and len(number) >= 4 and number.isascii() and number.isdecimal(), name
    )


def _steps(document: Document) -> Doubt:
    """Require that each next step is a command of this project, and that none opens it."""
    wrong = [check["id"] for check in document["checks"] if check["step"] is not None and not _is_step(check["step"])]
    return Doubt.unless(t("The next steps are commands of this project"), wrong)


def _is_step(step: Document) -> bool:
    is_command = step.keys() == {"job", "options"} and step["job"] in _COMMANDS
    return is_command and all(map(str.isidentifier, step["options"]))


def _rehearsal(document: Document) -> Doubt:
    """Require that a rehearsal lists the checks that would not pass, and that its minutes add up."""
    rehearsal, passes = document["rehearsal"], document["passes"]
    failing = [
        check["id"]
        for check in document["checks"]
        if gates(check) and check["result"] != "passed"
        if not _is_of_freeze(check) or _is_about_all_objects(document, check)
    ]
    minutes = {name: None if number is None else whole(number) for name, number in rehearsal["minutes"].items()}
    total = minutes.pop("total")
    present = [minute for minute in minutes.values() if minute is not None]
    holds = {
        "failing": rehearsal["failing"] == failing,
        "minutes": minutes.keys() == _STEPS and total == (sum(present) if len(present) == len(_STEPS) else None),
        **{name: minutes.get(name) == _minutes(passes["compare"]) for name in ("compare", "standstill")},
    }
    claim = t("The numbers of the rehearsal add up")
    return Doubt.unless(claim, [name for name, fits in holds.items() if not fits])


def _minutes(certified_pass: Document | None) -> int | None:
    """Return the duration of a pass in whole minutes, rounded up."""
    if certified_pass is None:
        return None
    return max(1, -int(-(moment(certified_pass["ended"]) - moment(certified_pass["started"])).total_seconds() // 60))
