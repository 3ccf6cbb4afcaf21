"""The mistakes in tools/mistakes.py: the test that is named with a mistake fails if the mistake is made."""

from __future__ import annotations

import pytest

from support.project_copy import ProjectCopy
from tools.mistakes import MISTAKES, Mistake
from tools.package import ROOT


@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda case: case.name)
def test_each_mistake_replaces_exactly_one_text(mistake: Mistake) -> None:
    for file, old, _ in mistake.changes:
        assert (ROOT / file).read_text().count(old) == 1, f"{file} has not exactly one place with {old!r}"


@pytest.mark.extras
@pytest.mark.parametrize("seeds", sorted({mistake.seeds for mistake in MISTAKES}))
def test_each_test_of_a_mistake_passes_on_the_unchanged_code(project_copy: ProjectCopy, seeds: str) -> None:
    code, printed = project_copy.run(sorted({mistake.test for mistake in MISTAKES if mistake.seeds == seeds}), seeds)
    assert code == 0, printed


@pytest.mark.extras
@pytest.mark.parametrize("mistake", MISTAKES, ids=lambda case: case.name)
def test_the_test_named_with_a_mistake_fails_if_the_mistake_is_made(
    mistake: Mistake, project_copy: ProjectCopy
) -> None:
    with project_copy.change(mistake.changes):
        code, printed = project_copy.run([mistake.test], mistake.seeds)
    # Only 1 shows that the test ran and failed.
    assert code == 1, printed
