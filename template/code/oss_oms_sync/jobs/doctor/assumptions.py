"""What nobody has confirmed, and this project rests on: until what is there shows it, it is told, and decides
nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from oss_oms_sync.answers.finding import Finding
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.text import Text, t
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, not_confirmed, ok
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.passes.tally import ClassCount
from oss_oms_sync.unconfirmed import UNCONFIRMED, Unconfirmed

_SHOWN = t("what this project has done so far shows it")
_NOT_USED = t("COMPARE_DEEP is off: nothing here rests on it")
_CANARY = t("`python3 ops.py canary` shows it in your accounts")


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


# By the names in the table: why nobody has to confirm it any more, if that is so. What is not here decides no GO, or
# has a check of its own.
_SETTLED: Sequence[tuple[Text, Callable[[CheckContext], Text | None]]] = (
    (t("doubles"), _nothing),
    (t("lag of counts"), _nothing),
    (t("part size"), _reads_nothing),
    (t("written as a whole"), _was_proven),
    (t("order of OBS"), _was_compared),
    (t("form of lists"), _lists_were_read),
    (t("lag of lists"), _nothing),
    (t("encoding of keys"), _has_arrived),
    (t("keys in events"), _has_arrived),
)


def _assumption(one: Unconfirmed, settled: Callable[[CheckContext], Text | None], context: CheckContext) -> Finding:
    if why := settled(context):
        return ok(why)
    assumed = t("{assumed} ({setting})", assumed=one.assumed, setting=one.setting) if one.setting else one.assumed
    return not_confirmed(t("{question}; assumed: {assumed}", question=one.question, assumed=assumed), _CANARY)


_NEEDS = ("task", "right to list records", "right to read records", "log bucket versioning")
CHECKS: Sequence[Check[CheckContext]] = [
    Check(title, _NEEDS, partial(_assumption, UNCONFIRMED[title.en], settled)) for title, settled in _SETTLED
]
