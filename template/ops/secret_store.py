"""Puts the secrets that s.yaml names into the Serverless Devs tool's store, without a command line that shows them."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from pathlib import Path

from ops.clouds.keys import check_form, check_given, typed
from ops.commands import Typed
from ops.errors import UsageError
from ops.project import as_it_stands
from ops.waiting import Session
from oss_oms_sync.answers.text import t

# Without these no function can do its work.
_NEEDED = ("HW_AK", "HW_SK")
_NAMED = re.compile(r"""^ +(\w+): *["']?\$\{secret\(["']([^"']+)["']\)\}""", re.MULTILINE)
# As the functions take it (settings.py).
_ADDRESS = re.compile(r"https://|http://(localhost|127\.[\d.]+|\[::1\])[:/]", re.IGNORECASE)


def keep(session: Session, options: Namespace, folder: Path) -> int:
    """Store the secrets that `options.name` names, or all; from the environment, or as somebody types them. Return the
    exit code.

    Raises UsageError where one is missing or cannot be one.
    """
    # The variables of s.yaml that are secrets, and their names in the tool's store.
    named = dict(_NAMED.findall(as_it_stands(options.template or folder / "s.yaml")))
    for name in options.name or _NEEDED:
        if name not in named:
            raise UsageError(
                t("s.yaml says no {name}: ${{secret('...')}} under vars", name=name),
                t("Name it there as the tool's store has it"),
            )
    # All are there before any is stored: two keys that belong together never come from two pairs.
    values = {name: _value(session, name) for name in options.name or named}
    for name, value in values.items():
        session.caller.keep_secret(named[name], value)
        session.say(t("{name} is in the tool's secret store now, as {named}.", name=name, named=named[name]))
    session.say(t("Deploy, so that the functions get them: {command}", command=Typed("deploy")))
    return 0


def _value(session: Session, name: str) -> str:
    value = os.environ.get(name, "").strip() or typed(session, name)
    check_given(
        name,
        value,
        t(
            "Set the environment variable {name}, in CI from its secret store; or run this in a terminal, which asks",
            name=name,
        ),
    )
    check_form(name, value)
    # The functions refuse it otherwise, at every tick, and doctor does not have it.
    if name == "ALERT_WEBHOOK" and not _ADDRESS.match(value):
        raise UsageError(t("{name} does not start with https://", name=name), t("Copy the robot's address again"))
    return value
