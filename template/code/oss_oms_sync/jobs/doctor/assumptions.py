"""What nobody has confirmed, and this project rests on: until what is there shows it, it is told, and decides
nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, not_confirmed, ok
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.passes.tally import ClassCount
from oss_oms_sync.unconfirmed import UNCONFIRMED

_SHOWN = t("what this project has done so far shows it")
_NOT_USED = t("COMPARE_DEEP is off: nothing here rests on it")
_CANARY = t("`python ops.py canary` shows it in your accounts")


def _nothing(_: CheckContext) -> Text | None:
    return None


def _reads_nothing(context: CheckContext) -> Text | None:
    return None if context.settings.compare_deep else _NOT_USED


def _was_compared(context: CheckContext) -> Text | None:
    return _SHOWN if context.compared else None


def _was_proven(context: CheckContext) -> Text | None:
    return _SHOWN if _count(context, ObjectClass.EQUAL_CONTENTS) else None


def _has_arrived(context: CheckContext) -> Text | None:
    is_there = _count(context, *ObjectClass) and not _count(context, ObjectClass.MISSING)
    return _SHOWN if is_there else None


def _lists_were_read(context: CheckContext) -> Text | None:
    found = context.state.recall(ListPositions, "failed_copies") or ListPositions()
    return _SHOWN if any(one.lines for one in found.listed.values()) and not found.unread else None


def _count(context: CheckContext, *classes: ObjectClass) -> int:
    """How many objects of the source are of these classes, by the last whole comparison."""
    counts = context.compared.tally.classes if context.compared else {}
    return sum(counts.get(one.title, ClassCount()).source.objects for one in classes)


# By the names in the table: in Chinese, and why nobody has to confirm it any more, if that is so. What is not here
# decides no GO, or has a check of its own.
_SETTLED: Mapping[str, tuple[str, Callable[[CheckContext], Text | None]]] = {
    "doubles": ("重复提交", _nothing),
    "lag of counts": ("统计延迟", _nothing),
    "part size": ("分段大小", _reads_nothing),
    "written as a whole": ("整体写入", _was_proven),
    "order of OBS": ("OBS 列举顺序", _was_compared),
    "form of lists": ("清单格式", _lists_were_read),
    "lag of lists": ("清单延迟", _nothing),
    "encoding of keys": ("键的编码", _has_arrived),
    "keys in events": ("事件中的键", _has_arrived),
}


def assumption(name: str, context: CheckContext) -> Finding:
    one, (_, settled) = UNCONFIRMED[name], _SETTLED[name]
    if why := settled(context):
        return ok(why)
    assumed = t("{assumed} ({setting})", assumed=one.assumed, setting=one.setting) if one.setting else one.assumed
    seen = t("{question}; assumed: {assumed}", question=one.question, assumed=assumed)
    return not_confirmed(seen, _CANARY)


_NEEDS = ("task", "right to list records", "right to read records", "log bucket versioning")
CHECKS: Sequence[Check[CheckContext]] = [
    Check(name, name_zh, _NEEDS, partial(assumption, name)) for name, (name_zh, _) in _SETTLED.items()
]
