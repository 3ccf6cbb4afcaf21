"""The facts of a cutover, gathered from the clouds and the log bucket.

The module only reads the results of passes and jobs. It starts no work, and applies no rule.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from itertools import groupby
from typing import Any, NamedTuple

from oss_oms_sync.answers.certificate import (
    COMPARISON_FIELDS,
    CertifiedComparison,
    CertifiedMigration,
    CertifiedPasses,
    CertifiedScope,
    CertifiedStandstill,
    CertifiedWaitingKeys,
    ClosedMark,
    CloudClocks,
    CutoverFacts,
    ExtraFacts,
    FailureLists,
    LostEvents,
    OmsQueryFailure,
    WaitingFacts,
    WaitingGroup,
)
from oss_oms_sync.answers.codec import parse_timestamp
from oss_oms_sync.answers.object_class import NOT_IN_SCOPE, ObjectClass
from oss_oms_sync.answers.pass_answers import MAX_KEYS, ObjectCount
from oss_oms_sync.answers.sampled import Headers
from oss_oms_sync.answers.task_group import GroupProgress, TaskGroup
from oss_oms_sync.clock import parse_time, timestamp
from oss_oms_sync.clouds.calls import CallPool
from oss_oms_sync.clouds.clocks import measure_clock_skews
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import split_into_parts
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import MAX_CLOCK_SKEW_SECONDS, FileSystem, Judge, JudgementTimes, are_same_size
from oss_oms_sync.comparison.proof import list_missing_permissions
from oss_oms_sync.comparison.recheck import MAX_KEYS as MAX_RECORDS
from oss_oms_sync.comparison.recheck import read_entries
from oss_oms_sync.comparison.result import count_unread, find_attempts
from oss_oms_sync.errors import KEY_REASONS, Failure, StorageError
from oss_oms_sync.jobs.certify.cutover_options import CutoverOptions
from oss_oms_sync.jobs.certify.oms_work import query_remaining_work
from oss_oms_sync.jobs.certify.sample import compare_headers, make_empty_sample, take_sample
from oss_oms_sync.jobs.headers import summarize_checked_headers
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import Certificates
from oss_oms_sync.ledger.closing import CloseMark, ProjectState, list_open_projects
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import WaitingKeys, list_waiting_keys
from oss_oms_sync.passes.states import PassState, estimate_progress, find_answering_pass
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import NEW_OBJECTS, NEW_WITHOUT_EVENT
from oss_oms_sync.rules.times import CLOSE_DELAY

# Maximum number of run files to read, and number of keys to look up in parallel. The maximum number of records is that
# of a recheck.
_MAX_RUN_FILES = 50
_PARALLEL_LOOKUPS = 100


class _TaskAndComparison(NamedTuple):
    """The sync task, the destination bucket, and the comparison on which the certificate is based.

    The bucket and the comparison are None if they are unknown.
    """

    task: TaskInfo | Failure
    destination: ObsBucket | None
    comparison: PassState | None


def gather_facts(invocation: Invocation, options: CutoverOptions) -> CutoverFacts:
    settings = invocation.settings
    facts, (task, destination, comparison) = _gather_common_facts(invocation, options)
    task_info = task if isinstance(task, TaskInfo) else None
    reconcile_answer = find_answering_pass(PassStore(invocation, "reconcile").read_states(), settings.key_filter.prefix)
    standstill_pass = facts["passes"].standstill
    further_facts = {
        "task": invocation.task_id,
        "project": settings.project,
        "source_bucket": settings.source_bucket,
        "destination_bucket": task_info.dst_bucket if task_info else None,
        "log_bucket": settings.log_bucket,
        "scope": CertifiedScope(settings.key_filter.prefix, settings.key_filter.suffix),
        # The other projects had to be closed two minutes before the standstill pass started, by OSS's clock.
        "open_projects": list_open_projects(
            invocation,
            (parse_timestamp(standstill_pass.began) - CLOSE_DELAY).timestamp() if standstill_pass else math.inf,
        ),
        "sync_task": task_info,
        "oms_failure": OmsQueryFailure(task.reason.name, task.status) if isinstance(task, Failure) else None,
        **(comparison.tally.results(*NOT_IN_SCOPE) if comparison else dict.fromkeys(COMPARISON_FIELDS)),
        "headers": Headers(task_info.enable_metadata_migration if task_info else None),
        "missing_permissions": (),
        "clocks": _compare_clocks(invocation, destination),
        "keys_a_minute": max(1, round(60 * settings.oms_rate * KEYS_PER_CALL)),
        "shown": _gather_extra_facts(invocation, reconcile_answer.state if reconcile_answer else None, comparison),
    }
    if destination and comparison:
        further_facts |= _gather_sample_facts(
            invocation, destination, comparison, options, further_facts["headers"].migrated
        )
    return CutoverFacts(**{**facts, **further_facts, "closed": _find_unchanged_mark(invocation, facts["closed"])})


def gather_waiting_facts(invocation: Invocation, options: CutoverOptions) -> WaitingFacts:
    """Gather the facts of the checks for which a cutover waits; a cutover does this each minute until they pass.

    Raises StorageError.
    """
    facts, _ = _gather_common_facts(invocation, options)
    return WaitingFacts(**{**facts, "closed": _find_unchanged_mark(invocation, facts["closed"])})


def _gather_common_facts(invocation: Invocation, options: CutoverOptions) -> tuple[dict[str, Any], _TaskAndComparison]:
    task, destination = invocation.oms.query_task(invocation.deadline), None
    if isinstance(task, TaskInfo):
        with suppress(StorageError):  # OMS reports none
            destination = invocation.obs().bucket(task, invocation.deadline)
    passes, comparison = CertifiedPasses(None, None), None
    if destination:
        passes, comparison = _select_passes(invocation, destination, options)
    # Replay writes the records of listed failures before its position in the lists, so the position is read before the
    # records.
    list_positions = JobState(invocation).load_as(ListPositions, "failed_copies") or ListPositions()
    waiting_keys = list_waiting_keys(invocation, MAX_RECORDS, _MAX_RUN_FILES, with_reasons=True)
    mark, current_migration = ProjectState(invocation).read_state(), migration.read_current_migration(invocation)
    group = migration.query_task_group(invocation, current_migration)
    facts = {
        # This is read after the passes, because no pass in a certificate may have ended after it was made.
        "made": timestamp(invocation.clock.now()),
        "frozen_since": timestamp(options.freeze_time) if options.freeze_time else None,
        "run": options.run,
        "accepted": options.accept,
        "sample": make_empty_sample(options.sample) if options.sample else None,
        "as_of": comparison.as_of if comparison else None,
        "passes": passes,
        "classes": comparison.tally.results()["classes"] if comparison else None,
        "closed": _to_closed_mark(mark) if mark else None,
        "go_stands": mark is not None and Certificates(invocation).read_valid_go(mark) is not None,
        "migration": CertifiedMigration(current_migration.begun, _to_group_progress(group))
        if current_migration
        else None,
        "oms": query_remaining_work(invocation, task, mark, comparison.tally.largest if comparison else 0),
        "waiting": _group_waiting_keys(invocation, destination, comparison, waiting_keys),
        "lists": FailureLists(list_positions.looked, list_positions.unread, is_refused=bool(list_positions.problem)),
    }
    return facts, _TaskAndComparison(task, destination, comparison)


def _to_closed_mark(mark: CloseMark) -> ClosedMark:
    return ClosedMark(mark.closed_at, mark.person, mark.reason, mark.run, mark.opened_at, mark.written_at)


def _to_group_progress(group: TaskGroup | Failure | None) -> GroupProgress | None:
    """Return the numbers of a task group (a migration of existing objects), or None without OMS's answer.

    OMS's texts are left out, because a certificate contains no text of a cloud.
    """
    if not isinstance(group, TaskGroup):
        return None
    return GroupProgress(group.state, group.total, group.copied, group.skipped, group.failed, resent=group.resent)


def _find_unchanged_mark(invocation: Invocation, mark: ClosedMark | None) -> ClosedMark | None:
    """Return the mark that closes the project, or None if the project was opened or closed again since it was read."""
    current_mark = ProjectState(invocation).read_state()
    return mark if current_mark and _to_closed_mark(current_mark) == mark else None


def _select_passes(
    invocation: Invocation, destination: ObsBucket, options: CutoverOptions
) -> tuple[CertifiedPasses, PassState | None]:
    store = PassStore(invocation, "compare", destination.name)
    states, prefix, now = store.read_states(), invocation.settings.key_filter.prefix, invocation.clock.now()
    # Without a valid comparison since the freeze, the last comparison shows the reason.
    answer = find_answering_pass(states, prefix, options.freeze_time, now) or find_answering_pass(states, prefix)
    if answer is None:
        return CertifiedPasses(None, None), None
    state, standstill_pass = answer.state, None
    attempts, unread_counts = find_attempts(state), count_unread(state.tally)
    source_totals, destination_totals = state.tally.source_listed, state.tally.destination_listed
    comparison = CertifiedComparison(
        **_list_pass_fields(state),
        amended=state.amended or None,
        source_listed=ObjectCount(source_totals.objects, source_totals.bytes),
        destination_listed=ObjectCount(destination_totals.objects, destination_totals.bytes),
        walked=state.objects,
        classified=state.passed.sum_side("source").objects,
        deep=state.scope.deep,
        overwrite=state.scope.overwrite,
        since=attempts.since or None,
        begins=attempts.min_time,
        earlier=attempts.oldest_unsubmitted_time,
        submitted=attempts.submitted_objects,
        unsent=attempts.unsubmitted_objects,
        migrate=attempts.migrate_option,
        no_right_in_oss=unread_counts["no_right_in_oss"],
        no_right_in_obs=unread_counts["no_right_in_obs"],
    )
    if answer.standstill and (start_time := store.find_start_time(answer.standstill.of.name)):
        standstill_pass = CertifiedStandstill(
            **_list_pass_fields(answer.standstill),
            began=timestamp(start_time),
            headers=summarize_checked_headers(answer.standstill.tally) if answer.standstill.scope.headers else None,
        )
    return CertifiedPasses(comparison, standstill_pass), state


def _list_pass_fields(state: PassState) -> dict[str, Any]:
    ended = parse_time(state.ended)
    return {
        "pass_": state.of.name,
        "started": state.started,
        "ended": state.ended,
        "objects_per_minute": estimate_progress(state, None, ended).objects_per_minute if ended else 0,
        "state": state.tally.state,
        "twin": state.tally.twin,
    }


def _group_waiting_keys(
    invocation: Invocation, destination: ObsBucket | None, comparison: PassState | None, waiting_keys: WaitingKeys
) -> CertifiedWaitingKeys:
    single_groups = (
        _select_due_keys(invocation, destination, comparison, waiting_keys.keys) if waiting_keys.keys else []
    )
    if single_groups is None:
        single_groups = [_build_single_group(key, None) for key in waiting_keys.keys]
    groups = []
    for _, members in groupby(
        sorted(single_groups, key=lambda single_group: (_list_grouping_values(single_group), single_group.keys)),
        key=_list_grouping_values,
    ):
        group_members = list(members)
        keys = [key for single_group in group_members[:MAX_KEYS] for key in single_group.keys]
        groups.append(replace(group_members[0], number=len(group_members), keys=keys))
    lines = "".join(f"{key}\n" for key in sorted(failed_key.key for failed_key in waiting_keys.keys))
    digest = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
    return CertifiedWaitingKeys(
        len(waiting_keys.keys),
        digest,
        groups,
        waiting_keys.unread,
        waiting_keys.is_incomplete,
        waiting_keys.has_more_records,
    )


def _build_single_group(
    waiting_key: FailedKey, object_class: ObjectClass | None, *, is_same_size: bool = False, was_tried: bool = False
) -> WaitingGroup:
    # Only some reasons are caused by the key itself.
    is_refused = waiting_key.has_failed_before and waiting_key.reason in {reason.name for reason in KEY_REASONS}
    return WaitingGroup(
        waiting_key.reason_name, object_class, is_same_size, was_tried, is_refused, 1, [waiting_key.key]
    )


def _list_grouping_values(group: WaitingGroup) -> tuple[str, str, bool, bool, bool]:
    title = group.object_class.title if group.object_class else ""
    return group.reason, title, group.is_same_size, group.was_tried, group.is_refused


def _select_due_keys(
    invocation: Invocation,
    destination: ObsBucket | None,
    comparison: PassState | None,
    waiting_keys: Sequence[FailedKey],
) -> list[WaitingGroup] | None:
    """Return a group for each waiting key whose object can be copied and is not proven equal in OBS.

    The result is None if OBS does not answer. Other keys cannot prevent a GO.
    """
    single_groups = list[WaitingGroup]()
    # Equal contents are equal at any age of the object.
    times = JudgementTimes(invocation.clock.now().timestamp(), min_age_seconds=0)
    start_time = parse_time(comparison.started) if comparison and comparison.scope.deep else None
    last_try_time = start_time.timestamp() - MAX_CLOCK_SKEW_SECONDS if start_time else -math.inf
    with suppress(StorageError):
        if destination:
            file_system = FileSystem.from_bucket(destination)
            judge = Judge(invocation.settings.key_filter, times, file_system=file_system)
            for part in split_into_parts(waiting_keys, _PARALLEL_LOOKUPS):
                key_entries = read_entries(invocation, destination, [failed_key.key for failed_key in part])
                for key, entry in zip(part, key_entries, strict=True):
                    object_class = judge.judge_alone(entry.without_records()).object_class
                    if entry.source and object_class not in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
                        write_time = max(row.modified for row in (entry.source, entry.destination) if row)
                        single_groups.append(
                            _build_single_group(
                                key,
                                object_class,
                                is_same_size=are_same_size(entry),
                                was_tried=write_time < last_try_time,
                            )
                        )
            return single_groups
    return None


def _compare_clocks(invocation: Invocation, destination: ObsBucket | None) -> CloudClocks:
    settings = invocation.settings
    urls = {
        "oms": settings.task.url,
        "oss": settings.oss_endpoint,
        "obs": destination.url if destination else "",
    }
    skews = measure_clock_skews(urls, invocation.clock, CallPool(1))
    return CloudClocks(**{name: None if skew is None else round(skew.total_seconds()) for name, skew in skews.items()})


def _gather_sample_facts(
    invocation: Invocation,
    destination: ObsBucket,
    comparison: PassState,
    options: CutoverOptions,
    migrates_metadata: bool | None,
) -> dict[str, Any]:
    draw, is_frozen = comparison.tally.drawn, options.freeze_time is not None
    sample = take_sample(invocation, destination, comparison, options.sample, is_frozen=is_frozen)
    missing_permissions, drawn_key = list[str](), next(iter(draw.keys), "")
    if not (is_frozen or options.sample):
        # If a bucket refuses for another reason, its checks report the problem.
        with suppress(StorageError):
            missing_permissions = list_missing_permissions(invocation, destination, drawn_key, drawn_key)
    return {
        "sample": sample if options.sample or sample.differing else None,
        "headers": compare_headers(invocation, destination, migrates_metadata, sample, draw),
        "missing_permissions": missing_permissions,
    }


def _gather_extra_facts(
    invocation: Invocation, reconcile_pass: PassState | None, comparison: PassState | None
) -> ExtraFacts:
    counts: Mapping[str, int] = reconcile_pass.counts if reconcile_pass else {}
    return ExtraFacts(
        trigger=LostEvents(counts.get(NEW_OBJECTS, 0), counts.get(NEW_WITHOUT_EVENT, 0)) if reconcile_pass else None,
        migrations=migration.list_finished_migrations(invocation),
        lag=comparison.tally.summarize_lags() if comparison else None,
    )
