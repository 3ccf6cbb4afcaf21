"""Remedies for object classes: in each overwrite mode, a remedy mends only the objects of its class."""

from __future__ import annotations

from itertools import product
from typing import Any

import pytest

from oss_oms_sync.answers.object_class import ObjectClass
from oss_oms_sync.answers.step import Step
from oss_oms_sync.answers.task_group import OverwriteMode
from oss_oms_sync.answers.text import t
from oss_oms_sync.rules.remedy import Attempts, Counts, Remedy, remedy

LATER = OverwriteMode("A_LATER_MODE_OF_OMS")
MODES = (*OverwriteMode, LATER, None)
RIGHT = t("{number:object|objects} could not be read", number=1)
COUNTS = {
    "of another size": Counts(2, prefixes=["a/"]),
    "of the same size": Counts(2, proven_different=2, are_same_size=True, prefixes=["a/"]),
    "skipped": Counts(2, proven_different=2, ineffective_resends=2, are_same_size=True, prefixes=["a/"]),
    "mixed": Counts(2, proven_different=1, ineffective_resends=1, prefixes=["a/"]),
    "with a suffix": Counts(2, proven_different=2, ineffective_resends=2, prefixes=None),
    "a key of another size": Counts(1, prefixes=["k"], key="k"),
    "a skipped key": Counts(1, proven_different=1, ineffective_resends=1, are_same_size=True, prefixes=["k"], key="k"),
}
TRIED = {
    "nothing": Attempts(),
    "submitted": Attempts(submitted_objects=2, overwrite=True),
    "rechecked": Attempts(submitted_objects=2, was_rechecked=True),
    "read": Attempts(deep=True),
    "not allowed to read": Attempts(deep=True, missing_permissions=[RIGHT]),
    "too many": Attempts(unsubmitted_objects=9),
    "too late": Attempts(min_time="2026-01-02T00:00:00Z", oldest_unsubmitted_time="2026-01-01T00:00:00Z"),
    "frozen": Attempts(is_frozen=True, submitted_objects=2),
}
OLDER, OVERWRITTEN, SUSPICIOUS = ObjectClass.OLDER, ObjectClass.OVERWRITTEN, ObjectClass.SUSPICIOUS
NEVER, DEFAULT = OverwriteMode.NEVER, OverwriteMode.DEFAULT
CRC64, ALWAYS = OverwriteMode.CRC64, OverwriteMode.ALWAYS
AGAIN, RESTART, READ = {"again": True}, {"restart": True}, {"deep": True}
SUBMIT, MIGRATE = {"overwrite": True, "restart": True}, {"overwrite": True, "prefix": ["a/"]}


def iter_remedies(*classes: ObjectClass) -> Any:
    """Yield each combination of facts about these classes, with its remedies in an open and in a closed project."""
    for object_class, counts, mode, tried in product(classes, COUNTS.values(), MODES, TRIED.values()):
        facts = (object_class, counts, mode, tried)
        yield *facts, remedy(*facts, is_open=True), remedy(*facts, is_open=False)


@pytest.mark.parametrize(
    ("object_class", "counts", "mode", "tried", "job", "options"),
    [
        (ObjectClass.MIGRATING, "of another size", None, "nothing", "compare", RESTART),
        (ObjectClass.MOVING, "of another size", None, "nothing", "compare", AGAIN),
        (ObjectClass.IN_FLIGHT, "of another size", None, "nothing", "compare", AGAIN),
        (ObjectClass.FAILED_BEFORE, "of the same size", None, "nothing", "replay", {}),
        (ObjectClass.FAILED_BEFORE, "of the same size", None, "frozen", "compare", READ),
        (ObjectClass.MISSING, "of another size", None, "nothing", "compare", RESTART),
        (ObjectClass.MISSING, "of another size", None, "submitted", "compare", AGAIN),
        (ObjectClass.MISSING, "of another size", None, "rechecked", "compare", RESTART),
        (ObjectClass.MISSING, "of another size", None, "too many", "migrate", {}),
        (
            ObjectClass.MISSING,
            "of another size",
            None,
            "too late",
            "compare",
            {"restart": True, "since": "2026-01-01T00:00:00Z"},
        ),
        (OLDER, "of another size", NEVER, "submitted", "compare", RESTART),
        (OLDER, "skipped", DEFAULT, "submitted", "compare", AGAIN),
        (OLDER, "skipped", CRC64, "submitted", "compare", READ),
        (OLDER, "skipped", CRC64, "read", "migrate", MIGRATE),
        (OLDER, "skipped", CRC64, "not allowed to read", "compare", READ),
        (OLDER, "with a suffix", CRC64, "read", "compare", RESTART),
        (OLDER, "a key of another size", DEFAULT, "nothing", "replay", {"key": "k"}),
        (OLDER, "a skipped key", CRC64, "nothing", "compare", {"deep": True, "prefix": "k"}),
        *((OVERWRITTEN, "of another size", mode, "nothing", "compare", SUBMIT) for mode in MODES if mode is not NEVER),
        (OVERWRITTEN, "of another size", NEVER, "nothing", "compare", RESTART),
        (OVERWRITTEN, "of another size", DEFAULT, "submitted", "compare", AGAIN),
        *((OVERWRITTEN, "of the same size", mode, "nothing", "migrate", MIGRATE) for mode in (DEFAULT, LATER, None)),
        (OVERWRITTEN, "of the same size", CRC64, "nothing", "compare", SUBMIT),
        (OVERWRITTEN, "skipped", CRC64, "nothing", "migrate", MIGRATE),
        (OVERWRITTEN, "skipped", ALWAYS, "nothing", "compare", SUBMIT),
        (OVERWRITTEN, "mixed", CRC64, "nothing", "compare", SUBMIT),
        (OVERWRITTEN, "with a suffix", DEFAULT, "nothing", "compare", RESTART),
        (OVERWRITTEN, "a skipped key", CRC64, "nothing", "migrate", {"overwrite": True, "prefix": ["k"]}),
        (OVERWRITTEN, "a skipped key", ALWAYS, "nothing", "replay", {"key": "k"}),
        (SUSPICIOUS, "of another size", None, "nothing", "compare", READ),
        (SUSPICIOUS, "of another size", None, "read", "cutover", {"rehearse": True}),
        (SUSPICIOUS, "of another size", None, "not allowed to read", "compare", READ),
    ],
)
def test_each_object_class_has_its_remedy_in_each_overwrite_mode(object_class, counts, mode, tried, job, options):
    step = remedy(object_class, COUNTS[counts], mode, TRIED[tried], is_open=True).step
    assert step == Step(job, options)


def test_no_remedy_in_a_closed_project_submits_or_overwrites_objects():
    classes = (ObjectClass.MISSING, OLDER, OVERWRITTEN, ObjectClass.FAILED_BEFORE)
    steps = [closed.step for *_, closed in iter_remedies(*classes)]
    assert all(step is None or (step.job, "deep" in step.options) == ("compare", True) for step in steps)


def test_a_remedy_reads_objects_only_if_reading_can_prove_them():
    for *_, tried, open_, closed in iter_remedies(*ObjectClass):
        for step in filter(None, (open_.step, closed.step)):
            assert not (step.options.get("deep") and tried.deep and not tried.missing_permissions)


def test_no_remedy_submits_objects_that_oms_skips():
    for _, counts, mode, _, open_, _ in iter_remedies(OVERWRITTEN):
        is_skipped = (
            mode is NEVER
            or (counts.ineffective_resends if mode is CRC64 else counts.proven_different) == counts.objects
        )
        if is_skipped and mode is not ALWAYS:
            assert open_.step in (
                Step("compare", RESTART),
                Step("migrate", {"overwrite": True, "prefix": counts.prefixes}),
            )


def test_the_remedy_for_a_key_overwrites_no_other_key():
    for _, counts, *_, open_, _ in iter_remedies(OLDER, OVERWRITTEN):
        options = open_.step.options
        if counts.key and open_.step != Step("compare", RESTART):
            assert "k" in (options.get("key"), options.get("prefix"), *(options.get("prefix") or ()))


def test_no_remedy_is_a_migration_if_the_sync_task_never_overwrites():
    texts = [
        (open_.text.en, open_.step) for _, _, mode, tried, open_, _ in iter_remedies(*ObjectClass) if mode is NEVER
    ]
    assert not [text for text, step in texts if "migrate --overwrite" in text or step == Step("migrate", MIGRATE)]


def test_an_unknown_overwrite_mode_has_the_remedies_of_the_default_mode():
    for object_class, counts, tried in product(ObjectClass, COUNTS.values(), TRIED.values()):
        later, default = (remedy(object_class, counts, mode, tried, is_open=True) for mode in (LATER, DEFAULT))
        assert later.text.en == default.text.en.replace(DEFAULT.value, LATER.value)
        assert later[1:] == default[1:]


@pytest.mark.parametrize("object_class", [ObjectClass.EQUAL_CONTENTS, ObjectClass.IMPOSSIBLE, ObjectClass.UNKNOWN])
def test_an_equal_or_only_acceptable_object_class_has_no_remedy(object_class):
    assert not remedy(object_class, Counts(1), None, Attempts(), is_open=True).text.en


def test_the_remedy_after_a_go_does_not_open_the_project():
    closed: Remedy = remedy(ObjectClass.MISSING, Counts(1), None, Attempts(go_stands=True), is_open=False)
    assert "ops.py open" not in closed.text.en
