"""What to do about objects that OBS lacks or has otherwise, with the step for it: one that is known to do nothing is
never told."""

from __future__ import annotations

from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.classes import ObjectClass
from oss_oms_sync.comparison.result import DELETE, remedies
from oss_oms_sync.jobs.certify.evidence import Comparison
from oss_oms_sync.jobs.certify.options import Options
from oss_oms_sync.jobs.certify.steps import comparing
from oss_oms_sync.passes.tally import ClassCount
from oss_oms_sync.step import Step
from oss_oms_sync.text import Text

_SENT = Text(
    "Compare has sent them, unless the project is closed. Some minutes later, judge them again",
    "compare 已补发这些对象（项目关闭时除外）。几分钟后请重新判定",
)
# Judging again sends nothing.
_STILL = Text(
    "They were judged again, and this is still so. Compare anew, which sends them once more",
    "重新判定后仍是如此。请重新比对，会再次补发",
)
_OLD = Text(
    "Compare sends what was written since {}, and some are older. Compare again since an earlier time",
    "compare 只补发 {} 之后写入的对象，其中有更早的。请从更早的时间起重新比对",
)
_DECIDE = Text(
    "See who writes there. If the source has the right versions, send these again, and judge them again later",
    "请查明谁在写入 OBS。如应以源端为准，请再次发送这些对象，稍后重新判定",
)
_NOTHING_OVER = Text(
    f"OMS overwrites nothing (NO_OVERWRITE), so {DELETE.en}", f"NO_OVERWRITE 模式下 OMS 不覆盖任何对象，请{DELETE.zh}"
)


def mend_missing(found: Comparison, options: Options) -> tuple[Text, Step]:
    """For objects that are not in OBS."""
    scope, oldest = found.state.scope, found.tally.oldest_not_there
    installed = parse_time(found.state.of.installed)
    begin = scope.begin(installed) if installed else None
    if begin and oldest is not None and oldest < begin.timestamp():
        told = Text(_OLD.en.format(timestamp(begin)), _OLD.zh.format(timestamp(begin)))
        return told, comparing(options, scope, restart=True, since=timestamp(from_epoch(oldest)))
    if found.amended:
        return _STILL, comparing(options, scope, restart=True)
    return _SENT, comparing(options, scope, again=True)


def mend_older(found: Comparison, task: TaskInfo, options: Options) -> tuple[Text, Step]:
    """For objects of which OBS has an older version."""
    told = remedies(found.tally, task.object_overwrite_mode).get(ObjectClass.OLDER.title)
    if told:  # OMS has skipped them once more
        return told, comparing(options, found.state.scope, deep=True, restart=True)
    return _overwriting_nothing(found, task, options) or mend_missing(found, options)


def mend_overwritten(found: Comparison, task: TaskInfo, options: Options) -> tuple[Text, Step]:
    """For objects that differ and are newer in OBS."""
    scope, one = found.state.scope, ObjectClass.OVERWRITTEN.title
    count = found.tally.classes.get(one, ClassCount())
    skipped = count.proven_different if task.skips_same_size else count.in_vain
    if nothing := _overwriting_nothing(found, task, options):
        return nothing
    of_same_size = remedies(found.tally, task.object_overwrite_mode).get(one)
    if of_same_size and skipped == count.source.objects:
        return of_same_size, comparing(options, scope, restart=True)
    if scope.overwrite and not found.amended:
        return _SENT, comparing(options, scope, again=True)
    told = Text.join([_DECIDE, Text(". ", "。"), of_same_size]) if of_same_size and skipped else _DECIDE
    return told, comparing(options, scope, overwrite=True, restart=True)


def _overwriting_nothing(found: Comparison, task: TaskInfo, options: Options) -> tuple[Text, Step] | None:
    if task.object_overwrite_mode != "NO_OVERWRITE":
        return None
    return _NOTHING_OVER, comparing(options, found.state.scope, restart=True)
