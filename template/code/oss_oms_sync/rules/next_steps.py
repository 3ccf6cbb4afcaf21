"""Commands that continue a cutover or a rehearsal, with the options that its facts contain."""

from __future__ import annotations

from oss_oms_sync.answers.certificate import WaitingFacts, WaitingGroup
from oss_oms_sync.answers.finding import ACCEPTANCE_FORM
from oss_oms_sync.answers.object_class import UNPROVEN_CLASSES, ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.rules.counts import is_empty

# Names of conditions that can be accepted like classes: unfinished work of OMS, and lost headers.
OMS_UNFINISHED, METADATA = "oms_unfinished", "metadata"
# Names of all classes and conditions that can be accepted without proof.
ACCEPTABLE_NAMES = (
    *(object_class.title for object_class in ObjectClass if object_class.can_be_accepted),
    OMS_UNFINISHED,
    METADATA,
)


def requested_sample_size(facts: WaitingFacts) -> int:
    return facts.sample.asked if facts.sample else 0


def cutover_step(
    facts: WaitingFacts, frozen_since: str = "", sample: int | None = None, **more_options: object
) -> Step:
    """Return the command that continues this cutover or rehearsal; other options keep their values in the facts."""
    freeze_time = frozen_since or facts.frozen_since
    freeze_option: dict[str, object] = {"frozen_since": freeze_time} if freeze_time else {"rehearse": True}
    sample_size = requested_sample_size(facts) if sample is None else sample
    options = {"sample": sample_size, "accept": {**facts.accepted}, **more_options}
    return Step("cutover", {**freeze_option, **{name: value for name, value in options.items() if value}})


def acceptance_step(facts: WaitingFacts, *names: str) -> Step:
    """Return the command that continues the cutover and also accepts these classes or conditions.

    The user fills in the person and the reason.
    """
    return cutover_step(facts, accept={**dict.fromkeys(names, ACCEPTANCE_FORM), **facts.accepted})


def can_be_accepted(group: WaitingGroup) -> bool:
    """Return True if no action but an acceptance by the user resolves these waiting keys.

    This is the case if OMS refuses the keys, and a comparison that read their objects could not prove them equal.
    """
    return group.was_tried and group.object_class in UNPROVEN_CLASSES and group.is_refused


def unproven_acceptance_step(facts: WaitingFacts) -> Step:
    """Return the command that continues the cutover and accepts the classes of all unproven objects."""
    comparison = facts.passes.compare
    waiting_classes = [
        group.object_class for group in facts.waiting.groups if group.object_class and can_be_accepted(group)
    ]
    unproven_classes = [
        object_class
        for object_class in ObjectClass
        if object_class.can_be_accepted and not is_empty(facts.classes, object_class)
    ]
    is_deep = comparison is not None and comparison.deep
    return acceptance_step(
        facts,
        *(
            object_class.title
            for object_class in (*unproven_classes, *waiting_classes)
            if is_deep or object_class not in UNPROVEN_CLASSES
        ),
    )


def comparison_step(facts: WaitingFacts, **options: object) -> Step:
    """Return the command that repeats the certificate's comparison with additional options.

    During a cutover, the command is the cutover itself, unless the options require a separate comparison. The option
    `overwrite` is repeated only for a recheck (`again`), so that compare overwrites newer objects in OBS only on
    request. A new comparison with `overwrite` does not repeat `since`, which would exclude objects.
    """
    comparison = facts.passes.compare
    all_options: dict[str, object] = {}
    if comparison:
        repeated_options = {"deep": comparison.deep, "overwrite": comparison.overwrite and "again" in options}
        all_options = {name: True for name, is_set in repeated_options.items() if is_set}
        if comparison.since and ("overwrite" not in options or "again" in options):
            all_options["since"] = comparison.since
    all_options = {**all_options, **options}
    if facts.frozen_since and not all_options.keys() & {"overwrite", "since"}:
        return cutover_step(facts, deep="deep" in all_options, restart="restart" in all_options)
    return Step("compare", all_options)


def is_kept_closed(facts: WaitingFacts) -> bool:
    """Return True if the project is closed and no step of the cutover will open it.

    A rehearsal never opens a project. A cutover leaves the project closed after any GO, or if a person closed it and
    the cutover did not close it again.
    """
    if facts.closed is None:
        return False
    was_closed_by_hand = bool(facts.run) and not facts.closed.run
    return facts.frozen_since is None or was_closed_by_hand or facts.go_stands
