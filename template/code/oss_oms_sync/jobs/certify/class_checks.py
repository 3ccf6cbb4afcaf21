"""Whether anything of what a comparison found speaks against the cutover, class by class; and what to do about it, of
which nothing is told that is known to do nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import NamedTuple

from oss_oms_sync.answers.finding import NOTHING, Finding, Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, objects_en
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import UNPROVEN
from oss_oms_sync.comparison.result import DELETE, remedies
from oss_oms_sync.jobs.certify.evidence import Comparison, CutoverOptions, Evidence
from oss_oms_sync.passes.tally import MAX_KEYS, ClassCount


class _ClassCheck(NamedTuple):
    """A check that some classes are empty, or accepted by name if they can be. `seen` and `next` are about the objects
    that are in them; `next` is empty where that depends."""

    id: str
    classes: Sequence[ObjectClass]
    wanted: Text
    seen: Text
    next: Text = NOTHING


_LATER = Text("Some minutes later, judge them again", "几分钟后请重新判定")
_READ = Text("Read these objects in the source, which proves most", "读取源端的这些对象，可证明其中大部分")
_EQUAL = Text("The contents of each object are proven to be equal", "每个对象的内容均已证明一致")
_CHECKS = (
    _ClassCheck(
        "MISSING",
        (ObjectClass.MISSING,),
        Text("Every object of the source is in OBS", "源端的每个对象都在 OBS 中"),
        Text("not in OBS", "不在 OBS 中"),
    ),
    _ClassCheck(
        "OLDER",
        (ObjectClass.OLDER,),
        Text("OBS has no version older than the source's", "OBS 中没有比源端更旧的版本"),
        Text("older in OBS", "在 OBS 中是旧版本"),
    ),
    _ClassCheck(
        "OVERWRITTEN",
        (ObjectClass.OVERWRITTEN,),
        Text("Nothing in OBS differs from the source and is newer", "OBS 中没有与源端不同且更新的对象"),
        Text(
            "different and newer in OBS: somebody wrote there, or OMS finished an older version late",
            "在 OBS 中内容不同且更新：有人写入，或 OMS 较晚完成了旧版本的复制",
        ),
    ),
    _ClassCheck(
        "MOVING",
        (ObjectClass.MOVING, ObjectClass.ARRIVING),
        Text("Nothing was written while it was compared", "比对期间没有写入"),
        Text("written too recently to be judged", "写入时间过近，尚无法判定"),
        _LATER,
    ),
    _ClassCheck(
        "IN_FLIGHT",
        (ObjectClass.IN_FLIGHT,),
        Text("OMS has copied all that it accepted", "OMS 已复制其接受的所有对象"),
        Text("accepted by OMS, and not in OBS yet", "已被 OMS 接受，但尚未进入 OBS"),
        _LATER,
    ),
    _ClassCheck(
        "FAILED",
        (ObjectClass.FAILED_BEFORE,),
        Text("No object waits in a failed record", "没有对象停留在失败记录中"),
        Text("not accepted by OMS; failed records say why", "未被 OMS 接受，原因见失败记录"),
        Text(
            "See the reasons in status, send them again, and then judge them again",
            "请在 status 中查看原因，重发后重新判定",
        ),
    ),
    _ClassCheck(
        "PROOF_SUSPICIOUS",
        (ObjectClass.SUSPICIOUS,),
        Text("No object of equal size has another ETag", "没有大小相同而 ETag 不同的对象"),
        Text(
            "of equal size with different ETags, because they differ or because an ETag is not an MD5",
            "大小相同但 ETag 不同，可能内容有差异，也可能 ETag 不是 MD5",
        ),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_VERSION",
        (ObjectClass.EQUAL_VERSION,),
        _EQUAL,
        Text(
            "of equal size, and OMS accepted this very version; their contents were not compared",
            "大小相同，且 OMS 接受了该版本，但内容未比对",
        ),
        _READ,
    ),
    _ClassCheck(
        "PROOF_EQUAL_SIZE",
        (ObjectClass.EQUAL_SIZE,),
        _EQUAL,
        Text("of equal size; nothing else is known of them", "大小相同，其他情况未知"),
        _READ,
    ),
    _ClassCheck(
        "PROOF_IMPOSSIBLE",
        (ObjectClass.IMPOSSIBLE,),
        Text("OMS can copy every object", "OMS 能够复制每个对象"),
        Text(
            "impossible to copy: symbolic links, keys below oms_source_record/, or what OBS cannot hold",
            "无法复制：软链接、oms_source_record/ 下的对象，或 OBS 无法存放的对象",
        ),
        Text("Copy by hand what is needed, and accept these by name", "请手动复制所需对象，并按类别接受"),
    ),
    _ClassCheck(
        "UNKNOWN",
        (ObjectClass.UNKNOWN,),
        Text("Nothing is in OBS that the source does not have, and was not sent", "OBS 中没有源端没有且未发送过的对象"),
        Text("only in OBS, and not sent by this project", "仅存在于 OBS，且本项目未发送过"),
        Text(
            "Delete in OBS what does not belong there, or accept these by name", "请在 OBS 中删除多余对象，或按类别接受"
        ),
    ),
)
_SENT = Text(
    "Compare has sent them, unless the project is closed. Some minutes later, judge them again",
    "compare 已补发这些对象（项目关闭时除外）。几分钟后请重新判定",
)
# Judging again sends nothing.
_STILL = Text(
    "They were judged again, and this is still so. Compare anew, which sends them once more",
    "重新判定后仍是如此。请重新比对，会再次补发",
)
_DECIDE = Text(
    "See who writes there. If the source has the right versions, send these again, and judge them again later",
    "请查明谁在写入 OBS。如应以源端为准，请再次发送这些对象，稍后重新判定",
)
_COPIED = Text(
    "They are in OBS in the same size, perhaps copied by hand: read them in the source. Status says why OMS takes none",
    "OBS 中有大小相同的对象，可能是手动复制的：请读取源端的对象。OMS 未接受的原因见 status",
)
_NOTHING_OVER = Text(
    f"OMS overwrites nothing (NO_OVERWRITE), so {DELETE.en}", f"NO_OVERWRITE 模式下 OMS 不覆盖任何对象，请{DELETE.zh}"
)


def checks_of_classes(evidence: Evidence, not_looked: Finding | None) -> Iterator[Finding]:
    """A check for each class that decides anything; `not_looked` is the one that says why no comparison counts."""
    for check in _CHECKS:
        finding = partial(Finding, check.id, check.wanted)
        yield unseen(finding, not_looked) if not_looked else _judged(check, finding, evidence)


def unseen(finding: partial[Finding], not_looked: Finding) -> Finding:
    """A check where no comparison counts, which `not_looked` explains."""
    seen = Text("No comparison counts: see SCOPE", "没有有效的比对：见 SCOPE")
    return finding(Result.NOT_RUN, seen, not_looked.next, not_looked.step)


def _judged(check: _ClassCheck, finding: partial[Finding], evidence: Evidence) -> Finding:
    counted = evidence.comparison.tally.classes if evidence.comparison else {}
    counts = [(one, counted.get(one.title, ClassCount())) for one in check.classes]
    sides = [count.destination if one.is_only_there else count.source for one, count in counts]
    number, size = sum(side.objects for side in sides), sum(side.bytes for side in sides)
    if not number:
        return finding(Result.PASSED, Text("none", "无"))
    seen = Text(
        f"{objects_en(number)}, {size:,} bytes: {check.seen.en}", f"{number:,} 个对象，{size:,} 字节：{check.seen.zh}"
    )
    keys, one = sorted(key for _, count in counts for key in count.keys)[:MAX_KEYS], check.classes[0]
    if not one.can_be_accepted:
        return finding(Result.FAILED, seen, *_mend(check, evidence), keys)
    if (why := evidence.options.accept.get(one.title)) is not None:
        accepted = Text(f". Accepted by name: {why}", f"。已按类别接受：{why}")
        return finding(Result.PASSED, Text.join([seen, accepted]), keys=keys)
    return finding(Result.NOT_PROVEN, seen, *_prove(check, evidence), keys)


def _prove(check: _ClassCheck, evidence: Evidence) -> tuple[Text, Step]:
    """How objects are proven to be equal, or accepted by the name of their class."""
    one, scope = check.classes[0], evidence.comparison.state.scope if evidence.comparison else None
    if one not in UNPROVEN:
        return check.next, evidence.options.accepting(one.title)
    if not (scope and scope.deep):
        return check.next, evidence.options.comparing(scope, deep=True, restart=True)
    by_hand = Text(
        "Reading did not prove them. Compare them by hand, then accept them by name",
        "读取后仍无法证明。请自行比对，然后按类别接受",
    )
    return by_hand, evidence.options.accepting(one.title)


def _mend(check: _ClassCheck, evidence: Evidence) -> tuple[Text, Step]:
    """What to do about objects that OBS lacks or has otherwise, and the step for it."""
    found, task, options = evidence.comparison, evidence.task, evidence.options
    if found and isinstance(task, TaskInfo):
        match check.id:
            case "MISSING":
                return _mend_missing(found, options)
            case "OLDER":
                return _mend_older(found, task, options)
            case "OVERWRITTEN":
                return _mend_overwritten(found, task, options)
    if check.id == "FAILED":
        return _mend_failed(check, found, options)
    again = options.comparing(found.state.scope if found else None, again=True)
    return (Text("Go on with the cutover", "请继续割接") if again.job == "cutover" else check.next), again


def _mend_missing(found: Comparison, options: CutoverOptions) -> tuple[Text, Step]:
    scope, oldest = found.state.scope, found.tally.oldest_not_there
    installed = parse_time(found.state.of.installed)
    begin = scope.begin(installed) if installed else None
    if begin and oldest is not None and oldest < begin.timestamp():
        since = timestamp(begin)
        earlier = Text(
            f"Compare sends what was written since {since}, and some are older. Compare again since an earlier time",
            f"compare 只补发 {since} 之后写入的对象，其中有更早的。请从更早的时间起重新比对",
        )
        return earlier, options.comparing(scope, restart=True, since=timestamp(from_epoch(oldest)))
    if found.state.amended:
        return _STILL, options.comparing(scope, restart=True)
    return _SENT, options.comparing(scope, again=True)


def _mend_older(found: Comparison, task: TaskInfo, options: CutoverOptions) -> tuple[Text, Step]:
    told = remedies(found.tally, task.object_overwrite_mode).get(ObjectClass.OLDER)
    if told:  # OMS has skipped them once more
        return told, options.comparing(found.state.scope, deep=True, restart=True)
    return _overwriting_nothing(found, task, options) or _mend_missing(found, options)


def _mend_overwritten(found: Comparison, task: TaskInfo, options: CutoverOptions) -> tuple[Text, Step]:
    scope, one = found.state.scope, ObjectClass.OVERWRITTEN.title
    count = found.tally.classes.get(one, ClassCount())
    skipped = count.proven_different if task.skips_same_size else count.in_vain
    if nothing := _overwriting_nothing(found, task, options):
        return nothing
    of_same_size = remedies(found.tally, task.object_overwrite_mode).get(ObjectClass.OVERWRITTEN)
    if of_same_size and skipped == count.source.objects:
        return of_same_size, options.comparing(scope, restart=True)
    if scope.overwrite and not found.state.amended:
        return _SENT, options.comparing(scope, again=True)
    told = Text.join([_DECIDE, Text(". ", "。"), of_same_size]) if of_same_size and skipped else _DECIDE
    return told, options.comparing(scope, overwrite=True, restart=True)


def _mend_failed(check: _ClassCheck, found: Comparison | None, options: CutoverOptions) -> tuple[Text, Step]:
    if found is None or not options.frozen:
        return check.next, Step("replay")
    count = found.tally.classes.get(ObjectClass.FAILED_BEFORE.title, ClassCount())
    if count.source == count.destination and not found.state.scope.deep:
        return _COPIED, options.comparing(found.state.scope, deep=True, restart=True)
    return check.next, options.cutover()


def _overwriting_nothing(found: Comparison, task: TaskInfo, options: CutoverOptions) -> tuple[Text, Step] | None:
    if task.object_overwrite_mode != "NO_OVERWRITE":
        return None
    return _NOTHING_OVER, options.comparing(found.state.scope, restart=True)
