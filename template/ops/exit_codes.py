"""The exit codes of all commands, and their meanings for each command, which the command's help prints."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from oss_oms_sync.answers.step import Step
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


_FAILED_TEXT = t("the command failed: do what the message says")
_SHARED_MEANINGS = {
    ExitCode.REFUSED: t("the command was refused: correct the option, file or setting that the message names"),
    ExitCode.STOPPED: t("interrupted, for example by Ctrl-C: do what the printed message says, if there is one"),
}
# By command: the meanings of its exit codes, except those that all commands share.
_MEANINGS: Mapping[str, Mapping[ExitCode, Text]] = {
    "doctor": _make_meanings(
        t("no fault (warnings are possible)"),
        t("a check found a fault or could not run, or the command failed: apply the printed remedies"),
    ),
    "status": _make_meanings(
        t("in step; or closed, without an alarm and with a complete count of the objects that `open` will submit"),
        t("any other state, or the command failed: take the printed next step"),
    ),
    "fleet": _make_meanings(
        t(
            "every project is in step, or is closed without an alarm and with a complete count of the"
            " objects that `open` will submit"
        ),
        t("a project is in any other state or did not answer, or the command failed: take the printed next steps"),
    ),
    "story": _make_meanings(
        t(
            "OMS accepted the current version from this project, and OBS has an object with equal contents, or of"
            " equal size and not older; or OMS may still be copying the version"
        ),
        t("any other state, or the command failed: take the printed next step"),
    ),
    "replay": _make_meanings(
        t("no selected object is left to resend"),
        t(
            "failed objects are left to resend (also if --limit was reached, or with --dry-run), or the command failed:"
            " check the printed result"
        ),
    ),
    "close": _make_meanings(
        t("the project is closed"),
        t("the project may still be open, for example because a migration is running: do what the message says"),
    ),
    "open": {
        **_make_meanings(
            t("the project is open again"),
            t("the project may still be closed or without its trigger: do what the message says"),
        ),
        ExitCode.REFUSED: t(
            "a GO is in effect and you did not confirm, or the command was refused: do what the message says"
        ),
    },
    "show": {
        **_make_meanings(
            t("GO, a rehearsal that forecasts GO, or a result without problems"),
            t(
                "NO-GO, a rehearsal that forecasts NO-GO, an unfinished pass, another result with problems, or the"
                " command failed: take the printed next step"
            ),
            t(
                "NOT PROVEN, a rehearsal that forecasts NOT PROVEN, or a pass with unproven objects, with objects in"
                " progress, with headers that differ or are unknown, or with no object in scope: take the printed"
                " next step"
            ),
            refused=t(
                "the input is not a known result, or comes from a run of headers that was not allowed to"
                " change headers; or the command was refused: do what the message says"
            ),
        ),
        ExitCode.UNTRUSTED: t("the certificate cannot be trusted: do not rely on it"),
    },
    "reconcile": _make_meanings(
        t("no object is left to submit, or --limit was reached"),
        t(
            "objects are left to submit, the pass has not finished, no pass has begun, or the command failed: take the"
            " printed next step"
        ),
        t("no object is in scope: check the source bucket, --prefix, and the prefix and suffix in s.yaml"),
    ),
    "compare": _make_meanings(
        t("every object is proven equal; with --standstill: the pass has finished (status reports changes)"),
        t(
            "objects are missing or differ, the pass has not finished, or the command failed: take the printed next"
            " step"
        ),
        t("objects are in progress or not proven equal, or no object is in scope: check the printed object classes"),
    ),
    "headers": _make_meanings(
        t("no header is left to change (with --undo: to restore)"),
        t(
            "the pass has not finished: run the command again, unless the project is closed; or the command failed:"
            " do what the message says"
        ),
        t("headers still differ or are unknown, or no object is in scope: check the printed counts"),
        refused=t(
            "no header was changed: no canary has measured the effect of a change (run canary), or changes are safe"
            " only during a cutover (without --undo: run headers --dry-run, and the cutover then sets the headers), or"
            " not at all; or the command was refused: do what the message says"
        ),
    ),
    "cutover": {
        **_make_meanings(
            t("GO (switch over), or a rehearsal that forecasts GO"),
            t("NO-GO, a rehearsal that forecasts NO-GO, or the command failed: take the printed next step"),
            t("NOT PROVEN, or a rehearsal that forecasts NOT PROVEN: take the printed next step"),
        ),
        ExitCode.UNTRUSTED: t("the certificate cannot be trusted: do not switch over"),
    },
    "check": {
        **_make_meanings(
            t("a valid certificate with the verdict GO"),
            t("a valid certificate with the verdict NO-GO"),
            t("a valid certificate with the verdict NOT PROVEN, or a valid certificate of a rehearsal"),
            refused=t("a file cannot be read, or the command was refused: do what the message says"),
        ),
        ExitCode.UNTRUSTED: t(
            "the certificate cannot be trusted, or a listing contradicts it: do not rely on the certificate"
        ),
    },
    "cost": _make_meanings(t("the estimate was printed"), _FAILED_TEXT),
    "secrets": _make_meanings(
        t("the secrets are stored: deploy them ({command})", command=Step("deploy")),
        _FAILED_TEXT,
        refused=t(
            "a secret is missing or invalid, and none was stored; or the command was refused: do what the message says"
        ),
    ),
    "canary": _make_meanings(
        t(
            "all objects arrived in OBS with equal contents, and have been deleted again; with --remove: no canary"
            " object is left"
        ),
        t("an object differs in OBS, or the command failed: check the printed result"),
        t(
            "an object did not arrive in OBS in time, or did not appear in OMS's statistics or lists in"
            " time: run doctor; or canary objects are left: run canary --remove"
        ),
        refused=t("the canary cannot run now, or the command was refused: do what the message says"),
    ),
    "setup": _make_meanings(
        t("done; with --plan: the plan can be executed"),
        t(
            "a problem prevents the execution of the plan, or the command failed: do what the output says, then run"
            " setup again"
        ),
        t(
            "steps are left, for example for an administrator, or the state of a resource is unknown: take the printed"
            " steps, then run setup again"
        ),
        refused=t(
            "the plan has changed or you did not confirm it, or the command was refused: do what the message says"
        ),
    ),
    "migrate": _make_meanings(
        t("the migration is running or finished, was ended (--remove) or paused (--pause), or there is none"),
        t("the migration or the command failed: take the printed next step"),
        t(
            "the migration is paused, but not by --pause in this run; or OMS has no task group for it yet: take the"
            " printed next step"
        ),
        refused=t(
            "the step is not possible now, you did not confirm, or the command was refused: do what the message says"
        ),
    ),
    "deletions": _make_meanings(
        t("the list was written, or there is nothing to list: check the printed reasons for omission"),
        _FAILED_TEXT,
        refused=t(
            "no list can be made, the list would be too long, or the command was refused: do what the message says"
        ),
    ),
    "checklist": _make_meanings(
        t("all compared settings are equal"),
        t("settings are left to move or to compare by hand, or the command failed: follow the printed list or message"),
        t("a setting could not be read: remove the printed cause, then run the command again"),
    ),
}


def list_exit_codes(command: str) -> list[tuple[int, Text]]:
    """Return the exit codes of the command with this name, in ascending order, each with its meaning."""
    return sorted((int(code), meaning) for code, meaning in {**_SHARED_MEANINGS, **_MEANINGS[command]}.items())
