"""A page of the objects that the source has deleted and OBS still has, for `ops.py deletions`.

This is a part of certify, because certify has the permissions to read both buckets and the certificates. It deletes and
writes nothing.
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
    is_absent_long_enough,
    is_named_exactly,
    refusal,
)

# Maximum number of keys to look up for a page, and number of keys whose records and objects are read at the same time.
_KEYS_PER_PAGE = 2_000
_KEYS_PER_READ = 100
_MAX_RUN_FILES = 50
# A page ends when less time remains: the lookups of a batch take a few seconds.
_RESERVED_SECONDS = 30.0
_AGAIN = repeated_etag("")


def list_deletions(invocation: Invocation, after: str) -> DeletionsAnswer:
    """Return the page of deletions after the key `after`, by the last finished comparison of all keys.

    Raises StorageError if the log bucket cannot be read, or a bucket cannot be listed.
    """
    task = invocation.oms.task(invocation.deadline)
    info = task if isinstance(task, TaskInfo) else None
    destination = invocation.obs().bucket(info, invocation.deadline) if info else None
    states = PassStore(invocation, "compare", destination.name).read_states() if destination else []
    answer = find_answering_pass(states, invocation.settings.key_filter.prefix)
    compared = answer.state if answer else None
    _, runs = read_records_and_runs(invocation, 1, _MAX_RUN_FILES, all_projects=True)
    facts = _gather_facts(invocation, info, compared, runs, destination)
    if not destination or not compared or refusal(facts):
        return DeletionsAnswer(facts, (), {}, (), None)
    page = _Page(invocation, destination, compared, {failed_key.key for failed_key in runs.keys})
    return page.build(facts, after)


def _gather_facts(
    invocation: Invocation,
    task: TaskInfo | None,
    compared: PassState | None,
    runs: RunKeys,
    destination: ObsBucket | None,
) -> DeletionFacts:
    rules = JobState(invocation).read_back_to_source(destination.name) if destination else None
    missing: list[str] = []
    if destination and compared:
        # Any two objects show if the permissions to read exist.
        prefix = compared.scope.key_filter.prefix
        keys = (bucket.first_name(prefix, "") for bucket in (invocation.source_bucket, destination))
        missing = list_missing_permissions(invocation, destination, *keys)
    return DeletionFacts(
        source_bucket=invocation.settings.source_bucket,
        task_source=task.src_bucket if task else None,
        destination_bucket=destination.name if destination else "",
        comparison=compared.of.name if compared else "",
        began=compared.started if compared else "",
        source_objects=compared.passed.source_listed.objects if compared else 0,
        objects_before=compared.of.before_objects if compared else 0,
        back_to_source=rules.rules if rules else None,
        go=Certificates(invocation).last_name([CutoverVerdict.GO]),
        unread_run_files=len(runs.unreadable_names) + runs.are_more,
        missing_permissions=missing,
        unknown_objects=compared.tally.of(ObjectClass.UNKNOWN).destination.objects if compared else 0,
    )


class _Page:
    """A page of the keys that a comparison found to be absent. `waiting` are the keys of replay's run files."""

    def __init__(self, invocation: Invocation, destination: ObsBucket, compared: PassState, waiting: set[str]) -> None:
        self._invocation = invocation
        self._destination = destination
        self._compared = compared
        self._waiting = waiting
        self._migrations: Migrations = load_migrations(invocation)
        self._began = (parse_time(compared.started) or invocation.clock.now()).timestamp()
        installed = parse_time(compared.of.installed) or invocation.clock.now()
        # The first pass records the installation, and the project may have submitted objects before it.
        self._oldest = compared.scope.identity.min_time(installed).timestamp()
        self._left_out = Counter[OmissionReason]()
        self._unlisted: list[str] = []

    def build(self, facts: DeletionFacts, after: str) -> DeletionsAnswer:
        """Look up the keys after `after`, and return the page.

        Raises StorageError.
        """
        absences = read_absences(self._invocation.log_bucket, self._compared.passed.absences, after)
        deletions, looked_up, last_key = list[Deletion](), 0, None
        for batch in iter(lambda: list(islice(absences, _KEYS_PER_READ)), []):
            candidates = [absence for absence in batch if self._is_candidate(absence)]
            deletions += self._select_deletions(candidates)
            looked_up += len(candidates)
            if looked_up >= _KEYS_PER_PAGE or self._invocation.deadline.remaining() < _RESERVED_SECONDS:
                last_key = batch[-1].key
                break
        return DeletionsAnswer(facts, deletions, self._left_out, self._unlisted, last_key)

    def _is_candidate(self, absence: Absence) -> bool:
        """Return True if a key has to be looked up; otherwise count the reason why it is left out."""
        if not is_absent_long_enough(absence.since, self._began):
            self._left_out[OmissionReason.YOUNG] += 1
        elif not is_named_exactly(absence.key):
            self._left_out[OmissionReason.NAME] += 1
            self._unlisted.append(absence.key)
        else:
            return True
        return False

    def _select_deletions(self, absences: Sequence[Absence]) -> list[Deletion]:
        """Return the deletions among the candidates, and count the reasons to leave out the others."""
        deletions = []
        for absence, absent_key in zip(absences, self._look_up(absences), strict=True):
            reason = find_omission_reason(absent_key, self._began, self._oldest)
            if reason:
                self._left_out[reason] += 1
            else:
                times = (timestamp(from_epoch(seconds)) for seconds in (absence.modified, absence.since))
                deletions.append(Deletion(absence.key, absence.size, absence.etag, *times))
        return deletions

    def _look_up(self, absences: Sequence[Absence]) -> list[AbsentKey]:
        """Return the state of these keys in the records and in both clouds.

        The order of the requests matters. A key without a failed record may be in a newer run file, and then gets a
        success record later: so failed records are read before success records, and both clouds are queried last.
        """
        keys = [absence.key for absence in absences]
        failed, success, proofs = (self._read_records(kind, keys) for kind in ("failed", "success", "proven"))
        heads = self._destination.try_head_all(keys)
        sources = self._invocation.source_bucket.try_head_all(keys)
        return [
            AbsentKey(
                key,
                etag,
                modified,
                since,
                _status(source),
                _status(head),
                (head.etag, head.modified) if isinstance(head, ObjectHead) else None,
                (success_etag(record).removesuffix(_AGAIN).upper(), write_time(record)) if record else None,
                is_waiting=failure is not None or key in self._waiting,
                is_proven=proof is not None and proves_equal(proof.body, etag),
                is_migrated=self._migrations.has_written(ObjectSummary(key, etag, size, modified)),
            )
            for (key, size, etag, modified, since), failure, record, proof, head, source in zip(
                absences, failed, success, proofs, heads, sources, strict=True
            )
        ]

    def _read_records(self, kind: Kind, keys: Sequence[str]) -> list[StoredObject | None]:
        names = [record_name(self._invocation.task_id, kind, key) for key in keys]
        return self._invocation.log_bucket.get_all(names)


def _status(answer: object) -> str:
    """Return the status of a HEAD request: "200", "404", or "" for any other."""
    if isinstance(answer, StorageError):
        return "404" if answer.code == "NoSuchKey" else ""
    return "200"
