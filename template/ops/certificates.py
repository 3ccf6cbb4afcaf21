"""What all that read certificates go by: which checks and classes there are, the hash, and what the numbers say in
words. What a document says of itself in words is not read here: whoever forges the numbers forges them as well.

The two tables stand here a second time, because who is judged must not be the judge: nothing of the function's code is
imported. A test compares them with the function's.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from enum import Enum
from typing import Any, NamedTuple

from ops.words import Text

# Of the format.
SCHEMA = 2
KIND = "oss-oms-sync certificate"
# What the keys of a canary begin with, after the prefix.
CANARY = ".oss-oms-sync-canary/"
# What the names of OMS's own lists in the destination begin with.
OMS_LISTS = ("oms/sync_task/", "oms/task_group/", "oms/task/", "oms/failed_object_lists/")


class Sides(Enum):
    """How many objects a class may have in the destination, for those that it has in the source."""

    EQUAL = "as many, of the same keys and sizes"
    BOTH = "as many"
    SOURCE = "none"
    PERHAPS = "at most as many"
    DESTINATION = "any number, and none in the source"
    ANY = "any number"


class Rule(NamedTuple):
    """What a check is told by: it passes where its classes are empty, or accepted by name, if that `accepts` makes up
    for them. Without classes the document's numbers do not decide it. `of_freeze`: a rehearsal leaves it out, because
    nothing is frozen yet."""

    classes: tuple[str, ...] = ()
    accepts: bool = False
    of_freeze: bool = False


# All of them, in the order in which certify has them.
CHECKS = {
    "FROZEN": Rule(of_freeze=True),
    "CLOSED": Rule(of_freeze=True),
    "OMS_FINISHED": Rule(of_freeze=True),
    "STOOD_STILL": Rule(of_freeze=True),
    "SCOPE": Rule(),
    "SUMS": Rule(),
    "MIGRATING": Rule(("migrating",)),
    "MISSING": Rule(("missing",)),
    "OLDER": Rule(("older",)),
    "OVERWRITTEN": Rule(("overwritten",)),
    "MOVING": Rule(("moving", "arriving"), of_freeze=True),
    "IN_FLIGHT": Rule(("in_flight",), of_freeze=True),
    "FAILED": Rule(("failed_before",)),
    "PROOF_SUSPICIOUS": Rule(("suspicious",), accepts=True),
    "PROOF_EQUAL_VERSION": Rule(("equal_version",), accepts=True),
    "PROOF_EQUAL_SIZE": Rule(("equal_size",), accepts=True),
    "PROOF_IMPOSSIBLE": Rule(("impossible",), accepts=True),
    "UNKNOWN": Rule(("unknown",), accepts=True),
    "SAMPLE": Rule(),
    "NOTHING_WAITS": Rule(),
    "TASK": Rule(),
    "CLOCK": Rule(),
}
CLASSES = {
    "canary": Sides.ANY,
    "impossible": Sides.PERHAPS,
    "moving": Sides.PERHAPS,
    "equal_contents": Sides.EQUAL,
    "failed_before": Sides.PERHAPS,
    "in_flight": Sides.PERHAPS,
    "migrating": Sides.PERHAPS,
    "missing": Sides.SOURCE,
    "older": Sides.BOTH,
    "overwritten": Sides.BOTH,
    "suspicious": Sides.EQUAL,
    "equal_version": Sides.EQUAL,
    "equal_size": Sides.EQUAL,
    "oms_own": Sides.DESTINATION,
    "arriving": Sides.DESTINATION,
    "deleted_at_source": Sides.DESTINATION,
    "unknown": Sides.DESTINATION,
    "outside": Sides.ANY,
}
# What is in the buckets, and is not what they are compared by.
NOT_COUNTED = {"source": ("outside", "canary"), "destination": ("outside", "canary", "oms_own")}
# Of these a sample is drawn.
SAMPLED = ("equal_contents", "equal_version", "equal_size")
# What OMS has not finished, by its counts.
OMS_UNFINISHED = "oms_unfinished"
ACCEPTABLE = (*(rule.classes[0] for rule in CHECKS.values() if rule.accepts), OMS_UNFINISHED)


def side_of(title: str) -> str:
    """On which side the objects of a class are counted."""
    return "destination" if CLASSES.get(title) is Sides.DESTINATION else "source"


def gates(check: object) -> bool:
    """Whether a check counts. Only that of a sample may not, where nothing was to be sampled."""
    left_out = {"gates": False, "id": "SAMPLE", "result": "not run"}
    return not (isinstance(check, Mapping) and all(check.get(name) == value for name, value in left_out.items()))


def sha256(document: Mapping[str, Any]) -> str:
    """The hash that a document has to state: of its other names and values as JSON in ASCII, the names sorted, without
    spaces."""
    rest = {name: value for name, value in document.items() if name != "sha256"}
    return hashlib.sha256(json.dumps(rest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def said(document: Mapping[str, Any]) -> Text:
    """What a sound document says, in a sentence under its verdict."""
    checks, source, verdict = document["checks"], document["source"], document["verdict"]
    if verdict == "REHEARSAL":
        return _rehearsed(document["rehearsal"])
    if verdict == "NO-GO":
        failed = _listed(one["id"] for one in checks if one["result"] == "failed")
        return Text(f"These checks failed: {failed.en}.", f"以下检查未通过：{failed.zh}。")
    if verdict != "GO":
        left = _listed(one["id"] for one in checks if one["result"] != "passed" and gates(one))
        return Text(f"Nothing is known to be wrong, but {left.en} did not pass.", f"未发现问题，但 {left.zh} 未通过。")
    began, as_of, of_class = document["passes"]["compare"]["started"], document["as_of"], document["classes"]
    is_used = any(of_class[title][side_of(title)]["objects"] for title in document["accepted"] if title in of_class)
    but, but_zh = (", but for what was accepted by name", "（已具名认可的除外）") if is_used else ("", "")
    still, since = document["passes"]["standstill"]["began"], document["closed"]["written"]
    left = document["oms"]["left"]
    oms, oms_zh = "and OMS had finished", "且 OMS 已处理完毕"
    if left != 0:
        number, number_zh = ("an unknown number of", "数量未知的") if left is None else (f"{left:,}", f"{left:,} 个")
        oms = f"but OMS may still write: it has not finished {number} objects (accepted by name)"
        oms_zh = f"但 OMS 仍可能写入：有{number_zh}对象未处理完（已具名认可）"
    # Nobody knows of OBS what happens there after that.
    return Text(
        f"Each object of the source ({source['objects']:,} objects, {source['bytes']:,} bytes) was in OBS when it was"
        f" looked at, between {began} and {as_of}{but}. Both buckets were still so at {still}; nothing has been sent"
        f" since two minutes after {since}, {oms}.",
        f"在 {began} 至 {as_of} 期间逐个检查时，源端的对象（{source['objects']:,} 个，{source['bytes']:,} 字节）"
        f"均在 OBS 中{but_zh}。{still} 时两侧的桶仍是如此；自 {since} 之后两分钟起不再发送任何对象，{oms_zh}。",
    )


def _rehearsed(rehearsal: Mapping[str, Any]) -> Text:
    total, would_be = rehearsal["minutes"]["total"], rehearsal["would_be"]
    failing = _listed(rehearsal["failing"])
    lasts = (
        "How long the freeze would last is not known"
        if total is None
        else f"The freeze would last about {total} minutes"
    )
    lasts_zh = "停写时长尚未知" if total is None else f"停写约需 {total} 分钟"
    because, because_zh = (f", because of {failing.en}", f"（{failing.zh}）") if failing.en else ("", "")
    return Text(
        f"{lasts}, and the verdict would be {would_be}{because}.", f"{lasts_zh}，结论将为 {would_be}{because_zh}。"
    )


def _listed(names: Iterable[str]) -> Text:
    every = list(names)
    return Text(", ".join(every), "、".join(every))


def bound(equal: int, population: int) -> Text:
    """What a sample shows of which nothing differs: with n objects read and none differing, a share of 3/n or more
    would have shown with a probability of 95 %."""
    if equal == population:
        return Text(
            f"All {population:,} objects of up to 1 GiB that count as equal were read: none differs",
            f"视为一致且不超过 1 GiB 的 {population:,} 个对象已全部读取：没有差异",
        )
    share = min(1000, -(-3000 // equal))  # in thousandths, rounded up
    percent = f"{share // 10}.{share % 10} %"
    return Text(
        f"With 95 % confidence, fewer than {percent} of the {population:,} objects of up to 1 GiB that count as equal"
        " differ",
        f"以 95 % 的置信度，在 {population:,} 个视为一致且不超过 1 GiB 的对象中，有差异的少于 {percent}",
    )
