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


def _make_meanings(
    ok: Text, failed: Text, not_proven: Text | None = None, *, refused: Text | None = None
) -> dict[ExitCode, Text]:
    meanings = {
        ExitCode.OK: ok,
        ExitCode.FAILED: failed,
        ExitCode.NOT_PROVEN: not_proven,
        ExitCode.REFUSED: refused,
    }
    return {code: meaning for code, meaning in meanings.items() if meaning is not None}


_DONE_MEANINGS = _make_meanings(t("done"), t("an error"))
_SHARED_MEANINGS = {ExitCode.REFUSED: t("a usage error"), ExitCode.STOPPED: t("interrupted")}
_UNTRUSTED_MEANINGS = {ExitCode.UNTRUSTED: t("the certificate cannot be trusted")}
# By command: the meanings of its exit codes, except those that all commands share.
_MEANINGS: Mapping[str, Mapping[ExitCode, Text]] = {
    "doctor": _make_meanings(t("no fault"), t("a fault, a check without a result, or an error")),
    "status": _make_meanings(t("in step, or closed without an alarm"), t("any other state, or an error")),
    "fleet": _make_meanings(
        t("each project is in step, or closed without an alarm"),
        t("a project is in any other state or did not answer, or an error"),
    ),
    "story": _make_meanings(
        t("OMS accepted the current version, which is in OBS or still being copied"), t("any other state, or an error")
    ),
    "replay": _make_meanings(
        t("no selected object is left to resend"), t("selected objects are left to resend, or an error")
    ),
    "close": _DONE_MEANINGS,
    "open": {**_DONE_MEANINGS, ExitCode.REFUSED: t("you did not confirm, or a usage error")},
    "show": {
        **_make_meanings(
            t("GO, or a result without problems"),
            t("NO-GO, an unfinished pass, a result with problems, or an error"),
            t("NOT PROVEN, unproven objects or objects in progress, or no object in scope"),
            refused=t(
                "a result of headers that changed nothing, because no canary has shown that changes are safe outside"
                " a cutover; or a usage error"
            ),
        ),
        **_UNTRUSTED_MEANINGS,
    },
    "reconcile": _make_meanings(
        t("no object is left to submit, or --limit was reached"),
        t("objects are left to submit, the pass has not finished, or an error"),
        t("no object is in scope"),
    ),
    "compare": _make_meanings(
        t("all objects are proven equal; with --standstill: the pass has finished"),
        t("objects are missing or differ, the pass has not finished, or an error"),
        t("objects are in progress or not proven equal, or no object is in scope"),
    ),
    "headers": _make_meanings(
        t("no header is left to change"),
        t("the pass has not finished, or an error"),
        t("headers still differ or are unknown, or no object is in scope"),
        refused=t(
            "no header was changed, because no canary has shown that changes are safe outside a cutover; or a"
            " usage error"
        ),
    ),
    "cutover": {
        **_make_meanings(
            t("GO, or a rehearsal that forecasts GO"),
            t("NO-GO, a rehearsal that forecasts NO-GO, or an error"),
            t("NOT PROVEN, or a rehearsal that forecasts NOT PROVEN"),
        ),
        **_UNTRUSTED_MEANINGS,
    },
    "check": {
        **_make_meanings(
            t("a valid GO certificate"),
            t("a valid NO-GO certificate"),
            t("a valid NOT PROVEN certificate, or a valid certificate of a rehearsal"),
            refused=t("a file cannot be read, or a usage error"),
        ),
        ExitCode.UNTRUSTED: t("the certificate cannot be trusted, or a listing contradicts the certificate"),
    },
    "cost": _DONE_MEANINGS,
    "secrets": {**_DONE_MEANINGS, ExitCode.REFUSED: t("a secret is missing or invalid, or a usage error")},
    "canary": _make_meanings(
        t("all objects arrived, are equal and have been deleted; with --remove: no object is left"),
        t("a copied object differs, or an error"),
        t("an object did not arrive in time, OMS did not count or list it in time, or objects are left to delete"),
        refused=t("the canary cannot run, or a usage error"),
    ),
    "setup": _make_meanings(
        t("done, or the plan can be executed"),
        t("a problem must be resolved first, or an error"),
        t("a step must wait, for example for an administrator, or the state of a resource is unknown"),
        refused=t("the plan has changed or was not confirmed, or a usage error"),
    ),
    "migrate": _make_meanings(
        t("running, finished or ended; with --pause: paused; or no migration exists"),
        t("the migration failed, or an error"),
        t("paused, unless this run had --pause; or OMS has no task group for the migration yet"),
        refused=t("not possible now or not confirmed, or a usage error"),
    ),
    "deletions": _make_meanings(
        t("the list was written, or no object is to be listed"),
        t("an error"),
        refused=t("the list cannot be made or is too long, or a usage error"),
    ),
    "checklist": _make_meanings(
        t("all compared settings are equal"),
        t("a setting differs or must be compared by hand, or an error"),
        t("a setting could not be read"),
    ),
}


def list_exit_codes(command: str) -> list[tuple[int, Text]]:
    """Return the exit codes of the command with this name, in ascending order, each with its meaning."""
    return sorted((int(code), meaning) for code, meaning in {**_SHARED_MEANINGS, **_MEANINGS[command]}.items())
