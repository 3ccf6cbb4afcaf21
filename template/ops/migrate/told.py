"""What a migration says of itself: what it will do and cost, how far it is, and what comes next."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from ops import cost, effort
from ops.clouds.task_groups import Group, State
from ops.commands import command
from ops.intention import Intention
from ops.prices import Prices
from ops.quantities import in_bytes
from ops.report import estimate
from ops.report.comparison import held
from ops.show import lines
from ops.terminal import Line, Marked, Whole
from ops.waiting import duration
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import CompareAnswer, Compared
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, t

# What a group lists, or copies, until it rests.
MOVING = (State.WAITING, State.CREATING, State.COPYING, State.PAUSING)
# What a comparison counts in the source, and no task group copies.
_LEFT_OUT = (ObjectClass.CANARY, ObjectClass.OUTSIDE)

_WHAT = t(
    "A task group of OMS copies what is in {source} now to {destination}, once; the sync task goes on beside it. With"
    " metadata; what is there with the same CRC64 is skipped."
)
_BELOW = t("Only what begins with {prefix}")
_KEYS = t(
    "Two permanent access keys go to OMS for it, of the users that setup made. They are deleted once it is done, and"
    " kept while it can be retried."
)
_NOT_RESTORED = t("Archived objects are not restored: they fail, and are listed.")
_LATE = t(
    "An object that is written while it runs may end up in its older version: a comparison afterwards finds such"
    " objects."
)
_MUCH = t(
    "By the last comparison, of {began}: {objects:object|objects}, {size}, are missing or older in OBS. At the usual"
    " limits of OMS that takes {time} at least (an estimate)."
)
_UNKNOWN_MUCH = t("Nothing was compared yet, so it is not known how much that is. What it costs: {command}")
_LISTING = t("OMS lists the source: nothing is copied yet")
_HOW_FAR = t(
    "{share:.1f} % of {total:object|objects}: {copied} copied, {skipped} skipped, {failed} failed; {size} of {whole},"
    " {speed}/s"
)
_ESTIMATE = t("{how_far}; about {left} to go (an estimate)")
_STATES = {
    State.WAITING: (t("The migration is about to begin"), "way"),
    State.CREATING: (t("The migration has begun"), "way"),
    State.COPYING: (t("The migration is on its way"), "way"),
    State.PAUSED: (t("The migration is paused"), "open"),
    State.NOT_CREATED: (t("OMS could not begin the migration"), "bad"),
    State.FAILED: (t("The migration has ended, and something failed"), "bad"),
    State.DONE: (t("The migration is done"), "good"),
    State.PAUSING: (t("The migration is about to pause"), "way"),
    State.DELETING_SOON: (t("OMS deletes the task group"), "open"),
    State.DELETING: (t("OMS deletes the task group"), "open"),
}
_WHY = t("OMS says: {why}")
_LISTED = t("What failed is listed in OBS, below {folder}")
_KEPT = t("Access keys that are kept for it: {keys}")
_NEXT = {
    State.WAITING: (t("Follow it:"), {}),
    State.PAUSED: (t("Go on:"), {"go_on": True}),
    State.NOT_CREATED: (t("Mend what it says, end it, and begin anew:"), {"remove": True}),
    State.FAILED: (t("Try again what failed:"), {"retry": True}),
    State.DONE: (t("Delete its access keys:"), {}),
    State.DELETING_SOON: (t("End it:"), {"remove": True}),
}
_ONCE_MORE = t("What differs then, if it has a CRC64 on both sides, another migration overwrites:")
_AFTERWARDS = t("Now see what lacks, and what was written while it ran:")


def plan(intention: Intention, found: CompareAnswer, language: str) -> Iterator[Line]:
    """What will be done, and what it costs and takes, as far as a comparison tells."""
    yield _WHAT.filled(source=intention.source, destination=intention.destination).of(language)
    for prefix in filter(None, intention.prefixes):
        yield _BELOW.filled(prefix=prefix).of(language)
    for text in (_KEYS, _NOT_RESTORED, _LATE):
        yield text.of(language)
    if not isinstance(found, Compared):
        options = {"objects": "N", "size": "BYTES"}
        yield _UNKNOWN_MUCH.filled(command=command(Step("cost", options))).of(language)
        return
    lacking = [one.source for name, one in held(found).items() if name in (ObjectClass.MISSING, ObjectClass.OLDER)]
    objects, size = sum(one.objects for one in lacking), sum(one.bytes for one in lacking)
    time = duration(effort.group_seconds(objects, size))
    about = _MUCH.filled(began=found.started, objects=objects, size=in_bytes(size), time=time).of(language)
    yield from lines.draw(estimate.copying(cost.copying(Prices(), objects, size), about, language))


def how_far(group: Group, left: float | None = None) -> Text:
    """A line of progress; `left`: for how many seconds more, if that can be estimated."""
    if group.state in (State.WAITING, State.CREATING) or not group.total:
        return _LISTING
    told = _HOW_FAR.filled(
        share=100 * group.told_of / group.total,
        total=group.total,
        copied=f"{group.copied:,}",
        skipped=f"{group.skipped:,}",
        failed=f"{group.failed:,}",
        size=in_bytes(group.copied_size),
        whole=in_bytes(group.size),
        speed=in_bytes(group.speed),
    )
    return told if left is None else _ESTIMATE.filled(how_far=told, left=duration(left))


def standing(group: Group, keys: Sequence[str], language: str, left: float | None = None) -> Iterator[Line]:
    """How a group stands; `keys`: those that it still has."""
    said, tone = _STATES[group.state]
    yield Marked("", said.of(language), tone)
    if group.total:
        yield f"  {how_far(group, left).of(language)}"
    if group.why:
        yield f"  {_WHY.filled(why=group.why).of(language)}"
    if group.lists:
        yield f"  {_LISTED.filled(folder=group.lists).of(language)}"
    if keys and group.state not in MOVING:
        yield f"  {_KEPT.filled(keys=keys).of(language)}"
    following, options = _NEXT[_as(group)]
    yield f"-> {following.of(language)}"
    yield Whole(f"   {command(Step('migrate', options))}")


def _as(group: Group) -> State:
    """The state whose next step is that of a group."""
    if group.state in MOVING:
        return State.WAITING
    # What failed before anything was copied fails again.
    if group.state is State.FAILED and not group.total:
        return State.NOT_CREATED
    return State.DELETING_SOON if group.state is State.DELETING else group.state


def done(group: Group, language: str) -> Iterator[Line]:
    """The end of it, when nothing of it is left but what it copied."""
    said, tone = _STATES[State.DONE]
    yield Marked("", said.of(language), tone)
    yield f"  {how_far(group).of(language)}"
    yield f"-> {_AFTERWARDS.of(language)}"
    yield Whole(f"   {command(Step('compare', {'deep': True, 'since': '1970-01-01'}))}")
    yield f"-> {_ONCE_MORE.of(language)}"
    yield Whole(f"   {command(Step('migrate'))}")


def to_json(group: Group | None) -> dict[str, Any]:
    """The same for programs; `group` is None where there is none."""
    return {**group._asdict(), "state": group.state.name.lower()} if group else {"state": "none"}


def title(group: Group) -> Text:
    """In a few words."""
    return _STATES[group.state][0]
