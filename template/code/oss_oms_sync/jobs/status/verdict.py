"""The verdict of status: "in step" or, if something deviates, the verdict of the most important deviation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial

from oss_oms_sync.answers.job_answers import UNREADABLE
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.status_answer import Verdict, VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import AtLeast, Text, sentences, t
from oss_oms_sync.clock import from_epoch, timestamp
from oss_oms_sync.errors import PERMANENT_REASONS, Failure, Reason
from oss_oms_sync.jobs.status.facts import Facts, OpenPasses
from oss_oms_sync.jobs.status.verdict_at_oms import (
    ACKNOWLEDGE_STEP,
    check_differing,
    check_failed_copies,
    check_missing,
    check_stopped_migration,
    check_stuck_copies,
    check_unfinished_copies,
    check_unknown_migration,
    check_unsubmitted,
    describe_comparison_result,
    describe_running_migration,
    make_behind_verdict,
    make_unknown_verdict,
)
from oss_oms_sync.ledger.certificates import describe_closed
from oss_oms_sync.passes.tally import NEW_OBJECTS, NEW_WITHOUT_EVENT

_LATE_CHANGES_TEXT = t(
    "To submit the changes, open the project. If OBS does not need the changes, acknowledge them: {command}."
)
_LATE_CHANGES_AFTER_GO_TEXT = t("Copy the objects that OBS needs by hand, then acknowledge the changes: {command}.")
_make_broken_verdict = partial(Verdict, VerdictState.BROKEN, alarm=True)


def reach_verdict(facts: Facts) -> Verdict:
    """Return the verdict of the first matching rule, with a note on a running migration of the existing objects."""
    verdict = next(verdict for rule in _RULES for verdict in rule(facts))
    note = describe_running_migration(facts)
    return replace(verdict, text=sentences(verdict.text, note)) if note else verdict


def check_closed(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if the project is closed. It has an alarm if source objects changed after the close."""
    if facts.mark is None:
        return
    backlog = facts.backlog
    late_change_times = backlog.late_record_times
    alarm_text = recorded_text = unreadable_files = None
    if late_change_times:
        printed_count = (
            AtLeast(len(late_change_times)) if backlog.may_have_more_late_records else len(late_change_times)
        )
        alarm_text = t(
            "ALARM: {n:object|objects} changed after the close, the last at {last}. The changes are recorded but"
            " not submitted. Find out which application still writes to the source",
            n=printed_count,
            last=timestamp(from_epoch(max(late_change_times))),
        )
        alarm_text = sentences(
            alarm_text,
            (_LATE_CHANGES_AFTER_GO_TEXT if facts.go else _LATE_CHANGES_TEXT).filled(command=ACKNOWLEDGE_STEP),
        )
    elif backlog.may_have_more_late_records:
        alarm_text = t(
            "ALARM: it is unknown whether any object changed after the close, because some failed records"
            " could not be read. To count possible changes (reasons CLOSED and MARK_UNREAD): {step}. If there"
            " are none, acknowledge the alarm: {command}",
            command=ACKNOWLEDGE_STEP,
            step=Step("replay", {"dry_run": True}),
        )
        too_many_text = t(
            "If this alarm persists, there are too many records to read: open the project to submit their objects."
        )
        alarm_text = sentences(alarm_text, None if facts.go else too_many_text)
    if backlog.waiting or backlog.at_least:
        recorded_text = t("Recorded but not submitted: {n:object key|object keys}.", n=backlog.printed_count)
    if files := [*backlog.unreadable_run_files, *(project.folder for project in backlog.left_behind)]:
        # Compare submits nothing now, so its result permits no deletion of a file, in contrast to other rules.
        unreadable_files = t(
            "Some run files of replay cannot be read, or belong to projects that no longer run, so objects may"
            " still wait in them: {files}. To list the objects missing in OBS: {step}.",
            files=files,
            step=Step("compare"),
        )
    text = sentences(
        t("{closed}.", closed=describe_closed(facts.mark, facts.go)), alarm_text, recorded_text, unreadable_files
    )
    step: Step | None = Step("open")
    if facts.go:
        step = ACKNOWLEDGE_STEP if alarm_text else None
    yield Verdict(VerdictState.CLOSED, text, step, alarm=alarm_text is not None)


def check_permanent_failure(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if a failure affects every key until a person removes its cause."""
    task, permanent_names = facts.copy_progress.task, {reason.name for reason in PERMANENT_REASONS}
    names = [name for name in facts.backlog.by_reason if name in permanent_names]
    # OMS accepts keys even without the permission to query the task.
    if isinstance(task, Failure) and task.reason.name in permanent_names and task.reason is not Reason.FORBIDDEN:
        names.insert(0, task.reason.name)
    if names:
        yield _make_broken_verdict(t("{name}: {fix}", name=names[0], fix=Reason[names[0]].fix), Step("doctor"))
    elif not isinstance(task, Failure) and not task.is_running:
        yield _make_broken_verdict(
            t("The sync task is {status}. Start it in the OMS console.", status=task.status),
            Step("doctor"),
        )


def check_waiting(facts: Facts) -> Iterator[Verdict]:
    backlog, printed_count = facts.backlog, facts.backlog.printed_count
    text = t(
        "{n:object is|objects are} waiting to be resent. Replay resends failed objects automatically.", n=printed_count
    )
    if backlog.oldest:
        # The first failure is only known if all records were read.
        is_first = backlog.read >= backlog.failed
        since_text = backlog.oldest if is_first else t("{time} or earlier", time=backlog.oldest)
        text = t(
            "{n:object has|objects have} been waiting to be resent since {since}. Replay resends failed"
            " objects automatically.",
            n=printed_count,
            since=since_text,
        )
    if backlog.waiting or backlog.at_least:
        yield make_behind_verdict(text, Step("replay"))


def check_unreadable(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if files with the keys of a run of replay are unreadable, because these keys are unknown."""
    if facts.backlog.unreadable_run_files:
        yield make_behind_verdict(UNREADABLE.filled(names=facts.backlog.unreadable_run_files), Step("compare"))


def check_abandoned(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if projects that no longer run have left files with keys to resend."""
    names = [
        t(
            "{project} ({n:run file|run files} below {folder})",
            project=run_files.project,
            folder=run_files.folder,
            n=run_files.run_files,
        )
        for run_files in facts.backlog.left_behind
    ]
    if names:
        yield make_behind_verdict(
            t(
                "Projects that no longer run have left run files of replay, and no project resends the"
                " objects in these files: {names}. Deploy these projects again. If a project was renamed or"
                " removed, run {step}, which submits the missing objects, then delete the project's run files.",
                names=names,
                step=Step("compare"),
            ),
            Step("compare"),
        )


def check_events(facts: Facts) -> Iterator[Verdict]:
    """Yield the verdict that events are lost, if more than half of the new objects had no event."""
    recent_pass = facts.coverage.recent_pass
    new_count, missing_count = (
        (recent_pass.counts.get(name, 0) for name in (NEW_OBJECTS, NEW_WITHOUT_EVENT)) if recent_pass else (0, 0)
    )
    if missing_count * 2 > new_count:
        yield make_behind_verdict(
            t(
                "Events are missing for {missing} of {new:new object|new objects}; reconcile has submitted"
                " these objects. Check in the Function Compute console that forward's trigger exists. Then"
                " upload an object, and run reconcile 15 minutes later. This verdict lasts until a reconcile"
                " pass finds that events arrive.",
                missing=missing_count,
                new=new_count,
            ),
            Step("doctor"),
        )


def check_gaps(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if recent passes left objects unchecked, with a sentence and a command for each gap."""
    coverage, obs_state, migrating_count = facts.coverage, facts.obs_state, facts.obs_state.count(ObjectClass.MIGRATING)
    gaps = (
        (
            coverage.recent_pass is None,
            Step("reconcile"),
            t(
                "no full reconcile pass has finished recently, so lost events may have gone undetected."
                " To find lost events: {step}.",
                step=Step("reconcile"),
            ),
        ),
        (
            obs_state.is_overdue,
            Step("compare"),
            t(
                "the last comparison began at {began}, so later writes have not been checked. Compare again: {step}.",
                began=obs_state.start_time,
                step=Step("compare"),
            ),
        ),
        (
            obs_state.has_changed,
            Step("compare"),
            t(
                "since the comparison of {began}, a standstill pass has found changes in OBS, but none at"
                " the source, so the current contents of OBS are unknown. Compare again: {step}.",
                began=obs_state.start_time,
                step=Step("compare"),
            ),
        ),
        (
            migrating_count > 0 and facts.migration is None,
            Step("compare"),
            t(
                "the last comparison left {n:object|objects} to a migration that has since ended. To"
                " check whether these objects are in OBS: {step}.",
                n=migrating_count,
                step=Step("compare"),
            ),
        ),
        (
            obs_state.is_unknown,
            Step("doctor"),
            t(
                "OMS does not report the destination bucket of the sync task, so the results of the comparisons"
                " are unknown. To find the reason: {step}.",
                step=Step("doctor"),
            ),
        ),
    )
    reasons = [(step, text) for is_true, step, text in gaps if is_true]
    if reasons:
        step, reason = reasons[0]
        for _, text in reasons[1:]:
            reason = t("{first} Also: {second}", first=reason, second=text)
        yield make_unknown_verdict(
            sentences(
                t("Nothing is waiting to be resent, but {why}", why=reason), _describe_open_passes(coverage.open_passes)
            ),
            step,
        )


def check_scope(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if the last pass found no object that passes the filter: "in step" would then have no meaning."""
    recent_pass = facts.coverage.recent_pass
    if recent_pass and recent_pass.tally.has_no_objects:
        yield make_unknown_verdict(
            t(
                "The pass of {started} found no object in scope (prefix {prefix!r}, suffix {suffix!r}), so the"
                " project's state is unknown. Check SOURCE_BUCKET, OBJECT_PREFIX and OBJECT_SUFFIX for typos. If"
                " they are correct, upload an object, and run reconcile.",
                started=recent_pass.started,
                prefix=recent_pass.scope.key_filter.prefix,
                suffix=recent_pass.scope.key_filter.suffix,
            ),
            Step("doctor"),
        )


def conclude_in_step(facts: Facts) -> Iterator[Verdict]:
    """Yield the verdict "in step", with a sentence about objects and months that were not checked."""
    coverage, copy_progress = facts.coverage, facts.copy_progress
    pass_start, pass_counts = (
        (coverage.recent_pass.started, coverage.recent_pass.counts) if coverage.recent_pass else ("", {})
    )
    is_limited = coverage.min_object_time.timestamp() > 0  # true for any real time, because OSS is younger
    min_object_time_text, first_month_text = (
        timestamp(coverage.min_object_time),
        copy_progress.counted_since and copy_progress.counted_since.strftime("%Y-%m"),
    )
    unfinished_count = copy_progress.unfinished_counts.objects if copy_progress.unfinished_counts else 0
    text = sentences(
        t(
            "Nothing is waiting to be resent; the reconcile pass of {began} checked {scanned:object|objects}"
            " and submitted {sent}.",
            began=pass_start,
            sent=pass_counts.get("submitted", 0),
            scanned=pass_counts.get("scanned", 0),
        ),
        describe_comparison_result(facts.obs_state),
        t("OMS has not yet processed {n:object|objects} accepted in the last few minutes.", n=unfinished_count)
        if unfinished_count
        else None,
        t("OMS's counts before {month} were not checked.", month=first_month_text) if first_month_text else None,
        t("Objects written before {since} were not checked.", since=min_object_time_text) if is_limited else None,
        _describe_open_passes(coverage.open_passes),
    )
    is_compared = facts.obs_state.last_comparison and not facts.obs_state.last_comparison.is_contradicted
    step = Step("cutover", {"rehearse": True}) if is_compared else Step("compare")
    yield Verdict(VerdictState.IN_STEP, text, step)


# The rules in the order of importance; the first verdict counts.
_RULES: Sequence[Callable[[Facts], Iterable[Verdict]]] = (
    check_closed,
    check_permanent_failure,
    check_stuck_copies,
    check_waiting,
    check_unreadable,
    check_abandoned,
    check_events,
    check_failed_copies,
    check_unfinished_copies,
    check_stopped_migration,
    check_unsubmitted,
    check_missing,
    check_differing,
    check_gaps,
    check_scope,
    check_unknown_migration,
    conclude_in_step,
)


def _describe_open_passes(passes: OpenPasses) -> Text | None:
    if not passes:
        return None
    newest_pass, progress = max(passes, key=lambda open_pass: open_pass[0].started)
    is_backfill = newest_pass.scope.everything or newest_pass.scope.since
    name = t("A backfill is running") if is_backfill else t("A pass is running")
    details = [t("{n:object|objects} scanned so far", n=newest_pass.counts.get("scanned", 0))]
    if progress.share is not None:
        minutes_left = progress.minutes_left
        details = [
            t(
                "{so_far} ({share:.0%}, {n:minute|minutes} left)",
                so_far=details[0],
                share=progress.share,
                n=minutes_left,
            )
        ]
    if len(passes) > 1:
        details.append(t("and {n:other pass|other passes}", n=len(passes) - 1))
    return t("{name}, begun at {started}: {parts}.", name=name, started=newest_pass.started, parts=details)
