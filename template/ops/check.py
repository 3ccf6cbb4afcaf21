"""Checks a certificate without trusting who made it: whether what it says follows from its own numbers."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator
from datetime import datetime, timedelta

from ops.certificates import ACCEPTABLE, CHECKS, KIND, SCHEMA, gates, sha256
from ops.clock import timestamp
from ops.counts import RECORDS, Document, Finding, counts, moment, numbers, sample_fits, whole
from ops.words import Text

_RESULTS = {"passed", "failed", "not run", "not proven"}
# What a comparison saw longer ago than this does not decide about a cutover.
_LATEST = timedelta(hours=24)
# So far the clock of the machine that checks may be behind.
_CLOCKS = timedelta(minutes=10)
# So much later than the freeze a write may seem to be, for the same reason.
_WRITES = timedelta(minutes=1)
# What a comparison has counted.
_COUNTED = ("source", "destination", "last_written", "classes", "folders")
_JOBS = {"certify", "compare", "doctor", "reconcile", "replay", "status"}
_STEPS = {"settle", "replay", "compare", "again", "reconcile", "sample"}
# What a document without it raises is a form that certificates do not have.
FORMLESS = (KeyError, TypeError, ValueError, AttributeError, OverflowError)
_NO_FORM = Text("It has the form of a certificate", "文件具有证书的格式")


def doubts(document: Document) -> list[Finding]:
    """What does not hold of a document; nothing if it is sound."""
    try:
        return [one for one in findings(document) if not one.holds]
    except FORMLESS:
        return [Finding(_NO_FORM, holds=False)]


def findings(document: Document) -> Iterator[Finding]:
    """What can be seen in a document alone.

    Raises those of FORMLESS where it has another form than certificates have.
    """
    if whole(document["schema"]) != SCHEMA or document["kind"] != KIND:
        raise ValueError("not a certificate of this form")
    is_compared = document["passes"]["compare"] is not None
    if any((document[name] is not None) is not is_compared for name in _COUNTED):
        raise ValueError("counts without a comparison, or a comparison without counts")
    made = sha256(document)
    yield Finding(Text("The document is as it was made", "文档未被改动"), made == document["sha256"], made)
    yield _all_checks(document)
    yield _verdict(document)
    yield _results(document)
    yield _in_order(document)
    yield _accepted(document)
    yield _name(document)
    yield _commands(document)
    if document["sample"] is not None:
        yield sample_fits(document)
    if document["rehearsal"] is not None:
        yield _rehearsal(document)
    if is_compared:
        yield from counts(document)


def not_yet(document: Document, now: datetime) -> Finding:
    """Whether the document was made before `now`, which this machine says that it is."""
    claim = Text("It was made before now", "证书的生成时间不晚于现在")
    return Finding(claim, moment(document["made"]) <= now + _CLOCKS, f"{document['made']}, {timestamp(now)}")


def _all_checks(document: Document) -> Finding:
    """The checks are those that there are, and each counts; that of a sample where there is one."""
    ids = [one["id"] for one in document["checks"]]
    wrong = [name for name in CHECKS if ids.count(name) != 1] + [name for name in ids if name not in CHECKS]
    is_sampled = document["sample"] is not None
    wrong += [one["id"] for one in document["checks"] if one["gates"] is not (one["id"] != "SAMPLE" or is_sampled)]
    return Finding.unless(Text("It has all checks, and each counts", "检查项齐全，且每项都计入结论"), wrong)


def _verdict(document: Document) -> Finding:
    """The verdict follows from the checks; that of a rehearsal from those that are not about the freeze."""
    is_rehearsal = document["frozen_since"] is None
    counted = [one for one in document["checks"] if gates(one)]
    if is_rehearsal:
        counted = [one for one in counted if one["id"] not in CHECKS or not CHECKS[one["id"]].of_freeze]
    results = {one["result"] for one in counted}
    follows = "NO-GO" if "failed" in results else "GO" if results == {"passed"} else "NOT PROVEN"
    stated, rehearsal = document["verdict"], document["rehearsal"]
    if is_rehearsal or rehearsal is not None:
        stated = f"{stated}, {rehearsal['would_be'] if rehearsal else None}"
        follows = f"REHEARSAL, {follows}" if is_rehearsal else follows
    return Finding(Text("The verdict follows from the checks", "结论与各项检查相符"), stated == follows, follows)


def _results(document: Document) -> Finding:
    """Each check ended as the document's numbers say, as far as they say it."""
    scope, sample = _scope(document), document["sample"]
    wrong = []
    for one in document["checks"]:
        name, classes = one["id"], CHECKS[one["id"]].classes if one["id"] in CHECKS else ()
        if name == "SCOPE":
            can_be = {scope}
        elif (classes or name in ("STOOD_STILL", "SUMS")) and scope == "not run":
            can_be = {"not run"}
        elif classes:
            can_be = {_of_classes(document, name)}
        elif name == "FROZEN":
            can_be = {_of_freeze(document) if scope == "passed" else "not run"}
        elif name == "STOOD_STILL":
            can_be = {"passed", "failed"} if _is_shown_still(document) else {"not run"}
        elif name == "SUMS":
            can_be = {"passed", "failed"}
        elif name == "SAMPLE":
            can_be = {_of_sample(document, sample)}
        else:
            can_be = _RESULTS
        if one["result"] not in can_be:
            wrong.append(name)
    return Finding.unless(Text("Each check ended as the numbers say", "各项检查的结果与数字相符"), wrong)


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
    if document["frozen_since"] is None:
        return "not run"
    frozen = moment(document["frozen_since"]) + _WRITES
    return "passed" if moment(document["last_written"][0]["at"]) <= frozen else "failed"


def _is_shown_still(document: Document) -> bool:
    """Whether a pass began after all that was compared, so that it can tell whether the source has changed."""
    reconciled = document["passes"]["reconcile"]
    is_later = reconciled is not None and moment(reconciled["started"]) > moment(document["as_of"])
    return document["frozen_since"] is not None and is_later


def _of_classes(document: Document, name: str) -> str:
    """How a check of classes ends."""
    rule = CHECKS[name]
    if not any(numbers(document["classes"][title]) != [0] * 4 for title in rule.classes):
        return "passed"
    if not rule.accepts:
        return "failed"
    return "passed" if rule.classes[0] in document["accepted"] else "not proven"


def _of_sample(document: Document, sample: Document | None) -> str:
    """How the check of the sample ends."""
    if sample is None:
        return "not run"
    if sample["differing"]:
        return "failed"
    is_there = any(numbers(one)[0] for one in (document["classes"] or {}).values())
    is_read = sample["seed"] and not sample["unread"] and (sample["read"] or not is_there)
    return "passed" if is_read else "not run"


def _in_order(document: Document) -> Finding:
    """Nothing was over before it began, or after the document was made."""
    compared, reconciled = document["passes"]["compare"], document["passes"]["reconcile"]
    made, frozen = document["made"], document["frozen_since"]
    amended = [compared["amended"]] if compared and compared["amended"] is not None else []
    rows = {
        "frozen_since": [frozen, made] if frozen is not None else [made],
        "compare": [compared["started"], compared["ended"], *amended, made] if compared else [],
        "reconcile": [reconciled["started"], reconciled["ended"], made] if reconciled else [],
    }
    wrong = [name for name, times in rows.items() if (known := [moment(one) for one in times]) != sorted(known)]
    if document["as_of"] != (rows["compare"][-2] if compared else None):
        wrong.append("as_of")
    return Finding.unless(Text("Its times are in order", "各时间先后有序"), wrong)


def _accepted(document: Document) -> Finding:
    """Only what can be accepted was accepted, and by somebody."""
    accepted = document["accepted"]
    wrong = [name for name, who in accepted.items() if name not in ACCEPTABLE or not who.strip()]
    return Finding.unless(Text("Only what can be accepted by name was accepted", "只接受了可按类别接受的对象"), wrong)


def _name(document: Document) -> Finding:
    """The document is stored by the name that its project, task, number, time and verdict give it. Nothing else in it
    tells the number."""
    folder = f"{RECORDS}certificates/{document['project']}/{document['task']}/"
    number = document["document"].removeprefix(folder).partition("-")[0]
    made, verdict = document["made"].replace("-", "").replace(":", ""), document["verdict"].lower().replace(" ", "-")
    name = f"{folder}{number}-{made}-{verdict}.json"
    claim = Text("Its name says what it is", "文件名与内容相符")
    return Finding(
        claim, document["document"] == name and len(number) >= 4 and number.isascii() and number.isdecimal(), name
    )


def _commands(document: Document) -> Finding:
    """What somebody may copy into a shell calls this project's functions, and does nothing else."""
    wrong = [one["id"] for one in document["checks"] if one["command"] and not _is_call(one["command"])]
    return Finding.unless(Text("Its commands are this project's", "其中的命令都属于本项目"), wrong)


def _is_call(command: str) -> bool:
    words = shlex.split(command)
    if shlex.join(words) != command:  # something that a shell acts on
        return False
    if words == ["s", "deploy", "-y"]:
        return True
    is_invoke = len(words) == 5 and words[0] == "s" and words[1] in _JOBS and words[2:4] == ["invoke", "-e"]
    asked = json.loads(words[4]) if is_invoke else None
    # No check is mended by opening the project.
    return isinstance(asked, dict) and not {"open", "close"} & asked.keys()


def _rehearsal(document: Document) -> Finding:
    """A rehearsal names what would not pass, and its minutes add up."""
    rehearsal, passes = document["rehearsal"], document["passes"]
    failing = [
        one["id"]
        for one in document["checks"]
        if gates(one) and one["result"] != "passed" and not (one["id"] in CHECKS and CHECKS[one["id"]].of_freeze)
    ]
    minutes = {name: None if one is None else whole(one) for name, one in rehearsal["minutes"].items()}
    total = minutes.pop("total")
    known = [one for one in minutes.values() if one is not None]
    holds = {
        "failing": rehearsal["failing"] == failing,
        "minutes": minutes.keys() == _STEPS and total == (sum(known) if len(known) == len(_STEPS) else None),
        **{name: minutes.get(name) == _minutes(passes[name]) for name in ("compare", "reconcile")},
    }
    claim = Text("The rehearsal adds up", "演练数字相符")
    return Finding.unless(claim, [name for name, fits in holds.items() if not fits])


def _minutes(one: Document | None) -> int | None:
    """How long a pass took, in whole minutes, rounded up."""
    if one is None:
        return None
    return max(1, -int(-(moment(one["ended"]) - moment(one["started"])).total_seconds() // 60))
