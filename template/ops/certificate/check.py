"""Checks a certificate without trusting who made it: whether what it says follows from its own numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from datetime import datetime, timedelta, timezone

from ops.certificate.counts import Document, Doubt, Wording, counts, headers_fit, numbers, sample_fits, whole
from ops.certificate.form import (
    ACCEPTABLE,
    CHECKS,
    KIND,
    METADATA,
    NOT_COUNTED,
    OMS_UNFINISHED,
    RECORDS,
    SCHEMA,
    gates,
    sha256,
)
from ops.clock import moment, timestamp

_RESULTS = {"passed", "failed", "not run", "not proven"}
# What a comparison saw longer ago than this does not decide about a cutover.
_LATEST = timedelta(hours=24)
# So far the clock of the machine that checks may be behind.
_CLOCKS = timedelta(minutes=10)
# So far those of the clouds and of the function's instances may be apart (CLOCK).
_APART = timedelta(minutes=1)
# What a comparison has counted.
_COUNTED = ("source", "destination", "last_written", "classes", "folders")
_COMMANDS = {"close", "compare", "cutover", "deploy", "doctor", "migrate", "reconcile", "replay", "status"}
_STEPS = {"settle", "replay", "compare", "again", "close", "oms", "standstill", "sample"}
# After this nothing is sent in a closed project, and OMS changes nothing after it has been quiet for so long.
_CLOSED_AFTER, _QUIET = timedelta(minutes=2), timedelta(minutes=10)
# What OMS has not finished it has lost, if it finished nothing for so long, and a minute for each GB.
_PATIENCE, _BYTES_A_MINUTE = timedelta(hours=1), 10**9
# What a document without it raises is a form that certificates do not have.
FORMLESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError, RecursionError)
NO_FORM = Doubt(Wording("It has the form of a certificate", "文件具有证书的格式"), holds=False)


def doubts(document: Document) -> list[Doubt]:
    """What does not hold of a document; nothing if it is sound."""
    try:
        return [finding for finding in findings(document) if not finding.holds]
    except FORMLESS:
        return [NO_FORM]


def findings(document: Document) -> Iterator[Doubt]:
    """What can be seen in a document alone.

    Raises those of FORMLESS where it has another form than certificates have.
    """
    if whole(document["schema"]) != SCHEMA or document["kind"] != KIND:
        raise ValueError("not a certificate of this form")
    is_compared = document["passes"]["compare"] is not None
    if any((document[name] is not None) is not is_compared for name in _COUNTED):
        raise ValueError("counts without a comparison, or a comparison without counts")
    if document["passes"]["standstill"] is not None and not is_compared:
        raise ValueError("a standstill pass without a comparison")
    made = sha256(document)
    yield Doubt(Wording("The document is as it was made", "文档未被改动"), made == document["sha256"], made)
    for looked_at in (_all_checks, _verdict, _results, _in_order, _accepted, _name, _oms, _steps):
        yield looked_at(document)
    if document["sample"] is not None:
        yield sample_fits(document)
    yield headers_fit(document)
    if document["rehearsal"] is not None:
        yield _rehearsal(document)
    if is_compared:
        yield from counts(document)


def not_yet(document: Document, now: datetime) -> Doubt:
    """Whether the document was made before `now`, which this machine says that it is."""
    claim = Wording("It was made before now", "证书的生成时间不晚于现在")
    return Doubt(claim, moment(document["made"]) <= now + _CLOCKS, f"{document['made']}, {timestamp(now)}")


def _all_checks(document: Document) -> Doubt:
    """The checks are those that there are, and each counts; that of a sample where there is one, that of headers there
    too and where the sync task is not known to migrate any."""
    ids = [one["id"] for one in document["checks"]]
    wrong = [name for name in CHECKS if ids.count(name) != 1] + [name for name in ids if name not in CHECKS]
    sample = document["sample"]
    is_about_headers = document["headers"]["migrated"] is not True or (sample is not None and sample["asked"] > 0)
    counts_if = {"SAMPLE": sample is not None, "METADATA": is_about_headers}
    wrong += [one["id"] for one in document["checks"] if one["gates"] is not counts_if.get(one["id"], True)]
    return Doubt.unless(Wording("It has all checks, and each counts", "检查项齐全，且每项都计入结论"), wrong)


def _verdict(document: Document) -> Doubt:
    """The verdict follows from the checks; that of a rehearsal from those that are not about the freeze, and proves
    nothing where all is on its way."""
    is_rehearsal = document["frozen_since"] is None
    counted = [one for one in document["checks"] if gates(one)]
    results = {one["result"] for one in counted}
    if is_rehearsal:
        late = {"not proven"} if any(_is_all_there_is(document, one) for one in counted) else set()
        results = {one["result"] for one in counted if not _is_of_freeze(one)} | late
    follows = "NO-GO" if "failed" in results else "GO" if results == {"passed"} else "NOT PROVEN"
    stated, rehearsal = document["verdict"], document["rehearsal"]
    if is_rehearsal or rehearsal is not None:
        stated = f"{stated}, {rehearsal['would_be'] if rehearsal else None}"
        follows = f"REHEARSAL, {follows}" if is_rehearsal else follows
    return Doubt(Wording("The verdict follows from the checks", "结论与各项检查相符"), stated == follows, follows)


def _is_of_freeze(check: Document) -> bool:
    """Whether a rehearsal leaves it out."""
    return check["id"] in CHECKS and CHECKS[check["id"]].of_freeze


def _is_all_there_is(document: Document, check: Document) -> bool:
    """Whether it is about what is on its way, and the source has nothing else: then a rehearsal proves nothing."""
    left_out = (*NOT_COUNTED["source"], *CHECKS["MOVING"].classes, *CHECKS["IN_FLIGHT"].classes)
    if not _is_of_freeze(check) or check["result"] != "failed":
        return False
    return not any(whole(one["source"]["objects"]) for name, one in document["classes"].items() if name not in left_out)


def _results(document: Document) -> Doubt:
    """Each check ended as the document's numbers say, as far as they say it."""
    scope = _scope(document)
    wrong = [one["id"] for one in document["checks"] if one["result"] not in _can_be(document, one["id"], scope)]
    return Doubt.unless(Wording("Each check ended as the numbers say", "各项检查的结果与数字相符"), wrong)


def _can_be(document: Document, name: str, scope: str) -> set[str]:
    """How a check may have ended, where that of the scope ended so."""
    is_of_classes = name in CHECKS and bool(CHECKS[name].classes)
    if (is_of_classes or name in ("STOOD_STILL", "SUMS")) and scope == "not run":
        return {"not run"}
    if is_of_classes:
        return {_of_classes(document, name)}
    if name in _OF_CLOSING and document["frozen_since"] is None:
        return {"not run"}
    if name in _BY_NUMBERS:
        return {_BY_NUMBERS[name](document)}
    return {"passed", "failed"} if name == "SUMS" else _RESULTS


def _scope(document: Document) -> str:
    """A comparison counts if it found anything, began after the freeze and was not too long ago; in a rehearsal it may
    be of any time."""
    compared, frozen = document["passes"]["compare"], document["frozen_since"]
    if compared is None:
        return "not run"
    if frozen is not None:
        is_recent = moment(compared["ended"]) >= moment(document["made"]) - _LATEST
        if not is_recent or moment(compared["started"]) < moment(frozen):
            return "not run"
    return "passed" if document["last_written"] else "not proven"


def _of_freeze(document: Document) -> str:
    """Whether nothing was written after the freeze."""
    if document["frozen_since"] is None or _scope(document) != "passed":
        return "not run"
    frozen = moment(document["frozen_since"]) + _APART
    return "passed" if moment(document["last_written"][0]["at"]) <= frozen else "failed"


def _of_mark(document: Document) -> str:
    """Whether this run closed the project, two minutes or more before the standstill pass began, and no other project
    of the task is open. Both times are OSS's."""
    closed, still = document["closed"], document["passes"]["standstill"]
    if closed is None or closed["run"] != document["run"] or document["open_projects"] or still is None:
        return "not run"
    return "passed" if moment(closed["written"]) + _CLOSED_AFTER <= moment(still["began"]) else "not run"


def _of_oms(document: Document) -> str:
    """Whether OMS had finished when the document was made, or what it had not was accepted by name."""
    oms, is_accepted = document["oms"], OMS_UNFINISHED in document["accepted"]
    if document["closed"] is None or document["migration"] is not None:
        return "not run"
    if oms["left"] is None:
        return "passed" if is_accepted else "not run"
    if oms["recorded"] is None or (oms["left"] and oms["may_finish"]):
        return "not run"
    if oms["left"]:
        return "passed" if is_accepted else "not proven"
    return "passed" if moment(document["made"]) >= _quiet_from(oms) else "not run"


def _quiet_from(oms: Document) -> datetime:
    """From when on nothing that OMS does can change what is in OBS, if nothing is left."""
    return moment(oms["busy"]) + _QUIET if oms["busy"] is not None else datetime.min.replace(tzinfo=timezone.utc)


def _of_standstill(document: Document) -> str:
    """Whether both buckets were what the comparison had judged, after its last look and after OMS had finished."""
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    if still is None:
        return "not run"
    if any(compared[digest] != still[digest] for digest in ("state", "twin")):
        return "failed"
    return "passed" if moment(still["began"]) >= _quiet_from(document["oms"]) else "not run"


def _oms(document: Document) -> Doubt:
    """What is said of OMS can be so: all that the records tell of is counted or left, and it may finish what is left as
    long as it has done something lately."""
    oms = document["oms"]
    left, accepted, recorded, largest = (oms[name] for name in ("left", "accepted", "recorded", "largest"))
    wrong = [name for name in ("accepted", "largest") if whole(oms[name]) < 0]
    if left is not None and whole(left) < max(0, whole(recorded) - accepted if recorded is not None else 0):
        wrong.append("left")
    if left is not None and left > 0 and oms["busy"] is not None and recorded is not None:
        quiet = moment(document["made"]) - moment(oms["busy"])
        patience = _PATIENCE + timedelta(minutes=largest / _BYTES_A_MINUTE)
        if abs(quiet - patience) > _CLOSED_AFTER and oms["may_finish"] is not (quiet < patience):
            wrong.append("may_finish")
    return Doubt.unless(Wording("What is said of OMS can be so", "有关 OMS 的说明合理"), wrong)


def _of_classes(document: Document, name: str) -> str:
    """How a check of classes ends."""
    rule = CHECKS[name]
    if not any(numbers(document["classes"][title]) != [0] * 4 for title in rule.classes):
        return "passed"
    if not rule.accepts:
        return "failed"
    return "passed" if rule.classes[0] in document["accepted"] else "not proven"


def _of_sample(document: Document) -> str:
    """How the check of the sample ends."""
    sample = document["sample"]
    if sample is None:
        return "not run"
    if sample["differing"]:
        return "failed"
    is_there = any(numbers(one)[0] for one in (document["classes"] or {}).values())
    if not sample["seed"] or sample["unread"] or (is_there and not sample["read"]):
        return "not run"
    # Where not as many as were asked for can be read, the bound is one that nobody asked for.
    return "passed" if sample["read"] >= min(sample["asked"], sample["population"]) else "not proven"


def _of_headers(document: Document) -> str:
    """Return the result of METADATA: documented losses are not proven, other losses are a no, and without a comparison
    nothing is known; each unless it is accepted by name."""
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
    "FROZEN": _of_freeze,
    "CLOSED": _of_mark,
    "OMS_FINISHED": _of_oms,
    "STOOD_STILL": _of_standstill,
    "SCOPE": _scope,
    "SAMPLE": _of_sample,
    "METADATA": _of_headers,
}
_OF_CLOSING = ("CLOSED", "OMS_FINISHED", "STOOD_STILL")


def _in_order(document: Document) -> Doubt:
    """Nothing was over before it began, or after the document was made, and OSS's clock says the same of a beginning as
    the instance's."""
    compared, still = document["passes"]["compare"], document["passes"]["standstill"]
    made, frozen, closed = moment(document["made"]) + _APART, document["frozen_since"], document["closed"]
    amended = [compared["amended"]] if compared and compared["amended"] is not None else []
    rows = {
        "frozen_since": [frozen] if frozen is not None else [],
        "compare": [compared["started"], compared["ended"], *amended] if compared else [],
        "standstill": [document["as_of"], still["started"], still["ended"]] if still else [],
        "began": [still["began"]] if still else [],
        **{name: [closed[name]] if closed and closed[name] else [] for name in ("opened", "since", "written")},
    }
    wrong = [name for name, times in rows.items() if (known := [*map(moment, times), made]) != sorted(known)]
    if still and abs(moment(still["began"]) - moment(still["started"])) > _APART:
        wrong.append("began by OSS's clock")
    if document["as_of"] != (rows["compare"][-1] if compared else None):
        wrong.append("as_of")
    if compared and compared["state"] != document["source"]["state_digest"]:
        wrong.append("state")
    return Doubt.unless(Wording("Its times are in order", "各时间先后有序"), wrong)


def _accepted(document: Document) -> Doubt:
    """Only what can be accepted was accepted, and by somebody."""
    wrong = [name for name, who in document["accepted"].items() if name not in ACCEPTABLE or not who.strip()]
    return Doubt.unless(Wording("Only what can be accepted by name was accepted", "只接受了可具名认可的对象"), wrong)


def _name(document: Document) -> Doubt:
    """The document is stored by the name that its project, task, number, time and verdict give it. Nothing else in it
    tells the number."""
    folder = f"{RECORDS}certificates/{document['project']}/{document['task']}/"
    number = document["document"].removeprefix(folder).partition("-")[0]
    made, verdict = document["made"].replace("-", "").replace(":", ""), document["verdict"].lower().replace(" ", "-")
    name = f"{folder}{number}-{made}-{verdict}.json"
    claim = Wording("Its name says what it is", "文件名与内容相符")
    return Doubt(
        claim, document["document"] == name and len(number) >= 4 and number.isascii() and number.isdecimal(), name
    )


def _steps(document: Document) -> Doubt:
    """What somebody may do next is a command of this project, and none opens it."""
    wrong = [one["id"] for one in document["checks"] if one["step"] is not None and not _is_step(one["step"])]
    return Doubt.unless(Wording("Its next steps are this project's", "其中的下一步都属于本项目"), wrong)


def _is_step(step: Document) -> bool:
    is_known = step.keys() == {"job", "options"} and step["job"] in _COMMANDS
    return is_known and all(map(str.isidentifier, step["options"]))


def _rehearsal(document: Document) -> Doubt:
    """A rehearsal names what would not pass, and its minutes add up."""
    rehearsal, passes = document["rehearsal"], document["passes"]
    failing = [
        one["id"]
        for one in document["checks"]
        if gates(one) and one["result"] != "passed"
        if not _is_of_freeze(one) or _is_all_there_is(document, one)
    ]
    minutes = {name: None if one is None else whole(one) for name, one in rehearsal["minutes"].items()}
    total = minutes.pop("total")
    known = [minute for minute in minutes.values() if minute is not None]
    holds = {
        "failing": rehearsal["failing"] == failing,
        "minutes": minutes.keys() == _STEPS and total == (sum(known) if len(known) == len(_STEPS) else None),
        **{name: minutes.get(name) == _minutes(passes["compare"]) for name in ("compare", "standstill")},
    }
    claim = Wording("The rehearsal adds up", "预演数字相符")
    return Doubt.unless(claim, [name for name, fits in holds.items() if not fits])


def _minutes(one: Document | None) -> int | None:
    """How long a pass took, in whole minutes, rounded up."""
    if one is None:
        return None
    return max(1, -int(-(moment(one["ended"]) - moment(one["started"])).total_seconds() // 60))
