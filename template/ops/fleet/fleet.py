"""The command `fleet`, which runs `status` of several projects, each by the ops.py in the project's own folder."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from argparse import Namespace
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from ops.exit_codes import ExitCode
from ops.fleet import metrics, table
from ops.fleet.overview import Member, StatusOverview, sort_worst_first
from ops.functions.call import CALL_SECONDS
from ops.session import Session
from oss_oms_sync.answers import codec
from oss_oms_sync.answers.codec import UnreadableError
from oss_oms_sync.answers.text import Text, t, untranslated

# Maximum number of concurrent queries: each runs Python, and Serverless Devs in Node.js with 200 MB of memory.
_MAX_QUERIES = 8
# Beginnings of lines on standard error that are not the reason of a failure: remedies, and lines of Serverless Devs.
_IGNORED_PREFIXES = ("-> ", "| ")


def fleet(session: Session, options: Namespace) -> int:
    """Print the verdicts on several projects, the worst first; return 1 if a project needs an action, otherwise 0."""
    folders = list(dict.fromkeys(folder.resolve() for folder in options.folders))
    names = _name_projects(folders)
    pages = {folder: _page_file(options.html, names[folder]) for folder in folders} if options.html else {}
    session.screen.begin()
    members = sort_worst_first(_StatusPrograms(session, pages).ask(names))
    if options.prometheus:
        metrics.write(options.prometheus, members)
    session.show(options, table.report(members, pages, session.lang), [table.to_json(member) for member in members])
    return 0 if all(member.is_healthy for member in members) else 1


def _name_projects(folders: Sequence[Path]) -> dict[Path, str]:
    """Return the name of each project: its folder's name, or its path if several folders have this name."""
    name_counts = Counter(folder.name for folder in folders)
    return {folder: folder.name if name_counts[folder.name] == 1 else str(folder) for folder in folders}


def _page_file(html: Path, name: str) -> Path:
    plain_name = "".join(character if character.isalnum() or character in "-_" else "-" for character in name)
    return html.with_name(f"{html.stem}-{plain_name}.html")


class _StatusPrograms:
    """The child processes that run the command `status`, one for each project.

    `pages` maps a project's folder to the file for its web page. It is empty if the user requests no pages.
    """

    def __init__(self, session: Session, pages: dict[Path, Path]) -> None:
        self._session, self._pages = session, pages
        self._running: set[subprocess.Popen[str]] = set()

    def ask(self, names: dict[Path, str]) -> list[Member]:
        members = []
        executor = ThreadPoolExecutor(_MAX_QUERIES)
        try:
            for call in as_completed([executor.submit(self._query, folder, name) for folder, name in names.items()]):
                member = call.result()
                members.append(member)
                word = table.verdict_word(member)
                self._session.print_text(t("{name}: {verdict}", name=member.name, verdict=word))
        finally:
            executor.shutdown(wait=False, cancel_futures=True)
            for child in list(self._running):
                child.terminate()
        return members

    def _query(self, folder: Path, name: str) -> Member:
        if not (folder / "ops.py").is_file():
            return Member(name, folder, None, t("this folder has no ops.py"))
        try:
            output, errors, code = self._run(folder)
        except (OSError, subprocess.TimeoutExpired) as error:
            return Member(name, folder, None, untranslated(str(error)))
        answer_lines = [line for line in output.splitlines() if line.startswith("{")]
        if not answer_lines:
            return Member(name, folder, None, _failure_reason(errors))
        try:
            overview = codec.from_json(StatusOverview, json.loads(answer_lines[-1]))
        except (UnreadableError, ValueError):
            return Member(
                name,
                folder,
                None,
                t(
                    "the status has an unknown format: the project's version differs too much from the"
                    " version of this ops.py"
                ),
            )
        return Member(name, folder, overview, is_healthy=code == ExitCode.OK)

    def _run(self, folder: Path) -> tuple[str, str, int]:
        page = self._pages.get(folder)
        words = [sys.executable, "ops.py", "status", "--json", "--lang", self._session.lang]
        child = subprocess.Popen(  # noqa: S603 (the user named the folder)
            [*words, "--html", str(page.absolute())] if page else words,
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
            errors="backslashreplace",
            env={**os.environ, "PYTHONUTF8": "1"},
        )
        self._running.add(child)
        try:
            output, errors = child.communicate(timeout=CALL_SECONDS)
            return output, errors, child.returncode
        finally:
            child.kill()
            self._running.discard(child)


def _failure_reason(errors: str) -> Text:
    """Return the last line of a project's standard error that states an error.

    Lines that say what to do about an error are skipped.
    """
    lines = [line for line in errors.splitlines() if line.strip() and not line.startswith(_IGNORED_PREFIXES)]
    return untranslated(lines[-1].strip()) if lines else t("the project's `status` command returned no result")
