"""The check NOTHING_WAITS: failed records, run files, and OMS's lists of copy failures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

from oss_oms_sync.answers.certificate import WaitingFacts, WaitingGroup
from oss_oms_sync.answers.codec import parse_timestamp, timestamp
from oss_oms_sync.answers.finding import Finding, Result
from oss_oms_sync.answers.pass_answers import MAX_KEYS
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.text import AtLeast, Text, t
from oss_oms_sync.rules.check import DOCTOR, CutoverCheck
from oss_oms_sync.rules.class_checks import by_hand
from oss_oms_sync.rules.closing_checks import oms_idle_time
from oss_oms_sync.rules.next_steps import (
    can_be_accepted,
    comparison_step,
    cutover,
    is_kept_closed,
    unproven_acceptance_step,
)
from oss_oms_sync.rules.remedy import EQUAL_SIZE_TEXT, closed_remedy
from oss_oms_sync.rules.times import MAX_PASS_AGE

NOTHING_WAITS = CutoverCheck(
    "NOTHING_WAITS",
    t("objects waiting to be resent"),
    t(
        "The object of each failed record and run file is equal in OBS, impossible to copy, or"
        " deleted at the source; OMS's lists of failed copies were read after OMS finished"
    ),
    opens=True,
)
_OPENING_STEP = t("Continue the cutover, which opens the project and resends the objects")


def nothing_waits(facts: WaitingFacts) -> Finding:
    """Check that no failed key has to be submitted; only acceptance by name needs a comparison."""
    waiting = facts.waiting
    unanswered = [group for group in waiting.groups if group.object_class is None]
    accepted = [group for group in waiting.groups if can_be_accepted(group) and _title(group) in facts.accepted]
    due = [group for group in waiting.groups if group not in accepted and group not in unanswered]
    if due or waiting.unread:
        finding = _waits(facts, due)
    elif unanswered:
        finding = NOTHING_WAITS.finding(
            Result.NOT_RUN,
            t(
                "OBS did not answer for {n:object|objects} ({reasons})",
                n=_number(unanswered),
                reasons=_reasons(unanswered),
            ),
            t("Check OBS_ENDPOINT, and run doctor. Then continue the cutover"),
            cutover(facts),
            _keys(unanswered),
        )
    elif waiting.are_more:
        finding = _more_waits(facts)
    else:
        finding = _lists(facts)
    if accepted:
        text = t(
            "{finding}. Accepted by name, because OMS does not accept them and reading did not prove"
            " them equal: {accepted:object|objects}",
            finding=finding.actual,
            accepted=_number(accepted),
        )
        finding = replace(finding, actual=text, keys=finding.keys or _keys(accepted))
    needless = waiting.number - _number(waiting.groups)
    text = t(
        "{finding} (and {needless:key that needs|keys that need} nothing: deleted at the source,"
        " equal in OBS, or impossible to copy)",
        finding=finding.actual,
        needless=needless,
    )
    return replace(finding, actual=text) if needless else finding


def _title(group: WaitingGroup) -> str:
    return group.object_class.title if group.object_class else ""


def _number(groups: Sequence[WaitingGroup]) -> int:
    return sum(group.number for group in groups)


def _reasons(groups: Sequence[WaitingGroup]) -> list[str]:
    return sorted({group.reason for group in groups})


def _keys(groups: Sequence[WaitingGroup]) -> list[str]:
    return sorted(key for group in groups for key in group.keys)[:MAX_KEYS]


def _waits(facts: WaitingFacts, due: Sequence[WaitingGroup]) -> Finding:
    """Return the finding for `due` keys and unreadable records."""
    waiting, compared, number = facts.waiting, facts.passes.compare, _number(due)
    shown = AtLeast(number) if waiting.are_more else number
    text = t("{n:object|objects}", n=shown)
    if due:
        text = t("{n:object|objects} ({reasons})", n=shown, reasons=_reasons(due))
    if waiting.unread:
        unread = t("{n:unreadable record or run file|unreadable records or run files}", n=waiting.unread)
        text = t("{parts}", parts=[text, unread])
    result = Result.FAILED
    remedy: tuple[Text, Step | None] = (
        t("Check the reasons in status. Then continue the cutover, which opens the project and resends the objects"),
        cutover(facts),
    )
    if is_kept_closed(facts):
        remedy = closed_remedy(go_stands=facts.go_stands), None
    if compared and not waiting.unread:
        if all(map(can_be_accepted, due)):
            result, remedy = Result.NOT_PROVEN, (by_hand(compared), unproven_acceptance_step(facts))
        elif all(group.is_same_size for group in due) and not all(group.was_tried for group in due):
            remedy = EQUAL_SIZE_TEXT, comparison_step(facts, deep=True, restart=True)
    return NOTHING_WAITS.finding(result, text, *remedy, _keys(due))


def _more_waits(facts: WaitingFacts) -> Finding:
    """Return the finding for more records than could be checked; a cutover then opens its project to submit them."""
    text = t("more failed records or run files than could be checked")
    if facts.closed is None:
        send = t("Resend the objects in each project of this task")
        return NOTHING_WAITS.finding(Result.NOT_RUN, text, send, Step("replay"))
    if facts.waiting.has_more_records and not is_kept_closed(facts):
        return NOTHING_WAITS.finding(Result.FAILED, text, _OPENING_STEP, cutover(facts))
    send = t("Open each project of this task ({step}), then resend the objects", step=Step("open"))
    return NOTHING_WAITS.finding(Result.NOT_RUN, text, closed_remedy(go_stands=True) if facts.go_stands else send)


def _lists(facts: WaitingFacts) -> Finding:
    """Return the finding without waiting records: OMS's lists must have no new failures."""
    lists, looked = facts.lists, facts.lists.looked
    if lists.is_refused:
        return NOTHING_WAITS.finding(
            Result.NOT_RUN,
            t("OMS's lists of copy failures cannot be read"),
            t("Run doctor: it names the missing permission"),
            DOCTOR,
        )
    if looked < max(_lists_count_from(facts)):
        never = t("replay has not read OMS's lists yet")
        last = t("replay last read OMS's lists at {looked}", looked=looked)
        return NOTHING_WAITS.finding(
            Result.NOT_RUN,
            last if looked else never,
            t("Replay's timer reads the lists every minute. If it does not, check the timer and replay's log"),
            cutover(facts),
            waits=True,
        )
    text = t("none, as of {looked}", looked=looked)
    if lists.unread:
        text = t(
            "{finding}; {unread:line|lines} could not be read, but compare has checked each object",
            finding=text,
            unread=lists.unread,
        )
    return NOTHING_WAITS.finding(Result.PASSED, text)


def _lists_count_from(facts: WaitingFacts) -> list[str]:
    """Return the times after which OMS's lists have to be read to include all failures up to the checks.

    OMS may write lists for ten minutes after its last activity.
    """
    idle = oms_idle_time(facts.oms)
    # A second later, because the activity may have been in this second.
    after = timestamp(parse_timestamp(facts.as_of) + timedelta(seconds=1)) if facts.as_of else ""
    is_closed = facts.frozen_since is not None and facts.closed is not None
    return [after, timestamp(parse_timestamp(facts.made) - MAX_PASS_AGE), timestamp(idle) if idle and is_closed else ""]
