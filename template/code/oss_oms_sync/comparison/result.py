"""The answer of compare, with the facts that decide the remedies of the differences."""

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
from oss_oms_sync.comparison.count import same_size_counts
from oss_oms_sync.comparison.judge import are_same_size
from oss_oms_sync.comparison.proof import Proof, kept
from oss_oms_sync.passes.entries import Entry
from oss_oms_sync.passes.states import PassState
from oss_oms_sync.passes.tally import Tally
from oss_oms_sync.rules.counts import counts_of as class_counts
from oss_oms_sync.rules.counts import list_missing_permissions
from oss_oms_sync.rules.remedy import Attempts, Counts, Remedy, narrowest_prefixes, remedy

# Options of a pass outside its scope (passes/pieces.py).
_PASS_OPTIONS = ("since", "deep", "overwrite", "cutover")


@dataclass(frozen=True)
class CompareResult:
    """A pass's counts, and the answer fields of all passes.

    `state`: None without a pass. `overwrite_mode`: the sync task's. `stood_still`: True if a later standstill pass
    agrees, False if it contradicts, None without a standstill pass.
    """

    tally: Tally
    answer: PassAnswer
    state: PassState | None = None
    overwrite_mode: OverwriteMode | None = None
    stood_still: bool | None = None

    @property
    def is_contradicted(self) -> bool:
        """True if a standstill pass contradicts this pass, so that it proves nothing."""
        return self.stood_still is False

    def to_json(self) -> dict[str, object]:
        """Return the answer; classes and folders only for a finished pass."""
        is_compared = self.answer.finished and not (self.state and self.state.scope.standstill)
        return to_json(self.compared() if is_compared else CompareAnswer(**self._answer()))  # type: ignore[no-any-return]

    def compared(self) -> ComparisonResult:
        """Return the answer of a finished pass."""
        return ComparisonResult(
            **self._answer(),
            **self.tally.shown(),
            adds_up=self.tally.adds_up(),
            remedies=self.remedies,
            watermark=self.watermark,
            differences=self.tally.parts,
        )

    def _answer(self) -> dict[str, Any]:
        """Return the fields of every pass, by the names of CompareAnswer."""
        state, tally, finished = self.state, self.tally, self.answer.finished
        is_standstill = state is not None and state.scope.standstill
        return {
            **vars(self.answer),
            "has_no_objects": finished and not is_standstill and tally.has_no_objects,
            **{name: tally.counts.get(name, 0) for name in ("submitted", "accepted", "failed", "orphan_records")},
            "deep": self._deep(),
            "lag": tally.lags(),
            "standstill": is_standstill,
            "wishes": [name for name in _PASS_OPTIONS if state and getattr(state.scope, name)],
            "state": f"{tally.state:064x}" if finished else None,
            "twin": f"{tally.twin:064x}" if finished else None,
            "stood_still": self.stood_still,
            "amended": (state.amended or None) if state else None,
        }

    def _deep(self) -> ReadResult | None:
        """Return the results of reading; None if there was no object to read."""
        counts = self.tally.counts
        shown = {name: counts.get(f"deep_{name}", 0) for name in (*(proof.value for proof in Proof), "bytes")}
        return ReadResult(**shown, keys=self.tally.unread) if any(shown.values()) else None

    @property
    def remedies(self) -> dict[ObjectClass, Text]:
        """The remedies of classes that a plain submission does not fix."""
        return remedies(self.tally, self.overwrite_mode, self._suffix, self._tried)

    def remedy(self, object_class: ObjectClass) -> Remedy:
        """Return the remedy of a class in an open project."""
        counts = counts_of(self.tally, object_class, self._suffix)
        return remedy(object_class, counts, self.overwrite_mode, self._tried, is_open=True)

    @property
    def _suffix(self) -> str:
        return self.state.scope.key_filter.suffix if self.state else ""

    @property
    def _tried(self) -> Attempts:
        return attempts_of(self.state) if self.state else Attempts()

    @property
    def watermark(self) -> str | None:
        """The time before which all written objects were in the destination; None before the first pass."""
        began = parse_time(self.state.started) if self.state else None
        if began is None:
            return None
        oldest = self.tally.oldest_not_there
        return timestamp(began if oldest is None else min(began, from_epoch(oldest)))


def missing_rights(tally: Tally) -> list[Text]:
    """List the permissions missing to read objects, each with the way to grant it."""
    return list_missing_permissions(unread_counts(tally))


def unread_counts(tally: Tally) -> dict[str, int]:
    """Return the number of objects unread because of a missing permission, by the names in ReadResult."""
    return {name: tally.counts.get(f"deep_{name}", 0) for name in MISSING_PERMISSION_TEXTS}


def remedies(tally: Tally, mode: OverwriteMode | None, suffix: str, tried: Attempts) -> dict[ObjectClass, Text]:
    """Return the remedies of objects that a plain submission does not fix, or may not fix, by class."""
    class_remedies = {
        object_class: remedy(object_class, counts_of(tally, object_class, suffix), mode, tried, is_open=True)
        for object_class in (ObjectClass.OLDER, ObjectClass.OVERWRITTEN, ObjectClass.SUSPICIOUS)
        if tally.objects(object_class)
    }
    return {
        object_class: class_remedy.text
        for object_class, class_remedy in class_remedies.items()
        if class_remedy.is_special
    }


def counts_of(tally: Tally, object_class: ObjectClass, suffix: str) -> Counts:
    """Return the counts that decide the remedy of a class; `suffix` is the project's."""
    shown = tally.shown()
    return class_counts(shown["classes"], shown["folders"], object_class, suffix)


def attempts_of(state: PassState) -> Attempts:
    """Return the attempts of a finished comparison."""
    scope, oldest, installed = state.scope, state.tally.oldest_not_there, parse_time(state.of.installed)
    submitted, begin = state.passed.counts.get("submitted", 0), scope.begin(installed) if installed else None
    # The oldest object may be of a class that is not submitted.
    is_left = submitted < state.passed.objects(ObjectClass.MISSING, ObjectClass.OLDER)
    earlier = ""
    if begin and oldest is not None and oldest < begin.timestamp() and is_left:
        earlier = timestamp(from_epoch(oldest))
    return Attempts(
        deep=scope.deep,
        missing_rights=missing_rights(state.tally),
        overwrite=scope.overwrite and not state.amended,
        submitted=submitted,
        since=timestamp(scope.since) if scope.since else "",
        begins=timestamp(begin) if begin else "",
        earlier=earlier,
        amended=bool(state.amended),
        unsent=state.unsent,
        migrate=next(iter(state.of.migrations.step.options), ""),
    )


def remedy_of_key(entry: Entry, object_class: ObjectClass, mode: OverwriteMode | None, suffix: str) -> Remedy:
    """Return the remedy of a single key in an open project."""
    proven_different, in_vain = same_size_counts(entry, object_class, None)
    counts = Counts(
        1,
        proven_different,
        in_vain,
        are_same_size=are_same_size(entry),
        prefixes=None if suffix else narrowest_prefixes([entry.key], 1, ()),
        key=entry.key,
    )
    # A stored proof has the result of a read.
    return remedy(object_class, counts, mode, Attempts(deep=kept(entry) is not None), is_open=True)
