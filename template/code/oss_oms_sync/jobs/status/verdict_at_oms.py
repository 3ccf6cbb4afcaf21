"""The rules of the verdict about OMS: failed copies, copies in progress, and the objects in OBS."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from oss_oms_sync.answers.object_class import IN_SCOPE, ObjectClass
from oss_oms_sync.answers.status_answer import Verdict, VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import LOOK_STEP, WORKING_STATES, GroupState, TaskGroup
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.copy_codes import find_copy_code
from oss_oms_sync.errors import Failure, Reason
from oss_oms_sync.jobs.status.facts import Facts, ObsState

ACKNOWLEDGE_STEP = Step("status", {"acknowledge": True})
make_behind_verdict = partial(Verdict, VerdictState.BEHIND)
make_unknown_verdict = partial(Verdict, VerdictState.UNKNOWN)
_MISSING_COUNTERS_TEXT = t(
    "Nothing is waiting to be resent, but OMS's answer lacks some counters: check the sync task in the OMS console."
)
# Reasons for a migration without progress, by the option that ends it.
_STOPPED_TEXTS = {
    "go_on": t("The migration of the existing objects is paused. To continue the migration: {step}"),
    "retry": t(
        "The migration of the existing objects has ended: {failed} of {total:object|objects} failed. To retry the"
        " failed objects: {step}"
    ),
    "remove": t(
        "The existing objects are not being copied, because their migration failed. Remove the cause, then end the"
        " migration and start over: {step}"
    ),
}
# Classes in the order of a certificate's checks: a migration that overwrites newer objects also replaces older objects.
_CLASSES_BY_URGENCY = (ObjectClass.MISSING, ObjectClass.OVERWRITTEN, ObjectClass.OLDER)
_RESENT_TEXT = t(
    "The migration of the existing objects has ended: {failed} of {total:object|objects} failed. Replay resends the"
    " failed objects. To end the migration: {step}"
)


def check_stuck_copies(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if OMS fails to copy objects after every resend."""
    failures = facts.failures
    if failures and failures.stuck:
        codes = [code or "?" for code in failures.stuck_codes]
        fix = find_copy_code(next(iter(failures.stuck_codes))).fix
        if len(codes) > 1:
            fix = t("{fix} This remedy is only for {code}; status lists the other remedies.", fix=fix, code=codes[0])
        yield make_behind_verdict(
            t(
                "OMS repeatedly fails to copy {stuck:object|objects} ({codes}): {fix} Replay keeps resending these"
                " objects, eventually once a day. After you have removed the cause, resend them at once: {step}",
                stuck=failures.stuck,
                codes=codes,
                fix=fix,
                step=Step("replay", {"reason": "COPY_FAILED"}),
            ),
            Step("replay", {"reason": Reason.COPY_FAILED.name}),
        )


def check_failed_copies(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if OMS reports failed copies that no list names, or does not report its failed copies."""
    copy_progress, failures, earlier_text = facts.copy_progress, facts.failures, None
    if isinstance(copy_progress.months, Failure):
        text = t(
            "Nothing is waiting to be resent, but OMS does not report how many objects it has copied ({reason}): {fix}",
            reason=copy_progress.months.reason.name,
            fix=copy_progress.months.remedy("get"),
        )
        if not isinstance(copy_progress.task, Failure):
            earlier_text = t(
                "The counts that OMS does not report are of earlier months. To count only from now on: {command}",
                command=ACKNOWLEDGE_STEP,
            )
        yield make_behind_verdict(sentences(text, earlier_text), Step("doctor"))
    elif failures is None:
        yield make_behind_verdict(_MISSING_COUNTERS_TEXT, Step("status"))
    elif failures.unknown:
        yield make_behind_verdict(
            t(
                "OMS failed to copy {unknown:object|objects} that replay has not found in OMS's lists yet."
                " Check the status again in a few minutes. If the number does not fall, find these objects in"
                " the OMS console, and resend them with replay's option --key. This verdict lasts until a"
                " comparison proves that all objects are in OBS ({step}), or until you have resolved all of"
                " these failures and acknowledge them: {acknowledge}",
                unknown=failures.unknown,
                acknowledge=ACKNOWLEDGE_STEP,
                step=Step("compare", {"deep": True}),
            ),
            Step("status"),
        )


def check_unfinished_copies(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if OMS has not finished objects in time, or does not report their age."""
    unfinished_counts, last_day = facts.copy_progress.unfinished_counts, facts.copy_progress.last_day
    if isinstance(last_day, Failure):
        yield make_behind_verdict(
            t(
                "Nothing is waiting to be resent, but OMS does not report how long the objects in its queue"
                " have waited ({reason}): {fix}",
                reason=last_day.reason.name,
                fix=last_day.remedy("statistics"),
            ),
            Step("doctor"),
        )
    elif unfinished_counts is None:
        yield make_behind_verdict(_MISSING_COUNTERS_TEXT, Step("status"))
    elif unfinished_counts.overdue is None:
        yield make_behind_verdict(
            t(
                "Nothing is waiting to be resent, but OMS has not processed {objects:accepted"
                " object|accepted objects} and reports only hourly counts: some of these objects may have"
                " waited for more than 15 minutes. Check the status again in an hour.",
                objects=unfinished_counts.objects,
            ),
            Step("status"),
        )
    elif unfinished_counts.overdue:
        yield make_behind_verdict(
            t(
                "OMS has not processed {objects:accepted object|accepted objects} ({overdue} of them"
                " accepted over 15 minutes ago). If the number does not fall, find these objects in the OMS"
                " console, and resend them with replay's option --key. When all of them are resolved,"
                " acknowledge them: {acknowledge}",
                objects=unfinished_counts.objects,
                overdue=unfinished_counts.overdue,
                acknowledge=ACKNOWLEDGE_STEP,
            ),
            Step("status"),
        )


def check_unsubmitted(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if a pass left so many objects unsubmitted that a migration would copy them faster."""
    compare_pass = facts.obs_state.last_comparison.state if facts.obs_state.last_comparison else None
    for last_pass in filter(None, (compare_pass, facts.coverage.recent_pass)):
        if last_pass.unsent:
            yield make_behind_verdict(
                t(
                    "The pass of {began} did not submit {n:object|objects}, because a migration copies that"
                    " many objects faster. Run the migration: {migrate}. After the migration, run {compare}"
                    " and {reconcile}",
                    began=last_pass.started,
                    n=last_pass.unsent,
                    migrate=Step("migrate"),
                    compare=Step("compare"),
                    reconcile=Step("reconcile"),
                ),
                last_pass.of.migrations.step,
            )


def check_missing(facts: Facts) -> Iterator[Verdict]:
    obs_state = facts.obs_state
    if not obs_state.last_comparison or not obs_state.missing_count:
        return
    object_class = next(object_class for object_class in _CLASSES_BY_URGENCY if obs_state.count(object_class))
    remedy = obs_state.last_comparison.remedy(object_class)
    if remedy.step:
        missing_text = t(
            "The comparison of {began} found {lacking} of {total:object|objects} missing in OBS, or present"
            " in another version.",
            began=obs_state.start_time,
            lacking=obs_state.missing_count,
            total=obs_state.total_count,
        )
        remedy_text = t("{mend}: {command}", mend=remedy.text, command=remedy.step)
        if remedy.is_special:
            remedy_text = sentences(remedy.text, t("Next step: {command}", command=remedy.step))
        yield make_behind_verdict(sentences(missing_text, remedy_text), remedy.step)


def check_differing(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if OBS has objects that may differ from the source's."""
    obs_state = facts.obs_state
    if obs_state.last_comparison and obs_state.count(ObjectClass.SUSPICIOUS):
        remedy = obs_state.last_comparison.remedy(ObjectClass.SUSPICIOUS)
        if remedy.step:
            text = t(
                "According to the comparison of {began} ({total:object|objects}): {remedy}",
                began=obs_state.start_time,
                total=obs_state.total_count,
                remedy=remedy.text,
            )
            yield make_behind_verdict(text, remedy.step)


def check_stopped_migration(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if the migration of existing objects needs action to continue."""
    group = facts.task_group
    if isinstance(group, Failure) and group.status == 404:
        yield make_behind_verdict(
            t(
                "The task group that copies the existing objects was deleted. To end the migration and start over:"
                " {step}",
                step=Step("migrate", {"remove": True}),
            ),
            Step("migrate", {"remove": True}),
        )
    if facts.remaining_access_keys:
        yield make_behind_verdict(
            t(
                "The migration of the existing objects finished over a day ago, but the migration's"
                " access keys still exist: {keys}. To end the migration and delete its access keys: {step}",
                keys=facts.remaining_access_keys,
                step=Step("migrate"),
            ),
            Step("migrate"),
        )
    if isinstance(group, TaskGroup) and group.step.options:
        text = _RESENT_TEXT if group.resent else _STOPPED_TEXTS[next(iter(group.step.options))]
        yield make_behind_verdict(text.filled(failed=group.failed, total=group.total, step=group.step), group.step)


def check_unknown_migration(facts: Facts) -> Iterator[Verdict]:
    group = facts.task_group
    if isinstance(group, Failure):
        yield make_unknown_verdict(
            t(
                "Nothing is waiting to be resent, but OMS does not report the migration's progress ({reason}): {fix}",
                reason=group.reason.name,
                fix=group.remedy("get", "taskgroup"),
            ),
            LOOK_STEP,
        )
    elif facts.migration and group is None:
        yield make_unknown_verdict(
            t(
                "Nothing is waiting to be resent, but a migration of the existing objects has begun, and its"
                " task group is unknown. To check the migration: {step}",
                step=LOOK_STEP,
            ),
            LOOK_STEP,
        )


def describe_running_migration(facts: Facts) -> Text | None:
    group = facts.task_group
    if not isinstance(group, TaskGroup):
        return None
    if group.state is GroupState.DONE:
        return t("The existing objects have been copied. To end their migration: {step}.", step=Step("migrate"))
    if group.state not in WORKING_STATES:
        return None
    if group.percent is None:
        return t(
            "The migration of the existing objects is running, and OMS is listing the source. To check the"
            " progress: {step}.",
            step=LOOK_STEP,
        )
    return t(
        "The migration of the existing objects is running: {percent:.1f}% of {total:object|objects} are"
        " finished. For details: {step}.",
        percent=group.percent,
        total=group.total,
        step=LOOK_STEP,
    )


def describe_comparison_result(obs_state: ObsState) -> Text:
    if not obs_state.last_comparison:
        return t(
            "OMS accepted these objects, but no comparison has checked OBS yet. To compare: {step}.",
            step=Step("compare"),
        )
    if obs_state.last_comparison.is_contradicted:
        return t(
            "OMS accepted these objects. Their state in OBS is unknown, because a standstill pass found"
            " changes since the comparison of {began}. To compare again: {step}.",
            began=obs_state.start_time,
            step=Step("compare"),
        )
    watermark, unproven_count = obs_state.last_comparison.watermark, obs_state.equal_count - obs_state.proven_count
    counts = {
        object_class.title: obs_state.count(object_class) for object_class in IN_SCOPE if not object_class.is_equal
    }
    other_texts = [t("{n} {name}", n=number, name=name) for name, number in counts.items() if number]
    return sentences(
        t(
            "All objects written before {watermark} were in OBS at {began}. Of {total:object|objects},"
            " {equal} count as equal: {proven} proven equal, {unproven} not proven equal.",
            watermark=watermark,
            began=obs_state.start_time,
            equal=obs_state.equal_count,
            total=obs_state.total_count,
            proven=obs_state.proven_count,
            unproven=unproven_count,
        ),
        t("Other objects: {others}.", others=other_texts) if other_texts else None,
    )
