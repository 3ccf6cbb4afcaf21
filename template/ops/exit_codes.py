"""The exit codes of all commands, and their meanings for each command, which the command's help prints."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from oss_oms_sync.answers.text import Text, t


class ExitCode(IntEnum):
    """The exit code of a command. STOPPED is a shell's exit code for a program that Ctrl-C ended."""

    OK = 0
    FAILED = 1
    REFUSED = 2
    NOT_PROVEN = 3
    UNTRUSTED = 4
    STOPPED = 130


def _make_meanings(ok: Text, failed: Text, not_proven: Text | None = None) -> dict[ExitCode, Text]:
    meanings = {ExitCode.OK: ok, ExitCode.FAILED: failed}
    return meanings if not_proven is None else {**meanings, ExitCode.NOT_PROVEN: not_proven}


_DONE_MEANINGS = _make_meanings(t("done"), t("an error"))
_SHARED_MEANINGS = {
    ExitCode.REFUSED: t("a usage error, or you answered no at a prompt"),
    ExitCode.STOPPED: t("interrupted"),
}
_UNTRUSTED_MEANINGS = {ExitCode.UNTRUSTED: t("the certificate cannot be trusted")}
# By command: the meanings of its exit codes, except those that all commands share.
_MEANINGS: Mapping[str, Mapping[ExitCode, Text]] = {
    "doctor": _make_meanings(t("no fault"), t("a fault, a check without a result, or an error")),
    "status": _make_meanings(t("in step, or closed without an alarm"), t("any other state, or an error")),
    "fleet": _make_meanings(t("no project needs an action"), t("a project needs an action, or an error")),
    "story": _make_meanings(
        t("OMS has accepted the current version, which is in OBS or in progress"), t("any other state, or an error")
    ),
    "replay": _make_meanings(t("no requested object is left to resend"), t("objects remain, or an error")),
    "close": _DONE_MEANINGS,
    "open": _DONE_MEANINGS,
    "show": {
        **_make_meanings(
            t("GO, or nothing to do"),
            t("NO-GO, an unfinished pass, a needed action, or an error"),
            t("not proven, objects in progress, or no object in scope"),
        ),
        **_UNTRUSTED_MEANINGS,
    },
    "reconcile": _make_meanings(
        t("no object is left to submit, or --limit was reached"),
        t("objects remain, the pass has not finished, or an error"),
        t("no object is in scope"),
    ),
    "compare": _make_meanings(
        t("all objects are proven equal; with --standstill: the pass has finished"),
        t("objects are missing or differ, the pass is not finished, or an error"),
        t("objects are in progress or not proven, or no object is in scope"),
    ),
    "headers": {
        **_make_meanings(
            t("no header is left to set"),
            t("the pass is not finished, or an error"),
            t("headers still differ or are unknown, or no object is in scope"),
        ),
        ExitCode.REFUSED: t("changing headers is not permitted, a usage error, or you answered no at a prompt"),
    },
    "cutover": {**_make_meanings(t("GO"), t("NO-GO, or an error"), t("NOT PROVEN")), **_UNTRUSTED_MEANINGS},
    "check": {
        **_make_meanings(
            t("a valid GO"), t("a valid NO-GO, or an error"), t("a valid document other than a GO or NO-GO")
        ),
        **_UNTRUSTED_MEANINGS,
    },
    "cost": _DONE_MEANINGS,
    "secrets": _DONE_MEANINGS,
    "canary": _make_meanings(
        t("all objects arrived and are equal"),
        t("an arrived object differs, or an error"),
        t("an object did not arrive in time, or is not deleted yet"),
    ),
    "setup": _make_meanings(
        t("done, or the plan can be executed"),
        t("a problem to resolve first, or an error"),
        t("a step is waiting, or its result is unknown"),
    ),
    "migrate": _make_meanings(
        t("running, finished or ended; no migration exists; or --pause succeeded"),
        t("failed, or an error"),
        t("paused before, or recorded without a task group"),
    ),
    "deletions": {
        **_make_meanings(t("the list is written, or has no key"), t("an error")),
        ExitCode.REFUSED: t("the list is refused, a usage error, or you answered no at a prompt"),
    },
    "checklist": _make_meanings(
        t("no setting is left to move"),
        t("a setting is left to move, or an error"),
        t("a setting could not be read"),
    ),
}


def list_exit_codes(command: str) -> list[tuple[int, Text]]:
    """Return the exit codes of the command with this name, in ascending order, each with its meaning."""
    return sorted((int(code), meaning) for code, meaning in {**_SHARED_MEANINGS, **_MEANINGS[command]}.items())
