"""The verdict: in step, or else the most important deviation."""

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
    ACKNOWLEDGE,
    behind,
    comparison_text,
    differing_in_obs,
    failed_to_copy,
    migration_text,
    missing_in_obs,
    old_objects_stopped,
    old_objects_unknown,
    stuck_at_oms,
    too_many,
    unknown,
    yet_to_copy,
)
from oss_oms_sync.ledger.certificates import describe
from oss_oms_sync.passes.tally import NEW, NEW_MISSING

_LATE_CHANGES_STEP = t("To submit the changes, open the project; if OBS does not need them: {command}.")
_LATE_CHANGES_AFTER_GO = t("Copy the objects that OBS needs by hand; then: {command}.")
_broken = partial(Verdict, VerdictState.BROKEN, alarm=True)


def reach_verdict(facts: Facts) -> Verdict:
    """Return the verdict of the first matching rule, with a note on a running migration of existing objects."""
    verdict = next(verdict for rule in _RULES for verdict in rule(facts))
    also = migration_text(facts)
    return replace(verdict, text=sentences(verdict.text, also)) if also else verdict


def closed(facts: Facts) -> Iterator[Verdict]:
    """Yield the verdict of a closed project: only changes after the close count."""
    if facts.closed is None:
        return
    backlog, late, after, waiting, hidden = facts.backlog, facts.backlog.after_close, None, None, None
    if late:
        number = AtLeast(len(late)) if backlog.may_be_more else len(late)
        after = t(
            "ALARM: {n:object|objects} changed after the close, the last at {last}: recorded, not submitted."
            " Find out which application still writes to the source",
            n=number,
            last=timestamp(from_epoch(max(late))),
        )
        after = sentences(
            after, (_LATE_CHANGES_AFTER_GO if facts.go else _LATE_CHANGES_STEP).filled(command=ACKNOWLEDGE)
        )
    elif backlog.may_be_more:
        after = t(
            "ALARM: unknown whether anything changed after the close, because some failed records could not"
            " be read. For the number of possible changes (CLOSED, MARK_UNREAD): {step}. If there are none:"
            " {command}",
            command=ACKNOWLEDGE,
            step=Step("replay", {"dry_run": True}),
        )
        too_many = t("If this alarm persists, there are too many records: open the project to submit them.")
        after = sentences(after, None if facts.go else too_many)
    if backlog.waiting or backlog.at_least:
        waiting = t("Recorded, not submitted: {n:object key|object keys}.", n=backlog.how_many)
    if files := [*backlog.unreadable_run_files, *(project.folder for project in backlog.left_behind)]:
        # Compare submits nothing now, so its result permits no deletion of a file, in contrast to other rules.
        hidden = t(
            "Run files of replay cannot be read, or their project no longer runs, so objects may still wait"
            " in them: {files}. To list the objects missing in OBS: {step}.",
            files=files,
            step=Step("compare"),
        )
    text = sentences(t("{closed}.", closed=describe(facts.closed, facts.go)), after, waiting, hidden)
    step: Step | None = Step("open")
    if facts.go:
        step = ACKNOWLEDGE if after else None
    yield Verdict(VerdictState.CLOSED, text, step, alarm=after is not None)


def broken(facts: Facts) -> Iterator[Verdict]:
    """Yield a lasting failure that affects every key."""
    task, permanent = facts.copying.task, {reason.name for reason in PERMANENT_REASONS}
    names = [name for name in facts.backlog.by_reason if name in permanent]
    # OMS accepts keys even without the permission to query the task.
    if isinstance(task, Failure) and task.reason.name in permanent and task.reason is not Reason.FORBIDDEN:
        names.insert(0, task.reason.name)
    if names:
        yield _broken(t("{name}: {fix}", name=names[0], fix=Reason[names[0]].fix), Step("doctor"))
    elif not isinstance(task, Failure) and not task.is_running:
        yield _broken(
            t("The sync task is {status}. Start it in the OMS console.", status=task.status),
            Step("doctor"),
        )


def waiting(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict on keys waiting to be resent."""
    backlog, number = facts.backlog, facts.backlog.how_many
    text = t("{n:object|objects} waiting; replay resends automatically.", n=number)
    if backlog.oldest:
        # The first failure is only known if all records were read.
        is_first = backlog.read >= backlog.failed
        since = backlog.oldest if is_first else t("{time} or before", time=backlog.oldest)
        text = t("{n:object|objects} waiting since {since}; replay resends automatically.", n=number, since=since)
    if backlog.waiting or backlog.at_least:
        yield behind(text, Step("replay"))


def unreadable(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict on unreadable run files, whose keys are unknown."""
    if facts.backlog.unreadable_run_files:
        yield behind(UNREADABLE.filled(names=facts.backlog.unreadable_run_files), Step("compare"))


def left_behind(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict on run files of inactive projects."""
    names = [
        t("{project} ({folder}: {n})", project=run_files.project, folder=run_files.folder, n=run_files.run_files)
        for run_files in facts.backlog.left_behind
    ]
    if names:
        yield behind(
            t(
                "Run files of projects that no longer run hold objects that no project resends: {names}. Deploy"
                " such a project again. If the project was renamed or removed, run {step}, which submits the"
                " missing objects, then delete the files.",
                names=names,
                step=Step("compare"),
            ),
            Step("compare"),
        )


def events_lost(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict on lost events, if most new objects had no event."""
    last = facts.coverage.recent
    new, missing = (last.counts.get(name, 0) for name in (NEW, NEW_MISSING)) if last else (0, 0)
    if missing * 2 > new:
        yield behind(
            t(
                "Events are missing for {missing:new object|new objects} (of {new}); reconcile has submitted"
                " them. Check in the Function Compute console that the trigger of forward exists. Then"
                " upload an object, and run reconcile 15 minutes later: the verdict stays until a pass finds"
                " that events arrive.",
                missing=missing,
                new=new,
            ),
            Step("doctor"),
        )


def not_looked(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict on gaps of the recent passes, with a sentence and a command for each."""
    coverage, in_obs, left = facts.coverage, facts.in_obs, facts.in_obs.count(ObjectClass.MIGRATING)
    kinds = (
        (
            coverage.recent is None,
            Step("reconcile"),
            t(
                "no full reconcile pass has finished recently, so lost events may be undetected. To find them: {step}.",
                step=Step("reconcile"),
            ),
        ),
        (
            in_obs.overdue,
            Step("compare"),
            t(
                "the last comparison began at {began}, so later writes are not checked. To check them: {step}.",
                began=in_obs.began,
                step=Step("compare"),
            ),
        ),
        (
            in_obs.has_changed,
            Step("compare"),
            t(
                "a standstill pass found that OBS has changed since the comparison of {began}, but the source has"
                " not: the current objects in OBS are unknown. To list them: {step}.",
                began=in_obs.began,
                step=Step("compare"),
            ),
        ),
        (
            left > 0 and facts.migration is None,
            Step("compare"),
            t(
                "the last comparison left {n:object|objects} to a migration that has ended. To check that they"
                " are in OBS: {step}.",
                n=left,
                step=Step("compare"),
            ),
        ),
        (
            in_obs.is_unknown,
            Step("doctor"),
            t(
                "OMS does not report the destination bucket of the sync task, so the results of the comparisons"
                " are unknown. To find the reason: {step}.",
                step=Step("doctor"),
            ),
        ),
    )
    reasons = [(step, text) for is_so, step, text in kinds if is_so]
    if reasons:
        step, reason = reasons[0]
        for _, text in reasons[1:]:
            reason = t("{first} Also: {second}", first=reason, second=text)
        yield unknown(sentences(t("Nothing waits, but {why}", why=reason), _under_way(coverage.open)), step)


def nothing_in_scope(facts: Facts) -> Iterator[Verdict]:
    """Yield a verdict if no object is in scope, so that none can be in step."""
    last = facts.coverage.recent
    if last and last.tally.has_no_objects:
        yield unknown(
            t(
                "The pass of {started} found no object in scope (prefix {prefix!r}, suffix {suffix!r}), so"
                " nothing can be in step. Check SOURCE_BUCKET, OBJECT_PREFIX and OBJECT_SUFFIX for typos. If"
                " they are right, upload an object, and run reconcile.",
                started=last.started,
                prefix=last.scope.key_filter.prefix,
                suffix=last.scope.key_filter.suffix,
            ),
            Step("doctor"),
        )


def in_step(facts: Facts) -> Iterator[Verdict]:
    """Yield the verdict "in step", with the checked and the unchecked parts."""
    coverage, copying = facts.coverage, facts.copying
    began, counts = (coverage.recent.started, coverage.recent.counts) if coverage.recent else ("", {})
    is_limited = coverage.since.timestamp() > 0  # true for any real time, because OSS is younger
    since, month = timestamp(coverage.since), copying.since and copying.since.strftime("%Y-%m")
    unfinished = copying.unfinished.objects if copying.unfinished else 0
    text = sentences(
        t(
            "Nothing waits; the pass of {began} checked {scanned:object|objects} and submitted {sent}.",
            began=began,
            sent=counts.get("submitted", 0),
            scanned=counts.get("scanned", 0),
        ),
        comparison_text(facts.in_obs),
        t("OMS has not processed {n:object|objects} accepted in the last minutes.", n=unfinished)
        if unfinished
        else None,
        t("OMS's counts before {month} were not checked.", month=month) if month else None,
        t("Objects written before {since} were not checked.", since=since) if is_limited else None,
        _under_way(coverage.open),
    )
    is_compared = facts.in_obs.last and not facts.in_obs.last.is_contradicted
    step = Step("cutover", {"rehearse": True}) if is_compared else Step("compare")
    yield Verdict(VerdictState.IN_STEP, text, step)


# In order of importance.
_RULES: Sequence[Callable[[Facts], Iterable[Verdict]]] = (
    closed,
    broken,
    stuck_at_oms,
    waiting,
    unreadable,
    left_behind,
    events_lost,
    failed_to_copy,
    yet_to_copy,
    old_objects_stopped,
    too_many,
    missing_in_obs,
    differing_in_obs,
    not_looked,
    nothing_in_scope,
    old_objects_unknown,
    in_step,
)


def _under_way(passes: OpenPasses) -> Text | None:
    """Return a sentence on the newest open pass, with the number of other open passes; None without an open pass."""
    if not passes:
        return None
    newest, progress = max(passes, key=lambda each: each[0].started)
    is_backfill = newest.scope.everything or newest.scope.since
    name = t("A backfill is running") if is_backfill else t("A pass is running")
    parts = [t("{n:object|objects} so far", n=newest.counts.get("scanned", 0))]
    if progress.share is not None:
        left = progress.minutes_left
        parts = [t("{so_far} ({share:.0%}, {n:minute|minutes} left)", so_far=parts[0], share=progress.share, n=left)]
    if len(passes) > 1:
        parts.append(t("and {n} more", n=len(passes) - 1))
    return t("{name}: begun {started}, {parts}.", name=name, started=newest.started, parts=parts)
