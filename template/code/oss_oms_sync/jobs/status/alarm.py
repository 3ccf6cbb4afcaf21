"""Alarms: messages to the webhook, in the project's language, when the verdict changes or an alarm lasts for a day.

Verdicts `broken` and `closed`, and keys that arrive after the close, are sent immediately. Other verdicts are sent
after 10 minutes, at the second tick of the timer: neither a backlog that replay clears nor an unstable state causes a
message. `behind` and `unknown` count together, so a project that is never `in step` is reported. A closed project is
reported once; then only changes after the close are.

A verdict counts as sent only when the webhook accepted it; otherwise the next tick sends its current verdict. Two
simultaneous instances, or an instance that stops early, may send an alarm twice, which is better than a lost alarm.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from oss_oms_sync.answers.status_answer import Verdict, VerdictState
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import Text, sentences, t
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.webhook import post
from oss_oms_sync.errors import log
from oss_oms_sync.jobs.status.facts import Facts
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.settings import Settings

# "Closed" with an alarm is a separate state.
CLOSED_ALARM = "closed, alarm"
_LASTING_AGE = timedelta(minutes=10)
_REPEAT_AGE = timedelta(days=1)

# Label of each verdict, and the next step.
_LABELS = {
    VerdictState.IN_STEP.value: (t("in step"), t("Nothing to do.")),
    VerdictState.BEHIND.value: (
        t("BEHIND"),
        t(
            "In the project's folder: {status}. If the backlog still grows after an hour: {doctor}.",
            status=Step("status"),
            doctor=Step("doctor"),
        ),
    ),
    VerdictState.BROKEN.value: (
        t("BROKEN"),
        t(
            "No object is lost: failed objects wait, and are resent after the repair. In the project's"
            " folder, this command lists each fault with its remedy: {step}.",
            step=Step("doctor"),
        ),
    ),
    VerdictState.UNKNOWN.value: (
        t("UNKNOWN"),
        t(
            "No problem is known, but no recent check exists. Run the command above in the project's folder."
            " If a timer should have run it: {step}.",
            step=Step("doctor"),
        ),
    ),
    VerdictState.CLOSED.value: (
        t("closed"),
        t("While the project is closed, only changes recorded after the close cause an alarm."),
    ),
    CLOSED_ALARM: (
        t("closed, ALARM"),
        t(
            "No change is lost: all are recorded. This alarm repeats daily until the changes are resubmitted"
            " or acknowledged: {step}.",
            step=Step("status"),
        ),
    ),
}


@dataclass(frozen=True)
class _AlarmState:
    """State of the messages; times are in the format of records, and all fields are empty at the beginning.

    `verdict`: the timer's last verdict; `since`: its begin. `reported`, `reported_at`: the verdict of the last message,
    and its time. `lasting`: the begin of being in step, or out of step, in contrast to the last message. `problem`: why
    the webhook did not accept the last message; empty if it did.
    """

    verdict: str = ""
    since: str = ""
    reported: str = ""
    reported_at: str = ""
    lasting: str = ""
    problem: str = ""

    def is_due(self, verdict: Verdict, now: datetime) -> bool:
        """Return True if a message on the current verdict is due."""
        if self.reported == name_of(verdict):
            return verdict.alarm and _ago(self.reported_at, now) >= _REPEAT_AGE
        at_once = verdict.alarm or verdict.state is VerdictState.CLOSED
        return at_once or _ago(self.lasting, now) >= _LASTING_AGE


def name_of(verdict: Verdict) -> str:
    """Return the name of the verdict in messages."""
    return CLOSED_ALARM if verdict.state is VerdictState.CLOSED and verdict.alarm else verdict.state.value


def report_change(invocation: Invocation, verdict: Verdict, facts: Facts) -> None:
    """Send a message on the verdict if it is due, and log the result; without a webhook do nothing.

    Raises StorageError.
    """
    if not invocation.settings.alert_webhook:
        return
    memory, now = JobState(invocation), invocation.clock.now()
    before = watch = memory.recall(_AlarmState, "watch") or _AlarmState()
    if watch.verdict != name_of(verdict):
        begins = watch.verdict == watch.reported or VerdictState.IN_STEP.value in (watch.verdict, name_of(verdict))
        lasting = timestamp(now) if begins else watch.lasting
        watch = replace(watch, verdict=name_of(verdict), since=timestamp(now), lasting=lasting)
    message = _alert(invocation.settings, verdict, facts, watch, now)
    if watch.is_due(verdict, now):
        watch = replace(watch, problem=_send_message(invocation, name_of(verdict), *message))
        if not watch.problem:
            watch = replace(watch, reported=name_of(verdict), reported_at=timestamp(now))
    elif watch.reported == name_of(verdict):  # the verdict is the same as in the last message
        watch = replace(watch, problem="")
    if watch != before:
        memory.store("watch", asdict(watch))


def webhook_problem(invocation: Invocation) -> str:
    """Return the reason why the webhook did not accept the last alarm; empty if it did, or before the first alarm.

    Raises StorageError.
    """
    watch = JobState(invocation).recall(_AlarmState, "watch") if invocation.settings.alert_webhook else None
    return watch.problem if watch else ""


def _send_message(invocation: Invocation, name: str, text: str, fields: Mapping[str, object]) -> str:
    """Send the message; return the reason why the webhook did not accept it, or an empty text."""
    kind, problem = post(invocation, text, fields)
    entry = {"alert": name, "webhook": kind}
    if problem:
        log.error({**entry, "alert_problem": problem})
    else:
        log.info(entry)
    return problem


def _ago(time: str, now: datetime) -> timedelta:
    """Return the age of `time`; an unreadable time counts as very old, so that a message is sent."""
    at = parse_time(time)
    return now - at if at else timedelta.max


def _alert(
    settings: Settings, verdict: Verdict, facts: Facts, watch: _AlarmState, now: datetime
) -> tuple[str, Mapping[str, object]]:
    """Return the message that the verdict changed since the last message, or lasts."""
    (name, following), since, language = _LABELS[name_of(verdict)], watch.since, settings.alert_language
    last, _ = _LABELS.get(watch.reported, (None, None))
    headline = t("{name} (was {last})", name=name, last=last) if last else name
    if watch.reported == name_of(verdict):
        headline = t("still {name}", name=name)
    lines = (
        t("oss-oms-sync {project}: {headline}", project=settings.project, headline=headline),
        verdict.text,
        sentences(_numbers(facts), t("First reported at {since}.", since=since)),
        following,
    )
    return (
        "\n".join(line.of(language) for line in lines),
        {
            "project": settings.project,
            "task": settings.task.task_id,
            "source": settings.source_bucket,
            "verdict": verdict.state.value,
            "alarm": verdict.alarm,
            "before": watch.reported or None,
            "since": since,
            "at": timestamp(now),
            "text": verdict.text.of(language),
            "next": following.of(language),
            "waiting": facts.backlog.waiting,
            "at_least": facts.backlog.more_may_wait,
            "oldest": facts.backlog.oldest,
            "copy_failures": facts.failures.open if facts.failures else None,
            "task_group": facts.migration.group if facts.migration else None,
        },
    )


def _numbers(facts: Facts) -> Text:
    backlog, failed = facts.backlog, facts.failures
    waiting = t("unknown") if backlog.more_may_wait and not backlog.waiting else t("{n}", n=backlog.how_many)
    if backlog.oldest:
        waiting = t("{n} since {oldest}", n=backlog.how_many, oldest=backlog.oldest)
    return t(
        "Waiting to be resent: {waiting}. Failed copies: {failures}.",
        waiting=waiting,
        failures=failed.open if failed else t("unknown"),
    )
