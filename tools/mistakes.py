"""Puts mistakes that were made once back into the code, one by one, and tells which no law notices: `python -m
tools.mistakes`. Arguments choose mistakes by their names.

Each is an exact replacement; one that does not apply any more is a failure, because then it shows nothing. The laws are
tried in a copy in dist/mistakes, with the seeds that are known to find it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from .package import ROOT

_CODE, _OPS = "template/code/oss_oms_sync", "template/ops"
_GO = "tests/test_law_of_go.py::test_a_go_stays_true[0]"
_LIVENESS = "tests/test_law_of_liveness.py"
_CLOSING = "tests/unit/test_law_of_closing.py"
_CERTIFY = "tests/unit/jobs/certify/test_law_of_certify.py"
_VERSIONS = "tests/unit/jobs/replay/test_law_of_versions.py"
# Enough for a law that tries examples of its own first.
_SCHEDULES = "60"


@dataclass(frozen=True)
class Mistake:
    """`changes`: files with what is to be replaced in each, and by what. `seeds`: of worlds in which `law` notices."""

    name: str
    law: str
    changes: tuple[tuple[str, str, str], ...]
    seeds: str = ""


MISTAKES = (
    Mistake(
        "GO while OMS has not finished",
        _GO,
        (
            (f"{_CODE}/jobs/certify/oms_work.py", "            found.left,\n", "            0,\n"),
            (f"{_CODE}/jobs/certify/oms_work.py", "busy=from_epoch(int(busy)) if busy > 0 else None", "busy=None"),
        ),
        seeds="7",
    ),
    Mistake(
        "a late copy after the last look at OBS",
        _GO,
        ((f"{_CODE}/jobs/certify/closing_checks.py", "found.tally.twin, seen_then.twin", "0, 0"),),
        seeds="154",
    ),
    Mistake(
        "sending from a thawed instance",
        _CLOSING,
        (
            (
                f"{_CODE}/ledger/closing.py",
                "max(self.monotonic - other.monotonic, ",
                "max(self.monotonic - other.monotonic, 0 * ",
            ),
        ),
    ),
    Mistake(
        "run files of all projects in one place",
        _VERSIONS,
        ((f"{_CODE}/ledger/runs.py", "replay/{project or invocation.settings.project}/", "replay/all/"),),
    ),
    Mistake(
        "a late first mark opens a closed project",
        _GO,
        ((f"{_CODE}/ledger/closing.py", '{**first.headers, "x-oss-forbid-overwrite": "true"}', "first.headers"),),
        seeds="1",
    ),
    Mistake(
        "judging again forgets a proven difference",
        _GO,
        (
            (f"{_CODE}/comparison/proof.py", "_KEPT = (Proof.EQUAL, Proof.DIFFERENT, ", "_KEPT = (Proof.EQUAL, "),
            (f"{_CODE}/jobs/compare.py", "deep, cutover = scope.deep or asked.deep, ", "deep, cutover = False, "),
        ),
        seeds="108",
    ),
    Mistake(
        "what looks newer in OBS closes a failure",
        _VERSIONS,
        (
            (
                f"{_CODE}/jobs/replay/resting.py",
                "        return {key for key, source in looked_at if nothing_to_send(source)}",
                """        from oss_oms_sync.clouds.destination import destination

        there = {one.name: one.modified for one in destination(self._invocation).find_all(asked) if one}
        return {key for key, one in looked_at if nothing_to_send(one) or there.get(key, 0) >= one.modified}""",
            ),
        ),
    ),
    Mistake(
        "an acceptance answers what OMS failed to copy",
        _VERSIONS,
        (
            (
                f"{_CODE}/jobs/replay/failed_copies.py",
                "if accepted and modified_at(accepted) > _failed_at(one, listed) + _RECORDED_WITHIN:",
                "if accepted:",
            ),
        ),
    ),
    Mistake(
        "waiting for what OMS has lost",
        _LIVENESS,
        (
            (
                f"{_CODE}/comparison/in_hand.py",
                "accepted >= self.oldest and quiet < patience",
                "accepted >= self.oldest and 0 < patience",
            ),
        ),
        seeds="1",
    ),
    Mistake(
        "judging one pass again, and certifying another",
        _CERTIFY,
        (
            (
                f"{_CODE}/jobs/compare.py",
                "return answer.of if answer else newest if is_since else None",
                "return newest",
            ),
        ),
    ),
    Mistake(
        "a list of OMS's that grows is read once",
        _VERSIONS,
        (
            (
                f"{_CODE}/jobs/replay/failed_copies.py",
                "known.ended and known.etag == one.etag if known",
                "True if known",
            ),
        ),
    ),
)


def survives(mistake: Mistake, folder: Path) -> str:
    """Why a mistake is not noticed; empty if it is."""
    kept: dict[Path, str] = {}
    for file, old, new in mistake.changes:
        path = folder / file
        text = path.read_text() if path.exists() else ""
        if text.count(old) != 1:
            return f"{file} has not exactly one place with {old!r}"
        kept.setdefault(path, text)
        path.write_text(text.replace(old, new))
    environment = {**os.environ, "SEEDS": mistake.seeds, "SCHEDULES": _SCHEDULES, "PYTHONDONTWRITEBYTECODE": "1"}
    words = [sys.executable, "-m", "pytest", "-q", "-x", "-n", "0", "-p", "no:cacheprovider", mistake.law]
    done = subprocess.run(words, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True, check=False)
    for path, text in kept.items():
        path.write_text(text)
    # 1: tests were run, and some failed; anything else says nothing of the mistake.
    return "" if done.returncode == 1 else f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}"


def main() -> None:
    """Every mistake, or those that the arguments name; ends with 1 if one survives."""
    folder = ROOT / "dist" / "mistakes"
    shutil.rmtree(folder, ignore_errors=True)
    # Neither what is hidden nor what is made.
    left_out = shutil.ignore_patterns(".*", "__pycache__", "dist", "node_modules")
    shutil.copytree(ROOT, folder, ignore=left_out)
    chosen = [one for one in MISTAKES if one.name in sys.argv[1:]] or MISTAKES
    problems = {one.name: survives(one, folder) for one in chosen}
    for name, problem in problems.items():
        print(f"{name}: {problem or 'noticed'}")
    sys.exit(any(problems.values()))


if __name__ == "__main__":
    main()
