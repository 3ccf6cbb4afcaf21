"""The answer of compare, and the facts that decide the remedies of the differences."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from oss_oms_sync.answers.codec import to_json
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.pass_answers import (
    MISSING_PERMISSION_TEXTS,
    CompareAnswer,
    ComparisonResult,
    PassAnswer,
    ReadResult,
)
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.answers.text import Text
from oss_oms_sync.clock import from_epoch, parse_time, timestamp
from oss_oms_sync.comparison.count import count_same_size
from oss_oms_sync.comparison.judge import are_same_size
from oss_oms_sync.comparison.proof import Proof, stored_proof
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.rules.counts import list_missing_permissions, make_remedy_counts
from oss_oms_sync.rules.remedy import Attempts, Counts, Remedy, find_narrowest_prefixes, remedy

# Options of a pass outside its scope (passes/pieces.py).
_PASS_OPTIONS = ("since", "deep", "overwrite", "cutover")


@dataclass(frozen=True)
class CompareResult:
    """The counts of a comparison, and the fields that the answers of all passes have.

    - `state`: the state of the pass, or None if no pass exists.
    - `stood_still`: True if a later standstill pass shows that nothing has changed, False if it shows a change. It is
      None without a standstill pass.
    """

    tally: Tally
    answer: PassAnswer
    state: PassState | None = None
    overwrite_mode: OverwriteMode | None = None
    stood_still: bool | None = None

    @property
    def is_contradicted(self) -> bool:
        """True if a later standstill pass shows a change, so that this comparison proves nothing."""
        return self.stood_still is False

    def to_json(self) -> dict[str, object]:
        """Return the answer as JSON; only that of a finished pass has classes and folders."""
        is_compared = self.answer.finished and not (self.state and self.state.scope.standstill)
        return to_json(self.to_result() if is_compared else CompareAnswer(**self._list_common_fields()))  # type: ignore[no-any-return]

    def to_result(self) -> ComparisonResult:
        return ComparisonResult(
            **self._list_common_fields(),
            **self.tally.results(),
            adds_up=self.tally.adds_up(),
            remedies=self.remedies,
            watermark=self.watermark,
            differences=self.tally.parts,
        )

    def _list_common_fields(self) -> dict[str, Any]:
        state, tally, is_finished = self.state, self.tally, self.answer.finished
        is_standstill = state is not None and state.scope.standstill
        return {
            **vars(self.answer),
            "has_no_objects": is_finished and not is_standstill and tally.has_no_objects,
            **{name: tally.counts.get(name, 0) for name in ("submitted", "accepted", "failed", "orphan_records")},
            "deep": self._make_read_result(),
            "lag": tally.summarize_lags(),
            "standstill": is_standstill,
            "wishes": [name for name in _PASS_OPTIONS if state and getattr(state.scope, name)],
            "state": f"{tally.state:064x}" if is_finished else None,
            "twin": f"{tally.twin:064x}" if is_finished else None,
            "stood_still": self.stood_still,
            "amended": (state.amended or None) if state else None,
        }

    def _make_read_result(self) -> ReadResult | None:
        counts = self.tally.counts
        counts_by_result = {
            name: counts.get(f"deep_{name}", 0) for name in (*(proof.value for proof in Proof), "bytes")
        }
        return ReadResult(**counts_by_result, keys=self.tally.unread) if any(counts_by_result.values()) else None

    @property
    def remedies(self) -> dict[ObjectClass, Text]:
        return describe_remedies(self.tally, self.overwrite_mode, self._suffix, self._attempts)

    def remedy(self, object_class: ObjectClass) -> Remedy:
        counts = select_remedy_counts(self.tally, object_class, self._suffix)
        return remedy(object_class, counts, self.overwrite_mode, self._attempts, is_open=True)

    @property
    def _suffix(self) -> str:
        return self.state.scope.key_filter.suffix if self.state else ""

    @property
    def _attempts(self) -> Attempts:
        return find_attempts(self.state) if self.state else Attempts()

    @property
    def watermark(self) -> str | None:
        """The time before which all source objects have a copy in the destination; None if no pass exists."""
        start_time = parse_time(self.state.started) if self.state else None
        if start_time is None:
            return None
        oldest_time = self.tally.oldest_not_there
        return timestamp(start_time if oldest_time is None else min(start_time, from_epoch(oldest_time)))


def describe_missing_permissions(tally: Tally) -> list[Text]:
    return list_missing_permissions(count_unread(tally))


def count_unread(tally: Tally) -> dict[str, int]:
    """Return the number of objects that could not be read for each missing permission, by the names in ReadResult."""
    return {name: tally.counts.get(f"deep_{name}", 0) for name in MISSING_PERMISSION_TEXTS}


def describe_remedies(
    tally: Tally, mode: OverwriteMode | None, suffix: str, attempts: Attempts
) -> dict[ObjectClass, Text]:
    """Return the remedies of the classes whose objects need, or may need, something other than a submission."""
    class_remedies = {
        object_class: remedy(
            object_class, select_remedy_counts(tally, object_class, suffix), mode, attempts, is_open=True
        )
        for object_class in (ObjectClass.OLDER, ObjectClass.OVERWRITTEN, ObjectClass.SUSPICIOUS)
        if tally.count_objects(object_class)
    }
    return {
        object_class: class_remedy.text
        for object_class, class_remedy in class_remedies.items()
        if class_remedy.is_special
    }


def select_remedy_counts(tally: Tally, object_class: ObjectClass, suffix: str) -> Counts:
    """Return the counts that decide the remedy of a class. `suffix` is the suffix of the project's filter."""
    results = tally.results()
    return make_remedy_counts(results["classes"], results["folders"], object_class, suffix)


def find_attempts(state: PassState) -> Attempts:
    """Return the attempts of a finished comparison to resolve its differences: its options and its submissions."""
    scope, oldest_time, installed_at = state.scope, state.tally.oldest_not_there, parse_time(state.of.installed)
    submitted_count, min_time = (
        state.passed.counts.get("submitted", 0),
        scope.min_time(installed_at) if installed_at else None,
    )
    # The oldest object may be of a class that is never submitted.
    has_unsubmitted = submitted_count < state.passed.count_objects(ObjectClass.MISSING, ObjectClass.OLDER)
    oldest_unsubmitted_time = ""
    if min_time and oldest_time is not None and oldest_time < min_time.timestamp() and has_unsubmitted:
        oldest_unsubmitted_time = timestamp(from_epoch(oldest_time))
    return Attempts(
        deep=scope.deep,
        missing_permissions=describe_missing_permissions(state.tally),
        overwrite=scope.overwrite and not state.amended,
        submitted_objects=submitted_count,
        since=timestamp(scope.since) if scope.since else "",
        min_time=timestamp(min_time) if min_time else "",
        oldest_unsubmitted_time=oldest_unsubmitted_time,
        was_rechecked=bool(state.amended),
        unsubmitted_objects=state.unsent,
        migrate_option=next(iter(state.of.migrations.step.options), ""),
    )


def remedy_of_key(entry: Entry, object_class: ObjectClass, mode: OverwriteMode | None, suffix: str) -> Remedy:
    different_count, in_vain_count = count_same_size(entry, object_class, None)
    counts = Counts(
        1,
        different_count,
        in_vain_count,
        are_same_size=are_same_size(entry),
        prefixes=None if suffix else find_narrowest_prefixes([entry.key], 1, ()),
        key=entry.key,
    )
    # A stored proof has the result of a read.
    return remedy(object_class, counts, mode, Attempts(deep=stored_proof(entry) is not None), is_open=True)
