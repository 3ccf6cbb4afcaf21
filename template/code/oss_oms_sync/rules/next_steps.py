"""Steps that continue a cutover or a rehearsal with the options of its facts."""

from __future__ import annotations

from oss_oms_sync.answers.certificate import WaitingFacts, WaitingGroup
from oss_oms_sync.answers.finding import ACCEPTANCE_FORM
from oss_oms_sync.answers.object_class import UNPROVEN, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.counts import is_empty

# Names that can be accepted in addition to classes: unfinished work of OMS, and lost headers.
OMS_UNFINISHED, METADATA = "oms_unfinished", "metadata"
# Names that can be accepted without proof.
ACCEPTABLE_NAMES = (
    *(object_class.title for object_class in ObjectClass if object_class.can_be_accepted),
    OMS_UNFINISHED,
    METADATA,
)


def asked_sample(facts: WaitingFacts) -> int:
    """Return the requested number of sampled objects."""
    return facts.sample.asked if facts.sample else 0


def cutover(facts: WaitingFacts, frozen_since: str = "", sample: int | None = None, **more: object) -> Step:
    """Return the step that continues the cutover or rehearsal, with these options or by default its own."""
    since = frozen_since or facts.frozen_since
    when: dict[str, object] = {"frozen_since": since} if since else {"rehearse": True}
    number = asked_sample(facts) if sample is None else sample
    options = {"sample": number, "accept": {**facts.accepted}, **more}
    return Step("cutover", {**when, **{name: value for name, value in options.items() if value}})


def acceptance_step(facts: WaitingFacts, *names: str) -> Step:
    """Return the step to continue, with an acceptance of these names as well."""
    return cutover(facts, accept={**dict.fromkeys(names, ACCEPTANCE_FORM), **facts.accepted})


def can_be_accepted(group: WaitingGroup) -> bool:
    """Return True if only an acceptance settles waiting keys: reading did not prove them, and OMS refuses them."""
    return group.was_tried and group.object_class in UNPROVEN and group.is_refused


def unproven_acceptance_step(facts: WaitingFacts) -> Step:
    """Return the step that accepts all unproven objects of the comparison by their classes."""
    compared = facts.passes.compare
    waiting = [group.object_class for group in facts.waiting.groups if group.object_class and can_be_accepted(group)]
    left = [
        object_class
        for object_class in ObjectClass
        if object_class.can_be_accepted and not is_empty(facts.classes, object_class)
    ]
    is_deep = compared is not None and compared.deep
    return acceptance_step(
        facts,
        *(object_class.title for object_class in (*left, *waiting) if is_deep or object_class not in UNPROVEN),
    )


def comparison_step(facts: WaitingFacts, **options: object) -> Step:
    """Return the step that repeats the certified comparison, by default a comparison without options.

    During a cutover this is the cutover itself, unless the options need a separate comparison. Only a recheck (`again`)
    keeps `overwrite`: otherwise compare overwrites newer objects in OBS only if `options` have it.
    """
    compared = facts.passes.compare
    wishes: dict[str, object] = {}
    if compared:
        carried = {"deep": compared.deep, "overwrite": compared.overwrite and "again" in options}
        wishes = {name: True for name, is_wished in carried.items() if is_wished}
        if compared.since:
            wishes["since"] = compared.since
    wishes = {**wishes, **options}
    if facts.frozen_since and not wishes.keys() & {"overwrite", "since"}:
        return cutover(facts, deep="deep" in wishes, restart="restart" in wishes)
    return Step("compare", wishes)


def is_kept_closed(facts: WaitingFacts) -> bool:
    """Return True if the project is closed and no cutover opens it.

    A rehearsal opens nothing. A cutover leaves the project closed after a manual close, unless the cutover closed it
    again, and after a GO of any freeze.
    """
    if facts.closed is None:
        return False
    is_by_hand = bool(facts.run) and not facts.closed.run
    return facts.frozen_since is None or is_by_hand or facts.go_stands
