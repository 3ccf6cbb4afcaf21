"""Alarms: messages to the webhook in the project's language, sent when the verdict changes or an alarm lasts for a day.

- The verdicts `broken` and `closed`, and keys that arrive after the close, are reported immediately.
- Other verdicts are reported when they have lasted for 10 minutes, at the second call by the timer. So neither a
  backlog that replay clears nor an unstable state causes a message.
- `behind` and `unknown` count together: a change between the two does not restart the 10 minutes.
- A closed project is reported once; afterwards, only changes after the close are reported.

A verdict counts as reported only when the webhook has accepted it. Two instances at the same time, or an instance that
stops early, may send an alarm twice, which is better than a lost alarm.
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

# Name of the verdict "closed" with an alarm, which is reported separately.
CLOSED_ALARM = "closed, alarm"
_LASTING_AGE = timedelta(minutes=10)
_REPEAT_AGE = timedelta(days=1)

# Labels of the verdicts, and the next step after each.
_LABELS = {
    VerdictState.IN_STEP.value: (t("in step"), t("Nothing to do.")),
    VerdictState.BEHIND.value: (
        t("BEHIND"),
        t(
            "For details, run in the project's folder: {status}. If the backlog still grows after an hour,"
            " check the setup: {doctor}.",
            status=Step("status"),
            doctor=Step("doctor"),
        ),
    ),
    VerdictState.BROKEN.value: (
        t("BROKEN"),
        t(
            "No object is lost: replay resends the failed objects when the faults are fixed. To list each"
            " fault with its remedy, run in the project's folder: {step}.",
            step=Step("doctor"),
        ),
    ),
    VerdictState.UNKNOWN.value: (
        t("UNKNOWN"),
        t(
            "No problem is known, but there was no recent check. Run the command in the message above in the"
            " project's folder. If a timer should have run this command, check the setup: {step}.",
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
            "No change is lost: all changes are recorded. This alarm repeats daily until you submit or"
            " acknowledge the changes. For the commands: {step}.",
            step=Step("status"),
        ),
    ),
}


@dataclass(frozen=True)
class _AlarmState:
    """The stored state of the alarms; fields are empty before the first call.

    - `verdict`, `since`: the last verdict, and the time when it began.
    - `reported`, `reported_at`: the verdict of the last message, and the time of this message.
    - `lasting`: the time since which the verdict differs from the reported verdict. It restarts at a change to or from
      "in step".
    - `problem`: the reason why the webhook did not accept the last message, or empty if it did.
    """

    verdict: str = ""
    since: str = ""
    reported: str = ""
    reported_at: str = ""
    lasting: str = ""
    problem: str = ""

    def is_due(self, verdict: Verdict, now: datetime) -> bool:
        if self.reported == alarm_name(verdict):
            return verdict.alarm and _compute_age(self.reported_at, now) >= _REPEAT_AGE
        is_urgent = verdict.alarm or verdict.state is VerdictState.CLOSED
        return is_urgent or _compute_age(self.lasting, now) >= _LASTING_AGE


def alarm_name(verdict: Verdict) -> str:
    """Return the name of a verdict in messages. The verdict of a closed project has another name with an alarm."""
    return CLOSED_ALARM if verdict.state is VerdictState.CLOSED and verdict.alarm else verdict.state.value


def report_change(invocation: Invocation, verdict: Verdict, facts: Facts) -> None:
    """Send a message on the verdict if it has to be sent now, and log the result. Without a webhook, do nothing.

    Raises StorageError.
    """
    if not invocation.settings.alert_webhook:
        return
    job_state, now = JobState(invocation), invocation.clock.now()
    old_state = state = job_state.load_as(_AlarmState, "watch") or _AlarmState()
    if state.verdict != alarm_name(verdict):
        has_changed = state.verdict == state.reported or VerdictState.IN_STEP.value in (
            state.verdict,
            alarm_name(verdict),
        )
        lasting_since = timestamp(now) if has_changed else state.lasting
        state = replace(state, verdict=alarm_name(verdict), since=timestamp(now), lasting=lasting_since)
    message = _compose_message(invocation.settings, verdict, facts, state, now)
    if state.is_due(verdict, now):
        state = replace(state, problem=_send_message(invocation, alarm_name(verdict), *message))
        if not state.problem:
            state = replace(state, reported=alarm_name(verdict), reported_at=timestamp(now))
    elif state.reported == alarm_name(verdict):  # the verdict is the same as in the last message
        state = replace(state, problem="")
    if state != old_state:
        job_state.store("watch", asdict(state))


def read_webhook_problem(invocation: Invocation) -> str:
    """Return the reason why the last alarm was not accepted, or "" if the webhook accepted it, or none was sent.

    Raises StorageError.
    """
    state = JobState(invocation).load_as(_AlarmState, "watch") if invocation.settings.alert_webhook else None
    return state.problem if state else ""


def _send_message(invocation: Invocation, name: str, text: str, fields: Mapping[str, object]) -> str:
    webhook_kind, problem = post(invocation, text, fields)
    entry = {"alert": name, "webhook": webhook_kind}
    if problem:
        log.error({**entry, "alert_problem": problem})
    else:
        log.info(entry)
    return problem


def _compute_age(time_text: str, now: datetime) -> timedelta:
    """Return the age of the time in `time_text`. An unreadable time counts as very old, so that a message is sent."""
    time = parse_time(time_text)
    return now - time if time else timedelta.max


def _compose_message(
    settings: Settings, verdict: Verdict, facts: Facts, state: _AlarmState, now: datetime
) -> tuple[str, Mapping[str, object]]:
    (name, next_step_text), since, language = _LABELS[alarm_name(verdict)], state.since, settings.alert_language
    last_label, _ = _LABELS.get(state.reported, (None, None))
    headline = t("{name} (was {last})", name=name, last=last_label) if last_label else name
    if state.reported == alarm_name(verdict):
        headline = t("still {name}", name=name)
    lines = (
        t("oss-oms-sync {project}: {headline}", project=settings.project, headline=headline),
        verdict.text,
        sentences(_describe_numbers(facts), t("First detected at {since}.", since=since)),
        next_step_text,
    )
    return (
        "\n".join(line.of(language) for line in lines),
        {
            "project": settings.project,
            "task": settings.task.task_id,
            "source": settings.source_bucket,
            "verdict": verdict.state.value,
            "alarm": verdict.alarm,
            "before": state.reported or None,
            "since": since,
            "at": timestamp(now),
            "text": verdict.text.of(language),
            "next": next_step_text.of(language),
            "waiting": facts.backlog.waiting,
            "at_least": facts.backlog.more_may_wait,
            "oldest": facts.backlog.oldest,
            "copy_failures": facts.failures.unresolved_count if facts.failures else None,
            "task_group": facts.migration.group if facts.migration else None,
        },
    )


def _describe_numbers(facts: Facts) -> Text:
    backlog, failures = facts.backlog, facts.failures
    waiting_text = t("unknown") if backlog.more_may_wait and not backlog.waiting else t("{n}", n=backlog.printed_count)
    if backlog.oldest:
        waiting_text = t("{n} since {oldest}", n=backlog.printed_count, oldest=backlog.oldest)
    return t(
        "Waiting to be resent: {waiting}. Failed copies: {failures}.",
        waiting=waiting_text,
        failures=failures.unresolved_count if failures else t("unknown"),
    )
