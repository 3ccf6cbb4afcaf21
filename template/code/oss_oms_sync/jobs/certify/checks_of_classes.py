"""Whether anything of what a comparison found speaks against the cutover, class by class."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import ObjectClass
from oss_oms_sync.comparison.tally import MAX_KEYS, ClassCount, Side
from oss_oms_sync.jobs.certify import steps
from oss_oms_sync.jobs.certify.check import NOTHING, Check, Result
from oss_oms_sync.jobs.certify.evidence import Evidence
from oss_oms_sync.jobs.certify.mending import mend_missing, mend_older, mend_overwritten
from oss_oms_sync.step import Step
from oss_oms_sync.text import Text, objects_en


class _Zero(NamedTuple):
    """A check that some classes are empty. `seen` and `next` are about the objects that are in them; `next` is empty
    where that depends."""

    id: str
    classes: Sequence[ObjectClass]
    wanted: Text
    seen: Text
    next: Text = NOTHING


class _Proof(NamedTuple):
    """A check that a class is empty, or accepted by its name. `reading` would prove it."""

    id: str
    of: ObjectClass
    wanted: Text
    seen: Text
    reading: bool
    next: Text


_LATER = Text("Some minutes later, judge them again", "几分钟后请重新判定")
_ZERO = (
    _Zero(
        "MISSING",
        (ObjectClass.MISSING,),
        Text("Every object of the source is in OBS", "源端的每个对象都在 OBS 中"),
        Text("not in OBS", "不在 OBS 中"),
    ),
    _Zero(
        "OLDER",
        (ObjectClass.OLDER,),
        Text("OBS has no version older than the source's", "OBS 中没有比源端更旧的版本"),
        Text("older in OBS", "在 OBS 中是旧版本"),
    ),
    _Zero(
        "OVERWRITTEN",
        (ObjectClass.OVERWRITTEN,),
        Text("Nothing in OBS differs from the source and is newer", "OBS 中没有与源端不同且更新的对象"),
        Text(
            "different and newer in OBS: somebody wrote there, or OMS finished an older version late",
            "在 OBS 中内容不同且更新：有人写入，或 OMS 较晚完成了旧版本的复制",
        ),
    ),
    _Zero(
        "MOVING",
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        Text("Nothing was written while it was compared", "比对期间没有写入"),
        Text("written too recently to be judged", "写入时间过近，尚无法判定"),
        _LATER,
    ),
    _Zero(
        "IN_FLIGHT",
        (ObjectClass.IN_FLIGHT,),
        Text("OMS has copied all that it accepted", "OMS 已复制其接受的所有对象"),
        Text("accepted by OMS, and not in OBS yet", "已被 OMS 接受，但尚未进入 OBS"),
        _LATER,
    ),
    _Zero(
        "FAILED",
        (ObjectClass.FAILED_BEFORE,),
        Text("No object waits in a failed record", "没有对象停留在失败记录中"),
        Text("not accepted by OMS; failed records say why", "未被 OMS 接受，原因见失败记录"),
        Text(
            "See the reasons in status, send them again, and then judge them again",
            "请在 status 中查看原因，重发后重新判定",
        ),
    ),
)
_COPIED = Text(
    "See the reasons in status. What OMS refuses, copy by hand; what is in OBS in the same size is then read",
    "原因见 status。OMS 拒绝的对象请手动复制；OBS 中大小相同的对象随后会被读取验证",
)
_READ = Text("Read these objects in the source, which proves most", "读取源端的这些对象，可证明其中大部分")
_PROOFS = (
    _Proof(
        "PROOF_SUSPICIOUS",
        ObjectClass.SUSPICIOUS,
        Text("No object of equal size has another ETag", "没有大小相同而 ETag 不同的对象"),
        Text(
            "of equal size with different ETags, because they differ or because an ETag is not an MD5",
            "大小相同但 ETag 不同，可能内容有差异，也可能 ETag 不是 MD5",
        ),
        reading=True,
        next=_READ,
    ),
    _Proof(
        "PROOF_EQUAL_VERSION",
        ObjectClass.EQUAL_VERSION,
        Text("The contents of each object are proven to be equal", "每个对象的内容均已证明一致"),
        Text(
            "of equal size, and OMS accepted this very version; their contents were not compared",
            "大小相同，且 OMS 接受了该版本，但内容未比对",
        ),
        reading=True,
        next=_READ,
    ),
    _Proof(
        "PROOF_EQUAL_SIZE",
        ObjectClass.EQUAL_SIZE,
        Text("The contents of each object are proven to be equal", "每个对象的内容均已证明一致"),
        Text("of equal size; nothing else is known of them", "大小相同，其他情况未知"),
        reading=True,
        next=_READ,
    ),
    _Proof(
        "PROOF_IMPOSSIBLE",
        ObjectClass.IMPOSSIBLE,
        Text("OMS can copy every object", "OMS 能够复制每个对象"),
        Text(
            "impossible to copy: symbolic links, keys below oms_source_record/, or what OBS cannot hold",
            "无法复制：软链接、oms_source_record/ 下的对象，或 OBS 无法存放的对象",
        ),
        reading=False,
        next=Text("Copy by hand what is needed, and accept these by name", "请手动复制所需对象，并按类别接受"),
    ),
    _Proof(
        "UNKNOWN",
        ObjectClass.UNKNOWN,
        Text("Nothing is in OBS that the source does not have, and was not sent", "OBS 中没有源端没有且未发送过的对象"),
        Text("only in OBS, and not sent by this project", "仅存在于 OBS，且本项目未发送过"),
        reading=False,
        next=Text(
            "Delete in OBS what does not belong there, or accept these by name", "请在 OBS 中删除多余对象，或按类别接受"
        ),
    ),
)


def checks_of_classes(evidence: Evidence, not_looked: Check | None) -> Iterator[Check]:
    """A check for each class that decides anything; `not_looked` is the one that says why no comparison counts."""
    for zero in _ZERO:
        yield unseen(zero.id, zero.wanted, not_looked) if not_looked else _zero(zero, evidence)
    for proof in _PROOFS:
        yield unseen(proof.id, proof.wanted, not_looked) if not_looked else _proof(proof, evidence)


def unseen(name: str, wanted: Text, not_looked: Check) -> Check:
    """The check `name` where no comparison counts, which `not_looked` explains."""
    seen = Text("No comparison counts: see SCOPE", "没有有效的比对：见 SCOPE")
    return Check(name, Result.NOT_RUN, seen, wanted, not_looked.next, not_looked.step)


def _zero(zero: _Zero, evidence: Evidence) -> Check:
    found = [count for one in zero.classes if _side(one, count := _count(evidence, one)).objects]
    if not found:
        return Check(zero.id, Result.PASSED, Text("none", "无"), zero.wanted)
    sides = [_side(one, _count(evidence, one)) for one in zero.classes]
    seen = _told(sum(one.objects for one in sides), sum(one.bytes for one in sides), zero.seen)
    keys = sorted(key for count in found for key in count.keys)[:MAX_KEYS]
    return Check(zero.id, Result.FAILED, seen, zero.wanted, *_mend(zero, evidence), keys)


def _mend(zero: _Zero, evidence: Evidence) -> tuple[Text, Step]:
    """What to do about objects that are in the classes of a check, and the step for it."""
    found, task = evidence.comparison, evidence.task
    if found and isinstance(task, TaskInfo):
        match zero.id:
            case "MISSING":
                return mend_missing(found, evidence.options)
            case "OLDER":
                return mend_older(found, task, evidence.options)
            case "OVERWRITTEN":
                return mend_overwritten(found, task, evidence.options)
    if zero.id == "FAILED" and found and evidence.frozen_since:
        has_some = _count(evidence, ObjectClass.FAILED_BEFORE).destination.objects > 0
        if has_some and not found.state.scope.deep:
            return _COPIED, steps.comparing(evidence.options, found.state.scope, deep=True, restart=True)
        return zero.next, steps.cutover(evidence.options)
    if zero.id == "FAILED":
        return zero.next, Step("replay")
    again = steps.comparing(evidence.options, found.state.scope if found else None, again=True)
    return (Text("Go on with the cutover", "请继续割接") if again.job == "cutover" else zero.next), again


def _proof(proof: _Proof, evidence: Evidence) -> Check:
    count, why = _count(evidence, proof.of), evidence.accepted.get(proof.of.title)
    side = _side(proof.of, count)
    if not side.objects:
        return Check(proof.id, Result.PASSED, Text("none", "无"), proof.wanted)
    seen = _told(side.objects, side.bytes, proof.seen)
    if why is not None:
        seen = Text(f"{seen.en}. Accepted by name: {why}", f"{seen.zh}。已按类别接受：{why}")
        return Check(proof.id, Result.PASSED, seen, proof.wanted, keys=count.keys)
    scope = evidence.comparison.state.scope if evidence.comparison else None
    if proof.reading and not (scope and scope.deep):
        following = steps.comparing(evidence.options, scope, deep=True, restart=True)
        return Check(proof.id, Result.NOT_PROVEN, seen, proof.wanted, proof.next, following, count.keys)
    more = proof.next
    if proof.reading:
        more = Text(
            "Reading did not prove them. Compare them by hand, then accept them by name",
            "读取后仍无法证明。请自行比对，然后按类别接受",
        )
    accepting = steps.accepting(evidence.options, proof.of.title)
    return Check(proof.id, Result.NOT_PROVEN, seen, proof.wanted, more, accepting, count.keys)


def _count(evidence: Evidence, one: ObjectClass) -> ClassCount:
    classes = evidence.comparison.tally.classes if evidence.comparison else {}
    return classes.get(one.title, ClassCount())


def _side(one: ObjectClass, count: ClassCount) -> Side:
    """The side on which the objects of a class are counted."""
    return count.destination if one in (ObjectClass.ARRIVING, ObjectClass.UNKNOWN) else count.source


def _told(objects: int, size: int, what: Text) -> Text:
    return Text(f"{objects_en(objects)}, {size:,} bytes: {what.en}", f"{objects:,} 个对象，{size:,} 字节：{what.zh}")
