"""Single values of certificates: `ops.py check` detects each change of a value unless a list here has a reason."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import timedelta
from enum import Enum
from typing import Any

import pytest

from ops.certificate.check import find_false_claims
from ops.clock import parse_timestamp, timestamp
from oss_oms_sync.answers.certificate import CutoverVerdict
from oss_oms_sync.answers.finding import Result
from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.task_group import GroupState, OverwriteMode
from support.answers import answer
from support.law import EXTRAS
from tools.package import ROOT
from unit.ops.certificates import add_hash, list_values, replace_value

CERTIFICATES = {
    **{name: answer(f"certificate-{name}") for name in ("go", "no-go", "not-proven", "rehearsal")},
    "docs": json.loads((ROOT / "docs" / "certificate.json").read_text(encoding="utf-8")),
}
ENUMERATIONS: list[type[Enum]] = [CutoverVerdict, Result, ObjectClass, OverwriteMode, GroupState]
MEMBERS = [[member.value for member in kind] for kind in ENUMERATIONS]

# Values that can change without a contradiction, and the reason. `*` is any name or place.
UNDETECTED_CHANGES = {
    # Sentences and other conclusions that no reader shows.
    "text": "no reader shows it",
    "text_zh": "no reader shows it",
    "checks.*.actual": "no reader shows it",
    "checks.*.actual_zh": "no reader shows it",
    "checks.*.wanted": "no reader shows it",
    "checks.*.wanted_zh": "no reader shows it",
    "checks.*.next": "no reader shows it",
    "checks.*.next_zh": "no reader shows it",
    "checks.*.keys.*": "no reader shows it",
    "checks.*.step": "no reader shows it",
    "checks.*.waits": "no reader shows it",
    # Names.
    "made_by": "a release tells",
    "destination_bucket": "a listing tells",
    "log_bucket": "no result depends on it",
    "passes.*.pass": "the log bucket tells",
    "run": "the log bucket tells; CLOSED compares it with the mark",
    "closed": "the log bucket tells; CLOSED compares its run and time",
    # Times: results depend on their order.
    "frozen_since": "the user tells",
    "passes.*.started": "results depend on its order",
    "passes.*.ended": "results depend on its order",
    "passes.*.began": "results depend on its order",
    "oms.busy": "results depend on its order",
    "lists.looked": "results depend on its order",
    "last_written.*.at": "a listing with times tells; FROZEN compares the last",
    # Storage classes of a bucket's objects; only their numbers have sums.
    "storage.*.source": "a listing with storage classes tells",
    "storage.*.destination": "a listing with storage classes tells",
    # Keys that are examples.
    "last_written.*.key": "a listing with times tells",
    "classes.*.keys.*": "examples; a listing tells",
    "sample.keys.*": "a listing and the seed tell",
    "headers.more.*": "a listing tells, of each folder",
    "headers.migrated": "OMS's console tells; no result depends on it if the standstill pass checked headers",
    # Numbers that a cloud or the log bucket reports.
    "oms.left": "OMS's console tells, while the project is open",
    "oms.accepted": "OMS's console tells",
    "oms.recorded": "the log bucket tells",
    "oms.largest": "a listing tells",
    "oms.may_finish": "OMS's console tells, if nothing is left",
    "passes.*.objects_per_minute": "no result depends on it",
    "passes.compare.deep": "the log bucket tells; only next steps depend on it",
    "passes.compare.overwrite": "the log bucket tells; only next steps depend on it",
    "passes.compare.begins": "the log bucket tells; only next steps depend on it",
    "passes.compare.earlier": "the log bucket tells; only next steps depend on it",
    "passes.compare.submitted": "the log bucket tells; only next steps depend on it",
    "passes.compare.unsent": "the log bucket tells; only next steps depend on it",
    "passes.compare.migrate": "the log bucket tells; only next steps depend on it",
    "passes.compare.no_right_in_oss": "the log bucket tells; only next steps depend on it",
    "passes.compare.no_right_in_obs": "the log bucket tells; only next steps depend on it",
    "go_stands": "the log bucket tells; only next steps depend on it, while no key waits",
    "waiting.has_more_records": "the log bucket tells; only next steps depend on it",
    "lists.unread": "the log bucket tells",
    "clocks": "the clouds tell, within a minute",
    "keys_a_minute": "the settings tell; only the forecast depends on it",
    "classes.older.in_vain": "OMS's mode and CRC64s tell; no more than the objects of the class",
    "sample.population": "objects of up to 1 GiB, of which the document has only the bytes of all",
    "sample.bytes": "a listing tells",
    "sample.problem": "only a sentence depends on it",
    "accepted.*": "the user tells who accepts it, and why",
    "sync_task": "OMS's console tells; TASK depends on its bucket and state",
    "shown": "no result depends on it",
}


def covers_path(entry: str, path: tuple[Any, ...]) -> bool:
    """Return True if an entry of UNDETECTED_CHANGES covers the value at this path, or a container of the value."""
    pattern = entry.split(".")
    return len(pattern) <= len(path) and all(
        name in ("*", str(part)) for name, part in zip(pattern, path, strict=False)
    )


def changed_values(value: object) -> Iterator[object]:
    """Yield other values of the same type, such as a count or a time that differs by one, or another key."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value - 1, float(value))
        case str():
            members = [member for kind in MEMBERS if value in kind for member in kind if member != value]
            yield from members
            try:
                time = parse_timestamp(value)
            except ValueError:
                yield from (f"{value}x",) if not members else ()
            else:
                yield from (timestamp(time + timedelta(seconds=seconds)) for seconds in (1, -1))


def undetected_changes(name: str, step: int = 1) -> list[tuple[Any, ...]]:
    """Return the path of each change that `ops.py check` does not detect; try only every `step`-th change."""
    document = CERTIFICATES[name]
    all_changes = [
        (path, change)
        for path, value in list_values(document)
        if path != ("sha256",)
        for change in changed_values(value)
    ]
    return [
        path
        for path, change in all_changes[len(name) % step :: step]
        if not find_false_claims(add_hash(replace_value(document, path, change)))
    ]


def find_unlisted_changes(paths: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
    """Return the paths of changes that no entry of UNDETECTED_CHANGES covers."""
    return [path for path in paths if not any(covers_path(entry, path) for entry in UNDETECTED_CHANGES)]


@pytest.mark.parametrize("name", CERTIFICATES)
def test_check_detects_each_changed_value_that_is_no_listed_exception(name):
    assert find_false_claims(CERTIFICATES[name]) == []
    assert find_unlisted_changes(undetected_changes(name, 20)) == []


@pytest.mark.extras
def test_the_list_of_exceptions_has_exactly_the_undetected_changes():
    undetected_paths = {path for name in CERTIFICATES for path in undetected_changes(name)}
    assert find_unlisted_changes(undetected_paths) == []
    covered = {entry for entry in UNDETECTED_CHANGES for path in undetected_paths if covers_path(entry, path)}
    assert covered == UNDETECTED_CHANGES.keys()


@pytest.mark.part
def test_check_refuses_a_certificate_with_a_renamed_fact():
    document = CERTIFICATES["go"]
    for path, value in [((), document), *list_values(document)]:
        if isinstance(value, dict) and path[:1] not in (("checks",), ("folders",), ("accepted",)):
            for part in [*value][:: 1 if EXTRAS else 7]:
                if path or part not in ("text", "text_zh", "sha256"):
                    renamed = {f"{name}x" if name == part else name: other for name, other in value.items()}
                    forged = replace_value(document, path, renamed) if path else renamed
                    assert find_false_claims(add_hash(forged)) != [], (path, part)
