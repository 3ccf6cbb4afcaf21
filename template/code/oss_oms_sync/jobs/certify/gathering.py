"""The facts of a cutover, gathered from the clouds and the log bucket.

Nothing here starts any work or applies a rule: it only reads the results of passes and jobs.
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
from oss_oms_sync.clouds.clocks import clock_skews
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import split_into_parts
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.oms import KEYS_PER_CALL
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.judge import CLOCKS_SECONDS, FileSystem, Judge, JudgementTimes, are_same_size
from oss_oms_sync.comparison.proof import list_missing_permissions
from oss_oms_sync.comparison.recheck import MAX_KEYS as MAX_RECORDS
from oss_oms_sync.comparison.recheck import read_entries
from oss_oms_sync.comparison.result import attempts_of, count_unread
from oss_oms_sync.errors import KEY_REASONS, Failure, StorageError
from oss_oms_sync.jobs.certify.cutover_options import CutoverOptions
from oss_oms_sync.jobs.certify.oms_work import query_remaining_work
from oss_oms_sync.jobs.certify.sample import compare_headers, empty_sample, take_sample
from oss_oms_sync.jobs.headers import checked_headers
from oss_oms_sync.ledger import migration
from oss_oms_sync.ledger.certificates import Certificates
from oss_oms_sync.ledger.closing import CloseMark, ProjectState, list_open_projects
from oss_oms_sync.ledger.list_positions import ListPositions
from oss_oms_sync.ledger.records import FailedKey
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import WaitingKeys, list_waiting_keys
from oss_oms_sync.passes.states import PassState, find_answering_pass, progress_of
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.passes.tally import NEW, NEW_MISSING
from oss_oms_sync.rules.times import CLOSE_DELAY

# Maximum number of run files to read, and number of keys to look up in parallel. The maximum number of records is that
# of a recheck.
_MAX_RUN_FILES = 50
_PARALLEL_LOOKUPS = 100


class _Buckets(NamedTuple):
    """The sync task, the destination and the certified comparison. The latter two are None if unknown."""

    task: TaskInfo | Failure
    destination: ObsBucket | None
    compared: PassState | None


def gather(invocation: Invocation, options: CutoverOptions) -> CutoverFacts:
    """Gather all facts of a certificate.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    settings = invocation.settings
    facts, (task, destination, comparison) = _gather_common_facts(invocation, options)
    info = task if isinstance(task, TaskInfo) else None
    reconciled = find_answering_pass(PassStore(invocation, "reconcile").read_states(), settings.key_filter.prefix)
    standstill = facts["passes"].standstill
    further_facts = {
        "task": invocation.task_id,
        "project": settings.project,
        "source_bucket": settings.source_bucket,
        "destination_bucket": info.dst_bucket if info else None,
        "log_bucket": settings.log_bucket,
        "scope": CertifiedScope(settings.key_filter.prefix, settings.key_filter.suffix),
        # The other projects had to be closed two minutes before the standstill pass started, by OSS's clock.
        "open_projects": list_open_projects(
            invocation, (parse_timestamp(standstill.began) - CLOSE_DELAY).timestamp() if standstill else math.inf
        ),
        "sync_task": info,
        "oms_failure": OmsQueryFailure(task.reason.name, task.status) if isinstance(task, Failure) else None,
        **(comparison.tally.results(*NOT_IN_SCOPE) if comparison else dict.fromkeys(COMPARISON_FIELDS)),
        "headers": Headers(info.enable_metadata_migration if info else None),
        "missing_permissions": (),
        "clocks": _compare_clocks(invocation, destination),
        "keys_a_minute": max(1, round(60 * settings.oms_rate * KEYS_PER_CALL)),
        "shown": _gather_extra_facts(invocation, reconciled.state if reconciled else None, comparison),
    }
    if destination and comparison:
        further_facts |= _gather_sample_facts(
            invocation, destination, comparison, options, further_facts["headers"].migrated
        )
    return CutoverFacts(**{**facts, **further_facts, "closed": _unchanged_mark(invocation, facts["closed"])})


def gather_waiting(invocation: Invocation, options: CutoverOptions) -> WaitingFacts:
    """Gather the facts of the checks for which a cutover waits; a cutover calls this every minute.

    Raises StorageError if the log bucket, or the listing of the source bucket, cannot be read.
    """
    facts, _ = _gather_common_facts(invocation, options)
    return WaitingFacts(**{**facts, "closed": _unchanged_mark(invocation, facts["closed"])})


def _gather_common_facts(invocation: Invocation, options: CutoverOptions) -> tuple[dict[str, Any], _Buckets]:
    """Return the fields of WaitingFacts, and the buckets by which they were gathered."""
    task, destination = invocation.oms.task(invocation.deadline), None
    if isinstance(task, TaskInfo):
        with suppress(StorageError):  # OMS reports none
            destination = invocation.obs().bucket(task, invocation.deadline)
    passes, comparison = CertifiedPasses(None, None), None
    if destination:
        passes, comparison = _select_passes(invocation, destination, options)
    # Replay writes the records of listed failures before its position in the lists, so the position is read before the
    # records.
    lists = JobState(invocation).load_as(ListPositions, "failed_copies") or ListPositions()
    waiting = list_waiting_keys(invocation, MAX_RECORDS, _MAX_RUN_FILES, with_reasons=True)
    closed, current = ProjectState(invocation).read_state(), migration.read_current_migration(invocation)
    group = migration.query_task_group(invocation, current)
    facts = {
        # This is read after the passes, because no pass in a certificate may have ended after it was made.
        "made": timestamp(invocation.clock.now()),
        "frozen_since": timestamp(options.frozen) if options.frozen else None,
        "run": options.run,
        "accepted": options.accept,
        "sample": empty_sample(options.sample) if options.sample else None,
        "as_of": comparison.as_of if comparison else None,
        "passes": passes,
        "classes": comparison.tally.results()["classes"] if comparison else None,
        "closed": _mark(closed) if closed else None,
        "go_stands": closed is not None and Certificates(invocation).read_valid_go(closed) is not None,
        "migration": CertifiedMigration(current.begun, _progress(group)) if current else None,
        "oms": query_remaining_work(invocation, task, closed, comparison.tally.largest if comparison else 0),
        "waiting": _group_waiting_keys(invocation, destination, comparison, waiting),
        "lists": FailureLists(lists.looked, lists.unread, is_refused=bool(lists.problem)),
    }
    return facts, _Buckets(task, destination, comparison)


def _mark(closed: CloseMark) -> ClosedMark:
    return ClosedMark(closed.closed_at, closed.person, closed.reason, closed.run, closed.opened_at, closed.written_at)


def _progress(group: TaskGroup | Failure | None) -> GroupProgress | None:
    """Return the numbers of a task group without OMS's texts, because a certificate contains none."""
    if not isinstance(group, TaskGroup):
        return None
    return GroupProgress(group.state, group.total, group.copied, group.skipped, group.failed, resent=group.resent)


def _unchanged_mark(invocation: Invocation, closed: ClosedMark | None) -> ClosedMark | None:
    """Return the mark, or None if the project was opened or closed again meanwhile."""
    now = ProjectState(invocation).read_state()
    return closed if now and _mark(now) == closed else None


def _select_passes(
    invocation: Invocation, destination: ObsBucket, options: CutoverOptions
) -> tuple[CertifiedPasses, PassState | None]:
    """Return the certified comparison with its standstill pass, and the state of the comparison."""
    store = PassStore(invocation, "compare", destination.name)
    states, prefix, now = store.read_states(), invocation.settings.key_filter.prefix, invocation.clock.now()
    # Without a valid comparison since the freeze, the last comparison shows the reason.
    answer = find_answering_pass(states, prefix, options.frozen, now) or find_answering_pass(states, prefix)
    if answer is None:
        return CertifiedPasses(None, None), None
    state, standstill = answer.state, None
    attempts, unread = attempts_of(state), count_unread(state.tally)
    sides = state.tally.source_listed, state.tally.destination_listed
    comparison = CertifiedComparison(
        **_pass_fields(state),
        amended=state.amended or None,
        source_listed=ObjectCount(sides[0].objects, sides[0].bytes),
        destination_listed=ObjectCount(sides[1].objects, sides[1].bytes),
        walked=state.objects,
        classified=state.passed.side("source").objects,
        deep=state.scope.deep,
        overwrite=state.scope.overwrite,
        since=attempts.since or None,
        begins=attempts.min_time,
        earlier=attempts.oldest_unsubmitted_time,
        submitted=attempts.submitted_objects,
        unsent=attempts.unsubmitted_objects,
        migrate=attempts.migrate_option,
        no_right_in_oss=unread["no_right_in_oss"],
        no_right_in_obs=unread["no_right_in_obs"],
    )
    if answer.standstill and (start_time := store.find_start(answer.standstill.of.name)):
        standstill = CertifiedStandstill(
            **_pass_fields(answer.standstill),
            began=timestamp(start_time),
            headers=checked_headers(answer.standstill.tally) if answer.standstill.scope.headers else None,
        )
    return CertifiedPasses(comparison, standstill), state


def _pass_fields(state: PassState) -> dict[str, Any]:
    """Return the fields of a CertifiedPass by name."""
    ended = parse_time(state.ended)
    return {
        "pass_": state.of.name,
        "started": state.started,
        "ended": state.ended,
        "objects_per_minute": progress_of(state, None, ended).objects_per_minute if ended else 0,
        "state": state.tally.state,
        "twin": state.tally.twin,
    }


def _group_waiting_keys(
    invocation: Invocation, destination: ObsBucket | None, comparison: PassState | None, waiting: WaitingKeys
) -> CertifiedWaitingKeys:
    """Return the waiting keys, grouped by the values on which the rules depend."""
    due = _select_due(invocation, destination, comparison, waiting.keys) if waiting.keys else []
    if due is None:
        due = [_single_group(key, None) for key in waiting.keys]
    groups = []
    for _, members in groupby(
        sorted(due, key=lambda single: (_grouping_values(single), single.keys)), key=_grouping_values
    ):
        singles = list(members)
        keys = [key for single in singles[:MAX_KEYS] for key in single.keys]
        groups.append(replace(singles[0], number=len(singles), keys=keys))
    lines = "".join(f"{key}\n" for key in sorted(failed_key.key for failed_key in waiting.keys))
    digest = hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()
    return CertifiedWaitingKeys(
        len(waiting.keys), digest, groups, waiting.unread, waiting.are_more, waiting.has_more_records
    )


def _single_group(
    key: FailedKey, object_class: ObjectClass | None, *, is_same_size: bool = False, was_tried: bool = False
) -> WaitingGroup:
    """Return a group with a single key."""
    # Only some reasons are caused by the key itself.
    is_refused = key.has_failed_before and key.reason in {reason.name for reason in KEY_REASONS}
    return WaitingGroup(key.reason_name, object_class, is_same_size, was_tried, is_refused, 1, [key.key])


def _grouping_values(group: WaitingGroup) -> tuple[str, str, bool, bool, bool]:
    """Return the values that all waiting keys of a group have in common."""
    title = group.object_class.title if group.object_class else ""
    return group.reason, title, group.is_same_size, group.was_tried, group.is_refused


def _select_due(
    invocation: Invocation, destination: ObsBucket | None, comparison: PassState | None, waiting: Sequence[FailedKey]
) -> list[WaitingGroup] | None:
    """Return the waiting keys whose objects could be copied and are not equal in OBS, or None if OBS did not answer.

    Keys without such an object are left out: replay keeps their records for longer than a freeze lasts.
    """
    due = list[WaitingGroup]()
    # Equal contents are equal at any age of the object.
    times = JudgementTimes(invocation.clock.now().timestamp(), min_age_seconds=0)
    start_time = parse_time(comparison.started) if comparison and comparison.scope.deep else None
    tried_until = start_time.timestamp() - CLOCKS_SECONDS if start_time else -math.inf
    with suppress(StorageError):
        if destination:
            file_system = FileSystem.from_bucket(destination)
            judge = Judge(invocation.settings.key_filter, times, file_system=file_system)
            for part in split_into_parts(waiting, _PARALLEL_LOOKUPS):
                key_entries = read_entries(invocation, destination, [failed_key.key for failed_key in part])
                for key, entry in zip(part, key_entries, strict=True):
                    object_class = judge.judge_alone(entry.without_records()).object_class
                    if entry.source and object_class not in (ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE):
                        written = max(row.modified for row in (entry.source, entry.destination) if row)
                        due.append(
                            _single_group(
                                key,
                                object_class,
                                is_same_size=are_same_size(entry),
                                was_tried=written < tried_until,
                            )
                        )
            return due
    return None


def _compare_clocks(invocation: Invocation, destination: ObsBucket | None) -> CloudClocks:
    settings = invocation.settings
    urls = {
        "oms": settings.task.url,
        "oss": settings.oss_endpoint,
        "obs": destination.url if destination else "",
    }
    skews = clock_skews(urls, invocation.clock, CallPool(1))
    return CloudClocks(**{name: None if skew is None else round(skew.total_seconds()) for name, skew in skews.items()})


def _gather_sample_facts(
    invocation: Invocation,
    destination: ObsBucket,
    comparison: PassState,
    options: CutoverOptions,
    migrated: bool | None,
) -> dict[str, Any]:
    """Return the facts that depend on the sample, by name."""
    drawn, is_frozen = comparison.tally.drawn, options.frozen is not None
    sample = take_sample(invocation, destination, comparison, options.sample, is_frozen=is_frozen)
    missing, drawn_key = list[str](), next(iter(drawn.keys), "")
    if not (is_frozen or options.sample):
        # If a bucket refuses for another reason, its checks report the problem.
        with suppress(StorageError):
            missing = list_missing_permissions(invocation, destination, drawn_key, drawn_key)
    return {
        "sample": sample if options.sample or sample.differing else None,
        "headers": compare_headers(invocation, destination, migrated, sample, drawn),
        "missing_permissions": missing,
    }


def _gather_extra_facts(
    invocation: Invocation, reconciled: PassState | None, comparison: PassState | None
) -> ExtraFacts:
    counts: Mapping[str, int] = reconciled.counts if reconciled else {}
    return ExtraFacts(
        trigger=LostEvents(counts.get(NEW, 0), counts.get(NEW_MISSING, 0)) if reconciled else None,
        migrations=migration.list_finished_migrations(invocation),
        lag=comparison.tally.lags() if comparison else None,
    )
