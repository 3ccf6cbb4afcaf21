"""Secrets, from the environment or typed, and shown nowhere: an administrator's keys, which are in no file, and those
that s.yaml names, which go into the Serverless Devs tool's store without a command line that shows them."""

from __future__ import annotations

import os
import re
from argparse import Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ops.errors import UsageError
from ops.functions.call import Caller
from ops.project import as_it_stands
from ops.session import Session
from ops.shell import Typed
from oss_oms_sync.answers.text import Text, t

# Of each cloud the access key, its secret, and the token of a temporary key: the names that the vendors' SDKs use.
ALIBABA = ("ALIBABA_CLOUD_ACCESS_KEY_ID", "ALIBABA_CLOUD_ACCESS_KEY_SECRET", "ALIBABA_CLOUD_SECURITY_TOKEN")
HUAWEI = ("HUAWEICLOUD_SDK_AK", "HUAWEICLOUD_SDK_SK", "HUAWEICLOUD_SDK_SECURITY_TOKEN")
# Of OMS's keys, where somebody else makes them.
OMS_SOURCE, OMS_DESTINATION = ("OMS_SOURCE_AK", "OMS_SOURCE_SK"), ("OMS_DESTINATION_AK", "OMS_DESTINATION_SK")

# Whose the keys are that are asked for, and why.
_ADMINISTRATOR = {
    ALIBABA: t(
        "Access key of an administrator of Alibaba Cloud: this command works in that account with it, and keeps it"
        " nowhere"
    ),
    HUAWEI: t(
        "Access key of an administrator of Huawei Cloud: this command works in that account with it, and keeps it"
        " nowhere"
    ),
}
# Without these no function can do its work.
_NEEDED = ("HW_AK", "HW_SK")
_STORED = {
    _NEEDED: t("HW_AK and HW_SK: access key of the IAM user with which the functions call OMS and OBS"),
    ("ALERT_WEBHOOK",): t("ALERT_WEBHOOK: address of the chat's robot, to which status posts alarms"),
}
_NAMED = re.compile(r"""^ +(\w+): *["']?\$\{secret\(["']([^"']+)["']\)\}""", re.MULTILINE)
# As the functions take it (settings.py).
_ADDRESS = re.compile(r"https://|http://(localhost|127\.[\d.]+|\[::1\])[:/]", re.IGNORECASE)


class Secret:
    """A text that no print, log or traceback shows."""

    __slots__ = ("_text",)

    def __init__(self, text: str = "") -> None:
        self._text = text

    def reveal(self) -> str:
        """The text itself, for a signature or a header."""
        return self._text

    def __bool__(self) -> bool:
        return bool(self._text)

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__

    def __format__(self, _: str) -> str:
        return "***"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not stored")


@dataclass(frozen=True)
class Keys:
    """An access key; with a token it is a temporary one."""

    access: Secret
    secret: Secret
    token: Secret = field(default_factory=Secret)


def administrators(session: Session, names: tuple[str, str, str]) -> Keys:
    """The keys in the variables of these names, or as somebody types them.

    They are taken out of the environment, so that no program that is started later has them. Raises UsageError where
    one is missing or cannot be one.
    """
    given = dict(zip(names, taken(names), strict=True))
    *needed, token = names
    if not all(given[name] for name in needed):
        # A key and a token that do not belong together are worse than none.
        given[token] = ""
        given.update(typed(session, needed, _ADMINISTRATOR[names]))
    for name in needed:
        check_given(
            name,
            given[name],
            t(
                "Set the environment variables {names}, or run this in a terminal, which asks. They are an"
                " administrator's keys, not those of the functions",
                names=needed,
            ),
        )
    for name, value in given.items():
        check_form(name, value)
    return Keys(*(Secret(given[name]) for name in names))


def handed_over(session: Session, names: tuple[str, str], given: Sequence[str], whose: Text) -> Keys | None:
    """A permanent key that somebody else made: what was `taken` from the environment, or what somebody types now; None
    where nobody has it yet. `whose` key it is, and why it is asked for."""
    if not all(given):
        given = [*typed(session, names, whose).values()]
    for name, value in zip(names, given, strict=True):
        check_form(name, value)
    access, secret = map(Secret, given)
    return Keys(access, secret) if access and secret else None


def taken(names: Sequence[str]) -> list[str]:
    """What the environment has under these names, and has no more."""
    return [os.environ.pop(name, "").strip() for name in names]


def typed(session: Session, names: Sequence[str], why: Text) -> dict[str, str]:
    """Return what somebody types for these secrets, once told `why`; each is empty where nobody can be asked."""
    if not session.screen.interactive:
        return dict.fromkeys(names, "")
    session.say(why)
    questions = {name: t("{name} (what you type or paste is not shown):", name=name) for name in names}
    return {name: session.screen.ask_secret(question.of(session.lang)) for name, question in questions.items()}


def check_given(name: str, value: str, how: Text) -> None:
    """Raise UsageError for a secret that is missing; `how` to give it."""
    if not value:
        raise UsageError(t("{name} is empty", name=name), how)


def check_form(name: str, value: str) -> None:
    """Raise UsageError for a secret that cannot be one. None at all passes."""
    if value and not re.fullmatch(r"[!-~]+", value):
        raise UsageError(t("{name} has blanks or characters that no key has", name=name), t("Copy it again"))


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
    values = _values(session, options.name or [*named])
    store(session.caller, {named[name]: value for name, value in values.items()})
    for name in values:
        session.say(t("{name} is in the tool's secret store now, as {named}.", name=name, named=named[name]))
    session.say(t("Deploy, so that the functions get them: {command}", command=Typed("deploy")))
    return 0


def store(caller: Caller, secrets: Mapping[str, str]) -> None:
    """Put secrets that belong together into the tool's store. The old ones go first, but the first, so that a run that
    is cut off leaves a part of them, and never a new one beside an old one."""
    _, *others = secrets
    for name in {*others} & {*caller.secrets()} if others else ():
        caller.forget_secret(name)
    for name, value in secrets.items():
        caller.keep_secret(name, value)


def _values(session: Session, names: Sequence[str]) -> dict[str, str]:
    values = {name: os.environ.get(name, "").strip() for name in names}
    missing = [name for name in names if not values[name]]
    others = tuple(name for name in missing if not any(name in group for group in _STORED))
    for group, why in {**_STORED, others: t("Secrets that s.yaml names")}.items():
        if asked := [name for name in missing if name in group]:
            values |= typed(session, asked, why)
    for name, value in values.items():
        _check(name, value)
    return values


def _check(name: str, value: str) -> None:
    """Raise UsageError for a secret that is missing, or cannot be one."""
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
