"""The check NOTHING_WAITS, about failed records, run files, and OMS's lists of failed copies."""

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
from oss_oms_sync.rules.class_checks import manual_remedy
from oss_oms_sync.rules.closing_checks import find_oms_idle_time
from oss_oms_sync.rules.next_steps import (
    can_be_accepted,
    comparison_step,
    cutover_step,
    is_kept_closed,
    unproven_acceptance_step,
)
from oss_oms_sync.rules.remedy import EQUAL_SIZE_TEXT, closed_remedy
from oss_oms_sync.rules.times import MAX_PASS_AGE

NOTHING_WAITS = CutoverCheck(
    "NOTHING_WAITS",
    t("objects waiting to be resent"),
    t(
        "Each object in a failed record or run file is equal in OBS, impossible to copy, or deleted at the"
        " source; OMS's lists of failed objects were read after OMS had finished"
    ),
    opens_project=True,
)
_OPENING_REMEDY = t("Continue the cutover, which opens the project and resends the objects")


def check_waiting_keys(facts: WaitingFacts) -> Finding:
    """Check that no waiting key has to be submitted; a comparison is needed only to accept keys by name."""
    waiting_keys = facts.waiting
    unknown_groups = [group for group in waiting_keys.groups if group.object_class is None]
    accepted_groups = [
        group for group in waiting_keys.groups if can_be_accepted(group) and _get_class_title(group) in facts.accepted
    ]
    unresolved_groups = [
        group for group in waiting_keys.groups if group not in accepted_groups and group not in unknown_groups
    ]
    if unresolved_groups or waiting_keys.unread:
        finding = _report_waiting_keys(facts, unresolved_groups)
    elif unknown_groups:
        finding = NOTHING_WAITS.finding(
            Result.NOT_RUN,
            t(
                "OBS did not answer the requests for {n:object|objects} ({reasons})",
                n=_count_keys(unknown_groups),
                reasons=_list_reasons(unknown_groups),
            ),
            t("Check OBS_ENDPOINT, and run doctor. Then continue the cutover"),
            cutover_step(facts),
            _list_keys(unknown_groups),
        )
    elif waiting_keys.are_more:
        finding = _report_unchecked_records(facts)
    else:
        finding = _check_lists(facts)
    if accepted_groups:
        text = t(
            "{finding}. {accepted:object was|objects were} accepted by name: OMS does not accept their"
            " keys, and reading did not prove equal contents",
            finding=finding.actual,
            accepted=_count_keys(accepted_groups),
        )
        finding = replace(finding, actual=text, keys=finding.keys or _list_keys(accepted_groups))
    needless_keys = waiting_keys.number - _count_keys(waiting_keys.groups)
    text = t(
        "{finding}. {needless:key in failed records or run files needs|keys in failed records or run files need} no"
        " action: deleted at the source, equal in OBS, or impossible to copy",
        finding=finding.actual,
        needless=needless_keys,
    )
    return replace(finding, actual=text) if needless_keys else finding


def _get_class_title(group: WaitingGroup) -> str:
    return group.object_class.title if group.object_class else ""


def _count_keys(groups: Sequence[WaitingGroup]) -> int:
    return sum(group.number for group in groups)


def _list_reasons(groups: Sequence[WaitingGroup]) -> list[str]:
    return sorted({group.reason for group in groups})


def _list_keys(groups: Sequence[WaitingGroup]) -> list[str]:
    return sorted(key for group in groups for key in group.keys)[:MAX_KEYS]


def _report_waiting_keys(facts: WaitingFacts, unresolved_groups: Sequence[WaitingGroup]) -> Finding:
    waiting_keys, comparison, objects = facts.waiting, facts.passes.compare, _count_keys(unresolved_groups)
    counted_objects = AtLeast(objects) if waiting_keys.are_more else objects
    text = t("{n:object|objects}", n=counted_objects)
    if unresolved_groups:
        text = t("{n:object|objects} ({reasons})", n=counted_objects, reasons=_list_reasons(unresolved_groups))
    if waiting_keys.unread:
        unread_text = t("{n:unreadable record or run file|unreadable records or run files}", n=waiting_keys.unread)
        text = t("{parts}", parts=[text, unread_text])
    result = Result.FAILED
    remedy: tuple[Text, Step | None] = (
        t(
            "Run status, which reports the reasons for the failures. Then continue the cutover, which opens"
            " the project and resends the objects"
        ),
        cutover_step(facts),
    )
    if is_kept_closed(facts):
        remedy = closed_remedy(go_stands=facts.go_stands), None
    if comparison and not waiting_keys.unread:
        if all(map(can_be_accepted, unresolved_groups)):
            result, remedy = Result.NOT_PROVEN, (manual_remedy(comparison), unproven_acceptance_step(facts))
        elif all(group.is_same_size for group in unresolved_groups) and not all(
            group.was_tried for group in unresolved_groups
        ):
            remedy = EQUAL_SIZE_TEXT, comparison_step(facts, deep=True, restart=True)
    return NOTHING_WAITS.finding(result, text, *remedy, _list_keys(unresolved_groups))


def _report_unchecked_records(facts: WaitingFacts) -> Finding:
    """Return the finding if the project has more failed records than could be checked."""
    text = t("too many failed records or run files to check all of them")
    if facts.closed is None:
        remedy_text = t("Resend the objects in each project of this sync task")
        return NOTHING_WAITS.finding(Result.NOT_RUN, text, remedy_text, Step("replay"))
    if facts.waiting.has_more_records and not is_kept_closed(facts):
        return NOTHING_WAITS.finding(Result.FAILED, text, _OPENING_REMEDY, cutover_step(facts))
    remedy_text = t("Open each project of this sync task ({step}), then resend the objects", step=Step("open"))
    return NOTHING_WAITS.finding(
        Result.NOT_RUN, text, closed_remedy(go_stands=True) if facts.go_stands else remedy_text
    )


def _check_lists(facts: WaitingFacts) -> Finding:
    failure_lists, last_reading = facts.lists, facts.lists.looked
    if failure_lists.is_refused:
        return NOTHING_WAITS.finding(
            Result.NOT_RUN,
            t("OMS's lists of failed objects cannot be read"),
            t("Run doctor, which reports the missing permission"),
            DOCTOR,
        )
    min_reading_time = max(_list_min_reading_times(facts))
    if last_reading < min_reading_time:
        unread_text = t("replay has not read OMS's lists of failed copies yet")
        late_text = t(
            "replay has not read OMS's lists of failed copies since {needed} (last read: {looked})",
            needed=min_reading_time,
            looked=last_reading,
        )
        return NOTHING_WAITS.finding(
            Result.NOT_RUN,
            late_text if last_reading else unread_text,
            t(
                "Replay should read OMS's lists every minute. If replay does not read them, check replay's"
                " timer and its log (`s replay logs`)"
            ),
            cutover_step(facts),
            waits=True,
        )
    text = t("no object is waiting, as of {looked}", looked=last_reading)
    if failure_lists.unread:
        text = t(
            "{finding}; {unread:line|lines} of OMS's lists of failed objects could not be read, but a comparison"
            " checks every object",
            finding=text,
            unread=failure_lists.unread,
        )
    return NOTHING_WAITS.finding(Result.PASSED, text)


def _list_min_reading_times(facts: WaitingFacts) -> list[str]:
    """Return the times after which replay has to have read OMS's lists, so that they include all failures.

    OMS may write lists for ten minutes after its last activity.
    """
    idle_time = find_oms_idle_time(facts.oms)
    # One second is added, because the comparison's last check may have been within the second of `as_of`.
    check_time = timestamp(parse_timestamp(facts.as_of) + timedelta(seconds=1)) if facts.as_of else ""
    is_closed = facts.frozen_since is not None and facts.closed is not None
    return [
        check_time,
        timestamp(parse_timestamp(facts.made) - MAX_PASS_AGE),
        timestamp(idle_time) if idle_time and is_closed else "",
    ]
