"""What nobody has confirmed, and this project rests on: until what is there shows it, it is told, and decides
nothing."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Finding
from oss_oms_sync.answers.text import NOTHING, Text, t
from oss_oms_sync.jobs.doctor.rules import Check, CheckContext, not_confirmed, ok
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.unconfirmed import UNCONFIRMED, Unconfirmed

_SHOWN = t("what this project has done so far shows it")


def _objects(context: CheckContext, *classes: ObjectClass) -> int:
    """How many objects of the source are of these classes, by the last whole comparison."""
    return context.compared.tally.objects(*classes) if context.compared else 0


def _has_arrived(context: CheckContext) -> bool:
    return _objects(context, *ObjectClass) > 0 and not _objects(context, ObjectClass.MISSING)


def _lists_were_read(context: CheckContext) -> bool:
    found = JobState(context.invocation).recall(ListPositions, "failed_copies") or ListPositions()
    return any(one.lines for one in found.listed.values()) and not found.unread


# By the names in the table: what shows it, so that nobody has to confirm it any more, and that in words. What is not
# here decides no GO, or has a check of its own.
_SETTLED: Sequence[tuple[Text, Callable[[CheckContext], object] | None, Text]] = (
    (t("doubles"), None, NOTHING),
    (t("lag of counts"), None, NOTHING),
    (
        t("part size"),
        lambda context: not context.settings.compare_deep,
        t("COMPARE_DEEP is off: nothing here rests on it"),
    ),
    (t("written as a whole"), lambda context: _objects(context, ObjectClass.EQUAL_CONTENTS), _SHOWN),
    (t("order of OBS"), lambda context: context.compared, _SHOWN),
    (t("form of lists"), _lists_were_read, _SHOWN),
    (t("lag of lists"), None, NOTHING),
    (t("encoding of keys"), _has_arrived, _SHOWN),
    (t("keys in events"), _has_arrived, _SHOWN),
)


def _assumption(
    one: Unconfirmed, settled: Callable[[CheckContext], object] | None, why: Text, context: CheckContext
) -> Finding:
    if settled and settled(context):
        return ok(why)
    assumed = t("{assumed} ({setting})", assumed=one.assumed, setting=one.setting) if one.setting else one.assumed
    return not_confirmed(
        t("{question}; assumed: {assumed}", question=one.question, assumed=assumed),
        t("`python3 ops.py canary` shows it in your accounts"),
    )


_NEEDS = ("task", "right to list records", "right to read records", "log bucket versioning")
CHECKS: Sequence[Check[CheckContext]] = [
    Check(title, _NEEDS, partial(_assumption, UNCONFIRMED[title.en], settled, why)) for title, settled, why in _SETTLED
]
