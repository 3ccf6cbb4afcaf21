"""Pages of the keys whose objects were deleted at the source and still exist in OBS, for `ops.py deletions`.

An absence is a key that a comparison found in OBS, but not at the source. The module deletes no object. It belongs to
certify, which may read both buckets and the certificates.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import islice

from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.deletions import Deletion, DeletionFacts, DeletionsAnswer, OmissionReason
from oss_oms_sync.answers.layout import Kind, record_name
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.clouds.invocation import Invocation
from oss_oms_sync.clouds.objects import ObjectSummary, StoredObject
from oss_oms_sync.clouds.obs import ObsBucket
from oss_oms_sync.clouds.obs_answers import ObjectHead
from oss_oms_sync.clouds.task import TaskInfo
from oss_oms_sync.comparison.absences import Absence, read_absences
from oss_oms_sync.comparison.proof import list_missing_permissions, proves_equal
from oss_oms_sync.errors import StorageError
from oss_oms_sync.ledger.certificates import Certificates
from oss_oms_sync.ledger.migration import Migrations, load_migrations
from oss_oms_sync.ledger.records import repeated_etag, success_etag, write_time
from oss_oms_sync.ledger.state import JobState
from oss_oms_sync.ledger.waiting import RunKeys, read_records_and_runs
from oss_oms_sync.passes.states import PassState, find_answering_pass
from oss_oms_sync.passes.store import PassStore
from oss_oms_sync.rules.deletions import (
    AbsentKey,
    find_omission_reason,
    find_reason_against_list,
    is_absent_long_enough,
    is_named_exactly,
)

# Maximum number of keys to look up for a page, and number of keys whose records and objects are read at the same time.
_KEYS_PER_PAGE = 2_000
_KEYS_PER_READ = 100
_MAX_RUN_FILES = 50
# A page ends when fewer seconds remain, because the lookups of a batch take a few seconds.
_RESERVED_SECONDS = 30.0
_RESENT_SUFFIX = repeated_etag("")


def list_deletions(invocation: Invocation, after_key: str) -> DeletionsAnswer:
    """Return the page of deletions after `after_key`, by the last finished comparison of all keys.

    Raises StorageError if the log bucket cannot be read, or a bucket cannot be listed.
    """
    task = invocation.oms.query_task(invocation.deadline)
    task_info = task if isinstance(task, TaskInfo) else None
    destination = invocation.obs().bucket(task_info, invocation.deadline) if task_info else None
    states = PassStore(invocation, "compare", destination.name).read_states() if destination else []
    answering_pass = find_answering_pass(states, invocation.settings.key_filter.prefix)
    comparison = answering_pass.state if answering_pass else None
    _, run_keys = read_records_and_runs(invocation, 1, _MAX_RUN_FILES, all_projects=True)
    facts = _gather_facts(invocation, task_info, comparison, run_keys, destination)
    if not destination or not comparison or find_reason_against_list(facts):
        return DeletionsAnswer(facts, (), {}, (), None)
    page = _PageBuilder(invocation, destination, comparison, {failed_key.key for failed_key in run_keys.keys})
    return page.build(facts, after_key)


def _gather_facts(
    invocation: Invocation,
    task: TaskInfo | None,
    comparison: PassState | None,
    run_keys: RunKeys,
    destination: ObsBucket | None,
) -> DeletionFacts:
    back_to_source_rules = JobState(invocation).read_back_to_source(destination.name) if destination else None
    missing_permissions: list[str] = []
    if destination and comparison:
        # Any two objects show if the permissions to read exist.
        prefix = comparison.scope.key_filter.prefix
        keys = (bucket.find_first_name(prefix, "") for bucket in (invocation.source_bucket, destination))
        missing_permissions = list_missing_permissions(invocation, destination, *keys)
    return DeletionFacts(
        source_bucket=invocation.settings.source_bucket,
        task_source=task.src_bucket if task else None,
        destination_bucket=destination.name if destination else "",
        comparison=comparison.of.name if comparison else "",
        began=comparison.started if comparison else "",
        source_objects=comparison.passed.source_listed.objects if comparison else 0,
        objects_before=comparison.of.before_objects if comparison else 0,
        back_to_source=back_to_source_rules.rules if back_to_source_rules else None,
        go=Certificates(invocation).last_name([CutoverVerdict.GO]),
        unread_run_files=len(run_keys.unreadable_names) + run_keys.is_incomplete,
        missing_permissions=missing_permissions,
        unknown_objects=comparison.tally.count_class(ObjectClass.UNKNOWN).destination.objects if comparison else 0,
    )


class _PageBuilder:
    """The builder of a page: it selects the keys to delete in OBS, and counts the other keys by reason.

    `waiting_keys` are the keys that replay has taken from failed records and still has to submit.
    """

    def __init__(
        self, invocation: Invocation, destination: ObsBucket, comparison: PassState, waiting_keys: set[str]
    ) -> None:
        self._invocation = invocation
        self._destination = destination
        self._comparison = comparison
        self._waiting_keys = waiting_keys
        self._migrations: Migrations = load_migrations(invocation)
        self._start_time = (parse_time(comparison.started) or invocation.clock.now()).timestamp()
        installation_time = parse_time(comparison.of.installed) or invocation.clock.now()
        # The first pass records the installation, and the project may have submitted objects before it.
        self._min_submission_time = comparison.scope.identity.min_time(installation_time).timestamp()
        self._omissions = Counter[OmissionReason]()
        self._inexact_keys: list[str] = []

    def build(self, facts: DeletionFacts, after_key: str) -> DeletionsAnswer:
        absences = read_absences(self._invocation.log_bucket, self._comparison.passed.absences, after_key)
        deletions, candidate_count, last_key = list[Deletion](), 0, None
        for batch in iter(lambda: list(islice(absences, _KEYS_PER_READ)), []):
            candidates = [absence for absence in batch if self._is_candidate(absence)]
            deletions += self._select_deletions(candidates)
            candidate_count += len(candidates)
            if candidate_count >= _KEYS_PER_PAGE or self._invocation.deadline.remaining() < _RESERVED_SECONDS:
                last_key = batch[-1].key
                break
        return DeletionsAnswer(facts, deletions, self._omissions, self._inexact_keys, last_key)

    def _is_candidate(self, absence: Absence) -> bool:
        """Return True if the key has to be looked up in the clouds; otherwise count the reason to leave it out."""
        if not is_absent_long_enough(absence.since, self._start_time):
            self._omissions[OmissionReason.YOUNG] += 1
        elif not is_named_exactly(absence.key):
            self._omissions[OmissionReason.NAME] += 1
            self._inexact_keys.append(absence.key)
        else:
            return True
        return False

    def _select_deletions(self, candidates: Sequence[Absence]) -> list[Deletion]:
        deletions = []
        for candidate, absent_key in zip(candidates, self._query_absent_keys(candidates), strict=True):
            reason = find_omission_reason(absent_key, self._start_time, self._min_submission_time)
            if reason:
                self._omissions[reason] += 1
            else:
                times = (timestamp(from_epoch(seconds)) for seconds in (candidate.modified, candidate.since))
                deletions.append(Deletion(candidate.key, candidate.size, candidate.etag, *times))
        return deletions

    def _query_absent_keys(self, absences: Sequence[Absence]) -> list[AbsentKey]:
        """Return the state of these keys in the records and in both clouds.

        Replay may be resending a key, and may write the key's success record during this call. So the order of the
        requests matters: failed records are read before success records, and the clouds are queried last.
        """
        keys = [absence.key for absence in absences]
        failed_records, success_records, proofs = (
            self._read_records(kind, keys) for kind in ("failed", "success", "proven")
        )
        obs_answers = self._destination.try_head_all(keys)
        source_answers = self._invocation.source_bucket.try_head_all(keys)
        return [
            AbsentKey(
                key,
                etag,
                modified,
                since,
                _format_status(source_answer),
                _format_status(obs_answer),
                (obs_answer.etag, obs_answer.modified) if isinstance(obs_answer, ObjectHead) else None,
                (success_etag(success_record).removesuffix(_RESENT_SUFFIX).upper(), write_time(success_record))
                if success_record
                else None,
                is_waiting=failed_record is not None or key in self._waiting_keys,
                is_proven=proof is not None and proves_equal(proof.body, etag),
                is_migrated=self._migrations.has_written(ObjectSummary(key, etag, size, modified)),
            )
            for (
                key,
                size,
                etag,
                modified,
                since,
            ), failed_record, success_record, proof, obs_answer, source_answer in zip(
                absences, failed_records, success_records, proofs, obs_answers, source_answers, strict=True
            )
        ]

    def _read_records(self, kind: Kind, keys: Sequence[str]) -> list[StoredObject | None]:
        names = [record_name(self._invocation.task_id, kind, key) for key in keys]
        return self._invocation.log_bucket.get_all(names)


def _format_status(answer: object) -> str:
    if isinstance(answer, StorageError):
        return "404" if answer.code == "NoSuchKey" else ""
    return "200"
